//! The number of first rules that run one by one before the tables are looked up.
//!
//! A lookup costs about the same for every packet. A rule costs little, and a rule that matches most packets ends the
//! search. So short lists of rules, and broad rules at the start, run first; if the tables save nothing, all rules do.
//! The shares of packets that rules match are guesses. A prefix therefore never costs much more than a lookup, which
//! bounds the loss from a wrong guess.

use std::collections::HashMap;

use crate::classifier::fallback::Fallback;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::Tables;
use crate::classifier::term::{Constraint, Rank, Term};
use crate::ir::Hashing;

/// Estimated times in nanoseconds: running a rule, entering the native code of the tables, computing a field of a
/// packet, and an instruction.
///
/// Debug builds count rules as slow, so that small random sets use tables as well.
const RULE: f64 = if cfg!(debug_assertions) { 20.0 } else { 2.8 };
const ENTER: f64 = 2.0;
const FIELD: f64 = 0.4;
const INSTRUCTION: f64 = 0.07;

/// The number of instructions that take as long as a rule.
pub(crate) const INSTRUCTIONS_OF_RULE: f64 = RULE / INSTRUCTION;

/// The number of rules whose code stays in the caches, and the factor by which further rules take longer.
const CACHED: usize = 128;
const EVICTED: f64 = 3.0;

/// The time to sort matches.
const SORT: f64 = 4.0;

/// The time to interpret the tables, and the number of rules to run for a packet from which on that happens.
const INTERPRET: f64 = 2_000.0;
const MANY: f64 = 16.0;

/// The largest share of packets for which a rule in the tables has to run, since some packets are of other kinds.
const MAX_RUN_SHARE: f64 = 0.5;

/// The most time that the prefix takes, in lookups.
const MAX_PREFIX_LOOKUPS: f64 = 4.0;

/// The rules that run one by one.
pub(crate) struct LinearScan {
    /// The number of rules from the first on that run before the tables are looked up for the first match.
    pub(crate) prefix_len: usize,
    /// `true` if all rules run one by one when all matches are wanted.
    pub(crate) is_whole_set: bool,
}

/// Returns the time to run this number of rules.
fn rules_take(rules: usize) -> f64 {
    RULE * (rules as f64 + (EVICTED - 1.0) * rules.saturating_sub(CACHED) as f64)
}

impl LinearScan {
    /// Chooses the rules with the lowest expected time; `match_shares` has the share of packets that each rule matches.
    pub(crate) fn choose(
        fields: &PacketFields,
        tables: &Tables,
        match_shares: &[f64],
        fallbacks: &[Fallback],
    ) -> LinearScan {
        let rules = match_shares.len();
        let rule = rules_take(rules) / rules.max(1) as f64;
        let mut to_run = tables.rules_to_run.clone();
        to_run.sort_unstable();
        to_run.dedup();
        let run: f64 = to_run.iter().map(|&rank| match_shares[rank as usize].min(MAX_RUN_SHARE)).sum();
        let interpret = if run > MANY { INTERPRET } else { 0.0 };
        let lookup = ENTER + FIELD * fields.list.len() as f64 + INSTRUCTION * tables.cost() + run * rule + interpret;
        // Fallback programs run whatever the tables contain.
        let mut is_fallback = vec![false; rules];
        fallbacks.iter().for_each(|fallback| is_fallback[fallback.rank as usize] = true);
        let fallback_time = fallbacks.len() as f64 * rule;
        let are_few = rules_take(rules) <= lookup + fallback_time;
        // The search through lists stops at the first rule that matches.
        let lists = INSTRUCTION * tables.cost_of_lists();
        let of_rule = lists / rules.max(1) as f64;
        let mut listed = vec![0.0; rules + 1];
        for rank in (0..rules).rev() {
            listed[rank] = of_rule + (1.0 - match_shares[rank]) * listed[rank + 1];
        }
        let (mut best, mut prefix_len) = (f64::INFINITY, 0);
        // The share of packets that come this far, and the time of the prefix: expected, and at most besides fallbacks.
        let (mut reached, mut expected, mut prefix_time) = (1.0, 0.0, 0.0);
        let mut fallback_time_left = fallback_time;
        for rank in 0..=rules {
            let in_lists = rank as f64 * of_rule + listed[rank];
            let after = if rank == rules { 0.0 } else { lookup - lists + in_lists + fallback_time_left };
            let cost = expected + reached * after;
            if prefix_time > MAX_PREFIX_LOOKUPS * lookup && !are_few {
                break;
            }
            if cost < best {
                (best, prefix_len) = (cost, rank);
            }
            if rank < rules {
                let takes = rules_take(rank + 1) - rules_take(rank);
                expected += reached * takes;
                reached *= 1.0 - match_shares[rank];
                fallback_time_left -= if is_fallback[rank] { rule } else { 0.0 };
                prefix_time += if is_fallback[rank] { 0.0 } else { takes };
            }
        }
        LinearScan { prefix_len, is_whole_set: rules_take(rules) <= lookup + SORT + fallback_time }
    }
}

/// Estimates the share of packets that each rule matches, or has to run for.
pub(crate) fn match_shares(fields: &PacketFields, terms: &[Term], fallbacks: &[Fallback], rules: usize) -> Vec<f64> {
    let mut match_shares = vec![0.0; rules];
    for (term, share) in terms.iter().zip(term_shares(fields, terms, rules)) {
        match_shares[term.rank as usize] = f64::min(match_shares[term.rank as usize] + share, 0.9);
    }
    for fallback in fallbacks {
        match_shares[fallback.rank as usize] = 0.1;
    }
    match_shares
}

/// Estimates the share of packets that each term holds for.
pub(crate) fn term_shares(fields: &PacketFields, terms: &[Term], rules: usize) -> Vec<f64> {
    let mut uses: HashMap<Constraint, (Rank, usize), Hashing> = HashMap::default();
    for term in terms {
        for &constraint in &term.constraints {
            let (last, count) = uses.entry(constraint).or_insert((Rank::MAX, 0));
            *count += usize::from(*last != term.rank);
            *last = term.rank;
        }
    }
    // A constraint of many rules probably holds for many packets.
    let common = |constraint: &Constraint| (uses[constraint].1 - 1) as f64 / rules as f64;
    let share = |constraint: &Constraint| common(constraint).max(share_of_field(fields, constraint));
    terms.iter().map(|term| term.constraints.iter().map(share).product()).collect()
}

/// Returns the share of a field's numbers that fulfil a constraint.
fn share_of_field(fields: &PacketFields, constraint: &Constraint) -> f64 {
    ((f64::from(constraint.span) + 1.0) / (f64::from(fields.max(constraint.field)) + 1.0)).min(1.0)
}
