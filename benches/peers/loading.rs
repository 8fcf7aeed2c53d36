//! The time until a program can run, for each engine that prepares it.

use std::time::Duration;

use crate::engine::Subject;
use crate::turns::{self, Rounds};
use crate::{bpfjit, clang, filters, libpcap, ours, rbpf};

/// Does a step once, and returns its time.
type Load = fn(&Subject) -> Result<Duration, String>;

const STEPS: &[(&str, Load)] = &[
    ("verify and compile", ours::first_loading_time),
    ("the same shape again", ours::loading_time),
    ("bpfjit", bpfjit::loading_time),
    ("rbpf, Cranelift", rbpf::loading_time),
    ("clang -O3", clang::loading_time),
    ("expression to program", ours::expression_time),
    ("`pcap_compile`", libpcap::compile_time),
];

pub const FILTERS: [&str; 3] = ["S3", "L1", "L2"];

/// One median.
pub struct Figure {
    pub filter: &'static str,
    pub step: &'static str,
    pub time: Duration,
}

/// The length of a turn, in which a step is repeated, so that short steps are warm.
const TURN: Duration = Duration::from_millis(5);

/// The rounds for one filter.
pub const FULL: Rounds = Rounds { time: Duration::from_secs(2), fewest: 3, most: 51 };

/// Returns the median times of all steps; none for those that fail.
pub fn measure(rounds: &Rounds) -> Vec<Figure> {
    let mut figures = Vec::new();
    for filter in FILTERS {
        let subject = Subject::new(filter, filters::program(filter));
        let times = turns::medians(STEPS.len(), rounds, |step| turn(STEPS[step].1, &subject));
        let figure =
            |(&(step, _), time): (&(&'static str, Load), Option<_>)| Some(Figure { filter, step, time: time? });
        figures.extend(STEPS.iter().zip(times).filter_map(figure));
    }
    figures
}

/// Repeats a step, and returns the mean time; `None` if it fails.
fn turn(load: Load, subject: &Subject) -> Option<Duration> {
    let (mut sum, mut count) = (Duration::ZERO, 0);
    while sum < TURN {
        sum += load(subject).ok()?;
        count += 1;
    }
    Some(sum / count)
}
