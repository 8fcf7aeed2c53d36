//! How long a program takes until it can run, for each engine that does something before.

use std::time::Duration;

use crate::engine::Subject;
use crate::{bpfjit, clang, filters, libpcap, ours, rbpf};

/// Does it once, and says how long it took.
type Load = fn(&Subject) -> Result<Duration, String>;

const STEPS: &[(&str, Load)] = &[
    ("verify and compile", ours::loading_time),
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

/// How long a step is repeated until it is the next one's turn: so short ones are warm.
const TURN: Duration = Duration::from_millis(5);

/// A step has no more turns after this.
const ENOUGH: Duration = Duration::from_millis(500);

/// The median times of all steps.
pub fn measure(most_turns: usize) -> Vec<Figure> {
    let mut figures = Vec::new();
    for filter in FILTERS {
        let subject = Subject::new(filter, filters::program(filter));
        let mut times = vec![Vec::new(); STEPS.len()];
        for _ in 0..most_turns {
            for ((_, load), times) in STEPS.iter().zip(&mut times) {
                if sum(times) < ENOUGH {
                    times.extend(turn(*load, &subject));
                }
            }
        }
        for (&(step, _), mut times) in STEPS.iter().zip(times).filter(|(_, times)| !times.is_empty()) {
            times.sort();
            figures.push(Figure { filter, step, time: times[times.len() / 2] });
        }
    }
    figures
}

/// The times of a step, again and again; none where it cannot be done.
fn turn(load: Load, subject: &Subject) -> Vec<Duration> {
    let mut times = Vec::new();
    while sum(&times) < TURN {
        match load(subject) {
            Ok(time) => times.push(time),
            Err(_) => break,
        }
    }
    times
}

fn sum(times: &[Duration]) -> Duration {
    times.iter().sum()
}
