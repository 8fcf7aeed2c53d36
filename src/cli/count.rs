//! `cbpf count`: counts the packets and bytes that each of many rules matches.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::capture::Piece;
use crate::cli::failure::Failure;
use crate::cli::input::{each_piece_until, seconds};
use crate::cli::progress::Progress;
use crate::cli::rule_matching::{IntervalCounts, RuleArguments, RuleCounts, Rules, TableArguments, TableOptions};
use crate::cli::selection::{SelectionArguments, TimeSelection};
use crate::cli::time::interval;

/// Count the packets and bytes that each of many rules matches
///
/// Reads rules from a file, as `cbpf split` does: one `name: expression` a line; # begins a comment. Prints a table on
/// standard output and a summary on standard error. With --by, the table has a row for each interval of capture time,
/// in which packets are counted by their time stamps, in any order. With --interval, also prints the table while packets
/// arrive: the counts so far, each time that many seconds have passed, if packets have come since the last table.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf count -r in.pcap -e 'web=tcp port 443' -e 'dns=port 53' --by 1m --csv
  tcpdump -i eth0 -U -w - | cbpf count -r - --rules services.txt --interval 10")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    #[command(flatten)]
    selection: SelectionArguments,

    /// Print a row for each interval of capture time instead of one table: `1s`, `1m`, `1h`, `90` (seconds). Intervals
    /// begin at multiples of their length since 1970, in UTC; zeros stand for those without packets
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    by: Option<i128>,

    /// Also print the table every SECONDS seconds of wall clock, for captures that arrive meanwhile
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    interval: Option<f64>,

    #[command(flatten)]
    table: TableArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut inputs, mut matcher) = arguments.rules.open()?;
    let mut counts = RuleCounts::start(matcher.rules());
    let mut intervals = arguments.by.map(|length| IntervalCounts::new(matcher.rules(), length));
    let mut times = TimeSelection::new(&arguments.selection);
    let mut matches_left = arguments.selection.most().unwrap_or(u64::MAX);
    let options = arguments.table.options();
    let interval = arguments.interval.map(Duration::from_secs_f64);
    let mut printed = Instant::now();
    // The time of the next table; none while no packets have come since the last one.
    let due = Cell::new(None);
    // Tables would be printed into the progress bar.
    let progress = if interval.is_some() { Progress::Hidden } else { Progress::of(&inputs) };
    let outcome = each_piece_until(&mut inputs, progress, &due, |input, _, piece| {
        if let Piece::Records(records) = piece {
            matcher.each(input, records, |record, ids| {
                if matches_left == 0 || !times.includes(record) {
                    return Ok(());
                }
                matches_left -= u64::from(!ids.is_empty());
                counts.count(record, ids);
                intervals.as_mut().map_or(Ok(()), |intervals| intervals.count(record, ids))
            })?;
            due.set(interval.map(|interval| printed + interval));
        }
        if matches_left == 0 {
            return Ok(ControlFlow::Break(()));
        }
        if due.get().is_some_and(|due| due <= Instant::now()) {
            (printed, _) = (Instant::now(), due.take());
            print(&counts, intervals.as_mut(), matcher.rules(), options)?;
        }
        Ok::<_, Failure>(ControlFlow::Continue(()))
    })?;
    counts.set_outside(times.take_outside());
    print(&counts, intervals.as_mut(), matcher.rules(), options)?;
    matcher.rules().finish()?;
    outcome.outcome()
}

/// Prints the table of all packets, or that of intervals.
fn print(
    counts: &RuleCounts,
    intervals: Option<&mut IntervalCounts>,
    rules: &Rules,
    options: TableOptions,
) -> Result<(), Failure> {
    match intervals {
        Some(intervals) => intervals.print(counts, rules, options),
        None => counts.print(rules, options),
    }
}
