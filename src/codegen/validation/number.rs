//! Numbers of up to 64 bits as bits of a circuit.

use crate::bpf::isa::{AluOp, Condition};
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::numbers::NumberedWord;
use crate::prove::word::Word;

/// A number of 8, 16, 32 or 64 bits. Bits beyond the width are 0.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) width: u32,
    pub(super) low: NumberedWord,
    pub(super) high: Word,
}

impl Number {
    pub(super) fn constant(width: u32, value: u64) -> Number {
        let value = if width == 64 { value } else { value & ((1 << width) - 1) };
        let low = NumberedWord::constant(value as u32);
        Number { width, low, high: Word::constant((value >> 32) as u32) }
    }

    /// Returns a number of at most 32 bits.
    pub(super) fn narrow(width: u32, low: NumberedWord) -> Number {
        Number { width, low, high: Word::ZERO }
    }

    /// Returns 1 or 0 in 8 bits, as comparisons do.
    pub(super) fn of_bit(bit: Bit) -> Number {
        Number::narrow(8, NumberedWord::any(Word::of_bit(bit)))
    }

    pub(super) fn as_constant(&self) -> Option<u64> {
        Some(u64::from(self.high.as_constant()?) << 32 | u64::from(self.low.word.as_constant()?))
    }

    /// Returns the number if it is below 2^32 by its structure.
    pub(super) fn as_word(&self) -> Option<&NumberedWord> {
        (self.high == Word::ZERO).then_some(&self.low)
    }

    /// Returns the number in another width: upper bits are cut off, or 0.
    pub(super) fn resized(&self, width: u32) -> Number {
        match width {
            64 => Number { width, ..self.clone() },
            32 => Number::narrow(32, self.low.clone()),
            _ if width >= self.width => Number::narrow(width, self.low.clone()),
            _ => {
                let mut word = self.low.word;
                word.0[width as usize..].fill(Bit::ZERO);
                Number::narrow(width, NumberedWord::any(word))
            }
        }
    }

    /// Returns a number of 32 bits in 64 bits, with its sign.
    pub(super) fn sign_extended(&self) -> Option<Number> {
        let high = Word([self.low.word.0[31]; 32]);
        (self.width == 32).then(|| Number { width: 64, low: self.low.clone(), high })
    }

    /// Returns the number with its highest bit inverted: such numbers compare as signed ones do.
    pub(super) fn with_inverted_sign(mut self) -> Number {
        let sign = match self.width {
            64 => &mut self.high.0[31],
            width => &mut self.low.word.0[width as usize - 1],
        };
        *sign = sign.not();
        self
    }

    /// Returns whether any bit is 1.
    pub(super) fn any(&self, circuit: &mut Circuit) -> Bit {
        let [low, high] = [self.low.word, self.high].map(|word| circuit.any(&word.0));
        circuit.or(low, high)
    }

    pub(super) fn select(&self, circuit: &mut Circuit, is_other: Bit, other: &Number) -> Number {
        let low = self.low.joined(circuit, is_other, &other.low);
        Number { width: self.width, low, high: circuit.select_word(is_other, other.high, self.high) }
    }

    /// Returns the result of arithmetic of two numbers of one width, where it is in use.
    pub(super) fn arithmetic(&self, circuit: &mut Circuit, op: AluOp, other: &Number) -> Option<Number> {
        match self.width {
            32 => {
                let masked;
                let other = match op.is_shift() {
                    // Machines use the lower bits of the distance.
                    true => {
                        masked = other.low.alu(circuit, AluOp::And, &NumberedWord::constant(31));
                        &masked
                    }
                    false => &other.low,
                };
                Some(Number::narrow(32, self.low.alu(circuit, op, other)))
            }
            64 => self.wide_arithmetic(circuit, op, other),
            _ if matches!(op, AluOp::And | AluOp::Or | AluOp::Xor) => {
                Some(Number::narrow(self.width, self.low.alu(circuit, op, &other.low)))
            }
            _ => None,
        }
    }

    fn wide_arithmetic(&self, circuit: &mut Circuit, op: AluOp, other: &Number) -> Option<Number> {
        let wide = |low: NumberedWord, high: Word| Some(Number { width: 64, low, high });
        match op {
            AluOp::Add => {
                let (low, carry) = circuit.add_words(self.low.word, other.low.word, Bit::ZERO);
                let (high, _) = circuit.add_words(self.high, other.high, carry);
                wide(NumberedWord::any(low), high)
            }
            AluOp::And | AluOp::Or | AluOp::Xor => {
                let low = self.low.alu(circuit, op, &other.low);
                wide(low, circuit.alu(op, self.high, other.high))
            }
            AluOp::Mul => {
                let factor = other.as_constant()?;
                let zero = Number::constant(64, 0);
                (0..64).filter(|bit| factor >> bit & 1 == 1).try_fold(zero, |sum, bit| {
                    let summand = self.shifted(bit, true);
                    sum.wide_arithmetic(circuit, AluOp::Add, &summand)
                })
            }
            AluOp::Lsh | AluOp::Rsh => {
                let is_left = op == AluOp::Lsh;
                if let Some(distance) = other.as_constant() {
                    return Some(self.shifted(distance % 64, is_left));
                }
                let stages: Vec<Bit> = other.low.word.0[..6].to_vec();
                Some(stages.into_iter().enumerate().fold(self.clone(), |number, (stage, bit)| {
                    let shifted = number.shifted(1 << stage, is_left);
                    number.select(circuit, bit, &shifted)
                }))
            }
            AluOp::Sub | AluOp::Div | AluOp::Mod => None,
        }
    }

    /// Returns a number of 64 bits shifted by a constant.
    fn shifted(&self, distance: u64, is_left: bool) -> Number {
        let bits = self.bits();
        let bit = |to: usize| {
            let from = if is_left { to.checked_sub(distance as usize) } else { to.checked_add(distance as usize) };
            from.and_then(|from| bits.get(from)).copied().unwrap_or(Bit::ZERO)
        };
        let [low, high] = [0, 32].map(|first| Word(core::array::from_fn(|index| bit(first + index))));
        Number { width: 64, low: NumberedWord::any(low), high }
    }

    fn bits(&self) -> Vec<Bit> {
        self.low.word.0.iter().chain(&self.high.0).copied().collect()
    }

    pub(super) fn negated(&self, circuit: &mut Circuit) -> Option<Number> {
        let zero = NumberedWord::constant(0);
        (self.width == 32).then(|| Number::narrow(32, zero.alu(circuit, AluOp::Sub, &self.low)))
    }

    /// Returns the number with its bytes swapped.
    pub(super) fn swapped(&self) -> Number {
        let mut word = Word::ZERO;
        let bytes = self.width as usize / 8;
        for byte in 0..bytes {
            word.0[8 * byte..][..8].copy_from_slice(&self.low.word.0[8 * (bytes - 1 - byte)..][..8]);
        }
        Number::narrow(self.width, NumberedWord::any(word))
    }

    /// Returns whether an unsigned comparison holds.
    pub(super) fn compare(&self, circuit: &mut Circuit, condition: Condition, other: &Number) -> Bit {
        if self.width <= 32 {
            return circuit.compare(condition, self.low.word, other.low.word);
        }
        let mut less = |a: &Number, b: &Number, or_equal: bool| {
            let low = circuit.less_or(a.low.word, b.low.word, Bit::of(or_equal));
            circuit.less_or(a.high, b.high, low)
        };
        match condition {
            Condition::Less => less(self, other, false),
            Condition::LessOrEqual => less(self, other, true),
            Condition::Greater => less(other, self, false),
            Condition::GreaterOrEqual => less(other, self, true),
            _ => {
                let [low, high] =
                    [(self.low.word, other.low.word), (self.high, other.high)].map(|(a, b)| circuit.equal(a, b));
                let equal = circuit.and(low, high);
                equal.inverted_if(condition == Condition::NotEqual)
            }
        }
    }
}
