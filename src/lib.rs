//! placeholder
mod ancillary;
mod assemble;
mod builder;
mod dialect;
#[cfg(feature = "jit")]
mod filter;
#[cfg(feature = "jit")]
mod graph;
mod instruction;
mod interpret;
mod isa;
#[cfg(feature = "jit")]
mod jit;
mod packet;
mod program;
mod text;
mod verify;

pub use ancillary::Extension;
pub use builder::{BuildError, Builder};
pub use dialect::{Dialect, UnknownDialect};
#[cfg(feature = "jit")]
pub use filter::Filter;
#[cfg(feature = "jit")]
pub use graph::Graph;
pub use instruction::{Instruction, Operand, RawInstruction};
pub use isa::{AluOp, Condition, Register, Width};
#[cfg(feature = "jit")]
pub use jit::CompileError;
pub use packet::{Context, Device, Packet, Vlan};
pub use program::Program;
pub use text::{Form, ParseError};
pub use verify::{Rule, Verified, VerifyError};
