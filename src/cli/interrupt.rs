//! Ctrl-C, SIGTERM and SIGHUP: outputs that are not whole go, and the program ends.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cli::failure::Failure;

/// What goes when a signal ends the program, and whether a thread waits for one.
static TEMPORARY: Mutex<Temporary> = Mutex::new(Temporary { paths: Vec::new(), is_watched: false });

struct Temporary {
    paths: Vec<PathBuf>,
    is_watched: bool,
}

fn temporary() -> MutexGuard<'static, Temporary> {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, removes this file, or this folder if nothing else is in it, when a signal ends the program. Signals that
/// were ignored at the start, as `nohup` has it, stay ignored; on systems other than Linux, files stay behind.
pub fn remove_when_interrupted(path: &Path) -> Result<(), Failure> {
    let mut temporary = temporary();
    if !temporary.is_watched {
        watch()?;
        temporary.is_watched = true;
    }
    temporary.paths.push(path.to_owned());
    Ok(())
}

/// Does the last of the work, which no signal interrupts: a program that writes many outputs gives all of them their names,
/// or none.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let mut temporary = temporary();
    let done = work();
    temporary.paths.clear();
    done
}

/// Waits for a signal, on a thread of its own.
#[cfg(target_os = "linux")]
fn watch() -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored_signals();
    let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & 1 << (signal - 1) == 0);
    let failed = |error| Failure::Failed(format!("cannot wait for signals: {error}"));
    let mut signals = Signals::new(heeded).map_err(failed)?;
    let wait = move || {
        let Some(signal) = signals.forever().next() else { return };
        // Nobody makes another one while this is locked, and the process ends before it is unlocked.
        let temporary = temporary();
        // What is gone was finished in this moment, and stays. A folder came before what is in it.
        let remove = |path: &PathBuf| std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path)).is_ok();
        if temporary.paths.iter().rev().filter(|path| remove(path)).count() > 0 {
            crate::cli::failure::say("cbpf: interrupted; no output was written");
        }
        // The exit code of a program that a signal ended, as shells have it.
        std::process::exit(128 + signal);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
    Ok(())
}

/// The signals that this process ignores, signal 1 in the lowest bit.
#[cfg(target_os = "linux")]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn watch() -> Result<(), Failure> {
    Ok(())
}
