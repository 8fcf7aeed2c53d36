//! Emitted code: instructions in blocks that are not laid out yet.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::Condition;
use crate::ir::topological_order;

/// The index of a block in [`EmittedCode::blocks`].
pub(crate) type EmittedBlockId = usize;

/// A program as an acyclic graph of blocks; the first is its entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct EmittedCode {
    pub(crate) blocks: Vec<EmittedBlock>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EmittedBlock {
    /// Instructions that neither jump nor return.
    pub(crate) body: Vec<Instruction>,
    pub(crate) terminator: EmittedTerminator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EmittedTerminator {
    Return(u32),
    ReturnA,
    Jump(EmittedBlockId),
    Branch { condition: Condition, operand: Operand, then: EmittedBlockId, otherwise: EmittedBlockId },
}

impl EmittedTerminator {
    /// Returns the successors of the block.
    pub(crate) fn targets(self) -> impl DoubleEndedIterator<Item = EmittedBlockId> {
        let (first, second) = match self {
            EmittedTerminator::Return(_) | EmittedTerminator::ReturnA => (None, None),
            EmittedTerminator::Jump(target) => (Some(target), None),
            EmittedTerminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }

    /// Returns the successors of the block, to be changed.
    pub(crate) fn targets_mut(&mut self) -> impl Iterator<Item = &mut EmittedBlockId> {
        let (first, second) = match self {
            EmittedTerminator::Return(_) | EmittedTerminator::ReturnA => (None, None),
            EmittedTerminator::Jump(target) => (Some(target), None),
            EmittedTerminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }
}

impl EmittedCode {
    /// Adds an empty block.
    pub(crate) fn add_block(&mut self) -> EmittedBlockId {
        self.blocks.push(EmittedBlock { body: Vec::new(), terminator: EmittedTerminator::Return(0) });
        self.blocks.len() - 1
    }

    /// Returns the reachable blocks, each before its successors.
    pub(crate) fn topological_order(&self) -> Vec<EmittedBlockId> {
        topological_order(self.blocks.len(), |id| self.blocks[id].terminator.targets())
    }

    /// Returns the number of edges into each block from the given ones.
    pub(crate) fn predecessor_counts(&self, blocks: &[EmittedBlockId]) -> Vec<u32> {
        let mut counts = vec![0; self.blocks.len()];
        blocks.iter().flat_map(|&id| self.blocks[id].terminator.targets()).for_each(|target| counts[target] += 1);
        counts
    }
}
