//! Native code: compiles graphs, and the tables of classifiers, to callable functions with Cranelift.
//!
//! `lower` (and `classifier`) emits Cranelift IR, `prologue` the code around it for one packet or for a batch.
//! `spill_block_parameters` and `fan_in` keep register allocation fast for very large functions. `compile` drives
//! Cranelift for the machine that `host` describes, `frame_pointer_omission` removes unused stack frames, and
//! `constant_tables` appends lookup tables to the code. `vector` runs many packets at a time where the processor has
//! AVX-512. On Linux, `memory` packs the code of many filters into shared
//! pages; elsewhere, `provided_memory` gives each filter pages of its own.
//!
//! Invariants
//! - Compiled code refers to its own tables, its arguments, and functions in its
//!   [`ContextData`](context_data::ContextData).
//! - It reads the packet after bounds checks, and divides after checks of the divisor, so it never traps.
//! - `absent` replaces this module on machines without native code, and in builds without the feature `jit`.

#![expect(clippy::incompatible_msrv, reason = "the crates of Cranelift need a newer compiler than the library")]

pub(crate) mod classifier;
mod code;
mod compile;
mod constant_tables;
mod context_data;
mod context_inputs;
mod error;
mod fan_in;
mod frame_pointer_omission;
mod host;
mod lower;
mod member_sets;
#[cfg(target_os = "linux")]
mod memory;
mod once_box;
mod operations;
mod prologue;
#[cfg(any(not(target_os = "linux"), test))]
mod provided_memory;
mod records;
mod spill_block_parameters;
#[cfg(test)]
mod validation;
mod vector;
mod words;

#[cfg(not(target_os = "linux"))]
use provided_memory as memory;

pub(crate) use code::{BatchCode, FilterCode, FilterTemplate};
pub(crate) use compile::{compile, compile_batch};
pub use error::CompileError;
pub(crate) use once_box::OnceBox;
pub(crate) use records::{PacketRecords, PrefetchRange};
pub(crate) use vector::VectorCode;
pub(crate) use words::Words;

/// Returns an error if there can be no native code in this build. (Whether there is some is known after a compilation.)
#[expect(clippy::unnecessary_wraps, reason = "the module `absent` has the same function")]
pub(crate) fn check_machine() -> Result<(), CompileError> {
    Ok(())
}
