//! `cbpf man`: prints or writes manual pages.

use std::path::PathBuf;

use clap::Args;

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
        let pages = manual::pages()?;
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
    for (name, page) in manual::pages()? {
        let mut output = Output::create(&dir.join(name))?;
        output.write(&page)?;
        output.finish()?;
    }
    Ok(())
}
