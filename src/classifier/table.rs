//! Hash tables of terms, in the form in which compiled code reads them, too.
//!
//! All tables of an index share one list of words, and those with the same words have them once: `host` looks for the
//! same addresses at four places. A key has one slot ([`PerfectHash`]), and a slot that no key has repeats that of another
//! one: so a look at a slot always finds the tag of some key, and what belongs to it. The tag of one field is the field
//! itself, that of several a part of their hash.
//!
//! To a tag belongs a chain of entries, in the order of their ranks, the last marked. An entry has all conditions of
//! its term that neither the guards of the table nor the tag decide, so that keys that are hashed alike do no harm.
//! Where nothing is left to be said, the slot has the rank itself, and there are no entries.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::classifier::entry_conditions;
use crate::classifier::entry_conditions::{EntryCondition, MAX_ENTRY_CONDITIONS, TableGuard};
use crate::classifier::packet_fields::{FieldValues, PacketField, PacketFields};
use crate::classifier::perfect_hash::{PerfectHash, named};
use crate::classifier::table_choice::KeyMask;
use crate::classifier::table_entry::{TableEntry, mark};
use crate::classifier::table_key;
use crate::classifier::table_key::{Chain, KeyField};
use crate::classifier::term::{Constraint, Rank, Term};
use crate::classifier::work_counter;
use crate::ir::Hashing;

/// Up to so many terms of an index, of those without a key, have code of their own.
pub(crate) const MAX_INLINE_TERMS: usize = 48;

/// The most entries that need verification which the code for the first match collects before it gives up.
pub(crate) const MAX_UNVERIFIED: usize = 32;

/// The most entries that it writes: spelled-out terms are always written.
pub(crate) const MAX_WRITTEN: usize = MAX_UNVERIFIED + MAX_INLINE_TERMS + 1;

/// The answer of the code for the first match when it gives up.
pub(crate) const GIVEN_UP: u64 = u64::MAX;

/// The answer of code for a packet that is shorter than the code takes for granted.
pub(crate) const TOO_SHORT: Rank = Rank::MAX - 1;

/// The tables of an index, in the order of their first ranks.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) list: Vec<Table>,
    /// The rank behind all: that of no rule.
    pub(crate) none: Rank,
    /// The words of all.
    pub(crate) words: Vec<u32>,
    /// At which of the words there is a byte for each number of a byte, by field: 1 for those that lie in its ranges.
    pub(crate) members: HashMap<u8, usize, Hashing>,
    /// The rules whose programs some entries have run, some more than once.
    pub(crate) rules_to_run: Vec<Rank>,
    /// Where words begin that are hashed so, while tables are added.
    starts: HashMap<u64, Vec<usize>, Hashing>,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// What holds for all entries: the fields that the packet must have, a bit each, and numbers.
    pub(crate) needs: u64,
    pub(crate) guards: Vec<TableGuard>,
    /// The fields of the key, which the guards do not decide; if there are none, there are no slots, but one chain.
    pub(crate) key: Vec<KeyField>,
    pub(crate) slots: Option<Slots>,
    /// Where its words begin.
    pub(crate) start: usize,
    /// The field that the tag decides.
    tag_field: Option<u8>,
    /// The terms, if there are no slots and so few that code spells them out.
    pub(crate) inline_terms: Vec<Term>,
    /// What an entry has conditions on.
    pub(crate) conditions: Vec<EntryCondition>,
    /// Whether some entries need more fields than all do.
    pub(crate) entries_have_needs: bool,
    /// The verdict of all entries, if the slots say everything else.
    pub(crate) slot_verdict: Option<u32>,
    /// The least rank.
    pub(crate) first_rank: Rank,
    /// How many terms it has, in how many chains, and the most entries of a chain.
    pub(crate) term_count: usize,
    pub(crate) chain_count: usize,
    pub(crate) longest_chain: usize,
    /// How many entries the chain of an entry has, on average.
    pub(crate) mean_chain_len: f64,
    /// Whether some entries must be asked.
    pub(crate) has_unverified: bool,
    /// Whether there are marks beside the ranks: if not, chains have one entry.
    pub(crate) has_marks: bool,
}

/// Slots, two words each: the tag, and at which of the table's words its chain begins, or the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slots {
    /// How many bits name a bucket, if there are any; their factors are the first words.
    pub(crate) bucket_bits: Option<u32>,
    /// At which of the words the slots begin.
    pub(crate) at: usize,
    /// How many bits name a slot.
    pub(crate) bits: u32,
}

impl Tables {
    pub(crate) fn new(none: Rank) -> Tables {
        Tables {
            list: Vec::new(),
            none,
            words: Vec::new(),
            members: HashMap::default(),
            rules_to_run: Vec::new(),
            starts: HashMap::default(),
        }
    }

    /// Adds the bytes of fields that ask whether a byte lies in several ranges, when all tables are there.
    pub(crate) fn finish(&mut self, fields: &PacketFields) {
        for (number, &field) in fields.list.iter().enumerate() {
            if let PacketField::Member(value, ranges) = field
                && fields.values.known(value).max <= u8::MAX.into()
                && fields.ranges(ranges).len() > 1
            {
                let bytes = (0..=u8::MAX).map(|byte| fields.is_member(byte.into(), ranges) as u8).collect::<Vec<u8>>();
                let words =
                    bytes.chunks(4).map(|word| word.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
                let start = self.place(words.collect());
                self.members.insert(number as u8, start);
            }
        }
        self.starts = HashMap::default();
    }

    /// Adds the table of these terms, which fit the key and are in order. `factor` gives what a field is multiplied by,
    /// by the number of the trial and that of the field; `is_narrow` says to leave out of the key what tells no terms
    /// apart that the rest does not, so that more packets come to entries that do not hold.
    pub(crate) fn push(
        &mut self,
        fields: &PacketFields,
        key: &KeyMask,
        is_narrow: bool,
        terms: &[&Term],
        factor: impl Fn(usize, usize) -> u64,
    ) {
        let guards = entry_conditions::guards(terms);
        let is_decided = |field: u8| guards.iter().any(|guard| guard.field == field && guard.number().is_some());
        let mut key: KeyMask = key.iter().copied().filter(|&(field, _)| !is_decided(field)).collect();
        if is_narrow {
            table_key::narrow(&mut key, terms);
        }
        let hashed = table_key::hashed(&key, terms, factor);
        let key = hashed.as_ref().map_or_else(Vec::new, |(key, ..)| key.clone());
        let tag_field = entry_conditions::decided_by_tag(&key, terms);
        let inline_terms: usize = self.list.iter().map(|table| table.inline_terms.len()).sum();
        let is_inline = hashed.is_none() && inline_terms + terms.len() <= MAX_INLINE_TERMS;
        // What code spells out, it spells out whole.
        let max_conditions = if is_inline { usize::MAX } else { MAX_ENTRY_CONDITIONS };
        let needs = terms.iter().fold(u64::MAX, |needs, term| needs & term.needs);
        let mut table = Table {
            needs,
            conditions: entry_conditions::choose(fields, terms, &guards, &key, tag_field, max_conditions),
            guards,
            key,
            tag_field,
            inline_terms: if is_inline { terms.iter().map(|&term| term.clone()).collect() } else { Vec::new() },
            slots: None,
            start: 0,
            entries_have_needs: terms.iter().any(|term| term.needs != needs),
            slot_verdict: None,
            first_rank: terms.iter().map(|term| term.rank).min().unwrap_or(0),
            term_count: terms.len(),
            chain_count: 1,
            longest_chain: terms.len(),
            mean_chain_len: terms.len() as f64,
            has_unverified: false,
            has_marks: true,
        };
        table.has_unverified = terms.iter().any(|term| !table.is_exact(term));
        let is_run = |term: &Term| !table.is_exact(term) || term.verdict.is_none();
        self.rules_to_run.extend(terms.iter().filter(|term| is_run(term)).map(|term| term.rank));
        let words = match hashed {
            Some((_, places, chains)) => table.fill(&places, &chains),
            None => table.chain(terms).collect(),
        };
        table.start = self.place(words);
        self.list.push(table);
    }

    /// Whether some entries must be asked.
    pub(crate) fn has_unverified(&self) -> bool {
        self.list.iter().any(|table| table.has_unverified)
    }

    /// Where these words begin, which may be there already.
    fn place(&mut self, words: Vec<u32>) -> usize {
        let starts = self.starts.entry(Hashing::default().hash_one(&words)).or_default();
        let known = starts.iter().copied().find(|&start| self.words[start..].starts_with(&words));
        known.unwrap_or_else(|| {
            // Two words at once are read where they do not lie in two lines of the cache.
            let start = self.words.len().next_multiple_of(2);
            self.words.resize(start, 0);
            self.words.extend(words);
            starts.push(start);
            start
        })
    }

    /// The entries of a table that hold for a packet, in the order of their ranks.
    pub(crate) fn matches<'t>(
        &'t self,
        table: &'t Table,
        values: &'t FieldValues,
    ) -> impl Iterator<Item = TableEntry> + use<'t> {
        let mut next = self.content(table, values);
        let entries = std::iter::from_fn(move || {
            let found = next.take()?;
            let (entry, holds) = match (found, table.slot_verdict) {
                (Content::Rank(rank), verdict) => (TableEntry::with_verdict(rank, verdict.unwrap_or(0)), true),
                (Content::Chain(at), _) => {
                    work_counter::entry();
                    let words = &self.words[table.start + at..][..table.stride()];
                    let is_last = !table.has_marks || words[0] & mark::LAST != 0;
                    next = (!is_last).then_some(Content::Chain(at + table.stride()));
                    (TableEntry { marked: words[0], verdict: words[1] }, table.holds(words, values))
                }
            };
            Some((entry, holds))
        });
        entries.filter(|&(_, holds)| holds).map(|(entry, _)| entry)
    }

    /// What belongs to the key that a packet has.
    fn content(&self, table: &Table, values: &FieldValues) -> Option<Content> {
        let holds = |guard: &TableGuard| guard.numbers.contains(&values.get(guard.field));
        if values.present & table.needs != table.needs || !table.guards.iter().all(holds) {
            return None;
        }
        let Some(slots) = table.slots else { return Some(Content::Chain(0)) };
        let words = &self.words[table.start..];
        let (hash, tag) = table_key::hash(&table.key, |field| values.get(field.field) & field.mask);
        let factor = slots.bucket_bits.map_or(1, |bits| words[named(hash, bits)]);
        let slot = slots.at + 2 * named(hash.wrapping_mul(factor.into()), slots.bits);
        let content = words[slot + 1];
        let content =
            if table.slot_verdict.is_some() { Content::Rank(content) } else { Content::Chain(content as usize) };
        (words[slot] == tag).then_some(content)
    }
}

/// What belongs to a key.
#[derive(Clone, Copy)]
enum Content {
    /// A rank, and nothing else.
    Rank(Rank),
    /// The entries that begin at this one of the table's words.
    Chain(usize),
}

impl Table {
    /// Whether it tells all that must hold for a packet to be kept.
    fn is_exact(&self, term: &Term) -> bool {
        let is_decided = |constraint: &Constraint| {
            self.tag_field == Some(constraint.field)
                || self.conditions.iter().any(|column| column.field == constraint.field)
                || self.guards.iter().any(|guard| guard.decides(constraint))
        };
        term.is_exact && term.constraints.iter().all(is_decided)
    }

    /// The rank of a term, and the marks.
    pub(crate) fn marked(&self, term: &Term, is_last: bool) -> u32 {
        let marks = [
            (is_last, mark::LAST),
            (!self.is_exact(term), mark::UNVERIFIED),
            (term.verdict.is_none(), mark::NO_VERDICT),
        ];
        marks.iter().filter(|(is_set, _)| *is_set).fold(term.rank, |marked, (_, mark)| marked | mark)
    }

    /// The words of a table with slots.
    fn fill(&mut self, places: &PerfectHash, chains: &[Chain]) -> Vec<u32> {
        let terms = || chains.iter().flat_map(|(_, _, terms)| terms);
        self.chain_count = chains.len();
        self.longest_chain = chains.iter().map(|(_, _, terms)| terms.len()).max().unwrap_or(0);
        let squares: usize = chains.iter().map(|(_, _, terms)| terms.len() * terms.len()).sum();
        self.mean_chain_len = squares as f64 / terms().count() as f64;
        self.has_marks = self.longest_chain > 1 || self.has_unverified || terms().any(|term| term.verdict.is_none());
        let is_bare = self.conditions.is_empty() && !self.has_marks && !self.entries_have_needs;
        let verdict = chains.first().and_then(|(_, _, terms)| terms[0].verdict);
        self.slot_verdict = verdict.filter(|_| is_bare && terms().all(|term| term.verdict == verdict));

        let at = places.factors.len().next_multiple_of(2);
        let mut words = places.factors.clone();
        words.resize(at + 2 * places.count(), 0);
        let mut free = vec![true; places.count()];
        for (hash, tag, terms) in chains {
            let content = if self.slot_verdict.is_some() { terms[0].rank } else { words.len() as u32 };
            words.extend(self.slot_verdict.is_none().then(|| self.chain(terms)).into_iter().flatten());
            let place = places.of(*hash);
            words[at + 2 * place..][..2].copy_from_slice(&[*tag, content]);
            free[place] = false;
        }
        let taken = free.iter().position(|&is_free| !is_free).unwrap_or(0);
        for place in (0..free.len()).filter(|&place| free[place]) {
            words.copy_within(at + 2 * taken..at + 2 * taken + 2, at + 2 * place);
        }
        self.slots = Some(Slots { bucket_bits: places.bucket_bits(), at, bits: places.bits });
        words
    }

    /// The words of a chain.
    fn chain<'a>(&'a self, terms: &'a [&Term]) -> impl Iterator<Item = u32> + use<'a> {
        let is_last = |place: usize| self.has_marks && place + 1 == terms.len();
        terms.iter().enumerate().flat_map(move |(place, term)| self.entry(term, is_last(place)))
    }

    fn entry(&self, term: &Term, is_last: bool) -> Vec<u32> {
        let mut words = vec![self.marked(term, is_last), term.verdict.unwrap_or(0)];
        if self.entries_have_needs {
            words.extend([term.needs as u32, (term.needs >> 32) as u32]);
        }
        for column in &self.conditions {
            let constraint = term.constraints.iter().find(|constraint| constraint.field == column.field);
            let (first, span) = constraint.map_or((0, u32::MAX), |constraint| (constraint.first, constraint.span));
            words.extend(&[first, span][..column.words()]);
        }
        words
    }

    /// Where the conditions of an entry begin.
    pub(crate) fn conditions_start(&self) -> usize {
        if self.entries_have_needs { 4 } else { 2 }
    }

    /// How many words an entry has: the rank and the marks, the verdict, the fields that it needs if entries differ in
    /// them, and the conditions.
    pub(crate) fn stride(&self) -> usize {
        self.conditions_start() + self.conditions.iter().map(EntryCondition::words).sum::<usize>()
    }

    fn holds(&self, entry: &[u32], values: &FieldValues) -> bool {
        let needs = if self.entries_have_needs { u64::from(entry[2]) | u64::from(entry[3]) << 32 } else { 0 };
        let mut words = &entry[self.conditions_start()..];
        let mut conditions = self.conditions.iter().map(|column| {
            let (own, rest) = words.split_at(column.words());
            words = rest;
            column.holds(own, values)
        });
        values.present & needs == needs && conditions.all(|holds| holds)
    }
}
