//! An index as native code: one function for the first match, one for all.
//!
//! A function computes the fields of the packet, without branches if it is long enough for all fixed places, and then
//! looks into one table after the other. What it finds is what [`Index`](crate::set::index::Index) finds by
//! interpretation.

mod fields;
mod tables;

use std::sync::Arc;

use cranelift_codegen::ir::{InstBuilder, types};
use cranelift_frontend::FunctionBuilder;

use crate::jit::{CompileError, SetBatchCode, SetCode, compile_set, compile_set_batch};
use crate::set::field::Fields;
use crate::set::table::Table;

/// How many entries that must be asked the code for the first match collects, before it gives up.
pub(super) const MOST_ASKED: usize = 32;

/// What the code for the first match answers when it gives up.
pub(super) const GIVEN_UP: u64 = u64::MAX;

/// The code of an index.
#[derive(Debug)]
pub(super) struct Native {
    /// Gives the least rank that surely matches, all ones if none does, and in the upper half how many entries it wrote
    /// that have a lower rank and must be asked; or [`GIVEN_UP`].
    pub(super) first: SetCode,
    /// Writes all entries that hold, and gives how many there are.
    pub(super) all: SetCode,
    /// Gives the least rank that matches each of many packets, all ones if none does; there is none if some entries must be
    /// asked.
    pub(super) batch: Option<SetBatchCode>,
}

/// A question to an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    First,
    All,
}

impl Native {
    pub(super) fn new(fields: &Fields, tables: &Arc<Vec<Table>>) -> Result<Native, CompileError> {
        let room: usize = tables.iter().map(|table| table.longest).sum();
        let asked = if tables.iter().any(|table| table.has_asked) { MOST_ASKED } else { 0 };
        let probe = |builder: &mut FunctionBuilder, arguments, question| {
            let computed = fields::compute(fields, builder, arguments);
            tables::Prober::new(builder, arguments, computed, question).probe(tables)
        };
        let first = compile_set(tables.clone(), asked, |builder, arguments| {
            let (best, count) = probe(builder, arguments, Question::First);
            let best = builder.ins().uextend(types::I64, best);
            let count = builder.ins().ishl_imm_s(count, 32);
            let answer = builder.ins().bor(best, count);
            builder.ins().return_(&[answer]);
        })?;
        let all = compile_set(tables.clone(), room, |builder, arguments| {
            let (_, count) = probe(builder, arguments, Question::All);
            builder.ins().return_(&[count]);
        })?;
        let batch = match asked {
            0 => Some(compile_set_batch(tables.clone(), |builder, arguments| {
                probe(builder, arguments, Question::First).0
            })?),
            _ => None,
        };
        Ok(Native { first, all, batch })
    }
}
