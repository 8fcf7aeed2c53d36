//! Tables of bit vectors as native code: the row of each field, and the bits that are set in all of them.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, BlockArg, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::bit_vectors::{BitRows, BitVectors, WORD};
use crate::classifier::table::{MatchKind, Table};
use crate::classifier::table_entry::mark;
use crate::codegen::classifier::branch_away_if;
use crate::codegen::classifier::slot_lookup::{WordAddress, pair};
use crate::codegen::classifier::table_lowering::TableLowering;

impl TableLowering<'_, '_> {
    /// Emits the lookup of a table of bit vectors, if the conditions hold.
    pub(super) fn bit_vectors(&mut self, table: &Table, vectors: BitVectors, failed: Option<ir::Value>) {
        let next = self.conditions.builder.create_block();
        if self.kind == MatchKind::First && !self.state.is_first {
            let is_late = self.is_late(table);
            branch_away_if(self.conditions.builder, is_late, next);
        }
        if let Some(failed) = failed {
            branch_away_if(self.conditions.builder, failed, next);
        }
        let rows = self.rows(table);
        self.state.begin_branch();
        if self.kind == MatchKind::First && !table.has_unverified {
            self.first_bit(table, vectors, &rows);
        } else {
            self.each_bit(table, vectors, &rows);
        }
        self.ins().jump(next, &[]);
        self.conditions.builder.switch_to_block(next);
        self.state.begin_branch();
    }

    /// Emits the row of each field.
    fn rows(&mut self, table: &Table) -> Vec<WordAddress> {
        let row = |rows: &BitRows| {
            let field = usize::from(rows.field);
            let values = &self.conditions.field_values;
            let (number, absent) = (values.values[field], values.absent[field]);
            let builder = &mut *self.conditions.builder;
            let mut content = self.lookup.interval(builder, rows.map, table.start + rows.at, number);
            if let (Some(absent), Some(row)) = (absent, rows.absent) {
                let row = builder.ins().iconst(types::I64, i64::from(row));
                content = builder.ins().select(absent, row, content);
            }
            self.lookup.entry_at(builder, content, table.start)
        };
        table.bit_rows.iter().map(row).collect()
    }

    /// Emits the least rank. All words are computed, without a branch, since it is hard to predict which one has it.
    fn first_bit(&mut self, table: &Table, vectors: BitVectors, rows: &[WordAddress]) {
        let entries = self.lookup.start(self.conditions.builder, table);
        let builder = &mut *self.conditions.builder;
        let none = builder.ins().iconst(types::I64, 0);
        let (mut first, mut bits) = (none, none);
        for word in (0..vectors.words).rev() {
            let of_word = rows.iter().map(|&row| pair(builder, row, 2 * (vectors.summary_len() + word))).collect();
            let of_word = all_bits(builder, of_word);
            let number = builder.ins().iconst(types::I64, (WORD * word) as i64);
            first = builder.ins().select(of_word, number, first);
            bits = builder.ins().select(of_word, of_word, bits);
        }
        let bit = lowest(builder, bits);
        let number = builder.ins().iadd(first, bit);
        let offset = builder.ins().ishl_imm_s(number, 3);
        let entry = builder.ins().iadd(entries.0, offset);
        let rank = self.rank(table, (entry, entries.1));
        let builder = &mut *self.conditions.builder;
        let none = self.state.none();
        let rank = builder.ins().select(bits, rank, none);
        self.state.add_rank(builder, None, rank);
    }

    /// Emits the loops over all terms that hold, up to the first one that surely matches if that is wanted.
    fn each_bit(&mut self, table: &Table, vectors: BitVectors, rows: &[WordAddress]) {
        let entries = self.lookup.start(self.conditions.builder, table);
        let builder = &mut *self.conditions.builder;
        let [next_word, has_word, next_bit, has_bit, done] = [(); 5].map(|()| builder.create_block());
        let summary = builder.append_block_param(next_word, types::I64);
        let [bits, rest, first_number] = [(); 3].map(|()| builder.append_block_param(next_bit, types::I64));
        let zero = builder.ins().iconst(types::I64, 0);
        // The summary, or the only word.
        let all = rows.iter().map(|&row| pair(builder, row, 0)).collect();
        let all = all_bits(builder, all);
        if vectors.words == 1 {
            builder.ins().jump(next_bit, &[all, zero, zero].map(BlockArg::Value));
        } else {
            builder.ins().jump(next_word, &[BlockArg::Value(all)]);
        }

        builder.switch_to_block(next_word);
        builder.ins().brif(summary, has_word, &[], done, &[]);
        builder.switch_to_block(has_word);
        let word = builder.ins().ctz(summary);
        let of_word = word_bits(builder, rows, word);
        let rest_of_summary = without_lowest(builder, summary);
        let number = builder.ins().ishl_imm_s(word, i64::from(WORD.ilog2()));
        builder.ins().jump(next_bit, &[of_word, rest_of_summary, number].map(BlockArg::Value));

        builder.switch_to_block(next_bit);
        builder.ins().brif(bits, has_bit, &[], next_word, &[BlockArg::Value(rest)]);
        builder.switch_to_block(has_bit);
        let bit = builder.ins().ctz(bits);
        let number = builder.ins().bor(first_number, bit);
        let offset = builder.ins().ishl_imm_s(number, 3);
        let entry = builder.ins().iadd(entries.0, offset);
        self.take_entry((entry, entries.1), done);
        let builder = &mut *self.conditions.builder;
        let rest_of_bits = without_lowest(builder, bits);
        builder.ins().jump(next_bit, &[rest_of_bits, rest, first_number].map(BlockArg::Value));
        builder.switch_to_block(done);
    }

    /// Emits the use of an entry that holds, and a branch to `done` if later ones do not matter.
    fn take_entry(&mut self, entry: WordAddress, done: Block) {
        let builder = &mut *self.conditions.builder;
        let head = pair(builder, entry, 0);
        if self.kind == MatchKind::All {
            return self.state.add_entry(builder, None, head);
        }
        let marked = builder.ins().ireduce(types::I32, head);
        let rank = builder.ins().band_imm_s(marked, i64::from(mark::RANK));
        let best = self.state.best(builder);
        let is_late = builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, rank, best);
        branch_away_if(builder, is_late, done);
        let [unverified, sure] = [(); 2].map(|()| builder.create_block());
        let needs_verification = builder.ins().band_imm_s(marked, i64::from(mark::UNVERIFIED));
        builder.ins().brif(needs_verification, unverified, &[], sure, &[]);
        builder.switch_to_block(sure);
        self.state.set_rank(builder, rank);
        builder.ins().jump(done, &[]);
        builder.switch_to_block(unverified);
        self.state.give_up_if_full(builder);
        self.state.add_entry(builder, None, head);
    }
}

/// Emits the number of the lowest bit that is set, or that of the last one if none is.
fn lowest(builder: &mut FunctionBuilder, bits: ir::Value) -> ir::Value {
    let last = builder.ins().iconst(types::I64, i64::MIN);
    let bits = builder.ins().bor(bits, last);
    builder.ins().ctz(bits)
}

fn without_lowest(builder: &mut FunctionBuilder, bits: ir::Value) -> ir::Value {
    let less = builder.ins().iadd_imm_s(bits, -1);
    builder.ins().band(bits, less)
}

/// Emits the bits that are set in a word of all rows, which follows the summary.
fn word_bits(builder: &mut FunctionBuilder, rows: &[WordAddress], word: ir::Value) -> ir::Value {
    let offset = builder.ins().ishl_imm_s(word, 3);
    let words = rows.iter().map(|&(address, displacement)| {
        let address = builder.ins().iadd(address, offset);
        pair(builder, (address, displacement), 2)
    });
    let words = words.collect();
    all_bits(builder, words)
}

fn all_bits(builder: &mut FunctionBuilder, words: Vec<ir::Value>) -> ir::Value {
    words.into_iter().reduce(|all, bits| builder.ins().band(all, bits)).expect("a table of bit vectors has fields")
}
