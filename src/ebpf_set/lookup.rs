//! The lookup of the tables as eBPF. One table after the other is looked up, and the least rank that holds is kept.
//!
//! The tables are those for all matches: when a rule was removed, the next one that matches is found behind it.
//!
//! A word from a table that is added to an address is compared with the size of the table first, which never fails, but
//! which the verifier wants to see. Loops end after as many turns as the table needs.

use crate::bpf::isa::AluOp;
use crate::classifier::entry_conditions::{Comparison as Kind, TableGuard};
use crate::classifier::interval_map::{BUCKET, IntervalMap, LASTS, NODE};
use crate::classifier::table::{Lookup, MatchKind, Slots, Table, Tables};
use crate::classifier::table_entry::mark;
use crate::classifier::term::Term;
use crate::ebpf::{Comparison, Register, Size, Source};
use crate::ebpf_set::assembler::{Assembler, Label, immediate};
use crate::ebpf_set::maps::TablesValue;
use crate::ebpf_set::{frame, maps};

use Register::{R0, R1, R2, R3, R4, R5, R6, R9, R10};

/// The bits of the fields that the packet has.
pub(crate) const PRESENT: Register = R6;
/// The least rank that holds, or the number of rules, wherever it is loaded from the frame.
pub(crate) const BEST: Register = R9;

/// Emits the lookup of tables.
pub(crate) struct LookupCode<'a> {
    pub(super) asm: &'a mut Assembler,
    pub(super) tables: &'a Tables,
    pub(super) value: &'a mut TablesValue,
    /// `true` if the verdict of the best match is kept.
    pub(super) wants_verdict: bool,
    pub(super) is_big_endian: bool,
}

impl LookupCode<'_> {
    /// Emits the lookup of all tables.
    pub(crate) fn all(&mut self) {
        let tables = self.tables;
        let mut list: Vec<&Table> = tables.for_kind(MatchKind::All).collect();
        // Tables with the same guards follow each other, and share the tests.
        list.sort_by_key(|table| {
            let guards = table.guards.iter().map(|guard| (guard.field, guard.numbers.clone()));
            (guards.collect::<Vec<_>>(), table.needs, table.first_rank)
        });
        self.value.unknown_constant(self.asm, BEST, tables.none);
        self.asm.store(Size::U32, R10, frame::BEST, BEST);
        for group in list.chunk_by(|a, b| a.guards == b.guards && a.needs == b.needs) {
            let end = self.asm.label();
            self.needs(group[0].needs, end);
            group[0].guards.iter().for_each(|guard| self.guard(guard, end));
            for table in group {
                let next = self.asm.label();
                self.table(table, next);
                self.asm.bind(next);
            }
            self.asm.bind(end);
        }
    }

    /// Emits the test that the packet has some fields.
    fn needs(&mut self, needs: u64, fails: Label) {
        match i32::try_from(needs) {
            Ok(0) => {}
            Ok(bits) => {
                self.asm.copy(R1, PRESENT);
                self.asm.alu(AluOp::And, R1, Source::Immediate(bits));
                self.asm.jump_if(R1, Comparison::NotEqual, Source::Immediate(bits), fails);
            }
            Err(_) => {
                self.asm.long_constant(R2, needs);
                self.asm.copy(R1, PRESENT);
                self.asm.alu(AluOp::And, R1, R2);
                self.asm.jump_if(R1, Comparison::NotEqual, R2, fails);
            }
        }
    }

    fn guard(&mut self, guard: &TableGuard, fails: Label) {
        let holds = self.asm.label();
        self.field(R1, guard.field);
        let Some((last, others)) = guard.numbers.split_last() else { return };
        others.iter().for_each(|&number| self.asm.jump_if32(R1, Comparison::Equal, immediate(number), holds));
        self.asm.jump_if32(R1, Comparison::NotEqual, immediate(*last), fails);
        self.asm.bind(holds);
    }

    /// Emits the load of the least rank that holds.
    pub(super) fn best(&mut self) {
        self.asm.load(Size::U32, BEST, R10, frame::BEST);
    }

    pub(super) fn field(&mut self, dst: Register, field: u8) {
        self.asm.load(Size::U32, dst, R10, frame::field(field));
    }

    fn table(&mut self, table: &Table, next: Label) {
        if !table.inline_terms.is_empty() {
            return table.inline_terms.iter().for_each(|term| self.term(term, next));
        }
        match table.lookup {
            Lookup::Chain => {
                self.asm.map_value(R2, maps::TABLES, 4 * table.start);
                self.chain(table, next);
            }
            Lookup::Hash(slots) => {
                self.slot(table, slots, next);
                self.content(table, next);
            }
            Lookup::Intervals { map, at, none } => {
                self.field(R0, table.key[0].field);
                self.interval(map, table.start + at, next);
                self.asm.jump_if32(R1, Comparison::Equal, immediate(none), next);
                self.content(table, next);
            }
            Lookup::BitVectors(vectors) => self.bit_vectors(table, vectors, next),
        }
    }

    /// Emits a term without a key.
    fn term(&mut self, term: &Term, done: Label) {
        let fails = self.asm.label();
        // Later terms have higher ranks.
        self.best();
        self.asm.jump_if(BEST, Comparison::LessOrEqual, immediate(term.rank), done);
        self.needs(term.needs, fails);
        for constraint in &term.constraints {
            self.field(R1, constraint.field);
            match constraint.number() {
                Some(number) => self.asm.jump_if32(R1, Comparison::NotEqual, immediate(number), fails),
                None => {
                    self.asm.alu32(AluOp::Sub, R1, immediate(constraint.first));
                    self.asm.jump_if32(R1, Comparison::Greater, immediate(constraint.span), fails);
                }
            }
        }
        self.value.unknown_constant(self.asm, R1, term.rank);
        self.alive(fails);
        self.asm.store(Size::U32, R10, frame::BEST, R1);
        self.verdict(term.verdict);
        self.asm.jump(done);
        self.asm.bind(fails);
    }

    fn verdict(&mut self, verdict: Option<u32>) {
        if self.wants_verdict {
            self.asm.store(Size::U32, R10, frame::VERDICT, immediate(verdict.unwrap_or(0)));
        }
    }

    /// Emits the test that the rule with the rank `r1` was not removed. Overwrites `r4` and `r5`.
    pub(super) fn alive(&mut self, removed: Label) {
        let alive = self.asm.label();
        let none = self.tables.none;
        self.asm.load(Size::U32, R4, R10, frame::VERSION);
        self.asm.jump_if(R4, Comparison::Equal, Source::Immediate(0), alive);
        self.asm.jump_if(R1, Comparison::GreaterOrEqual, immediate(none), removed);
        self.asm.copy(R4, R1);
        self.asm.alu(AluOp::Lsh, R4, Source::Immediate(2));
        self.asm.map_value(R5, maps::REMOVED, 0);
        self.asm.alu(AluOp::Add, R5, R4);
        self.asm.load(Size::U32, R5, R5, 0);
        self.asm.load(Size::U32, R4, R10, frame::VERSION);
        self.asm.jump_if(R5, Comparison::LessOrEqual, R4, removed);
        self.asm.bind(alive);
    }

    /// Emits the content of the slot of a key in `r1`.
    fn slot(&mut self, table: &Table, slots: Slots, next: Label) {
        let tag = R5;
        for (number, key) in table.key.iter().enumerate() {
            self.field(R1, key.field);
            if key.mask != u32::MAX {
                self.asm.alu32(AluOp::And, R1, immediate(key.mask));
            }
            if table.key.len() == 1 {
                self.asm.copy(tag, R1);
            }
            let product = if number == 0 { R2 } else { R3 };
            self.asm.long_constant(product, key.factor);
            self.asm.alu(AluOp::Mul, product, R1);
            if number > 0 {
                self.asm.alu(AluOp::Add, R2, R3);
            }
        }
        if table.key.len() > 1 {
            self.asm.copy(tag, R2);
        }
        if let Some(bits) = slots.bucket_bits {
            self.hashed(bits, table.start, 2);
            self.asm.load(Size::U32, R3, R4, 0);
            self.asm.alu(AluOp::Mul, R2, R3);
        }
        self.hashed(slots.bits, table.start + slots.at, 3);
        self.asm.load(Size::U32, R3, R4, 0);
        self.asm.jump_if32(R3, Comparison::NotEqual, tag, next);
        self.asm.load(Size::U32, R1, R4, 4);
    }

    /// Emits in `r4` the address of an element of two to the power `size` bytes, of an array that begins at the word
    /// `start` and is indexed by the upper `bits` of the hash in `r2`.
    fn hashed(&mut self, bits: u32, start: usize, size: i32) {
        self.asm.copy(R3, R2);
        self.asm.alu(AluOp::Rsh, R3, immediate(64 - bits));
        self.asm.alu(AluOp::Lsh, R3, Source::Immediate(size));
        self.asm.map_value(R4, maps::TABLES, 4 * start);
        self.asm.alu(AluOp::Add, R4, R3);
    }

    /// Emits a jump if the number of words in `register`, counted from the word `start`, leaves no room for `len` more.
    fn limit(&mut self, register: Register, start: usize, len: usize, outside: Label) {
        let most = (self.value.words / 4).saturating_sub(start + len);
        self.asm.jump_if(register, Comparison::Greater, immediate(most as u32), outside);
    }

    /// Emits the content of the interval of `r0` in `r1`, in a map that begins at the word `start`.
    pub(super) fn interval(&mut self, map: IntervalMap, start: usize, outside: Label) {
        self.asm.copy(R1, R0);
        if map.root.shift > 0 {
            self.asm.alu32(AluOp::Rsh, R1, immediate(map.root.shift));
        }
        self.asm.alu32(AluOp::And, R1, immediate(map.root.mask));
        let shift = |words: usize| Source::Immediate((4 * words).trailing_zeros() as i32);
        if map.is_direct {
            self.asm.alu(AluOp::Lsh, R1, shift(1));
            self.asm.map_value(R2, maps::TABLES, 4 * start);
            self.asm.alu(AluOp::Add, R2, R1);
            return self.asm.load(Size::U32, R1, R2, 0);
        }
        // The start of the array, in words, in `r3`; the index is in `r1`.
        self.asm.constant(R3, 0);
        for _ in 0..map.levels {
            self.asm.alu(AluOp::Lsh, R1, Source::Immediate(NODE.trailing_zeros() as i32));
            self.element(start, NODE, outside);
            self.asm.load(Size::U32, R4, R2, 4);
            self.asm.load(Size::U32, R3, R2, 0);
            self.asm.copy(R1, R0);
            self.asm.copy(R5, R4);
            self.asm.alu32(AluOp::And, R5, Source::Immediate(31));
            self.asm.alu32(AluOp::Rsh, R1, R5);
            self.asm.alu32(AluOp::Rsh, R4, Source::Immediate(8));
            self.asm.alu32(AluOp::And, R1, R4);
        }
        self.asm.alu(AluOp::Lsh, R1, Source::Immediate(BUCKET.trailing_zeros() as i32));
        self.element(start, BUCKET, outside);
        // A binary search without branches: of seven last numbers, of the three after the ones that are less, of one.
        for half in [4_i16, 2, 1] {
            self.asm.load(Size::U32, R3, R2, 4 * (half - 1));
            self.asm.alu(AluOp::Sub, R3, R0);
            // 1 if the last number is less.
            self.asm.alu(AluOp::Rsh, R3, Source::Immediate(63));
            self.asm.alu(AluOp::Lsh, R3, shift(half as usize));
            self.asm.alu(AluOp::Add, R2, R3);
        }
        self.asm.load(Size::U32, R1, R2, 4 * LASTS as i16);
    }

    /// Emits in `r2` the address of the word `r3 + r1`, counted from the word `start`, with `len` words after it.
    fn element(&mut self, start: usize, len: usize, outside: Label) {
        self.asm.alu(AluOp::Add, R1, R3);
        self.limit(R1, start, len, outside);
        self.asm.alu(AluOp::Lsh, R1, Source::Immediate(2));
        self.asm.map_value(R2, maps::TABLES, 4 * start);
        self.asm.alu(AluOp::Add, R2, R1);
    }

    /// Emits the use of the content in `r1`: a rank, or the start of a chain.
    fn content(&mut self, table: &Table, next: Label) {
        if let Some(verdict) = table.slot_verdict {
            self.best();
            self.asm.jump_if(R1, Comparison::GreaterOrEqual, BEST, next);
            self.alive(next);
            self.asm.store(Size::U32, R10, frame::BEST, R1);
            return self.verdict(Some(verdict));
        }
        self.address(table, table.stride() * table.block(), next);
        self.chain(table, next);
    }

    /// Emits in `r2` the address of the word `r1` of a table, with `len` words after it.
    pub(super) fn address(&mut self, table: &Table, len: usize, outside: Label) {
        self.limit(R1, table.start, len, outside);
        self.asm.alu(AluOp::Lsh, R1, Source::Immediate(2));
        self.asm.map_value(R2, maps::TABLES, 4 * table.start);
        self.asm.alu(AluOp::Add, R2, R1);
    }

    /// Emits the search in the chain of entries at `r2`.
    fn chain(&mut self, table: &Table, next: Label) {
        let blocks = table.longest_chain.div_ceil(table.block());
        if blocks > 1 {
            self.asm.constant(R3, 0);
        }
        let turn = self.asm.here();
        (0..table.block()).for_each(|lane| self.entry(table, lane, next));
        if blocks > 1 {
            self.asm.load(Size::U32, R1, R2, 0);
            self.asm.jump_if32(R1, Comparison::BitsSet, immediate(mark::LAST), next);
            self.asm.alu(AluOp::Add, R3, Source::Immediate(1));
            self.asm.jump_if(R3, Comparison::Equal, immediate(blocks as u32), next);
            self.asm.alu(AluOp::Add, R2, immediate(block_size(table) as u32));
            self.asm.jump(turn);
        }
    }

    /// Emits the use of an entry of the block at `r2`, if its conditions hold.
    fn entry(&mut self, table: &Table, lane: usize, next: Label) {
        let fails = self.asm.label();
        let word = |word: usize| 4 * (word * table.block() + lane) as i16;
        let head = 8 * lane as i16;
        self.asm.load(Size::U32, R1, R2, head);
        self.asm.alu32(AluOp::And, R1, immediate(mark::RANK));
        // Later entries have higher ranks.
        self.best();
        self.asm.jump_if(R1, Comparison::GreaterOrEqual, BEST, next);
        if table.entries_have_needs {
            self.asm.load(Size::U32, R4, R2, word(2));
            self.asm.load(Size::U32, R5, R2, word(3));
            self.asm.alu(AluOp::Lsh, R5, Source::Immediate(32));
            self.asm.alu(AluOp::Or, R4, R5);
            self.asm.copy(R5, PRESENT);
            self.asm.alu(AluOp::And, R5, R4);
            self.asm.jump_if(R5, Comparison::NotEqual, R4, fails);
        }
        let mut at = table.conditions_start();
        for condition in &table.conditions {
            self.field(R4, condition.field);
            self.asm.load(Size::U32, R5, R2, word(at));
            match condition.kind {
                Kind::Same(mask) => {
                    if mask != u32::MAX {
                        self.asm.alu32(AluOp::And, R4, immediate(mask));
                    }
                    self.asm.jump_if32(R4, Comparison::NotEqual, R5, fails);
                }
                Kind::Range => {
                    self.asm.alu32(AluOp::Sub, R4, R5);
                    self.asm.load(Size::U32, R5, R2, word(at + 1));
                    self.asm.jump_if32(R4, Comparison::Greater, R5, fails);
                }
            }
            at += condition.words();
        }
        self.alive(fails);
        self.take(head);
        self.asm.jump(next);
        self.asm.bind(fails);
    }

    /// Emits the use of the rank `r1` of the entry at `r2`.
    pub(super) fn take(&mut self, head: i16) {
        self.asm.store(Size::U32, R10, frame::BEST, R1);
        if self.wants_verdict {
            self.asm.load(Size::U32, R4, R2, head + 4);
            self.asm.store(Size::U32, R10, frame::VERDICT, R4);
        }
    }
}

/// Returns the bytes of a block of entries.
pub(crate) fn block_size(table: &Table) -> usize {
    4 * table.stride() * table.block()
}
