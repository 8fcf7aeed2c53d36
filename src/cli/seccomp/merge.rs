//! `cbpf seccomp merge`: one filter in place of a stack.

use std::path::PathBuf;

use cbpf::seccomp;
use cbpf::text::Form;
use clap::Args;

use crate::cli::failure::{Failure, say};
use crate::cli::input::input_once;
use crate::cli::output::{OutputForm, plain_form, write};
use crate::cli::print::counted;
use crate::cli::seccomp::{ArchArgument, failure};

/// Print one filter with the action of a stack of filters
///
/// The result has the strictest action, and among equally strict ones that of the newest filter, as in the kernel. It is
/// proven equal to the stack, and finds a call by binary search. One filter is optimised.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp merge first.bpf second.bpf -o merged.bpf
  cbpf seccomp merge first.bpf second.bpf --to rust-const --name POLICY > src/policy.rs")]
pub struct Arguments {
    /// Files with the filters, in any form and in the order in which they are installed; - for standard input
    #[arg(required = true, value_name = "PROGRAM")]
    programs: Vec<PathBuf>,

    #[command(flatten)]
    arch: ArchArgument,

    /// Print this form [default: the bytes that prctl and seccomp-tools take on --arch, raw or raw-be]
    #[arg(long, value_name = "FORM", value_parser = plain_form())]
    to: Option<OutputForm>,

    /// Name the constant of --to rust-const [default: CBPF_FILTER]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Write to this file, which is replaced only by a whole one [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    input_once(arguments.programs.iter().map(PathBuf::as_path))?;
    let raw = if arguments.arch.get().is_big_endian() { Form::RawBigEndian } else { Form::Raw };
    let form = arguments.to.unwrap_or(OutputForm::Classic(raw));
    form.check_terminal(arguments.output.as_deref())?;
    let stack = arguments.arch.stack(&arguments.programs)?;
    let paths: Vec<&PathBuf> = arguments.programs.iter().collect();
    let merged = seccomp::merge(&stack).map_err(|error| failure(&paths, &error))?;
    write(arguments.output.as_deref(), &form.plain(merged.program(), arguments.name.as_deref())?)?;
    let before: usize = stack.iter().map(|filter| filter.program().len()).sum();
    let (before, after) =
        (counted(before as u64, "instruction"), counted(merged.program().len() as u64, "instruction"));
    say(format_args!("{}, {before}: merged to {after}, proven equal", counted(stack.len() as u64, "filter")));
    Ok(())
}
