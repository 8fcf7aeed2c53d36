//! An output file that appears whole or not at all.
//!
//! - A regular file is written under a temporary name in the same folder and renamed by [`Output::finish`], so the
//!   target may be an input. Without `finish`, or if a signal ends the process, the temporary file is removed.
//! - Symbolic links are followed. An existing file keeps its permissions; a read-only one is not replaced.
//! - Pipes, devices and standard output (`-`) are written directly.
//! - Of many outputs, each regular file is open only while its buffer is written: thousands of files need one
//!   descriptor. Compressed ones need no encoder in between, since each buffer becomes a whole frame.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

use super::compression::Compression;
use super::encoder::{Plain, Sink};
use super::error::{CaptureError, CaptureErrorKind};
use super::output_buffer::OutputBuffer;
use super::salvage::cut_to_whole;
use crate::cli::interrupt;

/// The size of the buffer of an output, in bytes; many outputs share `CAPACITY_OF_MANY`.
const CAPACITY: usize = 512 << 10;
const CAPACITY_OF_MANY: usize = 64 << 20;
/// The minimum size of a buffer, in bytes.
const MIN_CAPACITY: usize = 4 << 10;
/// The maximum number of links that are followed, as in Linux.
const MAX_LINKS: usize = 40;

/// A file being written.
pub struct Output {
    path: PathBuf,
    bytes: OutputBuffer,
    is_complete: bool,
    /// The number of outputs of which this is one.
    count: usize,
    is_terminal: bool,
    pending: Option<Pending>,
    /// The number of bytes written, including those in the buffer.
    len: u64,
}

/// A file that still has its temporary name.
struct Pending {
    temporary: TempPath,
    target: PathBuf,
}

impl Output {
    /// Creates `path`, or opens it if it is no regular file; `-` is standard output.
    ///
    /// # Errors
    /// If the path cannot be written, or the temporary file cannot be created.
    pub fn create(path: &Path) -> Result<Output, CaptureError> {
        Output::create_with(path, 1)
    }

    /// Creates one of `count` outputs, which need few descriptors and share the memory for buffers.
    pub fn create_one_of(count: usize, path: &Path) -> Result<Output, CaptureError> {
        Output::create_with(path, count.max(2))
    }

    /// Creates one of `count` outputs. If it is the only one, a regular file is kept open.
    fn create_with(path: &Path, count: usize) -> Result<Output, CaptureError> {
        let Opened { mut sink, pending, is_terminal } =
            open(path).map_err(|source| CaptureError::create(path, source))?;
        if let Some(Pending { temporary, .. }) = pending.as_ref().filter(|_| count > 1) {
            sink = Box::new(ClosedFile(temporary.to_path_buf()));
        }
        let bytes = OutputBuffer::new(Box::new(Plain(sink)), capacity(count, CAPACITY));
        Ok(Output { path: path.to_path_buf(), bytes, is_complete: false, count, is_terminal, len: 0, pending })
    }

    /// Compresses everything that is written from now on; nothing was written before.
    ///
    /// # Errors
    /// If the encoder cannot be created, or the output is a terminal.
    pub fn compressed(self, compression: Option<&'static Compression>) -> Result<Output, CaptureError> {
        let Some(compression) = compression else { return Ok(self) };
        self.refuse_terminal()?;
        let Output { path, bytes, count, pending, .. } = self;
        let bytes = bytes.encoded(|sink| {
            let (encoder, most) = compression.encode.encoder(Box::new(sink), count, pending.is_none())?;
            Ok((encoder, capacity(count, most)))
        });
        let bytes = bytes.map_err(|source| CaptureError::create(&path, source))?;
        Ok(Output { path, bytes, count, pending, ..self })
    }

    /// Lets another thread write a long file.
    pub fn write_behind(&mut self) {
        if self.pending.is_some() && self.count == 1 {
            self.bytes.write_behind();
        }
    }

    /// Checks that a capture can be written, which is binary.
    ///
    /// # Errors
    /// If the output is a terminal.
    pub(super) fn refuse_terminal(&self) -> Result<(), CaptureError> {
        if self.is_terminal {
            let message = "it is a terminal, and a capture is binary; name a file, or pipe it to a program";
            return Err(self.failed(io::Error::other(message)));
        }
        Ok(())
    }

    /// Returns the number of bytes written.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the path of the temporary file. Pipes and devices have none.
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.pending.as_ref().map(|pending| &*pending.temporary)
    }

    /// Appends `bytes`.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        self.len += bytes.len() as u64;
        match self.bytes.write(bytes) {
            Ok(()) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Writes everything, and the end of compressed data. The file does not get its name yet, and nothing may be
    /// written after that.
    pub fn complete(&mut self) -> Result<(), CaptureError> {
        if self.is_complete {
            return Ok(());
        }
        self.bytes.finish().map_err(|source| self.failed(source))?;
        self.is_complete = true;
        Ok(())
    }

    /// Writes the buffer.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.bytes.flush().map_err(|source| self.failed(source))
    }

    /// Writes the buffer of a pipe or device. A file under a temporary name has no readers yet.
    pub fn flush_to_readers(&mut self) -> Result<(), CaptureError> {
        if self.pending.is_none() { self.flush() } else { Ok(()) }
    }

    /// Completes the output, and renames the temporary file.
    ///
    /// # Errors
    /// If either fails. The temporary file is removed then.
    pub fn finish(mut self) -> Result<(), CaptureError> {
        self.complete()?;
        let Some(Pending { temporary, target }) = self.pending else { return Ok(()) };
        temporary.persist(target).map_err(|failed| CaptureErrorKind::Write(failed.error).of(&self.path))
    }

    /// Gives the temporary file its name after an error: what was written before is kept, up to the last whole packet.
    /// Returns whether there is such a file.
    pub(super) fn keep_written(mut self) -> bool {
        // The error has been reported.
        let _ = self.bytes.finish();
        let Some(Pending { temporary, target }) = self.pending else { return false };
        cut_to_whole(&temporary).unwrap_or(false) && temporary.persist(target).is_ok()
    }

    /// Returns the error of a pcap file that cannot hold what was read.
    #[cold]
    pub(super) fn unfit(&self, reason: String) -> CaptureError {
        CaptureErrorKind::Unfit(reason).of(&self.path)
    }

    #[cold]
    fn failed(&self, source: io::Error) -> CaptureError {
        CaptureErrorKind::Write(source).of(&self.path)
    }
}

/// A file that is opened for each write, which appends to it.
struct ClosedFile(PathBuf);

impl Write for ClosedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OpenOptions::new().append(true).open(&self.0)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the size of the buffer of one of `count` outputs, at most `most`.
fn capacity(count: usize, most: usize) -> usize {
    (CAPACITY_OF_MANY / count).clamp(MIN_CAPACITY, most)
}

/// An output that was opened.
struct Opened {
    sink: Sink,
    pending: Option<Pending>,
    is_terminal: bool,
}

fn open(path: &Path) -> io::Result<Opened> {
    // Opening /dev/stdout again would overwrite a redirected file from its start, or replace it.
    if path == Path::new("-") || path == Path::new("/dev/stdout") {
        let stdout = io::stdout();
        return Ok(Opened { is_terminal: stdout.is_terminal(), sink: Box::new(stdout), pending: None });
    }
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(ErrorKind::IsADirectory.into());
    }
    let existing = match OpenOptions::new().write(true).open(path) {
        Ok(file) if !file.metadata()?.is_file() => {
            return Ok(Opened { is_terminal: file.is_terminal(), sink: Box::new(file), pending: None });
        }
        Ok(file) => Some(file.metadata()?.permissions()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let target = follow_links(path);
    let (file, temporary) = create_temporary_for(&target, existing)?;
    Ok(Opened { sink: Box::new(file), pending: Some(Pending { temporary, target }), is_terminal: false })
}

/// Creates the temporary file, with the permissions of the file to be replaced if there is one.
fn create_temporary_for(target: &Path, existing: Option<Permissions>) -> io::Result<(File, TempPath)> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".cbpf-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let made = interrupt::create_temporary(|| builder.tempfile_in(directory).map_err(without_path))?;
    let (file, temporary) = made.into_parts();
    if let Some(permissions) = existing {
        fs::set_permissions(&temporary, permissions)?;
    }
    Ok((file, temporary))
}

/// Returns the error without the temporary name, which tempfile adds, and which means nothing to users.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    io::Error::new(error.kind(), text.split(" at path ").next().unwrap_or_default())
}

/// Follows a chain of links to its target, which need not exist. A loop has failed to open before.
fn follow_links(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}
