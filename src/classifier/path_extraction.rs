//! Symbolic execution of a program's graph, which extracts the paths to verdicts other than 0.
//!
//! The values of all programs are hash-consed in one list, so that equal conditions of different programs are one
//! condition. Context data, random numbers and large expressions have no value in this list; conditions on them are
//! left out of the path, which is then inexact.
//!
//! A program with too many paths is executed once more with the paths joined in each block
//! ([`path_joining`]), which takes a small number of steps for each block.

use std::collections::{BTreeMap, HashMap};

use crate::bpf::isa::{AluOp, Condition};
use crate::bpf::verify::Verified;
use crate::classifier::open_literal::{self, OpenLiteral};
use crate::classifier::path::{Literal, Path, simplify};
use crate::classifier::path_joining;
use crate::classifier::path_list::PathList;
use crate::classifier::program_list::{MAX_OPEN, ProgramList, SimilarPrograms};
use crate::ir::{Address, Check, Edge, Graph, Hashing, Range, Terminator, Test, Value, ValueId, Values, complement};
use crate::opt::Pass;
use crate::parallel;

/// The most separate paths of a program.
const MAX_PATHS: usize = 64;

/// The most paths of a shape. Their number is squared when lists of constants are united.
const MAX_SHAPE_PATHS: usize = 16;

/// The most ways through a program that are tried one by one. Most of them are contradictory.
const MAX_WAYS: usize = 4_096;

/// The most blocks that are executed for one program, over all its paths: separate, and joined.
const MAX_STEPS: usize = 4_096;
const MAX_JOINED_STEPS: usize = 2_048;

/// The most blocks that are executed for all programs: in total, and for each program.
const STEPS: usize = 1 << 18;
const STEPS_OF_RULE: usize = 256;

/// The most instructions of a short program. Values are numbered in the order of execution, and tables depend on that.
const SHORT: usize = 128;

/// The greatest depth of translated expressions, and the most translated operations of a program.
const DEEPEST: usize = 24;
const MAX_OPERATIONS: usize = 1 << 16;

/// The paths of programs.
pub(crate) struct Extracted {
    /// The values that paths test.
    pub(crate) values: Values,
    /// The paths of each program.
    pub(crate) paths: PathList,
    /// The programs whose paths were joined, in order.
    pub(crate) joined: Vec<usize>,
}

/// Extracts the paths of programs.
///
/// Each program has a fair share of the remaining steps. Short programs come first, in their order, and leave unused
/// steps to others, so that no program has less because of another one.
///
/// Programs of one shape are executed once, with open constants, if that gives few paths.
pub(crate) fn extract(programs: &ProgramList) -> Extracted {
    let mut order: Vec<usize> = (0..programs.len()).collect();
    order.sort_by_key(|&place| programs.shapes[programs.shape_of(place)].first.steps().len() / SHORT);
    let mut left = STEPS + STEPS_OF_RULE * programs.len();
    let mut values = Values::default();
    let (mut alone, mut joined): (Vec<(usize, Vec<Path>)>, Vec<usize>) = (Vec::new(), Vec::new());
    // The paths of each shape; `Some(None)` if its programs are executed one by one.
    let mut of_shapes: Vec<Option<Option<Vec<Path>>>> = vec![None; programs.shapes.len()];
    for (done, place) in order.into_iter().enumerate() {
        let shape = programs.shape_of(place);
        let of_shape = of_shapes[shape].get_or_insert_with(|| of_shape(&programs.shapes[shape], &mut values));
        if of_shape.is_some() {
            continue;
        }
        let share = (left / (programs.len() - done)).min(MAX_STEPS);
        let graph = prepared(Graph::new(&programs.get(place)));
        let mut steps = share;
        let separate =
            (ways(&graph) <= MAX_WAYS).then(|| Executor::new(&graph, &mut values).separate(&mut steps, MAX_PATHS));
        left -= share - steps;
        let mut of_program = separate.flatten().unwrap_or_else(|| {
            joined.push(place);
            Executor::new(&graph, &mut values).joined(MAX_JOINED_STEPS)
        });
        path_joining::unite(&mut of_program, &values, path_joining::is_simple);
        simplify(&mut of_program);
        alone.push((place, of_program));
    }
    joined.sort_unstable();
    alone.sort_by_key(|&(place, _)| place);
    let parts = parallel::in_parts(programs.len(), |range| {
        let mut paths = PathList::default();
        for place in range {
            match &of_shapes[programs.shape_of(place)] {
                Some(Some(of_shape)) => {
                    let mut constants = [0; MAX_OPEN];
                    constants.iter_mut().zip(programs.open_constants(place)).for_each(|(to, k)| *to = k);
                    paths.push(&open_literal::with_constants(of_shape, &constants, &values));
                }
                _ => match alone.binary_search_by_key(&place, |&(place, _)| place) {
                    Ok(found) => paths.push(&alone[found].1),
                    Err(_) => paths.push(&[]),
                },
            }
        }
        paths
    });
    let paths = PathList::joined(parts);
    Extracted { values, paths, joined }
}

/// Returns the paths of another program, whose values are added to those of a classifier; `None` if these are too many.
pub(crate) fn extract_one(program: &Verified, values: &mut Values) -> Option<PathList> {
    let graph = prepared(Graph::new(program));
    let mut steps = MAX_STEPS;
    let is_small = ways(&graph) <= MAX_WAYS;
    let mut paths = is_small.then(|| Executor::new(&graph, values).separate(&mut steps, MAX_PATHS)).flatten()?;
    path_joining::unite(&mut paths, values, path_joining::is_simple);
    simplify(&mut paths);
    let mut list = PathList::default();
    list.push(&paths);
    Some(list)
}

/// Returns a graph after the passes that leave fewer ways through it.
fn prepared(mut graph: Graph) -> Graph {
    graph.run(Pass::ValuePropagation);
    graph.run(Pass::SwitchLowering);
    graph
}

/// Returns the paths of programs of one shape, with open tests; `None` if that is not worth it, or these are too many.
fn of_shape(shape: &SimilarPrograms, values: &mut Values) -> Option<Vec<Path>> {
    let graph = prepared(Graph::with_open_tests(&shape.first, &shape.open_tests()?));
    let mut steps = MAX_STEPS.min(STEPS_OF_RULE * shape.count);
    let is_small = ways(&graph) <= MAX_WAYS;
    is_small.then(|| Executor::new(&graph, values).separate(&mut steps, MAX_SHAPE_PATHS)).flatten()
}

/// Returns the number of ways through a graph to a verdict other than 0, contradictory ones included.
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

/// The state of the execution at a block: the path, and the values of parameters; `None` is an inexpressible value.
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

    /// Returns the state at the end of a path.
    pub(crate) fn at_end(path: Path) -> State {
        State { place: 0, bound: Vec::new(), path }
    }

    /// Returns the value of a parameter, if it was bound.
    pub(crate) fn parameter(&self, parameter: ValueId) -> Option<Option<ValueId>> {
        self.bound.iter().rev().find(|(other, _)| *other == parameter).map(|&(_, value)| value)
    }
}

/// A test of a program as a condition on a value.
enum Expressed {
    Ranges(Literal),
    Open(OpenLiteral),
}

struct Executor<'g, 'e> {
    graph: &'g Graph,
    /// The values of all programs.
    shared: &'e mut Values,
    /// `true` for each value that depends on a parameter, and so differs between paths.
    varies: Vec<bool>,
    /// The translations of the other values.
    translated: HashMap<ValueId, Option<ValueId>, Hashing>,
    operations: usize,
    paths: Vec<Path>,
}

impl<'g, 'e> Executor<'g, 'e> {
    fn new(graph: &'g Graph, shared: &'e mut Values) -> Executor<'g, 'e> {
        let mut varies = vec![false; graph.values.len()];
        for id in graph.values.ids() {
            let is_parameter = matches!(graph.value(id), Value::Parameter(_));
            varies[id.index()] = is_parameter || graph.values.operands(id).any(|operand| varies[operand.index()]);
        }
        let translated = HashMap::default();
        Executor { graph, shared, varies, translated, operations: MAX_OPERATIONS, paths: Vec::new() }
    }

    /// Returns the paths; `None` if there are more than `max`, or too few steps.
    fn separate(mut self, steps: &mut usize, max: usize) -> Option<Vec<Path>> {
        let mut open = vec![State::start()];
        while let Some(state) = open.pop() {
            *steps = steps.checked_sub(1)?;
            self.block(state, &mut open);
            if self.paths.len() > max || self.operations == 0 {
                return None;
            }
        }
        Some(self.paths)
    }

    /// Returns few paths that together cover all packets that the program matches, and perhaps more. Conditions that
    /// are not reached in `steps` are left out.
    fn joined(mut self, mut steps: usize) -> Vec<Path> {
        let mut waiting = BTreeMap::from([(0, vec![State::start()])]);
        let (mut open, mut paths) = (Vec::new(), Vec::new());
        // Blocks are in topological order, so all states of the first waiting block are known.
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

    /// Executes the block of a state.
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
                let condition = self.condition(&state, *test);
                for (holds, edge) in [(false, otherwise), (true, then)] {
                    let mut next = state.clone();
                    if self.assume(&mut next.path, &condition, holds) {
                        self.follow(&mut next, edge);
                        open.push(next);
                    }
                }
            }
        }
    }

    /// Adds the condition that a check passes; `false` if it always fails.
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
                // If the check fails, the program ends with any verdict.
                self.paths.push(Path { is_exact: false, ..state.path.clone() });
                state.path.is_exact = false;
            }
        }
        true
    }

    /// Adds the path that ends with a verdict, unless that is 0.
    fn finish(&mut self, state: State, verdict: ValueId) {
        let verdict = self.value(&state, verdict);
        let mut path = state.path;
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

    /// Binds the parameters of the next block.
    fn follow(&mut self, state: &mut State, edge: &Edge) {
        let parameters = &self.graph.block(edge.block).parameters;
        let arguments: Vec<_> = edge.arguments.iter().map(|&argument| self.value(state, argument)).collect();
        state.bound.extend(parameters.iter().copied().zip(arguments));
        state.place = edge.block.index();
    }

    /// Returns a test in the form of a condition on a value, if that is possible.
    fn condition(&mut self, state: &State, test: Test) -> Option<Expressed> {
        if let Some((value, ranges)) = self.graph.as_ranges(test) {
            let ranges = ranges.to_vec();
            return Some(Expressed::Ranges(Literal { value: self.value(state, value)?, ranges }));
        }
        let Test::Compare(condition, left, right) = test else { return None };
        if let Value::Open(constant) = self.graph.value(right) {
            let value = self.value(state, left)?;
            let open = constant.index().filter(|_| condition != Condition::BitsSet)?;
            return Some(Expressed::Open(OpenLiteral { value, condition, open, holds: true }));
        }
        let (left, right) = (self.value(state, left)?, self.value(state, right)?);
        let (op, range) = match condition {
            Condition::BitsSet => (AluOp::And, (1, u32::MAX)),
            Condition::Equal => (AluOp::Sub, (0, 0)),
            _ => return None,
        };
        Some(Expressed::Ranges(Literal { value: self.shared.alu(op, left, right), ranges: vec![range] }))
    }

    /// Adds a condition or its negation to a path; `false` if that is a contradiction.
    fn assume(&mut self, path: &mut Path, condition: &Option<Expressed>, holds: bool) -> bool {
        match condition {
            Some(Expressed::Ranges(Literal { value, ranges })) if holds => self.restrict(path, *value, ranges),
            Some(Expressed::Ranges(Literal { value, ranges })) => {
                self.restrict(path, *value, &complement(ranges.iter().copied()))
            }
            Some(Expressed::Open(test)) => {
                path.open.push(OpenLiteral { holds, ..*test });
                true
            }
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
        self.translate(state, id, DEEPEST)
    }

    /// Translates a value of the program to one of the shared list, if it is expressible.
    fn translate(&mut self, state: &State, id: ValueId, depth: usize) -> Option<ValueId> {
        if let Some(&known) = self.translated.get(&id) {
            return known;
        }
        self.operations = self.operations.saturating_sub(1);
        let depth = depth.checked_sub(1).filter(|_| self.operations > 0)?;
        let translated = match self.graph.value(id) {
            Value::Parameter(_) => state.parameter(id).flatten(),
            Value::Constant(k) => Some(self.shared.constant(k)),
            Value::WireLen => Some(self.shared.add(Value::WireLen)),
            Value::Load(address, width, order) => {
                let address = self.address(state, address, depth).flatten();
                address.map(|address| self.shared.load(address, width, order))
            }
            Value::Alu(op, left, right) => {
                let operands = self.translate(state, left, depth).zip(self.translate(state, right, depth));
                operands.map(|(left, right)| self.shared.alu(op, left, right))
            }
            Value::Negate(value) => self.translate(state, value, depth).map(|value| self.shared.negate(value)),
            _ => None,
        };
        if !self.varies[id.index()] {
            self.translated.insert(id, translated);
        }
        translated
    }

    /// Translates an address of the program: `None` if it is inexpressible, `Some(None)` if it is always out of bounds.
    fn address(&mut self, state: &State, address: Address, depth: usize) -> Option<Option<Address>> {
        let Some(base) = address.base else { return Some(Some(address)) };
        let base = self.translate(state, base, depth)?;
        Some(self.shared.address(base, address.offset))
    }
}
