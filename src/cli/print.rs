//! What subcommands print on standard output.

use std::io::{Write, stdout};

use crate::cli::failure::Failure;

/// Prints all of it: what stayed in the buffer, as bytes without an end of line do, would be lost without a word.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = stdout().lock();
    output.write_all(bytes)?;
    Ok(output.flush()?)
}
