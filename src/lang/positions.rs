//! The positions in a text of the parts of its expression, so that an error points at the part that causes it.

use alloc::vec::Vec;
use core::ops::Range;

use crate::lang::tree::Node;

/// A part of a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// The beginning of the primitive.
    Start,
    /// The protocol qualifier, which may be inherited.
    Protocol,
    /// The direction qualifier, which may be inherited.
    Direction,
    /// The number, name or address with this index; in a relation, the step, where those of the left side come first.
    Operand(usize),
}

/// The positions of all nodes of a tree, in bytes from the beginning of the text.
#[derive(Debug, Default)]
pub(super) struct Positions {
    nodes: Vec<NodePosition>,
    /// The operands of all nodes, in the order of the nodes.
    operands: Vec<usize>,
}

/// The positions of a node; that of a qualifier it does not have is arbitrary.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodePosition {
    /// The beginning of a primitive or of `not`; that of `and` and `or` is arbitrary.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) protocol: usize,
    pub(super) direction: usize,
    /// The number of operands of this node and of all nodes before it.
    operands: usize,
}

impl Positions {
    /// Adds an operand of the next node.
    pub(super) fn push_operand(&mut self, position: usize) {
        self.operands.push(position);
    }

    /// Adds a node, which has all operands that were added since the last one.
    pub(super) fn push_node(&mut self, node: NodePosition) {
        self.nodes.push(NodePosition { operands: self.operands.len(), ..node });
    }

    /// Returns the part of the text that a subtree stands for, with all parentheses that begin or end in it.
    ///
    /// `starts` has the first node of each subtree.
    pub(super) fn span(&self, text: &str, nodes: &[Node], starts: &[usize], root: usize) -> Range<usize> {
        let mut first = root;
        while let Some(Node::And | Node::Or) = nodes.get(first) {
            first = starts[first - 1] - 1;
        }
        let [start, end] = [self.nodes.get(first).map(|node| node.start), self.nodes.get(root).map(|node| node.end)]
            .map(|position| position.unwrap_or(0));
        let mut span = start..end.max(start);
        let (mut open, mut unopened) = (0_usize, 0_usize);
        for byte in text.as_bytes().get(span.clone()).unwrap_or_default() {
            match byte {
                b'(' => open += 1,
                b')' if open == 0 => unopened += 1,
                b')' => open -= 1,
                _ => {}
            }
        }
        let place_of = |(place, _): (usize, &u8)| place;
        let before = text.as_bytes().get(..start).unwrap_or_default().iter().enumerate().rev();
        span.start = before.filter(|(_, byte)| **byte == b'(').map(place_of).take(unopened).last().unwrap_or(start);
        let behind = text.as_bytes().iter().enumerate().skip(span.end);
        span.end =
            behind.filter(|(_, byte)| **byte == b')').map(|it| place_of(it) + 1).take(open).last().unwrap_or(span.end);
        span
    }

    /// Returns the position of a part of a node; the beginning of the node if it has no such operand.
    pub(super) fn of(&self, node: usize, site: Site) -> usize {
        let Some(position) = self.nodes.get(node) else { return 0 };
        match site {
            Site::Start => position.start,
            Site::Protocol => position.protocol,
            Site::Direction => position.direction,
            Site::Operand(index) => {
                let first = node.checked_sub(1).map_or(0, |before| self.nodes[before].operands);
                self.operands[first..position.operands].get(index).copied().unwrap_or(position.start)
            }
        }
    }
}
