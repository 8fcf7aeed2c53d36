//! The matches found so far, as variables of the emitted code: the least rank that surely matches, and the number of
//! entries written.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::{FunctionBuilder, Variable};

use crate::classifier::table::{GIVEN_UP, MAX_UNVERIFIED, Tables};

/// Emits the updates of the matches found.
pub(crate) struct MatchState {
    /// The address of the output.
    output: ir::Value,
    /// The rank of no rule.
    none: ir::Value,
    /// The least rank, 32 bits.
    best: Variable,
    /// The number of entries written, 64 bits.
    count: Variable,
    /// `true` as long as no rank can have been found.
    pub(crate) is_first: bool,
    /// The latest rank found, if no other was found since in another block, and the least rank with it.
    least: Option<(ir::Value, ir::Value)>,
}

impl MatchState {
    pub(crate) fn new(builder: &mut FunctionBuilder, tables: &Tables, output: ir::Value) -> MatchState {
        let (best, count) = (builder.declare_var(types::I32), builder.declare_var(types::I64));
        let none = builder.ins().iconst(types::I32, i64::from(tables.none));
        builder.def_var(best, none);
        let zero = builder.ins().iconst(types::I64, 0);
        builder.def_var(count, zero);
        MatchState { output, none, best, count, is_first: true, least: None }
    }

    /// Returns the rank of no rule.
    pub(crate) fn none(&self) -> ir::Value {
        self.none
    }

    /// Emits the least rank found, or that of no rule, 32 bits.
    pub(crate) fn best(&self, builder: &mut FunctionBuilder) -> ir::Value {
        builder.use_var(self.best)
    }

    /// Emits the number of entries written, 64 bits.
    pub(crate) fn count(&self, builder: &mut FunctionBuilder) -> ir::Value {
        builder.use_var(self.count)
    }

    /// Adds a rank, if `fails` is 0 or `None`.
    pub(crate) fn add_rank(&mut self, builder: &mut FunctionBuilder, fails: Option<ir::Value>, rank: ir::Value) {
        let best = builder.use_var(self.best);
        // Consecutive lookups of one entry have one rank.
        let least = match self.least {
            Some((known, least)) if known == rank => least,
            _ if self.is_first => rank,
            _ => builder.ins().umin(best, rank),
        };
        self.least = Some((rank, least));
        let best = fails.map_or(least, |fails| {
            let holds = builder.ins().icmp_imm_s(IntCC::Equal, fails, 0);
            builder.ins().select(holds, least, best)
        });
        builder.def_var(self.best, best);
    }

    /// Sets a rank that is known to be less than those before, in a block that does not dominate all later code.
    pub(crate) fn set_rank(&mut self, builder: &mut FunctionBuilder, rank: ir::Value) {
        builder.def_var(self.best, rank);
    }

    /// Prepares for ranks that are set in blocks that do not dominate all later code.
    pub(crate) fn begin_branch(&mut self) {
        self.least = None;
    }

    /// Writes the head of an entry, and counts it if `fails` is 0 or `None`.
    pub(crate) fn add_entry(&mut self, builder: &mut FunctionBuilder, fails: Option<ir::Value>, head: ir::Value) {
        let count = builder.use_var(self.count);
        let offset = builder.ins().ishl_imm_s(count, 3);
        let address = builder.ins().iadd(self.output, offset);
        builder.ins().store(MemFlagsData::trusted(), head, address, 0);
        let count = match fails {
            Some(fails) => {
                let holds = builder.ins().icmp_imm_s(IntCC::Equal, fails, 0);
                let holds = builder.ins().uextend(types::I64, holds);
                builder.ins().iadd(count, holds)
            }
            None => builder.ins().iadd_imm_s(count, 1),
        };
        builder.def_var(self.count, count);
    }

    /// Returns [`GIVEN_UP`] if the output may be full.
    pub(crate) fn give_up_if_full(&self, builder: &mut FunctionBuilder) {
        let count = builder.use_var(self.count);
        let is_full = builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, count, MAX_UNVERIFIED as i64);
        let [full, here] = [(); 2].map(|()| builder.create_block());
        builder.ins().brif(is_full, full, &[], here, &[]);
        builder.switch_to_block(full);
        builder.set_cold_block(full);
        let given_up = builder.ins().iconst(types::I64, GIVEN_UP.cast_signed());
        builder.ins().return_(&[given_up]);
        builder.switch_to_block(here);
    }
}
