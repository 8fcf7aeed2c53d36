//! Packets between pages that cannot be read: a read outside a packet ends the process.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::filter_set::{BatchMatches, Matches};
use cbpf::{Dialect, FilterSet};
use libtest_mimic::Trial;

use crate::guarded::Judge;
use crate::{case, generate, process, random, set};

/// The time limit of each trial.
const TIME: Duration = Duration::from_secs(4);

/// Batch sizes: small batches are always prefetched, larger ones if their packets are cold.
const BATCHES: [usize; 4] = [1, 17, 130, 1030];

type Task = fn(Dialect) -> Result<(), String>;

const TASKS: [(&str, Task); 3] = [("corpus", corpus), ("random", random), ("sets", sets)];

pub fn trials() -> Vec<Trial> {
    all().map(|(name, ..)| process::trial(&name)).collect()
}

/// Runs a trial, in a process of its own.
pub fn alone(name: &str) -> Result<(), String> {
    let (_, run, dialect) = all().find(|(listed, ..)| listed == name).ok_or("no such trial")?;
    run(dialect)
}

/// Returns the name, the task and the dialect of each trial.
fn all() -> impl Iterator<Item = (String, Task, Dialect)> {
    let of_task = |(task, run): (&'static str, Task)| {
        Dialect::ALL.iter().map(move |&dialect| (format!("guard::{task}::{dialect}"), run, dialect))
    };
    TASKS.into_iter().flat_map(of_task)
}

/// Runs the programs of the corpus on their packets.
fn corpus(dialect: Dialect) -> Result<(), String> {
    let (mut judge, cases) = (Judge::new(&BATCHES), case::read_all()?);
    let start = Instant::now();
    for case in cases.iter().filter(|case| case.dialects.contains(&dialect) && case.program.len() < 1000) {
        let Ok(verified) = case.program.verify(dialect) else { continue };
        let samples = case.packets.iter().map(|packet| packet.sample.clone()).filter(|sample| sample.data.len() < 4096);
        judge.filter(&verified, &samples.take(3).collect::<Vec<_>>()).map_err(|e| format!("{}: {e}", case.name))?;
        if start.elapsed() > TIME * 3 {
            break;
        }
    }
    Ok(())
}

/// Runs random programs on packets that are made for them.
fn random(dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new(&BATCHES);
    each_random(|u| {
        let Ok((program, samples)) = generate::program_and_samples(u, dialect) else { return Ok(()) };
        let Ok(verified) = program.verify(dialect) else { return Ok(()) };
        judge.filter(&verified, &samples[..samples.len().min(2)])
    })
}

/// Runs sets of random programs: first match, all matches, and batches.
fn sets(dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new(&BATCHES);
    let (mut alone, mut together) = (Matches::new(), BatchMatches::new());
    each_random(|u| {
        let Ok((rules, samples)) = set::rules_and_samples(u, dialect) else { return Ok(()) };
        let set = FilterSet::new(rules.iter().cloned()).map_err(|error| error.to_string())?;
        for sample in &samples {
            judge.each(sample, |packets| {
                for packet in packets {
                    let matching = rules.iter().filter(|(_, program)| program.interpret(packet) != 0);
                    let expected: Vec<u32> = matching.map(|&(id, _)| id).collect();
                    set.matches(packet, &mut alone);
                    let first = set.first_match(packet);
                    if alone.ids() != expected || first != expected.first().copied() {
                        return Err(format!("{:?} and {first:?}, not {expected:?}", alone.ids()));
                    }
                    for size in BATCHES {
                        let batch = vec![*packet; size];
                        let mut firsts = vec![None; size];
                        set.first_match_batch(&batch, &mut firsts);
                        set.matches_batch(&batch, &mut together);
                        let is_same = |place: usize| firsts[place] == first && together.ids(place) == expected;
                        if !(0..size).all(is_same) {
                            return Err(format!("the answers in a batch of {size} are not {expected:?}"));
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    })
}

fn each_random(mut try_one: impl FnMut(&mut Unstructured) -> Result<(), String>) -> Result<(), String> {
    random::each(usize::MAX, TIME, |bytes| try_one(&mut Unstructured::new(bytes)))
}
