//! Estimates of the time of lookups, in machine instructions. A mispredicted branch counts as the instructions that it
//! delays.

use std::collections::HashSet;

use crate::classifier::entry_conditions::{Comparison, EntryCondition};
use crate::classifier::table::{Lookup, MatchKind, Table, Tables};
use crate::classifier::term::Constraint;
use crate::ir::Hashing;

/// The hash, the slot, and the use of its content.
const SLOT: f64 = 16.0;

/// A map of intervals without nodes, and a level of nodes.
const INTERVALS: f64 = 24.0;
const LEVEL: f64 = 10.0;

/// A mispredicted branch.
const BRANCH: f64 = 120.0;

/// A guess of the share of packets for which some term holds.
const MATCHED: f64 = 0.8;

/// The share of packets from which on an event counts as likely.
const LIKELY: f64 = 0.4;

/// The number of mispredictions at the end of a long chain.
const CHAIN_END: f64 = 1.5;

/// The costs of an entry or a block of entries.
struct EntryCosts {
    /// Without conditions.
    head: f64,
    /// A condition of each kind.
    same: f64,
    range: f64,
    /// The fields that an entry needs.
    needs: f64,
}

const OF_ENTRY: EntryCosts = EntryCosts { head: 6.0, same: 3.0, range: 5.0, needs: 4.0 };
const OF_BLOCK: EntryCosts = EntryCosts { head: 16.0, same: 4.0, range: 6.0, needs: 8.0 };

/// An inline term without its constraints, a use of a constraint, and the evaluation of each distinct constraint.
const INLINE_TERM: f64 = 3.0;
const CONSTRAINT_USE: f64 = 1.0;
const CONSTRAINT: f64 = 3.0;

/// A table of bit vectors without its fields, a word of bits, and a field: the start of its row, and its part of a word.
const BIT_VECTORS: f64 = 20.0;
const BIT_WORD: f64 = 2.0;
const ROW: f64 = 4.0;
const ROW_WORD: f64 = 0.7;

/// Returns the cost of a table of bit vectors with rows of some words, given the levels of nodes of each field's map.
pub(crate) fn bit_vectors(words: usize, levels: impl Iterator<Item = f64>) -> f64 {
    let words = words as f64;
    let row = |levels: f64| ROW + ROW_WORD * words + INTERVALS + LEVEL * levels;
    BIT_VECTORS + BIT_WORD * words + levels.map(row).sum::<f64>()
}

impl Tables {
    /// Returns the cost of a lookup in all tables for the first match.
    pub(crate) fn cost(&self) -> f64 {
        self.for_kind(MatchKind::First).map(|table| table.cost(self.share(table))).sum()
    }

    /// Returns the cost of lists whose terms are looked at one by one, in the order of the rules.
    pub(crate) fn cost_of_lists(&self) -> f64 {
        let lists = self
            .for_kind(MatchKind::First)
            .filter(|table| table.lookup == Lookup::Chain && table.inline_terms.is_empty());
        lists.map(|table| table.cost(self.share(table)) - BRANCH).sum()
    }

    /// Returns whether so many packets have a key of the table that its first entry is evaluated without a branch.
    pub(crate) fn is_likely(&self, table: &Table) -> bool {
        table.hits(self.share(table)) > LIKELY
    }

    /// Returns the share of all terms that a table has.
    pub(crate) fn share(&self, table: &Table) -> f64 {
        let terms: usize = self.list.iter().map(|table| table.term_count).sum();
        table.term_count as f64 / terms as f64
    }
}

impl Table {
    /// Returns the cost of a table with a share of all terms.
    pub(crate) fn cost(&self, share: f64) -> f64 {
        if !self.inline_terms.is_empty() {
            return self.cost_of_inline_terms();
        }
        let costs = if self.block() > 1 { &OF_BLOCK } else { &OF_ENTRY };
        let condition = |condition: &EntryCondition| match condition.kind {
            Comparison::Same(_) => costs.same,
            Comparison::Range => costs.range,
        };
        let conditions: f64 = self.conditions.iter().map(condition).sum();
        let block = costs.head + conditions + if self.entries_have_needs { costs.needs } else { 0.0 };
        let mean_blocks = (self.mean_chain_len / self.block() as f64).max(1.0);
        let lookup = match self.lookup {
            Lookup::Chain => return BRANCH + block * mean_blocks,
            Lookup::Hash(_) => SLOT,
            Lookup::Intervals { map, .. } => INTERVALS + LEVEL * f64::from(map.levels),
            Lookup::BitVectors(vectors) => {
                return bit_vectors(vectors.words, self.bit_rows.iter().map(|rows| f64::from(rows.map.levels)));
            }
        };
        if self.slot_verdict.is_some() {
            return lookup;
        }
        if self.longest_chain <= self.block() {
            return lookup + block;
        }
        let hits = self.hits(share);
        let mispredictions = hits.min(1.0 - hits) + hits * CHAIN_END * (1.0 - 1.0 / mean_blocks);
        lookup + BRANCH * mispredictions + hits * block * (1.0 + mean_blocks) / 2.0
    }

    /// Returns the share of packets that have a key of the table, which has a share of all terms.
    fn hits(&self, share: f64) -> f64 {
        // Most packets have one of few keys.
        f64::max(MATCHED * share, 1.0 / (self.chain_count as f64).sqrt())
    }

    fn cost_of_inline_terms(&self) -> f64 {
        let constraints = || self.inline_terms.iter().flat_map(|term| &term.constraints);
        let different: HashSet<&Constraint, Hashing> = constraints().collect();
        INLINE_TERM * self.inline_terms.len() as f64
            + CONSTRAINT_USE * constraints().count() as f64
            + CONSTRAINT * different.len() as f64
    }
}
