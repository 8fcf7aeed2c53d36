//! A decoder of gzip, xz and bzip2 files, which may have many members.
//!
//! - What follows the last member is treated as by gzip(1): zeros up to the end are padding. Anything else is an error,
//!   which is returned after all decompressed data.
//! - The decoders of members take and return slices. They count what they have decoded, even if they fail then.

use std::io::{self, ErrorKind, Read};

use bzip2::Decompress as Bzip2;
use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::{Action, XzStream};

use super::compression::{Stored, ends_early};

/// The memory for the dictionary of an xz file, in KiB: 128 MiB, as for zstd, and what the decoder needs besides.
const XZ_MEMORY: u32 = (128 << 10) + 1024;

/// A decoder of one member.
pub(super) trait Member {
    /// The name of the compression.
    const NAME: &'static str;
    /// The first byte of a member.
    const START: u8;
    /// Whether members may follow padding.
    const MAY_FOLLOW_PADDING: bool;

    fn new() -> Self;

    /// Decodes a part of `stored` to a part of `space`, or the rest if `stored` is empty, which is the end of the file.
    fn decode(&mut self, stored: &[u8], space: &mut [u8]) -> Step;
}

/// What a decoder has done in one call.
pub(super) struct Step {
    consumed: usize,
    produced: usize,
    /// Whether the member ends here.
    has_ended: Result<bool, io::Error>,
}

/// Decodes all members of a file.
pub(super) struct MemberDecoder<M> {
    stored: Stored,
    /// `None` after a member.
    member: Option<M>,
    is_padded: bool,
    /// The error to return after everything that was decoded before it.
    failed: Option<io::Error>,
}

impl<M: Member> MemberDecoder<M> {
    /// Returns a decoder of `stored`, which begins with a member.
    pub(super) fn new(stored: Stored) -> MemberDecoder<M> {
        MemberDecoder { stored, member: Some(M::new()), is_padded: false, failed: None }
    }

    /// Skips padding, and begins the next member. Returns whether there is one.
    fn begin_next(&mut self) -> io::Result<bool> {
        loop {
            let rest = self.stored.fill_buf()?;
            match rest.first() {
                None => return Ok(false),
                Some(0) => {
                    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                    self.stored.consume(zeros);
                    self.is_padded = true;
                }
                Some(&first) if first == M::START && (M::MAY_FOLLOW_PADDING || !self.is_padded) => {
                    self.member = Some(M::new());
                    return Ok(true);
                }
                Some(_) => {
                    let garbage = format!("what follows is neither {} data nor zeros up to the end", M::NAME);
                    return Err(io::Error::new(ErrorKind::InvalidData, garbage));
                }
            }
        }
    }
}

impl<M: Member> Read for MemberDecoder<M> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if space.is_empty() {
            return Ok(0);
        }
        loop {
            if self.member.is_none() && !self.begin_next()? {
                return Ok(0);
            }
            let Some(member) = &mut self.member else { return Ok(0) };
            let stored = self.stored.fill_buf()?;
            let is_at_end = stored.is_empty();
            let Step { consumed, produced, has_ended } = member.decode(stored, space);
            self.stored.consume(consumed);
            match has_ended {
                Ok(true) => self.member = None,
                Ok(false) if is_at_end && produced == 0 => return Err(ends_early()),
                Ok(false) if consumed == 0 && produced == 0 => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "it cannot be decoded on"));
                }
                Ok(false) => {}
                Err(error) if produced == 0 => return Err(error),
                Err(error) => self.failed = Some(error),
            }
            if produced > 0 {
                return Ok(produced);
            }
        }
    }
}

/// A member of a gzip file.
pub(super) struct GzipMember(Decompress);

impl Member for GzipMember {
    const NAME: &'static str = "gzip";
    const START: u8 = 0x1f;
    const MAY_FOLLOW_PADDING: bool = false;

    fn new() -> GzipMember {
        GzipMember(Decompress::new_gzip(15))
    }

    fn decode(&mut self, stored: &[u8], space: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(stored, space, FlushDecompress::None);
        Step {
            consumed: (self.0.total_in() - before.0) as usize,
            produced: (self.0.total_out() - before.1) as usize,
            has_ended: status.map(|status| status == Status::StreamEnd).map_err(io::Error::from),
        }
    }
}

/// A stream of a bzip2 file.
pub(super) struct Bzip2Member(Bzip2);

impl Member for Bzip2Member {
    const NAME: &'static str = "bzip2";
    const START: u8 = b'B';
    const MAY_FOLLOW_PADDING: bool = false;

    fn new() -> Bzip2Member {
        Bzip2Member(Bzip2::new(false))
    }

    fn decode(&mut self, stored: &[u8], space: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(stored, space);
        Step {
            consumed: (self.0.total_in() - before.0) as usize,
            produced: (self.0.total_out() - before.1) as usize,
            has_ended: match status {
                Ok(status) => Ok(status == bzip2::Status::StreamEnd),
                Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
            },
        }
    }
}

/// A stream of an xz file.
pub(super) struct XzMember(Box<XzStream>);

impl Member for XzMember {
    const NAME: &'static str = "xz";
    const START: u8 = 0xfd;
    const MAY_FOLLOW_PADDING: bool = true;

    fn new() -> XzMember {
        XzMember(Box::new(XzStream::new_mem_limit(false, XZ_MEMORY)))
    }

    fn decode(&mut self, stored: &[u8], space: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let status = self.0.process(stored, space, if stored.is_empty() { Action::Finish } else { Action::Run });
        let has_ended = match status {
            Ok(result) => Ok(result.status == lzma_rust2::Status::StreamEnd),
            Err(error) if error.kind() == ErrorKind::OutOfMemory => Err(io::Error::new(
                ErrorKind::InvalidData,
                "its dictionary is longer than the 128 MiB that are accepted",
            )),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(ends_early()),
            Err(error) => Err(error),
        };
        Step {
            consumed: (self.0.total_in() - before.0) as usize,
            produced: (self.0.total_out() - before.1) as usize,
            has_ended,
        }
    }
}
