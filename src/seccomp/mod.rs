//! Seccomp: the data that the kernel's filters of system calls read, and the meaning of their verdicts.
//!
//! A filter is a program of [`Dialect::Seccomp`](crate::Dialect::Seccomp). It runs on a [`SeccompData`] in place of a
//! packet, and its verdict is an [`Action`].
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
