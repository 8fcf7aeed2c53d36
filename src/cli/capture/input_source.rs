//! The bytes of an input: a file or standard input, decompressed if it is compressed.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compression::{Compression, Decompressed, MAGIC_LEN};
use super::error::CaptureErrorKind;
use super::live_stream::LiveStream;
use super::part::{ClosedFile, FileAt};
use super::read_ahead::ReadAhead;

/// The number of compressed bytes read at once.
const STORED_BUFFER: usize = 256 << 10;

/// The decompressed bytes of an input.
pub(super) struct InputSource {
    pub(super) bytes: Decompressed,
    /// The compression of the stored bytes, if there is one.
    pub(super) compression: Option<&'static Compression>,
    stored_read: Arc<AtomicU64>,
    /// The length of the stored file, if it is a regular one.
    pub(super) stored_total: Option<u64>,
    /// The input, if it is no regular file: a read that would have to wait fails with `WouldBlock`.
    pub(super) stream: Option<Arc<LiveStream>>,
    /// The file, if it can be read at any position.
    pub(super) file: Option<Arc<File>>,
}

impl InputSource {
    /// Opens a file, or standard input for `-`, and detects compression. A stream is waited for.
    pub(super) fn open(path: &Path) -> Result<InputSource, CaptureErrorKind> {
        let is_stdin = path.as_os_str() == "-";
        let file = if is_stdin { standard_input() } else { open_file(path) }.map_err(CaptureErrorKind::Open)?;
        let metadata = file.metadata().map_err(CaptureErrorKind::Open)?;
        let source = match metadata.is_file() {
            true if is_stdin => InputSource::new(file, None, None),
            true => InputSource::of_file(Arc::new(file)),
            false => LiveStream::new(file).map(Arc::new).and_then(|stream| {
                let raw = FromStream(Arc::clone(&stream));
                InputSource::new(raw, Some(stream), None)
            }),
        };
        source.map_err(CaptureErrorKind::Read)
    }

    /// Opens a file that is closed between reads.
    pub(super) fn open_for_each_read(path: &Path) -> Result<InputSource, CaptureErrorKind> {
        let metadata = open_file(path).and_then(|file| file.metadata()).map_err(CaptureErrorKind::Open)?;
        let stored_total = Some(metadata.len());
        InputSource::new(ClosedFile::new(path, metadata), None, stored_total).map_err(CaptureErrorKind::Read)
    }

    /// Returns a source without bytes.
    pub(super) fn empty() -> InputSource {
        let stored_read = Arc::new(AtomicU64::new(0));
        InputSource {
            bytes: Box::new(io::empty()),
            compression: None,
            stored_read,
            stored_total: None,
            stream: None,
            file: None,
        }
    }

    /// Returns the source of a regular file, from its start.
    pub(super) fn of_file(file: Arc<File>) -> io::Result<InputSource> {
        let stored_total = Some(file.metadata()?.len());
        let source = InputSource::new(FileAt { file: Arc::clone(&file), at: 0 }, None, stored_total)?;
        Ok(InputSource { file: Some(file), ..source })
    }

    /// Returns the source of the rest of a regular file, which is not compressed.
    pub(super) fn of_rest(file: &Arc<File>, offset: u64) -> InputSource {
        let stored_read = Arc::new(AtomicU64::new(0));
        let raw = FileAt { file: Arc::clone(file), at: offset };
        let bytes = Box::new(Counted { inner: raw, count: Arc::clone(&stored_read) });
        InputSource { bytes, compression: None, stored_read, stored_total: None, stream: None, file: None }
    }

    /// Lets another thread decompress a long file.
    pub(super) fn read_ahead(&mut self) {
        if self.file.is_some() && self.compression.is_some() {
            let source = mem::replace(&mut self.bytes, Box::new(io::empty()));
            self.bytes = Box::new(ReadAhead::new(source));
        }
    }

    /// Closes the input. The byte counts stay available.
    pub(super) fn close(&mut self) {
        (self.bytes, self.stream, self.file) = (Box::new(io::empty()), None, None);
    }

    /// Returns the number of bytes read from the stored file.
    pub(super) fn stored_read(&self) -> u64 {
        self.stored_read.load(Ordering::Relaxed)
    }

    /// Returns a source of `raw`, which has `stored_total` bytes if that is known.
    pub(super) fn new(
        raw: impl Read + Send + 'static,
        stream: Option<Arc<LiveStream>>,
        stored_total: Option<u64>,
    ) -> io::Result<InputSource> {
        let stored_read = Arc::new(AtomicU64::new(0));
        let mut raw = Counted { inner: raw, count: Arc::clone(&stored_read) };
        let mut start = [0; MAGIC_LEN];
        let mut len = 0;
        while len < MAGIC_LEN {
            match (read(&mut raw, &mut start[len..]), &stream) {
                (Ok(0), _) => break,
                (Ok(count), _) => len += count,
                (Err(error), Some(stream)) if error.kind() == ErrorKind::WouldBlock => stream.wait(None)?,
                (Err(error), _) => return Err(error),
            }
        }
        let start = start[..len].to_vec();
        let compression = Compression::of(&start);
        let whole = Cursor::new(start).chain(raw);
        let bytes: Decompressed = match compression {
            Some(compression) => (compression.decoder)(Box::new(BufReader::with_capacity(STORED_BUFFER, whole))),
            None => Box::new(whole),
        };
        Ok(InputSource { bytes, compression, stored_read, stored_total, stream, file: None })
    }
}

/// Returns standard input without the buffer of the standard library, whose bytes `poll` would not report.
#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned().map(File::from)
}

/// Opens a file, without waiting for a writer of a pipe. [`LiveStream::wait`] does that, and a signal ends it.
fn open_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.read(true).open(path)
}

struct FromStream(Arc<LiveStream>);

impl Read for FromStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

/// Reads, and repeats interrupted calls.
pub(super) fn read(source: &mut dyn Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(space) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A source that counts its bytes.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(space)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
