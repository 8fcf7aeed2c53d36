//! The compressions of captures: one table of how they are named, recognised, decoded and encoded.
//!
//! - An input is recognised by its first bytes, an output is chosen by its name or by `--compress`.
//! - A decoder may be given a source that fails with `WouldBlock`: it loses nothing, and goes on at the next call.
//! - A decoder returns everything before damage; the error comes after that, once. Its kind is `UnexpectedEof` if the
//!   data ends early.

use std::io::{self, BufRead, Read};

use super::encoder::{self, Encode};
use super::lz4_decoder::Lz4Decoder;
use super::member_decoder::{Bzip2Member, GzipMember, MemberDecoder, XzMember};
use super::zstd_decoder::ZstdDecoder;

/// The number of bytes by which a compression is recognised.
pub(super) const MAGIC_LEN: usize = 4;

/// The stored bytes of an input, from its start.
pub(super) type Stored = Box<dyn BufRead + Send>;

/// The decompressed bytes of an input.
pub(super) type Decompressed = Box<dyn Read + Send>;

/// A compression.
#[derive(Debug)]
pub struct Compression {
    /// The name in options and messages.
    pub name: &'static str,
    /// The file name extension.
    pub extension: &'static str,
    /// Whether a file begins with these bytes, [`MAGIC_LEN`] of them or all that it has.
    is_start: fn(&[u8]) -> bool,
    pub(super) decoder: fn(Stored) -> Decompressed,
    pub(super) encode: Encode,
}

#[rustfmt::skip]
pub static COMPRESSIONS: [Compression; 5] = [
    Compression { name: "gzip",  extension: "gz",  is_start: is_gzip,  decoder: gzip,  encode: encoder::GZIP },
    Compression { name: "zstd",  extension: "zst", is_start: is_zstd,  decoder: zstd,  encode: encoder::ZSTD },
    Compression { name: "lz4",   extension: "lz4", is_start: is_lz4,   decoder: lz4,   encode: encoder::LZ4 },
    Compression { name: "xz",    extension: "xz",  is_start: is_xz,    decoder: xz,    encode: encoder::XZ },
    Compression { name: "bzip2", extension: "bz2", is_start: is_bzip2, decoder: bzip2, encode: encoder::BZIP2 },
];

impl PartialEq for Compression {
    fn eq(&self, other: &Compression) -> bool {
        self.name == other.name
    }
}

impl Eq for Compression {}

impl Compression {
    /// Recognises the compression of a file by its first bytes, [`MAGIC_LEN`] of them or all that it has.
    pub(super) fn of(start: &[u8]) -> Option<&'static Compression> {
        COMPRESSIONS.iter().find(|compression| (compression.is_start)(start))
    }

    /// Returns the compression with this name.
    pub fn named(name: &str) -> Option<&'static Compression> {
        COMPRESSIONS.iter().find(|compression| compression.name == name)
    }

    /// Returns the compression with this file name extension, in any case.
    pub fn with_extension(extension: &str) -> Option<&'static Compression> {
        COMPRESSIONS.iter().find(|compression| compression.extension.eq_ignore_ascii_case(extension))
    }
}

fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// A skippable frame before the first one is that of pzstd.
fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || is_skippable_frame(start)
}

fn is_lz4(start: &[u8]) -> bool {
    start.starts_with(&[0x04, 0x22, 0x4d, 0x18])
}

fn is_xz(start: &[u8]) -> bool {
    start.starts_with(&[0xfd, b'7', b'z', b'X'])
}

fn is_bzip2(start: &[u8]) -> bool {
    matches!(start, [b'B', b'Z', b'h', b'1'..=b'9', ..])
}

/// Returns whether a frame of zstd or lz4 begins here that is to be skipped.
pub(super) fn is_skippable_frame(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn gzip(stored: Stored) -> Decompressed {
    Box::new(MemberDecoder::<GzipMember>::new(stored))
}

fn zstd(stored: Stored) -> Decompressed {
    Box::new(ZstdDecoder::new(stored))
}

fn lz4(stored: Stored) -> Decompressed {
    Box::new(Lz4Decoder::new(stored))
}

fn xz(stored: Stored) -> Decompressed {
    Box::new(MemberDecoder::<XzMember>::new(stored))
}

fn bzip2(stored: Stored) -> Decompressed {
    Box::new(MemberDecoder::<Bzip2Member>::new(stored))
}

/// Returns the error of compressed data that ends early.
pub(super) fn ends_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends early")
}
