//! `cbpf convert`: a program from one form to another.

use std::io::{Write, stdout};
use std::path::PathBuf;

use cbpf::Form;
use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::input::read_program;

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

    /// The form to print
    #[arg(long, value_enum, value_name = "FORM")]
    to: FormName,
}

/// The name of a form.
#[derive(Clone, Copy, ValueEnum)]
enum FormName {
    /// What tcpdump -d prints
    Listing,
    /// What tcpdump -dd prints
    C,
    /// What tcpdump -ddd prints
    Decimal,
    /// What iptables -m bpf and tc read
    Bytecode,
    /// What bpf_asm reads
    Asm,
    /// struct sock_filter, 8 bytes an instruction, little-endian
    Raw,
}

impl From<FormName> for Form {
    fn from(name: FormName) -> Form {
        match name {
            FormName::Listing => Form::Listing,
            FormName::C => Form::C,
            FormName::Decimal => Form::Decimal,
            FormName::Bytecode => Form::Bytecode,
            FormName::Asm => Form::Assembler,
            FormName::Raw => Form::Raw,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let program = read_program(&arguments.program)?;
    let mut output = stdout().lock();
    output.write_all(&program.print(arguments.to.into()))?;
    Ok(output.flush()?)
}
