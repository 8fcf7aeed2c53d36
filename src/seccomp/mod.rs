//! Seccomp: what the kernel's filters of system calls see, and what their verdicts mean.
//!
//! A filter is a program of [`Dialect::Seccomp`](crate::Dialect::Seccomp). It runs on a [`SeccompData`] in place of a
//! packet, and its verdict is an [`Action`]. The room has no engine of its own: `run.rs` asks those that there are.
//!
//! Source: `kernel/seccomp.c`, `include/uapi/linux/seccomp.h` and `include/uapi/linux/audit.h`.

mod action;
mod arch;
mod data;
mod names;

pub use action::Action;
pub use arch::{Arch, UnknownArch};
pub use data::SeccompData;
pub(crate) use names::is_call;
