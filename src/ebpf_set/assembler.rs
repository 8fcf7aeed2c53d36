//! An assembler of eBPF: instructions with labels.

use crate::bpf::isa::AluOp;
use crate::ebpf::code;
use crate::ebpf::relaxation::{self, Item, JumpTo};
use crate::ebpf::{Comparison, EbpfError, Helper, Instruction, OperandSize, Register, Size, Source};

/// A place in the code, which may be bound after jumps to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// Appends instructions. Jumps hold labels until [`Assembler::finish`].
#[derive(Default)]
pub(crate) struct Assembler {
    code: Vec<(Instruction, Option<Label>)>,
    /// The index of the instruction after each label.
    places: Vec<Option<usize>>,
}

/// The most instructions that the kernel takes.
const MAX_SLOTS: usize = 1_000_000;

impl Assembler {
    pub(crate) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(crate) fn bind(&mut self, label: Label) {
        self.places[label.0] = Some(self.code.len());
    }

    /// Returns a label before the next instruction.
    pub(crate) fn here(&mut self) -> Label {
        let label = self.label();
        self.bind(label);
        label
    }

    pub(crate) fn push(&mut self, instruction: Instruction) {
        self.code.push((instruction, None));
    }

    pub(crate) fn jump(&mut self, label: Label) {
        self.code.push((Instruction::Jump { offset: 0 }, Some(label)));
    }

    /// Appends a jump if a comparison of all 64 bits holds.
    pub(crate) fn jump_if(&mut self, left: Register, comparison: Comparison, right: impl Into<Source>, label: Label) {
        self.jump_if_sized(OperandSize::Full, left, comparison, right.into(), label);
    }

    /// Appends a jump if a comparison of the lower 32 bits holds.
    pub(crate) fn jump_if32(&mut self, left: Register, comparison: Comparison, right: impl Into<Source>, label: Label) {
        self.jump_if_sized(OperandSize::Half, left, comparison, right.into(), label);
    }

    fn jump_if_sized(
        &mut self,
        size: OperandSize,
        left: Register,
        comparison: Comparison,
        right: Source,
        label: Label,
    ) {
        self.code.push((Instruction::JumpIf { size, comparison, left, right, offset: 0 }, Some(label)));
    }

    /// Appends `dst = src`, 64 bits.
    pub(crate) fn copy(&mut self, dst: Register, src: impl Into<Source>) {
        self.push(Instruction::Move { size: OperandSize::Full, dst, src: src.into() });
    }

    /// Appends `dst = k`, the lower 32 bits.
    pub(crate) fn constant(&mut self, dst: Register, k: u32) {
        self.push(Instruction::Move { size: OperandSize::Half, dst, src: immediate(k) });
    }

    /// Appends `dst = k`, all 64 bits.
    pub(crate) fn long_constant(&mut self, dst: Register, k: u64) {
        match i32::try_from(k as i64) {
            Ok(k) => self.copy(dst, Source::Immediate(k)),
            Err(_) => self.push(Instruction::LoadImmediate { dst, value: k }),
        }
    }

    /// Appends arithmetic of 64 bits.
    pub(crate) fn alu(&mut self, op: AluOp, dst: Register, src: impl Into<Source>) {
        self.push(Instruction::Alu { size: OperandSize::Full, op, dst, src: src.into() });
    }

    /// Appends arithmetic of 32 bits.
    pub(crate) fn alu32(&mut self, op: AluOp, dst: Register, src: impl Into<Source>) {
        self.push(Instruction::Alu { size: OperandSize::Half, op, dst, src: src.into() });
    }

    pub(crate) fn load(&mut self, size: Size, dst: Register, base: Register, offset: i16) {
        self.push(Instruction::Load { size, dst, base, offset });
    }

    pub(crate) fn store(&mut self, size: Size, base: Register, offset: i16, src: impl Into<Source>) {
        self.push(Instruction::Store { size, base, offset, src: src.into() });
    }

    pub(crate) fn map_value(&mut self, dst: Register, map: u32, offset: usize) {
        self.push(Instruction::LoadMapValue { dst, map, offset: offset as u32 });
    }

    pub(crate) fn call(&mut self, helper: Helper) {
        self.push(Instruction::Call(helper));
    }

    /// Returns the instructions that are reachable, which is all that the kernel takes, with their jumps resolved.
    pub(crate) fn finish(self) -> Result<Vec<Instruction>, EbpfError> {
        let place_of = |label: Label| self.places[label.0].unwrap_or(self.code.len());
        let mut is_reachable = vec![false; self.code.len()];
        let mut waiting = vec![0];
        while let Some(mut place) = waiting.pop() {
            while place < self.code.len() && !std::mem::replace(&mut is_reachable[place], true) {
                let (instruction, label) = self.code[place];
                let target = label.map(place_of);
                match instruction {
                    Instruction::Exit => break,
                    Instruction::Jump { .. } => place = target.unwrap_or(self.code.len()),
                    _ => {
                        waiting.extend(target);
                        place += 1;
                    }
                }
            }
        }
        let mut items = Vec::with_capacity(self.code.len() + self.places.len());
        let mut labels: Vec<(usize, Label)> =
            self.places.iter().zip(0..).filter_map(|(place, label)| Some(((*place)?, Label(label)))).collect();
        labels.sort_unstable_by_key(|&(place, _)| place);
        let mut labels = labels.into_iter().peekable();
        let target = |label: Option<Label>| code::Label(label.map_or(0, |label| label.0 as u32));
        for (place, &(instruction, label)) in self.code.iter().enumerate() {
            while let Some((_, label)) = labels.next_if(|&(of_label, _)| of_label <= place) {
                items.push(Item::Label(target(Some(label))));
            }
            if is_reachable[place] {
                items.push(match instruction {
                    Instruction::Jump { .. } => Item::Jump(target(label)),
                    Instruction::JumpIf { size, comparison, left, right, .. } => {
                        Item::JumpIf(JumpTo { size, comparison, left, right, target: target(label) })
                    }
                    _ => Item::Instruction(instruction),
                });
            }
        }
        items.extend(labels.map(|(_, label)| Item::Label(target(Some(label)))));
        let instructions = relaxation::resolve(&items, self.places.len());
        let slots = instructions.iter().map(Instruction::slots).sum();
        if slots > MAX_SLOTS { Err(EbpfError::TooLong { slots }) } else { Ok(instructions) }
    }
}

/// Returns an operand whose lower 32 bits are a number.
pub(crate) fn immediate(k: u32) -> Source {
    Source::Immediate(k as i32)
}
