//! `cbpf man`: manual pages, generated from the definitions of the arguments.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::cli::failure::Failure;
use crate::cli::print::print;

/// Print the manual page, or write the pages of all subcommands to a directory
#[derive(Args)]
#[command(after_help = "Example:
  cbpf man | man -l -")]
pub struct Arguments {
    /// Write cbpf.1, cbpf-filter.1, ... to this directory instead of printing the main page
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(dir) = &arguments.dir {
        return clap_mangen::generate_to(Cli::command(), dir).map_err(|error| Failure::of_file(dir, error));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&page)
}
