//! The reasons why filters cannot be analysed.

use core::fmt;

use crate::bpf::dialect::Dialect;

/// The reason why filters of system calls could not be analysed or merged.
///
/// Filters are numbered from 0, in the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnalysisError {
    /// A filter was verified for another dialect than [`Dialect::Seccomp`].
    Dialect {
        /// The number of the filter.
        filter: usize,
        /// Its dialect.
        dialect: Dialect,
    },
    /// A filter is too complex: its diagram or the number of its states exceeds the limit.
    TooComplex {
        /// The number of the filter.
        filter: usize,
        /// The instruction where the limit is exceeded.
        pc: usize,
    },
    /// The filters are too complex together.
    TooComplexTogether,
    /// The merged program would have more instructions than the kernel accepts.
    TooLong {
        /// The number of instructions; 0 if it was not determined.
        len: usize,
    },
    /// The merged program could not be proven equal to the filters, and is not returned.
    NotProven,
}

impl AnalysisError {
    /// Returns the error with filters that are numbered after others.
    pub(super) fn after(self, others: usize) -> AnalysisError {
        match self {
            AnalysisError::Dialect { filter, dialect } => AnalysisError::Dialect { filter: filter + others, dialect },
            AnalysisError::TooComplex { filter, pc } => AnalysisError::TooComplex { filter: filter + others, pc },
            error => error,
        }
    }
}

impl fmt::Display for AnalysisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnalysisError::Dialect { filter, dialect } => {
                write!(f, "filter {filter} was verified for the dialect {}: verify it for seccomp", dialect.name())
            }
            AnalysisError::TooComplex { filter, pc } => {
                write!(f, "filter {filter} is too complex to be analysed: the limit is exceeded at instruction {pc}")
            }
            AnalysisError::TooComplexTogether => f.write_str("the filters are too complex to be analysed together"),
            AnalysisError::TooLong { len: 0 } => {
                f.write_str("the merged program would have more than 4,096 instructions, the kernel's limit")
            }
            AnalysisError::TooLong { len } => {
                write!(f, "the merged program would have {len} instructions, and the kernel accepts at most 4,096")
            }
            AnalysisError::NotProven => {
                f.write_str("the merged program could not be proven equal to the filters, so there is none")
            }
        }
    }
}

impl core::error::Error for AnalysisError {}
