//! Chains of tests: blocks that each lead either to one common target, or on to the next block of the chain.
//!
//! Tests are pure, and nothing else leads into a chain, so the order of its tests cannot be observed.

use alloc::vec::Vec;

use crate::ir::test::Comparison;
use crate::ir::{BlockId, Edge, Graph, Terminator, Test};

/// One test of a chain; it leads to the target of the chain if it comes out as `holds`, and else on.
pub(crate) struct Link {
    pub(crate) block: BlockId,
    pub(crate) test: Test,
    pub(crate) holds: bool,
}

/// Two tests or more that share a target.
pub(crate) struct TestChain {
    pub(crate) links: Vec<Link>,
    pub(crate) target: Edge,
    /// The edge that is taken if no test leads to the target.
    pub(crate) last: Edge,
}

impl TestChain {
    /// Returns the chain that starts with a block, as long as it can be.
    ///
    /// There is at most one: a target has two predecessors, so no chain leads on through it.
    fn at(graph: &Graph, predecessors: &[u32], head: BlockId) -> Option<TestChain> {
        let Terminator::Branch { test, then, otherwise } = &graph.block(head).terminator else { return None };
        let leads_to = |edge: &Edge, target: &Edge| {
            graph.is_bare_test(predecessors, edge.block)
                && graph.block(edge.block).terminator.edges().any(|other| other == target)
        };
        let (holds, target, mut next) = if leads_to(otherwise, then) {
            (true, then, otherwise)
        } else if leads_to(then, otherwise) {
            (false, otherwise, then)
        } else {
            return None;
        };
        let mut links = vec![Link { block: head, test: *test, holds }];
        while graph.is_bare_test(predecessors, next.block) {
            let Terminator::Branch { test, then, otherwise } = &graph.block(next.block).terminator else { break };
            let holds = then == target;
            if !holds && otherwise != target {
                break;
            }
            links.push(Link { block: next.block, test: *test, holds });
            next = if holds { otherwise } else { then };
        }
        Some(TestChain { links, target: target.clone(), last: next.clone() })
    }

    /// Returns the edge that is taken if the test at this index does not lead to the target.
    pub(crate) fn edge_after(&self, index: usize) -> Edge {
        self.links.get(index + 1).map_or_else(|| self.last.clone(), |link| Edge::to(link.block))
    }

    /// Sorts the tests by a key of each; returns whether their order has changed.
    pub(crate) fn sort(&self, graph: &mut Graph, keys: &[usize]) -> bool {
        if keys.is_sorted() {
            return false;
        }
        let mut order: Vec<usize> = (0..self.links.len()).collect();
        order.sort_by_key(|&index| keys[index]);
        for (index, from) in order.into_iter().enumerate() {
            let Link { test, holds, .. } = self.links[from];
            let terminator = Comparison::Test(test, holds).branch(self.target.clone(), self.edge_after(index));
            graph.blocks[self.links[index].block.index()].terminator = terminator;
        }
        true
    }
}

/// Finds the chains of a graph, one after the other; those found already may be changed.
pub(crate) struct TestChains {
    predecessors: Vec<u32>,
    is_done: Vec<bool>,
    next: usize,
}

impl TestChains {
    pub(crate) fn of(graph: &Graph) -> TestChains {
        TestChains { predecessors: graph.predecessor_counts(), is_done: vec![false; graph.blocks.len()], next: 0 }
    }

    /// Returns the next chain; no two have a block in common.
    pub(crate) fn next(&mut self, graph: &Graph) -> Option<TestChain> {
        while self.next < self.is_done.len() {
            let head = BlockId::new(self.next);
            self.next += 1;
            if !self.is_done[head.index()] {
                if let Some(chain) = TestChain::at(graph, &self.predecessors, head) {
                    chain.links.iter().for_each(|link| self.is_done[link.block.index()] = true);
                    return Some(chain);
                }
            }
        }
        None
    }
}

impl Graph {
    /// Returns whether a block does nothing but a test, and has one predecessor. Blocks without a count have none.
    pub(crate) fn is_bare_test(&self, predecessors: &[u32], id: BlockId) -> bool {
        let block = self.block(id);
        let is_bare = block.parameters.is_empty() && block.checks.is_empty();
        is_bare && predecessors.get(id.index()) == Some(&1) && matches!(block.terminator, Terminator::Branch { .. })
    }
}
