//! The first match of many packets: a compiled loop, or columns that vectors look up.

use std::sync::Arc;

use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::assumed_lengths::AssumedLengths;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{Lookup, MatchKind, TOO_SHORT, Table, Tables};
use crate::classifier::term::Rank;
use crate::codegen::classifier::field_values::{self, FieldValues};
use crate::codegen::classifier::table_functions::{Arguments, TableLoop, compile_table_loop};
use crate::codegen::classifier::{TableCode, lower};
use crate::codegen::error::CompileError;
use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::codegen::vector::{Choice, Columns, LANES, MAX_COLUMNS, TableProgram};

/// The cost of tables, as [`Tables::cost`] returns it, up to which a loop takes less time than columns.
const COST_OF_LOOP: f64 = 250.0;

/// Returns the least rank that matches each of many packets, or [`Tables::none`].
#[derive(Debug)]
pub(crate) struct TableBatchCode {
    way: Way,
    /// The code for one packet, which needs no output: for packets that are too short for the other.
    single: Arc<TableCode>,
}

#[derive(Debug)]
enum Way {
    Loop(TableLoop),
    /// A loop that fills columns, what looks them up, and the choice between this and the code for one packet.
    Columns(TableLoop, TableProgram, Choice),
}

impl TableBatchCode {
    pub(crate) fn new(
        fields: &PacketFields,
        tables: &Arc<Tables>,
        assumed: &AssumedLengths,
        single: Arc<TableCode>,
    ) -> Result<TableBatchCode, CompileError> {
        let by_columns = are_worth_columns(tables).then(|| columns(fields, tables, assumed));
        if let Some(way) = by_columns.flatten().transpose()? {
            return Ok(TableBatchCode { way, single });
        }
        #[expect(unsafe_code, reason = "vouches for the code of the tables")]
        // SAFETY: `TableLowering` reads `tables` and writes no entries for first matches if none needs verification.
        // `field_values` reads the packet after its bounds checks.
        let code = unsafe {
            compile_table_loop(tables.clone(), |builder, arguments, give| {
                lower(builder, arguments, (fields, tables), assumed, MatchKind::First, |builder, result| {
                    let rank = result.map_or_else(|| too_short(builder), |(best, _)| best);
                    give(builder, rank);
                });
            })
        };
        Ok(TableBatchCode { way: Way::Loop(code?), single })
    }

    /// Returns whether vectors look up columns.
    pub(crate) fn is_by_vectors(&self) -> bool {
        matches!(self.way, Way::Columns(..))
    }

    /// Writes the answers for the packets from `first` on, one for each place in `ranks`. Where vectors take longer,
    /// `run_alone` writes them.
    pub(crate) fn run_from(
        &self,
        first: usize,
        records: &PacketRecords,
        ranks: &mut [Rank],
        run_alone: impl FnOnce(&mut [Rank]),
    ) {
        match &self.way {
            Way::Loop(code) => code.run_from(first, records, ranks),
            Way::Columns(code, program, choice) => {
                let turn = choice.begin(ranks.len());
                match turn.is_by_vectors(ranks.len()) || cfg!(debug_assertions) {
                    true => run_columns(code, program, first, records, ranks),
                    false => run_alone(ranks),
                }
                choice.end(&turn, ranks.len());
            }
        }
        for (place, rank) in ranks.iter_mut().enumerate().filter(|(_, rank)| **rank == TOO_SHORT) {
            if let Some(packet) = records.packets(first + place).next() {
                *rank = self.single.call_general(&packet, &mut []) as Rank;
            }
        }
    }
}

fn run_columns(code: &TableLoop, program: &TableProgram, first: usize, records: &PacketRecords, ranks: &mut [Rank]) {
    let mut columns: Columns = [[0; LANES]; MAX_COLUMNS];
    records.in_chunks(first..first + ranks.len(), PrefetchRange::CLASSIFIER, LANES, |chunk| {
        for start in chunk.clone().step_by(LANES) {
            let range = start..chunk.end.min(start + LANES);
            let ranks = &mut ranks[range.start - first..range.end - first];
            #[expect(unsafe_code, reason = "vouches for the code of the columns")]
            // SAFETY: `fill_columns` writes the columns of the program, and `TableProgram::new` has found that
            // there are at most `MAX_COLUMNS`.
            unsafe {
                code.run_columns(records, range, &mut columns);
            }
            program.run(&columns, ranks);
        }
    });
}

/// Returns whether to look up columns probably takes less time than the loop, which does not store fields.
fn are_worth_columns(tables: &Tables) -> bool {
    let is_map = |table: &Table| matches!(table.lookup, Lookup::Intervals { .. } | Lookup::BitVectors(_));
    TableProgram::is_available()
        && (tables.cost() > COST_OF_LOOP || tables.for_kind(MatchKind::First).any(is_map) || cfg!(debug_assertions))
}

/// Returns the way by columns, if the tables suit it.
fn columns(fields: &PacketFields, tables: &Arc<Tables>, assumed: &AssumedLengths) -> Option<Result<Way, CompileError>> {
    let mut absent = Vec::new();
    #[expect(unsafe_code, reason = "vouches for the code of the columns")]
    // SAFETY: `fill_columns` writes each column at the place of the packet. `field_values` reads the packet after its
    // bounds checks.
    let code = unsafe {
        compile_table_loop(tables.clone(), |builder, arguments, give| {
            let lacking = builder.create_block();
            let values = field_values::compute(fields, builder, arguments, tables, assumed, lacking);
            absent = fill_columns(builder, arguments, &values);
            let complete = builder.ins().iconst(types::I32, 0);
            give(builder, complete);
            builder.switch_to_block(lacking);
            builder.set_cold_block(lacking);
            let lacks = too_short(builder);
            give(builder, lacks);
        })
    };
    let code = match code {
        Ok(code) => code,
        Err(error) => return Some(Err(error)),
    };
    TableProgram::new(tables, absent).map(|program| Ok(Way::Columns(code, program, Choice::default())))
}

/// Emits the stores of fields and of what says whether they are absent. Returns the columns of the latter.
fn fill_columns(builder: &mut FunctionBuilder, arguments: Arguments, values: &FieldValues) -> Vec<Option<usize>> {
    let mut stored = values.values.clone();
    let mut column_of = |absent: ir::Value| {
        let fields = values.values.len();
        let known = stored[fields..].iter().position(|&other| other == absent);
        let place = known.unwrap_or_else(|| {
            stored.push(absent);
            stored.len() - 1 - fields
        });
        1 + fields + place
    };
    let absent = values.absent.iter().map(|absent| absent.map(&mut column_of)).collect();
    for (column, value) in (1..).zip(stored) {
        let offset = column * size_of::<[u32; LANES]>() as i32;
        builder.ins().store(MemFlagsData::trusted(), value, arguments.output, offset);
    }
    absent
}

fn too_short(builder: &mut FunctionBuilder) -> ir::Value {
    builder.ins().iconst(types::I32, i64::from(TOO_SHORT))
}
