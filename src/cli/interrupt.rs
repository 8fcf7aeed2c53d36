//! Ctrl-C, SIGTERM and SIGHUP: an output that is not whole goes, and the program ends.

use std::path::Path;

use crate::cli::failure::Failure;

/// From now on, removes `temporary` when a signal ends the program. Signals that were ignored at the start, as `nohup`
/// has it, stay ignored.
#[cfg(target_os = "linux")]
pub fn remove_when_interrupted(temporary: &Path) -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored_signals();
    let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & 1 << (signal - 1) == 0);
    let failed = |error| Failure::Failed(format!("cannot wait for signals: {error}"));
    let mut signals = Signals::new(heeded).map_err(failed)?;
    let temporary = temporary.to_owned();
    let wait = move || {
        let Some(signal) = signals.forever().next() else { return };
        // If it is gone, the output was finished in this moment, and stays.
        if std::fs::remove_file(&temporary).is_ok() {
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

/// Elsewhere a temporary file stays behind.
#[cfg(not(target_os = "linux"))]
pub fn remove_when_interrupted(_temporary: &Path) -> Result<(), Failure> {
    Ok(())
}
