//! The tables as native code: for each a look at what holds for all its entries, the hash, and the search.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, BlockArg, InstBuilder, MemFlagsData, types};
use cranelift_frontend::{FunctionBuilder, Variable};

use crate::jit::Arguments;
use crate::set::native::fields::Computed;
use crate::set::native::{GIVEN_UP, MOST_ASKED, Question};
use crate::set::table::{Table, mark, word};

/// Tables are there as long as the code, and never change. Their words are aligned, pairs of them are not.
const TABLE: MemFlagsData = MemFlagsData::new().with_notrap().with_readonly();

/// Makes the code that looks into tables.
pub(super) struct Prober<'a, 'f> {
    builder: &'a mut FunctionBuilder<'f>,
    found: ir::Value,
    computed: Computed,
    question: Question,
    /// The least rank that surely matches, 32 bits.
    best: Variable,
    /// How many entries were written, 64 bits.
    count: Variable,
    /// Where the function ends.
    done: Block,
}

impl<'a, 'f> Prober<'a, 'f> {
    pub(super) fn new(
        builder: &'a mut FunctionBuilder<'f>,
        arguments: Arguments,
        computed: Computed,
        question: Question,
    ) -> Prober<'a, 'f> {
        let (best, count) = (builder.declare_var(types::I32), builder.declare_var(types::I64));
        let none = builder.ins().iconst(types::I32, i64::from(u32::MAX));
        builder.def_var(best, none);
        let zero = builder.ins().iconst(types::I64, 0);
        builder.def_var(count, zero);
        let done = builder.create_block();
        Prober { builder, found: arguments.found, computed, question, best, count, done }
    }

    /// Looks into all tables, and returns.
    pub(super) fn probe(mut self, tables: &[Table]) {
        for table in tables {
            let next = self.builder.create_block();
            self.table(table, next);
            self.builder.switch_to_block(next);
        }
        self.builder.ins().jump(self.done, &[]);
        self.builder.switch_to_block(self.done);
        let count = self.builder.use_var(self.count);
        let answer = match self.question {
            Question::All => count,
            Question::First => {
                let best = self.builder.use_var(self.best);
                let best = self.builder.ins().uextend(types::I64, best);
                let count = self.builder.ins().ishl_imm_s(count, 32);
                self.builder.ins().bor(best, count)
            }
        };
        self.builder.ins().return_(&[answer]);
    }

    /// Looks into a table, and goes to `next`.
    fn table(&mut self, table: &Table, next: Block) {
        if self.question == Question::First {
            // Later tables have only later rules.
            let best = self.builder.use_var(self.best);
            let first = i64::from(table.first);
            let is_late = self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, best, first);
            self.go_on_unless(is_late, self.done);
        }
        self.require(table.needs, next);
        for guard in &table.guards {
            let value = self.computed.values[usize::from(guard.field)];
            let distance = self.builder.ins().iadd_imm_s(value, -i64::from(guard.first));
            let span = i64::from(guard.span.cast_signed());
            let is_outside = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, distance, span);
            self.go_on_unless(is_outside, next);
        }
        let tag = self.tag(table);
        let slot = self.builder.ins().ushr_imm_s(tag, i64::from(table.shift()));
        self.search(table, tag, slot, next);
    }

    /// Goes on in a new block, or elsewhere if this is not 0.
    fn go_on_unless(&mut self, condition: ir::Value, elsewhere: Block) {
        let here = self.builder.create_block();
        self.builder.ins().brif(condition, elsewhere, &[], here, &[]);
        self.builder.switch_to_block(here);
    }

    /// Goes elsewhere unless the packet has these fields.
    fn require(&mut self, needs: u64, elsewhere: Block) {
        if needs != 0 {
            let needs = self.builder.ins().iconst(types::I64, needs.cast_signed());
            let missing = self.builder.ins().band_not(needs, self.computed.present);
            self.go_on_unless(missing, elsewhere);
        }
    }

    /// The upper half of the hash of the key, as 64 bits.
    fn tag(&mut self, table: &Table) -> ir::Value {
        let mut hash = self.builder.ins().iconst(types::I64, 0);
        for key in &table.key {
            let mut value = self.computed.values[usize::from(key.field)];
            if key.mask != u32::MAX {
                value = self.builder.ins().band_imm_s(value, i64::from(key.mask.cast_signed()));
            }
            let value = self.builder.ins().uextend(types::I64, value);
            let factor = self.builder.ins().iconst(types::I64, key.factor.cast_signed());
            let product = self.builder.ins().imul(value, factor);
            hash = self.builder.ins().iadd(hash, product);
        }
        self.builder.ins().ushr_imm_s(hash, 32)
    }

    /// Looks at the slots from one on, up to one that is free.
    fn search(&mut self, table: &Table, tag: ir::Value, slot: ir::Value, next: Block) {
        let [slots, taken, alike] = [(); 3].map(|()| self.builder.create_block());
        let entry = self.builder.create_block();
        let first = self.builder.append_block_param(slots, types::I64);
        let address = self.builder.append_block_param(entry, types::I64);
        self.builder.ins().jump(slots, &[BlockArg::Value(slot)]);

        self.builder.switch_to_block(slots);
        let base = self.builder.ins().iconst(types::I64, table.slots.as_ptr() as i64);
        let offset = self.builder.ins().ishl_imm_s(first, 3);
        let place = self.builder.ins().iadd(base, offset);
        let found = self.builder.ins().load(types::I64, TABLE, place, 0);
        let following = self.builder.ins().iadd_imm_s(first, 1);
        let following = self.builder.ins().band_imm_s(following, table.slots.len() as i64 - 1);
        self.builder.ins().brif(found, taken, &[], next, &[]);

        self.builder.switch_to_block(taken);
        let low = self.builder.ins().ireduce(types::I32, found);
        let wanted = self.builder.ins().ireduce(types::I32, tag);
        let is_alike = self.builder.ins().icmp(IntCC::Equal, low, wanted);
        self.builder.ins().brif(is_alike, alike, &[], slots, &[BlockArg::Value(following)]);

        self.builder.switch_to_block(alike);
        let base = self.builder.ins().iconst(types::I64, table.entries.as_ptr() as i64);
        let start = self.builder.ins().ushr_imm_s(found, 32);
        let offset = self.builder.ins().ishl_imm_s(start, 2);
        let place = self.builder.ins().iadd(base, offset);
        self.builder.ins().jump(entry, &[BlockArg::Value(place)]);

        self.builder.switch_to_block(entry);
        self.entry(table, address, entry, (slots, following));
    }

    /// Looks at an entry, and goes to the next one of its key, or to the slot behind.
    fn entry(&mut self, table: &Table, address: ir::Value, entry: Block, slots: (Block, ir::Value)) {
        let behind = [BlockArg::Value(slots.1)];
        let marked = self.word(address, word::RANK);
        let rank = self.builder.ins().band_imm_s(marked, i64::from(mark::RANK));
        if self.question == Question::First {
            let best = self.builder.use_var(self.best);
            let is_late = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, rank, best);
            let here = self.builder.create_block();
            self.builder.ins().brif(is_late, slots.0, &behind, here, &[]);
            self.builder.switch_to_block(here);
        }
        let [holds, further, more] = [(); 3].map(|()| self.builder.create_block());
        let fails = self.fails(table, address);
        self.builder.ins().brif(fails, further, &[], holds, &[]);

        self.builder.switch_to_block(holds);
        match self.question {
            Question::All => {
                self.write(address);
                self.builder.ins().jump(further, &[]);
            }
            Question::First => {
                let [asked, sure] = [(); 2].map(|()| self.builder.create_block());
                let must_ask = self.builder.ins().band_imm_s(marked, i64::from(mark::ASK));
                self.builder.ins().brif(must_ask, asked, &[], sure, &[]);
                self.builder.switch_to_block(asked);
                self.give_up_if_full();
                self.write(address);
                self.builder.ins().jump(further, &[]);
                // Later entries of the key have later rules.
                self.builder.switch_to_block(sure);
                self.builder.def_var(self.best, rank);
                self.builder.ins().jump(slots.0, &behind);
            }
        }

        self.builder.switch_to_block(further);
        let is_last = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, marked, 0);
        self.builder.ins().brif(is_last, slots.0, &behind, more, &[]);
        self.builder.switch_to_block(more);
        let following = self.builder.ins().iadd_imm_s(address, 4 * table.stride() as i64);
        self.builder.ins().jump(entry, &[BlockArg::Value(following)]);
    }

    /// Whether a condition of an entry fails: not 0 if so. All are looked at, which is faster than to guess which fails.
    fn fails(&mut self, table: &Table, address: ir::Value) -> ir::Value {
        let needs = self.builder.ins().load(types::I64, TABLE, address, 4 * word::NEEDS as i32);
        let mut fails = self.builder.ins().band_not(needs, self.computed.present);
        let mut below = None;
        for (number, &column) in table.columns.iter().enumerate() {
            let first = self.word(address, word::COLUMNS + 2 * number);
            let span = self.word(address, word::COLUMNS + 2 * number + 1);
            let distance = self.builder.ins().isub(self.computed.values[usize::from(column)], first);
            let (distance, span) = (self.wide(distance), self.wide(span));
            // Negative if the field lies outside.
            let room = self.builder.ins().isub(span, distance);
            below = Some(below.map_or(room, |below| self.builder.ins().bor(below, room)));
        }
        if let Some(below) = below {
            let sign = self.builder.ins().ushr_imm_s(below, 63);
            fails = self.builder.ins().bor(fails, sign);
        }
        fails
    }

    fn wide(&mut self, value: ir::Value) -> ir::Value {
        self.builder.ins().uextend(types::I64, value)
    }

    fn word(&mut self, address: ir::Value, word: usize) -> ir::Value {
        self.builder.ins().load(types::I32, TABLE, address, 4 * word as i32)
    }

    /// Writes the rank and the verdict of an entry.
    fn write(&mut self, address: ir::Value) {
        let head = self.builder.ins().load(types::I64, TABLE, address, 4 * word::RANK as i32);
        let count = self.builder.use_var(self.count);
        let offset = self.builder.ins().ishl_imm_s(count, 3);
        let place = self.builder.ins().iadd(self.found, offset);
        self.builder.ins().store(MemFlagsData::trusted(), head, place, 0);
        let count = self.builder.ins().iadd_imm_s(count, 1);
        self.builder.def_var(self.count, count);
    }

    fn give_up_if_full(&mut self) {
        let count = self.builder.use_var(self.count);
        let is_full = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, count, MOST_ASKED as i64);
        let [full, here] = [(); 2].map(|()| self.builder.create_block());
        self.builder.ins().brif(is_full, full, &[], here, &[]);
        self.builder.switch_to_block(full);
        self.builder.set_cold_block(full);
        let given_up = self.builder.ins().iconst(types::I64, GIVEN_UP.cast_signed());
        self.builder.ins().return_(&[given_up]);
        self.builder.switch_to_block(here);
    }
}
