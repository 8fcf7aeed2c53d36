//! Where things stand in the words of tables, as native code: slots, and the entries that belong to them.

use std::collections::HashMap;

use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::table::{Slots, Table, Tables};
use crate::ir::Hashing;

/// Tables are there as long as the code, and never change. Their words are aligned, pairs of them are not.
const TABLE: MemFlagsData = MemFlagsData::new().with_notrap().with_readonly();

/// An address and what is added to it.
pub(crate) type Place = (ir::Value, i32);

/// What a slot is named by: where the table begins, what slots it has, the key, and the factors.
type Known = (usize, Slots, Vec<ir::Value>, Vec<u64>);

/// Looks things up, each once: in blocks that all later code comes by.
pub(crate) struct Lookup {
    /// The address of the tables' words.
    words: ir::Value,
    /// What stands in slots, and whether it belongs to another key.
    slots: HashMap<Known, (ir::Value, ir::Value), Hashing>,
    /// Where entries stand, by what is in a slot and where the table begins.
    entries: HashMap<(ir::Value, usize), Place, Hashing>,
}

impl Lookup {
    pub(crate) fn new(builder: &mut FunctionBuilder, tables: &Tables) -> Lookup {
        // Cranelift makes a constant anew wherever it is used, but not what is computed.
        let words = builder.ins().iconst(types::I64, tables.words.as_ptr() as i64 ^ 1);
        let words = builder.ins().bxor_imm_s(words, 1);
        Lookup { words, slots: HashMap::default(), entries: HashMap::default() }
    }

    /// What stands in the slot that a key names, 64 bits, and whether that belongs to another key: not 0 if so, 32
    /// bits.
    pub(crate) fn slot(
        &mut self,
        builder: &mut FunctionBuilder,
        table: &Table,
        slots: Slots,
        key: Vec<ir::Value>,
    ) -> (ir::Value, ir::Value) {
        let known: Known = (table.start, slots, key, table.key.iter().map(|key| key.factor).collect());
        if let Some(&known) = self.slots.get(&known) {
            return known;
        }
        let (_, _, key, factors) = &known;
        let mut hash = None;
        for (&value, factor) in key.iter().zip(factors) {
            let value = builder.ins().uextend(types::I64, value);
            let factor = builder.ins().iconst(types::I64, factor.cast_signed());
            let product = builder.ins().imul(value, factor);
            hash = Some(hash.map_or(product, |hash| builder.ins().iadd(hash, product)));
        }
        let mut hash = hash.expect("a table with slots has a key");
        let tag = if let &[value] = key.as_slice() { value } else { builder.ins().ireduce(types::I32, hash) };
        if let Some(bits) = slots.bucket_bits {
            let (address, offset) = self.named(builder, hash, bits, table.start, 2);
            let factor = builder.ins().uload32(TABLE, address, offset);
            hash = builder.ins().imul(hash, factor);
        }
        let slot = self.named(builder, hash, slots.bits, table.start + slots.at, 3);
        let slot = pair(builder, slot, 0);
        let found = builder.ins().ireduce(types::I32, slot);
        let differs = builder.ins().bxor(found, tag);
        let content = builder.ins().ushr_imm_s(slot, 32);
        self.slots.insert(known, (content, differs));
        (content, differs)
    }

    /// Where, from a word on, the thing of two to the power `size` bytes stands that so many upper bits of a hash name.
    fn named(&self, builder: &mut FunctionBuilder, hash: ir::Value, bits: u32, start: usize, size: i64) -> Place {
        let number = builder.ins().ushr_imm_s(hash, i64::from(64 - bits));
        let offset = builder.ins().ishl_imm_s(number, size);
        let address = builder.ins().iadd(self.words, offset);
        far(builder, address, start)
    }

    /// Where an entry stands, by the word at which it does, 64 bits.
    pub(crate) fn entry_at(&mut self, builder: &mut FunctionBuilder, content: ir::Value, start: usize) -> Place {
        if let Some(&known) = self.entries.get(&(content, start)) {
            return known;
        }
        let offset = builder.ins().ishl_imm_s(content, 2);
        let address = builder.ins().iadd(self.words, offset);
        let entry = far(builder, address, start);
        self.entries.insert((content, start), entry);
        entry
    }

    /// Where the entries of a table without slots begin.
    pub(crate) fn start(&self, builder: &mut FunctionBuilder, table: &Table) -> Place {
        far(builder, self.words, table.start)
    }
}

/// So many words behind an address.
fn far(builder: &mut FunctionBuilder, address: ir::Value, words: usize) -> Place {
    // Behind it come some more.
    match i32::try_from(4 * words) {
        Ok(offset) if offset < i32::MAX / 2 => (address, offset),
        _ => (builder.ins().iadd_imm_s(address, 4 * words as i64), 0),
    }
}

/// A word of an entry.
pub(crate) fn word(builder: &mut FunctionBuilder, (address, offset): Place, word: usize) -> ir::Value {
    builder.ins().load(types::I32, TABLE, address, offset + 4 * word as i32)
}

/// A word and the next one, 64 bits.
pub(crate) fn pair(builder: &mut FunctionBuilder, (address, offset): Place, word: usize) -> ir::Value {
    builder.ins().load(types::I64, TABLE, address, offset + 4 * word as i32)
}
