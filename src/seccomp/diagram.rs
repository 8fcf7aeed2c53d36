//! Decision diagrams: functions of bits, of which equal ones are the same node.
//!
//! Invariants
//! - A node tests one variable, and the nodes below it test later variables. No node has two equal children, and no two
//!   nodes are equal. So two functions are equal if and only if their nodes are.
//! - The number of nodes and of steps is limited; beyond it operations return [`TooLarge`].

use alloc::vec::Vec;

use crate::ir::hash_map::{self, HashIndex, HashMap};

/// The number of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Node(u32);

impl Node {
    /// The function that is never true.
    pub(super) const FALSE: Node = Node(0);
    /// The function that is always true.
    pub(super) const TRUE: Node = Node(1);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// The diagram would exceed its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// A test of a variable, or an outcome: the variable is [`OUTCOME`] then, and the children hold its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Test {
    variable: u32,
    low: Node,
    high: Node,
}

/// The variable of outcomes, behind all others.
pub(super) const OUTCOME: u32 = u32::MAX;

/// Nodes over the same variables.
#[derive(Debug)]
pub(super) struct Diagram {
    nodes: Vec<Test>,
    places: HashIndex,
    chosen: HashMap<(Node, Node, Node), Node>,
    /// The number of steps that are left.
    steps: usize,
}

impl Diagram {
    /// Creates a diagram that takes at most `steps` steps; each makes at most one node.
    pub(super) fn new(steps: usize) -> Diagram {
        let mut diagram =
            Diagram { nodes: Vec::new(), places: HashIndex::default(), chosen: HashMap::default(), steps };
        diagram.outcome(0);
        diagram.outcome(1);
        diagram
    }

    /// Returns the constant function. [`Node::FALSE`] and [`Node::TRUE`] are the outcomes 0 and 1.
    pub(super) fn outcome(&mut self, number: u64) -> Node {
        self.node(Test { variable: OUTCOME, low: Node((number >> 32) as u32), high: Node(number as u32) })
    }

    fn node(&mut self, test: Test) -> Node {
        let hash = hash_map::hash(&test);
        if let Some(place) = self.places.find(hash, |place| self.nodes[place] == test) {
            return Node(place as u32);
        }
        self.places.insert(hash, self.nodes.len());
        self.nodes.push(test);
        Node(self.nodes.len() as u32 - 1)
    }

    /// Returns the outcome that a node is.
    pub(super) fn as_outcome(&self, node: Node) -> Option<u64> {
        let Test { variable, low, high } = self.nodes[node.index()];
        (variable == OUTCOME).then_some(u64::from(low.0) << 32 | u64::from(high.0))
    }

    /// Returns the variable that a node tests, or [`OUTCOME`].
    pub(super) fn variable(&self, node: Node) -> u32 {
        self.nodes[node.index()].variable
    }

    /// Returns the functions that remain if a variable, which is not behind that of the node, is 0 and 1.
    pub(super) fn children(&self, node: Node, variable: u32) -> (Node, Node) {
        match self.nodes[node.index()] {
            test if test.variable == variable => (test.low, test.high),
            _ => (node, node),
        }
    }

    /// Returns the number of steps that are left.
    pub(super) fn steps_left(&self) -> usize {
        self.steps
    }

    /// Limits the steps that are left.
    pub(super) fn set_steps_left(&mut self, steps: usize) {
        self.steps = steps;
    }

    pub(super) fn step(&mut self) -> Result<(), TooLarge> {
        self.steps = self.steps.checked_sub(1).ok_or(TooLarge)?;
        Ok(())
    }

    /// Returns the function with this value of a variable, which is before those of both functions.
    pub(super) fn branch(&mut self, variable: u32, low: Node, high: Node) -> Node {
        if low == high { low } else { self.node(Test { variable, low, high }) }
    }

    /// Returns `then` where the condition holds, and `otherwise` elsewhere.
    pub(super) fn choose(&mut self, condition: Node, then: Node, otherwise: Node) -> Result<Node, TooLarge> {
        match condition {
            Node::TRUE => return Ok(then),
            Node::FALSE => return Ok(otherwise),
            _ if then == otherwise => return Ok(then),
            _ if (then, otherwise) == (Node::TRUE, Node::FALSE) => return Ok(condition),
            _ => {}
        }
        if let Some(&known) = self.chosen.get(&(condition, then, otherwise)) {
            return Ok(known);
        }
        self.step()?;
        let [of_condition, of_then, of_otherwise] = [condition, then, otherwise].map(|node| self.variable(node));
        let variable = of_condition.min(of_then).min(of_otherwise);
        let [c, t, o] = [condition, then, otherwise].map(|node| self.children(node, variable));
        let low = self.choose(c.0, t.0, o.0)?;
        let high = self.choose(c.1, t.1, o.1)?;
        let result = self.branch(variable, low, high);
        self.chosen.insert((condition, then, otherwise), result);
        Ok(result)
    }

    pub(super) fn and(&mut self, a: Node, b: Node) -> Result<Node, TooLarge> {
        self.choose(a, b, Node::FALSE)
    }

    pub(super) fn or(&mut self, a: Node, b: Node) -> Result<Node, TooLarge> {
        self.choose(a, Node::TRUE, b)
    }

    pub(super) fn not(&mut self, a: Node) -> Result<Node, TooLarge> {
        self.choose(a, Node::FALSE, Node::TRUE)
    }

    /// Returns the function whose outcomes are those of two functions, combined.
    pub(super) fn combine(&mut self, a: Node, b: Node, op: impl Fn(u64, u64) -> u64) -> Result<Node, TooLarge> {
        self.combine_below(a, b, &op, &mut HashMap::default())
    }

    fn combine_below(
        &mut self,
        a: Node,
        b: Node,
        op: &impl Fn(u64, u64) -> u64,
        known: &mut HashMap<(Node, Node), Node>,
    ) -> Result<Node, TooLarge> {
        if let Some(&known) = known.get(&(a, b)) {
            return Ok(known);
        }
        self.step()?;
        let result = match (self.as_outcome(a), self.as_outcome(b)) {
            (Some(a), Some(b)) => self.outcome(op(a, b)),
            _ => {
                let variable = self.variable(a).min(self.variable(b));
                let (a, b) = (self.children(a, variable), self.children(b, variable));
                let low = self.combine_below(a.0, b.0, op, known)?;
                let high = self.combine_below(a.1, b.1, op, known)?;
                self.branch(variable, low, high)
            }
        };
        known.insert((a, b), result);
        Ok(result)
    }

    /// Returns the function of renamed variables; `rename` exchanges variables.
    pub(super) fn renamed(&mut self, node: Node, rename: &impl Fn(u32) -> u32) -> Result<Node, TooLarge> {
        self.renamed_below(node, rename, &mut HashMap::default())
    }

    fn renamed_below(
        &mut self,
        node: Node,
        rename: &impl Fn(u32) -> u32,
        known: &mut HashMap<Node, Node>,
    ) -> Result<Node, TooLarge> {
        let Test { variable, low, high } = self.nodes[node.index()];
        if variable == OUTCOME {
            return Ok(node);
        }
        if let Some(&known) = known.get(&node) {
            return Ok(known);
        }
        self.step()?;
        let low = self.renamed_below(low, rename, known)?;
        let high = self.renamed_below(high, rename, known)?;
        let test = self.branch(rename(variable), Node::FALSE, Node::TRUE);
        let result = self.choose(test, high, low)?;
        known.insert(node, result);
        Ok(result)
    }

    /// Returns the nodes of a function whose variables are before `end`, and the nodes that these lead to.
    pub(super) fn nodes_before(&self, root: Node, end: u32) -> (Vec<Node>, Vec<Node>) {
        let (mut inside, mut below) = (Vec::new(), Vec::new());
        let mut seen = HashMap::default();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if seen.insert(node, ()).is_some() {
                continue;
            }
            let Test { variable, low, high } = self.nodes[node.index()];
            if variable >= end {
                below.push(node);
            } else {
                inside.push(node);
                open.extend([high, low]);
            }
        }
        (inside, below)
    }

    /// Returns the one node with a variable from `end` on to which a function leads if a variable is 1, if it is one.
    pub(super) fn only_target(&self, root: Node, one: u32, end: u32) -> Option<Node> {
        let mut only = None;
        let mut seen = HashMap::default();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if seen.insert(node, ()).is_some() {
                continue;
            }
            let Test { variable, low, high } = self.nodes[node.index()];
            match variable {
                _ if variable == one => open.push(high),
                _ if variable < end => open.extend([low, high]),
                _ if only.is_some_and(|only| only != node) => return None,
                _ => only = Some(node),
            }
        }
        only
    }

    /// Returns the function that remains if some variables are 0. It has no more nodes.
    pub(super) fn with_zeros(&mut self, root: Node, is_zero: &impl Fn(u32) -> bool) -> Node {
        self.with_zeros_below(root, is_zero, &mut HashMap::default())
    }

    fn with_zeros_below(
        &mut self,
        node: Node,
        is_zero: &impl Fn(u32) -> bool,
        known: &mut HashMap<Node, Node>,
    ) -> Node {
        let Test { variable, low, high } = self.nodes[node.index()];
        if variable == OUTCOME {
            return node;
        }
        if let Some(&known) = known.get(&node) {
            return known;
        }
        let remaining = self.with_zeros_below(low, is_zero, known);
        let result = if is_zero(variable) {
            remaining
        } else {
            let high = self.with_zeros_below(high, is_zero, known);
            self.branch(variable, remaining, high)
        };
        known.insert(node, result);
        result
    }

    /// Returns the variables that are 1 on a path to an outcome for which `is_wanted` holds, if there is one. Variables
    /// are 0 if they can be, the first ones first.
    pub(super) fn path(&self, root: Node, is_wanted: impl Fn(u64) -> bool) -> Option<Vec<u32>> {
        let mut dead: HashMap<Node, ()> = HashMap::default();
        let mut ones = Vec::new();
        // The nodes on the way, and whether the second child is the one in use.
        let mut way: Vec<(Node, bool)> = Vec::new();
        let mut at = root;
        loop {
            let Test { variable, low, .. } = self.nodes[at.index()];
            if variable != OUTCOME && !dead.contains_key(&at) {
                way.push((at, false));
                at = low;
                continue;
            }
            if self.as_outcome(at).is_some_and(&is_wanted) {
                ones.extend(way.iter().filter(|(_, is_high)| *is_high).map(|(node, _)| self.variable(*node)));
                return Some(ones);
            }
            loop {
                let (node, is_high) = way.pop()?;
                if !is_high {
                    way.push((node, true));
                    at = self.nodes[node.index()].high;
                    break;
                }
                dead.insert(node, ());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(diagram: &mut Diagram, variable: u32) -> Node {
        diagram.branch(variable, Node::FALSE, Node::TRUE)
    }

    #[test]
    fn equal_functions_are_one_node() {
        let mut diagram = Diagram::new(1000);
        let [a, b, c] = [3, 1, 2].map(|number| variable(&mut diagram, number));
        let left = diagram.and(a, b).and_then(|ab| diagram.or(ab, c)).unwrap();
        let [ac, bc] = [(a, c), (b, c)].map(|(x, y)| diagram.or(x, y).unwrap());
        assert_eq!(diagram.and(ac, bc), Ok(left));
        let negated = diagram.not(left).unwrap();
        assert_eq!(diagram.not(negated), Ok(left));
        assert_ne!(negated, left);
    }

    #[test]
    fn finds_paths_to_outcomes() {
        let mut diagram = Diagram::new(1000);
        let [a, b] = [1, 2].map(|number| variable(&mut diagram, number));
        let [seven, nine] = [7, 9].map(|number| diagram.outcome(number));
        let both = diagram.and(a, b).unwrap();
        let root = diagram.choose(both, seven, nine).unwrap();
        assert_eq!(diagram.path(root, |outcome| outcome == 7), Some(vec![1, 2]));
        assert_eq!(diagram.path(root, |outcome| outcome == 9), Some(vec![]));
        assert_eq!(diagram.path(root, |outcome| outcome == 8), None);
        let exchanged = diagram.renamed(root, &|variable| 3 - variable).unwrap();
        assert_eq!(exchanged, root);
    }

    #[test]
    fn limits_its_steps() {
        let mut diagram = Diagram::new(3);
        let tests: Vec<Node> = (0..10).map(|number| variable(&mut diagram, number)).collect();
        let all = tests.iter().rev().try_fold(Node::TRUE, |all, &test| diagram.and(test, all));
        assert_eq!(all, Err(TooLarge));
    }
}
