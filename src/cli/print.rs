//! Output of subcommands on standard output.

use std::io::{Write, stdout};

use cbpf::Program;
use cbpf::text::Form;
use indicatif::HumanCount;

use crate::cli::failure::Failure;

/// Prints bytes and flushes standard output: an error while it is flushed at exit would be lost.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = stdout().lock();
    output.write_all(bytes)?;
    Ok(output.flush()?)
}

/// Returns each instruction as `tcpdump -d` prints it, with single spaces and without its number:
/// `jeq #0x800 jt 2 jf 5`.
pub fn instruction_lines(program: &Program) -> Vec<String> {
    let listing = program.print(Form::Listing);
    let without_number = |line: &str| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    String::from_utf8_lossy(&listing).lines().map(without_number).collect()
}

/// The width of output that goes to no terminal, in characters.
const DEFAULT_WIDTH: usize = 120;

/// Returns the width of standard output in characters: that of the terminal, or of the variable `COLUMNS`.
pub fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(terminal_columns).filter(|&columns: &usize| columns > 0).unwrap_or(DEFAULT_WIDTH)
}

#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    rustix::termios::tcgetwinsize(stdout()).ok().map(|size| size.ws_col.into())
}

#[cfg(not(unix))]
fn terminal_columns() -> Option<usize> {
    None
}

/// Formats a number with its noun: `1 packet`, `1,500 packets`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}
