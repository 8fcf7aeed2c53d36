//! Where the bytes of an input come from: a file or standard input, decompressed if it is gzip.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;

use super::error::{CaptureError, Fault};
use super::gzip;

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
}

impl Source {
    /// Opens a file, or standard input for `-`, and looks whether it is gzip.
    pub(super) fn open(path: &Path) -> Result<Source, CaptureError> {
        let source = if path.as_os_str() == "-" { Source::new(io::stdin(), None) } else { open_file(path)? };
        source.map_err(|error| Fault::Read(error).of(path))
    }

    /// A source of `raw`, of which `stored_total` bytes are expected.
    pub(super) fn new(raw: impl Read + 'static, stored_total: Option<u64>) -> io::Result<Source> {
        let stored_read = Rc::new(Cell::new(0));
        let mut raw = Counted { inner: raw, count: Rc::clone(&stored_read) };
        let mut head = Vec::new();
        raw.by_ref().take(gzip::MAGIC.len() as u64).read_to_end(&mut head)?;
        let gzip = head == gzip::MAGIC;
        let whole = Cursor::new(head).chain(raw);
        let bytes: Box<dyn Read> = match gzip {
            true => {
                let decoder = gzip::Members::new(BufReader::with_capacity(GZIP_BUFFER, whole));
                Box::new(Stepwise { inner: decoder, failed: None })
            }
            false => Box::new(whole),
        };
        Ok(Source { bytes, gzip, stored_read, stored_total })
    }
}

fn open_file(path: &Path) -> Result<io::Result<Source>, CaptureError> {
    let fail = |source| CaptureError::Open { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    Ok(Source::new(file, metadata.is_file().then_some(metadata.len())))
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
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}
