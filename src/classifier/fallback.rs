//! Fallback programs: the rules that the tables do not hold.

use std::fmt;

use crate::classifier::linear_prefix;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::term::{Rank, Term};

/// The reason that a rule of a [`FilterSet`](crate::FilterSet) runs for every packet instead of being looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FallbackReason {
    /// The program has more than 64 paths, and their common conditions rule out too few packets.
    Paths,
    /// The conditions that tables can test rule out too few packets. Tables cannot test context data, random numbers,
    /// large expressions, bytes far from the start, and values that only few rules test.
    Conditions,
    /// The rule has so many alternatives without a common key that looking at them takes longer than running it.
    Alternatives,
}

impl fmt::Display for FallbackReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FallbackReason::Paths => "too many paths that have too little in common",
            FallbackReason::Conditions => "too few conditions that tables can test",
            FallbackReason::Alternatives => "too many alternatives that no table can separate",
        })
    }
}

/// A rule that runs for every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fallback {
    pub(crate) rank: Rank,
    pub(crate) reason: FallbackReason,
}

/// The number of rules that may have to run for a packet because of table entries. The code for the first match
/// collects not many more.
const MANY: f64 = 16.0;

/// The share of packets from which on a term rules out too few.
const BROAD: f64 = 0.3;

/// Removes the terms of rules that rule out too few packets, and returns these rules in order.
///
/// These are the rules with an inexact term that has no constraint and, if many rules would have to run because of
/// them, those with a broad inexact term. `joined` are the rules whose paths were joined, in order.
pub(crate) fn take_broad(
    fields: &PacketFields,
    terms: &mut Vec<Term>,
    rules: usize,
    joined: &[usize],
) -> Vec<Fallback> {
    let shares = linear_prefix::term_shares(fields, terms, rules);
    let run: f64 = terms.iter().zip(&shares).filter(|(term, _)| !term.is_exact).map(|(_, share)| share).sum();
    let broad = if run > MANY { BROAD } else { f64::INFINITY };
    let from = |broad: f64| {
        let is_broad =
            |(term, share): &(&Term, &f64)| !term.is_exact && (**share >= broad || term.constraints.is_empty());
        let mut ranks: Vec<Rank> = terms.iter().zip(&shares).filter(is_broad).map(|(term, _)| term.rank).collect();
        ranks.dedup();
        ranks
    };
    // If most rules are broad, tables rule out other kinds of packets for all of them.
    let ranks = Some(from(broad)).filter(|ranks| 2 * ranks.len() <= rules).unwrap_or_else(|| from(f64::INFINITY));
    terms.retain(|term| ranks.binary_search(&term.rank).is_err());
    let reason = |rank: Rank| match joined.binary_search(&(rank as usize)) {
        Ok(_) => FallbackReason::Paths,
        Err(_) => FallbackReason::Conditions,
    };
    ranks.into_iter().map(|rank| Fallback { rank, reason: reason(rank) }).collect()
}
