//! The engines of this crate beside those of others, in turns in one process: nanoseconds a packet.

#[path = "../filters.rs"]
mod filters;
#[path = "../packets.rs"]
mod packets;
#[path = "../random.rs"]
mod random;

mod bounds;
mod clang;
mod engine;
mod libpcap;
mod measure;
mod mechanical;
mod ours;
mod processor;

use cbpf::Packet;

use engine::{Load, Subject, Traffic};
use measure::{Effort, Engines, Figure};

/// The engines: a name, and how one is made.
const ENGINES: [(&str, Load); 5] = [
    ("branches", ours::branches),
    ("data flow", ours::data_flow),
    ("interpreter", ours::interpreter),
    ("libpcap", libpcap::load),
    ("clang -O3", clang::load),
];

fn engines(subject: &Subject) -> Engines {
    let mut engines = Engines::new();
    for (name, load) in ENGINES {
        match load(subject) {
            Ok(engine) => engines.push((name, engine)),
            Err(reason) => println!("{}: {name} is skipped: {reason}", subject.name),
        }
    }
    engines
}

fn cached(effort: &Effort) -> Vec<Figure> {
    let data = packets::mix(packets::COUNT, &filters::hosts());
    let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
    let orders = packets::orders();
    let traffics = orders.each_ref().map(|(name, order)| Traffic { name, packets: &packets, order, warm_up: 8_192 });
    let mut figures = Vec::new();
    for (name, _) in filters::FILTERS {
        let subject = Subject::new(name, filters::program(name));
        let engines = engines(&subject);
        measure::compare(&subject, &engines, &packets);
        figures.extend(measure::measure(name, &engines, &traffics, effort));
    }
    figures
}

fn main() {
    let is_test = !std::env::args().any(|argument| argument == "--bench")
        || std::env::args().any(|argument| argument == "--test");
    println!("{}, processor {:?}", processor::model(), processor::pin());
    let effort = if is_test { Effort::TEST } else { Effort::FULL };
    for Figure { filter, engine, traffic, time } in cached(&effort) {
        println!("{filter} {traffic:9} {engine:12} {time:.2}");
    }
}
