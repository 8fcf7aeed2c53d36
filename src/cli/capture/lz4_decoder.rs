//! A decoder of lz4 files, which may have many frames, and frames to be skipped.
//!
//! The library reads from a source that must not fail in the middle of a block, and takes an end there for that of the
//! file. So it is given whole pieces: the header of a frame, a block with its checksum, the end of a frame.

use std::io::{self, ErrorKind, Read};

use lz4_flex::frame::FrameDecoder;

use super::compression::{Stored, ends_early, is_skippable_frame};

const FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// The length of a frame header without optional fields.
const HEADER_LEN: usize = 7;
/// The maximum size of a block, by bits 4 to 6 of the second byte of the descriptor; sizes below 4 are reserved.
const BLOCK_SIZES: [usize; 8] = [0, 0, 0, 0, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/// Set in the length of a block that is not compressed.
const UNCOMPRESSED: u32 = 1 << 31;

/// Decodes all frames of a file.
pub(super) struct Lz4Decoder {
    stored: Stored,
    frames: FrameDecoder<Pieces>,
    /// The beginning of the next piece.
    piece: Vec<u8>,
    /// The rest of a frame to be skipped, in bytes.
    skipped: u32,
    /// The frame that has begun.
    frame: Option<Frame>,
}

/// The facts of a frame by which its pieces are found.
#[derive(Clone, Copy)]
struct Frame {
    block_size: usize,
    has_block_checksums: bool,
    has_content_checksum: bool,
}

impl Frame {
    /// Returns the facts of a header of at least [`HEADER_LEN`] bytes.
    fn of(header: &[u8]) -> Frame {
        let (flags, sizes) = (header[4], header[5]);
        Frame {
            block_size: BLOCK_SIZES[usize::from(sizes >> 4 & 7)],
            has_block_checksums: flags & 0x10 != 0,
            has_content_checksum: flags & 0x04 != 0,
        }
    }
}

impl Lz4Decoder {
    /// Returns a decoder of `stored`, which begins with a frame.
    pub(super) fn new(stored: Stored) -> Lz4Decoder {
        let frames = FrameDecoder::new(Pieces::default());
        Lz4Decoder { stored, frames, piece: Vec::new(), skipped: 0, frame: None }
    }

    /// Gives the library the next piece. Returns `false` at the end of the file.
    ///
    /// # Errors
    /// `WouldBlock` if there is no whole piece yet.
    fn next_piece(&mut self) -> io::Result<bool> {
        self.skip()?;
        if !self.gather(4)? {
            return if self.frame.is_none() && self.piece.is_empty() { Ok(false) } else { Err(ends_early()) };
        }
        let (first, next) = match self.frame {
            None if is_skippable_frame(&self.piece) => {
                self.require(8)?;
                self.skipped = self.word(4);
                self.piece.clear();
                return Ok(true);
            }
            None if !self.piece.starts_with(&FRAME) => {
                let garbage = "what follows is no frame of lz4";
                return Err(io::Error::new(ErrorKind::InvalidData, garbage));
            }
            None => {
                self.require(HEADER_LEN)?;
                let content_size = if self.piece[4] & 0x08 != 0 { 8 } else { 0 };
                let dictionary = if self.piece[4] & 0x01 != 0 { 4 } else { 0 };
                (HEADER_LEN + content_size + dictionary, Some(Frame::of(&self.piece)))
            }
            Some(frame) => match self.word(0) {
                0 => (if frame.has_content_checksum { 8 } else { 4 }, None),
                length => {
                    let length = (length & !UNCOMPRESSED) as usize;
                    if length > frame.block_size {
                        let message = format!("a block of {length} bytes is longer than its frame allows");
                        return Err(io::Error::new(ErrorKind::InvalidData, message));
                    }
                    (4 + length + if frame.has_block_checksums { 4 } else { 0 }, Some(frame))
                }
            },
        };
        self.require(first)?;
        self.frame = next;
        self.frames.get_mut().give(&mut self.piece);
        Ok(true)
    }

    /// Skips the rest of a frame.
    fn skip(&mut self) -> io::Result<()> {
        while self.skipped > 0 {
            let count = self.stored.fill_buf()?.len().min(self.skipped as usize);
            if count == 0 {
                return Err(ends_early());
            }
            self.stored.consume(count);
            self.skipped -= count as u32;
        }
        Ok(())
    }

    /// Reads until the piece has `len` bytes. Returns `false` if the file ends before.
    fn gather(&mut self, len: usize) -> io::Result<bool> {
        while self.piece.len() < len {
            let bytes = self.stored.fill_buf()?;
            let count = bytes.len().min(len - self.piece.len());
            if count == 0 {
                return Ok(false);
            }
            self.piece.extend_from_slice(&bytes[..count]);
            self.stored.consume(count);
        }
        Ok(true)
    }

    /// Reads until the piece has `len` bytes.
    fn require(&mut self, len: usize) -> io::Result<()> {
        if self.gather(len)? { Ok(()) } else { Err(ends_early()) }
    }

    /// Returns the word at `at` of the piece, which is that long.
    fn word(&self, at: usize) -> u32 {
        self.piece[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

impl Read for Lz4Decoder {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.frames.read(space)?;
            if count > 0 || space.is_empty() || !self.next_piece()? {
                return Ok(count);
            }
        }
    }
}

/// The source of the library: one piece at a time.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    read: usize,
}

impl Pieces {
    /// Takes the next piece, and gives back an empty buffer.
    fn give(&mut self, piece: &mut Vec<u8>) {
        std::mem::swap(&mut self.bytes, piece);
        piece.clear();
        self.read = 0;
    }
}

impl Read for Pieces {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = (&self.bytes[self.read..]).read(space)?;
        self.read += count;
        Ok(count)
    }
}
