//! Looks up columns in tables with AVX-512: 16 packets at a time, with gathers from the words of the tables.
//!
//! All places that are read come from the tables themselves, as in the code that `codegen::classifier` makes: a hash or
//! a number leads to a slot, a bucket or a row, and its content to an entry, for each packet alike.

use std::arch::x86_64::*;

use super::LANES;
use super::table_program::{ColumnTest, Columns, MAX_TESTS, TableProgram, TableStep, column};
use crate::classifier::entry_conditions::Comparison;
use crate::classifier::interval_map::{self, IntervalMap};
use crate::classifier::table::{Lookup, Slots, TOO_SHORT, Table};
use crate::classifier::table_entry::mark;
use crate::classifier::term::Rank;

/// The numbers of a register.
pub(super) const WIDTH: usize = 16;

/// Writes the least rank for each packet.
///
/// # Safety
/// [`is_available`](super::is_available) returned `true`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[expect(unsafe_code, reason = "a function for some processors")]
pub(super) unsafe fn run(program: &TableProgram, columns: &Columns, ranks: &mut [Rank]) {
    assert!(ranks.len() <= LANES);
    let tables = &program.tables;
    let mut masks = [0_u64; MAX_TESTS];
    for (mask, test) in masks.iter_mut().zip(&program.tests) {
        *mask = holds(columns, test);
    }
    let all = u64::MAX >> (LANES - ranks.len().max(1)) & equal(columns, 0, 0);
    let best = [_mm512_set1_epi32(tables.none as i32); 4];
    let mut lookup =
        TableLookup { program, words: &tables.words, columns, best, absent: absent_fields(program, columns) };
    for step in &program.steps {
        let table = &tables.list[step.table];
        let live = step.tests.iter().fold(all, |live, &test| live & masks[test]);
        if live != 0 {
            lookup.table(step, table, live, &masks);
        }
    }
    let too_short = _mm512_set1_epi32(TOO_SHORT as i32);
    for (group, ranks) in ranks.chunks_mut(WIDTH).enumerate() {
        let found = _mm512_mask_blend_epi32((all >> (WIDTH * group)) as u16, too_short, lookup.best[group]);
        let written = u16::MAX >> (WIDTH - ranks.len());
        // SAFETY: the mask has as many bits as there are ranks.
        unsafe { _mm512_mask_storeu_epi32(ranks.as_mut_ptr().cast(), written, found) };
    }
}

/// Returns a bit for each packet for which a test holds.
#[target_feature(enable = "avx512f")]
#[inline]
fn holds(columns: &Columns, test: &ColumnTest) -> u64 {
    match test {
        ColumnTest::OneOf(column, numbers) => {
            numbers.iter().fold(0, |holds, &number| holds | equal(columns, *column, number))
        }
        &ColumnTest::Range(column, first, span) => {
            let (first, span) = (_mm512_set1_epi32(first as i32), _mm512_set1_epi32(span as i32));
            (0..4).fold(0, |holds, group| {
                let distance = _mm512_sub_epi32(numbers(columns, column, group), first);
                holds | u64::from(_mm512_cmple_epu32_mask(distance, span)) << (WIDTH * group)
            })
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn equal(columns: &Columns, column: usize, number: u32) -> u64 {
    let number = _mm512_set1_epi32(number as i32);
    (0..4).fold(0, |holds, group| {
        holds | u64::from(_mm512_cmpeq_epi32_mask(numbers(columns, column, group), number)) << (WIDTH * group)
    })
}

/// Returns a quarter of a column.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "a vector is loaded")]
pub(super) fn numbers(columns: &Columns, column: usize, group: usize) -> __m512i {
    let numbers = &columns[column][WIDTH * group..][..WIDTH];
    // SAFETY: the slice has as many numbers as the register.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// Returns the fields that packets lack, if some do.
#[target_feature(enable = "avx512f")]
#[inline]
fn absent_fields(program: &TableProgram, columns: &Columns) -> Option<[[__m512i; 2]; 4]> {
    let mut absent = [[_mm512_setzero_si512(); 2]; 4];
    let mut is_complete = true;
    for (field, column) in program.absent.iter().enumerate().filter_map(|(field, column)| Some((field, (*column)?))) {
        let bit = _mm512_set1_epi32(1 << (field % 32));
        for (group, absent) in absent.iter_mut().enumerate() {
            let lacks = numbers(columns, column, group);
            let lacks = _mm512_test_epi32_mask(lacks, lacks);
            is_complete &= lacks == 0;
            absent[field / 32] = _mm512_mask_or_epi32(absent[field / 32], lacks, absent[field / 32], bit);
        }
    }
    (!is_complete).then_some(absent)
}

/// The lookups of a step.
pub(super) struct TableLookup<'p> {
    pub(super) program: &'p TableProgram,
    pub(super) words: &'p [u32],
    pub(super) columns: &'p Columns,
    /// The least rank of each packet.
    pub(super) best: [__m512i; 4],
    /// The fields that packets lack, a bit each, in two halves; `None` if they have all.
    pub(super) absent: Option<[[__m512i; 2]; 4]>,
}

impl TableLookup<'_> {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn table(&mut self, step: &TableStep, table: &Table, live: u64, masks: &[u64; MAX_TESTS]) {
        if !table.inline_terms.is_empty() {
            return self.inline_terms(step, live, masks);
        }
        let first = _mm512_set1_epi32(table.first_rank as i32);
        for group in 0..4 {
            let mut lanes = (live >> (WIDTH * group)) as u16;
            if table.longest_chain > 1 {
                // Packets with an earlier match are done.
                lanes &= _mm512_cmpgt_epu32_mask(self.best[group], first);
            }
            if lanes == 0 {
                continue;
            }
            match table.lookup {
                Lookup::Chain => self.chain(table, group, lanes, _mm512_setzero_si512()),
                Lookup::BitVectors(vectors) => self.bit_vectors(table, vectors, group, lanes),
                Lookup::Hash(slots) => {
                    let (content, is_found) = self.slot(table, slots, group, lanes);
                    self.content(table, group, lanes & is_found, content);
                }
                Lookup::Intervals { map, at, none } => {
                    let number = numbers(self.columns, column(table.key[0].field), group);
                    let content = self.interval(map, table.start + at, lanes, number);
                    let is_found = _mm512_cmpneq_epi32_mask(content, _mm512_set1_epi32(none as i32));
                    self.content(table, group, lanes & is_found, content);
                }
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn inline_terms(&mut self, step: &TableStep, mut live: u64, masks: &[u64; MAX_TESTS]) {
        // The first term that holds has the least rank.
        for (tests, rank) in &step.inline_terms {
            let matched = tests.iter().fold(live, |matched, &test| matched & masks[test]);
            live &= !matched;
            if matched != 0 {
                let rank = _mm512_set1_epi32(*rank as i32);
                for group in 0..4 {
                    self.add(group, (matched >> (WIDTH * group)) as u16, rank);
                }
            }
        }
    }

    /// Adds a rank for some packets.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn add(&mut self, group: usize, lanes: u16, rank: __m512i) {
        self.best[group] = _mm512_mask_min_epu32(self.best[group], lanes, self.best[group], rank);
    }

    /// Uses the content of slots or intervals.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn content(&mut self, table: &Table, group: usize, lanes: u16, content: __m512i) {
        match table.slot_verdict {
            Some(_) => self.add(group, lanes, content),
            None if lanes == 0 => {}
            None => self.chain(table, group, lanes, content),
        }
    }

    /// Looks for the first entry that holds in chains, whose starts in the words of the table are given.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn chain(&mut self, table: &Table, group: usize, lanes: u16, starts: __m512i) {
        if table.block() > 1 {
            return self.blocks(table, group, lanes, starts);
        }
        let (mut lanes, mut at) = (lanes, starts);
        loop {
            let holds = self.entries(table, group, lanes, at);
            let marked = self.gather(table.start, lanes, at);
            let rank = _mm512_and_si512(marked, _mm512_set1_epi32(mark::RANK as i32));
            self.add(group, holds, rank);
            if table.longest_chain == 1 {
                return;
            }
            // Later entries of a chain have higher ranks.
            let has_more = _mm512_cmpge_epi32_mask(marked, _mm512_setzero_si512());
            lanes &= !holds & has_more & _mm512_cmplt_epu32_mask(rank, self.best[group]);
            if lanes == 0 {
                return;
            }
            at = _mm512_add_epi32(at, _mm512_set1_epi32(table.stride() as i32));
        }
    }

    /// Returns which entries hold, of one for each packet.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn entries(&self, table: &Table, group: usize, lanes: u16, starts: __m512i) -> u16 {
        let mut holds = lanes;
        if let Some(absent) = self.absent.filter(|_| table.entries_have_needs) {
            for (word, absent) in (2..).zip(absent[group]) {
                let needs = self.gather(table.start + word, holds, starts);
                holds = _mm512_mask_testn_epi32_mask(holds, needs, absent);
            }
        }
        let mut word = table.conditions_start();
        for condition in &table.conditions {
            let number = numbers(self.columns, column(condition.field), group);
            let first = self.gather(table.start + word, holds, starts);
            holds = match condition.kind {
                Comparison::Same(mask) => {
                    let number = _mm512_and_si512(number, _mm512_set1_epi32(mask as i32));
                    _mm512_mask_cmpeq_epi32_mask(holds, number, first)
                }
                Comparison::Range => {
                    let span = self.gather(table.start + word + 1, holds, starts);
                    _mm512_mask_cmple_epu32_mask(holds, _mm512_sub_epi32(number, first), span)
                }
            };
            word += condition.words();
        }
        holds
    }

    /// Returns the contents of slots, and which ones belong to the keys of the packets.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn slot(&self, table: &Table, slots: Slots, group: usize, lanes: u16) -> (__m512i, u16) {
        let halves = [0, 1].map(|half| {
            let lanes = (lanes >> (8 * half)) as u8;
            let mut hash = _mm512_setzero_si512();
            let mut tag = hash;
            for key in &table.key {
                let number = self.half(column(key.field), 2 * group + half);
                let number = _mm512_and_si512(number, _mm512_set1_epi64(key.mask.into()));
                tag = number;
                let factor = _mm512_set1_epi64(key.factor.cast_signed());
                hash = _mm512_add_epi64(hash, _mm512_mullo_epi64(number, factor));
            }
            if table.key.len() > 1 {
                tag = hash;
            }
            if let Some(bits) = slots.bucket_bits {
                let bucket = _mm512_srl_epi64(hash, _mm_cvtsi32_si128(64 - bits as i32));
                let factor = self.gather_words(table.start, lanes, bucket);
                hash = _mm512_mullo_epi64(hash, _mm512_cvtepu32_epi64(factor));
            }
            let slot = _mm512_srl_epi64(hash, _mm_cvtsi32_si128(64 - slots.bits as i32));
            let slot = self.gather_pairs(table.start + slots.at, lanes, slot);
            let low = _mm512_set1_epi64(u32::MAX.into());
            let is_found = _mm512_testn_epi64_mask(_mm512_xor_si512(slot, tag), low);
            (_mm512_cvtepi64_epi32(_mm512_srli_epi64::<32>(slot)), is_found)
        });
        let [(low, low_found), (high, high_found)] = halves;
        let content = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        (content, u16::from(low_found) | u16::from(high_found) << 8)
    }

    /// Returns the contents of the intervals of numbers, in a map that begins at the word `start`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    pub(super) fn interval(&self, map: IntervalMap, start: usize, lanes: u16, number: __m512i) -> __m512i {
        let index = _mm512_srl_epi32(number, _mm_cvtsi32_si128(map.root.shift as i32));
        let mut index = _mm512_and_si512(index, _mm512_set1_epi32(map.root.mask as i32));
        if map.is_direct {
            return self.gather(start, lanes, index);
        }
        let mut array = _mm512_setzero_si512();
        for _ in 0..map.levels {
            let node = _mm512_add_epi32(array, _mm512_slli_epi32::<{ interval_map::NODE.ilog2() }>(index));
            array = self.gather(start, lanes, node);
            let bits = self.gather(start + 1, lanes, node);
            let shift = _mm512_and_si512(bits, _mm512_set1_epi32(31));
            index = _mm512_and_si512(_mm512_srlv_epi32(number, shift), _mm512_srli_epi32::<8>(bits));
        }
        let mut at = _mm512_add_epi32(array, _mm512_slli_epi32::<{ interval_map::BUCKET.ilog2() }>(index));
        for half in [4, 2, 1] {
            let last = self.gather(start + half - 1, lanes, at);
            let is_less = _mm512_cmplt_epu32_mask(last, number);
            at = _mm512_mask_add_epi32(at, is_less, at, _mm512_set1_epi32(half as i32));
        }
        self.gather(start + interval_map::LASTS, lanes, at)
    }

    /// Returns half a quarter of a column as numbers of 64 bits.
    #[target_feature(enable = "avx512f")]
    #[inline]
    #[expect(unsafe_code, reason = "a vector is loaded")]
    fn half(&self, column: usize, half: usize) -> __m512i {
        let numbers = &self.columns[column][8 * half..][..8];
        // SAFETY: the slice has as many numbers as are loaded.
        _mm512_cvtepu32_epi64(unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) })
    }

    /// Loads the words at some places after `start`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    #[expect(unsafe_code, reason = "words are gathered")]
    pub(super) fn gather(&self, start: usize, lanes: u16, places: __m512i) -> __m512i {
        let words = &self.words[start..];
        // SAFETY: the places come from the tables, for packets that pass the tests before.
        unsafe { _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), lanes, places, words.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f,avx512vl")]
    #[inline]
    #[expect(unsafe_code, reason = "words are gathered")]
    fn gather_words(&self, start: usize, lanes: u8, places: __m512i) -> __m256i {
        let words = &self.words[start..];
        // SAFETY: as in `gather`.
        unsafe { _mm512_mask_i64gather_epi32::<4>(_mm256_setzero_si256(), lanes, places, words.as_ptr().cast()) }
    }

    /// Loads pairs of words, the second one as the upper half, of an array of pairs that begins at the word `start`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    #[expect(unsafe_code, reason = "words are gathered")]
    fn gather_pairs(&self, start: usize, lanes: u8, places: __m512i) -> __m512i {
        let words = &self.words[start..];
        // SAFETY: as in `gather`.
        unsafe { _mm512_mask_i64gather_epi64::<8>(_mm512_setzero_si512(), lanes, places, words.as_ptr().cast()) }
    }
}
