//! Warnings, and the option that makes errors of them.

use std::fmt::Display;

use clap::Args;

use crate::cli::failure::{Failure, say};

/// What becomes of warnings.
#[derive(Args)]
pub struct WarningArguments {
    /// End with exit code 1 at the first warning that something matches no packet
    #[arg(long)]
    deny_warnings: bool,
}

impl WarningArguments {
    /// Says a warning on standard error.
    ///
    /// # Errors
    /// The warning itself, if warnings are denied.
    pub fn warn(&self, message: impl Display) -> Result<(), Failure> {
        if self.deny_warnings {
            return Err(Failure::Failed(message.to_string()));
        }
        say(format_args!("cbpf: warning: {message}"));
        Ok(())
    }
}
