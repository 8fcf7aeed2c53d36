//! Pieces get an order and places, and jumps get distances.
//!
//! A piece that ends in a jump is best followed by where it jumps to. Since that is its only way on, it can wait until
//! all other ways to there are placed, and so each piece that is jumped to gets one that falls through to it.
//!
//! Conditional jumps reach 255 instructions. Beyond that they are helped: a `ja`, or a `ret` of its own, stands directly
//! behind the jump, where nothing falls through, and serves all earlier jumps that reach it, too.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::relaxation::{Position, Relaxation};
use crate::emit::code::{Code, Leave, PieceId};

impl Code {
    /// Returns the program.
    pub(crate) fn assemble(&self) -> Vec<RawInstruction> {
        let mut program = Relaxation::default();
        let mut positions = vec![Position::default(); self.pieces.len()];
        for id in self.layout_order().into_iter().rev() {
            let piece = &self.pieces[id];
            match piece.end {
                Leave::Return(verdict) => program.push(Instruction::ReturnConstant { verdict }),
                Leave::ReturnA => program.push(Instruction::ReturnA),
                Leave::Jump(target) if positions[target] == program.position() => {}
                Leave::Jump(target) => program.jump(positions[target]),
                Leave::Branch { condition, operand, then, otherwise } => {
                    program.branch(condition, operand, positions[then], positions[otherwise]);
                }
            }
            piece.body.iter().rev().for_each(|&instruction| program.push(instruction));
            positions[id] = program.position();
        }
        program.finish()
    }

    /// The pieces in the order in which they stand in the program.
    fn layout_order(&self) -> Vec<PieceId> {
        let topological = self.topological_order();
        let mut rank = vec![0; self.pieces.len()];
        topological.iter().enumerate().for_each(|(index, &id)| rank[id] = index);
        let mut entries = vec![0_u32; self.pieces.len()];
        topological.iter().flat_map(|&id| self.pieces[id].end.targets()).for_each(|target| entries[target] += 1);

        let mut order = Vec::with_capacity(topological.len());
        let mut ready = Ready::default();
        let mut next = Some(0);
        while let Some(id) = next.take().or_else(|| ready.pop(self, &entries)) {
            order.push(id);
            let end = &self.pieces[id].end;
            // What is pushed last stands first.
            for target in end.targets().collect::<Vec<_>>().into_iter().rev() {
                entries[target] -= 1;
                if entries[target] == 0 {
                    match end {
                        Leave::Jump(_) => next = Some(target),
                        _ => ready.push(self, target, &rank),
                    }
                }
            }
        }
        order
    }
}

/// The pieces all of whose entries are placed.
#[derive(Default)]
struct Ready {
    branches: Vec<PieceId>,
    /// Those that jump, the ones to the nearest target first.
    jumps: BinaryHeap<Reverse<(usize, PieceId)>>,
    returns: Vec<PieceId>,
}

impl Ready {
    fn push(&mut self, code: &Code, id: PieceId, rank: &[usize]) {
        match code.pieces[id].end {
            Leave::Branch { .. } => self.branches.push(id),
            Leave::Jump(target) => self.jumps.push(Reverse((rank[target], id))),
            Leave::Return(_) | Leave::ReturnA => self.returns.push(id),
        }
    }

    fn pop(&mut self, code: &Code, entries: &[u32]) -> Option<PieceId> {
        if let Some(&Reverse((_, id))) = self.jumps.peek()
            && let Leave::Jump(target) = code.pieces[id].end
            && entries[target] == 1
        {
            self.jumps.pop();
            return Some(id);
        }
        self.branches.pop().or_else(|| self.jumps.pop().map(|Reverse((_, id))| id)).or_else(|| self.returns.pop())
    }
}
