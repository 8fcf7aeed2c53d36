//! Plans of tables as tables: which terms have a key, which ones are a list, and which ones have bit vectors.

use std::hash::{BuildHasher, RandomState};

use crate::classifier::bit_vectors;
use crate::classifier::linear_prefix::INSTRUCTIONS_OF_RULE;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{MAX_INLINE_TERMS, Tables};
use crate::classifier::table_choice::{KeyMask, TablePlan};
use crate::classifier::table_key;
use crate::classifier::term::{Rank, Term};

/// The most tables of which each gets the narrowest key, and is split if that leaves no chains.
const FEW_TABLES: usize = 4;

/// The most terms of a rule in a list. Looking at more takes longer than running the rule.
const MAX_LISTED_TERMS: usize = 8;

/// The least number of terms that are worth bit vectors, and the most.
const MIN_BIT_TERMS: usize = if cfg!(debug_assertions) { 2 } else { 49 };
const MAX_BIT_TERMS: usize = 1 << 16;

/// The estimates of bit vectors are divided by this, so that debug builds use them in small random sets as well.
const PREFERENCE: f64 = if cfg!(debug_assertions) { 8.0 } else { 1.0 };

/// The terms of each table.
pub(crate) struct PlannedTables<'t> {
    /// The keys and terms of hash tables and lists.
    keyed: Vec<(KeyMask, Vec<&'t Term>)>,
    /// The terms that have bit vectors, in order.
    in_rows: Vec<&'t Term>,
    are_few: bool,
    /// The rules that are left to fallback programs, in order.
    dropped: Vec<Rank>,
}

/// Tables with their cost, and the rules that are left to fallback programs, in order.
pub(crate) type BuiltTables = (f64, Tables, Vec<Rank>);

impl<'t> PlannedTables<'t> {
    /// Returns the tables of some plans, without rules that take longer in a list than their programs.
    pub(crate) fn new(terms: &'t [Term], mut plans: Vec<TablePlan>) -> PlannedTables<'t> {
        let dropped = drop_long_lists(terms, &mut plans);
        let are_few = plans.len() <= FEW_TABLES;
        let mut keyed: Vec<(KeyMask, Vec<&Term>)> = Vec::new();
        for plan in plans {
            let of_table: Vec<&Term> = plan.terms.iter().map(|&term| &terms[term]).collect();
            let by_shape = if are_few { table_key::by_shape(&plan.key, &of_table) } else { vec![of_table] };
            keyed.extend(by_shape.into_iter().map(|group| (plan.key.clone(), group)));
        }
        // Sorted by the key, too, so that similar tables come in the same order.
        keyed.sort_by_cached_key(|(key, terms)| (terms.first().map(|term| term.rank), key.clone()));
        PlannedTables { keyed, in_rows: Vec::new(), are_few, dropped }
    }

    /// Builds the tables, of a classifier with `all` terms. Returns their cost, the tables, and the rules that are left
    /// to fallback programs, which the cost includes.
    ///
    /// If no programs can run, tables in which they would have to are the last choice.
    pub(crate) fn build(&self, fields: &PacketFields, all: usize, (none, can_run): (Rank, bool)) -> BuiltTables {
        let mut tables = Tables::new(none);
        if !can_run {
            tables = tables.with_all_conditions();
        }
        // Random factors keep senders from choosing packets whose keys collide.
        let random = RandomState::new();
        for (key, terms) in &self.keyed {
            tables.push(fields, key, self.are_few, terms, |trial, field| random.hash_one((trial, field)));
        }
        bit_vectors::push(&mut tables, fields, None, &self.in_rows, all);
        let to_run = self.dropped.len() + if can_run { 0 } else { tables.rules_to_run.len() };
        let cost_of_run = if can_run { INSTRUCTIONS_OF_RULE } else { f64::from(u32::MAX) };
        let cost = tables.cost() + cost_of_run * to_run as f64;
        (cost, tables, self.dropped.clone())
    }

    /// Returns the tables with bit vectors in place of those that cost the most for each of their terms, if that takes
    /// less time. `built` is what the tables cost as they are.
    pub(crate) fn with_bit_vectors(&self, built: &Tables, all: usize) -> Option<PlannedTables<'t>> {
        let costs: Vec<f64> = built.list.iter().map(|table| table.cost(built.share(table))).collect();
        let mut order: Vec<usize> = (0..self.keyed.len()).collect();
        let of_term = |table: usize| costs[table] / self.keyed[table].1.len() as f64;
        order.sort_by(|&a, &b| of_term(b).total_cmp(&of_term(a)));
        let mut in_rows: Vec<&Term> = Vec::new();
        let (mut saved, mut best_saving, mut best) = (0.0, 0.0, 0);
        for (count, &table) in (1..).zip(&order) {
            saved += costs[table];
            in_rows.extend(&self.keyed[table].1);
            if in_rows.len() > MAX_BIT_TERMS {
                break;
            }
            let Some(cost) = bit_vectors::cost(&in_rows, all).filter(|_| in_rows.len() >= MIN_BIT_TERMS) else {
                continue;
            };
            let saving = saved - cost / PREFERENCE;
            if saving > best_saving {
                (best_saving, best) = (saving, count);
            }
        }
        let (moved, kept) = order.split_at(best);
        if moved.is_empty() {
            return None;
        }
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        let mut in_rows: Vec<&Term> = moved.iter().flat_map(|&table| &self.keyed[table].1).copied().collect();
        in_rows.sort_by_key(|term| term.rank);
        let keyed = kept.into_iter().map(|table| self.keyed[table].clone()).collect();
        Some(PlannedTables { keyed, in_rows, are_few: self.are_few, dropped: self.dropped.clone() })
    }
}

/// Removes rules with many terms in a list that is not compiled inline, and returns them in order.
fn drop_long_lists(terms: &[Term], plans: &mut Vec<TablePlan>) -> Vec<Rank> {
    let listed = plans.iter().filter(|plan| plan.key.is_empty()).flat_map(|plan| &plan.terms);
    let ranks: Vec<Rank> = listed.map(|&term| terms[term].rank).collect();
    if ranks.len() <= MAX_INLINE_TERMS {
        return Vec::new();
    }
    let of_rules = ranks.chunk_by(|a, b| a == b).filter(|of_rule| of_rule.len() > MAX_LISTED_TERMS);
    let dropped: Vec<Rank> = of_rules.map(|of_rule| of_rule[0]).collect();
    for plan in plans.iter_mut() {
        plan.terms.retain(|&term| dropped.binary_search(&terms[term].rank).is_err());
    }
    plans.retain(|plan| !plan.terms.is_empty());
    dropped
}
