//! What entries of tables say beside the key: conditions that all of a table share, and those of each.

use crate::classifier::packet_fields::{FieldValues, PacketFields};
use crate::classifier::table_key::KeyField;
use crate::classifier::term::{Constraint, Term};

/// The most fields that the entries of a table have conditions on; of further ones the program is asked.
pub(crate) const MAX_ENTRY_CONDITIONS: usize = 16;

/// A field that is one of a few numbers in all entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TableGuard {
    pub(crate) field: u8,
    pub(crate) numbers: Vec<u32>,
}

impl TableGuard {
    /// The only number, if it is one.
    pub(crate) fn number(&self) -> Option<u32> {
        if let &[number] = self.numbers.as_slice() { Some(number) } else { None }
    }

    /// Whether a constraint holds for all packets that come past the guard.
    pub(crate) fn decides(&self, constraint: &Constraint) -> bool {
        self.field == constraint.field && self.number().is_some()
    }
}

/// A field that entries have a condition on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryCondition {
    pub(crate) field: u8,
    pub(crate) kind: Comparison,
}

/// What an entry says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// What these bits of it are: a word.
    Same(u32),
    /// What it is at least, and how far it may lie behind: two words.
    Range,
}

impl EntryCondition {
    /// How many words it takes.
    pub(crate) fn words(&self) -> usize {
        match self.kind {
            Comparison::Same(_) => 1,
            Comparison::Range => 2,
        }
    }

    pub(crate) fn holds(&self, words: &[u32], values: &FieldValues) -> bool {
        let number = values.get(self.field);
        match (self.kind, words) {
            (Comparison::Same(mask), &[same]) => number & mask == same,
            (Comparison::Range, &[first, span]) => number.wrapping_sub(first) <= span,
            _ => unreachable!("a column has so many words"),
        }
    }
}

/// The field of a key of one, if no term says more of it than the key sees.
pub(crate) fn decided_by_tag(key: &[KeyField], terms: &[&Term]) -> Option<u8> {
    let &[KeyField { field, mask, .. }] = key else { return None };
    terms.iter().all(|term| sees_all(term, field, mask)).then_some(field)
}

/// Whether these bits are all that a term says of a field.
fn sees_all(term: &Term, field: u8, mask: u32) -> bool {
    let constraint = term.constraints.iter().find(|constraint| constraint.field == field);
    constraint.is_some_and(|constraint| constraint.span == !mask && constraint.first & !mask == 0)
}

/// How many numbers a guard compares a field with, one after the other.
const FEW: usize = 3;

/// What holds for all terms: a field that all of them ask about is one of a few numbers.
pub(crate) fn guards(terms: &[&Term]) -> Vec<TableGuard> {
    let Some((first, rest)) = terms.split_first() else { return Vec::new() };
    let of_all = first.constraints.iter().filter_map(|constraint| {
        let mut guard = TableGuard { field: constraint.field, numbers: Vec::new() };
        for term in [first].into_iter().chain(rest) {
            let number = term.constraints.iter().find(|other| other.field == constraint.field)?.number()?;
            if !guard.numbers.contains(&number) {
                guard.numbers.push(number);
            }
            if guard.numbers.len() > FEW {
                return None;
            }
        }
        Some(guard)
    });
    of_all.collect()
}

/// What entries have conditions on beyond the guards and the tag; the most frequent ones, at most so many.
pub(crate) fn choose(
    fields: &PacketFields,
    terms: &[&Term],
    guards: &[TableGuard],
    key: &[KeyField],
    by_tag: Option<u8>,
    most: usize,
) -> Vec<EntryCondition> {
    let mut uses: Vec<(usize, u8)> = (0..fields.list.len() as u8).map(|field| (0, field)).collect();
    for constraint in terms.iter().flat_map(|term| &term.constraints) {
        let is_told = by_tag == Some(constraint.field) || guards.iter().any(|guard| guard.decides(constraint));
        uses[usize::from(constraint.field)].0 += usize::from(!is_told);
    }
    uses.retain(|&(uses, _)| uses > 0);
    uses.sort_by_key(|&(uses, field)| (std::cmp::Reverse(uses), field));
    uses.truncate(most);
    let mut fields: Vec<u8> = uses.into_iter().map(|(_, field)| field).collect();
    fields.sort_unstable();
    let column = |field: u8| {
        let mask = key.iter().find(|key| key.field == field).map_or(u32::MAX, |key| key.mask);
        let is_same = terms.iter().all(|term| sees_all(term, field, mask));
        EntryCondition { field, kind: if is_same { Comparison::Same(mask) } else { Comparison::Range } }
    };
    fields.into_iter().map(column).collect()
}
