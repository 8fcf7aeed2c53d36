//! Lowering of membership tests.

use std::borrow::Cow;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use crate::codegen::lower::Lowering;
use crate::codegen::operations::signed;
use crate::codegen::prologue::POINTER;
use crate::ir::{MemberSet, MemberSetId, TableHash, ValueId};

/// Constant tables live as long as the code, and never change.
const TABLE: MemFlagsData = MemFlagsData::trusted().with_readonly();

/// Returns the indices of the probes of a set: a number is a member if one of them holds.
pub(crate) fn probes(set: &MemberSet) -> std::ops::Range<usize> {
    match set {
        MemberSet::Few(members) => 0..members.len(),
        MemberSet::Table(_) => 0..2,
        MemberSet::Range(..) | MemberSet::Register(..) | MemberSet::Bytes(_) | MemberSet::Bitmap(..) => 0..1,
    }
}

impl Lowering<'_, '_> {
    /// Emits `yes` if a value is a member, and else `no`: a selection for each probe.
    pub(crate) fn select_member(&mut self, value: ValueId, id: MemberSetId, yes: ValueId, no: ValueId) -> ir::Value {
        let yes = self.value(yes);
        let no = self.value(no);
        probes(self.graph.sets.get(id)).fold(no, |selected, probe| {
            let holds = self.probe(value, id, probe);
            self.builder.ins().select(holds, yes, selected)
        })
    }

    /// Emits a probe of a set: not zero if it proves that the value is a member.
    pub(crate) fn probe(&mut self, value: ValueId, id: MemberSetId, probe: usize) -> ir::Value {
        let number = self.value(value);
        match self.graph.sets.get(id) {
            &MemberSet::Range(first, last) => {
                let distance = self.distance(number, first);
                self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, distance, signed(last - first))
            }
            MemberSet::Few(members) => self.builder.ins().icmp_imm_s(IntCC::Equal, number, signed(members[probe])),
            &MemberSet::Register(first, bits) => {
                let distance = self.distance(number, first);
                let bits = self.builder.ins().iconst(types::I64, bits.cast_signed());
                self.bit(bits, distance, 64)
            }
            MemberSet::Bytes(bytes) => {
                let last = bytes.len() as u32 - 1;
                let index = if self.graph.values.known(value).max < last { number } else { self.at_most(number, last) };
                let address = self.table_address(id, || bytes.into());
                self.entry(address, index, types::I8)
            }
            MemberSet::Bitmap(first, bytes) => {
                let distance = self.distance(number, *first);
                // For a number beyond the end some other word is read, and ignored.
                let words = (bytes.len() / 8) as i64;
                let word = self.builder.ins().ushr_imm_s(distance, 6);
                let word = self.builder.ins().band_imm_s(word, words - 1);
                let in_memory = || bytes.as_chunks().0.iter().flat_map(|&word| u64::from_le_bytes(word).to_ne_bytes());
                let address = self.table_address(id, || in_memory().collect());
                let bits = self.entry(address, word, types::I64);
                self.bit(bits, distance, 64 * words)
            }
            MemberSet::Table(table) => {
                let bytes = || table.slots.iter().flat_map(|slot| slot.to_ne_bytes()).collect();
                let address = self.table_address(id, bytes);
                let entry = match table.hash {
                    TableHash::Cuckoo(factors) => {
                        let slot = self.hash(number, factors[probe], table.shift());
                        self.entry(address, slot, types::I32)
                    }
                    TableHash::AdjacentSlots(factor) => {
                        // The second probe follows the first one.
                        if probe == 0 {
                            let pair = self.hash(number, factor, table.shift());
                            self.pair = Some(self.entry_address(address, pair, types::I64));
                        }
                        let pair = self.pair.expect("the first probe has found the pair");
                        self.builder.ins().load(types::I32, TABLE, pair, 4 * probe as i32)
                    }
                };
                self.builder.ins().icmp(IntCC::Equal, entry, number)
            }
        }
    }

    /// Emits a multiplicative hash: the upper bits of a product.
    fn hash(&mut self, number: ir::Value, factor: u32, shift: u32) -> ir::Value {
        let product = self.builder.ins().imul_imm_s(number, signed(factor));
        self.builder.ins().ushr_imm_s(product, i64::from(shift))
    }

    /// Emits the distance of a number from the first of a set, which is large for numbers below it.
    fn distance(&mut self, number: ir::Value, first: u32) -> ir::Value {
        if first == 0 { number } else { self.builder.ins().iadd_imm_s(number, -i64::from(first)) }
    }

    fn at_most(&mut self, number: ir::Value, most: u32) -> ir::Value {
        let most = self.builder.ins().iconst(types::I32, i64::from(most));
        let is_less = self.builder.ins().icmp(IntCC::UnsignedLessThan, number, most);
        self.builder.ins().select(is_less, number, most)
    }

    /// Emits whether the bit at a distance is set, in a bitmap of `count` bits; `bits` is the 64-bit word that holds
    /// it.
    fn bit(&mut self, bits: ir::Value, distance: ir::Value, count: i64) -> ir::Value {
        let shifted = self.builder.ins().ushr(bits, distance);
        let low = self.builder.ins().ireduce(types::I8, shifted);
        let low = self.builder.ins().band_imm_s(low, 1);
        let is_inside = self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, distance, count);
        self.builder.ins().band(low, is_inside)
    }

    /// Emits the address of the table of a set, once a block.
    fn table_address<'t>(&mut self, id: MemberSetId, bytes: impl FnOnce() -> Cow<'t, [u8]>) -> ir::Value {
        let block = self.builder.current_block().expect("code is written into some block");
        if let Some(&address) = self.table_addresses.get(&(id, block)) {
            return address;
        }
        let (tables, function) = (&mut *self.tables, &mut *self.builder.func);
        let table = *self.table_symbols.entry(id).or_insert_with(|| tables.add(function, &bytes()));
        let address = self.builder.ins().symbol_value(POINTER, table);
        self.table_addresses.insert((id, block), address);
        address
    }

    /// Emits the load of an entry of a table.
    fn entry(&mut self, address: ir::Value, index: ir::Value, ty: ir::Type) -> ir::Value {
        let entry = self.entry_address(address, index, ty);
        self.builder.ins().load(ty, TABLE, entry, 0)
    }

    fn entry_address(&mut self, address: ir::Value, index: ir::Value, ty: ir::Type) -> ir::Value {
        let index = self.builder.ins().uextend(types::I64, index);
        let offset = self.builder.ins().ishl_imm_s(index, i64::from(ty.bytes().trailing_zeros()));
        self.builder.ins().iadd(address, offset)
    }
}
