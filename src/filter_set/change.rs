//! Changes of a set.
//!
//! Added rules come into a small segment of their own, and removed rules are marked, until it pays to index all rules
//! anew.

use crate::bpf::verify::Verified;
use crate::filter_set::FilterSet;
use crate::filter_set::error::SetError;
use crate::filter_set::segment::{RulePosition, Segment};

/// The number of added and removed rules from which on all are indexed anew: a percentage of the first segment, and a
/// constant.
const STALE_PERCENT: usize = 5;
const STALE: usize = 64;

/// The distance of rules in the order, so that others fit between them.
pub(crate) const GAP: u64 = 1 << 32;

/// A change of a set.
#[derive(Clone, Debug)]
pub(crate) enum RuleChange {
    Add(u32, Verified),
    /// Inserts a rule with the first id before the rule with the second.
    Insert(u32, u32, Verified),
    Remove(u32),
    Replace(u32, Verified),
}

impl FilterSet {
    /// Makes a change, and indexes only the added rules.
    pub(crate) fn change(&mut self, change: &RuleChange) -> Result<(), SetError> {
        match change {
            RuleChange::Add(id, program) => {
                self.admit(*id, program)?;
                let rule = RulePosition { id: *id, order: self.next_order };
                self.next_order += GAP;
                self.insert_rule(rule, program.clone());
            }
            RuleChange::Insert(id, before, program) => {
                let unknown = SetError::UnknownId(*before);
                if self.position_of(*before).is_none() {
                    return Err(unknown);
                }
                self.admit(*id, program)?;
                if self.order_before(*before).is_none() {
                    self.renumber();
                }
                let order = self.order_before(*before).ok_or(unknown)?;
                self.insert_rule(RulePosition { id: *id, order }, program.clone());
            }
            RuleChange::Remove(id) => _ = self.remove_rule(*id)?,
            RuleChange::Replace(id, program) => {
                self.check_dialect(*id, program)?;
                let rule = self.remove_rule(*id)?;
                self.insert_rule(rule, program.clone());
            }
        }
        Ok(())
    }

    /// Returns whether enough has changed to index all rules anew.
    pub(crate) fn is_stale(&self) -> bool {
        let Some((first, rest)) = self.segments.split_first() else { return false };
        let changed = first.removed_count() + rest.iter().map(Segment::len).sum::<usize>();
        changed > STALE + first.len() * STALE_PERCENT / 100
    }

    /// Returns a position between a rule and the one before it; `None` if there is no gap or no such rule.
    fn order_before(&self, id: u32) -> Option<u64> {
        let (segment, rank) = self.position_of(id)?;
        let end = self.segments[segment].rule(rank).order;
        let start =
            self.segments.iter().filter_map(|segment| segment.order_before(end)).max().map_or(0, |order| order + 1);
        (start < end).then_some(start + (end - start) / 2)
    }

    /// Renumbers the positions of all rules, so that there are gaps between them.
    fn renumber(&mut self) {
        let mut orders: Vec<u64> = self.segments.iter().flat_map(Segment::orders).collect();
        orders.sort_unstable();
        orders.dedup();
        let gap = |place: usize| (place as u64 + 1) * GAP;
        self.next_order = gap(orders.len());
        for segment in &mut self.segments {
            segment.renumber(|order| gap(orders.partition_point(|&other| other < order)));
        }
    }

    /// Indexes all rules anew.
    pub(crate) fn rebuild(&mut self) {
        let mut rules: Vec<(RulePosition, Verified)> = self.segments.iter().flat_map(Segment::rules).collect();
        rules.sort_by_key(|(rule, _)| rule.order);
        self.next_order = 0;
        for (rule, _) in &mut rules {
            self.next_order += GAP;
            rule.order = self.next_order;
        }
        self.next_order += GAP;
        self.segments.clear();
        self.push_segment(rules);
    }

    /// Adds a rule to the segment of added rules.
    fn insert_rule(&mut self, rule: RulePosition, program: Verified) {
        let mut rules: Vec<(RulePosition, Verified)> = self
            .segments
            .drain(1.min(self.segments.len())..)
            .flat_map(|segment| segment.rules().collect::<Vec<_>>())
            .collect();
        rules.insert(rules.partition_point(|(other, _)| other.order < rule.order), (rule, program));
        self.push_segment(rules);
    }

    fn push_segment(&mut self, rules: Vec<(RulePosition, Verified)>) {
        self.segments.extend((!rules.is_empty()).then(|| Segment::new(rules)));
    }

    /// Removes a rule and returns its position.
    fn remove_rule(&mut self, id: u32) -> Result<RulePosition, SetError> {
        let (segment, rank) = self.position_of(id).ok_or(SetError::UnknownId(id))?;
        self.segments[segment].remove(rank);
        Ok(self.segments[segment].rule(rank))
    }
}
