//! Matching packets against many programs at once: [`FilterSet`], and [`SharedSet`] for sets that change while other
//! threads use them.
//!
//! A set consists of segments, whose tables never change, and of rules that were added last. [`FilterSet::new`] makes a
//! segment of all rules. A segment has the tables that `classifier` builds, their native code, and the programs of the
//! rules, as shapes and constants. An added rule runs by itself at first, for packets that no earlier rule matches.
//! Then it is merged with others into a segment, and small segments into larger ones, so there are few of them. Removed
//! rules are marked. When 5 % of the rules have changed, all are indexed anew.
//!
//! The first match is the first of: rules of the linear prefix, which run one by one; table entries; and, before the
//! first entry that certainly matches, fallback programs and entries that need verification, which run in one order.
//! All matches are collected as candidates, verified and sorted. [`FilterSet::report`] describes a set in these terms.

mod analysis;
mod batch;
mod candidates;
mod change;
mod config;
mod ebpf;
mod error;
mod first_match;
mod matches;
mod merge;
mod recent;
mod report;
mod rule_index;
mod segment;
mod shared_set;

use std::fmt;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::classifier::term::Rank;
use crate::filter::Engine;
use crate::filter_set::change::RuleChange;
use crate::filter_set::recent::RecentRules;
use crate::filter_set::segment::{RulePosition, Segment};
use crate::lang::Target;
use crate::packet::Packet;

pub use crate::classifier::fallback::FallbackReason;
pub use crate::ebpf_set::{MapUpdate, SetProgram, SetProgramError};
pub use analysis::{Analysis, AnalysisOptions, Conflict, ExamplePacket, Overlap, RuleStatus, Uncaught, UnknownReason};
pub use config::FilterSetConfig;
pub use error::SetError;
pub use matches::{BatchMatches, Matches};
pub use report::SetReport;
pub use shared_set::{SetReader, SharedSet};

/// A list of programs, each with an id, that matches packets against all of them at once.
///
/// A program matches a packet if its verdict is not 0. The answers are those of the single programs, but the time
/// depends on the packet rather than on the number of programs: conditions that programs share are looked up in tables.
/// [`FilterSet::report`] lists the rules that have to run for every packet.
///
/// Clones are cheap and share the tables. Matching takes no lock and, once a buffer of matches has grown, allocates
/// nothing.
///
/// # Performance
///
/// For n rules:
///
/// - Building takes a bounded number of steps for each rule: on average 256, at most 4,096, for paths, and at most
///   1,024 alternatives. Beyond these limits tables select more coarsely, and more programs run. Four or more programs
///   that differ only in the numbers that they compare with take the steps of one. Expressions are compiled, and paths
///   are found, on all processors.
/// - Programs that differ in such numbers only are stored once, with 4 bytes for each number in which they differ. A
///   rule takes 24 bytes besides.
/// - A table entry takes 8 to 160 bytes, and a slot 8 bytes, of which there are one or two for each key, more for small
///   tables. A list of hosts takes about 20 bytes for each rule.
/// - Rules that differ in ranges or prefixes of one field mostly take 100 to 200 bytes each. The bits of rules that no
///   key tells apart take at most 5 MiB and 96 bytes for each alternative of the set, or 80 bytes for each field of
///   each such rule.
/// - A packet takes the computation of at most 64 fields, for each table a hash and a chain of mostly one and at most 8
///   entries, or one to four memory accesses for each field with ranges, and the alternatives and programs that no
///   table can hold. The first match runs no program after the first rule that matches. If no two programs have
///   anything in common, a set is about as fast as a loop over filters.
/// - Batches take less time than single packets, on processors with AVX-512 down to a third.
///
/// Hashes have random factors, so that nobody can send packets that collide on purpose.
///
/// ```
/// use cbpf::filter_set::Matches;
/// use cbpf::{Dialect, FilterSet, Program};
/// let ether_type = |number: u32| -> Result<_, Box<dyn std::error::Error>> {
///     let program: Program = format!("ldh [12]\n jne #{number}, drop\n ret #-1\n drop: ret #0").parse()?;
///     Ok(program.verify(Dialect::Pcap)?)
/// };
/// let mut set = FilterSet::new([(1, ether_type(0x800)?), (2, ether_type(0x806)?)])?;
/// set.add(3, &"ret #96".parse::<Program>()?.verify(Dialect::Pcap)?)?;
///
/// let arp = [[0; 12].as_slice(), &[8, 6], &[0; 46]].concat();
/// assert_eq!(set.first_match(&arp), Some(2));
/// let mut matches = Matches::new();
/// set.verdicts(&arp, &mut matches);
/// assert_eq!((matches.ids(), matches.verdicts()), (&[2, 3][..], &[u32::MAX, 96][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct FilterSet {
    /// The segment of most rules, and smaller ones of rules that were added since it was indexed.
    segments: Vec<Segment>,
    /// The rules that were added last.
    recent: RecentRules,
    /// The number of rules that were ever added to the set.
    added: u64,
    /// The position of the next rule.
    next_order: u64,
    dialect: Option<Dialect>,
}

impl FilterSet {
    /// Builds the set of these rules, in this order: ids of the user's choice, and programs, all of one dialect.
    /// [`FilterSetConfig`] has options.
    ///
    /// [`Filter::compile`](crate::Filter::compile) describes the stack that compiling takes, and what holds for forks
    /// and panics.
    ///
    /// # Errors
    /// [`SetError::DuplicateId`] if two rules have one id, and [`SetError::DialectMismatch`] if a program has another
    /// dialect than the first.
    pub fn new(rules: impl IntoIterator<Item = (u32, Verified)>) -> Result<FilterSet, SetError> {
        FilterSetConfig::new().build(rules)
    }

    /// Builds the set of these expressions of the filter language, in this order, for a link type or a [`Target`].
    ///
    /// ```
    /// use cbpf::{FilterSet, LinkType};
    /// let set = FilterSet::from_expressions([(1, "tcp port 443"), (2, "arp"), (3, "len < 64")], LinkType::ETHERNET)?;
    /// let arp = [[0; 12].as_slice(), &[8, 6], &[0; 46]].concat();
    /// assert_eq!(set.first_match(&arp), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetError::DuplicateId`] if two rules have one id, [`SetError::Expression`] if an expression is invalid, and
    /// [`SetError::Verify`] if verification of its program failed.
    pub fn from_expressions<'e>(
        rules: impl IntoIterator<Item = (u32, &'e str)>,
        target: impl Into<Target>,
    ) -> Result<FilterSet, SetError> {
        FilterSetConfig::new().from_expressions(rules, target)
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        let indexed: usize = self.segments.iter().map(|segment| segment.len() - segment.removed_count()).sum();
        indexed + self.recent.len()
    }

    /// Returns `true` if there are no rules.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the dialect of all programs; `None` if the set never had any.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// Returns what looks up the tables: [`Engine::Interpreter`] if some have no native code.
    ///
    /// A single rule without native code runs in the interpreter in any case.
    pub fn engine(&self) -> Engine<'_> {
        let errors = self.segments.iter().filter_map(|segment| segment.index().native.as_ref().err());
        errors.map(|why| Engine::Interpreter { why }).next().unwrap_or(Engine::Native)
    }

    /// Returns `true` if a rule matches a packet.
    #[inline]
    pub fn is_match<'p>(&self, packet: impl Into<Packet<'p>>) -> bool {
        self.first_match(packet).is_some()
    }

    /// Returns the first rule, in the order of the set, that matches a packet.
    #[inline]
    pub fn first_match<'p>(&self, packet: impl Into<Packet<'p>>) -> Option<u32> {
        let packet = packet.into();
        match self.segments.as_slice() {
            [segment] if self.recent.is_empty() => segment.first_id(&packet),
            _ => self.first_of_parts(&packet),
        }
    }

    /// Returns the first match of a set that has changed.
    #[inline(never)]
    fn first_of_parts(&self, packet: &Packet) -> Option<u32> {
        let mut first: Option<RulePosition> = None;
        for segment in &self.segments {
            let end = first.map_or(segment.len() as Rank, |first| segment.rank_at(first.order));
            first = segment.first(packet, end).map(|rank| segment.rule(rank)).or(first);
        }
        let end = first.map_or(u64::MAX, |first| first.order);
        self.recent.first(packet, end).or(first).map(|rule| rule.id)
    }

    /// Fills `matches` with all rules that match a packet, in the order of the set.
    pub fn matches<'p>(&self, packet: impl Into<Packet<'p>>, matches: &mut Matches) {
        matches.clear();
        self.append(&packet.into(), false, matches);
    }

    /// Fills `matches` as [`FilterSet::matches`], and with the verdict of each of those rules.
    pub fn verdicts<'p>(&self, packet: impl Into<Packet<'p>>, matches: &mut Matches) {
        matches.clear();
        self.append(&packet.into(), true, matches);
    }

    /// Appends all rules that match a packet.
    #[inline]
    fn append(&self, packet: &Packet, wants_verdicts: bool, matches: &mut Matches) {
        if let ([segment], true) = (self.segments.as_slice(), self.recent.is_empty()) {
            return segment.append(packet, wants_verdicts, matches);
        }
        let Matches { ids, verdicts, candidates, of_segments } = matches;
        of_segments.clear();
        for segment in &self.segments {
            segment.collect(packet, wants_verdicts, candidates);
            let rules = candidates.resolved.iter().map(|entry| (segment.rule(entry.rank()), entry.verdict));
            of_segments.extend(rules.map(|(rule, verdict)| (rule.order, rule.id, verdict)));
        }
        let recent = self.recent.matching(packet, u64::MAX);
        of_segments.extend(recent.map(|(rule, verdict)| (rule.order, rule.id, verdict)));
        of_segments.sort_unstable();
        ids.extend(of_segments.iter().map(|&(_, id, _)| id));
        verdicts.extend(of_segments.iter().filter(|_| wants_verdicts).map(|&(_, _, verdict)| verdict));
    }

    /// Adds a rule after all others.
    ///
    /// Up to 32 added rules run one by one; then they are indexed in a small segment. When 5 % of the set have changed,
    /// all rules are indexed anew, which takes as long as [`FilterSet::new`]. A [`SharedSet`] does both in the
    /// background.
    ///
    /// # Errors
    /// [`SetError::DuplicateId`] and [`SetError::DialectMismatch`].
    pub fn add(&mut self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.update(RuleChange::Add(id, program.clone()))
    }

    /// Adds a rule before another one. It takes as long as [`FilterSet::add`].
    ///
    /// ```
    /// use cbpf::{FilterSet, LinkType, Target, compile_expression};
    /// let mut set = FilterSet::from_expressions([(1, "arp"), (2, "ip or arp")], LinkType::ETHERNET)?;
    /// let target = Target::new(LinkType::ETHERNET);
    /// let short = compile_expression("len < 64", &target)?.verify(target.get_dialect())?;
    /// set.insert_before(3, 1, &short)?;
    ///
    /// let arp = [[0; 12].as_slice(), &[8, 6], &[0; 46]].concat();
    /// assert_eq!(set.first_match(&arp), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`FilterSet::add`], and [`SetError::UnknownId`] if there is no rule `before`.
    pub fn insert_before(&mut self, id: u32, before: u32, program: &Verified) -> Result<(), SetError> {
        self.update(RuleChange::Insert(id, before, program.clone()))
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`SetError::UnknownId`].
    pub fn remove(&mut self, id: u32) -> Result<(), SetError> {
        self.update(RuleChange::Remove(id))
    }

    /// Replaces the program of a rule, which keeps its position in the order.
    ///
    /// # Errors
    /// [`SetError::UnknownId`] and [`SetError::DialectMismatch`].
    pub fn replace(&mut self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.update(RuleChange::Replace(id, program.clone()))
    }

    fn update(&mut self, change: RuleChange) -> Result<(), SetError> {
        self.change(&change)?;
        self.index_changes();
        Ok(())
    }

    /// Returns the number of rules that are not indexed.
    pub(crate) fn recent_len(&self) -> usize {
        self.recent.len()
    }

    /// Checks that a rule can be added, and sets the dialect if it is the first.
    fn admit(&mut self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.check_dialect(id, program)?;
        if self.has_rule(id) {
            return Err(SetError::DuplicateId(id));
        }
        self.dialect = Some(program.dialect());
        Ok(())
    }

    fn check_dialect(&self, id: u32, program: &Verified) -> Result<(), SetError> {
        match self.dialect {
            Some(expected) if program.dialect() != expected => {
                Err(SetError::DialectMismatch { id, dialect: program.dialect(), expected })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for FilterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterSet").field("dialect", &self.dialect).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod tests;
