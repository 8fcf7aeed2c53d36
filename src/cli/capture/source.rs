//! Where the bytes of an input come from: a file or standard input, decompressed if it is gzip.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;

use super::error::Fault;
use super::gzip;
use super::stream::Stream;

const GZIP_BUFFER: usize = 256 << 10;
/// A decoder that fails drops what the failing call has decoded. Short calls lose little, at hardly a cost.
const GZIP_STEP: usize = 4 << 10;

/// A stream of capture bytes.
pub(super) struct Source {
    pub(super) bytes: Box<dyn Read>,
    pub(super) gzip: bool,
    /// How many bytes of the stored file have been read so far.
    pub(super) stored_read: Rc<Cell<u64>>,
    /// How many there are, in a regular file.
    pub(super) stored_total: Option<u64>,
    /// The input, if it is no regular file: reading fails with `WouldBlock` where it would have to wait.
    pub(super) stream: Option<Rc<Stream>>,
}

impl Source {
    /// Opens a file, or standard input for `-`, and looks whether it is gzip. A stream is waited for.
    pub(super) fn open(path: &Path) -> Result<Source, Fault> {
        let is_input = path.as_os_str() == "-";
        let file = if is_input { standard_input() } else { open_file(path) }.map_err(Fault::Open)?;
        let metadata = file.metadata().map_err(Fault::Open)?;
        let source = match metadata.is_file() {
            true => Source::of(file, None, Some(metadata.len()).filter(|_| !is_input)),
            false => Stream::new(file).map(Rc::new).and_then(|stream| {
                let raw = FromStream(Rc::clone(&stream));
                Source::of(raw, Some(stream), None)
            }),
        };
        source.map_err(Fault::Read)
    }

    /// A source of `raw`, of which `stored_total` bytes are expected.
    #[cfg(test)]
    pub(super) fn new(raw: impl Read + 'static, stored_total: Option<u64>) -> io::Result<Source> {
        Source::of(raw, None, stored_total)
    }

    /// Closes the input; the counts of bytes stay.
    pub(super) fn close(&mut self) {
        (self.bytes, self.stream) = (Box::new(io::empty()), None);
    }

    fn of(raw: impl Read + 'static, stream: Option<Rc<Stream>>, stored_total: Option<u64>) -> io::Result<Source> {
        let stored_read = Rc::new(Cell::new(0));
        let mut raw = Counted { inner: raw, count: Rc::clone(&stored_read) };
        let mut head = Vec::new();
        while head.len() < gzip::MAGIC.len() {
            let mut byte = [0];
            match (read(&mut raw, &mut byte), &stream) {
                (Ok(0), _) => break,
                (Ok(_), _) => head.extend(byte),
                (Err(error), Some(stream)) if error.kind() == ErrorKind::WouldBlock => stream.wait(None)?,
                (Err(error), _) => return Err(error),
            }
        }
        let gzip = head == gzip::MAGIC;
        let whole = Cursor::new(head).chain(raw);
        let bytes: Box<dyn Read> = match gzip {
            true => {
                let decoder = gzip::Members::new(BufReader::with_capacity(GZIP_BUFFER, whole));
                Box::new(Stepwise { inner: decoder, failed: None })
            }
            false => Box::new(whole),
        };
        Ok(Source { bytes, gzip, stored_read, stored_total, stream })
    }
}

/// Standard input without the buffer of the standard library: the system does not count its bytes as ready.
#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned().map(File::from)
}

/// Opens a file, without waiting for somebody to write to a pipe: that wait is [`Stream::wait`]'s, which signals end.
fn open_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.read(true).open(path)
}

struct FromStream(Rc<Stream>);

impl Read for FromStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

/// Reads, however often that is interrupted.
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

/// A decoder that fills the space it is given in short steps. A failure waits until what precedes it is served.
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
