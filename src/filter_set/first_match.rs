//! The search for the first match: table entries and the rules that have to run, in the order of the rules.
//!
//! A rule runs only if no earlier rule matches, so no more rules run than in a loop over all.

use std::ops::Range;

use crate::classifier::packet_fields::FieldValues;
use crate::classifier::table::{GIVEN_UP, MAX_WRITTEN, MatchKind};
use crate::classifier::table_entry::TableEntry;
use crate::classifier::term::Rank;
use crate::classifier::work_counter;
use crate::codegen::classifier::ClassifierCode;
use crate::filter::Filter;
use crate::filter_set::rule_index::RuleIndex;
use crate::packet::Packet;

/// The number of rules that the first search of the tables covers. Each further search covers twice as many.
const WINDOW: Rank = 64;

/// The lowest of all added ranks, in order, each once.
struct LowestRanks {
    ranks: [Rank; MAX_WRITTEN],
    count: usize,
    /// `true` if there was no room for others, all of which are higher.
    is_cut: bool,
}

impl LowestRanks {
    fn new() -> LowestRanks {
        LowestRanks { ranks: [0; MAX_WRITTEN], count: 0, is_cut: false }
    }

    fn ranks(&self) -> &[Rank] {
        &self.ranks[..self.count]
    }

    fn add(&mut self, rank: Rank) {
        let place = self.ranks().partition_point(|&other| other < rank);
        if self.ranks().get(place) == Some(&rank) {
            return;
        }
        if self.count == self.ranks.len() {
            self.is_cut = true;
            if place == self.count {
                return;
            }
            self.count -= 1;
        }
        self.ranks.copy_within(place..self.count, place + 1);
        self.ranks[place] = rank;
        self.count += 1;
    }
}

impl RuleIndex {
    /// Returns the first rules, which run one by one.
    fn prefix(&self) -> &[Filter] {
        &self.scanned_filters[..self.prefix_len]
    }

    /// Returns the first rule of the linear prefix that matches a packet.
    #[inline]
    pub(crate) fn first_in_prefix(&self, packet: &Packet) -> Option<usize> {
        self.prefix().iter().inspect(|_| work_counter::rule()).position(|filter| filter.run(packet) != 0)
    }

    /// Returns the first living rule before `end` that matches a packet.
    pub(crate) fn first(&self, packet: &Packet, end: Rank, is_alive: impl Fn(Rank) -> bool) -> Option<Rank> {
        let prefix = (0..end).zip(self.prefix());
        let mut matches = prefix.filter(|(rank, filter)| is_alive(*rank) && filter.run(packet) != 0);
        matches.next().map(|(rank, _)| rank).or_else(|| self.first_after_prefix(packet, end, is_alive))
    }

    /// Returns the first living rule after the linear prefix and before `end` that matches a packet.
    #[inline(never)]
    pub(crate) fn first_after_prefix(
        &self,
        packet: &Packet,
        end: Rank,
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let end = end.min(self.tables.none);
        if self.prefix_len as Rank >= end {
            return None;
        }
        let native = self.native.as_ref().ok();
        if let Some(native) = native.filter(|native| native.first.output_len() == 0) {
            let best = native.first.call(packet, &mut []) as Rank;
            if best == self.tables.none || is_alive(best) {
                return self.first_of_candidates(packet, best, end, &[], is_alive);
            }
        } else if let Some((best, unverified)) =
            native.and_then(|native| self.first_and_unverified(native, packet, &is_alive))
        {
            return self.first_of_candidates(packet, best, end, unverified.ranks(), is_alive);
        }
        self.first_by_interpretation(packet, end, is_alive)
    }

    /// Returns the first of: fallback programs that match, candidates that match, and `best`, if it is before `end`.
    fn first_of_candidates(
        &self,
        packet: &Packet,
        best: Rank,
        end: Rank,
        unverified: &[Rank],
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let best = best.min(end);
        let verified = self.first_verified(packet, self.prefix_len as Rank..best, unverified, is_alive);
        verified.or((best < end).then_some(best))
    }

    /// Returns the first rule that native code finds, and those that need verification; `None` if the code gives up or
    /// the rule was removed.
    fn first_and_unverified(
        &self,
        native: &ClassifierCode,
        packet: &Packet,
        is_alive: &impl Fn(Rank) -> bool,
    ) -> Option<(Rank, LowestRanks)> {
        let mut written = [0; MAX_WRITTEN];
        let answer = native.first.call(packet, &mut written);
        let (best, count) = (answer as Rank, (answer >> 32) as usize);
        if answer == GIVEN_UP || best != self.tables.none && !is_alive(best) {
            return None;
        }
        let mut unverified = LowestRanks::new();
        written[..count].iter().for_each(|&words| unverified.add(TableEntry::from_words(words).rank()));
        Some((best, unverified))
    }

    /// Does the work of [`RuleIndex::first_after_prefix`] without native code of the tables.
    pub(crate) fn first_by_interpretation(
        &self,
        packet: &Packet,
        end: Rank,
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let values = self.fields.values_of(packet);
        let end = end.min(self.tables.none);
        // Chains are in order: while early rules match, later ones are not looked at.
        let (mut start, mut window) = (self.prefix_len as Rank, WINDOW);
        while start < end {
            let mut unverified = LowestRanks::new();
            let until = start.saturating_add(window).min(end);
            let best = self.first_in_tables(&values, start..until, &mut unverified, &is_alive);
            // Ranks without room are searched again if none of these rules matches.
            let last = unverified.ranks().last().filter(|&&last| unverified.is_cut && last < best).map(|last| last + 1);
            let verified = self.first_verified(packet, start..last.unwrap_or(best), unverified.ranks(), &is_alive);
            if verified.is_some() || last.is_none() && best < until {
                return verified.or(Some(best));
            }
            start = last.unwrap_or(until);
            window = window.saturating_mul(2);
        }
        None
    }

    /// Returns the first rule that certainly matches, or the end, and adds the rules that need verification.
    fn first_in_tables(
        &self,
        values: &FieldValues,
        ranks: Range<Rank>,
        unverified: &mut LowestRanks,
        is_alive: &impl Fn(Rank) -> bool,
    ) -> Rank {
        let mut best = ranks.end;
        // Tables for the first match leave out rules that come after others for the same packets.
        let tables = self.tables.for_kind(MatchKind::All);
        for table in tables.take_while(|table| table.first_rank < ranks.end) {
            for entry in self.tables.matches(table, values).take_while(|entry| entry.rank() < best) {
                let rank = entry.rank();
                if rank < ranks.start || !is_alive(rank) {
                    continue;
                }
                if !entry.needs_verification() {
                    best = rank;
                    break;
                }
                unverified.add(rank);
            }
        }
        best
    }

    /// Runs the fallback programs and the rules that need verification in a range, in order, and returns the first that
    /// matches.
    fn first_verified(
        &self,
        packet: &Packet,
        ranks: Range<Rank>,
        unverified: &[Rank],
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let fallbacks = &self.fallbacks[self.fallbacks.partition_point(|fallback| fallback.rank < ranks.start)..];
        let mut fallbacks = fallbacks.iter().map(|fallback| fallback.rank).peekable();
        let unverified = &unverified[unverified.partition_point(|&rank| rank < ranks.start)..];
        let mut unverified = unverified.iter().copied().peekable();
        loop {
            let next = match (fallbacks.peek(), unverified.peek()) {
                (Some(fallback), Some(other)) if fallback <= other => fallbacks.next(),
                (_, Some(_)) => unverified.next(),
                _ => fallbacks.next(),
            };
            let rank = next.filter(|&rank| rank < ranks.end)?;
            if is_alive(rank) && self.run(rank, packet) != 0 {
                return Some(rank);
            }
        }
    }
}
