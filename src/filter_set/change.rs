//! How a set changes: new rules come into a small part of their own, and removed ones are marked, until it is worth to
//! index all rules anew.

use crate::bpf::verify::Verified;
use crate::filter_set::FilterSet;
use crate::filter_set::error::SetError;
use crate::filter_set::segment::{Part, Rule};

/// How many rules may have come or gone, in percent of those that were indexed together, and besides, before all are
/// indexed anew.
const STALE_PERCENT: usize = 5;
const STALE: usize = 64;

/// How far rules are apart in the order, so that others may come between them.
pub(crate) const GAP: u64 = 1 << 32;

/// A change of a set.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Add(u32, Verified),
    /// A rule with the first id, before that with the second.
    Insert(u32, u32, Verified),
    Remove(u32),
    Replace(u32, Verified),
}

impl FilterSet {
    /// Makes a change, without indexing more than the rules that are new.
    pub(crate) fn change(&mut self, change: &Change) -> Result<(), SetError> {
        match change {
            Change::Add(id, program) => {
                self.admit(*id, program)?;
                let rule = Rule { id: *id, order: self.next };
                self.next += GAP;
                self.put(rule, program.clone());
            }
            Change::Insert(id, before, program) => {
                if self.place_of(*before).is_none() {
                    return Err(SetError::UnknownId(*before));
                }
                self.admit(*id, program)?;
                let order = self.order_before(*before).or_else(|| {
                    self.renumber();
                    self.order_before(*before)
                });
                let rule = Rule { id: *id, order: order.expect("there is a gap between two rules") };
                self.put(rule, program.clone());
            }
            Change::Remove(id) => _ = self.take(*id)?,
            Change::Replace(id, program) => {
                self.is_of_dialect(*id, program)?;
                let rule = self.take(*id)?;
                self.put(rule, program.clone());
            }
        }
        Ok(())
    }

    /// Whether so much has changed that it is worth to index all rules anew.
    pub(crate) fn is_stale(&self) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let changed = first.dead_count() + rest.iter().map(Part::len).sum::<usize>();
        changed > STALE + first.len() * STALE_PERCENT / 100
    }

    /// A place in the order between a rule, which is there, and the one before it; `None` if there is no gap.
    fn order_before(&self, id: u32) -> Option<u64> {
        let (part, rank) = self.place_of(id)?;
        let end = self.parts[part].rule(rank).order;
        let start = self.parts.iter().filter_map(|part| part.order_before(end)).max().map_or(0, |order| order + 1);
        (start < end).then_some(start + (end - start) / 2)
    }

    /// Makes gaps in the order.
    fn renumber(&mut self) {
        let mut orders: Vec<u64> = self.parts.iter().flat_map(Part::orders).collect();
        orders.sort_unstable();
        orders.dedup();
        let gap = |place: usize| (place as u64 + 1) * GAP;
        self.next = gap(orders.len());
        for part in &mut self.parts {
            part.renumber(|order| gap(orders.partition_point(|&other| other < order)));
        }
    }

    /// Indexes all rules anew.
    pub(crate) fn rebuild(&mut self) {
        let mut rules: Vec<(Rule, Verified)> = self.parts.iter().flat_map(Part::rules).collect();
        rules.sort_by_key(|(rule, _)| rule.order);
        self.next = 0;
        for (rule, _) in &mut rules {
            self.next += GAP;
            rule.order = self.next;
        }
        self.next += GAP;
        self.parts.clear();
        self.push_part(rules);
    }

    /// Adds a rule to the part of the new ones.
    fn put(&mut self, rule: Rule, program: Verified) {
        let mut rules: Vec<(Rule, Verified)> =
            self.parts.drain(1.min(self.parts.len())..).flat_map(|part| part.rules().collect::<Vec<_>>()).collect();
        rules.insert(rules.partition_point(|(other, _)| other.order < rule.order), (rule, program));
        self.push_part(rules);
    }

    fn push_part(&mut self, rules: Vec<(Rule, Verified)>) {
        self.parts.extend((!rules.is_empty()).then(|| Part::new(rules)));
    }

    /// Takes out a rule.
    fn take(&mut self, id: u32) -> Result<Rule, SetError> {
        let (part, rank) = self.place_of(id).ok_or(SetError::UnknownId(id))?;
        self.parts[part].remove(rank);
        Ok(self.parts[part].rule(rank))
    }
}
