//! A decoder of gzip files, which may have many members.
//!
//! Bytes after the last member are treated as by gzip(1): zeros up to the end are padding. Anything else is an error,
//! which is returned after all decompressed data.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The first bytes of a member.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Decodes all members of a file.
pub(super) struct GzipDecoder<R> {
    /// `None` only inside [`GzipDecoder::read`], between two members.
    member: Option<GzDecoder<R>>,
    is_padded: bool,
}

impl<R: BufRead> GzipDecoder<R> {
    /// Returns a decoder of `stored`, which begins with a member.
    pub(super) fn new(stored: R) -> GzipDecoder<R> {
        GzipDecoder { member: Some(GzDecoder::new(stored)), is_padded: false }
    }
}

impl<R: BufRead> Read for GzipDecoder<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(space)?;
            if count > 0 || space.is_empty() {
                return Ok(count);
            }
            let stored = member.get_mut();
            let rest = stored.fill_buf()?;
            match rest.first() {
                None => break,
                Some(0) => {
                    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                    stored.consume(zeros);
                    self.is_padded = true;
                }
                Some(first) if *first == MAGIC[0] && !self.is_padded => {
                    self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
                }
                Some(_) => {
                    let garbage = "what follows is neither gzip data nor zeros up to the end";
                    return Err(io::Error::new(ErrorKind::InvalidData, garbage));
                }
            }
        }
        Ok(0)
    }
}
