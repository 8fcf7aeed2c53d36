//! Classic BPF programs: instructions, the ways to build them, and the verifier. Nothing here runs a program.

pub(crate) mod assemble;
pub(crate) mod builder;
pub(crate) mod dialect;
pub(crate) mod ebpf_conversion;
pub(crate) mod instruction;
pub(crate) mod isa;
pub(crate) mod program;
pub(crate) mod relaxation;
mod scratch_check;
pub(crate) mod unknown_name;
pub(crate) mod verified_ref;
pub(crate) mod verify;

pub use builder::{BuildError, Builder};
pub use dialect::Dialect;
pub use instruction::{Instruction, Operand, RawInstruction};
pub use isa::{AluOp, Condition, Register, Width};
pub use program::Program;
pub use unknown_name::UnknownName;
pub use verified_ref::VerifiedRef;
pub use verify::{Rule, Verified, VerifyError};
