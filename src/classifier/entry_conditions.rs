//! Conditions of table entries besides the key: guards, which all entries of a table share, and entry conditions.

use crate::classifier::packet_fields::{FieldValues, PacketFields};
use crate::classifier::table_key::KeyField;
use crate::classifier::term::{Constraint, Term};

/// The most fields on which the entries of a table have conditions. Programs verify further ones.
pub(crate) const MAX_ENTRY_CONDITIONS: usize = 16;

/// A field that is one of a few numbers in all entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TableGuard {
    pub(crate) field: u8,
    pub(crate) numbers: Vec<u32>,
}

impl TableGuard {
    /// Returns the only number, if there is one.
    pub(crate) fn number(&self) -> Option<u32> {
        if let &[number] = self.numbers.as_slice() { Some(number) } else { None }
    }

    /// Returns whether the guard decides a constraint of a term in the table.
    pub(crate) fn decides(&self, constraint: &Constraint) -> bool {
        self.field == constraint.field && self.number().is_some()
    }
}

/// A field on which the entries of a table have a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryCondition {
    pub(crate) field: u8,
    pub(crate) kind: Comparison,
}

/// The form of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The bits in this mask have a value: one word.
    Same(u32),
    /// The field lies in a range, given as its first number and its span: two words.
    Range,
}

impl EntryCondition {
    /// Returns the number of words of the condition in an entry.
    pub(crate) fn words(&self) -> usize {
        match self.kind {
            Comparison::Same(_) => 1,
            Comparison::Range => 2,
        }
    }

    /// Returns whether a condition with these words holds.
    pub(crate) fn holds(&self, words: &[u32], values: &FieldValues) -> bool {
        let number = values.get(self.field);
        match self.kind {
            Comparison::Same(mask) => number & mask == words[0],
            Comparison::Range => number.wrapping_sub(words[0]) <= words[1],
        }
    }
}

/// Returns the field of a key with one field, if the key decides all constraints on it.
pub(crate) fn decided_by_tag(key: &[KeyField], terms: &[&Term]) -> Option<u8> {
    let &[KeyField { field, mask, .. }] = key else { return None };
    terms.iter().all(|term| constrains_exactly(term, field, mask)).then_some(field)
}

/// Returns whether a term constrains exactly these bits of a field.
fn constrains_exactly(term: &Term, field: u8, mask: u32) -> bool {
    term.constraint(field).is_some_and(|constraint| constraint.span == !mask && constraint.first & !mask == 0)
}

/// The most numbers that a guard compares a field with.
const MAX_GUARD_NUMBERS: usize = 3;

/// Returns the guards of some terms: fields that all of them compare with a few numbers.
pub(crate) fn guards(terms: &[&Term]) -> Vec<TableGuard> {
    let Some((first, rest)) = terms.split_first() else { return Vec::new() };
    let of_all = first.constraints.iter().filter_map(|constraint| {
        let mut guard = TableGuard { field: constraint.field, numbers: Vec::new() };
        for term in [first].into_iter().chain(rest) {
            let number = term.constraint(constraint.field)?.number()?;
            if !guard.numbers.contains(&number) {
                guard.numbers.push(number);
            }
            if guard.numbers.len() > MAX_GUARD_NUMBERS {
                return None;
            }
        }
        Some(guard)
    });
    of_all.collect()
}

/// Returns the conditions of entries that neither guards nor the tag decide: the most frequent ones, at most `max`.
pub(crate) fn choose(
    fields: &PacketFields,
    terms: &[&Term],
    guards: &[TableGuard],
    key: &[KeyField],
    tag_field: Option<u8>,
    max: usize,
) -> Vec<EntryCondition> {
    let mut uses: Vec<(usize, u8)> = (0..fields.list.len() as u8).map(|field| (0, field)).collect();
    for constraint in terms.iter().flat_map(|term| &term.constraints) {
        let is_decided = tag_field == Some(constraint.field) || guards.iter().any(|guard| guard.decides(constraint));
        uses[usize::from(constraint.field)].0 += usize::from(!is_decided);
    }
    uses.retain(|&(uses, _)| uses > 0);
    uses.sort_by_key(|&(uses, field)| (std::cmp::Reverse(uses), field));
    uses.truncate(max);
    let mut fields: Vec<u8> = uses.into_iter().map(|(_, field)| field).collect();
    fields.sort_unstable();
    let column = |field: u8| {
        let mask = key.iter().find(|key| key.field == field).map_or(u32::MAX, |key| key.mask);
        let is_same = terms.iter().all(|term| constrains_exactly(term, field, mask));
        EntryCondition { field, kind: if is_same { Comparison::Same(mask) } else { Comparison::Range } }
    };
    fields.into_iter().map(column).collect()
}
