//! An index as native code: one function for the first match, one for all.
//!
//! A function computes the fields of the packet, without branches if it is long enough for all fixed places, and then
//! looks into one table after the other. What it finds is what [`Index`](crate::set::index::Index) finds by
//! interpretation.

mod fields;
mod tables;

use std::sync::Arc;

use cranelift_codegen::ir::{InstBuilder, types};

use crate::jit::{CompileError, SetCode, compile_set};
use crate::set::field::Fields;
use crate::set::table::{Table, mark, word};

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
}

/// A question to an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    First,
    All,
}

impl Native {
    pub(super) fn new(fields: &Fields, tables: &Arc<Vec<Table>>) -> Result<Native, CompileError> {
        let all: usize = tables.iter().map(|table| table.longest).sum();
        let asked = if tables.iter().any(has_asked) { MOST_ASKED } else { 0 };
        let compile = |question, room| {
            compile_set(tables.clone(), room, |builder, arguments| {
                let computed = fields::compute(fields, builder, arguments);
                if tables.is_empty() {
                    let none = if question == Question::First { u32::MAX.into() } else { 0 };
                    let none = builder.ins().iconst(types::I64, none);
                    builder.ins().return_(&[none]);
                } else {
                    tables::Prober::new(builder, arguments, computed, question).probe(tables);
                }
            })
        };
        Ok(Native { first: compile(Question::First, asked)?, all: compile(Question::All, all)? })
    }
}

/// Whether some entries of a table must be asked.
fn has_asked(table: &Table) -> bool {
    table.entries[1..].chunks(table.stride()).any(|entry| entry[word::RANK] & mark::ASK != 0)
}
