//! Jump relaxation: jumps reach any distance.
//!
//! The displacement of a jump has 16 bits. Farther jumps are `gotol`, with 32 bits (since Linux 6.6), and a conditional
//! one becomes a jump around a `gotol`.
//!
//! When the kernel has verified a program, it replaces some instructions by several, and refuses the program if a jump
//! then does not reach its target. So a jump is far if it may become so.

use alloc::vec::Vec;

use crate::bpf::isa::AluOp;
use crate::ebpf::code::Label;
use crate::ebpf::instruction::{Comparison, Instruction, OperandSize, Register, Source};

/// A part of the code before its jumps have distances.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    Label(Label),
    Instruction(Instruction),
    Jump(Label),
    JumpIf(JumpTo),
}

/// A conditional jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JumpTo {
    pub(crate) size: OperandSize,
    pub(crate) comparison: Comparison,
    pub(crate) left: Register,
    pub(crate) right: Source,
    pub(crate) target: Label,
}

impl JumpTo {
    fn instruction(self, comparison: Comparison, offset: i16) -> Instruction {
        Instruction::JumpIf { size: self.size, comparison, left: self.left, right: self.right, offset }
    }

    /// Returns the number of slots that the jump takes if its target is far.
    fn far_slots(self) -> usize {
        if self.comparison.negated().is_some() { 2 } else { 3 }
    }
}

/// Returns the instructions, with the distances of jumps. `labels` is the number of labels.
pub(crate) fn resolve(items: &[Item], labels: usize) -> Vec<Instruction> {
    // A jump that once was too far stays so, which ends the search.
    let mut is_far = vec![false; items.len()];
    loop {
        let starts = starts(items, &is_far, labels, patched_slots);
        let mut has_changed = false;
        let mut slot = 0;
        for (index, item) in items.iter().enumerate() {
            if let Item::Jump(target) | Item::JumpIf(JumpTo { target, .. }) = *item {
                let distance = starts[target.index()].abs_diff(slot + 1);
                if !is_far[index] && distance > REACH {
                    is_far[index] = true;
                    has_changed = true;
                }
            }
            slot += patched_slots(item, is_far[index]);
        }
        if !has_changed {
            return instructions(items, &is_far, &self::starts(items, &is_far, labels, slots));
        }
    }
}

/// The distance in patched slots that a jump reaches, less what context fields add: there are few of them, which cannot
/// be told from other loads.
const REACH: usize = i16::MAX as usize - 1_000;

/// Returns no less than the number of slots after the kernel has replaced instructions.
fn patched_slots(item: &Item, is_far: bool) -> usize {
    match item {
        Item::Instruction(Instruction::LoadPacket { .. } | Instruction::LoadPacketIndirect { .. }) => 16,
        Item::Instruction(Instruction::Call(_)) => 16,
        Item::Instruction(Instruction::Alu { op: AluOp::Div | AluOp::Mod, .. }) => 8,
        _ => slots(item, is_far),
    }
}

fn slots(item: &Item, is_far: bool) -> usize {
    match item {
        Item::Label(_) => 0,
        Item::Instruction(instruction) => instruction.slots(),
        Item::JumpIf(jump) if is_far => jump.far_slots(),
        Item::Jump(_) | Item::JumpIf(_) => 1,
    }
}

/// Returns the slot of each label, if items have these numbers of slots.
fn starts(items: &[Item], is_far: &[bool], labels: usize, slots: fn(&Item, bool) -> usize) -> Vec<usize> {
    let (mut starts, mut slot) = (vec![0; labels], 0);
    for (item, &is_far) in items.iter().zip(is_far) {
        if let Item::Label(label) = item {
            starts[label.index()] = slot;
        }
        slot += slots(item, is_far);
    }
    starts
}

fn instructions(items: &[Item], is_far: &[bool], starts: &[usize]) -> Vec<Instruction> {
    let (mut instructions, mut slot) = (Vec::with_capacity(items.len()), 0);
    for (item, &is_far) in items.iter().zip(is_far) {
        // The distance from the last slot of the jump.
        let distance = |target: Label| (starts[target.index()] as i64 - (slot + slots(item, is_far)) as i64) as i32;
        match *item {
            Item::Label(_) => {}
            Item::Instruction(instruction) => instructions.push(instruction),
            Item::Jump(target) if is_far => instructions.push(Instruction::JumpFar { offset: distance(target) }),
            Item::Jump(target) => instructions.push(Instruction::Jump { offset: distance(target) as i16 }),
            Item::JumpIf(jump) if is_far => {
                match jump.comparison.negated() {
                    Some(negated) => instructions.push(jump.instruction(negated, 1)),
                    None => {
                        instructions.push(jump.instruction(jump.comparison, 1));
                        instructions.push(Instruction::Jump { offset: 1 });
                    }
                }
                instructions.push(Instruction::JumpFar { offset: distance(jump.target) });
            }
            Item::JumpIf(jump) => {
                instructions.push(jump.instruction(jump.comparison, distance(jump.target) as i16));
            }
        }
        slot += slots(item, is_far);
    }
    instructions
}
