//! What is known on a path: bits, bounds of values, and what values are not.
//!
//! Facts are added one after the other, and taken back in the opposite order.

use std::collections::HashSet;

use crate::bpf::isa::Condition;
use crate::ir::Hashing;
use crate::prove::values::{Source, ValueId, Values};

/// The facts of a path.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// What each variable is.
    bits: Vec<Option<bool>>,
    /// The least and the greatest number that each value can be.
    bounds: Vec<(u32, u32)>,
    excluded: HashSet<(ValueId, u32), Hashing>,
    /// What was added, in order.
    trail: Vec<Added>,
    /// How many numbers have been tried for values.
    pub(crate) work: usize,
}

#[derive(Clone, Copy, Debug)]
enum Added {
    Bit(usize),
    /// Bounds, and what they were before.
    Bounds(ValueId, (u32, u32)),
    Excluded(ValueId, u32),
}

impl Facts {
    /// What [`Facts::forget`] goes back to.
    pub(crate) fn mark(&self) -> usize {
        self.trail.len()
    }

    /// Takes back what was added since.
    pub(crate) fn forget(&mut self, mark: usize) {
        for added in self.trail.drain(mark..).rev() {
            match added {
                Added::Bit(variable) => self.bits[variable] = None,
                Added::Bounds(value, bounds) => self.bounds[value.index()] = bounds,
                Added::Excluded(value, number) => _ = self.excluded.remove(&(value, number)),
            }
        }
    }

    /// Assumes that a test holds; false if it contradicts what is known.
    pub(crate) fn assume(&mut self, values: &mut Values, value: ValueId, condition: Condition, k: u32) -> bool {
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

    /// Whether each value can still be some number, all bits considered that have become known since.
    pub(crate) fn are_consistent(&mut self, values: &Values) -> bool {
        let of = |added: &Added| match *added {
            Added::Bounds(value, _) | Added::Excluded(value, _) => Some(value),
            Added::Bit(_) => None,
        };
        let mut narrowed: Vec<ValueId> = self.trail.iter().filter_map(of).collect();
        narrowed.dedup();
        self.work += narrowed.len();
        narrowed.into_iter().all(|value| {
            let (least, greatest) = self.bounds[value.index()];
            self.least(values, value, least, greatest).is_some()
        })
    }

    /// A value is that number.
    fn set(&mut self, values: &Values, value: ValueId, number: u32) -> bool {
        let (least, greatest) = self.bounds[value.index()];
        if !(least..=greatest).contains(&number) || self.excluded.contains(&(value, number)) {
            return false;
        }
        for (place, source) in values.sources(value).enumerate() {
            let wanted = number >> place & 1 == 1;
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

    /// A value is not that number.
    fn exclude(&mut self, values: &Values, value: ValueId, number: u32) -> bool {
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

    /// A value lies between two numbers.
    fn narrow(&mut self, values: &Values, value: ValueId, from: u32, to: u32) -> bool {
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

    fn bound(&mut self, value: ValueId, bounds: (u32, u32)) {
        let before = std::mem::replace(&mut self.bounds[value.index()], bounds);
        if before != bounds {
            self.trail.push(Added::Bounds(value, before));
        }
    }

    /// The least number in a range that a value can be.
    fn least(&mut self, values: &Values, value: ValueId, from: u32, to: u32) -> Option<u32> {
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

    /// Which bits of a value are known, and what they are.
    fn known(&self, values: &Values, value: ValueId) -> (u32, u32) {
        values.sources(value).enumerate().fold((0, 0), |(mask, bits), (place, source)| {
            let bit = match source {
                Source::Constant(bit) => Some(bit),
                Source::Variable { variable, is_inverted } => self.bits[variable.index()].map(|bit| bit != is_inverted),
            };
            bit.map_or((mask, bits), |bit| (mask | 1 << place, bits | u32::from(bit) << place))
        })
    }
}

/// The least number from `from` on whose bits under `mask` are `bits`.
fn next(from: u32, mask: u32, bits: u32) -> Option<u32> {
    let differing = (from ^ bits) & mask;
    if differing == 0 {
        return Some(from);
    }
    // From the highest bit that must change on, a bit that is 0 and may be 1 is set, the lowest one that there is; what
    // is below it becomes as small as it can be.
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
    fn the_next_number_with_these_bits() {
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
