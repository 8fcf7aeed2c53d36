//! Buffers for the matches of a packet and of many packets.

use std::ops::Range;

use crate::filter_set::candidates::Candidates;

/// The rules that match a packet, in the order of the set.
///
/// [`FilterSet::matches`](crate::FilterSet::matches) and [`FilterSet::verdicts`](crate::FilterSet::verdicts) fill this
/// buffer. Once it has grown, filling it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    pub(crate) ids: Vec<u32>,
    /// As many as ids, or none.
    pub(crate) verdicts: Vec<u32>,
    pub(crate) candidates: Candidates,
    /// The positions, ids and verdicts of the matches of several segments.
    pub(crate) of_segments: Vec<(u64, u32, u32)>,
}

impl Matches {
    /// Creates an empty buffer.
    pub fn new() -> Matches {
        Matches::default()
    }

    pub(crate) fn clear(&mut self) {
        self.ids.clear();
        self.verdicts.clear();
    }

    /// Returns the ids of the rules, in the order of the set.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns the verdicts of these rules, none of which is 0. They are empty unless
    /// [`FilterSet::verdicts`](crate::FilterSet::verdicts) filled the buffer.
    pub fn verdicts(&self) -> &[u32] {
        &self.verdicts
    }

    /// Returns the number of rules that match.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns `true` if no rule matches.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// The rules that match each of many packets.
///
/// [`FilterSet::matches_batch`](crate::FilterSet::matches_batch) and
/// [`FilterSet::verdicts_batch`](crate::FilterSet::verdicts_batch) fill this buffer. Once it has grown, filling it
/// allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct BatchMatches {
    /// The matches of all packets, one packet after the other.
    all: Matches,
    /// The end of each packet's matches in `all`.
    ends: Vec<usize>,
}

impl BatchMatches {
    /// Creates an empty buffer.
    pub fn new() -> BatchMatches {
        BatchMatches::default()
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.ends.clear();
    }

    /// Adds a packet; `append` adds its matches to those of earlier packets.
    #[inline]
    pub(crate) fn push(&mut self, append: impl FnOnce(&mut Matches)) {
        append(&mut self.all);
        self.ends.push(self.all.ids.len());
    }

    /// Returns the number of packets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns `true` if there are no packets.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the ids of the rules that match a packet, in the order of the set. Packets are counted from 0.
    ///
    /// # Panics
    /// If there is no such packet.
    #[inline]
    pub fn ids(&self, packet: usize) -> &[u32] {
        &self.all.ids[self.range(packet)]
    }

    /// Returns the verdicts of these rules, none of which is 0. They are empty unless
    /// [`FilterSet::verdicts_batch`](crate::FilterSet::verdicts_batch) filled the buffer.
    ///
    /// # Panics
    /// If there is no such packet.
    #[inline]
    pub fn verdicts(&self, packet: usize) -> &[u32] {
        let range = self.range(packet);
        if self.all.verdicts.is_empty() { &[] } else { &self.all.verdicts[range] }
    }

    /// Returns the ids of the rules that match each packet, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|packet| self.ids(packet))
    }

    fn range(&self, packet: usize) -> Range<usize> {
        let start = packet.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[packet]
    }
}
