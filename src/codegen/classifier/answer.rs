//! What the tables have found so far, as native code: the least rank that surely matches, and entries that were
//! written.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::{FunctionBuilder, Variable};

use crate::classifier::table::Tables;
use crate::classifier::table::{GIVEN_UP, MAX_UNVERIFIED};

/// Takes what is found.
pub(crate) struct Answer {
    /// Where entries are written.
    found: ir::Value,
    /// The rank of no rule.
    none: ir::Value,
    /// The least rank, 32 bits.
    best: Variable,
    /// How many entries were written, 64 bits.
    count: Variable,
    /// Whether no rank can have been taken yet.
    pub(crate) is_first: bool,
    /// The rank that was taken last, if nothing else can have been since, and the least of it and those before.
    least: Option<(ir::Value, ir::Value)>,
}

impl Answer {
    pub(crate) fn new(builder: &mut FunctionBuilder, tables: &Tables, found: ir::Value) -> Answer {
        let (best, count) = (builder.declare_var(types::I32), builder.declare_var(types::I64));
        let none = builder.ins().iconst(types::I32, i64::from(tables.none));
        builder.def_var(best, none);
        let zero = builder.ins().iconst(types::I64, 0);
        builder.def_var(count, zero);
        Answer { found, none, best, count, is_first: true, least: None }
    }

    /// The rank of no rule.
    pub(crate) fn none(&self) -> ir::Value {
        self.none
    }

    /// The least rank that was taken, or none, 32 bits.
    pub(crate) fn best(&self, builder: &mut FunctionBuilder) -> ir::Value {
        builder.use_var(self.best)
    }

    /// How many entries were written, 64 bits.
    pub(crate) fn count(&self, builder: &mut FunctionBuilder) -> ir::Value {
        builder.use_var(self.count)
    }

    /// Takes a rank, unless something is missing.
    pub(crate) fn take_rank(&mut self, builder: &mut FunctionBuilder, missing: Option<ir::Value>, rank: ir::Value) {
        let best = builder.use_var(self.best);
        // Tables with one entry, asked about one after the other, have one rank.
        let least = match self.least {
            Some((known, least)) if known == rank => least,
            _ if self.is_first => rank,
            _ => builder.ins().umin(best, rank),
        };
        self.least = Some((rank, least));
        let taken = missing.map_or(least, |missing| {
            let holds = builder.ins().icmp_imm_s(IntCC::Equal, missing, 0);
            builder.ins().select(holds, least, best)
        });
        builder.def_var(self.best, taken);
    }

    /// Takes a rank that is known to be less than those before, in a block that not all later code comes by.
    pub(crate) fn take_less(&mut self, builder: &mut FunctionBuilder, rank: ir::Value) {
        builder.def_var(self.best, rank);
    }

    /// Says that others may take ranks in blocks that not all later code comes by.
    pub(crate) fn branch(&mut self) {
        self.least = None;
    }

    /// Writes the head of an entry, and counts it unless something is missing.
    pub(crate) fn take_head(&mut self, builder: &mut FunctionBuilder, missing: Option<ir::Value>, head: ir::Value) {
        let count = builder.use_var(self.count);
        let offset = builder.ins().ishl_imm_s(count, 3);
        let place = builder.ins().iadd(self.found, offset);
        builder.ins().store(MemFlagsData::trusted(), head, place, 0);
        let count = match missing {
            Some(missing) => {
                let holds = builder.ins().icmp_imm_s(IntCC::Equal, missing, 0);
                let holds = builder.ins().uextend(types::I64, holds);
                builder.ins().iadd(count, holds)
            }
            None => builder.ins().iadd_imm_s(count, 1),
        };
        builder.def_var(self.count, count);
    }

    /// Ends the function if so many entries were written that there may be no room for the next one.
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
