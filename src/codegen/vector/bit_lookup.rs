//! Looks up the rows of bit vectors: vectors over packets find the rows, and vectors over words what is set in all.

use std::arch::x86_64::*;

use super::table_lookup::{TableLookup, WIDTH, numbers};
use super::table_program::column;
use crate::classifier::bit_vectors::{BitVectors, MAX_FIELDS, WORD};
use crate::classifier::table::Table;
use crate::classifier::table_entry::mark;

/// The words of 64 bits of a register.
const EIGHT: usize = 8;

impl TableLookup<'_> {
    /// Looks for the first term whose bit is set in the rows of all fields.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    #[expect(unsafe_code, reason = "rows are loaded")]
    pub(super) fn bit_vectors(&mut self, table: &Table, vectors: BitVectors, group: usize, mut lanes: u16) {
        let mut rows = [[0_u32; WIDTH]; MAX_FIELDS];
        for (rows, of_field) in rows.iter_mut().zip(&table.bit_rows) {
            let number = numbers(self.columns, column(of_field.field), group);
            let mut row = self.interval(of_field.map, table.start + of_field.at, lanes, number);
            if let (Some(absent), Some(column)) = (of_field.absent, self.program.absent[usize::from(of_field.field)]) {
                let is_absent = numbers(self.columns, column, group);
                let is_absent = _mm512_test_epi32_mask(is_absent, is_absent);
                row = _mm512_mask_mov_epi32(row, is_absent, _mm512_set1_epi32(absent as i32));
            }
            // SAFETY: the array has as many numbers as the register.
            unsafe { _mm512_storeu_si512(rows.as_mut_ptr().cast(), row) };
        }
        let rows = &rows[..table.bit_rows.len()];
        // The numbers of the first terms, and the packets that have one.
        let (mut terms, mut is_found) = ([0_u32; WIDTH], 0_u16);
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let first = self.first_bit(rows, vectors, table.start, lane);
            (terms[lane], is_found) = (first.unwrap_or(0) as u32, is_found | u16::from(first.is_some()) << lane);
        }
        // SAFETY: as above.
        let terms = unsafe { _mm512_loadu_si512(terms.as_ptr().cast()) };
        let marked = self.gather(table.start, is_found, _mm512_slli_epi32::<1>(terms));
        self.add(group, is_found, _mm512_and_si512(marked, _mm512_set1_epi32(mark::RANK as i32)));
    }

    /// Returns the first bit that is set in all rows of a packet. Sixteen words are computed at a time, without a branch
    /// between them, since it is hard to predict where the first bit is.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    #[expect(unsafe_code, reason = "a vector is stored")]
    fn first_bit(&self, rows: &[[u32; WIDTH]], vectors: BitVectors, start: usize, lane: usize) -> Option<usize> {
        for from in (0..vectors.words).step_by(2 * EIGHT) {
            let mut words = [0_u64; 2 * EIGHT];
            let mut has_bits = 0;
            for half in 0..2 {
                let from = from + EIGHT * half;
                if from >= vectors.words {
                    break;
                }
                let bits = self.all_bits(rows, vectors, start, lane, from);
                // SAFETY: half of the array has as many words as the register.
                unsafe { _mm512_storeu_si512(words[EIGHT * half..].as_mut_ptr().cast(), bits) };
                has_bits |= u32::from(_mm512_test_epi64_mask(bits, bits)) << (EIGHT * half);
            }
            if has_bits != 0 {
                let word = has_bits.trailing_zeros() as usize;
                return Some(WORD * (from + word) + words[word].trailing_zeros() as usize);
            }
        }
        None
    }

    /// Returns the bits that are set in all rows of a packet, in eight words.
    #[target_feature(enable = "avx512f")]
    #[inline]
    #[expect(unsafe_code, reason = "rows are loaded")]
    fn all_bits(&self, rows: &[[u32; WIDTH]], vectors: BitVectors, start: usize, lane: usize, from: usize) -> __m512i {
        let words = (u8::MAX as u32 >> EIGHT.saturating_sub(vectors.words - from)) as u8;
        let mut all = _mm512_set1_epi64(-1);
        for row in rows {
            let row = &self.words[start + row[lane] as usize + 2 * (vectors.summary_len() + from)..];
            // SAFETY: the mask leaves out what lies behind the words of the row.
            all = _mm512_and_si512(all, unsafe { _mm512_maskz_loadu_epi64(words, row.as_ptr().cast()) });
        }
        _mm512_maskz_mov_epi64(words, all)
    }
}
