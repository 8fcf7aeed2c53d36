//! Reading pcapng files: sections of blocks that describe interfaces and hold their packets.
//!
//! - A block is framed first: its two lengths agree, and the buffer holds all of it. Then its fields are read in place.
//!   Options are skipped, except for the two of an interface that define its clock.
//! - A section numbers its interfaces from 0; the interfaces of earlier sections are dropped.
//! - All blocks can be lent as they are stored, so that a copy loses nothing.

use super::error::{CaptureErrorKind, Damage, Stop};
use super::link_layer::{self, LONGEST_PACKET};
use super::part::find_chain;
use super::pcapng_block::{
    BYTE_ORDER_MARK, Block, CAPTURED, END_OF_OPTIONS, IF_TSOFFSET, IF_TSRESOL, INTERFACE, OBSOLETE_PACKET, Options,
    PACKET_FIELDS, SECTION, SIMPLE_FIELDS, SIMPLE_PACKET, is_packet,
};
use super::read_buffer::ReadBuffer;
use super::{ByteOrder, Clock, Interface, Record};

/// Minor versions of sections, as in libpcap.
const MINOR_VERSIONS: [u16; 2] = [0, 2];

/// The length of a block without a body: its type and two lengths.
const MIN_BLOCK: usize = 12;
/// The maximum length of a block: the longest packet, and room for its fields and options.
const MAX_BLOCK: u32 = LONGEST_PACKET + (128 << 10);

/// The maximum number of interfaces of a section: more than real captures have, and few enough to store.
const MAX_INTERFACES: usize = 1 << 16;

/// A decoder of the blocks of a file.
#[derive(Clone, PartialEq)]
pub(super) struct PcapngReader {
    /// The byte order of the current section.
    order: ByteOrder,
    /// The interfaces of the current section that were described so far.
    pub(super) interfaces: Vec<Interface>,
}

/// The header of a block that the buffer holds completely.
#[derive(Clone, Copy)]
pub(super) struct BlockHeader {
    kind: u32,
    len: usize,
}

/// The fields that the three types of packet blocks have in common.
struct Packet<'a> {
    interface: u32,
    ticks: u64,
    wire_len: u32,
    /// `None` if the block is shorter than it claims.
    data: Option<&'a [u8]>,
}

impl PcapngReader {
    /// Checks the header of the first section, which stays unread.
    pub(super) fn open(buffer: &mut ReadBuffer) -> Result<PcapngReader, Stop> {
        let mut file = PcapngReader { order: ByteOrder::Little, interfaces: Vec::new() };
        if let Some(header) = file.header(buffer)? {
            file.begin_section(buffer, header)?;
        }
        Ok(file)
    }

    /// Reads the next packet, and skips all other blocks.
    pub(super) fn next<'a>(&'a mut self, buffer: &'a mut ReadBuffer) -> Result<Option<Record<'a>>, Stop> {
        while let Some(header) = self.other_block(buffer)? {
            buffer.take(header.len);
        }
        self.packet(buffer)
    }

    /// Reads the packet that begins here. Returns `None` at another block, or at the end.
    #[inline]
    pub(super) fn packet<'a>(&'a self, buffer: &'a mut ReadBuffer) -> Result<Option<Record<'a>>, Stop> {
        match self.header(buffer)? {
            Some(header) if is_packet(header.kind) => self.record(buffer, header).map(Some),
            _ => Ok(None),
        }
    }

    /// Interprets the block without a packet that begins here. Returns `None` at a packet, or at the end.
    pub(super) fn other_block(&mut self, buffer: &mut ReadBuffer) -> Result<Option<BlockHeader>, Stop> {
        let Some(header) = self.header(buffer)?.filter(|header| !is_packet(header.kind)) else { return Ok(None) };
        match header.kind {
            SECTION => {
                self.begin_section(buffer, header)?;
                self.interfaces.clear();
            }
            INTERFACE if self.interfaces.len() == MAX_INTERFACES => {
                return Err(buffer.damaged(Damage::TooManyInterfaces(MAX_INTERFACES)));
            }
            INTERFACE => self.interfaces.push(self.interface(buffer, header)?),
            _ => {}
        }
        Ok(Some(header))
    }

    /// Takes the block that begins here.
    pub(super) fn take<'a>(&self, buffer: &'a mut ReadBuffer, header: BlockHeader) -> Block<'a> {
        Block { bytes: buffer.take(header.len), order: self.order }
    }

    /// Reads the header of the block that begins here, and the whole block into the buffer. Returns `None` at the end.
    #[inline]
    fn header(&self, buffer: &mut ReadBuffer) -> Result<Option<BlockHeader>, Stop> {
        if buffer.at_end()? {
            return Ok(None);
        }
        buffer.require("block", MIN_BLOCK)?;
        let head = buffer.unread();
        let order = match head.starts_with(&SECTION.to_be_bytes()) {
            true => order_of(&head[8..12]).ok_or_else(|| buffer.damaged(Damage::ByteOrder))?,
            false => self.order,
        };
        let (kind, length) = (order.read_u32(head, 0), order.read_u32(head, 4));
        if length < MIN_BLOCK as u32 || length % 4 != 0 {
            return Err(buffer.damaged(Damage::BlockLength(length)));
        }
        if length > MAX_BLOCK {
            return Err(buffer.damaged(Damage::TooLong { part: "block", claimed: length, limit: MAX_BLOCK }));
        }
        let len = length as usize;
        buffer.require("block", len)?;
        let trailing = order.read_u32(buffer.unread(), len - 4);
        if trailing != length {
            return Err(buffer.damaged(Damage::LengthMismatch { leading: length, trailing }));
        }
        Ok(Some(BlockHeader { kind, len }))
    }

    /// Returns the offset in `window` at which a block with a packet probably begins, if there is one.
    pub(super) fn find_block(&self, window: &[u8]) -> Option<usize> {
        find_chain(window, 4, |bytes| {
            let head = bytes.get(..8)?;
            let (kind, length) = (self.order.read_u32(head, 0), self.order.read_u32(head, 4));
            let is_plausible = is_packet(kind) && length % 4 == 0 && length >= MIN_BLOCK as u32 && length <= MAX_BLOCK;
            let trailing = bytes.get((length as usize).wrapping_sub(4)..length as usize);
            let is_same = trailing.is_none_or(|trailing| self.order.read_u32(trailing, 0) == length);
            (is_plausible && is_same).then_some(length as usize)
        })
    }

    fn begin_section(&mut self, buffer: &ReadBuffer, header: BlockHeader) -> Result<(), Stop> {
        let bytes = &buffer.unread()[..header.len];
        let fields = bytes.get(8..header.len - 4).filter(|fields| fields.len() >= 16);
        let fields = fields.ok_or_else(|| buffer.damaged(Damage::Content("section header block")))?;
        let order = order_of(fields).ok_or_else(|| buffer.damaged(Damage::ByteOrder))?;
        let (major, minor) = (order.read_u16(fields, 4), order.read_u16(fields, 6));
        if major != 1 || !MINOR_VERSIONS.contains(&minor) {
            return Err(buffer.damaged(Damage::Version { major, minor }));
        }
        self.order = order;
        Ok(())
    }

    fn interface(&self, buffer: &ReadBuffer, header: BlockHeader) -> Result<Interface, Stop> {
        let block = Block { bytes: &buffer.unread()[..header.len], order: self.order };
        let (fields, options) = block.fields_and_options();
        if fields.len() < 8 || options.is_damaged() {
            return Err(buffer.damaged(Damage::Content("interface description block")));
        }
        Ok(Interface {
            index: self.interfaces.len(),
            link_type_number: self.order.read_u16(fields, 0),
            link_type_flags: 0,
            snaplen: self.order.read_u32(fields, 4),
            clock: self.clock(options),
            order: self.order,
            name: None,
        })
    }

    fn clock(&self, options: Options<'_>) -> Clock {
        let mut clock = Clock::MICROSECONDS;
        for option in options {
            match (option.code, option.value) {
                (END_OF_OPTIONS, _) => break,
                (IF_TSRESOL, &[resolution]) => clock.resolution = resolution,
                (IF_TSOFFSET, value) => clock.offset = value.try_into().map_or(0, |v| self.order.u64(v).cast_signed()),
                _ => {}
            }
        }
        clock
    }

    /// Takes the packet block that begins here.
    #[inline]
    fn record<'a>(&'a self, buffer: &'a mut ReadBuffer, header: BlockHeader) -> Result<Record<'a>, Stop> {
        let at = buffer.offset();
        let damaged = |damage| Stop::Failed(CaptureErrorKind::Damaged { at, damage });
        let bytes = buffer.take_mut(header.len);
        let is_simple = header.kind == SIMPLE_PACKET;
        let packet = if is_simple { self.simple_packet(bytes) } else { self.packet_with_fields(bytes, header.kind) };
        let Some(Packet { interface: index, ticks, wire_len, data }) = packet else {
            return Err(damaged(Damage::Content("packet block")));
        };
        let Some(interface) = self.interfaces.get(index as usize) else {
            return Err(damaged(Damage::Interface { index, described: self.interfaces.len() }));
        };
        let captured = data.ok_or_else(|| damaged(Damage::Content("packet block")))?.len();
        let start = if is_simple { SIMPLE_FIELDS } else { PACKET_FIELDS };
        let data = &mut bytes[start..][..captured];
        let wire_len = link_layer::correct(interface.link_type_number, self.order, data, wire_len);
        let bytes = &*bytes;
        Ok(Record {
            data: &bytes[start..][..captured],
            wire_len,
            ticks,
            carried: 0,
            interface,
            block: bytes,
            captured: None,
        })
    }

    /// Decodes an enhanced packet block, or an obsolete one, whose first word holds a 16-bit interface and a drop
    /// count.
    #[inline]
    fn packet_with_fields<'a>(&self, block: &'a [u8], kind: u32) -> Option<Packet<'a>> {
        let (fields, data) = block.get(..block.len() - 4)?.split_at_checked(PACKET_FIELDS)?;
        let field = |at| self.order.read_u32(fields, at);
        let interface = if kind == OBSOLETE_PACKET { self.order.read_u16(fields, 8).into() } else { field(8) };
        let ticks = u64::from(field(12)) << 32 | u64::from(field(16));
        let data = data.get(..field(CAPTURED) as usize);
        Some(Packet { interface, ticks, wire_len: field(24), data })
    }

    /// Decodes a simple packet block, which has no time. It belongs to the first interface, and is cut to its snaplen.
    fn simple_packet<'a>(&self, block: &'a [u8]) -> Option<Packet<'a>> {
        let (fields, data) = block.get(..block.len() - 4)?.split_at_checked(SIMPLE_FIELDS)?;
        let wire_len = self.order.read_u32(fields, 8);
        let captured = self.interfaces.first().map_or(wire_len, |interface| interface.captured_of_simple(wire_len));
        Some(Packet { interface: 0, ticks: 0, wire_len, data: data.get(..captured as usize) })
    }
}

/// Returns the byte order of a section with this byte-order mark.
fn order_of(mark: &[u8]) -> Option<ByteOrder> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| order.read_u32(mark, 0) == BYTE_ORDER_MARK)
}
