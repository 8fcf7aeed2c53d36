//! Test sharing: large membership tests that differ in the value only become one, in a block with a parameter.
//!
//! `host` tests the same set against the addresses of IPv4 and of ARP. For code that has a search tree at each test, a
//! shared one is half as long; code that looks a table up gains nothing.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ir::{Block, BlockId, Edge, Graph, KnownBits, MemberSetId, Terminator, Test, ValueId};

/// The fewest ranges of a set whose tests are shared.
const MIN_RANGES: usize = 8;

/// Shares the tests of each set that lead to the same two blocks.
pub(crate) fn run(graph: &mut Graph) {
    let mut groups: BTreeMap<(MemberSetId, BlockId, BlockId), Vec<(usize, ValueId)>> = BTreeMap::new();
    for (index, block) in graph.blocks.iter().enumerate() {
        let Terminator::Branch { test: Test::Member(value, set), then, otherwise } = &block.terminator else {
            continue;
        };
        let has_arguments = !then.arguments.is_empty() || !otherwise.arguments.is_empty();
        if !has_arguments && graph.sets.ranges(*set).len() >= MIN_RANGES {
            groups.entry((*set, then.block, otherwise.block)).or_default().push((index, *value));
        }
    }
    for ((set, then, otherwise), tests) in groups.into_iter().filter(|(_, tests)| tests.len() > 1) {
        let known = tests.iter().map(|&(_, value)| graph.values.known(value));
        let Some(known) = known.reduce(KnownBits::or) else { continue };
        let parameter = graph.values.parameter(known);
        let test = Test::Member(parameter, set);
        let terminator = Terminator::Branch { test, then: Edge::to(then), otherwise: Edge::to(otherwise) };
        let shared = BlockId::new(graph.blocks.len());
        graph.blocks.push(Block { parameters: vec![parameter], ..Block::new(terminator) });
        for (index, value) in tests {
            graph.blocks[index].terminator = Terminator::Jump(Edge { block: shared, arguments: vec![value] });
        }
    }
    graph.simplify_cfg();
}
