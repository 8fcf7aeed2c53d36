//! Filter sets and the classifiers of other projects: nanoseconds per packet, in turns, in one process on one processor;
//! building, memory and changes.
//!
//! `engine::PEERS` is the table of other classifiers: DPDK's librte_acl, rte_lpm, rte_fib and rte_hash, and hash tables
//! of hashbrown. What the machine lacks, or what is too slow for so many rules, is skipped by name. The families of
//! rules are in `families.rs`; rules and packets are the same at every run. All answers are compared before anything is
//! timed: the numbers of the first rules, and of all rules where a classifier finds them.
//!
//! All classifiers take Ethernet frames, and extract the fields themselves, except where `given` says that they have
//! the fields of each packet already. Batches have 256 packets. `hot` is 1,024 packets in random order, `cold` 400,000
//! packets that are each touched once a round. Times are those of the measuring thread on its processor.
//!
//! ```sh
//! cargo bench --features peers --bench classifiers                       # all families, 100 to 10,000 rules
//! cargo bench --features peers --bench classifiers -- --family acl --family fw --rules 100000
//! cargo bench --features peers --bench classifiers -- --large            # 100 to 1,000,000 rules, which takes hours
//! cargo bench --features peers --bench classifiers -- --seeds FOLDER     # families acl1 to ipc2, of ClassBench's seeds
//! ```

#[path = "../areas.rs"]
mod areas;
#[path = "../class_bench.rs"]
mod class_bench;
#[path = "../peers/compiler.rs"]
mod compiler;
#[path = "../peers/processor.rs"]
mod processor;
#[path = "../../jit-tests/splitmix64.rs"]
mod random;
#[path = "../peers/turns.rs"]
mod turns;

mod compare;
mod dpdk;
mod engine;
mod families;
mod hashing;
mod measure;
mod ours;
mod prefix_lengths;
mod report;
mod rule;
mod seeds;
mod traffic;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use engine::{OURS, PEERS, Skip, Subject};
use families::Family;
use report::{Figure, Row};
use traffic::Traffic;
use turns::Rounds;

/// The numbers of rules that take minutes.
const COUNTS: [usize; 3] = [100, 1_000, 10_000];

/// The numbers of rules after them, with `--large`.
const LARGE: [usize; 2] = [100_000, 1_000_000];

const HOT: Rounds = Rounds { time: Duration::from_secs(1), fewest: 3, most: 31 };
const COLD: Rounds = Rounds { time: Duration::from_secs(1), fewest: 3, most: 9 };

/// The arguments of the command line.
#[derive(Default)]
struct Arguments {
    is_test: bool,
    /// Empty for all.
    families: Vec<String>,
    counts: Vec<usize>,
    seeds: Option<String>,
}

impl Arguments {
    /// Parses the command line, on which `cargo bench` passes `--bench`, except in a test.
    fn parse() -> Result<Arguments, Box<dyn Error>> {
        let mut parsed = Arguments { is_test: true, ..Arguments::default() };
        let mut is_test = false;
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--bench" => parsed.is_test = false,
                "--test" => is_test = true,
                "--family" => parsed.families.push(value()?),
                "--rules" => parsed.counts.push(value()?.replace([',', '_'], "").parse()?),
                "--large" => parsed.counts.extend(COUNTS.into_iter().chain(LARGE)),
                "--seeds" => parsed.seeds = Some(value()?),
                other => return Err(format!("{other}: the options are --family, --rules, --large, --seeds").into()),
            }
        }
        parsed.is_test |= is_test;
        if parsed.counts.is_empty() {
            parsed.counts.extend(if parsed.is_test { &COUNTS[..1] } else { &COUNTS });
        }
        Ok(parsed)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    dpdk::start();
    let mut families = families::all();
    if let Some(folder) = &arguments.seeds {
        let seeds = seeds::read(Path::new(folder))?;
        families.extend(seeds.into_iter().map(|(name, seed)| Family::of_seed(name, seed)));
    }
    if let Some(name) = arguments.families.iter().find(|&name| families.iter().all(|family| family.name != *name)) {
        let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
        return Err(format!("no family {name}: {}", names.join(", ")).into());
    }
    families.retain(|family| arguments.families.is_empty() || arguments.families.contains(&family.name));
    let mut bench = Bench { is_test: arguments.is_test, skipped: BTreeSet::new() };
    let mut rows = Vec::new();
    for family in &families {
        for &count in arguments.counts.iter().filter(|&&count| count <= family.most) {
            rows.push(bench.row(family, count));
        }
    }
    report::write(&rows, arguments.is_test)
}

struct Bench {
    is_test: bool,
    /// The messages about absent classifiers.
    skipped: BTreeSet<String>,
}

impl Bench {
    /// Builds, compares and measures all classifiers of some rules.
    fn row(&mut self, family: &Family, count: usize) -> Row {
        let rules = family.rules(count);
        let subject = Subject::new(family.nature, &rules);
        let [hot, cold] = [Traffic::hot(&rules), Traffic::cold(&rules, self.is_test)];
        let (mut ways, mut buildings, mut set) = (Vec::new(), Vec::new(), None);
        let mut ours = 0;
        for kind in [&OURS].into_iter().chain(PEERS) {
            match measure::build(kind, &subject, &hot.frames[0]) {
                Ok((building, built)) => {
                    ways.extend(built.ways);
                    if built.set.is_some() {
                        (set, ours) = (built.set, ways.len());
                    }
                    buildings.push(building);
                }
                Err(Skip::OtherRules) => {}
                Err(Skip::Because(reason)) => {
                    let message = format!("{} is skipped: {reason}", kind.name);
                    if self.skipped.insert(message.clone()) {
                        println!("{message}");
                    }
                }
            }
        }
        // Building takes all processors.
        let _pinned = processor::pin();
        for traffic in [&hot, &cold] {
            compare::compare(&family.name, &subject, &mut ways, traffic);
        }
        let [hot_rounds, cold_rounds] = if self.is_test { [Rounds::TEST; 2] } else { [HOT, COLD] };
        let hot_times = measure::packets(&mut ways, &hot, &hot_rounds);
        let cold_times = measure::packets(&mut ways, &cold, &cold_rounds);
        let changes = if self.is_test { 2 } else { 100 };
        let changes = measure::changes(set.expect("our own set"), &subject, &hot.frames[0], changes);
        let matches = measure::matches(&mut ways, &hot).unwrap_or(f64::NAN);
        let figures = ways.iter().zip(hot_times.into_iter().zip(cold_times)).enumerate();
        let ways = figures.map(|(place, (way, (hot, cold)))| Figure {
            name: way.name,
            mode: way.mode,
            is_ours: place < ours,
            times: [hot, cold],
        });
        let ways = ways.collect();
        let row = Row { family: family.name.clone(), rules: rules.len(), matches, ways, buildings, changes };
        println!("{row}");
        row
    }
}
