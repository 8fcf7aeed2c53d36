//! The encoding of instructions in slots of 8 bytes.
//!
//! Source: RFC 9669, and `include/uapi/linux/bpf.h` (pseudo sources of 64-bit immediates).

use alloc::vec::Vec;

use crate::bpf::isa::AluOp;
use crate::ebpf::instruction::{Comparison, Instruction, OperandSize, Register, Size, Source};

/// The fields of a slot, but for the immediate.
#[derive(Clone, Copy, Default)]
struct Slot {
    code: u8,
    dst: u8,
    src: u8,
    offset: i16,
    imm: i32,
}

mod class {
    pub(super) const LD: u8 = 0x00;
    pub(super) const LDX: u8 = 0x01;
    pub(super) const ST: u8 = 0x02;
    pub(super) const STX: u8 = 0x03;
    pub(super) const ALU: u8 = 0x04;
    pub(super) const JMP: u8 = 0x05;
    pub(super) const JMP32: u8 = 0x06;
    pub(super) const ALU64: u8 = 0x07;
}

const MEM: u8 = 0x60;
const ATOMIC: u8 = 0xc0;
const ABS: u8 = 0x20;
const IND: u8 = 0x40;
const SOURCE_REGISTER: u8 = 0x08;
const LOAD_IMMEDIATE: u8 = class::LD | 0x18;

/// `BPF_PSEUDO_MAP_FD` and `BPF_PSEUDO_MAP_VALUE`: what a 64-bit immediate stands for.
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

/// Returns the operation of an arithmetic opcode.
fn alu_code(op: AluOp) -> u8 {
    match op {
        AluOp::Add => 0x00,
        AluOp::Sub => 0x10,
        AluOp::Mul => 0x20,
        AluOp::Div => 0x30,
        AluOp::Or => 0x40,
        AluOp::And => 0x50,
        AluOp::Lsh => 0x60,
        AluOp::Rsh => 0x70,
        AluOp::Mod => 0x90,
        AluOp::Xor => 0xa0,
    }
}

impl Size {
    const fn code(self) -> u8 {
        match self {
            Size::U32 => 0x00,
            Size::U16 => 0x08,
            Size::U8 => 0x10,
            Size::U64 => 0x18,
        }
    }
}

impl Comparison {
    const fn code(self) -> u8 {
        match self {
            Comparison::Equal => 0x10,
            Comparison::Greater => 0x20,
            Comparison::GreaterOrEqual => 0x30,
            Comparison::BitsSet => 0x40,
            Comparison::NotEqual => 0x50,
            Comparison::Less => 0xa0,
            Comparison::LessOrEqual => 0xb0,
        }
    }
}

impl Instruction {
    /// Returns the opcode.
    pub(crate) fn code(&self) -> u8 {
        self.slot().0.code
    }

    /// Returns the number of slots of 8 bytes: 2 for 64-bit immediates, and else 1.
    pub const fn slots(&self) -> usize {
        match self {
            Instruction::LoadImmediate { .. } | Instruction::LoadMap { .. } | Instruction::LoadMapValue { .. } => 2,
            _ => 1,
        }
    }

    /// Appends the encoding for a machine with this byte order. Maps have the file descriptor 0, which a loader
    /// replaces.
    pub(crate) fn encode(&self, is_big_endian: bool, bytes: &mut Vec<u8>) {
        let (first, second) = self.slot();
        for slot in core::iter::once(first).chain(second) {
            let registers = if is_big_endian { slot.dst << 4 | slot.src } else { slot.src << 4 | slot.dst };
            bytes.extend([slot.code, registers]);
            if is_big_endian {
                bytes.extend(slot.offset.to_be_bytes());
                bytes.extend(slot.imm.to_be_bytes());
            } else {
                bytes.extend(slot.offset.to_le_bytes());
                bytes.extend(slot.imm.to_le_bytes());
            }
        }
    }

    /// Returns the slot, and the second one if there are two.
    fn slot(&self) -> (Slot, Option<Slot>) {
        let with_source = |code: u8, dst: Register, src: Source, offset: i16| match src {
            Source::Register(src) => {
                Slot { code: code | SOURCE_REGISTER, dst: dst as u8, src: src as u8, offset, imm: 0 }
            }
            Source::Immediate(imm) => Slot { code, dst: dst as u8, src: 0, offset, imm },
        };
        let alu = |size| if size == OperandSize::Half { class::ALU } else { class::ALU64 };
        let immediate = |dst: Register, src, low: u32, high: u32| {
            let first = Slot { code: LOAD_IMMEDIATE, dst: dst as u8, src, offset: 0, imm: low as i32 };
            (first, Some(Slot { imm: high as i32, ..Slot::default() }))
        };
        let slot = match *self {
            Instruction::Move { size, dst, src } => with_source(alu(size) | 0xb0, dst, src, 0),
            Instruction::Alu { size, op, dst, src } => with_source(alu(size) | alu_code(op), dst, src, 0),
            Instruction::Negate { dst } => Slot { code: class::ALU | 0x80, dst: dst as u8, ..Slot::default() },
            Instruction::NetworkOrder { width, dst } => {
                let imm = 8 * width.bytes() as i32;
                Slot { code: class::ALU | 0xd0 | SOURCE_REGISTER, dst: dst as u8, imm, ..Slot::default() }
            }
            Instruction::Load { size, dst, base, offset } => {
                Slot { code: class::LDX | MEM | size.code(), dst: dst as u8, src: base as u8, offset, imm: 0 }
            }
            Instruction::Store { size, base, offset, src: Source::Register(src) } => {
                Slot { code: class::STX | MEM | size.code(), dst: base as u8, src: src as u8, offset, imm: 0 }
            }
            Instruction::Store { size, base, offset, src: Source::Immediate(imm) } => {
                Slot { code: class::ST | MEM | size.code(), dst: base as u8, src: 0, offset, imm }
            }
            Instruction::AtomicAdd { size, base, offset, src } => {
                Slot { code: class::STX | ATOMIC | size.code(), dst: base as u8, src: src as u8, offset, imm: 0 }
            }
            Instruction::LoadImmediate { dst, value } => return immediate(dst, 0, value as u32, (value >> 32) as u32),
            Instruction::LoadMap { dst, .. } => return immediate(dst, PSEUDO_MAP_FD, 0, 0),
            Instruction::LoadMapValue { dst, offset, .. } => return immediate(dst, PSEUDO_MAP_VALUE, 0, offset),
            Instruction::LoadPacket { width, offset } => {
                Slot { code: class::LD | ABS | Size::from(width).code(), imm: offset, ..Slot::default() }
            }
            Instruction::LoadPacketIndirect { width, index, offset } => Slot {
                code: class::LD | IND | Size::from(width).code(),
                src: index as u8,
                imm: offset,
                ..Slot::default()
            },
            Instruction::Jump { offset } => Slot { code: class::JMP, offset, ..Slot::default() },
            Instruction::JumpFar { offset } => Slot { code: class::JMP32, imm: offset, ..Slot::default() },
            Instruction::JumpIf { size, comparison, left, right, offset } => {
                let class = if size == OperandSize::Half { class::JMP32 } else { class::JMP };
                with_source(class | comparison.code(), left, right, offset)
            }
            Instruction::Call(helper) => Slot { code: class::JMP | 0x80, imm: helper.number(), ..Slot::default() },
            Instruction::Exit => Slot { code: class::JMP | 0x90, ..Slot::default() },
        };
        (slot, None)
    }
}
