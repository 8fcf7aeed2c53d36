//! About how long it takes to look into tables, in machine instructions: a branch that is not foreseen counts as those
//! that could have run in the meantime.

use std::collections::HashSet;

use crate::classifier::entry_conditions::{Comparison, EntryCondition};
use crate::classifier::table::{Table, Tables};
use crate::classifier::term::Constraint;
use crate::ir::Hashing;

/// A hash, a slot, and to take what is there; and where there are buckets.
const SLOT: f64 = 16.0;

/// A branch that nobody foresees.
const BRANCH: f64 = 120.0;

/// The part of all packets that some term holds for, as a guess: rules are made for packets.
const KEPT: f64 = 0.8;

/// From where on a part is likely.
const LIKELY: f64 = 0.4;

/// How often it is not foreseen at which of many entries the way through a chain ends.
const ENDS: f64 = 1.5;

/// An entry besides its columns, a column of each kind, and the fields that an entry needs.
const ENTRY: f64 = 6.0;
const SAME: f64 = 3.0;
const RANGE: f64 = 5.0;
const NEEDS: f64 = 4.0;

/// A term with code of its own besides its constraints, a constraint of one, and one that no other has asked about.
const SPELLED: f64 = 3.0;
const ASKED: f64 = 1.0;
const COMPARED: f64 = 3.0;

impl Tables {
    pub(crate) fn cost(&self) -> f64 {
        self.list.iter().map(|table| table.cost(self.part(table))).sum()
    }

    /// The part of the cost for lists whose terms are looked at one by one, in the order of the rules.
    pub(crate) fn cost_of_lists(&self) -> f64 {
        let lists = self.list.iter().filter(|table| table.slots.is_none() && table.inline_terms.is_empty());
        lists.map(|table| table.cost(self.part(table)) - BRANCH).sum()
    }

    /// Whether nobody foresees if a packet has the key of some entry, so that its first entry is looked at in any case.
    pub(crate) fn is_likely(&self, table: &Table) -> bool {
        table.hits(self.part(table)) > LIKELY
    }

    /// The part of all terms that a table has.
    fn part(&self, table: &Table) -> f64 {
        let terms: usize = self.list.iter().map(|table| table.term_count).sum();
        table.term_count as f64 / terms as f64
    }
}

impl Table {
    /// The cost of a table that has a part of all terms.
    fn cost(&self, part: f64) -> f64 {
        if !self.inline_terms.is_empty() {
            return self.cost_of_spelled();
        }
        let column = |column: &EntryCondition| if column.kind == Comparison::Range { RANGE } else { SAME };
        let columns: f64 = self.conditions.iter().map(column).sum();
        let entry = ENTRY + columns + if self.entries_have_needs { NEEDS } else { 0.0 };
        if self.slots.is_none() {
            return BRANCH + entry * self.mean_chain_len;
        }
        if self.slot_verdict.is_some() {
            return SLOT;
        }
        if self.longest_chain == 1 {
            return SLOT + entry;
        }
        let hits = self.hits(part);
        let unforeseen = hits.min(1.0 - hits) + hits * ENDS * (1.0 - 1.0 / self.mean_chain_len);
        SLOT + BRANCH * unforeseen + hits * entry * (1.0 + self.mean_chain_len) / 2.0
    }

    /// The part of all packets that have the key of some entry, where the table has a part of all terms.
    fn hits(&self, part: f64) -> f64 {
        // Of few keys, most packets have one.
        f64::max(KEPT * part, 1.0 / (self.chain_count as f64).sqrt())
    }

    fn cost_of_spelled(&self) -> f64 {
        let constraints = || self.inline_terms.iter().flat_map(|term| &term.constraints);
        let different: HashSet<&Constraint, Hashing> = constraints().collect();
        SPELLED * self.inline_terms.len() as f64
            + ASKED * constraints().count() as f64
            + COMPARED * different.len() as f64
    }
}
