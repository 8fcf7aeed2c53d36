//! What a program may ask for beside the packet.

use crate::ir::{Graph, Known, Value};
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;

/// Something that compiled code finds neither in the packet nor in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Ancillary(Extension),
    /// Where a header begins.
    Header(Header),
}

impl Fact {
    /// The place of this fact among all of them.
    pub(crate) fn index(self) -> usize {
        match self {
            Fact::Ancillary(extension) => extension.index(),
            Fact::Header(header) => Extension::COUNT + header as usize,
        }
    }
}

impl Graph {
    /// The facts that the program may ask for, some more than once.
    pub(crate) fn facts(&self) -> impl Iterator<Item = Fact> {
        self.values.iter().flat_map(|value| {
            let (extension, headers) = match value {
                Value::Ancillary(extension) | Value::Find(extension, ..) => (Some(extension), &[][..]),
                Value::Random(_) => (Some(Extension::Random), &[][..]),
                Value::Position(offset) => (None, self.values.known(offset).headers()),
                _ => (None, &[][..]),
            };
            extension.map(Fact::Ancillary).into_iter().chain(headers.iter().copied().map(Fact::Header))
        })
    }
}

impl Known {
    /// The headers that an offset may be relative to.
    pub(crate) fn headers(self) -> &'static [Header] {
        match (self.max >= Header::Network.base(), self.min >= Header::Network.base()) {
            (true, true) => &[Header::Network],
            (true, false) => &[Header::Network, Header::Link],
            (false, _) if self.max >= Header::FIRST_OFFSET => &[Header::Link],
            (false, _) => &[],
        }
    }

    /// Whether an offset is surely relative to a header.
    pub(crate) fn is_relative(self) -> bool {
        self.min >= Header::FIRST_OFFSET
    }
}
