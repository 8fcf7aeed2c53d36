//! How many rules at the head of a set are asked one by one before the index is.
//!
//! The index costs about the same for every packet; a rule costs little, and one that keeps most packets ends the
//! search. So few rules, and broad ones at the head, are asked first, and the whole set if the index saves nothing.

use std::collections::HashMap;

use crate::graph::Hashing;
use crate::set::table::Tables;
use crate::set::term::{Constraint, Rank, Term};

/// About how long things take, in nanoseconds: to run a rule alone, to enter the code of an index, to compute a field of a
/// packet, and an instruction.
/// Debug builds find rules slow, so that small random sets come to the index as well.
const RULE: f64 = if cfg!(debug_assertions) { 20.0 } else { 2.8 };
const ENTER: f64 = 2.0;
const FIELD: f64 = 0.4;
const INSTRUCTION: f64 = 0.07;

/// How long it takes to put matches in order.
const ORDER: f64 = 4.0;

/// What runs one by one.
pub(super) struct Singly {
    /// How many rules from the first on, when the first match is sought.
    pub(super) head: usize,
    /// Whether all rules do, when all matches are.
    pub(super) all: bool,
}

/// Which rules run one by one.
pub(super) fn singly(fields: usize, tables: &Tables, terms: &[Term], alone: &[Rank], rules: usize) -> Singly {
    let breadth = breadth(terms, alone, rules);
    let look = ENTER + FIELD * fields as f64 + INSTRUCTION * tables.cost();
    // What lies behind the head, from the back: alone rules are asked whatever the index says.
    let mut is_alone = vec![false; rules];
    alone.iter().for_each(|&rank| is_alone[rank as usize] = true);
    let (mut best, mut length) = (f64::INFINITY, 0);
    let (mut reached, mut before) = (1.0, 0.0);
    let alone_costs: f64 = alone.len() as f64 * RULE;
    let mut alone_left = alone_costs;
    for rank in 0..=rules {
        let behind = if rank == rules { 0.0 } else { look + alone_left };
        let cost = before + reached * behind;
        if cost < best {
            (best, length) = (cost, rank);
        }
        if rank < rules {
            before += reached * RULE;
            reached *= 1.0 - breadth[rank];
            alone_left -= if is_alone[rank] { RULE } else { 0.0 };
        }
    }
    Singly { head: length, all: rules as f64 * RULE <= look + ORDER + alone_costs }
}

/// The part of all packets that each rule keeps, about.
fn breadth(terms: &[Term], alone: &[Rank], rules: usize) -> Vec<f64> {
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
    let mut breadth = vec![0.0; rules];
    for term in terms {
        let part = |constraint: &Constraint| common(constraint).max(part_of_field(constraint));
        let part: f64 = term.constraints.iter().map(part).product();
        breadth[term.rank as usize] = f64::min(breadth[term.rank as usize] + part, 0.9);
    }
    for &rank in alone {
        breadth[rank as usize] = 0.1;
    }
    breadth
}

/// The part of all packets whose field lies in a range: some numbers are far more frequent than others.
fn part_of_field(constraint: &Constraint) -> f64 {
    ((f64::from(constraint.span) + 1.0) / (f64::from(u32::MAX) + 1.0)).powf(0.25)
}
