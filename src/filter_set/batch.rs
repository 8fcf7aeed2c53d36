//! Matching many packets.

use std::ops::Range;

use crate::codegen::{PacketRecords, PrefetchRange};
use crate::filter_set::{BatchMatches, FilterSet};
use crate::packet::batch::Packets;

/// The number of packets of a batch that are matched at a time.
const CHUNK: usize = 512;

impl FilterSet {
    /// Writes the first match of each packet: the same as [`FilterSet::first_match`], in less time if native code
    /// decides all rules.
    ///
    /// # Panics
    /// If there are not as many ids as packets.
    pub fn first_match_batch<'p>(&self, packets: impl Into<Packets<'p>>, ids: &mut [Option<u32>]) {
        let packets = packets.into();
        assert_eq!(packets.len(), ids.len(), "there are not as many ids as packets");
        let has_code = self.segments.iter().all(|segment| segment.index().batch_code().is_some());
        match PacketRecords::of(packets).filter(|_| has_code) {
            Some(records) => {
                let chunks = ids.chunks_mut(CHUNK).enumerate();
                chunks.for_each(|(chunk, ids)| self.first_of_chunk(&records, chunk * CHUNK, ids));
            }
            None => packets.iter().zip(ids).for_each(|(packet, id)| *id = self.first_match(packet)),
        }
    }

    /// Writes the first match of each packet from `from` on, one for each place in `ids`, with the code of all
    /// segments.
    fn first_of_chunk(&self, records: &PacketRecords, from: usize, ids: &mut [Option<u32>]) {
        let mut ranks = [0; CHUNK];
        let ranks = &mut ranks[..ids.len()];
        let segments = self.segments.iter().filter_map(|segment| Some((segment, segment.index().batch_code()?)));
        if let ([_], true) = (self.segments.as_slice(), self.recent.is_empty()) {
            segments.for_each(|(segment, code)| {
                segment.first_of_batch(code, records, from, ranks);
                ids.iter_mut().zip(ranks.iter()).for_each(|(id, rank)| *id = segment.id(*rank));
            });
            return;
        }
        ids.fill(None);
        let mut orders = [u64::MAX; CHUNK];
        segments.for_each(|(segment, code)| {
            segment.first_of_batch(code, records, from, ranks);
            for ((id, order), &rank) in ids.iter_mut().zip(&mut orders).zip(ranks.iter()) {
                if (rank as usize) < segment.len() && segment.rule(rank).order < *order {
                    (*id, *order) = (segment.id(rank), segment.rule(rank).order);
                }
            }
        });
        if !self.recent.is_empty() {
            for ((id, order), packet) in ids.iter_mut().zip(&orders).zip(records.packets(from)) {
                *id = self.recent.first(&packet, *order).map(|rule| rule.id).or(*id);
            }
        }
    }

    /// Fills `matches` with all matches of each packet: the same as [`FilterSet::matches`], in less time if packets are
    /// not in the cache.
    ///
    /// ```
    /// use cbpf::filter_set::BatchMatches;
    /// use cbpf::{FilterSet, LinkType};
    /// let rules = [(1, "ether proto 0x806"), (2, "len < 64"), (3, "ip")];
    /// let set = FilterSet::from_expressions(rules, LinkType::ETHERNET)?;
    /// let arp = [[0; 12].as_slice(), &[8, 6], &[0; 46]].concat();
    /// let packets: [&[u8]; 2] = [&arp, &[0; 64]];
    ///
    /// let mut matches = BatchMatches::new();
    /// set.matches_batch(&packets, &mut matches);
    /// assert_eq!(matches.iter().collect::<Vec<_>>(), [&[1, 2][..], &[]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matches_batch<'p>(&self, packets: impl Into<Packets<'p>>, matches: &mut BatchMatches) {
        self.fill_batch(packets.into(), false, matches);
    }

    /// Fills `matches` as [`FilterSet::matches_batch`], and with the verdict of each of those rules.
    pub fn verdicts_batch<'p>(&self, packets: impl Into<Packets<'p>>, matches: &mut BatchMatches) {
        self.fill_batch(packets.into(), true, matches);
    }

    fn fill_batch(&self, packets: Packets, wants_verdicts: bool, matches: &mut BatchMatches) {
        matches.clear();
        let mut run = |range: Range<usize>| {
            for packet in range.filter_map(|place| packets.get(place)) {
                matches.push(|matches| self.append(&packet, wants_verdicts, matches));
            }
        };
        match PacketRecords::of(packets) {
            Some(records) => {
                records.in_chunks(0..packets.len(), PrefetchRange::CLASSIFIER, PacketRecords::DISTANCE, run)
            }
            None => run(0..packets.len()),
        }
    }
}
