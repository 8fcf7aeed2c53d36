//! Words: 32 bits of a circuit, and the arithmetic on them.

use crate::bpf::isa::{AluOp, Condition};
use crate::prove::circuit::{Bit, Circuit};

/// The bits of a word, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Word(pub(crate) [Bit; 32]);

impl Word {
    pub(crate) const ZERO: Word = Word([Bit::ZERO; 32]);

    pub(crate) fn constant(value: u32) -> Word {
        Word(core::array::from_fn(|bit| Bit::of(value >> bit & 1 == 1)))
    }

    /// Returns 1 or 0.
    #[cfg(all(test, feature = "jit"))]
    pub(crate) fn of_bit(bit: Bit) -> Word {
        let mut word = Word::ZERO;
        word.0[0] = bit;
        word
    }

    pub(crate) fn as_constant(&self) -> Option<u32> {
        self.0.iter().rev().try_fold(0, |number, bit| Some(number << 1 | u32::from(bit.as_constant()?)))
    }

    /// Returns the word shifted to the left, or to the right if `by` is negative; 0 comes in.
    fn shifted(self, by: i64) -> Word {
        Word(core::array::from_fn(|bit| {
            let from = usize::try_from(bit as i64 - by).ok();
            from.and_then(|from| self.0.get(from)).copied().unwrap_or(Bit::ZERO)
        }))
    }
}

impl Circuit {
    /// Returns `then` if the test is 1, else `otherwise`.
    pub(crate) fn select_word(&mut self, test: Bit, then: Word, otherwise: Word) -> Word {
        Word(core::array::from_fn(|bit| self.select(test, then.0[bit], otherwise.0[bit])))
    }

    /// Returns the result of an operation of the graph: shifts by 32 and more are 0, and a divisor is not 0.
    ///
    /// Forms of one operation that compilers exchange are the same gates.
    pub(crate) fn alu(&mut self, op: AluOp, a: Word, b: Word) -> Word {
        let power = b.as_constant().filter(|k| k.is_power_of_two());
        match (op, b.as_constant(), power) {
            (AluOp::Add, Some(k), _) => return self.add_constant(a, k),
            (AluOp::Sub, Some(k), _) => return self.add_constant(a, k.wrapping_neg()),
            (AluOp::Div, _, Some(k)) => return a.shifted(-i64::from(k.trailing_zeros())),
            (AluOp::Mod, _, Some(k)) => return self.alu(AluOp::And, a, Word::constant(k - 1)),
            _ => {}
        }
        match op {
            AluOp::Add if a.as_constant().is_some() => self.alu(op, b, a),
            AluOp::Add => self.add_words(a, b, Bit::ZERO).0,
            AluOp::Sub => self.add_words(a, self.not_word(b), Bit::ONE).0,
            AluOp::Mul => self.multiply(a, b),
            AluOp::Div => self.divide(a, b).0,
            AluOp::Mod => self.divide(a, b).1,
            AluOp::And => Word(core::array::from_fn(|bit| self.and(a.0[bit], b.0[bit]))),
            AluOp::Or => Word(core::array::from_fn(|bit| self.or(a.0[bit], b.0[bit]))),
            AluOp::Xor => Word(core::array::from_fn(|bit| self.xor(a.0[bit], b.0[bit]))),
            AluOp::Lsh => self.shift(a, b, 1),
            AluOp::Rsh => self.shift(a, b, -1),
        }
    }

    /// Returns `a + k`; sums of sums are computed at once.
    fn add_constant(&mut self, a: Word, k: u32) -> Word {
        let (root, addend) = self.root(a);
        let addend = addend.wrapping_add(k);
        let sum = self.add_words(root, Word::constant(addend), Bit::ZERO).0;
        if addend != 0 && sum.as_constant().is_none() {
            self.sums.insert(sum, (root, addend));
        }
        sum
    }

    /// Returns a word and a constant with this sum, as far as that is known.
    pub(crate) fn root(&self, sum: Word) -> (Word, u32) {
        self.sums.get(&sum).copied().unwrap_or((sum, 0))
    }

    pub(crate) fn negate(&mut self, a: Word) -> Word {
        self.add_words(Word::ZERO, self.not_word(a), Bit::ONE).0
    }

    fn not_word(&self, a: Word) -> Word {
        Word(a.0.map(Bit::not))
    }

    /// Returns the sum and the carry out of it.
    pub(crate) fn add_words(&mut self, a: Word, b: Word, carry: Bit) -> (Word, Bit) {
        let mut carry = carry;
        let mut sum = Word::ZERO;
        for bit in 0..32 {
            let (a, b) = (a.0[bit], b.0[bit]);
            let differ = self.xor(a, b);
            sum.0[bit] = self.xor(differ, carry);
            // If they do not differ, either is right; this one makes sums with exchanged operands the same gates.
            carry = self.select(differ, carry, a.min(b));
        }
        (sum, carry)
    }

    fn multiply(&mut self, a: Word, b: Word) -> Word {
        // The operand with fewer bits that may be set selects the summands.
        let count = |word: &Word| word.0.iter().filter(|&&bit| bit != Bit::ZERO).count();
        let (a, b) = if (count(&a), a) < (count(&b), b) { (b, a) } else { (a, b) };
        (0..32).fold(Word::ZERO, |product, bit| {
            if b.0[bit] == Bit::ZERO {
                return product;
            }
            let summand = Word(a.shifted(bit as i64).0.map(|other| self.and(other, b.0[bit])));
            self.add_words(product, summand, Bit::ZERO).0
        })
    }

    /// Returns quotient and remainder by long division, a bit at a time.
    fn divide(&mut self, a: Word, b: Word) -> (Word, Word) {
        let (mut quotient, mut rest) = (Word::ZERO, Word::ZERO);
        for bit in (0..32).rev() {
            let top = rest.0[31];
            rest = rest.shifted(1);
            rest.0[0] = a.0[bit];
            let (difference, is_not_less) = self.add_words(rest, self.not_word(b), Bit::ONE);
            let fits = self.or(top, is_not_less);
            quotient.0[bit] = fits;
            rest = self.select_word(fits, difference, rest);
        }
        (quotient, rest)
    }

    fn shift(&mut self, a: Word, by: Word, direction: i64) -> Word {
        let mut shifted = a;
        for (stage, &bit) in by.0[..5].iter().enumerate() {
            shifted = self.select_word(bit, shifted.shifted(direction << stage), shifted);
        }
        let is_too_far = self.any(&by.0[5..]);
        self.select_word(is_too_far, Word::ZERO, shifted)
    }

    /// Returns whether any of these bits is 1.
    pub(crate) fn any(&mut self, bits: &[Bit]) -> Bit {
        bits.iter().fold(Bit::ZERO, |any, &bit| self.or(any, bit))
    }

    pub(crate) fn equal(&mut self, a: Word, b: Word) -> Bit {
        let mut differ = Bit::ZERO;
        for bit in (0..32).rev() {
            let differs = self.xor(a.0[bit], b.0[bit]);
            differ = self.or(differ, differs);
        }
        differ.not()
    }

    /// Returns whether `a < b`, or `a <= b` if `or_equal`.
    fn less(&mut self, a: Word, b: Word, or_equal: bool) -> Bit {
        self.less_or(a, b, Bit::of(or_equal))
    }

    /// Returns whether `a < b`, or a bit if they are equal.
    pub(crate) fn less_or(&mut self, a: Word, b: Word, if_equal: Bit) -> Bit {
        let mut less = if_equal;
        for bit in 0..32 {
            let differ = self.xor(a.0[bit], b.0[bit]);
            less = self.select(differ, b.0[bit], less);
        }
        less
    }

    /// Returns whether a test holds.
    pub(crate) fn compare(&mut self, condition: Condition, a: Word, b: Word) -> Bit {
        match condition {
            Condition::Equal => self.equal(a, b),
            Condition::NotEqual => self.equal(a, b).not(),
            Condition::Less => self.less(a, b, false),
            Condition::LessOrEqual => self.less(a, b, true),
            Condition::Greater => self.less(b, a, false),
            Condition::GreaterOrEqual => self.less(b, a, true),
            Condition::BitsSet | Condition::BitsNotSet => {
                let common = self.alu(AluOp::And, a, b);
                let any = self.any(&common.0);
                any.inverted_if(condition == Condition::BitsNotSet)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [u32; 12] = [0, 1, 2, 3, 7, 31, 32, 33, 0x1234_5678, 0x8000_0000, 0xffff_fff0, u32::MAX];

    /// Computes with inputs and sets them afterwards.
    #[test]
    fn computes_as_the_table_of_operations() {
        let ops = [AluOp::Add, AluOp::Sub, AluOp::Mul, AluOp::Div, AluOp::Mod, AluOp::And, AluOp::Or, AluOp::Xor];
        let ops = ops.into_iter().chain([AluOp::Lsh, AluOp::Rsh]);
        let conditions = [
            Condition::Equal,
            Condition::NotEqual,
            Condition::Greater,
            Condition::LessOrEqual,
            Condition::GreaterOrEqual,
            Condition::Less,
            Condition::BitsSet,
            Condition::BitsNotSet,
        ];
        let mut circuit = Circuit::new(1 << 20);
        let [left, right] = [0, 1].map(|_| Word(core::array::from_fn(|_| circuit.input())));
        let words: Vec<(AluOp, Word)> = ops.map(|op| (op, circuit.alu(op, left, right))).collect();
        let tests = conditions.map(|condition| (condition, circuit.compare(condition, left, right)));
        let negated = circuit.negate(left);
        for (a, b) in NUMBERS.into_iter().flat_map(|a| NUMBERS.map(|b| (a, b))) {
            let values = circuit.evaluate(|input| if input < 32 { a >> input } else { b >> (input - 32) } & 1 == 1);
            let of = |bit: Bit| values[bit.gate()] != bit.is_inverted();
            let number = |word: Word| (0..32).fold(0, |number, bit| number | u32::from(of(word.0[bit])) << bit);
            for &(op, word) in &words {
                if let Some(expected) = op.eval(a, b) {
                    assert_eq!(number(word), expected, "{a} {op:?} {b}");
                }
            }
            for (condition, bit) in tests {
                assert_eq!(of(bit), condition.eval(a, b), "{a} {condition:?} {b}");
            }
            assert_eq!(number(negated), a.wrapping_neg());
        }
    }
}
