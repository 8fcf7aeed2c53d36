//! What a set says of a packet.

use crate::set::part::Buffer;

/// The rules that keep a packet, in their order: a buffer that [`FilterSet::matches`](crate::FilterSet::matches) and
/// [`FilterSet::verdicts`](crate::FilterSet::verdicts) fill again and again, without allocating once it has grown.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    pub(super) ids: Vec<u32>,
    /// As many as ids, or none.
    pub(super) verdicts: Vec<u32>,
    pub(super) buffer: Buffer,
    /// Of a set that was changed: places in the order, ids and verdicts.
    pub(super) merged: Vec<(u64, u32, u32)>,
}

impl Matches {
    /// An empty buffer.
    pub fn new() -> Matches {
        Matches::default()
    }

    /// The ids of the rules, in the order of the set.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The verdicts of these rules, none of which is 0; empty unless [`FilterSet::verdicts`](crate::FilterSet::verdicts)
    /// was asked.
    pub fn verdicts(&self) -> &[u32] {
        &self.verdicts
    }

    /// How many rules keep the packet.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
