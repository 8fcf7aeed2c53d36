//! eBPF: filters as programs for the hooks of the Linux kernel.

#[cfg(feature = "elf")]
mod btf;
#[cfg(feature = "elf")]
mod elf;
mod error;
mod hook;
mod instruction;
mod options;
mod program;

pub use error::EbpfError;
#[cfg(feature = "elf")]
pub use error::ObjectError;
pub use hook::Hook;
pub use instruction::{Comparison, Helper, Instruction, OperandSize, Register, Size, Source};
pub use options::{Action, Options};
pub use program::{Map, MapKind, Program};
