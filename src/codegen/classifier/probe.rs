//! The tables as native code: for each the hash, the one slot that it names, and what belongs to that.
//!
//! What holds for all entries is not asked before, but beside: all that may be missing flows together, and decides at
//! the end. So a packet that has something in a few tables only, in no order, mispredicts no branch. Where a table has
//! chains, or there are too many conditions, one branch decides whether they are looked at.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, BlockArg, InstBuilder, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder};

use crate::classifier::entry_conditions::Comparison;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::{Table, Tables};
use crate::classifier::table_entry::{TableEntry, mark};
use crate::codegen::classifier::answer::Answer;
use crate::codegen::classifier::code::Arguments;
use crate::codegen::classifier::conditions::Conditions;
use crate::codegen::classifier::fields::Computed;
use crate::codegen::classifier::merged_tables;
use crate::codegen::classifier::merged_tables::Twin;
use crate::codegen::classifier::slot_lookup::{Lookup, Place, pair, word};
use crate::codegen::classifier::{Question, go_on_unless};
use crate::ir::Hashing;

/// Up to so many columns, of all tables without chains together, are looked at whether or not a key is there.
const MOST_FLOWING: usize = 24;

/// Behind so many tables each it is asked whether the later ones can have anything better.
const STRETCH: usize = 8;

/// Makes the code that looks into tables.
pub(crate) struct Prober<'a, 'f> {
    conditions: Conditions<'a, 'f>,
    lookup: Lookup,
    answer: Answer,
    fields: &'a PacketFields,
    tables: &'a Tables,
    question: Question,
    /// Whether entries without chains are looked at in any case.
    flows: bool,
    /// Where the function ends.
    done: Block,
    /// What is missing in one of two tables, by what decides and what is missing in each.
    selected: HashMap<(ir::Value, Option<ir::Value>, Option<ir::Value>), ir::Value, Hashing>,
    /// The ranks of entries.
    ranks: HashMap<Place, ir::Value, Hashing>,
    /// The fields that the packet has, a bit each, 64 bits, if entries differ in what they need.
    present: Option<ir::Value>,
}

impl<'a, 'f> Prober<'a, 'f> {
    pub(crate) fn new(
        builder: &'a mut FunctionBuilder<'f>,
        arguments: Arguments,
        fields: &'a PacketFields,
        computed: Computed,
        tables: &'a Tables,
        question: Question,
    ) -> Prober<'a, 'f> {
        let answer = Answer::new(builder, tables, arguments.found);
        let lookup = Lookup::new(builder, tables);
        let done = builder.create_block();
        let mut conditions = Conditions::new(builder, computed);
        let present = tables.list.iter().any(|table| table.entries_have_needs).then(|| conditions.all_present());
        let unchained = tables.list.iter().filter(|table| table.longest_chain == 1);
        let flows = unchained.map(|table| table.conditions.len()).sum::<usize>() <= MOST_FLOWING;
        let (selected, ranks) = (HashMap::default(), HashMap::default());
        Prober { conditions, lookup, answer, fields, tables, question, flows, done, selected, ranks, present }
    }

    /// Looks into all tables, and gives the least rank that surely matches or none, 32 bits, and how many entries were
    /// written, 64.
    pub(crate) fn probe(mut self) -> (ir::Value, ir::Value) {
        for (place, (table, twin)) in merged_tables::paired(self.fields, &self.tables.list).into_iter().enumerate() {
            self.answer.is_first = place == 0;
            if self.question == Question::First && place > 0 && place % STRETCH == 0 {
                let is_late = self.is_late(table);
                go_on_unless(self.conditions.builder, is_late, self.done);
            }
            match twin {
                Some(twin) => self.twins(table, &twin),
                None => self.table(table),
            }
        }
        let builder = &mut *self.conditions.builder;
        builder.ins().jump(self.done, &[]);
        builder.switch_to_block(self.done);
        (self.answer.best(builder), self.answer.count(builder))
    }

    fn ins(&mut self) -> FuncInstBuilder<'_, 'f> {
        self.conditions.builder.ins()
    }

    /// Whether a table has only later rules than one that was found; those behind it have, too.
    fn is_late(&mut self, table: &Table) -> ir::Value {
        let best = self.answer.best(self.conditions.builder);
        self.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, best, i64::from(table.first_rank))
    }

    fn table(&mut self, table: &Table) {
        if !table.inline_terms.is_empty() {
            return self.spell(table);
        }
        let mut missing = self.conditions.missing(table, None);
        let Some(slots) = table.slots else {
            let start = self.lookup.start(self.conditions.builder, table);
            return self.go_through_unless_late(table, missing, start);
        };
        let key = table.key.iter().map(|key| self.conditions.masked(key.field, key.mask)).collect();
        let (content, differs) = self.lookup.slot(self.conditions.builder, table, slots, key);
        missing = self.conditions.join(missing.into_iter().chain([differs]).collect());
        if let Some(verdict) = table.slot_verdict {
            return self.take_bare(missing, content, verdict);
        }
        let entry = self.lookup.entry_at(self.conditions.builder, content, table.start);
        let is_plain = self.question == Question::All || !table.has_unverified;
        if is_plain && (self.flows && table.longest_chain == 1 || self.tables.is_likely(table)) {
            self.take_first(table, missing, entry);
        } else {
            self.go_through_unless_late(table, missing, entry);
        }
    }

    /// Looks into two tables with the same words, at most one of which a packet can have something in.
    fn twins(&mut self, table: &Table, twin: &Twin) {
        let conditions = &mut self.conditions;
        let [key, other] = [table, twin.table].map(|table| conditions.masked(table.key[0].field, table.key[0].mask));
        let [lacks, lacks_other] = [conditions.missing(table, Some(twin.guard)), conditions.missing(twin.table, None)];
        let differs = conditions.differs(twin.guard);
        let holds = self.ins().icmp_imm_s(IntCC::Equal, differs, 0);
        let key = self.ins().select(holds, key, other);
        let missing = match self.selected.get(&(differs, lacks, lacks_other)) {
            Some(&known) => known,
            None => {
                let none = self.ins().iconst(types::I32, 0);
                let missing = self.ins().select(holds, lacks.unwrap_or(none), lacks_other.unwrap_or(none));
                self.selected.insert((differs, lacks, lacks_other), missing);
                missing
            }
        };
        let (slots, verdict) = table.slots.zip(table.slot_verdict).expect("twins have nothing but slots");
        let (rank, differs) = self.lookup.slot(self.conditions.builder, table, slots, vec![key]);
        let missing = self.conditions.either(Some(missing), differs);
        self.take_bare(Some(missing), rank, verdict);
    }

    /// Takes a rank, 64 bits, that has no marks, unless something is missing.
    fn take_bare(&mut self, missing: Option<ir::Value>, rank: ir::Value, verdict: u32) {
        match self.question {
            Question::First => {
                let rank = self.ins().ireduce(types::I32, rank);
                self.answer.take_rank(self.conditions.builder, missing, rank);
            }
            Question::All => {
                let verdict = self.ins().iconst(types::I64, (u64::from(verdict) << 32).cast_signed());
                let head = self.ins().bor(rank, verdict);
                self.answer.take_head(self.conditions.builder, missing, head);
            }
        }
    }

    /// Asks for each term of a table, with its numbers in the code.
    fn spell(&mut self, table: &Table) {
        let none = self.answer.none();
        let mut best = none;
        // The first of those that hold is chosen last.
        for term in table.inline_terms.iter().rev() {
            let missing = self.conditions.lacks(term);
            let marked = table.marked(term, false);
            if self.question == Question::All || marked & mark::UNVERIFIED != 0 {
                let head = TableEntry { marked, verdict: term.verdict.unwrap_or(0) }.into_words();
                let head = self.ins().iconst(types::I64, head.cast_signed());
                self.answer.take_head(self.conditions.builder, missing, head);
                continue;
            }
            let rank = self.ins().iconst(types::I32, i64::from(term.rank));
            best = match missing {
                Some(missing) => {
                    let holds = self.ins().icmp_imm_s(IntCC::Equal, missing, 0);
                    self.ins().select(holds, rank, best)
                }
                None => rank,
            };
        }
        if best != none {
            self.answer.take_rank(self.conditions.builder, None, best);
        }
    }

    /// Takes the first entry of a chain if it holds, without a branch, and goes through the others if there are any and
    /// that did not decide.
    fn take_first(&mut self, table: &Table, missing: Option<ir::Value>, entry: Place) {
        let fails = self.fails(table, entry);
        let lacks = fails.map_or(missing, |fails| Some(self.conditions.either(missing, fails)));
        match self.question {
            Question::First => {
                let rank = self.rank(table, entry);
                self.answer.take_rank(self.conditions.builder, lacks, rank);
            }
            Question::All => {
                let head = pair(self.conditions.builder, entry, 0);
                self.answer.take_head(self.conditions.builder, lacks, head);
            }
        }
        if table.longest_chain == 1 {
            return;
        }
        let marked = word(self.conditions.builder, entry, 0);
        let mut is_over = self.ins().ushr_imm_s(marked, i64::from(mark::LAST.trailing_zeros()));
        if self.question == Question::First {
            // Later entries of the chain have later rules.
            let Some(fails) = fails else { return };
            let holds = self.ins().icmp_imm_s(IntCC::Equal, fails, 0);
            let holds = self.ins().uextend(types::I32, holds);
            is_over = self.ins().bor(is_over, holds);
        }
        let is_over = self.conditions.either(missing, is_over);
        let second = (self.ins().iadd_imm_s(entry.0, 4 * table.stride() as i64), entry.1);
        self.go_through(table, Some(is_over), second);
    }

    /// The rank of an entry, whatever is known of it.
    fn rank(&mut self, table: &Table, entry: Place) -> ir::Value {
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

    /// Goes through a chain, unless something is missing, or the table has only later rules than one that was found.
    fn go_through_unless_late(&mut self, table: &Table, mut missing: Option<ir::Value>, entry: Place) {
        if self.question == Question::First && !self.answer.is_first {
            let is_late = self.is_late(table);
            let is_late = self.ins().uextend(types::I32, is_late);
            missing = Some(self.conditions.either(missing, is_late));
        }
        self.go_through(table, missing, entry);
    }

    /// Goes through a chain from an entry on, unless something is missing.
    fn go_through(&mut self, table: &Table, missing: Option<ir::Value>, entry: Place) {
        self.answer.branch();
        let builder = &mut *self.conditions.builder;
        let (chain, next) = (builder.create_block(), builder.create_block());
        let address = builder.append_block_param(chain, types::I64);
        match missing {
            Some(missing) => builder.ins().brif(missing, next, &[], chain, &[BlockArg::Value(entry.0)]),
            None => builder.ins().jump(chain, &[BlockArg::Value(entry.0)]),
        };
        builder.switch_to_block(chain);
        self.chain(table, (address, entry.1), chain, next);
        self.conditions.builder.switch_to_block(next);
    }

    /// Looks at an entry, and goes to the next one in `chain`, or to `next`.
    fn chain(&mut self, table: &Table, entry: Place, chain: Block, next: Block) {
        let marked = word(self.conditions.builder, entry, 0);
        let rank = self.ins().band_imm_s(marked, i64::from(mark::RANK));
        if self.question == Question::First && !self.answer.is_first {
            let best = self.answer.best(self.conditions.builder);
            let is_late = self.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, rank, best);
            go_on_unless(self.conditions.builder, is_late, next);
        }
        let further = self.conditions.builder.create_block();
        if let Some(fails) = self.fails(table, entry) {
            go_on_unless(self.conditions.builder, fails, further);
        }
        let builder = &mut *self.conditions.builder;
        if self.question == Question::First {
            if table.has_unverified {
                let [asked, sure] = [(); 2].map(|()| builder.create_block());
                let needs_verification = builder.ins().band_imm_s(marked, i64::from(mark::UNVERIFIED));
                builder.ins().brif(needs_verification, asked, &[], sure, &[]);
                builder.switch_to_block(asked);
                self.answer.give_up_if_full(builder);
                let head = pair(builder, entry, 0);
                self.answer.take_head(builder, None, head);
                builder.ins().jump(further, &[]);
                builder.switch_to_block(sure);
            }
            // Later entries of the chain have later rules.
            self.answer.take_less(builder, rank);
            builder.ins().jump(next, &[]);
        } else {
            let head = pair(builder, entry, 0);
            self.answer.take_head(builder, None, head);
            builder.ins().jump(further, &[]);
        }

        builder.switch_to_block(further);
        if table.longest_chain == 1 {
            builder.ins().jump(next, &[]);
            return;
        }
        let is_last = builder.ins().icmp_imm_s(IntCC::SignedLessThan, marked, 0);
        go_on_unless(self.conditions.builder, is_last, next);
        let following = self.ins().iadd_imm_s(entry.0, 4 * table.stride() as i64);
        self.ins().jump(chain, &[BlockArg::Value(following)]);
    }

    /// Whether a condition of an entry fails: not 0 if so, 32 bits; `None` if there are none. All are looked at, which
    /// is faster than to guess which fails.
    fn fails(&mut self, table: &Table, entry: Place) -> Option<ir::Value> {
        let (mut fails, mut below) = (None, None);
        if let Some(present) = self.present.filter(|_| table.entries_have_needs) {
            let needs = pair(self.conditions.builder, entry, 2);
            let absent = self.ins().band_not(needs, present);
            let is_absent = self.ins().icmp_imm_s(IntCC::NotEqual, absent, 0);
            fails = Some(self.ins().uextend(types::I32, is_absent));
        }
        let mut at = table.conditions_start();
        for column in &table.conditions {
            let first = word(self.conditions.builder, entry, at);
            match column.kind {
                Comparison::Same(mask) => {
                    let value = self.conditions.masked_here(column.field, mask);
                    let differs = self.ins().bxor(value, first);
                    fails = Some(self.conditions.either(fails, differs));
                }
                Comparison::Range => {
                    let span = word(self.conditions.builder, entry, at + 1);
                    let value = self.conditions.computed.values[usize::from(column.field)];
                    let distance = self.ins().isub(value, first);
                    let [span, distance] = [span, distance].map(|number| self.ins().uextend(types::I64, number));
                    // Negative if the field lies outside.
                    let room = self.ins().isub(span, distance);
                    below = Some(below.map_or(room, |below| self.ins().bor(below, room)));
                }
            }
            at += column.words();
        }
        if let Some(below) = below {
            let sign = self.ins().ushr_imm_s(below, 63);
            let sign = self.ins().ireduce(types::I32, sign);
            fails = Some(self.conditions.either(fails, sign));
        }
        fails
    }
}
