//! The bytes of an input: a file or standard input, decompressed if it is gzip.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::error::CaptureErrorKind;
use super::gzip_decoder::{self, GzipDecoder};
use super::live_stream::LiveStream;
use super::part::FileAt;

const GZIP_BUFFER: usize = 256 << 10;
/// The number of bytes decoded in one call. A call that fails loses what it has decoded, so calls are short.
const GZIP_STEP: usize = 4 << 10;

/// The decompressed bytes of an input.
pub(super) struct InputSource {
    pub(super) bytes: Box<dyn Read>,
    pub(super) is_gzip: bool,
    /// The number of bytes read from the stored file.
    pub(super) stored_read: Rc<Cell<u64>>,
    /// The length of the stored file, if it is a regular one.
    pub(super) stored_total: Option<u64>,
    /// The input, if it is no regular file: a read that would have to wait fails with `WouldBlock`.
    pub(super) stream: Option<Rc<LiveStream>>,
    /// The file, if it can be read at any position.
    pub(super) file: Option<Arc<File>>,
}

impl InputSource {
    /// Opens a file, or standard input for `-`, and detects gzip. A stream is waited for.
    pub(super) fn open(path: &Path) -> Result<InputSource, CaptureErrorKind> {
        let is_stdin = path.as_os_str() == "-";
        let file = if is_stdin { standard_input() } else { open_file(path) }.map_err(CaptureErrorKind::Open)?;
        let metadata = file.metadata().map_err(CaptureErrorKind::Open)?;
        let source = match metadata.is_file() {
            true if is_stdin => InputSource::new(file, None, None),
            true => InputSource::of_file(Arc::new(file)),
            false => LiveStream::new(file).map(Rc::new).and_then(|stream| {
                let raw = FromStream(Rc::clone(&stream));
                InputSource::new(raw, Some(stream), None)
            }),
        };
        source.map_err(CaptureErrorKind::Read)
    }

    /// Returns the source of a regular file, from its start.
    pub(super) fn of_file(file: Arc<File>) -> io::Result<InputSource> {
        let stored_total = Some(file.metadata()?.len());
        let source = InputSource::new(FileAt { file: Arc::clone(&file), at: 0 }, None, stored_total)?;
        Ok(InputSource { file: Some(file), ..source })
    }

    /// Returns the source of the rest of a regular file, which is not compressed.
    pub(super) fn of_rest(file: &Arc<File>, offset: u64) -> InputSource {
        let stored_read = Rc::new(Cell::new(0));
        let raw = FileAt { file: Arc::clone(file), at: offset };
        let bytes = Box::new(Counted { inner: raw, count: Rc::clone(&stored_read) });
        InputSource { bytes, is_gzip: false, stored_read, stored_total: None, stream: None, file: None }
    }

    /// Closes the input. The byte counts stay available.
    pub(super) fn close(&mut self) {
        (self.bytes, self.stream, self.file) = (Box::new(io::empty()), None, None);
    }

    /// Returns a source of `raw`, which has `stored_total` bytes if that is known.
    pub(super) fn new(
        raw: impl Read + 'static,
        stream: Option<Rc<LiveStream>>,
        stored_total: Option<u64>,
    ) -> io::Result<InputSource> {
        let stored_read = Rc::new(Cell::new(0));
        let mut raw = Counted { inner: raw, count: Rc::clone(&stored_read) };
        let mut start = Vec::new();
        while start.len() < gzip_decoder::MAGIC.len() {
            let mut byte = [0];
            match (read(&mut raw, &mut byte), &stream) {
                (Ok(0), _) => break,
                (Ok(_), _) => start.extend(byte),
                (Err(error), Some(stream)) if error.kind() == ErrorKind::WouldBlock => stream.wait(None)?,
                (Err(error), _) => return Err(error),
            }
        }
        let is_gzip = start == gzip_decoder::MAGIC;
        let whole = Cursor::new(start).chain(raw);
        let bytes: Box<dyn Read> = match is_gzip {
            true => {
                let decoder = GzipDecoder::new(BufReader::with_capacity(GZIP_BUFFER, whole));
                Box::new(Stepwise { inner: decoder, failed: None })
            }
            false => Box::new(whole),
        };
        Ok(InputSource { bytes, is_gzip, stored_read, stored_total, stream, file: None })
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

struct FromStream(Rc<LiveStream>);

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
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(space)?;
        self.count.update(|read| read + count as u64);
        Ok(count)
    }
}

/// A reader that fills its space in short steps. An error is returned after all bytes before it.
struct Stepwise<R> {
    inner: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Stepwise<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut filled = 0;
        for step in space.chunks_mut(GZIP_STEP) {
            match read(&mut self.inner, step) {
                Ok(0) => break,
                Ok(count) if count < step.len() => return Ok(filled + count),
                Ok(count) => filled += count,
                Err(error) if filled == 0 => return Err(error),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}
