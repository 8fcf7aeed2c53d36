//! Native code: from a graph through Cranelift to a function that can be called.
//!
//! The steps, in order: the graph is lowered to Cranelift IR (`lower`), to run one packet or many (`entry`); parameters go
//! through the stack frame if there are very many (`demote`), and so do edges into one block through others (`fan_in`);
//! Cranelift compiles it for this machine (`compile`); a frame
//! that holds nothing is left out (`frame`); and the bytes find a place among other filters' code (`memory`), the tables
//! that they look things up in (`sets`) behind them (`tables`). The code refers to nothing but its tables; it reads the packet only behind its bounds checks, and divides only behind the
//! check of the divisor, so it never traps. What would be too much code is left to functions, whose addresses stand among
//! the facts of the context (`facts`).

pub(crate) mod classifier;
mod code;
mod compile;
mod constant_tables;
mod context_data;
mod context_inputs;
mod entry;
mod error;
mod fan_in;
mod frame_pointer_omission;
mod lower;
mod member_sets;
mod memory;
mod once_box;
mod records;
mod spill_block_parameters;

pub(crate) use code::{BatchCode, Code};
pub(crate) use compile::{compile, compile_batch};
pub use error::CompileError;
pub(crate) use once_box::OnceBox;
pub(crate) use records::{PacketRecords, PrefetchRange};
