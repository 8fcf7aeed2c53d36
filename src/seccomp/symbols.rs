//! The variables of diagrams: the bits of the words of a call, and of the values that a diagram cannot express.
//!
//! Invariants
//! - A word has 32 variables in a row, the highest bit first. The architecture comes first, then the number, the
//!   arguments with their second words first, and the instruction pointer.
//! - A value that would make the diagram too large, such as a product of two words, is *opaque*: it has variables of its
//!   own, behind those of all words. Equal functions of calls may then be different nodes, but equal nodes are equal
//!   functions.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition};
use crate::ir::hash_map::HashMap;
use crate::seccomp::diagram::{Diagram, Node, TooLarge};
use crate::seccomp::expression::{Expression, ExpressionId, Expressions, Term};

/// The word at each rank, in the order of the variables.
pub(super) const WORD_OF_RANK: [u8; 16] = [1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 3, 2];

/// The ranks of the architecture and of the number.
pub(super) const ARCH: u32 = 0;
pub(super) const NR: u32 = 1;

/// The number of words, and the first rank of opaque values.
pub(super) const WORDS: u32 = 16;

/// The largest number of opaque values.
const MAX_OPAQUE: usize = 64;

/// The steps that one operation or test may take before it becomes opaque.
const STEPS_OF_VALUE: usize = 20_000;

/// A value with variables of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Opaque {
    Value(ExpressionId),
    /// A test, with one variable.
    Test(Condition, ExpressionId, ExpressionId),
}

/// A diagram, and what its variables mean.
#[derive(Debug)]
pub(super) struct Symbols {
    pub(super) diagram: Diagram,
    pub(super) expressions: Expressions,
    /// The bits of each expression, the lowest first.
    bits: HashMap<ExpressionId, [Node; 32]>,
    tests: HashMap<(Condition, ExpressionId, ExpressionId), Node>,
    opaque: Vec<Opaque>,
}

/// Returns the first variable of a rank.
pub(super) fn first_variable(rank: u32) -> u32 {
    32 * rank
}

/// Returns the rank of a word.
fn rank_of(word: u8) -> u32 {
    WORD_OF_RANK.iter().position(|&other| other == word).unwrap_or(0) as u32
}

impl Symbols {
    pub(super) fn new(steps: usize) -> Symbols {
        Symbols {
            diagram: Diagram::new(steps),
            expressions: Expressions::default(),
            bits: HashMap::default(),
            tests: HashMap::default(),
            opaque: Vec::new(),
        }
    }

    /// Returns the opaque value of a rank.
    pub(super) fn opaque(&self, rank: u32) -> Option<Opaque> {
        self.opaque.get(rank.checked_sub(WORDS)? as usize).copied()
    }

    /// Returns the opaque value of a rank as a tree.
    pub(super) fn opaque_tree(&self, rank: u32) -> Option<Expression> {
        Some(match self.opaque(rank)? {
            Opaque::Value(value) => self.expressions.tree(value),
            Opaque::Test(condition, a, b) => self.expressions.comparison(condition, a, b),
        })
    }

    /// Returns the bits of an opaque value, the lowest first; a test has one.
    fn opaque_bits(&mut self, value: Opaque) -> Result<[Node; 32], TooLarge> {
        let place = match self.opaque.iter().position(|&other| other == value) {
            Some(place) => place,
            None if self.opaque.len() == MAX_OPAQUE => return Err(TooLarge),
            None => {
                self.opaque.push(value);
                self.opaque.len() - 1
            }
        };
        Ok(self.bits_of_rank(WORDS + place as u32))
    }

    fn bits_of_rank(&mut self, rank: u32) -> [Node; 32] {
        core::array::from_fn(|bit| self.diagram.branch(first_variable(rank) + 31 - bit as u32, Node::FALSE, Node::TRUE))
    }

    /// Calls `attempt` with a limit on its steps; `None` if it takes more.
    fn within_limit<T>(
        &mut self,
        attempt: impl FnOnce(&mut Symbols) -> Result<T, TooLarge>,
    ) -> Result<Option<T>, TooLarge> {
        let before = self.diagram.steps_left();
        let granted = before.min(STEPS_OF_VALUE);
        self.diagram.set_steps_left(granted);
        let result = attempt(self);
        let left = before - (granted - self.diagram.steps_left());
        self.diagram.set_steps_left(left);
        match result {
            Ok(result) => Ok(Some(result)),
            Err(TooLarge) if left > 0 => Ok(None),
            Err(TooLarge) => Err(TooLarge),
        }
    }

    /// Returns the bits of an expression, the lowest first.
    pub(super) fn bits(&mut self, id: ExpressionId) -> Result<[Node; 32], TooLarge> {
        if let Some(&bits) = self.bits.get(&id) {
            return Ok(bits);
        }
        let bits = match self.expressions.term(id) {
            Term::Constant(k) => constant_bits(k),
            Term::Word(word) => self.bits_of_rank(rank_of(word)),
            Term::Negate(operand) => {
                let operand = self.bits(operand)?;
                self.within_limit(|symbols| symbols.difference(constant_bits(0), operand))?
                    .map_or_else(|| self.opaque_bits(Opaque::Value(id)), Ok)?
            }
            Term::Alu(op, a, b) => {
                let (left, right) = (self.bits(a)?, self.bits(b)?);
                let k = self.expressions.as_constant(b);
                self.within_limit(|symbols| symbols.alu_bits(op, left, right, k))?
                    .flatten()
                    .map_or_else(|| self.opaque_bits(Opaque::Value(id)), Ok)?
            }
        };
        self.bits.insert(id, bits);
        Ok(bits)
    }

    /// Returns the bits of a result, or `None` if the operation is always opaque.
    fn alu_bits(
        &mut self,
        op: AluOp,
        a: [Node; 32],
        b: [Node; 32],
        k: Option<u32>,
    ) -> Result<Option<[Node; 32]>, TooLarge> {
        let shift_left =
            |count: usize| core::array::from_fn(|bit| bit.checked_sub(count).map_or(Node::FALSE, |bit| a[bit]));
        let shift_right = |count: usize| core::array::from_fn(|bit| a.get(bit + count).copied().unwrap_or(Node::FALSE));
        let mut result = [Node::FALSE; 32];
        match (op, k) {
            (AluOp::And | AluOp::Or | AluOp::Xor, _) => {
                for (result, (a, b)) in result.iter_mut().zip(a.into_iter().zip(b)) {
                    *result = match op {
                        AluOp::And => self.diagram.and(a, b)?,
                        AluOp::Or => self.diagram.or(a, b)?,
                        _ => self.exclusive(a, b)?,
                    };
                }
                Ok(Some(result))
            }
            (AluOp::Add, _) => self.sum(a, b, Node::FALSE).map(Some),
            (AluOp::Sub, _) => self.difference(a, b).map(Some),
            (AluOp::Lsh, Some(count)) => Ok(Some(shift_left(count as usize))),
            (AluOp::Rsh, Some(count)) => Ok(Some(shift_right(count as usize))),
            (AluOp::Mul, Some(k)) if k.is_power_of_two() => Ok(Some(shift_left(k.trailing_zeros() as usize))),
            (AluOp::Div, Some(k)) if k.is_power_of_two() => Ok(Some(shift_right(k.trailing_zeros() as usize))),
            (AluOp::Mod, Some(k)) if k.is_power_of_two() => {
                let kept = k.trailing_zeros() as usize;
                result[..kept].copy_from_slice(&a[..kept]);
                Ok(Some(result))
            }
            _ => Ok(None),
        }
    }

    fn exclusive(&mut self, a: Node, b: Node) -> Result<Node, TooLarge> {
        let not_b = self.diagram.not(b)?;
        self.diagram.choose(a, not_b, b)
    }

    fn sum(&mut self, a: [Node; 32], b: [Node; 32], mut carry: Node) -> Result<[Node; 32], TooLarge> {
        let mut result = [Node::FALSE; 32];
        for (result, (a, b)) in result.iter_mut().zip(a.into_iter().zip(b)) {
            let either = self.exclusive(a, b)?;
            *result = self.exclusive(either, carry)?;
            carry = self.diagram.choose(either, carry, a)?;
        }
        Ok(result)
    }

    fn difference(&mut self, a: [Node; 32], b: [Node; 32]) -> Result<[Node; 32], TooLarge> {
        let mut inverse = [Node::FALSE; 32];
        for (inverse, b) in inverse.iter_mut().zip(b) {
            *inverse = self.diagram.not(b)?;
        }
        self.sum(a, inverse, Node::TRUE)
    }

    /// Returns the calls for which a test holds.
    pub(super) fn test(&mut self, condition: Condition, a: ExpressionId, b: ExpressionId) -> Result<Node, TooLarge> {
        if let Some(&known) = self.tests.get(&(condition, a, b)) {
            return Ok(known);
        }
        let (left, right) = (self.bits(a)?, self.bits(b)?);
        let result = match self.within_limit(|symbols| symbols.compare(condition, left, right))? {
            Some(result) => result,
            None => self.opaque_bits(Opaque::Test(condition, a, b))?[31],
        };
        self.tests.insert((condition, a, b), result);
        Ok(result)
    }

    fn compare(&mut self, condition: Condition, a: [Node; 32], b: [Node; 32]) -> Result<Node, TooLarge> {
        let mut result = match condition {
            Condition::Equal | Condition::NotEqual => Node::TRUE,
            Condition::GreaterOrEqual | Condition::Less => Node::TRUE,
            _ => Node::FALSE,
        };
        for (a, b) in a.into_iter().zip(b) {
            let [if_one, if_zero] = match condition {
                Condition::Equal | Condition::NotEqual => [self.diagram.and(b, result)?, {
                    let not_b = self.diagram.not(b)?;
                    self.diagram.and(not_b, result)?
                }],
                Condition::BitsSet | Condition::BitsNotSet => [self.diagram.or(b, result)?, result],
                // Greater, or at least as large: the higher bits decide first.
                _ => [self.diagram.choose(b, result, Node::TRUE)?, self.diagram.choose(b, Node::FALSE, result)?],
            };
            result = self.diagram.choose(a, if_one, if_zero)?;
        }
        match condition {
            Condition::NotEqual | Condition::LessOrEqual | Condition::Less | Condition::BitsNotSet => {
                self.diagram.not(result)
            }
            _ => Ok(result),
        }
    }
}

fn constant_bits(k: u32) -> [Node; 32] {
    core::array::from_fn(|bit| if k >> bit & 1 == 1 { Node::TRUE } else { Node::FALSE })
}
