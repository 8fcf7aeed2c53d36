//! Runs vector programs with AVX-512.
//!
//! A gather loads from sixteen packets at a time, but only from those for which the bytes are in bounds: its mask is made
//! of a comparison with the captured lengths just before. So no program can read outside of packets.

mod numbers;
mod step;

use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ptr;

use crate::bpf::isa::Condition;
use crate::codegen::records::PacketRecords;
use crate::codegen::vector::LANES;
use crate::codegen::vector::graph::program::{
    Bits, Fork, MAX_COLUMNS, MAX_MASKS, Operation, VectorProgram, VectorTest,
};
use numbers::{Numbers, all, alu, are_equal, bits, copy, is_member, mask};
use step::Step;

/// Writes the verdicts on the packets from `first` on, and calls `run_alone` for those that the program has no verdicts
/// on.
///
/// # Safety
/// [`is_available`](crate::codegen::vector::is_available) returned `true`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[expect(unsafe_code, reason = "a function for some processors")]
pub(super) unsafe fn run(
    program: &VectorProgram,
    records: &PacketRecords,
    first: usize,
    verdicts: &mut [u32],
    mut run_alone: impl FnMut(usize, &mut u32),
) {
    assert!(first + verdicts.len() <= records.len());
    let mut columns = [const { MaybeUninit::<Numbers>::uninit() }; MAX_COLUMNS];
    let columns = &mut columns[..program.columns];
    columns.iter_mut().for_each(|column| _ = column.write([_mm512_setzero_si512(); 4]));
    // SAFETY: all of them were written.
    let columns = unsafe { &mut *(ptr::from_mut(columns) as *mut [Numbers]) };
    for (number, verdicts) in verdicts.chunks_mut(LANES).enumerate() {
        let first = first + number * LANES;
        let Some(mut step) = Step::new(records, first, verdicts.len()) else {
            verdicts.iter_mut().enumerate().for_each(|(lane, verdict)| run_alone(first + lane, verdict));
            continue;
        };
        let found = step.run(program, u64::MAX >> (LANES - verdicts.len()), columns);
        write(verdicts, found);
        while step.odd != 0 {
            let lane = step.odd.trailing_zeros() as usize;
            run_alone(first + lane, &mut verdicts[lane]);
            step.odd &= step.odd - 1;
        }
    }
}

impl Step<'_, '_> {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn run(&mut self, program: &VectorProgram, lanes: u64, columns: &mut [Numbers]) -> Numbers {
        let mut verdicts = [all(0); 4];
        let mut masks = [0_u64; MAX_MASKS];
        masks[0] = lanes;
        let mut next = 0;
        while let Some(operation) = program.operations.get(next) {
            next += 1;
            match *operation {
                Operation::Skip { lanes, count } => {
                    if masks[lanes as usize] == 0 {
                        next += count as usize;
                    }
                }
                Operation::Check { lanes, place } => masks[lanes as usize] &= self.in_bounds(place, columns),
                Operation::Load { lanes, to, place, is_checked } => {
                    let (numbers, inside) = self.load(place, columns);
                    columns[to as usize] = numbers;
                    self.remove(&mut masks[lanes as usize], inside, is_checked);
                }
                Operation::WireLen { to } => columns[to as usize] = self.wire_len(),
                Operation::Constant { to, k } => columns[to as usize] = [all(k); 4],
                Operation::Swap { to, from } => {
                    let order =
                        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
                    columns[to as usize] = columns[from as usize].map(|n| _mm512_shuffle_epi8(n, order));
                }
                Operation::Bits { to, from, right, mask } => {
                    let mask = all(mask);
                    let from = columns[from as usize];
                    columns[to as usize] = if right >= 0 {
                        let count = _mm_cvtsi32_si128(right.into());
                        from.map(|n| _mm512_and_si512(_mm512_srl_epi32(n, count), mask))
                    } else {
                        let count = _mm_cvtsi32_si128((-right).into());
                        from.map(|n| _mm512_and_si512(_mm512_sll_epi32(n, count), mask))
                    };
                }
                Operation::Alu { op, to, left, right } => {
                    columns[to as usize] = alu(op, columns[left as usize], columns[right as usize]);
                }
                Operation::AluConstant { op, to, left, right } => {
                    let right = [all(right); 4];
                    columns[to as usize] = alu(op, columns[left as usize], right);
                }
                Operation::Copy { lanes, to, from } => {
                    let from = columns[from as usize];
                    copy(masks[lanes as usize], from, &mut columns[to as usize]);
                }
                Operation::Equal { fork, bits: Bits { column, mask: bits }, k } => {
                    fork.lead(&mut masks, are_equal(&columns[column as usize], bits, k));
                }
                Operation::LoadEqual { fork, place, is_checked, mask: bits, k } => {
                    let (numbers, inside) = self.load(place, columns);
                    self.remove(&mut masks[fork.lanes as usize], inside, is_checked);
                    fork.lead(&mut masks, are_equal(&numbers, bits, k));
                }
                Operation::Branch { fork, ref test } => fork.lead(&mut masks, self.test(program, test, columns)),
                Operation::Jump { lanes, to } => masks[to as usize] |= masks[lanes as usize],
                Operation::Return { lanes, verdict } => {
                    copy(masks[lanes as usize], [all(verdict); 4], &mut verdicts);
                }
                Operation::ReturnColumn { lanes, verdict } => {
                    copy(masks[lanes as usize], columns[verdict as usize], &mut verdicts);
                }
            }
        }
        verdicts
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn test(&self, program: &VectorProgram, test: &VectorTest, columns: &[Numbers]) -> u64 {
        let numbers = |bits: Bits| {
            let (column, mask) = (&columns[bits.column as usize], all(bits.mask));
            move |i: usize| _mm512_and_si512(column[i], mask)
        };
        match *test {
            VectorTest::Few { bits, members: [a, b, c] } => {
                let (numbers, a, b, c) = (numbers(bits), all(a), all(b), all(c));
                mask(|i| {
                    let n = numbers(i);
                    _mm512_cmpeq_epi32_mask(n, a) | _mm512_cmpeq_epi32_mask(n, b) | _mm512_cmpeq_epi32_mask(n, c)
                })
            }
            VectorTest::Greater { bits, k } => {
                let (numbers, k) = (numbers(bits), all(k));
                mask(|i| _mm512_cmpgt_epu32_mask(numbers(i), k))
            }
            VectorTest::Any { bits } => {
                let (column, bits) = (columns[bits.column as usize], all(bits.mask));
                mask(|i| _mm512_test_epi32_mask(column[i], bits))
            }
            VectorTest::Range { column, first, distance } => {
                let (numbers, first, distance) = (&columns[column as usize], all(first), all(distance));
                mask(|i| _mm512_cmple_epu32_mask(_mm512_sub_epi32(numbers[i], first), distance))
            }
            VectorTest::Compare { condition, left, right } => {
                let (left, right) = (columns[left as usize], columns[right as usize]);
                match condition {
                    Condition::Equal => mask(|i| _mm512_cmpeq_epi32_mask(left[i], right[i])),
                    Condition::Greater => mask(|i| _mm512_cmpgt_epu32_mask(left[i], right[i])),
                    Condition::GreaterOrEqual => mask(|i| _mm512_cmpge_epu32_mask(left[i], right[i])),
                    _ => mask(|i| _mm512_test_epi32_mask(left[i], right[i])),
                }
            }
            VectorTest::InBounds { place } => self.in_bounds(place, columns),
            VectorTest::Bitmap { column, first, table } => {
                let (numbers, first) = (columns[column as usize], all(first));
                let table = &program.tables[table as usize];
                mask(|i| bits(table, _mm512_sub_epi32(numbers[i], first)))
            }
            VectorTest::Slots { column, slots, table } => {
                let (numbers, table) = (columns[column as usize], &program.tables[table as usize]);
                mask(|i| is_member(table, slots, numbers[i]))
            }
        }
    }
    /// Removes packets from a mask for which a load is not in bounds.
    #[inline]
    fn remove(&mut self, lanes: &mut u64, inside: u64, is_checked: bool) {
        if is_checked {
            *lanes &= inside;
        } else {
            self.odd |= *lanes & !inside;
        }
    }
}

impl Fork {
    #[inline]
    fn lead(self, masks: &mut [u64; MAX_MASKS], holds: u64) {
        let lanes = masks[self.lanes as usize];
        masks[self.then as usize] |= lanes & holds;
        masks[self.otherwise as usize] |= lanes & !holds;
    }
}

/// Writes the verdicts on up to [`LANES`] packets.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
#[expect(unsafe_code, reason = "verdicts are written")]
fn write(verdicts: &mut [u32], found: Numbers) {
    let is_whole = verdicts.len() == LANES;
    for (i, found) in found.into_iter().enumerate() {
        let to = verdicts.as_mut_ptr().wrapping_add(16 * i).cast();
        if is_whole {
            // SAFETY: there are as many verdicts as in four registers.
            unsafe { _mm512_storeu_si512(to, found) };
        } else {
            let written = 1_u64.unbounded_shl(verdicts.len() as u32).wrapping_sub(1) >> (16 * i);
            // SAFETY: the mask has a bit for each verdict.
            unsafe { _mm512_mask_storeu_epi32(to.cast(), written as u16, found) };
        }
    }
}
