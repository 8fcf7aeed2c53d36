//! pcap files: a header of 24 bytes, then records.
//!
//! A record longer than the snaplen of the file is cut to it, as libpcap does: both see the same packet.

use pcap_parser::{LegacyPcapBlock, PcapHeader};
use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header};

use super::error::{Damage, Fault, Foreign};
use super::window::Window;
use super::{Clock, Interface, MAX_PACKET, Record};

const HEADER_LEN: usize = 24;
/// Where a record states how many bytes it holds, in all layouts.
const CAPTURED: std::ops::Range<usize> = 8..12;

/// The first four bytes of the files read here.
pub(super) const MAGICS: [[u8; 4]; 5] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
];

/// Longest packets by link type, as in libpcap; any other has `ORDINARY_PACKET`.
const LONG_PACKETS: [(u16, u32); 3] = [
    (231, MAX_PACKET), // D-Bus
    (249, MAX_PACKET), // USBPcap
    (279, 8 << 20),    // EBHSCR
];
const ORDINARY_PACKET: u32 = 256 << 10;

/// How the records of a file are laid out.
#[derive(Clone, Copy)]
enum Layout {
    Little,
    Big,
    /// Little-endian with 8 more bytes in each header, by A. Kuznetzov's patch.
    Modified,
}

/// What the header of a file says about its records.
pub(super) struct Pcap {
    layout: Layout,
    ticks_per_second: u64,
    limit: u32,
}

impl Pcap {
    /// Reads the file header: the layout, and the one interface.
    pub(super) fn open(window: &mut Window) -> Result<(Pcap, Interface), Fault> {
        window.require("file header", HEADER_LEN)?;
        let Ok((_, header)) = parse_pcap_header(&window.unread()[..HEADER_LEN]) else {
            return Err(window.damaged(Damage::Content("file header")));
        };
        window.take(HEADER_LEN);
        let (major, minor) = (header.version_major, header.version_minor);
        if (major, minor) != (2, 4) {
            return Err(Fault::Foreign(Foreign::Version { major, minor }));
        }
        Ok((Pcap::new(&header), interface(&header)))
    }

    fn new(header: &PcapHeader) -> Pcap {
        let layout = match (header.is_modified_format(), header.is_bigendian()) {
            (true, _) => Layout::Modified,
            (false, true) => Layout::Big,
            (false, false) => Layout::Little,
        };
        let ticks_per_second = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
        Pcap { layout, ticks_per_second, limit: longest_packet(link_type(header)) }
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
        let len = self.record_len(window)?;
        let at = window.offset();
        let Some(record) = self.parse(window.take(len)) else {
            return Err(Fault::Damaged { at, damage: Damage::Content("record") });
        };
        Ok(Some(Record {
            data: record.data.get(..interface.snaplen as usize).unwrap_or(record.data),
            wire_len: record.origlen,
            ticks: u64::from(record.ts_sec) * self.ticks_per_second + u64::from(record.ts_usec),
            interface,
            block: &[],
        }))
    }

    /// Makes the record that begins here available, and says how long it is with its header.
    fn record_len(&self, window: &mut Window) -> Result<usize, Fault> {
        let header_len = match self.layout {
            Layout::Little | Layout::Big => 16,
            Layout::Modified => 24,
        };
        window.require("record header", header_len)?;
        let claimed = self.word(&window.unread()[CAPTURED]);
        if claimed > self.limit {
            return Err(window.damaged(Damage::TooLong { part: "record", claimed, limit: self.limit }));
        }
        let len = header_len + claimed as usize;
        window.require("record", len)?;
        Ok(len)
    }

    fn parse<'a>(&self, record: &'a [u8]) -> Option<LegacyPcapBlock<'a>> {
        let parsed = match self.layout {
            Layout::Little => parse_pcap_frame(record),
            Layout::Big => parse_pcap_frame_be(record),
            Layout::Modified => parse_pcap_frame_modified(record),
        };
        parsed.ok().map(|(_, record)| record)
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let little = bytes.iter().rfold(0, |word, &byte| word << 8 | u32::from(byte));
        if matches!(self.layout, Layout::Big) { little.swap_bytes() } else { little }
    }
}

/// The one interface of a file. A snaplen that makes no sense stands for none, as in libpcap.
fn interface(header: &PcapHeader) -> Interface {
    let link_type = link_type(header);
    let snaplen = match header.snaplen {
        1..=0x7fff_ffff => header.snaplen,
        _ => longest_packet(link_type),
    };
    Interface {
        index: 0,
        link_type,
        link_extra: (header.network.0 as u32 >> 16) as u16,
        snaplen,
        clock: if header.is_nanosecond_precision() { Clock::NANOSECONDS } else { Clock::MICROSECONDS },
        big_endian: header.is_bigendian(),
    }
}

/// The lower half of the field; the upper one is about the frame check sequence.
fn link_type(header: &PcapHeader) -> u16 {
    header.network.0 as u16
}

fn longest_packet(link_type: u16) -> u32 {
    LONG_PACKETS.iter().find(|(long, _)| *long == link_type).map_or(ORDINARY_PACKET, |(_, longest)| *longest)
}
