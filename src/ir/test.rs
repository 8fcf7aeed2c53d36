//! Tests, in a normal form: equal tests compare equal.

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::{Address, Edge, KnownBits, MemberSetId, Terminator, Value, ValueId, Values};

/// The condition of a branch or a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// A comparison by `Equal`, `Greater`, `GreaterOrEqual` or `BitsSet`.
    Compare(Condition, ValueId, ValueId),
    /// Holds if the value is a member of the set.
    Member(ValueId, MemberSetId),
    /// Holds if a load of this width at the address is in bounds.
    InBounds(Address, Width),
}

/// A simplified comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Constant(bool),
    /// A comparison that holds if the outcome of the test is this one.
    Test(Test, bool),
}

impl Values {
    /// Simplifies a comparison.
    pub(crate) fn compare(&mut self, condition: Condition, left: ValueId, right: ValueId) -> Comparison {
        if let Some(holds) = self.fold_comparison(condition, left, right) {
            return Comparison::Constant(holds);
        }
        match condition {
            Condition::NotEqual | Condition::Less | Condition::LessOrEqual | Condition::BitsNotSet => {
                self.compare(condition.inverse(), left, right).negated()
            }
            Condition::Equal | Condition::BitsSet if (self.fixedness(left), left) > (self.fixedness(right), right) => {
                self.compare(condition, right, left)
            }
            // k > x is not x >= k, and k >= x is not x > k.
            Condition::Greater if self.is_constant(left) => self.compare(Condition::Less, right, left),
            Condition::GreaterOrEqual if self.is_constant(left) => self.compare(Condition::LessOrEqual, right, left),
            _ => match self.as_constant(right) {
                Some(k) => self.compare_constant(condition, left, k),
                None => Comparison::Test(Test::Compare(condition, left, right), true),
            },
        }
    }

    /// Sorts the operands of comparisons: constants come last, and open ones before them.
    fn fixedness(&self, id: ValueId) -> u8 {
        match self.value(id) {
            Value::Constant(_) => 2,
            Value::Open(_) => 1,
            _ => 0,
        }
    }

    pub(crate) fn is_constant(&self, id: ValueId) -> bool {
        self.as_constant(id).is_some()
    }

    fn fold_comparison(&self, condition: Condition, left: ValueId, right: ValueId) -> Option<bool> {
        match condition {
            Condition::Equal | Condition::GreaterOrEqual | Condition::LessOrEqual if left == right => Some(true),
            Condition::NotEqual | Condition::Greater | Condition::Less if left == right => Some(false),
            _ => KnownBits::test(condition, self.known(left), self.known(right)),
        }
    }

    /// Simplifies a comparison with a constant whose outcome is not known.
    fn compare_constant(&mut self, condition: Condition, left: ValueId, k: u32) -> Comparison {
        let inner = self.value(left);
        let operand = |id| self.as_constant(id);
        match (condition, inner) {
            // The outcome is known if k = 0.
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
                Comparison::Test(Test::Compare(condition, left, right), true)
            }
        }
    }

    /// Returns the condition, value and constant of a comparison with a constant.
    pub(crate) fn as_constant_test(&self, test: Test) -> Option<(Condition, ValueId, u32)> {
        match test {
            Test::Compare(condition, left, right) => Some((condition, left, self.as_constant(right)?)),
            Test::Member(..) | Test::InBounds(..) => None,
        }
    }

    fn with_constant(&mut self, condition: Condition, left: ValueId, k: u32) -> Comparison {
        let right = self.constant(k);
        self.compare(condition, left, right)
    }
}

impl Comparison {
    /// Returns the terminator that takes `then` if the comparison holds.
    pub(crate) fn branch(self, then: Edge, otherwise: Edge) -> Terminator {
        match self {
            Comparison::Constant(holds) => Terminator::Jump(if holds { then } else { otherwise }),
            Comparison::Test(test, true) => Terminator::Branch { test, then, otherwise },
            Comparison::Test(test, false) => Terminator::Branch { test, then: otherwise, otherwise: then },
        }
    }

    pub(crate) fn negated(self) -> Comparison {
        match self {
            Comparison::Constant(holds) => Comparison::Constant(!holds),
            Comparison::Test(test, holds) => Comparison::Test(test, !holds),
        }
    }
}

impl Test {
    /// Returns the values that are tested.
    pub(crate) fn values(self) -> impl Iterator<Item = ValueId> {
        let (first, second) = match self {
            Test::Compare(_, left, right) => (Some(left), Some(right)),
            Test::Member(value, _) => (Some(value), None),
            Test::InBounds(address, _) => (address.base, None),
        };
        first.into_iter().chain(second)
    }
}
