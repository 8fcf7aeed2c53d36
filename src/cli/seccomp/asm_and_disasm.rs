//! `cbpf seccomp disasm` and `asm`: print and read filters in the notation of seccomp-tools.

use std::path::PathBuf;

use cbpf::Program;
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::read_bytes;
use crate::cli::output::{OutputForm, plain_form};
use crate::cli::print::print;
use crate::cli::seccomp::ArchArgument;

/// Print a filter in the notation of seccomp-tools
///
/// Names system calls after the architecture that the filter tests for, or after --arch where it tests for none. On a
/// big-endian architecture, the upper half of an argument comes first. Raw filters may have either byte order.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp disasm policy.bpf")]
pub struct Disassemble {
    /// File with the filter, in any form; - for standard input
    program: PathBuf,

    #[command(flatten)]
    arch: ArchArgument,
}

pub fn disassemble(arguments: &Disassemble) -> Result<(), Failure> {
    let (program, form) = arguments.arch.read(&arguments.program)?;
    print(program.print_seccomp(arguments.arch.of(form)).as_bytes())
}

/// Assemble a filter from the notation of seccomp-tools
///
/// Accepts the output of `disasm`, and handwritten filters: `A = sys_number`, `if (A == write) goto ok`,
/// `ok: return ALLOW`.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp asm policy.asm > policy.bpf")]
pub struct Assemble {
    /// File with the filter; - for standard input
    program: PathBuf,

    #[command(flatten)]
    arch: ArchArgument,

    /// Print this form [default: the bytes that prctl and seccomp-tools take on --arch, raw or raw-be]
    #[arg(long, value_name = "FORM", value_parser = plain_form())]
    to: Option<OutputForm>,

    /// Name the constant of --to rust-const [default: CBPF_FILTER]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub fn assemble(arguments: &Assemble) -> Result<(), Failure> {
    let bytes = read_bytes(&arguments.program)?;
    let failed = |error: &dyn std::fmt::Display| Failure::of_file(&arguments.program, error);
    let text = str::from_utf8(&bytes).map_err(|error| failed(&format_args!("expected text: {error}")))?;
    let program = Program::parse_seccomp(text, arguments.arch.get()).map_err(|error| failed(&error))?;
    let form = arguments.to.unwrap_or(OutputForm::Classic(arguments.arch.raw_form()));
    print(&form.plain(&program, arguments.name.as_deref())?)
}
