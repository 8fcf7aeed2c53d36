//! Runs vector programs with AVX-512: a column is four registers, a test gives a bit for each packet, and gathers load
//! from eight packets at a time.
//!
//! A gather reads a packet only if the bit of the packet is set in its mask, and each mask of a gather is made of a
//! comparison with the captured lengths just before. So no program can read outside of packets.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ptr;

use super::program::{Bits, Fork, LANES, MAX_COLUMNS, MAX_MASKS, Operation, Place, Slots, VectorProgram, VectorTest};
use crate::bpf::isa::{AluOp, Condition};
use crate::codegen::records::PacketRecords;

/// A number for each packet of a step.
type Numbers = [__m512i; 4];

/// The packets of a step, which lie so close together that 32-bit offsets reach them.
struct Step<'r, 'p> {
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
    odd: u64,
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

/// The limit of offsets and lengths: their sum is a positive 32-bit number.
const NEAR: u64 = 1 << 30;

/// Returns whether this processor has what [`run`] uses.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// Writes the verdicts on the packets from `first` on, and calls `run_alone` for those that the program has no verdicts
/// on.
///
/// # Safety
/// [`is_available`] returned `true`.
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

impl<'r, 'p> Step<'r, 'p> {
    /// Reads the records of a step; `None` if the packets do not lie close together.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn new(records: &'r PacketRecords<'p>, first: usize, len: usize) -> Option<Step<'r, 'p>> {
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
    fn run(&mut self, program: &VectorProgram, lanes: u64, columns: &mut [Numbers]) -> Numbers {
        let mut verdicts = [_mm512_setzero_si512(); 4];
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
                Operation::Constant { to, k } => columns[to as usize] = [_mm512_set1_epi32(k.cast_signed()); 4],
                Operation::Swap { to, from } => {
                    let order =
                        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
                    columns[to as usize] = columns[from as usize].map(|n| _mm512_shuffle_epi8(n, order));
                }
                Operation::Bits { to, from, right, mask } => {
                    let mask = _mm512_set1_epi32(mask.cast_signed());
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
                    let right = [_mm512_set1_epi32(right.cast_signed()); 4];
                    columns[to as usize] = alu(op, columns[left as usize], right);
                }
                Operation::Copy { lanes, to, from } => {
                    let lanes = masks[lanes as usize];
                    for i in 0..4 {
                        let copied = columns[from as usize][i];
                        let to = &mut columns[to as usize][i];
                        *to = _mm512_mask_mov_epi32(*to, (lanes >> (16 * i)) as u16, copied);
                    }
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
                    let lanes = masks[lanes as usize];
                    let verdict = _mm512_set1_epi32(verdict.cast_signed());
                    for (i, to) in verdicts.iter_mut().enumerate() {
                        *to = _mm512_mask_mov_epi32(*to, (lanes >> (16 * i)) as u16, verdict);
                    }
                }
                Operation::ReturnColumn { lanes, verdict } => {
                    let lanes = masks[lanes as usize];
                    for (i, to) in verdicts.iter_mut().enumerate() {
                        let verdict = columns[verdict as usize][i];
                        *to = _mm512_mask_mov_epi32(*to, (lanes >> (16 * i)) as u16, verdict);
                    }
                }
            }
        }
        verdicts
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

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    #[inline]
    fn in_bounds(&self, place: Place, columns: &[Numbers]) -> u64 {
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
    fn load(&self, place: Place, columns: &[Numbers]) -> (Numbers, u64) {
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
    fn wire_len(&self) -> Numbers {
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

impl Fork {
    #[inline]
    fn lead(self, masks: &mut [u64; MAX_MASKS], holds: u64) {
        let lanes = masks[self.lanes as usize];
        masks[self.then as usize] |= lanes & holds;
        masks[self.otherwise as usize] |= lanes & !holds;
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn are_equal(numbers: &Numbers, bits: u32, k: u32) -> u64 {
    let (bits, k) = (all(bits), all(k));
    mask(|i| _mm512_cmpeq_epi32_mask(_mm512_and_si512(numbers[i], bits), k))
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn all(k: u32) -> __m512i {
    _mm512_set1_epi32(k.cast_signed())
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn mask(mut of: impl FnMut(usize) -> u16) -> u64 {
    let [a, b, c, d] = [of(0), of(1), of(2), of(3)].map(u64::from);
    (a | b << 16) | (c | d << 16) << 32
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn alu(op: AluOp, a: Numbers, b: Numbers) -> Numbers {
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
fn bits(table: &[u32], index: __m512i) -> u16 {
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

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn is_member(table: &[u32], slots: Slots, number: __m512i) -> u16 {
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
