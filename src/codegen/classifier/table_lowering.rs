//! Lowers tables to native code: for each the hash of the key, the lookup of its slot, and the entries of the slot.
//!
//! The conditions of entries are combined without branches, and select the result at the end, so that matches in
//! varying tables mispredict no branch. If a table has long chains, or too many conditions, one branch skips its
//! entries.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder};

use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{Lookup, MatchKind, Table, Tables};
use crate::classifier::table_entry::{TableEntry, mark};
use crate::codegen::classifier::branch_away_if;
use crate::codegen::classifier::conditions::Conditions;
use crate::codegen::classifier::field_values::FieldValues;
use crate::codegen::classifier::match_state::MatchState;
use crate::codegen::classifier::merged_tables::{self, MergedTable};
use crate::codegen::classifier::slot_lookup::{SlotLookup, WordAddress, word};
use crate::codegen::classifier::table_functions::Arguments;
use crate::ir::Hashing;

/// The most columns, of all tables without chains together, that are compared without branches.
const MOST_BRANCHLESS: usize = 24;

/// The number of tables after which a branch skips the later ones if they have no lower ranks.
const STRETCH: usize = 8;

/// Emits the lookups in all tables.
pub(crate) struct TableLowering<'a, 'f> {
    pub(super) conditions: Conditions<'a, 'f>,
    pub(super) lookup: SlotLookup<'a>,
    pub(super) state: MatchState,
    fields: &'a PacketFields,
    tables: &'a Tables,
    pub(super) kind: MatchKind,
    /// `true` if entries without chains are compared without branches.
    is_branchless: bool,
    /// The block that returns.
    done: Block,
    /// The conditions of merged tables, by the guard and the conditions of both.
    selected: HashMap<(ir::Value, Option<ir::Value>, Option<ir::Value>), ir::Value, Hashing>,
    /// The ranks of entries.
    ranks: HashMap<WordAddress, ir::Value, Hashing>,
    /// The fields that the packet has, a bit each, 64 bits, if entries differ in what they need.
    pub(super) present: Option<ir::Value>,
}

impl<'a, 'f> TableLowering<'a, 'f> {
    pub(crate) fn new(
        builder: &'a mut FunctionBuilder<'f>,
        arguments: Arguments,
        fields: &'a PacketFields,
        field_values: FieldValues,
        tables: &'a Tables,
        kind: MatchKind,
    ) -> TableLowering<'a, 'f> {
        let state = MatchState::new(builder, tables, arguments.output);
        let lookup = SlotLookup::new(builder, tables, kind);
        let done = builder.create_block();
        let mut conditions = Conditions::new(builder, field_values);
        let present = tables.list.iter().any(|table| table.entries_have_needs).then(|| conditions.all_present());
        let unchained = tables.list.iter().filter(|table| table.longest_chain <= table.block() && table.is_for(kind));
        let is_branchless = unchained.map(|table| table.conditions.len()).sum::<usize>() <= MOST_BRANCHLESS;
        let (selected, ranks) = (HashMap::default(), HashMap::default());
        TableLowering { conditions, lookup, state, fields, tables, kind, is_branchless, done, selected, ranks, present }
    }

    /// Emits the lookups. Returns the least rank that surely matches, 32 bits, and the number of entries written, 64
    /// bits.
    pub(crate) fn lower(mut self) -> (ir::Value, ir::Value) {
        for (index, (table, merged)) in
            merged_tables::merge(self.fields, &self.tables.list, self.kind).into_iter().enumerate()
        {
            self.state.is_first = index == 0;
            if self.kind == MatchKind::First && index > 0 && index % STRETCH == 0 {
                let is_late = self.is_late(table);
                branch_away_if(self.conditions.builder, is_late, self.done);
            }
            match merged {
                Some(merged) => self.merged_tables(table, &merged),
                None => self.table(table),
            }
        }
        let builder = &mut *self.conditions.builder;
        builder.ins().jump(self.done, &[]);
        builder.switch_to_block(self.done);
        (self.state.best(builder), self.state.count(builder))
    }

    pub(super) fn ins(&mut self) -> FuncInstBuilder<'_, 'f> {
        self.conditions.builder.ins()
    }

    /// Emits whether a table and those after it have only higher ranks than one that was found.
    pub(super) fn is_late(&mut self, table: &Table) -> ir::Value {
        let best = self.state.best(self.conditions.builder);
        self.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, best, i64::from(table.first_rank))
    }

    fn table(&mut self, table: &Table) {
        if !table.inline_terms.is_empty() {
            return self.inline_terms(table);
        }
        let mut failed = self.conditions.common(table, None);
        if table.lookup == Lookup::Chain {
            let start = self.lookup.start(self.conditions.builder, table);
            return self.chain_unless_late(table, failed, start);
        }
        if let Lookup::BitVectors(vectors) = table.lookup {
            return self.bit_vectors(table, vectors, failed);
        }
        let key = table.key.iter().map(|key| self.conditions.masked(key.field, key.mask)).collect();
        let (content, differs) = self.lookup.content(self.conditions.builder, table, key);
        failed = self.conditions.join(failed.into_iter().chain(differs).collect());
        if let Some(verdict) = table.slot_verdict {
            return self.add_rank_of_slot(failed, content, verdict);
        }
        let entry = self.lookup.entry_at(self.conditions.builder, content, table.start);
        let is_plain = self.kind == MatchKind::All || !table.has_unverified;
        if is_plain && (self.is_branchless && table.longest_chain <= table.block() || self.tables.is_likely(table)) {
            self.add_first_block(table, failed, entry);
        } else {
            self.chain_unless_late(table, failed, entry);
        }
    }

    /// Emits one lookup for two merged tables.
    fn merged_tables(&mut self, table: &Table, merged: &MergedTable) {
        let conditions = &mut self.conditions;
        let [key, other] = [table, merged.table].map(|table| conditions.masked(table.key[0].field, table.key[0].mask));
        let [condition, other_condition] =
            [conditions.common(table, Some(merged.guard)), conditions.common(merged.table, None)];
        let guard = conditions.guard(merged.guard);
        let holds = self.ins().icmp_imm_s(IntCC::Equal, guard, 0);
        let key = self.ins().select(holds, key, other);
        let failed = match self.selected.get(&(guard, condition, other_condition)) {
            Some(&known) => known,
            None => {
                let none = self.ins().iconst(types::I32, 0);
                let failed = self.ins().select(holds, condition.unwrap_or(none), other_condition.unwrap_or(none));
                self.selected.insert((guard, condition, other_condition), failed);
                failed
            }
        };
        let verdict = table.slot_verdict.expect("merged tables have ranks only");
        let (rank, differs) = self.lookup.content(self.conditions.builder, table, vec![key]);
        let failed = differs.map_or(failed, |differs| self.conditions.both(Some(failed), differs));
        self.add_rank_of_slot(Some(failed), rank, verdict);
    }

    /// Adds a rank of a slot, 64 bits, which has no marks, if the conditions hold.
    fn add_rank_of_slot(&mut self, failed: Option<ir::Value>, rank: ir::Value, verdict: u32) {
        match self.kind {
            MatchKind::First => {
                let rank = self.ins().ireduce(types::I32, rank);
                self.state.add_rank(self.conditions.builder, failed, rank);
            }
            MatchKind::All => {
                let verdict = self.ins().iconst(types::I64, (u64::from(verdict) << 32).cast_signed());
                let head = self.ins().bor(rank, verdict);
                self.state.add_entry(self.conditions.builder, failed, head);
            }
        }
    }

    /// Emits the conditions of each term of a table, with its numbers in the code.
    fn inline_terms(&mut self, table: &Table) {
        let none = self.state.none();
        let mut best = none;
        // The selection of the first term comes last, and wins.
        for term in table.inline_terms.iter().rev() {
            let failed = self.conditions.term(term);
            let marked = table.marked(term, false);
            if self.kind == MatchKind::All || marked & mark::UNVERIFIED != 0 {
                let head = TableEntry { marked, verdict: term.verdict.unwrap_or(0) }.into_words();
                let head = self.ins().iconst(types::I64, head.cast_signed());
                self.state.add_entry(self.conditions.builder, failed, head);
                continue;
            }
            let rank = self.ins().iconst(types::I32, i64::from(term.rank));
            best = match failed {
                Some(failed) => {
                    let holds = self.ins().icmp_imm_s(IntCC::Equal, failed, 0);
                    self.ins().select(holds, rank, best)
                }
                None => rank,
            };
        }
        if best != none {
            self.state.add_rank(self.conditions.builder, None, best);
        }
    }

    /// Emits the rank of an entry, without its marks.
    pub(super) fn rank(&mut self, table: &Table, entry: WordAddress) -> ir::Value {
        if let Some(&known) = self.ranks.get(&entry) {
            return known;
        }
        let mut rank = word(self.conditions.builder, entry, 0);
        if table.has_marks {
            rank = self.ins().band_imm_s(rank, i64::from(mark::RANK));
        }
        self.ranks.insert(entry, rank);
        rank
    }
}
