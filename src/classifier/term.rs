//! Terms: conjunctions in which each field lies in one range.

use std::ops::RangeInclusive;

use crate::classifier::constraints::Constraints;
use crate::classifier::packet_fields::{PacketField, PacketFields};
use crate::classifier::path::Path;
use crate::classifier::path_list::PathList;
use crate::ir::Range;

/// The number of a rule in the order of its classifier, counted from 0.
pub(crate) type Rank = u32;

/// A conjunction of constraints on fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) rank: Rank,
    /// The verdict; `None` if the program must compute it.
    pub(crate) verdict: Option<u32>,
    /// `true` if these are all conditions. If not, the program must verify a match.
    pub(crate) is_exact: bool,
    /// The fields that the packet must have, a bit each.
    pub(crate) needs: u64,
    /// In the order of the fields.
    pub(crate) constraints: Constraints,
}

/// The constraint that a field is `first` or one of the `span` numbers after it. The largest number is followed by 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Constraint {
    pub(crate) field: u8,
    pub(crate) first: u32,
    pub(crate) span: u32,
}

/// The most terms of a path, and of a rule.
const MAX_TERMS: usize = 256;
const MAX_TERMS_OF_RULE: usize = 1_024;

/// The most terms of all rules: in total, and for each rule.
const TERMS: usize = 1 << 16;
const TERMS_OF_RULE: usize = 32;

impl Term {
    pub(crate) fn constraint(&self, field: u8) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.field == field)
    }
}

impl Constraint {
    /// Returns the range, if it does not wrap around.
    pub(crate) fn range(&self) -> Option<RangeInclusive<u32>> {
        Some(self.first..=self.first.checked_add(self.span)?)
    }

    /// Returns the only number, if there is one.
    pub(crate) fn number(&self) -> Option<u32> {
        (self.span == 0).then_some(self.first)
    }
}

/// Returns the constraints of a path, and the fields that lie in one of several ranges, those with few ranges first.
fn split<'p>(fields: &PacketFields, path: &'p Path) -> (Constraints, Vec<(u8, &'p [Range])>) {
    let (mut constraints, mut several) = (Constraints::new(), Vec::new());
    for literal in &path.literals {
        let (ranges, tested) = (literal.ranges.as_slice(), fields.of_literal(literal));
        let Some(field) = fields.number(tested) else { continue };
        let one = match (tested, ranges) {
            (PacketField::Member(..), _) => Some((1, 0)),
            // A range up to the largest number ends with the largest value.
            (_, &[(low, high)]) => Some((low, high.min(fields.values.known(literal.value).max.max(low)) - low)),
            _ => as_one(ranges),
        };
        match one {
            Some((first, span)) => constraints.push(Constraint { field, first, span }),
            None => several.push((field, ranges)),
        }
    }
    several.sort_by_key(|(_, ranges)| ranges.len());
    (constraints, several)
}

/// Returns the number of terms of a path without widening, at most one more than [`MAX_TERMS`].
fn count(fields: &PacketFields, path: &Path) -> usize {
    let (_, several) = split(fields, path);
    several.iter().fold(1, |count: usize, (_, ranges)| count.saturating_mul(ranges.len())).min(MAX_TERMS + 1)
}

/// Appends the terms of a path, at most `max`. A field that would need more is widened to one range from the first to
/// the last.
fn terms(fields: &PacketFields, path: &Path, rank: Rank, max: usize, terms: &mut Vec<Term>) {
    let (constraints, several) = split(fields, path);
    let mut term = Term { rank, verdict: path.verdict, is_exact: path.is_exact, needs: 0, constraints };
    for field in fields.wanted(path) {
        match fields.number(field) {
            Some(number) => term.needs |= 1 << number,
            None => term.is_exact = false,
        }
    }
    let start = terms.len();
    if several.is_empty() {
        term.constraints.sort_by_key(|constraint| constraint.field);
        terms.push(term);
        return;
    }
    let mut made = vec![term];
    for (field, ranges) in several {
        if made.len() * ranges.len() > max {
            let whole = (ranges[0].0, ranges[ranges.len() - 1].1);
            made = made.iter().map(|term| Term { is_exact: false, ..with(term, field, whole) }).collect();
            continue;
        }
        made = made.iter().flat_map(|term| ranges.iter().map(|&range| with(term, field, range))).collect();
    }
    terms.extend(made);
    for term in &mut terms[start..] {
        term.constraints.sort_by_key(|constraint| constraint.field);
    }
}

/// Returns the terms of all rules in the order of their ranks, given the paths of each rule.
///
/// All rules have the same share of terms. A rule that needs more gets coarser ones, so that no rule has less because
/// of another one.
pub(crate) fn of_rules(fields: &PacketFields, paths: &PathList) -> Vec<Term> {
    let mut wanted: Vec<u32> = Vec::with_capacity(paths.len());
    paths.for_each(|_, paths| wanted.push(paths.iter().map(|path| count(fields, path)).sum::<usize>() as u32));
    let total: usize = wanted.iter().map(|&wanted| wanted as usize).sum();
    let share = share(&wanted, TERMS + TERMS_OF_RULE * paths.len()).min(MAX_TERMS_OF_RULE);
    let mut all = Vec::with_capacity(total.min(share.saturating_mul(paths.len())));
    paths.for_each(|rule, paths| {
        let max = if wanted[rule] as usize <= share { MAX_TERMS } else { (share / paths.len()).max(1) };
        paths.iter().for_each(|path| terms(fields, path, rule as Rank, max, &mut all));
    });
    all
}

/// Returns the largest limit for each demand with which the sum of all does not exceed `total`.
fn share(wanted: &[u32], total: usize) -> usize {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    let mut left = total;
    for (place, &least) in wanted.iter().enumerate() {
        let share = left / (wanted.len() - place);
        if least as usize > share {
            return share;
        }
        left -= least as usize;
    }
    usize::MAX
}

fn with(term: &Term, field: u8, (low, high): Range) -> Term {
    let mut term = term.clone();
    term.constraints.push(Constraint { field, first: low, span: high - low });
    term
}

/// Returns ranges as one range that may wrap around: its first number and its span.
pub(crate) fn as_one(ranges: &[Range]) -> Option<(u32, u32)> {
    match *ranges {
        [(low, high)] => Some((low, high - low)),
        [(0, last), (first, u32::MAX)] => Some((first, last.wrapping_sub(first))),
        _ => None,
    }
}
