//! Circuits: bits as gates over inputs. Equal gates are one gate.
//!
//! Invariants
//! - Operands of a gate have smaller numbers than the gate.
//! - The first operand of a gate is never a constant, and constants are folded, so a bit that is constant by its
//!   structure alone is [`Bit::ZERO`] or [`Bit::ONE`].
//! - Beyond the most gates, all further gates are 0, and [`Circuit::is_full`] returns `true`; nothing that was made
//!   of the circuit means anything then.

use alloc::vec::Vec;

use crate::ir::hash_map::{self, HashIndex, HashMap};
use crate::prove::word::Word;

/// A bit: a gate, or its complement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Bit(u32);

impl Bit {
    pub(crate) const ZERO: Bit = Bit(0);
    pub(crate) const ONE: Bit = Bit(1);

    fn of_gate(gate: usize) -> Bit {
        Bit((gate as u32) << 1)
    }

    pub(crate) fn of(value: bool) -> Bit {
        if value { Bit::ONE } else { Bit::ZERO }
    }

    pub(crate) fn not(self) -> Bit {
        Bit(self.0 ^ 1)
    }

    /// Returns the bit, or its complement if `is_inverted`.
    pub(crate) fn inverted_if(self, is_inverted: bool) -> Bit {
        Bit(self.0 ^ u32::from(is_inverted))
    }

    pub(crate) fn gate(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(crate) fn is_inverted(self) -> bool {
        self.0 & 1 == 1
    }

    pub(crate) fn as_constant(self) -> Option<bool> {
        (self.gate() == 0).then_some(self.is_inverted())
    }
}

/// The source of a bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Gate {
    /// The constant 0, which is gate 0 and no other.
    Zero,
    /// The input with this number.
    Input(u32),
    And(Bit, Bit),
    Xor(Bit, Bit),
    /// The second bit if the first is 1, else the third.
    Select(Bit, Bit, Bit),
}

impl Gate {
    /// Returns the operands.
    pub(crate) fn operands(self) -> impl Iterator<Item = Bit> {
        let (first, second, third) = match self {
            Gate::Zero | Gate::Input(_) => (None, None, None),
            Gate::And(a, b) | Gate::Xor(a, b) => (Some(a), Some(b), None),
            Gate::Select(test, then, otherwise) => (Some(test), Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second).chain(third)
    }
}

/// A list of gates.
#[derive(Debug)]
pub(crate) struct Circuit {
    gates: Vec<Gate>,
    places: HashIndex,
    inputs: u32,
    max_gates: usize,
    is_full: bool,
    /// Words that are a word plus a constant.
    pub(super) sums: HashMap<Word, (Word, u32)>,
}

impl Circuit {
    /// Creates a circuit without inputs that holds at most `max_gates` gates.
    pub(crate) fn new(max_gates: usize) -> Circuit {
        let max_gates = max_gates.min(1 << 30);
        let (places, sums) = (HashIndex::default(), HashMap::default());
        Circuit { gates: vec![Gate::Zero], places, inputs: 0, max_gates, is_full: false, sums }
    }

    /// Returns `true` if a gate found no room.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(crate) fn gate(&self, gate: usize) -> Gate {
        self.gates[gate]
    }

    /// Adds an input, with the next number from 0 on.
    pub(crate) fn input(&mut self) -> Bit {
        self.inputs += 1;
        self.add(Gate::Input(self.inputs - 1))
    }

    fn add(&mut self, gate: Gate) -> Bit {
        let hash = hash_map::hash(&gate);
        if let Some(place) = self.places.find(hash, |place| self.gates[place] == gate) {
            return Bit::of_gate(place);
        }
        if self.gates.len() >= self.max_gates {
            self.is_full = true;
            return Bit::ZERO;
        }
        let place = self.gates.len();
        self.gates.push(gate);
        self.places.insert(hash, place);
        Bit::of_gate(place)
    }

    pub(crate) fn and(&mut self, a: Bit, b: Bit) -> Bit {
        let (a, b) = if a > b { (a, b) } else { (b, a) };
        match b {
            Bit::ZERO => return Bit::ZERO,
            Bit::ONE => return a,
            _ if a == b => return a,
            _ if a == b.not() => return Bit::ZERO,
            _ => {}
        }
        // One level down: `(b & c) & b` is `b & c`, and so on.
        if let Gate::And(c, d) = self.gates[a.gate()] {
            match (a.is_inverted(), c == b || d == b, c == b.not() || d == b.not()) {
                (false, true, _) => return a,
                (false, _, true) => return Bit::ZERO,
                (true, _, true) => return b,
                (true, true, _) => {
                    let other = if c == b { d } else { c };
                    return self.and(b, other.not());
                }
                _ => {}
            }
        }
        self.add(Gate::And(a, b))
    }

    pub(crate) fn or(&mut self, a: Bit, b: Bit) -> Bit {
        self.and(a.not(), b.not()).not()
    }

    pub(crate) fn xor(&mut self, a: Bit, b: Bit) -> Bit {
        let is_inverted = a.is_inverted() != b.is_inverted();
        let (a, b) = (a.inverted_if(a.is_inverted()), b.inverted_if(b.is_inverted()));
        let (a, b) = if a > b { (a, b) } else { (b, a) };
        let joined = match b {
            Bit::ZERO => a,
            _ if a == b => Bit::ZERO,
            _ => self.add(Gate::Xor(a, b)),
        };
        joined.inverted_if(is_inverted)
    }

    /// Returns `then` if the test is 1, else `otherwise`.
    pub(crate) fn select(&mut self, test: Bit, then: Bit, otherwise: Bit) -> Bit {
        if test.is_inverted() && test != Bit::ONE {
            return self.select(test.not(), otherwise, then);
        }
        match (test, then, otherwise) {
            (Bit::ONE, ..) => then,
            (Bit::ZERO, ..) => otherwise,
            (_, Bit::ONE, _) => self.or(test, otherwise),
            (_, Bit::ZERO, _) => self.and(test.not(), otherwise),
            (_, _, Bit::ONE) => self.or(test.not(), then),
            (_, _, Bit::ZERO) => self.and(test, then),
            _ if then == otherwise => then,
            _ if then == otherwise.not() => self.xor(test, otherwise),
            _ if test == then => self.or(test, otherwise),
            _ if test == then.not() => self.and(test.not(), otherwise),
            _ if test == otherwise => self.and(test, then),
            _ if test == otherwise.not() => self.or(test.not(), then),
            _ => {
                let is_inverted = then.is_inverted();
                let (then, otherwise) = (then.inverted_if(is_inverted), otherwise.inverted_if(is_inverted));
                self.add(Gate::Select(test, then, otherwise)).inverted_if(is_inverted)
            }
        }
    }

    /// Returns the gates that a bit depends on, in order: operands come first.
    pub(crate) fn cone(&self, bit: Bit) -> Vec<usize> {
        let mut is_needed = vec![false; bit.gate() + 1];
        is_needed[bit.gate()] = true;
        for gate in (0..=bit.gate()).rev() {
            if is_needed[gate] {
                self.gates[gate].operands().for_each(|operand| is_needed[operand.gate()] = true);
            }
        }
        (0..=bit.gate()).filter(|&gate| is_needed[gate]).collect()
    }

    /// Returns the values of some bits, given those of the inputs.
    pub(crate) fn evaluate(&self, inputs: impl Fn(u32) -> bool) -> Vec<bool> {
        let mut values: Vec<bool> = Vec::with_capacity(self.gates.len());
        for &gate in &self.gates {
            let of = |bit: Bit| values[bit.gate()] != bit.is_inverted();
            values.push(match gate {
                Gate::Zero => false,
                Gate::Input(number) => inputs(number),
                Gate::And(a, b) => of(a) && of(b),
                Gate::Xor(a, b) => of(a) != of(b),
                Gate::Select(test, then, otherwise) => of(if of(test) { then } else { otherwise }),
            });
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares all gates over few bits with their truth tables.
    #[test]
    fn folds_without_changing_values() {
        let mut circuit = Circuit::new(1 << 20);
        let mut bits = vec![Bit::ZERO, Bit::ONE];
        bits.extend((0..3).flat_map(|_| {
            let input = circuit.input();
            [input, input.not()]
        }));
        let mut expected: Vec<u8> = vec![0, 0xff, 0xaa, 0x55, 0xcc, 0x33, 0xf0, 0x0f];
        for _ in 0..2 {
            let known = bits.len();
            for a in 0..known {
                for b in (0..known).step_by(1 + known / 40) {
                    let (x, y) = (expected[a], expected[b]);
                    let c = (a * 7 + b) % known;
                    let made = [
                        circuit.and(bits[a], bits[b]),
                        circuit.or(bits[a], bits[b]),
                        circuit.xor(bits[a], bits[b]),
                        circuit.select(bits[a], bits[b], bits[c]),
                    ];
                    bits.extend(made);
                    expected.extend([x & y, x | y, x ^ y, x & y | !x & expected[c]]);
                }
            }
        }
        for row in 0..8 {
            let values = circuit.evaluate(|input| row >> input & 1 == 1);
            for (bit, table) in bits.iter().zip(&expected) {
                assert_eq!(values[bit.gate()] != bit.is_inverted(), table >> row & 1 == 1);
            }
        }
    }

    #[test]
    fn is_full_beyond_its_size() {
        let mut circuit = Circuit::new(4);
        let inputs = [circuit.input(), circuit.input(), circuit.input()];
        assert!(!circuit.is_full());
        circuit.and(inputs[0], inputs[1]);
        assert!(circuit.is_full());
    }
}
