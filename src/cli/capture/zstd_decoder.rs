//! A decoder of zstd files, which may have many frames, and frames to be skipped.

use std::error::Error;
use std::io::{self, ErrorKind, Read};

use structured_zstd::decoding::errors::FrameDecoderError;
use structured_zstd::decoding::{ContentChecksum, FrameDecoder, StreamingDecoder};

use super::compression::{Stored, ends_early};

/// The longest window, in bytes: that of zstd(1) without `--long`.
const LONGEST_WINDOW: u64 = 128 << 20;

/// Decodes all frames of a file.
pub(super) struct ZstdDecoder(StreamingDecoder<Stored, FrameDecoder>);

impl ZstdDecoder {
    /// Returns a decoder of `stored`, which begins with a frame.
    pub(super) fn new(stored: Stored) -> ZstdDecoder {
        let mut frame = FrameDecoder::new();
        frame.set_content_checksum(ContentChecksum::Verify);
        // The limit that is set already if this one were out of range.
        let _ = frame.set_max_window_size(LONGEST_WINDOW);
        ZstdDecoder(StreamingDecoder::new_with_decoder(stored, frame))
    }
}

impl Read for ZstdDecoder {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space).map_err(described)
    }
}

/// Returns the error of a frame with its own kind if it ends early, and as a sentence if its window is too long.
fn described(error: io::Error) -> io::Error {
    let mut cause = error.get_ref().map(|cause| cause as &(dyn Error + 'static));
    while let Some(inner) = cause {
        if let Some(FrameDecoderError::WindowSizeTooBig { requested, limit, .. }) = inner.downcast_ref() {
            let (needed, limit) = (requested.div_ceil(1 << 20), limit >> 20);
            let message = format!(
                "its window takes {needed} MiB, more than the {limit} that are accepted; decompress it with \
                 `zstd -d --long=31` first"
            );
            return io::Error::new(ErrorKind::InvalidData, message);
        }
        if inner.downcast_ref().is_some_and(|inner: &io::Error| inner.kind() == ErrorKind::UnexpectedEof) {
            return ends_early();
        }
        cause = inner.source();
    }
    error
}
