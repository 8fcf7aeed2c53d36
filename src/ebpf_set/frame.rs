//! The stack frame of the program of a set: 512 bytes, which end at `r10`.
//!
//! ```text
//! -256  the fields, 4 bytes each
//! -260  the least rank that holds           -264  the verdict of the best match
//! -268  the version                         -272  the key of a map
//! -276  the number of added terms           -280  the id of the best match
//! -284  the length of all buffers
//! -288  the context                         -296  the address after which assumed bytes are, for fields
//! -304  bytes that a helper copies          -312  the fields that the packet has, or the turns of a loop
//! -440  operands while fields are computed, or the addresses of rows of bits
//! ```
//!
//! The verifier knows no numbers in the second half of 8 bytes. That is wanted where code compares the same number with
//! many others: it would follow the code that comes later for each outcome.

use crate::classifier::bit_vectors;

pub(crate) const BEST: i16 = -260;
pub(crate) const VERDICT: i16 = -264;
pub(crate) const VERSION: i16 = -268;
pub(crate) const KEY: i16 = -272;
pub(crate) const ADDED: i16 = -276;
pub(crate) const ID: i16 = -280;
pub(crate) const LEN: i16 = -284;
pub(crate) const CONTEXT: i16 = -288;
pub(crate) const SECOND_BASE: i16 = -296;
pub(crate) const BUFFER: i16 = -304;
pub(crate) const PRESENT: i16 = -312;
pub(crate) const TURNS: i16 = PRESENT;
const SCRATCH: i16 = -440;

/// Returns the place of a field.
pub(crate) const fn field(number: u8) -> i16 {
    -256 + 4 * number as i16
}

/// Returns the place of an operand; the fields are so small that there are enough.
pub(crate) const fn operand(depth: usize) -> i16 {
    SCRATCH + 4 * depth as i16
}

/// The most operands that are kept at once.
const MAX_OPERANDS: usize = 32;

/// Returns the place of the address of a row.
pub(crate) const fn row(number: usize) -> i16 {
    SCRATCH + 8 * number as i16
}

const _: () = assert!(row(bit_vectors::MAX_FIELDS) <= PRESENT && operand(MAX_OPERANDS) <= PRESENT);
