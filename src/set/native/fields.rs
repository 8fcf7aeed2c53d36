//! The fields of a packet as native code.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, BlockArg, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;

use crate::graph::{Address, Hashing, Value, ValueId};
use crate::isa::Width;
use crate::jit::{Arguments, arithmetic, load};
use crate::set::field::{FARTHEST, Field, Fields};

/// What is read instead of a packet that is too short: it has all bytes that fields look at, behind computed places, too.
static NOTHING: [u8; FARTHEST as usize] = [0; FARTHEST as usize];

/// Where the code has the fields: which the packet has, 64 bits, and what they are, 32 bits each.
pub(super) struct Computed {
    pub(super) present: ir::Value,
    pub(super) values: Vec<ir::Value>,
}

/// Fills the open block and ends in another where all fields are computed.
pub(super) fn compute(fields: &Fields, builder: &mut FunctionBuilder, arguments: Arguments) -> Computed {
    let [whole, cut, done] = [(); 3].map(|()| builder.create_block());
    let needed = fields.list.iter().map(|&field| bytes_of_field(fields, field)).max().unwrap_or(0);
    let is_long = builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, arguments.captured, needed as i64);
    builder.ins().brif(is_long, whole, &[], cut, &[]);
    let present = builder.append_block_param(done, types::I64);
    let values = fields.list.iter().map(|_| builder.append_block_param(done, types::I32)).collect();
    for (block, is_cut) in [(whole, false), (cut, true)] {
        builder.switch_to_block(block);
        if is_cut {
            builder.set_cold_block(block);
        }
        let safe = match is_cut {
            true => builder.ins().iconst(types::I64, NOTHING.as_ptr() as i64),
            false => arguments.packet,
        };
        let (known, checked) = (HashMap::default(), HashMap::default());
        let mut evaluator = Evaluator { fields, builder, arguments, is_cut, needed, safe, known, checked };
        let row = evaluator.row();
        builder.ins().jump(done, &row);
    }
    builder.switch_to_block(done);
    Computed { present, values }
}

/// How many bytes a packet must have for a field to be read without a look at its length; where a place is computed, so
/// many that the start of the packet can be read instead.
fn bytes_of_field(fields: &Fields, field: Field) -> u64 {
    match field {
        Field::Value(value) => bytes_of_value(fields, value),
        Field::InBounds(address, _) => address.base.map_or(0, |base| bytes_of_value(fields, base)),
        Field::Captured(_) => 0,
    }
}

fn bytes_of_value(fields: &Fields, id: ValueId) -> u64 {
    let own = match fields.values.value(id) {
        Value::Load(address, width, _) => address.end(width),
        _ => 0,
    };
    fields.values.operands(id).map(|operand| bytes_of_value(fields, operand)).fold(own, u64::max)
}

/// A value, and whether the packet has it; `None` if it surely does.
type Evaluated = (ir::Value, Option<ir::Value>);

struct Evaluator<'a, 'f> {
    fields: &'a Fields,
    builder: &'a mut FunctionBuilder<'f>,
    arguments: Arguments,
    /// Whether the packet may be too short for fixed places.
    is_cut: bool,
    /// How long it is at least if not.
    needed: u64,
    /// What can be read where a place is out of bounds.
    safe: ir::Value,
    known: HashMap<ValueId, Evaluated, Hashing>,
    /// Whether there are so many bytes behind a base.
    checked: HashMap<(Option<ValueId>, u64), Option<ir::Value>, Hashing>,
}

impl Evaluator<'_, '_> {
    /// Which fields the packet has, and all of them.
    fn row(&mut self) -> Vec<BlockArg> {
        let zero = self.builder.ins().iconst(types::I32, 0);
        // Many fields are there if one is.
        let mut groups: Vec<(Option<ir::Value>, u64)> = Vec::new();
        let mut row = Vec::new();
        for (number, &field) in self.fields.list.iter().enumerate() {
            let (value, is_there) = match field {
                Field::Value(value) => self.value(value),
                Field::InBounds(address, width) => (zero, self.in_bounds(address, width)),
                Field::Captured(len) => (zero, self.captured(len.into())),
            };
            row.push(BlockArg::Value(value));
            match groups.iter_mut().find(|(group, _)| *group == is_there) {
                Some((_, bits)) => *bits |= 1 << number,
                None => groups.push((is_there, 1 << number)),
            }
        }
        let mut present = self.builder.ins().iconst(types::I64, 0);
        for (is_there, bits) in groups {
            let mut bits = self.builder.ins().iconst(types::I64, bits.cast_signed());
            if let Some(is_there) = is_there {
                let none = self.builder.ins().iconst(types::I64, 0);
                bits = self.builder.ins().select(is_there, bits, none);
            }
            present = self.builder.ins().bor(present, bits);
        }
        row.insert(0, BlockArg::Value(present));
        row
    }

    fn value(&mut self, id: ValueId) -> Evaluated {
        if let Some(&known) = self.known.get(&id) {
            return known;
        }
        let evaluated = match self.fields.values.value(id) {
            Value::Constant(k) => (self.builder.ins().iconst(types::I32, i64::from(k)), None),
            Value::WireLen => (self.arguments.wire_len, None),
            Value::Load(address, width, order) => {
                let is_there = self.in_bounds(address, width);
                let start = self.start(address, is_there);
                (load(self.builder, start, address.offset as i32, width, order), is_there)
            }
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
            Some(is_there) => self.builder.ins().select(is_there, start, self.safe),
            None => start,
        }
    }

    /// Whether a load lies in bounds.
    fn in_bounds(&mut self, address: Address, width: Width) -> Option<ir::Value> {
        let end = address.end(width);
        let Some(base) = address.base else { return self.captured(end) };
        let (base_value, has_base) = self.value(base);
        if let Some(&known) = self.checked.get(&(Some(base), end)) {
            return known;
        }
        let place = self.builder.ins().uextend(types::I64, base_value);
        let place = self.builder.ins().iadd_imm_s(place, end as i64);
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
        let needs_look = self.is_cut || len > self.needed;
        let is_there = needs_look.then(|| {
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
