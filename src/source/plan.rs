//! What is written where: the steps of each block, the values that are needed, and the blocks that have labels.

use alloc::vec::Vec;

use crate::ir::dominators::{Dominators, Visit};
use crate::ir::{
    self, Address, BlockId, Check, ContextInputs, Graph, MemberSetId, Schedule, Terminator, Test, Value, ValueId,
};

/// A step of a block before its terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Computes a value.
    Define(ValueId),
    /// Ends the program if the check fails.
    Check(Check),
    /// Makes the bytes from a base up to this distance available to the loads from it; they are in bounds.
    Reach(ValueId, u64),
}

/// The part of a block that other blocks see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything: variables belong to the function.
    Function,
    /// A block with a label sees nothing of its dominator, but what is before that; other blocks see everything.
    Labels,
    /// Nothing.
    Block,
}

/// The plan of a function.
pub(super) struct Plan {
    /// The steps of each block.
    pub(super) steps: Vec<Vec<Step>>,
    /// The blocks that only return a constant, with it; edges return it, and the blocks are left out.
    pub(super) verdicts: Vec<Option<u32>>,
    /// Marks blocks with several predecessors, which are not left out.
    pub(super) is_join: Vec<bool>,
    pub(super) dominators: Dominators,
    /// Marks the values that have an effect on the verdict.
    pub(super) is_live: Vec<bool>,
    /// The number of times that each value is written, if it is written where it is used.
    uses: Vec<u32>,
    /// The only block that uses a value; `None` if there are several.
    homes: Vec<Option<BlockId>>,
    /// The sets that are tested, each once.
    pub(super) sets: Vec<MemberSetId>,
    /// The bases from which loads count, each once.
    pub(super) bases: Vec<ValueId>,
    pub(super) inputs: ContextInputs,
}

impl Plan {
    pub(super) fn of(graph: &Graph, scope: Scope) -> Plan {
        let predecessors = graph.predecessor_counts();
        let verdicts: Vec<Option<u32>> = (0..graph.blocks.len()).map(|index| constant_verdict(graph, index)).collect();
        let is_join = |index: usize| predecessors[index] > 1 && verdicts[index].is_none();
        let mut plan = Plan {
            steps: vec![Vec::new(); graph.blocks.len()],
            is_join: (0..graph.blocks.len()).map(is_join).collect(),
            verdicts,
            dominators: Dominators::of(graph),
            is_live: live(graph),
            uses: vec![0; graph.values.len()],
            homes: vec![None; graph.values.len()],
            sets: Vec::new(),
            bases: Vec::new(),
            inputs: ContextInputs::default(),
        };
        plan.inputs = inputs(graph, &plan.is_live);
        plan.schedule(graph, scope);
        for index in 0..graph.blocks.len() {
            plan.count(graph, BlockId::new(index));
        }
        plan.sets.sort_unstable();
        plan.sets.dedup();
        plan.bases.sort_unstable();
        plan.bases.dedup();
        plan
    }

    /// Returns whether a value is written where it is used: it has one use, and that is in the block that computes it.
    pub(super) fn is_inline(&self, id: ValueId) -> bool {
        self.uses[id.index()] == 1
    }

    /// Returns whether blocks other than this one use a value.
    pub(super) fn is_used_outside(&self, id: ValueId, block: BlockId) -> bool {
        self.homes[id.index()] != Some(block)
    }

    /// Fills the steps: those of the schedule that are needed, and what loads need beside the checks of the graph.
    fn schedule(&mut self, graph: &Graph, scope: Scope) {
        let schedule = Schedule::of(graph);
        let mut reached = Reached::default();
        for visit in self.dominators.walk() {
            match visit {
                Visit::Leave(_) => reached.leave(),
                Visit::Enter(id) => {
                    reached.enter(scope, self.is_join[id.index()]);
                    let steps = &mut self.steps[id.index()];
                    for &step in schedule.steps(id) {
                        match step {
                            ir::Step::Check(check) => {
                                if let Check::InBounds(Address { base: Some(base), .. }, _) = check {
                                    reached.add(base, check_end(check));
                                }
                                steps.push(Step::Check(check));
                            }
                            ir::Step::Define(value) if self.is_live[value.index()] => {
                                if let Value::Load(address @ Address { base: Some(base), .. }, width, _) =
                                    graph.value(value)
                                {
                                    if reached.add(base, address.end(width)) {
                                        steps.push(Step::Reach(base, address.end(width)));
                                    }
                                }
                                steps.push(Step::Define(value));
                            }
                            ir::Step::Define(_) => {}
                        }
                    }
                }
            }
        }
    }

    /// Counts the uses in a block.
    fn count(&mut self, graph: &Graph, id: BlockId) {
        let block = graph.block(id);
        for step in core::mem::take(&mut self.steps[id.index()]) {
            match step {
                Step::Define(value) => self.count_operands(graph, value, id),
                Step::Check(Check::InBounds(Address { base, .. }, _)) => self.count_base(base, id),
                Step::Check(Check::NonZero(value) | Check::Present(_, value)) => self.add(value, 1, id),
                Step::Reach(base, _) => self.count_base(Some(base), id),
            }
            self.steps[id.index()].push(step);
        }
        if let Terminator::Return(verdict) = block.terminator {
            self.add(verdict, 1, id);
        }
        block.terminator.test().iter().for_each(|&test| self.count_test(test, id));
        for edge in block.terminator.edges() {
            let parameters = &graph.block(edge.block).parameters;
            for (parameter, &argument) in parameters.iter().zip(&edge.arguments) {
                if self.is_live[parameter.index()] {
                    self.add(argument, 1, id);
                }
            }
        }
    }

    fn count_operands(&mut self, graph: &Graph, value: ValueId, block: BlockId) {
        match graph.value(value) {
            Value::Select(test, yes, no) => {
                self.count_test(test, block);
                [yes, no].iter().for_each(|&id| self.add(id, 1, block));
            }
            Value::Alu(op, left, right) => {
                let is_written_twice = op.is_shift() && graph.values.known(right).max >= 32;
                self.add(left, 1, block);
                self.add(right, if is_written_twice { 2 } else { 1 }, block);
            }
            Value::Load(Address { base, .. }, ..) => self.count_base(base, block),
            _ => graph.values.operands(value).for_each(|operand| self.add(operand, 1, block)),
        }
    }

    fn count_test(&mut self, test: Test, block: BlockId) {
        match test {
            Test::Compare(_, left, right) => [left, right].iter().for_each(|&id| self.add(id, 1, block)),
            Test::Member(value, set) => {
                self.sets.push(set);
                self.add(value, 2, block);
            }
            Test::InBounds(Address { base, .. }, _) => self.count_base(base, block),
        }
    }

    /// Counts the use of a base, which is always a variable.
    fn count_base(&mut self, base: Option<ValueId>, block: BlockId) {
        self.bases.extend(base);
        base.iter().for_each(|&base| self.add(base, 2, block));
    }

    fn add(&mut self, id: ValueId, uses: u32, block: BlockId) {
        let (count, home) = (&mut self.uses[id.index()], &mut self.homes[id.index()]);
        *home = if *count == 0 || *home == Some(block) { Some(block) } else { None };
        *count = count.saturating_add(uses);
    }
}

/// Returns the distance from the base to the end of a load that is checked; 0 for other checks.
pub(super) fn check_end(check: Check) -> u64 {
    match check {
        Check::InBounds(address, width) => address.end(width),
        Check::NonZero(_) | Check::Present(..) => 0,
    }
}

/// Returns the constant that a block returns, if it does nothing else.
fn constant_verdict(graph: &Graph, index: usize) -> Option<u32> {
    let block = &graph.blocks[index];
    match block.terminator {
        Terminator::Return(verdict) if block.checks.is_empty() && index > 0 => graph.constant(verdict),
        _ => None,
    }
}

/// Marks the values that the verdict depends on.
fn live(graph: &Graph) -> Vec<bool> {
    // The arguments of each parameter.
    let mut arguments: Vec<Vec<ValueId>> = vec![Vec::new(); graph.values.len()];
    let mut rest = Vec::new();
    for block in &graph.blocks {
        rest.extend(block.checks.iter().flat_map(|check| check.values()));
        rest.extend(block.terminator.test().into_iter().flat_map(Test::values));
        if let Terminator::Return(verdict) = block.terminator {
            rest.push(verdict);
        }
        for edge in block.terminator.edges() {
            let parameters = &graph.block(edge.block).parameters;
            for (parameter, &argument) in parameters.iter().zip(&edge.arguments) {
                arguments[parameter.index()].push(argument);
            }
        }
    }
    let mut is_live = vec![false; graph.values.len()];
    while let Some(id) = rest.pop() {
        if !core::mem::replace(&mut is_live[id.index()], true) {
            rest.extend(graph.values.operands(id));
            rest.append(&mut arguments[id.index()]);
        }
    }
    is_live
}

/// Returns the context inputs of the live values and of the checks.
fn inputs(graph: &Graph, is_live: &[bool]) -> ContextInputs {
    let inputs = graph.inputs_of(graph.values.ids().filter(|id| is_live[id.index()]));
    graph.blocks.iter().flat_map(|block| &block.checks).fold(inputs, |inputs, check| match *check {
        Check::Present(extension, _) => inputs.with_extension(extension),
        Check::InBounds(..) | Check::NonZero(_) => inputs,
    })
}

/// The bases from which bytes are available, at a place of the walk over the dominator tree.
#[derive(Default)]
struct Reached {
    available: Vec<(ValueId, u64)>,
    /// For each block on the way, the number of entries before it, and those that were set aside for it.
    open: Vec<(usize, Vec<(ValueId, u64)>)>,
}

impl Reached {
    fn enter(&mut self, scope: Scope, is_join: bool) {
        let before_dominator = self.open.last().map_or(0, |&(start, _)| start);
        let aside = match scope {
            Scope::Labels if is_join => self.available.split_off(before_dominator),
            Scope::Function | Scope::Labels => Vec::new(),
            Scope::Block => core::mem::take(&mut self.available),
        };
        self.open.push((self.available.len(), aside));
    }

    fn leave(&mut self) {
        if let Some((start, aside)) = self.open.pop() {
            self.available.truncate(start);
            self.available.extend(aside);
        }
    }

    /// Adds bytes; returns whether they were not available.
    fn add(&mut self, base: ValueId, end: u64) -> bool {
        let latest = self.available.iter().rev().find(|&&(other, _)| other == base);
        let is_new = latest.is_none_or(|&(_, available)| available < end);
        self.available.push((base, end));
        is_new
    }
}
