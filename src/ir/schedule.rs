//! Scheduling: a value is computed in the first block that needs it, just before its use, and once on each path.

use alloc::vec::Vec;

use crate::ir::dominators::{Dominators, Visit};
use crate::ir::{Block, BlockId, Check, Edge, Graph, Terminator, Value, ValueId};
use crate::packet::ancillary::Extension;

/// The steps of every block, in order.
///
/// In the order of [`Schedule::order`], the last computation of a value is the one that dominates its uses.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The blocks, each after those that dominate it.
    pub(crate) order: Vec<BlockId>,
    steps: Vec<Vec<Step>>,
}

/// A step of a block before its terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Computes a value.
    Define(ValueId),
    /// Ends the program if the check fails.
    Check(Check),
}

impl Schedule {
    pub(crate) fn of(graph: &Graph) -> Schedule {
        let mut scheduler = Scheduler { graph, is_computed: vec![false; graph.values.len()], steps: Vec::new() };
        let mut schedule = Schedule { order: Vec::new(), steps: vec![Vec::new(); graph.blocks.len()] };
        for visit in Dominators::of(graph).walk() {
            match visit {
                Visit::Enter(id) => {
                    schedule.order.push(id);
                    scheduler.block(graph.block(id));
                    schedule.steps[id.index()] = core::mem::take(&mut scheduler.steps);
                }
                Visit::Leave(id) => scheduler.forget(&schedule.steps[id.index()]),
            }
        }
        schedule
    }

    /// Returns the steps of a block.
    pub(crate) fn steps(&self, block: BlockId) -> &[Step] {
        &self.steps[block.index()]
    }
}

struct Scheduler<'g> {
    graph: &'g Graph,
    /// Marks the values that this block, or one that dominates it, has computed.
    is_computed: Vec<bool>,
    steps: Vec<Step>,
}

impl Scheduler<'_> {
    fn block(&mut self, block: &Block) {
        for &check in &block.checks {
            check.values().for_each(|value| self.compute(value));
            self.steps.push(Step::Check(check));
        }
        match &block.terminator {
            Terminator::Return(value) => self.compute(*value),
            Terminator::Jump(edge) => self.edge(edge),
            Terminator::Branch { test, then, otherwise } => {
                test.values().for_each(|value| self.compute(value));
                self.edge(then);
                self.edge(otherwise);
            }
        }
    }

    fn edge(&mut self, edge: &Edge) {
        edge.arguments.iter().for_each(|&argument| self.compute(argument));
    }

    /// Computes a value after its operands, without recursion: expressions can be as deep as programs are long.
    fn compute(&mut self, id: ValueId) {
        let mut open = vec![(id, false)];
        while let Some((id, has_operands)) = open.pop() {
            if self.is_computed[id.index()] || !self.graph.value(id).is_computed() {
                continue;
            }
            if has_operands {
                self.is_computed[id.index()] = true;
                self.steps.push(Step::Define(id));
            } else {
                open.push((id, true));
                let from = open.len();
                open.extend(self.graph.values.operands(id).map(|operand| (operand, false)));
                open[from..].reverse();
            }
        }
    }

    fn forget(&mut self, steps: &[Step]) {
        for step in steps {
            if let Step::Define(id) = step {
                self.is_computed[id.index()] = false;
            }
        }
    }
}

impl Value {
    /// Returns whether the value takes instructions; constants and parameters do not.
    pub(crate) fn is_computed(self) -> bool {
        !matches!(self, Value::Constant(_) | Value::Open(_) | Value::Parameter(_))
    }

    /// Returns whether the value takes a call that searches the packet.
    pub(crate) fn is_call(self) -> bool {
        matches!(self, Value::FindAttribute(..) | Value::Ancillary(Extension::PayloadOffset))
    }
}

impl Check {
    /// Returns the values that are checked.
    pub(crate) fn values(self) -> impl Iterator<Item = ValueId> {
        match self {
            Check::InBounds(address, _) => address.base,
            Check::NonZero(value) => Some(value),
            // The verdict if the check fails.
            Check::Present(_, verdict) => Some(verdict),
        }
        .into_iter()
    }
}
