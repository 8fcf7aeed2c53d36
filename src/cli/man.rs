//! `cbpf man`: manual pages, generated from the definitions of the arguments, and those in `manual/`.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::cli::capture::Output;
use crate::cli::failure::Failure;
use crate::cli::manual;
use crate::cli::print::print;

/// Print a manual page, or write all pages to a directory
#[derive(Args)]
#[command(after_help = "Example:
  cbpf man | man -l -
  cbpf man cbpf-filter.7 | man -l -    # the language")]
pub struct Arguments {
    /// Print this page: cbpf-filter.7 (the language), cbpf-rules.5 (files of rules), cbpf.1, cbpf-compile.1, ...
    #[arg(value_name = "PAGE", default_value = "cbpf.1", conflicts_with = "dir")]
    page: String,

    /// Write cbpf.1, cbpf-filter.1, cbpf-filter.7, ... to this directory instead of printing the main page
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(dir) = &arguments.dir else {
        if arguments.page == "cbpf.1" {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            return print(&page);
        }
        let pages = pages()?;
        let page = &arguments.page;
        let names = [page.clone(), format!("{page}.1"), format!("cbpf-{page}"), format!("cbpf-{page}.1")];
        return match names.iter().find_map(|wanted| pages.iter().find(|(name, _)| name == wanted)) {
            Some((_, page)) => print(page),
            None => {
                let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
                Err(Failure::Failed(format!("there is no page {}; there are {}", arguments.page, names.join(", "))))
            }
        };
    };
    for (name, page) in pages()? {
        let mut output = Output::create(&dir.join(name))?;
        output.write(&page)?;
        output.finish()?;
    }
    Ok(())
}

/// Returns the file name and the content of each page.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    append_pages(command, &mut pages)?;
    pages.extend(manual::pages());
    Ok(pages)
}

fn append_pages(command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for subcommand in command.get_subcommands().cloned() {
        append_pages(subcommand, pages)?;
    }
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push((man.get_filename(), page));
    Ok(())
}
