//! Encoders of outputs, one for each compression and one that changes nothing.
//!
//! - An encoder that is dropped before it is finished leaves a truncated file, as an interrupted program does.
//! - The levels are the usual ones of the compressions' own programs, except that of xz, which is faster.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use lzma_rust2::{XzOptions, XzWriter};
use structured_zstd::encoding::{CompressionLevel, StreamingEncoder};

const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;
const XZ_PRESET: u32 = 2;
const BZIP2_LEVEL: u32 = 9;

/// The number of bytes that a stream is given at once.
const STREAM_CAPACITY: usize = 512 << 10;
/// The number of bytes of a frame. The windows of zstd are shorter at its level.
const FRAME_CAPACITY: usize = 4 << 20;
/// The size of the buffer behind an encoder, in bytes.
const ENCODED_CAPACITY: usize = 64 << 10;

/// How a compression encodes.
#[derive(Debug)]
pub(super) enum Encode {
    /// As one frame or member, which can be flushed if `flushes`: then a reader gets everything that was written.
    Stream { encoder: fn(Sink) -> io::Result<Box<dyn Encoder>>, flushes: bool },
    /// As whole frames, with a library whose encoders cannot go to other threads.
    Frames(fn(&[u8], &mut Sink) -> io::Result<()>),
}

pub(super) const GZIP: Encode = Encode::Stream { encoder: gzip, flushes: true };
pub(super) const ZSTD: Encode = Encode::Frames(zstd);
pub(super) const LZ4: Encode = Encode::Stream { encoder: lz4, flushes: true };
pub(super) const XZ: Encode = Encode::Stream { encoder: xz, flushes: false };
pub(super) const BZIP2: Encode = Encode::Stream { encoder: bzip2, flushes: false };

impl Encode {
    /// Returns an encoder, and the number of bytes that it should be given at once. It encodes single frames if it is
    /// one of `count`, or has `readers` who wait for what was flushed.
    pub(super) fn encoder(
        &'static self,
        sink: Sink,
        count: usize,
        has_readers: bool,
    ) -> io::Result<(Box<dyn Encoder>, usize)> {
        match self {
            Encode::Stream { encoder, flushes } if count == 1 && (*flushes || !has_readers) => {
                let buffered = BufWriter::with_capacity(ENCODED_CAPACITY, sink);
                Ok((encoder(Box::new(buffered))?, STREAM_CAPACITY))
            }
            _ => Ok((Box::new(Framewise { encode: self, sink, is_empty: true }), FRAME_CAPACITY)),
        }
    }
}

/// The destination of an encoder.
pub(super) type Sink = Box<dyn Write + Send>;

/// Encodes what is written to it.
pub(super) trait Encoder: Write + Send {
    /// Writes the end of the encoded data; nothing is written after that.
    fn finish(&mut self) -> io::Result<()>;
}

/// Changes nothing.
pub(super) struct Plain(pub(super) Sink);

impl Write for Plain {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Encoder for Plain {
    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn gzip(sink: Sink) -> io::Result<Box<dyn Encoder>> {
    Ok(Box::new(GzEncoder::new(sink, flate2::Compression::new(GZIP_LEVEL))))
}

impl Encoder for GzEncoder<Sink> {
    fn finish(&mut self) -> io::Result<()> {
        self.try_finish()?;
        self.get_mut().flush()
    }
}

fn lz4(sink: Sink) -> io::Result<Box<dyn Encoder>> {
    let frame = FrameInfo::new().block_size(BlockSize::Max4MB).content_checksum(true);
    Ok(Box::new(Lz4(FrameEncoder::with_frame_info(frame, sink))))
}

/// An encoder that does not flush its sink.
struct Lz4(FrameEncoder<Sink>);

impl Write for Lz4 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        self.0.get_mut().flush()
    }
}

impl Encoder for Lz4 {
    fn finish(&mut self) -> io::Result<()> {
        self.0.try_finish()?;
        self.0.get_mut().flush()
    }
}

fn bzip2(sink: Sink) -> io::Result<Box<dyn Encoder>> {
    Ok(Box::new(BzEncoder::new(sink, bzip2::Compression::new(BZIP2_LEVEL))))
}

impl Encoder for BzEncoder<Sink> {
    fn finish(&mut self) -> io::Result<()> {
        self.try_finish()?;
        self.get_mut().flush()
    }
}

fn xz(sink: Sink) -> io::Result<Box<dyn Encoder>> {
    Ok(Box::new(Xz(Some(XzWriter::new(sink, XzOptions::with_preset(XZ_PRESET))?))))
}

/// An encoder that is consumed when it is finished.
struct Xz(Option<XzWriter<Sink>>);

impl Write for Xz {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_mut().map_or_else(|| Err(io::Error::other("the output is finished")), |encoder| encoder.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Encoder for Xz {
    fn finish(&mut self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), |encoder| encoder.finish()?.flush())
    }
}

/// Writes a frame.
fn zstd(bytes: &[u8], sink: &mut Sink) -> io::Result<()> {
    let mut encoder = StreamingEncoder::new(sink, CompressionLevel::from_level(ZSTD_LEVEL));
    encoder.set_content_checksum(true)?;
    encoder.set_pledged_content_size(bytes.len() as u64)?;
    encoder.write_all(bytes)?;
    encoder.finish().map(drop)
}

/// Encodes each piece that is written as a whole frame or member; a file of several decodes to the pieces, one after
/// the other. No memory is needed in between, and a reader gets everything that was written.
struct Framewise {
    encode: &'static Encode,
    sink: Sink,
    is_empty: bool,
}

impl Framewise {
    fn write_frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.is_empty = false;
        let frame = Frame::default();
        let mut sink: Sink = Box::new(frame.clone());
        match self.encode {
            Encode::Frames(write) => write(bytes, &mut sink)?,
            Encode::Stream { encoder, .. } => {
                let mut encoder = encoder(sink)?;
                encoder.write_all(bytes)?;
                encoder.finish()?;
            }
        }
        self.sink.write_all(&frame.lock())
    }
}

impl Write for Framewise {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_frame(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Encoder for Framewise {
    fn finish(&mut self) -> io::Result<()> {
        if self.is_empty {
            self.write_frame(&[])?;
        }
        self.flush()
    }
}

/// A frame in memory.
#[derive(Clone, Default)]
struct Frame(Arc<Mutex<Vec<u8>>>);

impl Frame {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Frame {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
