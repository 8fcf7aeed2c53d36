//! The identity of a file, whatever the path that names it.

use std::path::Path;

/// Equal for two paths if they name the same file.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileIdentity {
    #[cfg(unix)]
    device_and_number: (u64, u64),
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl FileIdentity {
    /// Returns the identity of the regular file with this path, or of standard input for `-`, if there is one.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Option<FileIdentity> {
        use rustix::fs::FileType;
        let stat = match path == Path::new("-") {
            true => rustix::fs::fstat(std::io::stdin()),
            false => rustix::fs::stat(path),
        };
        let stat = stat.ok().filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)?;
        Some(FileIdentity { device_and_number: (stat.st_dev as u64, stat.st_ino as u64) })
    }

    /// Returns the identity of the regular file with this path, if there is one.
    #[cfg(not(unix))]
    pub(super) fn of(path: &Path) -> Option<FileIdentity> {
        let path = path.canonicalize().ok().filter(|path| path.is_file())?;
        Some(FileIdentity { path })
    }
}
