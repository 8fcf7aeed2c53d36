//! `cbpf show`: prints the stages of a program on its way to native code.

use cbpf::debug::{Graph, Pass};
use cbpf::filter::CompileError;
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::one_of;
use crate::cli::print::print;
use crate::cli::program::ProgramArguments;

/// Show a program as a graph, as Cranelift IR or as machine code
#[derive(Args)]
#[command(after_help = "Example:
  cbpf show -p arp.asm --graph | dot -Tsvg > arp.svg")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    stage: Stage,

    /// Show the program after this pass of the optimiser
    #[arg(long, value_name = "PASS", value_parser = one_of(STEPS, Step::name))]
    after: Option<Step>,
}

/// A step on the way from a program to the graph that is compiled.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Build,
    Pass(Pass),
}

const STEPS: &[Step] = &{
    let mut steps = [Step::Build; Pass::ALL.len() + 1];
    let mut number = 0;
    while number < Pass::ALL.len() {
        steps[number + 1] = Step::Pass(Pass::ALL[number]);
        number += 1;
    }
    steps
};

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Build => "build",
            Step::Pass(pass) => pass.name(),
        }
    }
}

/// The stage to show.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Stage {
    /// Show the decision graph, in the DOT language
    #[arg(long)]
    graph: bool,

    /// Show the Cranelift IR
    #[arg(long)]
    clif: bool,

    /// Show the disassembled machine code
    #[arg(long)]
    native: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let verified = arguments.program.read_alone()?;
    let graph = match arguments.after {
        None => Graph::optimized(&verified),
        Some(Step::Build) => Graph::new(&verified),
        Some(Step::Pass(last)) => Graph::after(&verified, last),
    };
    let text = match arguments.stage {
        Stage { graph: true, .. } => Ok(graph.dot()),
        Stage { clif: true, .. } => graph.clif(),
        Stage { .. } => graph.native(),
    };
    let text = text.map_err(|error: CompileError| Failure::Failed(error.to_string()))?;
    print(text.as_bytes())
}
