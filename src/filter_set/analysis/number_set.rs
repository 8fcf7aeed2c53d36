//! Sets of numbers: sorted, disjoint ranges that do not touch, mostly one.

use std::ops::Deref;

use crate::ir::{KnownBits, Range};

/// A set of numbers. Nothing is allocated for a single range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum NumberSet {
    One([Range; 1]),
    /// No range, or more than one.
    Many(Box<[Range]>),
}

impl Deref for NumberSet {
    type Target = [Range];

    fn deref(&self) -> &[Range] {
        match self {
            NumberSet::One(range) => range,
            NumberSet::Many(ranges) => ranges,
        }
    }
}

impl From<Vec<Range>> for NumberSet {
    fn from(ranges: Vec<Range>) -> NumberSet {
        match *ranges {
            [range] => NumberSet::One([range]),
            _ => NumberSet::Many(ranges.into()),
        }
    }
}

impl NumberSet {
    /// Returns all numbers that a value can be.
    pub(super) fn all(known: KnownBits) -> NumberSet {
        NumberSet::One([(known.min, known.max)])
    }

    /// Returns how many numbers are in the set.
    pub(super) fn count(&self) -> u64 {
        self.iter().map(|&(low, high)| u64::from(high - low) + 1).sum()
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        let place = self.partition_point(|&(_, high)| high < number);
        self.get(place).is_some_and(|&(low, _)| low <= number)
    }

    pub(super) fn overlaps(&self, other: &NumberSet) -> bool {
        if let (NumberSet::One([(low, high)]), NumberSet::One([(first, last)])) = (self, other) {
            return low <= last && first <= high;
        }
        Overlaps::new(self, other).next().is_some()
    }

    pub(super) fn is_subset(&self, other: &NumberSet) -> bool {
        // Ranges do not touch, so each lies in one of the others.
        self.iter().all(|&(low, high)| {
            let place = other.partition_point(|&(_, last)| last < low);
            other.get(place).is_some_and(|&(first, last)| first <= low && high <= last)
        })
    }

    pub(super) fn intersection(&self, other: &NumberSet) -> NumberSet {
        NumberSet::from(Overlaps::new(self, other).collect::<Vec<Range>>())
    }

    /// Returns the number of numbers that are in both sets.
    pub(super) fn common_count(&self, other: &NumberSet) -> u64 {
        Overlaps::new(self, other).map(|(low, high)| u64::from(high - low) + 1).sum()
    }

    /// Returns the numbers that are not in another set.
    pub(super) fn difference(&self, other: &NumberSet) -> NumberSet {
        let mut left = Vec::with_capacity(self.len() + 1);
        let mut others = other.iter().peekable();
        for &(low, high) in self.iter() {
            let mut from = Some(low);
            while let (Some(start), Some(&&(first, last))) = (from, others.peek()) {
                if last < start {
                    others.next();
                    continue;
                }
                if first > high {
                    break;
                }
                if first > start {
                    left.push((start, first - 1));
                }
                from = last.checked_add(1).filter(|&next| next <= high);
                if from.is_some() {
                    others.next();
                }
            }
            left.extend(from.map(|start| (start, high)));
        }
        NumberSet::from(left)
    }

    /// Returns the set with its ends moved to numbers that a value can be, and without ranges that have none.
    pub(super) fn tightened(self, known: KnownBits) -> NumberSet {
        let below_max = u32::MAX.checked_shr(known.max.leading_zeros()).unwrap_or(0);
        let has_gaps = known.zeros & below_max != 0 || known.ones != 0;
        let is_within = self.iter().all(|&(low, high)| low >= known.min && high <= known.max);
        if is_within && !has_gaps {
            return self;
        }
        let mask = known.ones | known.zeros;
        let ranges = self.iter().filter_map(|&(low, high)| {
            let low = least_with_bits(low.max(known.min), mask, known.ones)?;
            let high = greatest_with_bits(high.min(known.max), mask, known.ones)?;
            (low <= high).then_some((low, high))
        });
        NumberSet::from(ranges.collect::<Vec<Range>>())
    }

    /// Returns the least number of the set from `from` on whose bits under `mask` are `bits`.
    pub(super) fn least_from(&self, from: u32, mask: u32, bits: u32) -> Option<u32> {
        let start = self.partition_point(|&(_, high)| high < from);
        let fit = |&(low, high): &Range| least_with_bits(low.max(from), mask, bits).filter(|&number| number <= high);
        self[start..].iter().find_map(fit)
    }

    /// Returns the greatest number of the set whose bits under `mask` are `bits`.
    pub(super) fn greatest(&self, mask: u32, bits: u32) -> Option<u32> {
        let fit = |&(low, high): &Range| greatest_with_bits(high, mask, bits).filter(|&number| number >= low);
        self.iter().rev().find_map(fit)
    }
}

/// The ranges that two sets have in common.
struct Overlaps<'s> {
    left: &'s [Range],
    right: &'s [Range],
}

impl<'s> Overlaps<'s> {
    /// Skips the ranges before the first and after the last of the other set: one of the sets mostly is one range.
    fn new(left: &'s [Range], right: &'s [Range]) -> Overlaps<'s> {
        let near = |ranges: &'s [Range], other: &[Range]| -> &'s [Range] {
            let (Some(&(first, _)), Some(&(_, last))) = (other.first(), other.last()) else { return &[] };
            let rest = &ranges[ranges.partition_point(|&(_, high)| high < first)..];
            &rest[..rest.partition_point(|&(low, _)| low <= last)]
        };
        Overlaps { left: near(left, right), right: near(right, left) }
    }
}

impl Iterator for Overlaps<'_> {
    type Item = Range;

    fn next(&mut self) -> Option<Range> {
        loop {
            let (&(low, high), &(first, last)) = (self.left.first()?, self.right.first()?);
            if high <= last {
                self.left = &self.left[1..];
            }
            if last <= high {
                self.right = &self.right[1..];
            }
            let common = (low.max(first), high.min(last));
            if common.0 <= common.1 {
                return Some(common);
            }
        }
    }
}

/// Returns the least number from `from` on whose bits under `mask` are `bits`.
fn least_with_bits(from: u32, mask: u32, bits: u32) -> Option<u32> {
    let differing = (from ^ bits) & mask;
    if differing == 0 {
        return Some(from);
    }
    // Sets the lowest bit that is 0 and may be 1, at or above the highest bit that must change, and makes the bits
    // below it as small as possible.
    let may_be_set = |bit: &u32| from >> bit & 1 == 0 && (mask >> bit & 1 == 0 || bits >> bit & 1 == 1);
    let bit = (differing.ilog2()..32).find(may_be_set)?;
    let below = (1_u32 << bit) - 1;
    Some(from & !below | 1 << bit | bits & mask & below)
}

/// Returns the greatest number up to `to` whose bits under `mask` are `bits`.
fn greatest_with_bits(to: u32, mask: u32, bits: u32) -> Option<u32> {
    // The complement of the least one of all complements.
    least_with_bits(!to, mask, !bits & mask).map(|number| !number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::joined;
    use crate::packet::random;

    /// Returns a set of numbers below 16, and one at the end, as random bits select them.
    fn some(seed: u64) -> (NumberSet, Vec<bool>) {
        let bits = random::number(seed, 0) & random::number(seed, 1) | random::number(seed, 2) & 0x1_0001;
        let members: Vec<bool> = (0..17).map(|bit| bits >> bit & 1 == 1).collect();
        let numbers = members.iter().zip(numbers()).filter(|(is_in, _)| **is_in).map(|(_, number)| (number, number));
        (NumberSet::from(joined(numbers.collect())), members)
    }

    fn numbers() -> impl Iterator<Item = u32> {
        (0..16).chain([u32::MAX])
    }

    fn members(set: &NumberSet) -> Vec<bool> {
        numbers().map(|number| set.contains(number)).collect()
    }

    fn both(left: &[bool], right: &[bool], f: impl Fn(bool, bool) -> bool) -> Vec<bool> {
        left.iter().zip(right).map(|(&left, &right)| f(left, right)).collect()
    }

    #[test]
    fn operations_agree_with_single_numbers() {
        for seed in 0..400 {
            let ((left, ours), (right, theirs)) = (some(2 * seed), some(2 * seed + 1));
            assert_eq!(members(&left), ours);
            let common = both(&ours, &theirs, |left, right| left && right);
            let rest = both(&ours, &theirs, |left, right| left && !right);
            assert_eq!(members(&left.intersection(&right)), common, "{left:?} {right:?}");
            assert_eq!(members(&left.difference(&right)), rest, "{left:?} {right:?}");
            let count = common.iter().filter(|&&is_in| is_in).count();
            assert_eq!(left.common_count(&right), count as u64);
            assert_eq!(left.overlaps(&right), count > 0, "{left:?} {right:?}");
            assert_eq!(left.is_subset(&right), !rest.contains(&true), "{left:?} {right:?}");
            assert_eq!(left.difference(&right), left.difference(&left.intersection(&right)));
        }
    }

    #[test]
    fn numbers_have_the_wanted_bits() {
        let set = NumberSet::from(vec![(3, 9), (20, 60)]);
        for mask in 0..64 {
            for bits in (0..64).filter(|bits| bits & !mask == 0) {
                let fit = |number: &u32| set.contains(*number) && number & mask == bits;
                assert_eq!(set.greatest(mask, bits), (0..64).rev().find(fit), "{mask} {bits}");
                for from in 0..64 {
                    assert_eq!(set.least_from(from, mask, bits), (from..64).find(fit), "{from} {mask} {bits}");
                }
            }
        }
        let masked = KnownBits::bits(0, !0x3c);
        assert_eq!(
            NumberSet::from(vec![(0, 1), (5, 7), (9, 21)]).tightened(masked),
            NumberSet::from(vec![(0, 0), (12, 20)])
        );
    }
}
