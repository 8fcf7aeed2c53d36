//! What must hold for something in a table, as native code: all conditions are numbers of 32 bits that are 0 if they
//! hold, so that they can be joined without a branch.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::entry_conditions::TableGuard;
use crate::classifier::table::Table;
use crate::classifier::term::{Constraint, Term};
use crate::codegen::classifier::fields::Computed;
use crate::codegen::member_sets::signed;
use crate::ir::Hashing;

/// Makes conditions, each once: in blocks that all later code comes by.
pub(crate) struct Conditions<'a, 'f> {
    pub(crate) builder: &'a mut FunctionBuilder<'f>,
    pub(crate) computed: Computed,
    /// Bits of fields.
    masked: HashMap<(u8, u32), ir::Value, Hashing>,
    /// Whether guards fail, and whether fields lie outside ranges.
    differing: HashMap<TableGuard, ir::Value, Hashing>,
    outside: HashMap<Constraint, ir::Value, Hashing>,
    /// Whether either of two fails.
    joined: HashMap<(ir::Value, ir::Value), ir::Value, Hashing>,
}

impl<'a, 'f> Conditions<'a, 'f> {
    pub(crate) fn new(builder: &'a mut FunctionBuilder<'f>, computed: Computed) -> Conditions<'a, 'f> {
        let (masked, differing) = (HashMap::default(), HashMap::default());
        let (outside, joined) = (HashMap::default(), HashMap::default());
        Conditions { builder, computed, masked, differing, outside, joined }
    }

    /// Whether something is missing that all entries ask for, but for one guard: not 0 if so, 32 bits; `None` if
    /// nothing can be.
    pub(crate) fn missing(&mut self, table: &Table, but: Option<&TableGuard>) -> Option<ir::Value> {
        // Where there are slots, a tag or a column says what is one of several numbers.
        let is_asked = |guard: &TableGuard| Some(guard) != but && (guard.number().is_some() || table.slots.is_none());
        let guards: Vec<&TableGuard> = table.guards.iter().filter(|guard| is_asked(guard)).collect();
        let mut parts = self.absent(table.needs);
        parts.extend(guards.into_iter().map(|guard| self.differs(guard)));
        self.join(parts)
    }

    /// Whether something is missing that a term asks for: not 0 if so, 32 bits; `None` if nothing can be.
    pub(crate) fn lacks(&mut self, term: &Term) -> Option<ir::Value> {
        let mut parts = self.absent(term.needs);
        parts.extend(term.constraints.iter().map(|constraint| self.lies_outside(constraint)));
        self.join(parts)
    }

    /// Whether a field is not as a constraint asks: not 0 if so, 32 bits.
    fn lies_outside(&mut self, constraint: &Constraint) -> ir::Value {
        let &Constraint { field, first, span } = constraint;
        if let Some(number) = constraint.number() {
            return self.differs(&TableGuard { field, numbers: vec![number] });
        }
        if let Some(&known) = self.outside.get(constraint) {
            return known;
        }
        let value = self.computed.values[usize::from(field)];
        let outside = if span & span.wrapping_add(1) == 0 && first & span == 0 {
            let differing = self.builder.ins().bxor_imm_s(value, signed(first));
            self.builder.ins().band_imm_s(differing, signed(!span))
        } else {
            let distance = self.builder.ins().iadd_imm_s(value, -i64::from(first));
            let is_far = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, distance, signed(span));
            self.builder.ins().uextend(types::I32, is_far)
        };
        self.outside.insert(*constraint, outside);
        outside
    }

    /// Whether a field is none of a guard's numbers: not 0 if so, 32 bits.
    pub(crate) fn differs(&mut self, guard: &TableGuard) -> ir::Value {
        if let Some(&known) = self.differing.get(guard) {
            return known;
        }
        let value = self.computed.values[usize::from(guard.field)];
        let differs = match guard.number() {
            Some(0) => Some(value),
            Some(number) => Some(self.builder.ins().bxor_imm_s(value, signed(number))),
            None => {
                let differences = guard.numbers.iter().map(|&number| signed(number));
                let differ = differences.map(|number| self.builder.ins().icmp_imm_s(IntCC::NotEqual, value, number));
                let differ: Vec<ir::Value> = differ.collect();
                let differs = differ.into_iter().reduce(|a, b| self.builder.ins().band(a, b));
                differs.map(|differs| self.builder.ins().uextend(types::I32, differs))
            }
        };
        let differs = differs.expect("a guard has numbers");
        self.differing.insert(guard.clone(), differs);
        differs
    }

    /// What is not 0 if the packet lacks one of these fields, each once.
    fn absent(&self, needs: u64) -> Vec<ir::Value> {
        let needed = (0..self.computed.absent.len()).filter(|field| needs >> field & 1 != 0);
        let mut absent: Vec<ir::Value> = needed.filter_map(|field| self.computed.absent[field]).collect();
        absent.sort_unstable();
        absent.dedup();
        absent
    }

    /// The fields that the packet has, a bit each.
    pub(crate) fn all_present(&mut self) -> ir::Value {
        let mut bits_of: Vec<(Option<ir::Value>, u64)> = Vec::new();
        for (field, &absent) in self.computed.absent.iter().enumerate() {
            match bits_of.iter_mut().find(|(group, _)| *group == absent) {
                Some((_, bits)) => *bits |= 1 << field,
                None => bits_of.push((absent, 1 << field)),
            }
        }
        let none = self.builder.ins().iconst(types::I64, 0);
        bits_of.into_iter().fold(none, |present, (absent, bits)| {
            let mut bits = self.builder.ins().iconst(types::I64, bits.cast_signed());
            if let Some(absent) = absent {
                bits = self.builder.ins().select(absent, none, bits);
            }
            self.builder.ins().bor(present, bits)
        })
    }

    /// What is not 0 if any of these is not; what was joined before is not again.
    pub(crate) fn join(&mut self, mut parts: Vec<ir::Value>) -> Option<ir::Value> {
        // What is asked most often was met first.
        parts.sort_unstable();
        parts.into_iter().reduce(|a, b| {
            let ins = self.builder.ins();
            *self.joined.entry((a, b)).or_insert_with(|| ins.bor(a, b))
        })
    }

    pub(crate) fn either(&mut self, missing: Option<ir::Value>, other: ir::Value) -> ir::Value {
        missing.map_or(other, |missing| self.builder.ins().bor(missing, other))
    }

    /// Some bits of a field.
    pub(crate) fn masked(&mut self, field: u8, mask: u32) -> ir::Value {
        let masked = self.masked_here(field, mask);
        self.masked.insert((field, mask), masked);
        masked
    }

    /// Some bits of a field, computed in a block that others may not come by.
    pub(crate) fn masked_here(&mut self, field: u8, mask: u32) -> ir::Value {
        let value = self.computed.values[usize::from(field)];
        match self.masked.get(&(field, mask)) {
            Some(&known) => known,
            None if mask == u32::MAX => value,
            None => self.builder.ins().band_imm_s(value, signed(mask)),
        }
    }
}
