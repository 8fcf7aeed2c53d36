//! Fields of a packet as native code: one version assumes some lengths, which most packets have, and one does not.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;

use crate::bpf::isa::Width;
use crate::classifier::assumed_lengths::AssumedLengths;
use crate::classifier::packet_fields::{MAX_REACH, PacketField, PacketFields};
use crate::classifier::table::Tables;
use crate::codegen::classifier::branch_away_if;
use crate::codegen::classifier::table_functions::Arguments;
use crate::codegen::operations::{self, signed};
use crate::ir::{Address, ByteOrder, Hashing, Range, Value, ValueId};

/// The bytes that loads out of bounds read instead: as many as any field reads after its base.
static ZEROES: [u8; MAX_REACH as usize] = [0; MAX_REACH as usize];

/// The fields of the packet, in a block that dominates all later code.
pub(crate) struct FieldValues {
    /// The fields, 32 bits each.
    pub(crate) values: Vec<ir::Value>,
    /// Not 0, 32 bits, if the packet does not have the field; `None` if it surely does.
    pub(crate) absent: Vec<Option<ir::Value>>,
}

/// Emits the fields, and branches to `elsewhere` if an assumption does not hold.
pub(crate) fn compute(
    fields: &PacketFields,
    builder: &mut FunctionBuilder,
    arguments: Arguments,
    tables: &Tables,
    assumed: &AssumedLengths,
    elsewhere: Block,
) -> FieldValues {
    let [known, in_machine_order] = [(); 2].map(|()| HashMap::default());
    let mut lowering = FieldLowering {
        fields,
        builder,
        arguments,
        tables,
        assumed,
        known,
        in_machine_order,
        checked: HashMap::default(),
    };
    if assumed.captured > 0 {
        let captured = assumed.captured as i64;
        let is_short =
            lowering.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, lowering.arguments.captured, captured);
        branch_away_if(lowering.builder, is_short, elsewhere);
    }
    for &(base, end) in &assumed.after_bases {
        let (base, _) = lowering.value(base);
        let end = operations::load_end(lowering.builder, base, end);
        let is_short = lowering.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, lowering.arguments.captured);
        branch_away_if(lowering.builder, is_short, elsewhere);
    }
    lowering.lower()
}

/// A value, and whether the packet has it: not 0 if so; `None` if it surely does.
type MaybeValue = (ir::Value, Option<ir::Value>);

/// Emits fields without branches: a load out of bounds reads zeroes, and its value is marked as absent.
struct FieldLowering<'a, 'f> {
    fields: &'a PacketFields,
    builder: &'a mut FunctionBuilder<'f>,
    arguments: Arguments,
    tables: &'a Tables,
    assumed: &'a AssumedLengths,
    known: HashMap<ValueId, MaybeValue, Hashing>,
    in_machine_order: HashMap<ValueId, MaybeValue, Hashing>,
    /// The bounds checks made: whether some number of bytes follow a base, or the start of the packet.
    checked: HashMap<(Option<ValueId>, u64), Option<ir::Value>, Hashing>,
}

impl FieldLowering<'_, '_> {
    fn lower(mut self) -> FieldValues {
        let zero = self.builder.ins().iconst(types::I32, 0);
        let mut computed = FieldValues { values: Vec::new(), absent: Vec::new() };
        // Many fields are present if one is.
        let mut absent: HashMap<ir::Value, ir::Value, Hashing> = HashMap::default();
        for (number, &field) in self.fields.list.iter().enumerate() {
            let (value, is_present) = match field {
                PacketField::Value(value) => self.value(value),
                PacketField::MachineOrder(value) => self.in_machine_order(value),
                PacketField::Member(value, ranges) => match self.tables.members.get(&(number as u8)) {
                    Some(&start) => self.is_member_byte(value, start),
                    None => self.is_member(value, self.fields.ranges(ranges)),
                },
                PacketField::InBounds(address, width) => (zero, self.in_bounds(address, width)),
                PacketField::Captured(len) => (zero, self.captured(len.into())),
            };
            computed.values.push(value);
            computed.absent.push(is_present.map(|is_present| {
                *absent.entry(is_present).or_insert_with(|| {
                    let is_absent = self.builder.ins().icmp_imm_s(IntCC::Equal, is_present, 0);
                    self.builder.ins().uextend(types::I32, is_absent)
                })
            }));
        }
        computed
    }

    /// Emits the membership of a byte, by a table.
    fn is_member_byte(&mut self, value: ValueId, start: usize) -> MaybeValue {
        let (number, is_present) = self.value(value);
        let number = self.builder.ins().uextend(types::I64, number);
        let bytes = self.builder.ins().iconst(types::I64, self.tables.words[start..].as_ptr() as i64);
        let address = self.builder.ins().iadd(bytes, number);
        (
            self.builder.ins().uload8(types::I32, MemFlagsData::new().with_notrap().with_readonly(), address, 0),
            is_present,
        )
    }

    /// Emits 1 if a value lies in some ranges, else 0.
    fn is_member(&mut self, value: ValueId, ranges: &[Range]) -> MaybeValue {
        let width = self.fields.width(value).filter(|_| ranges.iter().all(|&(low, high)| low == high));
        let (number, is_present) = if width.is_some() { self.in_machine_order(value) } else { self.value(value) };
        let mut is_member = None;
        for &(low, high) in ranges {
            let lies_inside = if low == high {
                let only = width.map_or(low, |width| width.reorder(low));
                self.builder.ins().icmp_imm_s(IntCC::Equal, number, signed(only))
            } else {
                let distance = self.builder.ins().iadd_imm_s(number, -i64::from(low));
                self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, distance, signed(high - low))
            };
            is_member = Some(is_member.map_or(lies_inside, |other| self.builder.ins().bor(other, lies_inside)));
        }
        let is_member = is_member.unwrap_or_else(|| self.builder.ins().iconst(types::I8, 0));
        (self.builder.ins().uextend(types::I32, is_member), is_present)
    }

    /// Emits a value of known width as the machine loads it.
    fn in_machine_order(&mut self, id: ValueId) -> MaybeValue {
        if let Some(&known) = self.in_machine_order.get(&id) {
            return known;
        }
        let evaluated = match self.fields.values.value(id) {
            Value::Load(address, width, _) => self.load(address, width, ByteOrder::Native),
            Value::Alu(_, value, mask) => {
                let (number, is_present) = self.in_machine_order(value);
                let mask = self.fields.values.as_constant(mask).zip(self.fields.width(id));
                let mask = mask.map_or(0, |(mask, width)| width.reorder(mask));
                (self.builder.ins().band_imm_s(number, signed(mask)), is_present)
            }
            _ => unreachable!("the value has no known width"),
        };
        self.in_machine_order.insert(id, evaluated);
        evaluated
    }

    fn load(&mut self, address: Address, width: Width, order: ByteOrder) -> MaybeValue {
        let is_present = self.in_bounds(address, width);
        let start = self.start(address, is_present);
        (operations::load(self.builder, start, address.offset as i32, width, order), is_present)
    }

    fn value(&mut self, id: ValueId) -> MaybeValue {
        if let Some(&known) = self.known.get(&id) {
            return known;
        }
        let evaluated = match self.fields.values.value(id) {
            Value::Constant(k) => (self.builder.ins().iconst(types::I32, i64::from(k)), None),
            Value::WireLen => (self.arguments.wire_len, None),
            Value::Load(address, width, order) => self.load(address, width, order),
            Value::Alu(op, left, right) => {
                let ((a, has_a), (mut b, mut has_b)) = (self.value(left), self.value(right));
                let known = self.fields.values.known(right);
                if op.is_division() && known.min == 0 {
                    let is_fit = self.builder.ins().icmp_imm_s(IntCC::NotEqual, b, 0);
                    let one = self.builder.ins().iconst(types::I32, 1);
                    b = self.builder.ins().select(is_fit, b, one);
                    has_b = self.both(has_b, Some(is_fit));
                }
                (operations::arithmetic(self.builder, op, a, b, known.max >= 32), self.both(has_a, has_b))
            }
            Value::Negate(value) => {
                let (value, is_present) = self.value(value);
                (self.builder.ins().ineg(value), is_present)
            }
            _ => unreachable!("fields consist of these values"),
        };
        self.known.insert(id, evaluated);
        evaluated
    }

    /// Emits the address that a load counts from: [`ZEROES`] if it is out of bounds.
    fn start(&mut self, address: Address, is_present: Option<ir::Value>) -> ir::Value {
        let base = address.base.map(|base| self.value(base).0);
        let start = operations::packet_address(self.builder, self.arguments.packet, base);
        match is_present {
            Some(is_present) => {
                let safe = self.builder.ins().iconst(types::I64, ZEROES.as_ptr() as i64);
                self.builder.ins().select(is_present, start, safe)
            }
            None => start,
        }
    }

    /// Emits whether a load is in bounds.
    fn in_bounds(&mut self, address: Address, width: Width) -> Option<ir::Value> {
        let end = address.end(width);
        let Some(base) = address.base else { return self.captured(end) };
        if self.assumed.after_bases.iter().any(|&(other, most)| other == base && most >= end) {
            // If the base comes from a division by 0, the entry fails: it has a condition on the divisor, too.
            return None;
        }
        let (base_value, has_base) = self.value(base);
        if let Some(&known) = self.checked.get(&(Some(base), end)) {
            return known;
        }
        let is_inside = operations::is_in_bounds(self.builder, Some(base_value), end, self.arguments.captured);
        let is_present = self.both(has_base, Some(is_inside));
        self.checked.insert((Some(base), end), is_present);
        is_present
    }

    /// Emits whether `len` bytes were captured.
    fn captured(&mut self, len: u64) -> Option<ir::Value> {
        if let Some(&known) = self.checked.get(&(None, len)) {
            return known;
        }
        let is_present = (len > self.assumed.captured)
            .then(|| operations::is_in_bounds(self.builder, None, len, self.arguments.captured));
        self.checked.insert((None, len), is_present);
        is_present
    }

    fn both(&mut self, left: Option<ir::Value>, right: Option<ir::Value>) -> Option<ir::Value> {
        match (left, right) {
            (Some(left), Some(right)) if left != right => Some(self.builder.ins().band(left, right)),
            (left, right) => left.or(right),
        }
    }
}
