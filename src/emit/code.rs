//! Code that is not laid out yet: pieces of instructions that name each other.

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::Condition;

/// The place of a piece in [`Code::pieces`].
pub(crate) type PieceId = usize;

/// A program as pieces; the first is where it begins, and no edge goes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    pub(crate) pieces: Vec<Piece>,
}

/// Instructions that run one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Piece {
    /// Instructions that go on with the next one.
    pub(crate) body: Vec<Instruction>,
    pub(crate) end: Leave,
}

/// How a piece ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Leave {
    Return(u32),
    ReturnA,
    Jump(PieceId),
    Branch { condition: Condition, operand: Operand, then: PieceId, otherwise: PieceId },
}

impl Leave {
    /// The pieces that it may go to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = PieceId> {
        let (first, second) = match *self {
            Leave::Return(_) | Leave::ReturnA => (None, None),
            Leave::Jump(target) => (Some(target), None),
            Leave::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }

    /// The pieces that it may go to, to be changed.
    pub(crate) fn targets_mut(&mut self) -> impl Iterator<Item = &mut PieceId> {
        let (first, second) = match self {
            Leave::Return(_) | Leave::ReturnA => (None, None),
            Leave::Jump(target) => (Some(target), None),
            Leave::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        };
        first.into_iter().chain(second)
    }
}

impl Code {
    /// The pieces that are reached, each before those that it leads to.
    pub(crate) fn topological_order(&self) -> Vec<PieceId> {
        let mut is_seen = vec![false; self.pieces.len()];
        let mut finished = Vec::with_capacity(self.pieces.len());
        let mut open = vec![(0, false)];
        while let Some((id, is_done)) = open.pop() {
            if is_done {
                finished.push(id);
            } else if !std::mem::replace(&mut is_seen[id], true) {
                open.push((id, true));
                open.extend(self.pieces[id].end.targets().map(|target| (target, false)));
            }
        }
        finished.reverse();
        finished
    }
}
