//! From a program to the paths on which it keeps packets: symbolic execution of its graph.
//!
//! The values of all programs become values of one list, so that equal questions of different programs are the same
//! question. What cannot be said in it (facts from the context, random numbers, expressions that are too large) is left
//! out of the path, which is then not exact.
//!
//! A program whose paths are too many to be taken one by one is walked through once more: what leads to one place is
//! joined (`join`), so that this takes as many steps as the program has blocks, times a small number.

use std::collections::{BTreeMap, HashMap};

use crate::bpf::isa::{AluOp, Condition};
use crate::bpf::verify::Verified;
use crate::classifier::path::{Literal, Path, simplify};
use crate::classifier::path_joining;
use crate::ir::{Address, Check, Edge, Graph, Hashing, Range, Terminator, Test, Value, ValueId, Values, complement};
use crate::opt::Pass;

/// The most paths of a program that are taken one by one.
const MAX_PATHS: usize = 64;

/// The most ways through a program that are tried one by one: most of them no packet takes.
const MAX_WAYS: usize = 4_096;

/// The most blocks that are walked through for one program, over all its paths; and if paths are joined.
const MAX_STEPS: usize = 4_096;
const MAX_JOINED_STEPS: usize = 2_048;

/// How many blocks are walked through for all programs: so many, and so many for each.
const STEPS: usize = 1 << 18;
const STEPS_OF_RULE: usize = 256;

/// How many instructions a short program has at most. Values are numbered as they are met, and tables depend on that.
const SHORT: usize = 128;

/// How deep expressions are translated, and how many operations of one program are.
const DEEPEST: usize = 24;
const MAX_OPERATIONS: usize = 1 << 16;

/// What programs test, and on which paths they keep packets.
pub(crate) struct Extracted {
    /// What all paths ask about.
    pub(crate) values: Values,
    /// The paths of all programs, one program after the other.
    pub(crate) paths: Vec<Path>,
    /// Where the paths of each program end.
    pub(crate) ends: Vec<usize>,
    /// The programs whose paths were joined, in order.
    pub(crate) joined: Vec<usize>,
}

/// Takes programs apart.
///
/// Each has a fair share of the steps: what is left, divided by how many programs are. The short ones come first, in
/// their order, and what they do not need the others have, so that no program has less because of another one.
pub(crate) fn extract(programs: &[Verified]) -> Extracted {
    let mut order: Vec<usize> = (0..programs.len()).collect();
    order.sort_by_key(|&place| programs[place].steps().len() / SHORT);
    let mut left = STEPS + STEPS_OF_RULE * programs.len();
    let mut values = Values::default();
    let (mut of_program, mut joined) = (vec![Vec::new(); programs.len()], Vec::new());
    for (done, place) in order.into_iter().enumerate() {
        let share = (left / (programs.len() - done)).min(MAX_STEPS);
        let mut graph = Graph::new(&programs[place]);
        graph.run(Pass::ValuePropagation);
        graph.run(Pass::SwitchLowering);
        let mut steps = share;
        let separate = (ways(&graph) <= MAX_WAYS).then(|| Walker::new(&graph, &mut values).separate(&mut steps));
        left -= share - steps;
        let mut paths = separate.flatten().unwrap_or_else(|| {
            joined.push(place);
            Walker::new(&graph, &mut values).joined(MAX_JOINED_STEPS)
        });
        path_joining::unite(&mut paths, &values);
        simplify(&mut paths);
        of_program[place] = paths;
    }
    joined.sort_unstable();
    let mut extracted = Extracted { values, paths: Vec::new(), ends: Vec::new(), joined };
    for paths in of_program {
        extracted.paths.extend(paths);
        extracted.ends.push(extracted.paths.len());
    }
    extracted
}

/// How many ways lead through a graph to a verdict that may be other than 0, also such as no packet takes.
fn ways(graph: &Graph) -> usize {
    let mut ways = vec![0_usize; graph.blocks.len()];
    for (place, block) in graph.blocks.iter().enumerate().rev() {
        ways[place] = match block.terminator {
            Terminator::Return(verdict) => usize::from(graph.values.as_constant(verdict) != Some(0)),
            _ => block.terminator.edges().fold(0, |sum, edge| sum.saturating_add(ways[edge.block.index()])),
        };
    }
    ways[0]
}

/// A place that is reached on a path, and what the parameters are there; `None` is a value that cannot be said.
#[derive(Clone)]
pub(crate) struct State {
    place: usize,
    pub(crate) bound: Vec<(ValueId, Option<ValueId>)>,
    pub(crate) path: Path,
}

impl State {
    fn start() -> State {
        State::at_end(Path::start())
    }

    /// A path of which nothing follows.
    pub(crate) fn at_end(path: Path) -> State {
        State { place: 0, bound: Vec::new(), path }
    }

    /// What a parameter is, if it has been met.
    pub(crate) fn parameter(&self, parameter: ValueId) -> Option<Option<ValueId>> {
        self.bound.iter().rev().find(|(other, _)| *other == parameter).map(|&(_, value)| value)
    }
}

struct Walker<'g, 'e> {
    graph: &'g Graph,
    /// The values of all programs.
    shared: &'e mut Values,
    /// Whether the value differs between the paths, since a parameter does.
    varies: Vec<bool>,
    /// What the values are that do not.
    translated: HashMap<ValueId, Option<ValueId>, Hashing>,
    operations: usize,
    paths: Vec<Path>,
}

impl<'g, 'e> Walker<'g, 'e> {
    fn new(graph: &'g Graph, shared: &'e mut Values) -> Walker<'g, 'e> {
        let mut varies = vec![false; graph.values.len()];
        for id in graph.values.ids() {
            let is_parameter = matches!(graph.value(id), Value::Parameter(_));
            varies[id.index()] = is_parameter || graph.values.operands(id).any(|operand| varies[operand.index()]);
        }
        let translated = HashMap::default();
        Walker { graph, shared, varies, translated, operations: MAX_OPERATIONS, paths: Vec::new() }
    }

    /// The paths one by one; `None` if they are too many, or the steps too few.
    fn separate(mut self, steps: &mut usize) -> Option<Vec<Path>> {
        let mut open = vec![State::start()];
        while let Some(state) = open.pop() {
            *steps = steps.checked_sub(1)?;
            self.block(state, &mut open);
            if self.paths.len() > MAX_PATHS || self.operations == 0 {
                return None;
            }
        }
        Some(self.paths)
    }

    /// Few paths that together have all packets that the program keeps, and perhaps more. What so many steps do not
    /// reach is left out of them.
    fn joined(mut self, mut steps: usize) -> Vec<Path> {
        let mut waiting = BTreeMap::from([(0, vec![State::start()])]);
        let (mut open, mut paths) = (Vec::new(), Vec::new());
        // Blocks stand in topological order: all that leads to the first of them is there.
        while let Some((_, states)) = waiting.pop_first() {
            for state in states {
                match steps.checked_sub(1) {
                    Some(rest) => {
                        steps = rest;
                        self.block(state, &mut open);
                    }
                    None => self.paths.push(Path { is_exact: false, ..state.path }),
                }
                for next in open.drain(..) {
                    path_joining::add(waiting.entry(next.place).or_default(), next, self.shared);
                }
                self.paths.drain(..).for_each(|path| path_joining::add_path(&mut paths, path, self.shared));
            }
        }
        paths
    }

    /// Walks through the block that a state has reached.
    fn block(&mut self, mut state: State, open: &mut Vec<State>) {
        let block = &self.graph.blocks[state.place];
        for &check in &block.checks {
            if !self.check(&mut state, check) {
                return;
            }
        }
        match &block.terminator {
            Terminator::Return(verdict) => self.finish(state, *verdict),
            Terminator::Jump(edge) => {
                self.follow(&mut state, edge);
                open.push(state);
            }
            Terminator::Branch { test, then, otherwise } => {
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
        match verdict.map(|id| (id, self.shared.as_constant(id))) {
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
        let values = &mut self.shared;
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
        path.require(value, ranges, self.shared.known(value))
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
            Value::Constant(k) => Some(self.shared.constant(k)),
            Value::WireLen => Some(self.shared.add(Value::WireLen)),
            Value::Load(address, width, order) => {
                let address = self.translate_address(bound, address, depth).flatten();
                address.map(|address| self.shared.load(address, width, order))
            }
            Value::Alu(op, left, right) => {
                let operands = self.translate(bound, left, depth).zip(self.translate(bound, right, depth));
                operands.map(|(left, right)| self.shared.alu(op, left, right))
            }
            Value::Negate(value) => self.translate(bound, value, depth).map(|value| self.shared.negate(value)),
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
                Some(self.shared.address(base, offset))
            }
        }
    }
}
