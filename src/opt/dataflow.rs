//! Dataflow over the edges of a graph: what holds on every path. One walk does, as blocks stand in topological order.

use crate::ir::{Block, Edge, Graph, Terminator};

/// Facts about a point of a program, more of them the better.
pub(crate) trait Meet {
    /// Keeps what holds according to both.
    fn meet(&mut self, other: &Self);
}

/// The facts at the starts of blocks, in a forward walk.
pub(crate) struct Forward<F> {
    starts: Vec<Option<F>>,
}

impl<F: Meet + Clone + Default> Forward<F> {
    pub(crate) fn new(graph: &Graph) -> Forward<F> {
        Forward { starts: vec![None; graph.blocks.len()] }
    }

    /// Takes the facts at the start of a block, after all its predecessors have been left; the default for the first.
    pub(crate) fn take(&mut self, block: usize) -> F {
        self.starts[block].take().unwrap_or_default()
    }

    /// Carries the facts at the end of a block along its edges.
    pub(crate) fn leave(&mut self, block: &Block, facts: &F) {
        for edge in block.terminator.edges() {
            match &mut self.starts[edge.block.index()] {
                Some(other) => other.meet(facts),
                start => *start = Some(facts.clone()),
            }
        }
    }
}

/// Meets the facts that each edge of a terminator leads to, in a backward walk. `None` is for edges from which every path
/// returns 0: they do not count, unless there are no others.
pub(crate) fn meet_of_edges<F: Meet>(terminator: &Terminator, facts: impl Fn(&Edge) -> Option<F>) -> Option<F> {
    terminator.edges().filter_map(facts).reduce(|mut one, other| {
        one.meet(&other);
        one
    })
}
