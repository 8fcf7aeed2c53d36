//! How long a program takes until it can run, for each engine that does something before.

use std::time::Duration;

use crate::engine::Subject;
use crate::{bpfjit, clang, filters, libpcap, measure, ours, rbpf};

/// Does it once, and says how long it took.
type Load = fn(&Subject) -> Result<Duration, String>;

const STEPS: &[(&str, Load)] = &[
    ("verify and compile", ours::loading_time),
    ("bpfjit", bpfjit::loading_time),
    ("rbpf, Cranelift", rbpf::loading_time),
    ("clang -O3", clang::loading_time),
    ("`pcap_compile`", libpcap::compile_time),
];

pub const FILTERS: [&str; 3] = ["S3", "L1", "L2"];

/// One median.
pub struct Figure {
    pub filter: &'static str,
    pub step: &'static str,
    pub time: Duration,
}

/// The median times of all steps, which take turns until each has had its time or its rounds.
pub fn measure(most_rounds: usize) -> Vec<Figure> {
    const ENOUGH: Duration = Duration::from_millis(500);
    let mut figures = Vec::new();
    for filter in FILTERS {
        let subject = Subject::new(filter, filters::program(filter));
        let mut times = vec![Vec::<f64>::new(); STEPS.len()];
        for _ in 0..most_rounds {
            for ((_, load), times) in STEPS.iter().zip(&mut times) {
                if times.iter().sum::<f64>() < ENOUGH.as_secs_f64() {
                    times.extend(load(&subject).ok().map(|time| time.as_secs_f64()));
                }
            }
        }
        for (&(step, _), times) in STEPS.iter().zip(times).filter(|(_, times)| !times.is_empty()) {
            figures.push(Figure { filter, step, time: Duration::from_secs_f64(measure::median(times)) });
        }
    }
    figures
}
