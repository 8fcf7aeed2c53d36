//! Control-flow clean-up: unreachable blocks are removed, equal blocks merged, and jumps threaded.
//!
//! Passes change edges and append blocks freely, and call [`Graph::simplify_cfg`] to restore the invariants.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use crate::ir::hash_map::HashMap;
use crate::ir::{Block, BlockId, Edge, Graph, Hashing, Terminator};

impl Graph {
    /// Restores the invariants of the blocks, and removes and merges blocks, in linear time.
    pub(crate) fn simplify_cfg(&mut self) {
        let is_forward =
            |(index, block): (usize, &Block)| block.terminator.edges().all(|edge| edge.block.index() > index);
        let order = match self.blocks.iter().enumerate().all(is_forward) {
            true => (0..self.blocks.len()).map(BlockId::new).collect(),
            false => self.topological_order(),
        };
        self.merge(&order);
        self.concatenate(&order);
        self.renumber();
    }

    /// Returns the blocks that are reached from the first, each before its successors.
    fn topological_order(&self) -> Vec<BlockId> {
        let successors = |index: usize| self.blocks[index].terminator.edges().map(|edge| edge.block.index());
        topological_order(self.blocks.len(), successors).into_iter().map(BlockId::new).collect()
    }

    /// Leads edges past blocks that only jump, and to one of several equal blocks. Edges move to later blocks only, so
    /// the order remains topological.
    fn merge(&mut self, order: &[BlockId]) {
        let mut instead: Vec<Option<Edge>> = vec![None; self.blocks.len()];
        // The blocks by their hashes, which are smaller. Of two blocks with one hash, only the first is found.
        let mut known: HashMap<u64, BlockId> = HashMap::with_capacity(order.len());
        for &id in order.iter().rev() {
            let block = &mut self.blocks[id.index()];
            for edge in block.terminator.edges_mut() {
                if let Some(other) = &instead[edge.block.index()] {
                    *edge = other.clone();
                }
            }
            if let Terminator::Branch { then, otherwise, .. } = &block.terminator {
                if then == otherwise {
                    block.terminator = Terminator::Jump(then.clone());
                }
            }
            if !block.parameters.is_empty() || id == BlockId(0) {
                continue;
            }
            instead[id.index()] = match &block.terminator {
                Terminator::Jump(edge) if block.checks.is_empty() => Some(edge.clone()),
                _ => {
                    let first = *known.get_or_insert(Hashing::default().hash_one(&*block), id);
                    (first != id && self.block(first) == self.block(id)).then(|| Edge::to(first))
                }
            };
        }
    }

    /// Appends a block to its only predecessor, if that jumps to it.
    fn concatenate(&mut self, order: &[BlockId]) {
        let mut predecessors = vec![0_u32; self.blocks.len()];
        let is_reached = |predecessors: &[u32], id: BlockId| id == BlockId(0) || predecessors[id.index()] > 0;
        for &id in order {
            if is_reached(&predecessors, id) {
                self.block(id).terminator.edges().for_each(|edge| predecessors[edge.block.index()] += 1);
            }
        }
        for &id in order.iter().rev().filter(|&&id| is_reached(&predecessors, id)) {
            while let Terminator::Jump(edge) = &self.block(id).terminator {
                let next = edge.block;
                if predecessors[next.index()] != 1 || !self.block(next).parameters.is_empty() {
                    break;
                }
                let Block { checks, terminator, .. } = self.block(next).clone();
                let block = &mut self.blocks[id.index()];
                block.checks.extend(checks);
                block.terminator = terminator;
            }
        }
    }

    /// Removes blocks to which no edge leads; the others keep their order.
    pub(crate) fn retain(&mut self, is_kept: &[bool]) {
        let mut next = 0;
        let number = |&is_kept: &bool| {
            next += u32::from(is_kept);
            BlockId(next.saturating_sub(1))
        };
        let numbers: Vec<BlockId> = is_kept.iter().map(number).collect();
        let mut is_kept = is_kept.iter();
        self.blocks.retain(|_| is_kept.next() == Some(&true));
        for edge in self.blocks.iter_mut().flat_map(|block| block.terminator.edges_mut()) {
            edge.block = numbers[edge.block.index()];
        }
    }

    /// Removes the blocks that are not reached and numbers the others in topological order.
    fn renumber(&mut self) {
        let order = self.topological_order();
        if order.len() == self.blocks.len() && order.is_sorted() {
            return;
        }
        let mut number = vec![BlockId(u32::MAX); self.blocks.len()];
        for (index, id) in order.iter().enumerate() {
            number[id.index()] = BlockId::new(index);
        }
        let mut old: Vec<Option<Block>> = core::mem::take(&mut self.blocks).into_iter().map(Some).collect();
        self.blocks = order.iter().filter_map(|id| old[id.index()].take()).collect();
        for edge in self.blocks.iter_mut().flat_map(|block| block.terminator.edges_mut()) {
            edge.block = number[edge.block.index()];
        }
    }
}

/// Returns the nodes of an acyclic graph that are reachable from the first, each before its successors.
pub(crate) fn topological_order<S>(count: usize, successors: impl Fn(usize) -> S) -> Vec<usize>
where
    S: Iterator<Item = usize>,
{
    let mut is_seen = vec![false; count];
    let mut finished = Vec::with_capacity(count);
    let mut open = Vec::with_capacity(count + 2);
    open.push((0, false));
    while let Some((id, is_done)) = open.pop() {
        if is_done {
            finished.push(id);
        } else if !core::mem::replace(&mut is_seen[id], true) {
            open.push((id, true));
            open.extend(successors(id).map(|successor| (successor, false)));
        }
    }
    finished.reverse();
    finished
}

#[cfg(test)]
mod tests {
    use crate::ir::graph_of;

    fn simplified(text: &str) -> String {
        let mut graph = graph_of(text);
        graph.simplify_cfg();
        graph.to_string()
    }

    #[test]
    fn merges_equal_blocks() {
        let text = "ldb [0]\n jeq #1, a\n jeq #2, b\n ret #7\n a: ldb [9]\n ret a\n b: ldb [9]\n ret a";
        let expected = "block0:
    check 1 <= captured
    v1 = load.byte [0]
    if v1 == 0x1 then block2 else block1
block1:
    if v1 == 0x2 then block2 else block3
block2:
    check 10 <= captured
    v5 = load.byte [9]
    return v5
block3:
    return 0x7
";
        assert_eq!(simplified(text), expected);
    }

    #[test]
    fn removes_tests_that_lead_to_equal_blocks() {
        let text = "ldb [0]\n jeq #1, a\n jeq #2, a, b\n a: ret #7\n b: ret #7";
        assert_eq!(simplified(text), "block0:\n    check 1 <= captured\n    return 0x7\n");
    }

    #[test]
    fn concatenates_jumps() {
        let jumps = "jmp a\n a: jmp b\n b: ldb [1]\n jmp c\n c: ldb [0]\n ret a";
        assert_eq!(
            simplified(jumps),
            "block0:\n    check 2 <= captured\n    check 1 <= captured\n    v2 = load.byte [0]\n    return v2\n"
        );
    }

    #[test]
    fn is_idempotent() {
        let mut graph = graph_of("ldb [0]\n jeq #1, a\n ldb [0]\n jeq #1, a, b\n a: ret #1\n b: ret #0");
        graph.simplify_cfg();
        assert_eq!(graph.blocks[0].terminator.edges().count(), 2);
        let before = graph.to_string();
        graph.simplify_cfg();
        assert_eq!(graph.to_string(), before);
    }
}
