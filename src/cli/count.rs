//! `cbpf count`: how many packets and bytes each of many rules matches.

use std::cell::Cell;
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::capture::Piece;
use crate::cli::failure::Failure;
use crate::cli::input::{each_piece, seconds};
use crate::cli::progress::Progress;
use crate::cli::rule_matching::{Counts, RuleArguments};

/// Count the packets and bytes that each of many rules matches
///
/// Rules are read from a file, as for `cbpf split`: `name: expression` a line; # begins a comment. The table goes to
/// standard output, a summary to standard error. With --interval the table is printed as it goes, too: what was counted so
/// far, when that many seconds have passed and packets have come since the last one.
#[derive(Args)]
#[command(after_help = "Example:
  tcpdump -i eth0 -U -w - | cbpf count -r - --rules services.txt --interval 10")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    /// Print the table every so many seconds, too
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    interval: Option<f64>,

    /// Print JSON, a line for each table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut inputs, mut classifier) = arguments.rules.open()?;
    let mut counts = Counts::start(classifier.rules());
    let interval = arguments.interval.map(Duration::from_secs_f64);
    let mut printed = Instant::now();
    // When the next table is due; never, while no packets have come since the last one.
    let due = Cell::new(None);
    // A table in between would end up in the bar.
    let progress = if interval.is_some() { Progress::Hidden } else { Progress::of(&inputs) };
    let outcome = each_piece(&mut inputs, progress, &due, |input, _, piece| {
        if let Piece::Records(records) = piece {
            classifier.each(input, records, |record, ids| {
                counts.count(record, ids);
                Ok(())
            })?;
            due.set(interval.map(|interval| printed + interval));
        }
        if due.get().is_some_and(|due| due <= Instant::now()) {
            (printed, _) = (Instant::now(), due.take());
            counts.print(classifier.rules(), arguments.json)?;
        }
        Ok::<(), Failure>(())
    })?;
    counts.print(classifier.rules(), arguments.json)?;
    classifier.rules().finish()?;
    outcome.outcome()
}
