//! Capture files: pcap and pcapng, plain or compressed, read record by record and written back.
//!
//! - Reading: `input_source` (the bytes of a file or `live_stream`, through a decoder of `compression`), `read_buffer`
//!   (the unread bytes), `pcap` or `pcapng_reader` (records), `reader` (the [`Reader`] of both, which lends [`Records`]
//!   and the [`Block`]s between them), `part` (a range of a file), `read_ahead` (another thread that decompresses).
//! - Live: `live_source` (the packets of an interface, as records).
//! - Writing: `writer` (the [`Writer`] of both formats), `pcap`, `pcap_of_first`, `pcapng_writer` or `pcapng_merger`,
//!   `output_file` (a file that appears whole or not at all, through an `encoder` of `compression`).
//!
//! Invariants:
//!
//! - A stream is cut into records and blocks before their fields are read, so every error has its offset. The formats
//!   are implemented here because the libraries copy packets, or read options into vectors, which small files can make
//!   huge.
//! - `link_layer` corrects a packet in the buffer before it becomes a [`Record`]: every subcommand sees the bytes that
//!   programs with libpcap see.
//! - Everything before damage is read. Damage is reported once; after it the reader is at its end.
//! - No input causes a panic or an endless loop. Memory is limited to a chunk or two, or one record that libpcap would
//!   accept; decompressed data to a plausible multiple of its compressed length, and windows to 128 MiB.
//! - A stream is waited for only when everything read from it was returned.
//! - A pcapng copy of a pcapng file loses nothing: it has the same sections, byte orders and blocks.
//! - Time stamps are exact: a record has its ticks, its interface the length of a tick.

mod byte_order;
mod capture_time;
mod compression;
mod encoder;
mod error;
mod file_identity;
mod input_source;
mod left_out;
mod link_layer;
#[cfg(target_os = "linux")]
mod live_source;
#[cfg(not(target_os = "linux"))]
#[path = "no_live_source.rs"]
mod live_source;
mod live_stream;
mod lz4_decoder;
mod magic;
mod member_decoder;
mod output_buffer;
mod output_file;
mod output_set;
mod part;
mod pcap;
mod pcap_of_first;
mod pcapng_block;
mod pcapng_merger;
mod pcapng_reader;
mod pcapng_writer;
mod preamble;
mod read_ahead;
mod read_buffer;
mod reader;
mod record_batch;
mod rotation;
mod salvage;
#[cfg(test)]
mod tests;
mod writer;
mod zstd_decoder;

pub use byte_order::ByteOrder;
pub use capture_time::CaptureTime;
pub use compression::{COMPRESSIONS, Compression};
pub use error::{CaptureError, input_name};
pub use left_out::LeftOut;
pub use live_source::{Captured, KernelProgram, Statistics};
pub use output_file::Output;
pub use output_set::{OutputLimits, OutputSet};
pub use part::{Part, Place};
pub use pcapng_block::{Block, OwnedBlock};
pub use reader::{Piece, Reader};
pub use record_batch::{OwnedRecords, Records};
pub use rotation::Rotation;
pub use writer::{Format, Writer};

use std::sync::Arc;

use cbpf::{Context, LinkType};

/// One packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The captured bytes.
    pub data: &'a [u8],
    /// The length of the packet on the wire as stated in the file, which may be below `data.len()`.
    pub wire_len: u32,
    /// The time of capture, counted by [`Interface::clock`].
    pub ticks: u64,
    /// The whole seconds of `ticks` that a pcap file states in the fraction of a second; 0 unless the file is broken.
    pub carried: u32,
    /// The interface that captured the packet.
    pub interface: &'a Interface,
    /// The pcapng block that holds the whole packet and its options; empty in pcap.
    block: &'a [u8],
    /// What the kernel reported about a packet of an interface; `None` for one of a file.
    captured: Option<&'a Captured>,
}

impl<'a> Record<'a> {
    /// Returns the pcapng block that holds the packet.
    #[inline]
    fn block(&self) -> Option<Block<'a>> {
        (!self.block.is_empty()).then_some(Block { bytes: self.block, order: self.interface.order })
    }

    /// Returns the record of a packet from no file, captured at the beginning of 1970.
    pub fn new(data: &'a [u8], wire_len: u32, interface: &'a Interface) -> Record<'a> {
        Record { data, wire_len, ticks: 0, carried: 0, interface, block: &[], captured: None }
    }

    /// Returns the time of capture, in nanoseconds since 1970.
    #[inline]
    pub fn nanoseconds(&self) -> i128 {
        self.interface.clock.nanoseconds(self.ticks)
    }

    /// Returns the number of captured bytes. The kernel may have passed on only the begin of a packet that is just
    /// counted; as captured count then those that it would have passed on.
    #[inline]
    pub fn captured_len(&self) -> usize {
        match self.captured {
            Some(_) => self.wire_len.min(self.interface.snaplen) as usize,
            None => self.data.len(),
        }
    }

    /// Returns the context in which the kernel filtered the packet of an interface; `None` for one of a file.
    pub fn context(&self) -> Option<Context> {
        self.captured.map(Captured::context)
    }

    /// Returns the bytes that a filter sees, and their number on the wire. A VLAN tag that the kernel had removed from
    /// the frame is in the record, but not in the frame for filters, as in tcpdump. It is removed in `copy`.
    #[inline]
    pub fn as_filtered<'c>(&self, copy: &'c mut Vec<u8>) -> (&'c [u8], u32)
    where
        'a: 'c,
    {
        let Some(captured) = self.captured else { return (self.data, self.wire_len) };
        let data = captured.as_filtered(self.data, copy);
        (data, self.wire_len - (self.data.len() - data.len()) as u32)
    }

    /// Returns the record with at most `captured` bytes of its data.
    pub fn cut(&self, captured: usize) -> Record<'_> {
        Record { data: &self.data[..captured.min(self.data.len())], ..*self }
    }
}

/// The one interface of a pcap file, or an interface of a pcapng section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The position in [`Reader::interfaces`], which are those of its section.
    pub index: usize,
    /// The LINKTYPE number in the file, as on <https://www.tcpdump.org/linktypes.html>.
    pub link_type_number: u16,
    /// The upper half of the link type field of pcap, which may hold the length of the frame check sequence.
    pub link_type_flags: u16,
    /// The maximum number of bytes captured of a packet; in pcapng 0 is "no limit".
    pub snaplen: u32,
    pub clock: Clock,
    /// The byte order of its pcapng section. That of a pcap file is little-endian, since it is converted.
    pub order: ByteOrder,
    /// The name of an interface of this system. That of a file is in its block.
    pub name: Option<Arc<str>>,
}

impl Interface {
    /// Returns the link type, one value for all numbers of raw IP.
    #[inline]
    pub fn link_type(&self) -> LinkType {
        LinkType::new(self.link_type_number.into())
    }

    /// Returns the number of bytes that a simple packet block holds of a packet of this length.
    fn captured_of_simple(&self, wire_len: u32) -> u32 {
        if self.snaplen == 0 { wire_len } else { wire_len.min(self.snaplen) }
    }
}

/// The time base of an interface: `if_tsresol` and `if_tsoffset` of pcapng.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock {
    /// A tick is 10^-resolution seconds, or 2^-(resolution & 0x7f) if the top bit is set.
    pub resolution: u8,
    /// Seconds from 1970 to tick 0.
    pub offset: i64,
}

impl Clock {
    /// The clock of ordinary pcap files, and the default of pcapng interfaces.
    pub const MICROSECONDS: Clock = Clock { resolution: 6, offset: 0 };
    /// The clock of pcap files with the nanosecond magic.
    pub const NANOSECONDS: Clock = Clock { resolution: 9, offset: 0 };
}
