//! The values of registers as expressions of the words of a call.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::bpf::isa::{AluOp, Condition};
use crate::ir::hash_map::{self, HashIndex};
use crate::syscall::SeccompData;

/// The number of an expression; equal expressions have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ExpressionId(u32);

impl ExpressionId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An expression whose operands are in the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Term {
    Constant(u32),
    /// The word of `struct seccomp_data` with this index, from 0 to 15.
    Word(u8),
    Alu(AluOp, ExpressionId, ExpressionId),
    Negate(ExpressionId),
}

/// The expression has more operations than [`MAX_SIZE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// The largest number of operations and operands of an expression.
const MAX_SIZE: u32 = 200;

/// All expressions, simplified.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    /// The terms with their sizes.
    list: Vec<(Term, u32)>,
    places: HashIndex,
}

impl Expressions {
    pub(super) fn term(&self, id: ExpressionId) -> Term {
        self.list[id.index()].0
    }

    pub(super) fn as_constant(&self, id: ExpressionId) -> Option<u32> {
        match self.term(id) {
            Term::Constant(k) => Some(k),
            _ => None,
        }
    }

    fn add(&mut self, term: Term, size: u32) -> ExpressionId {
        let hash = hash_map::hash(&term);
        if let Some(place) = self.places.find(hash, |place| self.list[place].0 == term) {
            return ExpressionId(place as u32);
        }
        self.places.insert(hash, self.list.len());
        self.list.push((term, size));
        ExpressionId(self.list.len() as u32 - 1)
    }

    pub(super) fn constant(&mut self, k: u32) -> ExpressionId {
        self.add(Term::Constant(k), 1)
    }

    pub(super) fn word(&mut self, index: u8) -> ExpressionId {
        self.add(Term::Word(index), 1)
    }

    pub(super) fn negate(&mut self, operand: ExpressionId) -> Result<ExpressionId, TooLong> {
        match self.term(operand) {
            Term::Constant(k) => Ok(self.constant(k.wrapping_neg())),
            _ => self.sized(Term::Negate(operand), &[operand]),
        }
    }

    /// Returns the result of an operation in the kernel, where the count of a shift is masked. A divisor is not 0.
    pub(super) fn alu(&mut self, op: AluOp, a: ExpressionId, b: ExpressionId) -> Result<ExpressionId, TooLong> {
        if op.is_shift() && self.as_constant(b).is_none_or(|count| count > 31) {
            let mask = self.constant(31);
            let count = self.alu(AluOp::And, b, mask)?;
            return self.simplified(op, a, count);
        }
        self.simplified(op, a, b)
    }

    fn simplified(&mut self, op: AluOp, a: ExpressionId, b: ExpressionId) -> Result<ExpressionId, TooLong> {
        let constants = (self.as_constant(a), self.as_constant(b));
        if let (Some(a), Some(b)) = constants {
            if let Some(result) = op.eval(a, b) {
                return Ok(self.constant(result));
            }
        }
        match (op, constants.1) {
            (AluOp::And, Some(0)) | (AluOp::Mul, Some(0)) => return Ok(b),
            (AluOp::And, Some(u32::MAX)) | (AluOp::Mul | AluOp::Div, Some(1)) => return Ok(a),
            (AluOp::Add | AluOp::Sub | AluOp::Or | AluOp::Xor | AluOp::Lsh | AluOp::Rsh, Some(0)) => return Ok(a),
            (AluOp::And, Some(mask)) => {
                if let Term::Alu(AluOp::And, inner, other) = self.term(a) {
                    if let Some(other) = self.as_constant(other) {
                        let both = self.constant(mask & other);
                        return self.simplified(AluOp::And, inner, both);
                    }
                }
            }
            _ => {}
        }
        self.sized(Term::Alu(op, a, b), &[a, b])
    }

    fn sized(&mut self, term: Term, operands: &[ExpressionId]) -> Result<ExpressionId, TooLong> {
        let size = 1 + operands.iter().map(|operand| self.list[operand.index()].1).sum::<u32>();
        if size > MAX_SIZE { Err(TooLong) } else { Ok(self.add(term, size)) }
    }

    /// Returns an expression on its own.
    pub(super) fn tree(&self, id: ExpressionId) -> Expression {
        Expression(Box::new(match self.term(id) {
            Term::Constant(k) => Tree::Constant(k),
            Term::Word(index) => Tree::Word(index),
            Term::Alu(op, a, b) => Tree::Alu(op, self.tree(a), self.tree(b)),
            Term::Negate(operand) => Tree::Negate(self.tree(operand)),
        }))
    }

    /// Returns the expression that is 1 if a condition holds, else 0.
    pub(super) fn comparison(&self, condition: Condition, a: ExpressionId, b: ExpressionId) -> Expression {
        Expression(Box::new(Tree::Compare(condition, self.tree(a), self.tree(b))))
    }
}

/// A number that a filter computes from a call, in 32 bits.
///
/// It prints as in C, with `data[4]` for the word at offset 4 of `struct seccomp_data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Box<Tree>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Constant(u32),
    Word(u8),
    Alu(AluOp, Expression, Expression),
    Negate(Expression),
    Compare(Condition, Expression, Expression),
}

impl Expression {
    /// Returns the number for a call, or `None` after a division by zero.
    pub fn eval(&self, data: &SeccompData) -> Option<u32> {
        self.of_words(&words(data))
    }

    pub(super) fn of_words(&self, words: &[u32; 16]) -> Option<u32> {
        Some(match &*self.0 {
            Tree::Constant(k) => *k,
            Tree::Word(index) => words[usize::from(*index) % 16],
            Tree::Alu(op, a, b) => op.eval(a.of_words(words)?, b.of_words(words)?)?,
            Tree::Negate(operand) => operand.of_words(words)?.wrapping_neg(),
            Tree::Compare(condition, a, b) => u32::from(condition.eval(a.of_words(words)?, b.of_words(words)?)),
        })
    }
}

/// Returns the words of a call as a filter loads them.
pub(super) fn words(data: &SeccompData) -> [u32; 16] {
    let bytes = data.to_bytes();
    core::array::from_fn(|index| u32::from_ne_bytes(core::array::from_fn(|byte| bytes[4 * index + byte])))
}

/// Returns the call with these words.
pub(super) fn call(words: &[u32; 16]) -> SeccompData {
    let mut bytes = [0; 64];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    SeccompData::from_bytes(&bytes)
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Tree::Constant(k @ 0..=9) => write!(f, "{k}"),
            Tree::Constant(k) => write!(f, "{k:#x}"),
            Tree::Word(index) => write!(f, "data[{}]", 4 * index),
            Tree::Alu(op, a, b) => write!(f, "({a} {} {b})", op.symbol()),
            Tree::Negate(operand) => write!(f, "-{operand}"),
            Tree::Compare(Condition::BitsSet, a, b) => write!(f, "(({a} & {b}) != 0)"),
            Tree::Compare(Condition::BitsNotSet, a, b) => write!(f, "(({a} & {b}) == 0)"),
            Tree::Compare(condition, a, b) => write!(f, "({a} {} {b})", condition.symbol()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simplifies_and_prints() {
        let mut all = Expressions::default();
        let [word, three, low] = [all.word(4), all.constant(3), all.constant(0xff)];
        let masked = all.alu(AluOp::And, word, low).unwrap();
        assert_eq!(all.alu(AluOp::And, masked, three), all.alu(AluOp::And, word, three));
        let shifted = all.alu(AluOp::Lsh, masked, word).unwrap();
        assert_eq!(all.tree(shifted).to_string(), "((data[16] & 0xff) << (data[16] & 0x1f))");
        let zero = all.constant(0);
        assert_eq!(all.alu(AluOp::And, word, zero), Ok(zero));
        let divided = all.alu(AluOp::Div, three, word).unwrap();
        let mut data = SeccompData { arch: crate::syscall::Arch::X86_64, ..SeccompData::default() };
        assert_eq!(all.tree(divided).eval(&data), None);
        data.args[0] = 2;
        assert_eq!(all.tree(divided).eval(&data), Some(1));
        let grown = (0..20).try_fold(word, |sum, _| all.alu(AluOp::Add, sum, sum));
        assert_eq!(grown, Err(TooLong));
    }
}
