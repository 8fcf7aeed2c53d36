//! `cbpf install-docs`: the manual pages and the completions, where `man` and the shells look for them.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::cli::capture::{CaptureError, Output};
use crate::cli::failure::Failure;
use crate::cli::print::print;
use crate::cli::{completions, manual};

/// The folders of manual pages, without the section, and the files of completions, relative to the prefix.
const MAN: &str = "share/man/man";
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "share/bash-completion/completions/cbpf"),
    (Shell::Zsh, "share/zsh/site-functions/_cbpf"),
    (Shell::Fish, "share/fish/vendor_completions.d/cbpf.fish"),
];

/// Write all manual pages, and the completions for bash, zsh and fish
///
/// Writes PREFIX/share/man/man1/cbpf*.1, PREFIX/share/man/man5/cbpf-rules.5, PREFIX/share/man/man7/cbpf-filter.7,
/// PREFIX/share/bash-completion/completions/cbpf, PREFIX/share/zsh/site-functions/_cbpf and
/// PREFIX/share/fish/vendor_completions.d/cbpf.fish, creates the directories if necessary, and prints the path of each
/// file. Files of an earlier version are replaced, each as a whole. `man`, bash and fish find the files below ~/.local,
/// /usr/local and /usr; zsh finds them below /usr/local and /usr, and elsewhere if the directory is in its `fpath`. A
/// package is built with --prefix "$DESTDIR/usr".
#[derive(Args)]
#[command(after_help = "Example:
  cbpf install-docs --prefix ~/.local")]
pub struct Arguments {
    /// Write to the directory `share` in this one
    #[arg(long, value_name = "PREFIX")]
    prefix: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let section = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let pages = manual::pages()?.into_iter().map(|(name, page)| (format!("{MAN}{}/{name}", section(&name)), page));
    let completions = COMPLETIONS.map(|(shell, path)| (path.to_owned(), completions::script(shell)));
    let mut written = String::new();
    for (path, content) in pages.chain(completions) {
        let path = arguments.prefix.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| CaptureError::create(folder, source))?;
        }
        let mut output = Output::create(&path)?;
        output.write(&content)?;
        output.finish()?;
        let _ = writeln!(written, "{}", path.display());
    }
    print(written.as_bytes())
}
