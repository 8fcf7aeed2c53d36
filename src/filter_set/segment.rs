//! A segment of a set: rules that were indexed together, and the marks of those that were removed since.

use std::hint::black_box;
use std::sync::Arc;

use crate::classifier::program_list::ProgramList;
use crate::classifier::table_entry::TableEntry;
use crate::classifier::term::Rank;
use crate::codegen::classifier::{TableBatchCode, TableCode};
use crate::codegen::{CompileError, PacketRecords};
use crate::filter_set::candidates::Candidates;
use crate::filter_set::change::renumbered;
use crate::filter_set::matches::Matches;
use crate::filter_set::rule_index::RuleIndex;
use crate::packet::Packet;

/// Rules that were indexed together. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The position of each rule in the order of the set.
    orders: Arc<[u64]>,
    /// The id of each rule, and one more number, which is no id.
    ids: Arc<[u32]>,
    /// The ranks of all rules, also of removed ones, in the order of their ids.
    by_id: Arc<[Rank]>,
    index: Arc<RuleIndex>,
    /// The code for the first match if its answer is complete.
    exact_first: Option<Arc<TableCode>>,
    /// The code for all matches if its answer is complete but for the order.
    exact_all: Option<Arc<TableCode>>,
    /// A bit for each rule, set if it was removed; empty if none was.
    removed: Arc<Vec<u64>>,
    removed_count: usize,
}

/// The id of a rule and its position in the order of the set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RulePosition {
    pub(crate) id: u32,
    /// Later rules have larger numbers.
    pub(crate) order: u64,
}

impl Segment {
    /// Indexes rules, which are in order, given their programs.
    pub(crate) fn new(rules: &[RulePosition], mut programs: ProgramList) -> Segment {
        programs.complete();
        let index = Arc::new(RuleIndex::new(programs));
        let mut by_id: Vec<Rank> = (0..rules.len() as Rank).collect();
        by_id.sort_unstable_by_key(|&rank| rules[rank as usize].id);
        Segment {
            orders: rules.iter().map(|rule| rule.order).collect(),
            ids: rules.iter().map(|rule| rule.id).chain([0]).collect(),
            by_id: by_id.into(),
            exact_first: index.exact_first_code(),
            exact_all: index.exact_all_code(),
            index,
            removed: Arc::default(),
            removed_count: 0,
        }
    }

    /// Returns whether two segments have the same index.
    pub(crate) fn is_same(&self, other: &Segment) -> bool {
        Arc::ptr_eq(&self.index, &other.index)
    }

    /// Takes the reason that there is no native code out of a new segment, if there is one.
    pub(crate) fn require_native(self) -> Result<Segment, CompileError> {
        match Arc::try_unwrap(self.index) {
            Ok(RuleIndex { native: Err(why), .. }) => Err(why),
            Ok(index) => Ok(Segment { index: Arc::new(index), ..self }),
            Err(index) => Ok(Segment { index, ..self }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn rule(&self, rank: Rank) -> RulePosition {
        RulePosition { id: self.ids[rank as usize], order: self.orders[rank as usize] }
    }

    pub(crate) fn index(&self) -> &RuleIndex {
        &self.index
    }

    /// Returns the rank of the rule with an id, if it was not removed.
    pub(crate) fn rank_of(&self, id: u32) -> Option<Rank> {
        let place = self.by_id.binary_search_by_key(&id, |&rank| self.ids[rank as usize]).ok()?;
        Some(self.by_id[place]).filter(|&rank| self.is_alive(rank))
    }

    /// Returns the positions of all rules, also of removed ones.
    pub(crate) fn orders(&self) -> &[u64] {
        &self.orders
    }

    /// Returns the last of these positions before another.
    pub(crate) fn order_before(&self, order: u64) -> Option<u64> {
        let last = self.rank_at(order).checked_sub(1)?;
        Some(self.orders[last as usize])
    }

    /// Returns the number of rules before a position.
    pub(crate) fn rank_at(&self, order: u64) -> Rank {
        self.orders.partition_point(|&other| other < order) as Rank
    }

    /// Numbers the rules anew by the positions of all rules.
    pub(crate) fn renumber(&mut self, orders: &[u64]) {
        self.orders = self.orders.iter().map(|&order| renumbered(orders, order)).collect();
    }

    pub(crate) fn removed_count(&self) -> usize {
        self.removed_count
    }

    /// Returns the ranks of the rules that were not removed.
    pub(crate) fn alive(&self) -> impl Iterator<Item = Rank> {
        (0..self.len() as Rank).filter(|&rank| self.is_alive(rank))
    }

    #[inline]
    pub(crate) fn is_alive(&self, rank: Rank) -> bool {
        self.removed_count == 0 || self.removed.get(rank as usize / 64).is_none_or(|word| word >> (rank % 64) & 1 == 0)
    }

    /// Marks a rule as removed.
    pub(crate) fn remove(&mut self, rank: Rank) {
        let removed = Arc::make_mut(&mut self.removed);
        removed.resize(self.orders.len().div_ceil(64), 0);
        removed[rank as usize / 64] |= 1 << (rank % 64);
        self.removed_count += 1;
    }

    /// Returns the first rule before `end` that matches a packet.
    #[inline]
    pub(crate) fn first(&self, packet: &Packet, end: Rank) -> Option<Rank> {
        self.index.first(packet, end, |rank| self.is_alive(rank))
    }

    /// Returns the id of the first rule that matches a packet.
    #[inline]
    pub(crate) fn first_id(&self, packet: &Packet) -> Option<u32> {
        self.id(self.first_rank(packet))
    }

    /// Returns the rank of the first rule that matches a packet, or the rank after all rules.
    #[inline]
    fn first_rank(&self, packet: &Packet) -> Rank {
        match &self.exact_first {
            Some(code) if self.removed_count == 0 => code.call(packet, &mut []) as Rank,
            _ => self.first_rank_otherwise(packet),
        }
    }

    #[inline(never)]
    fn first_rank_otherwise(&self, packet: &Packet) -> Rank {
        if let Some(code) = &self.exact_first {
            let rank = code.call(packet, &mut []) as Rank;
            if self.is_alive(rank) {
                return rank;
            }
        }
        let first = match self.removed_count {
            0 => match self.index.first_in_prefix(packet) {
                Some(rank) => Some(rank as Rank),
                None => self.index.first_after_prefix(packet, Rank::MAX, |_| true),
            },
            _ => self.first(packet, Rank::MAX),
        };
        first.unwrap_or(self.orders.len() as Rank)
    }

    /// Returns the id of a rule, or `None` for the rank [`Tables::none`](crate::classifier::table::Tables::none).
    ///
    /// There is no branch, since it would often be mispredicted: a value that the compiler does not know is loaded
    /// whether or not it is needed.
    #[inline]
    pub(crate) fn id(&self, rank: Rank) -> Option<u32> {
        let id = black_box(self.ids[rank as usize]);
        ((rank as usize) + 1 < self.ids.len()).then_some(id)
    }

    /// Writes the rank of the first match of each packet from `from` on, one for each place in `ranks`, or
    /// [`Tables::none`](crate::classifier::table::Tables::none).
    pub(crate) fn first_of_batch(
        &self,
        code: &TableBatchCode,
        records: &PacketRecords,
        from: usize,
        ranks: &mut [Rank],
    ) {
        code.run_from(from, records, ranks, |ranks| {
            for (rank, packet) in ranks.iter_mut().zip(records.packets(from)) {
                *rank = self.first_rank(&packet);
            }
        });
        if self.removed_count > 0 {
            let none = self.orders.len() as Rank;
            for (rank, packet) in ranks.iter_mut().zip(records.packets(from)).filter(|(rank, _)| !self.is_alive(**rank))
            {
                *rank = self.first(&packet, none).unwrap_or(none);
            }
        }
    }

    /// Appends the ids of entries, and their verdicts if wanted, if they are in the order of the rules; that is so if
    /// one chain has all of them. Returns `false` and appends nothing otherwise.
    fn append_in_order(
        &self,
        words: &[u64],
        wants_verdicts: bool,
        ids: &mut Vec<u32>,
        verdicts: &mut Vec<u32>,
    ) -> bool {
        let (first_id, first_verdict) = (ids.len(), verdicts.len());
        let mut least = 0;
        for entry in words.iter().map(|&words| TableEntry::from_words(words)) {
            if entry.rank() < least || wants_verdicts && entry.verdict().is_none() {
                // The last entry of a block may be there more than once.
                if entry.rank() + 1 == least {
                    continue;
                }
                ids.truncate(first_id);
                verdicts.truncate(first_verdict);
                return false;
            }
            least = entry.rank() + 1;
            ids.push(self.ids[entry.rank() as usize]);
            verdicts.extend(wants_verdicts.then_some(entry.verdict));
        }
        true
    }

    /// Appends the ids of the rules that match a packet, in order, each once, and their verdicts if wanted.
    pub(crate) fn append(&self, packet: &Packet, wants_verdicts: bool, matches: &mut Matches) {
        let Matches { ids, verdicts, candidates, .. } = matches;
        if let Some(code) = self.exact_all.as_ref().filter(|_| self.removed_count == 0) {
            let count = code.call_growing(packet, &mut candidates.words) as usize;
            let entry = TableEntry::from_words(candidates.words[0]);
            if count <= 1 && (!wants_verdicts || entry.verdict().is_some()) {
                // The count is hard to predict, so one entry is taken without a branch. An entry that the code has not
                // written may have the rank of no rule.
                let len = ids.len() + count;
                ids.push(self.ids.get(entry.rank() as usize).copied().unwrap_or_default());
                ids.truncate(len);
                if wants_verdicts {
                    verdicts.push(entry.verdict);
                    verdicts.truncate(len);
                }
                return;
            }
            if self.append_in_order(&candidates.words[..count], wants_verdicts, ids, verdicts) {
                return;
            }
            self.resolve(count, packet, wants_verdicts, candidates);
        } else {
            self.collect(packet, wants_verdicts, candidates);
        }
        ids.extend(candidates.resolved.iter().map(|entry| self.ids[entry.rank() as usize]));
        verdicts.extend(candidates.resolved.iter().filter(|_| wants_verdicts).map(|entry| entry.verdict));
    }

    /// Resolves the rules that match a packet, with their verdicts if wanted.
    pub(crate) fn collect(&self, packet: &Packet, wants_verdicts: bool, candidates: &mut Candidates) {
        let Some(filters) = self.index.scan_list() else {
            let count = self.index.entries(packet, &mut candidates.words);
            return self.resolve(count, packet, wants_verdicts, candidates);
        };
        // There is no branch on verdicts, since it would often be mispredicted.
        let (mut count, entries) = (0, &mut candidates.resolved);
        entries.clear();
        entries.resize(filters.len(), TableEntry::with_verdict(0, 0));
        for (rank, filter) in filters.iter().enumerate() {
            let verdict = filter.run(packet);
            entries[count] = TableEntry::with_verdict(rank as Rank, verdict);
            count += usize::from(verdict != 0);
        }
        entries.truncate(count);
        if self.removed_count > 0 {
            entries.retain(|entry| self.is_alive(entry.rank()));
        }
    }

    /// Resolves table entries and fallback programs.
    fn resolve(&self, count: usize, packet: &Packet, wants_verdicts: bool, candidates: &mut Candidates) {
        candidates.resolve(count, &self.index.fallbacks, self.orders.len(), |entry| {
            let rank = entry.rank();
            if !self.is_alive(rank) {
                return None;
            }
            let is_complete = !entry.needs_verification() && (!wants_verdicts || entry.verdict().is_some());
            let run = || TableEntry::with_verdict(rank, self.index.run(rank, packet));
            let entry = if is_complete { entry } else { run() };
            (entry.verdict() != Some(0)).then_some(entry)
        });
    }
}
