//! The blocks of pcapng: their types, fields and options.
//!
//! A block is copied as it is stored, in the byte order of its section, without interpreting its content. Only the
//! custom blocks and options are recognised that the specification excludes from copies, since they may depend on
//! packets that a filter removed.

use super::magic::PCAPNG_SECTION;
use super::{ByteOrder, Record};

pub(super) const SECTION: u32 = PCAPNG_SECTION;
pub(super) const INTERFACE: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const NAME_RESOLUTION: u32 = 4;
pub(super) const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const DECRYPTION_SECRETS: u32 = 10;
/// A custom block that should not be copied.
const UNCOPIED_BLOCK: u32 = 0x4000_0bad;

pub(super) const BYTE_ORDER_MARK: u32 = 0x1a2b_3c4d;

pub(super) const END_OF_OPTIONS: u16 = 0;
pub(super) const COMMENT: u16 = 1;
pub(super) const IF_NAME: u16 = 2;
pub(super) const IF_TSRESOL: u16 = 9;
pub(super) const IF_FCSLEN: u16 = 13;
pub(super) const IF_TSOFFSET: u16 = 14;
/// The numbers of packets that were received and dropped, in the statistics of an interface.
pub(super) const ISB_IFRECV: u16 = 4;
pub(super) const ISB_IFDROP: u16 = 5;
/// Custom options that should not be copied: a string, and bytes.
const UNCOPIED_OPTIONS: [u16; 2] = [19372, 19373];

/// The offset of the data of an enhanced or obsolete packet block. The fields of the two differ in one word only.
pub(super) const PACKET_FIELDS: usize = 28;
/// The offset of the captured length in such a block.
pub(super) const CAPTURED: usize = 20;
/// The offset of the maximum captured length in an interface description block.
pub(super) const SNAPLEN: usize = 12;
/// The offset of the data of a simple packet block.
pub(super) const SIMPLE_FIELDS: usize = 12;

/// Returns whether blocks of this type hold a packet.
#[inline]
pub(super) fn is_packet(kind: u32) -> bool {
    matches!(kind, ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET)
}

/// A whole block, as it is stored. Its length field equals the length of `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub(super) bytes: &'a [u8],
    /// The byte order of its section.
    pub(super) order: ByteOrder,
}

/// A block that was copied from its buffer.
pub struct OwnedBlock {
    bytes: Vec<u8>,
    order: ByteOrder,
}

impl OwnedBlock {
    pub fn block(&self) -> Block<'_> {
        Block { bytes: &self.bytes, order: self.order }
    }
}

impl<'a> Block<'a> {
    pub fn to_owned(self) -> OwnedBlock {
        OwnedBlock { bytes: self.bytes.to_vec(), order: self.order }
    }

    /// Returns the block type.
    #[inline]
    pub(super) fn kind(&self) -> u32 {
        self.word(0)
    }

    /// Returns the 4 bytes at `at` as a number.
    #[inline]
    pub(super) fn word(&self, at: usize) -> u32 {
        self.order.read_u32(self.bytes, at)
    }

    /// Returns whether pcapng outputs get the block.
    pub(super) fn is_copied(&self) -> bool {
        self.kind() != UNCOPIED_BLOCK
    }

    /// Splits the body, without type and lengths, into fields and options. The options of a block of an unknown type
    /// cannot be located, and count as fields.
    pub(super) fn fields_and_options(&self) -> (&'a [u8], Options<'a>) {
        let body = self.body();
        let end = self.fields_end().map_or(body.len(), |end| (end - 8).min(body.len()));
        let (fields, options) = body.split_at(end);
        (fields, Options::new(options, self.order))
    }

    fn body(&self) -> &'a [u8] {
        &self.bytes[8..self.bytes.len() - 4]
    }

    /// Returns the offset of the options, which lies beyond the end of some damaged blocks.
    fn fields_end(&self) -> Option<usize> {
        let padded = |at: usize| {
            let field = self.bytes.get(at..at + 4)?;
            (self.order.read_u32(field, 0) as usize).checked_next_multiple_of(4)
        };
        match self.kind() {
            SECTION => Some(24),
            INTERFACE => Some(16),
            INTERFACE_STATISTICS => Some(20),
            DECRYPTION_SECRETS => Some(16 + padded(12)?),
            ENHANCED_PACKET | OBSOLETE_PACKET => Some(PACKET_FIELDS + padded(CAPTURED)?),
            // The name records have the layout of options.
            NAME_RESOLUTION => {
                let mut records = Options::new(self.body(), self.order);
                Some(8 + records.find(|record| record.code == END_OF_OPTIONS)?.end)
            }
            _ => None,
        }
    }
}

/// An option, or a name resolution record, which has the same layout.
#[derive(Clone, Copy)]
pub(super) struct BlockOption<'a> {
    pub(super) code: u16,
    pub(super) value: &'a [u8],
    /// Its offset in the list.
    pub(super) start: usize,
    /// The offset after its padding.
    pub(super) end: usize,
}

/// A list of options, up to its end mark, or to an option that is longer than the list.
#[derive(Clone)]
pub(super) struct Options<'a> {
    pub(super) list: &'a [u8],
    next: usize,
    order: ByteOrder,
}

impl<'a> Options<'a> {
    /// Returns an empty list.
    pub(super) fn none() -> Options<'a> {
        Options::new(&[], ByteOrder::Little)
    }

    fn new(list: &'a [u8], order: ByteOrder) -> Options<'a> {
        Options { list, next: 0, order }
    }

    /// Returns whether an option claims more bytes than are left of the list.
    pub(super) fn is_damaged(&self) -> bool {
        let mut rest = self.clone();
        rest.by_ref().for_each(drop);
        rest.next < rest.list.len()
    }

    /// Returns the options that should not be copied.
    pub(super) fn uncopied(&self) -> impl Iterator<Item = BlockOption<'a>> + use<'a> {
        self.clone().filter(|option| UNCOPIED_OPTIONS.contains(&option.code))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = BlockOption<'a>;

    fn next(&mut self) -> Option<BlockOption<'a>> {
        let start = self.next;
        let head = self.list.get(start..start + 4)?;
        let (code, len) = (self.order.read_u16(head, 0), self.order.read_u16(head, 2));
        let value = self.list.get(start + 4..start + 4 + usize::from(len))?;
        let end = (start + 4 + value.len()).next_multiple_of(4).min(self.list.len());
        self.next = if code == END_OF_OPTIONS { self.list.len() } else { end };
        Some(BlockOption { code, value, start, end })
    }
}

impl<'a> Record<'a> {
    /// Returns the comments on a packet of pcapng, which should be UTF-8.
    pub fn comments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let options = self.block().into_iter().flat_map(|block| block.fields_and_options().1);
        options.filter(|option| option.code == COMMENT).map(|option| option.value)
    }
}
