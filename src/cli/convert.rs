//! `cbpf convert`: a program from one form to another.

use std::io::{Write, stdout};
use std::path::PathBuf;

use cbpf::Form;
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::{one_of, read_program};

/// Print a program in another form
///
/// The form of the input is detected. Nothing is lost: invalid programs can be converted, too.
#[derive(Args)]
#[command(after_help = "Example:
  tcpdump -ddd arp | cbpf convert -p - --to asm")]
pub struct Arguments {
    /// File with the program, in any form, or - for standard input
    #[arg(short, long, value_name = "PROGRAM")]
    program: PathBuf,

    /// The form to print: what tcpdump -d (listing), -dd (c) or -ddd (decimal) prints, what iptables and tc read
    /// (bytecode), what bpf_asm reads (asm), or 8 bytes an instruction (raw)
    #[arg(long, value_name = "FORM", value_parser = one_of(Form::ALL, Form::name))]
    to: Form,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let program = read_program(&arguments.program)?;
    let mut output = stdout().lock();
    output.write_all(&program.print(arguments.to))?;
    Ok(output.flush()?)
}
