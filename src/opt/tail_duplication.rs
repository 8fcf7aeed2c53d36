//! Tail duplication: a block that only tests its parameter is copied into each of its predecessors.
//!
//! Optimised programs share the tail of a list of tests between two values, which arrive in A. The first tests of the
//! list stand in one place for each value, and the others in a shared one; after this pass each value has its list in
//! one place.

use alloc::vec::Vec;

use crate::ir::test::Comparison;
use crate::ir::{BlockId, Edge, Graph, Terminator, Test};

/// Copies such blocks; returns whether there were any.
pub(crate) fn run(graph: &mut Graph) -> bool {
    let uses = use_counts(graph);
    let count = graph.blocks.len();
    let tails: Vec<Option<Tail>> = (0..count).map(|index| tail(graph, &uses, BlockId::new(index))).collect();
    for index in 0..count {
        let mut terminator = graph.blocks[index].terminator.clone();
        for edge in terminator.edges_mut() {
            if let Some(Tail { test, then, otherwise }) = &tails[edge.block.index()] {
                let test = match (*test, edge.arguments[0]) {
                    (Test::Compare(condition, _, right), value) => graph.values.compare(condition, value, right),
                    (Test::Member(_, set), value) => Comparison::Test(Test::Member(value, set), true),
                    (Test::InBounds(..), _) => continue,
                };
                *edge = graph.add(test.branch(then.clone(), otherwise.clone()));
            }
        }
        graph.blocks[index].terminator = terminator;
    }
    tails.iter().any(Option::is_some)
}

/// The test of a block's only parameter.
struct Tail {
    test: Test,
    then: Edge,
    otherwise: Edge,
}

fn tail(graph: &Graph, uses: &[u32], id: BlockId) -> Option<Tail> {
    let block = graph.block(id);
    let [parameter] = block.parameters[..] else { return None };
    let Terminator::Branch { test, then, otherwise } = &block.terminator else { return None };
    let tests_parameter = match *test {
        Test::Member(value, _) => value == parameter,
        Test::Compare(_, left, right) => left == parameter && graph.constant(right).is_some(),
        Test::InBounds(..) => false,
    };
    let is_bare = block.checks.is_empty() && uses[parameter.index()] == 1;
    (tests_parameter && is_bare).then(|| Tail { test: *test, then: then.clone(), otherwise: otherwise.clone() })
}

/// Returns the number of uses of each value, by blocks and by other values.
fn use_counts(graph: &Graph) -> Vec<u32> {
    let mut uses = vec![0; graph.values.len()];
    for block in &graph.blocks {
        block.values().for_each(|value| uses[value.index()] += 1);
    }
    for value in graph.values.ids() {
        graph.values.operands(value).for_each(|operand| uses[operand.index()] += 1);
    }
    uses
}
