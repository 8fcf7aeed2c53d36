//! `cbpf convert`: a program from one form to another.

use std::path::PathBuf;

use cbpf::{Dialect, Form};
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::{form, one_of, read_program};
use crate::cli::print::print;

/// Print a program in another form
///
/// The form of the input is detected. Nothing is lost: invalid programs can be converted, too.
///
/// With --optimize, a valid program becomes a shorter one with the same verdicts, if there is one to be found.
#[derive(Args)]
#[command(after_help = "Example:
  tcpdump -ddd arp | cbpf convert -p - --to asm
  tcpdump -O -ddd 'tcp port 80' | cbpf convert -p - --to bytecode --optimize --dialect linux")]
pub struct Arguments {
    /// File with the program, in any form, or - for standard input
    #[arg(short, long, value_name = "PROGRAM")]
    program: PathBuf,

    /// The form to print
    #[arg(long, value_name = "FORM", value_parser = form())]
    to: Form,

    /// Print a shorter program with the same verdicts in that dialect
    #[arg(long, requires = "dialect")]
    optimize: bool,

    /// Whose rules the program obeys that is optimized
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
