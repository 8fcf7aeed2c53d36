//! Capture files: pcap and pcapng, plain or gzip, read record by record and written back.
//!
//! The data flows `source` (bytes of a file, or of a `stream`, through `gzip`) -> `window` (what is unread) -> `pcap` or
//! `pcapng` (records) -> `read` (one [`Reader`] for both, which lends [`Records`], and the [`Block`]s between them), and
//! back through `write` (a [`Writer`] of either format; `sections` is the one of pcapng) into `output` (a file that
//! appears whole or not at all).
//!
//! - A stream is cut into records and blocks before their fields are read, so every error knows its byte. The layouts are
//!   read and written here: libraries for them copy packets, or read options into vectors, which small files can make huge.
//! - `pseudo_header` corrects a packet in the window, before it becomes a [`Record`]: every subcommand sees what programs
//!   with libpcap see.
//! - Whatever precedes the damage is read; the damage is an error, once; then the reader is at its end.
//! - No input makes it panic or loop. It holds a chunk or two, or a record no longer than libpcap would accept; of what
//!   gzip unpacks, no more than its compressed length makes plausible.
//! - A stream is waited for only when all that came of it was handed out.
//! - Nothing of a pcapng file is lost in another one: sections stay sections, in their byte orders, and their blocks
//!   are copied as they are stored.
//! - Nothing about time is lost: a record keeps its ticks, its interface says what a tick is.

mod block;
mod error;
mod gzip;
mod output;
mod pcap;
mod pcapng;
mod pseudo_header;
mod read;
mod records;
mod sections;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod window;
mod write;

pub use block::{Block, LeftOut};
pub use error::{CaptureError, input_name};
pub use output::Output;
pub use read::{Piece, Reader};
pub use records::Records;
pub use write::{Format, Writer};

/// The longest packet of any link type: 128 MiB, as in libpcap and Wireshark.
const MAX_PACKET: u32 = 128 << 20;

/// One packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The captured bytes.
    pub data: &'a [u8],
    /// The length of the packet on the wire, as the file states it; not always at least `data.len()`.
    pub wire_len: u32,
    /// The time of capture, counted by [`Interface::clock`].
    pub ticks: u64,
    /// The whole seconds of `ticks` that a pcap file states in the fraction of a second; 0 unless the file is broken.
    pub carried: u32,
    /// Where the packet was captured.
    pub interface: &'a Interface,
    /// The block of pcapng that holds the whole packet, and what else there is of it; empty in pcap.
    block: &'a [u8],
}

impl<'a> Record<'a> {
    /// The block of pcapng that holds the packet.
    #[inline]
    fn block(&self) -> Option<Block<'a>> {
        (!self.block.is_empty()).then_some(Block { bytes: self.block, big_endian: self.interface.big_endian })
    }

    /// The same record with at most so many of its captured bytes.
    pub fn cut(&self, captured: usize) -> Record<'_> {
        Record { data: &self.data[..captured.min(self.data.len())], ..*self }
    }
}

/// An interface of a capture: the one of a pcap file, or one of a pcapng file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Position in [`Reader::interfaces`], those of its section.
    pub index: usize,
    /// LINKTYPE number, as on <https://www.tcpdump.org/linktypes.html>.
    pub link_type: u16,
    /// The upper half of the link type field of pcap, which may tell the length of the frame check sequence.
    pub link_extra: u16,
    /// The most bytes captured of a packet; in pcapng 0 is "no limit".
    pub snaplen: u32,
    /// What a tick is.
    pub clock: Clock,
    /// Whether its file, or its section of pcapng, is big-endian.
    pub big_endian: bool,
}

impl Interface {
    /// How many bytes a simple packet block holds of a packet of this length, which must be its first interface.
    fn captured_of_simple(&self, wire_len: u32) -> u32 {
        if self.snaplen == 0 { wire_len } else { wire_len.min(self.snaplen) }
    }
}

/// How an interface counts time: `if_tsresol` and `if_tsoffset` of pcapng.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// A tick is 10^-resolution seconds, or 2^-(resolution & 0x7f) if the top bit is set.
    pub resolution: u8,
    /// Seconds from 1970 to tick 0.
    pub offset: i64,
}

impl Clock {
    /// The clock of ordinary pcap files, and of pcapng interfaces that name none.
    pub const MICROSECONDS: Clock = Clock { resolution: 6, offset: 0 };
    /// The clock of pcap files with the nanosecond magic.
    pub const NANOSECONDS: Clock = Clock { resolution: 9, offset: 0 };
}
