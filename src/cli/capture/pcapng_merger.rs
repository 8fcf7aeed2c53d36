//! Writing pcapng files whose packets come from several inputs by turns.
//!
//! - All inputs share one little-endian section, as mergecap makes it. Each of their interfaces becomes one of it, with
//!   its options; packets keep their clocks and options.
//! - Names and secrets of little-endian sections are copied, and statistics refer to the new interfaces.
//! - What cannot be copied is counted: the options of sections, and the options and other blocks of big-endian sections,
//!   whose layout only their authors know.

use std::collections::BTreeMap;

use super::error::CaptureError;
use super::pcapng_block::{
    Block, ENHANCED_PACKET, INTERFACE, INTERFACE_STATISTICS, Options, PACKET_FIELDS, SECTION, SIMPLE_PACKET,
};
use super::pcapng_writer::{self, interface_description, limited, padding, section_header};
use super::{ByteOrder, Interface, Output, Reader, Record};

/// An interface of an input: the number of the input, that of its section, and its position there.
type Key = (usize, u64, usize);

/// Writes blocks and records of all inputs as one section.
#[derive(Default)]
pub(super) struct PcapngMerger {
    has_begun: bool,
    /// The numbers of the sections that the inputs have begun.
    sections: BTreeMap<usize, (u64, usize)>,
    /// The interfaces of the output.
    interfaces: BTreeMap<Key, u32>,
    /// The number of lists of options, and of blocks, that were left out.
    pub(super) left_out: u64,
    /// The most bytes of a packet, if packets are cut.
    pub(super) snaplen: Option<u32>,
}

impl PcapngMerger {
    /// Writes a record.
    pub(super) fn write(&mut self, output: &mut Output, input: usize, record: &Record) -> Result<(), CaptureError> {
        let interface = self.interface(output, input, record.interface)?;
        let options = match record.block() {
            Some(block) if block.kind() != SIMPLE_PACKET => block.fields_and_options().1,
            _ => Options::none(),
        };
        let captured = record.data.len();
        let is_copied = record.interface.order == ByteOrder::Little;
        self.left_out += u64::from(!is_copied && !options.list.is_empty());
        let options = if is_copied { options } else { Options::none() };
        let left_out: usize = options.uncopied().map(|option| option.end - option.start).sum();
        let length = PACKET_FIELDS + captured + padding(captured).len() + options.list.len() - left_out + 4;
        let (high, low) = ((record.ticks >> 32) as u32, record.ticks as u32);
        let head = [ENHANCED_PACKET, length as u32, interface, high, low, captured as u32, record.wire_len];
        output.write(head.map(u32::to_le_bytes).as_flattened())?;
        output.write(record.data)?;
        output.write(padding(captured))?;
        pcapng_writer::write_options(output, &options)?;
        output.write(&(length as u32).to_le_bytes())
    }

    /// Writes a block without a packet.
    pub(super) fn block(&mut self, output: &mut Output, input: usize, block: &Block) -> Result<(), CaptureError> {
        let (fields, options) = block.fields_and_options();
        let is_little = block.order == ByteOrder::Little;
        let (section, described) = self.sections.entry(input).or_insert((0, 0));
        match block.kind() {
            SECTION => {
                (*section, *described) = (*section + 1, 0);
                self.left_out += u64::from(!options.list.is_empty());
                Ok(())
            }
            INTERFACE => {
                let key = (input, *section, *described);
                *described += 1;
                // The interface of a big-endian section is written with its first packet.
                if !is_little {
                    self.left_out += u64::from(!options.list.is_empty());
                    return Ok(());
                }
                self.begin(output)?;
                self.interfaces.insert(key, self.interfaces.len() as u32);
                pcapng_writer::write_block(output, block, &[fields], &options)
            }
            INTERFACE_STATISTICS if is_little && fields.len() >= 4 => {
                let key = (input, *section, block.word(8) as usize);
                let Some(interface) = self.interfaces.get(&key) else { return Ok(()) };
                let interface = interface.to_le_bytes();
                pcapng_writer::write_block(output, block, &[&interface, &fields[4..]], &options)
            }
            _ if is_little && block.is_copied() => {
                self.begin(output)?;
                pcapng_writer::write_block(output, block, &[fields], &options)
            }
            _ => {
                self.left_out += u64::from(block.is_copied());
                Ok(())
            }
        }
    }

    /// Describes the interfaces of pcap inputs if no interface has been described, and begins the section.
    pub(super) fn complete(&mut self, output: &mut Output, inputs: &[Reader]) -> Result<(), CaptureError> {
        self.begin(output)?;
        if !self.interfaces.is_empty() {
            return Ok(());
        }
        let mut known = inputs.iter().enumerate().filter_map(|(input, reader)| Some((input, reader.pcap_interface()?)));
        known.try_for_each(|(input, interface)| self.interface(output, input, interface).map(drop))
    }

    /// Begins the section, if that has not been done.
    fn begin(&mut self, output: &mut Output) -> Result<(), CaptureError> {
        if self.has_begun {
            return Ok(());
        }
        self.has_begun = true;
        output.write(&section_header())
    }

    /// Returns the number of an interface of an input, and describes it if that has not been done.
    fn interface(&mut self, output: &mut Output, input: usize, interface: &Interface) -> Result<u32, CaptureError> {
        let section = self.sections.get(&input).map_or(0, |(section, _)| *section);
        let key = (input, section, interface.index);
        if let Some(&number) = self.interfaces.get(&key) {
            return Ok(number);
        }
        self.begin(output)?;
        let number = self.interfaces.len() as u32;
        self.interfaces.insert(key, number);
        let snaplen = self.snaplen.map_or(interface.snaplen, |most| limited(interface.snaplen, most));
        output.write(&pcapng_writer::block(INTERFACE, &interface_description(interface, snaplen)))?;
        Ok(number)
    }
}
