//! `cbpf completions` and `cbpf man`: made from the definitions of the arguments.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::failure::Failure;
use crate::cli::print::print;

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "Example:
  cbpf completions bash > /etc/bash_completion.d/cbpf")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn completions(arguments: &Completions) -> Result<(), Failure> {
    // The generator panics where it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "cbpf", &mut script);
    print(&script)
}

/// Print the manual page, or write the pages of all subcommands into a directory
#[derive(Args)]
#[command(after_help = "Example:
  cbpf man | man -l -")]
pub struct Man {
    /// Write cbpf.1, cbpf-filter.1, ... here instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn man(arguments: &Man) -> Result<(), Failure> {
    if let Some(dir) = &arguments.dir {
        return clap_mangen::generate_to(Cli::command(), dir).map_err(|error| Failure::of_file(dir, error));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&page)
}
