//! Tests that lead to the same place are asked in the order of what they are asked of, so that it is loaded once.
//!
//! Of a chain of blocks that only test, each led to by the one before alone, and each leading to one common block if it
//! does not lead on, the order cannot be observed. What the tests look at was captured before the first of them, since
//! their blocks make no checks; those of the first are made before any test. Divisors may be known not to be 0 by a test
//! alone, so what divides stays where it is.

use std::collections::HashMap;

use crate::ir::Hashing;
use crate::ir::{BlockId, Edge, End, Graph, Test, Value, ValueId};

/// Reorders all such chains.
pub(crate) fn run(graph: &mut Graph) {
    let mut entries = vec![0_u32; graph.blocks.len()];
    graph.blocks.iter().flat_map(|block| block.end.edges()).for_each(|edge| entries[edge.block.index()] += 1);
    let divides = divides(graph);
    let mut is_done = vec![false; graph.blocks.len()];
    for index in 0..graph.blocks.len() {
        if !is_done[index] {
            let chain = longest_chain(graph, &entries, &divides, BlockId::new(index));
            chain.iter().for_each(|id| is_done[id.index()] = true);
            reorder(graph, &chain);
        }
    }
}

/// The chain that a block begins, towards either side.
fn longest_chain(graph: &Graph, entries: &[u32], divides: &[bool], first: BlockId) -> Vec<BlockId> {
    let is_movable = |id: BlockId| match &graph.block(id).end {
        End::Branch { test, .. } => !test.values().any(|value| divides[value.index()]),
        _ => false,
    };
    let is_link = |id: BlockId| {
        let block = graph.block(id);
        block.checks.is_empty() && block.parameters.is_empty() && entries[id.index()] == 1 && is_movable(id)
    };
    let chain = |leads_on_if: bool| match out(graph, first, leads_on_if) {
        Some((common, next)) if is_movable(first) => chain_to(graph, is_link, first, common, next),
        _ => Vec::new(),
    };
    let (yes, no) = (chain(true), chain(false));
    if yes.len() > no.len() { yes } else { no }
}

/// Whether each value takes a division by what is not known to be other than 0.
fn divides(graph: &Graph) -> Vec<bool> {
    let mut divides: Vec<bool> = Vec::with_capacity(graph.values.len());
    for (index, value) in graph.values.iter().enumerate() {
        let here = match value {
            Value::Alu(op, _, divisor) => op.is_division() && graph.values.known(divisor).min == 0,
            _ => false,
        };
        divides.push(here || graph.values.operands(ValueId(index as u32)).any(|operand| divides[operand.index()]));
    }
    divides
}

fn chain_to<'g>(
    graph: &'g Graph,
    is_link: impl Fn(BlockId) -> bool,
    first: BlockId,
    common: &Edge,
    mut next: &'g Edge,
) -> Vec<BlockId> {
    let mut chain = vec![first];
    loop {
        let on = [true, false].into_iter().filter_map(|side| out(graph, next.block, side)).find(|on| on.0 == common);
        match on {
            Some((_, after)) if is_link(next.block) => {
                chain.push(next.block);
                next = after;
            }
            _ => return chain,
        }
    }
}

/// The two edges out of a block, the one that leads on second.
fn out(graph: &Graph, id: BlockId, leads_on_if: bool) -> Option<(&Edge, &Edge)> {
    match &graph.block(id).end {
        End::Branch { then, otherwise, .. } if leads_on_if => Some((otherwise, then)),
        End::Branch { then, otherwise, .. } => Some((then, otherwise)),
        _ => None,
    }
}

/// Brings the tests of one value together, in the order in which the values come first.
fn reorder(graph: &mut Graph, chain: &[BlockId]) {
    if chain.len() < 3 {
        return;
    }
    let mut groups: HashMap<ValueId, usize, Hashing> = HashMap::default();
    let group_of = |id: &BlockId| match graph.block(*id).end {
        End::Branch { test: Test::Compare(_, left, _), .. } => left,
        _ => ValueId(0),
    };
    for id in chain {
        let next = groups.len();
        groups.entry(group_of(id)).or_insert(next);
    }
    let mut order = chain.to_vec();
    order.sort_by_key(|id| groups.get(&group_of(id)).copied());
    if order == chain {
        return;
    }
    let common = common_edge(graph, chain);
    let tests: Vec<(Test, bool)> = order.iter().filter_map(|&id| test_towards(graph, id, &common)).collect();
    let last = chain[chain.len() - 1];
    let Some((_, exit)) =
        [true, false].into_iter().filter_map(|side| out(graph, last, side)).find(|on| *on.0 == common)
    else {
        return;
    };
    let exit = exit.clone();
    for (place, (&id, &(test, holds))) in chain.iter().zip(&tests).enumerate() {
        let next = chain.get(place + 1).map_or_else(|| exit.clone(), |&next| Edge::to(next));
        let (then, otherwise) = if holds { (common.clone(), next) } else { (next, common.clone()) };
        graph.blocks[id.index()].end = End::Branch { test, then, otherwise };
    }
}

/// Where all blocks of a chain lead that do not lead on.
fn common_edge(graph: &Graph, chain: &[BlockId]) -> Edge {
    let sides = [true, false].into_iter().filter_map(|side| out(graph, chain[0], side));
    let common = sides.clone().find(|(_, on)| on.block == chain[1]).map(|(common, _)| common);
    common.cloned().unwrap_or(Edge::to(chain[0]))
}

/// The test of a block, and how it comes out where the block leads to that edge.
fn test_towards(graph: &Graph, id: BlockId, common: &Edge) -> Option<(Test, bool)> {
    match &graph.block(id).end {
        End::Branch { test, then, .. } => Some((*test, then == common)),
        _ => None,
    }
}
