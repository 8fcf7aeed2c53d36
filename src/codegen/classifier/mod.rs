//! An index as native code: functions for the first match, for all, and for the first match of many packets.
//!
//! A function computes the fields of the packet, and then looks into one table after the other: without branches, which
//! nobody foresees, as far as that is worth it. What it finds is what [`RuleIndex`](crate::filter_set::rule_index::RuleIndex) finds by
//! interpretation.

mod answer;
mod code;
mod conditions;
mod fields;
mod merged_tables;
mod probe;
mod slot_lookup;

use std::sync::Arc;

use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{MAX_WRITTEN, TOO_SHORT, Tables};
pub(crate) use crate::codegen::classifier::code::SetBatchCode;
use crate::codegen::classifier::code::{SetCode, compile_set, compile_set_batch};
use crate::codegen::classifier::fields::Granted;
use crate::codegen::classifier::probe::Prober;
use crate::codegen::error::CompileError;
use crate::packet::Packet;

/// The code of an index.
#[derive(Debug)]
pub(crate) struct Native {
    /// Gives the least rank that surely matches, or [`Tables::none`], and in the upper half how many entries it wrote
    /// that must be asked, all that may have a lower rank among them; or [`GIVEN_UP`](crate::classifier::table::GIVEN_UP).
    pub(crate) first: Arc<Code>,
    /// Writes all entries that hold, and gives how many there are.
    pub(crate) all: Arc<Code>,
    /// Gives the least rank that matches each of many packets, [`Tables::none`], or [`TOO_SHORT`]; there is no
    /// such code if some entries must be asked.
    pub(crate) batch: Option<SetBatchCode>,
}

/// The code for a question, twice.
#[derive(Debug)]
pub(crate) struct Code {
    most: SetCode,
    /// For packets that lack what the other takes for granted.
    any: Option<SetCode>,
}

/// A question to an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    First,
    All,
}

impl Native {
    pub(crate) fn new(fields: &PacketFields, tables: &Arc<Tables>) -> Result<Native, CompileError> {
        // One more than are found, since code writes before it knows whether an entry holds.
        let room: usize = tables.list.iter().map(|table| table.longest_chain).sum::<usize>() + 1;
        let asked = if tables.has_unverified() { MAX_WRITTEN } else { 0 };
        let granted = Granted::of(fields);
        let code = |question, room, granted: &Granted| {
            #[expect(unsafe_code, reason = "vouches for the code of the tables")]
            // SAFETY: `Prober` reads `tables` and writes no more than `room` entries: all of the longest chain of each
            // table, or `MAX_WRITTEN`; `fields` reads the packet after its bounds checks.
            unsafe {
                compile_set(tables.clone(), room, |builder, arguments| {
                    let lacking = builder.create_block();
                    let computed = fields::compute(fields, builder, arguments, tables, granted, lacking);
                    let (best, count) = Prober::new(builder, arguments, fields, computed, tables, question).probe();
                    let answer = match question {
                        Question::All => count,
                        Question::First if asked == 0 => builder.ins().uextend(types::I64, best),
                        Question::First => {
                            let best = builder.ins().uextend(types::I64, best);
                            let count = builder.ins().ishl_imm_s(count, 32);
                            builder.ins().bor(best, count)
                        }
                    };
                    builder.ins().return_(&[answer]);
                    builder.switch_to_block(lacking);
                    builder.set_cold_block(lacking);
                    let lacks = builder.ins().iconst(types::I64, i64::from(TOO_SHORT));
                    builder.ins().return_(&[lacks]);
                })
            }
        };
        let twice = |question, room| {
            let any = (granted != Granted::default()).then(|| code(question, room, &Granted::default()));
            Ok(Code { most: code(question, room, &granted)?, any: any.transpose()? })
        };
        let batch = (asked == 0).then(|| {
            #[expect(unsafe_code, reason = "vouches for the code of the tables")]
            // SAFETY: as above; for the first match of rules that all tables decide, `Prober` writes nothing.
            unsafe {
                compile_set_batch(tables.clone(), |builder, arguments, give| {
                    let lacking = builder.create_block();
                    let computed = fields::compute(fields, builder, arguments, tables, &granted, lacking);
                    let (best, _) = Prober::new(builder, arguments, fields, computed, tables, Question::First).probe();
                    give(builder, best);
                    builder.switch_to_block(lacking);
                    builder.set_cold_block(lacking);
                    let lacks = builder.ins().iconst(types::I32, i64::from(TOO_SHORT));
                    give(builder, lacks);
                })
            }
        });
        Ok(Native {
            first: Arc::new(twice(Question::First, asked)?),
            all: Arc::new(twice(Question::All, room)?),
            batch: batch.transpose()?,
        })
    }
}

/// Goes on in a new block, or elsewhere if this is not 0.
fn go_on_unless(builder: &mut FunctionBuilder, condition: Value, elsewhere: Block) {
    let here = builder.create_block();
    builder.ins().brif(condition, elsewhere, &[], here, &[]);
    builder.switch_to_block(here);
}

impl Code {
    /// How many numbers the code may write.
    pub(crate) fn room(&self) -> usize {
        self.most.room()
    }

    /// The answer for a packet.
    ///
    /// # Panics
    /// If there is not enough room.
    #[inline]
    pub(crate) fn call(&self, packet: &Packet, found: &mut [u64]) -> u64 {
        let answer = self.most.call(packet.data(), packet.wire_len(), found);
        if answer == u64::from(TOO_SHORT) { self.call_any(packet, found) } else { answer }
    }

    /// The answer for a packet, with as much room as is needed.
    #[inline]
    pub(crate) fn call_with_room(&self, packet: &Packet, found: &mut Vec<u64>) -> u64 {
        // It never becomes shorter, so that it need not be filled again.
        if found.len() < self.room() {
            found.resize(self.room(), 0);
        }
        self.call(packet, found)
    }

    #[cold]
    fn call_any(&self, packet: &Packet, found: &mut [u64]) -> u64 {
        self.any.as_ref().unwrap_or(&self.most).call(packet.data(), packet.wire_len(), found)
    }
}
