//! Symbolic execution: the states of the registers at each instruction of a filter, found in a pass forward.
//!
//! States differ in the registers that are read later, and not in the path to them.

use alloc::vec::Vec;

use crate::bpf::instruction::Operand;
use crate::bpf::isa::{Condition, Register};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::ir::hash_map::HashMap;
use crate::seccomp::expression::{ExpressionId, TooLong};
use crate::seccomp::symbols::Symbols;

/// The largest number of states.
const MAX_STATES: usize = 1 << 16;

/// The instruction at which a filter becomes too complex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooComplex {
    pub(super) pc: usize,
}

/// The index of A and X among the places; the scratch words follow.
const A: usize = 0;
const X: usize = 1;
const PLACES: usize = 2 + SCRATCH_WORDS;

/// The values of the registers and scratch words that are read later.
type Places = [Option<ExpressionId>; PLACES];

/// A state, and what happens there.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) pc: usize,
    places: Places,
    pub(super) next: Next,
}

/// What follows a state; the numbers are those of states.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Unknown,
    State(usize),
    Branch {
        test: (Condition, ExpressionId, ExpressionId),
        then: usize,
        otherwise: usize,
    },
    /// A division, which halts the program if the divisor is 0.
    Division {
        divisor: ExpressionId,
        then: usize,
    },
    Return(u32),
    ReturnValue(ExpressionId),
}

/// The states of a filter, in the order of their instructions.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) states: Vec<State>,
}

/// The states while they are found.
struct Exploration<'s> {
    symbols: &'s mut Symbols,
    live: Vec<u32>,
    states: Vec<State>,
    numbers: HashMap<(usize, Places), usize>,
    /// The states of each instruction.
    of_pc: Vec<Vec<usize>>,
}

impl Execution {
    /// Finds the states of a filter.
    pub(super) fn new(symbols: &mut Symbols, filter: &Verified) -> Result<Execution, TooComplex> {
        let steps = filter.steps();
        let mut exploration = Exploration {
            live: live_places(steps),
            states: Vec::new(),
            numbers: HashMap::default(),
            of_pc: vec![Vec::new(); steps.len()],
            symbols,
        };
        let zero = exploration.symbols.expressions.constant(0);
        exploration.enter(0, [Some(zero); PLACES]);
        for (pc, step) in steps.iter().enumerate() {
            for number in core::mem::take(&mut exploration.of_pc[pc]) {
                let next = exploration.next(pc, step, exploration.states[number].places);
                exploration.states[number].next = next.map_err(|TooLong| TooComplex { pc })?;
            }
            if exploration.states.len() > MAX_STATES {
                return Err(TooComplex { pc });
            }
        }
        let mut states = exploration.states;
        // Successors have later instructions, and so behind this later numbers.
        let mut order: Vec<usize> = (0..states.len()).collect();
        order.sort_by_key(|&number| states[number].pc);
        let mut renumbered = vec![0; states.len()];
        order.iter().enumerate().for_each(|(new, &old)| renumbered[old] = new);
        states.sort_by_key(|state| state.pc);
        for state in &mut states {
            match &mut state.next {
                Next::State(next) | Next::Division { then: next, .. } => *next = renumbered[*next],
                Next::Branch { then, otherwise, .. } => {
                    (*then, *otherwise) = (renumbered[*then], renumbered[*otherwise]);
                }
                Next::Unknown | Next::Return(_) | Next::ReturnValue(_) => {}
            }
        }
        Ok(Execution { states })
    }
}

impl Exploration<'_> {
    /// Returns the number of the state at an instruction with these values.
    fn enter(&mut self, pc: usize, mut places: Places) -> usize {
        for (place, value) in places.iter_mut().enumerate() {
            if self.live[pc] >> place & 1 == 0 {
                *value = None;
            }
        }
        if let Some(&number) = self.numbers.get(&(pc, places)) {
            return number;
        }
        let number = self.states.len();
        self.numbers.insert((pc, places), number);
        self.states.push(State { pc, places, next: Next::Unknown });
        self.of_pc[pc].push(number);
        number
    }

    fn next(&mut self, pc: usize, step: &Step, mut places: Places) -> Result<Next, TooLong> {
        let zero = self.symbols.expressions.constant(0);
        let value = |place: usize| places[place].unwrap_or(zero);
        match *step {
            Step::Return(Verdict::Constant(verdict)) => return Ok(Next::Return(verdict)),
            Step::Return(Verdict::A) => {
                let value = value(A);
                return Ok(match self.symbols.expressions.as_constant(value) {
                    Some(verdict) => Next::Return(verdict),
                    None => Next::ReturnValue(value),
                });
            }
            Step::Jump(target) => return Ok(Next::State(self.enter(target, places))),
            Step::Branch { condition, operand, then, otherwise } => {
                let (a, b) = (value(A), self.operand(operand, value(X)));
                let constants = [a, b].map(|value| self.symbols.expressions.as_constant(value));
                return Ok(match constants {
                    [Some(a), Some(b)] => {
                        let target = if condition.eval(a, b) { then } else { otherwise };
                        Next::State(self.enter(target, places))
                    }
                    _ if then == otherwise => Next::State(self.enter(then, places)),
                    _ => Next::Branch {
                        test: (condition, a, b),
                        then: self.enter(then, places),
                        otherwise: self.enter(otherwise, places),
                    },
                });
            }
            Step::Alu(op, operand) => {
                let (a, b) = (value(A), self.operand(operand, value(X)));
                let divisor = self.symbols.expressions.as_constant(b);
                if op.is_division() && divisor == Some(0) {
                    return Ok(Next::Return(0));
                }
                places[A] = Some(self.symbols.expressions.alu(op, a, b)?);
                let then = self.enter(pc + 1, places);
                let may_halt = op.is_division() && divisor.is_none();
                return Ok(if may_halt { Next::Division { divisor: b, then } } else { Next::State(then) });
            }
            Step::Negate => places[A] = Some(self.symbols.expressions.negate(value(A))?),
            Step::Load(dst, source) => {
                let loaded = match source {
                    Source::Constant(k) => self.symbols.expressions.constant(k),
                    Source::Scratch(slot) => value(2 + slot),
                    Source::WireLen => zero,
                };
                places[place_of(dst)] = Some(loaded);
            }
            Step::LoadAbsolute(_, offset) => places[A] = Some(self.symbols.expressions.word((offset / 4) as u8)),
            Step::Store(src, slot) => places[2 + slot] = Some(value(place_of(src))),
            Step::Transfer(dst) => places[place_of(dst)] = Some(value(1 - place_of(dst))),
            // The verifier accepts none of these in filters of system calls.
            Step::LoadIndirect(..) | Step::LoadMemShift(_) | Step::Ancillary(_) => {}
        }
        Ok(Next::State(self.enter(pc + 1, places)))
    }

    fn operand(&mut self, operand: Operand, x: ExpressionId) -> ExpressionId {
        match operand {
            Operand::Constant(k) => self.symbols.expressions.constant(k),
            Operand::X => x,
        }
    }
}

fn place_of(register: Register) -> usize {
    match register {
        Register::A => A,
        Register::X => X,
    }
}

/// Returns the places that are read at or after each instruction before they are written, a bit each.
fn live_places(steps: &[Step]) -> Vec<u32> {
    let mut live = vec![0_u32; steps.len()];
    for (pc, step) in steps.iter().enumerate().rev() {
        let after = |pc: usize| live.get(pc).copied().unwrap_or(0);
        let bit = |place: usize| 1_u32 << place;
        let of_operand = |operand: Operand| if operand == Operand::X { bit(X) } else { 0 };
        live[pc] = match *step {
            Step::Return(Verdict::Constant(_)) => 0,
            Step::Return(Verdict::A) => bit(A),
            Step::Jump(target) => after(target),
            Step::Branch { operand, then, otherwise, .. } => {
                after(then) | after(otherwise) | bit(A) | of_operand(operand)
            }
            // A division reads its operands even if the result is unused.
            Step::Alu(_, operand) => after(pc + 1) | bit(A) | of_operand(operand),
            Step::Negate => after(pc + 1) | bit(A),
            Step::Load(dst, Source::Scratch(slot)) => after(pc + 1) & !bit(place_of(dst)) | bit(2 + slot),
            Step::Load(dst, _) => after(pc + 1) & !bit(place_of(dst)),
            Step::LoadAbsolute(..) | Step::LoadIndirect(..) | Step::Ancillary(_) => after(pc + 1) & !bit(A),
            Step::LoadMemShift(_) => after(pc + 1) & !bit(X),
            Step::Store(src, slot) => after(pc + 1) & !bit(2 + slot) | bit(place_of(src)),
            Step::Transfer(dst) => after(pc + 1) & !bit(place_of(dst)) | bit(1 - place_of(dst)),
        };
    }
    live
}
