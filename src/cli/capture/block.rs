//! The blocks of pcapng: their kinds, and the options behind their fields.
//!
//! A block is copied as it is stored, in the byte order of its section, so nothing of it has to be understood. What is
//! looked at here is only what a copy may leave out: the spec has custom blocks and options that should not be copied
//! when a file is filtered, since they may depend on packets that are gone.

use std::fmt;

use super::Record;

pub(super) const SECTION: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
/// A custom block that should not be copied.
const UNCOPIED_BLOCK: u32 = 0x4000_0bad;

pub(super) const END_OF_OPTIONS: u16 = 0;
/// Custom options that should not be copied: a string, and bytes.
const UNCOPIED_OPTIONS: [u16; 2] = [19372, 19373];

/// Where the data of an enhanced and of an obsolete packet block begin, whose fields differ in one word only.
pub(super) const PACKET_FIELDS: usize = 28;
/// Where such a block states how many bytes were captured.
pub(super) const CAPTURED: usize = 20;
/// Where the data of a simple packet block begin.
pub(super) const SIMPLE_FIELDS: usize = 12;

/// A whole block, as it is stored. Its length was found to be that of `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub(super) bytes: &'a [u8],
    /// The byte order of its section.
    pub(super) big_endian: bool,
}

impl<'a> Block<'a> {
    #[inline]
    pub(super) fn kind(&self) -> u32 {
        word(self.bytes, 0, self.big_endian)
    }

    /// Whether an output of pcapng gets it.
    pub(super) fn is_copied(&self) -> bool {
        self.kind() != UNCOPIED_BLOCK
    }

    /// The fields before the options, without kind and length, and the options. A block of a kind that is not known has
    /// no options that could be found.
    pub(super) fn parts(&self) -> (&'a [u8], &'a [u8]) {
        let body = &self.bytes[8..self.bytes.len() - 4];
        let fields = self.fields_end().map_or(body.len(), |end| (end - 8).min(body.len()));
        body.split_at(fields)
    }

    /// Where the data of a packet block begin.
    pub(super) fn data_start(&self) -> usize {
        if self.kind() == SIMPLE_PACKET { SIMPLE_FIELDS } else { PACKET_FIELDS }
    }

    /// Where the options begin; that may be behind the end of a block that is damaged.
    fn fields_end(&self) -> Option<usize> {
        let padded = |at: usize| {
            let field = self.bytes.get(at..at + 4)?;
            (word(field, 0, self.big_endian) as usize).checked_next_multiple_of(4)
        };
        match self.kind() {
            SECTION => Some(24),
            INTERFACE => Some(16),
            INTERFACE_STATISTICS => Some(20),
            DECRYPTION_SECRETS => Some(16 + padded(12)?),
            ENHANCED_PACKET | OBSOLETE_PACKET => Some(PACKET_FIELDS + padded(CAPTURED)?),
            // Its records end as options do.
            NAME_RESOLUTION => {
                let body = &self.bytes[8..self.bytes.len() - 4];
                let records = Options::new(body, self.big_endian).find(|record| record.code == END_OF_OPTIONS)?;
                Some(8 + records.end)
            }
            _ => None,
        }
    }
}

/// An option, or a record of names, which look the same.
#[derive(Clone, Copy)]
pub(super) struct BlockOption<'a> {
    pub(super) code: u16,
    pub(super) value: &'a [u8],
    /// Where it begins in the list, and ends with its padding.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl BlockOption<'_> {
    pub(super) fn is_copied(&self) -> bool {
        !UNCOPIED_OPTIONS.contains(&self.code)
    }
}

/// A list of options, up to its end mark, or to an option that is longer than the list.
#[derive(Clone)]
pub(super) struct Options<'a> {
    list: &'a [u8],
    next: usize,
    big_endian: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(list: &'a [u8], big_endian: bool) -> Options<'a> {
        Options { list, next: 0, big_endian }
    }

    /// Whether an option claims more bytes than are left of the list.
    pub(super) fn is_damaged(&self) -> bool {
        let mut rest = self.clone();
        rest.by_ref().for_each(drop);
        rest.next < rest.list.len()
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = BlockOption<'a>;

    fn next(&mut self) -> Option<BlockOption<'a>> {
        let start = self.next;
        let head = self.list.get(start..start + 4)?;
        let (code, len) = (half(head, 0, self.big_endian), half(head, 2, self.big_endian));
        let value = self.list.get(start + 4..start + 4 + usize::from(len))?;
        let end = (start + 4 + value.len()).next_multiple_of(4).min(self.list.len());
        self.next = if code == END_OF_OPTIONS { self.list.len() } else { end };
        Some(BlockOption { code, value, start, end })
    }
}

/// Counts what outputs of pcapng do not get of the blocks of inputs.
#[derive(Default)]
pub struct LeftOut {
    blocks: u64,
    options: u64,
    times: u64,
}

impl LeftOut {
    /// Counts what is not copied of a block without a packet.
    pub fn block(&mut self, block: &Block<'_>) {
        match block.is_copied() {
            true => self.options(block),
            false => self.blocks += 1,
        }
    }

    /// Counts what is not copied of a record, which may have been cut.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>) {
        let Some(block) = record.block() else { return };
        self.options(&block);
        self.times += u64::from(record.is_cut_simple_packet());
    }

    fn options(&mut self, block: &Block<'_>) {
        let options = Options::new(block.parts().1, block.big_endian);
        self.options += options.filter(|option| !option.is_copied()).count() as u64;
    }

    /// Whether everything is copied.
    pub fn is_empty(&self) -> bool {
        (self.blocks, self.options, self.times) == (0, 0, 0)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: u64, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            count => Some(format!("{count} {what}s")),
        };
        let marked = [counted(self.blocks, "custom block"), counted(self.options, "custom option")];
        let marked: Vec<_> = marked.into_iter().flatten().collect();
        if !marked.is_empty() {
            write!(f, "{} marked as not to be copied were left out", marked.join(" and "))?;
        }
        if let Some(cut) = counted(self.times, "simple packet block") {
            let separator = if marked.is_empty() { "" } else { "; " };
            write!(f, "{separator}{cut}, which cannot be cut, became enhanced with time 0")?;
        }
        Ok(())
    }
}

/// The 4 bytes at `at`, which must be there, as a number.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// The 2 bytes at `at`, which must be there, as a number.
#[inline]
pub(super) fn half(bytes: &[u8], at: usize, big_endian: bool) -> u16 {
    let bytes = [bytes[at], bytes[at + 1]];
    if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}
