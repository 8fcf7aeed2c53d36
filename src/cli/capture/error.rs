//! Errors of reading and writing captures.
//!
//! Every error names the file. Errors about damage also give the offset in the (decompressed) stream.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use crate::cli::limits;

/// The error of opening, reading or writing a capture.
#[derive(Debug)]
pub struct CaptureError {
    pub(super) path: PathBuf,
    pub(super) kind: CaptureErrorKind,
}

#[derive(Debug)]
#[non_exhaustive]
pub(super) enum CaptureErrorKind {
    /// The input could not be opened.
    Open(io::Error),
    /// Packets cannot be captured from an interface.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there are no live captures"))]
    Live(String),
    /// The system failed to read the input.
    Read(io::Error),
    /// The input is no capture file, or one of an unsupported kind.
    Unsupported(Unsupported),
    /// The capture is sound up to byte `at` of the decompressed stream.
    Damaged { at: u64, damage: Damage },
    /// The output could not be created.
    Create(io::Error),
    /// The output could not be written.
    Write(io::Error),
    /// The output must be a pcap file, which cannot hold what was read.
    Unfit(String),
}

impl CaptureError {
    /// Returns the error of creating an output.
    pub fn create(path: &Path, source: io::Error) -> CaptureError {
        CaptureErrorKind::Create(source).of(path)
    }

    /// Returns whether the reader of the output went away, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(&self.kind, CaptureErrorKind::Write(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns whether an output failed, not an input.
    pub fn is_of_output(&self) -> bool {
        matches!(self.kind, CaptureErrorKind::Create(_) | CaptureErrorKind::Write(_) | CaptureErrorKind::Unfit(_))
    }
}

impl CaptureErrorKind {
    /// Adds the path of the file.
    pub(super) fn of(self, path: &Path) -> CaptureError {
        CaptureError { path: path.to_path_buf(), kind: self }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standard = if self.is_of_output() { "standard output" } else { "standard input" };
        let name = if self.path.as_os_str() == "-" { Path::new(standard) } else { &self.path }.display();
        match &self.kind {
            CaptureErrorKind::Open(source) => write!(f, "cannot open {name}: {source}"),
            CaptureErrorKind::Live(message) => f.write_str(message),
            CaptureErrorKind::Read(source) => write!(f, "cannot read {name}: {source}"),
            CaptureErrorKind::Unsupported(unsupported) => write!(f, "{name} {unsupported}"),
            CaptureErrorKind::Damaged { at, damage } => {
                write!(f, "{name}: ")?;
                damage.describe(*at, f)
            }
            CaptureErrorKind::Create(source) => write!(f, "cannot create {name}: {source}"),
            CaptureErrorKind::Write(source) => write!(f, "cannot write {name}: {}", limits::write_error(source)),
            CaptureErrorKind::Unfit(reason) => {
                write!(f, "cannot write {name} as one pcap file: {reason}; use --format pcapng")
            }
        }
    }
}

impl error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            CaptureErrorKind::Open(source)
            | CaptureErrorKind::Read(source)
            | CaptureErrorKind::Create(source)
            | CaptureErrorKind::Write(source)
            | CaptureErrorKind::Damaged { damage: Damage::Compressed { error: source, .. }, .. } => Some(source),
            _ => None,
        }
    }
}

/// Returns the name of an input for messages.
pub fn input_name(path: &Path) -> impl fmt::Display + '_ {
    if path.as_os_str() == "-" { Path::new("standard input").display() } else { path.display() }
}

/// An input that is no capture of a supported format.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum Unsupported {
    /// A file without content.
    Empty,
    /// A file compressed in a way that is not read, or twice.
    Compressed(&'static str),
    /// A file that begins with these bytes, of no capture format.
    Magic(Vec<u8>),
    /// A rare variant of pcap.
    Variant(&'static str),
    /// A pcap file of a version that libpcap does not read.
    Version { major: u16, minor: u16 },
    /// A pcap file with reserved bits set in its link type field.
    Reserved { network: u32 },
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsupported::Empty => f.write_str("is empty, not a capture file"),
            Unsupported::Compressed(by) => {
                write!(f, "is compressed by {by}, which is not read here; decompress it first")
            }
            Unsupported::Magic(bytes) => {
                write!(f, "is not a pcap or pcapng file: it begins with the bytes {bytes:02x?}")
            }
            Unsupported::Variant(name) => write!(f, "is a pcap file of the {name} variant, which is not read"),
            Unsupported::Version { major, minor } => {
                write!(f, "is a pcap file of version {major}.{minor}; only versions 2.0 to 2.4 and 543.0 are read")
            }
            Unsupported::Reserved { network } => write!(
                f,
                "is a pcap file with reserved bits set in its link type field, {network:#010x}; it is not read"
            ),
        }
    }
}

/// The damage found at a byte of a capture. `part` is the piece that begins there.
#[derive(Debug)]
#[non_exhaustive]
pub(super) enum Damage {
    /// The stream ends inside the part.
    Cut { part: &'static str, needed: usize, left: usize },
    /// The part claims to be longer than is possible.
    TooLong { part: &'static str, claimed: u32, limit: u32 },
    /// The length of a block is below 12, or no multiple of 4.
    BlockLength(u32),
    /// The two lengths of a block differ.
    LengthMismatch { leading: u32, trailing: u32 },
    /// The version of a section is unsupported.
    Version { major: u16, minor: u16 },
    /// A section header has no byte-order mark.
    ByteOrder,
    /// A packet names an interface that its section has not described.
    Interface { index: u32, described: usize },
    /// A section describes more interfaces than this.
    TooManyInterfaces(usize),
    /// A block is shorter than its fields claim.
    Content(&'static str),
    /// The part takes far more bytes than `stored` compressed bytes usually unpack to.
    Unpacked { part: &'static str, needed: usize, stored: u64 },
    /// The compressed data ends early or is corrupt.
    Compressed { compression: &'static str, error: io::Error },
}

impl Damage {
    /// Writes a sentence about the damage at byte `at`.
    fn describe(&self, at: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Cut { part, needed, left } => {
                write!(f, "the {part} at byte {at} takes {needed} bytes, but only {left} are left")
            }
            Damage::TooLong { part, claimed, limit } => {
                write!(f, "the {part} at byte {at} claims {claimed} bytes, more than the {limit} that are possible")
            }
            Damage::BlockLength(length) => {
                write!(f, "the block at byte {at} has the length {length}, which is below 12 or no multiple of 4")
            }
            Damage::LengthMismatch { leading, trailing } => {
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
            Damage::Unpacked { part, needed, stored } => write!(
                f,
                "the {part} at byte {at} takes {needed} bytes, too many to be unpacked from {stored} compressed ones; \
                 decompress the file first to read it"
            ),
            Damage::Compressed { compression, error } => {
                write!(f, "the {compression} data fails after {at} decompressed bytes: {error}")
            }
        }
    }
}

/// The reason why a decoder returns no further record.
#[derive(Debug)]
pub(super) enum Stop {
    /// More bytes are needed than the buffer holds, and it may not wait for them.
    WouldWait,
    /// A signal ended the stream inside a part, which is no error.
    Interrupted,
    Failed(CaptureErrorKind),
}

impl Stop {
    /// Returns the failure, if it is one.
    pub(super) fn failure(self) -> Option<CaptureErrorKind> {
        match self {
            Stop::Failed(kind) => Some(kind),
            Stop::WouldWait | Stop::Interrupted => None,
        }
    }
}

impl From<CaptureErrorKind> for Stop {
    fn from(kind: CaptureErrorKind) -> Stop {
        Stop::Failed(kind)
    }
}
