//! Chains of entries as native code. The entries of a block are compared at once, by vectors where there are any.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, BlockArg, InstBuilder, types};

use crate::classifier::entry_conditions::Comparison;
use crate::classifier::table::{BLOCK, MatchKind, Table};
use crate::classifier::table_entry::mark;
use crate::codegen::classifier::branch_away_if;
use crate::codegen::classifier::slot_lookup::{WordAddress, pair, vector, word};
use crate::codegen::classifier::table_lowering::TableLowering;

/// Returns whether this machine compares the entries of a block by vectors.
fn has_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("sse4.1");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

/// The entries of a block that hold.
#[derive(Clone, Copy)]
enum Holding {
    All,
    /// A single entry, if the conditions are 0, 32 bits.
    Unless(ir::Value),
    /// A bit for each entry, 32 bits.
    Bits(ir::Value),
}

impl TableLowering<'_, '_> {
    /// Adds the entries of the first block of a chain that hold without a branch, and branches to the other blocks if
    /// these do not decide.
    pub(super) fn add_first_block(&mut self, table: &Table, failed: Option<ir::Value>, block: WordAddress) {
        let holding = self.holding(table, block);
        let fails = self.fails(holding);
        match self.kind {
            MatchKind::First => {
                let all = fails.map_or(failed, |fails| Some(self.conditions.both(failed, fails)));
                let rank = self.first_rank(table, block, holding);
                self.state.add_rank(self.conditions.builder, all, rank);
            }
            MatchKind::All => self.add_all(table, failed, block, holding),
        }
        if table.longest_chain <= table.block() {
            return;
        }
        let marked = word(self.conditions.builder, block, 0);
        let mut is_over = self.ins().ushr_imm_s(marked, i64::from(mark::LAST.trailing_zeros()));
        if self.kind == MatchKind::First {
            // Later entries of a chain have higher ranks.
            let Some(fails) = fails else { return };
            let holds = self.ins().icmp_imm_s(IntCC::Equal, fails, 0);
            let holds = self.ins().uextend(types::I32, holds);
            is_over = self.ins().bor(is_over, holds);
        }
        let is_over = self.conditions.both(failed, is_over);
        let second = (self.ins().iadd_imm_s(block.0, block_size(table)), block.1);
        self.chain_if(table, Some(is_over), second);
    }

    /// Emits whether no entry of a block holds, in 32 bits that are 0 if some entry does; `None` if it surely does.
    fn fails(&mut self, holding: Holding) -> Option<ir::Value> {
        match holding {
            Holding::All => None,
            Holding::Unless(fails) => Some(fails),
            Holding::Bits(bits) => {
                let none = self.ins().icmp_imm_s(IntCC::Equal, bits, 0);
                Some(self.ins().uextend(types::I32, none))
            }
        }
    }

    /// Emits whether an entry of a block does not hold, likewise.
    fn fails_in(&mut self, holding: Holding, lane: usize) -> Option<ir::Value> {
        let Holding::Bits(bits) = holding else { return self.fails(holding) };
        let bit = self.ins().band_imm_s(bits, 1 << lane);
        let fails = self.ins().icmp_imm_s(IntCC::Equal, bit, 0);
        Some(self.ins().uextend(types::I32, fails))
    }

    /// Emits the rank of the first entry of a block that holds, or of some entry if none holds.
    fn first_rank(&mut self, table: &Table, block: WordAddress, holding: Holding) -> ir::Value {
        match holding {
            Holding::Bits(bits) => {
                let ends = self.ins().bor_imm_s(bits, 1 << (BLOCK - 1));
                let lane = self.ins().ctz(ends);
                let head = self.head_at(block, lane);
                self.rank(table, head)
            }
            _ => self.rank(table, block),
        }
    }

    /// Emits the address of the head of an entry of a block.
    fn head_at(&mut self, block: WordAddress, lane: ir::Value) -> WordAddress {
        let lane = self.ins().uextend(types::I64, lane);
        let offset = self.ins().ishl_imm_s(lane, 3);
        (self.ins().iadd(block.0, offset), block.1)
    }

    /// Adds all entries of a block that hold.
    fn add_all(&mut self, table: &Table, failed: Option<ir::Value>, block: WordAddress, holding: Holding) {
        for lane in 0..table.block() {
            let fails = self.fails_in(holding, lane);
            let fails = fails.map_or(failed, |fails| Some(self.conditions.both(failed, fails)));
            let head = pair(self.conditions.builder, block, 2 * lane);
            self.state.add_entry(self.conditions.builder, fails, head);
        }
    }

    /// Emits a branch to a chain, if the conditions hold and the table may have lower ranks.
    pub(super) fn chain_unless_late(&mut self, table: &Table, mut failed: Option<ir::Value>, block: WordAddress) {
        if self.kind == MatchKind::First && !self.state.is_first {
            let is_late = self.is_late(table);
            let is_late = self.ins().uextend(types::I32, is_late);
            failed = Some(self.conditions.both(failed, is_late));
        }
        self.chain_if(table, failed, block);
    }

    /// Emits a branch to a chain from a block on, if the conditions hold.
    fn chain_if(&mut self, table: &Table, failed: Option<ir::Value>, block: WordAddress) {
        self.state.begin_branch();
        let builder = &mut *self.conditions.builder;
        let (chain, next) = (builder.create_block(), builder.create_block());
        let address = builder.append_block_param(chain, types::I64);
        match failed {
            Some(failed) => builder.ins().brif(failed, next, &[], chain, &[BlockArg::Value(block.0)]),
            None => builder.ins().jump(chain, &[BlockArg::Value(block.0)]),
        };
        builder.switch_to_block(chain);
        self.chain(table, (address, block.1), chain, next);
        self.conditions.builder.switch_to_block(next);
    }

    /// Emits the loop over a chain: `chain` handles a block of entries, and `next` follows the loop.
    fn chain(&mut self, table: &Table, block: WordAddress, chain: Block, next: Block) {
        if self.kind == MatchKind::First && !self.state.is_first {
            let first = word(self.conditions.builder, block, 0);
            let first = self.ins().band_imm_s(first, i64::from(mark::RANK));
            let best = self.state.best(self.conditions.builder);
            let is_late = self.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, first, best);
            branch_away_if(self.conditions.builder, is_late, next);
        }
        let holding = self.holding(table, block);
        let further = self.conditions.builder.create_block();
        match self.kind {
            MatchKind::All => self.add_all(table, None, block, holding),
            MatchKind::First if table.has_unverified => self.add_unverified(table, block, holding, next),
            MatchKind::First => {
                if let Some(fails) = self.fails(holding) {
                    branch_away_if(self.conditions.builder, fails, further);
                }
                // Later blocks of a chain have higher ranks.
                let rank = self.first_rank(table, block, holding);
                self.set_lower_rank(rank);
                self.ins().jump(next, &[]);
                self.conditions.builder.switch_to_block(further);
                return self.next_block(table, block, chain, next);
            }
        }
        self.ins().jump(further, &[]);
        self.conditions.builder.switch_to_block(further);
        self.next_block(table, block, chain, next);
    }

    /// Emits the jump from a block of entries to the next one of its chain.
    fn next_block(&mut self, table: &Table, block: WordAddress, chain: Block, next: Block) {
        if table.longest_chain <= table.block() {
            self.ins().jump(next, &[]);
            return;
        }
        let marked = word(self.conditions.builder, block, 0);
        let is_last = self.ins().icmp_imm_s(IntCC::SignedLessThan, marked, 0);
        branch_away_if(self.conditions.builder, is_last, next);
        let following = self.ins().iadd_imm_s(block.0, block_size(table));
        self.ins().jump(chain, &[BlockArg::Value(following)]);
    }

    /// Takes a rank if it is less than the least one.
    fn set_lower_rank(&mut self, rank: ir::Value) {
        let builder = &mut *self.conditions.builder;
        let rank = if self.state.is_first {
            rank
        } else {
            let best = self.state.best(builder);
            builder.ins().umin(best, rank)
        };
        self.state.set_rank(builder, rank);
    }

    /// Adds the entries of a block that need verification up to the first that does not, which sets the rank and leads
    /// to `next`.
    fn add_unverified(&mut self, table: &Table, block: WordAddress, holding: Holding, next: Block) {
        for lane in 0..table.block() {
            let fails = self.fails_in(holding, lane);
            let builder = &mut *self.conditions.builder;
            let [unverified, sure, other] = [(); 3].map(|()| builder.create_block());
            if let Some(fails) = fails {
                branch_away_if(builder, fails, other);
            }
            let head = pair(builder, block, 2 * lane);
            let marked = builder.ins().ireduce(types::I32, head);
            let needs_verification = builder.ins().band_imm_s(marked, i64::from(mark::UNVERIFIED));
            builder.ins().brif(needs_verification, unverified, &[], sure, &[]);
            builder.switch_to_block(sure);
            let rank = builder.ins().band_imm_s(marked, i64::from(mark::RANK));
            self.set_lower_rank(rank);
            let builder = &mut *self.conditions.builder;
            builder.ins().jump(next, &[]);
            builder.switch_to_block(unverified);
            self.state.give_up_if_full(builder);
            self.state.add_entry(builder, None, head);
            builder.ins().jump(other, &[]);
            builder.switch_to_block(other);
        }
    }

    /// Emits which entries of a block hold. All conditions are computed: that is faster than a branch for each.
    fn holding(&mut self, table: &Table, block: WordAddress) -> Holding {
        if table.block() == 1 {
            return self.entry_fails(table, block, 0).map_or(Holding::All, Holding::Unless);
        }
        if has_vectors() {
            return self.holding_by_vectors(table, block);
        }
        let mut bits = None;
        for lane in 0..BLOCK {
            let Some(fails) = self.entry_fails(table, block, lane) else { return Holding::All };
            let holds = self.ins().icmp_imm_s(IntCC::Equal, fails, 0);
            let holds = self.ins().uextend(types::I32, holds);
            let bit = self.ins().ishl_imm_s(holds, lane as i64);
            bits = Some(bits.map_or(bit, |bits| self.ins().bor(bits, bit)));
        }
        bits.map_or(Holding::All, Holding::Bits)
    }

    /// Emits the same with a lane for each entry.
    fn holding_by_vectors(&mut self, table: &Table, block: WordAddress) -> Holding {
        let mut all = Vec::new();
        let at = |word: usize| BLOCK * word;
        if let Some(present) = self.present.filter(|_| table.entries_have_needs) {
            let absent = self.ins().bnot(present);
            let upper = self.ins().ushr_imm_s(absent, 32);
            let zero = self.ins().iconst(types::I32, 0);
            let zero = self.ins().splat(types::I32X4, zero);
            for (word, half) in [(2, absent), (3, upper)] {
                let half = self.ins().ireduce(types::I32, half);
                let absent = self.ins().splat(types::I32X4, half);
                let needs = vector(self.conditions.builder, block, at(word));
                let lacking = self.ins().band(needs, absent);
                all.push(self.ins().icmp(IntCC::Equal, lacking, zero));
            }
        }
        let mut word = table.conditions_start();
        for condition in &table.conditions {
            let first = vector(self.conditions.builder, block, at(word));
            all.push(match condition.kind {
                Comparison::Same(mask) => {
                    let value = self.conditions.masked_here(condition.field, mask);
                    let value = self.ins().splat(types::I32X4, value);
                    self.ins().icmp(IntCC::Equal, value, first)
                }
                Comparison::Range => {
                    let span = vector(self.conditions.builder, block, at(word + 1));
                    let value = self.conditions.field_values.values[usize::from(condition.field)];
                    let value = self.ins().splat(types::I32X4, value);
                    let distance = self.ins().isub(value, first);
                    self.ins().icmp(IntCC::UnsignedLessThanOrEqual, distance, span)
                }
            });
            word += condition.words();
        }
        let all = all.into_iter().reduce(|all, holds| self.ins().band(all, holds));
        all.map_or(Holding::All, |all| Holding::Bits(self.ins().vhigh_bits(types::I32, all)))
    }

    /// Emits the conditions of an entry of a block, in 32 bits that are 0 if they hold; `None` if it has none.
    fn entry_fails(&mut self, table: &Table, block: WordAddress, lane: usize) -> Option<ir::Value> {
        let (mut fails, mut below) = (None, None);
        let place = |word: usize| word * table.block() + lane;
        if let Some(present) = self.present.filter(|_| table.entries_have_needs) {
            let [low, high] = [2, 3].map(|at| word(self.conditions.builder, block, place(at)));
            let [low, high] = [low, high].map(|half| self.ins().uextend(types::I64, half));
            let high = self.ins().ishl_imm_s(high, 32);
            let needs = self.ins().bor(low, high);
            let absent = self.ins().band_not(needs, present);
            let is_absent = self.ins().icmp_imm_s(IntCC::NotEqual, absent, 0);
            fails = Some(self.ins().uextend(types::I32, is_absent));
        }
        let mut at = table.conditions_start();
        for condition in &table.conditions {
            let first = word(self.conditions.builder, block, place(at));
            match condition.kind {
                Comparison::Same(mask) => {
                    let value = self.conditions.masked_here(condition.field, mask);
                    let differs = self.ins().bxor(value, first);
                    fails = Some(self.conditions.both(fails, differs));
                }
                Comparison::Range => {
                    let span = word(self.conditions.builder, block, place(at + 1));
                    let value = self.conditions.field_values.values[usize::from(condition.field)];
                    let distance = self.ins().isub(value, first);
                    let [span, distance] = [span, distance].map(|number| self.ins().uextend(types::I64, number));
                    // Negative if the field lies outside.
                    let room = self.ins().isub(span, distance);
                    below = Some(below.map_or(room, |below| self.ins().bor(below, room)));
                }
            }
            at += condition.words();
        }
        if let Some(below) = below {
            let sign = self.ins().ushr_imm_s(below, 63);
            let sign = self.ins().ireduce(types::I32, sign);
            fails = Some(self.conditions.both(fails, sign));
        }
        fails
    }
}

/// Returns the size of a block of entries, in bytes.
fn block_size(table: &Table) -> i64 {
    (4 * table.stride() * table.block()) as i64
}
