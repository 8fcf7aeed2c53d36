//! A window on the bytes of an input that slides forward.
//!
//! - It holds what is unread, and grows only as data really arrive, so a length field alone allocates nothing.
//! - It asks for more only when what is at hand does not do, so all that precedes a failure is served.

use std::io;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{CaptureError, Damage, Fault};
use super::feed::{Chunk, Feed, MARGIN};
use super::source::Source;

/// The unread bytes of an input.
pub(super) struct Window {
    feed: Feed,
    gzip: bool,
    stored_read: Arc<AtomicU64>,
    stored_total: Option<u64>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes of the decompressed stream lie before `end`.
    passed: u64,
}

impl Window {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Window, CaptureError> {
        Source::open(path).map(Window::new)
    }

    /// A window on the start of `source`.
    pub(super) fn new(source: Source) -> Window {
        let Source { bytes, gzip, stored_read, stored_total } = source;
        let feed = Feed::new(bytes);
        Window { feed, gzip, stored_read, stored_total, bytes: Vec::new(), start: 0, end: 0, passed: 0 }
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
        if left >= needed { Ok(()) } else { Err(self.damaged(Damage::Cut { part, needed, left })) }
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

    /// Passes over `count` bytes, which must be at hand, and returns them.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let taken = &self.bytes[self.start..self.end][..count];
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
        self.stored_read.load(Ordering::Relaxed)
    }

    /// Length of the stored file, if it is a regular one.
    pub(super) fn stored_total(&self) -> Option<u64> {
        self.stored_total
    }

    /// Makes `wanted` bytes available and returns how many are: fewer only at the end of the stream.
    #[inline]
    fn fill(&mut self, wanted: usize) -> Result<usize, Fault> {
        if self.end - self.start < wanted {
            self.refill(wanted)?;
        }
        Ok(self.end - self.start)
    }

    #[cold]
    fn refill(&mut self, wanted: usize) -> Result<(), Fault> {
        while self.end - self.start < wanted {
            let chunk = self.feed.next().map_err(|error| self.failed(error))?;
            let count = chunk.end - MARGIN;
            if count == 0 {
                self.feed = Feed::Ended;
                break;
            }
            self.passed += count as u64;
            let spent = self.append(chunk);
            self.feed.recycle(spent);
        }
        Ok(())
    }

    /// Joins a chunk to what is left, and returns the memory that is free now.
    fn append(&mut self, mut chunk: Chunk) -> Vec<u8> {
        let Some(start) = MARGIN.checked_sub(self.end - self.start) else {
            // What is left outgrew the margin: a long record gathers here.
            self.bytes.truncate(self.end);
            self.bytes.drain(..self.start);
            self.bytes.extend_from_slice(&chunk.bytes[MARGIN..chunk.end]);
            (self.start, self.end) = (0, self.bytes.len());
            return chunk.bytes;
        };
        chunk.bytes[start..MARGIN].copy_from_slice(self.unread());
        (self.start, self.end) = (start, chunk.end);
        mem::replace(&mut self.bytes, chunk.bytes)
    }

    /// A failure of the decoder is damage of the file; one of the system has a number.
    fn failed(&self, error: io::Error) -> Fault {
        match self.gzip && error.raw_os_error().is_none() {
            true => Fault::Damaged { at: self.passed, damage: Damage::Gzip(error) },
            false => Fault::Read(error),
        }
    }
}
