//! Builds the graph of a verified program in one forward pass.
//!
//! Jumps go forward, so all edges into a block are known when it is reached, and single-assignment form takes one pass:
//! a variable with the same value on all edges keeps it, and any other live variable becomes a parameter.

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Register, Width};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::ir::test::Comparison;
use crate::ir::{
    Address, Block, BlockId, ByteOrder, Check, Edge, Graph, KnownBits, MemberSets, OpenTest, Strategy, Terminator,
    Test, Value, ValueId, Values,
};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;

impl Graph {
    /// Builds the graph of a program, without optimising it.
    pub fn new(verified: &Verified) -> Graph {
        Builder::new(verified).graph(|_, _| None)
    }

    /// Builds the graph of all programs that differ from this one in some constants of tests, which are the parameters
    /// of the first block. `open` has the number of the parameter at the step of each test that has one.
    pub(crate) fn with_open_constants(verified: &Verified, open: &[Option<usize>]) -> Graph {
        let mut builder = Builder::new(verified);
        let count = open.iter().flatten().max().map_or(0, |last| last + 1);
        let parameters: Vec<ValueId> = (0..count).map(|_| builder.graph.values.parameter(KnownBits::UNKNOWN)).collect();
        if let Some(block) = &mut builder.open {
            block.parameters = parameters.clone();
        }
        builder.graph(|_, pc| open.get(pc).copied().flatten().map(|open| parameters[open]))
    }

    /// Builds the graph of a program without the constants of these tests.
    pub(crate) fn with_open_tests(verified: &Verified, tests: &[OpenTest]) -> Graph {
        let mut tests = tests.iter().peekable();
        Builder::new(verified).graph(|values, pc| {
            let test = tests.next_if(|test| test.pc as usize == pc)?;
            Some(values.open(test.open))
        })
    }
}

/// The variables of a program, as indices of [`State`].
mod variable {
    use super::{Register, SCRATCH_WORDS};

    pub(crate) const A: usize = 0;
    pub(crate) const X: usize = 1;
    pub(crate) const RANDOM_LOADS: usize = 2;
    const SCRATCH: usize = 3;
    pub(crate) const COUNT: usize = SCRATCH + SCRATCH_WORDS;

    pub(crate) const fn register(register: Register) -> usize {
        match register {
            Register::A => A,
            Register::X => X,
        }
    }

    pub(crate) const fn scratch(slot: usize) -> usize {
        SCRATCH + slot
    }
}

/// The value of each variable.
type State = [ValueId; variable::COUNT];

/// The live variables, a bit each.
type Live = u32;

/// An edge into an instruction whose block is not built yet.
#[derive(Clone, Copy)]
struct Incoming {
    from: BlockId,
    /// Set for the second edge of a branch.
    is_otherwise: bool,
    /// The index of the state in [`Builder::states`].
    state: usize,
    /// The index in [`Builder::edges`] of the previous edge into the same instruction.
    previous: Option<usize>,
}

struct Builder<'v> {
    steps: &'v [Step],
    dialect: Dialect,
    live: Vec<Live>,
    /// The instruction that a jump to each instruction reaches past further jumps.
    join_targets: Vec<usize>,
    graph: Graph,
    /// The index in [`Builder::edges`] of the last edge so far into each instruction.
    incoming: Vec<Option<usize>>,
    edges: Vec<Incoming>,
    /// The block that is being built; `None` after its terminator.
    open: Option<Block>,
    /// The constant 0, the initial value of all variables.
    zero: ValueId,
    /// The current values of the variables.
    state: State,
    /// The values at the edges so far; consecutive edges often share a state.
    states: Vec<State>,
}

impl<'v> Builder<'v> {
    fn new(verified: &'v Verified) -> Builder<'v> {
        let (steps, dialect) = (verified.steps(), verified.dialect());
        // Most instructions add a value and a constant.
        let mut values = Values::with_capacity(2 * steps.len());
        let zero = values.constant(0);
        let blocks = Vec::with_capacity(steps.len() / 2 + 1);
        Builder {
            steps,
            dialect,
            live: live_before(steps),
            join_targets: join_targets(steps),
            graph: Graph { dialect, strategy: Strategy::Branches, blocks, values, sets: MemberSets::default() },
            incoming: vec![None; steps.len()],
            edges: Vec::with_capacity(steps.len()),
            open: Some(new_block()),
            zero,
            state: [zero; variable::COUNT],
            states: Vec::new(),
        }
    }

    /// Builds all steps; `open` returns what the test of a step compares with, if that is not its operand.
    fn graph(mut self, mut open: impl FnMut(&mut Values, usize) -> Option<ValueId>) -> Graph {
        for pc in 0..self.steps.len() {
            let open = open(&mut self.graph.values, pc);
            self.step(pc, open);
        }
        self.graph
    }

    fn step(&mut self, pc: usize, open: Option<ValueId>) {
        if self.incoming[pc].is_some() && self.open.is_some() {
            self.jump(pc);
        }
        if let Some(last) = self.incoming[pc] {
            self.begin(pc, last);
        }
        if self.open.is_none() {
            return;
        }
        match self.steps[pc] {
            Step::Load(dst, source) => self.state[variable::register(dst)] = self.load(source),
            Step::LoadAbsolute(width, offset) => {
                let address = self.absolute(offset);
                self.state[variable::A] = self.packet(Some(address), width);
            }
            Step::LoadIndirect(width, offset) => {
                let address = self.indirect(offset);
                self.state[variable::A] = self.packet(address, width);
            }
            Step::LoadMemShift(offset) => self.state[variable::X] = self.mem_shift(offset),
            Step::Ancillary(extension) => self.state[variable::A] = self.ancillary(extension),
            Step::Store(src, slot) => self.state[variable::scratch(slot)] = self.state[variable::register(src)],
            Step::Alu(op, operand) => self.state[variable::A] = self.alu(op, operand),
            Step::Negate => self.state[variable::A] = self.graph.values.negate(self.state[variable::A]),
            Step::Transfer(Register::A) => self.state[variable::A] = self.state[variable::X],
            Step::Transfer(Register::X) => self.state[variable::X] = self.state[variable::A],
            Step::Return(Verdict::A) => self.finish(Terminator::Return(self.state[variable::A])),
            Step::Return(Verdict::Constant(k)) => {
                let verdict = self.graph.values.constant(k);
                self.finish(Terminator::Return(verdict));
            }
            Step::Jump(target) => self.jump(target),
            Step::Branch { condition, operand, then, otherwise } => {
                let left = self.state[variable::A];
                let right = open.unwrap_or_else(|| self.operand(operand));
                match self.graph.values.compare(condition, left, right) {
                    Comparison::Constant(holds) => self.jump(if holds { then } else { otherwise }),
                    Comparison::Test(test, true) => self.branch(test, then, otherwise),
                    Comparison::Test(test, false) => self.branch(test, otherwise, then),
                }
            }
        }
    }

    fn jump(&mut self, target: usize) {
        self.leave([target]);
        self.finish(Terminator::Jump(unresolved()));
    }

    fn branch(&mut self, test: Test, then: usize, otherwise: usize) {
        self.leave([then, otherwise]);
        self.finish(Terminator::Branch { test, then: unresolved(), otherwise: unresolved() });
    }

    /// Adds the edges out of the open block, with the current state.
    fn leave<const N: usize>(&mut self, targets: [usize; N]) {
        if self.states.last() != Some(&self.state) {
            self.states.push(self.state);
        }
        let (from, state) = (BlockId::new(self.graph.blocks.len()), self.states.len() - 1);
        for (index, target) in targets.into_iter().enumerate() {
            let previous = self.incoming[self.join_targets[target]].replace(self.edges.len());
            self.edges.push(Incoming { from, is_otherwise: index == 1, state, previous });
        }
    }

    fn finish(&mut self, terminator: Terminator) {
        if let Some(block) = self.open.take() {
            self.graph.blocks.push(Block { terminator, ..block });
        }
    }

    /// Begins the block of an instruction, given the last edge into it.
    fn begin(&mut self, pc: usize, last: usize) {
        let edges =
            || core::iter::successors(Some(last), |&edge| self.edges[edge].previous).map(|edge| self.edges[edge]);
        let first = self.edges[last].state;
        self.state = self.states[first];
        let (mut parameters, mut merged) = (Vec::new(), Vec::new());
        if edges().any(|edge| edge.state != first) {
            for (variable, value) in self.state.iter_mut().enumerate() {
                let is_live = self.live[pc] & 1 << variable != 0;
                if is_live && edges().any(|edge| self.states[edge.state][variable] != *value) {
                    let arguments = edges().map(|edge| self.states[edge.state][variable]);
                    let known = arguments.map(|value| self.graph.values.known(value)).reduce(KnownBits::or);
                    *value = self.graph.values.parameter(known.unwrap_or(KnownBits::UNKNOWN));
                    parameters.push(*value);
                    merged.push(variable);
                }
            }
        }
        let block = BlockId::new(self.graph.blocks.len());
        for Incoming { from, is_otherwise, state, .. } in edges() {
            let arguments = merged.iter().map(|&variable| self.states[state][variable]).collect();
            let edge = Edge { block, arguments };
            match &mut self.graph.blocks[from.index()].terminator {
                Terminator::Branch { otherwise, .. } if is_otherwise => *otherwise = edge,
                Terminator::Branch { then: slot, .. } | Terminator::Jump(slot) => *slot = edge,
                Terminator::Return(_) => {}
            }
        }
        self.open = Some(Block { parameters, ..new_block() });
    }

    fn check(&mut self, check: Check) {
        if let Some(block) = &mut self.open {
            block.checks.push(check);
        }
    }

    fn operand(&mut self, operand: Operand) -> ValueId {
        match operand {
            Operand::Constant(k) => self.graph.values.constant(k),
            Operand::X => self.state[variable::X],
        }
    }

    fn alu(&mut self, op: AluOp, operand: Operand) -> ValueId {
        let operand = self.operand(operand);
        if op.is_division() && self.graph.values.known(operand).min == 0 {
            self.check(Check::NonZero(operand));
        }
        let is_masked = op.is_shift() && self.dialect.is_kernel();
        let operand = if is_masked { self.with_constant(AluOp::And, operand, 31) } else { operand };
        self.graph.values.alu(op, self.state[variable::A], operand)
    }

    fn with_constant(&mut self, op: AluOp, left: ValueId, k: u32) -> ValueId {
        let right = self.graph.values.constant(k);
        self.graph.values.alu(op, left, right)
    }

    fn load(&mut self, source: Source) -> ValueId {
        match source {
            Source::Constant(k) => self.graph.values.constant(k),
            Source::Scratch(slot) => self.state[variable::scratch(slot)],
            Source::WireLen => self.graph.values.add(Value::WireLen),
        }
    }

    fn mem_shift(&mut self, offset: u32) -> ValueId {
        let address = self.absolute(offset);
        let byte = self.packet(Some(address), Width::Byte);
        let words = self.with_constant(AluOp::And, byte, 0xf);
        self.with_constant(AluOp::Lsh, words, 2)
    }

    /// Returns the address of `[k]`. In the Linux dialect, negative offsets are relative to a header.
    fn absolute(&mut self, offset: u32) -> Address {
        if self.dialect != Dialect::Linux || offset < Header::FIRST_OFFSET {
            return Address { base: None, offset };
        }
        let offset = self.graph.values.constant(offset);
        Address { base: Some(self.graph.values.resolved_offset(offset)), offset: 0 }
    }

    /// Returns the address of `[x + k]`. The sum wraps in the kernel, and does not in libpcap.
    fn indirect(&mut self, offset: u32) -> Option<Address> {
        let x = self.state[variable::X];
        match self.dialect {
            Dialect::Pcap => self.graph.values.address(x, offset),
            Dialect::Linux | Dialect::Seccomp => {
                let sum = self.with_constant(AluOp::Add, x, offset);
                let base = self.graph.values.resolved_offset(sum);
                self.graph.values.address(base, 0)
            }
        }
    }

    /// Returns the value of a load. A load beyond the end of every packet ends the program.
    fn packet(&mut self, address: Option<Address>, width: Width) -> ValueId {
        let is_possible = |address: &Address| address.base.is_some() || address.end(width) <= MAX_CAPTURED as u64;
        let Some(address) = address.filter(is_possible) else {
            self.finish(Terminator::Return(self.zero));
            return self.zero;
        };
        self.check(Check::InBounds(address, width));
        let is_native = self.dialect == Dialect::Seccomp && width == Width::Word;
        let order = if is_native { ByteOrder::Native } else { ByteOrder::Big };
        self.graph.values.load(address, width, order)
    }

    fn ancillary(&mut self, extension: Extension) -> ValueId {
        match extension {
            Extension::Random => {
                let count = self.state[variable::RANDOM_LOADS];
                self.state[variable::RANDOM_LOADS] = self.with_constant(AluOp::Add, count, 1);
                self.graph.values.add(Value::Random(count))
            }
            Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute => {
                let offset = Value::FindAttribute(extension, self.state[variable::A], self.state[variable::X]);
                self.graph.values.add(offset)
            }
            _ => {
                if extension.may_be_absent() {
                    self.check(Check::Present(extension, self.state[variable::A]));
                }
                self.graph.values.add(Value::Ancillary(extension))
            }
        }
    }
}

fn new_block() -> Block {
    Block::new(Terminator::Jump(unresolved()))
}

/// Returns a placeholder for an edge, which [`Builder::begin`] replaces.
fn unresolved() -> Edge {
    Edge::to(BlockId(u32::MAX))
}

/// Returns, for each instruction, the first one from there on that is not a jump.
fn join_targets(steps: &[Step]) -> Vec<usize> {
    let mut join_targets: Vec<usize> = (0..steps.len()).collect();
    for (pc, step) in steps.iter().enumerate().rev() {
        if let Step::Jump(target) = *step {
            join_targets[pc] = join_targets[target];
        }
    }
    join_targets
}

/// Returns the variables that are live before each instruction.
fn live_before(steps: &[Step]) -> Vec<Live> {
    const A: Live = 1 << variable::A;
    const X: Live = 1 << variable::X;
    const RANDOM_LOADS: Live = 1 << variable::RANDOM_LOADS;
    let register = |register| 1 << variable::register(register);
    let read_by = |operand| if operand == Operand::X { X } else { 0 };
    let mut live = vec![0; steps.len()];
    for (pc, step) in steps.iter().enumerate().rev() {
        let live_at = |pc: usize| live.get(pc).copied().unwrap_or(0);
        live[pc] = match *step {
            Step::Load(dst, source) => {
                let read = match source {
                    Source::Scratch(slot) => 1 << variable::scratch(slot),
                    Source::Constant(_) | Source::WireLen => 0,
                };
                live_at(pc + 1) & !register(dst) | read
            }
            Step::LoadAbsolute(..) => live_at(pc + 1) & !A,
            Step::LoadIndirect(..) => live_at(pc + 1) & !A | X,
            Step::LoadMemShift(_) => live_at(pc + 1) & !X,
            Step::Ancillary(Extension::Random) => live_at(pc + 1) & !A | RANDOM_LOADS,
            Step::Ancillary(Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute) => live_at(pc + 1) | A | X,
            Step::Ancillary(extension) => live_at(pc + 1) & !A | if extension.may_be_absent() { A } else { 0 },
            Step::Store(src, slot) => live_at(pc + 1) & !(1 << variable::scratch(slot)) | register(src),
            Step::Alu(_, operand) => live_at(pc + 1) | A | read_by(operand),
            Step::Negate => live_at(pc + 1) | A,
            Step::Transfer(Register::A) => live_at(pc + 1) & !A | X,
            Step::Transfer(Register::X) => live_at(pc + 1) & !X | A,
            Step::Jump(target) => live_at(target),
            Step::Branch { operand, then, otherwise, .. } => live_at(then) | live_at(otherwise) | A | read_by(operand),
            Step::Return(Verdict::A) => A,
            Step::Return(Verdict::Constant(_)) => 0,
        };
    }
    live
}
