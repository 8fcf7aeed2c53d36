//! Path conditions: what the tests on a path imply about bits, bounds of values, and excluded numbers.
//!
//! Assumptions are added one by one, and undone in the opposite order. Unlike the known bits of the graph, the bounds
//! are exact with regard to known bits and excluded numbers.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::bpf::isa::Condition;
use crate::prove::bit_vectors::{BitVectorId, BitVectors, Source};

/// The assumptions on a path, and what they imply.
#[derive(Debug, Default)]
pub(crate) struct PathCondition {
    /// The known variables.
    bits: Vec<Option<bool>>,
    /// The least and the greatest number of each value.
    bounds: Vec<(u32, u32)>,
    excluded: BTreeSet<(BitVectorId, u32)>,
    /// The changes, in order, to undo them.
    trail: Vec<Added>,
    /// The number of numbers that were tried for values.
    pub(crate) work: usize,
}

#[derive(Clone, Copy, Debug)]
enum Added {
    Bit(usize),
    /// A value and its previous bounds.
    Bounds(BitVectorId, (u32, u32)),
    Excluded(BitVectorId, u32),
}

impl PathCondition {
    /// Returns the mark to which [`PathCondition::forget`] can return.
    pub(crate) fn mark(&self) -> usize {
        self.trail.len()
    }

    /// Undoes the assumptions since a mark.
    pub(crate) fn forget(&mut self, mark: usize) {
        for added in self.trail.drain(mark..).rev() {
            match added {
                Added::Bit(variable) => self.bits[variable] = None,
                Added::Bounds(value, bounds) => self.bounds[value.index()] = bounds,
                Added::Excluded(value, number) => _ = self.excluded.remove(&(value, number)),
            }
        }
    }

    /// Assumes that a test holds; returns `false` if that contradicts the path.
    pub(crate) fn assume(&mut self, values: &mut BitVectors, value: BitVectorId, condition: Condition, k: u32) -> bool {
        let value = match condition {
            Condition::BitsSet | Condition::BitsNotSet => values.masked(value, k),
            _ => value,
        };
        let (value_count, variable_count) = values.counts();
        self.bounds.resize(value_count, (0, u32::MAX));
        self.bits.resize(variable_count, None);
        match condition {
            Condition::Equal => self.set(values, value, k),
            Condition::NotEqual => self.exclude(values, value, k),
            Condition::BitsSet => self.exclude(values, value, 0),
            Condition::BitsNotSet => self.set(values, value, 0),
            Condition::LessOrEqual => self.narrow(values, value, 0, k),
            Condition::GreaterOrEqual => self.narrow(values, value, k, u32::MAX),
            Condition::Less => k > 0 && self.narrow(values, value, 0, k - 1),
            Condition::Greater => k < u32::MAX && self.narrow(values, value, k + 1, u32::MAX),
        }
    }

    /// Returns whether each value can still be some number, given all bits that are known by now.
    pub(crate) fn are_consistent(&mut self, values: &BitVectors) -> bool {
        let of = |added: &Added| match *added {
            Added::Bounds(value, _) | Added::Excluded(value, _) => Some(value),
            Added::Bit(_) => None,
        };
        let mut narrowed: Vec<BitVectorId> = self.trail.iter().filter_map(of).collect();
        narrowed.dedup();
        self.work += narrowed.len();
        narrowed.into_iter().all(|value| {
            let (least, greatest) = self.bounds[value.index()];
            self.least(values, value, least, greatest).is_some()
        })
    }

    /// Assumes that a value is equal to a number.
    fn set(&mut self, values: &BitVectors, value: BitVectorId, number: u32) -> bool {
        let (least, greatest) = self.bounds[value.index()];
        if !(least..=greatest).contains(&number) || self.excluded.contains(&(value, number)) {
            return false;
        }
        for (index, source) in values.sources(value).enumerate() {
            let wanted = number >> index & 1 == 1;
            let (variable, wanted) = match source {
                Source::Constant(bit) if bit == wanted => continue,
                Source::Constant(_) => return false,
                Source::Variable { variable, is_inverted } => (variable.index(), wanted != is_inverted),
            };
            match self.bits[variable] {
                Some(bit) if bit != wanted => return false,
                Some(_) => {}
                None => {
                    self.bits[variable] = Some(wanted);
                    self.trail.push(Added::Bit(variable));
                }
            }
        }
        self.bound(value, (number, number));
        true
    }

    /// Assumes that a value is not equal to a number.
    fn exclude(&mut self, values: &BitVectors, value: BitVectorId, number: u32) -> bool {
        let (least, greatest) = self.bounds[value.index()];
        let (mask, bits) = self.known(values, value);
        if number & mask != bits || !(least..=greatest).contains(&number) {
            return true;
        }
        if mask == u32::MAX || least == greatest {
            return false;
        }
        if self.excluded.insert((value, number)) {
            self.trail.push(Added::Excluded(value, number));
        }
        if number == least {
            return self.narrow(values, value, number + 1, greatest);
        }
        number != greatest || self.narrow(values, value, least, number - 1)
    }

    /// Assumes that a value lies between two numbers.
    fn narrow(&mut self, values: &BitVectors, value: BitVectorId, from: u32, to: u32) -> bool {
        let (least, greatest) = self.bounds[value.index()];
        let Some(least) = self.least(values, value, least.max(from), greatest.min(to)) else { return false };
        let (mask, bits) = self.known(values, value);
        // The greatest number is the complement of the least one of all complements.
        let Some(greatest) = next(!greatest.min(to), mask, !bits & mask).map(|number| !number) else { return false };
        if least > greatest {
            return false;
        }
        if least == greatest {
            return self.set(values, value, least);
        }
        self.bound(value, (least, greatest));
        true
    }

    fn bound(&mut self, value: BitVectorId, bounds: (u32, u32)) {
        let before = core::mem::replace(&mut self.bounds[value.index()], bounds);
        if before != bounds {
            self.trail.push(Added::Bounds(value, before));
        }
    }

    /// Returns the least number in a range that a value can be.
    fn least(&mut self, values: &BitVectors, value: BitVectorId, from: u32, to: u32) -> Option<u32> {
        let (mask, bits) = self.known(values, value);
        let mut from = from;
        loop {
            self.work += 1;
            let number = next(from, mask, bits).filter(|&number| number <= to)?;
            if !self.excluded.contains(&(value, number)) {
                return Some(number);
            }
            from = number.checked_add(1)?;
        }
    }

    /// Returns the mask of the known bits of a value, and these bits.
    fn known(&self, values: &BitVectors, value: BitVectorId) -> (u32, u32) {
        values.sources(value).enumerate().fold((0, 0), |(mask, bits), (index, source)| {
            let bit = match source {
                Source::Constant(bit) => Some(bit),
                Source::Variable { variable, is_inverted } => self.bits[variable.index()].map(|bit| bit != is_inverted),
            };
            bit.map_or((mask, bits), |bit| (mask | 1 << index, bits | u32::from(bit) << index))
        })
    }
}

/// Returns the least number from `from` on whose bits under `mask` are `bits`.
fn next(from: u32, mask: u32, bits: u32) -> Option<u32> {
    let differing = (from ^ bits) & mask;
    if differing == 0 {
        return Some(from);
    }
    // Sets the lowest bit that is 0 and may be 1, at or above the highest bit that must change, and makes the bits
    // below it as small as possible.
    let highest = differing.ilog2();
    let may_be_set = |bit: &u32| from >> bit & 1 == 0 && (mask >> bit & 1 == 0 || bits >> bit & 1 == 1);
    let bit = (highest..32).find(may_be_set)?;
    let below = (1_u32 << bit) - 1;
    Some(from & !below | 1 << bit | bits & below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_next_number_with_given_bits() {
        for mask in 0..64 {
            for bits in (0..64).filter(|bits| bits & !mask == 0) {
                for from in 0..70 {
                    let expected = (from..=u32::MAX).take(200).find(|number| number & mask == bits);
                    assert_eq!(next(from, mask, bits), expected, "{from} {mask} {bits}");
                }
            }
        }
        assert_eq!(next(u32::MAX, 1, 0), None);
        assert_eq!(next(6, u32::MAX, 5), None);
    }
}
