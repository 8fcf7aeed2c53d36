//! Added rules that are not indexed yet, and run one by one.

use std::sync::Arc;

use crate::bpf::verify::Verified;
use crate::classifier::work_counter;
use crate::filter_set::change::renumbered;
use crate::filter_set::segment::RulePosition;
use crate::packet::Packet;

/// A rule that is not indexed yet.
#[derive(Debug)]
pub(crate) struct RecentRule {
    pub(crate) position: RulePosition,
    pub(crate) program: Verified,
    /// The number of rules that were added before.
    pub(crate) serial: u64,
}

/// These rules, in the order of the set. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentRules(Arc<Vec<Arc<RecentRule>>>);

impl RecentRules {
    pub(crate) fn rules(&self) -> &[Arc<RecentRule>] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn position_of(&self, id: u32) -> Option<RulePosition> {
        self.0.iter().map(|rule| rule.position).find(|position| position.id == id)
    }

    /// Returns the last position in the order before another.
    pub(crate) fn order_before(&self, order: u64) -> Option<u64> {
        self.0.iter().map(|rule| rule.position.order).take_while(|&other| other < order).last()
    }

    pub(crate) fn insert(&mut self, rule: RecentRule) {
        let place = self.0.partition_point(|other| other.position.order < rule.position.order);
        Arc::make_mut(&mut self.0).insert(place, Arc::new(rule));
    }

    pub(crate) fn retain(&mut self, is_kept: impl Fn(&RecentRule) -> bool) {
        if !self.0.iter().all(|rule| is_kept(rule)) {
            Arc::make_mut(&mut self.0).retain(|rule| is_kept(rule));
        }
    }

    /// Numbers the rules anew by the positions of all rules.
    pub(crate) fn renumber(&mut self, orders: &[u64]) {
        let rules = self.0.iter().map(|rule| {
            let position = RulePosition { order: renumbered(orders, rule.position.order), ..rule.position };
            Arc::new(RecentRule { position, program: rule.program.clone(), serial: rule.serial })
        });
        self.0 = Arc::new(rules.collect());
    }

    /// Returns the rules that match a packet and come before a position in the order, with their verdicts.
    pub(crate) fn matching(&self, packet: &Packet, before: u64) -> impl Iterator<Item = (RulePosition, u32)> {
        let rules = self.0.iter().take_while(move |rule| rule.position.order < before);
        rules.inspect(|_| work_counter::rule()).filter_map(move |rule| {
            let verdict = rule.program.interpret(*packet);
            (verdict != 0).then_some((rule.position, verdict))
        })
    }

    /// Returns the first rule that matches a packet, if it comes before a position in the order.
    pub(crate) fn first(&self, packet: &Packet, before: u64) -> Option<RulePosition> {
        self.matching(packet, before).next().map(|(position, _)| position)
    }
}
