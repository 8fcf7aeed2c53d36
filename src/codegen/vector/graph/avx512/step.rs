//! The packets of a step: where they are, their bounds, and loads from them.

use std::arch::x86_64::*;

use super::numbers::{Numbers, all, mask};
use crate::codegen::records::PacketRecords;
use crate::codegen::vector::LANES;
use crate::codegen::vector::graph::program::Place;

/// The limit of offsets and lengths: their sum is a positive 32-bit number.
const NEAR: u64 = 1 << 30;

/// The packets of a step, which lie so close together that 32-bit offsets reach them.
pub(super) struct Step<'r, 'p> {
    records: &'r PacketRecords<'p>,
    /// The first record, and the number of packets.
    first: usize,
    len: usize,
    /// The address that offsets count from.
    base: *const u8,
    /// Where the packets start, less than `NEAR`.
    offsets: Numbers,
    /// Their captured lengths, less than `NEAR`.
    captured: Numbers,
    /// The least ones of four.
    least: __m512i,
    /// A bit for each packet that the program has no verdict on.
    pub(super) odd: u64,
}

impl<'r, 'p> Step<'r, 'p> {
    /// Reads the records of a step; `None` if the packets do not lie close together.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    pub(super) fn new(records: &'r PacketRecords<'p>, first: usize, len: usize) -> Option<Step<'r, 'p>> {
        match records.stride() {
            PAIR if len == LANES => Step::of(records, first, len, |place| dense_pairs(records, first + place)),
            _ => Step::of(records, first, len, |place| pairs(records, first, len, place)),
        }
    }

    /// Makes a step of the starts and lengths in four records from a place on.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn of(
        records: &'r PacketRecords<'p>,
        first: usize,
        len: usize,
        pairs: impl Fn(usize) -> __m512i,
    ) -> Option<Step<'r, 'p>> {
        let zero = _mm512_setzero_si512();
        // The first packet stands in the middle.
        let base = records.packet(first).wrapping_sub(NEAR as usize / 2);
        let less = base.addr().wrapping_sub(records.base().addr()).cast_signed() as i64;
        let less = _mm512_set_epi64(0, less, 0, less, 0, less, 0, less);
        let low = _mm512_set_epi32(30, 26, 22, 18, 14, 10, 6, 2, 28, 24, 20, 16, 12, 8, 4, 0);
        let (mut offsets, mut captured, mut all_bits) = ([zero; 4], [zero; 4], zero);
        for i in 0..4 {
            let near = |place: usize| _mm512_sub_epi64(pairs(16 * i + place), less);
            let [a, b, c, d] = [near(0), near(4), near(8), near(12)];
            let bits = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
            all_bits = _mm512_or_si512(all_bits, bits);
            let [ab, cd] = [(a, b), (c, d)].map(|(a, b)| _mm512_permutex2var_epi32(a, low, b));
            offsets[i] = _mm512_shuffle_i64x2::<0b0100_0100>(ab, cd);
            captured[i] = _mm512_shuffle_i64x2::<0b1110_1110>(ab, cd);
        }
        let is_near = _mm512_test_epi64_mask(all_bits, _mm512_set1_epi64(!(NEAR as i64 - 1))) == 0;
        let [a, b, c, d] = captured;
        let least = _mm512_min_epu32(_mm512_min_epu32(a, b), _mm512_min_epu32(c, d));
        is_near.then_some(Step { records, first, len, base, offsets, captured, least, odd: 0 })
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    pub(super) fn in_bounds(&self, place: Place, columns: &[Numbers]) -> u64 {
        let Some(base) = place.base else {
            let end = all(place.end);
            return match _mm512_cmplt_epu32_mask(self.least, end) {
                0 => u64::MAX,
                _ => mask(|i| _mm512_cmpge_epu32_mask(self.captured[i], end)),
            };
        };
        // The base is less than the room that is left, 0 if there is none.
        let (base, before) = (&columns[base as usize], all(place.end.wrapping_sub(1)));
        mask(|i| {
            let room = _mm512_sub_epi32(_mm512_max_epu32(self.captured[i], before), before);
            _mm512_cmplt_epu32_mask(base[i], room)
        })
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    pub(super) fn load(&self, place: Place, columns: &[Numbers]) -> (Numbers, u64) {
        let place = Place { end: place.end.max(4), ..place };
        // More packets than the mask has: its tests need not be awaited.
        let inside = self.in_bounds(place, columns);
        let starts = match place.base {
            None => self.offsets,
            Some(base) => {
                let base = &columns[base as usize];
                [0, 1, 2, 3].map(|i| _mm512_add_epi32(self.offsets[i], base[i]))
            }
        };
        (self.gather(inside, starts, place.end as usize - 4), inside)
    }

    /// Loads four bytes at a distance from each start.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    #[expect(unsafe_code, reason = "packets are read")]
    fn gather(&self, inside: u64, starts: Numbers, distance: usize) -> Numbers {
        let from = self.base.wrapping_add(distance).cast::<i32>();
        // SAFETY: a packet is read if it has the bytes, and then its start, and the distance, are less than `NEAR`. It is
        // one of the records, which `self.records` borrows.
        if inside == u64::MAX {
            return starts.map(|starts| unsafe { _mm512_i32gather_epi32::<1>(starts, from) });
        }
        [0, 1, 2, 3].map(|i| {
            let inside = (inside >> (16 * i)) as u16;
            unsafe { _mm512_mask_i32gather_epi32::<1>(_mm512_setzero_si512(), inside, starts[i], from) }
        })
    }

    /// Returns the lengths on the wire.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[expect(unsafe_code, reason = "records are read")]
    pub(super) fn wire_len(&self) -> Numbers {
        let at = self.records.wire_len_at();
        if at == 0 {
            return self.captured;
        }
        let mut lengths = [0; LANES];
        for (lane, length) in lengths[..self.len].iter_mut().enumerate() {
            // SAFETY: a record of the batch has a `u32` there.
            *length = unsafe { self.records.record(self.first + lane).wrapping_add(at).cast::<u32>().read() };
        }
        // SAFETY: the registers have the size of the array, and any bits.
        unsafe { std::mem::transmute::<[u32; LANES], Numbers>(lengths) }
    }
}

/// The size of the start and the length in a record, in bytes.
const PAIR: usize = 16;

/// Returns the starts and the lengths in four records that consist of them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
#[expect(unsafe_code, reason = "records are read")]
fn dense_pairs(records: &PacketRecords, first: usize) -> __m512i {
    assert!(records.stride() == PAIR && first + 4 <= records.len());
    // SAFETY: four records are as long as a register, and exist.
    unsafe { _mm512_loadu_si512(records.record(first).cast()) }
}

/// Returns the starts and the lengths in four records of a step from a place on, where those beyond its end repeat the
/// last one.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
#[expect(unsafe_code, reason = "records are read")]
fn pairs(records: &PacketRecords, first: usize, len: usize, place: usize) -> __m512i {
    let pair = |place: usize| {
        let index = if len == LANES { first + place } else { first + place.min(len - 1) };
        assert!(index < records.len());
        // SAFETY: the record exists, and begins with a start and a length.
        unsafe { _mm512_broadcast_i64x2(_mm_loadu_si128(records.record(index).cast())) }
    };
    let pairs = _mm512_mask_mov_epi64(pair(place), 0b0000_1100, pair(place + 1));
    let pairs = _mm512_mask_mov_epi64(pairs, 0b0011_0000, pair(place + 2));
    _mm512_mask_mov_epi64(pairs, 0b1100_0000, pair(place + 3))
}
