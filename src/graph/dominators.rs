//! Which blocks every path to a block passes.

use crate::graph::{BlockId, Graph};

/// The dominators of all blocks of a graph, which are a tree.
#[derive(Debug)]
pub(crate) struct Dominators {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The nearest of the other blocks that every path passes; the first block names itself.
    parent: BlockId,
    depth: u32,
    /// An ancestor far away: its distances make every search take logarithmic time (Myers 1983).
    jump: BlockId,
}

impl Dominators {
    /// In one pass, since blocks stand in topological order.
    pub(crate) fn of(graph: &Graph) -> Dominators {
        let mut found: Vec<Option<BlockId>> = vec![None; graph.blocks.len()];
        let mut dominators = Dominators { nodes: Vec::with_capacity(graph.blocks.len()) };
        for (index, block) in graph.blocks.iter().enumerate() {
            let id = BlockId::new(index);
            dominators.push(id, found[index].unwrap_or(id));
            for edge in block.end.edges() {
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

    /// The nearest block that dominates both.
    fn common(&self, a: BlockId, b: BlockId) -> BlockId {
        let depth = self.node(a).depth.min(self.node(b).depth);
        let (mut a, mut b) = (self.rise(a, depth), self.rise(b, depth));
        while a != b {
            let (left, right) = (self.node(a), self.node(b));
            (a, b) = if left.jump == right.jump { (left.parent, right.parent) } else { (left.jump, right.jump) };
        }
        a
    }

    /// The ancestor at that depth.
    fn rise(&self, mut id: BlockId, depth: u32) -> BlockId {
        while self.node(id).depth > depth {
            let node = self.node(id);
            id = if self.node(node.jump).depth >= depth { node.jump } else { node.parent };
        }
        id
    }

    /// All blocks, each behind its dominators, and when to forget what it knew: a walk over the tree.
    pub(crate) fn walk(&self) -> Vec<Visit> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().skip(1).rev() {
            children[node.parent.index()].push(BlockId::new(index));
        }
        let mut walk = Vec::with_capacity(2 * self.nodes.len());
        let mut open = vec![Visit::Enter(BlockId(0))];
        while let Some(visit) = open.pop() {
            walk.push(visit);
            if let Visit::Enter(block) = visit {
                open.push(Visit::Leave(block));
                open.extend(children[block.index()].iter().copied().map(Visit::Enter));
            }
        }
        walk
    }
}

/// A step of the walk over the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// To a block; those between here and its [`Visit::Leave`] are the ones that it dominates.
    Enter(BlockId),
    Leave(BlockId),
}
