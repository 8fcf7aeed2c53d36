//! Resource limits of the process.

use std::io::{self, ErrorKind};

/// Returns the maximum size of a file that the process may write, in bytes (`ulimit -f`).
pub fn file_size() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    #[cfg(not(unix))]
    None
}

/// Raises the number of files that the process may have open to what it may raise it to.
pub fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current != maximum {
            // Some systems have a limit that they do not name; the present one stays then.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        }
    }
}

/// Returns how many files the process may have open (`ulimit -n`).
pub fn open_files() -> usize {
    #[cfg(unix)]
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let most = Some(512);
    most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
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
