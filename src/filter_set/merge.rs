//! Merges of segments and of rules that are not indexed yet into one segment.
//!
//! A merge runs on a copy of a set while the set changes, in the background or at once. Afterwards the set adopts the
//! new segment in place of those that it was made of.

use std::sync::Arc;

use crate::classifier::program_list::ProgramList;
use crate::filter_set::FilterSet;
use crate::filter_set::change::Effect;
use crate::filter_set::recent::RecentRule;
use crate::filter_set::segment::{RulePosition, Segment};

/// The number of times that a segment may be as large as all that it is merged with.
const MAX_RATIO: usize = 4;

/// The number of added and removed rules from which on all are indexed anew: a percentage of the first segment, and a
/// constant.
const STALE_PERCENT: usize = 5;
const STALE: usize = 64;

/// What is merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merge {
    segments: Vec<Segment>,
    recent: Vec<Arc<RecentRule>>,
    /// The ids of rules that were removed since the merge began.
    removed: Vec<u32>,
    /// The positions of all rules before each time that they were renumbered since the merge began.
    renumbered: Vec<Arc<[u64]>>,
}

impl Merge {
    /// Returns the merge of all rules.
    pub(crate) fn of_all(set: &FilterSet) -> Merge {
        Merge { segments: set.segments.clone(), recent: set.recent.rules().to_vec(), ..Merge::default() }
    }

    /// Returns the merge of all segments before those of another merge.
    pub(crate) fn of_segments(set: &FilterSet, other: Option<&Merge>) -> Merge {
        let is_free = |segment: &&Segment| !other.is_some_and(|other| other.has(segment));
        Merge { segments: set.segments.iter().take_while(is_free).cloned().collect(), ..Merge::default() }
    }

    /// Returns the merge of all rules that are not indexed yet with small segments, which are not in another merge. So
    /// few segments stay, and a rule is indexed as often as they are.
    pub(crate) fn of_recent(set: &FilterSet, other: Option<&Merge>) -> Merge {
        let recent = set.recent.rules().to_vec();
        let mut count = recent.len();
        let is_small = |segment: &&Segment| {
            let is_small = segment.len() <= MAX_RATIO * count && !other.is_some_and(|other| other.has(segment));
            count += segment.len();
            is_small
        };
        let mut segments: Vec<Segment> = set.segments.iter().skip(1).rev().take_while(is_small).cloned().collect();
        segments.reverse();
        Merge { segments, recent, ..Merge::default() }
    }

    /// Returns whether enough has changed to merge these segments.
    pub(crate) fn is_due(&self) -> bool {
        let Some((first, rest)) = self.segments.split_first() else { return false };
        let changed = first.removed_count() + rest.iter().map(Segment::len).sum::<usize>();
        changed > STALE + first.len() * STALE_PERCENT / 100
    }

    fn has(&self, segment: &Segment) -> bool {
        self.segments.iter().any(|own| own.is_same(segment))
    }

    /// Notes a change of the set since the merge began.
    pub(crate) fn note(&mut self, effect: &Effect) {
        self.removed.extend(effect.removed);
        self.renumbered.extend(effect.renumbered.clone());
    }

    /// Returns the new segment, unless no rules are left.
    pub(crate) fn run(&self) -> Option<Segment> {
        let (rules, programs) = self.rules();
        (!rules.is_empty()).then(|| Segment::new(&rules, programs))
    }

    /// Returns the rules that are left, in order, and their programs.
    pub(crate) fn rules(&self) -> (Vec<RulePosition>, ProgramList) {
        let mut rules: Vec<(RulePosition, usize, usize)> = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            rules.extend(segment.alive().map(|rank| (segment.rule(rank), number, rank as usize)));
        }
        let of_recent = self.recent.iter().enumerate();
        rules.extend(of_recent.map(|(place, rule)| (rule.position, self.segments.len(), place)));
        rules.sort_by_key(|(rule, ..)| rule.order);
        let mut shapes = vec![Vec::new(); self.segments.len()];
        let mut programs = ProgramList::default();
        for &(_, number, place) in &rules {
            match self.segments.get(number) {
                Some(segment) => programs.push_from(&segment.index().programs, place, &mut shapes[number]),
                None => programs.push(&self.recent[place].program),
            }
        }
        (rules.into_iter().map(|(rule, ..)| rule).collect(), programs)
    }
}

impl FilterSet {
    /// Replaces what was merged by the new segment.
    pub(crate) fn adopt(&mut self, merge: &Merge, merged: Option<Segment>) {
        let mut merged = merged;
        if let Some(segment) = &mut merged {
            merge.renumbered.iter().for_each(|orders| segment.renumber(orders));
            for &id in &merge.removed {
                // An id may be that of several rules, one after the other, of which only the first is here.
                if let Some(rank) = segment.rank_of(id) {
                    segment.remove(rank);
                }
            }
        }
        let place = self.segments.iter().position(|segment| merge.has(segment)).unwrap_or(self.segments.len());
        self.segments.retain(|segment| !merge.has(segment));
        let merged = merged.filter(|segment| segment.removed_count() < segment.len());
        merged.into_iter().for_each(|segment| self.segments.insert(place, segment));
        // Serial numbers are in the order of additions.
        if let Some(last) = merge.recent.iter().map(|rule| rule.serial).max() {
            self.recent.retain(|rule| rule.serial > last);
        }
    }
}
