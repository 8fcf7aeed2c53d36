//! A [`Writer`] of pcap or pcapng.
//!
//! - The captured bytes, the length on the wire and the instant of every record are kept exactly.
//! - From pcap to pcap, the words of a time stamp are copied as they are, even if the fraction is a second or more, as in
//!   broken files. Where micro- become nanoseconds, what is too large for the fraction is carried into the seconds.
//! - A pcap file is little-endian; sections of pcapng are as in their inputs.

use super::block::Block;
use super::error::CaptureError;
use super::sections::{Sections, bytes};
use super::{Clock, Interface, Output, Reader, Record};

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
    Pcapng(Sections),
}

impl Writer {
    /// Writes the header of `format`. That of pcapng comes with the first block or record.
    ///
    /// # Errors
    /// If `output` cannot be written.
    pub fn new(mut output: Output, format: &Format) -> Result<Writer, CaptureError> {
        let layout = match format {
            Format::Pcap(interface) => {
                output.write(&file_header(interface))?;
                Layout::Pcap(interface.clock)
            }
            Format::Pcapng => Layout::Pcapng(Sections::default()),
        };
        Ok(Writer { output, layout })
    }

    /// Writes a record of the input with this number. The blocks before it have been given to [`Writer::block`], and
    /// inputs follow each other.
    ///
    /// # Errors
    /// If the output cannot be written.
    #[inline]
    pub fn write(&mut self, input: usize, record: &Record<'_>) -> Result<(), CaptureError> {
        match &mut self.layout {
            Layout::Pcap(clock) => write_record(&mut self.output, record, *clock),
            Layout::Pcapng(sections) => sections.write(&mut self.output, input, record),
        }
    }

    /// Writes a block without a packet of the input with this number.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn block(&mut self, input: usize, block: &Block<'_>) -> Result<(), CaptureError> {
        match &mut self.layout {
            // Only of pcap inputs an output is pcap, and these have no blocks.
            Layout::Pcap(_) => Ok(()),
            Layout::Pcapng(sections) => sections.block(&mut self.output, input, block),
        }
    }

    /// Flushes the output for readers that may wait for it, as [`Output::flush_to_readers`] does.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn flush_to_readers(&mut self) -> Result<(), CaptureError> {
        self.output.flush_to_readers()
    }

    /// Writes what is left to write, behind all records: then only its name is missing. A pcapng file without
    /// interfaces gets those of pcap `inputs`, since libpcap refuses one that has none.
    ///
    /// # Errors
    /// If the rest cannot be written.
    pub fn complete(&mut self, inputs: &[Reader]) -> Result<(), CaptureError> {
        if let Layout::Pcapng(sections) = &mut self.layout {
            sections.complete(&mut self.output, inputs)?;
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
    let whole = ticks / per_second;
    let split_at = |seconds: u64| (u32::try_from(seconds), u32::try_from(ticks - seconds * per_second));
    let as_it_was = split_at(whole.saturating_sub(record.carried.into()));
    let (Ok(seconds), Ok(fraction)) = as_it_was else {
        // What does not fit into the seconds stays in the fraction, as far as it fits there.
        let (seconds, fraction) = split_at(whole.min(u32::MAX.into()));
        return (seconds.unwrap_or(u32::MAX), fraction.unwrap_or(u32::MAX));
    };
    (seconds, fraction)
}

fn file_header(interface: &Interface) -> Vec<u8> {
    let magic: u32 = if interface.clock == Clock::NANOSECONDS { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let version = 4 << 16 | 2;
    let network = u32::from(interface.link_extra) << 16 | u32::from(interface.link_type);
    bytes(&[magic, version, 0, 0, interface.snaplen, network])
}
