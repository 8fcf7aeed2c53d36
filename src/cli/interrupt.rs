//! Ctrl-C, SIGTERM and SIGHUP: an output that is not whole goes, and the program ends.

use std::fs;
use std::path::Path;
use std::process;

use crate::cli::failure::Failure;

/// The exit code of a program that a signal ended, as shells have it: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// From now on, removes `temporary` when the program is interrupted.
pub fn remove_when_interrupted(temporary: &Path) -> Result<(), Failure> {
    let temporary = temporary.to_owned();
    let end = move || {
        // If it is gone, the output was finished in this moment, and stays.
        let _ = fs::remove_file(&temporary);
        eprintln!("cbpf: interrupted; no output was written");
        process::exit(INTERRUPTED);
    };
    ctrlc::set_handler(end).map_err(|error| Failure::Failed(format!("cannot wait for Ctrl-C: {error}")))
}
