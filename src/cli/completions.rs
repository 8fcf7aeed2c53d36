//! `cbpf completions`: shell completions, generated from the definitions of the arguments.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::failure::Failure;
use crate::cli::print::print;

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "Example:
  cbpf completions bash > /etc/bash_completion.d/cbpf")]
pub struct Arguments {
    /// Shell to generate completions for
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    print(&script(arguments.shell))
}

/// Returns the completions for `shell`.
pub fn script(shell: Shell) -> Vec<u8> {
    // The generator panics on a write error, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cbpf", &mut script);
    script
}
