//! An output file that appears whole or not at all.
//!
//! - A regular file is written under a temporary name beside its target and renamed by [`Output::finish`], so the
//!   target may be an input too. Without `finish`, or if a signal ends the process, the temporary file is removed.
//! - Links are followed to what they name. An existing file keeps its permissions, and one that may not be written is
//!   not replaced either.
//! - Whatever else can be opened for writing (a pipe, a device, `-` for standard output) is written directly.
//! - Where there are many outputs, a regular file is open only while its buffer is emptied: thousands of them need no
//!   more descriptors than one does, and to open a file anew takes little beside writing a buffer to it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

use super::error::CaptureError;
use crate::cli::interrupt;

/// The size of the buffer of an output, in bytes; many outputs share `CAPACITY_OF_MANY`.
const CAPACITY: usize = 512 << 10;
const CAPACITY_OF_MANY: usize = 64 << 20;
/// No buffer is smaller, however many there are.
const LEAST_CAPACITY: usize = 4 << 10;
/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// A file being written.
pub struct Output {
    path: PathBuf,
    bytes: BufWriter<Box<dyn Write + Send>>,
    pending: Option<Pending>,
}

/// A file that waits for its final name.
struct Pending {
    temporary: TempPath,
    target: PathBuf,
}

impl Output {
    /// Creates `path`, or opens it if it is no regular file; `-` is standard output.
    ///
    /// # Errors
    /// If the path may not be written, or the temporary file cannot be created beside it.
    pub fn create(path: &Path) -> Result<Output, CaptureError> {
        let (file, pending) = open(path).map_err(|source| CaptureError::Create { path: path.to_path_buf(), source })?;
        Ok(Output { path: path.to_path_buf(), bytes: BufWriter::with_capacity(CAPACITY, file), pending })
    }

    /// As [`Output::create`], for one of `count` outputs, which need few descriptors and share the memory for buffers.
    ///
    /// # Errors
    /// As [`Output::create`].
    pub fn create_one_of(count: usize, path: &Path) -> Result<Output, CaptureError> {
        let (mut file, pending) =
            open(path).map_err(|source| CaptureError::Create { path: path.to_path_buf(), source })?;
        if let Some(Pending { temporary, .. }) = &pending {
            file = Box::new(Closed(temporary.to_path_buf()));
        }
        let capacity = (CAPACITY_OF_MANY / count.max(1)).clamp(LEAST_CAPACITY, CAPACITY);
        Ok(Output { path: path.to_path_buf(), bytes: BufWriter::with_capacity(capacity, file), pending })
    }

    /// The path of the temporary file.
    #[cfg(test)]
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.pending.as_ref().map(|pending| &*pending.temporary)
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// If the system fails to write what has gathered in the buffer.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        match self.bytes.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Writes what is in the buffer.
    ///
    /// # Errors
    /// If the system fails to.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.bytes.flush().map_err(|source| self.failed(source))
    }

    /// Writes what is in the buffer to a pipe or device; a file without a name has no readers yet.
    ///
    /// # Errors
    /// If the system fails to.
    pub fn flush_to_readers(&mut self) -> Result<(), CaptureError> {
        if self.pending.is_none() { self.flush() } else { Ok(()) }
    }

    /// Writes what is in the buffer and gives the file its name.
    ///
    /// # Errors
    /// If either fails; the temporary file is removed then.
    pub fn finish(mut self) -> Result<(), CaptureError> {
        self.flush()?;
        let Some(Pending { temporary, target }) = self.pending else { return Ok(()) };
        temporary.persist(target).map_err(|failed| CaptureError::Write { path: self.path, source: failed.error })
    }

    #[cold]
    fn failed(&self, source: io::Error) -> CaptureError {
        CaptureError::Write { path: self.path.clone(), source }
    }
}

/// A file that is opened for each write, which goes to its end.
struct Closed(PathBuf);

impl Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OpenOptions::new().append(true).open(&self.0)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Opened = (Box<dyn Write + Send>, Option<Pending>);

fn open(path: &Path) -> io::Result<Opened> {
    // Opening /dev/stdout anew would write a redirected file from its start, or replace it under the shell.
    if path == Path::new("-") || path == Path::new("/dev/stdout") {
        return Ok((Box::new(io::stdout()), None));
    }
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(ErrorKind::IsADirectory.into());
    }
    let existing = match OpenOptions::new().write(true).open(path) {
        Ok(file) if !file.metadata()?.is_file() => return Ok((Box::new(file), None)),
        Ok(file) => Some(file.metadata()?.permissions()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let target = follow_links(path);
    let (file, temporary) = create_beside(&target, existing)?;
    Ok((Box::new(file), Some(Pending { temporary, target })))
}

/// Creates the temporary file, with the permissions of the file to be replaced if there is one.
fn create_beside(target: &Path, existing: Option<Permissions>) -> io::Result<(File, TempPath)> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".cbpf-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let made = interrupt::removed_when_interrupted(|| builder.tempfile_in(directory))?;
    let (file, temporary) = made.into_parts();
    if let Some(permissions) = existing {
        fs::set_permissions(&temporary, permissions)?;
    }
    Ok((file, temporary))
}

/// What a chain of links names, whether it exists or not. A loop has failed to open before.
fn follow_links(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}
