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
use crate::emit::code::{Code, Leave, PieceId};

const REACH: usize = u8::MAX as usize;

impl Code {
    /// The program.
    pub(crate) fn assemble(&self) -> Vec<RawInstruction> {
        let order = self.layout_order();
        let mut layout =
            Layout { code: self, reversed: Vec::new(), place: vec![None; self.pieces.len()], following: None };
        order.iter().rev().for_each(|&id| layout.piece(id));
        layout.reversed.reverse();
        layout.reversed
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

/// A program that grows from its end, so that what jumps name is there already; places are counted from the end.
struct Layout<'c> {
    code: &'c Code,
    reversed: Vec<RawInstruction>,
    /// For each piece the nearest place that is it, or leads to it.
    place: Vec<Option<usize>>,
    /// The piece that stands first so far.
    following: Option<PieceId>,
}

impl Layout<'_> {
    fn piece(&mut self, id: PieceId) {
        let piece = &self.code.pieces[id];
        match piece.end {
            Leave::Return(verdict) => self.push(Instruction::ReturnConstant { verdict }),
            Leave::ReturnA => self.push(Instruction::ReturnA),
            Leave::Jump(target) if self.following == Some(target) => {}
            Leave::Jump(target) => {
                // Conditional jumps that reach the target do not take the detour over this one.
                let place = self.place[target];
                self.help(target);
                self.place[target] = place;
            }
            Leave::Branch { condition, operand, then, otherwise } => {
                while self.distance(then).max(self.distance(otherwise)) > REACH {
                    self.help(if self.distance(then) > self.distance(otherwise) { then } else { otherwise });
                }
                let (skip_true, skip_false) = (self.distance(then) as u8, self.distance(otherwise) as u8);
                self.push(Instruction::JumpIf { condition, operand, skip_true, skip_false });
            }
        }
        piece.body.iter().rev().for_each(|&instruction| self.push(instruction));
        self.place[id] = Some(self.reversed.len());
        self.following = Some(id);
    }

    fn push(&mut self, instruction: Instruction) {
        self.reversed.push(instruction.into());
    }

    /// How many instructions stand before a piece.
    fn distance(&self, target: PieceId) -> usize {
        self.place[target].map_or(usize::MAX, |place| self.reversed.len() - place)
    }

    /// An instruction that goes on with a piece, for all that is near.
    fn help(&mut self, target: PieceId) {
        let piece = &self.code.pieces[target];
        match piece.end {
            Leave::Return(verdict) if piece.body.is_empty() => self.push(Instruction::ReturnConstant { verdict }),
            Leave::ReturnA if piece.body.is_empty() => self.push(Instruction::ReturnA),
            _ => {
                let skip = self.distance(target) as u32;
                self.push(Instruction::Jump { skip });
            }
        }
        self.place[target] = Some(self.reversed.len());
    }
}
