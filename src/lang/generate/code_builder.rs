//! A builder of instructions with labels, which tracks the contents of the registers.
//!
//! Jumps go forward only, so all jumps to a label are known when it is bound: the registers hold there what they hold
//! at each of these jumps. A field that is in A is not loaded again, and unreachable code is not written: a test with a
//! constant result writes nothing.

use alloc::vec::Vec;

use crate::bpf::assemble::{Assembler, Label, Target, Unresolved};
use crate::bpf::instruction::{Instruction, Operand, RawInstruction};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::packet_headers::PacketOffset;
use crate::packet::ancillary::Extension;

/// The targets of a test.
#[derive(Clone, Copy, Debug)]
pub(super) struct BranchTargets {
    pub(super) yes: Label,
    pub(super) no: Label,
}

impl BranchTargets {
    /// Returns the targets of the opposite test.
    pub(super) fn swapped(self) -> BranchTargets {
        BranchTargets { yes: self.no, no: self.yes }
    }
}

/// The contents of X that a load needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Any: the offset is from the start of the packet.
    Packet,
    /// The scratch word.
    Slot(u8),
    /// The length of the IPv4 header at that offset, plus the scratch word of the offset.
    Ipv4Header(PacketOffset),
}

/// A value that can be loaded into A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Bytes {
        base: Base,
        offset: u32,
        width: Width,
    },
    /// The length of the packet.
    Length,
    Extension(Extension),
}

/// A comparison of a value, under a mask, with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) value: Value,
    pub(super) mask: u32,
    pub(super) condition: Condition,
    pub(super) constant: u32,
}

impl Test {
    /// Returns the opposite test.
    pub(super) fn negated(self) -> Test {
        Test { condition: self.condition.inverse(), ..self }
    }
}

impl Value {
    pub(super) fn compares(self, condition: Condition, constant: u32) -> Test {
        Test { value: self, mask: u32::MAX, condition, constant }
    }

    pub(super) fn is(self, constant: u32) -> Test {
        self.compares(Condition::Equal, constant)
    }

    pub(super) fn is_not(self, constant: u32) -> Test {
        self.compares(Condition::NotEqual, constant)
    }

    pub(super) fn at_most(self, constant: u32) -> Test {
        self.compares(Condition::LessOrEqual, constant)
    }

    pub(super) fn at_least(self, constant: u32) -> Test {
        self.compares(Condition::GreaterOrEqual, constant)
    }

    /// Tests whether the value, under `mask`, equals `constant`.
    pub(super) fn has(self, mask: u32, constant: u32) -> Test {
        Test { mask, ..self.is(constant) }
    }

    /// Tests whether at least one of `bits` is set.
    pub(super) fn any_of(self, bits: u32) -> Test {
        self.compares(Condition::BitsSet, bits)
    }

    /// Tests whether none of `bits` is set.
    pub(super) fn none_of(self, bits: u32) -> Test {
        self.compares(Condition::BitsNotSet, bits)
    }
}

/// The known contents of the registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Registers {
    /// A value, under a mask.
    a: Option<(Value, u32)>,
    x: Option<Base>,
}

impl Registers {
    /// Returns the contents that both states have in common.
    fn meet(self, other: Registers) -> Registers {
        Registers { a: self.a.filter(|a| other.a == Some(*a)), x: self.x.filter(|x| other.x == Some(*x)) }
    }
}

/// The largest number of consecutive tests that jump to one distant label.
const MAX_FAR_TESTS: usize = 240;

/// Instructions under construction.
#[derive(Debug)]
pub(super) struct CodeBuilder {
    assembler: Assembler,
    /// The registers after the last instruction; `None` if the next one is unreachable.
    now: Option<Registers>,
    /// For each label, the registers that all jumps to it have in common; `None` before the first jump.
    at_labels: Vec<Option<Registers>>,
    /// A jump that is not written yet, because its label may be bound next.
    pending: Option<Label>,
    /// The scratch words that are read, one bit each.
    pub(super) slots_read: u16,
}

impl CodeBuilder {
    pub(super) fn new() -> CodeBuilder {
        let now = Some(Registers::default());
        CodeBuilder { assembler: Assembler::default(), now, at_labels: Vec::new(), pending: None, slots_read: 0 }
    }

    pub(super) fn label(&mut self) -> Label {
        self.at_labels.push(None);
        self.assembler.new_label()
    }

    /// Returns whether the next instruction is reachable.
    pub(super) fn is_reachable(&self) -> bool {
        self.now.is_some()
    }

    /// Returns a lower bound of the number of instructions so far.
    pub(super) fn len(&self) -> usize {
        self.assembler.len()
    }

    /// Binds a label to the next instruction.
    pub(super) fn bind(&mut self, label: Label) {
        if self.pending == Some(label) {
            self.pending = None;
        }
        let at_label = self.at_labels[label.index()];
        if at_label.is_some() {
            self.write_jump();
        }
        self.now = match (self.now, at_label) {
            (Some(now), Some(at_label)) => Some(now.meet(at_label)),
            (now, at_label) => now.or(at_label),
        };
        self.assembler.place(label);
    }

    pub(super) fn jump(&mut self, label: Label) {
        if self.now.is_some() {
            self.record_jump(label);
            self.pending = Some(label);
            self.now = None;
        }
    }

    fn record_jump(&mut self, label: Label) {
        let Some(now) = self.now else { return };
        let at_label = &mut self.at_labels[label.index()];
        *at_label = Some(at_label.map_or(now, |at_label| at_label.meet(now)));
    }

    fn write_jump(&mut self) {
        if let Some(label) = self.pending.take() {
            self.assembler.jump(label);
        }
    }

    fn push(&mut self, instruction: Instruction) {
        if self.now.is_some() {
            self.assembler.push(instruction.into());
        }
    }

    /// Writes an instruction after which the contents of the registers are unknown.
    pub(super) fn raw(&mut self, instruction: Instruction) {
        self.push(instruction);
        self.now = self.now.map(|_| Registers::default());
    }

    /// Writes A op X, as [`CodeBuilder::raw`] does.
    pub(super) fn alu_x(&mut self, op: AluOp) {
        self.raw(Instruction::Alu { op, operand: Operand::X });
    }

    /// Loads a constant into A, as [`CodeBuilder::raw`] does.
    pub(super) fn load_constant(&mut self, value: u32) {
        self.raw(Instruction::LoadConstant { dst: Register::A, value });
    }

    pub(super) fn ret(&mut self, verdict: u32) {
        self.push(Instruction::ReturnConstant { verdict });
        self.now = None;
    }

    /// Loads a value into A, if A does not hold it.
    pub(super) fn load(&mut self, value: Value) {
        let Some(now) = self.now else { return };
        if now.a == Some((value, u32::MAX)) {
            return;
        }
        match value {
            Value::Length => self.push(Instruction::LoadLength { dst: Register::A }),
            Value::Extension(extension) => self.push(Instruction::LoadExtension(extension)),
            Value::Bytes { base: Base::Packet, offset, width } => {
                self.push(Instruction::LoadAbsolute { offset, width });
            }
            Value::Bytes { base, offset, width } => {
                self.load_base(base);
                self.push(Instruction::LoadIndirect { offset, width });
            }
        }
        self.now = self.now.map(|now| Registers { a: Some((value, u32::MAX)), ..now });
    }

    /// Loads a base into X, if X does not hold it; A may change.
    pub(super) fn load_base(&mut self, base: Base) {
        let Some(now) = self.now else { return };
        if now.x == Some(base) {
            return;
        }
        match base {
            Base::Packet => return,
            Base::Slot(slot) => self.load_x(slot),
            Base::Ipv4Header(PacketOffset { slot: None, at }) => self.push(Instruction::LoadMemShift { offset: at }),
            Base::Ipv4Header(PacketOffset { slot: Some(slot), at }) => {
                self.load_base(Base::Slot(slot));
                self.push(Instruction::LoadIndirect { offset: at, width: Width::Byte });
                self.alu(AluOp::And, 0x0f);
                self.alu(AluOp::Lsh, 2);
                self.push(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
                self.push(Instruction::TransferAToX);
            }
        }
        self.now = self.now.map(|now| Registers { x: Some(base), ..now });
    }

    /// Loads a scratch word into X.
    pub(super) fn load_x(&mut self, slot: u8) {
        self.slots_read |= 1 << slot;
        self.push(Instruction::LoadScratch { dst: Register::X, slot: slot.into() });
        self.now = self.now.map(|now| Registers { x: Some(Base::Slot(slot)), ..now });
    }

    /// Loads a scratch word into A.
    pub(super) fn load_a(&mut self, slot: u8) {
        self.slots_read |= 1 << slot;
        self.push(Instruction::LoadScratch { dst: Register::A, slot: slot.into() });
        self.now = self.now.map(|now| Registers { a: None, ..now });
    }

    /// Stores A or X in a scratch word.
    pub(super) fn store(&mut self, src: Register, slot: u8) {
        self.push(Instruction::StoreScratch { src, slot: slot.into() });
        let uses_slot = |base: &Base| match base {
            Base::Packet => false,
            Base::Slot(other) => *other == slot,
            Base::Ipv4Header(offset) => offset.slot == Some(slot),
        };
        self.now = self.now.map(|now| Registers {
            a: now.a.filter(|(value, _)| !matches!(value, Value::Bytes { base, .. } if uses_slot(base))),
            x: now.x.filter(|base| !uses_slot(base)),
        });
    }

    /// Writes A op constant.
    pub(super) fn alu(&mut self, op: AluOp, constant: u32) {
        self.push(Instruction::Alu { op, operand: Operand::Constant(constant) });
        self.now = self.now.map(|now| Registers { a: None, ..now });
    }

    /// Writes a conditional jump on A.
    pub(super) fn branch(&mut self, condition: Condition, operand: Operand, to: BranchTargets) {
        if self.now.is_none() {
            return;
        }
        if to.yes == to.no {
            return self.jump(to.yes);
        }
        self.record_jump(to.yes);
        self.record_jump(to.no);
        self.assembler.branch(condition, operand, Target::Label(to.yes), Target::Label(to.no));
        self.now = None;
    }

    /// Writes a test.
    pub(super) fn test(&mut self, test: Test, to: BranchTargets) {
        let Some(now) = self.now else { return };
        let Test { value, mut mask, mut condition, mut constant } = test;
        if mask == 0 {
            return self.jump(if condition.eval(0, constant) { to.yes } else { to.no });
        }
        let is_bit = mask.is_power_of_two() && (constant == 0 || constant == mask);
        if is_bit {
            if let Condition::Equal | Condition::NotEqual = condition {
                let is_set = (condition == Condition::Equal) == (constant == mask);
                condition = if is_set { Condition::BitsSet } else { Condition::BitsNotSet };
                (constant, mask) = (mask, u32::MAX);
            }
        }
        if now.a != Some((value, mask)) {
            self.load(value);
            if mask != u32::MAX {
                self.alu(AluOp::And, mask);
                self.now = self.now.map(|now| Registers { a: Some((value, mask)), ..now });
            }
        }
        self.branch(condition, Operand::Constant(constant), to);
    }

    /// Continues with the next instruction if the test holds, else at `no`.
    pub(super) fn require(&mut self, test: Test, no: Label) {
        let yes = self.label();
        self.test(test, BranchTargets { yes, no });
        self.bind(yes);
    }

    /// Continues at `yes` if the test holds, else with the next instruction.
    pub(super) fn exclude(&mut self, test: Test, yes: Label) {
        let no = self.label();
        self.test(test, BranchTargets { yes, no });
        self.bind(no);
    }

    /// Continues at `yes` if one of the tests holds, else with the next instruction.
    pub(super) fn exclude_all(&mut self, tests: impl ExactSizeIterator<Item = Test>, yes: Label) {
        let no = self.label();
        self.any_test(tests, BranchTargets { yes, no });
        self.bind(no);
    }

    /// Continues at `yes` if one of the tests holds, else at `no`.
    pub(super) fn any_test(&mut self, mut tests: impl ExactSizeIterator<Item = Test>, to: BranchTargets) {
        while tests.len() > MAX_FAR_TESTS {
            // The reach of a conditional jump is limited, so a long sequence jumps to a `ja` nearby.
            let (near, next) = (self.label(), self.label());
            tests.by_ref().take(MAX_FAR_TESTS).for_each(|test| self.exclude(test, near));
            self.jump(next);
            self.bind(near);
            self.jump(to.yes);
            self.bind(next);
        }
        while let Some(test) = tests.next() {
            if tests.len() == 0 {
                return self.test(test, to);
            }
            self.exclude(test, to.yes);
        }
        self.jump(to.no);
    }

    /// Returns the instructions, after those of `prologue`.
    ///
    /// # Errors
    /// If a jump names a label that is not bound after it, which is a bug of the generator.
    pub(super) fn finish(mut self, mut prologue: CodeBuilder) -> Result<Vec<RawInstruction>, Unresolved> {
        self.write_jump();
        prologue.write_jump();
        prologue.assembler.append(self.assembler);
        prologue.assembler.finish()
    }
}
