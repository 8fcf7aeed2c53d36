//! What a value of Cranelift's IR can be: a number, or an address in one of the few places that code refers to.

use crate::codegen::validation::number::Number;
use crate::packet::ancillary::Extension;
use crate::prove::numbers::NumberedWord;

/// A value of the IR.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Number(Number),
    /// An address in the packet: its start, plus a base, plus an offset.
    Packet {
        base: Option<NumberedWord>,
        offset: u64,
    },
    /// The address of the context data.
    Context,
    /// The address of the values of ancillary loads.
    Ancillary,
    /// The address of the function of an ancillary load.
    Function(Extension),
    /// An address in a constant table: its start, plus an offset of 64 bits.
    Table {
        table: usize,
        offset: Number,
    },
    /// A number of 32 bits that was loaded from a constant table, at an offset that is in bounds.
    Entry {
        table: usize,
        offset: Number,
    },
    /// An address in the stack frame.
    Frame(i64),
}
