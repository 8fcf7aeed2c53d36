//! The terms of rules that are added while the program runs: their bytes in a map, and the loop over them.
//!
//! A term has a range for each field of the tables. The fields with the most numbers are compared first, since they
//! rule out most terms.

use crate::bpf::isa::AluOp;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::term::Term;
use crate::ebpf::{Comparison, Register, Size, Source};
use crate::ebpf_set::assembler::{Assembler, immediate};
use crate::ebpf_set::lookup::{BEST, PRESENT};
use crate::ebpf_set::{frame, maps};

use Register::{R0, R1, R2, R3, R4, R5, R8, R10};

/// The counter of the best match: its rank, or the number after all ranks plus that of the added rule.
pub(crate) const COUNTER: Register = R8;

/// The places in a term, in bytes.
pub(crate) mod at {
    /// The position in the order, 8 bytes.
    pub(crate) const ORDER: usize = 0;
    /// The bits of the fields that the packet must have, 8 bytes.
    pub(crate) const NEEDS: usize = 8;
    /// The version that removed the rule, 4 bytes, as the rest.
    pub(crate) const REMOVED: usize = 16;
    pub(crate) const COUNTER: usize = 20;
    pub(crate) const VERDICT: usize = 24;
    pub(crate) const ID: usize = 28;
    /// The first number and the span of each field.
    pub(crate) const RANGES: usize = 32;
}

/// The most terms. The verifier follows the loop for all of them.
const MAX_TERMS: usize = 128;

/// The fields that are compared before the first branch, since they rule out most terms. All other conditions have one
/// branch: the verifier follows the loop anew after some of the branches.
const FIRST_FIELDS: usize = 2;

/// Returns the order of the rule with a rank. There is room between two of them.
pub(crate) fn order_of(rank: u32) -> u64 {
    (u64::from(rank) + 1) << 32
}

/// The order of no rule. Differences of orders are less than two to the power 63.
pub(crate) const NO_ORDER: u64 = u64::MAX >> 1;

/// The form of terms.
#[derive(Clone, Debug)]
pub(crate) struct TermLayout {
    /// The fields in the order of their ranges.
    fields: Vec<u8>,
    /// The most terms.
    pub(crate) capacity: usize,
    is_big_endian: bool,
}

/// A term with what belongs to its rule.
pub(crate) struct AddedTerm<'t> {
    pub(crate) term: &'t Term,
    pub(crate) order: u64,
    pub(crate) counter: u32,
    pub(crate) id: u32,
}

impl TermLayout {
    pub(crate) fn new(fields: &PacketFields, is_big_endian: bool) -> TermLayout {
        let mut tested: Vec<u8> = (0..fields.list.len() as u8).filter(|&field| fields.max(field) > 0).collect();
        tested.sort_by_key(|&field| std::cmp::Reverse(fields.max(field)));
        TermLayout { fields: tested, capacity: MAX_TERMS, is_big_endian }
    }

    /// Returns the bytes of a term.
    pub(crate) fn stride(&self) -> usize {
        at::RANGES + 8 * self.fields.len()
    }

    /// Writes a term.
    pub(crate) fn write(&self, added: &AddedTerm, to: &mut [u8]) {
        let term = added.term;
        let order = [added.order, term.needs].map(|long| maps::long_bytes(long, self.is_big_endian));
        let rule = [maps::NEVER, added.counter, term.verdict.unwrap_or(0), added.id];
        let range = |&field: &u8| {
            term.constraint(field).map_or([0, u32::MAX], |constraint| [constraint.first, constraint.span])
        };
        let ranges = self.fields.iter().flat_map(range);
        let words = rule.into_iter().chain(ranges).flat_map(|word| maps::bytes(word, self.is_big_endian));
        to.iter_mut().zip(order.into_iter().flatten().chain(words)).for_each(|(to, byte)| *to = byte);
    }

    /// Marks a term as removed by a version.
    pub(crate) fn remove(&self, version: u32, term: &mut [u8]) {
        term[at::REMOVED..at::REMOVED + 4].copy_from_slice(&maps::bytes(version, self.is_big_endian));
    }

    /// Emits the search in the terms. The best match is an order before and after it.
    pub(crate) fn emit(&self, asm: &mut Assembler, (wants_verdict, wants_id): (bool, bool)) {
        let [done, next] = [asm.label(), asm.label()];
        asm.load(Size::U32, R1, R10, frame::ADDED);
        asm.jump_if(R1, Comparison::Equal, Source::Immediate(0), done);
        asm.map_value(R2, maps::ADDED, 0);
        asm.constant(R3, 0);
        let turn = asm.here();
        // A condition fails if its number is negative; all of them are combined in `r0`.
        asm.constant(R0, 0);
        let (first, others) = self.fields.split_at(self.fields.len().min(FIRST_FIELDS));
        (0..).zip(first).for_each(|(place, &field)| emit_range(asm, place, field));
        let next_if_negative = |asm: &mut Assembler| {
            asm.alu(AluOp::Rsh, R0, Source::Immediate(63));
            asm.jump_if(R0, Comparison::NotEqual, Source::Immediate(0), next);
        };
        next_if_negative(asm);
        (FIRST_FIELDS..).zip(others).for_each(|(place, &field)| emit_range(asm, place, field));
        emit_conditions_of_rule(asm);
        next_if_negative(asm);
        asm.load(Size::U64, BEST, R2, at::ORDER as i16);
        asm.load(Size::U32, COUNTER, R2, at::COUNTER as i16);
        for (from, to, is_wanted) in [(at::VERDICT, frame::VERDICT, wants_verdict), (at::ID, frame::ID, wants_id)] {
            if is_wanted {
                asm.load(Size::U32, R4, R2, from as i16);
                asm.store(Size::U32, R10, to, R4);
            }
        }
        asm.bind(next);
        asm.alu(AluOp::Add, R3, Source::Immediate(1));
        asm.jump_if(R3, Comparison::GreaterOrEqual, R1, done);
        asm.alu(AluOp::Add, R2, immediate(self.stride() as u32));
        asm.jump_if(R3, Comparison::NotEqual, immediate(self.capacity as u32), turn);
        asm.bind(done);
    }
}

/// Emits the comparison of a field with the range at a place of the term.
fn emit_range(asm: &mut Assembler, place: usize, field: u8) {
    let range = (at::RANGES + 8 * place) as i16;
    asm.load(Size::U32, R4, R10, frame::field(field));
    asm.load(Size::U32, R5, R2, range);
    asm.alu32(AluOp::Sub, R4, R5);
    asm.load(Size::U32, R5, R2, range + 4);
    asm.alu(AluOp::Sub, R5, R4);
    asm.alu(AluOp::Or, R0, R5);
}

/// Emits the conditions that the rule comes before the best match, that it was not removed, and that the packet has the
/// fields which the term needs.
fn emit_conditions_of_rule(asm: &mut Assembler) {
    asm.load(Size::U64, R4, R2, at::ORDER as i16);
    asm.alu(AluOp::Add, R4, Source::Immediate(1));
    asm.copy(R5, BEST);
    asm.alu(AluOp::Sub, R5, R4);
    asm.alu(AluOp::Or, R0, R5);
    asm.load(Size::U32, R5, R2, at::REMOVED as i16);
    asm.load(Size::U32, R4, R10, frame::VERSION);
    asm.alu(AluOp::Add, R4, Source::Immediate(1));
    asm.alu(AluOp::Sub, R5, R4);
    asm.alu(AluOp::Or, R0, R5);
    asm.copy(R5, PRESENT);
    asm.alu(AluOp::Xor, R5, Source::Immediate(-1));
    asm.load(Size::U64, R4, R2, at::NEEDS as i16);
    asm.alu(AluOp::And, R5, R4);
    // The number or its opposite is negative unless no bit is set.
    asm.constant(R4, 0);
    asm.alu(AluOp::Sub, R4, R5);
    asm.alu(AluOp::Or, R0, R5);
    asm.alu(AluOp::Or, R0, R4);
}
