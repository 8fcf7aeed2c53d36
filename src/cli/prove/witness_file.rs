//! The capture of the packet of an answer.

use std::path::Path;

use cbpf::prove::Witness;
use cbpf::{Context, Dialect, LinkType};

use crate::cli::capture::{ByteOrder, Clock, Format, Interface, Output, Record, Writer};
use crate::cli::failure::{Failure, say};

/// The snaplen of the file, unless the packet is longer.
const SNAPLEN: u32 = 262_144;

/// Writes a packet as a pcap file. Notes on standard error what the file cannot hold.
///
/// # Errors
/// If the file cannot be written, or for system calls.
pub fn write(path: &Path, witness: &Witness, dialect: Dialect, link_type: LinkType) -> Result<(), Failure> {
    if dialect == Dialect::Seccomp {
        return Err(Failure::Failed("--write needs packets; there is no capture of a system call".to_owned()));
    }
    let number = u16::try_from(link_type.number());
    let number = number.map_err(|_| Failure::Failed(format!("{link_type} is too large for a capture")))?;
    let interface = Interface {
        index: 0,
        link_type_number: number,
        link_type_flags: 0,
        snaplen: SNAPLEN.max(witness.data().len() as u32),
        clock: Clock::MICROSECONDS,
        order: ByteOrder::Little,
        name: None,
    };
    let record = Record::new(witness.data(), witness.wire_len(), &interface);
    let mut writer = Writer::new(Output::create(path)?, &Format::Pcap(interface.clone()))?;
    writer.write(0, &record)?;
    writer.finish(&[])?;
    if *witness.context() != Context::default() {
        say("cbpf: note: the capture does not hold the context of the packet");
    }
    Ok(())
}
