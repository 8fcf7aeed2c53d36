//! The time of a packet in each engine, and of a program until it can run.
//!
//! `run/FILTER/ENGINE/ORDER` is the time of one packet, and with `jit-batch` of 1,024. `filters.rs` lists the filters.
//! The packets are 1,024 mixed ones that stay in the cache. In the order `predicted` they repeat, so that the processor
//! predicts every branch; in the order `random` it cannot. All verdicts are compared before anything is timed.
//!
//! `prove/CLAIM` is the time to prove that two programs keep the same packets.
//!
//! `load/STEP/PROGRAM` is the time to verify, compile or parse one program; `again` compiles one whose shape was
//! compiled before. `load/passes/SHAPE` is the time to build
//! and optimise a graph of 4,096 instructions of one shape. `expression/STEP/NAME` is the time to compile an
//! expression.

mod endless;
mod filters;
mod mixed;
mod packets;
#[path = "../jit-tests/splitmix64.rs"]
mod random;
mod shapes;

use std::time::Duration;

use cbpf::debug::Graph;
use cbpf::text::Form;
use cbpf::{Filter, LinkType, Packet, Program, Target, Verified, compile_expression, prove};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use endless::{BATCH, batches, endless};
use filters::FILTERS;

/// The sizes of the mixed programs, in instructions.
const SIZES: [usize; 6] = [4, 16, 64, 256, 1_024, 4_096];

fn compile(name: &str, verified: &Verified) -> Filter {
    Filter::compile(verified).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Panics if the engines differ, or if the filter keeps all packets or none.
fn compare(name: &str, verified: &Verified, filter: &Filter, packets: &[Packet]) {
    let mut kept = 0;
    for (number, packet) in packets.iter().enumerate() {
        let (expected, verdict) = (verified.interpret(*packet), filter.run(*packet));
        let data = packet.data();
        assert_eq!(verdict, expected, "{name}, packet {number}: JIT and interpreter differ: {data:02x?}");
        kept += usize::from(expected != 0);
    }
    let mut verdicts = vec![0; packets.len()];
    filter.run_batch(packets, &mut verdicts);
    let expected: Vec<u32> = packets.iter().map(|packet| verified.interpret(packet)).collect();
    assert_eq!(verdicts, expected, "{name}: batch and interpreter differ");
    assert!((1..packets.len()).contains(&kept), "{name} keeps {kept} of {} packets", packets.len());
}

fn run(criterion: &mut Criterion) {
    let data = packets::mix(packets::COUNT, &filters::hosts());
    let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
    let mut group = criterion.benchmark_group("run");
    group.throughput(Throughput::Elements(1));
    for (name, _) in FILTERS {
        let verified = filters::verify(name, &filters::program(name));
        let filter = compile(name, &verified);
        compare(name, &verified, &filter, &packets);
        for (order_name, order) in packets::orders() {
            let mut next = endless(&packets, &order);
            group.bench_function(format!("{name}/interpreter/{order_name}"), |bencher| {
                bencher.iter(|| verified.interpret(next()));
            });
            let mut next = endless(&packets, &order);
            group.bench_function(format!("{name}/jit/{order_name}"), |bencher| bencher.iter(|| filter.run(next())));
            let laid_out = batches(&packets, &order);
            let mut batches = laid_out.iter().cycle();
            let mut verdicts = [0; BATCH];
            group.throughput(Throughput::Elements(BATCH as u64));
            group.bench_function(format!("{name}/jit-batch/{order_name}"), |bencher| {
                bencher.iter(|| {
                    filter.run_batch(batches.next().expect("a batch"), &mut verdicts);
                    verdicts[0]
                });
            });
            group.throughput(Throughput::Elements(1));
        }
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let mixed = SIZES.map(|size| (format!("mixed-{size}"), mixed::program(size)));
    let real = ["S3", "L1", "L2"].map(|name| (name.to_owned(), filters::program(name)));
    let mut group = criterion.benchmark_group("load");
    group.sampling_mode(SamplingMode::Flat);
    for (name, program) in mixed.iter().chain(&real) {
        let verified = filters::verify(name, program);
        let _ = compile(name, &verified);
        group.bench_function(format!("verify/{name}"), |bencher| bencher.iter(|| program.verify(verified.dialect())));
        let first = || Graph::optimized(&verified).compile();
        group.bench_function(format!("compile/{name}"), |bencher| bencher.iter(first));
        group.bench_function(format!("again/{name}"), |bencher| bencher.iter(|| Filter::compile(&verified)));
    }
    let text = filters::program("L2").to_string();
    group.bench_function("parse/L2", |bencher| {
        bencher.iter(|| Program::parse_as(Form::Assembler, text.as_bytes()));
    });
    for (name, program) in shapes::programs() {
        let verified = filters::verify(name, &program);
        group.bench_function(format!("passes/{name}"), |bencher| bencher.iter(|| Graph::optimized(&verified)));
    }
    group.finish();
    load_shapes(criterion);
}

/// Loads expressions of a few shapes, each time with other constants.
fn load_shapes(criterion: &mut Criterion) {
    let mut number = 0_u32;
    let mut next = || {
        number = number.wrapping_add(1);
        let (host, port) =
            (format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255), number & 0xffff);
        match number % 4 {
            0 => format!("host {host}"),
            1 => format!("tcp dst port {port}"),
            2 => format!("host {host} and port {port}"),
            _ => format!("net {host}/32 and not udp port {port}"),
        }
    };
    let mut group = criterion.benchmark_group("load");
    group.bench_function("expressions-of-four-shapes", |bencher| {
        bencher.iter(|| Filter::from_expression(&next(), LinkType::ETHERNET));
    });
    group.finish();
}

/// Compiles expressions to programs, and long lists to native code.
fn expression(criterion: &mut Criterion) {
    let list = |one: fn(u32) -> String, count: u32| (0..count).map(one).collect::<Vec<_>>().join(" or ");
    let host = |number: u32| format!("host 10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
    let nots = |count: u32| {
        let not = |number| format!("not ({} and port {})", host(number), 1_000 + number);
        (0..count).map(not).collect::<Vec<_>>().join(" and ")
    };
    let expressions = [
        ("tcp-port-443", "tcp port 443".to_owned()),
        ("hosts-10000", list(host, 10_000)),
        ("ports-1000", list(|number| format!("port {}", 2 * number + 1), 1_000)),
        ("nots-750", nots(750)),
        ("nots-3000", nots(3_000)),
    ];
    let target = Target::new(LinkType::ETHERNET);
    let data = packets::mix(packets::COUNT, &filters::hosts());
    let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
    let mut group = criterion.benchmark_group("expression");
    group.sampling_mode(SamplingMode::Flat);
    for (name, text) in &expressions {
        group.bench_function(format!("program/{name}"), |bencher| bencher.iter(|| compile_expression(text, &target)));
        group.bench_function(format!("native/{name}"), |bencher| {
            bencher.iter(|| Filter::from_expression(text, &target));
        });
        let filter = Filter::from_expression(text, &target).expect("a filter");
        for (order_name, order) in packets::orders() {
            let mut next = endless(&packets, &order);
            group.bench_function(format!("run/{name}/{order_name}"), |bencher| bencher.iter(|| filter.run(next())));
        }
    }
    group.finish();
}

/// Proves that programs are equivalent: filters and their optimised forms, a long list and its reverse, and
/// arithmetic.
fn prove_equivalence(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prove");
    group.sampling_mode(SamplingMode::Flat);
    let mut add = |name: &str, first: Verified, second: Verified| {
        let proof = prove::equivalent(&first, &second).expect("one dialect");
        assert!(proof.holds(), "{name}: {proof:?}");
        group.bench_function(name, |bencher| bencher.iter(|| prove::equivalent(&first, &second)));
    };
    for (name, _) in FILTERS {
        let program = filters::program(name);
        let verified = filters::verify(name, &program);
        let optimized = program.optimize(verified.dialect()).expect("a valid program");
        add(&format!("{name}-optimized"), verified, filters::verify(name, &optimized));
    }
    let target = Target::new(LinkType::ETHERNET);
    let compile = |text: &str| {
        let program = compile_expression(text, &target).expect("a valid expression");
        filters::verify(text, &program)
    };
    let hosts: Vec<String> = (0..1_000_u32).map(|number| format!("10.{}.{}.1", number >> 8, number & 255)).collect();
    let reversed: Vec<String> = hosts.iter().rev().cloned().collect();
    let list = |hosts: &[String]| compile(&format!("ip host ({})", hosts.join(" or ")));
    add("hosts-1000-reversed", list(&hosts), list(&reversed));
    add("ports", compile("tcp port 443"), compile("tcp dst port 443 or tcp src port 443"));
    add(
        "payload",
        compile("tcp and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0"),
        compile("tcp and ip[2:2] - ((ip[0] & 0xf) << 2) != (tcp[12] & 0xf0) >> 2"),
    );
    group.finish();
}

/// Returns settings with which the bench takes about three minutes.
fn settings() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(20)
        .nresamples(10_000)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
}

criterion_group! { name = benches; config = settings(); targets = run, load, expression, prove_equivalence }
criterion_main!(benches);
