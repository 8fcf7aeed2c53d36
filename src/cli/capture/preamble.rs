//! The blocks of pcapng with which a further file begins: those that its packets need or refer to.
//!
//! - These are the header of the current section, its interfaces, names and secrets.
//! - Before the first file is open, all blocks are stored: it gets everything that a copy gets.
//! - Memory is limited. Names and secrets beyond the limit are not repeated; other blocks beyond it are an error.

use std::mem;
use std::ops::Range;

use super::pcapng_block::{DECRYPTION_SECRETS, INTERFACE, NAME_RESOLUTION, SECTION};
use super::{Block, ByteOrder, CaptureError, Writer};

/// The most bytes of stored blocks and of their places.
const MOST_BYTES: usize = 64 << 20;

/// Stored blocks.
#[derive(Default)]
pub(super) struct Preamble {
    bytes: Vec<u8>,
    blocks: Vec<StoredBlock>,
    /// Set when the first file is open.
    has_begun: bool,
}

struct StoredBlock {
    input: usize,
    order: ByteOrder,
    range: Range<usize>,
}

impl Preamble {
    /// Stores a block of an input if it is needed. Returns `false` if it does not fit.
    #[must_use]
    pub(super) fn push(&mut self, input: usize, block: &Block<'_>) -> bool {
        let kind = block.kind();
        if self.has_begun && kind == SECTION {
            self.clear();
        }
        if !block.is_copied() || self.has_begun && !is_repeated(kind) {
            return true;
        }
        let start = self.bytes.len();
        let taken = start + block.bytes.len() + (self.blocks.len() + 1) * size_of::<StoredBlock>();
        if taken > MOST_BYTES {
            return self.has_begun && kind != SECTION && kind != INTERFACE;
        }
        self.bytes.extend_from_slice(block.bytes);
        self.blocks.push(StoredBlock { input, order: block.order, range: start..self.bytes.len() });
        true
    }

    /// Keeps the blocks that are repeated, when the first file is open.
    pub(super) fn begin(&mut self) {
        let Preamble { bytes, blocks, .. } = mem::take(self);
        self.has_begun = true;
        for StoredBlock { input, order, range } in blocks {
            // They fitted before.
            let _ = self.push(input, &Block { bytes: &bytes[range], order });
        }
    }

    /// Writes the stored blocks to a file that begins with a record of `input`. After the first file, blocks of other
    /// inputs are no longer needed.
    pub(super) fn write(&self, writer: &mut Writer, input: usize) -> Result<(), CaptureError> {
        let is_needed = |stored: &&StoredBlock| !self.has_begun || stored.input == input;
        let mut blocks = self.blocks.iter().filter(is_needed);
        blocks.try_for_each(|stored| writer.block(stored.input, &self.block(stored)))
    }

    fn block(&self, stored: &StoredBlock) -> Block<'_> {
        Block { bytes: &self.bytes[stored.range.clone()], order: stored.order }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.blocks.clear();
    }
}

/// Returns whether blocks of this type stand in each file.
fn is_repeated(kind: u32) -> bool {
    matches!(kind, SECTION | INTERFACE | NAME_RESOLUTION | DECRYPTION_SECRETS)
}
