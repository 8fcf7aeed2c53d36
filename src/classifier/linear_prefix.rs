//! How many rules at the head of a set run one by one before the index is asked.
//!
//! The index costs about the same for every packet; a rule costs little, and one that keeps most packets ends the
//! search. So few rules, and broad ones at the head, run first, and the whole set if the index saves nothing. What
//! rules keep is a guess, so a head never costs much more than the index: whatever packets come, that is the most that
//! a wrong guess loses.

use std::collections::HashMap;

use crate::classifier::field::Fields;
use crate::classifier::table::Tables;
use crate::classifier::term::{Constraint, Rank, Term};
use crate::ir::Hashing;

/// About how long things take, in nanoseconds: to run a rule alone, to enter the code of an index, to compute a field of a
/// packet, and an instruction.
/// Debug builds find rules slow, so that small random sets come to the index as well.
const RULE: f64 = if cfg!(debug_assertions) { 20.0 } else { 2.8 };
const ENTER: f64 = 2.0;
const FIELD: f64 = 0.4;
const INSTRUCTION: f64 = 0.07;

/// How many instructions take as long as a rule.
pub(crate) const INSTRUCTIONS_OF_RULE: f64 = RULE / INSTRUCTION;

/// The code of more rules than this evicts itself from the caches, and then a rule takes so many times as long.
const CACHED: usize = 128;
const EVICTED: f64 = 3.0;

/// How long it takes to put matches in order.
const ORDER: f64 = 4.0;

/// How long it takes to interpret the tables, and from how many rules on, of those that have to run for a packet, that
/// is done.
const INTERPRET: f64 = 2_000.0;
const MANY: f64 = 16.0;

/// The part of all packets for which a rule in the tables has to run, at most, since some packets are of other kinds.
const MOST_ASKED: f64 = 0.5;

/// The most that rules at the head take, beside the index.
const MOST_OF_HEAD: f64 = 2.0;

/// What runs one by one.
pub(crate) struct Singly {
    /// How many rules from the first on, when the first match is sought.
    pub(crate) head: usize,
    /// Whether all rules do, when all matches are.
    pub(crate) all: bool,
}

/// How long it takes to run so many rules.
fn rules_take(rules: usize) -> f64 {
    RULE * (rules as f64 + (EVICTED - 1.0) * rules.saturating_sub(CACHED) as f64)
}

/// Which rules run one by one, where each keeps such a part of all packets.
pub(crate) fn singly(fields: &Fields, tables: &Tables, breadth: &[f64], alone: &[Rank]) -> Singly {
    let rules = breadth.len();
    let rule = rules_take(rules) / rules.max(1) as f64;
    let mut run = tables.run.clone();
    run.sort_unstable();
    run.dedup();
    let asked: f64 = run.iter().map(|&rank| breadth[rank as usize].min(MOST_ASKED)).sum();
    let interpret = if asked > MANY { INTERPRET } else { 0.0 };
    let look = ENTER + FIELD * fields.list.len() as f64 + INSTRUCTION * tables.cost() + asked * rule + interpret;
    // What lies behind the head, from the back: alone rules run whatever the index says.
    let mut is_alone = vec![false; rules];
    alone.iter().for_each(|&rank| is_alone[rank as usize] = true);
    let alone_costs = alone.len() as f64 * rule;
    let are_few = rules_take(rules) <= look + alone_costs;
    let (mut best, mut length) = (f64::INFINITY, 0);
    let (mut reached, mut before, mut beside) = (1.0, 0.0, 0.0);
    let mut alone_left = alone_costs;
    // Who looks through lists stops at the first rule that keeps the packet.
    let lists = INSTRUCTION * tables.cost_of_lists();
    let of_rule = lists / rules.max(1) as f64;
    let mut listed = vec![0.0; rules + 1];
    for rank in (0..rules).rev() {
        listed[rank] = of_rule + (1.0 - breadth[rank]) * listed[rank + 1];
    }
    for rank in 0..=rules {
        let in_lists = rank as f64 * of_rule + listed[rank];
        let behind = if rank == rules { 0.0 } else { look - lists + in_lists + alone_left };
        let cost = before + reached * behind;
        if beside > MOST_OF_HEAD * look && !are_few {
            break;
        }
        if cost < best {
            (best, length) = (cost, rank);
        }
        if rank < rules {
            let takes = rules_take(rank + 1) - rules_take(rank);
            before += reached * takes;
            reached *= 1.0 - breadth[rank];
            alone_left -= if is_alone[rank] { rule } else { 0.0 };
            beside += if is_alone[rank] { 0.0 } else { takes };
        }
    }
    Singly { head: length, all: rules_take(rules) <= look + ORDER + alone_costs }
}

/// The part of all packets that each rule keeps, or has to run for, about.
pub(crate) fn breadth(fields: &Fields, terms: &[Term], alone: &[Rank], rules: usize) -> Vec<f64> {
    let mut breadth = vec![0.0; rules];
    for (term, part) in terms.iter().zip(parts(fields, terms, rules)) {
        breadth[term.rank as usize] = f64::min(breadth[term.rank as usize] + part, 0.9);
    }
    for &rank in alone {
        breadth[rank as usize] = 0.1;
    }
    breadth
}

/// The part of all packets that each term holds for, about.
pub(crate) fn parts(fields: &Fields, terms: &[Term], rules: usize) -> Vec<f64> {
    let mut uses: HashMap<Constraint, (Rank, usize), Hashing> = HashMap::default();
    for term in terms {
        for &constraint in &term.constraints {
            let (last, count) = uses.entry(constraint).or_insert((Rank::MAX, 0));
            *count += usize::from(*last != term.rank);
            *last = term.rank;
        }
    }
    // What many rules ask for, many packets have.
    let common = |constraint: &Constraint| (uses[constraint].1 - 1) as f64 / rules as f64;
    let part = |constraint: &Constraint| common(constraint).max(part_of_field(fields, constraint));
    terms.iter().map(|term| term.constraints.iter().map(part).product()).collect()
}

/// The part of a field's numbers that a constraint leaves.
fn part_of_field(fields: &Fields, constraint: &Constraint) -> f64 {
    ((f64::from(constraint.span) + 1.0) / (f64::from(fields.max(constraint.field)) + 1.0)).min(1.0)
}
