//! Paths as the index has them: each field of a packet lies in one range.

use std::ops::RangeInclusive;

use crate::graph::Range;
use crate::set::field::{Field, Fields};
use crate::set::path::{Literal, Path};

/// The place of a rule among those of an index, in the order in which they are asked.
pub(super) type Rank = u32;

/// Conditions on fields that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) rank: Rank,
    /// The verdict; `None` if the program must be asked for it.
    pub(super) verdict: Option<u32>,
    /// Whether a packet for which they hold is surely kept; if not, the program must be asked.
    pub(super) is_exact: bool,
    /// The fields that the packet must have, a bit each.
    pub(super) needs: u64,
    /// In the order of the fields.
    pub(super) constraints: Vec<Constraint>,
}

/// A field is a number from the first on, or one of so many behind it; the largest number is followed by 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Constraint {
    pub(crate) field: u8,
    pub(crate) first: u32,
    pub(crate) span: u32,
}

/// The most terms that one path becomes, where a field lies in one of several ranges.
const MOST_TERMS: usize = 256;

impl Constraint {
    /// The range, unless it leads past the largest number.
    pub(super) fn range(&self) -> Option<RangeInclusive<u32>> {
        Some(self.first..=self.first.checked_add(self.span)?)
    }

    /// The only number, if it is one.
    pub(super) fn number(&self) -> Option<u32> {
        (self.span == 0).then_some(self.first)
    }
}

/// The terms of a path of the rule of that rank.
pub(super) fn terms(fields: &Fields, path: &Path, rank: Rank, terms: &mut Vec<Term>) {
    let mut term = Term { rank, verdict: path.verdict, is_exact: path.is_exact, needs: 0, constraints: Vec::new() };
    for field in fields.wanted(path) {
        match fields.number(field) {
            Some(number) => term.needs |= 1 << number,
            None => term.is_exact = false,
        }
    }
    let mut several = Vec::new();
    for literal in &path.literals {
        let (Literal { ranges, .. }, asked) = (literal, fields.of_literal(literal));
        let Some(field) = fields.number(asked) else { continue };
        let one = match (asked, ranges.as_slice()) {
            (Field::Member(..), _) => Some((1, 0)),
            // What reaches to the end of all numbers ends with what the value can be.
            (_, &[(low, high)]) => Some((low, high.min(fields.values.known(literal.value).max.max(low)) - low)),
            _ => as_one(ranges),
        };
        match one {
            Some((first, span)) => term.constraints.push(Constraint { field, first, span }),
            None => several.push((field, ranges)),
        }
    }
    several.sort_by_key(|(_, ranges)| ranges.len());
    let mut count = 1;
    let begin = terms.len();
    let mut made = vec![term];
    for (field, ranges) in several {
        if count * ranges.len() > MOST_TERMS {
            made.iter_mut().for_each(|term| term.is_exact = false);
            continue;
        }
        count *= ranges.len();
        made = made.iter().flat_map(|term| ranges.iter().map(|&range| with(term, field, range))).collect();
    }
    terms.extend(made);
    for term in &mut terms[begin..] {
        term.constraints.sort_by_key(|constraint| constraint.field);
    }
}

fn with(term: &Term, field: u8, (low, high): Range) -> Term {
    let mut term = term.clone();
    term.constraints.push(Constraint { field, first: low, span: high - low });
    term
}

/// Ranges as one that may lead past the largest number: its first number, and how many follow.
pub(super) fn as_one(ranges: &[Range]) -> Option<(u32, u32)> {
    match *ranges {
        [(low, high)] => Some((low, high - low)),
        [(0, last), (first, u32::MAX)] => Some((first, last.wrapping_sub(first))),
        _ => None,
    }
}
