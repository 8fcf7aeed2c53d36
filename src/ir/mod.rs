//! The decision graph: a verified program as an acyclic graph of blocks, in static single assignment form.
//!
//! A value is a pure expression over the packet and belongs to no block; equal expressions are one value (`values.rs`).
//! A block contains only what can be observed: checks and a terminator. Values are computed where they are first used
//! (`schedule.rs`).
//!
//! Invariants
//! - Blocks stand in topological order. Each is reachable from the first, which has no predecessor.
//! - A parameter of a block stands for values that differ between the edges into the block. A value that depends on a
//!   parameter is used only where the block of that parameter dominates.
//! - Everything that can end the program early is a [`Check`], in program order, before what depends on it. If it
//!   fails, the verdict is 0, or the value in the check.
//! - A load or a division is used only after a check on every path has found it possible. No pass moves a use above
//!   that check.
//! - The graph does not depend on a dialect: shifts by 32 and more are 0, sums wrap, and addresses do not. An offset
//!   that may be relative to a header is a [`Value::ResolvedOffset`], and the base of an address.

mod build;
mod context_inputs;
pub(crate) mod dominators;
pub(crate) mod hash_map;
mod hashing;
pub(crate) mod known_bits;
pub(crate) mod member_set;
mod open_constant;
mod print;
pub(crate) mod ranges;
mod schedule;
pub(crate) mod scoped_map;
mod shape;
mod simplify_cfg;
mod strategy;
pub(crate) mod test;
pub(crate) mod test_chain;
mod values;

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::isa::{AluOp, Width};
use crate::packet::ancillary::Extension;

pub(crate) use context_inputs::ContextInputs;
pub(crate) use hashing::{Hasher, Hashing};
pub(crate) use known_bits::KnownBits;
pub(crate) use member_set::{MemberSet, MemberSetId, MemberSets, TableHash};
pub(crate) use open_constant::OpenConstant;
pub(crate) use ranges::{Range, complement, equal, joined};
pub(crate) use schedule::{Schedule, Step};
pub(crate) use shape::{OpenTest, Shape};
pub(crate) use simplify_cfg::topological_order;
pub use strategy::Strategy;
pub(crate) use test::Test;
pub(crate) use values::Values;

/// A program as a graph of decisions, the form that the optimiser works on and that native code is made of.
///
/// [`Graph::new`] builds the graph of a program, [`Graph::run`] runs one [`Pass`](crate::debug::Pass), and
/// [`Graph::optimized`] runs the passes of the default strategy. A graph prints as text (`Display`) and as DOT
/// ([`Graph::dot`]).
#[derive(Clone, Debug)]
pub struct Graph {
    /// The dialect of the program, whose rules the graph has resolved.
    pub(crate) dialect: Dialect,
    /// `Branchless` after if-conversion, and else `Branches`.
    pub(crate) strategy: Strategy,
    pub(crate) blocks: Vec<Block>,
    pub(crate) values: Values,
    pub(crate) sets: MemberSets,
}

/// The index of a block in [`Graph::blocks`].
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

/// Checks that the program makes, and what it does then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    /// The parameters, whose values the edges into this block pass as arguments.
    pub(crate) parameters: Vec<ValueId>,
    pub(crate) checks: Vec<Check>,
    pub(crate) terminator: Terminator,
    /// Set if few packets reach the block.
    pub(crate) is_cold: bool,
}

impl Block {
    pub(crate) fn new(terminator: Terminator) -> Block {
        Block { parameters: Vec::new(), checks: Vec::new(), terminator, is_cold: false }
    }

    /// Returns the values that the block uses.
    pub(crate) fn values(&self) -> impl Iterator<Item = ValueId> {
        self.values_but_of_test().chain(self.terminator.test().into_iter().flat_map(Test::values))
    }

    /// Returns the values that the block uses for anything but its test.
    pub(crate) fn values_but_of_test(&self) -> impl Iterator<Item = ValueId> {
        let checked = self.checks.iter().flat_map(|check| check.values());
        checked.chain(self.terminator.values_but_of_test())
    }
}

/// A condition that ends the program if it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Check {
    /// A load of this width at the address is in bounds.
    InBounds(Address, Width),
    /// A divisor is not zero.
    NonZero(ValueId),
    /// The context has a value for this load; if not, the verdict is this value.
    Present(Extension, ValueId),
}

/// A pure 32-bit value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Constant(u32),
    /// A constant that the graph does not know.
    Open(OpenConstant),
    /// A parameter of the block that lists it, with a unique number.
    Parameter(u32),
    /// The length of the packet on the wire.
    WireLen,
    /// A number from the packet, in bounds wherever it is used.
    Load(Address, Width, ByteOrder),
    /// The result of an ancillary load, present wherever it is used.
    Ancillary(Extension),
    /// The offset of a netlink attribute: the first one from an offset on that has a type.
    FindAttribute(Extension, ValueId, ValueId),
    /// The offset from the start of the packet of an offset of the Linux dialect that may be relative to a header. Used
    /// only as the base of an address.
    ResolvedOffset(ValueId),
    /// The random number with this index in the run.
    Random(ValueId),
    /// The result of arithmetic; the divisor of a division is not zero wherever it is used.
    Alu(AluOp, ValueId, ValueId),
    Negate(ValueId),
    /// The second value if the test holds, and else the third.
    Select(Test, ValueId, ValueId),
}

/// An offset in the packet: the base, if there is one, plus the offset, in 64 bits, so that the sum does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) base: Option<ValueId>,
    pub(crate) offset: u32,
}

impl Address {
    /// Returns the end of a number of this width, counted from the base.
    pub(crate) fn end(self, width: Width) -> u64 {
        u64::from(self.offset) + u64::from(width.bytes())
    }
}

/// The byte order of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ByteOrder {
    /// Network order.
    Big,
    /// The byte order of the machine that runs the code.
    Native,
}

/// The end of a block: where control goes, or the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Terminator {
    Return(ValueId),
    Jump(Edge),
    Branch { test: Test, then: Edge, otherwise: Edge },
}

/// An edge into a block, with the arguments for its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Edge {
    pub(crate) block: BlockId,
    pub(crate) arguments: Vec<ValueId>,
}

impl Edge {
    /// Returns an edge to a block without parameters.
    pub(crate) fn to(block: BlockId) -> Edge {
        Edge { block, arguments: Vec::new() }
    }
}

impl Terminator {
    /// Returns the values that it uses.
    pub(crate) fn values(&self) -> impl Iterator<Item = ValueId> {
        self.values_but_of_test().chain(self.test().into_iter().flat_map(Test::values))
    }

    fn values_but_of_test(&self) -> impl Iterator<Item = ValueId> {
        let verdict = match self {
            Terminator::Return(verdict) => Some(*verdict),
            Terminator::Branch { .. } | Terminator::Jump(_) => None,
        };
        verdict.into_iter().chain(self.edges().flat_map(|edge| edge.arguments.iter().copied()))
    }

    /// Returns the test of a branch.
    pub(crate) fn test(&self) -> Option<Test> {
        match self {
            Terminator::Branch { test, .. } => Some(*test),
            Terminator::Return(_) | Terminator::Jump(_) => None,
        }
    }

    /// Returns the edges out of a block.
    pub(crate) fn edges(&self) -> impl Iterator<Item = &Edge> {
        let (first, second) = match self {
            Terminator::Return(_) => (None, None),
            Terminator::Jump(edge) => (Some(edge), None),
            Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }

    /// Returns the edges out of a block, mutably.
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
    /// Returns the strategy of the graph: branches, or branchless.
    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Appends a block and returns an edge to it; [`Graph::simplify_cfg`] restores the order of blocks.
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

    /// Returns the constant that a value is.
    pub(crate) fn constant(&self, id: ValueId) -> Option<u32> {
        self.values.as_constant(id)
    }

    /// Returns the open constants that the graph uses, each once, in an order that depends on the graph alone.
    pub(crate) fn open_constants(&self) -> Vec<OpenConstant> {
        let mut open = Vec::new();
        if !self.values.iter().any(|value| matches!(value, Value::Open(_))) {
            return open;
        }
        let mut is_seen = vec![false; self.values.len()];
        let mut rest: Vec<ValueId> = self.blocks.iter().flat_map(Block::values).collect();
        while let Some(id) = rest.pop() {
            if !core::mem::replace(&mut is_seen[id.index()], true) {
                rest.extend(self.values.operands(id));
                if let Value::Open(constant) = self.value(id) {
                    open.push(constant);
                }
            }
        }
        open
    }

    /// Returns the graph of a program with these constants, none of which is open.
    pub(crate) fn with_constants(mut self, constants: &[u32]) -> Graph {
        self.values.close(constants);
        self
    }

    /// Returns whether a block does nothing but return 0.
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

/// Returns the graph of a program in assembler, for tests.
#[cfg(test)]
pub(crate) fn graph_of(text: &str) -> Graph {
    let program: crate::bpf::program::Program = text.parse().expect("a program");
    Graph::new(&program.verify(crate::bpf::dialect::Dialect::Linux).expect("a valid program"))
}
