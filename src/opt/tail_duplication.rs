//! A block that does nothing but ask about its parameter is given to each block that leads there.
//!
//! Optimised code shares the rest of a list of tests between two values, as A comes in different. Each value then meets
//! the first test of its list in one place and the others in another; behind this pass all are in one.

use crate::ir::{BlockId, Edge, End, Graph, Test, ValueId};

/// Copies such blocks; whether there were any.
pub(crate) fn run(graph: &mut Graph) -> bool {
    let uses = uses(graph);
    let count = graph.blocks.len();
    let tails: Vec<Option<Tail>> = (0..count).map(|index| tail(graph, &uses, BlockId::new(index))).collect();
    for index in 0..count {
        let mut end = graph.blocks[index].end.clone();
        for edge in end.edges_mut() {
            if let Some(tail) = &tails[edge.block.index()] {
                *edge = copy(graph, tail, edge.arguments[0]);
            }
        }
        graph.blocks[index].end = end;
    }
    tails.iter().any(Option::is_some)
}

/// What a block asks about its only parameter.
struct Tail {
    test: Test,
    then: Edge,
    otherwise: Edge,
}

fn tail(graph: &Graph, uses: &[u32], id: BlockId) -> Option<Tail> {
    let block = graph.block(id);
    let [parameter] = block.parameters[..] else { return None };
    let End::Branch { test, then, otherwise } = &block.end else { return None };
    let asks_about_it = match *test {
        Test::Member(value, _) => value == parameter,
        Test::Compare(_, left, right) => left == parameter && graph.constant(right).is_some(),
        Test::InBounds(..) => false,
    };
    let is_all = block.checks.is_empty() && uses[parameter.index()] == 1;
    (asks_about_it && is_all).then(|| Tail { test: *test, then: then.clone(), otherwise: otherwise.clone() })
}

/// How often each value is used, by blocks or by other values.
fn uses(graph: &Graph) -> Vec<u32> {
    let mut uses = vec![0; graph.values.len()];
    for block in &graph.blocks {
        block.values().for_each(|value| uses[value.index()] += 1);
    }
    for value in graph.values.ids() {
        graph.values.operands(value).for_each(|operand| uses[operand.index()] += 1);
    }
    uses
}

/// An edge to a block that asks the same about another value.
fn copy(graph: &mut Graph, tail: &Tail, value: ValueId) -> Edge {
    let (then, otherwise) = (tail.then.clone(), tail.otherwise.clone());
    let end = match tail.test {
        Test::Compare(condition, _, right) => graph.values.compare(condition, value, right).branch(then, otherwise),
        Test::Member(_, set) => End::Branch { test: Test::Member(value, set), then, otherwise },
        Test::InBounds(..) => unreachable!("a tail asks about numbers"),
    };
    graph.add(end)
}
