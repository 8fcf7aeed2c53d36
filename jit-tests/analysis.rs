//! Random filters of system calls: what the analysis says of them against the interpreter.

use arbitrary::{Result, Unstructured};
use cbpf::bpf::{AluOp, RawInstruction, Verified};
use cbpf::prove::{self, Proof};
use cbpf::seccomp::{self, Action, AnalysisError, Arch, Difference, Explanation, Options, SeccompData};
use cbpf::{Dialect, Instruction, Program};
use libtest_mimic::{Failed, Trial};

use crate::{generate, random};

/// The architectures of random policies: 64 and 32 bits, both byte orders.
const ARCHES: [Arch; 4] = [Arch::X86_64, Arch(0x4000_0003), Arch(0x8000_0016), Arch::AARCH64];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("analysis::merged_policies", || random::each_program(merged_policies)),
        Trial::test("analysis::merged_programs", || random::each_program(merged_programs)),
        Trial::test("analysis::explained_policies", || random::each_program(explained_policies)),
        Trial::test("analysis::explained_programs", || random::each_program(explained_programs)),
        Trial::test("analysis::differences", || random::each_program(differences)),
    ]
}

/// The steps that the analysis of a random program may take: a small part of those of policies, for slow machines.
const STEPS: usize = 100_000;

/// The opcode of `ret a`.
const RETURN_A: u16 = 0x16;

type Outcome = std::result::Result<(), Failed>;

fn merged_policies(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let stack = (0..u.int_in_range(1..=4)?).map(|_| policy(u)).collect::<Result<Vec<Verified>>>()?;
    let merged = seccomp::merge(&stack).map_err(|error| format!("{error}: {}", shown(&stack)))?;
    agrees(u, &stack, &merged)
}

/// Random programs may be too complex, but no result may be wrong. A computed verdict is mostly too complex, so most of
/// them return a constant.
fn merged_programs(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let programs = (0..u.int_in_range(1..=2)?).map(|_| generate::program(u, Dialect::Seccomp));
    let programs = programs.collect::<Result<Vec<Program>>>()?;
    let keeps_computed = u.ratio(1, 8)?;
    let constant = |(pc, raw): (usize, &RawInstruction)| match raw.code {
        RETURN_A if !keeps_computed => {
            let action = [Action::Allow, Action::Errno(1), Action::KillProcess, Action::Log][pc % 4];
            Instruction::ReturnConstant { verdict: action.into() }.into()
        }
        _ => *raw,
    };
    let constant = |program: &Program| program.instructions().iter().enumerate().map(constant).collect::<Program>();
    let verified = |program: &Program| constant(program).verify(Dialect::Seccomp).ok();
    let stack: Vec<Verified> = programs.iter().filter_map(verified).collect();
    match Options::new().max_steps(STEPS).merge(&stack) {
        Ok(merged) => agrees(u, &stack, &merged),
        Err(AnalysisError::NotProven) => Err(format!("not proven: {}", shown(&stack)).into()),
        Err(_) => Ok(()),
    }
}

fn explained_policies(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let stack = (0..u.int_in_range(1..=3)?).map(|_| policy(u)).collect::<Result<Vec<Verified>>>()?;
    let explanation = seccomp::explain(&stack).map_err(|error| format!("{error}: {}", shown(&stack)))?;
    is_explained(u, &stack, &explanation)
}

fn explained_programs(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let Ok(verified) = generate::program(u, Dialect::Seccomp)?.verify(Dialect::Seccomp) else { return Ok(()) };
    let stack = [verified];
    Options::new().max_steps(STEPS).explain(&stack).map_or(Ok(()), |explanation| is_explained(u, &stack, &explanation))
}

/// The explanation has the action of the kernel, by the condition of one rule of one section.
fn is_explained(u: &mut Unstructured, stack: &[Verified], explanation: &Explanation) -> Outcome {
    explanation.to_string();
    for _ in 0..40 {
        let call = call(u)?;
        let expected = action(stack, &call);
        let mut sections = explanation.sections.iter().filter(|section| section.architectures.contains(&call));
        let (Some(section), None) = (sections.next(), sections.next()) else {
            return Err(format!("no section, or more than one, for {call:?}").into());
        };
        let rules = section.rules.iter().filter(|rule| rule.calls.contains(call.nr));
        let holds: Vec<_> = rules.map(|rule| (rule.action, rule.condition.matches(&call))).collect();
        let is_right = match explanation.action(&call) {
            Some(action) => action == expected && holds.iter().filter(|(_, holds)| *holds == Some(true)).count() == 1,
            None => holds.iter().any(|(action, holds)| *action == expected && holds.is_none()),
        };
        if !is_right {
            return Err(format!("{holds:?} instead of {expected} for {call:?}: {}\n{explanation}", shown(stack)).into());
        }
    }
    Ok(())
}

/// A policy and the same with one instruction changed.
fn differences(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let before = policy(u)?;
    let mut instructions = before.program().instructions().to_vec();
    let place = u.int_in_range(0..=instructions.len() - 1)?;
    let changed = &mut instructions[place];
    match u.int_in_range(0..=3)? {
        0 => changed.k ^= 1,
        1 => changed.k = number(u)?,
        2 => std::mem::swap(&mut changed.jt, &mut changed.jf),
        _ => changed.k ^= 1 << u.int_in_range(0..=31)?,
    }
    let Ok(after) = Program::new(instructions).verify(Dialect::Seccomp) else { return Ok(()) };
    let (before, after) = ([before], [after]);
    let differences = seccomp::diff(&before, &after).map_err(|error| format!("{error}: {}", shown(&before)))?;
    let context = || format!("{differences:#?}\n{}{}", shown(&before), shown(&after));
    // The prover works with other variables, and knows no actions beyond those of one filter.
    match prove::equivalent(&before[0], &after[0])? {
        Proof::Unknown(_) => {}
        proof if proof.holds() == differences.is_empty() => {}
        proof => return Err(format!("{proof:?}: {}", context()).into()),
    }
    for difference in &differences {
        let example = difference.example.ok_or_else(|| format!("no example: {}", context()))?;
        let is_right = difference.calls.contains(example.nr)
            && difference.architectures.contains(&example)
            && difference.condition.matches(&example) != Some(false)
            && action(&before, &example) == difference.before
            && action(&after, &example) == difference.after
            && difference.before != difference.after;
        if !is_right {
            return Err(format!("wrong: {difference:?}: {}", context()).into());
        }
    }
    for _ in 0..60 {
        let call = call(u)?;
        let actions = (action(&before, &call), action(&after, &call));
        let is_of = |difference: &&Difference| {
            let is_call = difference.architectures.contains(&call) && difference.calls.contains(call.nr);
            is_call && difference.condition.matches(&call) != Some(false)
        };
        let found =
            differences.iter().find(|difference| is_of(difference) && (difference.before, difference.after) == actions);
        if found.is_none() != (actions.0 == actions.1) {
            return Err(format!("{actions:?} for {call:?}: {}", context()).into());
        }
    }
    Ok(())
}

fn agrees(u: &mut Unstructured, stack: &[Verified], merged: &Verified) -> Outcome {
    for _ in 0..40 {
        let call = call(u)?;
        let (expected, got) = (action(stack, &call), merged.interpret_seccomp(&call));
        if got != Some(expected) {
            return Err(format!("{got:?} instead of {expected} for {call:?}: {}", shown(stack)).into());
        }
    }
    Ok(())
}

fn shown(stack: &[Verified]) -> String {
    stack.iter().map(|filter| format!("\n{}", filter.program())).collect()
}

/// Returns the kernel's action for filters, oldest first.
fn action(stack: &[Verified], call: &SeccompData) -> Action {
    Action::strictest(stack.iter().rev().filter_map(|filter| filter.interpret_seccomp(call)))
}

/// Returns a call whose numbers are those of random policies.
fn call(u: &mut Unstructured) -> Result<SeccompData> {
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from(number(u)?) << 32 | u64::from(number(u)?);
    }
    let arch = if u.ratio(1, 8)? { Arch(number(u)?) } else { *u.choose(&ARCHES)? };
    Ok(SeccompData { nr: call_number(u)? as i32, arch, instruction_pointer: number(u)?.into(), args })
}

fn call_number(u: &mut Unstructured) -> Result<u32> {
    let small = u.int_in_range(0..=15_u32)?;
    Ok(match u.int_in_range(0..=7)? {
        0..=4 => small,
        5 => small | 0x4000_0000,
        6 => small.wrapping_neg(),
        _ => u.arbitrary()?,
    })
}

fn number(u: &mut Unstructured) -> Result<u32> {
    let small = u.int_in_range(0..=3_u32)?;
    Ok(match u.int_in_range(0..=6)? {
        0..=3 => small,
        4 => small << 30,
        5 => small.wrapping_neg(),
        _ => u.arbitrary()?,
    })
}

/// Returns a policy as they are written: sections for architectures, and in each rules for calls and arguments.
fn policy(u: &mut Unstructured) -> Result<Verified> {
    let mut builder = Program::builder();
    let mut label = 0;
    let mut next = || {
        label += 1;
        format!("next {label}")
    };
    for _ in 0..u.int_in_range(1..=2)? {
        let other = next();
        if u.ratio(7, 8)? {
            builder = builder.load_word(4).jump_if_ne(u.choose(&ARCHES)?.0, &other);
        }
        if u.ratio(1, 3)? {
            let native = next();
            builder = builder.load_word(0).jump_if_lt(0x4000_0000, &native).ret(action_of(u)?.into()).label(&native);
        }
        for _ in 0..u.int_in_range(0..=8)? {
            let no = next();
            builder = builder.load_word(0);
            builder = match u.int_in_range(0..=5)? {
                0 => builder.jump_if_gt(call_number(u)?, &no),
                1 => builder.jump_if_lt(call_number(u)?, &no),
                _ => builder.jump_if_ne(call_number(u)?, &no),
            };
            for _ in 0..u.int_in_range(0..=2)? {
                builder = builder.load_word(8 + 4 * u.int_in_range(0..=13)?);
                if u.ratio(1, 3)? {
                    builder = builder.alu(AluOp::And, number(u)?);
                }
                let k = number(u)?;
                builder = match u.int_in_range(0..=5)? {
                    0 => builder.jump_if_ne(k, &no),
                    1 => builder.jump_if_eq(k, &no),
                    2 => builder.jump_if_gt(k, &no),
                    3 => builder.jump_if_ge(k, &no),
                    4 => builder.jump_if_lt(k, &no),
                    _ => builder.jump_if_set(k, &no),
                };
            }
            builder = builder.ret(action_of(u)?.into()).label(&no);
        }
        if u.ratio(1, 2)? {
            builder = builder.ret(action_of(u)?.into());
        }
        builder = builder.label(&other);
    }
    let program = builder.ret(action_of(u)?.into()).build().unwrap_or_default();
    program.verify(Dialect::Seccomp).map_err(|_| arbitrary::Error::IncorrectFormat)
}

fn action_of(u: &mut Unstructured) -> Result<Action> {
    Ok(match u.int_in_range(0..=12)? {
        0..=3 => Action::Allow,
        4..=6 => Action::Errno(u.int_in_range(0..=2)?),
        7 => Action::Trap(u.int_in_range(0..=1)?),
        8 => Action::KillThread,
        9 => Action::KillProcess,
        10 => Action::Log,
        11 => Action::Trace(u.int_in_range(0..=1)?),
        _ => Action::Unknown(0x0001_0000 | u32::from(u.arbitrary::<bool>()?)),
    })
}
