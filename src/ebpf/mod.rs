//! eBPF: filters as programs for the hooks of the Linux kernel.

mod error;
mod hook;
mod instruction;
mod options;
mod program;

pub use error::EbpfError;
pub use hook::Hook;
pub use instruction::{Comparison, Helper, Instruction, OperandSize, Register, Size, Source};
pub use options::{Action, Options};
pub use program::{Map, MapKind, Program};
