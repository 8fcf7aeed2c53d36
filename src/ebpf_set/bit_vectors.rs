//! Tables of bit vectors as eBPF: the rows of all fields, and a loop over the bits that are set in all of them.

use crate::bpf::isa::AluOp;
use crate::classifier::bit_vectors::{BitVectors, WORD};
use crate::classifier::table::Table;
use crate::classifier::table_entry::mark;
use crate::ebpf::{Comparison, Register, Size, Source};
use crate::ebpf_set::assembler::{Label, immediate};
use crate::ebpf_set::lookup::{BEST, LookupCode, PRESENT};
use crate::ebpf_set::{frame, maps};

use Register::{R0, R1, R2, R3, R4, R5, R8, R10};

/// The most removed rules of a table that a packet may match: the loop skips no more of them.
pub(crate) const MAX_REMOVED: usize = 64;

/// A factor with which each bit has other upper 6 bits in its product.
const DE_BRUIJN: u64 = 0x03f7_9d71_b4cb_0a89;

/// Returns the number of the bit that leads to each product.
pub(crate) fn bit_numbers() -> [u8; WORD] {
    let mut numbers = [0; WORD];
    (0..WORD).for_each(|bit| numbers[(DE_BRUIJN << bit >> 58) as usize] = bit as u8);
    numbers
}

impl LookupCode<'_> {
    /// Emits the search in a table of bit vectors.
    pub(super) fn bit_vectors(&mut self, table: &Table, vectors: BitVectors, next: Label) {
        self.best();
        self.asm.jump_if(BEST, Comparison::LessOrEqual, immediate(table.first_rank), next);
        self.rows(table, vectors, next);
        // The bits of the current word in `r8`, the words that are left in `r3`, twice the current word in `r0`, and
        // the number of turns in the frame.
        let [turn, has_bits, removed] = [(); 3].map(|()| self.asm.label());
        let turns = vectors.words + MAX_REMOVED;
        if vectors.words > 1 {
            self.asm.copy(R3, R8);
            self.asm.constant(R8, 0);
        }
        self.asm.constant(R0, 0);
        self.asm.store(Size::U64, R10, frame::TURNS, Source::Immediate(0));
        self.asm.bind(turn);
        self.asm.load(Size::U64, R1, R10, frame::TURNS);
        self.asm.jump_if(R1, Comparison::Equal, immediate(turns as u32), next);
        self.asm.alu(AluOp::Add, R1, Source::Immediate(1));
        self.asm.store(Size::U64, R10, frame::TURNS, R1);
        if vectors.words == 1 {
            self.asm.jump_if(R8, Comparison::Equal, Source::Immediate(0), next);
        } else {
            self.asm.jump_if(R8, Comparison::NotEqual, Source::Immediate(0), has_bits);
            self.asm.jump_if(R3, Comparison::Equal, Source::Immediate(0), next);
            self.take_lowest(R3, R0);
            self.word(table);
            self.asm.jump_if(R8, Comparison::Equal, Source::Immediate(0), turn);
            self.asm.bind(has_bits);
        }
        self.take_lowest(R8, R2);
        self.asm.copy(R1, R0);
        self.asm.alu(AluOp::Lsh, R1, immediate(WORD.trailing_zeros()));
        self.asm.alu(AluOp::Add, R1, R2);
        self.asm.alu(AluOp::And, R1, immediate((WORD * vectors.words.next_power_of_two() - 1) as u32));
        self.asm.alu(AluOp::Lsh, R1, Source::Immediate(1));
        self.address(table, 2, next);
        self.asm.load(Size::U32, R1, R2, 0);
        self.asm.alu32(AluOp::And, R1, immediate(mark::RANK));
        self.best();
        self.asm.jump_if(R1, Comparison::GreaterOrEqual, BEST, next);
        self.alive(removed);
        self.take(0);
        self.asm.jump(next);
        self.asm.bind(removed);
        self.asm.jump(turn);
    }

    /// Emits the addresses of the rows in the frame, and what all of their first words have in `r8`.
    fn rows(&mut self, table: &Table, vectors: BitVectors, next: Label) {
        for (number, rows) in table.bit_rows.iter().enumerate() {
            let [found, absent] = [self.asm.label(), self.asm.label()];
            if rows.absent.is_some() {
                self.asm.long_constant(R1, 1 << rows.field);
                self.asm.copy(R2, PRESENT);
                self.asm.alu(AluOp::And, R2, R1);
                self.asm.jump_if(R2, Comparison::Equal, Source::Immediate(0), absent);
            }
            self.field(R0, rows.field);
            self.interval(rows.map, table.start + rows.at, next);
            if let Some(row) = rows.absent {
                self.asm.jump(found);
                self.asm.bind(absent);
                self.value.unknown_constant(self.asm, R1, row);
                self.asm.bind(found);
            }
            self.address(table, 2 * (vectors.summary_len() + vectors.words), next);
            self.asm.store(Size::U64, R10, frame::row(number), R2);
            self.pair(R1, R2, 0);
            match number {
                0 => self.asm.copy(R8, R1),
                _ => self.asm.alu(AluOp::And, R8, R1),
            }
        }
    }

    /// Emits in `r8` the bits that are set in the word `r0` of all rows.
    fn word(&mut self, table: &Table) {
        self.asm.copy(R5, R0);
        self.asm.alu(AluOp::Lsh, R5, Source::Immediate(3));
        for number in 0..table.bit_rows.len() {
            self.asm.load(Size::U64, R4, R10, frame::row(number));
            self.asm.alu(AluOp::Add, R4, R5);
            self.pair(R1, R4, 8);
            match number {
                0 => self.asm.copy(R8, R1),
                _ => self.asm.alu(AluOp::And, R8, R1),
            }
        }
    }

    /// Emits the load of two words, of which the first is the lower half. Overwrites `r2` if words are big-endian.
    fn pair(&mut self, dst: Register, base: Register, offset: i16) {
        if !self.is_big_endian {
            return self.asm.load(Size::U64, dst, base, offset);
        }
        self.asm.load(Size::U32, dst, base, offset);
        self.asm.load(Size::U32, R2, base, offset + 4);
        self.asm.alu(AluOp::Lsh, R2, Source::Immediate(32));
        self.asm.alu(AluOp::Or, dst, R2);
    }

    /// Emits the number of the lowest bit of `bits` in `number`, and removes it. Overwrites `r4` and `r5`.
    fn take_lowest(&mut self, bits: Register, number: Register) {
        self.asm.constant(R5, 0);
        self.asm.alu(AluOp::Sub, R5, bits);
        self.asm.alu(AluOp::And, R5, bits);
        self.asm.alu(AluOp::Xor, bits, R5);
        self.asm.long_constant(R4, DE_BRUIJN);
        self.asm.alu(AluOp::Mul, R5, R4);
        self.asm.alu(AluOp::Rsh, R5, Source::Immediate(58));
        self.asm.map_value(R4, maps::TABLES, self.value.bit_numbers);
        self.asm.alu(AluOp::Add, R4, R5);
        self.asm.load(Size::U8, number, R4, 0);
        self.asm.alu(AluOp::And, number, Source::Immediate(63));
    }
}
