//! The first match: what the tables find, and the rules that have to run, in the order of the rules.
//!
//! A rule runs only if no rule before it keeps the packet, so that no more rules run than in a loop over all.

use std::ops::Range;

use crate::classifier::entry::Entry;
use crate::classifier::field::Row;
use crate::classifier::table::{GIVEN_UP, MOST_WRITTEN};
use crate::classifier::term::Rank;
use crate::classifier::work_counter;
use crate::codegen::classifier::ClassifierCode;
use crate::filter::Filter;
use crate::filter_set::index::Index;
use crate::packet::Packet;

/// How many rules are looked for in the tables at a time, at first: each time it is twice as many.
const WINDOW: Rank = 64;

/// Rules that have to run, those with the lowest ranks of all that were added, each once.
struct Lowest {
    ranks: [Rank; MOST_WRITTEN],
    count: usize,
    /// Whether there was no room for others, all behind these.
    is_cut: bool,
}

impl Lowest {
    fn new() -> Lowest {
        Lowest { ranks: [0; MOST_WRITTEN], count: 0, is_cut: false }
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

impl Index {
    /// The first rules, which are asked one by one.
    fn head(&self) -> &[Filter] {
        &self.singles[..self.head]
    }

    /// The first of the rules at the head that keeps a packet.
    #[inline]
    pub(crate) fn first_of_head(&self, packet: &Packet) -> Option<usize> {
        self.head().iter().inspect(|_| work_counter::rule()).position(|filter| filter.run(packet) != 0)
    }

    /// The first rule that keeps a packet, of those that are alive and stand before `end`.
    pub(crate) fn first(&self, packet: &Packet, end: Rank, is_alive: impl Fn(Rank) -> bool) -> Option<Rank> {
        let head = (0..end).zip(self.head());
        let mut kept = head.filter(|(rank, filter)| is_alive(*rank) && filter.run(packet) != 0);
        kept.next().map(|(rank, _)| rank).or_else(|| self.first_behind_head(packet, end, is_alive))
    }

    /// The first rule that keeps a packet, of those that are alive and stand before `end`, if none at the head does.
    #[inline(never)]
    pub(crate) fn first_behind_head(
        &self,
        packet: &Packet,
        end: Rank,
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let end = end.min(self.tables.none);
        if self.head as Rank >= end {
            return None;
        }
        let native = self.native.as_ref().ok();
        if let Some(native) = native.filter(|native| native.first.output_len() == 0) {
            let best = native.first.call(packet, &mut []) as Rank;
            if best == self.tables.none || is_alive(best) {
                let best = best.min(end);
                let kept = self.first_that_keeps(packet, self.head as Rank..best, &[], is_alive);
                return kept.or((best < end).then_some(best));
            }
        } else if let Some((best, asked)) = native.and_then(|native| self.first_and_asked(native, packet, &is_alive)) {
            let best = best.min(end);
            let kept = self.first_that_keeps(packet, self.head as Rank..best, asked.ranks(), is_alive);
            return kept.or((best < end).then_some(best));
        }
        self.first_by_interpretation(packet, end, is_alive)
    }

    /// What the code finds, and the rules that have to run; `None` if it gives up, or the rule is gone.
    fn first_and_asked(
        &self,
        native: &ClassifierCode,
        packet: &Packet,
        is_alive: &impl Fn(Rank) -> bool,
    ) -> Option<(Rank, Lowest)> {
        let mut found = [0; MOST_WRITTEN];
        let answer = native.first.call(packet, &mut found);
        let (best, count) = (answer as Rank, (answer >> 32) as usize);
        if answer == GIVEN_UP || best != self.tables.none && !is_alive(best) {
            return None;
        }
        let mut asked = Lowest::new();
        found[..count].iter().for_each(|&words| asked.add(Entry::from_words(words).rank()));
        Some((best, asked))
    }

    /// As [`Index::first_behind_head`], without native code of the tables.
    pub(crate) fn first_by_interpretation(
        &self,
        packet: &Packet,
        end: Rank,
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let row = self.fields.row(packet);
        let end = end.min(self.tables.none);
        // Chains are in order: as long as early rules keep packets, nobody looks at the later ones.
        let (mut start, mut window) = (self.head as Rank, WINDOW);
        while start < end {
            let mut asked = Lowest::new();
            let until = start.saturating_add(window).min(end);
            let best = self.first_in_tables(&row, start..until, &mut asked, &is_alive);
            // What had no room is looked for again, if none of these keeps the packet.
            let last = asked.ranks().last().filter(|&&last| asked.is_cut && last < best).map(|last| last + 1);
            let kept = self.first_that_keeps(packet, start..last.unwrap_or(best), asked.ranks(), &is_alive);
            if kept.is_some() || last.is_none() && best < until {
                return kept.or(Some(best));
            }
            start = last.unwrap_or(until);
            window = window.saturating_mul(2);
        }
        None
    }

    /// The first rule that surely keeps a packet, or the end, and the rules of the tables that have to run.
    fn first_in_tables(
        &self,
        row: &Row,
        ranks: Range<Rank>,
        asked: &mut Lowest,
        is_alive: &impl Fn(Rank) -> bool,
    ) -> Rank {
        let mut best = ranks.end;
        for table in self.tables.list.iter().take_while(|table| table.first < ranks.end) {
            for entry in self.tables.matches(table, row).take_while(|entry| entry.rank() < best) {
                let rank = entry.rank();
                if rank < ranks.start || !is_alive(rank) {
                    continue;
                }
                if !entry.must_ask() {
                    best = rank;
                    break;
                }
                asked.add(rank);
            }
        }
        best
    }

    /// The first of the rules in a range that keeps a packet, of those that run alone and some others, which are in order.
    fn first_that_keeps(
        &self,
        packet: &Packet,
        ranks: Range<Rank>,
        asked: &[Rank],
        is_alive: impl Fn(Rank) -> bool,
    ) -> Option<Rank> {
        let from = |ranks: &[Rank], start: Rank| ranks.partition_point(|&rank| rank < start);
        let mut alone = self.alone[from(&self.alone, ranks.start)..].iter().copied().peekable();
        let mut asked = asked[from(asked, ranks.start)..].iter().copied().peekable();
        loop {
            let next = match (alone.peek(), asked.peek()) {
                (Some(one), Some(other)) if one <= other => alone.next(),
                (_, Some(_)) => asked.next(),
                _ => alone.next(),
            };
            let rank = next.filter(|&rank| rank < ranks.end)?;
            if is_alive(rank) && self.programs[rank as usize].run(packet) != 0 {
                return Some(rank);
            }
        }
    }
}
