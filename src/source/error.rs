//! The reasons why a program has no source.

use alloc::string::String;
use core::fmt;

use crate::bpf::verify::{Step, Verified};
use crate::packet::ancillary::Extension;
use crate::source::Language;

/// The error of generating source code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceError {
    /// Source code cannot compute an ancillary load.
    Ancillary {
        /// The index of the instruction.
        pc: usize,
        /// The ancillary load.
        extension: Extension,
    },
    /// The name of the function or constant is not an identifier, or a word that the language or the source needs.
    Name {
        /// The name.
        name: String,
        /// The language.
        language: Language,
    },
}

impl SourceError {
    /// Returns the error for the first instruction that loads this.
    pub(crate) fn ancillary(verified: &Verified, extension: Extension) -> SourceError {
        let pc = verified.steps().iter().position(|&step| step == Step::Ancillary(extension));
        SourceError::Ancillary { pc: pc.unwrap_or(0), extension }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Ancillary { pc, extension } => {
                write!(f, "instruction {pc}: source code has no `{}`; run the filter in the library", extension.name())
            }
            SourceError::Name { name, language } => {
                write!(f, "`{name}` cannot be a name in {language}: expected letters, digits and `_`, no keyword")
            }
        }
    }
}

impl core::error::Error for SourceError {}
