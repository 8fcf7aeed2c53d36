//! Jump relaxation: conditional jumps reach any distance.
//!
//! The encoding of a conditional jump reaches 255 instructions. For a target farther away, a helper follows the jump: a
//! `ja` to the target, or a copy of the target if that is a `ret` and the optimiser writes the program. No instruction
//! falls through to a helper, and all earlier conditional jumps within reach of it use it.
//!
//! Conditional jumps only go forward, so in a program that is written from its end their targets come first, and one
//! pass in linear time suffices.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand, RawInstruction};
use crate::bpf::isa::Condition;

/// The farthest target of a conditional jump, in instructions.
const REACH: usize = u8::MAX as usize;

/// A position in the program, as the number of instructions from there to the end; by default the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position(usize);

/// A program that is written from its last instruction to its first.
#[derive(Debug, Default)]
pub(crate) struct Relaxation {
    reversed: Vec<RawInstruction>,
    /// For each position with a helper, the position of its last written helper; for all others, the position itself.
    nearest: Vec<Position>,
    copies_returns: bool,
}

impl Relaxation {
    /// Creates a program whose helpers are copies of a `ret` where they can be.
    pub(crate) fn copying_returns() -> Relaxation {
        Relaxation { copies_returns: true, ..Relaxation::default() }
    }

    /// Returns the position of the instruction that was written last.
    pub(crate) fn position(&self) -> Position {
        Position(self.reversed.len())
    }

    /// Writes an instruction before all others.
    pub(crate) fn push(&mut self, instruction: impl Into<RawInstruction>) {
        self.nearest.push(self.position());
        self.reversed.push(instruction.into());
    }

    /// Sets the unused fields of the instruction that was written last.
    pub(crate) fn set_unused(&mut self, fields: RawInstruction) {
        if let Some(last) = self.reversed.last_mut() {
            *last = last.with_unused(fields);
        }
    }

    /// Writes a `ja`.
    pub(crate) fn jump(&mut self, target: Position) {
        self.push(Instruction::Jump { skip: 0 });
        self.redirect(self.position(), target);
    }

    /// Sets the target of the `ja` at a position. A backward `ja` wraps, as in libpcap.
    pub(crate) fn redirect(&mut self, jump: Position, target: Position) {
        let index = jump.0 - 1;
        self.reversed[index].k = (index as u32).wrapping_sub(target.0 as u32);
    }

    /// Writes a conditional jump to two positions that are written already, and its helpers.
    pub(crate) fn branch(&mut self, condition: Condition, operand: Operand, then: Position, otherwise: Position) {
        while self.distance(then).max(self.distance(otherwise)) > REACH {
            self.help(if self.distance(then) > self.distance(otherwise) { then } else { otherwise });
        }
        let (skip_true, skip_false) = (self.distance(then) as u8, self.distance(otherwise) as u8);
        self.push(Instruction::JumpIf { condition, operand, skip_true, skip_false });
    }

    /// Returns the number of instructions between the next one and the nearest that leads to the target.
    fn distance(&self, target: Position) -> usize {
        let nearest = self.nearest.get(target.0).copied().unwrap_or(target);
        self.reversed.len() - nearest.0
    }

    /// Writes a helper.
    fn help(&mut self, target: Position) {
        let first = target.0.checked_sub(1).map(|index| self.reversed[index]);
        let is_return =
            |raw: RawInstruction| matches!(raw.into(), Instruction::ReturnConstant { .. } | Instruction::ReturnA);
        match first.filter(|&raw| self.copies_returns && is_return(raw)) {
            Some(ret) => self.push(ret),
            None => self.jump(target),
        }
        self.nearest[target.0] = self.position();
    }

    /// Returns the program.
    pub(crate) fn finish(mut self) -> Vec<RawInstruction> {
        self.reversed.reverse();
        self.reversed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::isa::Register;

    /// Returns a conditional jump with targets at these distances, among instructions that name their distance from it.
    fn program(then: usize, otherwise: usize, instruction: impl Fn(u32) -> Instruction) -> Vec<RawInstruction> {
        let mut program = Relaxation::copying_returns();
        let mut positions = Vec::new();
        for distance in (0..=then.max(otherwise)).rev() {
            program.push(instruction(distance as u32));
            positions.insert(0, program.position());
        }
        program.branch(Condition::Equal, Operand::X, positions[then], positions[otherwise]);
        program.finish()
    }

    fn plain(value: u32) -> Instruction {
        Instruction::LoadConstant { dst: Register::A, value }
    }

    #[test]
    fn reaches_targets_at_every_distance() {
        let around = [0, 1, 2, 253, 254, 255, 256, 257, 258, 600];
        for (then, otherwise) in around.iter().flat_map(|&then| around.map(|otherwise| (then, otherwise))) {
            let program = program(then, otherwise, plain);
            let target = |skip: u8| match (usize::from(skip) + 1, program[usize::from(skip) + 1].into()) {
                (at, Instruction::Jump { skip }) => program[at + 1 + skip as usize].k as usize,
                (at, _) => program[at].k as usize,
            };
            assert_eq!((target(program[0].jt), target(program[0].jf)), (then, otherwise));
        }
    }

    #[test]
    fn adds_helpers_only_where_needed() {
        let helpers = |then, otherwise: usize| program(then, otherwise, plain).len() - then.max(otherwise) - 2;
        assert_eq!([(255, 255), (256, 254), (256, 255), (300, 300)].map(|(t, o)| helpers(t, o)), [0, 1, 2, 1]);
    }

    #[test]
    fn copies_ret_instead_of_jumping_to_it() {
        let program = program(300, 0, |verdict| Instruction::ReturnConstant { verdict });
        assert_eq!((program[0].jt, program[1]), (0, Instruction::ReturnConstant { verdict: 300 }.into()));
    }

    #[test]
    fn shares_helpers() {
        let mut program = Relaxation::default();
        program.push(plain(0));
        let target = program.position();
        (0..300).for_each(|_| program.push(plain(1)));
        (0..100).for_each(|_| program.branch(Condition::Equal, Operand::X, target, program.position()));
        assert_eq!(program.finish().len(), 1 + 300 + 100 + 1);
    }
}
