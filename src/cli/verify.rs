//! `cbpf verify`: verifies a program.

use std::io::{Write, stdout};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::print::counted;
use crate::cli::program::{ProgramArguments, StageArguments};

/// Verify a program by the rules of a dialect
///
/// An expression stands for the program that `cbpf compile` prints. If the program is invalid, prints the instruction and the violated rule on standard error, with exit code 1.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf verify -p policy.asm --dialect seccomp")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    stage: StageArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let verified = arguments.program.read_stage(&arguments.stage)?;
    let (length, dialect) = (counted(verified.program().len() as u64, "instruction"), verified.dialect());
    Ok(writeln!(stdout(), "valid: {length} ({dialect} dialect)")?)
}
