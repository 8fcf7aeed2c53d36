//! Seccomp: the data that the kernel's filters of system calls read, the meaning of their verdicts, and what filters do.
//!
//! A filter is a program of [`Dialect::Seccomp`](crate::Dialect::Seccomp). It runs on a [`SeccompData`] in place of a
//! packet, and its verdict is an [`Action`].
//!
//! A filter reads 16 words at fixed offsets, so what it does can be computed exactly, as a decision diagram over the
//! bits of these words. Four functions do that for a stack of filters, the oldest first, of which the kernel takes the
//! strictest action: [`explain`] says what they do with which calls, [`diff`] finds the calls on which two stacks differ,
//! [`audit`] finds weaknesses, and [`merge`] makes one filter of them.
//!
//! # Performance
//!
//! Each takes about 5 ms for the policy of Docker, 956 instructions, and [`audit`] 30 ms. Work is limited by [`Options`],
//! by default to about a second and 200 MB, beyond which the result is [`AnalysisError::TooComplex`].
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
mod options;
mod search;
mod section;
mod symbols;
#[cfg(test)]
mod tests;
mod verdicts;

pub use crate::syscall::{Action, Arch, SeccompData};
pub use analysis_error::AnalysisError;
pub use audit::{Finding, FindingKind, audit};
pub use calls::{Architectures, Calls};
pub use condition::{Condition, Subject, Test};
pub use diff::{Difference, diff};
pub use explain::{Explanation, Rule, Section, explain};
pub use expression::Expression;
pub use merge::merge;
pub use options::Options;
