//! `cbpf count`: counts the packets and bytes that each of many rules matches.

use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::capture::{Reader, Records};
use crate::cli::failure::Failure;
use crate::cli::input::seconds;
use crate::cli::live;
use crate::cli::pipeline::{self, Event, ReadingArguments, Work};
use crate::cli::progress::Progress;
use crate::cli::rule_matching::{
    RuleArguments, RuleMatcher, RuleMatching, RuleOptions, Selected, TableArguments, TableOptions,
};
use crate::cli::selection::SelectionArguments;
use crate::cli::time::{self, interval};

/// Count the packets and bytes that each of many rules matches
///
/// Reads rules from a file, as `cbpf split` does: one `name: expression` a line; # begins a comment. Prints a table on
/// standard output and a summary on standard error. With --by, the table has a row for each interval of capture time,
/// in which packets are counted by their time stamps, in any order; of an interface, it is printed when the interval is
/// over. With --interval, also prints the table while packets arrive: the counts so far, each time that many seconds
/// have passed; without an interface, only if packets have come since the last table.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf count -r in.pcap -e 'web=tcp port 443' -e 'dns=port 53' --by 1m --csv
  cbpf count -i eth0 --rules services.txt --interval 10")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    #[command(flatten)]
    selection: SelectionArguments,

    /// Print a row for each interval of capture time instead of one table: `1s`, `1m`, `1h`, `90` (seconds). Intervals
    /// begin at multiples of their length since 1970, in UTC; zeros stand for those without packets
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    by: Option<i128>,

    /// Also print the table every SECONDS seconds of wall clock, for captures that arrive meanwhile; not with --fanout
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "fanout")]
    interval: Option<f64>,

    #[command(flatten)]
    table: TableArguments,

    #[command(flatten)]
    reading: ReadingArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = RuleOptions {
        selection: &arguments.selection,
        snaplen: None,
        interval: arguments.by,
        selected: Selected::None,
    };
    let (mut inputs, matching) = arguments.rules.open(options)?;
    live::start(&mut inputs, None, |link_type| matching.decision(link_type))?;
    let is_live = inputs.iter().any(Reader::is_live);
    let table = arguments.table.options();
    let prints_rows = is_live && arguments.by.is_some() && arguments.interval.is_none() && table.top.is_none();
    let mut count = Count {
        matching,
        table: TableOptions { is_live: prints_rows, ..table },
        is_idle: false,
        interval: arguments.interval.map(Duration::from_secs_f64),
        printed: Instant::now(),
        due: None,
        is_live,
    };
    // Tables would be printed into the progress bar.
    let progress = if count.interval.is_some() { Progress::Hidden } else { Progress::of(&inputs) };
    let outcome = pipeline::run(&mut inputs, progress, arguments.reading, &mut count)?;
    live::report(&inputs);
    count.matching.set_outcome(outcome, &inputs);
    count.matching.print(count.table)?;
    count.matching.rules().finish()?;
    outcome.outcome()
}

/// The time after which the packets of a ring have come, in nanoseconds.
const LATE: i128 = 300_000_000;

/// The rules, and when to print them.
struct Count<'a> {
    matching: RuleMatching<'a>,
    table: TableOptions,
    interval: Option<Duration>,
    printed: Instant,
    /// The time of the next table; without an interface, none while no packets have come since the last
    /// one.
    due: Option<Instant>,
    is_live: bool,
    /// Set while all packets that have come were counted.
    is_idle: bool,
}

impl<'a> Work for Count<'a> {
    type Matcher = RuleMatcher<'a>;

    fn matcher(&mut self) -> &mut RuleMatcher<'a> {
        &mut self.matching.matcher
    }

    fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        self.due = self.interval.map(|interval| self.printed + interval);
        self.is_idle = false;
        self.matching.prepare(input, records)
    }

    fn take(&mut self, _: usize, event: Event) -> Result<(), Failure> {
        self.is_idle |= matches!(event, Event::Pause);
        Ok(())
    }

    fn wake(&mut self) -> Result<Option<Instant>, Failure> {
        if self.table.is_live {
            // Packets come at most this late.
            let now = self.is_idle.then(|| time::now_nanoseconds() - LATE);
            self.matching.print_over(self.table, now)?;
        }
        if self.is_live {
            self.due = self.interval.map(|interval| self.printed + interval);
        }
        let Some(due) = self.due.filter(|due| *due <= Instant::now()) else { return Ok(self.due) };
        self.matching.print(self.table)?;
        // Ticks of a live capture keep their distance.
        self.printed = if self.is_live { due } else { Instant::now() };
        self.due = self.interval.filter(|_| self.is_live).map(|interval| due + interval);
        Ok(self.due)
    }

    fn is_done(&self) -> bool {
        self.matching.matcher.is_full()
    }

    fn takes_packets(&self) -> bool {
        false
    }

    fn is_divisible(&self) -> bool {
        self.interval.is_none() && self.matching.is_divisible()
    }
}
