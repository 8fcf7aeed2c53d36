//! Rules that match the same packets.

use std::collections::{BTreeMap, HashMap};

use crate::classifier::term::Rank;
use crate::filter_set::analysis::area::Constraints;
use crate::filter_set::analysis::cover::{CoverSearch, Ended, Pending, Visited};
use crate::filter_set::analysis::examples::Lengths;
use crate::filter_set::analysis::rule_areas::RuleAreas;
use crate::ir::Hashing;

/// The most work to compare two rules.
const WORK: u64 = 1 << 14;

/// The areas of a rule, in an order of their own, with the bytes that they need if these count.
type Outline<'r> = Vec<(&'r Constraints, Option<String>)>;

/// Returns each rule that matches the same packets as an earlier one, with the first of those, given the rules that a
/// single earlier rule covers.
pub(super) fn find(rules: &RuleAreas, covered_by: &BTreeMap<Rank, Rank>, lengths: Lengths) -> BTreeMap<Rank, Rank> {
    let mut firsts: HashMap<Outline, Rank, Hashing> = HashMap::default();
    let mut equal = BTreeMap::new();
    for rank in 0..rules.len() as Rank {
        let first = match rules.is_exact(rank) && !rules.of_rule(rank).is_empty() {
            true => *firsts.entry(outline(rules, rank, lengths)).or_insert(rank),
            false => rank,
        };
        let other = covered_by.get(&rank).copied();
        if first != rank {
            equal.insert(rank, first);
        } else if let Some(other) = other.filter(|&other| contains(rules, rank, other, lengths, WORK)) {
            let first = equal.get(&other).copied().unwrap_or(other);
            equal.insert(rank, first);
        }
    }
    equal
}

fn outline(rules: &RuleAreas, rank: Rank, lengths: Lengths) -> Outline<'_> {
    let mut outline: Outline = Vec::new();
    for area in rules.of_rule(rank) {
        let bytes = (lengths == Lengths::Any).then(|| format!("{} {:?}", area.min_len, area.checks));
        outline.push((&area.constraints, bytes));
    }
    outline.sort();
    outline
}

/// Returns whether a rule is proven to match all packets that another one matches.
pub(super) fn contains(rules: &RuleAreas, rank: Rank, other: Rank, lengths: Lengths, work: u64) -> bool {
    if rules.of_rule(other).is_empty() {
        return true;
    }
    let pending = rules.of_rule(other).iter().map(|inner| {
        let may_cover = |place: &usize| {
            let area = &rules.areas[*place];
            area.is_exact && (lengths == Lengths::Enough || inner.has_bytes_of(area))
        };
        let areas = rules.places_of(rank).filter(may_cover).map(|place| place as u32);
        Pending { region: inner.constraints.clone(), areas: areas.collect() }
    });
    let ended = CoverSearch::new(rules, work).run(pending.collect(), |_, _| Visited::StopUnlessEmpty);
    matches!(ended, Ended::Covered(_))
}
