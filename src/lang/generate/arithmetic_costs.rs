//! The cost of arithmetic: the value of constant steps, and the number of scratch words that other steps need.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::isa::AluOp;
use crate::lang::generate::Result;
use crate::lang::positions::Site;
use crate::lang::tree::{Arithmetic, Step, postfix_starts};

/// The cost of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// The value of a constant step, which costs nothing.
    pub(super) constant: Option<u32>,
    /// The largest number of scratch words that are in use while it is computed.
    pub(super) slots: u8,
}

/// Arithmetic with the cost of each step.
pub(super) struct CostedArithmetic<'a> {
    pub(super) steps: &'a [Step],
    pub(super) starts: Vec<usize>,
    pub(super) costs: Vec<Cost>,
}

impl<'a> CostedArithmetic<'a> {
    /// Computes the costs; `first` is the number of steps before these ones in their relation.
    pub(super) fn new(arithmetic: &'a Arithmetic, first: usize) -> Result<CostedArithmetic<'a>> {
        let steps = &arithmetic.steps;
        let starts = postfix_starts(steps.iter().map(|step| step.operands()));
        let mut costed = CostedArithmetic { steps, starts, costs: Vec::with_capacity(steps.len()) };
        for step in 0..steps.len() {
            let cost = costed.cost(step).map_err(|(step, message)| Site::Operand(first + step).error(message))?;
            costed.costs.push(cost);
        }
        Ok(costed)
    }

    pub(super) fn root(&self) -> usize {
        self.steps.len() - 1
    }

    pub(super) fn constant(&self) -> Option<u32> {
        self.costs[self.root()].constant
    }

    /// Returns the operands of a step that is a binary operator.
    pub(super) fn operands(&self, step: usize) -> (usize, usize) {
        (self.starts[step - 1] - 1, step - 1)
    }

    /// Returns the cost of a step; an error has the step that is invalid.
    fn cost(&self, step: usize) -> Result<Cost, (usize, String)> {
        let constant = |value| Cost { constant: Some(value), slots: 0 };
        Ok(match self.steps[step] {
            Step::Number(number) => constant(number),
            Step::Length => Cost { constant: None, slots: 0 },
            Step::Negate => {
                let operand = self.costs[step - 1];
                Cost { constant: operand.constant.map(u32::wrapping_neg), ..operand }
            }
            // An index after a header of variable length is stored while the length is loaded.
            Step::Load(..) => Cost { constant: None, slots: self.costs[step - 1].slots.max(1) },
            Step::Binary(op) => {
                let (left, right) = self.operands(step);
                let right_start = self.starts[right];
                let (left, right) = (self.costs[left], self.costs[right]);
                check(op, right.constant).map_err(|message| (right_start, message))?;
                if let (Some(left), Some(right)) = (left.constant, right.constant) {
                    return Ok(constant(op.eval(left, right).unwrap_or(0)));
                }
                // `x & 0` does not load x.
                if op == AluOp::And && [left.constant, right.constant].contains(&Some(0)) {
                    return Ok(constant(0));
                }
                let is_free = right.constant.is_some() || left.constant.is_some() && is_commutative(op);
                let (more, less) = (left.slots.max(right.slots), left.slots.min(right.slots));
                Cost { constant: None, slots: if is_free { more } else { more.max(less.saturating_add(1)) } }
            }
        })
    }
}

/// Checks the right operand of an operator.
fn check(op: AluOp, right: Option<u32>) -> Result<(), String> {
    match right {
        Some(0) if op.is_division() => Err("expected no division by zero".into()),
        Some(count @ 32..) if op.is_shift() => Err(format!("expected a shift by at most 31 bits, found `{count}`")),
        _ => Ok(()),
    }
}

pub(super) fn is_commutative(op: AluOp) -> bool {
    matches!(op, AluOp::Add | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor)
}
