//! Builders of pcap, pcapng and gzip files.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libtest_mimic::Failed;

pub const SECTION: u32 = 0x0a0d_0d0a;

/// Builds parts of capture files in one byte order.
#[derive(Clone, Copy)]
pub struct Order {
    pub is_big_endian: bool,
}

impl Order {
    pub const LITTLE: Order = Order { is_big_endian: false };
    pub const BIG: Order = Order { is_big_endian: true };
    pub const BOTH: [Order; 2] = [Order::LITTLE, Order::BIG];

    pub fn half(self, value: u16) -> [u8; 2] {
        if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn words(self, words: &[u32]) -> Vec<u8> {
        let bytes = |word: &u32| if self.is_big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
        words.iter().flat_map(bytes).collect()
    }

    /// Returns the header of a pcap file of version 2.4.
    pub fn pcap(self, snaplen: u32, link_type: u32) -> Vec<u8> {
        let version = [self.half(2), self.half(4)].concat();
        [self.words(&[0xa1b2_c3d4]), version, self.words(&[0, 0, snaplen, link_type])].concat()
    }

    /// Returns a record of a pcap file.
    pub fn record(self, seconds: u32, fraction: u32, wire_len: usize, data: &[u8]) -> Vec<u8> {
        [&self.words(&[seconds, fraction, data.len() as u32, wire_len as u32])[..], data].concat()
    }

    pub fn options(self, options: &[(u16, &[u8])]) -> Vec<u8> {
        let option = |(code, value): &(u16, &[u8])| {
            [&self.half(*code)[..], &self.half(value.len() as u16), &padded(value)].concat()
        };
        options.iter().flat_map(option).chain([0; 4]).collect()
    }

    pub fn block(self, kind: u32, parts: &[&[u8]]) -> Vec<u8> {
        let content = padded(&parts.concat());
        let length = content.len() as u32 + 12;
        [self.words(&[kind, length]), content, self.words(&[length])].concat()
    }

    pub fn section(self, options: &[u8]) -> Vec<u8> {
        let version = [self.half(1), self.half(0)].concat();
        self.block(SECTION, &[&self.words(&[0x1a2b_3c4d]), &version, &[0xff; 8], options])
    }

    pub fn interface(self, link_type: u16, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.half(link_type), &[0; 2], &self.words(&[0]), options])
    }

    pub fn packet(self, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let (high, low, len) = ((ticks >> 32) as u32, ticks as u32, data.len() as u32);
        self.block(6, &[&self.words(&[interface, high, low, len, len]), &padded(data), options])
    }
}

pub fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Compresses the pieces to one gzip file.
pub fn gzip<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Failed> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    pieces.into_iter().try_for_each(|piece| encoder.write_all(piece))?;
    Ok(encoder.finish()?)
}
