//! Generators of programs, packets and contexts from random bytes: shared by the random trials and the fuzz targets.
//!
//! Any bytes give a result. Most programs pass the verifier and use the packet before they return.

use arbitrary::{Result, Unstructured};
use cbpf::bpf::{AluOp, Condition, Operand, RawInstruction, Register, Width};
use cbpf::debug::Pass;
use cbpf::packet::{Device, Extension, Vlan};
use cbpf::text::Form;
use cbpf::{Context, Dialect, Instruction, Program};

use crate::case::{ExpectedVerdict, Sample};

/// The number of bytes by which the packets of cases are cut, at most.
const CUTS: usize = 100;

/// Returns the packets of a case, whole and truncated.
pub fn cuts(packets: &[ExpectedVerdict]) -> Vec<Sample> {
    let lengths = |len: usize| len.saturating_sub(CUTS)..=len;
    packets.iter().flat_map(|packet| lengths(packet.sample.data.len()).map(|len| packet.sample.cut(len))).collect()
}

/// Returns passes in any order, with repetitions.
pub fn passes(u: &mut Unstructured) -> Result<Vec<Pass>> {
    let count = u.int_in_range(0..=8)?;
    (0..count).map(|_| u.choose(Pass::ALL).copied()).collect()
}

/// Numbers at the edges of what machines agree on.
const EDGES: [u32; 16] = [
    0,
    1,
    2,
    31,
    32,
    33,
    63,
    64,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffe0_0000,
    0xfff0_0000,
    0xffff_f000,
    0xffff_fffe,
    u32::MAX,
];

fn number(u: &mut Unstructured) -> Result<u32> {
    Ok(match u.int_in_range(0..=5)? {
        0..=2 => u.int_in_range(0..=80)?,
        3 => *u.choose(&EDGES)?,
        4 => u32::from(u.arbitrary::<u16>()?),
        _ => u.arbitrary()?,
    })
}

fn register(u: &mut Unstructured) -> Result<Register> {
    Ok(if u.arbitrary()? { Register::A } else { Register::X })
}

pub fn width(u: &mut Unstructured) -> Result<Width> {
    Ok(*u.choose(&[Width::Byte, Width::Half, Width::Word])?)
}

fn operand(u: &mut Unstructured) -> Result<Operand> {
    Ok(if u.arbitrary()? { Operand::X } else { Operand::Constant(number(u)?) })
}

/// Returns a program that is likely to be valid in the dialect, and packets for it.
pub fn program_and_samples(u: &mut Unstructured, dialect: Dialect) -> Result<(Program, [Sample; 2])> {
    Ok((program(u, dialect)?, [sample(u, dialect)?, sample(u, dialect)?]))
}

/// Returns a program that is likely to be valid in the dialect.
pub fn program(u: &mut Unstructured, dialect: Dialect) -> Result<Program> {
    if u.ratio(1, 3)? { tests(u, dialect) } else { anything(u, dialect) }
}

/// Returns the program with another constant, other jumps, or another opcode in one instruction.
pub fn changed(program: &Program, u: &mut Unstructured) -> Result<Program> {
    let mut instructions = program.instructions().to_vec();
    let at = u.choose_index(instructions.len())?;
    let RawInstruction { code, jt, jf, k } = &mut instructions[at];
    match u.int_in_range(0..=4)? {
        0 => *k ^= 1 << u.int_in_range(0..=31)?,
        1 => *k = k.wrapping_add(1),
        2 => core::mem::swap(jt, jf),
        3 => *code ^= 0x10,
        _ => *code ^= 0x8,
    }
    Ok(Program::new(instructions))
}

/// Returns a program of tests of a few fields that lead to a few returns, like lists of hosts and ports.
fn tests(u: &mut Unstructured, dialect: Dialect) -> Result<Program> {
    let verdict = number(u)?;
    let drop = Instruction::ReturnConstant { verdict: 0 };
    let mut backward = vec![Instruction::ReturnA, Instruction::ReturnConstant { verdict }, drop];
    for _ in 0..u.int_in_range(1..=40)? {
        let following = backward.len() as u8;
        let mut skip = || Ok(if u.arbitrary()? { 0 } else { following - u.int_in_range(1..=3)? });
        let (skip_true, skip_false) = (skip()?, skip()?);
        let condition = *u.choose(&[Condition::Equal, Condition::Equal, Condition::Greater, Condition::BitsSet])?;
        let operand = Operand::Constant((u.arbitrary::<u32>()? & 0x0101_0101) >> *u.choose(&[0, 16, 24, 24])?);
        backward.push(Instruction::JumpIf { condition, operand, skip_true, skip_false });
        match u.int_in_range(0..=9)? {
            0..=4 => backward.push(near_load(u, dialect)?),
            5 => backward.push(Instruction::TransferAToX),
            6 => backward.push(alu(u, dialect == Dialect::Seccomp)?),
            7 => backward.push(Instruction::Alu { op: AluOp::Div, operand: Operand::X }),
            _ => {}
        }
    }
    backward.push(near_load(u, dialect)?);
    Ok(backward.into_iter().rev().collect())
}

/// Returns a rule as in filter sets: tests of a few fields in turn, of which each can drop the packet.
#[cfg(feature = "std")]
pub fn rule(u: &mut Unstructured, dialect: Dialect) -> Result<Program> {
    let tests = u.int_in_range(1..=4)?;
    let mut backward = vec![Instruction::ReturnConstant { verdict: 0 }];
    match u.int_in_range(0..=5)? {
        0 => backward.push(Instruction::ReturnA),
        verdict => backward.push(Instruction::ReturnConstant { verdict }),
    }
    for _ in 0..tests {
        let (to_keep, to_drop) = (0, backward.len() as u8 - 1);
        let (yes, no) = if u.ratio(4, 5)? { (to_keep, to_drop) } else { (to_drop, to_keep) };
        let condition = *u.choose(&[Condition::Equal, Condition::Equal, Condition::Greater, Condition::BitsSet])?;
        let operand = Operand::Constant(u.arbitrary::<u32>()? & *u.choose(&[1, 3, 0xff, 0x101, 0x0101_0101])?);
        backward.push(Instruction::JumpIf { condition, operand, skip_true: yes, skip_false: no });
        if u.ratio(1, 4)? {
            let operand = Operand::Constant(*u.choose(&[1, 0xff00, 0xffff_0000])?);
            backward.push(Instruction::Alu { op: AluOp::And, operand });
        }
        backward.push(near_load(u, dialect)?);
        if dialect != Dialect::Seccomp && u.ratio(1, 4)? {
            backward.push(Instruction::LoadMemShift { offset: u.int_in_range(0..=3)? });
        }
    }
    Ok(backward.into_iter().rev().collect())
}

/// Returns a load of bytes that nearly all packets have.
fn near_load(u: &mut Unstructured, dialect: Dialect) -> Result<Instruction> {
    let offset = u.int_in_range(0..=7)?;
    Ok(match width(u)? {
        _ if dialect == Dialect::Seccomp => Instruction::LoadAbsolute { offset: 4 * offset, width: Width::Word },
        width if u.ratio(1, 4)? => Instruction::LoadIndirect { offset, width },
        width => Instruction::LoadAbsolute { offset, width },
    })
}

/// Returns a program of any instructions.
fn anything(u: &mut Unstructured, dialect: Dialect) -> Result<Program> {
    let stored = u.int_in_range(0..=3)?;
    let mut program: Vec<Instruction> = Vec::new();
    for slot in 0..stored {
        program.push(instruction(u, dialect, 0)?);
        program.push(Instruction::StoreScratch { src: register(u)?, slot });
    }
    let len = if u.ratio(1, 20)? { u.int_in_range(100..=400)? } else { u.int_in_range(1..=30)? };
    for left in (0..len).rev() {
        program.push(if u.ratio(1, 4)? { jump(u, left)? } else { instruction(u, dialect, stored)? });
    }
    program.push(Instruction::ReturnA);
    Ok(program.into_iter().collect())
}

/// Returns a program near the length limit of the kernel's conversion: runs of one instruction, with jumps between
/// them.
#[cfg(target_os = "linux")]
pub fn long_program(u: &mut Unstructured) -> Result<Program> {
    let len = u.int_in_range(1_500..=4_095)?;
    let mut program = Vec::with_capacity(len + 1);
    while program.len() < len {
        let left = len - program.len();
        if u.ratio(1, 2)? {
            program.push(jump(u, left as u32 - 1)?);
        } else {
            let run = u.int_in_range(1..=left.min(2_000))?;
            program.extend(std::iter::repeat_n(instruction(u, Dialect::Linux, 0)?, run));
        }
    }
    program.push(Instruction::ReturnA);
    Ok(program.into_iter().collect())
}

/// Returns an instruction without a jump, which reads no scratch words but the first `stored`.
pub fn instruction(u: &mut Unstructured, dialect: Dialect, stored: u32) -> Result<Instruction> {
    let is_seccomp = dialect == Dialect::Seccomp;
    Ok(match u.int_in_range(0..=13)? {
        0 => Instruction::LoadConstant { dst: register(u)?, value: number(u)? },
        1 => Instruction::LoadLength { dst: register(u)? },
        2 if stored > 0 => Instruction::LoadScratch { dst: register(u)?, slot: u.int_in_range(0..=stored - 1)? },
        3 => Instruction::StoreScratch { src: register(u)?, slot: u.int_in_range(0..=15)? },
        2 | 4..=6 if is_seccomp => {
            Instruction::LoadAbsolute { offset: 4 * u.int_in_range(0..=15)?, width: Width::Word }
        }
        2 | 4 => Instruction::LoadAbsolute { offset: offset(u)?, width: width(u)? },
        5 => Instruction::LoadIndirect { offset: offset(u)?, width: width(u)? },
        6 => Instruction::LoadMemShift { offset: offset(u)? },
        7 if dialect == Dialect::Linux => Instruction::LoadExtension(extension(u)?),
        7 => Instruction::Negate,
        8 => Instruction::TransferAToX,
        9 => Instruction::TransferXToA,
        _ => alu(u, is_seccomp)?,
    })
}

fn alu(u: &mut Unstructured, is_seccomp: bool) -> Result<Instruction> {
    use AluOp::{Add, And, Div, Lsh, Mod, Mul, Or, Rsh, Sub, Xor};
    let op = *u.choose(&[Add, Sub, Mul, Div, And, Or, Xor, Lsh, Rsh, if is_seccomp { Add } else { Mod }])?;
    let operand = match operand(u)? {
        Operand::Constant(k) if op.is_shift() && u.ratio(9, 10)? => Operand::Constant(k % 32),
        Operand::Constant(0) if op.is_division() => Operand::Constant(1),
        operand => operand,
    };
    Ok(Instruction::Alu { op, operand })
}

/// Returns an ancillary load.
pub fn extension(u: &mut Unstructured) -> Result<Extension> {
    let all: Vec<Extension> = Extension::all().collect();
    Ok(*u.choose(&all)?)
}

/// Returns a jump or a return, with `left` instructions between it and the last.
pub fn jump(u: &mut Unstructured, left: u32) -> Result<Instruction> {
    use Condition::{BitsNotSet, BitsSet, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let mut skip = |most: u32| u.int_in_range(0..=left.min(most));
    let (skip_true, skip_false, far) = (skip(12)? as u8, skip(255)? as u8, skip(u32::MAX)?);
    let conditions = [Equal, NotEqual, Greater, LessOrEqual, GreaterOrEqual, Less, BitsSet, BitsNotSet];
    Ok(match u.int_in_range(0..=9)? {
        0 => Instruction::Jump { skip: far },
        1 => Instruction::ReturnConstant { verdict: number(u)? },
        _ => Instruction::JumpIf { condition: *u.choose(&conditions)?, operand: operand(u)?, skip_true, skip_false },
    })
}

/// Returns a packet, of 64 bytes for seccomp.
pub fn sample(u: &mut Unstructured, dialect: Dialect) -> Result<Sample> {
    let len = match u.int_in_range(0..=9)? {
        _ if dialect == Dialect::Seccomp => 64,
        0 => 0,
        1 => u.int_in_range(1..=7)?,
        2 => u.int_in_range(200..=1500)?,
        _ => u.int_in_range(8..=90)?,
    };
    let mut data = vec![0; len];
    let known = u.bytes(u.len().min(len))?;
    data[..known.len()].copy_from_slice(known);
    if u.ratio(1, 2)? {
        // Programs test for 0 and 1 most often.
        data.iter_mut().for_each(|byte| *byte &= 1);
    }
    let wire_len = if u.ratio(1, 3)? { number(u)? } else { len as u32 };
    Ok(Sample { data, wire_len, context: context(u)? })
}

fn context(u: &mut Unstructured) -> Result<Context> {
    if u.ratio(1, 2)? {
        return Ok(Context::default().seed(u.arbitrary::<u64>()?));
    }
    let context = Context::default()
        .protocol(u.arbitrary()?)
        .packet_type(u.arbitrary()?)
        .device(u.arbitrary::<Option<(u32, u16)>>()?.map(|(index, hardware_type)| Device::new(index, hardware_type)))
        .mark(u.arbitrary()?)
        .queue(u.arbitrary()?)
        .receive_hash(u.arbitrary()?)
        .cpu(u.arbitrary()?)
        .vlan(u.arbitrary::<Option<(u16, u16)>>()?.map(|(tci, tpid)| Vlan::new(tci, tpid)))
        .network_header(start(u)?);
    let link_header = if u.arbitrary()? { Some(start(u)?) } else { None };
    Ok(context.link_header(link_header).seed(u.arbitrary::<u64>()?))
}

/// Returns the start of a header, which is mostly inside the packet.
fn start(u: &mut Unstructured) -> Result<i32> {
    Ok(match u.int_in_range(0..=9)? {
        0 => *u.choose(&[-20, -1, i32::MIN, i32::MAX, 0x7ff0_0000])?,
        1 => u.arbitrary()?,
        _ => u.int_in_range(0..=40)?,
    })
}

/// Returns instructions that may be invalid, mostly with known opcodes.
pub fn wild_program(u: &mut Unstructured) -> Result<Program> {
    let len = u.int_in_range(1..=12)?;
    let mut program = Vec::new();
    for _ in 0..len {
        program.push(wild(u)?);
    }
    if u.ratio(9, 10)? {
        program.push(RawInstruction::new(6, 0, 0, 1));
    }
    Ok(Program::new(program))
}

fn wild(u: &mut Unstructured) -> Result<RawInstruction> {
    let code = if u.ratio(1, 10)? { u.arbitrary()? } else { u16::from(u.arbitrary::<u8>()? % 0xb8) };
    let skip = |u: &mut Unstructured| if u.ratio(1, 20)? { u.arbitrary() } else { u.int_in_range(0..=4) };
    let k = if u.ratio(1, 2)? { u.int_in_range(0..=17)? } else { number(u)? };
    Ok(RawInstruction::new(code, skip(u)?, skip(u)?, k))
}

/// Returns an offset of a load.
fn offset(u: &mut Unstructured) -> Result<u32> {
    if u.ratio(1, 4)? { relative_offset(u) } else { number(u) }
}

/// Returns an offset that is probably relative to a header.
pub fn relative_offset(u: &mut Unstructured) -> Result<u32> {
    let base = *u.choose(&[0xfff0_0000, 0xffe0_0000, 0xffdf_fff8, 0xffef_fff8, 0xffff_eff8, 0])?;
    Ok(u.int_in_range(0..=40)? + base)
}

/// Decodes a program, eight bytes an instruction, and a packet, whose length is the first byte.
pub fn from_bytes(bytes: &[u8]) -> (Program, Sample) {
    let (&len, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (instructions, data) = rest.split_at(rest.len().saturating_sub(usize::from(len)));
    let whole = instructions.len() / 8 * 8;
    let program = Program::parse_as(Form::Raw, &instructions[..whole]).unwrap_or_default();
    let context = Context::default().seed(u64::from(len));
    (program, Sample { data: data.to_vec(), wire_len: data.len() as u32, context })
}

/// Texts from the wild that no form prints.
const POSTED: [&str; 12] = [
    "BPF_STMT(BPF_LD+BPF_W+BPF_ABS, (offsetof(struct seccomp_data, args[1]))), BPF_JUMP(5, __NR_write, 0, 1)",
    "#define A 1\nstruct sock_filter c[4] = { { .code = 0x28, .k = ~0 << 2 }, {BPF_RET, 0, 0, (u32)-1} };",
    "[{40 0 0 12} {6 0 0 0}]",
    "[]bpf.RawInstruction{{Op: 0x28, K: 12}, bpf.RawInstruction{Op: 6}}",
    "bpf filter (2): 0x28 0 0 12, 0x06 0 0 0,",
    "tc bytecode '1,6 0 0 0' x",
    "[ldh [12] jeq #1,0,1 ret a ret #0]",
    "Warning: x\n(000) ldh [12] (001) jeq #1 jt 2 jf 3 (002) ret ; unused k 0x5 (003) ret",
    " line  OP JT JF    K\n====\n 0000: 20 00 00 00000004   ld  x\n 0001: 06 00 00 7fff0000 ret",
    "0000: 0x20 0 0 0x00000010  A = buf # write(fd, buf, count) 0001: 0x06 0 0 0 return KILL",
    "A = arch\nA == ARCH_S390X ? b : next\nA = args[0]\nreturn A\nb: A = args[0] >> 32\nreturn A",
    "2 40 0 0 12 6 0 0 0",
];

/// Returns a printed program or a text from the wild, damaged in a few places.
pub fn spoiled_text(u: &mut Unstructured) -> Result<Vec<u8>> {
    let mut text = match u.arbitrary()? {
        true => wild_program(u)?.print(*u.choose(Form::ALL)?),
        false => u.choose(&POSTED)?.as_bytes().to_vec(),
    };
    for _ in 0..u.int_in_range(0..=3)? {
        let at = u.choose_index(text.len())?;
        match u.int_in_range(0..=2)? {
            0 => text.truncate(at + 1),
            1 => text[at] = u.arbitrary()?,
            _ => text.insert(at, *u.choose(b"\n\t #;:,[](){}*/-0xLrj")?),
        }
    }
    Ok(text)
}
