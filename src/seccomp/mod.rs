//! Seccomp: the data that the kernel's filters of system calls read, the meaning of their verdicts, and what filters do.
//!
//! A filter is a program of [`Dialect::Seccomp`](crate::Dialect::Seccomp). It runs on a [`SeccompData`] in place of a
//! packet, and its verdict is an [`Action`].
//!
//! A filter reads 16 words at fixed offsets, so what it does can be computed exactly, as a decision diagram over the
//! bits of these words.
//!
//! Source: `kernel/seccomp.c`, `include/uapi/linux/seccomp.h` and `include/uapi/linux/audit.h`.

mod analysis;
mod analysis_error;
mod audit;
mod audit_of_sections;
mod calls;
mod condition;
mod decision;
mod diagram;
mod diff;
mod emission;
mod execute;
mod explain;
mod expression;
mod merge;
mod section;
mod symbols;
#[cfg(test)]
mod tests;

pub use crate::syscall::{Action, Arch, SeccompData};
pub use analysis_error::AnalysisError;
pub use audit::{Finding, FindingKind, audit};
pub use calls::{Architectures, Calls};
pub use condition::{Condition, Subject, Test};
pub use diff::{Difference, diff};
pub use explain::{Explanation, Rule, Section, explain};
pub use expression::Expression;
pub use merge::merge;
