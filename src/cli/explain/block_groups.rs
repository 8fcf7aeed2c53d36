//! Groups of blocks that share a box of the picture: chains of tests with the same target.

use std::ops::Range;

use cbpf::debug::{Block, EdgeKind};

/// The fewest tests that form a chain.
const FEWEST_TESTS: usize = 4;

/// Consecutive blocks that are drawn as one box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockGroup {
    pub(super) blocks: Range<usize>,
    /// In a chain, the edge by which its tests leave it; `None` for a single block.
    pub(super) exit: Option<EdgeKind>,
}

/// Groups the blocks, in the order of the program: chains of tests, and single blocks.
///
/// Each test of a chain continues with the next one, which has no other predecessor, or leaves the chain. All leave by
/// the same kind of edge, to the same block: `port 1 or 2 or 3 or 4`. If that block is far, a test is followed by a
/// jump to it, which is part of the chain.
pub(super) fn block_groups(blocks: &[Block]) -> Vec<BlockGroup> {
    let mut predecessor_counts = vec![0; blocks.len()];
    blocks.iter().flat_map(|block| &block.edges).for_each(|edge| predecessor_counts[edge.target] += 1);
    let program = Program { blocks, predecessor_counts };
    let mut groups = Vec::new();
    let mut start = 0;
    while start < blocks.len() {
        let group = program.chain(start).unwrap_or(BlockGroup { blocks: start..start + 1, exit: None });
        start = group.blocks.end;
        groups.push(group);
    }
    groups
}

struct Program<'b> {
    blocks: &'b [Block],
    predecessor_counts: Vec<usize>,
}

/// A test as part of a chain.
#[derive(Clone, Copy)]
struct Test {
    /// The edge by which it leaves the chain, and its target.
    exit: (EdgeKind, usize),
    /// The target of its other edge.
    next: usize,
    /// The block after the test and its jump.
    end: usize,
}

impl Program<'_> {
    /// Returns the longest chain that begins with this block, if it has enough tests.
    fn chain(&self, start: usize) -> Option<BlockGroup> {
        let continues = |test: &Test| test.next == test.end;
        let first = self.tests(start)?.into_iter().filter(continues).max_by_key(|test| test.end)?;
        let (mut last, mut count) = (first, 1);
        while continues(&last) && self.predecessor_counts[last.end] == 1 {
            let is_alike = |test: &Test| test.exit == first.exit && test.next != test.exit.1;
            let Some(next) = self.tests(last.end).and_then(|tests| tests.into_iter().find(is_alike)) else { break };
            (last, count) = (next, count + 1);
        }
        (count >= FEWEST_TESTS).then_some(BlockGroup { blocks: start..last.end, exit: Some(first.exit.0) })
    }

    /// Returns a block with two edges as a test that leaves the chain by the one, and by the other.
    fn tests(&self, number: usize) -> Option<[Test; 2]> {
        let [one, other] = self.blocks.get(number)?.edges[..] else { return None };
        Some([(one, other), (other, one)].map(|(exit, next)| match self.jump(exit.target) {
            Some(target) if exit.target == number + 1 => {
                Test { exit: (exit.kind, target), next: next.target, end: number + 2 }
            }
            _ => Test { exit: (exit.kind, exit.target), next: next.target, end: number + 1 },
        }))
    }

    /// Returns the target of a block that consists of a jump and has one predecessor.
    fn jump(&self, number: usize) -> Option<usize> {
        let block = &self.blocks[number];
        let [edge] = block.edges[..] else { return None };
        let is_jump = block.instructions.len() == 1 && edge.target > number + 1;
        (is_jump && self.predecessor_counts[number] == 1).then_some(edge.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf::Dialect;
    use cbpf::debug::Profile;

    fn ranges(text: &str) -> Vec<Range<usize>> {
        let program: cbpf::Program = text.parse().unwrap();
        let groups = block_groups(&Profile::new(&program.verify(Dialect::Linux).unwrap()).blocks());
        groups.into_iter().map(|group| group.blocks).collect()
    }

    #[test]
    fn groups_chains_of_tests() {
        let end = "ret #0\n keep: ret #1";
        assert_eq!(ranges(&format!("{}{end}", "jeq #1, keep\n".repeat(3))), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(ranges(&format!("{}{end}", "jeq #1, keep\n".repeat(5))), [0..5, 5..6, 6..7]);
        assert_eq!(ranges(&format!("{}{end}", "jne #1, keep\n".repeat(4))), [0..4, 4..5, 5..6]);
    }

    #[test]
    fn includes_far_jumps() {
        let test = |number| format!("jeq #{number}, far{number}, on{number}\n far{number}: ja keep\n on{number}: ");
        let text: String = (0..5).map(test).collect();
        assert_eq!(ranges(&format!("{text} ret #0\n keep: ret #1")), [0..10, 10..11, 11..12]);
    }

    #[test]
    fn splits_chains_at_other_predecessors() {
        let text = "jeq #1, keep\n jeq #2, in\n jeq #3, keep\n jeq #4, keep\n in: jeq #5, keep\n jeq #6, keep\n \
                    jeq #7, keep\n jeq #8, keep\n ret #0\n keep: ret #1";
        assert_eq!(ranges(text), [0..1, 1..2, 2..3, 3..4, 4..8, 8..9, 9..10]);
    }
}
