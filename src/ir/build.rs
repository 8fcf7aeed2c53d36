//! From the steps of a verified program to its graph, in one pass forward.
//!
//! Jumps go forward, so all edges into a block are known when it is reached, and single-assignment form needs no second
//! look: a register that all edges bring alike is that value, any other that is still needed becomes a parameter.

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Register, Width};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::ir::test::Question;
use crate::ir::{
    Address, Block, BlockId, ByteOrder, Check, Edge, End, Graph, Known, Sets, Strategy, Test, Value, ValueId, Values,
};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;

impl Graph {
    /// The graph of a program, as the program is written.
    pub fn new(verified: &Verified) -> Graph {
        let mut builder = Builder::new(verified);
        for pc in 0..verified.steps().len() {
            builder.step(pc);
        }
        builder.graph
    }
}

/// One of the things that a program can change, as a place in [`State`].
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

/// What each variable holds.
type State = [ValueId; variable::COUNT];

/// Which variables are still needed, a bit each.
type Live = u32;

/// An edge into an instruction whose block is not reached yet.
#[derive(Clone, Copy)]
struct Incoming {
    from: BlockId,
    /// Whether it is the second edge of a branch.
    is_otherwise: bool,
    /// The place of the state in [`Builder::states`].
    state: usize,
    /// The place in [`Builder::edges`] of the edge into the same instruction that was found before.
    before: Option<usize>,
}

struct Builder<'v> {
    steps: &'v [Step],
    dialect: Dialect,
    live: Vec<Live>,
    /// Where a jump to each instruction ends, as others may follow.
    landings: Vec<usize>,
    graph: Graph,
    /// The last edge so far that leads to each instruction.
    incoming: Vec<Option<usize>>,
    edges: Vec<Incoming>,
    /// The block that is being filled; `None` behind its end.
    open: Option<Block>,
    /// 0, which all variables hold at the start.
    zero: ValueId,
    /// What the variables hold.
    state: State,
    /// What they held at the edges so far; many edges in a row have one state.
    states: Vec<State>,
}

impl<'v> Builder<'v> {
    fn new(verified: &'v Verified) -> Builder<'v> {
        let (steps, dialect) = (verified.steps(), verified.dialect());
        // Most instructions bring a value and a constant.
        let mut values = Values::with_capacity(2 * steps.len());
        let zero = values.constant(0);
        let blocks = Vec::with_capacity(steps.len() / 2 + 1);
        Builder {
            steps,
            dialect,
            live: live_before(steps),
            landings: landings(steps),
            graph: Graph { dialect, strategy: Strategy::Branches, blocks, values, sets: Sets::default() },
            incoming: vec![None; steps.len()],
            edges: Vec::with_capacity(steps.len()),
            open: Some(new_block()),
            zero,
            state: [zero; variable::COUNT],
            states: Vec::new(),
        }
    }

    fn step(&mut self, pc: usize) {
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
            Step::Return(Verdict::A) => self.finish(End::Return(self.state[variable::A])),
            Step::Return(Verdict::Constant(k)) => {
                let verdict = self.graph.values.constant(k);
                self.finish(End::Return(verdict));
            }
            Step::Jump(target) => self.jump(target),
            Step::Branch { condition, operand, then, otherwise } => {
                let (left, right) = (self.state[variable::A], self.operand(operand));
                match self.graph.values.compare(condition, left, right) {
                    Question::Known(holds) => self.jump(if holds { then } else { otherwise }),
                    Question::Open(test, true) => self.branch(test, then, otherwise),
                    Question::Open(test, false) => self.branch(test, otherwise, then),
                }
            }
        }
    }

    fn jump(&mut self, target: usize) {
        self.leave([target]);
        self.finish(End::Jump(unresolved()));
    }

    fn branch(&mut self, test: Test, then: usize, otherwise: usize) {
        self.leave([then, otherwise]);
        self.finish(End::Branch { test, then: unresolved(), otherwise: unresolved() });
    }

    /// Adds the edges from the open block, with what the variables hold now.
    fn leave<const N: usize>(&mut self, targets: [usize; N]) {
        if self.states.last() != Some(&self.state) {
            self.states.push(self.state);
        }
        let (from, state) = (BlockId::new(self.graph.blocks.len()), self.states.len() - 1);
        for (place, target) in targets.into_iter().enumerate() {
            let before = self.incoming[self.landings[target]].replace(self.edges.len());
            self.edges.push(Incoming { from, is_otherwise: place == 1, state, before });
        }
    }

    fn finish(&mut self, end: End) {
        if let Some(block) = self.open.take() {
            self.graph.blocks.push(Block { end, ..block });
        }
    }

    /// Begins the block of an instruction to which edges lead, of which this is the last.
    fn begin(&mut self, pc: usize, last: usize) {
        let edges = || std::iter::successors(Some(last), |&edge| self.edges[edge].before).map(|edge| self.edges[edge]);
        let first = self.edges[last].state;
        self.state = self.states[first];
        let (mut parameters, mut merged) = (Vec::new(), Vec::new());
        if edges().any(|edge| edge.state != first) {
            for (variable, value) in self.state.iter_mut().enumerate() {
                let is_live = self.live[pc] & 1 << variable != 0;
                if is_live && edges().any(|edge| self.states[edge.state][variable] != *value) {
                    let arguments = edges().map(|edge| self.states[edge.state][variable]);
                    let known = arguments.map(|value| self.graph.values.known(value)).reduce(Known::or);
                    *value = self.graph.values.parameter(known.unwrap_or(Known::NOTHING));
                    parameters.push(*value);
                    merged.push(variable);
                }
            }
        }
        let block = BlockId::new(self.graph.blocks.len());
        for Incoming { from, is_otherwise, state, .. } in edges() {
            let arguments = merged.iter().map(|&variable| self.states[state][variable]).collect();
            let edge = Edge { block, arguments };
            match &mut self.graph.blocks[from.index()].end {
                End::Branch { otherwise, .. } if is_otherwise => *otherwise = edge,
                End::Branch { then: slot, .. } | End::Jump(slot) => *slot = edge,
                End::Return(_) => {}
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

    /// `[k]`: to the kernel, the negative ones are relative to a header.
    fn absolute(&mut self, offset: u32) -> Address {
        if self.dialect != Dialect::Linux || offset < Header::FIRST_OFFSET {
            return Address { base: None, offset };
        }
        let offset = self.graph.values.constant(offset);
        Address { base: Some(self.graph.values.position(offset)), offset: 0 }
    }

    /// `[x + k]`: the kernel adds 32-bit numbers, libpcap does not wrap.
    fn indirect(&mut self, offset: u32) -> Option<Address> {
        let x = self.state[variable::X];
        match self.dialect {
            Dialect::Pcap => self.graph.values.address(x, offset),
            Dialect::Linux | Dialect::Seccomp => {
                let sum = self.with_constant(AluOp::Add, x, offset);
                let place = self.graph.values.position(sum);
                self.graph.values.address(place, 0)
            }
        }
    }

    /// A load; one that is beyond the end of every packet ends the program here.
    fn packet(&mut self, address: Option<Address>, width: Width) -> ValueId {
        let is_possible = |address: &Address| address.base.is_some() || address.end(width) <= MAX_CAPTURED as u64;
        let Some(address) = address.filter(is_possible) else {
            self.finish(End::Return(self.zero));
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
                let find = Value::Find(extension, self.state[variable::A], self.state[variable::X]);
                self.graph.values.add(find)
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
    Block::new(End::Jump(unresolved()))
}

/// An edge to the block that is not there yet; [`Builder::begin`] replaces it.
fn unresolved() -> Edge {
    Edge::to(BlockId(u32::MAX))
}

/// For each instruction where one arrives that jumps there: behind all jumps that only lead on.
fn landings(steps: &[Step]) -> Vec<usize> {
    let mut landings: Vec<usize> = (0..steps.len()).collect();
    for (pc, step) in steps.iter().enumerate().rev() {
        if let Step::Jump(target) = *step {
            landings[pc] = landings[target];
        }
    }
    landings
}

/// For each instruction the variables that it or a later one may read before it is set, in one pass backward.
fn live_before(steps: &[Step]) -> Vec<Live> {
    const A: Live = 1 << variable::A;
    const X: Live = 1 << variable::X;
    const RANDOM_LOADS: Live = 1 << variable::RANDOM_LOADS;
    let register = |register| 1 << variable::register(register);
    let read_by = |operand| if operand == Operand::X { X } else { 0 };
    let mut live = vec![0; steps.len()];
    for (pc, step) in steps.iter().enumerate().rev() {
        let behind = |pc: usize| live.get(pc).copied().unwrap_or(0);
        live[pc] = match *step {
            Step::Load(dst, source) => {
                let read = match source {
                    Source::Scratch(slot) => 1 << variable::scratch(slot),
                    Source::Constant(_) | Source::WireLen => 0,
                };
                behind(pc + 1) & !register(dst) | read
            }
            Step::LoadAbsolute(..) => behind(pc + 1) & !A,
            Step::LoadIndirect(..) => behind(pc + 1) & !A | X,
            Step::LoadMemShift(_) => behind(pc + 1) & !X,
            Step::Ancillary(Extension::Random) => behind(pc + 1) & !A | RANDOM_LOADS,
            Step::Ancillary(Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute) => behind(pc + 1) | A | X,
            Step::Ancillary(extension) => behind(pc + 1) & !A | if extension.may_be_absent() { A } else { 0 },
            Step::Store(src, slot) => behind(pc + 1) & !(1 << variable::scratch(slot)) | register(src),
            Step::Alu(_, operand) => behind(pc + 1) | A | read_by(operand),
            Step::Negate => behind(pc + 1) | A,
            Step::Transfer(Register::A) => behind(pc + 1) & !A | X,
            Step::Transfer(Register::X) => behind(pc + 1) & !X | A,
            Step::Jump(target) => behind(target),
            Step::Branch { operand, then, otherwise, .. } => behind(then) | behind(otherwise) | A | read_by(operand),
            Step::Return(Verdict::A) => A,
            Step::Return(Verdict::Constant(_)) => 0,
        };
    }
    live
}
