//! Why a rule does not come into a set, or does not leave it.

use std::error::Error;
use std::fmt;

use crate::bpf::dialect::Dialect;
use crate::lang::ExprError;

/// A set cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// All programs of a set are of one dialect.
    OtherDialect {
        /// The rule.
        id: u32,
        /// The dialect of its program.
        dialect: Dialect,
        /// The dialect of the set.
        expected: Dialect,
    },
    /// The expression of a rule is none, or has no meaning for the link type.
    Expression {
        /// The rule.
        id: u32,
        /// What is wrong with the expression, and where.
        error: ExprError,
    },
    /// Two rules cannot have the same id.
    TakenId(u32),
    /// No rule has this id.
    UnknownId(u32),
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::OtherDialect { id, dialect, expected } => {
                write!(f, "the program of rule {id} was verified for {dialect}, and those of the set for {expected}")
            }
            SetError::Expression { id, error } => write!(f, "rule {id}: {error}"),
            SetError::TakenId(id) => write!(f, "there is a rule {id} already"),
            SetError::UnknownId(id) => write!(f, "there is no rule {id}"),
        }
    }
}

impl Error for SetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SetError::Expression { error, .. } => Some(error),
            _ => None,
        }
    }
}
