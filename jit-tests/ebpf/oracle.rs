//! Properties of all programs at all hooks, on every machine: shared by the random trials and the fuzz target.

use cbpf::ebpf::{Action, EbpfError, Hook, Options};
use cbpf::packet::Extension;
use cbpf::{Dialect, Program, Verified};

use super::checker;
use super::user::Function;
use crate::case::{self, Sample};
use crate::oracle::may_load;

/// A program compiles for each hook or needs what the hook lacks, the checker accepts it, and a function has the
/// verdicts of the interpreter.
pub fn ebpf_agrees(program: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    Hook::ALL.iter().try_for_each(|&hook| is_sound(&verified, &verdicts(hook), false))?;
    is_sound(&verified, &Options::new(Hook::Xdp), false)?;
    let Some(function) = function(&verified)? else { return Ok(()) };
    for packet in samples.iter().map(Sample::packet) {
        let expected = verified.interpret(packet);
        let verdict = function.run(&packet);
        if verdict != Ok(expected.into()) {
            let case = case::write(program, dialect, &packet, expected);
            return Err(format!("the function gives {verdict:?}, and the interpreter:\n{case}"));
        }
    }
    Ok(())
}

/// Returns options for programs whose result is the verdict, where the hook takes any.
pub fn verdicts(hook: Hook) -> Options {
    match hook {
        Hook::CgroupSkb => Options::new(hook),
        _ => Options::new(hook).on_match(Action::Verdict).on_mismatch(Action::Return(0)),
    }
}

/// Compiles a program and checks it.
fn is_sound(verified: &Verified, options: &Options, is_direct: bool) -> Result<(), String> {
    match options.compile(verified) {
        Ok(compiled) => checker::check(&compiled, is_direct)
            .map_err(|error| format!("{}: {error}\n{compiled}{}", compiled.hook(), verified.program())),
        Err(_) if lacks(verified, options) => Ok(()),
        Err(error) => Err(format!("{error}\n{}", verified.program())),
    }
}

/// Returns the function of a program, unless it calls helpers.
fn function(verified: &Verified) -> Result<Option<Function>, String> {
    let options = Function::options();
    is_sound(verified, &options, true)?;
    let calls = [Extension::Cpu, Extension::Random].iter().any(|&it| may_load(verified.program(), it));
    match options.compile(verified) {
        Ok(compiled) if !calls => Ok(Some(Function::new(&compiled))),
        _ => Ok(None),
    }
}

/// Returns `true` if the compiler says that the hook of these options lacks what a program loads, and the hook does.
pub fn lacks(verified: &Verified, options: &Options) -> bool {
    match options.compile(verified) {
        Err(EbpfError::Ancillary { extension, hook, .. }) => !has(hook, extension),
        Err(EbpfError::HeaderRelative { .. }) => true,
        _ => false,
    }
}

/// Returns `true` if programs at a hook can find out what an ancillary load loads.
fn has(hook: Hook, extension: Extension) -> bool {
    match extension {
        Extension::Cpu | Extension::Random | Extension::XorX => true,
        Extension::InterfaceIndex | Extension::Queue => hook != Hook::Function,
        Extension::HardwareType
        | Extension::NetlinkAttribute
        | Extension::NestedNetlinkAttribute
        | Extension::PayloadOffset => false,
        _ => matches!(hook, Hook::Tc | Hook::CgroupSkb | Hook::Socket),
    }
}
