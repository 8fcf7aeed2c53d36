//! `cbpf convert`: converts a program from one form to another.

use std::path::PathBuf;

use cbpf::Dialect;
use cbpf::text::Form;
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::{form, one_of, read_program};
use crate::cli::print::print;

/// Print a program in another form
///
/// Detects the form of the input. The conversion is lossless and accepts invalid programs.
///
/// With --optimize, prints a shorter program with the same verdicts, if one is found. The program must be valid.
#[derive(Args)]
#[command(after_help = "Example:
  tcpdump -ddd arp | cbpf convert -p - --to asm
  tcpdump -O -ddd 'tcp port 80' | cbpf convert -p - --to bytecode --optimize --dialect linux")]
pub struct Arguments {
    /// Read the program from this file, in any form; - for standard input
    #[arg(short, long, value_name = "PROGRAM")]
    program: PathBuf,

    /// Print this form
    #[arg(long, value_name = "FORM", value_parser = form())]
    to: Form,

    /// Print a shorter program with the same verdicts in the dialect
    #[arg(long, requires = "dialect")]
    optimize: bool,

    /// Verify and optimize the program by the rules of this dialect
    #[arg(long, value_name = "DIALECT", requires = "optimize", value_parser = one_of(Dialect::ALL, Dialect::name))]
    dialect: Option<Dialect>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut program = read_program(&arguments.program)?;
    if let Some(dialect) = arguments.dialect.filter(|_| arguments.optimize) {
        program = program.optimize(dialect).map_err(|error| Failure::of_file(&arguments.program, error))?;
    }
    print(&program.print(arguments.to))
}
