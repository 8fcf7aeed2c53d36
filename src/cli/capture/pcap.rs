//! pcap files: a header of 24 bytes, then records. This module reads and writes them.
//!
//! - Versions, layouts and limits are those of libpcap (`sf-pcap.c`): versions 2.0 to 2.4, 543.0 of DG/UX, and files of
//!   A. Kuznetzov's patch, whose longer record headers are skipped.
//! - A record longer than the snaplen of the file is cut to it, as in libpcap.
//! - Written files are little-endian, of version 2.4.
//! - From pcap to pcap, the two words of a time stamp are copied, even if the fraction is a second or more, as in
//!   broken files. Where microseconds become nanoseconds, a fraction that overflows is carried into the seconds.

use super::error::{CaptureErrorKind, Damage, Stop, Unsupported};
use super::link_layer::{self, max_packet};
use super::magic::{PCAP_MICROSECONDS, PCAP_NANOSECONDS, PcapVariant};
use super::part::find_chain;
use super::read_buffer::ReadBuffer;
use super::record_batch::{Metadata, RecordBatch};
use super::{ByteOrder, CaptureError, Clock, Interface, Output, Record};

use cbpf::LinkType;
use cbpf::packet::Span;

const HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
/// The length of a record header with an interface, a protocol and a packet type.
const MODIFIED_RECORD_HEADER_LEN: usize = 24;

const ETHERNET_HEADER_LEN: u32 = 14;
/// Bits of the link type field that belong neither to the link type nor to the length of the frame check sequence.
const RESERVED: u32 = 0x03ff_0000;

/// The order of a record's two lengths.
#[derive(Clone, Copy, PartialEq)]
enum Lengths {
    CapturedFirst,
    /// Before version 2.3.
    WireFirst,
    /// In version 2.3, which some programs wrote in the old order: the longer one is the length on the wire.
    LongerIsWire,
}

/// A decoder of the records after a file header.
#[derive(Clone, PartialEq)]
pub(super) struct PcapReader {
    pub(super) interface: Interface,
    order: ByteOrder,
    record_header_len: usize,
    lengths: Lengths,
    ticks_per_second: u64,
    max_packet: u32,
}

/// The header of a record.
struct Header {
    seconds: u32,
    fraction: u32,
    captured: u32,
    wire_len: u32,
}

impl PcapReader {
    /// Reads the header of a file in this byte order and variant.
    pub(super) fn open(buffer: &mut ReadBuffer, order: ByteOrder, variant: PcapVariant) -> Result<PcapReader, Stop> {
        buffer.require("file header", HEADER_LEN)?;
        let header = buffer.take(HEADER_LEN);
        let (major, minor) = (order.read_u16(header, 4), order.read_u16(header, 6));
        let (snaplen, network) = (order.read_u32(header, 16), order.read_u32(header, 20));
        let unsupported = |found| Err(Stop::Failed(CaptureErrorKind::Unsupported(found)));
        let lengths = match (major, minor) {
            (2, 4) => Lengths::CapturedFirst,
            (2, 3) => Lengths::LongerIsWire,
            (2, 0..=2) | (543, 0) => Lengths::WireFirst,
            _ => return unsupported(Unsupported::Version { major, minor }),
        };
        if network & RESERVED != 0 {
            return unsupported(Unsupported::Reserved { network });
        }
        let interface = interface(variant, snaplen, network);
        let is_modified = variant == PcapVariant::Modified;
        Ok(PcapReader {
            order,
            record_header_len: if is_modified { MODIFIED_RECORD_HEADER_LEN } else { RECORD_HEADER_LEN },
            lengths,
            ticks_per_second: ticks_per_second(interface.clock),
            max_packet: max_packet(interface.link_type_number),
            interface,
        })
    }

    /// Reads the next record.
    pub(super) fn next<'a>(&'a self, buffer: &'a mut ReadBuffer) -> Result<Option<Record<'a>>, Stop> {
        if buffer.at_end()? {
            return Ok(None);
        }
        buffer.require("record header", self.record_header_len)?;
        let header = self.header(buffer.unread());
        let Header { captured, wire_len, .. } = header;
        if captured > self.max_packet {
            let limit = self.max_packet;
            return Err(buffer.damaged(Damage::TooLong { part: "record", claimed: captured, limit }));
        }
        let len = self.record_header_len + captured as usize;
        buffer.require("record", len)?;
        let kept = captured.min(self.interface.snaplen) as usize;
        let data = &mut buffer.take_mut(len)[self.record_header_len..][..kept];
        let wire_len = link_layer::correct(self.interface.link_type_number, self.order, data, wire_len);
        let (ticks, carried) = self.ticks(&header);
        Ok(Some(Record { data, wire_len, ticks, carried, interface: &self.interface, block: &[], captured: None }))
    }

    /// Adds the records that the buffer holds, until there are `most`: the same as [`PcapReader::next`] returns, in
    /// less time. Leaves those that are longer than they may be, or whose pseudo header is corrected.
    pub(super) fn fill(&self, buffer: &mut ReadBuffer, batch: &mut RecordBatch, most: usize) {
        if link_layer::is_corrected(self.interface.link_type_number, self.order) {
            return;
        }
        let (unread, start, until_limit) = (buffer.unread(), buffer.start(), buffer.until_limit());
        let mut at = 0;
        while batch.len() < most && (at as u64) < until_limit {
            let Some(record) = unread.get(at..).filter(|record| record.len() >= self.record_header_len) else { break };
            let header = self.header(record);
            let len = self.record_header_len + header.captured as usize;
            if header.captured > self.max_packet || record.len() < len {
                break;
            }
            let captured = header.captured.min(self.interface.snaplen) as usize;
            let span = Span { start: start + at + self.record_header_len, captured, wire_len: header.wire_len };
            let (ticks, carried) = self.ticks(&header);
            batch.push_span(span, Metadata::of_interface(ticks, carried));
            at += len;
        }
        buffer.take(at);
    }

    /// Returns the time stamp, and the seconds that its fraction holds.
    #[inline]
    fn ticks(&self, header: &Header) -> (u64, u32) {
        let (seconds, fraction) = (u64::from(header.seconds), u64::from(header.fraction));
        let carried = if fraction < self.ticks_per_second { 0 } else { fraction / self.ticks_per_second };
        (seconds * self.ticks_per_second + fraction, carried as u32)
    }

    /// Returns the offset in `window` at which a record probably begins, if there is one.
    pub(super) fn find_record(&self, window: &[u8]) -> Option<usize> {
        find_chain(window, 1, |bytes| {
            let Header { seconds, fraction, captured, wire_len } = self.header(bytes.get(..RECORD_HEADER_LEN)?);
            let is_plausible = seconds > 0
                && u64::from(fraction) < self.ticks_per_second
                && captured > 0
                && captured <= self.max_packet.min(self.interface.snaplen)
                && wire_len >= captured;
            is_plausible.then_some(self.record_header_len + captured as usize)
        })
    }

    #[inline(always)]
    fn header(&self, bytes: &[u8]) -> Header {
        let field = |at| self.order.read_u32(bytes, at);
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

/// Returns the interface of a file. An invalid snaplen means no limit, as in libpcap.
fn interface(variant: PcapVariant, snaplen: u32, network: u32) -> Interface {
    let link_type_number = network as u16;
    let snaplen = match snaplen {
        1..=0x7fff_ffff => snaplen,
        _ => max_packet(link_type_number),
    };
    // The patch made Ethernet headers for cooked captures, which the snaplen does not count.
    let is_ethernet = u32::from(link_type_number) == LinkType::ETHERNET.number();
    let header_len = if variant == PcapVariant::Modified && is_ethernet { ETHERNET_HEADER_LEN } else { 0 };
    Interface {
        index: 0,
        link_type_number,
        link_type_flags: (network >> 16) as u16,
        snaplen: (snaplen + header_len).min(i32::MAX as u32),
        clock: if variant == PcapVariant::Nanoseconds { Clock::NANOSECONDS } else { Clock::MICROSECONDS },
        order: ByteOrder::Little,
        name: None,
    }
}

fn ticks_per_second(clock: Clock) -> u64 {
    if clock == Clock::NANOSECONDS { 1_000_000_000 } else { 1_000_000 }
}

/// Writes the header of a file with this interface.
pub(super) fn write_header(output: &mut Output, interface: &Interface) -> Result<(), CaptureError> {
    let magic = if interface.clock == Clock::NANOSECONDS { PCAP_NANOSECONDS } else { PCAP_MICROSECONDS };
    let version = 4 << 16 | 2;
    let network = u32::from(interface.link_type_flags) << 16 | u32::from(interface.link_type_number);
    output.write([magic, version, 0, 0, interface.snaplen, network].map(u32::to_le_bytes).as_flattened())
}

/// Writes a record to a file with this clock.
#[inline]
pub(super) fn write_record(output: &mut Output, record: &Record<'_>, clock: Clock) -> Result<(), CaptureError> {
    let (seconds, fraction) = seconds_and_fraction(record, clock);
    write_record_at(output, record, seconds, fraction)
}

/// Writes a record with the two words of its time stamp.
#[inline]
pub(super) fn write_record_at(
    output: &mut Output,
    record: &Record<'_>,
    seconds: u32,
    fraction: u32,
) -> Result<(), CaptureError> {
    let captured = record.data.len() as u32;
    output.write([seconds, fraction, captured, record.wire_len].map(u32::to_le_bytes).as_flattened())?;
    output.write(record.data)
}

/// Returns the two words of a time stamp in pcap.
fn seconds_and_fraction(record: &Record<'_>, clock: Clock) -> (u32, u32) {
    let finer = clock != record.interface.clock;
    let ticks = if finer { record.ticks.saturating_mul(1000) } else { record.ticks };
    let per_second = ticks_per_second(clock);
    let whole = ticks / per_second;
    let split_at = |seconds: u64| (u32::try_from(seconds), u32::try_from(ticks - seconds * per_second));
    let as_read = split_at(whole.saturating_sub(record.carried.into()));
    let (Ok(seconds), Ok(fraction)) = as_read else {
        // Seconds that overflow their word stay in the fraction, as far as they fit there.
        let (seconds, fraction) = split_at(whole.min(u32::MAX.into()));
        return (seconds.unwrap_or(u32::MAX), fraction.unwrap_or(u32::MAX));
    };
    (seconds, fraction)
}
