//! A list of rules with their index, and which of them are gone.

use std::collections::HashMap;
use std::hint::select_unpredictable;
use std::sync::Arc;

use crate::bpf::verify::Verified;
use crate::classifier::entry::Entry;
use crate::classifier::table::LACKS;
use crate::classifier::term::Rank;
use crate::codegen::PacketRecords;
use crate::codegen::classifier::{TableBatchCode, TableCode};
use crate::filter_set::candidates::Found;
use crate::filter_set::index::Index;
use crate::filter_set::matches::Matches;
use crate::packet::Packet;

/// Rules that were indexed together; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    rules: Arc<[Rule]>,
    /// The id of each rule, and one more number, which is none.
    ids: Arc<[u32]>,
    /// The rank of each rule by its id, also of those that were removed since.
    ranks: Arc<HashMap<u32, Rank>>,
    index: Arc<Index>,
    /// The code for the first match, if what it says is all.
    sure: Option<Arc<TableCode>>,
    /// The code for all matches, if what it says is all but for the order.
    plain: Option<Arc<TableCode>>,
    /// The rules that were removed since, a bit each; empty if there are none.
    dead: Arc<Vec<u64>>,
    dead_count: usize,
}

/// What is known of a rule besides its program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) id: u32,
    /// Its place among the rules of the set; later ones are larger.
    pub(crate) order: u64,
}

impl Part {
    /// The part of these rules, which are in order.
    pub(crate) fn new(rules: Vec<(Rule, Verified)>) -> Part {
        let (rules, programs): (Vec<Rule>, Vec<Verified>) = rules.into_iter().unzip();
        let index = Arc::new(Index::new(programs));
        let ids = rules.iter().map(|rule| rule.id).chain([0]).collect();
        let ranks = Arc::new(rules.iter().zip(0..).map(|(rule, rank)| (rule.id, rank)).collect());
        let (sure, plain) = (index.sure(), index.plain());
        Part { rules: rules.into(), ids, ranks, index, sure, plain, dead: Arc::default(), dead_count: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn rule(&self, rank: Rank) -> Rule {
        self.rules[rank as usize]
    }

    /// The rank of the rule with an id, unless it was removed.
    pub(crate) fn rank_of(&self, id: u32) -> Option<Rank> {
        self.ranks.get(&id).copied().filter(|&rank| self.is_alive(rank))
    }

    /// The places in the order of all rules, also of those that were removed.
    pub(crate) fn orders(&self) -> impl Iterator<Item = u64> {
        self.rules.iter().map(|rule| rule.order)
    }

    /// The last of them before another.
    pub(crate) fn order_before(&self, order: u64) -> Option<u64> {
        let place = self.rules.partition_point(|rule| rule.order < order).checked_sub(1)?;
        Some(self.rules[place].order)
    }

    /// Gives the rules other places in the same order.
    pub(crate) fn renumber(&mut self, new: impl Fn(u64) -> u64) {
        self.rules = self.rules.iter().map(|rule| Rule { order: new(rule.order), ..*rule }).collect();
    }

    /// How many of them were removed.
    pub(crate) fn dead_count(&self) -> usize {
        self.dead_count
    }

    /// The rules that are alive, and their programs.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (Rule, Verified)> {
        let all = self.rules.iter().zip(&self.index.programs).enumerate();
        all.filter(|&(rank, _)| self.is_alive(rank as Rank))
            .map(|(_, (rule, program))| (*rule, program.verified.clone()))
    }

    #[inline]
    pub(crate) fn is_alive(&self, rank: Rank) -> bool {
        self.dead_count == 0 || self.dead.get(rank as usize / 64).is_none_or(|word| word >> (rank % 64) & 1 == 0)
    }

    /// Takes out a rule.
    pub(crate) fn remove(&mut self, rank: Rank) {
        let dead = Arc::make_mut(&mut self.dead);
        dead.resize(self.rules.len().div_ceil(64), 0);
        dead[rank as usize / 64] |= 1 << (rank % 64);
        self.dead_count += 1;
        (self.sure, self.plain) = (None, None);
    }

    /// How many rules stand before a place in the order of all rules.
    pub(crate) fn rank_behind(&self, order: u64) -> Rank {
        self.rules.partition_point(|rule| rule.order < order) as Rank
    }

    /// The first rule that keeps a packet, of those before `end`.
    #[inline]
    pub(crate) fn first(&self, packet: &Packet, end: Rank) -> Option<Rank> {
        self.index.first(packet, end, |rank| self.is_alive(rank))
    }

    /// The id of the first rule that keeps a packet.
    #[inline]
    pub(crate) fn first_id(&self, packet: &Packet) -> Option<u32> {
        if let Some(code) = &self.sure {
            return self.id(code.call(packet, &mut []) as Rank);
        }
        if self.dead_count > 0 {
            return self.first(packet, Rank::MAX).and_then(|rank| self.id(rank));
        }
        match self.index.first_of_head(packet) {
            Some(rank) => self.ids.get(rank).copied(),
            None => self.index.first_behind_head(packet, Rank::MAX, |_| true).and_then(|rank| self.id(rank)),
        }
    }

    /// The id of the rule of a rank, if that is not [`Tables::none`]: without a branch, which nobody would foresee.
    #[inline]
    pub(crate) fn id(&self, rank: Rank) -> Option<u32> {
        let id = self.ids[rank as usize];
        select_unpredictable((rank as usize) + 1 < self.ids.len(), Some(id), None)
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The code for the first match of many packets, if there is such code.
    pub(crate) fn batch(&self) -> Option<&TableBatchCode> {
        self.index.batch()
    }

    /// Writes the rank of the first rule that keeps each packet from `from` on, as many as there are ranks, or
    /// [`Tables::none`].
    pub(crate) fn first_of_batch(
        &self,
        code: &TableBatchCode,
        records: &PacketRecords,
        from: usize,
        ranks: &mut [Rank],
    ) {
        code.run_from(from, records, ranks);
        if self.dead_count == 0 && !ranks.contains(&LACKS) {
            return;
        }
        let none = self.rules.len() as Rank;
        for (rank, packet) in ranks.iter_mut().zip(records.packets(from)) {
            if *rank == LACKS || *rank != none && !self.is_alive(*rank) {
                *rank = self.first(&packet, none).unwrap_or(none);
            }
        }
    }

    /// Adds the ids of the rules that keep a packet, in order, each once, and their verdicts if those are wanted.
    pub(crate) fn append(&self, packet: &Packet, wants_verdicts: bool, matches: &mut Matches) {
        let Matches { ids, verdicts, found, .. } = matches;
        if let Some(code) = &self.plain {
            let count = code.call_growing(packet, &mut found.words) as usize;
            let entry = Entry::from_words(found.words[0]);
            if count <= 1 && (!wants_verdicts || entry.verdict().is_some()) {
                // Nobody foresees whether there is one, so it is taken without a branch. What code has not written is
                // of no rule, perhaps.
                let len = ids.len() + count;
                ids.push(self.ids.get(entry.rank() as usize).copied().unwrap_or_default());
                ids.truncate(len);
                if wants_verdicts {
                    verdicts.push(entry.verdict);
                    verdicts.truncate(len);
                }
                return;
            }
            self.settle(count, packet, wants_verdicts, found);
        } else {
            self.collect(packet, wants_verdicts, found);
        }
        ids.extend(found.entries.iter().map(|entry| self.ids[entry.rank() as usize]));
        verdicts.extend(found.entries.iter().filter(|_| wants_verdicts).map(|entry| entry.verdict));
    }

    /// Fills the buffer with the rules that keep a packet, in order, each once, and with their verdicts if those are
    /// wanted.
    pub(crate) fn collect(&self, packet: &Packet, wants_verdicts: bool, found: &mut Found) {
        if let Some(filters) = self.index.few() {
            // Without a branch on what a filter says, which nobody foresees.
            let (mut count, entries) = (0, &mut found.entries);
            entries.clear();
            entries.resize(filters.len(), Entry::of(0, 0));
            for (rank, filter) in filters.iter().enumerate() {
                let verdict = filter.run(packet);
                entries[count] = Entry::of(rank as Rank, verdict);
                count += usize::from(verdict != 0);
            }
            entries.truncate(count);
            if self.dead_count > 0 {
                entries.retain(|entry| self.is_alive(entry.rank()));
            }
            return;
        }
        let count = self.index.entries(packet, &mut found.words);
        self.settle(count, packet, wants_verdicts, found);
    }

    /// Puts what the tables have found in order.
    fn settle(&self, count: usize, packet: &Packet, wants_verdicts: bool, found: &mut Found) {
        found.settle(count, &self.index.alone, self.rules.len(), |entry| {
            let rank = entry.rank();
            if !self.is_alive(rank) {
                return None;
            }
            let is_sure = !entry.must_ask() && (!wants_verdicts || entry.verdict().is_some());
            let entry = if is_sure { entry } else { Entry::of(rank, self.run(rank, packet)) };
            (entry.verdict() != Some(0)).then_some(entry)
        });
    }

    fn run(&self, rank: Rank, packet: &Packet) -> u32 {
        self.index.programs[rank as usize].run(packet)
    }
}
