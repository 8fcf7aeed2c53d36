//! A [`Writer`] of pcap or pcapng, little-endian.
//!
//! - The captured bytes, the length on the wire and the instant of every record are kept exactly. In pcap a fraction
//!   beyond a second, which only a broken file has, is carried into the seconds.
//! - The layouts are written here: `pcap-parser` can serialize them, but copies each packet twice into memory of its
//!   own, and needs the `futures` crates for it.

use pcap_parser::OptionCode;

use super::error::CaptureError;
use super::{Clock, Interface, Output, Reader, Record};

const IF_FCSLEN: u16 = 13;
/// Set in [`Interface::link_extra`] if the upper 4 bits are the length of the frame check sequence in 16-bit words.
const FCS_PRESENT: u16 = 0x0400;

/// The format of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One interface, whose clock counts micro- or nanoseconds since 1970.
    Pcap(Interface),
    /// Any interfaces.
    Pcapng,
}

impl Format {
    /// What names of such files end in.
    pub fn extension(&self) -> &'static str {
        match self {
            Format::Pcap(_) => "pcap",
            Format::Pcapng => "pcapng",
        }
    }

    /// The plainest format that holds all of `inputs`: pcap if they are pcap files of one link type, else pcapng.
    pub fn of(inputs: &[Reader]) -> Format {
        let known = inputs.iter().filter(|input| input.has_header());
        let interfaces: Option<Vec<_>> = known.map(Reader::pcap_interface).collect();
        let Some([first, others @ ..]) = interfaces.as_deref() else { return Format::Pcapng };
        let mut joined = Interface::clone(first);
        for other in others {
            if (other.link_type, other.link_extra) != (first.link_type, first.link_extra) {
                return Format::Pcapng;
            }
            joined.snaplen = joined.snaplen.max(other.snaplen);
            if other.clock == Clock::NANOSECONDS {
                joined.clock = other.clock;
            }
        }
        Format::Pcap(joined)
    }
}

/// Writes the records of several inputs to one capture.
pub struct Writer {
    output: Output,
    layout: Layout,
}

enum Layout {
    Pcap(Clock),
    Pcapng(Numbers),
}

/// The numbers of the interfaces that have been written, by input and index there.
#[derive(Default)]
struct Numbers {
    by_input: Vec<Vec<Option<u32>>>,
    next: u32,
}

impl Writer {
    /// Writes the header of `format`.
    ///
    /// # Errors
    /// If `output` cannot be written.
    pub fn new(mut output: Output, format: &Format) -> Result<Writer, CaptureError> {
        let (header, layout) = match format {
            Format::Pcap(interface) => (file_header(interface), Layout::Pcap(interface.clock)),
            Format::Pcapng => (section_header(), Layout::Pcapng(Numbers::default())),
        };
        output.write(&header)?;
        Ok(Writer { output, layout })
    }

    /// Writes a record of the input with this number.
    ///
    /// # Errors
    /// If the output cannot be written.
    #[inline]
    pub fn write(&mut self, input: usize, record: &Record<'_>) -> Result<(), CaptureError> {
        match &mut self.layout {
            Layout::Pcap(clock) => write_record(&mut self.output, record, *clock),
            Layout::Pcapng(numbers) => {
                let number = match numbers.get(input, record.interface.index) {
                    Some(number) => number,
                    None => {
                        self.output.write(&interface_description(record.interface))?;
                        numbers.assign(input, record.interface.index)
                    }
                };
                write_block(&mut self.output, record, number)
            }
        }
    }

    /// Flushes the output for readers that may wait for it, as [`Output::flush_to_readers`] does.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn flush_to_readers(&mut self) -> Result<(), CaptureError> {
        self.output.flush_to_readers()
    }

    /// Writes what is left to write, behind all records: then only its name is missing. A pcapng file without packets
    /// gets the interfaces of `inputs`, since libpcap refuses one that has none.
    ///
    /// # Errors
    /// If the rest cannot be written.
    pub fn complete(&mut self, inputs: &[Reader]) -> Result<(), CaptureError> {
        if let Layout::Pcapng(numbers @ Numbers { next: 0, .. }) = &mut self.layout {
            for (input, reader) in inputs.iter().enumerate() {
                for interface in reader.interfaces() {
                    self.output.write(&interface_description(interface))?;
                    numbers.assign(input, interface.index);
                }
            }
        }
        self.output.flush()
    }

    /// Completes the output, and finishes it, as [`Output::finish`] does.
    ///
    /// # Errors
    /// If the rest cannot be written, or the file not be named.
    pub fn finish(mut self, inputs: &[Reader]) -> Result<(), CaptureError> {
        self.complete(inputs)?;
        self.output.finish()
    }
}

impl Numbers {
    fn get(&self, input: usize, index: usize) -> Option<u32> {
        *self.by_input.get(input)?.get(index)?
    }

    fn assign(&mut self, input: usize, index: usize) -> u32 {
        if self.by_input.len() <= input {
            self.by_input.resize(input + 1, Vec::new());
        }
        let numbers = &mut self.by_input[input];
        if numbers.len() <= index {
            numbers.resize(index + 1, None);
        }
        let number = self.next;
        numbers[index] = Some(number);
        self.next += 1;
        number
    }
}

fn write_record(output: &mut Output, record: &Record<'_>, clock: Clock) -> Result<(), CaptureError> {
    let (seconds, fraction) = seconds_and_fraction(record, clock);
    let captured = record.data.len() as u32;
    output.write([seconds, fraction, captured, record.wire_len].map(u32::to_le_bytes).as_flattened())?;
    output.write(record.data)
}

/// The time of a record of pcap in the two words of pcap.
fn seconds_and_fraction(record: &Record<'_>, clock: Clock) -> (u32, u32) {
    let finer = clock != record.interface.clock;
    let ticks = if finer { record.ticks.saturating_mul(1000) } else { record.ticks };
    let per_second = if clock == Clock::NANOSECONDS { 1_000_000_000 } else { 1_000_000 };
    // A fraction too large to be carried into the last second stays where it was.
    let seconds = (ticks / per_second).min(u32::MAX.into());
    let fraction = (ticks - seconds * per_second).min(u32::MAX.into());
    (seconds as u32, fraction as u32)
}

fn write_block(output: &mut Output, record: &Record<'_>, interface: u32) -> Result<(), CaptureError> {
    let captured = record.data.len() as u32;
    let padding = captured.wrapping_neg() % 4;
    let length = 32 + captured + padding;
    let (high, low) = ((record.ticks >> 32) as u32, record.ticks as u32);
    let head = [pcap_parser::EPB_MAGIC, length, interface, high, low, captured, record.wire_len];
    output.write(head.map(u32::to_le_bytes).as_flattened())?;
    output.write(record.data)?;
    output.write(&[0; 3][..padding as usize])?;
    output.write(&length.to_le_bytes())
}

fn file_header(interface: &Interface) -> Vec<u8> {
    let magic: u32 = if interface.clock == Clock::NANOSECONDS { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let version = 4 << 16 | 2;
    let network = u32::from(interface.link_extra) << 16 | u32::from(interface.link_type);
    bytes(&[magic, version, 0, 0, interface.snaplen, network])
}

fn section_header() -> Vec<u8> {
    let version = 1;
    let unknown_length = u32::MAX;
    block(pcap_parser::SHB_MAGIC, &bytes(&[pcap_parser::BOM_MAGIC, version, unknown_length, unknown_length]))
}

fn interface_description(interface: &Interface) -> Vec<u8> {
    let mut content = bytes(&[interface.link_type.into(), interface.snaplen]);
    for (code, value) in &interface.options {
        push_option(&mut content, *code, value);
    }
    if interface.link_extra & FCS_PRESENT != 0 {
        let bits = (interface.link_extra >> 12) as u8 * 16;
        push_option(&mut content, IF_FCSLEN, &[bits]);
    }
    push_option(&mut content, OptionCode::IfTsresol.0, &[interface.clock.resolution]);
    if interface.clock.offset != 0 {
        push_option(&mut content, OptionCode::IfTsoffset.0, &interface.clock.offset.to_le_bytes());
    }
    push_option(&mut content, OptionCode::EndOfOpt.0, &[]);
    block(pcap_parser::IDB_MAGIC, &content)
}

/// Appends an option with its padding. Its value came out of an option, so its length is a `u16`.
fn push_option(content: &mut Vec<u8>, code: u16, value: &[u8]) {
    content.extend(code.to_le_bytes());
    content.extend((value.len() as u16).to_le_bytes());
    content.extend(value);
    content.resize(content.len().next_multiple_of(4), 0);
}

/// A block of `content`, which is a whole number of words.
fn block(kind: u32, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u32 + 12;
    [&bytes(&[kind, length]), content, &bytes(&[length])].concat()
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
