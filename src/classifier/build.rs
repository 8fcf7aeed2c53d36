//! The classifier of a list of programs, built in the stages that [`classifier`](crate::classifier) describes.

use crate::classifier::bit_vectors;
use crate::classifier::fallback::{self, Fallback, FallbackReason};
use crate::classifier::interval_table::{self, Group};
use crate::classifier::linear_prefix::{self, LinearScan};
use crate::classifier::packet_fields::{MAX_REACH, MAX_REACH_WITHOUT_PROGRAMS, PacketFields};
use crate::classifier::path_extraction::{Extracted, extract};
use crate::classifier::planned_tables::{BuiltTables, PlannedTables};
use crate::classifier::program_list::ProgramList;
use crate::classifier::table::{MAX_INLINE_TERMS, MatchKind, Tables};
use crate::classifier::table_choice::{self, KeyMask, TablePlan};
use crate::classifier::term::{self, Rank, Term};

/// The limits for the length of chains that are tried, while there are other keys. Only the first is tried for more
/// than [`MAX_COMPARED`] terms.
const CHAIN_LIMITS: &[usize] = &[8, 4, 2];
const MAX_COMPARED: usize = 1 << 14;

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
        Classifier::build(programs, programs.len(), true)
    }

    /// Builds the tables of the first `rules` programs, where no program can run to verify a match. All fields are in
    /// network order, and they include those of the other programs.
    pub(crate) fn without_programs(programs: &ProgramList, rules: usize) -> Classifier {
        Classifier::build(programs, rules, false)
    }

    fn build(programs: &ProgramList, rules: usize, can_run: bool) -> Classifier {
        let Extracted { values, paths, joined } = extract(programs);
        let mut never_match = Vec::new();
        paths.for_each(|rule, paths| never_match.extend((rule < rules && paths.is_empty()).then_some(rule as Rank)));
        let reach = if can_run { MAX_REACH } else { MAX_REACH_WITHOUT_PROGRAMS };
        let mut fields = PacketFields::choose(values, &paths, reach);
        let mut terms = term::of_rules(&fields, &paths);
        drop(paths);
        terms.retain(|term| (term.rank as usize) < rules);
        let mut fallbacks = fallback::take_broad(&fields, &mut terms, rules, &joined);
        if can_run {
            fields.reorder_compared(&mut terms);
        }
        let (tables, dropped) = best_tables(&fields, &terms, (rules as Rank, can_run));
        fallbacks.extend(dropped.into_iter().map(|rank| Fallback { rank, reason: FallbackReason::Alternatives }));
        fallbacks.sort_unstable_by_key(|fallback| fallback.rank);
        let match_shares = linear_prefix::match_shares(&fields, &terms, &fallbacks, rules);
        let scan = LinearScan::choose(&fields, &tables, &match_shares, &fallbacks);
        Classifier { fields, tables, fallbacks, never_match, match_shares, scan }
    }
}

/// Returns the tables of some terms, in the order of their first ranks, and the rules that they leave to fallback
/// programs.
///
/// Of several plans, the one with the lowest estimated time is built. One plan is a list that is compiled inline.
fn best_tables(fields: &PacketFields, terms: &[Term], (none, can_run): (Rank, bool)) -> (Tables, Vec<Rank>) {
    let mut left: Vec<usize> = (0..terms.len()).collect();
    let groups = interval_table::take_groups(fields, terms, &mut left);
    let limits = if left.len() <= MAX_COMPARED { CHAIN_LIMITS } else { &CHAIN_LIMITS[..1] };
    let is_list = (1..=MAX_INLINE_TERMS).contains(&left.len());
    let list = is_list.then(|| vec![TablePlan { key: KeyMask::new(), terms: left.clone() }]);
    let mut work = table_choice::work(terms.len());
    let as_tables = |plans: Vec<TablePlan>| {
        let planned = PlannedTables::new(terms, plans);
        let built = planned.build(fields, terms.len(), (none, can_run));
        let other = planned.with_bit_vectors(&built.1, terms.len());
        let other = other.map(|planned| planned.build(fields, terms.len(), (none, can_run)));
        [Some(built), other].into_iter().flatten()
    };
    let plans =
        limits.iter().map(|&limit| table_choice::plan(fields, terms, left.clone(), limit, &mut work)).chain(list);
    let better = |best: BuiltTables, other: BuiltTables| if other.0 * CLEARLY_BETTER < best.0 { other } else { best };
    let best = plans.flat_map(as_tables).reduce(better);
    let (_, mut tables, dropped) = best.unwrap_or_else(|| (0.0, Tables::new(none), Vec::new()));

    let mut wide = Vec::new();
    for Group { field, terms: group } in groups {
        let of_group: Vec<&Term> = group.iter().map(|&term| &terms[term]).collect();
        wide.extend(tables.push_group(fields, field, &of_group).into_iter().map(|place| group[place]));
    }
    wide.sort_unstable();
    let wide: Vec<&Term> = wide.into_iter().map(|term| &terms[term]).collect();
    bit_vectors::push(&mut tables, fields, Some(MatchKind::All), &wide, terms.len());
    tables.list.sort_by_key(|table| table.first_rank);
    tables.finish(fields);
    (tables, dropped)
}
