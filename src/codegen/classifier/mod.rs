//! Native code of the tables of a classifier: for the first match, for all matches, and for the first match of many
//! packets.
//!
//! A function computes the fields of the packet, and looks them up in one table after the other, without branches where
//! these would be mispredicted. It finds the same matches as the interpreter of the tables.

mod batch_lookup;
mod bit_vectors;
mod chains;
mod conditions;
mod field_values;
mod match_state;
mod merged_tables;
mod slot_lookup;
mod table_functions;
mod table_lowering;

use std::sync::Arc;

use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::assumed_lengths::AssumedLengths;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{BLOCK, MAX_WRITTEN, MatchKind, TOO_SHORT, Tables};
pub(crate) use crate::codegen::classifier::batch_lookup::TableBatchCode;
use crate::codegen::classifier::table_functions::{Arguments, TableFunction, compile_table_function};
use crate::codegen::classifier::table_lowering::TableLowering;
use crate::codegen::error::CompileError;
use crate::packet::Packet;

/// The code of a classifier.
#[derive(Debug)]
pub(crate) struct ClassifierCode {
    /// Returns the least rank that surely matches, or [`Tables::none`], and in the upper half the number of entries
    /// that it wrote, all entries with lower ranks that need verification among them; or
    /// [`GIVEN_UP`](crate::classifier::table::GIVEN_UP).
    pub(crate) first: Arc<TableCode>,
    /// Writes all entries that match, and returns their number.
    pub(crate) all: Arc<TableCode>,
    /// Returns the least rank that matches each of many packets, or [`Tables::none`]. There is no such code if some
    /// entries need verification.
    pub(crate) batch: Option<TableBatchCode>,
}

/// The code for matches of one kind.
#[derive(Debug)]
pub(crate) struct TableCode {
    /// Assumes some lengths of packets.
    fast: TableFunction,
    /// For packets for which the assumptions do not hold.
    general: Option<TableFunction>,
}

/// Emits code of a classifier: the lookups, [`TOO_SHORT`] for packets that are too short, and returns by `give`.
/// `first` and `all` get the least rank and the number of entries written.
fn lower(
    builder: &mut FunctionBuilder,
    arguments: Arguments,
    (fields, tables): (&PacketFields, &Tables),
    assumed: &AssumedLengths,
    kind: MatchKind,
    give: impl Fn(&mut FunctionBuilder, Option<(Value, Value)>),
) {
    let lacking = builder.create_block();
    let values = field_values::compute(fields, builder, arguments, tables, assumed, lacking);
    let result = TableLowering::new(builder, arguments, fields, values, tables, kind).lower();
    give(builder, Some(result));
    builder.switch_to_block(lacking);
    builder.set_cold_block(lacking);
    give(builder, None);
}

impl ClassifierCode {
    pub(crate) fn new(fields: &PacketFields, tables: &Arc<Tables>) -> Result<ClassifierCode, CompileError> {
        // One more than are found, since code writes an entry before its conditions are known.
        let for_all = tables.for_kind(MatchKind::All);
        let most_found = for_all.map(|table| table.longest_chain.next_multiple_of(BLOCK)).sum::<usize>() + 1;
        let most_verified = if tables.has_unverified() { MAX_WRITTEN } else { 0 };
        let assumed = AssumedLengths::of(fields);
        let function = |kind, output_len, assumed: &AssumedLengths| {
            let give = |builder: &mut FunctionBuilder, result| {
                let answer = match (kind, result) {
                    (_, None) => builder.ins().iconst(types::I64, i64::from(TOO_SHORT)),
                    (MatchKind::All, Some((_, count))) => count,
                    (MatchKind::First, Some((best, _))) if most_verified == 0 => {
                        builder.ins().uextend(types::I64, best)
                    }
                    (MatchKind::First, Some((best, count))) => {
                        let best = builder.ins().uextend(types::I64, best);
                        let count = builder.ins().ishl_imm_s(count, 32);
                        builder.ins().bor(best, count)
                    }
                };
                builder.ins().return_(&[answer]);
            };
            #[expect(unsafe_code, reason = "vouches for the code of the tables")]
            // SAFETY: `TableLowering` reads `tables` and writes at most `output_len` entries: all of the longest chain
            // of each table, or `MAX_WRITTEN`. `field_values` reads the packet after its bounds checks.
            unsafe {
                compile_table_function(tables.clone(), output_len, |builder, arguments| {
                    lower(builder, arguments, (fields, tables), assumed, kind, give);
                })
            }
        };
        let code = |kind, output_len| {
            let needs_general = assumed != AssumedLengths::default();
            let general = needs_general.then(|| function(kind, output_len, &AssumedLengths::default()));
            let fast = function(kind, output_len, &assumed)?;
            Ok(TableCode { fast, general: general.transpose()? })
        };
        let first = Arc::new(code(MatchKind::First, most_verified)?);
        let batch = (most_verified == 0).then(|| TableBatchCode::new(fields, tables, &assumed, first.clone()));
        Ok(ClassifierCode { all: Arc::new(code(MatchKind::All, most_found)?), batch: batch.transpose()?, first })
    }
}

/// Branches to `elsewhere` if a condition is not 0, and continues in a new block otherwise.
fn branch_away_if(builder: &mut FunctionBuilder, condition: Value, elsewhere: Block) {
    let here = builder.create_block();
    builder.ins().brif(condition, elsewhere, &[], here, &[]);
    builder.switch_to_block(here);
}

impl TableCode {
    /// Returns the length of the output, in entries, that a call needs.
    pub(crate) fn output_len(&self) -> usize {
        self.fast.output_len()
    }

    /// Returns the answer for a packet.
    ///
    /// # Panics
    /// If the output is too short.
    #[inline]
    pub(crate) fn call(&self, packet: &Packet, output: &mut [u64]) -> u64 {
        let answer = self.fast.call(packet.data(), packet.wire_len(), output);
        if answer == u64::from(TOO_SHORT) { self.call_general(packet, output) } else { answer }
    }

    /// Returns the answer for a packet; the output grows to the length needed, and never shrinks.
    #[inline]
    pub(crate) fn call_growing(&self, packet: &Packet, output: &mut Vec<u64>) -> u64 {
        if output.len() < self.output_len() {
            output.resize(self.output_len(), 0);
        }
        self.call(packet, output)
    }

    /// Returns the answer for a packet that may be shorter than most.
    ///
    /// # Panics
    /// If the output is too short.
    #[cold]
    fn call_general(&self, packet: &Packet, output: &mut [u64]) -> u64 {
        self.general.as_ref().unwrap_or(&self.fast).call(packet.data(), packet.wire_len(), output)
    }
}
