//! Value propagation: the outcomes of tests and checks decide later tests.
//!
//! A walk over the dominator tree carries what is known: outcomes of tests, bits and bounds of values, captured bytes.
//! A branch with a known outcome becomes a jump. If an edge decides the test and all checks of the block that it leads
//! to, the edge is led past that block (jump threading). Both make blocks unreachable and change dominators, so the
//! walk is repeated a few times.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition};
use crate::ir::dominators::{Dominators, Visit};
use crate::ir::scoped_map::Scoped;
use crate::ir::{Block, BlockId, Check, Edge, Graph, KnownBits, Terminator, Test, Value, ValueId, Values};
use crate::packet::ancillary::Extension;

/// The largest number of walks; two are enough for nearly all graphs.
const MAX_ROUNDS: usize = 4;

/// The most blocks that one edge is led past in one walk.
const MAX_THREADED: usize = 64;

/// The depth to which expressions are examined.
const DEPTH: usize = 4;

/// Decides tests until nothing changes.
pub(crate) fn run(graph: &mut Graph) {
    for _ in 0..MAX_ROUNDS {
        if !Walker::new(graph).walk() {
            break;
        }
        graph.simplify_cfg();
    }
}

struct Walker<'g> {
    graph: &'g mut Graph,
    facts: DominatingFacts,
    has_changed: bool,
    predecessors: Vec<u32>,
    /// The number of blocks that edges may still be led past in this walk.
    budget: usize,
}

impl Walker<'_> {
    fn new(graph: &mut Graph) -> Walker<'_> {
        let budget = 8 * graph.blocks.len();
        let predecessors = graph.predecessor_counts();
        let facts = DominatingFacts { known: ScopedKnownBits::of(&graph.values), ..DominatingFacts::default() };
        Walker { graph, facts, has_changed: false, predecessors, budget }
    }

    /// Walks over the graph once; returns whether anything has changed.
    fn walk(mut self) -> bool {
        let dominators = Dominators::of(self.graph);
        let conditions = edge_conditions(self.graph, &self.predecessors);
        let mut marks = Vec::new();
        for visit in dominators.walk() {
            match visit {
                Visit::Enter(id) => {
                    marks.push(self.facts.mark());
                    if let Some((test, holds)) = conditions[id.index()] {
                        self.facts.learn(&self.graph.values, test, holds);
                    }
                    self.block(id);
                }
                Visit::Leave(_) => self.facts.forget(marks.pop().unwrap_or_default()),
            }
        }
        self.has_changed
    }

    fn block(&mut self, id: BlockId) {
        let mut block =
            core::mem::replace(&mut self.graph.blocks[id.index()], Block::new(Terminator::Jump(Edge::to(id))));
        block.checks.retain(|&check| {
            let is_needed = match check {
                Check::InBounds(..) => true,
                _ => !self.facts.holds(check),
            };
            self.facts.learn_check(&self.graph.values, check);
            self.has_changed |= !is_needed;
            is_needed
        });
        block.terminator = self.terminator(block.terminator);
        self.graph.blocks[id.index()] = block;
    }

    fn terminator(&mut self, terminator: Terminator) -> Terminator {
        match terminator {
            Terminator::Return(verdict) => Terminator::Return(self.simplified(verdict)),
            Terminator::Jump(edge) => Terminator::Jump(self.thread(edge)),
            Terminator::Branch { test, then, otherwise } => match self.facts.decide(&self.graph.values, test) {
                Some(holds) => {
                    self.has_changed = true;
                    Terminator::Jump(self.thread(if holds { then } else { otherwise }))
                }
                None => {
                    let then = self.thread_if(test, true, then);
                    let otherwise = self.thread_if(test, false, otherwise);
                    Terminator::Branch { test, then, otherwise }
                }
            },
        }
    }

    fn thread_if(&mut self, test: Test, holds: bool, edge: Edge) -> Edge {
        // A block with one predecessor learns the outcome when it is entered.
        let is_final = matches!(self.graph.block(edge.block).terminator, Terminator::Return(_));
        if edge.arguments.is_empty() && (is_final || self.predecessors[edge.block.index()] == 1) {
            return edge;
        }
        let mark = self.facts.mark();
        self.facts.learn(&self.graph.values, test, holds);
        let edge = self.thread(edge);
        self.facts.forget(mark);
        edge
    }

    /// Returns the constant that a value is known to be here, or the value.
    fn simplified(&mut self, value: ValueId) -> ValueId {
        match self.facts.known(&self.graph.values, value).as_constant() {
            Some(k) => self.graph.values.constant(k),
            None => value,
        }
    }

    /// Leads an edge past blocks whose checks hold and whose test is decided.
    fn thread(&mut self, mut edge: Edge) -> Edge {
        for argument in &mut edge.arguments {
            *argument = self.simplified(*argument);
        }
        for _ in 0..MAX_THREADED.min(self.budget) {
            let Some(next) = self.decided_edge(self.graph.block(edge.block)) else { break };
            edge = next.clone();
            self.budget -= 1;
            self.has_changed = true;
        }
        edge
    }

    /// Returns the edge that a block is known to take without a check that may fail.
    fn decided_edge<'b>(&self, block: &'b Block) -> Option<&'b Edge> {
        let values = &self.graph.values;
        if !block.parameters.is_empty() || !block.checks.iter().all(|&check| self.facts.holds(check)) {
            return None;
        }
        match &block.terminator {
            Terminator::Return(_) => None,
            Terminator::Jump(edge) => Some(edge),
            Terminator::Branch { test, then, otherwise } => {
                self.facts.decide(values, *test).map(|holds| if holds { then } else { otherwise })
            }
        }
    }
}

/// Returns the test and its outcome on the edge into each block that has only one.
fn edge_conditions(graph: &Graph, predecessors: &[u32]) -> Vec<Option<(Test, bool)>> {
    let mut conditions = vec![None; graph.blocks.len()];
    for block in &graph.blocks {
        if let Terminator::Branch { test, then, otherwise } = &block.terminator {
            conditions[then.block.index()] = Some((*test, true));
            conditions[otherwise.block.index()] = Some((*test, false));
        }
    }
    conditions
        .into_iter()
        .zip(predecessors)
        .map(|(condition, &predecessors)| condition.filter(|_| predecessors == 1))
        .collect()
}

/// The facts that hold in the current block and in all that it dominates.
#[derive(Default)]
struct DominatingFacts {
    known: ScopedKnownBits,
    outcomes: Scoped<Test, bool>,
    /// The least number of bytes that were captured from each base on.
    captured: Scoped<Option<ValueId>, u64>,
    present: Scoped<Extension, ()>,
    /// The values that a check has found not to be zero. Tests do not count: a value may be computed before the test.
    divisors: Scoped<ValueId, ()>,
}

type Mark = [usize; 5];

impl DominatingFacts {
    fn mark(&self) -> Mark {
        let checked = [self.captured.mark(), self.present.mark(), self.divisors.mark()];
        [self.known.log.len(), self.outcomes.mark(), checked[0], checked[1], checked[2]]
    }

    fn forget(&mut self, [known, outcomes, captured, present, divisors]: Mark) {
        self.known.forget(known);
        self.outcomes.forget(outcomes);
        self.captured.forget(captured);
        self.present.forget(present);
        self.divisors.forget(divisors);
    }

    /// Returns what is known of a value, from the tests of it and of its operands.
    fn known(&self, values: &Values, id: ValueId) -> KnownBits {
        self.known_to_depth(values, id, DEPTH)
    }

    fn known_to_depth(&self, values: &Values, id: ValueId, depth: usize) -> KnownBits {
        let known = self.known.get(values, id);
        match values.value(id) {
            Value::Alu(op, left, right) if depth > 0 && known.as_constant().is_none() => {
                let operand = |id| self.known_to_depth(values, id, depth - 1);
                let both = known.and(KnownBits::alu(op, operand(left), operand(right)));
                if both.is_contradiction() { known } else { both }
            }
            _ => known,
        }
    }

    fn decide(&self, values: &Values, test: Test) -> Option<bool> {
        let from_values = || match test {
            Test::Compare(condition, left, right) => {
                KnownBits::test(condition, self.known(values, left), self.known(values, right))
            }
            Test::Member(..) | Test::InBounds(..) => None,
        };
        self.outcomes.get(&test).copied().or_else(from_values)
    }

    fn learn(&mut self, values: &Values, test: Test, holds: bool) {
        self.outcomes.insert(test, holds);
        let Some((condition, left, k)) = values.as_constant_test(test) else { return };
        let known = self.known(values, left);
        let learned = match (if holds { condition } else { condition.inverse() }, k) {
            (Condition::Equal, _) => KnownBits::constant(k),
            (Condition::NotEqual, _) if k == known.min && k < known.max => KnownBits::range(k + 1, u32::MAX),
            (Condition::NotEqual, _) if k == known.max && k > known.min => KnownBits::range(0, k - 1),
            (Condition::Greater, _) if k < u32::MAX => KnownBits::range(k + 1, u32::MAX),
            (Condition::LessOrEqual, _) => KnownBits::range(0, k),
            (Condition::BitsSet, _) if (k & !known.zeros).is_power_of_two() => KnownBits::bits(k & !known.zeros, 0),
            (Condition::BitsNotSet, _) => KnownBits::bits(0, k),
            _ => return,
        };
        self.refine(values, left, learned);
    }

    /// Refines what is known of a value and of its operands.
    fn refine(&mut self, values: &Values, mut id: ValueId, mut learned: KnownBits) {
        for _ in 0..DEPTH {
            let known = self.known(values, id).and(learned);
            // No packet takes this path.
            if known.is_contradiction() {
                return;
            }
            self.known.insert(id, known);
            let Value::Alu(op, inner, right) = values.value(id) else { return };
            let Some(k) = values.as_constant(right) else { return };
            learned = match op {
                AluOp::And => KnownBits::bits(known.ones & k, known.zeros & k),
                AluOp::Or => KnownBits::bits(known.ones & !k, known.zeros & !k),
                AluOp::Xor => KnownBits::bits(known.ones & !k | known.zeros & k, known.zeros & !k | known.ones & k),
                AluOp::Lsh if k < 32 => KnownBits::bits(known.ones >> k, known.zeros >> k),
                AluOp::Rsh if k < 32 => KnownBits::bits(known.ones << k, known.zeros << k),
                _ => return,
            };
            id = inner;
        }
    }

    /// Returns whether a check is known to hold.
    fn holds(&self, check: Check) -> bool {
        match check {
            Check::InBounds(address, width) => {
                self.captured.get(&address.base).is_some_and(|&captured| captured >= address.end(width))
            }
            Check::NonZero(value) => self.divisors.get(&value).is_some(),
            Check::Present(extension, _) => self.present.get(&extension).is_some(),
        }
    }

    /// Adds that a check holds.
    fn learn_check(&mut self, values: &Values, check: Check) {
        match check {
            Check::InBounds(address, width) => {
                let known = self.captured.get(&address.base).copied().unwrap_or(0);
                self.captured.insert(address.base, known.max(address.end(width)));
            }
            Check::NonZero(value) => {
                self.divisors.insert(value, ());
                self.refine(values, value, KnownBits::range(1, u32::MAX));
            }
            Check::Present(extension, _) => self.present.insert(extension, ()),
        }
    }
}

/// The known bits of each value, and a log to undo changes.
#[derive(Default)]
struct ScopedKnownBits {
    known: Vec<KnownBits>,
    log: Vec<(ValueId, KnownBits)>,
}

impl ScopedKnownBits {
    fn of(values: &Values) -> ScopedKnownBits {
        ScopedKnownBits { known: values.ids().map(|id| values.known(id)).collect(), log: Vec::new() }
    }

    /// Returns what is known of a value; of values that the walk has added, what holds everywhere.
    fn get(&self, values: &Values, id: ValueId) -> KnownBits {
        self.known.get(id.index()).copied().unwrap_or_else(|| values.known(id))
    }

    fn insert(&mut self, id: ValueId, known: KnownBits) {
        if let Some(now) = self.known.get_mut(id.index()) {
            self.log.push((id, core::mem::replace(now, known)));
        }
    }

    /// Undoes the changes since the log had this length.
    fn forget(&mut self, length: usize) {
        for (id, before) in self.log.drain(length..).rev() {
            self.known[id.index()] = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::graph_of;

    fn propagated(text: &str) -> Graph {
        let mut graph = graph_of(text);
        run(&mut graph);
        graph
    }

    #[test]
    fn decides_repeated_tests() {
        let tests = "jeq #1, drop\n".repeat(2_000);
        let text = format!("ldb [0]\n {tests} ret #1\n drop: ret #0");
        assert_eq!(propagated(&text).blocks.len(), 3);
    }

    /// Each diamond decides as the first does, and an edge is led past 64 of them in each walk.
    #[test]
    fn threads_edges_past_many_blocks() {
        let diamond = |k: u32| format!("jset #1, a{k}\n ldb [{k}]\n jeq #9, drop\n a{k}: ldb [0]\n");
        let diamonds: String = (1..200).map(diamond).collect();
        let graph = propagated(&format!("ldb [0]\n {diamonds} ret #1\n drop: ret #0"));
        let tests = graph
            .blocks
            .iter()
            .filter(|block| matches!(block.terminator.test(), Some(Test::Compare(Condition::BitsSet, ..))));
        assert_eq!(tests.count(), 1, "{graph}");
    }

    #[test]
    fn keeps_checks_of_divisors_after_tests() {
        let graph = propagated("ldb [0]\n tax\n jeq #0, drop\n ldb [1]\n div x\n mod x\n ret a\n drop: ret #0");
        let checks: Vec<Check> = graph.blocks.iter().flat_map(|block| block.checks.iter().copied()).collect();
        let divisors = checks.iter().filter(|check| matches!(check, Check::NonZero(_)));
        assert_eq!(divisors.count(), 1, "the second division has the check of the first: {graph}");
    }
}
