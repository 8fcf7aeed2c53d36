//! `cbpf convert`: converts a program from one form to another.

use std::fmt::Display;
use std::path::PathBuf;

use cbpf::Dialect;
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::{one_of, read_program};
use crate::cli::output::{OutputArguments, OutputForm, output_form};

/// Print a program in another form, or compile it to eBPF, C or Rust
///
/// Detects the form of the input. The conversion between forms of classic BPF is lossless and accepts invalid programs.
/// What is compiled must be valid in the dialect.
///
/// With --optimize, prints a shorter program with the same verdicts, if one is found. The program must be valid.
#[derive(Args)]
#[command(after_help = "Example:
  tcpdump -ddd arp | cbpf convert -p - --to asm
  tcpdump -O -ddd 'tcp port 80' | cbpf convert -p - --to bytecode --optimize --dialect linux
  tcpdump -ddd 'tcp port 80' | cbpf convert -p - --to ebpf --hook tc --dialect pcap
  tcpdump -ddd 'tcp port 80' | cbpf convert -p - --to rust --name is_web --dialect pcap")]
pub struct Arguments {
    /// Read the program from this file, in any form; - for standard input
    #[arg(short, long, value_name = "PROGRAM")]
    program: PathBuf,

    /// Print this form
    #[arg(long, value_name = "FORM", value_parser = output_form())]
    to: OutputForm,

    /// Print a shorter program with the same verdicts in the dialect
    #[arg(long, requires = "dialect")]
    optimize: bool,

    /// Verify, optimize and compile the program by the rules of this dialect
    #[arg(long, value_name = "DIALECT", value_parser = one_of(Dialect::ALL, Dialect::name))]
    dialect: Option<Dialect>,

    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.output.check(arguments.to)?;
    if arguments.dialect.is_some() && !arguments.optimize && !arguments.to.is_compiled() {
        return Err(Failure::Failed("--dialect needs --optimize, or a form to compile to, as --to ebpf".to_owned()));
    }
    let of_file = |error: &dyn Display| Failure::of_file(&arguments.program, error);
    let mut program = read_program(&arguments.program)?;
    if let Some(dialect) = arguments.dialect.filter(|_| arguments.optimize) {
        program = program.optimize(dialect).map_err(|error| of_file(&error))?;
    }
    match (arguments.to, arguments.dialect) {
        (form, _) if !form.is_compiled() => arguments.output.write_plain(&program, form),
        (form, Some(dialect)) => {
            let verified = program.verify(dialect).map_err(|error| of_file(&error))?;
            arguments.output.write_compiled(&verified, form, "")
        }
        (_, None) => Err(Failure::Failed(
            "to compile a program takes --dialect: linux if it is from a packet socket, pcap if it is from tcpdump"
                .to_owned(),
        )),
    }
}
