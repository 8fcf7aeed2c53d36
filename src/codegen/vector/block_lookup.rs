//! Looks for entries in chains of blocks: vectors over the entries of a block, packet by packet.

use std::arch::x86_64::*;

use super::table_lookup::{TableLookup, WIDTH};
use super::table_program::column;
use crate::classifier::entry_conditions::Comparison;
use crate::classifier::table::{BLOCK, Table};
use crate::classifier::table_entry::mark;

impl TableLookup<'_> {
    /// Compares the entries of each block of chains at once, packet by packet.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    #[expect(unsafe_code, reason = "vectors are stored and loaded")]
    pub(super) fn blocks(&mut self, table: &Table, group: usize, mut lanes: u16, starts: __m512i) {
        let (mut at, mut ranks, mut best) = ([0_u32; WIDTH], [u32::MAX; WIDTH], [0_u32; WIDTH]);
        // SAFETY: the arrays have as many numbers as the register.
        unsafe {
            _mm512_storeu_si512(at.as_mut_ptr().cast(), starts);
            _mm512_storeu_si512(best.as_mut_ptr().cast(), self.best[group]);
        }
        let found = lanes;
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let mut block = &self.words[table.start + at[lane] as usize..];
            loop {
                let holds = self.holding(table, block, group, lane);
                if holds != 0 {
                    ranks[lane] = block[2 * holds.trailing_zeros() as usize] & mark::RANK;
                    break;
                }
                // Later blocks of a chain have higher ranks.
                if block[0] & mark::LAST != 0 || block[0] & mark::RANK >= best[lane] {
                    break;
                }
                block = &block[table.stride() * BLOCK..];
            }
        }
        // SAFETY: as above.
        let ranks = unsafe { _mm512_loadu_si512(ranks.as_ptr().cast()) };
        self.add(group, found, ranks);
    }

    /// Returns a bit for each entry of a block that holds for a packet.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn holding(&self, table: &Table, block: &[u32], group: usize, lane: usize) -> u8 {
        let mut holds = 0b1111;
        if let Some(absent) = self.absent.filter(|_| table.entries_have_needs) {
            for (word, absent) in (2..).zip(absent[group]) {
                let absent = _mm512_permutexvar_epi32(_mm512_set1_epi32(lane as i32), absent);
                holds = _mm_mask_testn_epi32_mask(holds, of_block(block, word), _mm512_castsi512_si128(absent));
            }
        }
        let mut word = table.conditions_start();
        for condition in &table.conditions {
            let number = self.columns[column(condition.field)][WIDTH * group + lane];
            let first = of_block(block, word);
            holds = match condition.kind {
                Comparison::Same(mask) => {
                    _mm_mask_cmpeq_epi32_mask(holds, _mm_set1_epi32((number & mask) as i32), first)
                }
                Comparison::Range => {
                    let distance = _mm_sub_epi32(_mm_set1_epi32(number as i32), first);
                    _mm_mask_cmple_epu32_mask(holds, distance, of_block(block, word + 1))
                }
            };
            word += condition.words();
        }
        holds
    }
}

/// Loads a word of each entry of a block.
#[target_feature(enable = "avx512f,avx512vl")]
#[inline]
#[expect(unsafe_code, reason = "a vector is loaded")]
fn of_block(block: &[u32], word: usize) -> __m128i {
    let words = &block[BLOCK * word..][..BLOCK];
    // SAFETY: the slice has as many numbers as the register.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}
