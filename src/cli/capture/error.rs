//! What can go wrong with a capture file.
//!
//! Every error names the file; damage names the byte of the (decompressed) stream too.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use crate::cli::limits;

/// Why a capture could not be opened, read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The input could not be opened.
    Open { path: PathBuf, source: io::Error },
    /// The system failed to read the input.
    Read { path: PathBuf, source: io::Error },
    /// The input is no capture file, or one of a kind that is not read.
    Foreign { path: PathBuf, found: Foreign },
    /// The capture is sound up to byte `at` of the decompressed stream.
    Damaged { path: PathBuf, at: u64, damage: Damage },
    /// The output could not be created.
    Create { path: PathBuf, source: io::Error },
    /// The output could not be written.
    Write { path: PathBuf, source: io::Error },
}

impl CaptureError {
    /// Whether the reader of the output went away, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, CaptureError::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::Open { path, source } => write!(f, "cannot open {}: {source}", input_name(path)),
            CaptureError::Read { path, source } => write!(f, "cannot read {}: {source}", input_name(path)),
            CaptureError::Foreign { path, found } => write!(f, "{} {found}", input_name(path)),
            CaptureError::Damaged { path, at, damage } => {
                write!(f, "{}: {}", input_name(path), Sentence { at: *at, damage })
            }
            CaptureError::Create { path, source } => write!(f, "cannot create {}: {source}", output(path)),
            CaptureError::Write { path, source } => {
                write!(f, "cannot write {}: {}", output(path), limits::unwritten(source))
            }
        }
    }
}

impl error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            CaptureError::Open { source, .. }
            | CaptureError::Read { source, .. }
            | CaptureError::Create { source, .. }
            | CaptureError::Write { source, .. }
            | CaptureError::Damaged { damage: Damage::Gzip(source), .. } => Some(source),
            _ => None,
        }
    }
}

/// An input as messages call it.
pub fn input_name(path: &Path) -> impl fmt::Display + '_ {
    if path.as_os_str() == "-" { Path::new("standard input").display() } else { path.display() }
}

fn output(path: &Path) -> impl fmt::Display + '_ {
    if path.as_os_str() == "-" { Path::new("standard output").display() } else { path.display() }
}

/// What an input is instead of a capture that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// It has no bytes.
    Empty,
    /// It is compressed, and not by gzip.
    Compressed(&'static str),
    /// It begins with these bytes, of no capture format.
    Magic(Vec<u8>),
    /// Its magic is that of a rare variant of pcap.
    Variant(&'static str),
    /// It is a pcap file of another version than libpcap reads.
    Version { major: u16, minor: u16 },
    /// It is a pcap file with reserved bits set in this link type field.
    Reserved { network: u32 },
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Foreign::Empty => f.write_str("is empty, not a capture file"),
            Foreign::Compressed(by) => write!(f, "is compressed by {by}; only gzip is read, so decompress it first"),
            Foreign::Magic(bytes) => write!(f, "is not a pcap or pcapng file: it begins with the bytes {bytes:02x?}"),
            Foreign::Variant(name) => write!(f, "is a pcap file of the {name} variant, which is not read"),
            Foreign::Version { major, minor } => {
                write!(f, "is a pcap file of version {major}.{minor}; only versions 2.0 to 2.4 and 543.0 are read")
            }
            Foreign::Reserved { network } => {
                write!(
                    f,
                    "is a pcap file with reserved bits set in its link type field, {network:#010x}; it is not read"
                )
            }
        }
    }
}

/// What is wrong at the byte where a capture stops making sense. `part` is the piece that begins there.
#[derive(Debug)]
#[non_exhaustive]
pub enum Damage {
    /// The stream ends inside the part.
    Cut { part: &'static str, needed: usize, left: usize },
    /// The part claims to be longer than any real one.
    TooLong { part: &'static str, claimed: u32, limit: u32 },
    /// A block of a length that no block can have.
    BlockLength(u32),
    /// A block whose length reads differently at its two ends.
    Ends { leading: u32, trailing: u32 },
    /// A section of a version that is not known.
    Version { major: u16, minor: u16 },
    /// A section header without a byte-order mark.
    ByteOrder,
    /// A packet of an interface that its section has not described.
    Interface { index: u32, described: usize },
    /// More interfaces than any real capture has.
    TooManyInterfaces(usize),
    /// A block whose content is shorter than its own fields claim.
    Content(&'static str),
    /// A part that is far longer than what was compressed of it.
    Unpacked { part: &'static str, needed: usize, stored: u64 },
    /// The compressed data ends early or is corrupt.
    Gzip(io::Error),
}

/// Damage at its place, as a sentence.
struct Sentence<'a> {
    at: u64,
    damage: &'a Damage,
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.damage {
            Damage::Cut { part, needed, left } => {
                write!(f, "the {part} at byte {at} takes {needed} bytes, but only {left} are left")
            }
            Damage::TooLong { part, claimed, limit } => {
                write!(f, "the {part} at byte {at} claims {claimed} bytes, more than the {limit} that are possible")
            }
            Damage::BlockLength(length) => {
                write!(f, "the block at byte {at} has the length {length}, which is below 12 or no multiple of 4")
            }
            Damage::Ends { leading, trailing } => {
                write!(f, "the block at byte {at} has the length {leading} at its start and {trailing} at its end")
            }
            Damage::Version { major, minor } => {
                write!(f, "the section at byte {at} is of version {major}.{minor}; only versions 1.0 and 1.2 are read")
            }
            Damage::ByteOrder => write!(f, "the section header at byte {at} has no byte-order mark"),
            Damage::Interface { index, described } => {
                write!(f, "the packet at byte {at} is of interface {index}, but its section has described {described}")
            }
            Damage::TooManyInterfaces(most) => {
                write!(f, "the interface description block at byte {at} is one more than the {most} that are possible")
            }
            Damage::Content(block) => write!(f, "the {block} at byte {at} is shorter than its fields claim"),
            Damage::Unpacked { part, needed, stored } => {
                write!(f, "the {part} at byte {at} takes {needed} bytes, too many to be unpacked from {stored} ")?;
                f.write_str("compressed ones; it is read from a file that is not compressed")
            }
            Damage::Gzip(source) => write!(f, "the gzip data fails after {at} decompressed bytes: {source}"),
        }
    }
}

/// A failure below the [`Reader`](super::Reader), which adds the path.
#[derive(Debug)]
pub(super) enum Fault {
    Open(io::Error),
    Read(io::Error),
    Foreign(Foreign),
    Damaged {
        at: u64,
        damage: Damage,
    },
    /// More bytes are needed than are at hand, and the window may not wait: no failure, and never seen outside of the reader.
    Held,
    /// A signal ended the stream inside a part: no failure, and never seen outside of the reader.
    CutShort,
}

impl Fault {
    /// This fault, unless it is the end that a signal put to a stream.
    pub(super) fn at_end(self) -> Option<Fault> {
        Some(self).filter(|fault| !matches!(fault, Fault::CutShort))
    }

    /// This failure of the input `path`.
    pub(super) fn of(self, path: &Path) -> CaptureError {
        let path = path.to_path_buf();
        match self {
            Fault::Open(source) => CaptureError::Open { path, source },
            Fault::Read(source) => CaptureError::Read { path, source },
            Fault::Foreign(found) => CaptureError::Foreign { path, found },
            Fault::Damaged { at, damage } => CaptureError::Damaged { path, at, damage },
            Fault::Held | Fault::CutShort => unreachable!("the reader handles these"),
        }
    }
}
