//! Writing pcapng files.
//!
//! - A section of a pcapng input is one of the output, in the same byte order. Its blocks are copied as they are
//!   stored: interfaces keep their numbers, options and unknown blocks their bytes. Two things differ: the length of a
//!   section is not stated, and custom blocks and options that should not be copied are left out.
//! - A packet block is rebuilt only if the packet was cut. A cut simple packet block becomes an enhanced one, since it
//!   has no field for the captured length.
//! - A pcap input becomes a little-endian section with one interface.
//! - An output gets all blocks without packets of all inputs, as they are read, even if it gets no packets. So nothing
//!   is stored for later packets, and no information of a section is lost.

use std::time::{SystemTime, UNIX_EPOCH};

use super::error::CaptureError;
use super::link_layer::{is_swapped, restore};
use super::pcapng_block::{
    BYTE_ORDER_MARK, Block, CAPTURED, END_OF_OPTIONS, ENHANCED_PACKET, IF_FCSLEN, IF_NAME, IF_TSOFFSET, IF_TSRESOL,
    INTERFACE, INTERFACE_STATISTICS, ISB_IFDROP, ISB_IFRECV, Options, PACKET_FIELDS, SECTION, SIMPLE_FIELDS,
    SIMPLE_PACKET, SNAPLEN,
};
use super::{ByteOrder, Interface, Output, Reader, Record, Statistics};

const UNKNOWN_LENGTH: [u8; 8] = [0xff; 8];
/// Set in [`Interface::link_type_flags`] if the upper 4 bits are the length of the frame check sequence in 16-bit
/// words.
const FCS_PRESENT: u16 = 0x0400;

/// Writes blocks and records as sections of pcapng.
#[derive(Default)]
pub(super) struct PcapngWriter {
    /// The input whose section is being written.
    input: Option<usize>,
    has_interface: bool,
    /// Set when the counts of a live capture have been written.
    has_statistics: bool,
    /// The most captured bytes of a packet.
    pub(super) snaplen: Option<u32>,
    /// A block whose pseudo header is in the byte order of its section again.
    restored: Vec<u8>,
}

impl PcapngWriter {
    /// Writes a record, in the section of its input.
    #[inline]
    pub(super) fn write(&mut self, output: &mut Output, input: usize, record: &Record) -> Result<(), CaptureError> {
        match record.block() {
            Some(block) if block.order == ByteOrder::Big && is_swapped(record.interface.link_type_number) => {
                let (record, block) = restored(record, &block, &mut self.restored);
                copy(output, &record, &block)
            }
            Some(block) => copy(output, record, &block),
            None => {
                self.begin_with(output, input, record)?;
                let Record { data, wire_len, ticks, .. } = *record;
                write_enhanced(output, ByteOrder::Little, ticks, data, wire_len)
            }
        }
    }

    /// Writes a block without a packet.
    pub(super) fn block(&mut self, output: &mut Output, input: usize, block: &Block) -> Result<(), CaptureError> {
        if !block.is_copied() {
            return Ok(());
        }
        self.input = Some(input);
        self.has_interface |= block.kind() == INTERFACE;
        let (fields, options) = block.fields_and_options();
        match (block.kind(), self.snaplen) {
            (SECTION, _) => write_block(output, block, &[&fields[..8], &UNKNOWN_LENGTH], &options),
            (INTERFACE, Some(most)) => {
                let snaplen = limited(block.word(SNAPLEN), most);
                write_block(output, block, &[&fields[..4], &block.order.u32_bytes(snaplen)], &options)
            }
            _ => write_block(output, block, &[fields], &options),
        }
    }

    /// Begins the section of a record of a pcap input, if it has not begun.
    pub(super) fn begin_with(
        &mut self,
        output: &mut Output,
        input: usize,
        record: &Record,
    ) -> Result<(), CaptureError> {
        match record.block().is_none() && self.input != Some(input) {
            true => self.begin(output, input, record.interface),
            false => Ok(()),
        }
    }

    /// Completes the file: writes the interfaces of pcap inputs if no interface has been written, a section if there is
    /// none, and the counts of a live capture.
    pub(super) fn complete(&mut self, output: &mut Output, inputs: &[Reader]) -> Result<(), CaptureError> {
        if !self.has_interface {
            let numbered = inputs.iter().enumerate();
            let mut interfaces = numbered.filter_map(|(input, reader)| Some((input, reader.pcap_interface()?)));
            interfaces.try_for_each(|(input, interface)| self.begin(output, input, interface))?;
        }
        // Inputs that ended before their headers leave an empty section.
        if self.input.is_none() {
            self.input = Some(inputs.len());
            output.write(&section_header())?;
        }
        match inputs.iter().find_map(Reader::statistics).filter(|_| !self.has_statistics) {
            None => Ok(()),
            Some(statistics) => {
                self.has_statistics = true;
                output.write(&block(INTERFACE_STATISTICS, &interface_statistics(statistics)))
            }
        }
    }

    /// Begins the section of a pcap input.
    pub(super) fn begin(
        &mut self,
        output: &mut Output,
        input: usize,
        interface: &Interface,
    ) -> Result<(), CaptureError> {
        (self.input, self.has_interface) = (Some(input), true);
        output.write(&section_header())?;
        let snaplen = self.snaplen.map_or(interface.snaplen, |most| limited(interface.snaplen, most));
        output.write(&block(INTERFACE, &interface_description(interface, snaplen)))
    }
}

/// Returns the snaplen of an interface, 0 for no limit, whose packets were cut to `most` bytes.
pub(super) fn limited(snaplen: u32, most: u32) -> u32 {
    if snaplen == 0 { most } else { snaplen.min(most) }
}

/// Copies a record and its block, and restores the byte order of the pseudo header.
fn restored<'a>(record: &Record<'a>, block: &Block, copy: &'a mut Vec<u8>) -> (Record<'a>, Block<'a>) {
    copy.clear();
    copy.extend(block.bytes);
    let start = if block.kind() == SIMPLE_PACKET { SIMPLE_FIELDS } else { PACKET_FIELDS };
    let captured = captured_in(block, record.interface);
    restore(record.interface.link_type_number, &mut copy[start..][..captured], record.wire_len);
    let copy = &*copy;
    let data = &copy[start..][..record.data.len()];
    (Record { data, block: copy, ..*record }, Block { bytes: copy, ..*block })
}

/// Returns the number of bytes of the packet in its block. A simple packet block states only the length on the wire,
/// which may differ from the record's corrected one.
#[inline]
fn captured_in(block: &Block, interface: &Interface) -> usize {
    let captured = match block.kind() {
        SIMPLE_PACKET => interface.captured_of_simple(block.word(8)),
        _ => block.word(CAPTURED),
    };
    captured as usize
}

impl Record<'_> {
    /// Returns whether the record was cut, and its block has no field for the captured length.
    pub(super) fn is_cut_simple_packet(&self) -> bool {
        let simple = self.block().filter(|block| block.kind() == SIMPLE_PACKET);
        simple.is_some_and(|block| self.data.len() < captured_in(&block, self.interface))
    }
}

/// Copies the block of a record. The usual block, of an uncut packet without options, is written in one call.
#[inline]
fn copy(output: &mut Output, record: &Record, block: &Block) -> Result<(), CaptureError> {
    let captured = record.data.len();
    let is_cut = captured_in(block, record.interface) != captured;
    let has_options = block.bytes.len() != PACKET_FIELDS + captured.next_multiple_of(4) + 4;
    match block.kind() == SIMPLE_PACKET {
        true if record.is_cut_simple_packet() => {
            let data = &block.bytes[SIMPLE_FIELDS..][..captured];
            write_enhanced(output, block.order, 0, data, record.wire_len)
        }
        false if is_cut || has_options => write_packet(output, captured, block),
        _ => output.write(block.bytes),
    }
}

/// Writes a packet block that was cut to `captured` bytes, or has options.
fn write_packet(output: &mut Output, captured: usize, block: &Block) -> Result<(), CaptureError> {
    let (fields, options) = block.fields_and_options();
    let (before, after) = (&fields[..CAPTURED - 8], &fields[CAPTURED - 4..PACKET_FIELDS - 8]);
    let data = &block.bytes[PACKET_FIELDS..][..captured];
    let stated = block.order.u32_bytes(captured as u32);
    write_block(output, block, &[before, &stated, after, data, padding(captured)], &options)
}

/// Writes a block with the type and the byte order of another, and without the options that should not be copied.
pub(super) fn write_block(
    output: &mut Output,
    like: &Block,
    fields: &[&[u8]],
    options: &Options,
) -> Result<(), CaptureError> {
    let left_out: usize = options.uncopied().map(|option| option.end - option.start).sum();
    let length = 12 + fields.iter().map(|part| part.len()).sum::<usize>() + options.list.len() - left_out;
    let length = like.order.u32_bytes(length as u32);
    output.write(&like.bytes[..4])?;
    output.write(&length)?;
    fields.iter().try_for_each(|part| output.write(part))?;
    write_options(output, options)?;
    output.write(&length)
}

/// Writes options without those that should not be copied.
pub(super) fn write_options(output: &mut Output, options: &Options) -> Result<(), CaptureError> {
    let mut written = 0;
    for option in options.uncopied() {
        output.write(&options.list[written..option.start])?;
        written = option.end;
    }
    output.write(&options.list[written..])
}

/// Writes an enhanced packet block of interface 0 without options.
fn write_enhanced(
    output: &mut Output,
    order: ByteOrder,
    ticks: u64,
    data: &[u8],
    wire_len: u32,
) -> Result<(), CaptureError> {
    let captured = data.len() as u32;
    let padding = padding(data.len());
    let length = PACKET_FIELDS as u32 + captured + padding.len() as u32 + 4;
    let (high, low) = ((ticks >> 32) as u32, ticks as u32);
    let head = [ENHANCED_PACKET, length, 0, high, low, captured, wire_len];
    output.write(head.map(|field| order.u32_bytes(field)).as_flattened())?;
    output.write(data)?;
    output.write(padding)?;
    output.write(&order.u32_bytes(length))
}

/// Returns the header of a little-endian section of version 1.0.
pub(super) fn section_header() -> Vec<u8> {
    block(SECTION, &[[BYTE_ORDER_MARK, 1].map(u32::to_le_bytes).as_flattened(), &UNKNOWN_LENGTH].concat())
}

/// Returns the fields and options that describe an interface of which only this is known, as that of a pcap file.
pub(super) fn interface_description(interface: &Interface, snaplen: u32) -> Vec<u8> {
    let mut content = [interface.link_type_number.into(), snaplen].map(u32::to_le_bytes).concat();
    if let Some(name) = &interface.name {
        push_option(&mut content, IF_NAME, name.as_bytes());
    }
    if interface.link_type_flags & FCS_PRESENT != 0 {
        push_option(&mut content, IF_FCSLEN, &[(interface.link_type_flags >> 12) as u8 * 16]);
    }
    push_option(&mut content, IF_TSRESOL, &[interface.clock.resolution]);
    if interface.clock.offset != 0 {
        push_option(&mut content, IF_TSOFFSET, &interface.clock.offset.to_le_bytes());
    }
    push_option(&mut content, END_OF_OPTIONS, &[]);
    content
}

/// Returns the fields and options with the counts of interface 0 up to now.
fn interface_statistics(Statistics { received, dropped, .. }: Statistics) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let mut content = [0, (now >> 32) as u32, now as u32].map(u32::to_le_bytes).concat();
    push_option(&mut content, ISB_IFRECV, &received.to_le_bytes());
    push_option(&mut content, ISB_IFDROP, &dropped.to_le_bytes());
    push_option(&mut content, END_OF_OPTIONS, &[]);
    content
}

/// Adds a little-endian option with its padding.
fn push_option(content: &mut Vec<u8>, code: u16, value: &[u8]) {
    content.extend([code, value.len() as u16].map(u16::to_le_bytes).as_flattened());
    content.extend(value);
    content.extend(padding(value.len()));
}

/// Returns a little-endian block of `content`, whose length is a multiple of 4.
pub(super) fn block(kind: u32, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u32 + 12;
    [[kind, length].map(u32::to_le_bytes).as_flattened(), content, &length.to_le_bytes()].concat()
}

/// Returns the padding after `len` bytes, up to a multiple of 4.
pub(super) fn padding(len: usize) -> &'static [u8] {
    &[0; 3][..len.wrapping_neg() % 4]
}
