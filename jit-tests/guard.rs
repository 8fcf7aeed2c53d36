//! Packets that end where a page begins that cannot be read, and that begin where such a page ends: whatever reads a byte
//! beside a packet ends the process. The test program starts itself again for each trial.

use std::process::Command;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::{BatchMatches, Dialect, Extension, Filter, FilterSet, Matches, Packet, Shape, Verified};
use libtest_mimic::{Failed, Trial};

use crate::case::Case;
use crate::generate::{self, Sample};
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

/// Memory with a page before it and a page behind it that cannot be read.
pub struct Guarded {
    start: NonNull<u8>,
    len: usize,
}

impl Guarded {
    /// No machine has larger pages.
    const PAGE: usize = 64 * 1024;

    /// Memory of at least `len` bytes.
    pub fn new(len: usize) -> Guarded {
        let len = len.max(1).next_multiple_of(Guarded::PAGE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a mapping in a place of its own.
        let all = unsafe { libc::mmap(ptr::null_mut(), len + 2 * Guarded::PAGE, libc::PROT_NONE, flags, -1, 0) };
        assert!(all != libc::MAP_FAILED, "no memory");
        // SAFETY: the middle of that mapping.
        let start = unsafe { all.cast::<u8>().add(Guarded::PAGE) };
        // SAFETY: as above.
        let outcome = unsafe { libc::mprotect(start.cast(), len, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(outcome, 0, "no memory");
        Guarded { start: NonNull::new(start).expect("not at 0"), len }
    }

    /// Puts bytes at the start of the memory, or at its end. What was there before is gone.
    pub fn put(&mut self, bytes: &[u8], is_at_end: bool) -> &[u8] {
        let at = if is_at_end { self.len - bytes.len() } else { 0 };
        // SAFETY: the memory is mapped, and nobody else has it.
        let memory = unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) };
        memory[at..at + bytes.len()].copy_from_slice(bytes);
        &memory[at..at + bytes.len()]
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made, which nobody has any more.
        unsafe { libc::munmap(self.start.as_ptr().sub(Guarded::PAGE).cast(), self.len + 2 * Guarded::PAGE) };
    }
}

/// What runs programs on packets that lie in guarded memory.
struct Judge {
    /// Two places, for the end and the start.
    memory: [Guarded; 2],
}

impl Judge {
    fn new() -> Judge {
        Judge { memory: [Guarded::new(Guarded::PAGE), Guarded::new(Guarded::PAGE)] }
    }

    /// Gives a sample, and what is left when its end is cut, in each place to `judge`.
    fn each(&mut self, sample: &Sample, mut judge: impl FnMut(&[Packet]) -> Result<(), String>) -> Result<(), String> {
        let len = sample.data.len();
        let cuts = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40].map(|cut| len.saturating_sub(cut));
        for captured in cuts.into_iter().chain([13, 14, 15, 33, 34, 1, 0]).filter(|&captured| captured <= len) {
            let [ends, begins] = &mut self.memory;
            let places = [ends.put(&sample.data[..captured], true), begins.put(&sample.data[..captured], false)];
            let packet = |data| Packet::new(data).with_wire_len(sample.wire_len).with_context(&sample.context);
            judge(&places.map(packet))?;
        }
        Ok(())
    }

    /// All shapes have the verdicts of the interpreter, one by one and in batches, and read nothing but the packets.
    fn filter(&mut self, verified: &Verified, samples: &[Sample]) -> Result<(), String> {
        for &shape in Shape::ALL {
            let filter = Filter::compile_as(verified, shape).map_err(|error| error.to_string())?;
            filter.prepare_batch().map_err(|error| error.to_string())?;
            for sample in samples {
                self.each(sample, |packets| {
                    let expected = verified.interpret(packets[0]);
                    for packet in packets {
                        if filter.run(*packet) != expected {
                            return Err(format!(
                                "{shape:?}: not {expected}, on {:02x?}:\n{}",
                                packet.data(),
                                verified.program()
                            ));
                        }
                    }
                    batches(&filter, verified, packets)
                })?;
            }
        }
        Ok(())
    }
}

/// Batches of one packet many times, so that what is fetched ahead lies beside it, too.
fn batches(filter: &Filter, verified: &Verified, packets: &[Packet]) -> Result<(), String> {
    // Without a seed, nobody knows what random numbers give.
    let instructions = verified.program().instructions();
    let draws = instructions.iter().any(|instruction| instruction.k == Extension::Random.offset());
    for packet in packets {
        let bare = if draws { *packet } else { Packet::new(packet.data()).with_wire_len(packet.wire_len()) };
        let whole = Packet::new(packet.data());
        for size in BATCHES {
            let mut verdicts = vec![0; size];
            for packet in [*packet, bare] {
                filter.run_batch(&vec![packet; size], &mut verdicts);
                is_all(&verdicts, verified.interpret(packet), verified)?;
            }
            if !draws {
                filter.run_batch(&vec![packet.data(); size], &mut verdicts);
                is_all(&verdicts, verified.interpret(whole), verified)?;
            }
        }
    }
    Ok(())
}

fn is_all(verdicts: &[u32], expected: u32, verified: &Verified) -> Result<(), String> {
    match verdicts.iter().find(|&&verdict| verdict != expected) {
        Some(verdict) => Err(format!("a batch has {verdict}, not {expected}:\n{}", verified.program())),
        None => Ok(()),
    }
}

/// The programs of the corpus and their packets.
fn corpus(cases: &[Case], dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new();
    let start = Instant::now();
    for case in cases.iter().filter(|case| case.dialects.contains(&dialect) && case.program.len() < 1000) {
        let Ok(verified) = case.program.verify(dialect) else { continue };
        let samples = case.packets.iter().map(Sample::whole).filter(|sample| sample.data.len() < 4096);
        judge
            .filter(&verified, &samples.map(seeded).take(3).collect::<Vec<_>>())
            .map_err(|e| format!("{}: {e}", case.name))?;
        if start.elapsed() > TIME * 3 {
            break;
        }
    }
    Ok(())
}

fn seeded(mut sample: Sample) -> Sample {
    sample.context.seed.get_or_insert(1);
    sample
}

/// Random programs, and packets that are made for them.
fn random(_cases: &[Case], dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new();
    each_random(|u| {
        let Ok((program, samples)) = generate::program_and_samples(u, dialect) else { return Ok(()) };
        let Ok(verified) = program.verify(dialect) else { return Ok(()) };
        judge.filter(&verified, &samples.into_iter().map(seeded).take(2).collect::<Vec<_>>())
    })
}

/// Sets of random programs: the first match, all matches, and batches.
fn sets(_cases: &[Case], dialect: Dialect) -> Result<(), String> {
    let mut judge = Judge::new();
    let (mut alone, mut together) = (Matches::new(), BatchMatches::new());
    each_random(|u| {
        let Ok((rules, samples)) = set::rules_and_samples(u, dialect) else { return Ok(()) };
        let set = FilterSet::new(rules.iter().cloned()).map_err(|error| error.to_string())?;
        for sample in samples.into_iter().map(seeded) {
            judge.each(&sample, |packets| {
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
