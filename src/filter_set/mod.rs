//! Many programs as one classifier: which of them keep a packet, at a cost that depends on the packet rather than on
//! how many programs there are.
//!
//! # How a set is built
//!
//! 1. **Paths** (`extract`, `path`, `join`). Each program is run symbolically: its graph is walked from the start, and each way
//!    that ends in a verdict other than 0 becomes a conjunction, of values of the packet that lie in ranges, of loads
//!    that lie in bounds (used or not: what a program says of a truncated packet is kept), and of a least length.
//!    Values are hash-consed over all programs, so that equal questions are one. A path need not ask for what another
//!    path with the same verdict has anyway. What cannot be said so (facts from the context, random numbers, large
//!    expressions) is left out: the path then finds all packets that it should and more, and the program has the last
//!    word. Of a program with too many paths, those that lead through one place are joined: what they have in common
//!    remains. All programs have the same share of the work, so that none is left out because of another one.
//! 2. **Fields** (`field`). The up to 64 values and checks that most paths ask for are computed for every packet; what
//!    a path asks beyond these is left out as above. Whether a value lies in several ranges is a field of its own if
//!    many paths ask for it (`{6, 17, 132}`). A field that is only ever compared is left in the byte order of the
//!    packet.
//! 3. **Terms** (`term`). A path whose values lie in several ranges becomes several terms in which each lies in one.
//! 4. **Tables** (`choose`, `key`, `column`, `places`, `table`). A key is some fields, long ones perhaps cut to a
//!    prefix; terms that the key tells apart go into a hash table, at most 8, 4 or 2 to a key as long as there are
//!    other keys. Keys are chosen greedily by how much a table saves against looking at its terms one by one, as
//!    TupleMerge (Daly et al., 2019) merges the tuples of Tuple Space Search. What no key is worth is a list. Each key
//!    has a place that no other key has, so that one look finds it. An entry repeats all conditions that are not
//!    decided otherwise, so that a hash decides nothing. Several choices are compared by a rough estimate of how long
//!    it takes to look into them (`cost`).
//! 5. **Code** (`native`). Fields, guards (what all entries of a table have in common), hashes and looks become three
//!    native functions: for the first match, for all, and for the first match of many packets. Which tables a packet
//!    has something in is as random as packets are, and a branch that nobody foresees takes as long as some hundred
//!    instructions. So tables are looked into whether or not their guards hold, and all conditions flow together into
//!    the choice of the rank; only where chains are long a branch goes around them. Some six packets are then under way
//!    at once, so that the machine itself fetches the lines of tables ahead: to do it in a pass of its own, as batches
//!    do for packets, took twice as long for tables in the cache, and saved a tenth for 300,000 five-tuples outside of
//!    it. The terms of a short list are spelled out. Packets that are too short for what nearly all have take code of
//!    their own. Without native code the same tables are walked by interpretation.
//! 6. **Rules that run** (`head`, `alone`, `first`). Rules at the head that are broad, or all of a small set, run one by
//!    one before the index is asked, if by the same estimate that takes less time; a head takes at most twice as long
//!    as the index, since the estimate may be wrong. Rules that the tables cannot tell from most packets run alone.
//!    Those that the tables have found, but not for sure, run with them in one order, and only up to the first match.
//!    [`FilterSet::report`] names the rules that run alone, and why.
//!
//! # How it changes
//!
//! A part of a set never changes. New rules come into a second, small part; removed ones are marked, and if the code
//! finds a marked one, the tables are walked by interpretation. When 5 % have changed, all rules are indexed anew
//! (`change`), in the background if the set is shared (`shared`).
//!
//! # The worst case
//!
//! For n rules:
//!
//! - Time to build: a fixed number of steps for each rule on average (`extract::STEPS_OF_RULE`), and of terms
//!   (`term::TERMS_OF_RULE`), at most 4,096 and 1,024; the choices of keys look at a fixed number of terms for each
//!   (`choose::work`). When that is spent, paths are joined, ranges are widened, and terms share a table by their kind.
//! - Memory: an entry is 8 bytes, 8 more if entries differ in the fields that they need, and 4 or 8 for each field that
//!   the table has columns for, at most 144; a slot is 8 bytes, and there are one or two for each key, of few keys
//!   more; a bucket of some three keys has 4. Tables with the same words share them: a list of hosts has one slot for
//!   each rule, some 20 bytes.
//! - Time of a packet: computing at most 64 fields; for each table a hash, one slot, and one chain, of at most 8
//!   entries as long as keys could be found; all terms that no key is worth, at most 8 of a rule; and all programs that
//!   run alone or because of an entry, of which the first match takes those in front of it and no others, as a loop
//!   does. If no two programs have anything in common, that is all of them: then a set takes as long as a loop over the
//!   filters, and no more. Hashes have random factors, so that nobody can send packets that are hashed alike on purpose.

mod candidates;
mod change;
mod error;
mod first_match;
mod index;
mod matches;
mod report;
mod segment;
mod shared;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::classifier::term::Rank;
use crate::codegen::{PacketRecords, PrefetchRange};
use crate::filter_set::change::{Change, GAP};
use crate::filter_set::segment::{Part, Rule};
use crate::lang::{LinkType, Target, compile_expression};
use crate::packet::Packet;
use crate::packet::batch::Packets;

pub use crate::classifier::fallback::AloneReason;
pub use error::SetError;
pub use matches::{BatchMatches, Matches};
pub use report::SetReport;
pub use shared::{SetReader, SharedSet};

/// How many packets of a batch are asked about at a time.
const CHUNK: usize = 512;

/// Programs, each with an id, and an index that finds those that keep a packet without running them all.
///
/// A program keeps a packet if its verdict is not 0. The answers are those that each program gives if it runs alone.
///
/// Clones are cheap and share the index. Asking takes no lock and, once the buffer of matches has grown, allocates
/// nothing.
///
/// ```
/// use cbpf::{Dialect, FilterSet, Program};
/// use cbpf::filter_set::Matches;
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
    /// Most rules, and those that came since these were indexed.
    parts: Vec<Part>,
    /// The place of the next rule in the order.
    next: u64,
    dialect: Option<Dialect>,
}

impl FilterSet {
    /// The set of these rules, in this order: ids of the user's choice, and programs, all of one dialect.
    ///
    /// What [`Filter::compile`](crate::Filter::compile) says of stack, forks and panics holds for sets, too.
    ///
    /// # Errors
    /// If two rules have one id, or a program is of another dialect than the first.
    pub fn new(rules: impl IntoIterator<Item = (u32, Verified)>) -> Result<FilterSet, SetError> {
        let mut set = FilterSet { next: GAP, ..FilterSet::default() };
        let (mut all, mut ids) = (Vec::new(), HashSet::new());
        for (id, program) in rules {
            set.admit(id, &program)?;
            if !ids.insert(id) {
                return Err(SetError::TakenId(id));
            }
            all.push((Rule { id, order: set.next }, program));
            set.next += GAP;
        }
        set.parts.extend((!all.is_empty()).then(|| Part::new(all)));
        Ok(set)
    }

    /// The set of these expressions of the filter language, in this order, for packets of a link type.
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
    /// If two rules have one id, or an expression cannot be compiled.
    pub fn from_expressions<'e>(
        rules: impl IntoIterator<Item = (u32, &'e str)>,
        link_type: LinkType,
    ) -> Result<FilterSet, SetError> {
        let target = Target::new(link_type);
        let compile = |(id, expression): (u32, &str)| {
            let program =
                compile_expression(expression, &target).map_err(|error| SetError::Expression { id, error })?;
            Ok((id, program.verify(target.get_dialect()).expect("what an expression becomes is valid")))
        };
        FilterSet::new(rules.into_iter().map(compile).collect::<Result<Vec<_>, _>>()?)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len() - part.dead_count()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dialect of all programs; `None` of a set that never had any.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The first rule, in the order of the set, that keeps a packet.
    #[inline]
    pub fn first_match<'p>(&self, packet: impl Into<Packet<'p>>) -> Option<u32> {
        let packet = packet.into();
        if let [part] = self.parts.as_slice() {
            return part.first_id(&packet);
        }
        let mut first: Option<Rule> = None;
        for part in &self.parts {
            let end = first.map_or(part.len() as Rank, |first| part.rank_behind(first.order));
            first = part.first(&packet, end).map(|rank| part.rule(rank)).or(first);
        }
        first.map(|rule| rule.id)
    }

    /// Fills `matches` with all rules that keep a packet, in the order of the set.
    pub fn matches<'p>(&self, packet: impl Into<Packet<'p>>, matches: &mut Matches) {
        self.fill(&packet.into(), false, matches);
    }

    /// As [`FilterSet::matches`], and with the verdict of each of those rules; that of all others is 0.
    pub fn verdicts<'p>(&self, packet: impl Into<Packet<'p>>, matches: &mut Matches) {
        self.fill(&packet.into(), true, matches);
    }

    fn fill(&self, packet: &Packet, wants_verdicts: bool, matches: &mut Matches) {
        matches.clear();
        self.append(packet, wants_verdicts, matches);
    }

    /// Adds all rules that keep a packet.
    #[inline]
    fn append(&self, packet: &Packet, wants_verdicts: bool, matches: &mut Matches) {
        if let [part] = self.parts.as_slice() {
            return part.append(packet, wants_verdicts, matches);
        }
        let Matches { ids, verdicts, found, merged } = matches;
        merged.clear();
        for part in &self.parts {
            part.collect(packet, wants_verdicts, found);
            let rules = found.entries.iter().map(|entry| (part.rule(entry.rank()), entry.verdict));
            merged.extend(rules.map(|(rule, verdict)| (rule.order, rule.id, verdict)));
        }
        merged.sort_unstable();
        ids.extend(merged.iter().map(|&(_, id, _)| id));
        verdicts.extend(merged.iter().filter(|_| wants_verdicts).map(|&(_, _, verdict)| verdict));
    }

    /// The first match of each packet: the same as those of [`FilterSet::first_match`], in less time if the rules share
    /// what they ask for.
    ///
    /// # Panics
    /// If there are not as many places for ids as packets.
    pub fn first_match_batch<'p>(&self, packets: impl Into<Packets<'p>>, ids: &mut [Option<u32>]) {
        let packets = packets.into();
        assert_eq!(packets.len(), ids.len(), "there are not as many places for ids as packets");
        match PacketRecords::of(packets).filter(|_| self.parts.iter().all(|part| part.batch().is_some())) {
            Some(records) => {
                let chunks = ids.chunks_mut(CHUNK).enumerate();
                chunks.for_each(|(chunk, ids)| self.first_of_chunk(&records, chunk * CHUNK, ids));
            }
            None => packets.iter().zip(ids).for_each(|(packet, id)| *id = self.first_match(packet)),
        }
    }

    /// Writes the ids of the packets from `from` on, as many as there are, if there is code for that.
    fn first_of_chunk(&self, records: &PacketRecords, from: usize, ids: &mut [Option<u32>]) {
        let mut ranks = [0; CHUNK];
        let ranks = &mut ranks[..ids.len()];
        let parts = self.parts.iter().filter_map(|part| Some((part, part.batch()?)));
        if let [_] = self.parts.as_slice() {
            parts.for_each(|(part, code)| {
                part.first_of_batch(code, records, from, ranks);
                ids.iter_mut().zip(ranks.iter()).for_each(|(id, rank)| *id = part.id(*rank));
            });
            return;
        }
        ids.fill(None);
        let mut orders = [u64::MAX; CHUNK];
        parts.for_each(|(part, code)| {
            part.first_of_batch(code, records, from, ranks);
            for ((id, order), &rank) in ids.iter_mut().zip(&mut orders).zip(ranks.iter()) {
                if (rank as usize) < part.len() && part.rule(rank).order < *order {
                    (*id, *order) = (part.id(rank), part.rule(rank).order);
                }
            }
        });
    }

    /// All matches of each packet: the same as those of [`FilterSet::matches`], in less time if packets are outside of the
    /// cache.
    ///
    /// ```
    /// use cbpf::filter_set::BatchMatches;
    /// use cbpf::{FilterSet, LinkType};
    /// let rules = [(1, "ether proto 0x806"), (2, "len < 64"), (3, "ip")];
    /// let set = FilterSet::from_expressions(rules, LinkType::ETHERNET)?;
    /// let arp = [[0; 12].as_slice(), &[8, 6], &[0; 46]].concat();
    /// let packets: [&[u8]; 2] = [&arp, &[0; 64]];
    ///
    /// let mut matches = BatchMatches::new();
    /// set.matches_batch(&packets, &mut matches);
    /// assert_eq!(matches.iter().collect::<Vec<_>>(), [&[1, 2][..], &[]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matches_batch<'p>(&self, packets: impl Into<Packets<'p>>, matches: &mut BatchMatches) {
        self.fill_batch(packets.into(), false, matches);
    }

    /// As [`FilterSet::matches_batch`], and with the verdict of each of those rules; that of all others is 0.
    pub fn verdicts_batch<'p>(&self, packets: impl Into<Packets<'p>>, matches: &mut BatchMatches) {
        self.fill_batch(packets.into(), true, matches);
    }

    fn fill_batch(&self, packets: Packets, wants_verdicts: bool, matches: &mut BatchMatches) {
        matches.clear();
        let mut run = |places: Range<usize>| {
            for packet in places.filter_map(|place| packets.get(place)) {
                matches.push(|matches| self.append(&packet, wants_verdicts, matches));
            }
        };
        match PacketRecords::of(packets) {
            Some(records) => records.in_chunks(0..packets.len(), PrefetchRange::CLASSIFIER, run),
            None => run(0..packets.len()),
        }
    }

    /// Adds a rule behind all others.
    ///
    /// It comes into a small index of its own; where that has grown to some percent of the set, all rules are indexed
    /// anew, which takes as long as [`FilterSet::new`]. [`SharedSet`](crate::SharedSet) does that in the background.
    ///
    /// # Errors
    /// If there is a rule with this id, or the program is of another dialect.
    pub fn add(&mut self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.update(Change::Add(id, program.clone()))
    }

    /// Adds a rule before another one in the order.
    ///
    /// It takes as long as [`FilterSet::add`].
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
    /// If there is a rule with this id, none to come before, or the program is of another dialect.
    pub fn insert_before(&mut self, id: u32, before: u32, program: &Verified) -> Result<(), SetError> {
        self.update(Change::Insert(id, before, program.clone()))
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// If there is none with this id.
    pub fn remove(&mut self, id: u32) -> Result<(), SetError> {
        self.update(Change::Remove(id))
    }

    /// Gives a rule another program; it keeps its place in the order.
    ///
    /// # Errors
    /// If there is no rule with this id, or the program is of another dialect.
    pub fn replace(&mut self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.update(Change::Replace(id, program.clone()))
    }
}

impl FilterSet {
    fn update(&mut self, change: Change) -> Result<(), SetError> {
        self.change(&change)?;
        if self.is_stale() {
            self.rebuild();
        }
        Ok(())
    }

    /// Where a rule stands: the part, and the rank in it.
    fn place_of(&self, id: u32) -> Option<(usize, Rank)> {
        self.parts.iter().enumerate().find_map(|(part, rules)| Some((part, rules.rank_of(id)?)))
    }

    fn admit(&mut self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.is_of_dialect(id, program)?;
        if self.place_of(id).is_some() {
            return Err(SetError::TakenId(id));
        }
        self.dialect = Some(program.dialect());
        Ok(())
    }

    fn is_of_dialect(&self, id: u32, program: &Verified) -> Result<(), SetError> {
        match self.dialect {
            Some(expected) if program.dialect() != expected => {
                Err(SetError::OtherDialect { id, dialect: program.dialect(), expected })
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
mod tests;
