//! The immutable index of a list of rules: the tables, their native code, and the programs.

use std::sync::Arc;

use crate::bpf::verify::Verified;
use crate::classifier::build::Classifier;
use crate::classifier::fallback::Fallback;
use crate::classifier::packet_fields::PacketFields;
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
    pub(crate) programs: Vec<RuleProgram>,
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
pub(crate) struct RuleProgram {
    pub(crate) verified: Verified,
    filter: Option<Box<Filter>>,
}

impl RuleProgram {
    pub(crate) fn run(&self, packet: &Packet) -> u32 {
        work_counter::rule();
        match &self.filter {
            Some(filter) => filter.run(packet),
            None => self.verified.interpret(packet),
        }
    }
}

impl RuleIndex {
    pub(crate) fn new(programs: Vec<Verified>) -> RuleIndex {
        let Classifier { fields, tables, fallbacks, never_match, match_shares, scan } = Classifier::new(&programs);
        let tables = Arc::new(tables);
        let native = ClassifierCode::new(&fields, &tables);
        let count = if scan.is_whole_set { programs.len() } else { scan.prefix_len };
        let compile = |program: &Verified| Filter::new(program, Strategy::default());
        let scanned_filters: Vec<Filter> = programs[..count].iter().map(compile).collect();
        let compiled = worth_compiling(&tables.rules_to_run, &fallbacks, &match_shares);
        let programs = programs.into_iter().zip(compiled).enumerate().map(|(rank, (verified, is_compiled))| {
            let filter = || scanned_filters.get(rank).cloned().unwrap_or_else(|| compile(&verified));
            RuleProgram { filter: is_compiled.then(|| Box::new(filter())), verified }
        });
        let (programs, prefix_len, scans_all) = (programs.collect(), scan.prefix_len, scan.is_whole_set);
        RuleIndex { fields, tables, native, programs, fallbacks, never_match, scanned_filters, prefix_len, scans_all }
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

    /// Returns the code for the first match of many packets if its answers are complete.
    pub(crate) fn batch_code(&self) -> Option<&TableBatchCode> {
        self.native_of_tables_only()?.batch.as_ref()
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

/// Returns for each rule whether its program is compiled: fallback programs, those that run for many packets, and a
/// limited number of others.
fn worth_compiling(rules_to_run: &[Rank], fallbacks: &[Fallback], match_shares: &[f64]) -> Vec<bool> {
    let mut compiled = vec![false; match_shares.len()];
    fallbacks.iter().for_each(|fallback| compiled[fallback.rank as usize] = true);
    let mut left = MAX_COMPILED;
    for &rank in rules_to_run {
        let is_common = match_shares[rank as usize] >= COMMON_SHARE;
        let is_new = (is_common || left > 0) && !std::mem::replace(&mut compiled[rank as usize], true);
        left -= usize::from(is_new && !is_common);
    }
    compiled
}
