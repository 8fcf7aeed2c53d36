//! Packet fields: the values and checks that most rules test, computed once for each packet.

use std::collections::HashMap;

use crate::bpf::isa::{AluOp, Width};
use crate::classifier::path::{Literal, Path};
use crate::classifier::path_list::PathList;
use crate::classifier::term::{Term, as_one};
use crate::ir::{Address, ByteOrder, Hashing, KnownBits, Range, Value, ValueId, Values};
use crate::packet::Packet;

/// The most fields. A bit of a 64-bit word for each is set if a packet has the field.
pub(crate) const MAX_FIELDS: usize = 64;

/// The largest expression, in operations, that is computed for every packet.
const LARGEST: u32 = 32;

/// The farthest end of a field from the start of a packet or from a computed offset, in bytes.
pub(crate) const MAX_REACH: u64 = 128;

/// The same for tables that must test all conditions of their rules.
pub(crate) const MAX_REACH_WITHOUT_PROGRAMS: u64 = 255;

/// The least number of rules that share a test for several ranges, and the divisor of the number of rules that is the
/// least, too, to make it a field. Other tests become several terms.
const MIN_SHARING_RULES: usize = 3;
const RULES_DIVISOR: usize = 16;

/// The most ranges of such a field.
const MAX_RANGES: usize = 8;

/// A value or check that a packet may have or lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PacketField {
    /// A value, if all its loads lie in bounds and no divisor is 0.
    Value(ValueId),
    /// A value as the machine loads it, in its own byte order. Its [`PacketFields::width`] is known.
    MachineOrder(ValueId),
    /// 1 if a value lies in these ranges, or else 0.
    Member(ValueId, RangesId),
    /// A load that only has to lie in bounds.
    InBounds(Address, Width),
    /// A least captured length.
    Captured(u32),
}

/// The number of a list of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RangesId(u32);

/// The fields of a classifier.
#[derive(Clone, Debug)]
pub(crate) struct PacketFields {
    pub(crate) list: Vec<PacketField>,
    pub(crate) values: Values,
    /// The lists of ranges that many rules share, sorted and disjoint.
    ranges: Vec<Vec<Range>>,
    members: HashMap<ValueId, Vec<RangesId>, Hashing>,
    /// The number of operations of each value; `None` if it is not computed for every packet.
    costs: Vec<Option<u32>>,
    /// The farthest end of a field.
    reach: u64,
    numbers: HashMap<PacketField, u8, Hashing>,
}

/// The values of the fields of one packet.
pub(crate) struct FieldValues {
    /// A bit for each field, set if the packet has it.
    pub(crate) present: u64,
    /// The value of each field; 0 if the packet lacks it.
    pub(crate) values: [u32; MAX_FIELDS],
}

impl FieldValues {
    pub(crate) fn get(&self, field: u8) -> u32 {
        self.values[usize::from(field)]
    }
}

impl PacketFields {
    /// Chooses the fields that most rules test, by the paths of each rule. A rule with many paths counts no more than
    /// others. No field ends beyond `reach`.
    pub(crate) fn choose(values: Values, paths: &PathList, reach: u64) -> PacketFields {
        let costs = costs(&values, reach);
        let (ranges, members) = shared_ranges(paths);
        let (list, numbers) = (Vec::new(), HashMap::default());
        let mut fields = PacketFields { list, values, ranges, members, costs, reach, numbers };
        // The number of rules that test each field, and the last of them.
        let mut uses: HashMap<PacketField, (usize, usize), Hashing> = HashMap::default();
        paths.for_each(|rule, paths| {
            let wanted = paths.iter().flat_map(|path| fields.wanted(path)).filter(|&field| fields.is_fit(field));
            wanted.for_each(|field| count_rule(uses.entry(field).or_default(), rule + 1));
        });
        let mut ranked: Vec<(PacketField, usize)> = uses.into_iter().map(|(field, (uses, _))| (field, uses)).collect();
        // Ties are in the order of the values, so that the same rules have the same fields.
        ranked.sort_by_key(|&(field, uses)| (std::cmp::Reverse(uses), order(field)));
        ranked.truncate(MAX_FIELDS);
        // Fields come after those that they are computed from.
        ranked.sort_by_key(|&(field, _)| order(field));
        fields.list = ranked.into_iter().map(|(field, _)| field).collect();
        fields.numbers = fields.list.iter().enumerate().map(|(number, &field)| (field, number as u8)).collect();
        fields
    }

    /// Returns the same fields with more values, which other programs test.
    pub(crate) fn with_values(&self, values: Values) -> PacketFields {
        PacketFields { costs: costs(&values, self.reach), values, ..self.clone() }
    }

    /// Returns the fields that a path needs.
    pub(crate) fn wanted(&self, path: &Path) -> Vec<PacketField> {
        let mut wanted: Vec<PacketField> = path.literals.iter().map(|literal| self.of_literal(literal)).collect();
        let mut needs = Needs::default();
        path.literals.iter().for_each(|literal| needs.add(self, literal.value));
        let is_missing = |&&(address, width): &&(Address, Width)| !needs.has(address, width);
        let missing = path.checks.iter().filter(is_missing);
        wanted.extend(missing.map(|&(address, width)| PacketField::InBounds(address, width)));
        if needs.captured < u64::from(path.min_len) {
            wanted.push(PacketField::Captured(path.min_len));
        }
        wanted
    }

    /// Returns the field that a literal tests.
    pub(crate) fn of_literal(&self, literal: &Literal) -> PacketField {
        let mut members = self.members.get(&literal.value).into_iter().flatten();
        match members.find(|&&id| self.ranges(id) == literal.ranges) {
            Some(&id) => PacketField::Member(literal.value, id),
            None => PacketField::Value(literal.value),
        }
    }

    /// Returns a list of ranges.
    pub(crate) fn ranges(&self, RangesId(id): RangesId) -> &[Range] {
        &self.ranges[id as usize]
    }

    /// Puts fields that are only compared for equality, and the numbers in terms, into the machine's byte order, so
    /// that the bytes of packets need not be swapped.
    pub(crate) fn reorder_compared(&mut self, terms: &mut [Term]) {
        let mut is_compared = [true; MAX_FIELDS];
        let ranges = terms.iter().flat_map(|term| &term.constraints).filter(|constraint| constraint.number().is_none());
        ranges.for_each(|constraint| is_compared[usize::from(constraint.field)] = false);
        for (field, _) in is_compared.iter().enumerate().take(self.list.len()).filter(|(_, is_compared)| **is_compared)
        {
            let PacketField::Value(value) = self.list[field] else { continue };
            let Some(width) = self.width(value) else { continue };
            self.list[field] = PacketField::MachineOrder(value);
            for constraint in terms.iter_mut().flat_map(|term| &mut term.constraints) {
                if usize::from(constraint.field) == field {
                    constraint.first = width.reorder(constraint.first);
                }
            }
        }
    }

    /// Returns the width of a big-endian load or of some bits of one; `None` for other values and for bytes.
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

    /// Returns 1 if a number lies in a list of ranges, or else 0.
    pub(crate) fn is_member(&self, number: u32, ranges: RangesId) -> u32 {
        self.ranges(ranges).iter().any(|&(low, high)| (low..=high).contains(&number)).into()
    }

    /// Returns the number of a field, if it was chosen.
    pub(crate) fn number(&self, field: PacketField) -> Option<u8> {
        self.numbers.get(&field).copied()
    }

    /// Returns the largest value of a field.
    pub(crate) fn max(&self, number: u8) -> u32 {
        match self.list[usize::from(number)] {
            PacketField::Value(value) => self.values.known(value).max,
            PacketField::MachineOrder(value) => {
                self.width(value).map_or(u32::MAX, |width| KnownBits::of_width(width).max)
            }
            PacketField::Member(..) => 1,
            PacketField::InBounds(..) | PacketField::Captured(_) => 0,
        }
    }

    /// Returns whether a field is computed for every packet.
    fn is_fit(&self, field: PacketField) -> bool {
        match field {
            PacketField::Value(value) | PacketField::MachineOrder(value) | PacketField::Member(value, _) => {
                self.costs[value.index()].is_some()
            }
            PacketField::InBounds(address, width) => {
                address.end(width) <= self.reach && address.base.is_none_or(|base| self.costs[base.index()].is_some())
            }
            PacketField::Captured(_) => true,
        }
    }

    /// Computes the fields of a packet.
    pub(crate) fn values_of(&self, packet: &Packet) -> FieldValues {
        let mut values = FieldValues { present: 0, values: [0; MAX_FIELDS] };
        for (number, &field) in self.list.iter().enumerate() {
            let value = match field {
                PacketField::Value(value) => evaluate(&self.values, value, packet),
                PacketField::MachineOrder(value) => evaluate(&self.values, value, packet)
                    .zip(self.width(value))
                    .map(|(number, width)| width.reorder(number)),
                PacketField::Member(value, ranges) => {
                    evaluate(&self.values, value, packet).map(|number| self.is_member(number, ranges))
                }
                PacketField::InBounds(address, width) => offset_of(&self.values, address, width, packet).map(|_| 0),
                PacketField::Captured(len) => (packet.data().len() >= len as usize).then_some(0),
            };
            values.present |= u64::from(value.is_some()) << number;
            values.values[number] = value.unwrap_or(0);
        }
        values
    }
}

/// Returns the lists of ranges that many rules test, and their numbers by value.
fn shared_ranges(paths: &PathList) -> (Vec<Vec<Range>>, HashMap<ValueId, Vec<RangesId>, Hashing>) {
    // The number of rules that test each list, and the last of them.
    let mut uses: HashMap<(ValueId, Vec<Range>), (usize, usize), Hashing> = HashMap::default();
    paths.for_each(|rule, paths| {
        let literals = paths.iter().flat_map(|path| &path.literals);
        for Literal { value, ranges } in literals.filter(|literal| literal.ranges.len() <= MAX_RANGES) {
            if as_one(ranges).is_none() {
                count_rule(uses.entry((*value, ranges.clone())).or_default(), rule + 1);
            }
        }
    });
    uses.retain(|_, (uses, _)| *uses >= MIN_SHARING_RULES.max(paths.len() / RULES_DIVISOR));
    let mut shared: Vec<(ValueId, Vec<Range>)> = uses.into_keys().collect();
    shared.sort_unstable();
    let mut members: HashMap<ValueId, Vec<RangesId>, Hashing> = HashMap::default();
    for ((value, _), id) in shared.iter().zip(0..) {
        members.entry(*value).or_default().push(RangesId(id));
    }
    (shared.into_iter().map(|(_, ranges)| ranges).collect(), members)
}

/// Counts a rule, whose number is not 0, once for consecutive calls.
fn count_rule((count, last): &mut (usize, usize), rule: usize) {
    *count += usize::from(*last != rule);
    *last = rule;
}

/// Returns the number of operations of each value that can be a field, none of whose loads ends beyond `reach`.
fn costs(values: &Values, reach: u64) -> Vec<Option<u32>> {
    let mut costs: Vec<Option<u32>> = Vec::with_capacity(values.len());
    for id in values.ids() {
        let is_fit = match values.value(id) {
            Value::Load(address, width, _) => address.end(width) <= reach,
            Value::Constant(_) | Value::WireLen | Value::Alu(..) | Value::Negate(_) => true,
            _ => false,
        };
        let cost = values.operands(id).try_fold(1, |sum: u32, operand| Some(sum + costs[operand.index()]?));
        costs.push(cost.filter(|&cost| is_fit && cost <= LARGEST));
    }
    costs
}

/// Returns a sort key of fields: they can be computed in this order.
fn order(field: PacketField) -> (u32, u32, u32) {
    match field {
        PacketField::Captured(len) => (0, len, 0),
        PacketField::Value(value) | PacketField::MachineOrder(value) => (value.0 + 1, 0, 0),
        PacketField::Member(value, RangesId(ranges)) => (value.0 + 1, 0, 1 + ranges),
        PacketField::InBounds(Address { base, offset }, width) => {
            (base.map_or(0, |base| base.0 + 1), offset + 1, width.bytes())
        }
    }
}

/// The bytes that a packet must have for some values.
#[derive(Default)]
struct Needs {
    captured: u64,
    loads: Vec<(Address, Width)>,
}

impl Needs {
    /// Adds the bytes of a value, if it can be a field.
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

/// Computes a value, if the packet has it. Fields are small, so the recursion is shallow.
pub(crate) fn evaluate(values: &Values, id: ValueId, packet: &Packet) -> Option<u32> {
    let operand = |id| evaluate(values, id, packet);
    match values.value(id) {
        Value::Constant(k) => Some(k),
        Value::WireLen => Some(packet.wire_len()),
        Value::Load(address, width, order) => {
            let bytes = packet.data().get(offset_of(values, address, width, packet)?..)?;
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

/// Returns the offset of a load, if it lies in bounds.
pub(crate) fn offset_of(values: &Values, address: Address, width: Width, packet: &Packet) -> Option<usize> {
    let base = address.base.map_or(Some(0), |base| evaluate(values, base, packet))?;
    let len = packet.data().len() as u64;
    (u64::from(base) + address.end(width) <= len).then(|| (u64::from(base) + u64::from(address.offset)) as usize)
}
