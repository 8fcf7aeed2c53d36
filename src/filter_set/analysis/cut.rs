//! Cuts of regions in two, where many small areas overlap them: each half has about half of the areas.

use crate::filter_set::analysis::area::{self, Constraints};
use crate::filter_set::analysis::rule_areas::RuleAreas;
use crate::ir::ValueId;

/// The fewest areas for which a cut is worth it.
pub(super) const MIN_AREAS: usize = 48;

/// The most areas whose ends are tried.
const MAX_TRIED: usize = 16;

/// A cut: values below a number, and others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    value: ValueId,
    number: u32,
}

impl Cut {
    /// Returns the best cut of a region at an end of some areas that overlap it, if it leaves much fewer areas for each
    /// half. Also returns how many areas were looked at.
    pub(super) fn find(rules: &RuleAreas, region: &Constraints, areas: &[u32]) -> (Option<Cut>, u64) {
        let (mut best, mut looked_at) = (None, 0);
        let mut least = usize::MAX;
        let step = areas.len().div_ceil(MAX_TRIED).max(1);
        let mut tried: Vec<Cut> = Vec::new();
        for &place in areas.iter().step_by(step) {
            for (value, set) in &rules.areas[place as usize].constraints {
                let (low, high) = bounds(rules, region, *value);
                let first = set.first().map(|&(first, _)| first);
                let next = set.last().and_then(|&(_, last)| last.checked_add(1));
                let ends = [first, next].into_iter().flatten().filter(|&number| low < number && number <= high);
                tried.extend(ends.map(|number| Cut { value: *value, number }));
            }
        }
        tried.sort_unstable_by_key(|cut| (cut.value, cut.number));
        tried.dedup();
        for cut in tried {
            looked_at += areas.len() as u64;
            let [below, others] = cut.counts(rules, areas);
            let is_good = below + others <= areas.len() * 5 / 4 && below.max(others) <= areas.len() * 3 / 4;
            let cost = below + others + 2 * below.max(others);
            if is_good && cost < least {
                (least, best) = (cost, Some(cut));
            }
        }
        (best, looked_at)
    }

    /// Returns the numbers of areas on both sides.
    fn counts(self, rules: &RuleAreas, areas: &[u32]) -> [usize; 2] {
        let mut counts = [0; 2];
        for &place in areas {
            let constraints = &rules.areas[place as usize].constraints;
            let (low, high) = match constraints.iter().find(|(value, _)| *value == self.value) {
                Some((_, set)) => {
                    (set.first().map_or(0, |range| range.0), set.last().map_or(u32::MAX, |range| range.1))
                }
                None => (0, u32::MAX),
            };
            counts[0] += usize::from(low < self.number);
            counts[1] += usize::from(high >= self.number);
        }
        counts
    }

    /// Returns the halves of a region.
    pub(super) fn halves(self, rules: &RuleAreas, region: &Constraints) -> impl Iterator<Item = Constraints> {
        let sides = [(0, self.number - 1), (self.number, u32::MAX)];
        sides.into_iter().filter_map(move |side| {
            let mut half = region.clone();
            area::restrict(&rules.values, &mut half, self.value, &vec![side].into())?;
            Some(half)
        })
    }
}

/// Returns the least and the greatest number of a value in a region.
fn bounds(rules: &RuleAreas, region: &Constraints, value: ValueId) -> (u32, u32) {
    let known = rules.values.known(value);
    let set = region.iter().find(|(other, _)| *other == value).map(|(_, set)| set);
    let ends = set.and_then(|set| Some((set.first()?.0, set.last()?.1)));
    ends.unwrap_or((known.min, known.max))
}
