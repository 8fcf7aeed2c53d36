//! What a set says of a packet, or of many.

use std::ops::Range;

use crate::filter_set::candidates::Found;

/// The rules that keep a packet, in their order: a buffer that [`FilterSet::matches`](crate::FilterSet::matches) and
/// [`FilterSet::verdicts`](crate::FilterSet::verdicts) fill again and again, without allocating once it has grown.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    pub(crate) ids: Vec<u32>,
    /// As many as ids, or none.
    pub(crate) verdicts: Vec<u32>,
    pub(crate) found: Found,
    /// Of a set that was changed: places in the order, ids and verdicts.
    pub(crate) merged: Vec<(u64, u32, u32)>,
}

impl Matches {
    /// An empty buffer.
    pub fn new() -> Matches {
        Matches::default()
    }

    pub(crate) fn clear(&mut self) {
        self.ids.clear();
        self.verdicts.clear();
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

/// The rules that keep each of many packets: a buffer that [`FilterSet::matches_batch`](crate::FilterSet::matches_batch) and
/// [`FilterSet::verdicts_batch`](crate::FilterSet::verdicts_batch) fill again and again, without allocating once it has
/// grown.
#[derive(Clone, Debug, Default)]
pub struct BatchMatches {
    /// Of all packets, one after the other.
    all: Matches,
    /// How many of all come up to each packet and with it.
    ends: Vec<usize>,
}

impl BatchMatches {
    /// An empty buffer.
    pub fn new() -> BatchMatches {
        BatchMatches::default()
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.ends.clear();
    }

    /// Adds a packet; `append` adds its rules to those of the packets before.
    #[inline]
    pub(crate) fn push(&mut self, append: impl FnOnce(&mut Matches)) {
        append(&mut self.all);
        self.ends.push(self.all.ids.len());
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The ids of the rules that keep the packet at this place, counted from 0, in the order of the set.
    ///
    /// # Panics
    /// If there are not so many packets.
    #[inline]
    pub fn ids(&self, place: usize) -> &[u32] {
        &self.all.ids[self.of(place)]
    }

    /// The verdicts of these rules, none of which is 0; empty unless
    /// [`FilterSet::verdicts_batch`](crate::FilterSet::verdicts_batch) was asked.
    ///
    /// # Panics
    /// If there are not so many packets.
    #[inline]
    pub fn verdicts(&self, place: usize) -> &[u32] {
        let of = self.of(place);
        if self.all.verdicts.is_empty() { &[] } else { &self.all.verdicts[of] }
    }

    /// The ids of the rules that keep each packet, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|place| self.ids(place))
    }

    fn of(&self, place: usize) -> Range<usize> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[place]
    }
}
