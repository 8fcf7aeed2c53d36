//! What is known of a number before it is computed: its value, or how many scratch words it needs.

use crate::bpf::isa::AluOp;
use crate::lang::generate::Message;
use crate::lang::tree::{Arithmetic, Step, beginnings};

/// What a step comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Its value, if that is known.
    pub(super) constant: Option<u32>,
    /// How many scratch words are in use at most while it is computed.
    pub(super) slots: u8,
}

/// An expression with what is known of each step.
pub(super) struct Plan<'a> {
    pub(super) steps: &'a [Step],
    pub(super) beginnings: Vec<usize>,
    pub(super) costs: Vec<Cost>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(arithmetic: &'a Arithmetic) -> Result<Plan<'a>, Message> {
        let steps = &arithmetic.steps;
        let beginnings = beginnings(steps.iter().map(|step| step.operands()));
        let mut plan = Plan { steps, beginnings, costs: Vec::with_capacity(steps.len()) };
        for step in 0..steps.len() {
            let cost = plan.cost(step)?;
            plan.costs.push(cost);
        }
        Ok(plan)
    }

    pub(super) fn root(&self) -> usize {
        self.steps.len() - 1
    }

    pub(super) fn constant(&self) -> Option<u32> {
        self.costs[self.root()].constant
    }

    /// The operands of the binary operator that a step is.
    pub(super) fn operands(&self, step: usize) -> (usize, usize) {
        (self.beginnings[step - 1] - 1, step - 1)
    }

    fn cost(&self, step: usize) -> Result<Cost, Message> {
        let constant = |value| Cost { constant: Some(value), slots: 0 };
        Ok(match self.steps[step] {
            Step::Number(number) => constant(number),
            Step::Length => Cost { constant: None, slots: 0 },
            Step::Negate => {
                let operand = self.costs[step - 1];
                Cost { constant: operand.constant.map(u32::wrapping_neg), ..operand }
            }
            // An index behind a header of variable length waits for that in a scratch word.
            Step::Load(..) => Cost { constant: None, slots: self.costs[step - 1].slots.max(1) },
            Step::Binary(op) => {
                let (left, right) = self.operands(step);
                let (left, right) = (self.costs[left], self.costs[right]);
                check(op, right.constant)?;
                if let (Some(left), Some(right)) = (left.constant, right.constant) {
                    return Ok(constant(op.eval(left, right).unwrap_or(0)));
                }
                // Nothing of what is masked out is looked at.
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

/// What an operator refuses on its right side.
fn check(op: AluOp, right: Option<u32>) -> Result<(), Message> {
    match right {
        Some(0) if op.is_division() => Err("expected no division by zero".to_owned()),
        Some(count @ 32..) if op.is_shift() => Err(format!("expected a shift by at most 31 bits, found `{count}`")),
        _ => Ok(()),
    }
}

pub(super) fn is_commutative(op: AluOp) -> bool {
    matches!(op, AluOp::Add | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor)
}
