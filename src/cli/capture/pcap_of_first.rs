//! Writing a pcap file whose link type is that of the first packet.
//!
//! - The clock counts nanoseconds if an input or an interface is known to need it when the header is written, and
//!   microseconds otherwise. Time stamps of finer clocks are cut to nanoseconds.
//! - A packet that does not fit is an error: of another link type, outside the years of the clock, between its ticks,
//!   or too long.

use cbpf::LinkType;

use super::error::CaptureError;
use super::link_layer::max_packet;
use super::pcap;
use super::pcapng_block::{Block, IF_TSRESOL, INTERFACE};
use super::{ByteOrder, CaptureTime, Clock, Interface, Output, Reader, Record};

const NANOSECONDS: i128 = 1_000_000_000;

/// Writes the records of any inputs to a pcap file.
pub(super) struct PcapOfFirst {
    clock: Clock,
    /// The most captured bytes of a packet.
    pub(super) snaplen: Option<u32>,
    /// The interface in the header, if that was written.
    interface: Option<Interface>,
    /// The interface for a header without records.
    noted: Option<Interface>,
}

impl PcapOfFirst {
    /// Returns a writer whose clock is `clock` or a finer one.
    pub(super) fn new(clock: Clock) -> PcapOfFirst {
        PcapOfFirst { clock, snaplen: None, interface: None, noted: None }
    }

    /// Writes a record, and the header before the first one.
    pub(super) fn write(&mut self, output: &mut Output, record: &Record<'_>) -> Result<(), CaptureError> {
        let interface = match &self.interface {
            Some(interface) => interface,
            None => self.begin(output, record.interface)?,
        };
        let (expected, found) = (interface.link_type(), record.interface.link_type());
        if expected != found {
            return Err(output.unfit(format!("its packets are of {expected}, but one of {found} was read")));
        }
        let most = interface.snaplen;
        if record.data.len() > most as usize {
            let len = record.data.len();
            return Err(output.unfit(format!("packets have at most {most} bytes, but one of {len} was read")));
        }
        if record.block().is_none() {
            return pcap::write_record(output, record, self.clock);
        }
        let (seconds, fraction) = self.time(record).map_err(|reason| output.unfit(reason))?;
        pcap::write_record_at(output, record, seconds, fraction)
    }

    /// Takes note of an interface that needs a finer clock.
    pub(super) fn block(&mut self, block: &Block<'_>) {
        if self.interface.is_some() || block.kind() != INTERFACE {
            return;
        }
        let (_, mut options) = block.fields_and_options();
        let resolution = options.find(|option| option.code == IF_TSRESOL).and_then(|option| option.value.first());
        if resolution.is_some_and(|&resolution| !counts_microseconds(resolution)) {
            self.clock = Clock::NANOSECONDS;
        }
    }

    /// Takes note of an interface whose packets are read.
    pub(super) fn note(&mut self, interface: &Interface) {
        self.noted.get_or_insert_with(|| interface.clone());
    }

    /// Writes the header if there were no records: that of the first interface, or of Ethernet.
    pub(super) fn complete(&mut self, output: &mut Output, inputs: &[Reader]) -> Result<(), CaptureError> {
        if self.interface.is_none() {
            let ethernet = Interface {
                index: 0,
                link_type_number: LinkType::ETHERNET.number() as u16,
                link_type_flags: 0,
                snaplen: 0,
                clock: Clock::MICROSECONDS,
                order: ByteOrder::Little,
                name: None,
            };
            let noted = self.noted.take();
            let known = noted.as_ref().or_else(|| inputs.iter().flat_map(Reader::interfaces).next());
            self.begin(output, known.unwrap_or(&ethernet))?;
        }
        Ok(())
    }

    /// Writes a header like that of an interface, with a snaplen for packets of all interfaces.
    fn begin(&mut self, output: &mut Output, like: &Interface) -> Result<&Interface, CaptureError> {
        if !counts_microseconds(like.clock.resolution) {
            self.clock = Clock::NANOSECONDS;
        }
        let most = max_packet(like.link_type_number);
        let snaplen = self.snaplen.map_or(most, |snaplen| most.min(snaplen));
        let interface = Interface { snaplen, clock: self.clock, ..like.clone() };
        pcap::write_header(output, &interface)?;
        Ok(self.interface.insert(interface))
    }

    /// Returns the two words of the time stamp of a record from pcapng.
    fn time(&self, record: &Record<'_>) -> Result<(u32, u32), String> {
        let nanoseconds = record.nanoseconds();
        let (seconds, fraction) = (nanoseconds.div_euclid(NANOSECONDS), nanoseconds.rem_euclid(NANOSECONDS) as u32);
        let Ok(seconds) = u32::try_from(seconds) else {
            return Err(format!("its time stamps are of 1970 to 2106, but a packet is of second {seconds}"));
        };
        match self.clock == Clock::NANOSECONDS {
            true => Ok((seconds, fraction)),
            false if fraction % 1000 == 0 => Ok((seconds, fraction / 1000)),
            false => Err("it was begun with microseconds, but an interface counts nanoseconds".to_owned()),
        }
    }
}

/// Returns whether the ticks of a clock are whole microseconds.
fn counts_microseconds(resolution: u8) -> bool {
    // 2^-6 seconds are 15,625 microseconds.
    resolution & 0x7f <= 6
}

/// Returns whether an instant is between two nanoseconds.
pub(super) fn is_between_nanoseconds(clock: Clock, ticks: u64) -> bool {
    // 2^-9 seconds are 1,953,125 nanoseconds.
    let is_finer = clock.resolution & 0x7f > 9;
    is_finer && CaptureTime::of(clock, ticks) != CaptureTime::from_nanoseconds(clock.nanoseconds(ticks))
}
