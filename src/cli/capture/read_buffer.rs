//! The buffer of unread input bytes.
//!
//! - It grows only as data arrives, so a length field alone allocates nothing.
//! - It reads from the source only when it holds too few bytes, so everything before a failure is returned.
//! - Decompressed data is limited to a plausible multiple of its compressed length, so no small input fills the
//!   memory.
//! - While it is pinned, it neither reads nor moves its bytes.
//! - A file can be suspended: it is closed, and opened again when more bytes are needed.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::error::{CaptureErrorKind, Damage, Stop};
use super::input_source::{self, InputSource};
use crate::cli::interrupt;

/// The number of bytes read at once. They stay in the processor's cache until the records are filtered and written.
const CHUNK: usize = 256 << 10;

/// The number of bytes read first, so that small captures take little memory.
const FIRST_CHUNK: usize = 16 << 10;

/// The number of bytes that inputs which are read by turns read at once, all together.
const ALL_CHUNKS: usize = 64 << 20;

/// Decompressed data may take this many bytes, or `MAX_RATIO` times the compressed length. Packets of real captures
/// shrink to about a tenth, bytes that are all equal to a thousandth.
const ALWAYS_UNPACKED: usize = 32 << 20;
const MAX_RATIO: u64 = 32;

/// The unread bytes of an input: those of `bytes` from `start` to `end`.
pub(super) struct ReadBuffer {
    source: InputSource,
    /// Set when the source has returned its end; it is not read again.
    has_ended: bool,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The offset of `end` in the decompressed stream.
    end_offset: u64,
    /// The stream ends at the first record that does not begin before this offset.
    limit: u64,
    is_pinned: bool,
    is_waiting: bool,
    suspended: Option<SuspendedFile>,
    /// Whether another thread may decompress a file.
    reads_ahead: bool,
    /// Whether a suspended file is closed between reads when it is read on.
    is_one_of_many: bool,
    /// The maximum number of bytes read at once.
    chunk: usize,
}

/// A file that is closed until it is needed again.
struct SuspendedFile {
    path: PathBuf,
    /// The bytes that were read before.
    start: Vec<u8>,
}

impl ReadBuffer {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<ReadBuffer, CaptureErrorKind> {
        InputSource::open(path).map(ReadBuffer::new)
    }

    /// Returns an empty buffer of `source`.
    pub(super) fn new(source: InputSource) -> ReadBuffer {
        let (has_ended, is_pinned, is_waiting, suspended) = (false, false, true, None);
        let (bytes, start, end, end_offset, limit) = (Vec::new(), 0, 0, 0, u64::MAX);
        ReadBuffer {
            source,
            has_ended,
            bytes,
            start,
            end,
            end_offset,
            limit,
            is_pinned,
            is_waiting,
            suspended,
            reads_ahead: false,
            is_one_of_many: false,
            chunk: CHUNK,
        }
    }

    /// Returns an empty buffer of a source that begins at an offset, for the records that begin before `limit`.
    pub(super) fn at(source: InputSource, offset: u64, limit: u64) -> ReadBuffer {
        ReadBuffer { end_offset: offset, limit, ..ReadBuffer::new(source) }
    }

    /// Uses the memory of another buffer.
    pub(super) fn with_memory(self, bytes: Vec<u8>) -> ReadBuffer {
        ReadBuffer { bytes, ..self }
    }

    /// Returns the memory, for another buffer.
    pub(super) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    /// Skips the bytes up to an offset.
    pub(super) fn skip_to(&mut self, offset: u64) -> Result<(), Stop> {
        while self.offset() < offset {
            let wanted = (offset - self.offset()).min(CHUNK as u64) as usize;
            self.require("skipped part", wanted)?;
            self.take(wanted);
        }
        Ok(())
    }

    /// Returns the open file, if it can be read at any position.
    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.source.file.clone()
    }

    /// Shares descriptors and memory with `count` inputs that are read by turns.
    pub(super) fn share(&mut self, count: usize) {
        self.is_one_of_many = true;
        self.chunk = (ALL_CHUNKS / count.max(1)).clamp(FIRST_CHUNK, CHUNK);
    }

    /// Lets another thread decompress a long file.
    pub(super) fn read_ahead(&mut self) {
        self.reads_ahead = true;
        self.source.read_ahead();
    }

    /// Returns whether the file is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.source.compression.is_some()
    }

    /// Closes the file until more of it is needed. Streams and standard input, which cannot be opened again, stay open.
    pub(super) fn suspend(&mut self, path: &Path) {
        if self.source.stored_total.is_some() {
            let start = self.bytes[..self.start].to_vec();
            self.end_offset = self.offset();
            self.close();
            (self.has_ended, self.suspended) = (false, Some(SuspendedFile { path: path.to_owned(), start }));
        }
    }

    /// Closes the input, and ends it here.
    pub(super) fn close(&mut self) {
        self.source.close();
        (self.has_ended, self.bytes, self.start, self.end) = (true, Vec::new(), 0, 0);
    }

    /// Opens a suspended file, and skips the bytes that were read before.
    fn resume(&mut self, file: &SuspendedFile) -> Result<(), Stop> {
        let open = if self.is_one_of_many { InputSource::open_for_each_read } else { InputSource::open };
        (self.source, self.end_offset) = (open(&file.path)?, 0);
        if self.reads_ahead {
            self.source.read_ahead();
        }
        self.refill(file.start.len())?;
        if !self.unread().starts_with(&file.start) {
            let changed = io::Error::other("it has changed since its header was read first");
            return Err(CaptureErrorKind::Read(changed).into());
        }
        self.take(file.start.len());
        Ok(())
    }

    /// Sets whether to wait for a stream that has nothing to read, rather than return [`Stop::WouldWait`].
    pub(super) fn set_waiting(&mut self, is_waiting: bool) {
        self.is_waiting = is_waiting;
    }

    /// Sets whether the buffer is pinned. A pinned one returns [`Stop::WouldWait`] rather than read.
    pub(super) fn set_pinned(&mut self, is_pinned: bool) {
        self.is_pinned = is_pinned;
    }

    /// Waits until a stream has something to read, or until `due`.
    pub(super) fn wait(&self, due: Option<Instant>) -> Result<(), CaptureErrorKind> {
        self.source.stream.as_ref().map_or(Ok(()), |stream| stream.wait(due)).map_err(CaptureErrorKind::Read)
    }

    /// Returns whether a signal has ended the stream.
    pub(super) fn is_interrupted(&self) -> bool {
        self.source.stream.is_some() && interrupt::streams_have_ended()
    }

    /// Returns whether the stream ends here.
    #[inline]
    pub(super) fn at_end(&mut self) -> Result<bool, Stop> {
        Ok(self.offset() >= self.limit || self.fill(1)? == 0)
    }

    /// Reads until the buffer holds the `needed` bytes of `part`, which begins here.
    #[inline]
    pub(super) fn require(&mut self, part: &'static str, needed: usize) -> Result<(), Stop> {
        let left = self.fill(needed)?;
        match left >= needed {
            true => Ok(()),
            false if self.is_interrupted() => Err(Stop::Interrupted),
            false if self.has_ended => Err(self.damaged(Damage::Cut { part, needed, left })),
            false => Err(self.damaged(Damage::Unpacked { part, needed, stored: self.stored_read() })),
        }
    }

    /// Returns the next bytes, up to `count` of them.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], Stop> {
        let len = self.fill(count)?.min(count);
        Ok(&self.unread()[..len])
    }

    /// Returns the unread bytes in the buffer.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Returns the position of the unread bytes in [`ReadBuffer::bytes`].
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Returns the number of bytes from the first unread one to the limit, before which records begin.
    pub(super) fn until_limit(&self) -> u64 {
        self.limit.saturating_sub(self.offset())
    }

    /// Returns all bytes in the buffer, read or not.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Marks `count` bytes as read and returns them; the buffer must hold them.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let taken = &self.bytes[self.start..self.end][..count];
        self.start += count;
        taken
    }

    /// Does the same as [`ReadBuffer::take`], and returns mutable bytes.
    #[inline]
    pub(super) fn take_mut(&mut self, count: usize) -> &mut [u8] {
        let taken = &mut self.bytes[self.start..self.end][..count];
        self.start += count;
        taken
    }

    /// Returns the error of damage that begins here.
    pub(super) fn damaged(&self, damage: Damage) -> Stop {
        CaptureErrorKind::Damaged { at: self.offset(), damage }.into()
    }

    /// Returns the offset of the first unread byte in the decompressed stream.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.end_offset - (self.end - self.start) as u64
    }

    /// Returns the number of bytes read from the stored file.
    pub(super) fn stored_read(&self) -> u64 {
        self.source.stored_read()
    }

    /// Returns the length of the stored file, if it is a regular one.
    pub(super) fn stored_total(&self) -> Option<u64> {
        self.source.stored_total
    }

    /// Reads until the buffer holds `wanted` unread bytes, and returns how many it holds. They are fewer at the end of
    /// the stream, or if decompressed data is not plausible.
    #[inline]
    fn fill(&mut self, wanted: usize) -> Result<usize, Stop> {
        if self.end - self.start < wanted {
            self.refill(wanted)?;
        }
        Ok(self.end - self.start)
    }

    /// Moves the unread bytes to the front, and reads more after them.
    #[cold]
    fn refill(&mut self, wanted: usize) -> Result<(), Stop> {
        if self.is_pinned {
            return if self.has_ended { Ok(()) } else { Err(Stop::WouldWait) };
        }
        if let Some(file) = self.suspended.take() {
            self.resume(&file)?;
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < wanted && !self.has_ended && self.is_plausible() {
            // The buffer grows with a long record as its bytes arrive.
            let beyond = self.limit.saturating_sub(self.end_offset).clamp(FIRST_CHUNK as u64, CHUNK as u64) as usize;
            let room = self.bytes.len().clamp(FIRST_CHUNK, self.chunk).min(beyond);
            self.bytes.resize(self.bytes.len().max(self.end + room), 0);
            let space = &mut self.bytes[self.end..][..room];
            let count = match input_source::read(&mut *self.source.bytes, space) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.is_waiting => {
                    self.wait(None)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Stop::WouldWait),
                // The compressed data is truncated by the signal.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.is_interrupted() => 0,
                Err(error) => return Err(self.failed(error).into()),
            };
            self.has_ended = count == 0;
            self.end += count;
            self.end_offset += count as u64;
        }
        Ok(())
    }

    /// Returns whether the buffer may grow.
    fn is_plausible(&self) -> bool {
        self.source.compression.is_none()
            || self.end < ALWAYS_UNPACKED
            || self.end as u64 / MAX_RATIO < self.stored_read()
    }

    /// Returns the error of a read. An error of a decoder, which has no number of the system, is damage of the file.
    fn failed(&self, error: io::Error) -> CaptureErrorKind {
        match self.source.compression.filter(|_| error.raw_os_error().is_none()) {
            Some(compression) => {
                let damage = Damage::Compressed { compression: compression.name, error };
                CaptureErrorKind::Damaged { at: self.end_offset, damage }
            }
            None => CaptureErrorKind::Read(error),
        }
    }
}
