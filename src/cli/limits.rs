//! Limits of the process that its user has set.

use std::io::{self, ErrorKind};

/// The most bytes that a file written by this process may have, if there is a limit (`ulimit -f`).
pub fn file_size() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    #[cfg(not(unix))]
    None
}

/// Makes a write beyond the limit an error, which is reported as any other. By default, SIGXFSZ ends the process.
pub fn exceed_file_size_with_an_error() {
    #[cfg(unix)]
    if file_size().is_some() {
        // What the handler does is of no importance. If it cannot be set, the default stays.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Default::default());
    }
}

/// Describes why something could not be written, with the limit if that is the reason.
pub fn unwritten(error: &io::Error) -> String {
    match file_size() {
        Some(most) if error.kind() == ErrorKind::FileTooLarge => {
            format!("{error}: this process may write files of {most} bytes (RLIMIT_FSIZE, see `ulimit -f`)")
        }
        _ => error.to_string(),
    }
}
