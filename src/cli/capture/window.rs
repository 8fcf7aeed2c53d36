//! A window on the bytes of an input that slides forward.
//!
//! - It holds what is unread, and grows only as data really arrive, so a length field alone allocates nothing.
//! - It asks for more only when what is at hand does not do, so all that precedes a failure is served.
//! - What gzip unpacks to is held only as far as its compressed length makes plausible, so no small input fills the
//!   memory. Nothing else needs a limit: bytes that are not compressed were really there.
//! - While it is held, it does not slide: what would need more waits, and what was taken stays where it is.

use std::io;
use std::path::Path;

use super::error::{CaptureError, Damage, Fault};
use super::source::{self, Source};

/// Read at once: little enough to stay in the processor's cache until the records are looked at and written.
const CHUNK: usize = 256 << 10;

/// Read at first, so that small captures take little memory.
const FIRST: usize = 16 << 10;

/// So many bytes are held of any gzip data; beyond, as many times what was stored of it. Packets of real captures
/// shrink to a tenth or so, bytes that are all equal to a thousandth.
const UNPACKED: usize = 32 << 20;
const PLAUSIBLE_RATIO: u64 = 32;

/// The unread bytes of an input.
pub(super) struct Window {
    source: Source,
    /// Whether the source has come to its end; it is not asked again.
    ended: bool,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes of the decompressed stream lie before `end`.
    passed: u64,
    is_held: bool,
}

impl Window {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Window, CaptureError> {
        Source::open(path).map(Window::new)
    }

    /// A window on the start of `source`.
    pub(super) fn new(source: Source) -> Window {
        Window { source, ended: false, bytes: Vec::new(), start: 0, end: 0, passed: 0, is_held: false }
    }

    /// Whether the stream ends here.
    #[inline]
    pub(super) fn at_end(&mut self) -> Result<bool, Fault> {
        Ok(self.fill(1)? == 0)
    }

    /// Makes the `needed` bytes of `part`, which begins here, available.
    #[inline]
    pub(super) fn require(&mut self, part: &'static str, needed: usize) -> Result<(), Fault> {
        let left = self.fill(needed)?;
        match left >= needed {
            true => Ok(()),
            false if self.ended => Err(self.damaged(Damage::Cut { part, needed, left })),
            false => Err(self.damaged(Damage::Unpacked { part, needed, stored: self.stored_read() })),
        }
    }

    /// The next bytes, up to `count` of them.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], Fault> {
        let there = self.fill(count)?.min(count);
        Ok(&self.unread()[..there])
    }

    /// The bytes at hand, none of them read yet.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Frees the memory, since nothing more is to be read.
    pub(super) fn release(&mut self) {
        (self.bytes, self.start, self.end) = (Vec::new(), 0, 0);
    }

    /// Holds the window, or lets it slide again.
    pub(super) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// All bytes at hand, read or not.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Passes over `count` bytes, which must be at hand, and returns them.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let taken = &self.bytes[self.start..self.end][..count];
        self.start += count;
        taken
    }

    /// As [`Window::take`], with bytes that can be changed where they lie.
    #[inline]
    pub(super) fn take_mut(&mut self, count: usize) -> &mut [u8] {
        let taken = &mut self.bytes[self.start..self.end][..count];
        self.start += count;
        taken
    }

    /// Damage of what begins here.
    pub(super) fn damaged(&self, damage: Damage) -> Fault {
        Fault::Damaged { at: self.offset(), damage }
    }

    /// Offset of the first unread byte in the decompressed stream.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.passed - (self.end - self.start) as u64
    }

    /// Bytes of the stored file that have been read.
    pub(super) fn stored_read(&self) -> u64 {
        self.source.stored_read.get()
    }

    /// Length of the stored file, if it is a regular one.
    pub(super) fn stored_total(&self) -> Option<u64> {
        self.source.stored_total
    }

    /// Makes `wanted` bytes available and returns how many are: fewer at the end of the stream, or if they are more
    /// than was plausibly compressed.
    #[inline]
    fn fill(&mut self, wanted: usize) -> Result<usize, Fault> {
        if self.end - self.start < wanted {
            self.refill(wanted)?;
        }
        Ok(self.end - self.start)
    }

    /// Reads on behind what is left, which moves to the front.
    #[cold]
    fn refill(&mut self, wanted: usize) -> Result<(), Fault> {
        if self.is_held {
            return if self.ended { Ok(()) } else { Err(Fault::Held) };
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < wanted && !self.ended && self.is_plausible() {
            // A long record gathers here, and gets room as it comes.
            let room = self.bytes.len().clamp(FIRST, CHUNK);
            self.bytes.resize(self.bytes.len().max(self.end + room), 0);
            let space = &mut self.bytes[self.end..][..room];
            let count = source::read(&mut *self.source.bytes, space).map_err(|error| self.failed(error))?;
            self.ended = count == 0;
            self.end += count;
            self.passed += count as u64;
        }
        Ok(())
    }

    /// Whether what is at hand may grow.
    fn is_plausible(&self) -> bool {
        !self.source.gzip || self.end < UNPACKED || self.end as u64 / PLAUSIBLE_RATIO < self.stored_read()
    }

    /// A failure of the decoder is damage of the file; one of the system has a number.
    fn failed(&self, error: io::Error) -> Fault {
        match self.source.gzip && error.raw_os_error().is_none() {
            true => Fault::Damaged { at: self.passed, damage: Damage::Gzip(error) },
            false => Fault::Read(error),
        }
    }
}
