//! Conditions of entries as native code: numbers of 32 bits that are 0 if the condition holds, so that conditions are
//! combined without branches.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::entry_conditions::TableGuard;
use crate::classifier::table::{Lookup, Table};
use crate::classifier::term::{Constraint, Term};
use crate::codegen::classifier::field_values::FieldValues;
use crate::codegen::operations::signed;
use crate::ir::Hashing;

/// Emits conditions, each once: in blocks that dominate all later code.
pub(crate) struct Conditions<'a, 'f> {
    pub(crate) builder: &'a mut FunctionBuilder<'f>,
    pub(crate) field_values: FieldValues,
    /// Masked fields.
    masked: HashMap<(u8, u32), ir::Value, Hashing>,
    /// The failures of guards and of range constraints.
    differing: HashMap<TableGuard, ir::Value, Hashing>,
    outside: HashMap<Constraint, ir::Value, Hashing>,
    /// The combinations of two conditions.
    joined: HashMap<(ir::Value, ir::Value), ir::Value, Hashing>,
}

impl<'a, 'f> Conditions<'a, 'f> {
    pub(crate) fn new(builder: &'a mut FunctionBuilder<'f>, field_values: FieldValues) -> Conditions<'a, 'f> {
        let (masked, differing) = (HashMap::default(), HashMap::default());
        let (outside, joined) = (HashMap::default(), HashMap::default());
        Conditions { builder, field_values, masked, differing, outside, joined }
    }

    /// Emits the common conditions of all entries of a table, except for one guard. `None` means that they always hold.
    pub(crate) fn common(&mut self, table: &Table, except: Option<&TableGuard>) -> Option<ir::Value> {
        // With slots, a guard with several numbers is decided by the tag or an entry condition.
        let is_checked =
            |guard: &TableGuard| Some(guard) != except && (guard.number().is_some() || table.lookup == Lookup::Chain);
        let guards: Vec<&TableGuard> = table.guards.iter().filter(|guard| is_checked(guard)).collect();
        let mut parts = self.absent(table.needs);
        parts.extend(guards.into_iter().map(|guard| self.guard(guard)));
        self.join(parts)
    }

    /// Emits the conditions of a term. `None` means that they always hold.
    pub(crate) fn term(&mut self, term: &Term) -> Option<ir::Value> {
        let mut parts = self.absent(term.needs);
        parts.extend(term.constraints.iter().map(|constraint| self.constraint(constraint)));
        self.join(parts)
    }

    /// Emits a constraint on a field.
    fn constraint(&mut self, constraint: &Constraint) -> ir::Value {
        let &Constraint { field, first, span } = constraint;
        if let Some(number) = constraint.number() {
            return self.guard(&TableGuard { field, numbers: vec![number] });
        }
        if let Some(&known) = self.outside.get(constraint) {
            return known;
        }
        let value = self.field_values.values[usize::from(field)];
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

    /// Emits a guard: whether a field is none of the guard's numbers.
    pub(crate) fn guard(&mut self, guard: &TableGuard) -> ir::Value {
        if let Some(&known) = self.differing.get(guard) {
            return known;
        }
        let value = self.field_values.values[usize::from(guard.field)];
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

    /// Returns the conditions that the packet has some fields, each once.
    fn absent(&self, needs: u64) -> Vec<ir::Value> {
        let needed = (0..self.field_values.absent.len()).filter(|field| needs >> field & 1 != 0);
        let mut absent: Vec<ir::Value> = needed.filter_map(|field| self.field_values.absent[field]).collect();
        absent.sort_unstable();
        absent.dedup();
        absent
    }

    /// Emits the fields that the packet has, a bit each.
    pub(crate) fn all_present(&mut self) -> ir::Value {
        let mut bits_of: Vec<(Option<ir::Value>, u64)> = Vec::new();
        for (field, &absent) in self.field_values.absent.iter().enumerate() {
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

    /// Emits the combination of conditions, which fails if any of them does; combinations are reused.
    pub(crate) fn join(&mut self, mut parts: Vec<ir::Value>) -> Option<ir::Value> {
        // The conditions that are used most were emitted first.
        parts.sort_unstable();
        parts.into_iter().reduce(|a, b| {
            let ins = self.builder.ins();
            *self.joined.entry((a, b)).or_insert_with(|| ins.bor(a, b))
        })
    }

    /// Emits the combination of two conditions.
    pub(crate) fn both(&mut self, condition: Option<ir::Value>, other: ir::Value) -> ir::Value {
        condition.map_or(other, |condition| self.builder.ins().bor(condition, other))
    }

    /// Emits some bits of a field.
    pub(crate) fn masked(&mut self, field: u8, mask: u32) -> ir::Value {
        let masked = self.masked_here(field, mask);
        self.masked.insert((field, mask), masked);
        masked
    }

    /// Emits some bits of a field, in a block that need not dominate later code.
    pub(crate) fn masked_here(&mut self, field: u8, mask: u32) -> ir::Value {
        let value = self.field_values.values[usize::from(field)];
        match self.masked.get(&(field, mask)) {
            Some(&known) => known,
            None if mask == u32::MAX => value,
            None => self.builder.ins().band_imm_s(value, signed(mask)),
        }
    }
}
