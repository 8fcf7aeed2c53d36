//! Numbers that are bits of a column, and tests of them without a column of their own.

use crate::bpf::isa::Condition;
use crate::codegen::vector::graph::program::{Bits, Column, Fork, Operation, VectorTest};

/// A number as bits of a column: `(column >> right & mask) << left`, where no bit of the mask is shifted out.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) column: Column,
    pub(super) right: u32,
    pub(super) mask: u32,
    pub(super) left: u32,
}

impl View {
    /// Returns the numbers of a column.
    pub(super) fn of(column: Column) -> View {
        View { column, right: 0, mask: u32::MAX, left: 0 }
    }

    /// Returns the bits that `k` has, too.
    pub(super) fn and(self, k: u32) -> View {
        View { mask: self.mask & k >> self.left, ..self }
    }

    /// Returns the shifted number, if it is a view.
    pub(super) fn shifted_left(self, count: u32) -> Option<View> {
        let left = self.left.saturating_add(count);
        (left < 32).then(|| View { left, mask: self.mask & u32::MAX >> left, ..self })
    }

    /// Returns the shifted number, if it is a view.
    pub(super) fn shifted_right(self, count: u32) -> Option<View> {
        let rest = count.saturating_sub(self.left);
        let view = View { left: self.left.saturating_sub(count), right: self.right.saturating_add(rest), ..self };
        (view.right < 32).then(|| View { mask: self.mask >> rest, ..view })
    }

    /// Returns the bits in the column, where they stand `right` bits higher than in the mask.
    pub(super) fn bits(self) -> Bits {
        Bits { column: self.column, mask: self.mask << self.right }
    }

    /// Returns these bits of a number that the view may have.
    pub(super) fn bits_of(self, k: u32) -> Option<u32> {
        let bits = k >> self.left;
        (bits << self.left == k && bits & !self.mask == 0).then(|| bits << self.right)
    }
}

/// Returns the test of a view against a constant, if it needs no column of its own.
pub(super) fn compared(condition: Condition, view: View, k: u32, fork: Fork) -> Option<Operation> {
    let bits = view.bits();
    let never = VectorTest::Any { bits: Bits { mask: 0, ..bits } };
    let test = match condition {
        Condition::Equal => match view.bits_of(k) {
            Some(k) => return Some(Operation::Equal { fork, bits, k }),
            None => never,
        },
        Condition::BitsSet => VectorTest::Any { bits: Bits { mask: view.and(k).bits().mask, ..bits } },
        Condition::Greater if k >> view.left > view.mask => never,
        Condition::Greater => VectorTest::Greater { bits, k: k >> view.left << view.right },
        _ => return None,
    };
    Some(Operation::Branch { fork, test })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(view: View, number: u32) -> u32 {
        ((number >> view.right) & view.mask) << view.left
    }

    #[test]
    fn views_follow_arithmetic() {
        let byte = View { right: 16, mask: 0xff, ..View::of(0) };
        for number in [0, 0x1234_5678, 0xdead_beef, u32::MAX] {
            let x = value(byte, number);
            for k in [0, 1, 0xf, 0xf0, u32::MAX] {
                assert_eq!(value(byte.and(k), number), x & k);
                let low = byte.and(0xf).shifted_left(2).expect("a view");
                assert_eq!(value(low.and(k), number), (x & 0xf) << 2 & k);
            }
            for count in 0..40 {
                if let Some(left) = byte.shifted_left(count) {
                    assert_eq!(value(left, number), x << count);
                    let back = left.shifted_right(3).map(|back| value(back, number));
                    assert!(back.is_none_or(|back| back == x << count >> 3));
                }
                let right = byte.shifted_right(count).map(|right| value(right, number));
                assert!(right.is_none_or(|right| right == x.unbounded_shr(count)));
            }
        }
        assert!(byte.shifted_left(u32::MAX).is_none() && byte.shifted_right(u32::MAX).is_none());
    }

    #[test]
    fn tests_of_views_are_tests_of_bits() {
        let view = View { right: 8, mask: 0xf, left: 2, ..View::of(0) };
        assert_eq!(view.bits(), Bits { column: 0, mask: 0xf00 });
        assert_eq!(view.bits_of(20), Some(0x500));
        assert_eq!((view.bits_of(21), view.bits_of(64)), (None, None), "numbers that it cannot be");
    }
}
