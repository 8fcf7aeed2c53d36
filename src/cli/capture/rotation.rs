//! When a capture is followed by the next one, and how the captures are called.
//!
//! - The rules are those of tcpdump, in capture time: before a packet is written, a file that is longer than the size
//!   ends, and a file that began that many seconds ago. The first file begins with the first packet, every
//!   other with the packet that did not belong to the one before it.
//! - The names are those of tcpdump, also for `tcpdump -z gzip`: the number follows the name, but precedes the
//!   extension of a compression. Conversions of `strftime` are replaced if files end after some time, in UTC.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::Compression;
use crate::cli::time;

/// The limits of a file. Without any, there is one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The bytes after which no packet is added.
    pub size: Option<u64>,
    /// The seconds after which no packet is added.
    pub seconds: Option<u64>,
    /// The number of files: with a size, the first is replaced after the last one, for each period of time anew;
    /// without a size, the last one is the end.
    pub files: Option<u64>,
}

impl Rotation {
    pub fn is_active(&self) -> bool {
        self.size.is_some() || self.seconds.is_some()
    }

    /// Returns whether there is a last file.
    pub(super) fn ends(&self) -> bool {
        self.seconds.is_some() && self.size.is_none() && self.files.is_some()
    }

    /// Returns whether there are no files after this number of periods.
    pub(super) fn ends_after(&self, periods: u64) -> bool {
        self.size.is_none() && self.files.is_some_and(|files| periods >= files)
    }

    /// Returns the number of the file after this one.
    pub(super) fn next(&self, number: u64) -> u64 {
        match self.files {
            Some(files) if number + 1 >= files => 0,
            _ => number + 1,
        }
    }

    /// Returns the name of a file without its number: the pattern, or what it makes of the second since 1970 with which
    /// the file begins.
    pub(super) fn base(&self, pattern: &Path, second: i128) -> io::Result<PathBuf> {
        if self.seconds.is_none() {
            return Ok(pattern.to_path_buf());
        }
        let format = pattern.to_str().ok_or_else(|| io::Error::other("a name with conversions is UTF-8"))?;
        Ok(PathBuf::from(time::format(format, second).map_err(io::Error::other)?))
    }

    /// Returns the name of the file with this number, which has digits enough for all numbers.
    pub(super) fn numbered(&self, base: PathBuf, number: u64) -> PathBuf {
        let last = self.files.map_or(0, |files| files - 1);
        let width = if last == 0 { 0 } else { last.ilog10() as usize + 1 };
        if self.size.is_none() || (number, width) == (0, 0) {
            return base;
        }
        let is_compressed = |extension: &&OsStr| extension.to_str().and_then(Compression::with_extension).is_some();
        let compression = base.extension().filter(is_compressed);
        let mut name = if compression.is_some() { base.with_extension("") } else { base.clone() }.into_os_string();
        name.push(format!("{number:0width$}"));
        if let Some(compression) = compression {
            name.push(".");
            name.push(compression);
        }
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rotation: Rotation, pattern: &str, count: u64) -> Vec<String> {
        let mut number = 0;
        let name = |_| {
            let base = rotation.base(Path::new(pattern), 1_714_557_600).expect("a valid pattern");
            let name = rotation.numbered(base, number);
            number = rotation.next(number);
            name.display().to_string()
        };
        (0..count).map(name).collect()
    }

    #[test]
    fn names_are_those_of_tcpdump() {
        let sized = Rotation { size: Some(1), ..Rotation::default() };
        let ring = |files| Rotation { files: Some(files), ..sized };
        assert_eq!(names(sized, "x.pcap", 3), ["x.pcap", "x.pcap1", "x.pcap2"]);
        assert_eq!(names(sized, "d.gz/x%Y.pcap.gz", 2), ["d.gz/x%Y.pcap.gz", "d.gz/x%Y.pcap1.gz"]);
        assert_eq!(names(ring(3), "x", 4), ["x0", "x1", "x2", "x0"]);
        assert_eq!(names(ring(1), "x", 2), ["x", "x"]);
        assert_eq!(names(ring(10), "x", 11)[9..], ["x9", "x0"]);
        assert_eq!(names(ring(11), "x", 12)[9..], ["x09", "x10", "x00"]);
        let timed = Rotation { seconds: Some(1), ..Rotation::default() };
        assert_eq!(names(timed, "%F/%H%M%S", 1), ["2024-05-01/100000"]);
        let both = Rotation { seconds: Some(1), ..ring(2) };
        assert_eq!(names(both, "%s-", 3), ["1714557600-0", "1714557600-1", "1714557600-0"]);
    }

    #[test]
    fn invalid_patterns_are_errors() {
        let timed = Rotation { seconds: Some(1), ..Rotation::default() };
        assert!(timed.base(Path::new("x%"), 0).is_err() && timed.base(Path::new("%!"), 0).is_err());
        assert!(timed.base(Path::new("%Y"), i128::MAX).is_err());
    }
}
