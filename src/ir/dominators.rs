//! Dominators: the blocks that every path to a block passes.

use alloc::vec::Vec;

use crate::ir::{BlockId, Graph};

/// The dominator tree of a graph.
#[derive(Debug)]
pub(crate) struct Dominators {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The immediate dominator; the first block is its own.
    parent: BlockId,
    depth: u32,
    /// A distant ancestor, chosen so that every search takes logarithmic time (Myers 1983).
    jump: BlockId,
}

impl Dominators {
    /// Computes the tree in one pass, as blocks stand in topological order.
    pub(crate) fn of(graph: &Graph) -> Dominators {
        let mut found: Vec<Option<BlockId>> = vec![None; graph.blocks.len()];
        let mut dominators = Dominators { nodes: Vec::with_capacity(graph.blocks.len()) };
        for (index, block) in graph.blocks.iter().enumerate() {
            let id = BlockId::new(index);
            dominators.push(id, found[index].unwrap_or(id));
            for edge in block.terminator.edges() {
                let target = &mut found[edge.block.index()];
                *target = Some(target.map_or(id, |other| dominators.common(other, id)));
            }
        }
        dominators
    }

    fn push(&mut self, id: BlockId, parent: BlockId) {
        if id == parent {
            self.nodes.push(Node { parent, depth: 0, jump: parent });
            return;
        }
        let above = self.node(parent);
        let (near, far) = (self.node(above.jump), self.node(self.node(above.jump).jump));
        let is_even = above.depth - near.depth == near.depth - far.depth;
        self.nodes.push(Node { parent, depth: above.depth + 1, jump: if is_even { near.jump } else { parent } });
    }

    fn node(&self, id: BlockId) -> Node {
        self.nodes[id.index()]
    }

    /// Returns the immediate dominator of a block; the first block is its own.
    pub(crate) fn parent(&self, id: BlockId) -> BlockId {
        self.node(id).parent
    }

    /// Returns the nearest block that dominates both.
    fn common(&self, a: BlockId, b: BlockId) -> BlockId {
        let depth = self.node(a).depth.min(self.node(b).depth);
        let (mut a, mut b) = (self.rise(a, depth), self.rise(b, depth));
        while a != b {
            let (left, right) = (self.node(a), self.node(b));
            (a, b) = if left.jump == right.jump { (left.parent, right.parent) } else { (left.jump, right.jump) };
        }
        a
    }

    /// Returns the ancestor at a depth.
    fn rise(&self, mut id: BlockId, depth: u32) -> BlockId {
        while self.node(id).depth > depth {
            let node = self.node(id);
            id = if self.node(node.jump).depth >= depth { node.jump } else { node.parent };
        }
        id
    }

    /// Returns a depth-first walk over the tree.
    pub(crate) fn walk(&self) -> Vec<Visit> {
        // The last child of each node, and the previous sibling of each.
        let mut last: Vec<Option<BlockId>> = vec![None; self.nodes.len()];
        let mut before: Vec<Option<BlockId>> = vec![None; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            before[index] = last[node.parent.index()].replace(BlockId::new(index));
        }
        let mut walk = Vec::with_capacity(2 * self.nodes.len());
        let mut open = vec![Visit::Enter(BlockId(0))];
        while let Some(visit) = open.pop() {
            walk.push(visit);
            if let Visit::Enter(block) = visit {
                open.push(Visit::Leave(block));
                let children = core::iter::successors(last[block.index()], |child| before[child.index()]);
                open.extend(children.map(Visit::Enter));
            }
        }
        walk
    }
}

/// A step of the walk over the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Enters a block; the blocks up to its [`Visit::Leave`] are those that it dominates.
    Enter(BlockId),
    Leave(BlockId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Edge, Terminator, graph_of};

    /// Returns whether each block is reached from the first without passing one of them.
    fn reached_without(graph: &Graph, avoided: BlockId) -> Vec<bool> {
        let mut is_reached = vec![false; graph.blocks.len()];
        is_reached[0] = avoided != BlockId(0);
        for (index, block) in graph.blocks.iter().enumerate() {
            if is_reached[index] {
                block.terminator.edges().for_each(|edge| is_reached[edge.block.index()] |= edge.block != avoided);
            }
        }
        is_reached
    }

    /// Returns a graph of blocks with two forward edges, all reached.
    fn random_graph(seed: u64, blocks: u32) -> Graph {
        let mut graph = graph_of("ld #1\n jeq x, yes\n yes: ret #0");
        let Some(test) = graph_of("ld #len\n jeq #1, yes\n ret #1\n yes: ret #0").blocks[0].terminator.test() else {
            unreachable!("the block tests the length")
        };
        let model = graph.blocks[0].clone();
        graph.blocks = vec![model; blocks as usize];
        for index in 0..blocks - 1 {
            let random = |number| crate::packet::random::number(seed, 2 * index + number);
            let far = BlockId(index + 1 + random(0) % (blocks - index - 1).min(9));
            let (then, otherwise) = (Edge::to(BlockId(index + 1)), Edge::to(far));
            graph.blocks[index as usize].terminator = Terminator::Branch { test, then, otherwise };
        }
        graph
    }

    #[test]
    fn dominators_are_on_every_path() {
        for seed in 0..20 {
            let graph = random_graph(seed, 40);
            let dominators = Dominators::of(&graph);
            let mut open = Vec::new();
            for visit in dominators.walk() {
                match visit {
                    Visit::Leave(id) => assert_eq!(open.pop(), Some(id)),
                    Visit::Enter(id) => {
                        open.push(id);
                        let expected =
                            (0..40).map(BlockId).filter(|&other| !reached_without(&graph, other)[id.index()]);
                        let mut found = open.clone();
                        found.sort_unstable();
                        assert!(expected.eq(found), "block {} of graph {seed}", id.0);
                    }
                }
            }
        }
    }

    #[test]
    fn walks_deep_graphs_without_recursion() {
        let graph = random_graph(1, 100_000);
        assert_eq!(Dominators::of(&graph).walk().len(), 200_000);
    }
}
