//! What earlier tests established decides later ones.
//!
//! A walk over the tree of dominators carries what is known: the answers to tests, bits and bounds of values, what was
//! captured. A branch whose answer is known becomes a jump; an edge that leads to a block whose checks hold and whose
//! answer is known, on this edge, goes where that block would go. Both make blocks unreachable, and dominators change,
//! so the walk is repeated, a few times at most.

use crate::bpf::isa::{AluOp, Condition};
use crate::ir::dominators::{Dominators, Visit};
use crate::ir::scoped_map::Scoped;
use crate::ir::{Block, BlockId, Check, Edge, End, Graph, Known, Test, Value, ValueId, Values};
use crate::packet::ancillary::Extension;

/// How often the graph is walked at most: nearly all graphs are done after two.
const ROUNDS: usize = 4;

/// How many blocks one edge is led past at most, in one round.
const LONGEST_DETOUR: usize = 64;

/// How deep expressions are looked into.
const DEPTH: usize = 4;

/// Decides what can be decided.
pub(crate) fn run(graph: &mut Graph) {
    for _ in 0..ROUNDS {
        if !Walker::new(graph).walk() {
            break;
        }
        graph.tidy();
    }
}

struct Walker<'g> {
    graph: &'g mut Graph,
    facts: Facts,
    has_changed: bool,
    /// How many edges there were into each block.
    entries: Vec<u32>,
    /// How many blocks edges may still be led past, all in all.
    budget: usize,
}

impl Walker<'_> {
    fn new(graph: &mut Graph) -> Walker<'_> {
        let budget = 8 * graph.blocks.len();
        let entries = graph.entries();
        let facts = Facts { known: Learned::of(&graph.values), ..Facts::default() };
        Walker { graph, facts, has_changed: false, entries, budget }
    }

    /// Whether anything has changed.
    fn walk(mut self) -> bool {
        let dominators = Dominators::of(self.graph);
        let conditions = conditions(self.graph, &self.entries);
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
        let mut block = std::mem::replace(&mut self.graph.blocks[id.index()], Block::new(End::Jump(Edge::to(id))));
        block.checks.retain(|&check| {
            let is_needed = match check {
                Check::InBounds(..) => true,
                _ => !self.facts.holds(check),
            };
            self.facts.learn_check(&self.graph.values, check);
            self.has_changed |= !is_needed;
            is_needed
        });
        block.end = self.end(block.end);
        self.graph.blocks[id.index()] = block;
    }

    fn end(&mut self, end: End) -> End {
        match end {
            End::Return(verdict) => End::Return(self.simplified(verdict)),
            End::Jump(edge) => End::Jump(self.lead(edge)),
            End::Branch { test, then, otherwise } => match self.facts.decide(&self.graph.values, test) {
                Some(holds) => {
                    self.has_changed = true;
                    End::Jump(self.lead(if holds { then } else { otherwise }))
                }
                None => {
                    let then = self.lead_if(test, true, then);
                    let otherwise = self.lead_if(test, false, otherwise);
                    End::Branch { test, then, otherwise }
                }
            },
        }
    }

    fn lead_if(&mut self, test: Test, holds: bool, edge: Edge) -> Edge {
        // A block into which there is one edge knows as much itself, when its turn comes.
        let is_final = matches!(self.graph.block(edge.block).end, End::Return(_));
        if edge.arguments.is_empty() && (is_final || self.entries[edge.block.index()] == 1) {
            return edge;
        }
        let mark = self.facts.mark();
        self.facts.learn(&self.graph.values, test, holds);
        let edge = self.lead(edge);
        self.facts.forget(mark);
        edge
    }

    /// The constant that a value is known to be here, or the value.
    fn simplified(&mut self, value: ValueId) -> ValueId {
        match self.facts.known(&self.graph.values, value).as_constant() {
            Some(k) => self.graph.values.constant(k),
            None => value,
        }
    }

    /// Leads an edge past blocks that would only lead it on.
    fn lead(&mut self, mut edge: Edge) -> Edge {
        for argument in &mut edge.arguments {
            *argument = self.simplified(*argument);
        }
        for _ in 0..LONGEST_DETOUR.min(self.budget) {
            let Some(next) = self.next(self.graph.block(edge.block)) else { break };
            edge = next.clone();
            self.budget -= 1;
            self.has_changed = true;
        }
        edge
    }

    /// Where a block is known to go without doing anything.
    fn next<'b>(&self, block: &'b Block) -> Option<&'b Edge> {
        let values = &self.graph.values;
        if !block.parameters.is_empty() || !block.checks.iter().all(|&check| self.facts.holds(check)) {
            return None;
        }
        match &block.end {
            End::Return(_) => None,
            End::Jump(edge) => Some(edge),
            End::Branch { test, then, otherwise } => {
                self.facts.decide(values, *test).map(|holds| if holds { then } else { otherwise })
            }
        }
    }
}

/// For each block into which there is one edge, what that edge tells.
fn conditions(graph: &Graph, entries: &[u32]) -> Vec<Option<(Test, bool)>> {
    let mut conditions = vec![None; graph.blocks.len()];
    for block in &graph.blocks {
        if let End::Branch { test, then, otherwise } = &block.end {
            conditions[then.block.index()] = Some((*test, true));
            conditions[otherwise.block.index()] = Some((*test, false));
        }
    }
    conditions.into_iter().zip(entries).map(|(condition, &entries)| condition.filter(|_| entries == 1)).collect()
}

/// What is known at a point, and how to take it back.
#[derive(Default)]
struct Facts {
    known: Learned,
    answers: Scoped<Test, bool>,
    /// How many bytes were captured behind each base, at least.
    captured: Scoped<Option<ValueId>, u64>,
    present: Scoped<Extension, ()>,
    /// What a check has found not to be zero. A test does not count: where values are computed, its answer may be open.
    divisors: Scoped<ValueId, ()>,
}

type Mark = [usize; 5];

impl Facts {
    fn mark(&self) -> Mark {
        let checked = [self.captured.mark(), self.present.mark(), self.divisors.mark()];
        [self.known.log.len(), self.answers.mark(), checked[0], checked[1], checked[2]]
    }

    fn forget(&mut self, [known, answers, captured, present, divisors]: Mark) {
        self.known.forget(known);
        self.answers.forget(answers);
        self.captured.forget(captured);
        self.present.forget(present);
        self.divisors.forget(divisors);
    }

    /// What is known of a value, from the tests on it and on what it is made of.
    fn known(&self, values: &Values, id: ValueId) -> Known {
        self.known_to_depth(values, id, DEPTH)
    }

    fn known_to_depth(&self, values: &Values, id: ValueId, depth: usize) -> Known {
        let known = self.known.get(values, id);
        match values.value(id) {
            Value::Alu(op, left, right) if depth > 0 && known.as_constant().is_none() => {
                let operand = |id| self.known_to_depth(values, id, depth - 1);
                let both = known.and(Known::alu(op, operand(left), operand(right)));
                if both.is_contradiction() { known } else { both }
            }
            _ => known,
        }
    }

    fn decide(&self, values: &Values, test: Test) -> Option<bool> {
        let from_values = || match test {
            Test::Compare(condition, left, right) => {
                Known::test(condition, self.known(values, left), self.known(values, right))
            }
            Test::Member(..) | Test::InBounds(..) => None,
        };
        self.answers.get(&test).copied().or_else(from_values)
    }

    fn learn(&mut self, values: &Values, test: Test, holds: bool) {
        self.answers.insert(test, holds);
        let Some((condition, left, k)) = values.as_constant_test(test) else { return };
        let known = self.known(values, left);
        let learned = match (if holds { condition } else { condition.inverse() }, k) {
            (Condition::Equal, _) => Known::constant(k),
            (Condition::NotEqual, _) if k == known.min && k < known.max => Known::range(k + 1, u32::MAX),
            (Condition::NotEqual, _) if k == known.max && k > known.min => Known::range(0, k - 1),
            (Condition::Greater, _) if k < u32::MAX => Known::range(k + 1, u32::MAX),
            (Condition::LessOrEqual, _) => Known::range(0, k),
            (Condition::BitsSet, _) if (k & !known.zeros).is_power_of_two() => Known::bits(k & !known.zeros, 0),
            (Condition::BitsNotSet, _) => Known::bits(0, k),
            _ => return,
        };
        self.refine(values, left, learned);
    }

    /// Takes what is known of a value down to what it is made of.
    fn refine(&mut self, values: &Values, mut id: ValueId, mut learned: Known) {
        for _ in 0..DEPTH {
            let known = self.known(values, id).and(learned);
            // On a path that no packet takes, nothing needs to be known.
            if known.is_contradiction() {
                return;
            }
            self.known.insert(id, known);
            let Value::Alu(op, inner, right) = values.value(id) else { return };
            let Some(k) = values.as_constant(right) else { return };
            learned = match op {
                AluOp::And => Known::bits(known.ones & k, known.zeros & k),
                AluOp::Or => Known::bits(known.ones & !k, known.zeros & !k),
                AluOp::Xor => Known::bits(known.ones & !k | known.zeros & k, known.zeros & !k | known.ones & k),
                AluOp::Lsh if k < 32 => Known::bits(known.ones >> k, known.zeros >> k),
                AluOp::Rsh if k < 32 => Known::bits(known.ones << k, known.zeros << k),
                _ => return,
            };
            id = inner;
        }
    }

    /// Whether a check would not fail here.
    fn holds(&self, check: Check) -> bool {
        match check {
            Check::InBounds(address, width) => {
                self.captured.get(&address.base).is_some_and(|&captured| captured >= address.end(width))
            }
            Check::NonZero(value) => self.divisors.get(&value).is_some(),
            Check::Present(extension, _) => self.present.get(&extension).is_some(),
        }
    }

    /// Behind a check, it holds.
    fn learn_check(&mut self, values: &Values, check: Check) {
        match check {
            Check::InBounds(address, width) => {
                let known = self.captured.get(&address.base).copied().unwrap_or(0);
                self.captured.insert(address.base, known.max(address.end(width)));
            }
            Check::NonZero(value) => {
                self.divisors.insert(value, ());
                self.refine(values, value, Known::range(1, u32::MAX));
            }
            Check::Present(extension, _) => self.present.insert(extension, ()),
        }
    }
}

/// What is known of each value, by number, and what it was before.
#[derive(Default)]
struct Learned {
    known: Vec<Known>,
    log: Vec<(ValueId, Known)>,
}

impl Learned {
    fn of(values: &Values) -> Learned {
        Learned { known: values.ids().map(|id| values.known(id)).collect(), log: Vec::new() }
    }

    /// Of values that are new, what their makers know.
    fn get(&self, values: &Values, id: ValueId) -> Known {
        self.known.get(id.index()).copied().unwrap_or_else(|| values.known(id))
    }

    fn insert(&mut self, id: ValueId, known: Known) {
        if let Some(now) = self.known.get_mut(id.index()) {
            self.log.push((id, std::mem::replace(now, known)));
        }
    }

    /// Takes back what was inserted since the log had this length.
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

    fn after_facts(text: &str) -> Graph {
        let mut graph = graph_of(text);
        run(&mut graph);
        graph
    }

    #[test]
    fn a_test_that_is_asked_again_is_known() {
        let tests = "jeq #1, drop\n".repeat(2_000);
        let text = format!("ldb [0]\n {tests} ret #1\n drop: ret #0");
        assert_eq!(after_facts(&text).blocks.len(), 3);
    }

    /// Each diamond decides as the first did: the way that passes them all is led past 64 in each round.
    #[test]
    fn edges_are_led_past_many_blocks() {
        let diamond = |k: u32| format!("jset #1, a{k}\n ldb [{k}]\n jeq #9, drop\n a{k}: ldb [0]\n");
        let diamonds: String = (1..200).map(diamond).collect();
        let graph = after_facts(&format!("ldb [0]\n {diamonds} ret #1\n drop: ret #0"));
        let asked =
            graph.blocks.iter().filter(|block| matches!(block.end.test(), Some(Test::Compare(Condition::BitsSet, ..))));
        assert_eq!(asked.count(), 1, "{graph}");
    }

    #[test]
    fn a_test_does_not_make_a_division_possible() {
        let graph = after_facts("ldb [0]\n tax\n jeq #0, drop\n ldb [1]\n div x\n mod x\n ret a\n drop: ret #0");
        let checks: Vec<Check> = graph.blocks.iter().flat_map(|block| block.checks.iter().copied()).collect();
        let divisors = checks.iter().filter(|check| matches!(check, Check::NonZero(_)));
        assert_eq!(divisors.count(), 1, "the second division has the check of the first: {graph}");
    }
}
