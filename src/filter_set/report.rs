//! What became of the rules of a set.

use std::fmt;

use crate::classifier::fallback::AloneReason;
use crate::filter_set::FilterSet;
use crate::filter_set::segment::Part;

/// How many ids the text of a report names.
const MOST_NAMED: usize = 8;

/// How a [`FilterSet`] finds its rules: which ones its tables have, and which ones run for every packet, and why.
///
/// ```
/// use cbpf::filter_set::AloneReason;
/// use cbpf::{Dialect, FilterSet, Program};
/// let [arp, any] = ["ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0", "ld rand\n ret a"].map(|text| {
///     text.parse::<Program>().expect("a program").verify(Dialect::Linux).expect("a valid program")
/// });
/// let report = FilterSet::new([(7, arp), (8, any)])?.report();
/// assert_eq!((report.rules, report.indexed), (2, 1));
/// assert_eq!(report.alone, [(8, AloneReason::Conditions)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetReport {
    /// How many rules the set has.
    pub rules: usize,
    /// How many of them the tables have.
    pub indexed: usize,
    /// The ids of the others, which run for every packet that no rule before them keeps, in the order of the set.
    pub alone: Vec<(u32, AloneReason)>,
    /// The ids of the rules that keep no packet, as far as that is known, in the order of the set. They cost nothing.
    pub never: Vec<u32>,
    /// How many rules from the first on run one by one, before the tables are looked into for the first match.
    pub head: usize,
    /// How many tables there are.
    pub tables: usize,
    /// How many bytes they have; compiled code comes on top.
    pub table_bytes: usize,
}

impl FilterSet {
    /// Reports which rules are looked up in tables, and which ones run for every packet, and why.
    ///
    /// Rules that run alone take some nanoseconds each, so hundreds of them take longer than a set of any size without
    /// them.
    pub fn report(&self) -> SetReport {
        let mut report = SetReport { rules: self.len(), ..SetReport::default() };
        let (mut alone, mut never) = (Vec::new(), Vec::new());
        for part in &self.parts {
            let index = part.index();
            alone.extend(alive(part, index.alone(), |&(rank, _)| rank));
            never.extend(alive(part, index.never.iter().copied(), |&rank| rank));
            report.head += index.head;
            report.tables += index.tables.list.len();
            report.table_bytes += size_of_val(index.tables.words.as_slice());
        }
        alone.sort_unstable_by_key(|&(order, ..)| order);
        never.sort_unstable_by_key(|&(order, ..)| order);
        report.alone = alone.into_iter().map(|(_, id, (_, reason))| (id, reason)).collect();
        report.never = never.into_iter().map(|(_, id, _)| id).collect();
        report.indexed = report.rules - report.alone.len();
        report
    }
}

/// Of some things of rules that were not removed, the place in the order, and the id.
fn alive<T>(
    part: &Part,
    things: impl Iterator<Item = T>,
    rank: impl Fn(&T) -> u32,
) -> impl Iterator<Item = (u64, u32, T)> {
    things.filter_map(move |thing| {
        let rank = rank(&thing);
        part.is_alive(rank).then(|| (part.rule(rank).order, part.rule(rank).id, thing))
    })
}

impl fmt::Display for SetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SetReport { rules, indexed, head, tables, table_bytes, .. } = self;
        let named = |ids: &mut dyn Iterator<Item = u32>, count: usize| {
            let named: Vec<String> = ids.take(MOST_NAMED).map(|id| id.to_string()).collect();
            let others = if count > MOST_NAMED { ", ..." } else { "" };
            if count == 0 { String::new() } else { format!(" ({}{others})", named.join(", ")) }
        };
        let (alone, never) = (self.alone.len(), self.never.len());
        let names_alone = named(&mut self.alone.iter().map(|&(id, _)| id), alone);
        let names_never = named(&mut self.never.iter().copied(), never);
        write!(
            f,
            "{rules} rules: {indexed} in {tables} tables of {table_bytes} bytes, {alone} run alone{names_alone}, "
        )?;
        write!(f, "{never} match no packet{names_never}, {head} run before the tables")
    }
}
