//! Lowers graphs to code: blocks become blocks, and each check a branch.
//!
//! The code of hooks with a `__sk_buff` that can be read directly comes twice: with direct loads, and, where a check
//! fails because the kernel keeps bytes elsewhere, once more from the start with `bpf_skb_load_bytes`. Programs that
//! draw random numbers come with the second kind alone, since they must not draw twice.

mod values;

use alloc::vec::Vec;

use crate::bpf::isa::{Condition, Width};
use crate::ebpf::code::{Code, Comparing, End, Label, Operand, Virtual};
use crate::ebpf::hook::Hook;
use crate::ebpf::instruction::{Comparison, Helper, OperandSize};
use crate::ebpf::packet_access::{Access, Bounds, Found, MAX_DEPTH, Place, load_packet, verifier_max};
use crate::ebpf::results::Results;
use crate::ebpf::search_tree;
use crate::ir::dominators::{Dominators, Visit};
use crate::ir::{Address, Block, BlockId, Check, Edge, Graph, Schedule, Step, Terminator, Test, Value, ValueId};

/// The inputs of the code apart from the packet, and the way it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    pub(crate) hook: Hook,
    pub(crate) is_big_endian: bool,
    pub(crate) context: Virtual,
    /// The length on the wire.
    pub(crate) wire_len: Virtual,
    pub(crate) reuse: Reuse,
}

/// For how long a value is kept for its next use.
///
/// In both cases, a number of the packet is loaded again if [`NEARBY`] other values have been computed since: it would
/// take a register for long, and what the verifier remembers of it from earlier tests makes it follow paths one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// As long as the block dominates that computes it.
    Always,
    /// In the same block, until [`NEARBY`] others have been computed; then it is computed again. This is for programs
    /// that load more numbers than a stack frame has room for.
    Nearby,
}

/// The number of values after which one is computed again.
const NEARBY: u32 = 24;

/// The most values that are computed: the kernel takes no longer code.
pub(crate) const MAX_COMPUTED: u32 = 1_000_000;

/// Lowers a graph into the current block of `code`. A failed direct check goes to `restart`, if there is one.
///
/// Returns the number of values that the code computes; more than [`MAX_COMPUTED`] are an error of the caller.
pub(crate) fn lower(
    graph: &Graph,
    code: &mut Code,
    surroundings: Surroundings,
    access: Access,
    restart: Option<Label>,
    results: &mut Results,
) -> u32 {
    let is_cold = code.is_cold();
    let labels: Vec<Label> = graph.blocks.iter().map(|block| code.block_like(is_cold || block.is_cold)).collect();
    let mut values = vec![None; graph.values.len()];
    let at_start = |register| Some(Computed { register, block: BlockId(0), at: 0 });
    for (block, &label) in graph.blocks.iter().zip(&labels) {
        for &parameter in &block.parameters {
            values[parameter.index()] = at_start(code.parameter(label));
        }
    }
    let random = graph.values.ids().filter_map(|id| match graph.value(id) {
        Value::Random(index) => Some((id, index)),
        _ => None,
    });
    let random = random.collect();
    let mismatch = results.mismatch(code, is_cold);
    let fail = restart.unwrap_or(mismatch);
    let mut lowering = Lowering {
        graph,
        code,
        surroundings,
        access,
        mismatch,
        fail,
        results,
        labels,
        values,
        computed: 0,
        log: Vec::new(),
        is_defining: false,
        block: BlockId(0),
        bounds: Bounds::default(),
        on_edges: vec![Found::default(); graph.blocks.len()],
        random,
        predecessors: graph.predecessor_counts(),
    };
    lowering.draw_random_numbers(&graph.blocks[0], true);
    lowering.code.jump(lowering.labels[0]);
    lowering.blocks();
    lowering.computed
}

/// A value in a register.
#[derive(Clone, Copy)]
struct Computed {
    register: Virtual,
    /// The block that has computed it.
    block: BlockId,
    /// The number of values that were computed before.
    at: u32,
}

struct Lowering<'g, 'c> {
    graph: &'g Graph,
    code: &'c mut Code,
    surroundings: Surroundings,
    access: Access,
    /// The block for packets that do not match.
    mismatch: Label,
    /// The target of failed checks of bounds.
    fail: Label,
    results: &'c mut Results,
    labels: Vec<Label>,
    /// The latest register of each value, in the order of the dominator tree.
    values: Vec<Option<Computed>>,
    /// The number of values that were computed.
    computed: u32,
    /// The contents of `values` before each change.
    log: Vec<(ValueId, Option<Computed>)>,
    /// Set while a value is defined whose operands have been computed.
    is_defining: bool,
    block: BlockId,
    bounds: Bounds,
    /// The bounds that the test before the only edge into a block has found.
    on_edges: Vec<Found>,
    /// The random numbers, with their indices.
    random: Vec<(ValueId, ValueId)>,
    predecessors: Vec<u32>,
}

impl Lowering<'_, '_> {
    /// Lowers all blocks, each after those that dominate it.
    fn blocks(&mut self) {
        let schedule = Schedule::of(self.graph);
        let from_start = bytes_from_start(self.graph);
        let mut outer = Vec::new();
        for visit in Dominators::of(self.graph).walk() {
            match visit {
                Visit::Enter(id) => {
                    outer.push((self.bounds.mark(), self.log.len()));
                    self.block = id;
                    if self.surroundings.reuse == Reuse::Nearby {
                        self.bounds.only_of = Some(id.0);
                    }
                    self.bounds.add(self.on_edges[id.index()]);
                    self.bounds.from_start = self.bounds.from_start.max(from_start[id.index()]);
                    self.code.begin(self.labels[id.index()]);
                    self.block(self.graph.block(id), schedule.steps(id));
                }
                Visit::Leave(_) => {
                    let (bounds, values) = outer.pop().unwrap_or_default();
                    self.bounds.forget(bounds);
                    for (id, before) in self.log.drain(values..).rev() {
                        self.values[id.index()] = before;
                    }
                }
            }
        }
    }

    fn block(&mut self, block: &Block, steps: &[Step]) {
        self.draw_random_numbers(block, false);
        for step in steps {
            match *step {
                Step::Check(check) => self.check(check),
                Step::Define(id) if self.surroundings.reuse == Reuse::Always => self.define(id),
                Step::Define(_) => {}
            }
        }
        match &block.terminator {
            Terminator::Return(verdict) => {
                let verdict = self.operand(*verdict);
                self.results.return_verdict(self.code, verdict);
            }
            Terminator::Jump(edge) => {
                let arguments = self.arguments(edge);
                self.code.end(End::Jump(self.labels[edge.block.index()], arguments));
            }
            Terminator::Branch { test, then, otherwise } => {
                let (then_label, otherwise_label) = (self.edge(then), self.edge(otherwise));
                let found = self.branch(*test, then_label, otherwise_label);
                if self.predecessors[then.block.index()] == 1 {
                    self.on_edges[then.block.index()] = found;
                }
            }
        }
    }

    /// Draws the random numbers whose index is known at the start, or at the start of a block: so a number that several
    /// blocks read is drawn once.
    fn draw_random_numbers(&mut self, block: &Block, is_entry: bool) {
        for index in 0..self.random.len() {
            let (id, index) = self.random[index];
            let is_here = if is_entry { self.is_constant(index) } else { block.parameters.contains(&index) };
            if is_here {
                let register = self.code.call(Helper::GetPrandomU32, Vec::new());
                self.values[id.index()] = Some(Computed { register, block: self.block, at: self.computed });
            }
        }
    }

    fn is_constant(&self, id: ValueId) -> bool {
        self.graph.constant(id).is_some()
    }

    fn arguments(&mut self, edge: &Edge) -> Vec<Operand> {
        edge.arguments.iter().map(|&argument| self.operand(argument)).collect()
    }

    /// Returns the block that an edge of a branch leads to, which passes its arguments on.
    fn edge(&mut self, edge: &Edge) -> Label {
        let target = self.labels[edge.block.index()];
        if edge.arguments.is_empty() {
            return target;
        }
        let (here, is_cold) = (self.code.current(), self.code.is_cold());
        let between = self.code.block_like(is_cold);
        let arguments = self.arguments(edge);
        self.code.begin(between);
        self.code.end(End::Jump(target, arguments));
        self.code.begin(here);
        between
    }

    fn place(&mut self, address: Address, width: Width) -> Place {
        let max_base = address.base.map_or(0, |base| verifier_max(self.graph, base, MAX_DEPTH));
        let base = address.base.map(|base| match self.graph.value(base) {
            // The offset of Linux itself, which `LD_IND` resolves.
            Value::ResolvedOffset(offset) => self.register(offset),
            _ => self.register(base),
        });
        Place::new(address, base, max_base, width)
    }

    fn is_header_relative(&self, address: Address) -> bool {
        address.base.is_some_and(|base| matches!(self.graph.value(base), Value::ResolvedOffset(_)))
    }

    fn check(&mut self, check: Check) {
        match check {
            Check::InBounds(address, width) => {
                let place = self.place(address, width);
                if self.is_header_relative(address) {
                    load_packet(self.code, place);
                } else {
                    self.access.check(self.code, &mut self.bounds, place, self.fail);
                }
            }
            Check::NonZero(value) => {
                let value = self.register(value);
                self.code.branch_if(OperandSize::Half, value, Comparison::Equal, 0, self.mismatch);
            }
            Check::Present(extension, verdict) => {
                let value = self.ancillary(extension);
                let verdict = self.operand(verdict);
                let absent = self.code.block_like(true);
                self.code.branch_if(OperandSize::Half, value, Comparison::Equal, 0, absent);
                let here = self.code.current();
                self.code.begin(absent);
                self.results.return_verdict(self.code, verdict);
                self.code.begin(here);
            }
        }
    }

    /// Ends the current block by a test, and returns what it has found if it holds.
    fn branch(&mut self, test: Test, then: Label, otherwise: Label) -> Found {
        match test {
            Test::InBounds(address, width) => {
                let place = self.place(address, width);
                // Where a failed check says nothing of the packet, the code that can find out starts anew.
                let fail = if self.fail == self.mismatch { otherwise } else { self.fail };
                let before = self.bounds.mark();
                self.access.check(self.code, &mut self.bounds, place, fail);
                self.code.jump(then);
                let found = self.bounds.found(place);
                self.bounds.forget(before);
                return found;
            }
            Test::Member(value, set) => {
                let value = self.register(value);
                search_tree::branch(self.code, value, &self.graph.sets.ranges(set), then, otherwise);
            }
            Test::Compare(condition, left, right) => {
                let (left, right) = (self.register(left), self.operand(right));
                let (comparison, then, otherwise) = match condition {
                    Condition::Equal => (Comparison::Equal, then, otherwise),
                    Condition::NotEqual => (Comparison::NotEqual, then, otherwise),
                    Condition::Greater => (Comparison::Greater, then, otherwise),
                    Condition::GreaterOrEqual => (Comparison::GreaterOrEqual, then, otherwise),
                    Condition::Less => (Comparison::Less, then, otherwise),
                    Condition::LessOrEqual => (Comparison::LessOrEqual, then, otherwise),
                    Condition::BitsSet => (Comparison::BitsSet, then, otherwise),
                    Condition::BitsNotSet => (Comparison::BitsSet, otherwise, then),
                };
                let test = Comparing { size: OperandSize::Half, comparison, left, right };
                self.code.end(End::Branch { test, then, otherwise });
            }
        }
        Found::default()
    }
}

/// Returns for each block the number of bytes from the start of the packet on that all paths to it have found there.
fn bytes_from_start(graph: &Graph) -> Vec<u32> {
    let mut found: Vec<Option<u32>> = vec![None; graph.blocks.len()];
    found[0] = Some(0);
    let end = |address: Address, width| match address.base {
        None => u32::try_from(address.end(width)).ok().filter(|&end| end <= u32::from(u16::MAX)).unwrap_or(0),
        Some(_) => 0,
    };
    for (index, block) in graph.blocks.iter().enumerate() {
        let checked = block.checks.iter().map(|check| match *check {
            Check::InBounds(address, width) => end(address, width),
            Check::NonZero(_) | Check::Present(..) => 0,
        });
        let bytes = checked.fold(found[index].unwrap_or(0), u32::max);
        for (place, edge) in block.terminator.edges().enumerate() {
            let tested = match block.terminator.test() {
                Some(Test::InBounds(address, width)) if place == 0 => end(address, width),
                _ => 0,
            };
            let entry = &mut found[edge.block.index()];
            let bytes = bytes.max(tested);
            *entry = Some(entry.map_or(bytes, |other| other.min(bytes)));
        }
    }
    found.into_iter().map(Option::unwrap_or_default).collect()
}
