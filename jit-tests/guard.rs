//! Packets that end where a page begins that cannot be read, and that begin where such a page ends: whatever reads a byte
//! beside a packet ends the process. The test program starts itself again for each trial.

use std::process::Command;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::{BatchMatches, Dialect, FilterSet, Matches};
use libtest_mimic::{Failed, Trial};

use crate::case::Case;
use crate::generate::{self, Sample};
use crate::guarded::Judge;
use crate::{random, set};

/// Set in a process that a trial starts, to the name of the trial.
const ALONE: &str = "JIT_TESTS_GUARD";

/// How long each trial goes on at most.
const TIME: Duration = Duration::from_secs(4);

/// Sizes of batches: few packets, which are always fetched ahead, and more, which are if they turn out to be cold.
const BATCHES: [usize; 4] = [1, 17, 130, 1030];

type Task = fn(&[Case], Dialect) -> Result<(), String>;

const TASKS: [(&str, Task); 3] = [("corpus", corpus), ("random", random), ("sets", sets)];

pub fn trials() -> Vec<Trial> {
    let of_task = |(task, _)| Dialect::ALL.iter().map(move |dialect| format!("guard::{task}::{dialect}"));
    let names = TASKS.into_iter().flat_map(of_task);
    names.map(|name| Trial::test(name.clone(), move || in_a_process(&name))).collect()
}

fn in_a_process(name: &str) -> Result<(), Failed> {
    let output = Command::new(std::env::current_exe()?).env(ALONE, name).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// What [`in_a_process`] runs; `None` in any other process.
pub fn alone(cases: &[Case]) -> Option<Result<(), String>> {
    let name = std::env::var(ALONE).ok()?;
    let all = TASKS.into_iter().flat_map(|task| Dialect::ALL.iter().map(move |&dialect| (task, dialect)));
    let ((_, run), dialect) =
        all.into_iter().find(|((task, _), dialect)| format!("guard::{task}::{dialect}") == name)?;
    Some(run(cases, dialect).inspect_err(|error| eprintln!("{error}")))
}

/// The programs of the corpus and their packets.
fn corpus(cases: &[Case], dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new(&BATCHES);
    let start = Instant::now();
    for case in cases.iter().filter(|case| case.dialects.contains(&dialect) && case.program.len() < 1000) {
        let Ok(verified) = case.program.verify(dialect) else { continue };
        let samples = case.packets.iter().map(Sample::whole).filter(|sample| sample.data.len() < 4096);
        judge.filter(&verified, &samples.take(3).collect::<Vec<_>>()).map_err(|e| format!("{}: {e}", case.name))?;
        if start.elapsed() > TIME * 3 {
            break;
        }
    }
    Ok(())
}

/// Random programs, and packets that are made for them.
fn random(_cases: &[Case], dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new(&BATCHES);
    each_random(|u| {
        let Ok((program, samples)) = generate::program_and_samples(u, dialect) else { return Ok(()) };
        let Ok(verified) = program.verify(dialect) else { return Ok(()) };
        judge.filter(&verified, &samples[..samples.len().min(2)])
    })
}

/// Sets of random programs: the first match, all matches, and batches.
fn sets(_cases: &[Case], dialect: Dialect) -> Result<(), String> {
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
                            return Err(format!("a batch of {size} has not {expected:?}"));
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
    let (start, mut state) = (Instant::now(), 0x6775_6172_6400_u64);
    while start.elapsed() < TIME {
        try_one(&mut Unstructured::new(&random::random_bytes(&mut state)))?;
    }
    Ok(())
}
