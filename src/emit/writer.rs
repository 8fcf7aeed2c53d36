//! Blocks become instructions, one after the other, each knowing what the machine holds when it begins.

use std::collections::HashMap;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::emit::anticipated_loads::{Ahead, Uses};
use crate::emit::code::{Code, Leave, Piece, PieceId};
use crate::emit::machine_state::Machine;
use crate::emit::slot_allocation::Plan;
use crate::ir::Hashing;
use crate::ir::{Address, Block, Check, Edge, End, Graph, Value, ValueId};

/// The graph cannot become a program this way, or none that is short enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unfit;

/// Writes the pieces of a program.
pub(crate) struct Writer<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) plan: &'g Plan,
    pub(crate) is_kernel: bool,
    pub(crate) machine: Machine,
    /// Scratch words that a computation uses which is not done yet, a bit each.
    pub(crate) busy: u16,
    /// How many computations are not done yet.
    pub(crate) depth: usize,
    /// How many instructions may still be written.
    budget: usize,
    /// The first pieces are those that the blocks begin with.
    code: Code,
    /// The piece that is being written.
    open: PieceId,
    /// What the machine holds at the start of each block, as far as the edges into it are written.
    entries: Vec<Option<Machine>>,
    /// The values that loads give.
    loads: HashMap<(Address, Width), ValueId, Hashing>,
    /// The piece that returns 0.
    drop: PieceId,
    /// How often each value is computed.
    pub(crate) computed: Vec<u32>,
}

/// What was written.
pub(crate) struct Written {
    pub(crate) code: Code,
    /// How often each value is computed.
    pub(crate) computed: Vec<u32>,
}

/// Writes a graph as pieces, at most so many instructions.
pub(crate) fn write(
    graph: &Graph,
    ahead: &Ahead,
    plan: &Plan,
    is_kernel: bool,
    budget: usize,
) -> Result<Written, Unfit> {
    let mut writer = Writer::new(graph, plan, is_kernel, budget)?;
    for (index, block) in graph.blocks.iter().enumerate() {
        writer.block(index, block, &ahead.points(graph, block))?;
    }
    Ok(Written { code: writer.code, computed: writer.computed })
}

impl<'g> Writer<'g> {
    fn new(graph: &'g Graph, plan: &'g Plan, is_kernel: bool, budget: usize) -> Result<Writer<'g>, Unfit> {
        let mut loads = HashMap::default();
        let mut zero = None;
        for index in 0..graph.values.len() {
            let id = ValueId(index as u32);
            match graph.value(id) {
                Value::Load(address, width, _) => _ = loads.insert((address, width), id),
                Value::Constant(0) => zero = Some(id),
                _ => {}
            }
        }
        let machine = Machine::start(zero.ok_or(Unfit)?, !is_kernel);
        let mut entries = vec![None; graph.blocks.len()];
        entries[0] = Some(machine.clone());
        let piece = |_| Piece { body: Vec::new(), end: Leave::Return(0) };
        let code = Code { pieces: (0..=graph.blocks.len()).map(piece).collect() };
        let (drop, computed) = (graph.blocks.len(), vec![0; graph.values.len()]);
        Ok(Writer {
            graph,
            plan,
            is_kernel,
            machine,
            busy: 0,
            depth: 0,
            budget,
            code,
            open: 0,
            entries,
            loads,
            drop,
            computed,
        })
    }

    pub(crate) fn push(&mut self, instruction: Instruction) {
        self.budget = self.budget.saturating_sub(1);
        self.code.pieces[self.open].body.push(instruction);
    }

    pub(crate) fn within_budget(&self) -> Result<(), Unfit> {
        if self.budget > 0 { Ok(()) } else { Err(Unfit) }
    }

    /// A register holds a value now; one that is kept is stored at once.
    pub(crate) fn set(&mut self, register: Register, value: ValueId) {
        *self.machine.register(register) = Some(value);
        if let Some(slot) = self.plan.kept(value) {
            self.store(register, value, slot);
        }
    }

    /// A scratch word holds what a register holds.
    pub(crate) fn store(&mut self, register: Register, value: ValueId, slot: usize) {
        if self.machine.scratch[slot] != Some(value) {
            self.push(Instruction::StoreScratch { src: register, slot: slot as u32 });
            self.machine.scratch[slot] = Some(value);
        }
    }

    fn block(&mut self, index: usize, block: &Block, points: &[Option<Uses>]) -> Result<(), Unfit> {
        self.open = index;
        self.machine = self.entries[index].take().ok_or(Unfit)?;
        for &parameter in &block.parameters {
            if self.machine.a == Some(parameter)
                && let Some(slot) = self.plan.slot(parameter)
            {
                self.store(Register::A, parameter, slot);
            }
        }
        self.checks(block, points)?;
        match &block.end {
            End::Return(verdict) => match self.graph.constant(*verdict) {
                Some(k) => self.finish(Leave::Return(k)),
                None => {
                    self.need_a(*verdict)?;
                    self.finish(Leave::ReturnA);
                }
            },
            End::Jump(edge) => {
                let target = self.edge(edge)?;
                self.finish(Leave::Jump(target));
            }
            End::Branch { test, then, otherwise } => {
                let (condition, operand, is_negated) = self.need_test(*test)?;
                let (then, otherwise) = if is_negated { (otherwise, then) } else { (then, otherwise) };
                let (then, otherwise) = (self.edge(then)?, self.edge(otherwise)?);
                self.finish(Leave::Branch { condition, operand, then, otherwise });
            }
        }
        self.within_budget()
    }

    fn finish(&mut self, end: Leave) {
        self.code.pieces[self.open].end = end;
    }

    fn new_piece(&mut self) -> PieceId {
        self.code.pieces.push(Piece { body: Vec::new(), end: Leave::Return(0) });
        self.code.pieces.len() - 1
    }

    /// Only the check for a device shows in which order the checks before and behind it are made. Between two such
    /// the last come first: mostly they are about larger offsets, and what it takes to make one may make others.
    fn checks(&mut self, block: &Block, points: &[Option<Uses>]) -> Result<(), Unfit> {
        let mut start = 0;
        for checks in block.checks.split_inclusive(|check| matches!(check, Check::Present(..))) {
            let end = start + checks.len();
            let (device, checks) = match checks.split_last() {
                Some((&device @ Check::Present(..), before)) => (Some(device), before),
                _ => (None, checks),
            };
            for (place, &check) in checks.iter().enumerate().rev() {
                let is_made_later = points[start + place + 1].as_ref().is_none_or(|uses| uses.cover(check));
                if !is_made_later && !self.machine.knows(self.graph, check) {
                    self.check(check)?;
                }
            }
            if let Some(device) = device.filter(|&device| !self.machine.knows(self.graph, device)) {
                self.check(device)?;
            }
            start = end;
        }
        Ok(())
    }

    fn check(&mut self, check: Check) -> Result<(), Unfit> {
        match check {
            Check::InBounds(address, width) => {
                self.load(address, width)?;
                if let Some(&value) = self.loads.get(&(address, width)) {
                    self.set(Register::A, value);
                }
            }
            Check::NonZero(divisor) if self.machine.x == Some(divisor) || self.is_direct(divisor) => {
                self.need_x(divisor)?;
                self.push(Instruction::Alu { op: AluOp::Div, operand: Operand::X });
                self.machine.a = None;
            }
            Check::NonZero(divisor) => {
                self.need_a(divisor)?;
                let next = self.new_piece();
                let (then, otherwise) = (self.drop, next);
                self.finish(Leave::Branch {
                    condition: Condition::Equal,
                    operand: Operand::Constant(0),
                    then,
                    otherwise,
                });
                self.open = next;
            }
            Check::Present(extension, verdict) => {
                self.need_a(verdict)?;
                self.push(Instruction::LoadExtension(extension));
                self.machine.a = None;
            }
        }
        self.machine.learn(check);
        self.within_budget()
    }

    /// Where an edge leads: to the block, or to a piece that sets its parameters first.
    fn edge(&mut self, edge: &Edge) -> Result<PieceId, Unfit> {
        let target = edge.block.index();
        let parameters = &self.graph.block(edge.block).parameters;
        if parameters.is_empty() {
            let machine = self.machine.clone();
            self.enter(target, machine);
            return Ok(target);
        }
        let before = (self.open, self.machine.clone());
        let piece = self.new_piece();
        self.open = piece;
        self.arguments(parameters, &edge.arguments)?;
        let machine = std::mem::replace(&mut self.machine, before.1);
        self.enter(target, machine);
        self.finish(Leave::Jump(target));
        self.open = before.0;
        Ok(piece)
    }

    /// Makes the arguments be in the scratch words of the parameters, or the first one's in A.
    fn arguments(&mut self, parameters: &[ValueId], arguments: &[ValueId]) -> Result<(), Unfit> {
        let in_scratch = usize::from(self.plan.first_in_a);
        let mut slots = Vec::with_capacity(parameters.len());
        for (&parameter, &argument) in parameters.iter().zip(arguments).skip(in_scratch) {
            let slot = self.plan.slot(parameter).ok_or(Unfit)?;
            if self.machine.scratch[slot] != Some(argument) {
                self.need_a(argument)?;
                self.store(Register::A, argument, slot);
            }
            if slots.contains(&slot) {
                return Err(Unfit);
            }
            slots.push(slot);
        }
        if self.plan.first_in_a {
            self.need_a(arguments[0])?;
            self.machine.a = Some(parameters[0]);
        }
        for (&parameter, slot) in parameters[in_scratch..].iter().zip(slots) {
            self.machine.scratch[slot] = Some(parameter);
        }
        Ok(())
    }

    fn enter(&mut self, block: usize, machine: Machine) {
        match &mut self.entries[block] {
            Some(known) => known.meet(&machine),
            entry => *entry = Some(machine),
        }
    }
}
