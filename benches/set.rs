//! Filter sets: the time of the first match and of all matches, compared with a loop over the filters.
//!
//! `set/KIND/COUNT/ENGINE` is the time of one packet, of 1,024 in random order; with `batch` and `all-batch` that of
//! 1,024 packets. The kinds are those of `rules.rs`. `one` is a single compiled filter of the set on the same packets,
//! `loop` all of them, compiled, one after the other up to the first match, `loop-all` to the end, `libpcap` its
//! interpreter in such a loop (feature `peers`), and `hash` a hand-written hash table of five-tuples.
//! `set/build/KIND/COUNT` is the time to build a set of programs, `set/build-text/KIND/COUNT` of expressions, and
//! `set/change/KIND/add-remove` the time until a reader sees a rule more and one less. The answers are compared before anything is timed.

mod areas;
#[cfg(feature = "peers")]
#[path = "../jit-tests/bpf_filter.rs"]
mod bpf_filter;
mod changes;
mod class_bench;
mod endless;
mod packets;
#[path = "../jit-tests/splitmix64.rs"]
mod random;
mod rules;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;
use std::time::Duration;

use cbpf::filter_set::{BatchMatches, Matches};
use cbpf::{Filter, FilterSet, Packet};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use areas::{Tuple, tuple_of};
use endless::{BATCH, batches, endless};
use rules::{KINDS, RuleSet};

/// The numbers of filters in a set.
const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];

fn run(criterion: &mut Criterion) {
    let [_, (_, order)] = packets::orders();
    for kind in KINDS {
        for count in COUNTS {
            let rules = rules::set(kind, count);
            let mut group = criterion.benchmark_group(format!("set/{kind}/{count}"));
            group.throughput(Throughput::Elements(1));
            one_set(&mut group, kind, &rules, &order);
            group.finish();
        }
    }
}

fn one_set(group: &mut BenchmarkGroup<WallTime>, kind: &str, rules: &RuleSet, order: &[u32]) {
    let filters: Vec<Filter> =
        rules.programs.iter().map(|program| Filter::compile(program).expect("native code")).collect();
    let set = build(rules);
    let packets: Vec<Packet> = rules.packets.iter().map(Packet::from).collect();
    compare(&set, &filters, &packets);
    let mut matches = Matches::new();

    let mut next = endless(&packets, order);
    group.bench_function("one", |bencher| bencher.iter(|| filters[0].run(next())));
    group.bench_function("first", |bencher| bencher.iter(|| set.first_match(next())));
    group.bench_function("all", |bencher| {
        bencher.iter(|| {
            set.matches(next(), &mut matches);
            matches.len()
        });
    });
    group.bench_function("loop", |bencher| bencher.iter(|| first_of(&filters, next())));
    let mut kept: Vec<u32> = Vec::new();
    group.bench_function("loop-all", |bencher| {
        bencher.iter(|| {
            let packet = next();
            kept.clear();
            kept.extend((0..).zip(&filters).filter(|(_, filter)| filter.run(packet) != 0).map(|(id, _)| id));
            kept.len()
        });
    });
    #[cfg(feature = "peers")]
    libpcap(group, rules, &mut next);
    if kind == "five-tuple" {
        let by_hand = by_hand(&rules.tuples);
        group.bench_function("hash", |bencher| {
            bencher.iter(|| tuple_of(next().data()).and_then(|tuple| by_hand.get(&tuple)).copied());
        });
    }
    let laid_out = batches(&packets, order);
    let mut batches = laid_out.iter().cycle();
    let mut ids = [None; BATCH];
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("batch", |bencher| {
        bencher.iter(|| {
            set.first_match_batch(batches.next().expect("a batch"), &mut ids);
            ids[0]
        });
    });
    let mut batches = laid_out.iter().cycle();
    let mut matches = BatchMatches::new();
    group.bench_function("all-batch", |bencher| {
        bencher.iter(|| {
            set.matches_batch(batches.next().expect("a batch"), &mut matches);
            matches.len()
        });
    });
}

/// Times libpcap's interpreter in a loop up to the first match, if the machine has libpcap.
#[cfg(feature = "peers")]
fn libpcap<'p>(group: &mut BenchmarkGroup<WallTime>, rules: &RuleSet, mut next: impl FnMut() -> Packet<'p>) {
    let Ok(filter) = bpf_filter::bpf_filter() else { return };
    group.bench_function("libpcap", |bencher| {
        bencher.iter(|| {
            let packet = next();
            rules.programs.iter().position(|program| {
                let (data, captured) = (packet.data(), packet.data().len() as u32);
                let instructions = program.program().instructions();
                // SAFETY: our verifier accepted the program; the length is that of the slice.
                unsafe { filter(instructions.as_ptr(), data.as_ptr(), packet.wire_len(), captured) != 0 }
            })
        });
    });
}

fn build(rules: &RuleSet) -> FilterSet {
    FilterSet::new((0..).zip(rules.programs.iter().cloned())).expect("rules with ids of their own")
}

fn first_of(filters: &[Filter], packet: Packet) -> Option<u32> {
    filters.iter().position(|filter| filter.run(packet) != 0).map(|place| place as u32)
}

/// Panics if the answers of the set and of its filters differ.
fn compare(set: &FilterSet, filters: &[Filter], packets: &[Packet]) {
    let mut matches = Matches::new();
    for packet in packets {
        let keeps = |place: &u32| filters[*place as usize].run(packet) != 0;
        let expected: Vec<u32> = (0..filters.len() as u32).filter(keeps).collect();
        assert_eq!(set.first_match(packet), expected.first().copied(), "{:02x?}", packet.data());
        set.matches(packet, &mut matches);
        assert_eq!(matches.ids(), expected, "{:02x?}", packet.data());
    }
}

/// A fast hasher of a few words.
#[derive(Default)]
struct FastHasher(u64);

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Returns the first rule of each five-tuple.
fn by_hand(tuples: &[Tuple]) -> HashMap<Tuple, u32, BuildHasherDefault<FastHasher>> {
    tuples.iter().enumerate().rev().map(|(id, &tuple)| (tuple, id as u32)).collect()
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set/build");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for kind in KINDS {
        for count in COUNTS {
            let rules = rules::set(kind, count);
            group.bench_function(format!("{kind}/{count}"), |bencher| bencher.iter(|| black_box(build(&rules))));
        }
    }
    group.finish();
}

/// Returns settings with which the bench takes about two minutes.
fn settings() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(10)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
}

criterion_group! { name = benches; config = settings(); targets = run, load, changes::build, changes::change }
criterion_main!(benches);
