//! Anticipated loads: those that every path from a point makes.
//!
//! A load checks its own bounds. So a check is superfluous at a point from which every path either returns 0, or makes
//! a load that would fail as well before anything else can be observed. The same holds for divisions.

use alloc::vec::Vec;

use crate::emit::check_set::CheckSet;
use crate::ir::{Block, Check, Edge, Graph, Terminator, Test, Value};
use crate::opt::dataflow::meet_of_edges;

/// The checks that are made from each point on by loads and divisions; `None` where every path returns 0.
#[derive(Debug)]
pub(crate) struct AnticipatedLoads {
    of_values: Vec<CheckSet>,
    of_blocks: Vec<Option<CheckSet>>,
}

impl AnticipatedLoads {
    pub(crate) fn of(graph: &Graph) -> AnticipatedLoads {
        let mut anticipated =
            AnticipatedLoads { of_values: of_values(graph), of_blocks: vec![None; graph.blocks.len()] };
        for (index, block) in graph.blocks.iter().enumerate().rev() {
            anticipated.of_blocks[index] = anticipated.at_checks(graph, block).swap_remove(0);
        }
        anticipated
    }

    /// Returns what is anticipated before each check of a block, in order, and after the last.
    pub(crate) fn at_checks(&self, graph: &Graph, block: &Block) -> Vec<Option<CheckSet>> {
        let mut anticipated = self.at_terminator(graph, &block.terminator);
        let mut points = vec![anticipated.clone()];
        for &check in block.checks.iter().rev() {
            if let Check::Present(_, verdict) = check {
                if graph.constant(verdict) != Some(0) {
                    // If the device is absent, its verdict is observed. It is computed only if nothing implies the
                    // check.
                    anticipated = Some(CheckSet::default());
                }
            }
            points.push(anticipated.clone());
        }
        points.reverse();
        points
    }

    fn at_terminator(&self, graph: &Graph, terminator: &Terminator) -> Option<CheckSet> {
        match terminator {
            Terminator::Return(verdict) if graph.constant(*verdict) == Some(0) => None,
            Terminator::Return(verdict) => Some(self.of_values[verdict.index()].clone()),
            Terminator::Jump(_) | Terminator::Branch { .. } => {
                let mut anticipated = meet_of_edges(terminator, |edge| self.on_edge(edge), CheckSet::meet)?;
                let tested = terminator.test().into_iter().flat_map(Test::values);
                tested.for_each(|value| anticipated.join(&self.of_values[value.index()]));
                Some(anticipated)
            }
        }
    }

    fn on_edge(&self, edge: &Edge) -> Option<CheckSet> {
        let mut anticipated = self.of_blocks[edge.block.index()].clone()?;
        edge.arguments.iter().for_each(|argument| anticipated.join(&self.of_values[argument.index()]));
        Some(anticipated)
    }
}

/// Returns the checks that the computation of each value makes.
fn of_values(graph: &Graph) -> Vec<CheckSet> {
    let mut of_values: Vec<CheckSet> = Vec::with_capacity(graph.values.len());
    for id in graph.values.ids() {
        let mut checks = CheckSet::default();
        // A conditional value computes one of its operands only.
        if !matches!(graph.value(id), Value::Select(..)) {
            graph.values.operands(id).for_each(|operand| checks.join(&of_values[operand.index()]));
        }
        match graph.value(id) {
            Value::Load(address, width, _) => checks.insert(Check::InBounds(address, width)),
            Value::Alu(op, _, divisor) if op.is_division() && graph.values.known(divisor).min == 0 => {
                checks.insert(Check::NonZero(divisor));
            }
            _ => {}
        }
        of_values.push(checks);
    }
    of_values
}
