//! The classifier of a list of programs, built in the stages that [`classifier`](crate::classifier) describes.

use std::hash::{BuildHasher, RandomState};

use crate::classifier::fallback::{self, Fallback, FallbackReason};
use crate::classifier::interval_table::{self, Group};
use crate::classifier::linear_prefix::{self, LinearScan};
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::path_extraction::{Extracted, extract};
use crate::classifier::program_list::ProgramList;
use crate::classifier::table::{MAX_INLINE_TERMS, MatchKind, Tables};
use crate::classifier::table_choice::{self, KeyMask, TablePlan};
use crate::classifier::table_key;
use crate::classifier::term::{self, Rank, Term};

/// The most tables of which each gets the narrowest key, and is split if that leaves no chains.
const FEW_TABLES: usize = 4;

/// The most terms of a rule in a list. Looking at more takes longer than running the rule.
const MAX_LISTED_TERMS: usize = 8;

/// The limits for the length of chains that are tried, while there are other keys. Only the first is tried for more
/// than [`MAX_COMPARED`] terms.
const CHAIN_LIMITS: &[usize] = &[8, 4, 2];
const MAX_COMPARED: usize = 4_096;

/// The factor by which the estimate of another plan must be better, since estimates are rough.
const CLEARLY_BETTER: f64 = 1.1;

/// The tables of a list of programs, and what is known of the programs besides.
pub(crate) struct Classifier {
    pub(crate) fields: PacketFields,
    pub(crate) tables: Tables,
    /// The rules that the tables do not hold, in order.
    pub(crate) fallbacks: Vec<Fallback>,
    /// The rules that match no packet, in order.
    pub(crate) never_match: Vec<Rank>,
    /// The estimated share of packets that each rule matches, or has to run for.
    pub(crate) match_shares: Vec<f64>,
    pub(crate) scan: LinearScan,
}

impl Classifier {
    pub(crate) fn new(programs: &ProgramList) -> Classifier {
        let Extracted { values, paths, joined } = extract(programs);
        let never_match = paths.iter().zip(0..).filter_map(|(paths, rank)| paths.is_empty().then_some(rank)).collect();
        let mut fields = PacketFields::choose(values, &paths);
        let mut terms = term::of_rules(&fields, &paths);
        drop(paths);
        let mut fallbacks = fallback::take_broad(&fields, &mut terms, programs.len(), &joined);
        fields.reorder_compared(&mut terms);
        let (tables, dropped) = best_tables(&fields, &terms, programs.len() as Rank);
        fallbacks.extend(dropped.into_iter().map(|rank| Fallback { rank, reason: FallbackReason::Alternatives }));
        fallbacks.sort_unstable_by_key(|fallback| fallback.rank);
        let match_shares = linear_prefix::match_shares(&fields, &terms, &fallbacks, programs.len());
        let scan = LinearScan::choose(&fields, &tables, &match_shares, &fallbacks);
        Classifier { fields, tables, fallbacks, never_match, match_shares, scan }
    }
}

/// Returns the tables of some terms, in the order of their first ranks, and the rules that they leave to fallback
/// programs.
///
/// Of several plans, the one with the lowest estimated time is built. One plan is a list that is compiled inline.
fn best_tables(fields: &PacketFields, terms: &[Term], none: Rank) -> (Tables, Vec<Rank>) {
    let mut left: Vec<usize> = (0..terms.len()).collect();
    let groups = interval_table::take_groups(fields, terms, &mut left);
    let limits = if left.len() <= MAX_COMPARED { CHAIN_LIMITS } else { &CHAIN_LIMITS[..1] };
    let is_list = (1..=MAX_INLINE_TERMS).contains(&left.len());
    let list = is_list.then(|| vec![TablePlan { key: KeyMask::new(), terms: left.clone() }]);
    let mut work = table_choice::work(terms.len());
    let build_plan = |mut plans: Vec<TablePlan>| {
        let dropped = drop_long_lists(terms, &mut plans);
        let mut tables = Tables::new(none);
        push(&mut tables, fields, terms, plans, None);
        (tables.cost() + linear_prefix::INSTRUCTIONS_OF_RULE * dropped.len() as f64, tables, dropped)
    };
    let mut plans =
        limits.iter().map(|&limit| table_choice::plan(fields, terms, left.clone(), limit, &mut work)).chain(list);
    let first = build_plan(plans.next().unwrap_or_default());
    let better = |best: (f64, _, _), other: (f64, _, _)| if other.0 * CLEARLY_BETTER < best.0 { other } else { best };
    let (_, mut tables, dropped) = plans.map(build_plan).fold(first, better);

    let mut wide = Vec::new();
    for Group { field, terms: group } in groups {
        let of_group: Vec<&Term> = group.iter().map(|&term| &terms[term]).collect();
        wide.extend(tables.push_group(fields, field, &of_group).into_iter().map(|place| group[place]));
    }
    wide.sort_unstable();
    let plans = table_choice::plan(fields, terms, wide, CHAIN_LIMITS[0], &mut work);
    push(&mut tables, fields, terms, plans, Some(MatchKind::All));
    tables.list.sort_by_key(|table| table.first_rank);
    tables.finish(fields);
    (tables, dropped)
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

/// Adds the planned tables for matches of a kind.
fn push(tables: &mut Tables, fields: &PacketFields, terms: &[Term], plans: Vec<TablePlan>, kind: Option<MatchKind>) {
    let are_few = plans.len() <= FEW_TABLES;
    let mut groups: Vec<(KeyMask, Vec<&Term>)> = Vec::new();
    for plan in plans {
        let of_table: Vec<&Term> = plan.terms.iter().map(|&term| &terms[term]).collect();
        let by_shape = if are_few { table_key::by_shape(&plan.key, &of_table) } else { vec![of_table] };
        groups.extend(by_shape.into_iter().map(|group| (plan.key.clone(), group)));
    }
    // Sorted by the key, too, so that similar tables come in the same order.
    groups.sort_by_cached_key(|(key, terms)| (terms.first().map(|term| term.rank), key.clone()));
    // Random factors keep senders from choosing packets whose keys collide.
    let random = RandomState::new();
    for (key, terms) in groups {
        tables.push(fields, (&key, kind), are_few, &terms, |trial, field| random.hash_one((trial, field)));
    }
}
