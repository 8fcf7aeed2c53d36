//! Paths: the ways through a program to a verdict other than 0, as conjunctions of conditions.

use crate::bpf::isa::Width;
use crate::classifier::open_test::OpenTest;
use crate::ir::{Address, KnownBits, Range, ValueId, complement};

/// The conditions under which a packet takes one way through a program, and the verdict at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// One condition for each tested value.
    pub(crate) literals: Vec<Literal>,
    /// Tests against open constants; none in the paths of a program.
    pub(crate) open: Vec<OpenTest>,
    /// The loads at computed offsets that must lie in bounds, whether or not their values are used.
    pub(crate) checks: Vec<(Address, Width)>,
    /// The least captured length, for the loads at fixed offsets.
    pub(crate) min_len: u32,
    /// The verdict; `None` if the program computes it.
    pub(crate) verdict: Option<u32>,
    /// `true` if these are all conditions. If not, the program must verify a match.
    pub(crate) is_exact: bool,
}

/// The condition that a value lies in one of these ranges, which are sorted and disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) value: ValueId,
    pub(crate) ranges: Vec<Range>,
}

impl Path {
    /// Returns the path of any packet.
    pub(crate) fn start() -> Path {
        let (literals, open, checks) = (Vec::new(), Vec::new(), Vec::new());
        Path { literals, open, checks, min_len: 0, verdict: None, is_exact: true }
    }

    /// Adds the condition that a value lies in ranges; `false` if no packet fulfils all conditions.
    pub(crate) fn require(&mut self, value: ValueId, ranges: &[Range], known: KnownBits) -> bool {
        let possible = within(ranges, known);
        if is_all(&possible, known) {
            return true;
        }
        match self.literals.iter_mut().find(|literal| literal.value == value) {
            None => {
                let is_possible = !possible.is_empty();
                self.literals.push(Literal { value, ranges: possible });
                is_possible
            }
            Some(literal) => {
                literal.ranges = intersection(&literal.ranges, &possible);
                !literal.ranges.is_empty()
            }
        }
    }

    /// Adds the condition that a load lies in bounds.
    pub(crate) fn check(&mut self, address: Address, width: Width) {
        match address.base {
            None => self.min_len = self.min_len.max(address.end(width).try_into().unwrap_or(u32::MAX)),
            Some(_) if !self.checks.contains(&(address, width)) => self.checks.push((address, width)),
            Some(_) => {}
        }
    }

    fn ranges_of(&self, value: ValueId) -> Option<&[Range]> {
        self.literals.iter().find(|literal| literal.value == value).map(|literal| literal.ranges.as_slice())
    }

    /// Returns whether the conditions of another path follow from those of this one with `ranges` for `value`.
    fn implies(&self, other: &Path, value: ValueId, ranges: &[Range]) -> bool {
        let follows = |literal: &Literal| {
            let known = if literal.value == value { Some(ranges) } else { self.ranges_of(literal.value) };
            known.is_some_and(|known| intersection(known, &literal.ranges) == known)
        };
        let is_same = self.verdict.is_some() && self.verdict == other.verdict && other.is_exact;
        let has_bytes = self.min_len >= other.min_len && other.checks.iter().all(|check| self.checks.contains(check));
        is_same && has_bytes && other.literals.iter().all(follows)
    }
}

/// Removes conditions of a path if the packets that fail them take another path with the same verdict.
///
/// For `port 53`, the path of the destination port requires a source port other than 53; the other path covers 53.
pub(crate) fn simplify(paths: &mut [Path]) {
    for place in 0..paths.len() {
        let mut literal = 0;
        while let Some(Literal { value, ranges }) = paths[place].literals.get(literal) {
            let opposite = complement(ranges.iter().copied());
            let is_covered = |other: &Path| paths[place].implies(other, *value, &opposite);
            // A short list of ranges selects more than it costs.
            let is_worth = opposite.len() <= ranges.len();
            if is_worth && paths.iter().enumerate().any(|(at, other)| at != place && is_covered(other)) {
                paths[place].literals.remove(literal);
            } else {
                literal += 1;
            }
        }
    }
}

/// Returns the ranges without impossible values. The last range reaches to the largest number if it contains the
/// largest value, so that the complement of a range may be one range.
fn within(ranges: &[Range], known: KnownBits) -> Vec<Range> {
    let inside = ranges.iter().filter(|&&(low, high)| low <= known.max && high >= known.min);
    inside.map(|&(low, high)| (low, if high >= known.max { u32::MAX } else { high })).collect()
}

/// Returns whether ranges contain all values.
pub(crate) fn is_all(ranges: &[Range], known: KnownBits) -> bool {
    matches!(ranges, &[(low, high)] if low <= known.min && high >= known.max)
}

fn intersection(left: &[Range], right: &[Range]) -> Vec<Range> {
    let mut both = Vec::new();
    for &(low, high) in left {
        let overlap = right.iter().map(|&(first, last)| (low.max(first), high.min(last)));
        both.extend(overlap.filter(|(low, high)| low <= high));
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(value: u32, ranges: &[Range], other: Option<(u32, &[Range])>) -> Path {
        let mut path = Path { verdict: Some(1), ..Path::start() };
        for (value, ranges) in [(value, ranges)].into_iter().chain(other) {
            assert!(path.require(ValueId(value), ranges, KnownBits::range(0, 0xffff)));
        }
        path
    }

    #[test]
    fn removes_conditions_that_another_path_covers() {
        let not_53 = [(0, 52), (54, u32::MAX)];
        let mut paths = [port(0, &[(53, 53)], None), port(1, &[(53, 53)], Some((0, &not_53)))];
        simplify(&mut paths);
        assert_eq!(paths, [port(0, &[(53, 53)], None), port(1, &[(53, 53)], None)]);

        let mut other_verdict = [Path { verdict: Some(2), ..port(0, &[(53, 53)], None) }, port(1, &not_53, None)];
        let before = other_verdict.clone();
        simplify(&mut other_verdict);
        assert_eq!(other_verdict, before);
    }

    #[test]
    fn detects_contradictions() {
        let mut path = Path::start();
        let byte = KnownBits::range(0, 255);
        assert!(path.require(ValueId(0), &[(5, 9), (20, 300)], byte));
        assert!(path.require(ValueId(0), &[(9, 20)], byte));
        assert_eq!(path.ranges_of(ValueId(0)), Some(&[(9, 9), (20, 20)][..]));
        assert!(!path.require(ValueId(0), &[(10, 19)], byte));
        assert!(!path.require(ValueId(1), &[(256, 300)], byte));
        assert!(path.require(ValueId(2), &[(0, 300)], byte), "all bytes");
        assert_eq!(path.literals.len(), 2);
    }
}
