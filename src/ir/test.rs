//! What blocks decide on, in a form in which equal questions are the same.

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::{Address, Edge, End, Known, SetId, Value, ValueId, Values};

/// A question about values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// A comparison by `Equal`, `Greater`, `GreaterOrEqual` or `BitsSet`.
    Compare(Condition, ValueId, ValueId),
    /// Whether the value is a member of the set.
    Member(ValueId, SetId),
    /// Whether so many bytes at that address were captured.
    InBounds(Address, Width),
}

/// A test, or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Known(bool),
    /// The comparison holds if the test does, or if it does not.
    Open(Test, bool),
}

impl Values {
    /// A comparison as simple as can be.
    pub(crate) fn compare(&mut self, condition: Condition, left: ValueId, right: ValueId) -> Question {
        if let Some(holds) = self.foretell(condition, left, right) {
            return Question::Known(holds);
        }
        match condition {
            Condition::NotEqual | Condition::Less | Condition::LessOrEqual | Condition::BitsNotSet => {
                self.compare(condition.inverse(), left, right).negated()
            }
            Condition::Equal | Condition::BitsSet
                if (self.is_constant(left), left) > (self.is_constant(right), right) =>
            {
                self.compare(condition, right, left)
            }
            // k > x is not x >= k, and k >= x is not x > k.
            Condition::Greater if self.is_constant(left) => self.compare(Condition::Less, right, left),
            Condition::GreaterOrEqual if self.is_constant(left) => self.compare(Condition::LessOrEqual, right, left),
            _ => match self.as_constant(right) {
                Some(k) => self.compare_constant(condition, left, k),
                None => Question::Open(Test::Compare(condition, left, right), true),
            },
        }
    }

    fn is_constant(&self, id: ValueId) -> bool {
        self.as_constant(id).is_some()
    }

    fn foretell(&self, condition: Condition, left: ValueId, right: ValueId) -> Option<bool> {
        match condition {
            Condition::Equal | Condition::GreaterOrEqual | Condition::LessOrEqual if left == right => Some(true),
            Condition::NotEqual | Condition::Greater | Condition::Less if left == right => Some(false),
            _ => Known::test(condition, self.known(left), self.known(right)),
        }
    }

    /// The test of a value against a constant; that its answer is not known has been seen.
    fn compare_constant(&mut self, condition: Condition, left: ValueId, k: u32) -> Question {
        let inner = self.value(left);
        let operand = |id| self.as_constant(id);
        match (condition, inner) {
            // 0 needs no test here, or the answer were known.
            (Condition::GreaterOrEqual, _) => self.with_constant(Condition::Greater, left, k - 1),
            (Condition::Greater, _) if k == 0 => self.with_constant(Condition::Equal, left, 0).negated(),
            (Condition::BitsSet, Value::Alu(AluOp::And, x, mask)) if operand(mask).is_some() => {
                let mask = operand(mask).unwrap_or_default();
                self.with_constant(Condition::BitsSet, x, mask & k)
            }
            (Condition::BitsSet, _) if !self.known(left).zeros & !k == 0 => {
                self.with_constant(Condition::Equal, left, 0).negated()
            }
            (Condition::Equal, Value::Alu(AluOp::And, x, mask)) if k == 0 => {
                self.compare(Condition::BitsSet, x, mask).negated()
            }
            (Condition::Equal, Value::Alu(AluOp::Add, x, addend)) if operand(addend).is_some() => {
                let addend = operand(addend).unwrap_or_default();
                self.with_constant(Condition::Equal, x, k.wrapping_sub(addend))
            }
            (Condition::Equal, Value::Alu(AluOp::Sub | AluOp::Xor, a, b)) if k == 0 => {
                self.compare(Condition::Equal, a, b)
            }
            _ => {
                let right = self.constant(k);
                Question::Open(Test::Compare(condition, left, right), true)
            }
        }
    }

    /// Whether a test compares a value with a constant, and how.
    pub(crate) fn as_constant_test(&self, test: Test) -> Option<(Condition, ValueId, u32)> {
        match test {
            Test::Compare(condition, left, right) => Some((condition, left, self.as_constant(right)?)),
            Test::Member(..) | Test::InBounds(..) => None,
        }
    }

    fn with_constant(&mut self, condition: Condition, left: ValueId, k: u32) -> Question {
        let right = self.constant(k);
        self.compare(condition, left, right)
    }
}

impl Question {
    /// The end of a block that asks.
    pub(crate) fn branch(self, then: Edge, otherwise: Edge) -> End {
        match self {
            Question::Known(holds) => End::Jump(if holds { then } else { otherwise }),
            Question::Open(test, true) => End::Branch { test, then, otherwise },
            Question::Open(test, false) => End::Branch { test, then: otherwise, otherwise: then },
        }
    }

    pub(crate) fn negated(self) -> Question {
        match self {
            Question::Known(holds) => Question::Known(!holds),
            Question::Open(test, holds) => Question::Open(test, !holds),
        }
    }
}

impl Test {
    /// The values that are asked about.
    pub(crate) fn values(self) -> impl Iterator<Item = ValueId> {
        let (first, second) = match self {
            Test::Compare(_, left, right) => (Some(left), Some(right)),
            Test::Member(value, _) => (Some(value), None),
            Test::InBounds(address, _) => (address.base, None),
        };
        first.into_iter().chain(second)
    }
}
