//! The immutable index of a list of rules: the tables, their native code, and the programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bpf::verify::Verified;
use crate::classifier::build::Classifier;
use crate::classifier::fallback::Fallback;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::program_list::ProgramList;
use crate::classifier::table::{MatchKind, Tables};
use crate::classifier::table_entry::TableEntry;
use crate::classifier::term::Rank;
use crate::classifier::work_counter;
use crate::codegen::CompileError;
use crate::codegen::classifier::{ClassifierCode, TableBatchCode, TableCode};
use crate::filter::{Filter, Strategy};
use crate::packet::Packet;

/// The most rules that are compiled because some table entries need their programs, besides those that probably run for
/// [`COMMON_SHARE`] of all packets.
const MAX_COMPILED: usize = 4_096;
const COMMON_SHARE: f64 = 0.02;

/// An index.
#[derive(Debug)]
pub(crate) struct RuleIndex {
    pub(crate) fields: PacketFields,
    pub(crate) tables: Arc<Tables>,
    /// The code that looks up the tables, or the reason that there is none.
    pub(crate) native: Result<ClassifierCode, CompileError>,
    /// The program of each rule, by rank.
    pub(crate) programs: ProgramList,
    /// The programs of the rules that may have to run.
    runnable: Vec<RunnableRule>,
    /// The place of each rule among them, by rank, or the largest number; empty if none may have to run.
    runnable_at: Box<[u32]>,
    /// The rules that the tables do not hold, in order.
    pub(crate) fallbacks: Vec<Fallback>,
    /// The rules that match no packet, in order.
    pub(crate) never_match: Vec<Rank>,
    /// The first rules, which run one by one. They are stored contiguously for a fast loop.
    pub(crate) scanned_filters: Vec<Filter>,
    /// The number of them that run before the tables are looked up for the first match.
    pub(crate) prefix_len: usize,
    /// `true` if all rules run one by one when all matches are wanted.
    scans_all: bool,
}

/// The program of a rule, compiled if it probably runs.
#[derive(Debug)]
enum RunnableRule {
    Compiled(Box<Filter>),
    Interpreted(Verified),
}

impl RuleIndex {
    /// Indexes the rules of a complete list.
    pub(crate) fn new(programs: ProgramList) -> RuleIndex {
        let Classifier { fields, tables, fallbacks, never_match, match_shares, scan } = Classifier::new(&programs);
        let tables = Arc::new(tables);
        let native = ClassifierCode::new(&fields, &tables);
        let count = if scan.is_whole_set { programs.len() } else { scan.prefix_len };
        let compile = |rank: usize| Filter::new(&programs.get(rank), Strategy::default());
        let scanned_filters: Vec<Filter> = (0..count).map(compile).collect();
        let to_run = rules_to_run(&tables.rules_to_run, &fallbacks, &match_shares);
        let mut runnable_at = vec![u32::MAX; if to_run.is_empty() { 0 } else { programs.len() }];
        let runnable = to_run.into_iter().zip(0..).map(|((rank, is_compiled), place)| {
            runnable_at[rank as usize] = place;
            let filter = || scanned_filters.get(rank as usize).cloned().unwrap_or_else(|| compile(rank as usize));
            match is_compiled {
                true => RunnableRule::Compiled(Box::new(filter())),
                false => RunnableRule::Interpreted(programs.get(rank as usize)),
            }
        });
        let runnable = runnable.collect();
        let (runnable_at, prefix_len, scans_all) = (runnable_at.into(), scan.prefix_len, scan.is_whole_set);
        RuleIndex {
            fields,
            tables,
            native,
            programs,
            runnable,
            runnable_at,
            fallbacks,
            never_match,
            scanned_filters,
            prefix_len,
            scans_all,
        }
    }

    /// Returns the verdict of the program of a rule.
    pub(crate) fn run(&self, rank: Rank, packet: &Packet) -> u32 {
        work_counter::rule();
        let place = self.runnable_at.get(rank as usize).copied().unwrap_or(u32::MAX);
        match self.runnable.get(place as usize) {
            Some(RunnableRule::Compiled(filter)) => filter.run(packet),
            Some(RunnableRule::Interpreted(verified)) => verified.interpret(packet),
            None => self.programs.get(rank as usize).interpret(packet),
        }
    }

    /// Returns the code for the first match if its answer is complete: a rank, or [`Tables::none`].
    pub(crate) fn exact_first_code(&self) -> Option<Arc<TableCode>> {
        let first = &self.native_of_tables_only()?.first;
        (first.output_len() == 0).then(|| first.clone())
    }

    /// Returns the code for all matches if its answer is complete but for the order.
    pub(crate) fn exact_all_code(&self) -> Option<Arc<TableCode>> {
        let is_exact = self.fallbacks.is_empty() && self.scan_list().is_none() && !self.tables.has_unverified();
        self.native.as_ref().ok().filter(|_| is_exact).map(|native| native.all.clone())
    }

    /// Returns the code for the first match of many packets if its answers are complete, and it takes less time than to
    /// run the first rules one by one.
    pub(crate) fn batch_code(&self) -> Option<&TableBatchCode> {
        let code = self.native.as_ref().ok()?.batch.as_ref()?;
        let is_faster = self.prefix_len == 0 || code.is_by_vectors();
        (is_faster && self.fallbacks.is_empty()).then_some(code)
    }

    /// Returns the native code if no rules run before the tables or besides them.
    fn native_of_tables_only(&self) -> Option<&ClassifierCode> {
        self.native.as_ref().ok().filter(|_| self.prefix_len == 0 && self.fallbacks.is_empty())
    }

    /// Returns all rules, compiled, if running them takes less time than finding all matches in the tables.
    pub(crate) fn scan_list(&self) -> Option<&[Filter]> {
        self.scans_all.then_some(&self.scanned_filters)
    }

    /// Writes all entries that hold for a packet, some rules more than once, in no order, and returns their number.
    pub(crate) fn entries(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let Ok(native) = &self.native else { return self.entries_by_interpretation(packet, words) };
        native.all.call_growing(packet, words) as usize
    }

    /// Does the work of [`RuleIndex::entries`] without native code of the tables.
    pub(crate) fn entries_by_interpretation(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let values = self.fields.values_of(packet);
        words.clear();
        let entries = self.tables.for_kind(MatchKind::All).flat_map(|table| self.tables.matches(table, &values));
        words.extend(entries.map(TableEntry::into_words));
        words.len()
    }
}

/// Returns the rules whose programs may have to run, in order, and whether they are compiled: fallback programs, those
/// that run for many packets, and a limited number of others.
fn rules_to_run(of_tables: &[Rank], fallbacks: &[Fallback], match_shares: &[f64]) -> BTreeMap<Rank, bool> {
    let mut compiled: BTreeMap<Rank, bool> = fallbacks.iter().map(|fallback| (fallback.rank, true)).collect();
    let mut left = MAX_COMPILED;
    for &rank in of_tables {
        let is_common = match_shares[rank as usize] >= COMMON_SHARE;
        compiled.entry(rank).or_insert_with(|| {
            let is_worth = is_common || left > 0;
            left -= usize::from(is_worth && !is_common);
            is_worth
        });
    }
    compiled
}
