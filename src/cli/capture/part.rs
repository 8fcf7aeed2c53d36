//! Parts of captures, for threads that read them side by side.
//!
//! - A large plain file is cut into ranges of bytes. A part begins at the first record in its range and ends after the
//!   last record that begins there.
//! - Where a record begins is a guess, made of a chain of plausible records. It is right if the part before ends at
//!   this [`Place`]; otherwise the part is read again from there, by [`Part::open_at`].
//! - Other files are one part.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{CaptureError, CaptureErrorKind, Stop};
use super::input_source::InputSource;
use super::read_buffer::ReadBuffer;
use super::reader::{Decoder, Piece, Reader};

/// The number of bytes in which the first record of a range is searched.
const WINDOW: usize = 256 << 10;

/// A place between two records or blocks, and what is needed to read on there.
#[derive(Clone, PartialEq)]
pub struct Place {
    /// The offset in the decompressed bytes.
    pub(super) offset: u64,
    pub(super) decoder: Decoder,
}

impl Place {
    /// Returns the place at another offset, between which and this one there are only packets.
    pub fn at(self, offset: u64) -> Place {
        Place { offset, ..self }
    }
}

/// A part of a capture.
#[derive(Clone)]
pub struct Part {
    path: PathBuf,
    extent: Extent,
    start: Place,
}

/// What a part reads.
#[derive(Clone)]
enum Extent {
    /// The whole file, opened again by its path.
    Path,
    /// The whole file, which is open.
    File(Arc<File>),
    /// The records of a plain file that begin in a range of offsets.
    Range(Arc<File>, Range<u64>),
}

impl Part {
    /// Returns the parts of a capture, of about `length` bytes each, or `None` if it cannot be read twice.
    pub fn of(reader: &Reader, length: u64) -> Option<Vec<Part>> {
        let stored = reader.bytes_total()?;
        let file = reader.file();
        let extent = file.clone().map_or(Extent::Path, Extent::File);
        let whole = Part { path: reader.path().to_path_buf(), extent, start: reader.place() };
        let file = file.filter(|_| !reader.is_compressed() && stored / 2 >= length);
        Some(match file.and_then(|file| Some((file, whole.first_packet()?))) {
            Some((file, decoder)) => whole.ranges(&file, stored, length, &decoder),
            None => vec![whole],
        })
    }

    /// Returns the state of the decoder at the first packet: the interfaces of pcapng precede it.
    fn first_packet(&self) -> Option<Decoder> {
        let mut reader = self.open(Vec::new()).ok()??;
        while let Piece::Block(_) = reader.piece(1).ok()?? {}
        Some(reader.place().decoder)
    }

    fn ranges(&self, file: &Arc<File>, stored: u64, length: u64, decoder: &Decoder) -> Vec<Part> {
        let count = stored / length;
        let part = |number: u64| {
            let is_last = number + 1 == count;
            let end = if is_last { u64::MAX } else { (number + 1) * length };
            let start = match number {
                0 => self.start.clone(),
                _ => Place { offset: number * length, decoder: decoder.clone() },
            };
            let extent = Extent::Range(Arc::clone(file), number * length..end);
            Part { path: self.path.clone(), extent, start }
        };
        (0..count).map(part).collect()
    }

    /// Returns a reader of the part, or `None` if no record was found in its range. `memory` is that of a reader that was
    /// used before.
    ///
    /// # Errors
    /// If the file cannot be read, or has changed since it was opened first.
    pub fn open(&self, memory: Vec<u8>) -> Result<Option<Reader>, CaptureError> {
        let Extent::Range(file, range) = &self.extent else { return self.whole().map(Some) };
        let source = InputSource::of_rest(file, self.start.offset);
        let mut buffer = ReadBuffer::at(source, self.start.offset, range.end).with_memory(memory);
        if range.start > 0 {
            let found = match buffer.peek(WINDOW) {
                Ok(window) => self.start.decoder.find_record(window),
                Err(stop) => return stop.failure().map_or(Ok(None), |error| Err(error.of(&self.path))),
            };
            let Some(skipped) = found else { return Ok(None) };
            buffer.take(skipped);
        }
        Ok(Some(Reader::resumed(&self.path, buffer, self.start.decoder.clone())))
    }

    /// Returns a reader of the rest of the part from a place, which may lie behind its end.
    ///
    /// # Errors
    /// If the file cannot be read, or has changed since it was opened first.
    pub fn open_at(&self, place: &Place) -> Result<Reader, CaptureError> {
        let buffer = match &self.extent {
            Extent::Range(file, range) => {
                ReadBuffer::at(InputSource::of_rest(file, place.offset), place.offset, range.end)
            }
            Extent::Path | Extent::File(_) => {
                let mut buffer = self.whole()?.into_buffer();
                match buffer.skip_to(place.offset) {
                    Ok(()) => buffer,
                    Err(Stop::Failed(error)) => return Err(error.of(&self.path)),
                    Err(Stop::Interrupted | Stop::WouldWait) => return Err(changed().of(&self.path)),
                }
            }
        };
        Ok(Reader::resumed(&self.path, buffer, place.decoder.clone()))
    }

    /// Opens the whole file once more.
    fn whole(&self) -> Result<Reader, CaptureError> {
        let source = match &self.extent {
            Extent::File(file) => InputSource::of_file(Arc::clone(file)).map_err(CaptureErrorKind::Read),
            Extent::Path | Extent::Range(..) => InputSource::open(&self.path),
        };
        let reader = Reader::new(&self.path, ReadBuffer::new(source.map_err(|error| error.of(&self.path))?))?;
        match reader.place() == self.start {
            true => Ok(reader),
            false => Err(changed().of(&self.path)),
        }
    }
}

fn changed() -> CaptureErrorKind {
    CaptureErrorKind::Read(io::Error::other("it has changed since its header was read first"))
}

/// A regular file, read from a position of its own.
pub(super) struct FileAt {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
}

impl Read for FileAt {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&*self.file, space, self.at)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&*self.file, space, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// A regular file that is open only while it is read, for thousands of inputs at the same time.
pub(super) struct ClosedFile {
    path: PathBuf,
    at: u64,
    metadata: Metadata,
}

impl ClosedFile {
    pub(super) fn new(path: &Path, metadata: Metadata) -> ClosedFile {
        ClosedFile { path: path.to_path_buf(), at: 0, metadata }
    }

    /// Returns whether this is the file that was opened first. Where files have no identity, a shorter one is another.
    fn is_same(&self, metadata: &Metadata) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino()) == (self.metadata.dev(), self.metadata.ino())
        }
        #[cfg(not(unix))]
        {
            metadata.len() >= self.metadata.len()
        }
    }
}

impl Read for ClosedFile {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let file = File::open(&self.path)?;
        if !self.is_same(&file.metadata()?) {
            return Err(io::Error::other("it was replaced while it was read"));
        }
        let mut file = FileAt { file: Arc::new(file), at: self.at };
        let count = file.read(space)?;
        self.at = file.at;
        Ok(count)
    }
}

/// The number of records that must follow each other for a place to count as the begin of one.
const CHAIN: usize = 16;
/// The same, if the window ends before.
const SHORT_CHAIN: usize = 4;
/// The maximum length of what describes the length of a record.
const HEAD: usize = 32;

/// Returns the first offset in `window`, a multiple of `step`, from which records follow each other. `length_at` returns
/// the length of the record at the begin of these bytes, if there can be one.
pub(super) fn find_chain(window: &[u8], step: usize, length_at: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let is_chain = |start: usize| {
        let mut at = start;
        for count in 0..CHAIN {
            let Some(rest) = window.get(at..).filter(|rest| rest.len() >= HEAD) else { return count >= SHORT_CHAIN };
            let Some(length) = length_at(rest) else { return false };
            at += length;
        }
        true
    };
    (0..window.len()).step_by(step).find(|&start| is_chain(start))
}
