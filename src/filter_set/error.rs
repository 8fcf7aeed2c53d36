//! Errors of building and changing a set.

use std::error::Error;
use std::fmt;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::VerifyError;
use crate::codegen::CompileError;
use crate::lang::ExprError;

/// The reason that a [`FilterSet`](crate::FilterSet) cannot be built or changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetError {
    /// The program of a rule was verified for another dialect than those of the set.
    DialectMismatch {
        /// The rule.
        id: u32,
        /// The dialect of its program.
        dialect: Dialect,
        /// The dialect of the set.
        expected: Dialect,
    },
    /// The expression of a rule is invalid.
    Expression {
        /// The rule.
        id: u32,
        /// The error of the expression.
        error: ExprError,
    },
    /// Verification of the program of a rule failed.
    Verify {
        /// The rule.
        id: u32,
        /// The error of the program.
        error: VerifyError,
    },
    /// There is no native code, and
    /// [`FilterSetConfig::require_native`](crate::filter_set::FilterSetConfig::require_native) was set.
    Compile(CompileError),
    /// The set has a rule with this id.
    DuplicateId(u32),
    /// The set has no rule with this id.
    UnknownId(u32),
}

impl From<CompileError> for SetError {
    fn from(error: CompileError) -> SetError {
        SetError::Compile(error)
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::DialectMismatch { id, dialect, expected } => {
                write!(f, "rule {id} was verified for the dialect {dialect}, and the set is for {expected}")
            }
            SetError::Expression { id, error } => write!(f, "rule {id}: {error}"),
            SetError::Verify { id, error } => write!(f, "rule {id}: {error}"),
            SetError::Compile(error) => fmt::Display::fmt(error, f),
            SetError::DuplicateId(id) => write!(f, "the set already has a rule {id}"),
            SetError::UnknownId(id) => write!(f, "the set has no rule {id}"),
        }
    }
}

impl Error for SetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SetError::Expression { error, .. } => Some(error),
            SetError::Verify { error, .. } => Some(error),
            SetError::Compile(error) => error.source(),
            _ => None,
        }
    }
}
