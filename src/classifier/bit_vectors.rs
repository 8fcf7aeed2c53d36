//! Tables of bit vectors, for terms that no key tells apart: ranges and prefixes of several fields, and open fields.
//!
//! The numbers of each field are divided into intervals in which the same terms allow the field. An interval has a row
//! of bits, one for each term (Lakshman and Stiliadis, 1998). The terms that hold for a packet are those whose bits are
//! set in the rows of all fields. A row begins with a summary: a bit for each of its words, set if the word is not 0
//! (Baboescu and Varghese, 2001), so that only words in which a term may hold are looked at. The bits are in the order
//! of the terms, so the lowest one that is set is the first match.
//!
//! The work for a packet depends on the number of fields, and hardly on the terms. The memory grows with the square of
//! the terms, so many terms become several tables.

use std::collections::{HashMap, HashSet};

use crate::classifier::entry_conditions;
use crate::classifier::interval_map::{Interval, IntervalMap};
use crate::classifier::packet_fields::{FieldValues, PacketFields};
use crate::classifier::table::{Lookup, MatchKind, Table, Tables};
use crate::classifier::table_choice::KeyMask;
use crate::classifier::table_cost;
use crate::classifier::table_entry::TableEntry;
use crate::classifier::term::{Constraint, Term};
use crate::classifier::work_counter;
use crate::ir::Hashing;

/// The most terms of a table: a summary has a bit for each word of a row.
const MAX_TERMS: usize = 64 * WORD;

/// The least number of terms of a table if there is not enough memory for more.
const MIN_TERMS: usize = 4 * WORD;

/// The bits of a word of a row.
pub(crate) const WORD: usize = u64::BITS as usize;

/// The most fields of a table. Programs verify conditions on further ones.
pub(crate) const MAX_FIELDS: usize = 16;

/// A guess of the levels of the maps, before they are built.
const LEVELS: f64 = 1.0;

/// The memory of all rows, in bytes: for each term of the classifier, and besides.
const BYTES_OF_TERM: usize = 96;
const BYTES: usize = 5 << 20;

/// The rows of a field.
#[derive(Clone, Debug)]
pub(crate) struct BitRows {
    pub(crate) field: u8,
    /// The contents are the starts of rows in the table's words.
    pub(crate) map: IntervalMap,
    /// The start of the map in the table's words.
    pub(crate) at: usize,
    /// The row of packets without the field, if some terms do not need it.
    pub(crate) absent: Option<u32>,
}

/// The size of bit vectors and their entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BitVectors {
    /// The words of 64 bits of a row, without the summary. Rows of one word have none.
    pub(crate) words: usize,
}

impl BitVectors {
    /// Returns the number of words of 64 bits before the bits of a row.
    pub(crate) fn summary_len(self) -> usize {
        usize::from(self.words > 1)
    }
}

/// Returns the most terms of a table, so that the rows of some terms take a bounded part of the memory of `all`.
pub(crate) fn table_len(terms: &[&Term], all: usize) -> usize {
    let mut constraints: HashSet<&Constraint, Hashing> = HashSet::default();
    terms.iter().for_each(|term| constraints.extend(&term.constraints));
    let mut distinct = HashMap::<u8, usize, Hashing>::default();
    constraints.iter().for_each(|constraint| *distinct.entry(constraint.field).or_default() += 1);
    let bytes_with = |len: usize| {
        let rows: usize = distinct.values().map(|&distinct| 2 * distinct.min(len)).sum();
        terms.len().div_ceil(len) * rows * (len / 8 + 8)
    };
    let mut len = MAX_TERMS;
    while len > MIN_TERMS && (len >= 2 * terms.len() || bytes_with(len) > BYTES + BYTES_OF_TERM * all) {
        len /= 2;
    }
    len
}

/// Returns groups of terms that exclude each other by a guard, such as the type of a frame, so that each has rows for
/// fewer fields.
fn by_guard<'t>(terms: &[&'t Term]) -> Vec<Vec<&'t Term>> {
    let guards = entry_conditions::guards(terms);
    let Some(guard) = guards.iter().find(|guard| guard.number().is_none()) else { return vec![terms.to_vec()] };
    let has = |term: &&&Term, number: u32| {
        term.constraint(guard.field).is_some_and(|constraint| constraint.number() == Some(number))
    };
    let of_number = |&number: &u32| terms.iter().filter(|term| has(term, number)).copied().collect::<Vec<&Term>>();
    guard.numbers.iter().map(of_number).collect()
}

/// Returns an estimate of the cost of tables of bit vectors of some terms; `None` if they are not fit for these.
pub(crate) fn cost(terms: &[&Term], all: usize) -> Option<f64> {
    let of_group = |group: Vec<&Term>| {
        let fields = row_fields(&group).len();
        let len = table_len(&group, all).min(group.len());
        let of_table = table_cost::bit_vectors(len.div_ceil(WORD), (0..fields).map(|_| LEVELS));
        (fields > 0).then_some(group.len().div_ceil(len) as f64 * of_table)
    };
    by_guard(terms).into_iter().map(of_group).sum()
}

/// Returns the fields that the guards of all terms and their common needs do not decide, those of most terms first.
fn row_fields(terms: &[&Term]) -> Vec<u8> {
    let guards = entry_conditions::guards(terms);
    let needs = terms.iter().fold(u64::MAX, |needs, term| needs & term.needs);
    let mut uses = [0_usize; u64::BITS as usize];
    for term in terms {
        let mut used = term.needs & !needs;
        for constraint in &term.constraints {
            if !guards.iter().any(|guard| guard.decides(constraint)) {
                used |= 1 << constraint.field;
            }
        }
        (0..u64::BITS).for_each(|field| uses[field as usize] += usize::from(used >> field & 1 != 0));
    }
    let mut fields: Vec<u8> = (0..u64::BITS as u8).filter(|&field| uses[usize::from(field)] > 0).collect();
    fields.sort_by_key(|&field| std::cmp::Reverse(uses[usize::from(field)]));
    fields
}

/// Adds tables of bit vectors of some terms, which are in order, for a classifier with `all` terms.
pub(crate) fn push(tables: &mut Tables, fields: &PacketFields, kind: Option<MatchKind>, terms: &[&Term], all: usize) {
    for group in by_guard(terms).iter().filter(|group| !group.is_empty()) {
        group.chunks(table_len(group, all)).for_each(|chunk| tables.push_bit_vectors(fields, kind, chunk));
    }
}

impl Tables {
    /// Adds a table of bit vectors of some terms, which are in order.
    fn push_bit_vectors(&mut self, fields: &PacketFields, kind: Option<MatchKind>, terms: &[&Term]) {
        let needs = terms.iter().fold(u64::MAX, |needs, term| needs & term.needs);
        let mut table = Table::new(kind, needs, entry_conditions::guards(terms), terms);
        let mut with_rows = row_fields(terms);
        with_rows.truncate(MAX_FIELDS);
        if with_rows.is_empty() {
            // All terms are alike: they are a list.
            return self.push(fields, &KeyMask::new(), false, terms, |_, _| 0);
        }
        let vectors = BitVectors { words: terms.len().div_ceil(WORD) };
        table.lookup = Lookup::BitVectors(vectors);
        table.row_fields = with_rows.iter().fold(0, |bits, field| bits | 1 << field);
        table.has_unverified = terms.iter().any(|term| !table.is_exact(term));
        table.has_marks = table.has_unverified || terms.iter().any(|term| term.verdict.is_none());
        self.rules_to_run.extend(terms.iter().filter(|term| table.is_run(term)).map(|term| term.rank));

        // The entries, as many as there are bits.
        let mut words: Vec<u32> = Vec::new();
        words.extend(terms.iter().flat_map(|term| [table.marked(term, false), term.verdict.unwrap_or(0)]));
        words.resize(2 * WORD * vectors.words, 0);
        let maps: Vec<_> = with_rows.iter().map(|&field| rows_of(fields, vectors, terms, field, &mut words)).collect();
        for (field, intervals, absent) in maps {
            let width = u32::BITS - fields.max(field).leading_zeros();
            let (map, of_map) = IntervalMap::new(&intervals, width);
            table.bit_rows.push(BitRows { field, map, at: words.len(), absent });
            words.extend(of_map);
        }
        table.start = self.add_words(words);
        self.list.push(table);
    }

    /// Returns the entries of a table of bit vectors that hold for a packet which passes the guards.
    pub(super) fn bit_matches<'t>(
        &'t self,
        table: &'t Table,
        vectors: BitVectors,
        values: &FieldValues,
    ) -> impl Iterator<Item = TableEntry> + use<'t> {
        let words = &self.words[table.start..];
        let row = |rows: &BitRows| match rows.absent.filter(|_| values.present >> rows.field & 1 == 0) {
            Some(absent) => absent as usize,
            None => rows.map.content(&words[rows.at..], values.get(rows.field)) as usize,
        };
        let rows: Vec<usize> = table.bit_rows.iter().map(row).collect();
        let all = move |word: usize| {
            rows.iter().map(|row| double_word(words, row + 2 * word)).fold(u64::MAX, |all, bits| all & bits)
        };
        let summary = if vectors.words > 1 { all(0) } else { 1 };
        let found = ones(summary).flat_map(move |word| {
            work_counter::entry();
            ones(all(vectors.summary_len() + word)).map(move |bit| WORD * word + bit)
        });
        found.map(|number| TableEntry { marked: words[2 * number], verdict: words[2 * number + 1] })
    }
}

/// Appends the rows of a field to the words of a table. Returns the field, the intervals with the starts of their rows,
/// and the row of packets without the field.
fn rows_of(
    fields: &PacketFields,
    vectors: BitVectors,
    terms: &[&Term],
    field: u8,
    words: &mut Vec<u32>,
) -> (u8, Vec<Interval>, Option<u32>) {
    let max = fields.max(field);
    let all = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
    let mut bits = vec![0_u64; vectors.words];
    // The numbers at which the bit of a term changes.
    let mut changes: Vec<(u32, usize)> = Vec::new();
    let mut absent = bits.clone();
    let mut is_needed_by_all = true;
    for (number, term) in terms.iter().enumerate() {
        let (word, bit) = (number / WORD, 1 << (number % WORD));
        let is_needed = term.needs >> field & 1 != 0;
        is_needed_by_all &= is_needed;
        let Some(&Constraint { first, span, .. }) = term.constraint(field) else {
            bits[word] |= bit;
            absent[word] |= if is_needed { 0 } else { bit };
            continue;
        };
        let last = first.wrapping_add(span);
        if last < first {
            bits[word] |= bit;
        }
        let at = [Some(first), last.checked_add(1)].into_iter().flatten().filter(|&at| at <= all);
        changes.extend(at.map(|at| (at, number)));
    }
    changes.sort_unstable();
    let mut known: HashMap<Vec<u64>, u32, Hashing> = HashMap::default();
    let mut row_of = |bits: &[u64]| match known.get(bits) {
        Some(&start) => start,
        None => {
            let start = words.len() as u32;
            let summary =
                bits.iter().enumerate().fold(0, |summary, (word, &bits)| summary | u64::from(bits != 0) << word);
            let row = std::iter::repeat_n(summary, vectors.summary_len()).chain(bits.iter().copied());
            words.extend(row.flat_map(|word| [word as u32, (word >> 32) as u32]));
            known.insert(bits.to_vec(), start);
            start
        }
    };
    let mut intervals: Vec<Interval> = Vec::new();
    for of_number in changes.chunk_by(|a, b| a.0 == b.0) {
        if let Some(last) = of_number[0].0.checked_sub(1) {
            Interval::push(&mut intervals, last, row_of(&bits));
        }
        of_number.iter().for_each(|&(_, number)| bits[number / WORD] ^= 1 << (number % WORD));
    }
    Interval::push(&mut intervals, all, row_of(&bits));
    (field, intervals, (!is_needed_by_all).then(|| row_of(&absent)))
}

fn double_word(words: &[u32], at: usize) -> u64 {
    u64::from(words[at]) | u64::from(words[at + 1]) << 32
}

/// Returns the numbers of the bits that are set, in order.
pub(crate) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(lowest)
    })
}
