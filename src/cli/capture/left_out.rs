//! What is left out of copies of pcapng inputs.

use std::fmt;

use super::pcap_of_first::is_between_nanoseconds;
use super::pcapng_block::{Block, COMMENT, END_OF_OPTIONS, IF_TSOFFSET, IF_TSRESOL, INTERFACE, SECTION};
use super::{Format, Record};

/// Counts the content of pcapng inputs that is left out of, or changed in, pcapng outputs.
#[derive(Default)]
pub struct LeftOut {
    blocks: u64,
    options: u64,
    simple_packets: u64,
    /// What a pcap file cannot hold, if that is the format.
    pcap: Option<PcapLeftOut>,
}

/// Counts the content of pcapng inputs for which pcap has no place.
#[derive(Default)]
struct PcapLeftOut {
    comments: u64,
    options: u64,
    blocks: u64,
    cut_times: u64,
}

impl LeftOut {
    /// Returns zero counts for outputs of this format.
    pub fn of(format: &Format) -> LeftOut {
        LeftOut { pcap: format.is_pcap().then(PcapLeftOut::default), ..LeftOut::default() }
    }

    /// Counts the uncopied content of a block without a packet.
    pub fn block(&mut self, block: &Block<'_>) {
        if let Some(pcap) = &mut self.pcap {
            return pcap.block(block);
        }
        match block.is_copied() {
            true => self.options(block),
            false => self.blocks += 1,
        }
    }

    /// Counts the uncopied content of a record, which may have been cut.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>) {
        let Some(block) = record.block() else { return };
        if let Some(pcap) = &mut self.pcap {
            return pcap.record(record, &block);
        }
        self.options(&block);
        self.simple_packets += u64::from(record.is_cut_simple_packet());
    }

    fn options(&mut self, block: &Block<'_>) {
        self.options += block.fields_and_options().1.uncopied().count() as u64;
    }

    /// Returns whether everything is copied.
    pub fn is_empty(&self) -> bool {
        let is_copied = self.pcap.as_ref().is_none_or(PcapLeftOut::is_empty);
        is_copied && (self.blocks, self.options, self.simple_packets) == (0, 0, 0)
    }
}

impl PcapLeftOut {
    fn block(&mut self, block: &Block<'_>) {
        match block.kind() {
            SECTION | INTERFACE => self.options(block),
            _ => self.blocks += 1,
        }
    }

    fn record(&mut self, record: &Record<'_>, block: &Block<'_>) {
        self.options(block);
        self.cut_times += u64::from(is_between_nanoseconds(record.interface.clock, record.ticks));
    }

    fn options(&mut self, block: &Block<'_>) {
        for option in block.fields_and_options().1 {
            match (option.code, block.kind()) {
                (END_OF_OPTIONS, _) | (IF_TSRESOL | IF_TSOFFSET, INTERFACE) => {}
                (COMMENT, _) => self.comments += 1,
                _ => self.options += 1,
            }
        }
    }

    fn is_empty(&self) -> bool {
        (self.comments, self.options, self.blocks, self.cut_times) == (0, 0, 0, 0)
    }
}

impl fmt::Display for PcapLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [counted(self.comments, "comment"), counted(self.options, "other option"), counted(self.blocks, "block")];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            write!(f, "pcap has no place for {}, which were left out", parts.join(", "))?;
        }
        if let Some(cut) = counted(self.cut_times, "time stamp") {
            let separator = if parts.is_empty() { "" } else { "; " };
            write!(f, "{separator}cut to nanoseconds: {cut}")?;
        }
        Ok(())
    }
}

fn counted(count: u64, noun: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        count => Some(format!("{count} {noun}s")),
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pcap) = &self.pcap {
            return pcap.fmt(f);
        }
        let marked = [counted(self.blocks, "custom block"), counted(self.options, "custom option")];
        let marked: Vec<_> = marked.into_iter().flatten().collect();
        if !marked.is_empty() {
            write!(f, "{} marked as not to be copied were left out", marked.join(" and "))?;
        }
        if let Some(cut) = counted(self.simple_packets, "simple packet block") {
            let separator = if marked.is_empty() { "" } else { "; " };
            write!(f, "{separator}{cut}, which cannot be cut, became enhanced with time 0")?;
        }
        Ok(())
    }
}
