//! Dataflow over the edges of a graph: the facts that hold on every path. Blocks stand in topological order, so one
//! walk is enough. A function `meet(one, other)` removes from `one` the facts that `other` lacks.

use alloc::vec::Vec;

use crate::ir::{Block, Edge, Graph, Terminator};

/// The facts at the starts of blocks, in a forward walk.
pub(crate) struct Forward<F> {
    starts: Vec<Option<F>>,
}

impl<F: Clone + Default> Forward<F> {
    pub(crate) fn new(graph: &Graph) -> Forward<F> {
        Forward { starts: vec![None; graph.blocks.len()] }
    }

    /// Takes the facts at the start of a block, after all its predecessors were left; the default for the first block.
    pub(crate) fn take(&mut self, block: usize) -> F {
        self.starts[block].take().unwrap_or_default()
    }

    /// Carries the facts at the end of a block along its edges.
    pub(crate) fn leave(&mut self, block: &Block, facts: &F, meet: impl Fn(&mut F, &F)) {
        for edge in block.terminator.edges() {
            match &mut self.starts[edge.block.index()] {
                Some(other) => meet(other, facts),
                start => *start = Some(facts.clone()),
            }
        }
    }
}

/// Meets the facts that the edges of a terminator lead to, in a backward walk. Edges from which every path returns 0
/// have `None`, and count only if there are no others.
pub(crate) fn meet_of_edges<F>(
    terminator: &Terminator,
    facts: impl Fn(&Edge) -> Option<F>,
    meet: impl Fn(&mut F, &F),
) -> Option<F> {
    terminator.edges().filter_map(facts).reduce(|mut one, other| {
        meet(&mut one, &other);
        one
    })
}
