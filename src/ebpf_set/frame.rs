//! The stack frame of the program of a set: 512 bytes, which end at `r10`.
//!
//! ```text
//! -256  the fields, 4 bytes each
//! -264  the verdict of the best match    -268  its id    -272  the key of a map
//! -280  the context                      -288  the address after which assumed bytes are, while fields are computed
//! -296  bytes that a helper copies       -304  the fields that the packet has, or the turns of a loop
//! -432  operands while fields are computed, or the addresses of rows of bits
//! ```

use crate::classifier::bit_vectors;

pub(crate) const VERDICT: i16 = -264;
pub(crate) const ID: i16 = -268;
pub(crate) const KEY: i16 = -272;
pub(crate) const CONTEXT: i16 = -280;
pub(crate) const SECOND_BASE: i16 = -288;
pub(crate) const BUFFER: i16 = -296;
pub(crate) const PRESENT: i16 = -304;
pub(crate) const TURNS: i16 = PRESENT;
const SCRATCH: i16 = -432;

/// Returns the place of a field.
pub(crate) const fn field(number: u8) -> i16 {
    -256 + 4 * number as i16
}

/// Returns the place of an operand; the fields are so small that there are enough.
pub(crate) const fn operand(depth: usize) -> i16 {
    SCRATCH + 4 * depth as i16
}

/// The most operands that are kept at once.
pub(crate) const MAX_OPERANDS: usize = 32;

/// Returns the place of the address of a row.
pub(crate) const fn row(number: usize) -> i16 {
    SCRATCH + 8 * number as i16
}

const _: () = assert!(row(bit_vectors::MAX_FIELDS) <= PRESENT && operand(MAX_OPERANDS) <= PRESENT);
