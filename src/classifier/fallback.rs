//! Which rules the tables do not have, and why.

use std::fmt;

use crate::classifier::field::Fields;
use crate::classifier::linear_prefix;
use crate::classifier::term::{Rank, Term};

/// Why a rule of a [`FilterSet`](crate::FilterSet) runs for every packet, rather than being looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AloneReason {
    /// Its program has more than 64 paths, and what they have in common rules out too few packets.
    Paths,
    /// What the index can test of its conditions rules out too few packets: the others are about facts of the context,
    /// random numbers, large expressions, bytes far behind the start, or values that only few rules test.
    Conditions,
    /// It has so many alternatives that no table tells apart, that to look at them takes longer than to run it.
    Alternatives,
}

impl fmt::Display for AloneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AloneReason::Paths => "too many paths that have too little in common",
            AloneReason::Conditions => "too little that the index can test",
            AloneReason::Alternatives => "too many alternatives that no table tells apart",
        })
    }
}

/// A rule that runs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alone {
    pub(crate) rank: Rank,
    pub(crate) reason: AloneReason,
}

/// How many rules may have to run for a packet because of what the tables find: the code for the first match collects
/// not many more.
const MANY: f64 = 16.0;

/// The part of all packets from which on a term rules out too few.
const BROAD: f64 = 0.3;

/// Takes out the terms of rules that rule out too few packets, and gives these rules in order: those with a term that
/// is not exact and has no constraint, and those with a broad one, if many rules would have to run because of them. `joined` are those whose
/// paths were joined, in order.
pub(crate) fn take_broad(fields: &Fields, terms: &mut Vec<Term>, rules: usize, joined: &[usize]) -> Vec<Alone> {
    let parts = linear_prefix::parts(fields, terms, rules);
    let run: f64 = terms.iter().zip(&parts).filter(|(term, _)| !term.is_exact).map(|(_, part)| part).sum();
    let broad = if run > MANY { BROAD } else { f64::INFINITY };
    let from = |broad: f64| {
        let is_broad =
            |(term, part): &(&Term, &f64)| !term.is_exact && (**part >= broad || term.constraints.is_empty());
        let mut ranks: Vec<Rank> = terms.iter().zip(&parts).filter(is_broad).map(|(term, _)| term.rank).collect();
        ranks.dedup();
        ranks
    };
    // Where most rules are broad, tables rule out other kinds of packets for all of them.
    let ranks = Some(from(broad)).filter(|ranks| 2 * ranks.len() <= rules).unwrap_or_else(|| from(f64::INFINITY));
    terms.retain(|term| ranks.binary_search(&term.rank).is_err());
    let reason = |rank: Rank| match joined.binary_search(&(rank as usize)) {
        Ok(_) => AloneReason::Paths,
        Err(_) => AloneReason::Conditions,
    };
    ranks.into_iter().map(|rank| Alone { rank, reason: reason(rank) }).collect()
}
