//! Matching of records against rules, and counting, by one thread or by several.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use cbpf::LinkType;
use cbpf::filter_set::{BatchMatches, Matches};

use crate::cli::capture::{Record, Records};
use crate::cli::engine::Contexts;
use crate::cli::failure::Failure;
use crate::cli::link_types::LinkTypeClasses;
use crate::cli::pipeline::{Matcher, Selection};
use crate::cli::rule_matching::{IntervalCounts, RuleCounts, RuleSet};
use crate::cli::selection::TimeSelection;

/// Which records are selected, with the ids of the rules that match them. The others are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    None,
    Matching,
    All,
}

/// Finds the rules that match records, with one set of programs for each link type.
#[derive(Clone)]
pub struct RuleMatcher<'a> {
    /// The key is the link type that represents a class.
    pub(super) sets: BTreeMap<LinkType, Arc<RuleSet>>,
    pub(super) classes: LinkTypeClasses,
    /// Whether only the first match counts.
    pub(super) first: bool,
    pub(super) selected: Selected,
    pub(super) times: TimeSelection<'a>,
    /// The number of packets that may still match.
    pub(super) left: u64,
    pub(super) counts: RuleCounts,
    pub(super) intervals: Option<IntervalCounts>,
    /// Set if the counts do not fit into memory.
    pub(super) failure: Option<Failure>,
    pub(super) memory: MatchMemory,
}

/// What a matcher has counted.
pub struct RuleTally {
    counts: RuleCounts,
    intervals: Option<IntervalCounts>,
    failure: Option<Failure>,
}

/// Memory for the matches of records, which is used again.
#[derive(Default)]
pub(super) struct MatchMemory {
    matches: BatchMatches,
    first_matches: Vec<Option<u32>>,
    /// The matches of one packet, and its context.
    single: Matches,
    contexts: Contexts,
}

/// A copy has memory of its own.
impl Clone for MatchMemory {
    fn clone(&self) -> MatchMemory {
        MatchMemory::default()
    }
}

impl MatchMemory {
    /// Calls `visit` with each record and the ids of the rules that match it, or only the first of them.
    fn each(
        &mut self,
        RuleSet { set, needs_context, .. }: &RuleSet,
        first: bool,
        records: Records,
        mut visit: impl FnMut(&Record, &[u32]),
    ) {
        if *needs_context || records.differ_for_filters() {
            for record in records.iter() {
                let packet = self.contexts.packet(0, &record, *needs_context);
                if first {
                    visit(&record, set.first_match(packet).as_slice());
                } else {
                    set.matches(packet, &mut self.single);
                    visit(&record, self.single.ids());
                }
            }
        } else if first {
            self.first_matches.resize(records.len(), None);
            set.first_match_batch(records.packets(), &mut self.first_matches);
            records.iter().zip(&self.first_matches).for_each(|(record, id)| visit(&record, id.as_slice()));
        } else {
            set.matches_batch(records.packets(), &mut self.matches);
            records.iter().zip(self.matches.iter()).for_each(|(record, ids)| visit(&record, ids));
        }
    }
}

impl RuleMatcher<'_> {
    /// Returns whether no more records are wanted.
    pub fn is_full(&self) -> bool {
        self.left == 0 || self.failure.is_some()
    }

    /// Returns the failure to count, if there was one.
    pub fn take_failure(&mut self) -> Result<(), Failure> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl Matcher for RuleMatcher<'_> {
    type Tally = RuleTally;

    fn is_prepared(&self, records: &Records) -> bool {
        records.by_link_type().all(|(link_type, _)| {
            let link_type = self.classes.known_representative(link_type);
            let set = link_type.and_then(|link_type| self.sets.get(&link_type));
            set.is_some_and(|set| set.warning.is_none())
        })
    }

    fn select(&mut self, first: u64, records: Records, selection: &mut Selection) {
        let RuleMatcher { sets, classes, times, left, counts, intervals, failure, memory, .. } = self;
        let selected = self.selected;
        let mut position = 0;
        for (link_type, records) in records.by_link_type() {
            let Some(set) = sets.get(&classes.representative(link_type)) else {
                position += records.len();
                continue;
            };
            memory.each(set, self.first, records, |record, ids| {
                let here = position;
                position += 1;
                if *left == 0 || failure.is_some() || !times.includes(record) {
                    return;
                }
                let is_selected = match selected {
                    Selected::None => false,
                    Selected::Matching => !ids.is_empty(),
                    Selected::All => true,
                };
                if is_selected {
                    selection.push(here, first + here as u64, ids);
                    return;
                }
                *left -= u64::from(!ids.is_empty());
                counts.count(record, ids);
                if let Some(intervals) = intervals {
                    *failure = intervals.count(record, ids).err();
                }
            });
        }
    }

    fn take_tally(&mut self) -> RuleTally {
        let empty = self.counts.empty();
        let mut counts = mem::replace(&mut self.counts, empty);
        counts.add_outside(self.times.take_outside());
        let intervals = self.intervals.as_mut().map(IntervalCounts::take);
        RuleTally { counts, intervals, failure: self.failure.take() }
    }

    fn add(&mut self, tally: RuleTally) {
        let RuleTally { counts, intervals, failure } = tally;
        self.counts.add(&counts);
        let added = match (&mut self.intervals, intervals) {
            (Some(sum), Some(intervals)) => sum.add(intervals),
            _ => Ok(()),
        };
        self.failure = self.failure.take().or(failure).or(added.err());
    }
}
