//! Tables of terms, in the form that native code reads, too: hash tables, and maps of intervals.
//!
//! All tables of a classifier share one list of words, and tables with the same words store them once: `host` looks up
//! the same addresses at four offsets. A key has one slot ([`PerfectHash`]). A slot without a key repeats that of
//! another key, so every slot holds the tag of some key and its content. The tag of a key with one field is the field,
//! otherwise a part of the hash.
//!
//! The content of a slot is a chain of entries, in the order of their ranks. An entry has all conditions of its term
//! that neither the guards of the table nor the tag decide, so collisions do no harm. If no conditions are left, the
//! slot holds the rank itself, and there are no entries. Long chains consist of blocks of [`BLOCK`] entries, whose
//! words are interleaved so that vectors compare them at once. The entries of the last block are marked, and it is
//! filled up with its last entry.
//!
//! Terms that differ in one range only share a map from the numbers of its field to such contents
//! ([`interval_table`](crate::classifier::interval_table)).

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::classifier::bit_vectors::{BitRows, BitVectors};
use crate::classifier::entry_conditions;
use crate::classifier::entry_conditions::{EntryCondition, MAX_ENTRY_CONDITIONS, TableGuard};
use crate::classifier::interval_map::IntervalMap;
use crate::classifier::packet_fields::{FieldValues, PacketField, PacketFields};
use crate::classifier::perfect_hash::upper_bits;
use crate::classifier::table_choice::KeyMask;
use crate::classifier::table_entry::{TableEntry, mark};
use crate::classifier::table_key;
use crate::classifier::table_key::{HashedTerms, KeyField};
use crate::classifier::term::{Constraint, Rank, Term};
use crate::classifier::work_counter;
use crate::ir::Hashing;

/// The entries of a block, and the mean length of chains from which on they consist of blocks.
pub(crate) const BLOCK: usize = 4;
const LONG_CHAINS: f64 = 1.5;

/// The most terms without a key that are compiled inline.
pub(crate) const MAX_INLINE_TERMS: usize = 48;

/// The most entries that need verification that the code for the first match collects before it gives up.
pub(crate) const MAX_UNVERIFIED: usize = 32;

/// The most entries that it writes, since inline terms are always written.
pub(crate) const MAX_WRITTEN: usize = MAX_UNVERIFIED + MAX_INLINE_TERMS + 1;

/// The answer of the code for the first match if it gives up.
pub(crate) const GIVEN_UP: u64 = u64::MAX;

/// The answer of code for a packet that is shorter than the code assumes.
pub(crate) const TOO_SHORT: Rank = Rank::MAX - 1;

/// The tables of a classifier, in the order of their first ranks.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) list: Vec<Table>,
    /// The rank after all rules, which is that of no rule.
    pub(crate) none: Rank,
    /// The words of all tables.
    pub(crate) words: Vec<u32>,
    /// The start in `words` of 256 bytes for each field with ranges of a byte: 1 for the numbers in the ranges.
    pub(crate) members: HashMap<u8, usize, Hashing>,
    /// The rules whose programs have to run because of entries, some more than once.
    pub(crate) rules_to_run: Vec<Rank>,
    /// The most fields on which entries have conditions.
    pub(super) max_conditions: usize,
    /// The starts of words by their hash, while tables are added.
    starts: HashMap<u64, Vec<usize>, Hashing>,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// The fields that the packet must have for all entries, a bit each.
    pub(crate) needs: u64,
    pub(crate) guards: Vec<TableGuard>,
    /// The matches for which the table is looked up; `None` if that is both.
    pub(crate) kind: Option<MatchKind>,
    /// The fields of the key, none of which the guards decide.
    pub(crate) key: Vec<KeyField>,
    pub(crate) lookup: Lookup,
    /// The start of its words.
    pub(crate) start: usize,
    /// The rows of each field, if there are bit vectors, and a bit for each of these fields.
    pub(crate) bit_rows: Vec<BitRows>,
    pub(super) row_fields: u64,
    /// The field that the tag decides.
    pub(super) tag_field: Option<u8>,
    /// The terms, if there is no key and they are compiled inline.
    pub(crate) inline_terms: Vec<Term>,
    /// The conditions of entries.
    pub(crate) conditions: Vec<EntryCondition>,
    /// `true` if some entries need more fields than all do.
    pub(crate) entries_have_needs: bool,
    /// The verdict of all entries, if contents are ranks and there are no entries.
    pub(crate) slot_verdict: Option<u32>,
    /// The lowest rank.
    pub(crate) first_rank: Rank,
    pub(crate) term_count: usize,
    pub(crate) chain_count: usize,
    /// The number of entries of the longest chain.
    pub(crate) longest_chain: usize,
    /// The length of the chain of an entry, on average.
    pub(crate) mean_chain_len: f64,
    /// `true` if some entries need verification.
    pub(crate) has_unverified: bool,
    /// `true` if ranks have marks. If not, chains have one entry.
    pub(crate) has_marks: bool,
}

/// The matches to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MatchKind {
    First,
    All,
}

/// The way from a key to its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lookup {
    /// There is no key, but one chain.
    Chain,
    Hash(Slots),
    /// The content of a number that lies in no interval is `none`.
    Intervals {
        map: IntervalMap,
        /// The start of the map in the table's words.
        at: usize,
        none: u32,
    },
    /// There is no key, but a row of bits for each of some fields; entries stand at the start of the table's words.
    BitVectors(BitVectors),
}

/// Slots of two words each: the tag, and the start of the chain in the table's words or the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slots {
    /// The number of bits of the number of a bucket, if there are buckets. Their factors are the first words.
    pub(crate) bucket_bits: Option<u32>,
    /// The start of the slots in the table's words.
    pub(crate) at: usize,
    /// The number of bits of the number of a slot.
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
            max_conditions: MAX_ENTRY_CONDITIONS,
            starts: HashMap::default(),
        }
    }

    /// Returns tables whose entries have all conditions, so that fewer programs have to run.
    pub(crate) fn with_all_conditions(self) -> Tables {
        Tables { max_conditions: usize::MAX, ..self }
    }

    /// Adds the bytes of fields that test a byte for several ranges, after all tables.
    pub(crate) fn finish(&mut self, fields: &PacketFields) {
        for (number, &field) in fields.list.iter().enumerate() {
            if let PacketField::Member(value, ranges) = field {
                if fields.values.known(value).max <= u8::MAX.into() && fields.ranges(ranges).len() > 1 {
                    let bytes: Vec<u8> =
                        (0..=u8::MAX).map(|byte| fields.is_member(byte.into(), ranges) as u8).collect();
                    // The code reads bytes, in memory.
                    let words = bytes.chunks(4).filter_map(<[u8]>::first_chunk).map(|&word| u32::from_ne_bytes(word));
                    let start = self.add_words(words.collect());
                    self.members.insert(number as u8, start);
                }
            }
        }
        self.starts = HashMap::default();
    }

    /// Adds a table of terms, which fit the key and are in order.
    ///
    /// `factor` returns the factor of a field in a trial. `is_narrow` leaves fields out of the key that are not needed
    /// to distinguish terms; more packets then reach entries that do not hold.
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
        let hashed = HashedTerms::new(&key, terms, factor);
        let key = hashed.as_ref().map_or_else(Vec::new, |hashed| hashed.key.clone());
        let tag_field = entry_conditions::decided_by_tag(&key, terms);
        let inline_terms: usize = self.list.iter().map(|table| table.inline_terms.len()).sum();
        let is_inline = hashed.is_none() && inline_terms + terms.len() <= MAX_INLINE_TERMS;
        // Inline terms have all their conditions.
        let max_conditions = if is_inline { usize::MAX } else { self.max_conditions };
        let needs = terms.iter().fold(u64::MAX, |needs, term| needs & term.needs);
        let mut table = Table {
            conditions: entry_conditions::choose(fields, terms, &guards, &key, tag_field, max_conditions),
            key,
            tag_field,
            inline_terms: if is_inline { terms.iter().map(|&term| term.clone()).collect() } else { Vec::new() },
            entries_have_needs: terms.iter().any(|term| term.needs != needs),
            ..Table::new(None, needs, guards, terms)
        };
        table.has_unverified = terms.iter().any(|term| !table.is_exact(term));
        self.rules_to_run.extend(terms.iter().filter(|term| table.is_run(term)).map(|term| term.rank));
        let words = match hashed {
            Some(hashed) => table.fill(&hashed),
            None => {
                let mut words = Vec::new();
                table.push_chain(terms, &mut words);
                words
            }
        };
        table.start = self.add_words(words);
        self.list.push(table);
    }

    /// Returns the tables that are looked up for matches of a kind.
    pub(crate) fn for_kind(&self, kind: MatchKind) -> impl Iterator<Item = &Table> {
        self.list.iter().filter(move |table| table.is_for(kind))
    }

    /// Returns whether some entries need verification.
    pub(crate) fn has_unverified(&self) -> bool {
        self.list.iter().any(|table| table.has_unverified)
    }

    /// Adds words, if they are not there already, and returns their start.
    pub(super) fn add_words(&mut self, words: Vec<u32>) -> usize {
        let starts = self.starts.entry(Hashing::default().hash_one(&words)).or_default();
        let known = starts.iter().copied().find(|&start| self.words[start..].starts_with(&words));
        known.unwrap_or_else(|| {
            // Two words are read at once, and must not lie in two cache lines.
            let start = self.words.len().next_multiple_of(2);
            self.words.resize(start, 0);
            self.words.extend(words);
            starts.push(start);
            start
        })
    }

    /// Returns the entries of a table that hold for a packet, in the order of their ranks.
    pub(crate) fn matches<'t>(
        &'t self,
        table: &'t Table,
        values: &'t FieldValues,
    ) -> impl Iterator<Item = TableEntry> + use<'t> {
        let mut next = self.content(table, values);
        let of_rows = match next {
            Some(Content::Rows(vectors)) => Some(self.bit_matches(table, vectors, values)),
            _ => None,
        };
        let mut lane = 0;
        let entries = std::iter::from_fn(move || {
            let found = next.take()?;
            let (entry, holds) = match (found, table.slot_verdict) {
                (Content::Rows(_), _) => return None,
                (Content::Rank(rank), verdict) => (TableEntry::with_verdict(rank, verdict.unwrap_or(0)), true),
                (Content::Chain(at), _) => {
                    work_counter::entry();
                    let words = &self.words[table.start + at..][..table.stride() * table.block()];
                    let marked = words[2 * lane];
                    let entry = TableEntry { marked, verdict: words[2 * lane + 1] };
                    let holds = table.holds(words, lane, values);
                    lane = (lane + 1) % table.block();
                    next = match lane {
                        0 if !table.has_marks || marked & mark::LAST != 0 => None,
                        0 => Some(Content::Chain(at + words.len())),
                        _ => Some(Content::Chain(at)),
                    };
                    (entry, holds)
                }
            };
            Some((entry, holds))
        });
        entries.filter(|&(_, holds)| holds).map(|(entry, _)| entry).chain(of_rows.into_iter().flatten())
    }

    /// Returns the content of the slot for a packet.
    fn content(&self, table: &Table, values: &FieldValues) -> Option<Content> {
        let holds = |guard: &TableGuard| guard.numbers.contains(&values.get(guard.field));
        if values.present & table.needs != table.needs || !table.guards.iter().all(holds) {
            return None;
        }
        let words = &self.words[table.start..];
        let as_content =
            |word: u32| if table.slot_verdict.is_some() { Content::Rank(word) } else { Content::Chain(word as usize) };
        let slots = match table.lookup {
            Lookup::Chain => return Some(Content::Chain(0)),
            Lookup::BitVectors(vectors) => return Some(Content::Rows(vectors)),
            Lookup::Intervals { map, at, none } => {
                let content = map.content(&words[at..], values.get(table.key[0].field));
                return (content != none).then(|| as_content(content));
            }
            Lookup::Hash(slots) => slots,
        };
        let (hash, tag) = table_key::hash(&table.key, |field| values.get(field.field) & field.mask);
        let factor = slots.bucket_bits.map_or(1, |bits| words[upper_bits(hash, bits)]);
        let slot = slots.at + 2 * upper_bits(hash.wrapping_mul(factor.into()), slots.bits);
        (words[slot] == tag).then(|| as_content(words[slot + 1]))
    }
}

/// The content of a slot.
#[derive(Clone, Copy)]
enum Content {
    /// A rank without conditions.
    Rank(Rank),
    /// The start of a chain in the table's words.
    Chain(usize),
    /// The rows of all fields.
    Rows(BitVectors),
}

impl Table {
    /// Returns a table without a key, without conditions and without words.
    pub(super) fn new(kind: Option<MatchKind>, needs: u64, guards: Vec<TableGuard>, terms: &[&Term]) -> Table {
        Table {
            needs,
            guards,
            kind,
            key: Vec::new(),
            lookup: Lookup::Chain,
            start: 0,
            bit_rows: Vec::new(),
            row_fields: 0,
            tag_field: None,
            inline_terms: Vec::new(),
            conditions: Vec::new(),
            entries_have_needs: false,
            slot_verdict: None,
            first_rank: terms.iter().map(|term| term.rank).min().unwrap_or(0),
            term_count: terms.len(),
            chain_count: 1,
            longest_chain: terms.len(),
            mean_chain_len: terms.len() as f64,
            has_unverified: false,
            has_marks: true,
        }
    }

    /// Returns whether the table is looked up for matches of a kind.
    pub(crate) fn is_for(&self, kind: MatchKind) -> bool {
        self.kind.is_none_or(|only| only == kind)
    }

    /// Returns whether the table tests all conditions of a term, and these suffice for a match.
    pub(super) fn is_exact(&self, term: &Term) -> bool {
        // Only entries with words of their own have what they need besides rows.
        let lacks_rows =
            matches!(self.lookup, Lookup::BitVectors(_)) && term.needs & !self.needs & !self.row_fields != 0;
        let is_decided = |constraint: &Constraint| {
            self.tag_field == Some(constraint.field)
                || self.row_fields >> constraint.field & 1 != 0
                || self.conditions.iter().any(|condition| condition.field == constraint.field)
                || self.guards.iter().any(|guard| guard.decides(constraint))
        };
        term.is_exact && !lacks_rows && term.constraints.iter().all(is_decided)
    }

    /// Returns whether the program of a term has to run for packets for which an entry holds.
    pub(super) fn is_run(&self, term: &Term) -> bool {
        !self.is_exact(term) || term.verdict.is_none()
    }

    /// Returns the rank of a term with its marks.
    pub(crate) fn marked(&self, term: &Term, is_last: bool) -> u32 {
        let marks = [
            (is_last, mark::LAST),
            (!self.is_exact(term), mark::UNVERIFIED),
            (term.verdict.is_none(), mark::NO_VERDICT),
        ];
        marks.iter().filter(|(is_set, _)| *is_set).fold(term.rank, |marked, (_, mark)| marked | mark)
    }

    /// Returns the number of entries whose words are interleaved.
    pub(crate) fn block(&self) -> usize {
        if self.mean_chain_len >= LONG_CHAINS { BLOCK } else { 1 }
    }

    /// Returns the word of an entry with which the conditions begin.
    pub(crate) fn conditions_start(&self) -> usize {
        if self.entries_have_needs { 4 } else { 2 }
    }

    /// Returns the number of words of an entry: the marked rank, the verdict, two for the fields that it needs if
    /// entries differ in them, and the conditions.
    pub(crate) fn stride(&self) -> usize {
        self.conditions_start() + self.conditions.iter().map(EntryCondition::words).sum::<usize>()
    }

    /// Returns whether the conditions of an entry of a block hold.
    fn holds(&self, words: &[u32], lane: usize, values: &FieldValues) -> bool {
        let word = |word: usize| words[word * self.block() + lane];
        let needs = if self.entries_have_needs { u64::from(word(2)) | u64::from(word(3)) << 32 } else { 0 };
        let mut at = self.conditions_start();
        let mut conditions = self.conditions.iter().map(|condition| {
            let own: Vec<u32> = (at..at + condition.words()).map(word).collect();
            at += condition.words();
            condition.holds(&own, values)
        });
        values.present & needs == needs && conditions.all(|holds| holds)
    }
}
