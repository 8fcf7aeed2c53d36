//! From the steps of a verified program to its graph, in one pass forward.
//!
//! Jumps go forward, so all edges into a block are known when it is reached, and single-assignment form needs no second
//! look: a register that all edges bring alike is that value, any other that is still needed becomes a parameter.

use crate::ancillary::Extension;
use crate::dialect::Dialect;
use crate::graph::test::Question;
use crate::graph::{
    Address, Block, BlockId, ByteOrder, Check, Edge, End, Graph, Known, Sets, Test, Value, ValueId, Values,
};
use crate::header::Header;
use crate::instruction::Operand;
use crate::isa::{AluOp, Register, Width};
use crate::packet::MAX_CAPTURED;
use crate::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};

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

    pub(super) const A: usize = 0;
    pub(super) const X: usize = 1;
    pub(super) const RANDOM_LOADS: usize = 2;
    const SCRATCH: usize = 3;
    pub(super) const COUNT: usize = SCRATCH + SCRATCH_WORDS;

    pub(super) const fn register(register: Register) -> usize {
        match register {
            Register::A => A,
            Register::X => X,
        }
    }

    pub(super) const fn scratch(slot: usize) -> usize {
        SCRATCH + slot
    }
}

/// What each variable holds.
type State = [ValueId; variable::COUNT];

/// Which variables are still needed, a bit each.
type Live = u32;

/// An edge into an instruction whose block is not reached yet.
struct Incoming {
    from: BlockId,
    /// Whether it is the second edge of a branch.
    is_otherwise: bool,
    state: State,
}

struct Builder<'v> {
    steps: &'v [Step],
    dialect: Dialect,
    live: Vec<Live>,
    graph: Graph,
    /// The edges into each instruction that some jump names.
    incoming: Vec<Option<Vec<Incoming>>>,
    /// The block that is being filled; `None` behind its end.
    open: Option<Block>,
    /// 0, which all variables hold at the start.
    zero: ValueId,
    /// What the variables hold.
    state: State,
}

impl<'v> Builder<'v> {
    fn new(verified: &'v Verified) -> Builder<'v> {
        let mut values = Values::default();
        let zero = values.constant(0);
        let mut incoming: Vec<Option<Vec<Incoming>>> = verified.steps().iter().map(|_| None).collect();
        targets(verified.steps()).for_each(|target| incoming[target] = Some(Vec::new()));
        Builder {
            steps: verified.steps(),
            dialect: verified.dialect(),
            live: live_before(verified.steps()),
            graph: Graph { dialect: verified.dialect(), blocks: Vec::new(), values, sets: Sets::default() },
            incoming,
            open: Some(new_block()),
            zero,
            state: [zero; variable::COUNT],
        }
    }

    fn step(&mut self, pc: usize) {
        if let Some(mut edges) = self.incoming[pc].take() {
            if self.open.is_some() {
                edges.push(self.edge(false));
                self.finish(End::Jump(unresolved()));
            }
            self.begin(edges, self.live[pc]);
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
        let edge = self.edge(false);
        self.leave(target, edge);
        self.finish(End::Jump(unresolved()));
    }

    fn branch(&mut self, test: Test, then: usize, otherwise: usize) {
        for (target, is_otherwise) in [(then, false), (otherwise, true)] {
            let edge = self.edge(is_otherwise);
            self.leave(target, edge);
        }
        self.finish(End::Branch { test, then: unresolved(), otherwise: unresolved() });
    }

    /// An edge from the open block, with what the variables hold now.
    fn edge(&self, is_otherwise: bool) -> Incoming {
        Incoming { from: BlockId(self.graph.blocks.len() as u32), is_otherwise, state: self.state }
    }

    fn leave(&mut self, target: usize, edge: Incoming) {
        self.incoming[target].get_or_insert_default().push(edge);
    }

    fn finish(&mut self, end: End) {
        if let Some(block) = self.open.take() {
            self.graph.blocks.push(Block { end, ..block });
        }
    }

    /// Begins the block that these edges lead to; with none it is unreachable, and there is no block.
    fn begin(&mut self, edges: Vec<Incoming>, live: Live) {
        let Some(first) = edges.first() else { return };
        self.state = first.state;
        let mut parameters = Vec::new();
        let mut merged = Vec::new();
        for (variable, value) in self.state.iter_mut().enumerate() {
            let is_same = edges.iter().all(|edge| edge.state[variable] == *value);
            if !is_same && live & 1 << variable != 0 {
                let arguments = edges.iter().map(|edge| self.graph.values.known(edge.state[variable]));
                let known = arguments.reduce(Known::or).unwrap_or(Known::NOTHING);
                *value = self.graph.values.parameter(known);
                parameters.push(*value);
                merged.push(variable);
            }
        }
        let block = BlockId(self.graph.blocks.len() as u32);
        for edge in edges {
            let arguments = merged.iter().map(|&variable| edge.state[variable]).collect();
            self.connect(&edge, Edge { block, arguments });
        }
        self.open = Some(Block { parameters, ..new_block() });
    }

    fn connect(&mut self, incoming: &Incoming, edge: Edge) {
        match &mut self.graph.blocks[incoming.from.0 as usize].end {
            End::Branch { otherwise, .. } if incoming.is_otherwise => *otherwise = edge,
            End::Branch { then: slot, .. } | End::Jump(slot) => *slot = edge,
            End::Return(_) => {}
        }
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

/// An edge to the block that is not there yet; [`Builder::connect`] replaces it.
fn unresolved() -> Edge {
    Edge::to(BlockId(u32::MAX))
}

/// The instructions that jumps name.
fn targets(steps: &[Step]) -> impl Iterator<Item = usize> {
    steps
        .iter()
        .flat_map(|step| match *step {
            Step::Jump(target) => [Some(target), None],
            Step::Branch { then, otherwise, .. } => [Some(then), Some(otherwise)],
            _ => [None, None],
        })
        .flatten()
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
