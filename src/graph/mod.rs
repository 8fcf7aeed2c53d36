//! The decision graph: a verified program as blocks of pure values, from which native code is made.
//!
//! Invariants
//! - Blocks stand in topological order and each is reachable from the first; edges go to later blocks only.
//! - Values are in single-assignment form: a value is defined once, in a block that dominates its uses. Constants
//!   belong to no block. What differs between the edges into a block is a parameter of it.
//! - Everything that can end the program early is a [`Check`] of its own, in order, before what depends on it: if it
//!   fails, the verdict is 0, or the value that the check names. Values have no effects.
//! - A load and a division mean something only behind the check that names their operands: no pass moves them above it.
//! - The dialects are resolved: shifts by 32 and more are 0, sums wrap, and addresses do not, whoever wrote the program.

mod build;
mod print;

use crate::ancillary::Extension;
use crate::isa::{AluOp, Condition, Width};

/// A program as a graph of blocks, ready to become native code.
///
/// It prints as text (`to_string`) and as DOT ([`Graph::dot`]).
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) blocks: Vec<Block>,
    pub(crate) values: Vec<Value>,
}

/// The place of a block in [`Graph::blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

/// The place of a value in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub(crate) u32);

/// Straight-line code and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The values that the edges into this block bring.
    pub(crate) parameters: Vec<ValueId>,
    pub(crate) body: Vec<Statement>,
    pub(crate) end: End,
}

/// One thing that a block does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Computes a value.
    Define(ValueId),
    /// Ends the program unless this holds.
    Check(Check),
}

/// What must hold for the program to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// So many bytes at that address were captured.
    InBounds(Address, Width),
    /// A divisor is not zero.
    NonZero(ValueId),
    /// The context has an answer to this load; else the value is the verdict.
    Present(Extension, ValueId),
}

/// A pure 32-bit value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Constant(u32),
    /// A parameter of the block that lists it.
    Parameter,
    /// The length on the wire.
    WireLen,
    /// A number of the packet; the check that it is in bounds stands before, and must.
    Load(Address, Width, ByteOrder),
    /// A fact from the context; a check that it is present stands before, if it may be absent.
    Ancillary(Extension),
    /// The random number that follows so many others of this run.
    Random(ValueId),
    /// Arithmetic; before a division by anything but a constant stands the check that the divisor is not zero.
    Alu(AluOp, ValueId, ValueId),
    Negate(ValueId),
}

/// A place in the packet: the base, if there is one, plus the offset, in 64 bits, so the sum does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) base: Option<ValueId>,
    pub(crate) offset: u32,
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    /// Network order.
    Big,
    /// That of the machine that runs the code.
    Native,
}

/// How a block ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Return(ValueId),
    Jump(Edge),
    Branch { condition: Condition, left: ValueId, right: ValueId, then: Edge, otherwise: Edge },
}

/// The way into a block, and what its parameters become.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) block: BlockId,
    pub(crate) arguments: Vec<ValueId>,
}

impl Graph {
    /// Adds a value; a statement or a list of parameters must name it.
    pub(crate) fn push(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() as u32 - 1)
    }

    pub(crate) fn value(&self, id: ValueId) -> Value {
        self.values[id.0 as usize]
    }

    /// The constant that a value is.
    pub(crate) fn constant(&self, id: ValueId) -> Option<u32> {
        match self.value(id) {
            Value::Constant(k) => Some(k),
            _ => None,
        }
    }

    /// The facts of the context that the program may ask for.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = Extension> {
        self.values.iter().filter_map(|value| match *value {
            Value::Ancillary(extension) => Some(extension),
            Value::Random(_) => Some(Extension::Random),
            _ => None,
        })
    }
}
