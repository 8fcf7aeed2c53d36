//! Code over virtual registers: what graphs and sets are lowered to, before registers are allocated.
//!
//! Invariants
//! - Each virtual register is written once, by an operation, as an argument of the function, or as the parameter of a
//!   block; a write dominates all reads.
//! - Scalars have 32 bits, zero-extended, unless 64-bit operations make them.
//! - The first block is the entry; no block jumps to it.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Width};
use crate::ebpf::instruction::{Comparison, Helper, OperandSize, Size};

/// A virtual register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Virtual(pub(crate) u32);

impl Virtual {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A block of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Label(pub(crate) u32);

impl Label {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A virtual register or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Virtual(Virtual),
    Immediate(i32),
}

impl From<Virtual> for Operand {
    fn from(register: Virtual) -> Operand {
        Operand::Virtual(register)
    }
}

impl Operand {
    pub(crate) fn as_virtual(self) -> Option<Virtual> {
        match self {
            Operand::Virtual(register) => Some(register),
            Operand::Immediate(_) => None,
        }
    }
}

/// An argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Argument {
    Operand(Operand),
    /// The address of a place in the stack frame, counted from its end.
    Stack(i16),
    /// The address of a map.
    Map(u32),
}

impl<T: Into<Operand>> From<T> for Argument {
    fn from(operand: T) -> Argument {
        Argument::Operand(operand.into())
    }
}

/// An operation; `dst` is what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Move {
        dst: Virtual,
        src: Operand,
    },
    Alu {
        size: OperandSize,
        op: AluOp,
        dst: Virtual,
        left: Operand,
        right: Operand,
    },
    Negate {
        dst: Virtual,
        src: Virtual,
    },
    NetworkOrder {
        width: Width,
        dst: Virtual,
        src: Virtual,
    },
    Load {
        size: Size,
        dst: Virtual,
        base: Virtual,
        offset: i16,
    },
    /// Loads from the stack frame, counted from its end.
    LoadStack {
        size: Size,
        dst: Virtual,
        offset: i16,
    },
    LoadImmediate {
        dst: Virtual,
        value: u64,
    },
    /// A load of `r0` from the packet whose context is in `r6`; see [`Code::context`].
    LoadPacket {
        width: Width,
        dst: Virtual,
        offset: i32,
    },
    LoadPacketIndirect {
        width: Width,
        dst: Virtual,
        index: Virtual,
        offset: i32,
    },
    Call {
        helper: Helper,
        arguments: Vec<Argument>,
        dst: Virtual,
    },
}

/// The end of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(Operand),
    /// Jumps, and writes the parameters of the target.
    Jump(Label, Vec<Operand>),
    Branch {
        test: Comparing,
        then: Label,
        otherwise: Label,
    },
}

/// A comparison that a branch tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comparing {
    pub(crate) size: OperandSize,
    pub(crate) comparison: Comparison,
    pub(crate) left: Virtual,
    pub(crate) right: Operand,
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) parameters: Vec<Virtual>,
    pub(crate) operations: Vec<Operation>,
    /// `None` while the block is written.
    pub(crate) end: Option<End>,
    /// Set if few packets reach the block; it leads to cold blocks only.
    pub(crate) is_cold: bool,
}

/// The code of a function. Operations are appended to the current block.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) blocks: Vec<Block>,
    /// The arguments, which arrive in `r1`, `r2`, ...
    pub(crate) arguments: Vec<Virtual>,
    /// The context, if loads of packets need it in `r6`.
    pub(crate) context: Option<Virtual>,
    pub(crate) virtuals: u32,
    /// The bytes at the end of the stack frame that operations refer to.
    pub(crate) stack: u16,
    current: Label,
}

impl Code {
    /// Creates the code of a function of some arguments, with an empty first block.
    pub(crate) fn new(arguments: u32) -> Code {
        let mut code = Code {
            blocks: Vec::new(),
            arguments: (0..arguments).map(Virtual).collect(),
            context: None,
            virtuals: arguments,
            stack: 0,
            current: Label(0),
        };
        code.block();
        code
    }

    /// Creates a virtual register.
    pub(crate) fn create(&mut self) -> Virtual {
        self.virtuals += 1;
        Virtual(self.virtuals - 1)
    }

    /// Creates a block.
    pub(crate) fn block(&mut self) -> Label {
        self.blocks.push(Block { parameters: Vec::new(), operations: Vec::new(), end: None, is_cold: false });
        Label(self.blocks.len() as u32 - 1)
    }

    /// Creates a block, which few packets reach if `is_cold`.
    pub(crate) fn block_like(&mut self, is_cold: bool) -> Label {
        let label = self.block();
        self.blocks[label.index()].is_cold = is_cold;
        label
    }

    /// Returns the block that operations are appended to.
    pub(crate) fn current(&self) -> Label {
        self.current
    }

    /// Returns whether few packets reach the current block.
    pub(crate) fn is_cold(&self) -> bool {
        self.blocks[self.current.index()].is_cold
    }

    /// Adds a parameter to a block.
    pub(crate) fn parameter(&mut self, block: Label) -> Virtual {
        let parameter = self.create();
        self.blocks[block.index()].parameters.push(parameter);
        parameter
    }

    /// Continues in a block.
    pub(crate) fn begin(&mut self, block: Label) {
        self.current = block;
    }

    pub(crate) fn push(&mut self, operation: Operation) {
        self.blocks[self.current.index()].operations.push(operation);
    }

    /// Ends the current block.
    pub(crate) fn end(&mut self, end: End) {
        self.blocks[self.current.index()].end = Some(end);
    }

    pub(crate) fn jump(&mut self, target: Label) {
        self.end(End::Jump(target, Vec::new()));
    }

    /// Ends the current block by a jump to `target` if a comparison holds, and continues in a new block of the same
    /// temperature if not.
    pub(crate) fn branch_if(
        &mut self,
        size: OperandSize,
        left: Virtual,
        comparison: Comparison,
        right: impl Into<Operand>,
        target: Label,
    ) {
        let next = self.block_like(self.is_cold());
        let test = Comparing { size, comparison, left, right: right.into() };
        self.end(End::Branch { test, then: target, otherwise: next });
        self.begin(next);
    }

    pub(crate) fn copy(&mut self, src: impl Into<Operand>) -> Virtual {
        let dst = self.create();
        self.push(Operation::Move { dst, src: src.into() });
        dst
    }

    pub(crate) fn alu(
        &mut self,
        size: OperandSize,
        op: AluOp,
        left: impl Into<Operand>,
        right: impl Into<Operand>,
    ) -> Virtual {
        let dst = self.create();
        self.push(Operation::Alu { size, op, dst, left: left.into(), right: right.into() });
        dst
    }

    /// Appends the sum of 64 bits of a pointer or number and a constant.
    pub(crate) fn add(&mut self, left: Virtual, right: impl Into<Operand>) -> Virtual {
        self.alu(OperandSize::Full, AluOp::Add, left, right)
    }

    pub(crate) fn load(&mut self, size: Size, base: Virtual, offset: i16) -> Virtual {
        let dst = self.create();
        self.push(Operation::Load { size, dst, base, offset });
        dst
    }

    pub(crate) fn network_order(&mut self, width: Width, src: Virtual) -> Virtual {
        let dst = self.create();
        self.push(Operation::NetworkOrder { width, dst, src });
        dst
    }

    pub(crate) fn call(&mut self, helper: Helper, arguments: Vec<Argument>) -> Virtual {
        let dst = self.create();
        self.push(Operation::Call { helper, arguments, dst });
        dst
    }
}

impl From<i32> for Operand {
    fn from(k: i32) -> Operand {
        Operand::Immediate(k)
    }
}

impl Operation {
    /// Returns what the operation writes.
    pub(crate) fn dst(&self) -> Virtual {
        match *self {
            Operation::Move { dst, .. }
            | Operation::Alu { dst, .. }
            | Operation::Negate { dst, .. }
            | Operation::NetworkOrder { dst, .. }
            | Operation::Load { dst, .. }
            | Operation::LoadStack { dst, .. }
            | Operation::LoadImmediate { dst, .. }
            | Operation::LoadPacket { dst, .. }
            | Operation::LoadPacketIndirect { dst, .. }
            | Operation::Call { dst, .. } => dst,
        }
    }

    /// Calls `visit` with each virtual register that the operation reads, and whether it is still read when the
    /// operation writes its result.
    pub(crate) fn reads(&self, visit: &mut dyn FnMut(Virtual, bool)) {
        let mut operand = |operand: Operand, is_late| {
            if let Operand::Virtual(register) = operand {
                visit(register, is_late);
            }
        };
        match self {
            Operation::Move { src, .. } => operand(*src, false),
            Operation::Alu { left, right, .. } => {
                operand(*left, false);
                operand(*right, true);
            }
            Operation::Negate { src, .. } | Operation::NetworkOrder { src, .. } => visit(*src, false),
            Operation::Load { base, .. } => visit(*base, false),
            Operation::LoadPacketIndirect { index, .. } => visit(*index, false),
            Operation::Call { arguments, .. } => arguments.iter().for_each(|argument| {
                if let Argument::Operand(argument) = *argument {
                    operand(argument, false);
                }
            }),
            Operation::LoadStack { .. } | Operation::LoadImmediate { .. } | Operation::LoadPacket { .. } => {}
        }
    }

    /// Returns `true` if the operation overwrites `r0` to `r5`.
    pub(crate) fn is_call(&self) -> bool {
        matches!(self, Operation::Call { .. } | Operation::LoadPacket { .. } | Operation::LoadPacketIndirect { .. })
    }
}

impl End {
    /// Calls `visit` with each virtual register that the end of the block reads.
    pub(crate) fn reads(&self, visit: &mut dyn FnMut(Virtual)) {
        match self {
            End::Exit(result) => result.as_virtual().into_iter().for_each(visit),
            End::Jump(_, arguments) => arguments.iter().filter_map(|argument| argument.as_virtual()).for_each(visit),
            End::Branch { test, .. } => {
                visit(test.left);
                test.right.as_virtual().into_iter().for_each(visit);
            }
        }
    }

    /// Returns the blocks that may follow; of a branch, the one that does if the comparison holds comes first.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Label> {
        let (first, second) = match *self {
            End::Exit(_) => (None, None),
            End::Jump(target, _) => (Some(target), None),
            End::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }
}
