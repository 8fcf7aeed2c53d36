//! Pairs of rules that match a packet in common and have different actions.

use crate::classifier::term::Rank;
use crate::filter_set::Matches;
use crate::filter_set::analysis::Analysis;
use crate::filter_set::analysis::area;
use crate::filter_set::analysis::bit_origins::Solved;
use crate::filter_set::analysis::duplicates;
use crate::filter_set::analysis::examples::{ExamplePacket, choices};
use crate::filter_set::analysis::settle::prove_options;
use crate::prove::Proof;

/// The most work to compare two rules.
const WORK: u64 = 1 << 12;

/// The attempts to build a packet that two rules match.
const ATTEMPTS: u64 = 4;

/// Two rules that match a packet in common and have different actions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The id of the rule that comes first in the set, whose action counts.
    pub earlier: u32,
    /// The id of the other rule.
    pub later: u32,
    /// Which rule matches all packets of the other one.
    pub overlap: Overlap,
    /// A packet that both rules match; `None` if the rules may overlap, but no packet was found.
    pub example: Option<ExamplePacket>,
}

/// The relation of two rules that match a packet in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// Each rule probably matches packets that the other one does not match.
    Partial,
    /// The later rule matches all packets of the earlier one, which is an exception from it.
    Exception,
    /// The earlier rule matches all packets of the later one, which is never the first match.
    Shadowed,
    /// The rules match the same packets.
    Equal,
}

impl Analysis {
    /// Returns the pairs of rules that match a packet in common and have different actions, in the order of the later
    /// rule. An action is what the caller does for a rule; only whether two actions are equal counts.
    ///
    /// There may be as many pairs as rules squared. They are found one after the other, so take as many as needed.
    ///
    /// ```
    /// use cbpf::filter_set::Overlap;
    /// use cbpf::{FilterSet, LinkType};
    /// let rules = [(1, "src host 10.0.0.1"), (2, "tcp dst port 22"), (3, "src net 10.0.0.0/8")];
    /// let set = FilterSet::from_expressions(rules, LinkType::ETHERNET)?;
    /// let analysis = set.analyze();
    /// let may_pass = |id: u32| id != 2;
    /// let conflicts: Vec<_> = analysis.conflicts(may_pass).collect();
    /// let pairs = conflicts.iter().map(|conflict| (conflict.earlier, conflict.later, conflict.overlap));
    /// assert!(pairs.eq([(1, 2, Overlap::Partial), (2, 3, Overlap::Partial)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn conflicts<A: PartialEq>(&self, action: impl Fn(u32) -> A) -> impl Iterator<Item = Conflict> {
        let actions: Vec<A> = self.rules.ids.iter().map(|&id| action(id)).collect();
        let pairs = (0..self.rules.len() as Rank).flat_map(move |later| {
            let mut earlier = self.near(later);
            earlier.retain(|&earlier| actions[earlier as usize] != actions[later as usize]);
            earlier.into_iter().map(move |earlier| (earlier, later))
        });
        pairs.filter_map(|(earlier, later)| self.conflict(earlier, later))
    }

    /// Returns the earlier rules that may overlap a rule, in order.
    fn near(&self, later: Rank) -> Vec<Rank> {
        let before = self.rules.places_of(later).start;
        let areas = self.rules.of_rule(later).iter().flat_map(|area| self.rules.near(&area.constraints, 0..before));
        let mut ranks: Vec<Rank> = areas.map(|place| self.rules.areas[place].rank).collect();
        ranks.sort_unstable();
        ranks.dedup();
        ranks
    }

    /// Returns the conflict of two rules, unless no packet matches both.
    fn conflict(&self, earlier: Rank, later: Rank) -> Option<Conflict> {
        let rules = &self.rules;
        let ids = [earlier, later].map(|rank| rules.ids[rank as usize]);
        let pairs = rules.of_rule(earlier).iter().flat_map(|a| rules.of_rule(later).iter().map(move |b| (a, b)));
        let common = pairs.filter_map(|(a, b)| area::intersection(&rules.values, &a.constraints, &b.constraints));
        let common: Vec<_> = common.filter(|region| rules.origins.solve(region) != Solved::Empty).collect();
        if common.is_empty() {
            return None;
        }
        let mut matches = Matches::new();
        let example = common.iter().find_map(|region| {
            self.examples().find(region, choices(ATTEMPTS), |packet| {
                self.set.matches(packet, &mut matches);
                ids.iter().all(|id| matches.ids().contains(id))
            })
        });
        let example = match example {
            None => {
                let [a, b] = [earlier, later].map(|rank| rules.program(rank));
                match prove_options(self.lengths).overlap(&a, &b) {
                    Ok(Proof::Holds) => return None,
                    Ok(Proof::Fails(witness)) => self
                        .examples()
                        .of_witness(&witness, self.lengths)
                        .filter(|found| [&a, &b].iter().all(|program| program.interpret(found.packet()) != 0)),
                    _ => None,
                }
            }
            found => found,
        };
        let contains = |outer, inner| duplicates::contains(rules, outer, inner, self.lengths, WORK);
        let overlap = match (contains(earlier, later), contains(later, earlier)) {
            (false, false) => Overlap::Partial,
            (false, true) => Overlap::Exception,
            (true, false) => Overlap::Shadowed,
            (true, true) => Overlap::Equal,
        };
        let [earlier, later] = ids;
        Some(Conflict { earlier, later, overlap, example })
    }
}
