//! Paths as the index has them: each field of a packet lies in one range.

use std::ops::RangeInclusive;

use crate::classifier::packet_fields::{PacketField, PacketFields};
use crate::classifier::path::{Literal, Path};
use crate::ir::Range;

/// The place of a rule among those of an index, in the order in which they are asked.
pub(crate) type Rank = u32;

/// Conditions on fields that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) rank: Rank,
    /// The verdict; `None` if the program must be asked for it.
    pub(crate) verdict: Option<u32>,
    /// Whether a packet for which they hold is surely kept; if not, the program must be asked.
    pub(crate) is_exact: bool,
    /// The fields that the packet must have, a bit each.
    pub(crate) needs: u64,
    /// In the order of the fields.
    pub(crate) constraints: Vec<Constraint>,
}

/// A field is a number from the first on, or one of so many behind it; the largest number is followed by 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Constraint {
    pub(crate) field: u8,
    pub(crate) first: u32,
    pub(crate) span: u32,
}

/// The most terms that one path becomes, where a field lies in one of several ranges, and that a rule has.
const MAX_TERMS: usize = 256;
const MAX_OF_RULE: usize = 1_024;

/// How many terms all rules have: so many, and so many for each.
const TERMS: usize = 1 << 16;
const TERMS_OF_RULE: usize = 32;

impl Constraint {
    /// The range, unless it leads past the largest number.
    pub(crate) fn range(&self) -> Option<RangeInclusive<u32>> {
        Some(self.first..=self.first.checked_add(self.span)?)
    }

    /// The only number, if it is one.
    pub(crate) fn number(&self) -> Option<u32> {
        (self.span == 0).then_some(self.first)
    }
}

/// The constraints of a path, and the fields that lie in one of several ranges, those with few ranges first.
fn parted<'p>(fields: &PacketFields, path: &'p Path) -> (Vec<Constraint>, Vec<(u8, &'p [Range])>) {
    let (mut constraints, mut several) = (Vec::new(), Vec::new());
    for literal in &path.literals {
        let (Literal { ranges, .. }, asked) = (literal, fields.of_literal(literal));
        let Some(field) = fields.number(asked) else { continue };
        let one = match (asked, ranges.as_slice()) {
            (PacketField::Member(..), _) => Some((1, 0)),
            // What reaches to the end of all numbers ends with what the value can be.
            (_, &[(low, high)]) => Some((low, high.min(fields.values.known(literal.value).max.max(low)) - low)),
            _ => as_one(ranges),
        };
        match one {
            Some((first, span)) => constraints.push(Constraint { field, first, span }),
            None => several.push((field, ranges.as_slice())),
        }
    }
    several.sort_by_key(|(_, ranges)| ranges.len());
    (constraints, several)
}

/// How many terms a path becomes if nothing is left out, or more than [`MAX_TERMS`].
fn count(fields: &PacketFields, path: &Path) -> usize {
    let (_, several) = parted(fields, path);
    several.iter().fold(1, |count: usize, (_, ranges)| count.saturating_mul(ranges.len())).min(MAX_TERMS + 1)
}

/// The terms of a path of the rule of that rank, at most so many: of fields that would need more of them, each tests
/// from the first range to the last.
fn terms(fields: &PacketFields, path: &Path, rank: Rank, most: usize, terms: &mut Vec<Term>) {
    let (constraints, several) = parted(fields, path);
    let mut term = Term { rank, verdict: path.verdict, is_exact: path.is_exact, needs: 0, constraints };
    for field in fields.wanted(path) {
        match fields.number(field) {
            Some(number) => term.needs |= 1 << number,
            None => term.is_exact = false,
        }
    }
    let begin = terms.len();
    let mut made = vec![term];
    for (field, ranges) in several {
        if made.len() * ranges.len() > most {
            let whole = (ranges[0].0, ranges[ranges.len() - 1].1);
            made = made.iter().map(|term| Term { is_exact: false, ..with(term, field, whole) }).collect();
            continue;
        }
        made = made.iter().flat_map(|term| ranges.iter().map(|&range| with(term, field, range))).collect();
    }
    terms.extend(made);
    for term in &mut terms[begin..] {
        term.constraints.sort_by_key(|constraint| constraint.field);
    }
}

/// The terms of all rules in the order of their ranks, where `ends` are those of each rule's paths.
///
/// All have the same share of terms: a rule with more has coarser ones, so that no rule has less because of another one.
pub(crate) fn of_rules(fields: &PacketFields, paths: &[Path], ends: &[usize]) -> Vec<Term> {
    let starts = [0].into_iter().chain(ends.iter().copied());
    let of_rules: Vec<&[Path]> = starts.zip(ends).map(|(start, &end)| &paths[start..end]).collect();
    let wanted: Vec<usize> = of_rules.iter().map(|paths| paths.iter().map(|path| count(fields, path)).sum()).collect();
    let share = share(&wanted, TERMS + TERMS_OF_RULE * ends.len()).min(MAX_OF_RULE);
    let mut all = Vec::new();
    for ((rank, paths), wanted) in (0..).zip(of_rules).zip(wanted) {
        let most = if wanted <= share { MAX_TERMS } else { (share / paths.len()).max(1) };
        paths.iter().for_each(|path| terms(fields, path, rank, most, &mut all));
    }
    all
}

/// The most that each may have so that all have no more than there is.
fn share(wanted: &[usize], total: usize) -> usize {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    let mut left = total;
    for (place, &least) in wanted.iter().enumerate() {
        let share = left / (wanted.len() - place);
        if least > share {
            return share;
        }
        left -= least;
    }
    usize::MAX
}

fn with(term: &Term, field: u8, (low, high): Range) -> Term {
    let mut term = term.clone();
    term.constraints.push(Constraint { field, first: low, span: high - low });
    term
}

/// Ranges as one that may lead past the largest number: its first number, and how many follow.
pub(crate) fn as_one(ranges: &[Range]) -> Option<(u32, u32)> {
    match *ranges {
        [(low, high)] => Some((low, high - low)),
        [(0, last), (first, u32::MAX)] => Some((first, last.wrapping_sub(first))),
        _ => None,
    }
}
