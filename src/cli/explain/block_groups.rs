//! Which blocks are drawn as one box: runs of tests that lead to the same place when they are done.

use std::ops::Range;

use cbpf::{Block, Way};

/// The fewest tests in a row that are worth a box of their own.
const FEWEST: usize = 4;

/// Blocks that are drawn as one box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) blocks: Range<usize>,
    /// In a stack, the case in which its tests lead aside.
    pub(super) aside: Option<Way>,
}

/// The blocks in groups, in the order of the program: stacks, and all others alone.
///
/// In a stack each test leads to the next one, to which nothing else leads, or else aside, all in the same case and to
/// the same block: `port 1 or 2 or 3 or 4`. Where that block is far, a test leads to a jump behind it, which is part of
/// the stack.
pub(super) fn groups(blocks: &[Block]) -> Vec<Group> {
    let mut entries = vec![0; blocks.len()];
    blocks.iter().flat_map(|block| &block.edges).for_each(|edge| entries[edge.target] += 1);
    let program = Blocks { blocks, entries };
    let mut groups = Vec::new();
    let mut start = 0;
    while start < blocks.len() {
        let group = program.stack(start).unwrap_or(Group { blocks: start..start + 1, aside: None });
        start = group.blocks.end;
        groups.push(group);
    }
    groups
}

struct Blocks<'b> {
    blocks: &'b [Block],
    /// How many edges lead to each block.
    entries: Vec<usize>,
}

/// A test as part of a stack.
#[derive(Clone, Copy)]
struct Test {
    /// When it leads aside, and to which block.
    aside: (Way, usize),
    /// Where it leads otherwise.
    on: usize,
    /// The block behind it and its jump.
    end: usize,
}

impl Blocks<'_> {
    /// The longest stack that begins with this block, if it is worth it.
    fn stack(&self, start: usize) -> Option<Group> {
        let leads_on = |test: &Test| test.on == test.end;
        let first = self.tests(start)?.into_iter().filter(leads_on).max_by_key(|test| test.end)?;
        let (mut last, mut count) = (first, 1);
        while leads_on(&last) && self.entries[last.end] == 1 {
            let is_alike = |test: &Test| test.aside == first.aside && test.on != test.aside.1;
            let Some(next) = self.tests(last.end).and_then(|ways| ways.into_iter().find(is_alike)) else { break };
            (last, count) = (next, count + 1);
        }
        (count >= FEWEST).then_some(Group { blocks: start..last.end, aside: Some(first.aside.0) })
    }

    /// A block with two edges as a test that leads aside by the one, or by the other.
    fn tests(&self, number: usize) -> Option<[Test; 2]> {
        let [one, other] = self.blocks.get(number)?.edges[..] else { return None };
        Some([(one, other), (other, one)].map(|(aside, on)| match self.jump(aside.target) {
            Some(target) if aside.target == number + 1 => {
                Test { aside: (aside.way, target), on: on.target, end: number + 2 }
            }
            _ => Test { aside: (aside.way, aside.target), on: on.target, end: number + 1 },
        }))
    }

    /// Where a block leads that is a jump, and to which one edge leads.
    fn jump(&self, number: usize) -> Option<usize> {
        let block = &self.blocks[number];
        match block.edges[..] {
            [edge] if block.instructions.len() == 1 && self.entries[number] == 1 && edge.target > number + 1 => {
                Some(edge.target)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf::{Dialect, Profile, Program};

    fn of(text: &str) -> Vec<Range<usize>> {
        let program: Program = text.parse().unwrap();
        let groups = groups(&Profile::new(&program.verify(Dialect::Linux).unwrap()).blocks());
        groups.into_iter().map(|group| group.blocks).collect()
    }

    #[test]
    fn tests_in_a_row_are_a_stack() {
        let end = "ret #0\n keep: ret #1";
        assert_eq!(of(&format!("{}{end}", "jeq #1, keep\n".repeat(3))), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(of(&format!("{}{end}", "jeq #1, keep\n".repeat(5))), [0..5, 5..6, 6..7]);
        assert_eq!(of(&format!("{}{end}", "jne #1, keep\n".repeat(4))), [0..4, 4..5, 5..6]);
    }

    #[test]
    fn far_jumps_belong_to_their_tests() {
        let test = |number| format!("jeq #{number}, far{number}, on{number}\n far{number}: ja keep\n on{number}: ");
        let text: String = (0..5).map(test).collect();
        assert_eq!(of(&format!("{text} ret #0\n keep: ret #1")), [0..10, 10..11, 11..12]);
    }

    #[test]
    fn a_stack_is_entered_from_above_only() {
        let text = "jeq #1, keep\n jeq #2, in\n jeq #3, keep\n jeq #4, keep\n in: jeq #5, keep\n jeq #6, keep\n \
                    jeq #7, keep\n jeq #8, keep\n ret #0\n keep: ret #1";
        assert_eq!(of(text), [0..1, 1..2, 2..3, 3..4, 4..8, 8..9, 9..10]);
    }
}
