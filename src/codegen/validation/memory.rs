//! Loads and stores of the IR: from the packet, the context data, constant tables and the stack frame.

use std::collections::{BTreeSet, HashMap};

use cranelift_codegen::ir::{ExternalName, GlobalValue, GlobalValueData, InstructionData, Opcode, Value};

use crate::bpf::isa::{AluOp, Condition};
use crate::codegen::context_data::{AncillaryValues, ContextData};
use crate::codegen::validation::evaluation::Evaluation;
use crate::codegen::validation::item::Item;
use crate::codegen::validation::number::Number;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::prove::circuit::{Bit, Circuit, Gate};
use crate::prove::inputs::Input;
use crate::prove::numbers::NumberedWord;
use crate::prove::word::Word;

impl Evaluation<'_, '_> {
    /// Returns what a load gives; that it is in bounds must hold where packets reach it.
    pub(super) fn load(&mut self, opcode: Opcode, address: Value, offset: i64, width: u32) -> Result<Item, String> {
        let size = match opcode {
            Opcode::Load => width / 8,
            Opcode::Uload8 => 1,
            Opcode::Uload16 => 2,
            _ => return Err("an unknown load".to_owned()),
        };
        match self.item(address)? {
            Item::Packet { base, offset: start } => {
                let start = start.checked_add_signed(offset).ok_or("a load before the packet")?;
                self.packet(base.as_ref(), start, size, width)
            }
            Item::Context => self.context(offset, width),
            Item::Ancillary if width == 64 => self.ancillary(offset),
            Item::Table { table, offset: start } => {
                let by = Number::constant(64, offset.cast_unsigned());
                let start = start.arithmetic(&mut self.packets.circuit, AluOp::Add, &by).ok_or("an offset")?;
                self.entry(table, start, size, width)
            }
            Item::Frame(start) if width == 32 => {
                let word = self.frame.get(&(start + offset)).cloned();
                word.ok_or_else(|| "a word of the frame that was not stored on all paths".to_owned())
            }
            _ => Err("a load from something else".to_owned()),
        }
    }

    pub(super) fn store(&mut self, data: &InstructionData, arguments: &[Value]) -> Result<(), String> {
        let InstructionData::Store { offset, .. } = *data else { return Err("an unknown store".to_owned()) };
        let &[value, address] = arguments else { return Err("a store without an address".to_owned()) };
        match (self.item(address)?, self.item(value)?) {
            (Item::Frame(start), Item::Number(number)) if number.width == 32 => {
                self.frame.insert(start + i64::from(offset), Item::Number(number));
                Ok(())
            }
            _ => Err("a store to something else than the frame".to_owned()),
        }
    }

    fn packet(&mut self, base: Option<&NumberedWord>, start: u64, size: u32, width: u32) -> Result<Item, String> {
        let base = base.cloned().unwrap_or_else(|| NumberedWord::constant(0));
        let fits = self.packets.is_in_bounds(base.word, start + u64::from(size));
        self.fault_unless(fits);
        let cases = base.cases(&mut self.packets.circuit);
        let mut word = Word::ZERO;
        for index in 0..size {
            let byte = self.packets.byte_at(base.word, cases.as_deref(), start + u64::from(index));
            let place = if cfg!(target_endian = "big") { size - 1 - index } else { index };
            word.0.get_mut(8 * place as usize..).ok_or("a load of 64 bits")?[..8].copy_from_slice(&byte);
        }
        let word = if size == 1 { NumberedWord::byte(word) } else { NumberedWord::any(word) };
        Ok(Item::Number(Number::narrow(width, word)))
    }

    fn context(&mut self, offset: i64, width: u32) -> Result<Item, String> {
        if width == 64 && offset == i64::from(ContextData::VALUES) {
            return Ok(Item::Ancillary);
        }
        let mut headers = [Header::Network, Header::Link].into_iter();
        let header = headers.find(|&header| width == 32 && offset == i64::from(ContextData::offset(header)));
        let shift = self.packets.shift(header.ok_or("an unknown part of the context")?);
        Ok(Item::Number(Number::narrow(32, NumberedWord::any(shift))))
    }

    fn ancillary(&mut self, offset: i64) -> Result<Item, String> {
        let mut all = Extension::all();
        let extension = all.find(|&extension| offset == i64::from(AncillaryValues::offset(extension)));
        let extension = extension.ok_or("an unknown ancillary load")?;
        let low = match extension {
            Extension::Random => return Ok(Item::Number(self.seed())),
            Extension::PayloadOffset | Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute => {
                return Ok(Item::Function(extension));
            }
            _ => NumberedWord::any(self.packets.ancillary(extension)),
        };
        let present = Number { width: 64, low, high: Word::ZERO };
        if !extension.may_be_absent() {
            return Ok(Item::Number(present));
        }
        let is_present = self.packets.inputs.bit(&mut self.packets.circuit, Input::HasDevice);
        let absent = Number::constant(64, AncillaryValues::ABSENT);
        Ok(Item::Number(absent.select(&mut self.packets.circuit, is_present, &present)))
    }

    /// Returns the address of a table.
    pub(super) fn table(&self, symbol: GlobalValue) -> Result<Item, String> {
        let GlobalValueData::Symbol { name: ExternalName::User(name), .. } = self.function.global_values[symbol] else {
            return Err("an unknown symbol".to_owned());
        };
        let table = self.function.params.user_named_funcs()[name].index as usize;
        Ok(Item::Table { table, offset: Number::constant(64, 0) })
    }

    /// Returns the entry of a table at an offset.
    fn entry(&mut self, table: usize, offset: Number, size: u32, width: u32) -> Result<Item, String> {
        let bytes = self.tables.tables.get(table).ok_or("an unknown table")?;
        let last = (bytes.len() as u64).checked_sub(size.into()).ok_or("a table that is too short")?;
        let last = Number::constant(64, last);
        let fits = offset.compare(&mut self.packets.circuit, Condition::LessOrEqual, &last);
        self.fault_unless(fits);
        let shift = size.trailing_zeros() as usize;
        if offset.low.word.0[..shift].iter().any(|&bit| bit != Bit::ZERO) {
            return Err("an entry that is not aligned".to_owned());
        }
        if width == 32 && size == 4 {
            return Ok(Item::Entry { table, offset });
        }
        let numbers: Vec<u64> = bytes.chunks(size as usize).map(number).collect();
        let circuit = &mut self.packets.circuit;
        let count = numbers.len().next_power_of_two();
        let constant = |index: usize| Number::constant(width, numbers.get(index).copied().unwrap_or_default());
        let mut entries: Vec<Number> = (0..count).map(constant).collect();
        for &bit in &offset.low.word.0[shift..] {
            if entries.len() == 1 {
                break;
            }
            entries = entries.chunks(2).map(|pair| pair[0].select(circuit, bit, &pair[pair.len() - 1])).collect();
        }
        entries.pop().map(Item::Number).ok_or_else(|| "an empty table".to_owned())
    }

    /// Returns whether a number is the entry of a table at an offset that depends on that number alone.
    ///
    /// It is if it is one of the numbers in the table, and that one stands where the offset of that number leads.
    pub(super) fn is_entry(&mut self, table: usize, offset: &Number, number: &Number) -> Result<Bit, String> {
        let bytes = &self.tables.tables[table];
        let members: BTreeSet<u32> = bytes.chunks(4).map(|chunk| self::number(chunk) as u32).collect();
        let offset = offset.as_word().ok_or("an offset of 64 bits")?.word;
        let function = Function::of(&self.packets.circuit, number.low.word, offset)?;
        let mut is_entry = Bit::ZERO;
        for member in members {
            let at =
                function.value(&self.packets.circuit, member).and_then(|at| bytes.get(at as usize..)?.first_chunk());
            if at == Some(&member.to_ne_bytes()) {
                let circuit = &mut self.packets.circuit;
                let is_member = circuit.equal(number.low.word, Word::constant(member));
                is_entry = circuit.or(is_entry, is_member);
            }
        }
        Ok(is_entry)
    }
}

/// Returns the number that some bytes are in the byte order of the machine.
fn number(bytes: &[u8]) -> u64 {
    let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
    if cfg!(target_endian = "big") { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}

/// A word as a function of another one.
struct Function {
    argument: Word,
    result: Word,
    /// The gates between them, operands first.
    gates: Vec<usize>,
}

impl Function {
    fn of(circuit: &Circuit, argument: Word, result: Word) -> Result<Function, String> {
        let arguments: BTreeSet<usize> = argument.0.iter().map(|bit| bit.gate()).collect();
        let mut gates = BTreeSet::new();
        let mut open: Vec<usize> = result.0.iter().map(|bit| bit.gate()).collect();
        while let Some(gate) = open.pop() {
            if gate == 0 || arguments.contains(&gate) || !gates.insert(gate) {
                continue;
            }
            match circuit.gate(gate) {
                Gate::Input(_) => return Err("the place in a table depends on something else".to_owned()),
                other => open.extend(other.operands().map(Bit::gate)),
            }
        }
        Ok(Function { argument, result, gates: gates.into_iter().collect() })
    }

    /// Returns the result for an argument, if the argument is possible.
    fn value(&self, circuit: &Circuit, argument: u32) -> Option<u32> {
        let mut values: HashMap<usize, bool> = HashMap::from([(0, false)]);
        for (index, bit) in self.argument.0.iter().enumerate() {
            let value = (argument >> index & 1 == 1) != bit.is_inverted();
            if *values.entry(bit.gate()).or_insert(value) != value {
                return None;
            }
        }
        for &gate in &self.gates {
            let of = |bit: Bit| values[&bit.gate()] != bit.is_inverted();
            let value = match circuit.gate(gate) {
                Gate::Zero | Gate::Input(_) => return None,
                Gate::And(a, b) => of(a) && of(b),
                Gate::Xor(a, b) => of(a) != of(b),
                Gate::Select(test, then, otherwise) => of(if of(test) { then } else { otherwise }),
            };
            values.insert(gate, value);
        }
        let bits = self.result.0.iter().rev();
        Some(bits.fold(0, |number, bit| number << 1 | u32::from(values[&bit.gate()] != bit.is_inverted())))
    }
}
