//! The reasons why a set cannot become a program, or why a program cannot take a change.

use std::error::Error;
use std::fmt;

use crate::bpf::dialect::Dialect;
use crate::classifier::fallback::FallbackReason;
use crate::ebpf::EbpfError;

/// The error of compiling a set to eBPF, and of changing it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetProgramError {
    /// The program cannot be compiled.
    Compile(EbpfError),
    /// The tables cannot decide whether a rule matches.
    NoTable {
        /// The rule.
        id: u32,
        /// The reason that no table holds it; `None` if a table holds it, but its program would have to verify a match
        /// or to compute the verdict.
        reason: Option<FallbackReason>,
    },
    /// A rule was verified for another dialect than those of the set.
    Dialect {
        /// The dialect of the rule.
        dialect: Dialect,
        /// The dialect of the set.
        expected: Dialect,
    },
    /// The set has a rule with this id.
    DuplicateId(u32),
    /// The set has no rule with this id.
    UnknownId(u32),
    /// An added rule tests something that the program does not compute.
    OtherFields {
        /// The rule.
        id: u32,
    },
    /// There is no room for an added rule.
    NoRoom {
        /// The rule.
        id: u32,
        /// The number of terms that it takes.
        terms: usize,
        /// The number of terms that have room.
        room: usize,
    },
    /// So many changes were made that the program cannot take another one.
    TooManyChanges,
}

impl From<EbpfError> for SetProgramError {
    fn from(error: EbpfError) -> SetProgramError {
        SetProgramError::Compile(error)
    }
}

/// The advice if a program cannot take a change.
const RELOAD: &str = "change the `FilterSet`, compile it anew and load the new program";

impl fmt::Display for SetProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetProgramError::Compile(error) => fmt::Display::fmt(error, f),
            SetProgramError::NoTable { id, reason } => {
                write!(f, "rule {id} cannot be looked up in tables: ")?;
                match reason {
                    Some(reason) => fmt::Display::fmt(reason, f)?,
                    None => f.write_str("they do not test all of its conditions, or not its verdict")?,
                }
                f.write_str("; compile it as a program of its own")
            }
            SetProgramError::Dialect { dialect, expected } => {
                write!(f, "a rule was verified for the dialect {dialect}, and the set is for {expected}")
            }
            SetProgramError::DuplicateId(id) => write!(f, "the set already has a rule {id}"),
            SetProgramError::UnknownId(id) => write!(f, "the set has no rule {id}"),
            SetProgramError::OtherFields { id } => write!(
                f,
                "rule {id} tests something that the loaded program does not compute: \
                 {RELOAD}, or name such a rule to `FilterSet::to_ebpf_expecting`"
            ),
            SetProgramError::NoRoom { id, terms, room } => {
                write!(f, "rule {id} takes {terms} terms, and the loaded program has room for {room}: {RELOAD}")
            }
            SetProgramError::TooManyChanges => write!(f, "the loaded program cannot take more changes: {RELOAD}"),
        }
    }
}

impl Error for SetProgramError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SetProgramError::Compile(error) => error.source(),
            _ => None,
        }
    }
}
