//! The instructions of eBPF, and their text as `bpftool prog dump xlated` prints it.
//!
//! Source: RFC 9669 (the instruction set), `include/uapi/linux/bpf.h` (the helpers), and `print_bpf_insn` in the
//! kernel's `kernel/bpf/disasm.c` (the text).

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
        write!(f, "({:02x}) ", self.code())?;
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
