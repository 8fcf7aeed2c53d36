//! Instructions with labels, and what the registers hold.
//!
//! Code goes forward only, so when a label is placed every jump to it is known: what the registers hold there is what they
//! hold on all of those ways. A field that is in A already is not loaded again, and where no way leads no code is written:
//! a test whose outcome is known leaves nothing behind.

use crate::bpf::assemble::{Assembler, Label, Target};
use crate::bpf::instruction::{Instruction, Operand, RawInstruction};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::layers::Place;
use crate::packet::ancillary::Extension;

/// Where a test goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exits {
    pub(super) yes: Label,
    pub(super) no: Label,
}

/// What X must hold for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing: the offset is from the beginning of the packet.
    Packet,
    /// The scratch word.
    Slot(u8),
    /// The length of the IPv4 header at that place, plus the scratch word of the place.
    Ipv4Header(Place),
}

/// What can be loaded into A.
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
    /// The test that holds where this one does not.
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

    /// The bits of `mask` are those of `constant`.
    pub(super) fn has(self, mask: u32, constant: u32) -> Test {
        Test { mask, ..self.is(constant) }
    }

    /// One of these bits is set.
    pub(super) fn any_of(self, bits: u32) -> Test {
        self.compares(Condition::BitsSet, bits)
    }

    /// None of these bits is set.
    pub(super) fn none_of(self, bits: u32) -> Test {
        self.compares(Condition::BitsNotSet, bits)
    }
}

/// What the registers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Registers {
    /// A value, under a mask.
    a: Option<(Value, u32)>,
    x: Option<Base>,
}

impl Registers {
    /// What holds on both ways.
    fn meet(self, other: Registers) -> Registers {
        Registers { a: self.a.filter(|a| other.a == Some(*a)), x: self.x.filter(|x| other.x == Some(*x)) }
    }
}

/// How many tests in a row may jump to one label that is far away.
const ROW: usize = 240;

/// Code that is being written.
#[derive(Debug)]
pub(super) struct Code {
    assembler: Assembler,
    /// `None` where no way leads.
    now: Option<Registers>,
    /// For each label what the registers hold on the ways to it; `None` while there is none.
    arrivals: Vec<Option<Registers>>,
    /// A jump that is not written yet: maybe its label is placed next.
    pending: Option<Label>,
    /// Which scratch words are read, a bit each.
    pub(super) read: u16,
}

impl Code {
    pub(super) fn new() -> Code {
        let now = Some(Registers::default());
        Code { assembler: Assembler::default(), now, arrivals: Vec::new(), pending: None, read: 0 }
    }

    pub(super) fn label(&mut self) -> Label {
        self.arrivals.push(None);
        self.assembler.new_label()
    }

    /// Whether a way leads to here.
    pub(super) fn is_live(&self) -> bool {
        self.now.is_some()
    }

    /// How many instructions there are at least, so far.
    pub(super) fn len(&self) -> usize {
        self.assembler.len()
    }

    /// The code goes on at a label.
    pub(super) fn place(&mut self, label: Label) {
        if self.pending == Some(label) {
            self.pending = None;
        }
        let arriving = self.arrivals[label.index()];
        if arriving.is_some() {
            self.write_jump();
        }
        self.now = match (self.now, arriving) {
            (Some(now), Some(arriving)) => Some(now.meet(arriving)),
            (now, arriving) => now.or(arriving),
        };
        self.assembler.place(label);
    }

    pub(super) fn jump(&mut self, label: Label) {
        if self.now.is_some() {
            self.arrive(label);
            self.pending = Some(label);
            self.now = None;
        }
    }

    fn arrive(&mut self, label: Label) {
        let Some(now) = self.now else { return };
        let arrival = &mut self.arrivals[label.index()];
        *arrival = Some(arrival.map_or(now, |arrival| arrival.meet(now)));
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

    /// Writes an instruction, after which nothing is known of the registers.
    pub(super) fn raw(&mut self, instruction: Instruction) {
        self.push(instruction);
        self.forget();
    }

    fn forget(&mut self) {
        self.now = self.now.map(|_| Registers::default());
    }

    pub(super) fn ret(&mut self, verdict: u32) {
        self.push(Instruction::ReturnConstant { verdict });
        self.now = None;
    }

    /// A = the value.
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
                self.point(base);
                self.push(Instruction::LoadIndirect { offset, width });
            }
        }
        self.now = self.now.map(|now| Registers { a: Some((value, u32::MAX)), ..now });
    }

    /// X = what a load needs there; A may be lost.
    pub(super) fn point(&mut self, base: Base) {
        let Some(now) = self.now else { return };
        if now.x == Some(base) {
            return;
        }
        match base {
            Base::Packet => return,
            Base::Slot(slot) => self.load_x(slot),
            Base::Ipv4Header(Place { slot: None, at }) => self.push(Instruction::LoadMemShift { offset: at }),
            Base::Ipv4Header(Place { slot: Some(slot), at }) => {
                self.point(Base::Slot(slot));
                self.push(Instruction::LoadIndirect { offset: at, width: Width::Byte });
                self.alu(AluOp::And, 0x0f);
                self.alu(AluOp::Lsh, 2);
                self.push(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
                self.push(Instruction::TransferAToX);
            }
        }
        self.now = self.now.map(|now| Registers { x: Some(base), ..now });
    }

    /// X = a scratch word.
    pub(super) fn load_x(&mut self, slot: u8) {
        self.read |= 1 << slot;
        self.push(Instruction::LoadScratch { dst: Register::X, slot: slot.into() });
        self.now = self.now.map(|now| Registers { x: Some(Base::Slot(slot)), ..now });
    }

    /// A = a scratch word.
    pub(super) fn load_a(&mut self, slot: u8) {
        self.read |= 1 << slot;
        self.push(Instruction::LoadScratch { dst: Register::A, slot: slot.into() });
        self.now = self.now.map(|now| Registers { a: None, ..now });
    }

    /// A scratch word = A or X.
    pub(super) fn store(&mut self, src: Register, slot: u8) {
        self.push(Instruction::StoreScratch { src, slot: slot.into() });
        let is_on = |base: &Base| match base {
            Base::Packet => false,
            Base::Slot(other) => *other == slot,
            Base::Ipv4Header(place) => place.slot == Some(slot),
        };
        self.now = self.now.map(|now| Registers {
            a: now.a.filter(|(value, _)| !matches!(value, Value::Bytes { base, .. } if is_on(base))),
            x: now.x.filter(|base| !is_on(base)),
        });
    }

    /// A = A op constant.
    pub(super) fn alu(&mut self, op: AluOp, constant: u32) {
        self.push(Instruction::Alu { op, operand: Operand::Constant(constant) });
        self.now = self.now.map(|now| Registers { a: None, ..now });
    }

    /// A conditional jump on what A holds.
    pub(super) fn branch(&mut self, condition: Condition, operand: Operand, to: Exits) {
        if self.now.is_none() {
            return;
        }
        if to.yes == to.no {
            return self.jump(to.yes);
        }
        self.arrive(to.yes);
        self.arrive(to.no);
        self.assembler.branch(condition, operand, Target::Label(to.yes), Target::Label(to.no));
        self.now = None;
    }

    pub(super) fn test(&mut self, test: Test, to: Exits) {
        let Some(now) = self.now else { return };
        let Test { value, mask, mut condition, mut constant } = test;
        if mask == 0 {
            return self.jump(if condition.eval(0, constant) { to.yes } else { to.no });
        }
        let is_bit = mask.is_power_of_two() && (constant == 0 || constant == mask);
        let mut mask = mask;
        if is_bit && let Condition::Equal | Condition::NotEqual = condition {
            let is_set = (condition == Condition::Equal) == (constant == mask);
            condition = if is_set { Condition::BitsSet } else { Condition::BitsNotSet };
            (constant, mask) = (mask, u32::MAX);
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

    /// Goes on here if the test holds.
    pub(super) fn require(&mut self, test: Test, no: Label) {
        let yes = self.label();
        self.test(test, Exits { yes, no });
        self.place(yes);
    }

    /// Goes on here if the test does not hold.
    pub(super) fn exclude(&mut self, test: Test, yes: Label) {
        let no = self.label();
        self.test(test, Exits { yes, no });
        self.place(no);
    }

    /// Goes to `yes` if one of the tests holds, else on here.
    pub(super) fn any(&mut self, tests: impl ExactSizeIterator<Item = Test>, yes: Label) {
        let no = self.label();
        self.one_of(tests, Exits { yes, no });
        self.place(no);
    }

    /// Goes to `yes` if one of the tests holds, else to `no`.
    pub(super) fn one_of(&mut self, mut tests: impl ExactSizeIterator<Item = Test>, to: Exits) {
        while tests.len() > ROW {
            // A long row needs a place nearby to jump to.
            let (near, next) = (self.label(), self.label());
            tests.by_ref().take(ROW).for_each(|test| self.exclude(test, near));
            self.jump(next);
            self.place(near);
            self.jump(to.yes);
            self.place(next);
        }
        while let Some(test) = tests.next() {
            if tests.len() == 0 {
                return self.test(test, to);
            }
            self.exclude(test, to.yes);
        }
        self.jump(to.no);
    }

    /// The instructions, behind those that `prologue` writes.
    pub(super) fn finish(mut self, prologue: Code) -> Vec<RawInstruction> {
        self.write_jump();
        let mut whole = prologue;
        whole.write_jump();
        whole.assembler.append(self.assembler);
        // Every label that a jump names was placed, and behind the jump.
        whole.assembler.finish().unwrap_or_default()
    }
}
