//! Random policies in the kernel: real system calls under stacks of filters return what the emulation predicts.

use std::ffi::c_long;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use cbpf::bpf::RawInstruction;
use cbpf::seccomp::{self, Action, Arch, SeccompData};
use cbpf::{Dialect, Filter, Instruction, Program, Verified};
use libtest_mimic::{Failed, Trial};

use crate::confined::{self, Task};
use crate::engine::{self, Engine};
use crate::seccomp::KernelSeccomp;
use crate::{case, generate, random};

/// Calls without effect that touch no memory: they return a number, or fail because their first argument is no file.
pub const CALLS: [c_long; 11] = [
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_fsync,
    libc::SYS_fchdir,
    libc::SYS_ftruncate,
];

/// The number of stacks, at most, and the time limit.
const STACKS: usize = 400;
const TIME: Duration = Duration::from_secs(5);

/// The error number of calls whose tracer or listener is missing.
const ENOSYS: i64 = 38;

/// The signal with which a filter kills.
const SIGSYS: i32 = 31;

pub fn trials() -> Vec<Trial> {
    let is_missing = !KernelSeccomp.is_available();
    vec![
        Trial::test("policies::real_calls", real_calls).with_ignored_flag(is_missing),
        Trial::test("policies::any_programs", any_programs).with_ignored_flag(is_missing),
        Trial::test("policies::every_opcode", every_opcode).with_ignored_flag(is_missing),
        Trial::test("policies::merged_stacks", merged_stacks).with_ignored_flag(is_missing),
        Trial::test("policies::merged_corpus", merged_corpus).with_ignored_flag(is_missing),
    ]
}

/// Calls `try_one` with random bytes, the same ones at every run.
fn each(try_one: impl Fn(&mut Unstructured) -> std::result::Result<(), Failed>) -> std::result::Result<(), Failed> {
    random::each(STACKS, TIME, |bytes| try_one(&mut Unstructured::new(bytes)))
}

/// Makes calls under one to three filters, oldest first.
fn real_calls() -> std::result::Result<(), Failed> {
    each(|u| {
        let filters = (0..u.int_in_range(1..=3)?).map(|_| policy(u)).collect::<Result<Vec<Program>>>()?;
        let calls = (0..12).map(|_| call(u)).collect::<Result<Vec<SeccompData>>>()?;
        let unconfined = confined::run(Task::Stack, &[], &calls)?;
        let confined = confined::run(Task::Stack, &filters, &calls)?;
        let shown = || filters.iter().map(|filter| filter.print_seccomp(Arch::X86_64)).collect::<String>();
        let mut results = confined.results.iter();
        for (call, natural) in calls.iter().zip(unconfined.results) {
            let action = emulate(&filters, call)?;
            let expected = match action {
                // Another process has another number.
                Action::Allow | Action::Log if is_of_process(call) => None,
                Action::Allow | Action::Log => Some(natural),
                Action::Errno(_) => action.errno().map(|errno| -i64::from(errno)),
                Action::Trace(_) | Action::UserNotify => Some(-ENOSYS),
                _ => {
                    let died = results.next().is_none() && confined.status.signal() == Some(SIGSYS);
                    let context =
                        || format!("{action}, but {:?} of {call:?} under\n{}", confined.status, shown()).into();
                    return if died { Ok(()) } else { Err(context()) };
                }
            };
            let got = results.next();
            if got.is_none() || expected.is_some() && got != expected.as_ref() {
                return Err(
                    format!("{action}, but {got:?} instead of {expected:?} for {call:?} under\n{}", shown()).into()
                );
            }
        }
        if confined.status.success() { Ok(()) } else { Err(format!("{:?} under\n{}", confined.status, shown()).into()) }
    })
}

fn is_of_process(call: &SeccompData) -> bool {
    [libc::SYS_getpid, libc::SYS_getppid].contains(&call.nr.into())
}

/// Returns the action of the filters, oldest first, on which both engines agree.
fn emulate(filters: &[Program], call: &SeccompData) -> std::result::Result<Action, Failed> {
    let mut actions = Vec::new();
    for filter in filters.iter().rev() {
        let verified = filter.verify(Dialect::Seccomp)?;
        let action = verified.interpret_seccomp(call).ok_or("no filter of system calls")?;
        if Filter::compile(&verified)?.run_seccomp(call) != Some(action) {
            return Err(format!("the JIT's action on {call:?} is not {action}:\n{filter}").into());
        }
        actions.push(action);
    }
    Ok(Action::strictest(actions))
}

fn call(u: &mut Unstructured) -> Result<SeccompData> {
    let nr = *u.choose(&CALLS)?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = value(u)?;
    }
    // No file descriptor has this number.
    args[0] |= 0xffff_ffff_8000_0000;
    Ok(SeccompData { nr: nr as i32, arch: Arch::host().unwrap_or_default(), instruction_pointer: 0, args })
}

/// Returns a small number, its negative, or one with a few bits in each half.
fn value(u: &mut Unstructured) -> Result<u64> {
    let small = u.int_in_range(0..=3_u64)?;
    Ok(match u.int_in_range(0..=2)? {
        0 => small,
        1 => small.wrapping_neg(),
        _ => small << 32 | u.int_in_range(0..=3)?,
    })
}

/// Returns rules about the calls of [`CALLS`]: tests of arguments, and an action. All other calls are allowed.
fn policy(u: &mut Unstructured) -> Result<Program> {
    let arch = Arch::host().unwrap_or_default();
    let mut builder =
        Program::builder().load_word(4).jump_if_eq(arch.0, "native").ret(Action::KillProcess.into()).label("native");
    for rule in 0..u.int_in_range(1..=12)? {
        let next = format!("rule {rule} does not apply");
        builder = builder.load_word(0).jump_if_ne(*u.choose(&CALLS)? as u32, &next);
        for _ in 0..u.int_in_range(0..=2)? {
            builder = builder.load_word(16 + 4 * u.int_in_range(0..=11)?);
            let k = value(u)? as u32;
            builder = match u.int_in_range(0..=4)? {
                0 => builder.jump_if_ne(k, &next),
                1 => builder.jump_if_eq(k, &next),
                2 => builder.jump_if_gt(k, &next),
                3 => builder.jump_if_ge(k, &next),
                _ => builder.jump_if_set(k, &next),
            };
        }
        builder = builder.ret(action(u)?.into()).label(&next);
    }
    Ok(builder.ret(Action::Allow.into()).build().unwrap_or_default())
}

/// Returns an action, which the process mostly survives.
fn action(u: &mut Unstructured) -> Result<Action> {
    let data = if u.arbitrary()? { u.int_in_range(0..=130)? } else { u.arbitrary()? };
    Ok(match u.int_in_range(0..=40)? {
        0..=20 => Action::Errno(data),
        21..=26 => Action::Allow,
        27..=31 => Action::Trace(data),
        32..=36 => Action::UserNotify,
        37 => Action::Trap(data),
        38 => Action::KillThread,
        39 => Action::KillProcess,
        _ => Action::Unknown(u32::from(data) << 16 | 0x0001_0001),
    })
}

/// Runs random programs on random calls, and compares all 32 bits of their verdicts.
fn any_programs() -> std::result::Result<(), Failed> {
    each(|u| {
        let program = without_instruction_pointer(&generate::program(u, Dialect::Seccomp)?);
        let sample = generate::sample(u, Dialect::Seccomp)?;
        let mut data = SeccompData::from_bytes(&sample.data.try_into().map_err(|_| "not 64 bytes")?);
        data.arch = Arch::host().unwrap_or_default();
        data.instruction_pointer = 0;
        let (Ok(verified), bytes) = (program.verify(Dialect::Seccomp), data.to_bytes()) else { return Ok(()) };
        let packet = (&bytes).into();
        let expected = verified.interpret(packet);
        if !KernelSeccomp.takes(&packet) {
            return Ok(());
        }
        match engine::judge(&KernelSeccomp, &verified, &packet, expected) {
            None => Ok(()),
            Some(got) => Err(format!("{got}:\n{}", case::write(&program, Dialect::Seccomp, &packet, expected)).into()),
        }
    })
}

/// Makes calls under random stacks, and under the filters that these are merged to.
fn merged_stacks() -> std::result::Result<(), Failed> {
    each(|u| {
        let filters = (0..u.int_in_range(1..=3)?).map(|_| policy(u)).collect::<Result<Vec<Program>>>()?;
        let verified = filters.iter().map(|filter| filter.verify(Dialect::Seccomp));
        let merged = seccomp::merge(&verified.collect::<std::result::Result<Vec<Verified>, _>>()?)?;
        let calls = (0..12).map(|_| call(u)).collect::<Result<Vec<SeccompData>>>()?;
        let of_stack = confined::run(Task::Stack, &filters, &calls)?;
        let of_merged = confined::run(Task::Stack, std::slice::from_ref(merged.program()), &calls)?;
        // Another process has another number.
        let is_same = |((call, a), b): ((&SeccompData, &i64), &i64)| a == b || is_of_process(call) && *a > 0 && *b > 0;
        let mut pairs = calls.iter().zip(&of_stack.results).zip(&of_merged.results);
        let is_equal = of_stack.status.signal() == of_merged.status.signal()
            && of_stack.results.len() == of_merged.results.len()
            && pairs.all(is_same);
        if is_equal {
            return Ok(());
        }
        let shown = filters.iter().map(|filter| filter.print_seccomp(Arch::X86_64)).collect::<String>();
        let results = format!("{:?} and merged {:?}", of_stack.results, of_merged.results);
        Err(format!("{results} for {calls:?} under\n{shown}merged\n{}", merged.program()).into())
    })
}

/// The kernel agrees on all 32 bits of the verdicts of the policies of systemd and Docker, merged to one filter.
fn merged_corpus() -> std::result::Result<(), Failed> {
    let stacks: [&[&str]; 3] = [
        &["systemd_system_service", "systemd_memory_deny_write_execute", "systemd_restrict_namespaces"],
        &["systemd_system_service", "systemd_system_service_i386", "systemd_system_service_x32"],
        &["docker_default", "systemd_restrict_suid_sgid"],
    ];
    for names in stacks {
        let filters = names.iter().map(|name| {
            let path = format!("{}/jit-tests/cases/policies/{name}.asm", env!("CARGO_MANIFEST_DIR"));
            Ok(Program::parse(&std::fs::read(path)?)?.verify(Dialect::Seccomp)?)
        });
        let filters = filters.collect::<std::result::Result<Vec<Verified>, Failed>>()?;
        let merged = seccomp::merge(&filters)?;
        for nr in [0, 1, 9, 10, 30, 56, 59, 101, 135, 165, 272, 308, 329, 435, 450, 0x4000_0009] {
            for args in [[0, 0, 0, 0, 0, 0], [0x1000_0000, 0o4755, 7, 0o4755, 0, 0], [u64::MAX, 8 << 32, 6, 0, 0, 0]] {
                let arch = Arch::host().unwrap_or_default();
                let bytes = SeccompData { nr, arch, instruction_pointer: 0, args }.to_bytes();
                let verdicts = filters.iter().rev().map(|filter| Action::from(filter.interpret(&bytes)));
                let expected = u32::from(Action::strictest(verdicts));
                if let Some(got) = engine::judge(&KernelSeccomp, &merged, &(&bytes).into(), expected) {
                    return Err(format!("{got} for call {nr} with {args:?}: {names:?}").into());
                }
            }
        }
    }
    Ok(())
}

/// Replaces loads of the instruction pointer by loads of an argument.
fn without_instruction_pointer(program: &Program) -> Program {
    let moved = |raw: &RawInstruction| match (raw.code, raw.k) {
        (0x20, 8 | 12) => RawInstruction { k: raw.k + 8, ..*raw },
        _ => *raw,
    };
    program.instructions().iter().map(moved).collect()
}

/// The kernel and the verifier accept the same opcodes and offsets, here in unreachable instructions.
fn every_opcode() -> std::result::Result<(), Failed> {
    let numbers = [0, 1, 4, 15, 16, 18, 31, 32, 60, 64, 0xffff_f000];
    let allow = RawInstruction::from(Instruction::ReturnConstant { verdict: Action::Allow.into() });
    let instructions = (0..=0x1ff).chain([0xffff]).flat_map(|code| numbers.map(|k| RawInstruction::new(code, 0, 0, k)));
    let filters: Vec<Program> = instructions.map(|raw| Program::from_iter([allow, raw, allow])).collect();
    let outcome = confined::run(Task::Load, &filters, &[])?;
    if outcome.results.len() != filters.len() {
        return Err(format!("{} results, {:?}", outcome.results.len(), outcome.status).into());
    }
    for (filter, result) in filters.iter().zip(outcome.results) {
        let verified = filter.verify(Dialect::Seccomp);
        if verified.is_ok() != (result == 0) {
            return Err(
                format!("the kernel's result is {result}, the verifier's {:?}, for\n{filter}", verified.err()).into()
            );
        }
    }
    Ok(())
}
