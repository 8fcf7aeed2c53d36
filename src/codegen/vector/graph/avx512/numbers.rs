//! Numbers and tests of 64 packets: a column is four registers, and a test gives a bit for each packet.

use std::arch::x86_64::*;

use crate::bpf::isa::AluOp;
use crate::codegen::vector::graph::program::Slots;

/// A number for each packet of a step.
pub(super) type Numbers = [__m512i; 4];

/// Copies the numbers of some packets.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn copy(lanes: u64, from: Numbers, to: &mut Numbers) {
    for (i, (from, to)) in from.into_iter().zip(to).enumerate() {
        *to = _mm512_mask_mov_epi32(*to, (lanes >> (16 * i)) as u16, from);
    }
}

/// Returns a bit for each packet whose number has these bits under a mask.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn are_equal(numbers: &Numbers, bits: u32, k: u32) -> u64 {
    let (bits, k) = (all(bits), all(k));
    mask(|i| _mm512_cmpeq_epi32_mask(_mm512_and_si512(numbers[i], bits), k))
}

/// Returns a number for each packet of a register.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn all(k: u32) -> __m512i {
    _mm512_set1_epi32(k.cast_signed())
}

/// Returns the bits of four registers as one mask.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn mask(mut of: impl FnMut(usize) -> u16) -> u64 {
    let [a, b, c, d] = [of(0), of(1), of(2), of(3)].map(u64::from);
    (a | b << 16) | (c | d << 16) << 32
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn alu(op: AluOp, a: Numbers, b: Numbers) -> Numbers {
    let each = [0, 1, 2, 3];
    match op {
        AluOp::Add => each.map(|i| _mm512_add_epi32(a[i], b[i])),
        AluOp::Sub => each.map(|i| _mm512_sub_epi32(a[i], b[i])),
        AluOp::Mul => each.map(|i| _mm512_mullo_epi32(a[i], b[i])),
        AluOp::And => each.map(|i| _mm512_and_si512(a[i], b[i])),
        AluOp::Or => each.map(|i| _mm512_or_si512(a[i], b[i])),
        AluOp::Xor => each.map(|i| _mm512_xor_si512(a[i], b[i])),
        AluOp::Lsh => each.map(|i| _mm512_sllv_epi32(a[i], b[i])),
        AluOp::Rsh => each.map(|i| _mm512_srlv_epi32(a[i], b[i])),
        AluOp::Div | AluOp::Mod => unreachable!("no division is translated"),
    }
}

/// Returns whether bits of a table are set.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn bits(table: &[u32], index: __m512i) -> u16 {
    let word = _mm512_srli_epi32::<5>(index);
    let words = gather_words(table, word);
    let bit = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(index, _mm512_set1_epi32(31)));
    _mm512_test_epi32_mask(words, bit)
}

/// Returns words of a table, and 0 beyond its end.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
#[expect(unsafe_code, reason = "a table is read")]
fn gather_words(table: &[u32], index: __m512i) -> __m512i {
    let inside = _mm512_cmplt_epu32_mask(index, _mm512_set1_epi32((table.len() as u32).cast_signed()));
    // SAFETY: words of the table are read; it has less than 2^31.
    unsafe { _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), inside, index, table.as_ptr().cast()) }
}

/// Returns whether numbers stand in one of their slots.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
pub(super) fn is_member(table: &[u32], slots: Slots, number: __m512i) -> u16 {
    let shift = _mm_cvtsi32_si128(slots.shift.into());
    let slot = |factor: u32| {
        let factor = _mm512_set1_epi32(factor.cast_signed());
        _mm512_srl_epi32(_mm512_mullo_epi32(number, factor), shift)
    };
    let [first, second] = if slots.are_adjacent {
        let first = _mm512_slli_epi32::<1>(slot(slots.factors[0]));
        [first, _mm512_or_si512(first, _mm512_set1_epi32(1))]
    } else {
        slots.factors.map(slot)
    };
    [first, second].map(|slot| _mm512_cmpeq_epi32_mask(gather_words(table, slot), number)).iter().fold(0, |a, b| a | b)
}
