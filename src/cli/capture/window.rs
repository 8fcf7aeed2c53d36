//! A window on the bytes of an input that slides forward.
//!
//! - It holds what is unread, and grows only as data really arrive, so a length field alone allocates nothing.
//! - It asks for more only when what is at hand does not do, so all that precedes a failure is served.
//! - What gzip unpacks to is held only as far as its compressed length makes plausible, so no small input fills the
//!   memory. Nothing else needs a limit: bytes that are not compressed were really there.
//! - While it is held, it does not slide: what would need more waits, and what was taken stays where it is.
//! - A file whose header was read can be closed, and is opened again when more is needed.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::{Damage, Fault};
use super::source::{self, Source};
use crate::cli::interrupt;

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
    /// Whether a stream that has nothing to read is waited for.
    is_patient: bool,
    /// The path of a file that is closed for now, and the bytes that were read of it.
    closed: Option<(PathBuf, Vec<u8>)>,
}

impl Window {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Window, Fault> {
        Source::open(path).map(Window::new)
    }

    /// A window on the start of `source`.
    pub(super) fn new(source: Source) -> Window {
        let (ended, is_held, is_patient) = (false, false, true);
        Window { source, ended, bytes: Vec::new(), start: 0, end: 0, passed: 0, is_held, is_patient, closed: None }
    }

    /// Closes the file until more of it is needed. Streams and standard input, which cannot be opened again, stay open.
    pub(super) fn close_for_now(&mut self, path: &Path) {
        if self.source.stored_total.is_some() {
            let read = self.bytes[..self.start].to_vec();
            self.close();
            (self.ended, self.closed) = (false, Some((path.to_owned(), read)));
        }
    }

    /// Closes the input, which ends here.
    pub(super) fn close(&mut self) {
        self.source.close();
        (self.ended, self.bytes, self.start, self.end) = (true, Vec::new(), 0, 0);
    }

    /// Opens the file that was closed, and passes over the bytes that were `read` before.
    fn reopen(&mut self, path: &Path, read: &[u8]) -> Result<(), Fault> {
        (self.source, self.passed) = (Source::open(path)?, 0);
        self.refill(read.len())?;
        if !self.unread().starts_with(read) {
            return Err(Fault::Read(io::Error::other("it has changed since its header was read first")));
        }
        self.take(read.len());
        Ok(())
    }

    /// Sets whether to wait for a stream that has nothing to read, rather than fail with [`Fault::Held`].
    pub(super) fn set_patient(&mut self, is_patient: bool) {
        self.is_patient = is_patient;
    }

    /// Waits until a stream has something to read, or until `due`.
    pub(super) fn wait(&self, due: Option<Instant>) -> Result<(), Fault> {
        self.source.stream.as_ref().map_or(Ok(()), |stream| stream.wait(due)).map_err(Fault::Read)
    }

    /// Whether a signal has ended the stream.
    pub(super) fn is_interrupted(&self) -> bool {
        self.source.stream.is_some() && interrupt::streams_have_ended()
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
            false if self.is_interrupted() => Err(Fault::CutShort),
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
        if let Some((path, read)) = self.closed.take() {
            self.reopen(&path, &read)?;
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < wanted && !self.ended && self.is_plausible() {
            // A long record gathers here, and gets room as it comes.
            let room = self.bytes.len().clamp(FIRST, CHUNK);
            self.bytes.resize(self.bytes.len().max(self.end + room), 0);
            let space = &mut self.bytes[self.end..][..room];
            let count = match source::read(&mut *self.source.bytes, space) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.is_patient => {
                    self.wait(None)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Fault::Held),
                // The decoder reports that the signal has cut the gzip data.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.is_interrupted() => 0,
                Err(error) => return Err(self.failed(error)),
            };
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
