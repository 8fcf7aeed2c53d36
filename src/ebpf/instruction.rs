//! The instructions of eBPF: their encoding, and their text as `bpftool prog dump xlated` prints it.
//!
//! Source: RFC 9669 (the instruction set), `include/uapi/linux/bpf.h` (pseudo sources of 64-bit immediates, helpers)
//! and `print_bpf_insn` in the kernel's `kernel/bpf/disasm.c` (the text).

use core::fmt;

use crate::bpf::isa::{AluOp, Width};

/// A register: `r0` to `r9`, and the frame pointer `r10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
#[repr(u8)]
pub enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

impl Register {
    /// The registers, by their numbers.
    pub const ALL: [Register; 11] = [
        Register::R0,
        Register::R1,
        Register::R2,
        Register::R3,
        Register::R4,
        Register::R5,
        Register::R6,
        Register::R7,
        Register::R8,
        Register::R9,
        Register::R10,
    ];

    /// The register of the result of a call and of the program.
    pub const RESULT: Register = Register::R0;

    /// The address of the end of the stack frame, which is only read.
    pub const FRAME: Register = Register::R10;
}

/// The size of the operands of an operation or a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperandSize {
    /// The lower 32 bits. An operation sets the upper 32 bits of its result to 0.
    Half,
    /// All 64 bits.
    Full,
}

/// The number of bytes that an access to memory reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
}

impl Size {
    /// Returns the number of bytes.
    pub const fn bytes(self) -> u32 {
        match self {
            Size::U8 => 1,
            Size::U16 => 2,
            Size::U32 => 4,
            Size::U64 => 8,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Size::U32 => 0x00,
            Size::U16 => 0x08,
            Size::U8 => 0x10,
            Size::U64 => 0x18,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Size::U8 => "u8",
            Size::U16 => "u16",
            Size::U32 => "u32",
            Size::U64 => "u64",
        }
    }
}

impl From<Width> for Size {
    fn from(width: Width) -> Size {
        match width {
            Width::Byte => Size::U8,
            Width::Half => Size::U16,
            Width::Word => Size::U32,
        }
    }
}

/// The second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A register.
    Register(Register),
    /// A constant, which 64-bit operations and tests extend with its sign.
    Immediate(i32),
}

impl From<Register> for Source {
    fn from(register: Register) -> Source {
        Source::Register(register)
    }
}

/// The condition of a jump; comparisons are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `&`: the operands have a bit in common.
    BitsSet,
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

    const fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::BitsSet => "&",
        }
    }

    /// Returns the condition that holds if and only if this one does not; eBPF has none for `&`.
    pub const fn negated(self) -> Option<Comparison> {
        Some(match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
            Comparison::BitsSet => return None,
        })
    }
}

/// A function of the kernel that programs call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Helper {
    /// Finds the value of a key in a map.
    MapLookupElem,
    /// Returns a random number.
    GetPrandomU32,
    /// Returns the number of the processor.
    GetSmpProcessorId,
    /// Sends the packet to another interface.
    Redirect,
    /// Copies bytes of a packet, wherever the kernel keeps them.
    SkbLoadBytes,
    /// Sends the packet where an entry of a map says.
    RedirectMap,
    /// Copies bytes of a packet from the start of a header.
    SkbLoadBytesRelative,
    /// Copies memory of the kernel.
    ProbeReadKernel,
    /// Returns the length of all buffers of a packet.
    XdpGetBuffLen,
    /// Copies bytes of a packet, whichever buffers they are in.
    XdpLoadBytes,
}

/// The numbers of the helpers (`enum bpf_func_id`).
#[rustfmt::skip]
const HELPERS: [(Helper, i32, &str); 10] = [
    (Helper::MapLookupElem,          1, "bpf_map_lookup_elem"),
    (Helper::GetPrandomU32,          7, "bpf_get_prandom_u32"),
    (Helper::GetSmpProcessorId,      8, "bpf_get_smp_processor_id"),
    (Helper::Redirect,              23, "bpf_redirect"),
    (Helper::SkbLoadBytes,          26, "bpf_skb_load_bytes"),
    (Helper::RedirectMap,           51, "bpf_redirect_map"),
    (Helper::SkbLoadBytesRelative,  68, "bpf_skb_load_bytes_relative"),
    (Helper::ProbeReadKernel,      113, "bpf_probe_read_kernel"),
    (Helper::XdpGetBuffLen,        188, "bpf_xdp_get_buff_len"),
    (Helper::XdpLoadBytes,         189, "bpf_xdp_load_bytes"),
];

impl Helper {
    /// Returns the number of the helper (`BPF_FUNC_*`).
    pub fn number(self) -> i32 {
        HELPERS[self as usize].1
    }

    /// Returns the name of the helper, as in `bpf_skb_load_bytes`.
    pub fn name(self) -> &'static str {
        HELPERS[self as usize].2
    }
}

/// Each row stands at the index of its variant.
const _: () = {
    let mut index = 0;
    while index < HELPERS.len() {
        assert!(HELPERS[index].0 as usize == index, "the rows are in the order of the enum");
        index += 1;
    }
};

/// An instruction of eBPF, with the operands that its formula names. Displacements of jumps and calls count slots of 8
/// bytes from the next instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the formulas name the fields")]
pub enum Instruction {
    /// `dst = src`
    Move { size: OperandSize, dst: Register, src: Source },
    /// `dst op= src`
    Alu { size: OperandSize, op: AluOp, dst: Register, src: Source },
    /// `dst = -dst`
    Negate { dst: Register },
    /// `dst = be16 dst`, `be32`: converts the lower bits between network order and that of the machine.
    NetworkOrder { width: Width, dst: Register },
    /// `dst = *(size *)(base + offset)`
    Load { size: Size, dst: Register, base: Register, offset: i16 },
    /// `*(size *)(base + offset) = src`
    Store { size: Size, base: Register, offset: i16, src: Source },
    /// `lock *(size *)(base + offset) += src`, of 4 or 8 bytes.
    AtomicAdd { size: Size, base: Register, offset: i16, src: Register },
    /// `dst = value`; takes two slots.
    LoadImmediate { dst: Register, value: u64 },
    /// The address of a map, by its index in [`Program::maps`](crate::ebpf::Program::maps); takes two slots.
    LoadMap { dst: Register, map: u32 },
    /// The address of a byte of the value of an array map with one element; takes two slots.
    LoadMapValue { dst: Register, map: u32, offset: u32 },
    /// `r0 = *(size *)skb[offset]`: a number in network order from the packet of `r6`, and exit with 0 if it is not
    /// there. Overwrites `r1` to `r5`.
    LoadPacket { width: Width, offset: i32 },
    /// `r0 = *(size *)skb[index + offset]`, in the same way.
    LoadPacketIndirect { width: Width, index: Register, offset: i32 },
    /// `goto`
    Jump { offset: i16 },
    /// `gotol`, since Linux 6.6.
    JumpFar { offset: i32 },
    /// `if left comparison right goto`
    JumpIf { size: OperandSize, comparison: Comparison, left: Register, right: Source, offset: i16 },
    /// Calls a helper with `r1` to `r5`; overwrites `r0` to `r5`.
    Call(Helper),
    /// Ends the program; `r0` is its result.
    Exit,
}

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

impl Instruction {
    /// Returns the number of slots of 8 bytes: 2 for 64-bit immediates, and else 1.
    pub const fn slots(&self) -> usize {
        match self {
            Instruction::LoadImmediate { .. } | Instruction::LoadMap { .. } | Instruction::LoadMapValue { .. } => 2,
            _ => 1,
        }
    }

    /// Appends the encoding for a machine with this byte order. Maps have the file descriptor 0, which a loader
    /// replaces.
    pub(crate) fn encode(&self, is_big_endian: bool, bytes: &mut alloc::vec::Vec<u8>) {
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

/// Prints a register with the size of an operand: `w1` or `r1`.
struct Sized(OperandSize, Register);

impl fmt::Display for Sized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = if self.0 == OperandSize::Half { 'w' } else { 'r' };
        write!(f, "{letter}{}", self.1 as u8)
    }
}

/// Prints `r1`.
impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", *self as u8)
    }
}

/// Prints the instruction as bpftool does, with its opcode: `(61) r2 = *(u32 *)(r1 +4)`.
impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:02x}) ", self.slot().0.code)?;
        let source = |f: &mut fmt::Formatter<'_>, size, src| match src {
            Source::Register(register) => write!(f, "{}", Sized(size, register)),
            Source::Immediate(k) => write!(f, "{k}"),
        };
        match *self {
            Instruction::Move { size, dst, src } => {
                write!(f, "{} = ", Sized(size, dst))?;
                source(f, size, src)
            }
            Instruction::Alu { size, op, dst, src } => {
                write!(f, "{} {}= ", Sized(size, dst), op.symbol())?;
                source(f, size, src)
            }
            Instruction::Negate { dst } => write!(f, "w{0} = -w{0}", dst as u8),
            Instruction::NetworkOrder { width, dst } => write!(f, "{dst} = be{} {dst}", 8 * width.bytes()),
            Instruction::Load { size, dst, base, offset } => {
                write!(f, "{dst} = *({} *)({base} {offset:+})", size.name())
            }
            Instruction::Store { size, base, offset, src } => {
                write!(f, "*({} *)({base} {offset:+}) = ", size.name())?;
                source(f, OperandSize::Full, src)
            }
            Instruction::AtomicAdd { size, base, offset, src } => {
                write!(f, "lock *({} *)({base} {offset:+}) += {src}", size.name())
            }
            Instruction::LoadImmediate { dst, value } => write!(f, "{dst} = {value:#x}"),
            Instruction::LoadMap { dst, map } => write!(f, "{dst} = map[{map}]"),
            Instruction::LoadMapValue { dst, map, offset } => write!(f, "{dst} = map[{map}][0]+{offset}"),
            Instruction::LoadPacket { width, offset } => {
                write!(f, "r0 = *({} *)skb[{offset}]", Size::from(width).name())
            }
            Instruction::LoadPacketIndirect { width, index, offset } => {
                write!(f, "r0 = *({} *)skb[{index} + {offset}]", Size::from(width).name())
            }
            Instruction::Jump { offset } => write!(f, "goto pc{offset:+}"),
            Instruction::JumpFar { offset } => write!(f, "gotol pc{offset:+}"),
            Instruction::JumpIf { size, comparison, left, right, offset } => {
                write!(f, "if {} {} ", Sized(size, left), comparison.symbol())?;
                match right {
                    Source::Register(right) => write!(f, "{}", Sized(size, right))?,
                    Source::Immediate(k) => write!(f, "{k:#x}")?,
                }
                write!(f, " goto pc{offset:+}")
            }
            Instruction::Call(helper) => write!(f, "call {}#{}", helper.name(), helper.number()),
            Instruction::Exit => f.write_str("exit"),
        }
    }
}
