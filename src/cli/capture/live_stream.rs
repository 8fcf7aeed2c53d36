//! Inputs that may have to be waited for: pipes, sockets, terminals and other devices.
//!
//! - Reading never waits; it fails with `WouldBlock` instead, so that the output can be flushed before
//!   [`LiveStream::wait`].
//! - A signal ends all streams after a short delay. Ctrl-C also interrupts the programs that write them, which may
//!   flush buffered packets first, as tcpdump does.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::interrupt;

/// The time that a stream is read after a signal, if its writers do not end it earlier.
const DELAY: Duration = Duration::from_millis(500);

/// The number of bytes that are read after that without waiting: the most that a pipe or socket may have held at the
/// signal.
const MAX_REST: usize = 4 << 20;

/// A stream, open for reading.
pub(super) struct LiveStream {
    file: File,
    /// The time at which it ends. It is set when the end was read, or a signal arrived.
    ends_at: Mutex<Option<Instant>>,
    /// The number of bytes that may still be read then.
    rest: AtomicUsize,
    /// Set by `wait` when something can be read.
    is_readable: AtomicBool,
}

impl LiveStream {
    pub(super) fn new(file: File) -> io::Result<LiveStream> {
        interrupt::end_streams()?;
        let (rest, is_readable) = (AtomicUsize::new(MAX_REST), AtomicBool::new(false));
        Ok(LiveStream { file, ends_at: Mutex::new(None), rest, is_readable })
    }

    /// Waits until something can be read, or the stream ends, or until `due`.
    pub(super) fn wait(&self, due: Option<Instant>) -> io::Result<()> {
        loop {
            let until = [self.ends_at(), due].into_iter().flatten().min();
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let is_ready = self.is_ready(left)?;
            self.is_readable.store(is_ready, Ordering::Relaxed);
            if is_ready || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
        }
    }

    /// Reads the bytes that are available.
    ///
    /// # Errors
    /// `WouldBlock` if there are none before the end.
    pub(super) fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        let is_over = self.ends_at().is_some_and(|end| end <= Instant::now());
        let most = if is_over { space.len().min(self.rest.load(Ordering::Relaxed)) } else { space.len() };
        let is_ready =
            most > 0 && (self.is_readable.swap(false, Ordering::Relaxed) || self.is_ready(Some(Duration::ZERO))?);
        if !is_ready && !is_over {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = if is_ready { (&self.file).read(&mut space[..most])? } else { 0 };
        if count == 0 {
            // A terminal could be read on after its end.
            self.set_end(Instant::now());
            self.rest.store(0, Ordering::Relaxed);
        } else if is_over {
            self.rest.fetch_sub(count, Ordering::Relaxed);
        }
        Ok(count)
    }

    /// Returns the time at which the stream ends, if that is known.
    fn ends_at(&self) -> Option<Instant> {
        let mut ends_at = self.ends_at.lock().unwrap_or_else(PoisonError::into_inner);
        if ends_at.is_none() && interrupt::streams_have_ended() {
            *ends_at = Some(Instant::now() + DELAY);
        }
        *ends_at
    }

    fn set_end(&self, end: Instant) {
        *self.ends_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// Waits until something can be read, until the first signal, or for `timeout`. Returns whether something can be
    /// read.
    #[cfg(unix)]
    fn is_ready(&self, timeout: Option<Duration>) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        use std::os::fd::AsFd;
        let knows_end = self.ends_at.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let signal = interrupt::wake_descriptor().filter(|_| !knows_end);
        let awaited = [self.file.as_fd(), signal.unwrap_or(self.file.as_fd())];
        let mut awaited = awaited.map(|awaited| PollFd::from_borrowed_fd(awaited, PollFlags::IN));
        // A timeout that cannot be expressed means no timeout.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut awaited, timeout.as_ref()) {
            // The next read returns the end or the error.
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
