//! pcapng files: sections of blocks that describe interfaces and hold their packets.
//!
//! - A block is framed here (its length at both ends agrees and is at hand) before `pcap-parser` reads its content.
//!   Blocks that hold no packet or interface are passed over unread.
//! - A section counts its interfaces from 0; the interfaces of a reader count on through the sections.
//! - The library's `if_tsoffset` is wrong in big-endian sections, so that option is read here.

use pcap_parser::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode, PcapNGOption, SectionHeaderBlock, SimplePacketBlock,
    parse_enhancedpacketblock_be, parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock, parse_simplepacketblock_be,
    parse_simplepacketblock_le,
};

use super::error::{Damage, Fault};
use super::pseudo_header::correct;
use super::window::Window;
use super::{Clock, Interface, MAX_PACKET, Record};

/// The first four bytes of a section, in both byte orders.
pub(super) const MAGIC: [u8; 4] = SECTION.to_be_bytes();

const SECTION: u32 = pcap_parser::SHB_MAGIC;
const INTERFACE: u32 = pcap_parser::IDB_MAGIC;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = pcap_parser::SPB_MAGIC;
const ENHANCED_PACKET: u32 = pcap_parser::EPB_MAGIC;

/// Type, length and length again.
const MIN_BLOCK: usize = 12;
/// The longest packet, and room for what else a block holds.
const MAX_BLOCK: u32 = MAX_PACKET + (128 << 10);

/// Interface options that mean the same in any file, and whether they are a number of 8 bytes.
const KEPT: [(u16, bool); 14] = [
    (1, false),  // opt_comment
    (2, false),  // if_name
    (3, false),  // if_description
    (4, false),  // if_IPv4addr
    (5, false),  // if_IPv6addr
    (6, false),  // if_MACaddr
    (7, false),  // if_EUIaddr
    (8, true),   // if_speed
    (11, false), // if_filter
    (12, false), // if_os
    (13, false), // if_fcslen
    (15, false), // if_hardware
    (16, true),  // if_txspeed
    (17, true),  // if_rxspeed
];

/// As many interfaces as a file may describe: far more than there are, and few enough to remember.
const MAX_INTERFACES: usize = 1 << 16;

/// The section that is being read.
pub(super) struct Pcapng {
    big_endian: bool,
    /// Index of its interface 0 among those of the reader.
    first_interface: usize,
}

/// A block that is at hand.
struct Frame {
    kind: u32,
    len: usize,
}

/// What the three kinds of packet blocks have in common.
struct Packet<'a> {
    interface: u32,
    ticks: u64,
    wire_len: u32,
    /// None if the block is shorter than it claims.
    data: Option<&'a [u8]>,
}

impl Pcapng {
    /// Reads the header of the first section.
    pub(super) fn open(window: &mut Window) -> Result<Pcapng, Fault> {
        let mut file = Pcapng { big_endian: false, first_interface: 0 };
        if let Some(block) = file.frame(window)? {
            file.begin_section(window, &block, 0)?;
            window.take(block.len);
        }
        Ok(file)
    }

    /// Reads on to the next packet. Interfaces described on the way join `interfaces`.
    pub(super) fn next<'a>(
        &mut self,
        window: &'a mut Window,
        interfaces: &'a mut Vec<Interface>,
    ) -> Result<Option<Record<'a>>, Fault> {
        let block = loop {
            let Some(block) = self.frame(window)? else { return Ok(None) };
            match block.kind {
                ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => break block,
                SECTION => self.begin_section(window, &block, interfaces.len())?,
                INTERFACE if interfaces.len() == MAX_INTERFACES => {
                    return Err(window.damaged(Damage::TooManyInterfaces(MAX_INTERFACES)));
                }
                INTERFACE => interfaces.push(self.interface(window, &block, interfaces.len())?),
                _ => {}
            }
            window.take(block.len);
        };
        self.record(window, &block, &interfaces[self.first_interface..]).map(Some)
    }

    /// Frames the block that begins here, unless the stream ends.
    fn frame(&self, window: &mut Window) -> Result<Option<Frame>, Fault> {
        if window.at_end()? {
            return Ok(None);
        }
        window.require("block", MIN_BLOCK)?;
        let head = window.unread();
        let big_endian = match head.starts_with(&MAGIC) {
            true => order_of(&head[8..12]).ok_or_else(|| window.damaged(Damage::ByteOrder))?,
            false => self.big_endian,
        };
        let (kind, length) = (word(head, 0, big_endian), word(head, 4, big_endian));
        if length < MIN_BLOCK as u32 || length % 4 != 0 {
            return Err(window.damaged(Damage::BlockLength(length)));
        }
        if length > MAX_BLOCK {
            return Err(window.damaged(Damage::TooLong { part: "block", claimed: length, limit: MAX_BLOCK }));
        }
        let len = length as usize;
        window.require("block", len)?;
        let trailing = word(window.unread(), len - 4, big_endian);
        if trailing != length {
            return Err(window.damaged(Damage::Ends { leading: length, trailing }));
        }
        Ok(Some(Frame { kind, len }))
    }

    fn begin_section(&mut self, window: &Window, block: &Frame, interfaces: usize) -> Result<(), Fault> {
        let content = || window.damaged(Damage::Content("section header block"));
        let section = parse_sectionheaderblock(&window.unread()[..block.len]).map_err(|_| content())?.1;
        let SectionHeaderBlock { major_version: major, minor_version: minor, .. } = section;
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(window.damaged(Damage::Version { major, minor }));
        }
        *self = Pcapng { big_endian: section.big_endian(), first_interface: interfaces };
        Ok(())
    }

    fn interface(&self, window: &Window, block: &Frame, index: usize) -> Result<Interface, Fault> {
        let bytes = &window.unread()[..block.len];
        let parsed = match self.big_endian {
            true => parse_interfacedescriptionblock_be(bytes),
            false => parse_interfacedescriptionblock_le(bytes),
        };
        let description = parsed.map_err(|_| window.damaged(Damage::Content("interface description block")))?.1;
        Ok(Interface {
            index,
            link_type: description.linktype.0 as u16,
            link_extra: 0,
            snaplen: description.snaplen,
            clock: self.clock(&description),
            options: self.kept_options(&description.options),
        })
    }

    fn clock(&self, description: &InterfaceDescriptionBlock<'_>) -> Clock {
        let offset = options(&description.options)
            .find(|(code, _)| *code == OptionCode::IfTsoffset.0)
            .and_then(|(_, value)| self.number(value))
            .map_or(0, u64::cast_signed);
        Clock { resolution: description.if_tsresol, offset }
    }

    fn kept_options(&self, all: &[PcapNGOption<'_>]) -> Vec<(u16, Vec<u8>)> {
        let kept = |(code, value): (u16, &[u8])| {
            let (_, is_number) = KEPT.iter().find(|(kept, _)| *kept == code)?;
            let value = if *is_number { self.number(value)?.to_le_bytes().to_vec() } else { value.to_vec() };
            Some((code, value))
        };
        options(all).filter_map(kept).collect()
    }

    /// A number of 8 bytes in the order of the section.
    fn number(&self, value: &[u8]) -> Option<u64> {
        let bytes = <[u8; 8]>::try_from(value).ok()?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// Takes the packet block that begins here. `described` are the interfaces of the section so far.
    fn record<'a>(
        &self,
        window: &'a mut Window,
        block: &Frame,
        described: &'a [Interface],
    ) -> Result<Record<'a>, Fault> {
        let at = window.offset();
        let damaged = |damage| Fault::Damaged { at, damage };
        let bytes = window.take_mut(block.len);
        let packet = match block.kind {
            ENHANCED_PACKET => self.enhanced_packet(bytes),
            SIMPLE_PACKET => self.simple_packet(bytes, described.first()),
            _ => self.obsolete_packet(bytes),
        };
        let Some(Packet { interface: index, ticks, wire_len, data }) = packet else {
            return Err(damaged(Damage::Content("packet block")));
        };
        let Some(interface) = described.get(index as usize) else {
            return Err(damaged(Damage::Interface { index, described: described.len() }));
        };
        let captured = data.ok_or_else(|| damaged(Damage::Content("packet block")))?.len();
        let data = &mut bytes[if block.kind == SIMPLE_PACKET { 12 } else { 28 }..][..captured];
        let wire_len = correct(interface.link_type, self.big_endian, data, wire_len);
        Ok(Record { data, wire_len, ticks, carried: 0, interface })
    }

    fn enhanced_packet<'a>(&self, block: &'a [u8]) -> Option<Packet<'a>> {
        let parsed = match self.big_endian {
            true => parse_enhancedpacketblock_be(block),
            false => parse_enhancedpacketblock_le(block),
        };
        let EnhancedPacketBlock { if_id, ts_high, ts_low, caplen, origlen, data, .. } = parsed.ok()?.1;
        let data = data.get(..caplen as usize);
        Some(Packet { interface: if_id, ticks: ticks(ts_high, ts_low), wire_len: origlen, data })
    }

    /// A simple packet has neither time nor length of its own: it is of the first interface, cut to its snaplen.
    fn simple_packet<'a>(&self, block: &'a [u8], interface: Option<&Interface>) -> Option<Packet<'a>> {
        let parsed = match self.big_endian {
            true => parse_simplepacketblock_be(block),
            false => parse_simplepacketblock_le(block),
        };
        let SimplePacketBlock { origlen, data, .. } = parsed.ok()?.1;
        let snaplen = interface.map_or(0, |interface| interface.snaplen);
        let captured = if snaplen == 0 { origlen } else { origlen.min(snaplen) };
        Some(Packet { interface: 0, ticks: 0, wire_len: origlen, data: data.get(..captured as usize) })
    }

    /// The predecessor of the enhanced packet block, which the library does not know.
    fn obsolete_packet<'a>(&self, block: &'a [u8]) -> Option<Packet<'a>> {
        let (fields, data) = block.get(8..block.len() - 4)?.split_at_checked(20)?;
        let field = |at| word(fields, at, self.big_endian);
        // The first word is two halves in the order of the section: the interface, and a count of drops.
        let interface = if self.big_endian { field(0) >> 16 } else { field(0) & 0xffff };
        let data = data.get(..field(12) as usize);
        Some(Packet { interface, ticks: ticks(field(4), field(8)), wire_len: field(16), data })
    }
}

/// Codes and values, without padding, up to the end of the list.
fn options<'a>(all: &'a [PcapNGOption<'_>]) -> impl Iterator<Item = (u16, &'a [u8])> {
    all.iter()
        .take_while(|option| option.code != OptionCode::EndOfOpt)
        .filter_map(|option| Some((option.code.0, option.as_bytes().ok()?)))
}

fn ticks(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Whether a byte-order mark is of a big-endian section.
fn order_of(mark: &[u8]) -> Option<bool> {
    match word(mark, 0, true) {
        pcap_parser::BOM_MAGIC => Some(true),
        swapped if swapped.swap_bytes() == pcap_parser::BOM_MAGIC => Some(false),
        _ => None,
    }
}

/// The 4 bytes at `at`, which must be there, as a number.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
