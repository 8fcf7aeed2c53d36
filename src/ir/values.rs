//! The values of a graph: each expression once, simplified, with its known bits.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Width};
use crate::ir::hash_map::{self, HashIndex};
use crate::ir::{Address, ByteOrder, KnownBits, OpenConstant, Test, Value, ValueId};
use crate::packet::header::Header;

/// All values of a graph. Operands have smaller numbers than the values that use them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    list: Vec<(Value, KnownBits)>,
    /// Where in the list each value is that is not a parameter.
    places: HashIndex,
    parameters: u32,
}

impl Values {
    /// Returns an empty list with room for `count` values.
    pub(crate) fn with_capacity(count: usize) -> Values {
        Values { list: Vec::with_capacity(count), places: HashIndex::with_capacity(count), parameters: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value> {
        self.list.iter().map(|&(value, _)| value)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.list.len() as u32).map(ValueId)
    }

    pub(crate) fn value(&self, id: ValueId) -> Value {
        self.list[id.index()].0
    }

    pub(crate) fn known(&self, id: ValueId) -> KnownBits {
        self.list[id.index()].1
    }

    /// Returns the constant that a value is.
    pub(crate) fn as_constant(&self, id: ValueId) -> Option<u32> {
        match self.value(id) {
            Value::Constant(k) => Some(k),
            _ => None,
        }
    }

    /// Adds a value that cannot be simplified.
    pub(crate) fn add(&mut self, value: Value) -> ValueId {
        let hash = hash_map::hash(&value);
        if let Some(place) = self.places.find(hash, |place| self.list[place].0 == value) {
            return ValueId(place as u32);
        }
        let known = self.known_of(value);
        match known.as_constant() {
            Some(k) if value != Value::Constant(k) => self.constant(k),
            _ => {
                let id = ValueId(self.list.len() as u32);
                self.list.push((value, known));
                self.places.insert(hash, id.index());
                id
            }
        }
    }

    pub(crate) fn constant(&mut self, k: u32) -> ValueId {
        self.add(Value::Constant(k))
    }

    /// Adds a constant of which some bits may be open.
    pub(crate) fn open(&mut self, open: OpenConstant) -> ValueId {
        match open.as_fixed() {
            Some(k) => self.constant(k),
            None => self.add(Value::Open(open)),
        }
    }

    /// Returns the constant that a value is, with the bits that are open.
    pub(crate) fn as_open(&self, id: ValueId) -> Option<OpenConstant> {
        match self.value(id) {
            Value::Constant(k) => Some(OpenConstant::fixed(k)),
            Value::Open(open) => Some(open),
            _ => None,
        }
    }

    /// Replaces open constants by those of a program with these constants.
    pub(crate) fn close(&mut self, constants: &[u32]) {
        for (value, known) in &mut self.list {
            if let Value::Open(open) = *value {
                let k = open.value(constants);
                (*value, *known) = (Value::Constant(k), KnownBits::constant(k));
            }
        }
    }

    /// Adds a new parameter with known bits that hold for the arguments of all edges.
    pub(crate) fn parameter(&mut self, known: KnownBits) -> ValueId {
        // No other value is equal to it.
        self.parameters += 1;
        let id = ValueId(self.list.len() as u32);
        self.list.push((Value::Parameter(self.parameters), known));
        id
    }

    pub(crate) fn load(&mut self, address: Address, width: Width, order: ByteOrder) -> ValueId {
        self.add(Value::Load(address, width, order))
    }

    /// Resolves an offset of the Linux dialect; one that is not relative to a header stays as it is.
    pub(crate) fn resolved_offset(&mut self, offset: ValueId) -> ValueId {
        if self.known(offset).max < Header::FIRST_OFFSET { offset } else { self.add(Value::ResolvedOffset(offset)) }
    }

    /// Returns the address `base + offset`, simplified; `None` if no address is that large.
    pub(crate) fn address(&self, base: ValueId, offset: u32) -> Option<Address> {
        match self.value(base) {
            Value::Constant(k) => Some(Address { base: None, offset: k.checked_add(offset)? }),
            Value::Alu(AluOp::Add, inner, k) => {
                let k = self.as_constant(k).filter(|&k| self.known(inner).max.checked_add(k).is_some());
                let sum = k.and_then(|k| k.checked_add(offset));
                Some(sum.map_or(Address { base: Some(base), offset }, |offset| Address { base: Some(inner), offset }))
            }
            _ => Some(Address { base: Some(base), offset }),
        }
    }

    pub(crate) fn negate(&mut self, value: ValueId) -> ValueId {
        match self.value(value) {
            Value::Constant(k) => self.constant(k.wrapping_neg()),
            Value::Negate(inner) => inner,
            _ => self.add(Value::Negate(value)),
        }
    }

    /// The result of arithmetic, in a form in which equal results are likely to be the same value.
    pub(crate) fn alu(&mut self, op: AluOp, left: ValueId, right: ValueId) -> ValueId {
        let is_commutative = matches!(op, AluOp::Add | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor);
        let exchange = is_commutative && (self.is_constant(left), left) > (self.is_constant(right), right);
        let (left, right) = if exchange { (right, left) } else { (left, right) };
        match self.as_constant(right) {
            Some(k) => self.alu_constant(op, left, k),
            None if left == right && matches!(op, AluOp::And | AluOp::Or) => left,
            None if left == right && matches!(op, AluOp::Sub | AluOp::Xor) => self.constant(0),
            None => self.add(Value::Alu(op, left, right)),
        }
    }

    fn alu_constant(&mut self, op: AluOp, left: ValueId, k: u32) -> ValueId {
        let known = self.known(left);
        match (op, k) {
            (AluOp::Sub, _) => self.alu_constant(AluOp::Add, left, k.wrapping_neg()),
            (AluOp::Add | AluOp::Xor | AluOp::Lsh | AluOp::Rsh, 0) | (AluOp::Mul | AluOp::Div, 1) => left,
            (AluOp::And, _) if !known.zeros & !k == 0 => left,
            (AluOp::Or, _) if k & !known.ones == 0 => left,
            (AluOp::Mul, _) if k.is_power_of_two() => self.alu_constant(AluOp::Lsh, left, k.trailing_zeros()),
            (AluOp::Div, _) if k.is_power_of_two() => self.alu_constant(AluOp::Rsh, left, k.trailing_zeros()),
            (AluOp::Mod, _) if k.is_power_of_two() => self.alu_constant(AluOp::And, left, k - 1),
            _ => match self.reassociated(op, left, k) {
                Some((inner, k)) => self.alu_constant(op, inner, k),
                None => {
                    let right = self.constant(k);
                    self.add(Value::Alu(op, left, right))
                }
            },
        }
    }

    /// Returns `x` and `b` such that `(x op a) op k` is `x op b`.
    fn reassociated(&self, op: AluOp, left: ValueId, k: u32) -> Option<(ValueId, u32)> {
        let Value::Alu(inner_op, inner, a) = self.value(left) else { return None };
        let a = self.as_constant(a).filter(|_| inner_op == op)?;
        let b = match op {
            AluOp::Add => a.wrapping_add(k),
            AluOp::And => a & k,
            AluOp::Or => a | k,
            AluOp::Xor => a ^ k,
            AluOp::Lsh | AluOp::Rsh => a.saturating_add(k),
            AluOp::Sub | AluOp::Mul | AluOp::Div | AluOp::Mod => return None,
        };
        Some((inner, b))
    }

    /// Returns `yes` if the test holds, and else `no`.
    pub(crate) fn select(&mut self, test: Test, yes: ValueId, no: ValueId) -> ValueId {
        if yes == no { yes } else { self.add(Value::Select(test, yes, no)) }
    }

    fn known_of(&self, value: Value) -> KnownBits {
        match value {
            Value::Constant(k) => KnownBits::constant(k),
            Value::Open(open) => open.known(),
            Value::Load(_, width, _) => KnownBits::of_width(width),
            Value::Ancillary(extension) | Value::FindAttribute(extension, ..) => KnownBits::range(0, extension.max()),
            Value::Alu(op, left, right) => KnownBits::alu(op, self.known(left), self.known(right)),
            Value::Select(_, yes, no) => self.known(yes).or(self.known(no)),
            Value::Negate(_) | Value::Parameter(_) | Value::WireLen | Value::Random(_) | Value::ResolvedOffset(_) => {
                KnownBits::UNKNOWN
            }
        }
    }

    /// Returns the operands of a value.
    pub(crate) fn operands(&self, id: ValueId) -> impl Iterator<Item = ValueId> {
        let (test, first, second) = match self.value(id) {
            Value::Load(Address { base, .. }, ..) => (None, base, None),
            Value::Random(operand) | Value::Negate(operand) | Value::ResolvedOffset(operand) => {
                (None, Some(operand), None)
            }
            Value::Alu(_, left, right) | Value::FindAttribute(_, left, right) => (None, Some(left), Some(right)),
            Value::Select(test, yes, no) => (Some(test), Some(yes), Some(no)),
            Value::Constant(_) | Value::Open(_) | Value::Parameter(_) | Value::WireLen | Value::Ancillary(_) => {
                (None, None, None)
            }
        };
        test.into_iter().flat_map(Test::values).chain(first).chain(second)
    }
}
