//! The verdicts of the states of a filter as diagrams, and the calls that reach them.
//!
//! A pass backward makes the verdicts of each state from those of its successors; a pass forward makes the calls.

use alloc::vec::Vec;

use crate::bpf::isa::Condition;
use crate::seccomp::diagram::{Diagram, Node, TooLarge};
use crate::seccomp::execute::{Execution, Next, TooComplex};
use crate::seccomp::symbols::Symbols;
use crate::syscall::Action;

/// The largest number of bits of a computed verdict that depend on the call.
const MAX_VERDICT_BITS: usize = 12;

impl Execution {
    /// Returns the diagram from calls to verdicts, as numbers of actions.
    pub(super) fn verdicts(&self, symbols: &mut Symbols) -> Result<Node, TooComplex> {
        let mut found = vec![Verdicts::Known(Node::FALSE); self.states.len()];
        for (number, state) in self.states.iter().enumerate().rev() {
            let verdicts = verdicts_of(symbols, state.next, &mut found);
            found[number] = verdicts.map_err(|TooLarge| TooComplex { pc: state.pc })?;
        }
        if found.is_empty() {
            return Ok(Node::FALSE);
        }
        force(symbols, &mut found, 0).map_err(|TooLarge| TooComplex { pc: 0 })
    }

    /// Returns how calls reach the instructions and take their branches.
    pub(super) fn coverage(&self, symbols: &mut Symbols, len: usize) -> Result<Coverage, TooComplex> {
        let mut reached = vec![Node::FALSE; self.states.len()];
        let mut coverage = Coverage { is_reached: vec![false; len], branches: vec![None; len] };
        if let Some(first) = reached.first_mut() {
            *first = Node::TRUE;
        }
        for (number, state) in self.states.iter().enumerate() {
            if reached[number] == Node::FALSE {
                continue;
            }
            coverage.is_reached[state.pc] = true;
            let spread = spread(symbols, state.next, reached[number], &mut reached);
            let taken = spread.map_err(|TooLarge| TooComplex { pc: state.pc })?;
            if let Some([is_true, is_false]) = taken {
                let first = Branch { outcomes: [false; 2], here: reached[number] };
                let known = &mut coverage.branches[state.pc].get_or_insert(first).outcomes;
                *known = [known[0] || is_true, known[1] || is_false];
            }
        }
        Ok(coverage)
    }
}

/// How calls reach the instructions of a filter.
#[derive(Debug)]
pub(super) struct Coverage {
    pub(super) is_reached: Vec<bool>,
    /// The reached tests of the call.
    pub(super) branches: Vec<Option<Branch>>,
}

/// How calls take a branch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    /// Whether the test is true, and false, for some call.
    pub(super) outcomes: [bool; 2],
    /// Some of the calls that reach the test.
    pub(super) here: Node,
}

/// Adds the calls that reach a state to those of its successors; returns whether its test is true and false for some.
fn spread(symbols: &mut Symbols, next: Next, here: Node, reached: &mut [Node]) -> Result<Option<[bool; 2]>, TooLarge> {
    let mut add = |symbols: &mut Symbols, next: usize, calls: Node| -> Result<(), TooLarge> {
        reached[next] = symbols.diagram.or(reached[next], calls)?;
        Ok(())
    };
    match next {
        Next::State(next) => add(symbols, next, here)?,
        Next::Branch { test: (condition, a, b), then, otherwise } => {
            let test = symbols.test(condition, a, b)?;
            let not = symbols.diagram.not(test)?;
            let [is_true, is_false] = [symbols.diagram.and(here, test)?, symbols.diagram.and(here, not)?];
            add(symbols, then, is_true)?;
            add(symbols, otherwise, is_false)?;
            return Ok(Some([is_true, is_false].map(|calls| calls != Node::FALSE)));
        }
        Next::Division { divisor, then } => {
            let zero = symbols.expressions.constant(0);
            let is_possible = symbols.test(Condition::NotEqual, divisor, zero)?;
            let calls = symbols.diagram.and(here, is_possible)?;
            add(symbols, then, calls)?;
        }
        Next::Unknown | Next::Return(_) | Next::ReturnValue(_) => {}
    }
    Ok(None)
}

/// The verdicts of a state. A rule about many arguments is a row of tests that lead to the next rule if they fail. Its
/// condition is small, but the diagram of the rest of the rule, with all next rules, is not, and is never needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdicts {
    Known(Node),
    /// The verdicts of `then` where the condition holds, and of `otherwise` elsewhere.
    Choice {
        condition: Node,
        then: Node,
        otherwise: Node,
    },
}

/// Returns the diagram of the verdicts of a state, and keeps it.
fn force(symbols: &mut Symbols, found: &mut [Verdicts], number: usize) -> Result<Node, TooLarge> {
    let node = match found[number] {
        Verdicts::Known(node) => node,
        Verdicts::Choice { condition, then, otherwise } => symbols.diagram.choose(condition, then, otherwise)?,
    };
    found[number] = Verdicts::Known(node);
    Ok(node)
}

fn verdicts_of(symbols: &mut Symbols, next: Next, found: &mut [Verdicts]) -> Result<Verdicts, TooLarge> {
    match next {
        Next::State(next) => Ok(found[next]),
        Next::Branch { then, otherwise, .. } if found[then] == found[otherwise] => Ok(found[then]),
        Next::Branch { test: (condition, a, b), then, otherwise } => {
            let test = symbols.test(condition, a, b)?;
            branch(symbols, test, then, otherwise, found)
        }
        Next::Division { divisor, then } => {
            let zero = symbols.expressions.constant(0);
            let condition = symbols.test(Condition::Equal, divisor, zero)?;
            let halted = symbols.diagram.outcome(outcome(0));
            Ok(Verdicts::Choice { condition, then: halted, otherwise: force(symbols, found, then)? })
        }
        Next::Return(verdict) => Ok(Verdicts::Known(symbols.diagram.outcome(outcome(verdict)))),
        Next::ReturnValue(value) => {
            let bits = symbols.bits(value)?;
            let is_open = |bit: &&Node| **bit != Node::TRUE && **bit != Node::FALSE;
            if bits.iter().filter(is_open).count() > MAX_VERDICT_BITS {
                return Err(TooLarge);
            }
            computed_verdict(symbols, &bits, 0).map(Verdicts::Known)
        }
        Next::Unknown => Ok(Verdicts::Known(Node::FALSE)),
    }
}

/// Returns the verdicts of a branch. If one target goes on to the other, or to the same rest as the other, the branch
/// does, too, under a joint condition. A rest that is one verdict is not worth it: the diagrams are small then.
fn branch(
    symbols: &mut Symbols,
    test: Node,
    then: usize,
    otherwise: usize,
    found: &mut [Verdicts],
) -> Result<Verdicts, TooLarge> {
    let diagram = &mut symbols.diagram;
    let is_rest = |diagram: &Diagram, node: Node| diagram.as_outcome(node).is_none();
    match (found[then], found[otherwise]) {
        (Verdicts::Choice { condition, then, otherwise }, Verdicts::Known(other))
            if other == otherwise && is_rest(diagram, other) =>
        {
            Ok(Verdicts::Choice { condition: diagram.and(test, condition)?, then, otherwise })
        }
        (Verdicts::Known(other), Verdicts::Choice { condition, then, otherwise })
            if other == otherwise && is_rest(diagram, other) =>
        {
            let not = diagram.not(test)?;
            Ok(Verdicts::Choice { condition: diagram.and(not, condition)?, then, otherwise })
        }
        (
            Verdicts::Choice { condition: first, then, otherwise },
            Verdicts::Choice { condition: second, then: other_then, otherwise: other },
        ) if (other_then, other) == (then, otherwise) && is_rest(diagram, other) => {
            Ok(Verdicts::Choice { condition: diagram.choose(test, first, second)?, then, otherwise })
        }
        _ => {
            let (then, otherwise) = (force(symbols, found, then)?, force(symbols, found, otherwise)?);
            match then == otherwise {
                true => Ok(Verdicts::Known(then)),
                false => Ok(Verdicts::Choice { condition: test, then, otherwise }),
            }
        }
    }
}

/// Returns the diagram of a verdict whose bits are functions; the highest bits, `known`, are decided.
fn computed_verdict(symbols: &mut Symbols, bits: &[Node], known: u32) -> Result<Node, TooLarge> {
    let Some((&highest, rest)) = bits.split_last() else {
        return Ok(symbols.diagram.outcome(outcome(known)));
    };
    let one = known | 1 << rest.len();
    match highest {
        Node::TRUE => computed_verdict(symbols, rest, one),
        Node::FALSE => computed_verdict(symbols, rest, known),
        _ => {
            let (then, otherwise) = (computed_verdict(symbols, rest, one)?, computed_verdict(symbols, rest, known)?);
            symbols.diagram.choose(highest, then, otherwise)
        }
    }
}

/// Returns the outcome of a verdict: the number of its action, without data that the kernel ignores.
fn outcome(verdict: u32) -> u64 {
    u32::from(Action::from(verdict)).into()
}
