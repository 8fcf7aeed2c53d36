//! A [`Writer`] of pcap or pcapng.
//!
//! - The captured bytes, the length on the wire and the instant of every record are kept exactly.
//! - A pcap file is little-endian; sections of pcapng have the byte order of their inputs.

use std::path::Path;

use super::error::CaptureError;
use super::pcap;
use super::pcap_of_first::PcapOfFirst;
use super::pcapng_block::Block;
use super::pcapng_merger::PcapngMerger;
use super::pcapng_writer::PcapngWriter;
use super::{Clock, Interface, Output, Reader, Record};

/// The format of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// A pcap file with this interface, whose clock counts micro- or nanoseconds since 1970.
    Pcap(Interface),
    /// A pcap file of any inputs, with the link type of the first packet, and this clock or a finer one.
    PcapOfFirst(Clock),
    Pcapng,
    /// A pcapng file for records of all inputs by turns.
    PcapngMerged,
}

impl Format {
    /// Returns the format for records that come from the inputs by turns.
    pub fn merged(self) -> Format {
        if self == Format::Pcapng { Format::PcapngMerged } else { self }
    }

    /// Limits the number of captured bytes that the header of a pcap file states.
    pub fn with_snaplen(mut self, snaplen: Option<u32>) -> Format {
        if let (Format::Pcap(interface), Some(snaplen)) = (&mut self, snaplen) {
            interface.snaplen = interface.snaplen.min(snaplen);
        }
        self
    }

    /// Returns the file name extension.
    pub fn extension(&self) -> &'static str {
        match self {
            Format::Pcap(_) | Format::PcapOfFirst(_) => "pcap",
            Format::Pcapng | Format::PcapngMerged => "pcapng",
        }
    }

    /// Returns pcap if all of `inputs` are pcap files of one link type, else pcapng.
    pub fn of<'a>(inputs: impl IntoIterator<Item = &'a Reader>) -> Format {
        let known = inputs.into_iter().filter(|input| input.has_header());
        let interfaces: Option<Vec<_>> = known.map(Reader::pcap_interface).collect();
        let Some([first, others @ ..]) = interfaces.as_deref() else { return Format::Pcapng };
        let mut joined = Interface::clone(first);
        for other in others {
            if (other.link_type_number, other.link_type_flags) != (first.link_type_number, first.link_type_flags) {
                return Format::Pcapng;
            }
            joined.snaplen = joined.snaplen.max(other.snaplen);
            if other.clock == Clock::NANOSECONDS {
                joined.clock = other.clock;
            }
        }
        Format::Pcap(joined)
    }

    /// Returns pcap for inputs that may also be pcapng files; records that do not fit are errors.
    pub fn pcap_of_first<'a>(inputs: impl IntoIterator<Item = &'a Reader>) -> Format {
        let mut interfaces = inputs.into_iter().filter_map(Reader::pcap_interface);
        let is_finer = interfaces.any(|interface| interface.clock == Clock::NANOSECONDS);
        Format::PcapOfFirst(if is_finer { Clock::NANOSECONDS } else { Clock::MICROSECONDS })
    }

    /// Returns whether pcapng inputs lose what only pcapng can hold.
    pub(super) fn is_pcap(&self) -> bool {
        !matches!(self, Format::Pcapng)
    }
}

/// Writes the records of several inputs to one capture.
pub struct Writer {
    output: Output,
    encoder: Encoder,
}

enum Encoder {
    Pcap(Clock),
    PcapOfFirst(PcapOfFirst),
    Pcapng(PcapngWriter),
    Merged(PcapngMerger),
}

impl Writer {
    /// Writes the header of a pcap file of pcap inputs. Others are written with the first block or record.
    ///
    /// # Errors
    /// If it cannot be written, or the output is a terminal.
    pub fn new(mut output: Output, format: &Format) -> Result<Writer, CaptureError> {
        output.refuse_terminal()?;
        let encoder = match format {
            Format::Pcap(interface) => {
                pcap::write_header(&mut output, interface)?;
                Encoder::Pcap(interface.clock)
            }
            Format::PcapOfFirst(clock) => Encoder::PcapOfFirst(PcapOfFirst::new(*clock)),
            Format::Pcapng => Encoder::Pcapng(PcapngWriter::default()),
            Format::PcapngMerged => Encoder::Merged(PcapngMerger::default()),
        };
        Ok(Writer { output, encoder })
    }

    /// Limits the number of captured bytes that headers and interfaces state. That of a pcap file of pcap inputs is in
    /// its [`Format`].
    pub(super) fn set_snaplen(&mut self, snaplen: Option<u32>) {
        match &mut self.encoder {
            Encoder::Pcap(_) => {}
            Encoder::PcapOfFirst(pcap) => pcap.snaplen = snaplen,
            Encoder::Pcapng(pcapng) => pcapng.snaplen = snaplen,
            Encoder::Merged(merger) => merger.snaplen = snaplen,
        }
    }

    /// Begins the section of the input of a record, unless its blocks do.
    pub(super) fn begin(&mut self, input: usize, record: &Record<'_>) -> Result<(), CaptureError> {
        match &mut self.encoder {
            Encoder::Pcap(_) | Encoder::Merged(_) => Ok(()),
            Encoder::PcapOfFirst(pcap) => {
                pcap.note(record.interface);
                Ok(())
            }
            Encoder::Pcapng(pcapng) => pcapng.begin_with(&mut self.output, input, record),
        }
    }

    /// Returns the number of bytes written.
    pub(super) fn len(&self) -> u64 {
        self.output.len()
    }

    /// Returns the path of the temporary file, as [`Output::temporary`] does.
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.output.temporary()
    }

    /// Writes a record of the input with this number. The earlier blocks of the input were passed to [`Writer::block`],
    /// and all pieces of an input are passed before those of the next one.
    #[inline]
    pub fn write(&mut self, input: usize, record: &Record<'_>) -> Result<(), CaptureError> {
        match &mut self.encoder {
            Encoder::Pcap(clock) => pcap::write_record(&mut self.output, record, *clock),
            Encoder::PcapOfFirst(pcap) => pcap.write(&mut self.output, record),
            Encoder::Pcapng(pcapng) => pcapng.write(&mut self.output, input, record),
            Encoder::Merged(merger) => merger.write(&mut self.output, input, record),
        }
    }

    /// Writes a block without a packet of the input with this number.
    pub fn block(&mut self, input: usize, block: &Block<'_>) -> Result<(), CaptureError> {
        match &mut self.encoder {
            // All inputs are pcap, which has no blocks.
            Encoder::Pcap(_) => Ok(()),
            Encoder::PcapOfFirst(pcap) => {
                pcap.block(block);
                Ok(())
            }
            Encoder::Pcapng(pcapng) => pcapng.block(&mut self.output, input, block),
            Encoder::Merged(merger) => merger.block(&mut self.output, input, block),
        }
    }

    /// Flushes the output if it is a pipe or a device, as [`Output::flush_to_readers`] does.
    pub fn flush_to_readers(&mut self) -> Result<(), CaptureError> {
        self.output.flush_to_readers()
    }

    /// Returns the number of blocks and lists of options that could not be merged.
    pub fn unmerged(&self) -> u64 {
        if let Encoder::Merged(merger) = &self.encoder { merger.left_out } else { 0 }
    }

    /// Writes everything that is pending, but does not give the file its name yet. Nothing may follow. A pcapng file
    /// without interfaces
    /// gets those of pcap `inputs`, since libpcap rejects one that has none.
    pub fn complete(&mut self, inputs: &[Reader]) -> Result<(), CaptureError> {
        match &mut self.encoder {
            Encoder::Pcap(_) => {}
            Encoder::PcapOfFirst(pcap) => pcap.complete(&mut self.output, inputs)?,
            Encoder::Pcapng(pcapng) => pcapng.complete(&mut self.output, inputs)?,
            Encoder::Merged(merger) => merger.complete(&mut self.output, inputs)?,
        }
        self.output.complete()
    }

    /// Keeps what was written before an error, as [`Output::keep_written`] does.
    pub(super) fn keep_written(self) -> bool {
        self.output.keep_written()
    }

    /// Begins the section of a capture from an interface, before there are packets.
    pub(super) fn begin_interface(&mut self, interface: &Interface) -> Result<(), CaptureError> {
        match &mut self.encoder {
            Encoder::Pcapng(pcapng) => pcapng.begin(&mut self.output, 0, interface),
            Encoder::Pcap(_) | Encoder::PcapOfFirst(_) | Encoder::Merged(_) => Ok(()),
        }
    }

    /// Writes everything that is pending.
    pub(super) fn flush(&mut self) -> Result<(), CaptureError> {
        self.output.flush()
    }

    /// Completes the output, and finishes it, as [`Output::finish`] does.
    ///
    /// # Errors
    /// If the output cannot be written, or the file cannot be renamed.
    pub fn finish(mut self, inputs: &[Reader]) -> Result<(), CaptureError> {
        self.complete(inputs)?;
        self.output.finish()
    }
}
