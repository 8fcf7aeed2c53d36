//! Proofs against the interpreter: what is proven equal is equal on all packets that are tried, and each packet on
//! which programs are said to differ shows it.

use arbitrary::Unstructured;
use cbpf::bpf::RawInstruction;
use cbpf::debug::HaltReason;
use cbpf::prove::{Options, Proof};
use cbpf::{Dialect, Program, Verified};
use libtest_mimic::{Failed, Trial};

use crate::case::Sample;
use crate::{generate, random};

/// The number of packets for each proof.
const PACKETS: usize = 24;

/// Bounds that keep a question below some milliseconds.
const NODES: usize = 1 << 14;
const CONFLICTS: u64 = 200;

pub fn trials() -> Vec<Trial> {
    let of = |&dialect: &Dialect| {
        Trial::test(format!("prove::random::{dialect}"), move || {
            random::each_program(|bytes| Ok(check(&mut Unstructured::new(bytes), dialect)?))
        })
    };
    Dialect::ALL.iter().map(of).collect()
}

/// Compares a random program with itself, optimised, and with one that differs in an instruction.
pub fn check(u: &mut Unstructured, dialect: Dialect) -> Result<(), Failed> {
    let program = generate::program(u, dialect)?;
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let other = changed(&program, u)?;
    let optimized = program.optimize(dialect)?.verify(dialect)?;
    let mut samples = Vec::new();
    for _ in 0..PACKETS {
        samples.push(generate::sample(u, dialect)?);
    }
    for (truncated, verdicts) in [(false, false), (true, true), (true, false)] {
        // The data of system calls is never truncated.
        if truncated && dialect == Dialect::Seccomp {
            continue;
        }
        let bounds = Options::new().max_nodes(NODES).max_conflicts(CONFLICTS);
        let options = bounds.truncated(truncated).verdicts(verdicts);
        let proof = options.equivalent(&verified, &optimized)?;
        if let Proof::Fails(_) = proof {
            return Err(format!("{proof:?} of\n{program}and its optimised form\n{}", optimized.program()).into());
        }
        let Ok(other) = other.verify(dialect) else { continue };
        let proof = options.equivalent(&verified, &other)?;
        is_confirmed(&proof, [&verified, &other], &samples, truncated, verdicts)
            .map_err(|error| format!("{error}:\n{program}and\n{}", other.program()))?;
    }
    Ok(())
}

/// Returns the program with another constant, other jumps, or another opcode in one instruction.
fn changed(program: &Program, u: &mut Unstructured) -> arbitrary::Result<Program> {
    let mut instructions = program.instructions().to_vec();
    let at = u.choose_index(instructions.len())?;
    let RawInstruction { code, jt, jf, k } = &mut instructions[at];
    match u.int_in_range(0..=4)? {
        0 => *k ^= 1 << u.int_in_range(0..=31)?,
        1 => *k = k.wrapping_add(1),
        2 => core::mem::swap(jt, jf),
        3 => *code ^= 0x10,
        _ => *code ^= 0x8,
    }
    Ok(Program::new(instructions))
}

/// Checks an answer on packets.
fn is_confirmed(
    proof: &Proof,
    programs: [&Verified; 2],
    samples: &[Sample],
    truncated: bool,
    verdicts: bool,
) -> Result<(), String> {
    let differ = |[first, second]: [u32; 2]| match programs[0].dialect() {
        Dialect::Seccomp => cbpf::seccomp::Action::from(first) != cbpf::seccomp::Action::from(second),
        _ if verdicts => first != second,
        _ => (first != 0) != (second != 0),
    };
    match proof {
        Proof::Fails(witness) => {
            let found = programs.map(|program| program.interpret(witness.packet()));
            let is_right = differ(found) && found == *witness.verdicts();
            if is_right { Ok(()) } else { Err(format!("the verdicts are {found:?} on {witness:?}")) }
        }
        Proof::Holds => samples.iter().try_for_each(|sample| {
            let ends = programs.map(|program| program.trace(sample.packet()).end());
            let is_short = ends.iter().any(|end| matches!(end, Err(HaltReason::OutOfBounds { .. })));
            let found = ends.map(|end| end.unwrap_or_else(HaltReason::verdict));
            if (truncated || !is_short) && differ(found) {
                return Err(format!("proven to be equal, but the verdicts are {found:?} on {sample:?}"));
            }
            Ok(())
        }),
        Proof::Unknown(_) => Ok(()),
    }
}
