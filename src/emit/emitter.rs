//! The emitter: writes the blocks of a graph as instructions, one after the other, and keeps track of the machine's
//! state.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::emit::anticipated_loads::AnticipatedLoads;
use crate::emit::check_set::CheckSet;
use crate::emit::emitted_code::{EmittedBlockId, EmittedCode, EmittedTerminator};
use crate::emit::machine_state::MachineState;
use crate::emit::slot_allocation::SlotAllocation;
use crate::ir::hash_map::HashMap;
use crate::ir::{Address, Block, Check, Edge, Graph, Terminator, Value, ValueId};

/// The graph cannot be emitted with this slot allocation, or not within the budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CannotEmit;

/// Emits a graph.
pub(crate) struct Emitter<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) slots: &'g SlotAllocation,
    pub(crate) is_kernel: bool,
    pub(crate) state: MachineState,
    /// The scratch words that unfinished computations use, a bit each.
    pub(crate) busy: u16,
    /// The number of unfinished computations.
    pub(crate) depth: usize,
    /// The number of instructions that may still be written.
    budget: usize,
    /// The first blocks are those that the blocks of the graph begin with.
    code: EmittedCode,
    /// The block that is being written.
    current: EmittedBlockId,
    /// The state at the start of each block of the graph, as far as the edges into it are written.
    states: Vec<Option<MachineState>>,
    /// The value of each load.
    loads: HashMap<(Address, Width), ValueId>,
    /// The block that returns 0.
    return_zero: EmittedBlockId,
    /// The number of computations of each value.
    pub(crate) times_computed: Vec<u32>,
}

/// Emits a graph with at most `budget` instructions. Returns how often each value is computed, too.
pub(crate) fn emit_graph(
    graph: &Graph,
    anticipated: &AnticipatedLoads,
    slots: &SlotAllocation,
    is_kernel: bool,
    budget: usize,
) -> Result<(EmittedCode, Vec<u32>), CannotEmit> {
    let mut emitter = Emitter::new(graph, slots, is_kernel, budget)?;
    for (index, block) in graph.blocks.iter().enumerate() {
        emitter.block(index, block, &anticipated.at_checks(graph, block))?;
    }
    Ok((emitter.code, emitter.times_computed))
}

impl<'g> Emitter<'g> {
    fn new(
        graph: &'g Graph,
        slots: &'g SlotAllocation,
        is_kernel: bool,
        budget: usize,
    ) -> Result<Emitter<'g>, CannotEmit> {
        let mut loads = HashMap::default();
        let mut zero = None;
        for id in graph.values.ids() {
            match graph.value(id) {
                Value::Load(address, width, _) => _ = loads.insert((address, width), id),
                Value::Constant(0) => zero = Some(id),
                _ => {}
            }
        }
        let mut code = EmittedCode::default();
        graph.blocks.iter().for_each(|_| _ = code.add_block());
        let mut emitter = Emitter {
            graph,
            slots,
            is_kernel,
            state: MachineState::at_start(zero.ok_or(CannotEmit)?, is_kernel),
            busy: 0,
            depth: 0,
            budget,
            return_zero: code.add_block(),
            code,
            current: 0,
            states: vec![None; graph.blocks.len()],
            loads,
            times_computed: vec![0; graph.values.len()],
        };
        emitter.enter(0);
        Ok(emitter)
    }

    pub(crate) fn push(&mut self, instruction: Instruction) {
        self.budget = self.budget.saturating_sub(1);
        self.code.blocks[self.current].body.push(instruction);
    }

    pub(crate) fn within_budget(&self) -> Result<(), CannotEmit> {
        if self.budget > 0 { Ok(()) } else { Err(CannotEmit) }
    }

    /// Notes that a register holds a value now, and stores the value if it is spilled.
    pub(crate) fn set(&mut self, register: Register, value: ValueId) {
        *self.state.register(register) = Some(value);
        if let Some(slot) = self.slots.of_spilled(value) {
            self.store(register, value, slot);
        }
    }

    /// Stores the value that a register holds.
    pub(crate) fn store(&mut self, register: Register, value: ValueId, slot: usize) {
        if self.state.scratch[slot] != Some(value) {
            self.push(Instruction::StoreScratch { src: register, slot: slot as u32 });
            self.state.scratch[slot] = Some(value);
        }
    }

    fn block(&mut self, index: usize, block: &Block, anticipated: &[Option<CheckSet>]) -> Result<(), CannotEmit> {
        self.current = index;
        self.state = self.states[index].take().ok_or(CannotEmit)?;
        for &parameter in &block.parameters {
            if self.state.a == Some(parameter) {
                if let Some(slot) = self.slots.of_parameter(parameter) {
                    self.store(Register::A, parameter, slot);
                }
            }
        }
        self.checks(block, anticipated)?;
        let terminator = match &block.terminator {
            Terminator::Return(verdict) => match self.graph.constant(*verdict) {
                Some(k) => EmittedTerminator::Return(k),
                None => {
                    self.need_a(*verdict)?;
                    EmittedTerminator::ReturnA
                }
            },
            Terminator::Jump(edge) => EmittedTerminator::Jump(self.edge(edge)?),
            Terminator::Branch { test, then, otherwise } => {
                let (condition, operand, is_negated) = self.need_test(*test)?;
                let (then, otherwise) = if is_negated { (otherwise, then) } else { (then, otherwise) };
                let (then, otherwise) = (self.edge(then)?, self.edge(otherwise)?);
                EmittedTerminator::Branch { condition, operand, then, otherwise }
            }
        };
        self.terminate(terminator);
        self.within_budget()
    }

    fn terminate(&mut self, terminator: EmittedTerminator) {
        self.code.blocks[self.current].terminator = terminator;
    }

    /// Makes the checks of a block that nothing implies.
    ///
    /// Only a check for a device can be observed. Between two of them the last check comes first: it is mostly about a
    /// larger offset, and its computation may make the others.
    fn checks(&mut self, block: &Block, anticipated: &[Option<CheckSet>]) -> Result<(), CannotEmit> {
        let mut start = 0;
        for checks in block.checks.split_inclusive(|check| matches!(check, Check::Present(..))) {
            let (device, others) = match checks.split_last() {
                Some((&device @ Check::Present(..), before)) => (Some(device), before),
                _ => (None, checks),
            };
            for (place, &check) in others.iter().enumerate().rev() {
                let after = &anticipated[start + place + 1];
                if after.as_ref().is_some_and(|after| !after.implies(self.graph, check)) {
                    self.check(check)?;
                }
            }
            device.map_or(Ok(()), |device| self.check(device))?;
            start += checks.len();
        }
        Ok(())
    }

    /// Makes a check, if the checks that were made do not imply it.
    fn check(&mut self, check: Check) -> Result<(), CannotEmit> {
        if self.state.checks.implies(self.graph, check) {
            return Ok(());
        }
        match check {
            Check::InBounds(address, width) => {
                self.load(address, width)?;
                if let Some(&value) = self.loads.get(&(address, width)) {
                    self.set(Register::A, value);
                }
            }
            Check::NonZero(divisor) if self.state.x == Some(divisor) || self.is_direct(divisor) => {
                self.need_x(divisor)?;
                self.push(Instruction::Alu { op: AluOp::Div, operand: Operand::X });
                self.state.a = None;
            }
            Check::NonZero(divisor) => {
                self.need_a(divisor)?;
                let (condition, operand) = (Condition::Equal, Operand::Constant(0));
                let (then, otherwise) = (self.return_zero, self.code.add_block());
                self.terminate(EmittedTerminator::Branch { condition, operand, then, otherwise });
                self.current = otherwise;
            }
            Check::Present(extension, verdict) => {
                self.need_a(verdict)?;
                self.push(Instruction::LoadExtension(extension));
                self.state.a = None;
            }
        }
        self.state.checks.insert(check);
        self.within_budget()
    }

    /// Returns the target of an edge: the block, or a new one that passes the arguments first.
    fn edge(&mut self, edge: &Edge) -> Result<EmittedBlockId, CannotEmit> {
        let target = edge.block.index();
        let parameters = &self.graph.block(edge.block).parameters;
        if parameters.is_empty() {
            self.enter(target);
            return Ok(target);
        }
        let (block, state) = (self.current, self.state.clone());
        let passing = self.code.add_block();
        self.current = passing;
        self.pass(parameters, &edge.arguments)?;
        self.enter(target);
        self.terminate(EmittedTerminator::Jump(target));
        (self.current, self.state) = (block, state);
        Ok(passing)
    }

    /// Puts arguments into the scratch words of the parameters, or the first one into A.
    fn pass(&mut self, parameters: &[ValueId], arguments: &[ValueId]) -> Result<(), CannotEmit> {
        let mut pairs = parameters.iter().copied().zip(arguments.iter().copied());
        let in_a = if self.slots.is_first_in_a { pairs.next() } else { None };
        let mut in_slots = Vec::with_capacity(parameters.len());
        for (parameter, argument) in pairs {
            let slot = self.slots.of_parameter(parameter).ok_or(CannotEmit)?;
            if self.state.scratch[slot] != Some(argument) {
                self.need_a(argument)?;
                self.store(Register::A, argument, slot);
            }
            if in_slots.iter().any(|&(_, other)| other == slot) {
                return Err(CannotEmit);
            }
            in_slots.push((parameter, slot));
        }
        if let Some((parameter, argument)) = in_a {
            self.need_a(argument)?;
            self.state.a = Some(parameter);
        }
        in_slots.into_iter().for_each(|(parameter, slot)| self.state.scratch[slot] = Some(parameter));
        Ok(())
    }

    /// Takes the state along an edge into a block.
    fn enter(&mut self, block: usize) {
        match &mut self.states[block] {
            Some(known) => known.meet(&self.state),
            entry => *entry = Some(self.state.clone()),
        }
    }
}
