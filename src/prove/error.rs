//! Why a question cannot be asked, and why one has no answer.

use core::error::Error;
use core::fmt;

use crate::bpf::dialect::Dialect;

/// The reason that a question cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProveError {
    /// The programs were verified for different dialects, which give one instruction different meanings.
    DialectMismatch {
        /// The dialect of the first program.
        first: Dialect,
        /// The other dialect.
        other: Dialect,
    },
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProveError::DialectMismatch { first, other } => {
                write!(
                    f,
                    "cannot compare a program of the dialect `{first}` with one of `{other}`; verify both for one"
                )
            }
        }
    }
}

impl Error for ProveError {}

/// The reason that a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// The programs are too long, or their loads at computed offsets have too many cases.
    TooLarge,
    /// Neither a proof nor a packet was found within the bounds of [`Options`](crate::prove::Options).
    Bounds,
    /// The claim may fail, but no packet was found that shows it. The programs read something whose connection with the
    /// packet is not followed.
    Unconfirmed {
        /// What is not followed.
        cause: UnknownCause,
        /// The program that reads it: 0 for the first, 1 for the second.
        program: usize,
        /// The first instruction that may read it, counted from 0.
        pc: usize,
    },
}

/// A value whose connection with the packet is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownCause {
    /// A load from an offset that is computed.
    ComputedOffset,
    /// A load from an offset that is relative to a header.
    HeaderRelative,
    /// The offset of a netlink attribute, or of the payload.
    Search,
    /// A random number.
    Random,
}

impl fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnknownCause::ComputedOffset => "loads from a computed offset",
            UnknownCause::HeaderRelative => "loads from an offset that is relative to a header",
            UnknownCause::Search => "searches the packet (`nla`, `nlan`, `poff`)",
            UnknownCause::Random => "loads a random number",
        })
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::TooLarge => f.write_str("the programs have too many cases to be compared"),
            Unknown::Bounds => f.write_str("no proof and no packet were found within the bounds of work"),
            Unknown::Unconfirmed { cause, program, pc } => {
                let program = if *program == 0 { "first" } else { "second" };
                write!(f, "no packet was found: instruction {pc} of the {program} program {cause}")
            }
        }
    }
}
