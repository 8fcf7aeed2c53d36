//! From the steps of a verified program to its graph, in one pass forward.
//!
//! Jumps go forward, so all edges into a block are known when it is reached, and single-assignment form needs no second
//! look: a register that all edges bring alike is that value, any other that is still needed becomes a parameter.

use std::collections::HashMap;

use crate::ancillary::Extension;
use crate::dialect::Dialect;
use crate::graph::{Address, Block, BlockId, ByteOrder, Check, Edge, End, Graph, Statement, Value, ValueId};
use crate::instruction::Operand;
use crate::isa::{AluOp, Register, Width};
use crate::packet::{Context, MAX_CAPTURED};
use crate::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};

impl Graph {
    /// The graph of a program.
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

/// The first value of every graph: 0, which all variables hold at the start.
const ZERO: ValueId = ValueId(0);

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
    constants: HashMap<u32, ValueId>,
    /// The edges into each instruction that some jump names.
    incoming: HashMap<usize, Vec<Incoming>>,
    /// The block that is being filled; `None` behind its end.
    open: Option<Block>,
    /// What the variables hold.
    state: State,
}

impl<'v> Builder<'v> {
    fn new(verified: &'v Verified) -> Builder<'v> {
        Builder {
            steps: verified.steps(),
            dialect: verified.dialect(),
            live: live_before(verified.steps()),
            graph: Graph { blocks: Vec::new(), values: vec![Value::Constant(0)] },
            constants: HashMap::from([(0, ZERO)]),
            incoming: targets(verified.steps()).map(|target| (target, Vec::new())).collect(),
            open: Some(new_block()),
            state: [ZERO; variable::COUNT],
        }
    }

    fn step(&mut self, pc: usize) {
        if let Some(mut edges) = self.incoming.remove(&pc) {
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
                self.state[variable::A] = self.packet(Address { base: None, offset }, width);
            }
            Step::LoadIndirect(width, offset) => {
                let address = self.indirect(offset);
                self.state[variable::A] = self.packet(address, width);
            }
            Step::LoadMemShift(offset) => self.state[variable::X] = self.mem_shift(offset),
            Step::Ancillary(extension) => self.state[variable::A] = self.ancillary(extension),
            Step::Store(src, slot) => self.state[variable::scratch(slot)] = self.state[variable::register(src)],
            Step::Alu(op, operand) => self.state[variable::A] = self.alu(op, operand),
            Step::Negate => self.state[variable::A] = self.negate(self.state[variable::A]),
            Step::Transfer(Register::A) => self.state[variable::A] = self.state[variable::X],
            Step::Transfer(Register::X) => self.state[variable::X] = self.state[variable::A],
            Step::Return(Verdict::A) => self.finish(End::Return(self.state[variable::A])),
            Step::Return(Verdict::Constant(k)) => {
                let verdict = self.constant(k);
                self.finish(End::Return(verdict));
            }
            Step::Jump(target) => {
                let edge = self.edge(false);
                self.leave(target, edge);
                self.finish(End::Jump(unresolved()));
            }
            Step::Branch { condition, operand, then, otherwise } => {
                let (left, right) = (self.state[variable::A], self.operand(operand));
                for (target, is_otherwise) in [(then, false), (otherwise, true)] {
                    let edge = self.edge(is_otherwise);
                    self.leave(target, edge);
                }
                self.finish(End::Branch { condition, left, right, then: unresolved(), otherwise: unresolved() });
            }
        }
    }

    /// An edge from the open block, with what the variables hold now.
    fn edge(&self, is_otherwise: bool) -> Incoming {
        Incoming { from: BlockId(self.graph.blocks.len() as u32), is_otherwise, state: self.state }
    }

    fn leave(&mut self, target: usize, edge: Incoming) {
        self.incoming.entry(target).or_default().push(edge);
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
                *value = self.graph.push(Value::Parameter);
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

    fn constant(&mut self, k: u32) -> ValueId {
        if let Some(&id) = self.constants.get(&k) {
            return id;
        }
        let id = self.graph.push(Value::Constant(k));
        self.constants.insert(k, id);
        id
    }

    /// A value of the open block.
    fn define(&mut self, value: Value) -> ValueId {
        let id = self.graph.push(value);
        self.statement(Statement::Define(id));
        id
    }

    fn check(&mut self, check: Check) {
        self.statement(Statement::Check(check));
    }

    fn statement(&mut self, statement: Statement) {
        if let Some(block) = &mut self.open {
            block.body.push(statement);
        }
    }

    fn operand(&mut self, operand: Operand) -> ValueId {
        match operand {
            Operand::Constant(k) => self.constant(k),
            Operand::X => self.state[variable::X],
        }
    }

    fn alu(&mut self, op: AluOp, operand: Operand) -> ValueId {
        let operand = self.operand(operand);
        if op.is_division() && self.graph.constant(operand).is_none_or(|k| k == 0) {
            self.check(Check::NonZero(operand));
        }
        let is_masked = op.is_shift() && self.dialect.is_kernel();
        let operand = if is_masked { self.mask_shift(operand) } else { operand };
        self.binary(op, self.state[variable::A], operand)
    }

    fn mask_shift(&mut self, count: ValueId) -> ValueId {
        let mask = self.constant(31);
        self.binary(AluOp::And, count, mask)
    }

    fn binary(&mut self, op: AluOp, left: ValueId, right: ValueId) -> ValueId {
        let constants = self.graph.constant(left).zip(self.graph.constant(right));
        match constants.and_then(|(a, b)| op.eval(a, b)) {
            Some(k) => self.constant(k),
            None => self.define(Value::Alu(op, left, right)),
        }
    }

    fn negate(&mut self, value: ValueId) -> ValueId {
        match self.graph.constant(value) {
            Some(k) => self.constant(k.wrapping_neg()),
            None => self.define(Value::Negate(value)),
        }
    }

    fn load(&mut self, source: Source) -> ValueId {
        match source {
            Source::Constant(k) => self.constant(k),
            Source::Scratch(slot) => self.state[variable::scratch(slot)],
            Source::WireLen => self.define(Value::WireLen),
        }
    }

    fn mem_shift(&mut self, offset: u32) -> ValueId {
        let byte = self.packet(Address { base: None, offset }, Width::Byte);
        let (mask, two) = (self.constant(0xf), self.constant(2));
        let words = self.binary(AluOp::And, byte, mask);
        self.binary(AluOp::Lsh, words, two)
    }

    /// `[x + k]`: the kernel adds 32-bit numbers, libpcap does not wrap.
    fn indirect(&mut self, offset: u32) -> Address {
        let x = self.state[variable::X];
        match self.dialect {
            Dialect::Pcap => Address { base: Some(x), offset },
            Dialect::Linux | Dialect::Seccomp => {
                let k = self.constant(offset);
                Address { base: Some(self.binary(AluOp::Add, x, k)), offset: 0 }
            }
        }
    }

    fn packet(&mut self, address: Address, width: Width) -> ValueId {
        if address.base.is_none() && u64::from(address.offset) + u64::from(width.bytes()) > MAX_CAPTURED as u64 {
            self.finish(End::Return(ZERO));
            return ZERO;
        }
        self.check(Check::InBounds(address, width));
        let is_native = self.dialect == Dialect::Seccomp && width == Width::Word;
        let order = if is_native { ByteOrder::Native } else { ByteOrder::Big };
        self.define(Value::Load(address, width, order))
    }

    fn ancillary(&mut self, extension: Extension) -> ValueId {
        match extension {
            Extension::Random => {
                let count = self.state[variable::RANDOM_LOADS];
                let one = self.constant(1);
                let next = self.binary(AluOp::Add, count, one);
                self.state[variable::RANDOM_LOADS] = next;
                self.define(Value::Random(count))
            }
            _ => {
                if may_be_absent(extension) {
                    self.check(Check::Present(extension, self.state[variable::A]));
                }
                self.define(Value::Ancillary(extension))
            }
        }
    }
}

fn new_block() -> Block {
    Block { parameters: Vec::new(), body: Vec::new(), end: End::Jump(unresolved()) }
}

/// An edge to the block that is not there yet; [`Builder::connect`] replaces it.
fn unresolved() -> Edge {
    Edge { block: BlockId(u32::MAX), arguments: Vec::new() }
}

/// Whether a packet may have no answer to an ancillary load: one without a device, as the default, has none.
fn may_be_absent(extension: Extension) -> bool {
    Context::DEFAULT.value(extension).is_none()
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
            Step::Ancillary(extension) => behind(pc + 1) & !A | if may_be_absent(extension) { A } else { 0 },
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
