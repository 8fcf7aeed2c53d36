//! Layout: blocks get an order, and jumps get distances.
//!
//! A block that ends in a jump is best followed by the target of that jump. It can wait until all other predecessors of
//! the target are placed, so that each target of a jump follows one of its predecessors.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::relaxation::{Position, Relaxation};
use crate::emit::emitted_code::{EmittedBlockId, EmittedCode, EmittedTerminator};

impl EmittedCode {
    /// Returns the program.
    pub(crate) fn assemble(&self) -> Vec<RawInstruction> {
        let mut program = Relaxation::copying_returns();
        let mut positions = vec![Position::default(); self.blocks.len()];
        for id in self.layout_order().into_iter().rev() {
            let block = &self.blocks[id];
            match block.terminator {
                EmittedTerminator::Return(verdict) => program.push(Instruction::ReturnConstant { verdict }),
                EmittedTerminator::ReturnA => program.push(Instruction::ReturnA),
                EmittedTerminator::Jump(target) if positions[target] == program.position() => {}
                EmittedTerminator::Jump(target) => program.jump(positions[target]),
                EmittedTerminator::Branch { condition, operand, then, otherwise } => {
                    program.branch(condition, operand, positions[then], positions[otherwise]);
                }
            }
            block.body.iter().rev().for_each(|&instruction| program.push(instruction));
            positions[id] = program.position();
        }
        program.finish()
    }

    /// Returns the reachable blocks in their order in the program.
    fn layout_order(&self) -> Vec<EmittedBlockId> {
        let topological = self.topological_order();
        let mut rank = vec![0; self.blocks.len()];
        topological.iter().enumerate().for_each(|(index, &id)| rank[id] = index);
        let mut predecessor_counts = self.predecessor_counts(&topological);

        let mut order = Vec::with_capacity(topological.len());
        let mut ready = ReadyBlocks::default();
        let mut next = Some(0);
        while let Some(id) = next.take().or_else(|| ready.pop(self, &predecessor_counts)) {
            order.push(id);
            let terminator = self.blocks[id].terminator;
            // The block that is pushed last is placed first.
            for target in terminator.targets().rev() {
                predecessor_counts[target] -= 1;
                if predecessor_counts[target] == 0 {
                    match terminator {
                        EmittedTerminator::Jump(_) => next = Some(target),
                        _ => ready.push(self, target, &rank),
                    }
                }
            }
        }
        order
    }
}

/// The blocks whose predecessors are all placed.
#[derive(Default)]
struct ReadyBlocks {
    branches: Vec<EmittedBlockId>,
    /// The blocks that end in a jump, those with the nearest target first.
    jumps: BinaryHeap<Reverse<(usize, EmittedBlockId)>>,
    returns: Vec<EmittedBlockId>,
}

impl ReadyBlocks {
    fn push(&mut self, code: &EmittedCode, id: EmittedBlockId, rank: &[usize]) {
        match code.blocks[id].terminator {
            EmittedTerminator::Branch { .. } => self.branches.push(id),
            EmittedTerminator::Jump(target) => self.jumps.push(Reverse((rank[target], id))),
            EmittedTerminator::Return(_) | EmittedTerminator::ReturnA => self.returns.push(id),
        }
    }

    /// Takes the block to place next; `predecessor_counts` has the predecessors that are not placed.
    fn pop(&mut self, code: &EmittedCode, predecessor_counts: &[u32]) -> Option<EmittedBlockId> {
        if let Some(&Reverse((_, id))) = self.jumps.peek() {
            if let EmittedTerminator::Jump(target) = code.blocks[id].terminator {
                if predecessor_counts[target] == 1 {
                    self.jumps.pop();
                    return Some(id);
                }
            }
        }
        self.branches.pop().or_else(|| self.jumps.pop().map(|Reverse((_, id))| id)).or_else(|| self.returns.pop())
    }
}
