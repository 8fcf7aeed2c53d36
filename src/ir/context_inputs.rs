//! The context inputs of a graph: what its verdict may depend on beside the bytes of the packet.

use crate::ir::{Graph, KnownBits, Value, ValueId};
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;

/// The context inputs of a program, one bit each: its ancillary loads, and the headers that its offsets may be relative
/// to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContextInputs(u32);

/// The bits of the ancillary loads; those of the headers follow.
const EXTENSIONS: u32 = (1 << Extension::COUNT) - 1;

const _: () = assert!(Extension::COUNT + 2 <= u32::BITS as usize, "a bit for each input");

impl ContextInputs {
    pub(crate) fn with_extension(self, extension: Extension) -> ContextInputs {
        ContextInputs(self.0 | 1 << extension.index())
    }

    fn with_header(self, header: Header) -> ContextInputs {
        ContextInputs(self.0 | 1 << (Extension::COUNT + header as usize))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains_header(self, header: Header) -> bool {
        self.0 & 1 << (Extension::COUNT + header as usize) != 0
    }

    pub(crate) fn contains_extension(self, extension: Extension) -> bool {
        self.0 & 1 << extension.index() != 0
    }

    pub(crate) fn has_extensions(self) -> bool {
        self.0 & EXTENSIONS != 0
    }

    /// Returns the ancillary loads.
    pub(crate) fn extensions(self) -> impl Iterator<Item = Extension> {
        let mut left = self.0 & EXTENSIONS;
        core::iter::from_fn(move || {
            let next = (left != 0).then(|| Extension::at(left.trailing_zeros() as usize));
            left &= left.wrapping_sub(1);
            next
        })
    }

    /// Returns whether the verdict may depend on the context; netlink attributes are found in the packet alone.
    pub(crate) fn need_context(self) -> bool {
        let in_packet = [Extension::NetlinkAttribute, Extension::NestedNetlinkAttribute];
        in_packet.iter().fold(self.0, |inputs, extension| inputs & !(1 << extension.index())) != 0
    }
}

impl Graph {
    /// Collects the context inputs.
    pub(crate) fn context_inputs(&self) -> ContextInputs {
        self.inputs_of(self.values.ids())
    }

    /// Collects the context inputs of some values.
    pub(crate) fn inputs_of(&self, values: impl Iterator<Item = ValueId>) -> ContextInputs {
        values.fold(ContextInputs::default(), |inputs, id| match self.value(id) {
            Value::Ancillary(extension) | Value::FindAttribute(extension, ..) => inputs.with_extension(extension),
            Value::Random(_) => inputs.with_extension(Extension::Random),
            Value::ResolvedOffset(offset) => {
                self.values.known(offset).headers().iter().fold(inputs, |inputs, &header| inputs.with_header(header))
            }
            _ => inputs,
        })
    }
}

impl KnownBits {
    /// Returns the headers that an offset may be relative to.
    pub(crate) fn headers(self) -> &'static [Header] {
        match (self.max >= Header::Network.base(), self.min >= Header::Network.base()) {
            (true, true) => &[Header::Network],
            (true, false) => &[Header::Network, Header::Link],
            (false, _) if self.max >= Header::FIRST_OFFSET => &[Header::Link],
            (false, _) => &[],
        }
    }

    /// Returns whether an offset is always relative to a header.
    pub(crate) fn is_relative(self) -> bool {
        self.min >= Header::FIRST_OFFSET
    }
}
