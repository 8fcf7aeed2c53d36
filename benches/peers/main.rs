//! This crate's engines and those of other projects: nanoseconds per packet, in turns, in one process on one processor.
//!
//! `engine::ENGINES` is the table of engines; one that the machine lacks is skipped by name. All verdicts are compared
//! with the reference interpreter's before anything is timed. The filters and the orders `predicted` and `random` are
//! those of the bench `engines`; `cold` is a million packets, each touched once a round.
//!
//! `cargo bench --features peers --bench peers -- S3 cold` measures that filter, and the cold packets.

#[path = "../../jit-tests/bpf_filter.rs"]
mod bpf_filter;
#[path = "../filters.rs"]
mod filters;
#[path = "../packets.rs"]
mod packets;
#[path = "../../jit-tests/splitmix64.rs"]
mod random;

mod bounds;
mod bpfjit;
mod clang;
mod compiler;
mod ebpf;
mod engine;
mod hand;
mod libpcap;
mod loading;
mod measure;
mod mechanical;
mod ours;
mod plot;
mod processor;
mod rbpf;
mod report;
mod source;
mod turns;

use std::collections::BTreeSet;
use std::error::Error;
use std::io::IoSlice;
use std::time::Duration;

use cbpf::{Packet, Program};

use engine::{ENGINES, Subject, Traffic};
use measure::{Engines, Figures};
use report::Report;
use turns::Rounds;

/// The number of packets that run before those that are timed.
const WARM_UP: usize = 8_192;

/// The rounds of packets in the cache.
const CACHED_ROUNDS: Rounds = Rounds { time: Duration::from_secs(4), fewest: 5, most: 51 };

/// The rounds of cold packets, which are long.
const COLD_ROUNDS: Rounds = Rounds { time: Duration::from_secs(4), fewest: 3, most: 9 };

/// The number of cold packets: far more than the caches hold.
const COLD: usize = 1_000_000;

/// The arguments of the command line.
struct Arguments {
    is_test: bool,
    /// Filters, `cold` and `load`; empty for all.
    names: Vec<String>,
}

impl Arguments {
    /// Parses the command line, on which `cargo bench` passes `--bench`, except in a test.
    fn parse() -> Arguments {
        let (options, names): (Vec<_>, Vec<_>) =
            std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
        let has = |name| options.iter().any(|option| option == name);
        Arguments { is_test: has("--test") || !has("--bench"), names }
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let pinned = processor::pin();
    if pinned.is_none() {
        println!("the system chooses the processor");
    }
    let mut bench = Bench { is_test: arguments.is_test, figures: Figures::default(), skipped: BTreeSet::new() };
    bench.cached(&arguments);
    if arguments.wants("cold") {
        bench.cold();
    }
    let rounds = if arguments.is_test { Rounds::TEST } else { loading::FULL };
    let loading = if arguments.wants("load") { loading::measure(&rounds) } else { Vec::new() };
    Report { figures: bench.figures, loading, is_test: arguments.is_test }.write()
}

/// Returns the bytes of the packets in an order.
fn lay_out<'p>(packets: &[Packet<'p>], order: &[u32]) -> Vec<IoSlice<'p>> {
    order.iter().map(|&place| IoSlice::new(packets[place as usize].data())).collect()
}

struct Bench {
    is_test: bool,
    figures: Figures,
    /// The messages about absent engines.
    skipped: BTreeSet<String>,
}

impl Bench {
    fn cached(&mut self, arguments: &Arguments) {
        let data = packets::mix(packets::COUNT, &filters::hosts());
        let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
        let orders = packets::orders();
        // In the order that repeats, the slices stay in the cache, too, like the records of a capture loop.
        let laid_out = orders.each_ref().map(|(name, order)| match *name {
            "predicted" => lay_out(&packets, &order[..packets::COUNT]),
            _ => lay_out(&packets, order),
        });
        let traffics: Vec<Traffic> = orders
            .iter()
            .zip(&laid_out)
            .map(|((name, order), laid_out)| Traffic { name, packets: &packets, order, laid_out, warm_up: WARM_UP })
            .collect();
        for (name, _) in filters::FILTERS.iter().filter(|(name, _)| arguments.wants(name)) {
            self.measure(&Subject::new(name, filters::program(name)), &traffics, CACHED_ROUNDS);
        }
    }

    fn cold(&mut self) {
        let data = packets::mix(if self.is_test { packets::COUNT } else { COLD }, &filters::hosts());
        let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
        let order: Vec<u32> = (0..packets.len() as u32).collect();
        let laid_out = &lay_out(&packets, &order);
        let traffics = [Traffic { name: "cold", packets: &packets, order: &order, laid_out, warm_up: 0 }];
        let all: Program = "ret #262144".parse().expect("a program");
        for (name, program) in [("S3", filters::program("S3")), ("L1", filters::program("L1")), ("all", all)] {
            self.measure(&Subject::new(name, program), &traffics, COLD_ROUNDS);
        }
    }

    fn measure(&mut self, subject: &Subject, traffics: &[Traffic], rounds: Rounds) {
        let engines = self.engines(subject);
        measure::compare(subject, &engines, traffics[0].packets);
        let rounds = if self.is_test { Rounds::TEST } else { rounds };
        self.figures.0.extend(measure::measure(subject.name, &engines, traffics, &rounds));
    }

    fn engines(&mut self, subject: &Subject) -> Engines {
        let mut engines = Engines::new();
        for kind in ENGINES {
            match (kind.load)(subject) {
                Ok(engine) => engines.push((kind.name, engine)),
                Err(reason) => {
                    let message = format!("{} is skipped: {reason}", kind.name);
                    if self.skipped.insert(message.clone()) {
                        println!("{message}");
                    }
                }
            }
        }
        engines
    }
}
