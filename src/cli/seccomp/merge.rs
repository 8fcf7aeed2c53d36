//! `cbpf seccomp merge`: one filter in place of a stack.

use std::path::PathBuf;

use cbpf::seccomp;
use clap::Args;

use crate::cli::failure::{Failure, say};
use crate::cli::output::{OutputForm, plain_form, write};
use crate::cli::print::counted;
use crate::cli::seccomp::StackArguments;

/// Print one filter with the action of a stack of filters
///
/// The result has the strictest action, and among equally strict ones that of the newest filter, as in the kernel. It is
/// proven equal to the stack, and finds a call by binary search. One filter is optimised.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp merge first.bpf second.bpf -o merged.bpf
  cbpf seccomp merge first.bpf second.bpf --to rust-const --name POLICY > src/policy.rs")]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,

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
    let form = arguments.to.unwrap_or(OutputForm::Classic(arguments.stack.arch.raw_form()));
    form.check_terminal(arguments.output.as_deref())?;
    let (merged, count, before) = arguments.stack.analyse(|stack| {
        let before: usize = stack.iter().map(|filter| filter.program().len()).sum();
        Ok((seccomp::merge(stack)?, stack.len(), before))
    })?;
    write(arguments.output.as_deref(), &form.plain(merged.program(), arguments.name.as_deref())?)?;
    let (before, after) =
        (counted(before as u64, "instruction"), counted(merged.program().len() as u64, "instruction"));
    say(format_args!("{}, {before}: merged to {after}, proven equal", counted(count as u64, "filter")));
    Ok(())
}
