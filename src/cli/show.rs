//! `cbpf show`: what becomes of a program on its way to native code.

use std::io::{Write, stdout};

use cbpf::{CompileError, Graph};
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::ProgramArguments;

/// Show a program as graph, as Cranelift IR or as machine code
#[derive(Args)]
#[command(after_help = "Example:
  cbpf show -p arp.asm --graph | dot -Tsvg > arp.svg")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    stage: Stage,
}

/// The stage at which the program is shown.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Stage {
    /// The decision graph, in the DOT language
    #[arg(long)]
    graph: bool,

    /// The Cranelift IR
    #[arg(long)]
    clif: bool,

    /// The machine code, disassembled
    #[arg(long)]
    native: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let graph = Graph::new(&arguments.program.read()?);
    let text = match arguments.stage {
        Stage { graph: true, .. } => Ok(graph.dot()),
        Stage { clif: true, .. } => graph.clif(),
        Stage { .. } => graph.native(),
    };
    let text = text.map_err(|error: CompileError| Failure::Failed(error.to_string()))?;
    Ok(stdout().write_all(text.as_bytes())?)
}
