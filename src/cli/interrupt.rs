//! Signals: before one ends the process, unfinished outputs are removed; the first Ctrl-C only ends streams.
//!
//! - Temporary files and new folders are removed at every signal that ends the process and can be caught.
//! - If a stream is read (a pipe, a socket, a terminal), the first SIGINT, SIGTERM or SIGHUP ends all streams, as their
//!   writers would. The second one ends the process, but of a live capture, whose packets would be lost, only after a
//!   moment: timeout(1) sends each signal twice.
//! - SIGUSR1 and SIGUSR2 ask a live capture for its counts, as SIGUSR1 does in tcpdump. All other signals that would
//!   end it count as requests for an end: what was captured cannot be captured again.
//! - Signals that the process ignores or handles from its start keep their effect; `nohup` makes it ignore SIGHUP. But
//!   SIGINT ends a live capture in any case, as in tcpdump: scripts start it in the background, where shells ignore
//!   SIGINT, and end it with `kill -INT`.
//! - On systems other than Linux no signal is caught.

use std::io;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(target_os = "linux")]
use handlers::Handlers;

/// The paths that are removed when a signal ends the process. A folder precedes its entries.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Set when a stream was opened.
static READS_STREAMS: AtomicBool = AtomicBool::new(false);

/// Set when an interface was opened.
#[cfg(target_os = "linux")]
static LISTENS: AtomicBool = AtomicBool::new(false);

/// How often the counts of live captures were asked for.
#[cfg(target_os = "linux")]
static REPORT_REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// Set when an output got its name before the end.
static HAS_OUTPUT: AtomicBool = AtomicBool::new(false);

#[cfg(target_os = "linux")]
static HANDLERS: std::sync::OnceLock<Handlers> = std::sync::OnceLock::new();

fn temporary() -> MutexGuard<'static, Vec<PathBuf>> {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates a file or a folder with `make`, which returns it or its path. It is removed when a signal ends the process.
///
/// # Errors
/// The error of `make`, or if signals cannot be caught.
pub fn create_temporary<T: AsRef<Path>>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut temporary = temporary();
    start(&temporary)?;
    let made = make()?;
    temporary.push(made.as_ref().to_owned());
    Ok(made)
}

/// Runs `work`, which no signal interrupts, and keeps all temporary files from then on: either all outputs of a program
/// get their names, or none.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let mut temporary = temporary();
    let done = work();
    temporary.clear();
    done
}

/// Runs `work`, which no signal interrupts, and which gives the temporary file its name. It is kept from then on.
pub fn keep<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let mut temporary = temporary();
    let done = work();
    if let Some(place) = temporary.iter().rposition(|other| other == path) {
        temporary.remove(place);
    }
    HAS_OUTPUT.store(true, Ordering::SeqCst);
    done
}

/// Makes the first signal end the streams.
///
/// # Errors
/// If signals cannot be caught.
pub fn end_streams() -> io::Result<()> {
    READS_STREAMS.store(true, Ordering::SeqCst);
    start(&temporary())
}

/// Makes the first signal end live captures, as [`end_streams`] does.
#[cfg(target_os = "linux")]
pub fn end_captures() -> io::Result<()> {
    LISTENS.store(true, Ordering::SeqCst);
    end_streams()
}

/// Installs the handlers, once. The guard excludes other threads.
fn start(_: &MutexGuard<Vec<PathBuf>>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if HANDLERS.get().is_none() {
        let failed = |error| io::Error::other(format!("cannot wait for signals: {error}"));
        let _ = HANDLERS.set(handlers::install().map_err(failed)?);
    }
    Ok(())
}

/// Returns whether a signal has ended the streams.
pub fn streams_have_ended() -> bool {
    #[cfg(target_os = "linux")]
    return HANDLERS.get().is_some_and(|handlers| handlers.is_signalled.load(Ordering::SeqCst));
    #[cfg(not(target_os = "linux"))]
    false
}

/// Returns how often the counts of live captures were asked for.
#[cfg(target_os = "linux")]
pub fn report_requests() -> usize {
    REPORT_REQUESTS.load(Ordering::Relaxed)
}

/// Returns a descriptor that becomes readable, and stays so, when a signal ends the streams.
#[cfg(unix)]
pub fn wake_descriptor() -> Option<std::os::fd::BorrowedFd<'static>> {
    #[cfg(target_os = "linux")]
    return HANDLERS.get().map(|handlers| std::os::fd::AsFd::as_fd(&handlers.wake));
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(target_os = "linux")]
mod handlers {
    //! The signal handlers, and the thread that ends the process.

    use std::io;
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use signal_hook::consts::*;
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level::pipe};

    use super::{HAS_OUTPUT, LISTENS, READS_STREAMS, REPORT_REQUESTS, temporary};
    use crate::cli::{failure, limits};

    /// The signals by which users, terminals and services request an end.
    const REQUESTS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

    /// The time for which a live capture takes signals after the first one for repetitions of it.
    const REPETITION: Duration = Duration::from_millis(500);

    /// The signals that are not caught: faults of the program, uncatchable signals, and those that do not end a
    /// process.
    const UNHANDLED: [i32; 14] = [
        SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGKILL, SIGSTOP, SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU,
        SIGURG, SIGWINCH,
    ];

    /// The state that the handlers of [`REQUESTS`] set. It is never reset.
    pub(super) struct Handlers {
        pub(super) is_signalled: Arc<AtomicBool>,
        /// Becomes readable.
        pub(super) wake: UnixStream,
    }

    pub(super) fn install() -> io::Result<Handlers> {
        let is_signalled = Arc::new(AtomicBool::new(false));
        let (wake, waker) = UnixStream::pair()?;
        let fatal = fatal_signals();
        for &signal in fatal.iter().filter(|&&signal| is_request(signal)) {
            flag::register(signal, Arc::clone(&is_signalled))?;
            pipe::register(signal, waker.try_clone()?)?;
        }
        let mut signals = Signals::new(&fatal)?;
        let wait = move || {
            let mut ended_at: Option<Instant> = None;
            for signal in signals.forever() {
                if is_report_request(signal) {
                    REPORT_REQUESTS.fetch_add(1, Ordering::Relaxed);
                } else if is_request(signal) && READS_STREAMS.load(Ordering::SeqCst) && ended_at.is_none() {
                    ended_at = Some(Instant::now());
                } else if !LISTENS.load(Ordering::SeqCst)
                    || ended_at.is_none_or(|ended_at| ended_at.elapsed() >= REPETITION)
                {
                    end(signal);
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
        Ok(Handlers { is_signalled, wake })
    }

    /// Returns whether a signal asks for the counts of a live capture.
    fn is_report_request(signal: i32) -> bool {
        LISTENS.load(Ordering::SeqCst) && [SIGUSR1, SIGUSR2].contains(&signal)
    }

    /// Returns whether a signal requests an end.
    fn is_request(signal: i32) -> bool {
        REQUESTS.contains(&signal) || LISTENS.load(Ordering::SeqCst) && !is_report_request(signal)
    }

    /// Removes unfinished outputs, and ends the process.
    fn end(signal: i32) -> ! {
        // The process ends before the lock is released, so no other file is created.
        let temporary = temporary();
        // A path that cannot be removed got its final name meanwhile, and stays.
        let remove = |path: &PathBuf| std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path)).is_ok();
        let removed = temporary.iter().rev().filter(|path| remove(path)).count();
        match (HAS_OUTPUT.load(Ordering::SeqCst), removed) {
            (true, 0) => failure::say("cbpf: interrupted; finished files stay"),
            (true, _) => failure::say("cbpf: interrupted; unfinished files were removed, finished ones stay"),
            (false, 0) => {}
            (false, _) => failure::say("cbpf: interrupted; no output was written"),
        }
        // The exit code that shells use for a program ended by a signal.
        std::process::exit(128 + signal)
    }

    /// Returns the signals that would end the process, without those that are ignored or handled already.
    fn fatal_signals() -> Vec<i32> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = |name: &str| {
            let mask = status.lines().find_map(|line| line.strip_prefix(name));
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
        };
        let mut ignored = mask("SigIgn:");
        if LISTENS.load(Ordering::SeqCst) {
            ignored &= !(1 << (SIGINT - 1));
        }
        let unchanged = ignored | mask("SigCgt:");
        let is_fatal = |signal: &i32| {
            // A write beyond the limit returns an error instead.
            let is_error = *signal == SIGXFSZ && limits::file_size().is_some();
            !UNHANDLED.contains(signal) && unchanged & 1 << (signal - 1) == 0 && !is_error
        };
        (1..=31).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).filter(is_fatal).collect()
    }
}
