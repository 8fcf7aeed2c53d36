//! `cbpf seccomp disasm` and `asm`: programs in the notation of seccomp-tools.

use std::io::{Write, stdout};
use std::path::PathBuf;

use cbpf::{Form, Program};
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::{one_of, read_bytes, read_program};
use crate::cli::seccomp::ArchArgument;

/// Print a filter in the notation of seccomp-tools
///
/// System calls have their names on the architecture that the filter tests for, and where it tests for none, on --arch.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp disasm policy.bpf")]
pub struct Disassemble {
    /// File with the filter, in any form, or - for standard input
    program: PathBuf,

    #[command(flatten)]
    arch: ArchArgument,
}

pub fn disassemble(arguments: &Disassemble) -> Result<(), Failure> {
    let program = read_program(&arguments.program)?;
    Ok(stdout().write_all(program.print_seccomp(arguments.arch.get()).as_bytes())?)
}

/// Assemble a filter from the notation of seccomp-tools
///
/// Reads what `disasm` prints, and what people write: `A = sys_number`, `if (A == write) goto ok`, `ok: return ALLOW`.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp asm policy.asm > policy.bpf")]
pub struct Assemble {
    /// File with the filter, or - for standard input
    program: PathBuf,

    #[command(flatten)]
    arch: ArchArgument,

    /// The form to print; raw is what prctl and seccomp-tools take
    #[arg(long, value_name = "FORM", default_value_t = Form::Raw, value_parser = one_of(Form::ALL, Form::name))]
    to: Form,
}

pub fn assemble(arguments: &Assemble) -> Result<(), Failure> {
    let bytes = read_bytes(&arguments.program)?;
    let refuse = |error: &dyn std::fmt::Display| Failure::of_file(&arguments.program, error);
    let text = str::from_utf8(&bytes).map_err(|error| refuse(&error))?;
    let program = Program::parse_seccomp(text, arguments.arch.get()).map_err(|error| refuse(&error))?;
    Ok(stdout().write_all(&program.print(arguments.to))?)
}
