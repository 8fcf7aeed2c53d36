//! Signals: those that end the process remove unfinished outputs first, and the first Ctrl-C ends streams instead.
//!
//! - Temporary files and new folders are removed by every signal that ends the process and can be caught.
//! - Once a stream is read (a pipe, a socket, a terminal), the first SIGINT, SIGTERM or SIGHUP ends all streams: the program
//!   does what it does at their end. The second one ends the program.
//! - Signals that the process ignores or handles at the start are left alone; `nohup` makes it ignore SIGHUP.
//! - On systems other than Linux no signal is caught.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(target_os = "linux")]
use watch::Watch;

/// What is removed when a signal ends the program. A folder precedes what is in it.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Whether the program reads a stream.
static READS_STREAMS: AtomicBool = AtomicBool::new(false);

#[cfg(target_os = "linux")]
static WATCH: std::sync::OnceLock<Watch> = std::sync::OnceLock::new();

fn temporary() -> MutexGuard<'static, Vec<PathBuf>> {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates a file or a folder with `make`, which returns it or its path; a signal that ends the program removes it, even if
/// it comes between the two steps.
///
/// # Errors
/// That of `make`, or if signals cannot be caught.
pub fn removed_when_interrupted<T: AsRef<Path>>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut temporary = temporary();
    start(&temporary)?;
    let made = make()?;
    temporary.push(made.as_ref().to_owned());
    Ok(made)
}

/// Does the last of the work, which no signal interrupts: a program with many outputs names all of them, or none.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let mut temporary = temporary();
    let done = work();
    temporary.clear();
    done
}

/// Makes the first signal from now on the end of streams.
///
/// # Errors
/// If signals cannot be caught.
pub fn end_streams() -> io::Result<()> {
    READS_STREAMS.store(true, Ordering::SeqCst);
    start(&temporary())
}

/// Starts to wait for signals, if that was not done before; the guard excludes other threads.
fn start(_: &MutexGuard<Vec<PathBuf>>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if WATCH.get().is_none() {
        let failed = |error| io::Error::other(format!("cannot wait for signals: {error}"));
        let _ = WATCH.set(watch::start().map_err(failed)?);
    }
    Ok(())
}

/// Whether a signal has ended the streams.
pub fn streams_have_ended() -> bool {
    #[cfg(target_os = "linux")]
    return WATCH.get().is_some_and(|watch| watch.signal_came.load(Ordering::SeqCst));
    #[cfg(not(target_os = "linux"))]
    false
}

/// A descriptor that becomes readable, and stays so, when a signal ends the streams.
#[cfg(unix)]
pub fn end_of_streams() -> Option<std::os::fd::BorrowedFd<'static>> {
    #[cfg(target_os = "linux")]
    return WATCH.get().map(|watch| std::os::fd::AsFd::as_fd(&watch.wake));
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(target_os = "linux")]
mod watch {
    //! The handlers of signals, and the thread that ends the process.

    use std::io;
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use signal_hook::consts::*;
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level::pipe};

    use super::{READS_STREAMS, temporary};
    use crate::cli::limits;

    /// Requests to end, by users, terminals and services.
    const REQUESTS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

    /// Faults of the program itself, signals that cannot be caught, and signals that do not end a process.
    const OTHERS: [i32; 14] = [
        SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGKILL, SIGSTOP, SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU,
        SIGURG, SIGWINCH,
    ];

    /// What the handlers of [`REQUESTS`] set; it is never reset.
    pub(super) struct Watch {
        pub(super) signal_came: Arc<AtomicBool>,
        /// Becomes readable.
        pub(super) wake: UnixStream,
    }

    pub(super) fn start() -> io::Result<Watch> {
        let signal_came = Arc::new(AtomicBool::new(false));
        let (wake, waker) = UnixStream::pair()?;
        let heeded = heeded();
        for &signal in heeded.iter().filter(|signal| REQUESTS.contains(signal)) {
            flag::register(signal, Arc::clone(&signal_came))?;
            pipe::register(signal, waker.try_clone()?)?;
        }
        let mut signals = Signals::new(&heeded)?;
        let wait = move || {
            let mut streams_have_ended = false;
            for signal in signals.forever() {
                if REQUESTS.contains(&signal) && READS_STREAMS.load(Ordering::SeqCst) && !streams_have_ended {
                    streams_have_ended = true;
                    continue;
                }
                end(signal);
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
        Ok(Watch { signal_came, wake })
    }

    /// Removes unfinished outputs, and ends the process.
    fn end(signal: i32) -> ! {
        // Nobody makes another one while this is locked, and the process ends before it is unlocked.
        let temporary = temporary();
        // What is gone was finished in this moment, and stays.
        let remove = |path: &PathBuf| std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path)).is_ok();
        if temporary.iter().rev().filter(|path| remove(path)).count() > 0 {
            crate::cli::failure::say("cbpf: interrupted; no output was written");
        }
        // The exit code of a program that a signal ended, as shells have it.
        std::process::exit(128 + signal)
    }

    /// The signals that end the process by default, without those that are ignored or handled already.
    fn heeded() -> Vec<i32> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = |name: &str| {
            let mask = status.lines().find_map(|line| line.strip_prefix(name));
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
        };
        let left_alone = mask("SigIgn:") | mask("SigCgt:");
        let is_fatal = |signal: &i32| {
            // A write beyond the limit is an error instead.
            let is_error = *signal == SIGXFSZ && limits::file_size().is_some();
            !OTHERS.contains(signal) && left_alone & 1 << (signal - 1) == 0 && !is_error
        };
        (1..=31).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).filter(is_fatal).collect()
    }
}
