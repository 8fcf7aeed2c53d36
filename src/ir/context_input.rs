//! Context inputs: what a program reads besides the packet.

use crate::ir::{Graph, KnownBits, Value};
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;

/// An input of compiled code that the packet does not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextInput {
    Ancillary(Extension),
    /// The offset of a header.
    Header(Header),
}

impl ContextInput {
    /// Returns the index of this input among all of them.
    pub(crate) fn index(self) -> usize {
        match self {
            ContextInput::Ancillary(extension) => extension.index(),
            ContextInput::Header(header) => Extension::COUNT + header as usize,
        }
    }
}

impl Graph {
    /// Returns the inputs that the program may read, some more than once.
    pub(crate) fn context_inputs(&self) -> impl Iterator<Item = ContextInput> {
        self.values.iter().flat_map(|value| {
            let (extension, headers) = match value {
                Value::Ancillary(extension) | Value::FindAttribute(extension, ..) => (Some(extension), &[][..]),
                Value::Random(_) => (Some(Extension::Random), &[][..]),
                Value::ResolvedOffset(offset) => (None, self.values.known(offset).headers()),
                _ => (None, &[][..]),
            };
            extension.map(ContextInput::Ancillary).into_iter().chain(headers.iter().copied().map(ContextInput::Header))
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
