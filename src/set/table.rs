//! A hash table of terms, in the form in which compiled code reads it, too.
//!
//! A slot has the upper half of the hash of a key, and where the entries of that key begin: in the order of their ranks,
//! the last marked. An entry has all conditions of its term, those on the fields of the key included, so that keys that
//! are hashed alike do no harm. Numbers that end up in a slot that is taken go to the next one that is free.

use crate::set::choose::{Key, seen};
use crate::set::field::{Fields, Row};
use crate::set::term::{Constraint, Rank, Term};

/// The most fields that the entries of a table have conditions on; of further ones the program is asked.
const MOST_COLUMNS: usize = 16;

/// The words of an entry: the rank and the marks, the verdict, the fields it needs, and two for each column.
pub(crate) mod word {
    pub(crate) const RANK: usize = 0;
    pub(crate) const VERDICT: usize = 1;
    pub(crate) const NEEDS: usize = 2;
    pub(crate) const COLUMNS: usize = 4;
}

/// The marks beside the rank of an entry.
pub(crate) mod mark {
    /// It is the last of its key.
    pub(crate) const LAST: u32 = 1 << 31;
    /// The program must be asked whether it keeps the packet.
    pub(crate) const ASK: u32 = 1 << 30;
    /// The program must be asked for its verdict.
    pub(crate) const COMPUTED: u32 = 1 << 29;
    /// What is left for the rank.
    pub(crate) const RANK: u32 = COMPUTED - 1;
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// The fields of the key: which bits are looked at, and what they are multiplied by.
    pub(crate) key: Vec<KeyField>,
    /// The fields that entries have conditions on.
    pub(crate) columns: Vec<u8>,
    /// What holds for all entries.
    pub(crate) needs: u64,
    pub(crate) guards: Vec<Constraint>,
    /// The least rank.
    pub(crate) first: Rank,
    /// A power of two of them: the upper half of a hash below, and above where its entries begin, 0 for none.
    pub(crate) slots: Vec<u64>,
    /// The first entry begins at word 1.
    pub(crate) entries: Vec<u32>,
    /// The most entries of a key, and how many of them must be asked.
    pub(crate) longest: usize,
}

/// A field of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyField {
    pub(crate) field: u8,
    pub(crate) mask: u32,
    pub(crate) factor: u64,
}

impl Table {
    /// The table of these terms, which fit the key. `factor` gives the numbers that its fields are multiplied by.
    pub(super) fn new(fields: &Fields, key: &Key, terms: &[&Term], mut factor: impl FnMut() -> u64) -> Table {
        let guards = guards(fields, terms);
        let is_told = |field: u8| guards.iter().any(|guard| guard.field == field && guard.span == 0);
        let key: Vec<KeyField> = key
            .iter()
            .filter(|&&(field, _)| !is_told(field))
            .map(|&(field, mask)| KeyField { field, mask, factor: factor() | 1 })
            .collect();
        let mut table = Table {
            key,
            columns: columns(fields, terms, &guards),
            needs: terms.iter().fold(u64::MAX, |needs, term| needs & term.needs),
            guards,
            first: terms.iter().map(|term| term.rank).min().unwrap_or(Rank::MAX),
            slots: Vec::new(),
            entries: vec![0],
            longest: 0,
        };
        table.fill(terms);
        table
    }

    fn fill(&mut self, terms: &[&Term]) {
        let mut hashed: Vec<(u64, &Term)> = terms.iter().map(|&term| (self.hash_of(term), term)).collect();
        // The sort is stable, and terms come in the order of their ranks.
        hashed.sort_by_key(|&(hash, _)| hash >> 32);
        let places = hashed.chunk_by(|a, b| a.0 >> 32 == b.0 >> 32);
        let count = places.clone().count();
        self.slots = vec![0; (2 * count).next_power_of_two().max(4)];
        for place in places {
            let start = self.entries.len() as u64;
            for (number, (_, term)) in place.iter().enumerate() {
                self.push(term, number + 1 == place.len());
            }
            self.longest = self.longest.max(place.len());
            let tag = place[0].0 >> 32;
            let mut slot = self.slot(tag);
            while self.slots[slot] != 0 {
                slot = (slot + 1) % self.slots.len();
            }
            self.slots[slot] = start << 32 | tag;
        }
    }

    fn push(&mut self, term: &Term, is_last: bool) {
        let is_told = |constraint: &Constraint| {
            self.columns.contains(&constraint.field) || self.guards.iter().any(|guard| guard == constraint)
        };
        let is_exact = term.is_exact && term.constraints.iter().all(is_told);
        let marks = [(is_last, mark::LAST), (!is_exact, mark::ASK), (term.verdict.is_none(), mark::COMPUTED)];
        let marks = marks.iter().filter(|(is_set, _)| *is_set).fold(0, |marks, (_, mark)| marks | mark);
        self.entries.extend([term.rank | marks, term.verdict.unwrap_or(0)]);
        self.entries.extend([term.needs as u32, (term.needs >> 32) as u32]);
        for &column in &self.columns {
            let constraint = term.constraints.iter().find(|constraint| constraint.field == column);
            let (first, span) = constraint.map_or((0, u32::MAX), |constraint| (constraint.first, constraint.span));
            self.entries.extend([first, span]);
        }
    }

    /// The place of an upper half of a hash: its upper bits.
    fn slot(&self, tag: u64) -> usize {
        (tag >> self.shift()) as usize
    }

    /// By how much the upper half of a hash is shifted to name a slot.
    pub(crate) fn shift(&self) -> u32 {
        32 - self.slots.len().trailing_zeros()
    }

    /// How many words an entry has.
    pub(crate) fn stride(&self) -> usize {
        word::COLUMNS + 2 * self.columns.len()
    }

    fn hash_of(&self, term: &Term) -> u64 {
        let of_field = |field: &KeyField| {
            let constraint = term.constraints.iter().find(|constraint| constraint.field == field.field);
            constraint.and_then(|constraint| seen(constraint, field.field, field.mask)).unwrap_or(0)
        };
        self.hash(|field| of_field(field))
    }

    /// Sums of products by odd random factors: the upper halves of two different keys are alike by chance only.
    fn hash(&self, number: impl Fn(&KeyField) -> u32) -> u64 {
        self.key.iter().fold(0, |hash, field| hash.wrapping_add(field.factor.wrapping_mul(number(field).into())))
    }

    /// The entries that hold for a packet, in the order of their ranks but for keys that are hashed alike.
    pub(super) fn matches(&self, row: &Row) -> impl Iterator<Item = Entry> {
        let is_possible = row.present & self.needs == self.needs
            && self.guards.iter().all(|guard| guard.admits(row.values[usize::from(guard.field)]));
        let hash = self.hash(|field| row.values[usize::from(field.field)] & field.mask);
        let (tag, mut slot) = (hash >> 32, self.slot(hash >> 32));
        let mut start = is_possible.then_some(0);
        std::iter::from_fn(move || {
            loop {
                let mut at = start?;
                if at == 0 {
                    let found = *self.slots.get(slot)?;
                    slot = (slot + 1) % self.slots.len();
                    if found == 0 {
                        start = None;
                    } else if found & u64::from(u32::MAX) == tag {
                        start = Some((found >> 32) as usize);
                    }
                    continue;
                }
                let entry = &self.entries[at..at + self.stride()];
                at += self.stride();
                start = Some(if entry[word::RANK] & mark::LAST != 0 { 0 } else { at });
                if self.holds(entry, row) {
                    return Some(Entry { marked: entry[word::RANK], verdict: entry[word::VERDICT] });
                }
            }
        })
    }

    fn holds(&self, entry: &[u32], row: &Row) -> bool {
        let needs = u64::from(entry[word::NEEDS]) | u64::from(entry[word::NEEDS + 1]) << 32;
        let mut conditions = self.columns.iter().zip(entry[word::COLUMNS..].chunks(2));
        row.present & needs == needs
            && conditions.all(|(&field, pair)| row.values[usize::from(field)].wrapping_sub(pair[0]) <= pair[1])
    }
}

/// The part of all numbers of a field that a guard lets through at most: one in so many.
const NARROW: u32 = 4;

/// What holds for all terms: a field that all of them ask about lies in the least range that has theirs, if that is small.
fn guards(fields: &Fields, terms: &[&Term]) -> Vec<Constraint> {
    let Some((first, rest)) = terms.split_first() else { return Vec::new() };
    let of_all = first.constraints.iter().filter_map(|constraint| {
        let mut joined = *constraint;
        for term in rest {
            let other = term.constraints.iter().find(|other| other.field == constraint.field)?;
            if *other != joined {
                let (range, other) = (joined.range()?, other.range()?);
                let (low, high) = (range.start().min(other.start()), range.end().max(other.end()));
                joined = Constraint { first: *low, span: high - low, ..joined };
            }
        }
        Some(joined)
    });
    of_all.filter(|guard| guard.span <= fields.max(guard.field) / NARROW).collect()
}

/// The fields that entries have conditions on beyond the guards; the most frequent ones.
fn columns(fields: &Fields, terms: &[&Term], guards: &[Constraint]) -> Vec<u8> {
    let mut uses: Vec<(usize, u8)> = (0..fields.list.len() as u8).map(|field| (0, field)).collect();
    for constraint in terms.iter().flat_map(|term| &term.constraints) {
        uses[usize::from(constraint.field)].0 += usize::from(!guards.contains(constraint));
    }
    uses.retain(|&(uses, _)| uses > 0);
    uses.sort_by_key(|&(uses, field)| (std::cmp::Reverse(uses), field));
    let mut columns: Vec<u8> = uses.into_iter().map(|(_, field)| field).take(MOST_COLUMNS).collect();
    columns.sort_unstable();
    columns
}

/// An entry that holds for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The rank, and the marks.
    pub(crate) marked: u32,
    pub(crate) verdict: u32,
}

impl Entry {
    /// A rule that must be asked.
    pub(super) fn to_ask(rank: Rank) -> Entry {
        Entry { marked: rank | mark::ASK | mark::COMPUTED, verdict: 0 }
    }

    /// A rule that was asked.
    pub(super) fn of(rank: Rank, verdict: u32) -> Entry {
        Entry { marked: rank, verdict }
    }

    /// An entry whose first two words compiled code has copied.
    pub(super) fn from_words(words: u64) -> Entry {
        let [marked, verdict]: [u32; 2] = match words.to_ne_bytes() {
            [a, b, c, d, e, f, g, h] => [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])],
        };
        Entry { marked, verdict }
    }

    pub(super) fn into_words(self) -> u64 {
        let [[a, b, c, d], [e, f, g, h]] = [self.marked, self.verdict].map(u32::to_ne_bytes);
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }

    pub(crate) fn rank(self) -> Rank {
        self.marked & mark::RANK
    }

    /// Whether the program must be asked whether it keeps the packet.
    pub(crate) fn must_ask(self) -> bool {
        self.marked & mark::ASK != 0
    }

    /// The verdict, if it is known.
    pub(crate) fn verdict(self) -> Option<u32> {
        (self.marked & mark::COMPUTED == 0).then_some(self.verdict)
    }
}
