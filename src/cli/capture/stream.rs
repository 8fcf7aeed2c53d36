//! Inputs that may have nothing to read for a while: pipes, sockets, terminals and other devices.
//!
//! - Reading never waits; it fails with `WouldBlock` instead, so that the output can be flushed before [`Stream::wait`].
//! - A signal ends all streams. Ctrl-C goes to the programs that write them, too, and these may have packets in their
//!   buffers, as tcpdump has; therefore the end comes a moment later.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

use crate::cli::interrupt;

/// How long a stream goes on after a signal, unless its writers end it.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// How many bytes are read after that, if they are there at once: what a pipe or a socket may have held when the signal came,
/// however long the packets before it take.
const REST: usize = 4 << 20;

/// A stream, open for reading.
pub(super) struct Stream {
    file: File,
    /// When it ends, once that is known: its end was read, or a signal came.
    ends: Cell<Option<Instant>>,
    /// How many bytes may still be read then.
    rest: Cell<usize>,
    /// Whether waiting has found something to read.
    has_come: Cell<bool>,
}

impl Stream {
    pub(super) fn new(file: File) -> io::Result<Stream> {
        interrupt::end_streams()?;
        Ok(Stream { file, ends: Cell::new(None), rest: Cell::new(REST), has_come: Cell::new(false) })
    }

    /// Waits until something can be read, or the stream ends, or until `due`.
    pub(super) fn wait(&self, due: Option<Instant>) -> io::Result<()> {
        loop {
            let until = [self.end(), due].into_iter().flatten().min();
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            self.has_come.set(self.is_ready(left)?);
            if self.has_come.get() || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing, and the end is not reached.
    pub(super) fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        let is_over = self.end().is_some_and(|end| end <= Instant::now());
        let most = if is_over { space.len().min(self.rest.get()) } else { space.len() };
        let is_ready = most > 0 && (self.has_come.take() || self.is_ready(Some(Duration::ZERO))?);
        if !is_ready && !is_over {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = if is_ready { (&self.file).read(&mut space[..most])? } else { 0 };
        if count == 0 {
            // A terminal could be read on after its end.
            self.ends.set(Some(Instant::now()));
            self.rest.set(0);
        } else if is_over {
            self.rest.set(self.rest.get() - count);
        }
        Ok(count)
    }

    /// When the stream ends, if that is known.
    fn end(&self) -> Option<Instant> {
        if self.ends.get().is_none() && interrupt::streams_have_ended() {
            self.ends.set(Some(Instant::now() + LAST_MOMENT));
        }
        self.ends.get()
    }

    /// Returns whether something can be read. Waits for that, or for the first signal, up to `timeout` or for ever.
    #[cfg(unix)]
    fn is_ready(&self, timeout: Option<Duration>) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        use std::os::fd::AsFd;
        let signal = interrupt::end_of_streams().filter(|_| self.ends.get().is_none());
        let awaited = [self.file.as_fd(), signal.unwrap_or(self.file.as_fd())];
        let mut awaited = awaited.map(|awaited| PollFd::from_borrowed_fd(awaited, PollFlags::IN));
        // A time that is too long to be expressed is for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut awaited, timeout.as_ref()) {
            // Reading reports the end, and errors.
            Ok(_) => Ok(!awaited[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(unix))]
    fn is_ready(&self, _timeout: Option<Duration>) -> io::Result<bool> {
        Ok(true)
    }
}
