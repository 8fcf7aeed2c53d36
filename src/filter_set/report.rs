//! Reports on how a set finds its rules.

use std::fmt;

use crate::classifier::fallback::FallbackReason;
use crate::classifier::term::Rank;
use crate::filter_set::FilterSet;
use crate::filter_set::segment::Segment;

/// The most ids that the text of a report lists.
const MAX_LISTED_IDS: usize = 8;

/// A report on a [`FilterSet`]: the rules that are looked up in tables, and those that run for every packet.
///
/// ```
/// use cbpf::filter_set::FallbackReason;
/// use cbpf::{Dialect, FilterSet, Program};
/// let [arp, any] = ["ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0", "ld rand\n ret a"].map(|text| {
///     text.parse::<Program>().expect("a program").verify(Dialect::Linux).expect("a valid program")
/// });
/// let report = FilterSet::new([(7, arp), (8, any)])?.report();
/// assert_eq!((report.rules, report.indexed), (2, 1));
/// assert_eq!(report.fallbacks, [(8, FallbackReason::Conditions)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetReport {
    /// The number of rules.
    pub rules: usize,
    /// The number of rules in tables.
    pub indexed: usize,
    /// The number of rules that were added last and are not indexed yet. They run one by one for every packet that no
    /// earlier rule matches.
    pub recent: usize,
    /// The ids of the other rules, in the order of the set. They run for every packet that no earlier rule matches.
    pub fallbacks: Vec<(u32, FallbackReason)>,
    /// The ids of the rules that provably match no packet, in the order of the set. They cost nothing.
    pub never_match: Vec<u32>,
    /// The number of rules from the first on that run one by one before the tables are looked up for the first match.
    pub linear_prefix: usize,
    /// The number of tables.
    pub tables: usize,
    /// The size of the tables in bytes, without native code.
    pub table_bytes: usize,
}

impl FilterSet {
    /// Reports which rules are looked up in tables, which ones run for every packet, and why.
    ///
    /// A rule that runs for every packet takes some nanoseconds, so hundreds of them take longer than the lookup in a
    /// set of any size.
    pub fn report(&self) -> SetReport {
        let mut report = SetReport { rules: self.len(), recent: self.recent.len(), ..SetReport::default() };
        let (mut fallbacks, mut never_match) = (Vec::new(), Vec::new());
        for segment in &self.segments {
            let index = segment.index();
            let reasons = index.fallbacks.iter().map(|fallback| (fallback.rank, fallback.reason));
            fallbacks.extend(alive(segment, reasons));
            never_match.extend(alive(segment, index.never_match.iter().map(|&rank| (rank, ()))));
            report.linear_prefix += index.prefix_len;
            report.tables += index.tables.list.len();
            report.table_bytes += size_of_val(index.tables.words.as_slice());
        }
        fallbacks.sort_unstable_by_key(|&(order, ..)| order);
        never_match.sort_unstable_by_key(|&(order, ..)| order);
        report.fallbacks = fallbacks.into_iter().map(|(_, id, reason)| (id, reason)).collect();
        report.never_match = never_match.into_iter().map(|(_, id, ())| id).collect();
        report.indexed = report.rules - report.recent - report.fallbacks.len();
        report
    }
}

/// Replaces the ranks of rules by their positions and ids, and leaves out removed rules.
fn alive<T>(segment: &Segment, items: impl Iterator<Item = (Rank, T)>) -> impl Iterator<Item = (u64, u32, T)> {
    items.filter(|&(rank, _)| segment.is_alive(rank)).map(|(rank, item)| {
        let rule = segment.rule(rank);
        (rule.order, rule.id, item)
    })
}

impl fmt::Display for SetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SetReport { rules, indexed, recent, fallbacks, never_match, linear_prefix, tables, table_bytes } = self;
        let listed = |ids: &mut dyn Iterator<Item = u32>, count: usize| {
            let listed: Vec<String> = ids.take(MAX_LISTED_IDS).map(|id| id.to_string()).collect();
            let others = if count > MAX_LISTED_IDS { ", ..." } else { "" };
            if count == 0 { String::new() } else { format!(" ({}{others})", listed.join(", ")) }
        };
        let fallback_ids = listed(&mut fallbacks.iter().map(|&(id, _)| id), fallbacks.len());
        let never_ids = listed(&mut never_match.iter().copied(), never_match.len());
        let (fallbacks, never_match) = (fallbacks.len(), never_match.len());
        write!(f, "{rules} rules: {indexed} in {tables} tables of {table_bytes} bytes, ")?;
        write!(f, "{fallbacks} run for every packet{fallback_ids}, {never_match} match no packet{never_ids}, ")?;
        let not_yet = if *recent == 0 { String::new() } else { format!(", {recent} are not indexed yet") };
        write!(f, "{linear_prefix} run before the tables{not_yet}")
    }
}
