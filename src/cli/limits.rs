//! Resource limits of the process.

use std::io::{self, ErrorKind};

/// Returns the maximum size of a file that the process may write, in bytes (`ulimit -f`).
pub fn file_size() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    #[cfg(not(unix))]
    None
}

/// Makes a write beyond the limit return an error. By default, SIGXFSZ ends the process.
pub fn disable_file_size_signal() {
    #[cfg(unix)]
    if file_size().is_some() {
        // Any handler will do. If it cannot be installed, the default stays.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Default::default());
    }
}

/// Describes the error of a write, and the limit if that is the reason.
pub fn write_error(error: &io::Error) -> String {
    match file_size() {
        Some(most) if error.kind() == ErrorKind::FileTooLarge => {
            format!("{error}: this process may write files of {most} bytes (RLIMIT_FSIZE, see `ulimit -f`)")
        }
        _ => error.to_string(),
    }
}
