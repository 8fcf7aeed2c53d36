//! The nesting of labelled blocks, by which forward jumps become `break`.
//!
//! A block with several predecessors has a label around the code of its immediate dominator, and follows that code.
//! Any other block stands where its predecessor leads to it: at the end, or in an `if`.

use alloc::vec::Vec;

use crate::ir::{BlockId, Edge, Graph, Terminator};
use crate::source::plan::Plan;

/// The most blocks that are nested; rustc overflows its stack at a thousand.
const DEEPEST: u32 = 200;

/// The nesting of a graph's blocks.
pub(super) struct Layout {
    /// For each block the blocks with labels around its code, the innermost first.
    pub(super) labels: Vec<Vec<BlockId>>,
    /// The number of blocks that each block dominates, itself included.
    sizes: Vec<u32>,
}

impl Layout {
    /// Returns the nesting, or `None` if it is too deep.
    pub(super) fn of(graph: &Graph, plan: &Plan) -> Option<Layout> {
        let count = graph.blocks.len();
        let mut layout = Layout { labels: vec![Vec::new(); count], sizes: vec![1; count] };
        for id in (1..count).map(BlockId::new).filter(|id| plan.is_join[id.index()]) {
            layout.labels[plan.dominators.parent(id).index()].push(id);
        }
        for id in (1..count).rev().map(BlockId::new) {
            layout.sizes[plan.dominators.parent(id).index()] += layout.sizes[id.index()];
        }
        (layout.depth(graph, plan) <= DEEPEST).then_some(layout)
    }

    /// Returns whether the second edge of a branch stands in the `if`: it leads away, or to less code.
    pub(super) fn is_inverted(&self, plan: &Plan, then: &Edge, otherwise: &Edge) -> bool {
        let size = |edge: &Edge| if plan.is_nested(edge) { self.sizes[edge.block.index()] } else { 0 };
        size(otherwise) < size(then)
    }

    /// Returns the largest number of blocks around code.
    fn depth(&self, graph: &Graph, plan: &Plan) -> u32 {
        let mut depths = vec![0; graph.blocks.len()];
        let mut deepest = 0;
        for (index, block) in graph.blocks.iter().enumerate() {
            let labels = &self.labels[index];
            for (inside, label) in labels.iter().rev().enumerate() {
                depths[label.index()] = depths[index] + inside as u32;
            }
            let depth = depths[index] + labels.len() as u32;
            deepest = deepest.max(depth);
            match &block.terminator {
                Terminator::Branch { then, otherwise, .. } => {
                    let is_inverted = self.is_inverted(plan, then, otherwise);
                    for (edge, is_in_if) in [(then, !is_inverted), (otherwise, is_inverted)] {
                        if plan.is_nested(edge) {
                            depths[edge.block.index()] = depth + u32::from(is_in_if);
                        }
                    }
                }
                Terminator::Jump(edge) if plan.is_nested(edge) => depths[edge.block.index()] = depth,
                Terminator::Jump(_) | Terminator::Return(_) => {}
            }
        }
        deepest
    }
}

impl Plan {
    /// Returns whether the block that an edge leads to stands where the edge is.
    pub(super) fn is_nested(&self, edge: &Edge) -> bool {
        self.verdicts[edge.block.index()].is_none() && !self.is_join[edge.block.index()]
    }
}
