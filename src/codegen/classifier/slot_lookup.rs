//! Lookups of slots and entries in the words of tables, as native code.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;

use crate::classifier::interval_map;
use crate::classifier::interval_map::{Interval, IntervalMap};
use crate::classifier::table::{Lookup, MatchKind, Slots, Table, Tables};
use crate::codegen::operations::signed;
use crate::ir::Hashing;

/// Tables live as long as the code, and never change. Their words are aligned, pairs of words are not.
const TABLE: MemFlagsData = MemFlagsData::new().with_notrap().with_readonly();

/// The most intervals of a map that are compared with numbers in the code.
const MOST_COMPARED: usize = 4;

/// An address and an offset, in bytes.
pub(crate) type WordAddress = (ir::Value, i32);

/// The identity of a lookup: the start of the table, the way to the content, the key, and the factors.
type LookupKey = (usize, Lookup, Vec<ir::Value>, Vec<u64>);

/// Emits lookups, each once: in blocks that dominate all later code.
pub(crate) struct SlotLookup<'a> {
    tables: &'a Tables,
    /// The address of the tables' words.
    words: ir::Value,
    kind: MatchKind,
    /// The contents of slots, and whether they belong to another key.
    contents: HashMap<LookupKey, (ir::Value, Option<ir::Value>), Hashing>,
    /// The addresses of entries, by the content of a slot and the start of the table.
    entries: HashMap<(ir::Value, usize), WordAddress, Hashing>,
}

impl<'a> SlotLookup<'a> {
    pub(crate) fn new(builder: &mut FunctionBuilder, tables: &'a Tables, kind: MatchKind) -> SlotLookup<'a> {
        // Cranelift materialises a constant at each use, but not a computed value.
        let words = builder.ins().iconst(types::I64, tables.words.as_ptr() as i64 ^ 1);
        let words = builder.ins().bxor_imm_s(words, 1);
        SlotLookup { tables, words, kind, contents: HashMap::default(), entries: HashMap::default() }
    }

    /// Emits the content for a key of a table, 64 bits, and whether the table has no such key, in 32 bits that are 0 if
    /// it has one. `None` means that the content is then the rank of no rule.
    pub(crate) fn content(
        &mut self,
        builder: &mut FunctionBuilder,
        table: &Table,
        key: Vec<ir::Value>,
    ) -> (ir::Value, Option<ir::Value>) {
        let known = (table.start, table.lookup, key, table.key.iter().map(|key| key.factor).collect());
        if let Some(&known) = self.contents.get(&known) {
            return known;
        }
        let emitted = match table.lookup {
            Lookup::Hash(slots) => {
                let (content, differs) = self.slot(builder, table, slots, &known.2);
                (content, Some(differs))
            }
            Lookup::Intervals { map, at, none } => {
                let content = self.interval(builder, map, table.start + at, known.2[0]);
                // The rank of no rule changes no least rank.
                let is_harmless = self.kind == MatchKind::First && table.slot_verdict.is_some();
                let differs = (!is_harmless).then(|| {
                    let is_none = builder.ins().icmp_imm_s(IntCC::Equal, content, i64::from(none));
                    builder.ins().uextend(types::I32, is_none)
                });
                (content, differs)
            }
            Lookup::Chain | Lookup::BitVectors(_) => unreachable!("the table has a key"),
        };
        self.contents.insert(known, emitted);
        emitted
    }

    /// Emits the content of the interval of a number, 64 bits, in a map that begins at the word `start`.
    pub(crate) fn interval(
        &self,
        builder: &mut FunctionBuilder,
        map: IntervalMap,
        start: usize,
        number: ir::Value,
    ) -> ir::Value {
        if map.is_direct {
            let index = builder.ins().band_imm_s(number, signed(map.root.mask));
            let element = element(builder, self.words, index, 4);
            let (element, offset) = word_address(builder, element, start);
            return builder.ins().uload32(TABLE, element, offset);
        }
        let only = map.only_bucket(&self.tables.words[start..]);
        if let Some(intervals) = only.filter(|intervals| intervals.len() <= MOST_COMPARED) {
            return interval_of_few(builder, &intervals, number);
        }
        let size = |level: u32| 4 * if level < map.levels { interval_map::NODE } else { interval_map::BUCKET };
        let index = builder.ins().ushr_imm_s(number, i64::from(map.root.shift));
        let mut index = builder.ins().band_imm_s(index, signed(map.root.mask));
        let mut array = self.words;
        for level in 0..map.levels {
            let node = element(builder, array, index, size(level));
            let node = word_address(builder, node, start);
            let node = pair(builder, node, 0);
            let place = builder.ins().band_imm_s(node, i64::from(u32::MAX));
            let place = builder.ins().ishl_imm_s(place, 2);
            array = builder.ins().iadd(self.words, place);
            let bits = builder.ins().ushr_imm_s(node, 32);
            let bits = builder.ins().ireduce(types::I32, bits);
            let mask = builder.ins().ushr_imm_s(bits, 8);
            // The shift takes its lower five bits.
            index = builder.ins().ushr(number, bits);
            index = builder.ins().band(index, mask);
        }
        let bucket = element(builder, array, index, size(map.levels));
        let (bucket, offset) = word_address(builder, bucket, start);
        // A binary search without branches: of seven last numbers, of the three after the ones that are less, of one.
        let mut at = bucket;
        for half in [4, 2, 1] {
            let last = word(builder, (at, offset), half - 1);
            let is_less = builder.ins().icmp(IntCC::UnsignedLessThan, last, number);
            let is_less = builder.ins().uextend(types::I64, is_less);
            let skipped = builder.ins().ishl_imm_s(is_less, i64::from((4 * half as u32).ilog2()));
            at = builder.ins().iadd(at, skipped);
        }
        builder.ins().uload32(TABLE, at, offset + 4 * interval_map::LASTS as i32)
    }

    /// Emits the content of the slot of a key, 64 bits, and whether it belongs to another key: not 0 if so, 32 bits.
    fn slot(
        &self,
        builder: &mut FunctionBuilder,
        table: &Table,
        slots: Slots,
        key: &[ir::Value],
    ) -> (ir::Value, ir::Value) {
        let mut hash = None;
        for (&value, field) in key.iter().zip(&table.key) {
            let value = builder.ins().uextend(types::I64, value);
            let factor = builder.ins().iconst(types::I64, field.factor.cast_signed());
            let product = builder.ins().imul(value, factor);
            hash = Some(hash.map_or(product, |hash| builder.ins().iadd(hash, product)));
        }
        let mut hash = hash.expect("a table with slots has a key");
        let tag = if let &[value] = key { value } else { builder.ins().ireduce(types::I32, hash) };
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

/// Emits the content of the interval of a number, 64 bits, by comparisons with constants.
fn interval_of_few(builder: &mut FunctionBuilder, intervals: &[Interval], number: ir::Value) -> ir::Value {
    let content = |builder: &mut FunctionBuilder, interval: &Interval| {
        builder.ins().iconst(types::I64, i64::from(interval.content))
    };
    let (end, others) = intervals.split_last().expect("a map has intervals");
    let mut found = content(builder, end);
    for interval in others.iter().rev() {
        let is_before = builder.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, number, signed(interval.last));
        let of_interval = content(builder, interval);
        found = builder.ins().select(is_before, of_interval, found);
    }
    found
}

/// Emits the address of an element of `size` bytes, a power of two, of an array, given its index in 32 bits.
fn element(builder: &mut FunctionBuilder, array: ir::Value, index: ir::Value, size: usize) -> ir::Value {
    let index = builder.ins().uextend(types::I64, index);
    let offset = builder.ins().ishl_imm_s(index, i64::from(size.ilog2()));
    builder.ins().iadd(array, offset)
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

/// Emits the load of four words.
pub(crate) fn vector(builder: &mut FunctionBuilder, (address, offset): WordAddress, word: usize) -> ir::Value {
    builder.ins().load(types::I32X4, TABLE, address, offset + 4 * word as i32)
}

/// Emits the load of a word and of the next one, which becomes the upper half: 64 bits.
pub(crate) fn pair(builder: &mut FunctionBuilder, (address, offset): WordAddress, word: usize) -> ir::Value {
    let pair = builder.ins().load(types::I64, TABLE, address, offset + 4 * word as i32);
    if cfg!(target_endian = "big") { builder.ins().rotl_imm_s(pair, 32) } else { pair }
}
