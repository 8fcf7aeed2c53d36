//! What an index asks of a packet: few values and checks that many paths share, computed once for each packet.

use std::collections::HashMap;

use crate::bpf::isa::{AluOp, Width};
use crate::classifier::path::{Literal, Path};
use crate::classifier::term::{Term, as_one};
use crate::ir::{Address, ByteOrder, Hashing, KnownBits, Range, Value, ValueId, Values};
use crate::packet::Packet;

/// How many fields there are at most: a bit each says which ones a packet has.
pub(crate) const MAX_FIELDS: usize = 64;

/// The largest expression, in operations, that is computed for every packet.
const LARGEST: u32 = 32;

/// How far behind the start of a packet, or behind a computed place, a field may reach, in bytes.
pub(crate) const MAX_REACH: u64 = 128;

/// Whether a value lies in several ranges is a field if so many rules ask for it, and at least a part of all; the
/// others become several terms.
const SHARED: usize = 3;
const SHARED_PART: usize = 16;

/// The most ranges of such a field.
const MAX_RANGES: usize = 8;

/// Something that a packet has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PacketField {
    /// A value, where all that it is made of lies in bounds and no divisor is 0.
    Value(ValueId),
    /// The same with the bytes in the opposite order, as little-endian machines load it; its [`PacketFields::width`] is
    /// known.
    ByteSwapped(ValueId),
    /// 1 if a value lies in these ranges, else 0.
    Member(ValueId, RangesId),
    /// A load that only has to lie in bounds.
    InBounds(Address, Width),
    /// So many captured bytes.
    Captured(u32),
}

/// The number of some ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RangesId(u32);

/// The fields of an index.
#[derive(Clone, Debug)]
pub(crate) struct PacketFields {
    pub(crate) list: Vec<PacketField>,
    pub(crate) values: Values,
    /// The ranges that many paths ask for together, sorted and apart.
    ranges: Vec<Vec<Range>>,
    members: HashMap<ValueId, Vec<RangesId>, Hashing>,
    /// How many operations each value takes; `None` if it cannot be computed for every packet.
    costs: Vec<Option<u32>>,
    numbers: HashMap<PacketField, u8, Hashing>,
}

/// The fields of one packet.
pub(crate) struct FieldValues {
    /// Which of them it has, a bit each.
    pub(crate) present: u64,
    /// What they are; 0 where it has none.
    pub(crate) values: [u32; MAX_FIELDS],
}

impl FieldValues {
    pub(crate) fn get(&self, field: u8) -> u32 {
        self.values[usize::from(field)]
    }
}

impl PacketFields {
    /// Those that most rules ask for, where `ends` are those of each rule's paths: a rule with many paths counts no more
    /// than others.
    pub(crate) fn choose(values: Values, paths: &[Path], ends: &[usize]) -> PacketFields {
        let costs = costs(&values);
        let (ranges, members) = shared_ranges(paths, ends);
        let (list, numbers) = (Vec::new(), HashMap::default());
        let mut fields = PacketFields { list, values, ranges, members, costs, numbers };
        // How many rules ask for it, and the last of them.
        let mut uses: HashMap<PacketField, (usize, usize), Hashing> = HashMap::default();
        for (rule, path) in of_rules(paths, ends) {
            let wanted = fields.wanted(path).into_iter().filter(|&field| fields.is_fit(field));
            wanted.for_each(|field| count_rule(uses.entry(field).or_default(), rule));
        }
        let mut ranked: Vec<(PacketField, usize)> = uses.into_iter().map(|(field, (uses, _))| (field, uses)).collect();
        // Equal numbers of uses in the order in which the values were met, so that the same set has the same index.
        ranked.sort_by_key(|&(field, uses)| (std::cmp::Reverse(uses), order(field)));
        ranked.truncate(MAX_FIELDS);
        // What is made of other fields stands behind them.
        ranked.sort_by_key(|&(field, _)| order(field));
        fields.list = ranked.into_iter().map(|(field, _)| field).collect();
        fields.numbers = fields.list.iter().enumerate().map(|(number, &field)| (field, number as u8)).collect();
        fields
    }

    /// The fields that a path needs.
    pub(crate) fn wanted(&self, path: &Path) -> Vec<PacketField> {
        let mut wanted: Vec<PacketField> = path.literals.iter().map(|literal| self.of_literal(literal)).collect();
        let mut needs = Needs::default();
        path.literals.iter().for_each(|literal| needs.add(self, literal.value));
        let is_missing = |&(address, width): &(Address, Width)| !needs.has(address, width);
        wanted.extend(
            path.checks
                .iter()
                .copied()
                .filter(is_missing)
                .map(|(address, width)| PacketField::InBounds(address, width)),
        );
        if needs.captured < u64::from(path.min_len) {
            wanted.push(PacketField::Captured(path.min_len));
        }
        wanted
    }

    /// What a literal asks about.
    pub(crate) fn of_literal(&self, literal: &Literal) -> PacketField {
        let mut members = self.members.get(&literal.value).into_iter().flatten();
        match members.find(|&&id| self.ranges(id) == literal.ranges) {
            Some(&id) => PacketField::Member(literal.value, id),
            None => PacketField::Value(literal.value),
        }
    }

    /// The ranges of a field of members.
    pub(crate) fn ranges(&self, RangesId(id): RangesId) -> &[Range] {
        &self.ranges[id as usize]
    }

    /// Turns the fields that are only ever compared with single numbers, which are byte_swapped, too: then the packet's bytes
    /// need not be.
    pub(crate) fn swap_compared(&mut self, terms: &mut [Term]) {
        let mut is_compared = [true; MAX_FIELDS];
        let ranges = terms.iter().flat_map(|term| &term.constraints).filter(|constraint| constraint.number().is_none());
        ranges.for_each(|constraint| is_compared[usize::from(constraint.field)] = false);
        for (field, _) in is_compared.iter().enumerate().take(self.list.len()).filter(|(_, is_compared)| **is_compared)
        {
            let PacketField::Value(value) = self.list[field] else { continue };
            let Some(width) = self.width(value) else { continue };
            self.list[field] = PacketField::ByteSwapped(value);
            for constraint in terms.iter_mut().flat_map(|term| &mut term.constraints) {
                if usize::from(constraint.field) == field {
                    constraint.first = byte_swapped(constraint.first, width);
                }
            }
        }
    }

    /// How wide a value is that is loaded in the packet's order, or some bits of such a one; `None` of others, and of
    /// bytes.
    pub(crate) fn width(&self, id: ValueId) -> Option<Width> {
        match self.values.value(id) {
            Value::Load(_, Width::Byte, _) => None,
            Value::Load(_, width, ByteOrder::Big) => Some(width),
            Value::Alu(AluOp::And, value, mask) => {
                let is_loaded = matches!(self.values.value(value), Value::Load(..));
                self.width(value).filter(|_| is_loaded && self.values.as_constant(mask).is_some())
            }
            _ => None,
        }
    }

    /// 1 if a number lies in some ranges, else 0.
    pub(crate) fn is_member(&self, number: u32, ranges: RangesId) -> u32 {
        self.ranges(ranges).iter().any(|&(low, high)| (low..=high).contains(&number)).into()
    }

    /// The number of a field, if it is one of those.
    pub(crate) fn number(&self, field: PacketField) -> Option<u8> {
        self.numbers.get(&field).copied()
    }

    /// The largest number that a field can be.
    pub(crate) fn max(&self, number: u8) -> u32 {
        match self.list[usize::from(number)] {
            PacketField::Value(value) => self.values.known(value).max,
            PacketField::ByteSwapped(value) => {
                self.width(value).map_or(u32::MAX, |width| KnownBits::of_width(width).max)
            }
            PacketField::Member(..) => 1,
            PacketField::InBounds(..) | PacketField::Captured(_) => 0,
        }
    }

    fn is_fit(&self, field: PacketField) -> bool {
        match field {
            PacketField::Value(value) | PacketField::ByteSwapped(value) | PacketField::Member(value, _) => {
                self.costs[value.index()].is_some()
            }
            PacketField::InBounds(address, width) => {
                address.end(width) <= MAX_REACH && address.base.is_none_or(|base| self.costs[base.index()].is_some())
            }
            PacketField::Captured(_) => true,
        }
    }

    /// The fields of a packet.
    pub(crate) fn values_of(&self, packet: &Packet) -> FieldValues {
        let mut values = FieldValues { present: 0, values: [0; MAX_FIELDS] };
        for (number, &field) in self.list.iter().enumerate() {
            let value = match field {
                PacketField::Value(value) => evaluate(&self.values, value, packet),
                PacketField::ByteSwapped(value) => evaluate(&self.values, value, packet)
                    .zip(self.width(value))
                    .map(|(number, width)| byte_swapped(number, width)),
                PacketField::Member(value, ranges) => {
                    evaluate(&self.values, value, packet).map(|number| self.is_member(number, ranges))
                }
                PacketField::InBounds(address, width) => place(&self.values, address, width, packet).map(|_| 0),
                PacketField::Captured(len) => (packet.data().len() >= len as usize).then_some(0),
            };
            values.present |= u64::from(value.is_some()) << number;
            values.values[number] = value.unwrap_or(0);
        }
        values
    }
}

/// The ranges that many rules ask for together, and of which values.
fn shared_ranges(paths: &[Path], ends: &[usize]) -> (Vec<Vec<Range>>, HashMap<ValueId, Vec<RangesId>, Hashing>) {
    // How many rules ask for them, and the last of these.
    let mut uses: HashMap<(ValueId, &[Range]), (usize, usize), Hashing> = HashMap::default();
    for (rule, path) in of_rules(paths, ends) {
        for Literal { value, ranges } in path.literals.iter().filter(|literal| literal.ranges.len() <= MAX_RANGES) {
            if as_one(ranges).is_none() {
                count_rule(uses.entry((*value, ranges)).or_default(), rule);
            }
        }
    }
    uses.retain(|_, (uses, _)| *uses >= SHARED.max(ends.len() / SHARED_PART));
    let mut shared: Vec<(ValueId, &[Range])> = uses.into_keys().collect();
    shared.sort_unstable();
    let mut members: HashMap<ValueId, Vec<RangesId>, Hashing> = HashMap::default();
    for (&(value, _), id) in shared.iter().zip(0..) {
        members.entry(value).or_default().push(RangesId(id));
    }
    (shared.into_iter().map(|(_, ranges)| ranges.to_vec()).collect(), members)
}

/// Each path with its rule, counted from 1, where `ends` are those of each rule's paths.
fn of_rules<'p>(paths: &'p [Path], ends: &'p [usize]) -> impl Iterator<Item = (usize, &'p Path)> {
    let starts = [0].into_iter().chain(ends.iter().copied());
    starts.zip(ends).zip(1..).flat_map(|((start, &end), rule)| paths[start..end].iter().map(move |path| (rule, path)))
}

/// Counts a rule, if it is not the last one that was counted.
fn count_rule((count, last): &mut (usize, usize), rule: usize) {
    *count += usize::from(*last != rule);
    *last = rule;
}

fn costs(values: &Values) -> Vec<Option<u32>> {
    let mut costs: Vec<Option<u32>> = Vec::with_capacity(values.len());
    for id in values.ids() {
        let is_fit = match values.value(id) {
            Value::Load(address, width, _) => address.end(width) <= MAX_REACH,
            Value::Constant(_) | Value::WireLen | Value::Alu(..) | Value::Negate(_) => true,
            _ => false,
        };
        let cost = values.operands(id).try_fold(1, |sum: u32, operand| Some(sum + costs[operand.index()]?));
        costs.push(cost.filter(|&cost| is_fit && cost <= LARGEST));
    }
    costs
}

/// A number with its bytes in the opposite order.
pub(crate) fn byte_swapped(number: u32, width: Width) -> u32 {
    number.swap_bytes() >> (32 - 8 * width.bytes())
}

/// The order in which fields can be computed.
fn order(field: PacketField) -> (u32, u32, u32) {
    match field {
        PacketField::Captured(len) => (0, len, 0),
        PacketField::Value(value) | PacketField::ByteSwapped(value) => (value.0 + 1, 0, 0),
        PacketField::Member(value, RangesId(ranges)) => (value.0 + 1, 0, 1 + ranges),
        PacketField::InBounds(Address { base, offset }, width) => {
            (base.map_or(0, |base| base.0 + 1), offset + 1, width.bytes())
        }
    }
}

/// What must hold for values to be computed.
#[derive(Default)]
struct Needs {
    captured: u64,
    loads: Vec<(Address, Width)>,
}

impl Needs {
    /// What a value needs; of one that is too large for a field, nothing is known.
    fn add(&mut self, fields: &PacketFields, id: ValueId) {
        if fields.costs[id.index()].is_none() {
            return;
        }
        if let Value::Load(address, width, _) = fields.values.value(id) {
            match address.base {
                None => self.captured = self.captured.max(address.end(width)),
                Some(_) if self.has(address, width) => return,
                Some(_) => self.loads.push((address, width)),
            }
        }
        fields.values.operands(id).for_each(|operand| self.add(fields, operand));
    }

    fn has(&self, address: Address, width: Width) -> bool {
        self.loads.iter().any(|load| load.0.base == address.base && load.0.end(load.1) >= address.end(width))
    }
}

/// A value, if the packet has it: it is small, or it would be no field.
fn evaluate(values: &Values, id: ValueId, packet: &Packet) -> Option<u32> {
    let operand = |id| evaluate(values, id, packet);
    match values.value(id) {
        Value::Constant(k) => Some(k),
        Value::WireLen => Some(packet.wire_len()),
        Value::Load(address, width, order) => {
            let bytes = packet.data().get(place(values, address, width, packet)?..)?;
            Some(match width {
                Width::Byte => u32::from(*bytes.first()?),
                Width::Half if order == ByteOrder::Big => u16::from_be_bytes(*bytes.first_chunk()?).into(),
                Width::Half => u16::from_ne_bytes(*bytes.first_chunk()?).into(),
                Width::Word if order == ByteOrder::Big => u32::from_be_bytes(*bytes.first_chunk()?),
                Width::Word => u32::from_ne_bytes(*bytes.first_chunk()?),
            })
        }
        Value::Alu(op, left, right) => op.eval(operand(left)?, operand(right)?),
        Value::Negate(value) => Some(operand(value)?.wrapping_neg()),
        _ => None,
    }
}

/// Where a load begins, if it lies in bounds.
fn place(values: &Values, address: Address, width: Width, packet: &Packet) -> Option<usize> {
    let base = address.base.map_or(Some(0), |base| evaluate(values, base, packet))?;
    let len = packet.data().len() as u64;
    (u64::from(base) + address.end(width) <= len).then(|| (u64::from(base) + u64::from(address.offset)) as usize)
}
