//! `cbpf seccomp`: filters of system calls.

mod emulate;
mod notation;

use cbpf::Arch;
use clap::{Args, Subcommand};

use crate::cli::failure::Failure;

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
    Disasm(notation::Disassemble),
    Asm(notation::Assemble),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Emulate(arguments) => emulate::run(arguments),
        Command::Disasm(arguments) => notation::disassemble(arguments),
        Command::Asm(arguments) => notation::assemble(arguments),
    }
}

/// Whose system calls are meant.
#[derive(Args)]
struct ArchArgument {
    /// Whose system calls are meant: x86_64, aarch64, riscv64; others have no names of calls [default: this machine's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl ArchArgument {
    fn get(&self) -> Arch {
        self.arch.or_else(Arch::host).unwrap_or(Arch::X86_64)
    }
}
