//! `cbpf count`: how many packets and bytes each of many rules matches.

use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::{each_batch, seconds};
use crate::cli::progress::Progress;
use crate::cli::rules::{Counts, RuleArguments};

/// Count the packets and bytes that each of many rules matches
///
/// Rules are read from a file, as for `cbpf split`: `name: expression` a line; # begins a comment. The table goes to
/// standard output, a summary to standard error. With --interval the table is printed as it goes, too: what was counted so
/// far, when that many seconds have passed and packets come.
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
    // A table in between would end up in the bar.
    let progress = if interval.is_some() { Progress::Hidden } else { Progress::of(&inputs) };
    let outcome = each_batch(&mut inputs, progress, |input, _, records| {
        classifier.each(input, records, |record, ids| {
            counts.count(record, ids);
            Ok(())
        })?;
        if interval.is_some_and(|interval| printed.elapsed() >= interval) {
            printed = Instant::now();
            counts.print(classifier.rules(), arguments.json)?;
        }
        Ok::<(), Failure>(())
    })?;
    counts.print(classifier.rules(), arguments.json)?;
    classifier.rules().finish()?;
    outcome.outcome()
}
