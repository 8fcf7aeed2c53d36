//! Analysis of a set as a list of rules of which the first match counts: rules that can never be first, rules that are
//! equal, rules that match nothing, rules that overlap, and packets that no rule matches.
//!
//! Rules are unions of areas (`area.rs`): conjunctions of sets of numbers for values of the packet, one for each path
//! that symbolic execution finds. An example packet that has a rule as its first match settles most rules at once
//! (`packet_builder.rs`, `examples.rs`). For each other rule the areas of earlier rules are taken away from its areas
//! (`cover.rs`), until nothing is left or a packet is found in the rest.
//!
//! Invariants
//! - A rule that is reported as never first is proven to be so: only areas that have all conditions of their rules are
//!   taken away, and values are treated as if they were independent of each other, which only leaves more.
//! - A packet is reported only if the rules were run on it.
//! - The answers depend neither on the number of threads nor on time.

mod area;
mod bit_origins;
mod conflicts;
mod cover;
mod cut;
mod duplicates;
mod examples;
mod judge;
mod number_set;
mod packet_builder;
mod rule_areas;
mod settle;
mod status;
mod uncaught;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::classifier::term::Rank;
use crate::filter_set::FilterSet;
use crate::filter_set::analysis::examples::{Examples, Lengths};
use crate::filter_set::analysis::judge::Judge;
use crate::filter_set::analysis::rule_areas::RuleAreas;
use crate::filter_set::analysis::settle::Settler;
use crate::filter_set::merge::Merge;

pub use conflicts::{Conflict, Overlap};
pub use examples::ExamplePacket;
pub use status::{RuleStatus, UnknownReason};
pub use uncaught::Uncaught;

/// The number of packets that no rule matches, by default.
const UNCAUGHT: usize = 4;

/// The number of questions about whole programs, by default.
const PROOFS: usize = 256;

/// The work that rules share, by default.
const WORK: u64 = 1 << 28;

/// The part of the work that the search for packets which no rule matches may take: a 16th.
const UNCAUGHT_SHARE: u64 = 16;

/// The most ids that the text of an analysis lists in a line.
const MAX_LISTED: usize = 8;

/// Options for the analysis of a set. The defaults are those of [`FilterSet::analyze`].
///
/// ```
/// use cbpf::filter_set::{AnalysisOptions, RuleStatus};
/// use cbpf::{FilterSet, LinkType};
/// let set = FilterSet::from_expressions([(1, "ip[8] >= 0"), (2, "ip")], LinkType::ETHERNET)?;
/// assert!(matches!(set.analyze().status(2), Some(RuleStatus::Shadowed { by }) if *by == [1]));
/// // A packet that ends before its ninth byte of IPv4:
/// let analysis = AnalysisOptions::new().truncated(true).analyze(&set);
/// assert!(matches!(analysis.status(2), Some(RuleStatus::CanBeFirst(packet)) if packet.data().len() < 23));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AnalysisOptions {
    lengths: Lengths,
    work: u64,
    proofs: usize,
    uncaught: usize,
}

impl Default for AnalysisOptions {
    fn default() -> AnalysisOptions {
        AnalysisOptions { lengths: Lengths::Enough, work: WORK, proofs: PROOFS, uncaught: UNCAUGHT }
    }
}

impl AnalysisOptions {
    /// Creates the default options.
    pub fn new() -> AnalysisOptions {
        AnalysisOptions::default()
    }

    /// Also considers packets that end anywhere, even in the middle of a header. By default, packets are long enough
    /// for all loads of all rules.
    pub fn truncated(mut self, is_considered: bool) -> AnalysisOptions {
        self.lengths = if is_considered { Lengths::Any } else { Lengths::Enough };
        self
    }

    /// Sets how many alternatives of rules may be compared with what is left of others, after the first 65,536 for each
    /// rule. The default is 2^28, which takes some seconds. Rules that need more are [`UnknownReason::Work`].
    pub fn work(mut self, comparisons: u64) -> AnalysisOptions {
        self.work = comparisons;
        self
    }

    /// Sets how many questions about whole programs are asked ([`prove`](crate::prove)) for rules that comparisons leave
    /// open. The default is 256; each takes some milliseconds, at most about 100.
    pub fn proofs(mut self, questions: usize) -> AnalysisOptions {
        self.proofs = questions;
        self
    }

    /// Sets how many packets to find that no rule matches. The default is 4; with 0, none are searched.
    pub fn uncaught(mut self, packets: usize) -> AnalysisOptions {
        self.uncaught = packets;
        self
    }

    /// Analyses a set.
    pub fn analyze(&self, set: &FilterSet) -> Analysis {
        let (positions, programs) = Merge::of_all(set).rules();
        let rules = RuleAreas::new(positions.iter().map(|rule| rule.id).collect(), programs);
        let examples = Examples { set, rules: &rules };
        let ranks: HashMap<u32, Rank> = rules.ids.iter().copied().zip(0..).collect();
        let (mut of_rules, used) = Judge { examples, lengths: self.lengths, ranks: &ranks }.all(self.work);
        let mut settler = Settler::new(examples, &ranks, self.lengths, self.proofs);
        settler.rules(&mut of_rules, &used);
        let covered_by = of_rules.iter().zip(0..).filter_map(|(status, rank)| match status {
            RuleStatus::Shadowed { by } if by.len() == 1 => Some((rank, *ranks.get(&by[0])?)),
            _ => None,
        });
        let equal = duplicates::find(&rules, &covered_by.collect::<BTreeMap<Rank, Rank>>(), self.lengths);
        let id = |rank: Rank| rules.ids[rank as usize];
        let duplicates = equal.into_iter().map(|(rank, first)| (id(rank), id(first))).collect();
        let uncaught = match self.uncaught {
            0 => Uncaught::Packets(Vec::new()),
            most => match uncaught::find(&examples, self.lengths, most, self.work / UNCAUGHT_SHARE) {
                (unknown @ Uncaught::Unknown(_), used) => settler.uncaught(&used).unwrap_or(unknown),
                (found, _) => found,
            },
        };
        let (set, lengths) = (set.clone(), self.lengths);
        Analysis { set, rules: Arc::new(rules), lengths, of_rules, ranks, duplicates, uncaught }
    }
}

/// The analysis of a [`FilterSet`] as a list of rules of which the first match counts.
///
/// Packets are assumed to be long enough for all loads in the first 65,536 bytes, unless [`AnalysisOptions::truncated`]
/// is set: a packet that ends in the middle of a header makes many rules different from each other.
///
/// The text (`Display`) lists what is wrong with the rules.
///
/// ```
/// use cbpf::filter_set::{RuleStatus, Uncaught};
/// use cbpf::{FilterSet, LinkType, Target};
/// let rules = [
///     (1, "src net 10.0.0.0/9"),
///     (2, "tcp dst port 80"),
///     (3, "src net 10.128.0.0/9"),
///     (4, "src net 10.0.0.0/8 and tcp"),
///     (5, "tcp and udp"),
///     (6, "tcp dst port 80"),
/// ];
/// let target = Target::new(LinkType::ETHERNET).allow_reject_all(true);
/// let analysis = FilterSet::from_expressions(rules, target)?.analyze();
/// let never: Vec<_> = analysis.shadowed().collect();
/// assert_eq!(never, [(4, &[1, 3][..]), (6, &[2])]);
/// assert_eq!(analysis.duplicates(), [(6, 2)]);
/// assert!(analysis.matches_nothing().eq([5]));
/// let Uncaught::Packets(packets) = analysis.uncaught() else { panic!("some packets match no rule") };
/// assert!(!packets.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Analysis {
    set: FilterSet,
    rules: Arc<RuleAreas>,
    lengths: Lengths,
    /// The status of each rule, in order.
    of_rules: Vec<RuleStatus>,
    ranks: HashMap<u32, Rank>,
    duplicates: Vec<(u32, u32)>,
    uncaught: Uncaught,
}

impl FilterSet {
    /// Analyses the set as a list of rules of which the first match counts: which rules can never be first, which are
    /// equal or match nothing, and what no rule matches.
    ///
    /// 10,000 rules of a firewall take a tenth of a second and 25 MB. Most rules take microseconds, as a packet is found
    /// at once; each other one is compared with all earlier ones, which takes some nanoseconds for each. What takes too
    /// long is reported as unknown. [`AnalysisOptions`] has options.
    pub fn analyze(&self) -> Analysis {
        AnalysisOptions::new().analyze(self)
    }
}

impl Analysis {
    /// Returns the ids of all rules in the order of the set, and the status of each.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (u32, &RuleStatus)> {
        self.rules.ids.iter().copied().zip(&self.of_rules)
    }

    /// Returns the status of a rule.
    pub fn status(&self, id: u32) -> Option<&RuleStatus> {
        self.ranks.get(&id).map(|&rank| &self.of_rules[rank as usize])
    }

    /// Returns the rules that match packets, but are never first, and for each the earlier rules that match all of its
    /// packets.
    pub fn shadowed(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.rules().filter_map(|(id, status)| match status {
            RuleStatus::Shadowed { by } => Some((id, by.as_slice())),
            _ => None,
        })
    }

    /// Returns the rules that match no packet.
    pub fn matches_nothing(&self) -> impl Iterator<Item = u32> {
        self.rules().filter(|(_, status)| **status == RuleStatus::MatchesNothing).map(|(id, _)| id)
    }

    /// Returns the rules without an answer, and the reason for each.
    pub fn unknown(&self) -> impl Iterator<Item = (u32, UnknownReason)> {
        self.rules().filter_map(|(id, status)| match status {
            RuleStatus::Unknown(reason) => Some((id, *reason)),
            _ => None,
        })
    }

    /// Returns the rules that match the same packets as an earlier rule, each with the first of those.
    pub fn duplicates(&self) -> &[(u32, u32)] {
        &self.duplicates
    }

    /// Returns what no rule matches.
    pub fn uncaught(&self) -> &Uncaught {
        &self.uncaught
    }

    fn examples(&self) -> Examples<'_> {
        Examples { set: &self.set, rules: &self.rules }
    }
}

impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ids: &[u32]| {
            let more = if ids.len() > MAX_LISTED { ", ..." } else { "" };
            let ids: Vec<String> = ids.iter().take(MAX_LISTED).map(u32::to_string).collect();
            format!("{}{more}", ids.join(", "))
        };
        let first = self.rules().filter(|(_, status)| matches!(status, RuleStatus::CanBeFirst(_))).count();
        writeln!(f, "{} rules: {first} can be the first match", self.rules.len())?;
        for (id, by) in self.shadowed() {
            let (rules, matches) = if by.len() == 1 { ("rule", "matches") } else { ("together, rules", "match") };
            writeln!(f, "rule {id} is never first: {rules} {} {matches} all its packets", list(by))?;
        }
        for id in self.matches_nothing() {
            writeln!(f, "rule {id} matches no packet")?;
        }
        for (id, first) in &self.duplicates {
            writeln!(f, "rule {id} matches the same packets as rule {first}")?;
        }
        for (id, reason) in self.unknown() {
            writeln!(f, "rule {id} may be first or not: {reason}")?;
        }
        match &self.uncaught {
            Uncaught::Nothing => writeln!(f, "each packet matches a rule"),
            Uncaught::Packets(packets) => {
                packets.iter().try_for_each(|packet| writeln!(f, "no rule matches the packet {packet}"))
            }
            Uncaught::Unknown(reason) => writeln!(f, "a packet may match no rule: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests;
