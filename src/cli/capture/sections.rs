//! The sections of a pcapng output.
//!
//! - A section of a pcapng input is one of the output, in the same byte order, and its blocks are copied as they are
//!   stored: interfaces keep their numbers, and options and blocks of unknown kinds their bytes. Only the header no
//!   longer states the length of its section, and custom blocks and options that should not be copied are left out.
//! - A packet block is written anew only if the packet was cut. A simple one becomes an enhanced one then, since it
//!   cannot say how much of the packet it holds.
//! - A pcap input becomes a little-endian section of its own, with one interface.
//! - An output gets all blocks without packets of all inputs, as they come, whichever packets it gets. So nothing has
//!   to be remembered for packets to come, and what a section says besides its packets is never lost.

use super::block::{
    Block, CAPTURED, END_OF_OPTIONS, ENHANCED_PACKET, INTERFACE, Options, PACKET_FIELDS, SECTION, SIMPLE_FIELDS,
    SIMPLE_PACKET, word,
};
use super::error::CaptureError;
use super::pseudo_header::{is_swapped, restore};
use super::{Interface, Output, Reader, Record};

const BYTE_ORDER_MARK: u32 = 0x1a2b_3c4d;
const UNKNOWN_LENGTH: [u8; 8] = [0xff; 8];
const IF_TSRESOL: u16 = 9;
const IF_FCSLEN: u16 = 13;
/// Set in [`Interface::link_extra`] if the upper 4 bits are the length of the frame check sequence in 16-bit words.
const FCS_PRESENT: u16 = 0x0400;

/// What has been written of sections.
#[derive(Default)]
pub(super) struct Sections {
    /// The input whose section is being written.
    input: Option<usize>,
    has_interface: bool,
    /// A block whose pseudo header is in the order of its section again.
    restored: Vec<u8>,
}

impl Sections {
    /// Writes a record, in the section of its input.
    #[inline]
    pub(super) fn write(&mut self, output: &mut Output, input: usize, record: &Record) -> Result<(), CaptureError> {
        match record.block() {
            Some(block) if block.big_endian && is_swapped(record.interface.link_type) => {
                copy(output, &restored(record, &block, &mut self.restored))
            }
            Some(_) => copy(output, record),
            None => {
                if self.input != Some(input) {
                    self.begin(output, input, record.interface)?;
                }
                let Record { data, wire_len, ticks, .. } = *record;
                write_enhanced(output, false, ticks, data, wire_len)
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
        let (fields, options) = block.parts();
        match block.kind() == SECTION {
            true => write_block(output, block, &[&fields[..8], &UNKNOWN_LENGTH], options),
            false => write_block(output, block, &[fields], options),
        }
    }

    /// Writes the interfaces of pcap inputs if no interface has been written, and a section if there is none.
    pub(super) fn complete(&mut self, output: &mut Output, inputs: &[Reader]) -> Result<(), CaptureError> {
        if self.has_interface {
            return Ok(());
        }
        let mut interfaces =
            inputs.iter().enumerate().filter_map(|(input, reader)| Some((input, reader.pcap_interface()?)));
        interfaces.try_for_each(|(input, interface)| self.begin(output, input, interface))?;
        // Inputs that ended before their headers leave an empty section.
        if self.input.is_none() { output.write(&section_header()) } else { Ok(()) }
    }

    /// Begins the section of a pcap input.
    fn begin(&mut self, output: &mut Output, input: usize, interface: &Interface) -> Result<(), CaptureError> {
        (self.input, self.has_interface) = (Some(input), true);
        output.write(&section_header())?;
        output.write(&block(INTERFACE, &interface_description(interface)))
    }
}

/// Returns a copy of a record and its block, with the pseudo header in the byte order of the section.
fn restored<'a>(record: &Record<'a>, block: &Block, copy: &'a mut Vec<u8>) -> Record<'a> {
    copy.clear();
    copy.extend(block.bytes);
    let start = block.data_start();
    let captured = captured_in(block, record.interface);
    restore(record.interface.link_type, &mut copy[start..][..captured], record.wire_len);
    let copy = &*copy;
    Record { data: &copy[start..][..record.data.len()], block: copy, ..*record }
}

/// How many bytes of the packet its block holds. A simple one states only the length on the wire, which may differ from
/// the record's, since that is corrected.
#[inline]
fn captured_in(block: &Block, interface: &Interface) -> usize {
    let captured = match block.kind() {
        SIMPLE_PACKET => interface.captured_of_simple(word(block.bytes, 8, block.big_endian)),
        _ => word(block.bytes, CAPTURED, block.big_endian),
    };
    captured as usize
}

/// How long the block of a record is if it can be copied as it is: it has all captured bytes, and no options, of which
/// some might not be copied. Else 0.
#[inline]
fn whole_len(record: &Record, block: &Block) -> usize {
    match block.kind() {
        SIMPLE_PACKET if record.is_cut_simple_packet() => 0,
        SIMPLE_PACKET => block.bytes.len(),
        _ if captured_in(block, record.interface) != record.data.len() => 0,
        _ => PACKET_FIELDS + record.data.len().next_multiple_of(4) + 4,
    }
}

impl Record<'_> {
    /// Whether it was cut, and its block cannot say so.
    pub(super) fn is_cut_simple_packet(&self) -> bool {
        let simple = self.block().filter(|block| block.kind() == SIMPLE_PACKET);
        simple.is_some_and(|block| self.data.len() < captured_in(&block, self.interface))
    }
}

/// Copies the block of a record.
#[inline]
fn copy(output: &mut Output, record: &Record) -> Result<(), CaptureError> {
    match record.block() {
        Some(block) if block.bytes.len() == whole_len(record, &block) => output.write(block.bytes),
        Some(block) => write_packet(output, record, &block),
        None => Ok(()),
    }
}

/// Writes the block of a record that was cut, or has options.
fn write_packet(output: &mut Output, record: &Record, block: &Block) -> Result<(), CaptureError> {
    let captured = record.data.len();
    if block.kind() == SIMPLE_PACKET {
        let data = &block.bytes[SIMPLE_FIELDS..][..captured];
        return write_enhanced(output, block.big_endian, 0, data, record.wire_len);
    }
    let (fields, options) = block.parts();
    let (before, behind) = (&fields[..CAPTURED - 8], &fields[CAPTURED - 4..PACKET_FIELDS - 8]);
    let data = &block.bytes[PACKET_FIELDS..][..captured];
    let stated = number(captured as u32, block.big_endian);
    write_block(output, block, &[before, &stated, behind, data, padding(captured)], options)
}

/// Writes a block with the kind and the byte order of another, and those of its options that are copied.
fn write_block(output: &mut Output, like: &Block, fields: &[&[u8]], options: &[u8]) -> Result<(), CaptureError> {
    let listed = Options::new(options, like.big_endian);
    let left_out: usize =
        listed.clone().filter(|option| !option.is_copied()).map(|option| option.end - option.start).sum();
    let length = 12 + fields.iter().map(|part| part.len()).sum::<usize>() + options.len() - left_out;
    let length = number(length as u32, like.big_endian);
    output.write(&like.bytes[..4])?;
    output.write(&length)?;
    fields.iter().try_for_each(|part| output.write(part))?;
    if left_out == 0 {
        output.write(options)?;
    } else {
        let mut written = 0;
        for option in listed.filter(|option| !option.is_copied()) {
            output.write(&options[written..option.start])?;
            written = option.end;
        }
        output.write(&options[written..])?;
    }
    output.write(&length)
}

/// Writes an enhanced packet block of interface 0 without options.
fn write_enhanced(
    output: &mut Output,
    big_endian: bool,
    ticks: u64,
    data: &[u8],
    wire_len: u32,
) -> Result<(), CaptureError> {
    let captured = data.len() as u32;
    let padding = padding(data.len());
    let length = PACKET_FIELDS as u32 + captured + padding.len() as u32 + 4;
    let (high, low) = ((ticks >> 32) as u32, ticks as u32);
    let head = [ENHANCED_PACKET, length, 0, high, low, captured, wire_len];
    output.write(head.map(|field| number(field, big_endian)).as_flattened())?;
    output.write(data)?;
    output.write(padding)?;
    output.write(&number(length, big_endian))
}

/// The header of a little-endian section.
fn section_header() -> Vec<u8> {
    let version = 1;
    block(SECTION, &[&bytes(&[BYTE_ORDER_MARK, version])[..], &UNKNOWN_LENGTH].concat())
}

/// The fields and options of an interface of a pcap file.
fn interface_description(interface: &Interface) -> Vec<u8> {
    let mut content = bytes(&[interface.link_type.into(), interface.snaplen]);
    if interface.link_extra & FCS_PRESENT != 0 {
        let bits = (interface.link_extra >> 12) as u8 * 16;
        push_option(&mut content, IF_FCSLEN, bits);
    }
    push_option(&mut content, IF_TSRESOL, interface.clock.resolution);
    content.extend(bytes(&[END_OF_OPTIONS.into()]));
    content
}

/// Appends an option of one byte, with its padding.
fn push_option(content: &mut Vec<u8>, code: u16, value: u8) {
    content.extend(bytes(&[u32::from(code) | 1 << 16]));
    content.extend([value, 0, 0, 0]);
}

/// A little-endian block of `content`, which is a whole number of words.
fn block(kind: u32, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u32 + 12;
    [&bytes(&[kind, length]), content, &bytes(&[length])].concat()
}

/// What fills so many bytes up to a whole number of words.
fn padding(len: usize) -> &'static [u8] {
    &[0; 3][..len.wrapping_neg() % 4]
}

fn number(value: u32, big_endian: bool) -> [u8; 4] {
    if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(super) fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
