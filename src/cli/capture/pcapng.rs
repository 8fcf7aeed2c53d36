//! pcapng files: sections of blocks that describe interfaces and hold their packets.
//!
//! - A block is framed here: its length at both ends agrees, and it is at hand. Then its fields are read where they
//!   lie. Options are passed over, except for the two of an interface that say what its ticks are.
//! - A section counts its interfaces from 0, and those of the sections before are forgotten.
//! - All blocks can be lent as they are stored, so that a copy loses nothing.

use super::block::{
    Block, CAPTURED, END_OF_OPTIONS, ENHANCED_PACKET, INTERFACE, OBSOLETE_PACKET, Options, PACKET_FIELDS, SECTION,
    SIMPLE_FIELDS, SIMPLE_PACKET, half, word,
};
use super::error::{Damage, Fault};
use super::pseudo_header::correct;
use super::window::Window;
use super::{Clock, Interface, MAX_PACKET, Record};

/// The first four bytes of a section, in both byte orders.
pub(super) const MAGIC: [u8; 4] = SECTION.to_be_bytes();

const BYTE_ORDER_MARK: u32 = 0x1a2b_3c4d;
/// Minor versions of sections; the others libpcap refuses, too.
const MINOR_VERSIONS: [u16; 2] = [0, 2];

/// Type, length and length again.
const MIN_BLOCK: usize = 12;
/// The longest packet, and room for what else a block holds.
const MAX_BLOCK: u32 = MAX_PACKET + (128 << 10);

/// As many interfaces as a section may describe: far more than there are, and few enough to remember.
const MAX_INTERFACES: usize = 1 << 16;

const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// The section that is being read.
pub(super) struct Pcapng {
    big_endian: bool,
}

/// A block that is at hand.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    kind: u32,
    len: usize,
}

impl Frame {
    fn is_packet(&self) -> bool {
        matches!(self.kind, ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET)
    }
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
    /// Reads the header of the first section, which stays unread.
    pub(super) fn open(window: &mut Window) -> Result<Pcapng, Fault> {
        let mut file = Pcapng { big_endian: false };
        if let Some(frame) = file.frame(window)? {
            file.begin_section(window, frame)?;
        }
        Ok(file)
    }

    /// Reads on to the next packet, past all other blocks.
    pub(super) fn next<'a>(
        &mut self,
        window: &'a mut Window,
        interfaces: &'a mut Vec<Interface>,
    ) -> Result<Option<Record<'a>>, Fault> {
        while let Some(frame) = self.describing_block(window, interfaces)? {
            window.take(frame.len);
        }
        self.packet(window, interfaces)
    }

    /// The packet that begins here; none if it is another block, or the end.
    #[inline]
    pub(super) fn packet<'a>(
        &self,
        window: &'a mut Window,
        interfaces: &'a [Interface],
    ) -> Result<Option<Record<'a>>, Fault> {
        match self.frame(window)? {
            Some(frame) if frame.is_packet() => self.record(window, frame, interfaces).map(Some),
            _ => Ok(None),
        }
    }

    /// The block that begins here and holds no packet; none if it is a packet, or the end. A section or an interface is
    /// that of the packets behind it.
    pub(super) fn describing_block(
        &mut self,
        window: &mut Window,
        interfaces: &mut Vec<Interface>,
    ) -> Result<Option<Frame>, Fault> {
        let Some(frame) = self.frame(window)?.filter(|frame| !frame.is_packet()) else { return Ok(None) };
        match frame.kind {
            SECTION => {
                self.begin_section(window, frame)?;
                interfaces.clear();
            }
            INTERFACE if interfaces.len() == MAX_INTERFACES => {
                return Err(window.damaged(Damage::TooManyInterfaces(MAX_INTERFACES)));
            }
            INTERFACE => interfaces.push(self.interface(window, frame, interfaces.len())?),
            _ => {}
        }
        Ok(Some(frame))
    }

    /// Takes a block that begins here.
    pub(super) fn take<'a>(&self, window: &'a mut Window, frame: Frame) -> Block<'a> {
        Block { bytes: window.take(frame.len), big_endian: self.big_endian }
    }

    /// Frames the block that begins here, unless the stream ends.
    #[inline]
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

    fn begin_section(&mut self, window: &Window, frame: Frame) -> Result<(), Fault> {
        let bytes = &window.unread()[..frame.len];
        let fields = bytes.get(8..frame.len - 4).filter(|fields| fields.len() >= 16);
        let fields = fields.ok_or_else(|| window.damaged(Damage::Content("section header block")))?;
        let big_endian = order_of(fields) == Some(true);
        let (major, minor) = (half(fields, 4, big_endian), half(fields, 6, big_endian));
        if major != 1 || !MINOR_VERSIONS.contains(&minor) {
            return Err(window.damaged(Damage::Version { major, minor }));
        }
        self.big_endian = big_endian;
        Ok(())
    }

    fn interface(&self, window: &Window, frame: Frame, index: usize) -> Result<Interface, Fault> {
        let block = Block { bytes: &window.unread()[..frame.len], big_endian: self.big_endian };
        let (fields, options) = block.parts();
        let options = Options::new(options, self.big_endian);
        if fields.len() < 8 || options.is_damaged() {
            return Err(window.damaged(Damage::Content("interface description block")));
        }
        Ok(Interface {
            index,
            link_type: half(fields, 0, self.big_endian),
            link_extra: 0,
            snaplen: word(fields, 4, self.big_endian),
            clock: self.clock(options),
            big_endian: self.big_endian,
        })
    }

    fn clock(&self, options: Options<'_>) -> Clock {
        let mut clock = Clock::MICROSECONDS;
        for option in options {
            match (option.code, option.value) {
                (END_OF_OPTIONS, _) => break,
                (IF_TSRESOL, &[resolution]) => clock.resolution = resolution,
                (IF_TSOFFSET, value) => clock.offset = self.number(value).map_or(0, u64::cast_signed),
                _ => {}
            }
        }
        clock
    }

    /// A number of 8 bytes in the order of the section.
    fn number(&self, value: &[u8]) -> Option<u64> {
        let bytes = <[u8; 8]>::try_from(value).ok()?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// Takes the packet block that begins here. `described` are the interfaces of the section so far.
    #[inline]
    fn record<'a>(
        &self,
        window: &'a mut Window,
        frame: Frame,
        described: &'a [Interface],
    ) -> Result<Record<'a>, Fault> {
        let at = window.offset();
        let damaged = |damage| Fault::Damaged { at, damage };
        let bytes = window.take_mut(frame.len);
        let packet = match frame.kind {
            SIMPLE_PACKET => self.simple_packet(bytes, described.first()),
            kind => self.packet_with_fields(bytes, kind),
        };
        let Some(Packet { interface: index, ticks, wire_len, data }) = packet else {
            return Err(damaged(Damage::Content("packet block")));
        };
        let Some(interface) = described.get(index as usize) else {
            return Err(damaged(Damage::Interface { index, described: described.len() }));
        };
        let captured = data.ok_or_else(|| damaged(Damage::Content("packet block")))?.len();
        let start = if frame.kind == SIMPLE_PACKET { SIMPLE_FIELDS } else { PACKET_FIELDS };
        let wire_len = correct(interface.link_type, self.big_endian, &mut bytes[start..][..captured], wire_len);
        let bytes = &*bytes;
        Ok(Record { data: &bytes[start..][..captured], wire_len, ticks, carried: 0, interface, block: bytes })
    }

    /// An enhanced packet, or its predecessor, whose first word is two halves: the interface, and a count of drops.
    #[inline]
    fn packet_with_fields<'a>(&self, block: &'a [u8], kind: u32) -> Option<Packet<'a>> {
        let (fields, data) = block.get(..block.len() - 4)?.split_at_checked(PACKET_FIELDS)?;
        let field = |at| word(fields, at, self.big_endian);
        let interface = if kind == OBSOLETE_PACKET { half(fields, 8, self.big_endian).into() } else { field(8) };
        let ticks = u64::from(field(12)) << 32 | u64::from(field(16));
        let data = data.get(..field(CAPTURED) as usize);
        Some(Packet { interface, ticks, wire_len: field(24), data })
    }

    /// A simple packet has neither time nor length of its own: it is of the first interface, cut to its snaplen.
    fn simple_packet<'a>(&self, block: &'a [u8], interface: Option<&Interface>) -> Option<Packet<'a>> {
        let (fields, data) = block.get(..block.len() - 4)?.split_at_checked(SIMPLE_FIELDS)?;
        let wire_len = word(fields, 8, self.big_endian);
        let captured = interface.map_or(wire_len, |interface| interface.captured_of_simple(wire_len));
        Some(Packet { interface: 0, ticks: 0, wire_len, data: data.get(..captured as usize) })
    }
}

/// Whether a byte-order mark is of a big-endian section.
fn order_of(mark: &[u8]) -> Option<bool> {
    match word(mark, 0, true) {
        BYTE_ORDER_MARK => Some(true),
        swapped if swapped.swap_bytes() == BYTE_ORDER_MARK => Some(false),
        _ => None,
    }
}
