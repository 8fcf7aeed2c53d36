//! How long a packet takes in each engine, and how long a program takes until it can run.
//!
//! `run/FILTER/ENGINE/ORDER` is the time of one packet. The filters are tcpdump's (`filters/*.ddd`): S1 to S6 are such
//! as people write, L1 is a list of 100 hosts and L2 one of 200 ports. The packets are 1,024 mixed ones that stay in
//! the cache. In the `predicted` order they come always alike, so that the processor foresees every branch; in the
//! `random` order the same packets come as it cannot foresee. Before anything is timed, all verdicts are compared.
//!
//! `load/STEP/PROGRAM` is the time of one program: of verifying it, of compiling what was verified, of reading a text.

mod mixed;
mod packets;
mod random;

use std::time::Duration;

use cbpf::{Dialect, Filter, Form, Packet, Program, Verified};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use random::Random;

const DIALECT: Dialect = Dialect::Pcap;

const FILTERS: [(&str, &str); 8] = [
    ("S1", include_str!("filters/S1.ddd")),
    ("S2", include_str!("filters/S2.ddd")),
    ("S3", include_str!("filters/S3.ddd")),
    ("S4", include_str!("filters/S4.ddd")),
    ("S5", include_str!("filters/S5.ddd")),
    ("S6", include_str!("filters/S6.ddd")),
    ("L1", include_str!("filters/L1.ddd")),
    ("L2", include_str!("filters/L2.ddd")),
];

/// The sizes of the mixed programs, in instructions.
const SIZES: [usize; 6] = [4, 16, 64, 256, 1_024, 4_096];

/// How many packets there are.
const PACKETS: u16 = 1_024;

/// One more than the largest `u16`: an order of packets that a counter of that type runs through without end.
const ORDER: usize = 1 << 16;

fn filter(name: &str) -> Program {
    let (_, text) = FILTERS.iter().find(|(named, _)| *named == name).expect("a filter of the list");
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn verify(name: &str, program: &Program) -> Verified {
    program.verify(DIALECT).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compile(name: &str, verified: &Verified) -> Filter {
    Filter::compile(verified).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Panics if the engines differ, or if the packets do not try the filter.
fn compare(name: &str, verified: &Verified, filter: &Filter, packets: &[Packet]) {
    let mut kept = 0;
    for (number, packet) in packets.iter().enumerate() {
        let (expected, verdict) = (verified.interpret(*packet), filter.run(*packet));
        let data = packet.data();
        assert_eq!(verdict, expected, "{name}, packet {number}: JIT and interpreter differ: {data:02x?}");
        kept += usize::from(expected != 0);
    }
    assert!((1..packets.len()).contains(&kept), "{name} keeps {kept} of {} packets", packets.len());
}

/// The orders of the packets: the same one again and again, and one that is too long to be learned.
fn orders() -> [(&'static str, Vec<u16>); 2] {
    let predicted: Vec<u16> = (0..PACKETS).cycle().take(ORDER).collect();
    let mut random = predicted.clone();
    Random::new(2).shuffle(&mut random);
    [("predicted", predicted), ("random", random)]
}

fn run(criterion: &mut Criterion) {
    let data = packets::mix(PACKETS.into(), &mixed::constants(&filter("L1")));
    let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
    let mut group = criterion.benchmark_group("run");
    group.throughput(Throughput::Elements(1));
    for (name, _) in FILTERS {
        let verified = verify(name, &filter(name));
        let filter = compile(name, &verified);
        compare(name, &verified, &filter, &packets);
        for (order_name, order) in orders() {
            let mut next = endless(&packets, &order);
            group.bench_function(format!("{name}/interpreter/{order_name}"), |bencher| {
                bencher.iter(|| verified.interpret(next()));
            });
            let mut next = endless(&packets, &order);
            group.bench_function(format!("{name}/jit/{order_name}"), |bencher| bencher.iter(|| filter.run(next())));
        }
    }
    group.finish();
}

/// The packets in an order, from its start again when it ends.
fn endless<'p>(packets: &[Packet<'p>], order: &[u16]) -> impl FnMut() -> Packet<'p> {
    let order: &[u16; ORDER] = order.try_into().expect("an order of this length");
    let mut place = 0_u16;
    move || {
        place = place.wrapping_add(1);
        packets[usize::from(order[usize::from(place)])]
    }
}

fn load(criterion: &mut Criterion) {
    let mixed = SIZES.map(|size| (format!("mixed-{size}"), mixed::program(size)));
    let real = ["S3", "L1", "L2"].map(|name| (name.to_owned(), filter(name)));
    let mut group = criterion.benchmark_group("load");
    group.sampling_mode(SamplingMode::Flat);
    for (name, program) in mixed.iter().chain(&real) {
        let verified = verify(name, program);
        let _ = compile(name, &verified);
        group.bench_function(format!("verify/{name}"), |bencher| bencher.iter(|| program.verify(DIALECT)));
        group.bench_function(format!("compile/{name}"), |bencher| bencher.iter(|| Filter::compile(&verified)));
    }
    let text = filter("L2").to_string();
    group.bench_function("parse/L2", |bencher| {
        bencher.iter(|| Program::parse_as(Form::Assembler, text.as_bytes()));
    });
    group.finish();
}

/// Some three minutes for everything.
fn settings() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(20)
        .nresamples(10_000)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
}

criterion_group! { name = benches; config = settings(); targets = run, load }
criterion_main!(benches);
