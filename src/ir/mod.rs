//! The decision graph: a verified program as blocks that decide, over values that are computed where they are needed.
//!
//! A value is a pure expression over the packet, and belongs to no block: the same expression is the same value
//! (`values.rs`). What a block does is only what can be observed: it makes checks, and goes somewhere. Where values are
//! computed follows from where they are used (`schedule.rs`).
//!
//! Invariants
//! - Blocks stand in topological order and each is reachable from the first, which no edge enters.
//! - What differs between the edges into a block is a parameter of it. A value that depends on a parameter is used
//!   only where the block of that parameter dominates.
//! - Everything that can end the program early is a [`Check`], in order, before what depends on it: if it fails, the
//!   verdict is 0, or the value that the check names.
//! - A load or a division by a value is used only where, on every path, a check has found it possible: no pass moves a
//!   use above that.
//! - The dialects are resolved: shifts by 32 and more are 0, sums wrap, and addresses do not, whoever wrote the program.
//!   Where an offset may be relative to a header, the place that it names ([`Value::ResolvedOffset`]) is the base of an address.

mod build;
mod context_input;
pub(crate) mod dominators;
mod hashing;
pub(crate) mod known_bits;
mod member_set;
mod print;
pub(crate) mod ranges;
mod schedule;
pub(crate) mod scoped_map;
mod simplify_cfg;
mod strategy;
pub(crate) mod test;
pub(crate) mod test_chain;
mod values;

use crate::bpf::dialect::Dialect;
use crate::bpf::isa::{AluOp, Width};
use crate::packet::ancillary::Extension;

pub(crate) use context_input::ContextInput;
pub(crate) use hashing::Hashing;
pub(crate) use known_bits::KnownBits;
pub(crate) use member_set::{MemberSet, MemberSetId, MemberSets, TableHash};
pub(crate) use ranges::{Range, complement, joined};
pub(crate) use schedule::{Schedule, Step};
pub(crate) use simplify_cfg::topological_order;
pub use strategy::Strategy;
pub(crate) use test::Test;
pub(crate) use values::Values;

/// A program as a graph of blocks, ready to become native code.
///
/// It prints as text (`to_string`) and as DOT ([`Graph::dot`]).
#[derive(Clone, Debug)]
pub struct Graph {
    /// The dialect of the program; what it means is resolved already.
    pub(crate) dialect: Dialect,
    /// What if-conversion has made of the branches.
    pub(crate) strategy: Strategy,
    pub(crate) blocks: Vec<Block>,
    pub(crate) values: Values,
    pub(crate) sets: MemberSets,
}

/// The place of a block in [`Graph::blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

impl BlockId {
    pub(crate) fn new(index: usize) -> BlockId {
        BlockId(index as u32)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a value; equal expressions have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub(crate) u32);

impl ValueId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place where the program decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    /// The values that the edges into this block bring.
    pub(crate) parameters: Vec<ValueId>,
    pub(crate) checks: Vec<Check>,
    pub(crate) terminator: Terminator,
    /// Whether packets seldom come here.
    pub(crate) is_cold: bool,
}

impl Block {
    pub(crate) fn new(terminator: Terminator) -> Block {
        Block { parameters: Vec::new(), checks: Vec::new(), terminator, is_cold: false }
    }
}

impl Block {
    /// The values that the block uses.
    pub(crate) fn values(&self) -> impl Iterator<Item = ValueId> {
        self.values_but_of_test().chain(self.terminator.test().into_iter().flat_map(Test::values))
    }

    /// The values that the block uses for anything but its test.
    pub(crate) fn values_but_of_test(&self) -> impl Iterator<Item = ValueId> {
        let verdict = match self.terminator {
            Terminator::Return(verdict) => Some(verdict),
            Terminator::Branch { .. } | Terminator::Jump(_) => None,
        };
        let checked = self.checks.iter().flat_map(|check| check.values());
        checked.chain(verdict).chain(self.terminator.edges().flat_map(|edge| edge.arguments.iter().copied()))
    }
}

/// What must hold for the program to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Check {
    /// So many bytes at that address were captured.
    InBounds(Address, Width),
    /// A divisor is not zero.
    NonZero(ValueId),
    /// The context has an answer to this load; else the value is the verdict.
    Present(Extension, ValueId),
}

/// A pure 32-bit value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Constant(u32),
    /// A parameter of the block that lists it; the number makes it different from all others.
    Parameter(u32),
    /// The length on the wire.
    WireLen,
    /// A number of the packet; where it is used it is known to be in bounds.
    Load(Address, Width, ByteOrder),
    /// A fact from the context, or what an extension makes of it and the packet; where it is used it is known to be
    /// present, if it may be absent.
    Ancillary(Extension),
    /// The place of a netlink attribute: what the extension finds from the first value on, of the type that the second is.
    FindAttribute(Extension, ValueId, ValueId),
    /// The place in the packet that an offset of the Linux dialect names: one that may be relative to a header. Only
    /// addresses have it, as their base.
    ResolvedOffset(ValueId),
    /// The random number that follows so many others of this run.
    Random(ValueId),
    /// Arithmetic; where a division by anything but a constant is used, the divisor is known not to be zero.
    Alu(AluOp, ValueId, ValueId),
    Negate(ValueId),
    /// The second value if the test holds, and else the third.
    Select(Test, ValueId, ValueId),
}

/// A place in the packet: the base, if there is one, plus the offset, in 64 bits, so the sum does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) base: Option<ValueId>,
    pub(crate) offset: u32,
}

impl Address {
    /// The place behind a number of that width, counted from the base.
    pub(crate) fn end(self, width: Width) -> u64 {
        u64::from(self.offset) + u64::from(width.bytes())
    }
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ByteOrder {
    /// Network order.
    Big,
    /// That of the machine that runs the code.
    Native,
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Terminator {
    Return(ValueId),
    Jump(Edge),
    Branch { test: Test, then: Edge, otherwise: Edge },
}

/// The way into a block, and what its parameters become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Edge {
    pub(crate) block: BlockId,
    pub(crate) arguments: Vec<ValueId>,
}

impl Edge {
    /// An edge to a block without parameters.
    pub(crate) fn to(block: BlockId) -> Edge {
        Edge { block, arguments: Vec::new() }
    }
}

impl Terminator {
    /// What the block decides on.
    pub(crate) fn test(&self) -> Option<Test> {
        match self {
            Terminator::Branch { test, .. } => Some(*test),
            Terminator::Return(_) | Terminator::Jump(_) => None,
        }
    }

    /// The edges out of a block.
    pub(crate) fn edges(&self) -> impl Iterator<Item = &Edge> {
        let (first, second) = match self {
            Terminator::Return(_) => (None, None),
            Terminator::Jump(edge) => (Some(edge), None),
            Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }

    /// The edges out of a block, to be changed.
    pub(crate) fn edges_mut(&mut self) -> impl Iterator<Item = &mut Edge> {
        let (first, second) = match self {
            Terminator::Return(_) => (None, None),
            Terminator::Jump(edge) => (Some(edge), None),
            Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }
}

impl Graph {
    /// The strategy that the graph has.
    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Adds a block that ends so, and gives an edge to it; [`Graph::simplify_cfg`] brings it into order.
    pub(crate) fn add(&mut self, end: Terminator) -> Edge {
        self.blocks.push(Block::new(end));
        Edge::to(BlockId::new(self.blocks.len() - 1))
    }

    pub(crate) fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.index()]
    }

    pub(crate) fn value(&self, id: ValueId) -> Value {
        self.values.value(id)
    }

    /// The constant that a value is.
    pub(crate) fn constant(&self, id: ValueId) -> Option<u32> {
        self.values.as_constant(id)
    }

    /// Whether a block does nothing but return 0.
    pub(crate) fn drops(&self, block: &Block) -> bool {
        block.checks.is_empty()
            && matches!(block.terminator, Terminator::Return(verdict) if self.constant(verdict) == Some(0))
    }

    /// Returns the number of edges into each block.
    pub(crate) fn predecessor_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.blocks.len()];
        for edge in self.blocks.iter().flat_map(|block| block.terminator.edges()) {
            counts[edge.block.index()] += 1;
        }
        counts
    }
}

/// The graph of a program in assembler, for tests.
#[cfg(test)]
pub(crate) fn graph_of(text: &str) -> Graph {
    let program: crate::bpf::program::Program = text.parse().expect("a program");
    Graph::new(&program.verify(crate::bpf::dialect::Dialect::Linux).expect("a valid program"))
}
