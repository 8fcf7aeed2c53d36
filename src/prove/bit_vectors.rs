//! Bit vectors: values as 32 symbolic bits, each of them 0, 1, a variable or its complement.
//!
//! Equal bit vectors have equal numbers. Arithmetic that moves or selects bits yields the bits of its operands. Other
//! arithmetic yields new variables, the same ones for the same operands; these variables are opaque.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::hash_map::HashMap;
use crate::packet::ancillary::Extension;

/// The number of a bit vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BitVectorId(u32);

impl BitVectorId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variable(u32);

impl Variable {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One bit, encoded as 0, 1, or two more than twice a variable, plus 1 for its complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Bit(u32);

/// A bit, decoded.
pub(crate) enum Source {
    Constant(bool),
    Variable { variable: Variable, is_inverted: bool },
}

impl Bit {
    const ZERO: Bit = Bit(0);
    const ONE: Bit = Bit(1);

    fn of(value: bool) -> Bit {
        if value { Bit::ONE } else { Bit::ZERO }
    }

    fn not(self) -> Bit {
        Bit(self.0 ^ 1)
    }

    fn source(self) -> Source {
        match self.0 {
            bit @ 0..=1 => Source::Constant(bit == 1),
            bit => Source::Variable { variable: Variable(bit / 2 - 1), is_inverted: bit % 2 == 1 },
        }
    }
}

/// The bits, the lowest first.
type Word = [Bit; 32];

#[derive(Debug)]
struct BitVector {
    word: Word,
    /// The number, if all bits are constant.
    constant: Option<u32>,
    /// Set if a bit is opaque.
    is_opaque: bool,
}

/// The source of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// A byte of the packet, at an offset from a base or from the start.
    Byte(Option<BitVectorId>, u64),
    /// A number at an offset that is relative to a header.
    Relative(u32, Width),
    WireLen,
    Ancillary(Extension),
    /// A value that differs each time.
    Fresh(u32),
    Alu(AluOp, BitVectorId, BitVectorId),
    Negated(BitVectorId),
    /// 1 if the condition holds, else 0.
    Compared(Condition, BitVectorId, BitVectorId),
}

impl Origin {
    fn is_opaque(self) -> bool {
        matches!(self, Origin::Fresh(_) | Origin::Alu(..) | Origin::Negated(_) | Origin::Compared(..))
    }

    /// Returns the number of variables.
    fn bits(self) -> u32 {
        match self {
            Origin::Byte(..) => 8,
            Origin::Compared(..) => 1,
            Origin::Relative(_, width) => 8 * width.bytes(),
            Origin::Ancillary(extension) => u32::BITS - extension.max().leading_zeros(),
            _ => 32,
        }
    }
}

/// All bit vectors and variables of a program.
#[derive(Debug, Default)]
pub(crate) struct BitVectors {
    list: Vec<BitVector>,
    constants: HashMap<u32, BitVectorId>,
    numbers: HashMap<Word, BitVectorId>,
    /// The first variable of each origin; the others follow.
    variables: HashMap<Origin, u32>,
    /// Marks the opaque variables.
    opaque: Vec<bool>,
    /// The results of earlier operations and loads.
    computed: HashMap<(AluOp, BitVectorId, BitVectorId), BitVectorId>,
    loaded: HashMap<(Option<BitVectorId>, u64, Width), BitVectorId>,
    fresh: u32,
}

impl BitVectors {
    pub(crate) fn constant(&mut self, value: u32) -> BitVectorId {
        if let Some(&value) = self.constants.get(&value) {
            return value;
        }
        let number = self.number(core::array::from_fn(|bit| Bit::of(value >> bit & 1 == 1)));
        self.constants.insert(value, number);
        number
    }

    /// Returns the constant that a value is.
    pub(crate) fn as_constant(&self, value: BitVectorId) -> Option<u32> {
        self.list[value.index()].constant
    }

    /// Returns the bits of a value, the lowest first.
    pub(crate) fn sources(&self, value: BitVectorId) -> impl Iterator<Item = Source> {
        self.list[value.index()].word.into_iter().map(Bit::source)
    }

    /// Returns whether a value depends on opaque variables.
    pub(crate) fn is_opaque(&self, value: BitVectorId) -> bool {
        self.list[value.index()].is_opaque
    }

    /// Returns the numbers of values and of variables.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.list.len(), self.opaque.len())
    }

    /// Returns a number of the packet, in network order.
    pub(crate) fn load(&mut self, base: Option<BitVectorId>, offset: u64, width: Width) -> BitVectorId {
        if let Some(&value) = self.loaded.get(&(base, offset, width)) {
            return value;
        }
        let mut word = [Bit::ZERO; 32];
        let bytes = u64::from(width.bytes());
        for (byte, bits) in (0..bytes).rev().zip(word.chunks_mut(8)) {
            bits.copy_from_slice(&self.variables(Origin::Byte(base, offset + byte))[..8]);
        }
        let value = self.number(word);
        self.loaded.insert((base, offset, width), value);
        value
    }

    /// Returns the value of an origin other than a byte of the packet.
    pub(crate) fn of(&mut self, origin: Origin) -> BitVectorId {
        let word = self.variables(origin);
        self.number(word)
    }

    /// Returns a value of which nothing is known, and that is equal to no other.
    pub(crate) fn fresh(&mut self) -> BitVectorId {
        self.fresh += 1;
        self.of(Origin::Fresh(self.fresh))
    }

    /// Returns the result of an operation; `None` for a division by zero. Shifts by 32 or more yield 0.
    pub(crate) fn alu(&mut self, op: AluOp, a: BitVectorId, b: BitVectorId) -> Option<BitVectorId> {
        if let Some(&value) = self.computed.get(&(op, a, b)) {
            return Some(value);
        }
        let constants = (self.as_constant(a), self.as_constant(b));
        if op.is_division() && constants.1 == Some(0) {
            return None;
        }
        let value = match constants {
            (Some(a), Some(b)) => self.constant(op.eval(a, b)?),
            (_, Some(k)) => match self.with_constant(op, a, k) {
                Some(word) => self.number(word),
                None => self.bitwise(op, a, b),
            },
            _ => self.bitwise(op, a, b),
        };
        self.computed.insert((op, a, b), value);
        Some(value)
    }

    /// Returns a value with all bits outside of the mask set to 0.
    pub(crate) fn masked(&mut self, value: BitVectorId, mask: u32) -> BitVectorId {
        let mut word = self.list[value.index()].word;
        (0..32).filter(|bit| mask >> bit & 1 == 0).for_each(|bit| word[bit] = Bit::ZERO);
        self.number(word)
    }

    /// Returns the bits of an operation with a constant, if it only moves bits.
    fn with_constant(&self, op: AluOp, a: BitVectorId, k: u32) -> Option<Word> {
        let word = self.list[a.index()].word;
        let shifted = |by: i64| -> Word {
            core::array::from_fn(|bit| {
                usize::try_from(bit as i64 - by).ok().and_then(|bit| word.get(bit)).copied().unwrap_or(Bit::ZERO)
            })
        };
        let power = i64::from(k.trailing_zeros());
        match op {
            AluOp::Lsh => Some(shifted(i64::from(k))),
            AluOp::Rsh => Some(shifted(-i64::from(k))),
            AluOp::Add | AluOp::Sub if k == 0 => Some(word),
            AluOp::Mul if k == 0 => Some([Bit::ZERO; 32]),
            AluOp::Mul if k.is_power_of_two() => Some(shifted(power)),
            AluOp::Div if k.is_power_of_two() => Some(shifted(-power)),
            AluOp::Mod if k.is_power_of_two() => {
                Some(core::array::from_fn(|bit| if (bit as i64) < power { word[bit] } else { Bit::ZERO }))
            }
            _ => None,
        }
    }

    /// Returns the result of an operation, bit by bit if it has no carries.
    fn bitwise(&mut self, op: AluOp, a: BitVectorId, b: BitVectorId) -> BitVectorId {
        let (left, right) = (self.list[a.index()].word, self.list[b.index()].word);
        let mut word = [Bit::ZERO; 32];
        let is_bitwise = (0..32).all(|bit| join(op, left[bit], right[bit]).map(|joined| word[bit] = joined).is_some());
        if is_bitwise { self.number(word) } else { self.of(Origin::Alu(op, a, b)) }
    }

    fn variables(&mut self, origin: Origin) -> Word {
        let next = self.opaque.len() as u32;
        let first = *self.variables.get_or_insert(origin, next);
        if first == next {
            self.opaque.resize((next + origin.bits()) as usize, origin.is_opaque());
        }
        core::array::from_fn(
            |bit| {
                if (bit as u32) < origin.bits() { Bit(2 * (first + bit as u32) + 2) } else { Bit::ZERO }
            },
        )
    }

    fn number(&mut self, word: Word) -> BitVectorId {
        let next = BitVectorId(self.list.len() as u32);
        let number = *self.numbers.get_or_insert(word, next);
        if number == next {
            let (mut constant, mut is_opaque) = (Some(0), false);
            for (index, bit) in word.into_iter().enumerate() {
                match bit.source() {
                    Source::Constant(bit) => constant = constant.map(|number| number | u32::from(bit) << index),
                    Source::Variable { variable, .. } => {
                        constant = None;
                        is_opaque |= self.opaque[variable.index()];
                    }
                }
            }
            self.list.push(BitVector { word, constant, is_opaque });
        }
        number
    }
}

/// Returns the result of an operation on two bits, if it is a bit without a carry.
fn join(op: AluOp, a: Bit, b: Bit) -> Option<Bit> {
    match op {
        AluOp::And => match (a, b) {
            (Bit::ZERO, _) | (_, Bit::ZERO) => Some(Bit::ZERO),
            (Bit::ONE, other) | (other, Bit::ONE) => Some(other),
            (a, b) if a == b => Some(a),
            (a, b) => (a == b.not()).then_some(Bit::ZERO),
        },
        AluOp::Or => join(AluOp::And, a.not(), b.not()).map(Bit::not),
        AluOp::Xor => match (a, b) {
            (Bit::ZERO, other) | (other, Bit::ZERO) => Some(other),
            (Bit::ONE, other) | (other, Bit::ONE) => Some(other.not()),
            (a, b) if a == b => Some(Bit::ZERO),
            (a, b) => (a == b.not()).then_some(Bit::ONE),
        },
        AluOp::Add => match (a, b) {
            (Bit::ZERO, other) | (other, Bit::ZERO) => Some(other),
            _ => None,
        },
        AluOp::Sub => match (a, b) {
            (a, Bit::ZERO) => Some(a),
            (a, b) => (a == b).then_some(Bit::ZERO),
        },
        _ => None,
    }
}
