//! The contents of registers: bytes of the packet, parts of its fields, and distances of headers.

use alloc::vec::Vec;

use crate::lang::meanings::fields::{Field, Notation, link};
use crate::packet::ancillary::Extension;

/// The content of a register or a scratch word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Unknown,
    Constant(u32),
    WireLen,
    Ancillary(Extension),
    Bytes(Bytes),
    /// The distance from the network header at this offset to a header after it: the length of an IPv4 header, and that
    /// of this number of extension headers.
    Distance(Place),
    /// The length of the extension header there and a constant: in units of its type, or in bytes.
    ExtensionUnits(Place),
    ExtensionBytes(Place),
    /// One of two fields of the same kind, depending on the path.
    Fields(Fields),
}

/// One or two whole fields of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) names: [&'static str; 2],
    pub(super) len: u32,
    pub(super) notation: Notation,
}

impl Fields {
    /// Returns the fields as one, with the first name.
    pub(super) fn part(&self) -> Part {
        let mask = width_mask(self.len);
        let field = link(self.len, self.names[0], self.notation);
        Part { field, first: 0, len: self.len, mask, field_mask: mask, below: 0 }
    }

    /// Returns the fields that are one of these or of others, if there are no more than two.
    pub(super) fn or(self, other: Fields) -> Option<Fields> {
        if (self.len, self.notation) != (other.len, other.notation) {
            return None;
        }
        let mut names: Vec<&'static str> = [self.names, other.names].concat();
        names.sort_unstable();
        names.dedup();
        match names[..] {
            [name] => Some(Fields { names: [name; 2], ..self }),
            [one, two] => Some(Fields { names: [one, two], ..self }),
            _ => None,
        }
    }
}

/// The place of a header after the network header at an offset: behind this number of extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) network: u32,
    pub(super) extensions: usize,
}

/// A number made of bytes of the packet: `(bytes & mask) >> shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    /// The header from whose start the offset counts; without one it counts from the start of the packet.
    pub(super) after: Option<Place>,
    pub(super) offset: u32,
    pub(super) len: u32,
    pub(super) mask: u32,
    pub(super) shift: u32,
}

/// The part of a field that a number covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) field: Field,
    /// The first byte of the field that was loaded, and the number of bytes.
    pub(super) first: u32,
    pub(super) len: u32,
    /// The bits of these bytes that belong to the field and are part of the number.
    pub(super) mask: u32,
    /// The bits of these bytes that belong to the field.
    pub(super) field_mask: u32,
    /// The number of bits of the load after these bytes.
    pub(super) below: u32,
}

impl Part {
    /// Returns whether the number has all bits of the field.
    pub(super) fn is_whole(&self) -> bool {
        self.len == self.field.len && self.mask == self.field_mask
    }

    /// Returns the value of the field's bits in a number of the load.
    pub(super) fn value(&self, number: u32) -> u32 {
        (number >> self.below & self.mask) >> self.field_mask.trailing_zeros().min(31)
    }
}

/// Returns the part of a field at an offset that a load covers.
pub(super) fn part(bytes: &Bytes, start: u32, field: Field) -> Option<Part> {
    let end = bytes.offset.checked_add(bytes.len)?.min(start.checked_add(field.len)?);
    let first = bytes.offset.max(start);
    let len = end.checked_sub(first).filter(|&len| len > 0)?;
    let below = 8 * (bytes.offset + bytes.len - end);
    let after = 8 * (start + field.len - end);
    let field_mask = if after < 32 { field.mask >> after } else { u32::MAX } & width_mask(len);
    let mask = bytes.mask >> below & field_mask;
    (mask != 0).then_some(Part { field, first: first - start, len, mask, field_mask, below })
}

/// Returns the bits of a number of 1 to 4 bytes.
pub(super) fn width_mask(bytes: u32) -> u32 {
    u32::MAX >> (32 - 8 * bytes.clamp(1, 4))
}
