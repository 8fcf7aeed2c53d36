//! `cbpf seccomp`: filters of system calls.

mod asm_and_disasm;
mod emulate;

use std::path::Path;

use cbpf::{Arch, Form, Program};
use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::input::read_bytes;

/// Emulate, disassemble and assemble filters of system calls
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp emulate -p policy.bpf write 3")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Emulate(emulate::Arguments),
    Disasm(asm_and_disasm::Disassemble),
    Asm(asm_and_disasm::Assemble),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Emulate(arguments) => emulate::run(arguments),
        Command::Disasm(arguments) => asm_and_disasm::disassemble(arguments),
        Command::Asm(arguments) => asm_and_disasm::assemble(arguments),
    }
}

/// Whose system calls are meant.
#[derive(Args)]
struct ArchArgument {
    /// Whose system calls and byte order are meant: x86_64, i386, aarch64, arm, s390x, ppc64le, mips, riscv64, ...
    /// [default: this machine's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl ArchArgument {
    fn get(&self) -> Arch {
        self.arch.or_else(Arch::host).unwrap_or(Arch::X86_64)
    }

    /// The architecture whose filter is in this form: of a big-endian one nobody knows more unless it was given.
    fn of(&self, form: Form) -> Arch {
        match self.get() {
            arch if self.arch.is_none() && form == Form::RawBigEndian && !arch.is_big_endian() => Arch(0),
            arch => arch,
        }
    }

    /// Reads a filter in whatever form it is; names of calls and halves of arguments are those of the architecture.
    fn read(&self, path: &Path) -> Result<(Program, Form), Failure> {
        let bytes = read_bytes(path)?;
        let form = Form::detect(&bytes);
        let program = match str::from_utf8(&bytes) {
            Ok(text) if form == Form::Seccomp => {
                // A filter for another architecture may have names of calls that this one lacks.
                Program::parse_seccomp(text, self.get()).or_else(|error| Program::parse(&bytes).map_err(|_| error))
            }
            _ => Program::parse(&bytes),
        };
        program.map(|program| (program, form)).map_err(|error| Failure::of_file(path, error))
    }
}
