//! eBPF: filters as programs for the hooks of the Linux kernel.

mod allocation;
mod code;
mod compile;
mod emission;
mod error;
mod hook;
mod instruction;
mod layout;
mod lower;
mod options;
mod packet_access;
mod program;
mod relaxation;
mod results;
mod search_tree;

pub use error::EbpfError;
pub use hook::Hook;
pub use instruction::{Comparison, Helper, Instruction, OperandSize, Register, Size, Source};
pub use options::{Action, Options};
pub use program::{Map, MapKind, Program};
