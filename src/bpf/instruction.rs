//! Instructions: the raw form of eight bytes, and the typed form.
//!
//! Converting a [`RawInstruction`] to an [`Instruction`] and back is lossless. An unknown opcode, or a value in a field
//! that the opcode does not use, becomes [`Instruction::Raw`].

use crate::bpf::isa::{self, AluOp, Condition, Input, Mode, Operation, Register, Width};
use crate::packet::ancillary::Extension;

/// A raw instruction, in the layout of `struct sock_filter`: 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct RawInstruction {
    /// The opcode.
    pub code: u16,
    /// The number of instructions that a conditional jump skips if its test holds.
    pub jt: u8,
    /// The number of instructions that a conditional jump skips if its test does not hold.
    pub jf: u8,
    /// A constant, an offset, a scratch word or a jump distance, depending on the opcode.
    pub k: u32,
}

impl RawInstruction {
    /// Creates an instruction of these four fields.
    pub const fn new(code: u16, jt: u8, jf: u8, k: u32) -> RawInstruction {
        RawInstruction { code, jt, jf, k }
    }

    /// Returns whether the instruction is `ja` or a conditional jump.
    pub(crate) fn is_jump(self) -> bool {
        let operation = isa::lookup(self.code).map(|row| row.operation);
        matches!(operation, Some(Operation::Jump | Operation::Branch(..)))
    }

    /// Returns the instruction with 0 in every field that its opcode does not use. Machines ignore those fields.
    pub(crate) fn normalized(self) -> RawInstruction {
        let Some(row) = isa::lookup(self.code) else { return self };
        let k = if row.operation.uses_k() { self.k } else { 0 };
        let (jt, jf) = if row.operation.uses_targets() { (self.jt, self.jf) } else { (0, 0) };
        RawInstruction { code: self.code, jt, jf, k }
    }

    /// Returns the fields that the opcode does not use, with 0 for the others.
    pub(crate) fn unused(self) -> RawInstruction {
        let used = self.normalized();
        RawInstruction { code: 0, jt: self.jt ^ used.jt, jf: self.jf ^ used.jf, k: self.k ^ used.k }
    }

    /// Replaces the fields that the opcode does not use.
    pub(crate) fn with_unused(self, fields: RawInstruction) -> RawInstruction {
        let RawInstruction { jt, jf, k, .. } = RawInstruction { code: self.code, ..fields }.unused();
        RawInstruction { code: self.code, jt: self.jt | jt, jf: self.jf | jf, k: self.k | k }
    }
}

/// The second operand of arithmetic and of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The constant `k`.
    Constant(u32),
    /// The index register.
    X,
}

impl From<u32> for Operand {
    fn from(value: u32) -> Operand {
        Operand::Constant(value)
    }
}

/// A typed instruction.
///
/// Offsets, scratch words and skips may be invalid; the verifier checks them. The names are those of
/// `golang.org/x/net/bpf` where it has one.
///
/// ```
/// use cbpf::Instruction;
/// use cbpf::bpf::{RawInstruction, Width};
/// let load = Instruction::LoadAbsolute { offset: 12, width: Width::Half };
/// let raw = RawInstruction::from(load);
/// assert_eq!(raw, RawInstruction::new(0x28, 0, 0, 12));
/// assert_eq!(Instruction::from(raw), load);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// `dst = value`
    LoadConstant {
        /// The register to load.
        dst: Register,
        /// The constant.
        value: u32,
    },
    /// `dst = M[slot]`
    LoadScratch {
        /// The register to load.
        dst: Register,
        /// The scratch word, 0 to 15 in a valid program.
        slot: u32,
    },
    /// `dst =` the length of the packet on the wire, in bytes.
    LoadLength {
        /// The register to load.
        dst: Register,
    },
    /// `A =` the big-endian number at `offset` of the packet.
    LoadAbsolute {
        /// Bytes from the start of the packet.
        offset: u32,
        /// The number of bytes to read.
        width: Width,
    },
    /// `A =` the big-endian number at `X + offset` of the packet.
    LoadIndirect {
        /// Bytes from the position in X.
        offset: u32,
        /// The number of bytes to read.
        width: Width,
    },
    /// `X = 4 * (P[offset] & 0xf)`: the length of an IPv4 header whose first byte is at `offset`.
    LoadMemShift {
        /// Bytes from the start of the packet.
        offset: u32,
    },
    /// `A =` an ancillary load (Linux).
    LoadExtension(Extension),
    /// `M[slot] = src`
    StoreScratch {
        /// The register to store.
        src: Register,
        /// The scratch word, 0 to 15 in a valid program.
        slot: u32,
    },
    /// `A = A op operand`
    Alu {
        /// The operation.
        op: AluOp,
        /// The second operand.
        operand: Operand,
    },
    /// `A = -A`
    Negate,
    /// Skips `skip` instructions.
    Jump {
        /// The number of instructions to skip.
        skip: u32,
    },
    /// Skips `skip_true` instructions if the test holds, else `skip_false`.
    ///
    /// Conditions without an opcode are encoded as their inverse with the skips exchanged, and decoded as such.
    JumpIf {
        /// The test of A.
        condition: Condition,
        /// The operand that A is compared with.
        operand: Operand,
        /// The number of instructions to skip if the test holds.
        skip_true: u8,
        /// The number of instructions to skip if the test does not hold.
        skip_false: u8,
    },
    /// Returns a constant verdict.
    ReturnConstant {
        /// The number of bytes of the packet to keep; 0 drops it.
        verdict: u32,
    },
    /// Returns the verdict in A.
    ReturnA,
    /// `ret x`, which assemblers accept and every verifier rejects.
    ReturnX,
    /// `X = A`
    TransferAToX,
    /// `A = X`
    TransferXToA,
    /// An instruction without a typed form.
    Raw(RawInstruction),
}

impl From<RawInstruction> for Instruction {
    fn from(raw: RawInstruction) -> Instruction {
        match isa::lookup(raw.code) {
            Some(row) if raw == raw.normalized() => typed(row.operation, raw),
            _ => Instruction::Raw(raw),
        }
    }
}

fn typed(operation: Operation, RawInstruction { jt, jf, k, .. }: RawInstruction) -> Instruction {
    let operand = |input| if input == Input::K { Operand::Constant(k) } else { Operand::X };
    match operation {
        Operation::Load(dst, Mode::Constant) => Instruction::LoadConstant { dst, value: k },
        Operation::Load(dst, Mode::Scratch) => Instruction::LoadScratch { dst, slot: k },
        Operation::Load(dst, Mode::Length) => Instruction::LoadLength { dst },
        Operation::Load(_, Mode::Absolute(width)) => match Extension::from_offset(k) {
            Some(extension) if width == Width::Word => Instruction::LoadExtension(extension),
            _ => Instruction::LoadAbsolute { offset: k, width },
        },
        Operation::Load(_, Mode::Indirect(width)) => Instruction::LoadIndirect { offset: k, width },
        Operation::Load(_, Mode::MemShift) => Instruction::LoadMemShift { offset: k },
        Operation::Store(src) => Instruction::StoreScratch { src, slot: k },
        Operation::Alu(op, input) => Instruction::Alu { op, operand: operand(input) },
        Operation::Negate => Instruction::Negate,
        Operation::Jump => Instruction::Jump { skip: k },
        Operation::Branch(condition, input) => {
            Instruction::JumpIf { condition, operand: operand(input), skip_true: jt, skip_false: jf }
        }
        Operation::Return(Input::K) => Instruction::ReturnConstant { verdict: k },
        Operation::Return(Input::A) => Instruction::ReturnA,
        Operation::Return(Input::X) => Instruction::ReturnX,
        Operation::Transfer(Register::X) => Instruction::TransferAToX,
        Operation::Transfer(Register::A) => Instruction::TransferXToA,
    }
}

impl From<Instruction> for RawInstruction {
    fn from(instruction: Instruction) -> RawInstruction {
        let (operation, jt, jf, k) = match instruction {
            Instruction::Raw(raw) => return raw,
            Instruction::LoadConstant { dst, value } => (Operation::Load(dst, Mode::Constant), 0, 0, value),
            Instruction::LoadScratch { dst, slot } => (Operation::Load(dst, Mode::Scratch), 0, 0, slot),
            Instruction::LoadLength { dst } => (Operation::Load(dst, Mode::Length), 0, 0, 0),
            Instruction::LoadAbsolute { offset, width } => (load(Mode::Absolute(width)), 0, 0, offset),
            Instruction::LoadIndirect { offset, width } => (load(Mode::Indirect(width)), 0, 0, offset),
            Instruction::LoadMemShift { offset } => (Operation::Load(Register::X, Mode::MemShift), 0, 0, offset),
            Instruction::LoadExtension(extension) => (load(Mode::Absolute(Width::Word)), 0, 0, extension.offset()),
            Instruction::StoreScratch { src, slot } => (Operation::Store(src), 0, 0, slot),
            Instruction::Alu { op, operand: Operand::Constant(k) } => (Operation::Alu(op, Input::K), 0, 0, k),
            Instruction::Alu { op, operand: Operand::X } => (Operation::Alu(op, Input::X), 0, 0, 0),
            Instruction::Negate => (Operation::Negate, 0, 0, 0),
            Instruction::Jump { skip } => (Operation::Jump, 0, 0, skip),
            Instruction::JumpIf { condition, operand, skip_true, skip_false } => {
                branch(condition, operand, skip_true, skip_false)
            }
            Instruction::ReturnConstant { verdict } => (Operation::Return(Input::K), 0, 0, verdict),
            Instruction::ReturnA => (Operation::Return(Input::A), 0, 0, 0),
            Instruction::ReturnX => (Operation::Return(Input::X), 0, 0, 0),
            Instruction::TransferAToX => (Operation::Transfer(Register::X), 0, 0, 0),
            Instruction::TransferXToA => (Operation::Transfer(Register::A), 0, 0, 0),
        };
        RawInstruction { code: isa::code_of(operation), jt, jf, k }
    }
}

fn load(source: Mode) -> Operation {
    Operation::Load(Register::A, source)
}

fn branch(condition: Condition, operand: Operand, skip_true: u8, skip_false: u8) -> (Operation, u8, u8, u32) {
    if !condition.has_opcode() {
        return branch(condition.inverse(), operand, skip_false, skip_true);
    }
    match operand {
        Operand::Constant(k) => (Operation::Branch(condition, Input::K), skip_true, skip_false, k),
        Operand::X => (Operation::Branch(condition, Input::X), skip_true, skip_false, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_every_code_without_loss() {
        for code in 0..=u16::MAX {
            for (jt, jf) in [(0, 0), (1, 0), (0, 255), (7, 9)] {
                for k in [0, 1, 15, 16, 0xffff_f000, 0xffff_f024, 0xffff_f025, u32::MAX] {
                    let raw = RawInstruction::new(code, jt, jf, k);
                    assert_eq!(RawInstruction::from(Instruction::from(raw)), raw);
                }
            }
        }
    }

    #[test]
    fn exchanges_skips_of_inverse_conditions() {
        let jump = |condition, skip_true, skip_false| {
            RawInstruction::from(Instruction::JumpIf { condition, operand: 6.into(), skip_true, skip_false })
        };
        assert_eq!(jump(Condition::NotEqual, 1, 2), jump(Condition::Equal, 2, 1));
        assert_eq!(jump(Condition::BitsNotSet, 1, 2), RawInstruction::new(0x45, 2, 1, 6));
    }

    #[test]
    fn keeps_values_in_unused_fields_raw() {
        let raw = RawInstruction::new(0x16, 0, 0, 1);
        assert_eq!(Instruction::from(raw), Instruction::Raw(raw));
        assert_eq!(Instruction::from(raw.normalized()), Instruction::ReturnA);
    }

    #[test]
    fn has_the_layout_of_sock_filter() {
        assert_eq!(size_of::<RawInstruction>(), 8);
        assert_eq!(align_of::<RawInstruction>(), 4);
        assert_eq!(std::mem::offset_of!(RawInstruction, k), 4);
    }
}
