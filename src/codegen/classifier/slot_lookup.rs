//! Lookups of slots and entries in the words of tables, as native code.

use std::collections::HashMap;

use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::table::{Slots, Table, Tables};
use crate::ir::Hashing;

/// Tables live as long as the code, and never change. Their words are aligned, pairs of words are not.
const TABLE: MemFlagsData = MemFlagsData::new().with_notrap().with_readonly();

/// An address and an offset, in bytes.
pub(crate) type WordAddress = (ir::Value, i32);

/// The identity of a lookup: the start of the table, its slots, the key, and the factors.
type LookupKey = (usize, Slots, Vec<ir::Value>, Vec<u64>);

/// Emits lookups, each once: in blocks that dominate all later code.
pub(crate) struct SlotLookup {
    /// The address of the tables' words.
    words: ir::Value,
    /// The contents of slots, and whether they belong to another key.
    slots: HashMap<LookupKey, (ir::Value, ir::Value), Hashing>,
    /// The addresses of entries, by the content of a slot and the start of the table.
    entries: HashMap<(ir::Value, usize), WordAddress, Hashing>,
}

impl SlotLookup {
    pub(crate) fn new(builder: &mut FunctionBuilder, tables: &Tables) -> SlotLookup {
        // Cranelift materialises a constant at each use, but not a computed value.
        let words = builder.ins().iconst(types::I64, tables.words.as_ptr() as i64 ^ 1);
        let words = builder.ins().bxor_imm_s(words, 1);
        SlotLookup { words, slots: HashMap::default(), entries: HashMap::default() }
    }

    /// Emits the content of the slot of a key, 64 bits, and whether it belongs to another key: not 0 if so, 32 bits.
    pub(crate) fn slot(
        &mut self,
        builder: &mut FunctionBuilder,
        table: &Table,
        slots: Slots,
        key: Vec<ir::Value>,
    ) -> (ir::Value, ir::Value) {
        let known: LookupKey = (table.start, slots, key, table.key.iter().map(|key| key.factor).collect());
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
            let (address, offset) = self.hashed(builder, hash, bits, table.start, 2);
            let factor = builder.ins().uload32(TABLE, address, offset);
            hash = builder.ins().imul(hash, factor);
        }
        let slot = self.hashed(builder, hash, slots.bits, table.start + slots.at, 3);
        let slot = pair(builder, slot, 0);
        let found = builder.ins().ireduce(types::I32, slot);
        let differs = builder.ins().bxor(found, tag);
        let content = builder.ins().ushr_imm_s(slot, 32);
        self.slots.insert(known, (content, differs));
        (content, differs)
    }

    /// Emits the address of an element of two to the power `size` bytes, of an array that begins at the word `start`
    /// and is indexed by the upper `bits` of a hash.
    fn hashed(
        &self,
        builder: &mut FunctionBuilder,
        hash: ir::Value,
        bits: u32,
        start: usize,
        size: i64,
    ) -> WordAddress {
        let number = builder.ins().ushr_imm_s(hash, i64::from(64 - bits));
        let offset = builder.ins().ishl_imm_s(number, size);
        let address = builder.ins().iadd(self.words, offset);
        word_address(builder, address, start)
    }

    /// Emits the address of an entry, given its index in the words of a table, 64 bits.
    pub(crate) fn entry_at(&mut self, builder: &mut FunctionBuilder, content: ir::Value, start: usize) -> WordAddress {
        if let Some(&known) = self.entries.get(&(content, start)) {
            return known;
        }
        let offset = builder.ins().ishl_imm_s(content, 2);
        let address = builder.ins().iadd(self.words, offset);
        let entry = word_address(builder, address, start);
        self.entries.insert((content, start), entry);
        entry
    }

    /// Emits the address of the entries of a table without slots.
    pub(crate) fn start(&self, builder: &mut FunctionBuilder, table: &Table) -> WordAddress {
        word_address(builder, self.words, table.start)
    }
}

/// Emits the address of a word, counted from `address`.
fn word_address(builder: &mut FunctionBuilder, address: ir::Value, words: usize) -> WordAddress {
    // Loads add small offsets to it.
    match i32::try_from(4 * words) {
        Ok(offset) if offset < i32::MAX / 2 => (address, offset),
        _ => (builder.ins().iadd_imm_s(address, 4 * words as i64), 0),
    }
}

/// Emits the load of a word of an entry.
pub(crate) fn word(builder: &mut FunctionBuilder, (address, offset): WordAddress, word: usize) -> ir::Value {
    builder.ins().load(types::I32, TABLE, address, offset + 4 * word as i32)
}

/// Emits the load of a word and of the next one, which becomes the upper half: 64 bits.
pub(crate) fn pair(builder: &mut FunctionBuilder, (address, offset): WordAddress, word: usize) -> ir::Value {
    let pair = builder.ins().load(types::I64, TABLE, address, offset + 4 * word as i32);
    if cfg!(target_endian = "big") { builder.ins().rotl_imm_s(pair, 32) } else { pair }
}
