//! Analysis of rule sets: the time to find all rules that can never be the first match, and the memory.
//!
//! `cargo bench --bench analysis -- [KIND] [COUNT]`. The kinds are those of `rules.rs`, by default ClassBench's three.
//! Rules are in the order of the generator, narrow ones first, and in random order, in which many more are never first.
//! Each line is of one set: how many rules can be first, each with a packet that was run; how many cannot, each with the
//! rules that cover it; how many have no answer; the time of the analysis, and the most memory of the process so far.

#[expect(dead_code, reason = "benches use a part of it")]
mod areas;
mod class_bench;
#[expect(dead_code, reason = "benches use a part of it")]
mod packets;
#[path = "../jit-tests/splitmix64.rs"]
mod random;
#[expect(dead_code, reason = "benches use a part of it")]
mod rules;

use std::time::{Duration, Instant};

use cbpf::FilterSet;
use cbpf::filter_set::{Analysis, RuleStatus};

/// The number of rules, and that number if benches are only tried: debug builds take long for many.
const COUNT: usize = 10_000;
const COUNT_IN_TEST: usize = 300;

/// The most pairs of overlapping rules that are listed.
const PAIRS: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_test = arguments.iter().any(|argument| argument == "--test");
    let default = if is_test { COUNT_IN_TEST } else { COUNT };
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(default);
    let kinds = rules::KINDS.iter().filter(|kind| arguments.iter().any(|argument| argument == *kind));
    let kinds: Vec<&str> = kinds.copied().collect();
    let kinds = if kinds.is_empty() { vec!["acl", "fw", "ipc"] } else { kinds };
    for kind in kinds {
        let programs = rules::set(kind, count).programs;
        let mut shuffled = programs.clone();
        let mut random = random::Random::new(count as u64);
        (1..count).for_each(|place| shuffled.swap(place, random.below(place + 1)));
        for (order, programs) in [("narrow first", programs), ("in random order", shuffled)] {
            let set = FilterSet::new((0..).zip(programs)).expect("rules with ids of their own");
            let start = Instant::now();
            let analysis = set.analyze();
            print(&format!("{kind}/{count} {order}"), &set, &analysis, start.elapsed());
            let start = Instant::now();
            let pairs = analysis.conflicts(|id| id % 2).take(PAIRS).filter(|pair| pair.example.is_some()).count();
            println!("    {pairs} pairs of rules that overlap in {:.2} s", start.elapsed().as_secs_f64());
        }
    }
}

fn print(name: &str, set: &FilterSet, analysis: &Analysis, time: Duration) {
    let (mut first, mut shadowed, mut several, mut most, mut nothing, mut unknown) = (0, 0, 0, 0, 0, 0);
    for (id, status) in analysis.rules() {
        match status {
            RuleStatus::CanBeFirst(packet) => {
                assert_eq!(set.first_match(packet.packet()), Some(id));
                first += 1;
            }
            RuleStatus::Shadowed { by } => {
                assert!(by.iter().all(|&other| other < id));
                shadowed += 1;
                several += usize::from(by.len() > 1);
                most = most.max(by.len());
            }
            RuleStatus::MatchesNothing => nothing += 1,
            _ => unknown += 1,
        }
    }
    println!(
        "{name}: {first} can be first, {shadowed} cannot ({several} because of several rules, up to {most}), {nothing} \
         match nothing, {unknown} unknown, {} are equal to others; {:.2} s, {}",
        analysis.duplicates().len(),
        time.as_secs_f64(),
        memory()
    );
}

/// Returns the most memory that the process has had, where the system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown memory".to_owned(), |peak| format!("{} of memory", peak.trim()))
}
