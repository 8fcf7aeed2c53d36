//! Known bits and bounds of values, for all packets.

use crate::bpf::isa::{AluOp, Condition, Width};

/// The bits of a value that are known to be 1 and to be 0, and its least and greatest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownBits {
    pub(crate) ones: u32,
    pub(crate) zeros: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl KnownBits {
    /// The known bits of a value of which nothing is known.
    pub(crate) const UNKNOWN: KnownBits = KnownBits { ones: 0, zeros: 0, min: 0, max: u32::MAX };

    pub(crate) const fn constant(k: u32) -> KnownBits {
        KnownBits { ones: k, zeros: !k, min: k, max: k }
    }

    pub(crate) fn range(min: u32, max: u32) -> KnownBits {
        KnownBits { min, max, ..KnownBits::UNKNOWN }.tightened()
    }

    /// Returns what is known of a number of this width.
    pub(crate) fn of_width(width: Width) -> KnownBits {
        KnownBits::range(0, u32::MAX >> (32 - 8 * width.bytes()))
    }

    pub(crate) fn bits(ones: u32, zeros: u32) -> KnownBits {
        KnownBits { ones, zeros, ..KnownBits::UNKNOWN }.tightened()
    }

    /// Returns the constant that the value must be.
    pub(crate) fn as_constant(self) -> Option<u32> {
        (self.min == self.max).then_some(self.min)
    }

    /// Returns whether no value has these bits and bounds.
    pub(crate) fn is_contradiction(self) -> bool {
        self.min > self.max || self.ones & self.zeros != 0
    }

    /// Returns what is known of a value if both hold.
    pub(crate) fn and(self, other: KnownBits) -> KnownBits {
        KnownBits {
            ones: self.ones | other.ones,
            zeros: self.zeros | other.zeros,
            min: self.min.max(other.min),
            max: self.max.min(other.max),
        }
        .tightened()
    }

    /// Returns what is known of a value if at least one holds.
    pub(crate) fn or(self, other: KnownBits) -> KnownBits {
        KnownBits {
            ones: self.ones & other.ones,
            zeros: self.zeros & other.zeros,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// Derives bounds from bits, and bits from the common prefix of the bounds.
    fn tightened(self) -> KnownBits {
        let (min, max) = (self.min.max(self.ones), self.max.min(!self.zeros));
        if min > max {
            return KnownBits { min, max, ..self };
        }
        let same = !u32::MAX.checked_shr((min ^ max).leading_zeros()).unwrap_or(0);
        KnownBits { ones: self.ones | min & same, zeros: self.zeros | !min & same, min, max }
    }

    /// Returns what is known of the result of arithmetic.
    pub(crate) fn alu(op: AluOp, a: KnownBits, b: KnownBits) -> KnownBits {
        if let (Some(a), Some(b)) = (a.as_constant(), b.as_constant()) {
            return op.eval(a, b).map_or(KnownBits::UNKNOWN, KnownBits::constant);
        }
        match (op, b.as_constant()) {
            (AluOp::And, _) => {
                KnownBits::bits(a.ones & b.ones, a.zeros | b.zeros).and(KnownBits::range(0, a.max.min(b.max)))
            }
            (AluOp::Or, _) => {
                KnownBits::bits(a.ones | b.ones, a.zeros & b.zeros).and(KnownBits::range(a.min.max(b.min), u32::MAX))
            }
            (AluOp::Xor, _) => {
                KnownBits::bits(a.ones & b.zeros | a.zeros & b.ones, a.zeros & b.zeros | a.ones & b.ones)
            }
            // The sum never wraps, or it always does.
            (AluOp::Add, _) => match (a.min.overflowing_add(b.min), a.max.overflowing_add(b.max)) {
                ((min, low), (max, high)) if low == high => KnownBits::range(min, max),
                _ => KnownBits::UNKNOWN,
            },
            (AluOp::Sub, _) if a.min >= b.max => KnownBits::range(a.min - b.max, a.max - b.min),
            (AluOp::Mul, _) => match a.max.checked_mul(b.max) {
                Some(max) => KnownBits::range(a.min * b.min, max),
                None => KnownBits::UNKNOWN,
            },
            (AluOp::Div, _) if b.min > 0 => KnownBits::range(a.min / b.max, a.max / b.min),
            (AluOp::Mod, _) if b.min > 0 => KnownBits::range(0, a.max.min(b.max - 1)),
            (AluOp::Lsh, Some(k @ 0..32)) => {
                let bits = KnownBits::bits(a.ones << k, a.zeros << k | !(u32::MAX << k));
                if a.max.leading_zeros() >= k { bits.and(KnownBits::range(a.min << k, a.max << k)) } else { bits }
            }
            (AluOp::Rsh, Some(k @ 0..32)) => KnownBits::bits(a.ones >> k, a.zeros >> k | !(u32::MAX >> k))
                .and(KnownBits::range(a.min >> k, a.max >> k)),
            (AluOp::Lsh | AluOp::Rsh, _) if b.min >= 32 => KnownBits::constant(0),
            (AluOp::Rsh, _) => KnownBits::range(0, a.max),
            _ => KnownBits::UNKNOWN,
        }
    }

    /// Returns the outcome of a test, if it is known.
    pub(crate) fn test(condition: Condition, a: KnownBits, b: KnownBits) -> Option<bool> {
        match condition {
            Condition::Equal => {
                if a.and(b).is_contradiction() {
                    return Some(false);
                }
                (a.as_constant()? == b.as_constant()?).then_some(true)
            }
            Condition::Greater if a.min > b.max => Some(true),
            Condition::Greater if a.max <= b.min => Some(false),
            Condition::GreaterOrEqual if a.min >= b.max => Some(true),
            Condition::GreaterOrEqual if a.max < b.min => Some(false),
            Condition::BitsSet if a.ones & b.ones != 0 => Some(true),
            Condition::BitsSet if !(a.zeros | b.zeros) == 0 => Some(false),
            Condition::NotEqual | Condition::LessOrEqual | Condition::Less | Condition::BitsNotSet => {
                KnownBits::test(condition.inverse(), a, b).map(|holds| !holds)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::isa::ALU_SYMBOLS;

    fn admits(known: KnownBits, value: u32) -> bool {
        value & known.ones == known.ones && value & known.zeros == 0 && (known.min..=known.max).contains(&value)
    }

    /// Returns ranges with bounds of all kinds, and some members of each.
    fn samples() -> Vec<(KnownBits, Vec<u32>)> {
        let ends = [0, 1, 2, 7, 8, 31, 32, 60, 255, 256, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX];
        let mut samples = Vec::new();
        for &min in &ends {
            for &max in ends.iter().filter(|&&max| max >= min) {
                samples
                    .push((KnownBits::range(min, max), vec![min, max, min + (max - min) / 2, min + (max - min) / 3]));
            }
        }
        let masks = [0xf, 0x3c, 0xff00_0000, 0x8000_0001];
        samples.extend(
            masks.map(|mask| (KnownBits::bits(0, !mask), vec![0, mask, mask & 0x1111_1111, mask & 0x00ff_0008])),
        );
        samples.extend(
            masks.map(|mask| (KnownBits::bits(mask, 0), vec![mask, u32::MAX, mask | 0x1234, mask | 0x8000_0000])),
        );
        samples
    }

    #[test]
    fn arithmetic_admits_every_result() {
        let samples = samples();
        for (a, left) in &samples {
            for (b, right) in &samples {
                for (_, op) in ALU_SYMBOLS {
                    let known = KnownBits::alu(op, *a, *b);
                    for (&x, &y) in left.iter().flat_map(|x| right.iter().map(move |y| (x, y))) {
                        let admitted = op.eval(x, y).is_none_or(|result| admits(known, result));
                        assert!(admitted, "{op:?} {x:#x} {y:#x}: {known:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn outcomes_of_tests_are_right() {
        let samples = samples();
        let conditions = [Condition::Equal, Condition::Greater, Condition::GreaterOrEqual, Condition::BitsSet];
        for (a, left) in &samples {
            for (b, right) in &samples {
                for condition in conditions.into_iter().flat_map(|condition| [condition, condition.inverse()]) {
                    let outcome = KnownBits::test(condition, *a, *b);
                    for (&x, &y) in left.iter().flat_map(|x| right.iter().map(move |y| (x, y))) {
                        assert!(
                            outcome.is_none_or(|holds| holds == condition.eval(x, y)),
                            "{condition:?} {x:#x} {y:#x}"
                        );
                    }
                }
            }
        }
    }
}
