//! `cbpf verify`: whether a dialect accepts a program.

use std::io::{Write, stdout};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::program::ProgramArguments;

/// Judge a program by the rules of a dialect
///
/// A program that is refused gets exit code 1, and the instruction and the rule on standard error.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf verify -p policy.asm --dialect seccomp")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let verified = arguments.program.read_alone()?;
    let (len, dialect) = (verified.program().len(), verified.dialect());
    Ok(writeln!(stdout(), "valid: {len} instructions ({dialect} dialect)")?)
}
