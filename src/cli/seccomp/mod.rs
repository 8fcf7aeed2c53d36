//! `cbpf seccomp`: system call filters.

mod asm_and_disasm;
mod audit;
mod diff;
mod emulate;
mod explain;
mod merge;

use std::path::{Path, PathBuf};

use cbpf::seccomp::{Action, AnalysisError, Arch, Architectures, Calls, SeccompData};
use cbpf::text::Form;
use cbpf::{Dialect, Program, Verified};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::capture::input_name;
use crate::cli::failure::Failure;
use crate::cli::input::{input_once, read_bytes};

/// Emulate, explain, compare, audit, merge, disassemble and assemble system call filters
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp emulate -p policy.bpf write 3
  cbpf seccomp explain policy.bpf")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Emulate(emulate::Arguments),
    Explain(explain::Arguments),
    Diff(diff::Arguments),
    Audit(audit::Arguments),
    Merge(merge::Arguments),
    Disasm(asm_and_disasm::Disassemble),
    Asm(asm_and_disasm::Assemble),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Emulate(arguments) => emulate::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Merge(arguments) => merge::run(arguments),
        Command::Disasm(arguments) => asm_and_disasm::disassemble(arguments),
        Command::Asm(arguments) => asm_and_disasm::assemble(arguments),
    }
}

/// The architecture of the system calls.
#[derive(Args)]
pub struct ArchArgument {
    /// Use the system calls and the byte order of this architecture: x86_64, i386, aarch64, arm, s390x, ppc64le, mips,
    /// riscv64, ... [default: that of this machine]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl ArchArgument {
    pub fn get(&self) -> Arch {
        self.arch.or_else(Arch::host).unwrap_or(Arch::X86_64)
    }

    /// Returns the bytes that prctl and seccomp-tools take on the architecture.
    fn raw_form(&self) -> Form {
        if self.get().is_big_endian() { Form::RawBigEndian } else { Form::Raw }
    }

    /// Returns the architecture of a filter in this form. That of a big-endian filter is unknown if --arch is not given
    /// and this machine is little-endian.
    fn of(&self, form: Form) -> Arch {
        match self.get() {
            arch if self.arch.is_none() && form == Form::RawBigEndian && !arch.is_big_endian() => Arch(0),
            arch => arch,
        }
    }

    /// Reads a filter in any form; the architecture determines the names of calls and the halves of arguments.
    pub fn read(&self, path: &Path) -> Result<(Program, Form), Failure> {
        let bytes = read_bytes(path)?;
        let form = Form::detect(&bytes);
        let program = match str::from_utf8(&bytes) {
            Ok(text) if form == Form::Seccomp => {
                // A filter for another architecture may name calls that this one lacks.
                Program::parse_seccomp(text, self.get()).or_else(|error| Program::parse(&bytes).map_err(|_| error))
            }
            _ => Program::parse(&bytes),
        };
        program.map(|program| (program, form)).map_err(|error| Failure::of_file(path, error))
    }

    /// Reads and verifies a filter in any form.
    fn verified(&self, path: &Path) -> Result<Verified, Failure> {
        self.read(path)?.0.verify(Dialect::Seccomp).map_err(|error| Failure::of_file(path, error))
    }

    /// Reads and verifies filters in any form.
    fn stack(&self, paths: &[PathBuf]) -> Result<Vec<Verified>, Failure> {
        paths.iter().map(|path| self.verified(path)).collect()
    }
}

/// A stack of filters.
#[derive(Args)]
pub struct StackArguments {
    /// Files with the filters, in any form and in the order in which they are installed; - for standard input
    #[arg(required = true, value_name = "PROGRAM")]
    programs: Vec<PathBuf>,

    #[command(flatten)]
    arch: ArchArgument,
}

impl StackArguments {
    /// Reads and verifies the filters, and analyses them.
    fn analyse<T>(&self, analysis: impl FnOnce(&[Verified]) -> Result<T, AnalysisError>) -> Result<T, Failure> {
        input_once(self.programs.iter().map(PathBuf::as_path))?;
        let stack = self.arch.stack(&self.programs)?;
        analysis(&stack).map_err(|error| failure(&self.paths(), &error))
    }

    fn paths(&self) -> Vec<&PathBuf> {
        self.programs.iter().collect()
    }
}

/// Returns the failure of an analysis, which names the file of a filter.
fn failure(paths: &[&PathBuf], error: &AnalysisError) -> Failure {
    let of_filter = |filter: usize, error: &dyn std::fmt::Display| match paths.get(filter) {
        Some(path) => format!("{}: {error}", input_name(path)),
        None => error.to_string(),
    };
    match *error {
        AnalysisError::TooComplex { filter, pc } => Failure::Unknown(of_filter(
            filter,
            &format_args!("the filter is too complex to be analysed: the limit is exceeded at instruction {pc}"),
        )),
        AnalysisError::TooComplexTogether => Failure::Unknown(error.to_string()),
        AnalysisError::Dialect { filter, .. } => Failure::Failed(of_filter(filter, error)),
        _ => Failure::Failed(error.to_string()),
    }
}

/// Returns the JSON of an action.
fn action_json(action: Action) -> Value {
    json!({ "action": action.to_string(), "verdict": u32::from(action) })
}

/// Returns the JSON of calls: their names, and the ranges of their numbers.
fn calls_json(calls: &Calls, presumed: Option<Arch>) -> Value {
    let ranges: Vec<[u32; 2]> = calls.ranges().iter().map(|range| [*range.start(), *range.end()]).collect();
    let names = if calls.is_rest() { None } else { Some(calls.names(presumed)) };
    json!({ "names": names, "ranges": ranges, "is_rest": calls.is_rest() })
}

/// Returns the JSON of architectures.
fn architectures_json(architectures: &Architectures) -> Value {
    json!({
        "text": architectures.to_string(),
        "arch": architectures.single().map(|arch| arch.0),
        "is_x32": architectures.is_x32(),
    })
}

/// Returns the JSON of a call.
fn call_json(call: &SeccompData) -> Value {
    json!({
        "text": call.to_string(),
        "nr": call.nr,
        "name": call.arch.syscall_name(call.nr),
        "arch": call.arch.0,
        "instruction_pointer": call.instruction_pointer,
        "args": call.args,
    })
}
