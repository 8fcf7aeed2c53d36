//! From a program to the paths on which it keeps packets: symbolic execution of its graph.
//!
//! The values of all programs become values of one list, so that equal questions of different programs are the same
//! question. What cannot be said in it (facts from the context, random numbers, expressions that are too large) is left
//! out of the path, which is then not exact.

use std::collections::HashMap;

use crate::graph::{Address, Check, Edge, End, Graph, Hashing, Pass, Range, Test, Value, ValueId, Values, complement};
use crate::isa::{AluOp, Condition};
use crate::set::path::{Literal, Path, simplify};
use crate::verify::Verified;

/// The most paths of a program; one with more runs alone.
const MOST_PATHS: usize = 64;

/// The most blocks that are walked through for one program, over all its paths.
const MOST_STEPS: usize = 4_096;

/// How deep expressions are translated, and how many operations of one program are.
const DEEPEST: usize = 24;
const MOST_OPERATIONS: usize = 1 << 16;

/// Takes programs apart, until its budget is spent.
pub(super) struct Extractor {
    /// What all paths ask about.
    pub(super) values: Values,
    /// How many blocks may still be walked through, over all programs.
    budget: usize,
}

impl Extractor {
    pub(super) fn new(budget: usize) -> Extractor {
        Extractor { values: Values::default(), budget }
    }

    /// The paths on which a program gives anything but 0; `None` if there are too many.
    pub(super) fn paths(&mut self, verified: &Verified) -> Option<Vec<Path>> {
        let mut graph = Graph::new(verified);
        graph.run(Pass::Facts);
        graph.run(Pass::Sets);
        let mut paths = Walker::new(&graph, self).walk()?;
        simplify(&mut paths);
        Some(paths)
    }
}

/// A place that is reached on a path, and what the parameters are there; `None` is a value that cannot be said.
#[derive(Clone)]
struct State {
    place: usize,
    bound: Vec<(ValueId, Option<ValueId>)>,
    path: Path,
}

struct Walker<'g, 'e> {
    graph: &'g Graph,
    extractor: &'e mut Extractor,
    /// Whether the value differs between the paths, since a parameter does.
    varies: Vec<bool>,
    /// What the values are that do not.
    translated: HashMap<ValueId, Option<ValueId>, Hashing>,
    operations: usize,
    paths: Vec<Path>,
}

impl<'g, 'e> Walker<'g, 'e> {
    fn new(graph: &'g Graph, extractor: &'e mut Extractor) -> Walker<'g, 'e> {
        let mut varies = vec![false; graph.values.len()];
        for id in graph.values.ids() {
            let is_parameter = matches!(graph.value(id), Value::Parameter(_));
            varies[id.index()] = is_parameter || graph.values.operands(id).any(|operand| varies[operand.index()]);
        }
        let translated = HashMap::default();
        Walker { graph, extractor, varies, translated, operations: MOST_OPERATIONS, paths: Vec::new() }
    }

    fn walk(mut self) -> Option<Vec<Path>> {
        let mut open = vec![State { place: 0, bound: Vec::new(), path: Path::start() }];
        let mut steps = MOST_STEPS;
        while let Some(state) = open.pop() {
            steps = steps.checked_sub(1)?;
            self.extractor.budget = self.extractor.budget.checked_sub(1)?;
            self.block(state, &mut open);
            if self.paths.len() > MOST_PATHS || self.operations == 0 {
                return None;
            }
        }
        Some(self.paths)
    }

    /// Walks through the block that a state has reached.
    fn block(&mut self, mut state: State, open: &mut Vec<State>) {
        let block = &self.graph.blocks[state.place];
        for &check in &block.checks {
            if !self.check(&mut state, check) {
                return;
            }
        }
        match &block.end {
            End::Return(verdict) => self.finish(state, *verdict),
            End::Jump(edge) => {
                self.follow(&mut state, edge);
                open.push(state);
            }
            End::Branch { test, then, otherwise } => {
                let question = self.question(&state, *test);
                for (holds, edge) in [(false, otherwise), (true, then)] {
                    let mut next = state.clone();
                    if self.answer(&mut next.path, &question, holds) {
                        self.follow(&mut next, edge);
                        open.push(next);
                    }
                }
            }
        }
    }

    /// Goes on behind a check; `false` if it surely fails.
    fn check(&mut self, state: &mut State, check: Check) -> bool {
        match check {
            Check::InBounds(address, width) => match self.address(state, address, DEEPEST) {
                Some(Some(address)) => state.path.check(address, width),
                Some(None) => return false,
                None => state.path.is_exact = false,
            },
            Check::NonZero(divisor) => match self.value(state, divisor) {
                Some(divisor) => return self.restrict(&mut state.path, divisor, &[(1, u32::MAX)]),
                None => state.path.is_exact = false,
            },
            Check::Present(..) => {
                // Where it fails, the program ends with any verdict.
                self.paths.push(Path { is_exact: false, ..state.path.clone() });
                state.path.is_exact = false;
            }
        }
        true
    }

    fn finish(&mut self, State { bound, mut path, .. }: State, verdict: ValueId) {
        let verdict = self.translate(&bound, verdict, DEEPEST);
        match verdict.map(|id| (id, self.extractor.values.as_constant(id))) {
            Some((_, Some(k))) => path.verdict = Some(k),
            Some((id, None)) if !self.restrict(&mut path, id, &[(1, u32::MAX)]) => return,
            Some((_, None)) => {}
            None => path.is_exact = false,
        }
        if path.verdict != Some(0) {
            self.paths.push(path);
        }
    }

    /// Goes along an edge.
    fn follow(&mut self, state: &mut State, edge: &Edge) {
        let parameters = &self.graph.block(edge.block).parameters;
        let arguments: Vec<_> = edge.arguments.iter().map(|&argument| self.value(state, argument)).collect();
        state.bound.extend(parameters.iter().copied().zip(arguments));
        state.place = edge.block.index();
    }

    /// What a test asks: that a value lies in some ranges, if it can be said.
    fn question(&mut self, state: &State, test: Test) -> Option<Literal> {
        if let Some((value, ranges)) = self.graph.as_ranges(test) {
            let ranges = ranges.to_vec();
            return Some(Literal { value: self.value(state, value)?, ranges });
        }
        let Test::Compare(condition, left, right) = test else { return None };
        let (left, right) = (self.value(state, left)?, self.value(state, right)?);
        let values = &mut self.extractor.values;
        match condition {
            Condition::BitsSet => {
                Some(Literal { value: values.alu(AluOp::And, left, right), ranges: vec![(1, u32::MAX)] })
            }
            Condition::Equal => Some(Literal { value: values.alu(AluOp::Sub, left, right), ranges: vec![(0, 0)] }),
            _ => None,
        }
    }

    /// Goes on where a question has this answer; `false` if it never has.
    fn answer(&mut self, path: &mut Path, question: &Option<Literal>, holds: bool) -> bool {
        match question {
            Some(Literal { value, ranges }) if holds => self.restrict(path, *value, ranges),
            Some(Literal { value, ranges }) => self.restrict(path, *value, &complement(ranges.iter().copied())),
            None => {
                path.is_exact = false;
                true
            }
        }
    }

    fn restrict(&mut self, path: &mut Path, value: ValueId, ranges: &[Range]) -> bool {
        path.require(value, ranges, self.extractor.values.known(value))
    }

    fn value(&mut self, state: &State, id: ValueId) -> Option<ValueId> {
        self.translate(&state.bound, id, DEEPEST)
    }

    /// A value of the program as one of all programs, if it can be said.
    fn translate(&mut self, bound: &[(ValueId, Option<ValueId>)], id: ValueId, depth: usize) -> Option<ValueId> {
        if let Some(&known) = self.translated.get(&id) {
            return known;
        }
        self.operations = self.operations.saturating_sub(1);
        let depth = depth.checked_sub(1).filter(|_| self.operations > 0)?;
        let translated = match self.graph.value(id) {
            Value::Parameter(_) => {
                bound.iter().rev().find(|(parameter, _)| *parameter == id).and_then(|&(_, value)| value)
            }
            Value::Constant(k) => Some(self.extractor.values.constant(k)),
            Value::WireLen => Some(self.extractor.values.add(Value::WireLen)),
            Value::Load(address, width, order) => {
                let address = self.translate_address(bound, address, depth).flatten();
                address.map(|address| self.extractor.values.load(address, width, order))
            }
            Value::Alu(op, left, right) => {
                let operands = self.translate(bound, left, depth).zip(self.translate(bound, right, depth));
                operands.map(|(left, right)| self.extractor.values.alu(op, left, right))
            }
            Value::Negate(value) => {
                self.translate(bound, value, depth).map(|value| self.extractor.values.negate(value))
            }
            _ => None,
        };
        if !self.varies[id.index()] {
            self.translated.insert(id, translated);
        }
        translated
    }

    fn address(&mut self, state: &State, address: Address, depth: usize) -> Option<Option<Address>> {
        self.translate_address(&state.bound, address, depth)
    }

    /// An address of the program as one of all programs: `None` if it cannot be said, `Some(None)` if no packet has it.
    fn translate_address(
        &mut self,
        bound: &[(ValueId, Option<ValueId>)],
        Address { base, offset }: Address,
        depth: usize,
    ) -> Option<Option<Address>> {
        match base {
            None => Some(Some(Address { base, offset })),
            Some(base) => {
                let base = self.translate(bound, base, depth)?;
                Some(self.extractor.values.address(base, offset))
            }
        }
    }
}
