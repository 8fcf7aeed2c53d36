//! pcap files: a header of 24 bytes, then records.
//!
//! - Versions, layouts and limits are those of libpcap (`sf-pcap.c`): versions 2.0 to 2.4, and 543.0 of DG/UX; files of
//!   A. Kuznetzov's patch, too, whose record headers are longer: what they add is passed over.
//! - A record longer than the snaplen of the file is cut to it, as libpcap does: both see the same packet.

use super::block::word;
use super::error::{Damage, Fault, Foreign};
use super::pseudo_header::correct;
use super::window::Window;
use super::{Clock, Interface, MAX_PACKET, Record};

const HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
/// With an interface, a protocol and a packet type.
const MODIFIED_RECORD_HEADER_LEN: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

/// Longest packets by link type, as in libpcap; any other has `ORDINARY_PACKET`.
const LONG_PACKETS: [(u16, u32); 3] = [
    (231, MAX_PACKET), // D-Bus
    (249, MAX_PACKET), // USBPcap; as in Wireshark, 1 MiB in libpcap
    (279, 8 << 20),    // EBHSCR
];
const ORDINARY_PACKET: u32 = 256 << 10;

const ETHERNET: u16 = 1;
const ETHERNET_HEADER_LEN: u32 = 14;
/// Bits of the link type field that are neither a link type nor tell the length of the frame check sequence.
const RESERVED: u32 = 0x03ff_0000;

/// Returns whether a pcap file is big-endian, and its magic; `start` is its first four bytes.
fn magic(start: &[u8]) -> Option<(bool, u32)> {
    let start = <[u8; 4]>::try_from(start).ok()?;
    let orders = [(false, u32::from_le_bytes(start)), (true, u32::from_be_bytes(start))];
    orders.into_iter().find(|(_, magic)| [MICROSECONDS, NANOSECONDS, MODIFIED].contains(magic))
}

/// Whether a file that starts with these four bytes is pcap.
pub(super) fn is_pcap(start: &[u8]) -> bool {
    magic(start).is_some()
}

/// The order of a record's two lengths.
#[derive(Clone, Copy)]
enum Lengths {
    CapturedFirst,
    /// Before version 2.3.
    WireFirst,
    /// In version 2.3, which some wrote in the old order: the longer one is that on the wire.
    LongerIsWire,
}

/// What the header of a file says about its records.
pub(super) struct Pcap {
    is_big_endian: bool,
    record_header_len: usize,
    lengths: Lengths,
    ticks_per_second: u64,
    limit: u32,
}

/// The header of a record.
struct Header {
    seconds: u32,
    fraction: u32,
    captured: u32,
    wire_len: u32,
}

impl Pcap {
    /// Reads the file header: the layout, and the one interface.
    pub(super) fn open(window: &mut Window) -> Result<(Pcap, Interface), Fault> {
        window.require("file header", HEADER_LEN)?;
        let header = window.take(HEADER_LEN);
        let Some((is_big_endian, magic)) = magic(&header[..4]) else {
            return Err(Fault::Foreign(Foreign::Magic(header[..4].to_vec())));
        };
        let field = |at| word(header, at, is_big_endian);
        let halves = (field(4) as u16, (field(4) >> 16) as u16);
        let (major, minor) = if is_big_endian { (halves.1, halves.0) } else { halves };
        let lengths = match (major, minor) {
            (2, 4) => Lengths::CapturedFirst,
            (2, 3) => Lengths::LongerIsWire,
            (2, 0..=2) | (543, 0) => Lengths::WireFirst,
            _ => return Err(Fault::Foreign(Foreign::Version { major, minor })),
        };
        let (snaplen, network) = (field(16), field(20));
        if network & RESERVED != 0 {
            return Err(Fault::Foreign(Foreign::Reserved { network }));
        }
        let interface = interface(magic, snaplen, network);
        let is_nano = magic == NANOSECONDS;
        let file = Pcap {
            is_big_endian,
            record_header_len: if magic == MODIFIED { MODIFIED_RECORD_HEADER_LEN } else { RECORD_HEADER_LEN },
            lengths,
            ticks_per_second: if is_nano { 1_000_000_000 } else { 1_000_000 },
            limit: longest_packet(interface.link_type),
        };
        Ok((file, interface))
    }

    /// Reads the next record of `interface`.
    pub(super) fn next<'a>(
        &self,
        window: &'a mut Window,
        interface: &'a Interface,
    ) -> Result<Option<Record<'a>>, Fault> {
        if window.at_end()? {
            return Ok(None);
        }
        window.require("record header", self.record_header_len)?;
        let Header { seconds, fraction, captured, wire_len } = self.header(window.unread());
        if captured > self.limit {
            return Err(window.damaged(Damage::TooLong { part: "record", claimed: captured, limit: self.limit }));
        }
        let len = self.record_header_len + captured as usize;
        window.require("record", len)?;
        let kept = captured.min(interface.snaplen) as usize;
        let data = &mut window.take_mut(len)[self.record_header_len..][..kept];
        let wire_len = correct(interface.link_type, self.is_big_endian, data, wire_len);
        Ok(Some(Record {
            data,
            wire_len,
            ticks: u64::from(seconds) * self.ticks_per_second + u64::from(fraction),
            carried: (u64::from(fraction) / self.ticks_per_second) as u32,
            interface,
            block: &[],
        }))
    }

    #[inline]
    fn header(&self, bytes: &[u8]) -> Header {
        let field = |at| word(bytes, at, self.is_big_endian);
        let (first, second) = (field(8), field(12));
        let is_wire_first = match self.lengths {
            Lengths::CapturedFirst => false,
            Lengths::WireFirst => true,
            Lengths::LongerIsWire => first > second,
        };
        let (captured, wire_len) = if is_wire_first { (second, first) } else { (first, second) };
        Header { seconds: field(0), fraction: field(4), captured, wire_len }
    }
}

/// The one interface of a file. A snaplen that makes no sense stands for none, as in libpcap.
fn interface(magic: u32, snaplen: u32, network: u32) -> Interface {
    // The upper half of the field is about the frame check sequence.
    let link_type = network as u16;
    let snaplen = match snaplen {
        1..=0x7fff_ffff => snaplen,
        _ => longest_packet(link_type),
    };
    // The patch made Ethernet headers for cooked captures, which the snaplen does not count.
    let header_len = if magic == MODIFIED && link_type == ETHERNET { ETHERNET_HEADER_LEN } else { 0 };
    Interface {
        index: 0,
        link_type,
        link_extra: (network >> 16) as u16,
        snaplen: (snaplen + header_len).min(i32::MAX as u32),
        clock: if magic == NANOSECONDS { Clock::NANOSECONDS } else { Clock::MICROSECONDS },
        // Its packets are corrected to that order.
        big_endian: false,
    }
}

fn longest_packet(link_type: u16) -> u32 {
    LONG_PACKETS.iter().find(|(long, _)| *long == link_type).map_or(ORDINARY_PACKET, |(_, longest)| *longest)
}
