//! The fields of a packet as native code.
//!
//! It comes twice: for most packets, of which some lengths are taken for granted, and for any.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder, MemFlagsData, types};
use cranelift_frontend::FunctionBuilder;

use crate::bpf::isa::Width;
use crate::classifier::packet_fields::{MAX_REACH, PacketField, PacketFields, byte_swapped};
use crate::classifier::table::Tables;
use crate::codegen::classifier::code::Arguments;
use crate::codegen::classifier::go_on_unless;
use crate::codegen::lower::{arithmetic, load};
use crate::codegen::member_sets::signed;
use crate::ir::{Address, ByteOrder, Hashing, Range, Value, ValueId};

/// What is read instead of a packet that is too short: it has all bytes that fields look at, behind computed places,
/// too.
static NOTHING: [u8; MAX_REACH as usize] = [0; MAX_REACH as usize];

/// The fields of the packet at hand, as the open block and those behind it have them.
pub(crate) struct Computed {
    /// What they are, 32 bits each.
    pub(crate) values: Vec<ir::Value>,
    /// Not 0, of 32 bits, if the packet has not the field; `None` if it surely does.
    pub(crate) absent: Vec<Option<ir::Value>>,
}

/// What code may take for granted of a packet; others go through code that takes nothing for granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// How many bytes were captured at least.
    captured: u64,
    /// How many bytes at least lie behind computed places.
    behind: Vec<(ValueId, u64)>,
}

/// So many bytes are taken for granted at most: those of a TCP segment without data or options.
const MOST_CAPTURED: u64 = 54;

/// Of so many computed places it is taken for granted that the fields behind them are there.
const MOST_PLACES: usize = 2;

impl Granted {
    /// What nearly all packets have, of what the fields need.
    pub(crate) fn of(fields: &PacketFields) -> Granted {
        let mut granted = Granted::default();
        let mut loads = Vec::new();
        for &field in &fields.list {
            match field {
                PacketField::Value(value) | PacketField::ByteSwapped(value) | PacketField::Member(value, _) => {
                    loads_of(fields, value, &mut loads);
                }
                PacketField::InBounds(address, width) => {
                    loads.push((address.base, address.end(width)));
                    address.base.into_iter().for_each(|base| loads_of(fields, base, &mut loads));
                }
                PacketField::Captured(len) => loads.push((None, len.into())),
            }
        }
        for &(base, end) in &loads {
            match base {
                None if end <= MOST_CAPTURED => granted.captured = granted.captured.max(end),
                None => {}
                Some(base) => match granted.behind.iter_mut().find(|(other, _)| *other == base) {
                    Some((_, most)) => *most = end.max(*most),
                    None => granted.behind.push((base, end)),
                },
            }
        }
        let captured = granted.captured;
        granted.behind.retain(|&(base, _)| {
            let mut loads = Vec::new();
            loads_of(fields, base, &mut loads);
            loads.iter().all(|&(base, end)| base.is_none() && end <= captured)
        });
        granted.behind.truncate(MOST_PLACES);
        granted
    }
}

/// Where a value's loads begin, and how far behind that they end.
fn loads_of(fields: &PacketFields, id: ValueId, loads: &mut Vec<(Option<ValueId>, u64)>) {
    if let Value::Load(address, width, _) = fields.values.value(id) {
        loads.push((address.base, address.end(width)));
    }
    fields.values.operands(id).for_each(|operand| loads_of(fields, operand, loads));
}

/// Computes the fields, and goes elsewhere if something is missing that is taken for granted.
pub(crate) fn compute(
    fields: &PacketFields,
    builder: &mut FunctionBuilder,
    arguments: Arguments,
    tables: &Tables,
    granted: &Granted,
    elsewhere: Block,
) -> Computed {
    let [known, byte_swapped] = [(); 2].map(|()| HashMap::default());
    let mut evaluator =
        Evaluator { fields, builder, arguments, tables, granted, known, byte_swapped, checked: HashMap::default() };
    if granted.captured > 0 {
        let captured = granted.captured as i64;
        let is_short =
            evaluator.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, evaluator.arguments.captured, captured);
        go_on_unless(evaluator.builder, is_short, elsewhere);
    }
    for &(base, end) in &granted.behind {
        let end = evaluator.end(base, end);
        let is_short = evaluator.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, evaluator.arguments.captured);
        go_on_unless(evaluator.builder, is_short, elsewhere);
    }
    evaluator.row()
}

/// A value, and whether the packet has it; `None` if it surely does.
type Evaluated = (ir::Value, Option<ir::Value>);

struct Evaluator<'a, 'f> {
    fields: &'a PacketFields,
    builder: &'a mut FunctionBuilder<'f>,
    arguments: Arguments,
    tables: &'a Tables,
    granted: &'a Granted,
    known: HashMap<ValueId, Evaluated, Hashing>,
    byte_swapped: HashMap<ValueId, Evaluated, Hashing>,
    /// Whether there are so many bytes behind a base.
    checked: HashMap<(Option<ValueId>, u64), Option<ir::Value>, Hashing>,
}

impl Evaluator<'_, '_> {
    /// All fields.
    fn row(mut self) -> Computed {
        let zero = self.builder.ins().iconst(types::I32, 0);
        let mut computed = Computed { values: Vec::new(), absent: Vec::new() };
        // Many fields are there if one is.
        let mut absent: HashMap<ir::Value, ir::Value, Hashing> = HashMap::default();
        for (number, &field) in self.fields.list.iter().enumerate() {
            let (value, is_there) = match field {
                PacketField::Value(value) => self.value(value),
                PacketField::ByteSwapped(value) => self.byte_swapped(value),
                PacketField::Member(value, ranges) => match self.tables.members.get(&(number as u8)) {
                    Some(&start) => self.is_member_byte(value, start),
                    None => self.is_member(value, self.fields.ranges(ranges)),
                },
                PacketField::InBounds(address, width) => (zero, self.in_bounds(address, width)),
                PacketField::Captured(len) => (zero, self.captured(len.into())),
            };
            computed.values.push(value);
            computed.absent.push(is_there.map(|is_there| {
                *absent.entry(is_there).or_insert_with(|| {
                    let is_absent = self.builder.ins().icmp_imm_s(IntCC::Equal, is_there, 0);
                    self.builder.ins().uextend(types::I32, is_absent)
                })
            }));
        }
        computed
    }

    /// What the tables say of a value that is a byte.
    fn is_member_byte(&mut self, value: ValueId, start: usize) -> Evaluated {
        let (number, is_there) = self.value(value);
        let number = self.builder.ins().uextend(types::I64, number);
        let bytes = self.builder.ins().iconst(types::I64, self.tables.words[start..].as_ptr() as i64);
        let place = self.builder.ins().iadd(bytes, number);
        (self.builder.ins().uload8(types::I32, MemFlagsData::new().with_notrap().with_readonly(), place, 0), is_there)
    }

    /// 1 if a value lies in some ranges, else 0.
    fn is_member(&mut self, value: ValueId, ranges: &[Range]) -> Evaluated {
        let width = self.fields.width(value).filter(|_| ranges.iter().all(|&(low, high)| low == high));
        let (number, is_there) = if width.is_some() { self.byte_swapped(value) } else { self.value(value) };
        let mut is_member = None;
        for &(low, high) in ranges {
            let lies_inside = if low == high {
                let only = width.map_or(low, |width| byte_swapped(low, width));
                self.builder.ins().icmp_imm_s(IntCC::Equal, number, signed(only))
            } else {
                let distance = self.builder.ins().iadd_imm_s(number, -i64::from(low));
                self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, distance, signed(high - low))
            };
            is_member = Some(is_member.map_or(lies_inside, |other| self.builder.ins().bor(other, lies_inside)));
        }
        let is_member = is_member.unwrap_or_else(|| self.builder.ins().iconst(types::I8, 0));
        (self.builder.ins().uextend(types::I32, is_member), is_there)
    }

    /// A value of known width with its bytes in the opposite order.
    fn byte_swapped(&mut self, id: ValueId) -> Evaluated {
        if let Some(&known) = self.byte_swapped.get(&id) {
            return known;
        }
        let evaluated = match self.fields.values.value(id) {
            Value::Load(address, width, _) => self.load(address, width, ByteOrder::Native),
            Value::Alu(_, value, mask) => {
                let (number, is_there) = self.byte_swapped(value);
                let mask = self.fields.values.as_constant(mask).zip(self.fields.width(id));
                let mask = mask.map_or(0, |(mask, width)| byte_swapped(mask, width));
                (self.builder.ins().band_imm_s(number, signed(mask)), is_there)
            }
            _ => unreachable!("such a value has no known width"),
        };
        self.byte_swapped.insert(id, evaluated);
        evaluated
    }

    fn load(&mut self, address: Address, width: Width, order: ByteOrder) -> Evaluated {
        let is_there = self.in_bounds(address, width);
        let start = self.start(address, is_there);
        (load(self.builder, start, address.offset as i32, width, order), is_there)
    }

    fn value(&mut self, id: ValueId) -> Evaluated {
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
                (arithmetic(self.builder, op, a, b, known.max >= 32), self.both(has_a, has_b))
            }
            Value::Negate(value) => {
                let (value, is_there) = self.value(value);
                (self.builder.ins().ineg(value), is_there)
            }
            _ => unreachable!("fields are made of nothing else"),
        };
        self.known.insert(id, evaluated);
        evaluated
    }

    /// What a load counts from: the packet or a computed place, or bytes that can always be read.
    fn start(&mut self, address: Address, is_there: Option<ir::Value>) -> ir::Value {
        let mut start = self.arguments.packet;
        if let Some(base) = address.base {
            let (base, _) = self.value(base);
            let base = self.builder.ins().uextend(types::I64, base);
            start = self.builder.ins().iadd(start, base);
        }
        match is_there {
            Some(is_there) => {
                let safe = self.builder.ins().iconst(types::I64, NOTHING.as_ptr() as i64);
                self.builder.ins().select(is_there, start, safe)
            }
            None => start,
        }
    }

    /// So many bytes behind a computed place, counted from the start of the packet.
    fn end(&mut self, base: ValueId, end: u64) -> ir::Value {
        let (base, _) = self.value(base);
        let place = self.builder.ins().uextend(types::I64, base);
        self.builder.ins().iadd_imm_s(place, end as i64)
    }

    /// Whether a load lies in bounds.
    fn in_bounds(&mut self, address: Address, width: Width) -> Option<ir::Value> {
        let end = address.end(width);
        let Some(base) = address.base else { return self.captured(end) };
        if self.granted.behind.iter().any(|&(other, most)| other == base && most >= end) {
            // If the place comes of a division by 0, no path leads here: that the divisor is not 0 is a condition, too.
            return None;
        }
        let (_, has_base) = self.value(base);
        if let Some(&known) = self.checked.get(&(Some(base), end)) {
            return known;
        }
        let place = self.end(base, end);
        let is_inside = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, place, self.arguments.captured);
        let is_there = self.both(has_base, Some(is_inside));
        self.checked.insert((Some(base), end), is_there);
        is_there
    }

    /// Whether so many bytes were captured.
    fn captured(&mut self, len: u64) -> Option<ir::Value> {
        if let Some(&known) = self.checked.get(&(None, len)) {
            return known;
        }
        let is_there = (len > self.granted.captured).then(|| {
            let len = self.builder.ins().iconst(types::I64, len as i64);
            self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, self.arguments.captured, len)
        });
        self.checked.insert((None, len), is_there);
        is_there
    }

    fn both(&mut self, left: Option<ir::Value>, right: Option<ir::Value>) -> Option<ir::Value> {
        match (left, right) {
            (Some(left), Some(right)) if left != right => Some(self.builder.ins().band(left, right)),
            (left, right) => left.or(right),
        }
    }
}
