//! Changes of a set.
//!
//! An added rule runs by itself until it is indexed together with others. A removed rule is marked in its segment. When
//! many rules have changed, all are indexed anew.

use std::sync::Arc;

use crate::bpf::verify::Verified;
use crate::classifier::term::Rank;
use crate::filter_set::FilterSet;
use crate::filter_set::error::SetError;
use crate::filter_set::merge::Merge;
use crate::filter_set::recent::RecentRule;
use crate::filter_set::segment::RulePosition;

/// The most rules that are not indexed in a set that is not shared.
const MAX_RECENT: usize = 32;

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

/// What a change did to rules that were there before.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// The id of the rule that was removed.
    pub(crate) removed: Option<u32>,
    /// The positions of all rules before they were numbered anew.
    pub(crate) renumbered: Option<Arc<[u64]>>,
}

/// Returns the new position of a rule, given the positions that all had before, in order.
pub(crate) fn renumbered(orders: &[u64], order: u64) -> u64 {
    (orders.partition_point(|&other| other < order) as u64 + 1) * GAP
}

/// Where a rule is.
enum Place {
    /// In a segment, with a rank.
    Segment(usize, Rank),
    Recent(RulePosition),
}

impl FilterSet {
    /// Makes a change. Added rules are not indexed.
    pub(crate) fn change(&mut self, change: &RuleChange) -> Result<Effect, SetError> {
        let mut effect = Effect::default();
        match change {
            RuleChange::Add(id, program) => {
                self.admit(*id, program)?;
                if self.next_order > u64::MAX - GAP {
                    effect.renumbered = Some(self.renumber());
                }
                let rule = RulePosition { id: *id, order: self.next_order };
                self.next_order += GAP;
                self.insert_rule(rule, program);
            }
            RuleChange::Insert(id, before, program) => {
                let unknown = SetError::UnknownId(*before);
                if self.place_of(*before).is_none() {
                    return Err(unknown);
                }
                self.admit(*id, program)?;
                if self.order_before(*before).is_none() {
                    effect.renumbered = Some(self.renumber());
                }
                let order = self.order_before(*before).ok_or(unknown)?;
                self.insert_rule(RulePosition { id: *id, order }, program);
            }
            RuleChange::Remove(id) => {
                self.remove_rule(*id)?;
                effect.removed = Some(*id);
            }
            RuleChange::Replace(id, program) => {
                self.check_dialect(*id, program)?;
                let rule = self.remove_rule(*id)?;
                self.insert_rule(rule, program);
                effect.removed = Some(*id);
            }
        }
        Ok(effect)
    }

    /// Indexes rules, if that is due: added ones, or all.
    pub(crate) fn index_changes(&mut self) {
        let is_many = self.recent.len() > MAX_RECENT;
        let merge = match Merge::of_segments(self, None).is_due() {
            true => Merge::of_all(self),
            false if is_many => Merge::of_recent(self, None),
            false => return,
        };
        self.adopt(&merge, merge.run());
    }

    /// Returns whether there is a rule with an id.
    pub(crate) fn has_rule(&self, id: u32) -> bool {
        self.place_of(id).is_some()
    }

    fn place_of(&self, id: u32) -> Option<Place> {
        let recent = self.recent.position_of(id).map(Place::Recent);
        let in_segments = || {
            let segments = self.segments.iter().enumerate();
            segments.filter_map(|(number, segment)| Some(Place::Segment(number, segment.rank_of(id)?))).next()
        };
        recent.or_else(in_segments)
    }

    /// Returns a position between a rule and the one before it; `None` if there is no gap or no such rule.
    fn order_before(&self, id: u32) -> Option<u64> {
        let end = match self.place_of(id)? {
            Place::Segment(number, rank) => self.segments[number].rule(rank).order,
            Place::Recent(rule) => rule.order,
        };
        let before = self.segments.iter().filter_map(|segment| segment.order_before(end));
        let start = before.chain(self.recent.order_before(end)).max().map_or(0, |order| order + 1);
        (start < end).then_some(start + (end - start) / 2)
    }

    /// Numbers the positions of all rules anew, so that there are gaps between them, and returns the previous ones.
    fn renumber(&mut self) -> Arc<[u64]> {
        let of_recent = self.recent.rules().iter().map(|rule| rule.position.order);
        let mut orders: Vec<u64> =
            self.segments.iter().flat_map(|segment| segment.orders().iter().copied()).chain(of_recent).collect();
        orders.sort_unstable();
        orders.dedup();
        self.segments.iter_mut().for_each(|segment| segment.renumber(&orders));
        self.recent.renumber(&orders);
        self.next_order = (orders.len() as u64 + 1) * GAP;
        orders.into()
    }

    fn insert_rule(&mut self, position: RulePosition, program: &Verified) {
        self.added += 1;
        self.recent.insert(RecentRule { position, program: program.clone(), serial: self.added });
    }

    /// Removes a rule and returns its position.
    fn remove_rule(&mut self, id: u32) -> Result<RulePosition, SetError> {
        match self.place_of(id).ok_or(SetError::UnknownId(id))? {
            Place::Segment(number, rank) => {
                self.segments[number].remove(rank);
                Ok(self.segments[number].rule(rank))
            }
            Place::Recent(rule) => {
                self.recent.retain(|other| other.position.id != id);
                Ok(rule)
            }
        }
    }
}
