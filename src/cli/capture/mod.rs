//! Capture files: pcap and pcapng, plain or gzip, read record by record and written back.
//!
//! The data flows `source` (bytes of a file, or of a `stream`) -> `window` (what is unread) -> `pcap` or `pcapng`
//! (records) -> `read` (one [`Reader`] for both, which lends [`Records`]), and back through `write` (a [`Writer`] of either format) into `output`
//! (a file that appears whole or not at all).
//!
//! - `pcap-parser` knows the layouts. This room cuts the stream into records and blocks first and hands the library
//!   exactly one of them, so "incomplete" can only mean damage, and every error knows its byte.
//! - Whatever precedes the damage is read; the damage is an error, once; then the reader is at its end.
//! - No input makes it panic or loop. It holds a chunk or two, or a record no longer than libpcap would accept.
//! - A stream is waited for only when all that came of it was handed out.
//! - Nothing about time is lost: a record keeps its ticks, its interface says what a tick is.

mod error;
mod output;
mod pcap;
mod pcapng;
mod read;
mod records;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod window;
mod write;

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
    /// Where the packet was captured.
    pub interface: &'a Interface,
}

impl Record<'_> {
    /// The same record with at most so many of its captured bytes.
    pub fn cut(&self, captured: usize) -> Record<'_> {
        Record { data: &self.data[..captured.min(self.data.len())], ..*self }
    }
}

/// An interface of a capture: the one of a pcap file, or one of a pcapng file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Position in [`Reader::interfaces`], which counts on through the sections of a file.
    pub index: usize,
    /// LINKTYPE number, as on <https://www.tcpdump.org/linktypes.html>.
    pub link_type: u16,
    /// The upper half of the link type field of pcap, which may tell the length of the frame check sequence.
    pub link_extra: u16,
    /// The most bytes captured of a packet; in pcapng 0 is "no limit".
    pub snaplen: u32,
    /// What a tick is.
    pub clock: Clock,
    /// The pcapng options that are kept, `if_tsresol` and `if_tsoffset` aside: code and value, numbers little-endian.
    options: Vec<(u16, Vec<u8>)>,
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
