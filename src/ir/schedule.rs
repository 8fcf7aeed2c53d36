//! Where values are computed: in the block that first needs them, just before, and once on a path from block to block.

use crate::ir::dominators::{Dominators, Visit};
use crate::ir::{Block, BlockId, Check, Edge, End, Graph, Value, ValueId};
use crate::packet::ancillary::Extension;

/// What every block does, in order.
///
/// In the order of [`Schedule::blocks`], the place where a value was last computed is the one that holds.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The blocks, each behind those that dominate it.
    pub(crate) order: Vec<BlockId>,
    steps: Vec<Vec<Step>>,
}

/// One thing that a block does before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Computes a value.
    Define(ValueId),
    /// Ends the program unless this holds.
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
                    schedule.steps[id.index()] = std::mem::take(&mut scheduler.steps);
                }
                Visit::Leave(id) => scheduler.forget(&schedule.steps[id.index()]),
            }
        }
        schedule
    }

    /// What a block does.
    pub(crate) fn steps(&self, block: BlockId) -> &[Step] {
        &self.steps[block.index()]
    }
}

struct Scheduler<'g> {
    graph: &'g Graph,
    /// Whether the block at hand, or one that dominates it, has computed a value.
    is_computed: Vec<bool>,
    steps: Vec<Step>,
}

impl Scheduler<'_> {
    fn block(&mut self, block: &Block) {
        for &check in &block.checks {
            check.values().for_each(|value| self.compute(value));
            self.steps.push(Step::Check(check));
        }
        match &block.end {
            End::Return(value) => self.compute(*value),
            End::Jump(edge) => self.edge(edge),
            End::Branch { test, then, otherwise } => {
                test.values().for_each(|value| self.compute(value));
                self.edge(then);
                self.edge(otherwise);
            }
        }
    }

    fn edge(&mut self, edge: &Edge) {
        edge.arguments.iter().for_each(|&argument| self.compute(argument));
    }

    /// Computes a value behind its operands; a stack of our own, since expressions can be as long as programs.
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
    /// Whether it takes an instruction; constants and parameters are there already.
    pub(crate) fn is_computed(self) -> bool {
        !matches!(self, Value::Constant(_) | Value::Parameter(_))
    }

    /// Whether it takes a call: it looks into the packet as far as it must.
    pub(crate) fn is_call(self) -> bool {
        matches!(self, Value::Find(..) | Value::Ancillary(Extension::PayloadOffset))
    }
}

impl Check {
    /// The values that are asked about.
    pub(crate) fn values(self) -> impl Iterator<Item = ValueId> {
        match self {
            Check::InBounds(address, _) => address.base,
            Check::NonZero(value) => Some(value),
            // The verdict is needed only if the check fails, but then at once.
            Check::Present(_, verdict) => Some(verdict),
        }
        .into_iter()
    }
}
