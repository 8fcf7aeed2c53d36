//! Sets of numbers as sorted, disjoint ranges, and the numbers for which a test holds.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::bpf::isa::{AluOp, Condition};
use crate::ir::{Graph, Test, Value, ValueId, Values};

/// A range of numbers: the first and the last.
pub(crate) type Range = (u32, u32);

/// Sorted, disjoint ranges: mostly one, for which nothing is allocated.
pub(crate) enum Numbers<'g> {
    One([Range; 1]),
    Many(Cow<'g, [Range]>),
}

impl Deref for Numbers<'_> {
    type Target = [Range];

    fn deref(&self) -> &[Range] {
        match self {
            Numbers::One(range) => range,
            Numbers::Many(ranges) => ranges,
        }
    }
}

/// A set of numbers: the last number of each range by its first.
#[derive(Clone, Debug)]
pub(crate) struct Ranges(BTreeMap<u32, u32>);

impl Ranges {
    pub(crate) fn all() -> Ranges {
        Ranges(BTreeMap::from([(0, u32::MAX)]))
    }

    pub(crate) fn into_vec(self) -> Vec<Range> {
        self.0.into_iter().collect()
    }

    /// Removes the numbers in these ranges, and returns those that were there.
    pub(crate) fn take(&mut self, ranges: &[Range]) -> Vec<Range> {
        let mut taken = Vec::with_capacity(ranges.len());
        for &(low, high) in ranges {
            while let Some((&first, end)) = self.0.range_mut(..=high).next_back().filter(|(_, end)| **end >= low) {
                let last = *end;
                if first < low {
                    *end = low - 1;
                } else {
                    self.0.remove(&first);
                }
                if last > high {
                    self.0.insert(high + 1, last);
                }
                taken.push((first.max(low), last.min(high)));
            }
        }
        taken
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The ranges must be disjoint.
impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Ranges {
        Ranges(ranges.into_iter().collect())
    }
}

/// Sorts ranges, and joins those that touch or overlap.
pub(crate) fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match joined.last_mut() {
            Some((_, last)) if u64::from(low) <= u64::from(*last) + 1 => *last = high.max(*last),
            _ => joined.push((low, high)),
        }
    }
    joined
}

/// Returns the numbers outside of sorted, disjoint ranges.
pub(crate) fn complement(ranges: impl ExactSizeIterator<Item = Range>) -> Vec<Range> {
    let mut gaps = Vec::with_capacity(ranges.len() + 1);
    let mut next = Some(0);
    for (low, high) in ranges {
        gaps.extend(next.filter(|&start| start < low).map(|start| (start, low - 1)));
        next = high.checked_add(1);
    }
    gaps.extend(next.map(|start| (start, u32::MAX)));
    gaps
}

/// The largest number up to which all are tried one by one.
const MAX_ENUMERATED: u32 = 63;

impl Graph {
    /// Returns the value that a test compares with ranges, as [`Graph::as_ranges`] does.
    pub(crate) fn tested_value(&self, test: Test) -> Option<ValueId> {
        match test {
            Test::Member(value, _) => Some(value),
            _ => self.as_ranges(test).map(|(value, _)| value),
        }
    }

    /// Returns a value, and the ranges of it for which a test holds, if the test has this form.
    pub(crate) fn as_ranges(&self, test: Test) -> Option<(ValueId, Numbers<'_>)> {
        if let Test::Member(value, set) = test {
            return Some((value, Numbers::Many(self.sets.ranges(set))));
        }
        let (condition, value, k) = self.values.as_constant_test(test)?;
        let max = self.values.known(value).max;
        match condition {
            Condition::Equal => {
                let (value, range) = equal(&self.values, value, k);
                Some((value, Numbers::One([range])))
            }
            Condition::Greater => Some((value, Numbers::One([(k + 1, u32::MAX)]))),
            Condition::BitsSet if max & !k < 1 << k.trailing_zeros() => {
                Some((value, Numbers::One([(1 << k.trailing_zeros(), u32::MAX)])))
            }
            Condition::BitsSet if max <= MAX_ENUMERATED => {
                let members = (0..=max).filter(|number| number & k != 0).map(|number| (number, number));
                Some((value, Numbers::Many(joined(members.collect()).into())))
            }
            _ => None,
        }
    }
}

/// Returns the numbers for which `value == k`, as a range of another value if this one is a prefix of it.
pub(crate) fn equal(values: &Values, value: ValueId, k: u32) -> (ValueId, Range) {
    if let Value::Alu(op, inner, operand) = values.value(value) {
        if let Some(operand) = values.as_constant(operand) {
            let rest = match op {
                AluOp::And if (!operand).wrapping_add(1).is_power_of_two() || operand == 0 => Some((k, !operand)),
                AluOp::Rsh => Some((k << operand, !(u32::MAX << operand))),
                _ => None,
            };
            if let Some((low, rest)) = rest {
                return (inner, (low, low | rest));
            }
        }
    }
    (value, (k, k))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a bit for each number below 64: 1 for a member of the ranges.
    fn bits(ranges: &[Range]) -> u64 {
        (0..64)
            .filter(|bit| ranges.iter().any(|&(low, high)| (low..=high).contains(bit)))
            .fold(0, |bits, bit| bits | 1 << bit)
    }

    #[test]
    fn take_splits_the_numbers() {
        let mut left = Ranges::all();
        for trial in 0..200 {
            let ends = [0, 1, 2, 3].map(|end| crate::packet::random::number(trial, end) % 64);
            let wanted = joined(vec![
                (ends[0].min(ends[1]), ends[0].max(ends[1])),
                (ends[2].min(ends[3]), ends[2].max(ends[3])),
            ]);
            if trial % 10 == 0 {
                left = Ranges::all();
            }
            let before = bits(&left.clone().into_vec());
            let taken = left.take(&wanted);
            assert_eq!(bits(&taken), before & bits(&wanted), "{wanted:?}");
            assert_eq!(bits(&left.clone().into_vec()), before & !bits(&wanted), "{wanted:?}");
        }
    }

    #[test]
    fn takes_the_least_and_the_greatest_number() {
        let mut left = Ranges::all();
        assert_eq!(left.take(&[(0, 0), (u32::MAX, u32::MAX)]), [(0, 0), (u32::MAX, u32::MAX)]);
        assert_eq!(left.take(&[(0, u32::MAX)]), [(1, u32::MAX - 1)]);
        assert_eq!(left.len(), 0);
        assert_eq!(left.take(&[(0, u32::MAX)]).len(), 0);
    }

    #[test]
    fn joins_ranges_that_touch_or_overlap() {
        assert_eq!(joined(vec![(5, 6), (1, 2), (3, 3), (5, 9), (6, 7), (11, 11)]), [(1, 3), (5, 9), (11, 11)]);
        assert_eq!(joined(vec![(7, u32::MAX), (0, 6), (u32::MAX, u32::MAX)]), [(0, u32::MAX)]);
        assert_eq!(joined(Vec::new()), []);
    }
}
