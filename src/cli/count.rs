//! `cbpf count`: counts the packets and bytes that each of many rules matches.

use std::cell::Cell;
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::capture::{Piece, Reader};
use crate::cli::failure::Failure;
use crate::cli::fanout;
use crate::cli::input::{each_piece, seconds};
use crate::cli::live;
use crate::cli::progress::Progress;
use crate::cli::rule_matching::{Matching, RuleArguments, RuleCounts, RuleMatcher};

/// Count the packets and bytes that each of many rules matches
///
/// Reads rules from a file, as `cbpf split` does: one `name: expression` a line; # begins a comment. Prints a table on
/// standard output and a summary on standard error. With --interval, also prints the table while packets arrive: the
/// counts so far, each time that many seconds have passed, if packets have come since the last table.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf count -i eth0 --rules services.txt --interval 10")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    /// Also print the table every SECONDS seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "fanout")]
    interval: Option<f64>,

    /// Print JSON, one line for each table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut inputs, mut matcher) = arguments.rules.open()?;
    if arguments.rules.captures().live().threads().is_some() {
        return in_threads(arguments, inputs, &matcher);
    }
    let mut counts = RuleCounts::start(matcher.rules());
    let interval = arguments.interval.map(Duration::from_secs_f64);
    let mut printed = Instant::now();
    // The time of the next table; none while no packets have come since the last one.
    let due = Cell::new(None);
    // Tables would be printed into the progress bar.
    let progress = if interval.is_some() { Progress::Hidden } else { Progress::of(&inputs) };
    let outcome = each_piece(&mut inputs, progress, &due, |input, _, piece| {
        if let Piece::Records(records) = piece {
            matcher.each(input, records, |record, ids| {
                counts.count(record, ids);
                Ok(())
            })?;
            due.set(interval.map(|interval| printed + interval));
        }
        if due.get().is_some_and(|due| due <= Instant::now()) {
            (printed, _) = (Instant::now(), due.take());
            counts.print(matcher.rules(), arguments.json)?;
        }
        Ok::<(), Failure>(())
    })?;
    counts.print(matcher.rules(), arguments.json)?;
    live::report(&inputs);
    matcher.rules().finish()?;
    outcome.outcome()
}

/// Counts the packets of an interface with several threads, which share the set of rules.
fn in_threads(arguments: &Arguments, mut inputs: Vec<Reader>, matcher: &RuleMatcher) -> Result<(), Failure> {
    let (rules, first) = (matcher.rules(), arguments.rules.is_first());
    let Some(set) = matcher.shared_set(&inputs[0]) else { return rules.finish() };
    live::start(&mut inputs, |_| None)?;
    let start = || (RuleCounts::start(rules), Matching::new());
    let captures = arguments.rules.captures();
    let mut sum = start().0;
    let (results, outcome) = fanout::each_member(captures, inputs, None, start, |(counts, matching), records| {
        // The visitor cannot fail.
        let _ = matching.each(set, first, records, &mut |record, ids| {
            counts.count(record, ids);
            Ok(())
        });
    })?;
    results.iter().for_each(|(counts, _)| sum.add(counts));
    sum.print(rules, arguments.json)?;
    rules.finish()?;
    outcome.report()
}
