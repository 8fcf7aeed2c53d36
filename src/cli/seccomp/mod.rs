//! `cbpf seccomp`: system call filters.

mod asm_and_disasm;
mod emulate;

use std::path::Path;

use cbpf::Program;
use cbpf::seccomp::Arch;
use cbpf::text::Form;
use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::input::read_bytes;

/// Emulate, disassemble and assemble system call filters
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

/// The architecture of the system calls.
#[derive(Args)]
pub struct ArchArgument {
    /// Use the system calls and the byte order of this architecture: x86_64, i386, aarch64, arm, s390x, ppc64le, mips,
    /// riscv64, ... [default: that of this machine]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl ArchArgument {
    pub fn get(&self) -> Arch {
        self.arch.or_else(Arch::host).unwrap_or(Arch::X86_64)
    }

    /// Returns the architecture of a filter in this form. That of a big-endian filter is unknown if --arch is not given
    /// and this machine is little-endian.
    fn of(&self, form: Form) -> Arch {
        match self.get() {
            arch if self.arch.is_none() && form == Form::RawBigEndian && !arch.is_big_endian() => Arch(0),
            arch => arch,
        }
    }

    /// Reads a filter in any form; the architecture determines the names of calls and the halves of arguments.
    pub fn read(&self, path: &Path) -> Result<(Program, Form), Failure> {
        let bytes = read_bytes(path)?;
        let form = Form::detect(&bytes);
        let program = match str::from_utf8(&bytes) {
            Ok(text) if form == Form::Seccomp => {
                // A filter for another architecture may name calls that this one lacks.
                Program::parse_seccomp(text, self.get()).or_else(|error| Program::parse(&bytes).map_err(|_| error))
            }
            _ => Program::parse(&bytes),
        };
        program.map(|program| (program, form)).map_err(|error| Failure::of_file(path, error))
    }
}
