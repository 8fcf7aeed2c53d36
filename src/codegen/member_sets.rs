//! How code asks whether a number is a member of a set.

use std::borrow::Cow;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use crate::codegen::entry::POINTER;
use crate::codegen::lower::Lowering;
use crate::ir::member_set::Places;
use crate::ir::{Set, SetId, ValueId};

/// Tables are there as long as the code, and never change.
const TABLE: MemFlagsData = MemFlagsData::trusted().with_readonly();

/// The questions of which one says that a number is a member, by number.
pub(crate) fn probes(set: &Set) -> std::ops::Range<usize> {
    match set {
        Set::Few(members) => 0..members.len(),
        Set::Table(_) => 0..2,
        Set::Range(..) | Set::Register(..) | Set::Bytes(_) | Set::Bitmap(..) => 0..1,
    }
}

impl Lowering<'_, '_> {
    /// The one value if a value is a member, and else the other: a selection for each question.
    pub(crate) fn select_member(&mut self, value: ValueId, id: SetId, yes: ValueId, no: ValueId) -> ir::Value {
        let yes = self.value(yes);
        let no = self.value(no);
        probes(self.graph.sets.get(id)).fold(no, |selected, probe| {
            let holds = self.probe(value, id, probe);
            self.builder.ins().select(holds, yes, selected)
        })
    }

    /// The answer to one of the questions about a set: zero if it does not say that the value is a member.
    pub(crate) fn probe(&mut self, value: ValueId, id: SetId, probe: usize) -> ir::Value {
        let number = self.value(value);
        match self.graph.sets.get(id) {
            &Set::Range(first, last) => {
                let distance = self.distance(number, first);
                self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, distance, signed(last - first))
            }
            Set::Few(members) => self.builder.ins().icmp_imm_s(IntCC::Equal, number, signed(members[probe])),
            &Set::Register(first, bits) => {
                let distance = self.distance(number, first);
                let bits = self.builder.ins().iconst(types::I64, bits.cast_signed());
                self.bit(bits, distance, 64)
            }
            Set::Bytes(bytes) => {
                let last = bytes.len() as u32 - 1;
                let index = if self.graph.values.known(value).max < last { number } else { self.at_most(number, last) };
                let address = self.table(id, || bytes.into());
                self.entry(address, index, types::I8)
            }
            Set::Bitmap(first, bytes) => {
                let distance = self.distance(number, *first);
                // Beyond the end some other word is read; what it says does not matter.
                let words = (bytes.len() / 8) as i64;
                let word = self.builder.ins().ushr_imm_s(distance, 6);
                let word = self.builder.ins().band_imm_s(word, words - 1);
                let address = self.table(id, || bytes.into());
                let bits = self.entry(address, word, types::I64);
                self.bit(bits, distance, 64 * words)
            }
            Set::Table(table) => {
                let bytes = || table.slots.iter().flat_map(|slot| slot.to_ne_bytes()).collect();
                let address = self.table(id, bytes);
                let entry = match table.places {
                    Places::Apart(factors) => {
                        let place = self.named(number, factors[probe], table.shift());
                        self.entry(address, place, types::I32)
                    }
                    Places::Pair(factor) => {
                        // The second probe follows the first.
                        if probe == 0 {
                            let pair = self.named(number, factor, table.shift());
                            self.pair = Some(self.place(address, pair, types::I64));
                        }
                        let pair = self.pair.expect("the first probe has found the pair");
                        self.builder.ins().load(types::I32, TABLE, pair, 4 * probe as i32)
                    }
                };
                self.builder.ins().icmp(IntCC::Equal, entry, number)
            }
        }
    }

    /// What the upper bits of a product name.
    fn named(&mut self, number: ir::Value, factor: u32, shift: u32) -> ir::Value {
        let product = self.builder.ins().imul_imm_s(number, signed(factor));
        self.builder.ins().ushr_imm_s(product, i64::from(shift))
    }

    /// How far a number lies behind the first of a set; numbers before it lie far behind.
    fn distance(&mut self, number: ir::Value, first: u32) -> ir::Value {
        if first == 0 { number } else { self.builder.ins().iadd_imm_s(number, -i64::from(first)) }
    }

    fn at_most(&mut self, number: ir::Value, most: u32) -> ir::Value {
        let most = self.builder.ins().iconst(types::I32, i64::from(most));
        let is_less = self.builder.ins().icmp(IntCC::UnsignedLessThan, number, most);
        self.builder.ins().select(is_less, number, most)
    }

    /// Whether the bit at a distance is set; `bits` are the word of 64 that it lies in, of so many bits in all.
    fn bit(&mut self, bits: ir::Value, distance: ir::Value, count: i64) -> ir::Value {
        let shifted = self.builder.ins().ushr(bits, distance);
        let low = self.builder.ins().ireduce(types::I8, shifted);
        let low = self.builder.ins().band_imm_s(low, 1);
        let is_inside = self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, distance, count);
        self.builder.ins().band(low, is_inside)
    }

    /// Where the table of a set stands.
    fn table<'t>(&mut self, id: SetId, bytes: impl FnOnce() -> Cow<'t, [u8]>) -> ir::Value {
        let block = self.builder.current_block().expect("code is written into some block");
        if let Some(&found) = self.found.get(&(id, block)) {
            return found;
        }
        let (tables, function) = (&mut *self.tables, &mut *self.builder.func);
        let address = *self.addresses.entry(id).or_insert_with(|| tables.add(function, &bytes()));
        let found = self.builder.ins().symbol_value(POINTER, address);
        self.found.insert((id, block), found);
        found
    }

    /// An entry of a table, by its number.
    fn entry(&mut self, address: ir::Value, index: ir::Value, ty: ir::Type) -> ir::Value {
        let place = self.place(address, index, ty);
        self.builder.ins().load(ty, TABLE, place, 0)
    }

    /// Where an entry of a table stands.
    fn place(&mut self, address: ir::Value, index: ir::Value, ty: ir::Type) -> ir::Value {
        let index = self.builder.ins().uextend(types::I64, index);
        let offset = self.builder.ins().ishl_imm_s(index, i64::from(ty.bytes().trailing_zeros()));
        self.builder.ins().iadd(address, offset)
    }
}

/// A 32-bit constant as Cranelift takes it.
pub(crate) fn signed(k: u32) -> i64 {
    i64::from(k.cast_signed())
}
