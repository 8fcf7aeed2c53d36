//! Decisions: a diagram over the bits of a field as a list of ranges of numbers.

use alloc::vec::Vec;

use crate::seccomp::diagram::{Diagram, Node};

/// The bits of a word, or of the two words of a field of 64 bits: variables in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) first: u32,
    pub(super) width: u32,
}

impl Field {
    /// Returns the variable behind the field.
    fn end(self) -> u32 {
        self.first + self.width
    }

    /// Returns the place in the number of a variable; the lowest is 0.
    fn place(self, variable: u32) -> u32 {
        self.end() - 1 - variable
    }

    fn variable(self, place: u32) -> u32 {
        self.end() - 1 - place
    }

    fn all(self) -> u64 {
        if self.width == 64 { u64::MAX } else { (1 << self.width) - 1 }
    }
}

/// A decision by the masked number in a field. The ranges are in order, and every masked number is in one.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) field: Field,
    /// The bits to keep before the comparison.
    pub(super) mask: u64,
    pub(super) cases: Vec<Case>,
}

/// The last number of a range, and what the range leads to.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) last: u64,
    pub(super) target: Node,
}

impl Decision {
    /// Returns the first and the last number of each case.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64, Node)> {
        let mut first = 0;
        self.cases.iter().map(move |case| {
            let range = (first, case.last, case.target);
            first = (case.last | !self.mask).wrapping_add(1) & self.mask;
            range
        })
    }

    /// Returns whether the numbers are compared without a mask.
    pub(super) fn is_unmasked(&self) -> bool {
        self.mask == self.field.all()
    }
}

/// The largest number of ranges of numbers that are not masked, and of ranges before bits are decided in parts.
const MAX_PLAIN: usize = 4_096;
const MAX_BEFORE_PARTS: usize = 16;

/// The largest number of places between bits that are tried, and of nodes for which they and flags are.
const MAX_CUTS: usize = 4;
const MAX_NODES_OF_PARTS: usize = 1_000;

/// The largest number of ranges that are not searched for flags.
const MAX_BEFORE_FLAGS: usize = 8;

/// The largest number of ranges that are considered, unless the numbers are those of calls.
const MAX_CASES: usize = 256;

/// Returns the decision of a node that tests a field. It may leave lower bits of the field to its targets.
pub(super) fn decide(diagram: &mut Diagram, node: Node, field: Field) -> Decision {
    let plain = decision(diagram, node, field, field.all(), field.end(), MAX_CASES);
    let mask = support(diagram, node, field);
    let masked = decision(diagram, node, field, mask, field.end(), MAX_CASES);
    match (plain, masked) {
        (Some(plain), Some(masked)) if plain.cases.len() <= 2 * masked.cases.len() => plain,
        (Some(plain), _) if plain.cases.len() <= MAX_BEFORE_FLAGS => plain,
        (_, masked) if masked.as_ref().is_none_or(|masked| masked.cases.len() > MAX_BEFORE_FLAGS) => {
            flags(diagram, node, field, mask).unwrap_or_else(|| part(diagram, node, field, mask, masked))
        }
        (Some(plain), None) => plain,
        (_, Some(masked)) if masked.cases.len() <= MAX_BEFORE_PARTS => masked,
        (_, masked) => part(diagram, node, field, mask, masked),
    }
}

/// Returns the decision by all bits of a field, such as the number of the call, if it has few enough ranges.
pub(super) fn plain(diagram: &Diagram, node: Node, field: Field) -> Option<Decision> {
    decision(diagram, node, field, field.all(), field.end(), MAX_PLAIN)
}

/// Returns the decision by the highest bits of a mask after which the rest is smallest; `whole` is that by all bits.
fn part(diagram: &Diagram, node: Node, field: Field, mask: u64, whole: Option<Decision>) -> Decision {
    let (inside, _) = diagram.nodes_before(node, field.end());
    let mut cuts: Vec<(usize, u64)> = Vec::new();
    let mut rest = mask & (mask - 1);
    while rest != 0 && inside.len() <= MAX_NODES_OF_PARTS {
        let lowest = 1_u64 << rest.trailing_zeros();
        rest &= rest - 1;
        let (_, below) = diagram.nodes_before(node, field.variable(lowest.trailing_zeros()) + 1);
        cuts.push((below.len(), mask & !(lowest - 1)));
    }
    // Where few nodes are below, the parts hardly depend on each other.
    cuts.sort_unstable();
    let mut best = whole.map(|decision| (decision.cases.len(), decision));
    for (_, upper) in cuts.into_iter().filter(|(width, _)| *width <= MAX_BEFORE_PARTS).take(MAX_CUTS) {
        let end = field.variable(upper.trailing_zeros()) + 1;
        let Some(decision) = decision(diagram, node, field, upper, end, MAX_CASES) else { continue };
        let mut targets: Vec<Node> = decision.cases.iter().map(|case| case.target).collect();
        targets.sort_unstable();
        targets.dedup();
        let below: usize = targets.iter().map(|&target| remaining(diagram, target, field)).sum();
        let score = decision.cases.len() + below;
        if best.as_ref().is_none_or(|(best, _)| score < *best) {
            best = Some((score, decision));
        }
    }
    best.map_or_else(|| highest_bit(diagram, node, field), |(_, decision)| decision)
}

/// Returns the number of ranges of a target within its field, and more if they are too many.
fn remaining(diagram: &Diagram, target: Node, field: Field) -> usize {
    let mask = support(diagram, target, field);
    if mask == 0 {
        return 0;
    }
    let decision = decision(diagram, target, field, mask, field.end(), MAX_CASES / 4);
    decision.map_or(MAX_CASES, |decision| decision.cases.len())
}

/// Returns the bits of a field that a node and those below it test.
fn support(diagram: &Diagram, node: Node, field: Field) -> u64 {
    let (inside, _) = diagram.nodes_before(node, field.end());
    inside.iter().fold(0, |mask, &node| mask | 1 << field.place(diagram.variable(node)))
}

/// Returns the decision whether any of some bits is set, if each of them alone decides, and others remain.
fn flags(diagram: &mut Diagram, node: Node, field: Field, mask: u64) -> Option<Decision> {
    let mut found: Vec<(Node, u64)> = Vec::new();
    let is_small = diagram.nodes_before(node, field.end()).0.len() <= MAX_NODES_OF_PARTS;
    let mut rest = if is_small { mask } else { 0 };
    while rest != 0 {
        let flag = 1_u64 << rest.trailing_zeros();
        rest &= rest - 1;
        let Some(target) = diagram.only_target(node, field.variable(flag.trailing_zeros()), field.end()) else {
            continue;
        };
        match found.iter_mut().find(|(other, _)| *other == target) {
            Some((_, flags)) => *flags |= flag,
            None => found.push((target, flag)),
        }
    }
    let (target, flags) = found.into_iter().max_by_key(|(_, flags)| flags.count_ones())?;
    if flags == mask || flags == 0 {
        return None;
    }
    let none = diagram.with_zeros(node, &|variable| {
        (field.first..field.end()).contains(&variable) && flags >> field.place(variable) & 1 == 1
    });
    Some(Decision { field, mask: flags, cases: vec![Case { last: 0, target: none }, Case { last: flags, target }] })
}

/// Returns the decision by the first bit that a node tests.
fn highest_bit(diagram: &Diagram, node: Node, field: Field) -> Decision {
    let variable = diagram.variable(node);
    let (low, high) = diagram.children(node, variable);
    let mask = 1 << field.place(variable);
    Decision { field, mask, cases: vec![Case { last: 0, target: low }, Case { last: mask, target: high }] }
}

/// Returns the decision by the bits of a mask, if it has at most `limit` ranges. Nodes with variables from `end` on are
/// targets.
fn decision(diagram: &Diagram, node: Node, field: Field, mask: u64, end: u32, limit: usize) -> Option<Decision> {
    // If only low bits are unused, the numbers can be compared as they are.
    let unused = field.all() & !mask;
    let fill = if unused & unused.wrapping_add(1) == 0 { unused } else { 0 };
    let mut walk = Walk { diagram, field, end, fill, steps: 64 * limit, limit, cases: Vec::new() };
    walk.below(node, mask, 0)?;
    Some(Decision { field, mask: mask | fill, cases: walk.cases })
}

struct Walk<'d> {
    diagram: &'d Diagram,
    field: Field,
    end: u32,
    /// The unused low bits.
    fill: u64,
    steps: usize,
    limit: usize,
    cases: Vec<Case>,
}

impl Walk<'_> {
    /// Adds the cases of the numbers whose bits above those of `rest` are `prefix`.
    fn below(&mut self, node: Node, rest: u64, prefix: u64) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        let variable = self.diagram.variable(node);
        let Some(place) = rest.checked_ilog2().filter(|_| variable < self.end) else {
            return self.add(node, prefix | rest);
        };
        let here = self.field.variable(place);
        let (low, high) = self.diagram.children(node, here);
        let rest = rest & !(1 << place);
        self.below(low, rest, prefix)?;
        self.below(high, rest, prefix | 1 << place)
    }

    fn add(&mut self, target: Node, last: u64) -> Option<()> {
        let last = last | self.fill;
        let is_full = self.cases.len() == self.limit;
        match self.cases.last_mut() {
            Some(case) if case.target == target => case.last = last,
            _ if is_full => return None,
            _ => self.cases.push(Case { last, target }),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: Field = Field { first: 0, width: 32 };

    /// Returns the diagram of a function of 32 bits with the outcomes 5 and 6, of which the mask keeps the bits.
    fn diagram(mask: u32, is_in: impl Fn(u32) -> bool) -> (Diagram, Node) {
        let mut diagram = Diagram::new(100_000);
        let node = node(&mut diagram, mask, 0, &is_in);
        (diagram, node)
    }

    fn node(diagram: &mut Diagram, rest: u32, number: u32, is_in: &impl Fn(u32) -> bool) -> Node {
        let Some(place) = rest.checked_ilog2() else { return diagram.outcome(if is_in(number) { 5 } else { 6 }) };
        let rest = rest & !(1 << place);
        let low = node(diagram, rest, number, is_in);
        let high = node(diagram, rest, number | 1 << place, is_in);
        diagram.branch(31 - place, low, high)
    }

    fn outcomes(diagram: &Diagram, decision: &Decision) -> Vec<(u64, u64)> {
        decision.cases.iter().map(|case| (case.last, diagram.as_outcome(case.target).unwrap())).collect()
    }

    #[test]
    fn decides_ranges() {
        let (mut diagram, root) = diagram(0xfff, |number| (3..=10).contains(&number) || number == 77);
        // The upper bits are unused, so numbers are masked.
        let decision = decide(&mut diagram, root, FIELD);
        assert_eq!(decision.mask, 0xfff);
        assert_eq!(outcomes(&diagram, &decision), [(2, 6), (10, 5), (76, 6), (77, 5), (0xfff, 6)]);
    }

    #[test]
    fn decides_flags_and_high_bits() {
        let (mut flags, root) = diagram(0x8021, |number| number == 0x8020);
        let decision = decide(&mut flags, root, FIELD);
        assert_eq!((decision.mask, decision.cases.len()), (0x8021, 3));
        let (mut high, root) = diagram(0xffff_0000, |number| number > 0x7_0000);
        let decision = decide(&mut high, root, FIELD);
        assert!(decision.is_unmasked());
        assert_eq!(outcomes(&high, &decision), [(0x7_ffff, 6), (u32::MAX.into(), 5)]);
    }

    #[test]
    fn decides_flags_among_other_bits() {
        let (mut diagram, root) = diagram(0x7f0f, |number| number & 0x5500 != 0 || number == 0);
        let decision = decide(&mut diagram, root, FIELD);
        assert_eq!((decision.mask, decision.cases.len()), (0x5500, 2));
        assert_eq!(diagram.as_outcome(decision.cases[1].target), Some(5));
        let rest = decide(&mut diagram, decision.cases[0].target, FIELD);
        assert_eq!((rest.mask, rest.cases.len()), (0x2a0f, 2));
    }

    #[test]
    fn decides_independent_parts_one_by_one() {
        let (mut diagram, root) = diagram(0x0f0f_0000, |number| number >> 24 == 3 || number >> 16 & 0xf == 7);
        let decision = decide(&mut diagram, root, FIELD);
        assert_eq!((decision.mask, decision.cases.len()), (0x0f00_0000, 3));
        let rest = decide(&mut diagram, decision.cases[0].target, FIELD);
        assert_eq!((rest.mask, rest.cases.len()), (0x000f_0000, 3));
    }
}
