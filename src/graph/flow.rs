//! A small program as one expression: decisions become selections, and no branch is left to be mispredicted.
//!
//! A region is converted whole, or not at all: the program, or each of the two parts behind its first decision. Guards
//! come first: one for all loads at fixed places, and one for each base of addresses. Behind them every load is possible,
//! whatever the tests say, so all values are computed and then selected. Packets that are too short for a guard go the
//! way of the branches, which is kept as a cold path.

use crate::graph::{
    Address, Block, BlockId, Check, Edge, End, Graph, Schedule, Test, Value, ValueId, bounds, difference,
};
use crate::isa::Width;

/// The largest fixed guard, in bytes: the shortest Ethernet frame without its checksum.
const LARGEST_GUARD: u64 = 60;

/// The most decisions: each costs something, whether its outcome matters or not.
const MOST_BRANCHES: usize = 24;

/// So many decisions are worth to branch at the first: what packets of another protocol would be asked need not be computed.
const WORTH_A_BRANCH: usize = 3;

/// The most values that are computed.
const MOST_VALUES: usize = 64;

/// The most bases of addresses.
const MOST_BASES: usize = 2;

/// Converts the program, if it is fit for that.
pub(super) fn run(graph: &mut Graph) {
    if let Some(plan) = plan(graph, BlockId(0)) {
        let fast = convert(graph, plan);
        enter(graph, fast);
    }
}

/// Converts what comes behind the first decision, which stays a branch.
pub(super) fn run_behind_first(graph: &mut Graph) {
    let End::Branch { test, then, otherwise } = graph.blocks[0].end.clone() else { return };
    if branches(graph, &region(graph, BlockId(0))) < WORTH_A_BRANCH {
        return run(graph);
    }
    let plans = [&then, &otherwise].map(|edge| plan(graph, edge.block));
    let [fast_then, fast_otherwise] = plans.map(|plan| plan.map(|plan| convert(graph, plan)));
    let (then, otherwise) = (fast_then.unwrap_or(then), fast_otherwise.unwrap_or(otherwise));
    graph.blocks[0].end = End::Branch { test, then, otherwise };
    finish(graph);
}

/// Makes the blocks that an edge leads to the beginning of the program.
fn enter(graph: &mut Graph, fast: Edge) {
    let slow = BlockId::new(graph.blocks.len());
    let first = std::mem::replace(&mut graph.blocks[0], Block::new(End::Jump(fast)));
    graph.blocks.push(first);
    for edge in graph.blocks.iter_mut().flat_map(|block| block.end.edges_mut()).filter(|edge| edge.block.0 == 0) {
        edge.block = slow;
    }
    finish(graph);
}

/// What only packets reach that are too short for a guard is cold.
fn finish(graph: &mut Graph) {
    let mut is_hot = vec![false; graph.blocks.len()];
    let mut open = vec![BlockId(0)];
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut is_hot[id.index()], true) {
            continue;
        }
        match &graph.block(id).end {
            End::Branch { test: Test::InBounds(..), then, .. } => open.push(then.block),
            end => open.extend(end.edges().map(|edge| edge.block)),
        }
    }
    for (block, is_hot) in graph.blocks.iter_mut().zip(is_hot) {
        block.is_cold = !is_hot;
    }
    graph.tidy();
}

/// What is converted: the region, and what must be in bounds for all of its loads to be possible.
struct Plan {
    region: Vec<BlockId>,
    guards: Vec<(Address, Width)>,
}

/// Adds the blocks of an expression that stands for a region, and gives the way to them.
fn convert(graph: &mut Graph, Plan { region, guards }: Plan) -> Edge {
    let root = region[region.len() - 1];
    let verdict = select(graph, &region);
    // What is too short for the only guard may be too short for the first check.
    let fails =
        guards.len() == 1 && graph.block(root).checks.first() == Some(&Check::InBounds(guards[0].0, guards[0].1));
    let zero = graph.values.constant(0);
    let slow = if fails { add(graph, End::Return(zero)) } else { Edge::to(root) };
    let mut fast = add(graph, End::Return(verdict));
    for (address, width) in guards.into_iter().rev() {
        fast = add(graph, End::Branch { test: Test::InBounds(address, width), then: fast, otherwise: slow.clone() });
    }
    fast
}

/// An edge to a new block that ends so.
fn add(graph: &mut Graph, end: End) -> Edge {
    graph.blocks.push(Block::new(end));
    Edge::to(BlockId::new(graph.blocks.len() - 1))
}

/// The blocks that are reached from one on, which is the last; each stands behind those that it leads to.
fn region(graph: &Graph, root: BlockId) -> Vec<BlockId> {
    let mut is_inside = vec![false; graph.blocks.len()];
    is_inside[root.index()] = true;
    let mut region = Vec::new();
    for index in root.index()..graph.blocks.len() {
        if is_inside[index] {
            region.push(BlockId::new(index));
            graph.blocks[index].end.edges().for_each(|edge| is_inside[edge.block.index()] = true);
        }
    }
    region.reverse();
    region
}

fn branches(graph: &Graph, region: &[BlockId]) -> usize {
    region.iter().filter(|&&id| graph.block(id).end.test().is_some()).count()
}

/// How to convert what begins at a block; `None` if it is not fit for that.
fn plan(graph: &Graph, root: BlockId) -> Option<Plan> {
    let region = region(graph, root);
    // Joins would have to be selected, too; and what stands behind a guard is not possible before it.
    let is_fit = |block: &Block| block.parameters.is_empty() && !matches!(block.end.test(), Some(Test::InBounds(..)));
    let is_small = (1..=MOST_BRANCHES).contains(&branches(graph, &region)) && values(graph) <= MOST_VALUES;
    if !is_small || !region.iter().all(|&id| is_fit(graph.block(id))) {
        return None;
    }
    let known = if root.0 == 0 { 0 } else { bounds::captured(graph)[0].get(None) };
    let mut guards: Vec<(Address, Width)> = Vec::new();
    for check in region.iter().flat_map(|&id| &graph.block(id).checks) {
        let Check::InBounds(address, width) = *check else { return None };
        match guards.iter_mut().find(|(guard, _)| guard.base == address.base) {
            _ if address.base.is_none() && address.end(width) <= known => {}
            Some(guard) if guard.0.end(guard.1) >= address.end(width) => {}
            Some(guard) => *guard = (address, width),
            None => guards.push((address, width)),
        }
    }
    guards.sort_by_key(|(address, _)| address.base);
    let is_far = guards.iter().any(|(address, width)| address.base.is_none() && address.end(*width) > LARGEST_GUARD);
    let bases: Vec<ValueId> = guards.iter().filter_map(|(address, _)| address.base).collect();
    let is_simple = bases.len() <= MOST_BASES && bases.iter().all(|&base| !has_base(graph, base));
    (!is_far && is_simple).then_some(Plan { region, guards })
}

/// Whether a value comes from a place that another value names.
fn has_base(graph: &Graph, value: ValueId) -> bool {
    let mut open = vec![value];
    let mut is_seen = vec![false; graph.values.len()];
    while let Some(value) = open.pop() {
        if matches!(graph.value(value), Value::Load(Address { base: Some(_), .. }, ..)) {
            return true;
        }
        open.extend(
            graph.values.operands(value).filter(|operand| !std::mem::replace(&mut is_seen[operand.index()], true)),
        );
    }
    false
}

/// How many values the program computes.
fn values(graph: &Graph) -> usize {
    let schedule = Schedule::of(graph);
    (0..graph.blocks.len()).map(|index| schedule.steps(BlockId::new(index)).len()).sum()
}

/// The verdict, as an expression.
fn select(graph: &mut Graph, region: &[BlockId]) -> ValueId {
    let returns = region.iter().filter_map(|&id| match graph.block(id).end {
        End::Return(verdict) => Some(graph.constant(verdict)),
        End::Jump(_) | End::Branch { .. } => None,
    });
    match returns.collect::<Vec<Option<u32>>>()[..] {
        [Some(keep), Some(0)] | [Some(0), Some(keep)] => difference::select(graph, region, keep),
        _ => fold_back(graph, region, |graph, end, of| match end {
            End::Return(verdict) => *verdict,
            End::Jump(edge) => of(edge),
            End::Branch { test, then, otherwise } => graph.values.select(*test, of(then), of(otherwise)),
        }),
    }
}

/// The value of the last block of a region, where that of each block is made of those that it leads to.
pub(super) fn fold_back(
    graph: &mut Graph,
    region: &[BlockId],
    mut value: impl FnMut(&mut Graph, &End, &dyn Fn(&Edge) -> ValueId) -> ValueId,
) -> ValueId {
    let mut last = graph.values.constant(0);
    let mut found = vec![last; graph.blocks.len()];
    for id in region {
        let end = graph.block(*id).end.clone();
        last = value(graph, &end, &|edge| found[edge.block.index()]);
        found[id.index()] = last;
    }
    last
}
