//! placeholder
mod ancillary;
mod assemble;
mod builder;
mod dialect;
mod instruction;
mod interpret;
mod isa;
mod packet;
mod program;
mod text;
mod verify;

pub use ancillary::Extension;
pub use builder::{BuildError, Builder};
pub use dialect::{Dialect, UnknownDialect};
pub use instruction::{Instruction, Operand, RawInstruction};
pub use isa::{AluOp, Condition, Register, Width};
pub use packet::{Context, Device, Packet, Vlan};
pub use program::Program;
pub use text::{Form, ParseError};
pub use verify::{Rule, Verified, VerifyError};
