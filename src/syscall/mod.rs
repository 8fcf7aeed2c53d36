//! System calls as the kernel's filters see them: their data, architectures and names, and the actions of verdicts.
//!
//! Source: `kernel/seccomp.c`, `include/uapi/linux/seccomp.h` and `include/uapi/linux/audit.h`.

mod action;
mod arch;
mod data;
mod names;

pub use action::Action;
pub use arch::Arch;
pub use data::SeccompData;
pub(crate) use names::{X32_BIT, is_call};
