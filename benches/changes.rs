//! The time to build sets from expressions, and the time after which a reader sees a change.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cbpf::{FilterSet, LinkType, SharedSet, Target, Verified, compile_expression};
use criterion::{Criterion, SamplingMode};

use crate::random::Random;

/// The numbers of rules in sets that are built.
const COUNTS: [usize; 2] = [10_000, 100_000];

/// The number of rules in the set that changes.
const CHANGED: usize = 100_000;

/// The kinds of expressions.
const KINDS: [&str; 3] = ["net", "host", "five-tuple"];

/// Returns a number of rules, or a hundredth of it if benches are only tried: debug builds take long for many.
fn sized(count: usize) -> usize {
    if std::env::args().any(|argument| argument == "--test") { count / 100 } else { count }
}

/// Returns different expressions of a kind.
fn expressions(kind: &str, count: usize) -> Vec<String> {
    let mut random = Random::new(count as u64);
    let text = |number: usize| {
        let [a, b] = [random.number(), random.number()].map(std::net::Ipv4Addr::from_bits);
        let (ports, own) = (random.number(), std::net::Ipv4Addr::from_bits(0x0a00_0000 + number as u32));
        match kind {
            "net" => {
                let len = random.choose(&[24, 24, 24, 23, 22, 21, 20, 19, 18, 16]);
                format!("src net {}/{len}", std::net::Ipv4Addr::from_bits(a.to_bits() & u32::MAX << (32 - len)))
            }
            "host" => format!("host {own}"),
            _ => {
                format!("src host {a} and dst host {b} and tcp src port {} and dst port {}", ports as u16, ports >> 16)
            }
        }
    };
    (0..count).map(text).collect()
}

fn set(expressions: &[String]) -> FilterSet {
    let rules = (0..).zip(expressions.iter().map(String::as_str));
    FilterSet::from_expressions(rules, LinkType::ETHERNET).expect("valid expressions")
}

/// `set/build-text/KIND/COUNT`
pub fn build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set/build-text");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for kind in KINDS {
        for count in COUNTS {
            group.bench_function(format!("{kind}/{count}"), |bencher| {
                let expressions = expressions(kind, sized(count));
                bencher.iter(|| black_box(set(&expressions)));
            });
        }
    }
    group.finish();
}

/// `set/change/KIND/add` and `remove`: the time of a change of a [`SharedSet`] and of the reader's next look, and on
/// standard error the median, the 99th percentile and the maximum.
pub fn change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set/change");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for kind in KINDS {
        group.bench_function(format!("{kind}/add-remove"), |bencher| {
            let target = Target::new(LinkType::ETHERNET);
            let program = |text: &String| -> Verified {
                let program = compile_expression(text, &target).expect("a valid expression");
                program.verify(target.get_dialect()).expect("a valid program")
            };
            let new: Vec<Verified> = expressions(kind, 4_000).iter().map(program).collect();
            let shared = SharedSet::new(set(&expressions(kind, sized(CHANGED))));
            let (mut reader, mut next, mut times) = (shared.reader(), 0, Vec::new());
            let mut timed = |change: &mut dyn FnMut()| {
                let start = Instant::now();
                change();
                black_box(reader.set().first_match(&[0; 60]));
                times.push(start.elapsed());
                start.elapsed()
            };
            bencher.iter_custom(|iterations| {
                (0..iterations).fold(Duration::ZERO, |sum, _| {
                    next += 1;
                    let (id, program) = (CHANGED as u32 + next, &new[next as usize % new.len()]);
                    let added = timed(&mut || shared.add(id, program).expect("a new id"));
                    // The rule of the change before, which may be indexed by now.
                    let old = if next % 2 == 0 { id - 1 } else { next };
                    sum + added + timed(&mut || shared.remove(old).expect("it is there"))
                })
            });
            times.sort_unstable();
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            eprintln!("{} changes: median {:?}, 99 % {:?}, maximum {:?}", times.len(), at(0.5), at(0.99), at(1.0));
        });
    }
    group.finish();
}
