//! Tables of terms that differ in the range of one field only.
//!
//! The ranges divide the numbers of the field into intervals. For the first match, an [`IntervalMap`] gives the least
//! rank of the terms around a number. For all matches, another one gives the chain of all terms around it. A term that
//! lies around too many intervals would be in too many chains: such terms have a map of their own, in which the narrow
//! terms do not divide their ranges.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::classifier::entry_conditions;
use crate::classifier::interval_map::{Interval, IntervalMap};
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{Lookup, MatchKind, Table, Tables};
use crate::classifier::table_entry::mark;
use crate::classifier::table_key::KeyField;
use crate::classifier::term::{Constraint, Rank, Term};
use crate::ir::Hashing;

/// The least number of terms for which a map of intervals is worth its lookup. Debug builds use maps in small random
/// sets as well.
const MIN_TERMS: usize = if cfg!(debug_assertions) { 3 } else { 16 };

/// The divisor of the number of terms of which a group has at least a share: each group is a lookup more.
const LEAST_SHARE: usize = 16;

/// The most prefix lengths of a group that hash tables serve better.
const MAX_LENGTHS: usize = 2;

/// The most places of terms in the lists of intervals: for each term, and besides.
const PLACES_OF_TERM: usize = 12;
const PLACES: usize = 1 << 12;

/// The most maps of a group for all matches, and the divisor of the share of the terms left that each must hold.
const MAX_MAPS: usize = 6;
const MIN_SHARE: usize = 4;

/// Terms that are alike but for the range of one field.
pub(crate) struct Group {
    pub(crate) field: u8,
    /// The numbers of the terms, in order.
    pub(crate) terms: Vec<usize>,
}

/// What the terms of a group have in common: the field that differs, the fields that the packet must have, and the
/// other constraints.
type Common = (u8, u64, Vec<Constraint>);

/// Takes the groups that are worth a map of intervals out of `left`, which has numbers of terms in order.
///
/// Terms with a condition that tables cannot decide, or without a verdict, are in no group.
pub(crate) fn take_groups(fields: &PacketFields, terms: &[Term], left: &mut Vec<usize>) -> Vec<Group> {
    let is_complete = |term: &Term| term.is_exact && term.verdict.is_some();
    let common = |term: &Term, field: u8| -> Common {
        (field, term.needs, term.constraints.iter().copied().filter(|other| other.field != field).collect())
    };
    let mut groups: HashMap<Common, Vec<usize>, Hashing> = HashMap::default();
    let mut points = Vec::new();
    for &number in left.iter().filter(|&&number| is_complete(&terms[number])) {
        let term = &terms[number];
        let mut ranges = term.constraints.iter().filter(|constraint| constraint.number().is_none());
        match (ranges.next(), ranges.next()) {
            (Some(range), None) => {
                let max = fields.max(range.field);
                if range.range().is_some_and(|numbers| *numbers.end() <= max) {
                    groups.entry(common(term, range.field)).or_default().push(number);
                }
            }
            (None, _) => points.push(number),
            _ => {}
        }
    }
    let least = MIN_TERMS.max(left.len() / LEAST_SHARE);
    groups.retain(|_, group| group.len() >= least);
    let grouped: HashSet<u8, Hashing> = groups.keys().map(|&(field, ..)| field).collect();
    for number in points {
        let term = &terms[number];
        let is_grouped = |constraint: &&Constraint| {
            grouped.contains(&constraint.field) && constraint.first <= fields.max(constraint.field)
        };
        let of_groups = term.constraints.iter().filter(is_grouped);
        let mut commons = of_groups.map(|constraint| common(term, constraint.field));
        if let Some(group) =
            commons.find(|common| groups.contains_key(common)).and_then(|common| groups.get_mut(&common))
        {
            group.push(number);
        }
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|((field, ..), mut terms)| {
            terms.sort_unstable();
            Group { field, terms }
        })
        .filter(|group| !suits_hash_tables(fields, terms, group))
        .collect();
    groups.sort_unstable_by_key(|group| (group.terms[0], group.field));
    let taken: HashSet<usize, Hashing> = groups.iter().flat_map(|group| group.terms.iter().copied()).collect();
    left.retain(|number| !taken.contains(number));
    groups
}

/// Returns whether all ranges are prefixes of few lengths.
fn suits_hash_tables(fields: &PacketFields, terms: &[Term], group: &Group) -> bool {
    let mut spans = HashSet::<u32, Hashing>::default();
    group.terms.iter().all(|&term| {
        let &Constraint { first, span, field } = constraint(&terms[term], group.field);
        let is_prefix = span & span.wrapping_add(1) == 0 && first & span == 0;
        spans.insert(span.min(fields.max(field)));
        is_prefix && spans.len() <= MAX_LENGTHS
    })
}

fn constraint(term: &Term, field: u8) -> &Constraint {
    term.constraint(field).expect("the terms of a group constrain its field")
}

/// The numbers from `first` to `last`, which a rule has.
#[derive(Clone, Copy, Debug)]
struct RuleRange {
    first: u32,
    last: u32,
    rank: Rank,
}

/// Returns the range of each term of a group.
fn ranges(terms: &[&Term], field: u8) -> Vec<RuleRange> {
    let range = |term: &&Term| {
        let &Constraint { first, span, .. } = constraint(term, field);
        RuleRange { first, last: first.saturating_add(span), rank: term.rank }
    };
    terms.iter().map(range).collect()
}

/// Returns the first number of each interval into which the ranges divide the numbers.
fn starts(ranges: &[RuleRange], max: u32) -> Vec<u32> {
    let ends = ranges.iter().filter(|range| range.last < max).map(|range| range.last + 1);
    let mut starts: Vec<u32> = ranges.iter().map(|range| range.first).chain(ends).chain([0]).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Returns the last number of each interval, given the first ones.
fn lasts(starts: &[u32], max: u32) -> impl Iterator<Item = u32> + use<'_> {
    starts[1..].iter().map(|next| next - 1).chain([max])
}

/// Returns the intervals of the numbers up to `max` with the least rank of the ranges around them, or `none`.
fn least_ranks(ranges: &[RuleRange], max: u32, none: Rank) -> Vec<Interval> {
    let starts = starts(ranges, max);
    let mut in_order: Vec<&RuleRange> = ranges.iter().collect();
    in_order.sort_unstable_by_key(|range| range.first);
    let mut in_order = in_order.into_iter().peekable();
    let mut around = BinaryHeap::new();
    let mut intervals = Vec::new();
    for (&start, last) in starts.iter().zip(lasts(&starts, max)) {
        while let Some(range) = in_order.next_if(|range| range.first <= start) {
            around.push(Reverse((range.rank, range.last)));
        }
        while around.peek().is_some_and(|&Reverse((_, last))| last < start) {
            around.pop();
        }
        Interval::push(&mut intervals, last, around.peek().map_or(none, |&Reverse((rank, _))| rank));
    }
    intervals
}

/// The terms around each interval.
struct Around {
    /// The contents are numbers of `lists`.
    intervals: Vec<Interval>,
    /// Different lists of places in the group, in order.
    lists: Vec<Vec<u32>>,
    /// The places of the terms in no list: they would be in too many.
    wide: Vec<usize>,
}

/// Returns the terms around each interval of the numbers up to `max`.
fn all_around(ranges: &[RuleRange], max: u32) -> Around {
    let wide = wide(ranges, max);
    let mut narrow: Vec<(u32, RuleRange)> = (0..).zip(ranges.iter().copied()).collect();
    narrow.retain(|(place, _)| wide.binary_search(&(*place as usize)).is_err());
    let starts = starts(&narrow.iter().map(|&(_, range)| range).collect::<Vec<RuleRange>>(), max);
    narrow.sort_by_key(|(_, range)| range.first);
    let mut narrow = narrow.into_iter().peekable();
    let mut around: Vec<(u32, RuleRange)> = Vec::new();
    let (mut intervals, mut lists) = (Vec::new(), Vec::new());
    let mut known: HashMap<Vec<u32>, u32, Hashing> = HashMap::default();
    for (&start, last) in starts.iter().zip(lasts(&starts, max)) {
        around.retain(|(_, range)| range.last >= start);
        while let Some(range) = narrow.next_if(|(_, range)| range.first <= start) {
            around.push(range);
        }
        let mut list: Vec<u32> = around.iter().map(|&(place, _)| place).collect();
        list.sort_unstable();
        let content = known.get(&list).copied().unwrap_or_else(|| {
            let content = lists.len() as u32;
            lists.push(list.clone());
            known.insert(list, content);
            content
        });
        Interval::push(&mut intervals, last, content);
    }
    Around { intervals, lists, wide }
}

/// Returns the places of the ranges that lie around too many intervals, in order.
fn wide(ranges: &[RuleRange], max: u32) -> Vec<usize> {
    let starts = starts(ranges, max);
    let begin = |number: u32| starts.partition_point(|&start| start <= number);
    let mut widths: Vec<(usize, usize)> = Vec::with_capacity(ranges.len());
    widths.extend(ranges.iter().map(|range| begin(range.last) - begin(range.first) + 1).zip(0..));
    widths.sort_unstable();
    let mut places = PLACES + PLACES_OF_TERM * ranges.len();
    let mut narrow = 0;
    while let Some(left) = widths.get(narrow).and_then(|&(width, _)| places.checked_sub(width)) {
        places = left;
        narrow += 1;
    }
    let mut wide: Vec<usize> = widths[narrow..].iter().map(|&(_, place)| place).collect();
    wide.sort_unstable();
    wide
}

impl Tables {
    /// Adds the tables of a group. Returns the places of the terms that no table for all matches holds.
    pub(crate) fn push_group(&mut self, fields: &PacketFields, field: u8, terms: &[&Term]) -> Vec<usize> {
        let max = fields.max(field);
        let table = |kind, terms: &[&Term]| Table {
            key: vec![KeyField { field, mask: u32::MAX, factor: 0 }],
            tag_field: Some(field),
            ..Table::new(kind, terms[0].needs, entry_conditions::guards(terms), terms)
        };
        let of_terms = ranges(terms, field);
        let mut around = all_around(&of_terms, max);
        let verdict = terms[0].verdict;
        let are_bare = around.wide.is_empty()
            && around.lists.iter().all(|list| list.len() <= 1)
            && terms.iter().all(|term| term.verdict == verdict);

        let ranks = least_ranks(&of_terms, max, self.none);
        let first = Table {
            slot_verdict: verdict,
            chain_count: ranks.len(),
            longest_chain: 1,
            mean_chain_len: 1.0,
            has_marks: false,
            ..table((!are_bare).then_some(MatchKind::First), terms)
        };
        self.push_map(first, Vec::new(), &ranks, self.none, max);
        if are_bare {
            return Vec::new();
        }

        let mut left: Vec<usize> = (0..terms.len()).collect();
        for _ in 0..MAX_MAPS {
            if MIN_SHARE * around.wide.len() > (MIN_SHARE - 1) * left.len() {
                break;
            }
            let of_map: Vec<&Term> = left.iter().map(|&place| terms[place]).collect();
            self.push_chains(table(Some(MatchKind::All), &of_map), &around, &of_map, max);
            left = around.wide.iter().map(|&place| left[place]).collect();
            if left.len() < MIN_TERMS {
                break;
            }
            let ranges: Vec<RuleRange> = left.iter().map(|&place| of_terms[place]).collect();
            around = all_around(&ranges, max);
        }
        left
    }

    /// Adds a table for all matches, with a chain for each list of the terms of a map.
    fn push_chains(&mut self, table: Table, around: &Around, terms: &[&Term], max: u32) {
        let lens = || around.lists.iter().map(Vec::len);
        let table = Table {
            term_count: terms.len() - around.wide.len(),
            chain_count: around.lists.len(),
            longest_chain: lens().max().unwrap_or(0),
            mean_chain_len: lens().map(|len| len * len).sum::<usize>() as f64 / lens().sum::<usize>() as f64,
            ..table
        };
        // The chain of no term. These terms have no conditions besides their intervals.
        let mut chains = [self.none | mark::LAST, 0].repeat(table.stride() * table.block() / 2);
        let starts = around.lists.iter().map(|list| {
            let of_list: Vec<&Term> = list.iter().map(|&place| terms[place as usize]).collect();
            let start = if list.is_empty() { 0 } else { chains.len() };
            table.push_chain(&of_list, &mut chains);
            start as u32
        });
        let starts: Vec<u32> = starts.collect();
        let with_start = |interval: &Interval| Interval { content: starts[interval.content as usize], ..*interval };
        let intervals: Vec<Interval> = around.intervals.iter().map(with_start).collect();
        self.push_map(table, chains, &intervals, 0, max);
    }

    /// Adds a table with a map of the numbers up to `max`, which follows some other words.
    fn push_map(&mut self, table: Table, mut words: Vec<u32>, intervals: &[Interval], none: u32, max: u32) {
        let width = u32::BITS - max.leading_zeros();
        // The map is of all numbers of this width, even if the field has only some of them.
        let mut intervals = intervals.to_vec();
        if let Some(end) = intervals.last_mut() {
            end.last = (u32::MAX).checked_shr(u32::BITS - width).unwrap_or(0);
        }
        let (map, of_map) = IntervalMap::new(&intervals, width);
        let at = words.len();
        words.extend(of_map);
        let lookup = Lookup::Intervals { map, at, none };
        let start = self.add_words(words);
        self.list.push(Table { lookup, start, ..table });
    }
}
