//! A mechanical translation to eBPF: A is r0, X is r3, and M[] is on the stack.
//!
//! eBPF has no loads that drop the packet, so the program checks bounds, merged as in the C of `mechanical`.

use cbpf::Instruction;
use cbpf::bpf::{AluOp, Condition, Operand, Register, Width};
use rbpf::ebpf::{self as op, Insn};

use crate::bounds::{self, Ends};

const A: u8 = 0;
/// The registers with the packet's address and length, as rbpf passes them.
const PACKET: u8 = 1;
const LEN: u8 = 2;
const X: u8 = 3;
const TEMPORARY: u8 = 4;
const STACK: u8 = 10;

/// The target of a jump.
#[derive(Clone, Copy)]
enum Target {
    /// A classic instruction.
    Pc(usize),
    /// The code that drops the packet.
    Drop,
}

#[derive(Default)]
struct Translator {
    code: Vec<Insn>,
    /// Jumps by place in the code.
    jumps: Vec<(usize, Target)>,
    /// The start of the code of each classic instruction.
    starts: Vec<usize>,
}

/// Translates a program to eBPF, or returns a message about the instruction that has no translation.
pub fn translate(instructions: &[Instruction]) -> Result<Vec<u8>, String> {
    let mut translator = Translator::default();
    for (pc, (&instruction, checks)) in instructions.iter().zip(bounds::merged(instructions)).enumerate() {
        translator.starts.push(translator.code.len());
        translator.check(checks);
        translator.instruction(pc, instruction)?;
    }
    Ok(translator.finish())
}

impl Translator {
    /// Emits the checks that drop packets which are too short.
    fn check(&mut self, Ends { absolute, from_x }: Ends) {
        if absolute > 0 {
            self.jump(op::JLT_IMM, LEN, 0, absolute as u32, Target::Drop);
        }
        if from_x > 0 {
            self.emit(op::MOV64_REG, TEMPORARY, X, 0, 0);
            self.emit(op::ADD64_IMM, TEMPORARY, 0, 0, from_x as u32);
            self.jump(op::JGT_REG, TEMPORARY, LEN, 0, Target::Drop);
        }
    }

    fn instruction(&mut self, pc: usize, instruction: Instruction) -> Result<(), String> {
        match instruction {
            Instruction::LoadConstant { dst, value } => self.emit(op::MOV32_IMM, number(dst), 0, 0, value),
            Instruction::LoadScratch { dst, slot } => self.emit(op::LD_W_REG, number(dst), STACK, scratch(slot), 0),
            Instruction::LoadLength { dst } => self.emit(op::MOV32_REG, number(dst), LEN, 0, 0),
            Instruction::LoadAbsolute { offset, width } => self.load(PACKET, offset, width),
            Instruction::LoadIndirect { offset, width } => {
                self.emit(op::MOV64_REG, TEMPORARY, X, 0, 0);
                self.emit(op::ADD64_REG, TEMPORARY, PACKET, 0, 0);
                self.load(TEMPORARY, offset, width);
            }
            Instruction::LoadMemShift { offset } => {
                self.emit(op::LD_B_REG, X, PACKET, offset as i16, 0);
                self.emit(op::AND32_IMM, X, 0, 0, 0xf);
                self.emit(op::LSH32_IMM, X, 0, 0, 2);
            }
            Instruction::StoreScratch { src, slot } => self.emit(op::ST_W_REG, STACK, number(src), scratch(slot), 0),
            Instruction::Alu { op, operand } => self.alu(op, operand)?,
            Instruction::Negate => self.emit(op::NEG32, A, 0, 0, 0),
            Instruction::Jump { skip } => self.jump(op::JA, 0, 0, 0, Target::Pc(pc + 1 + skip as usize)),
            Instruction::JumpIf { condition, operand, skip_true, skip_false } => {
                let [then, otherwise] = [skip_true, skip_false].map(|skip| Target::Pc(pc + 1 + usize::from(skip)));
                self.branch(condition, operand, then, otherwise);
            }
            Instruction::ReturnConstant { verdict } => {
                self.emit(op::MOV32_IMM, A, 0, 0, verdict);
                self.emit(op::EXIT, 0, 0, 0, 0);
            }
            Instruction::ReturnA => self.emit(op::EXIT, 0, 0, 0, 0),
            Instruction::TransferAToX => self.emit(op::MOV32_REG, X, A, 0, 0),
            Instruction::TransferXToA => self.emit(op::MOV32_REG, A, X, 0, 0),
            Instruction::LoadExtension(_) | Instruction::ReturnX | Instruction::Raw(_) => {
                return Err(format!("no translation of {instruction:?}"));
            }
        }
        Ok(())
    }

    /// Emits a load in network byte order.
    fn load(&mut self, base: u8, offset: u32, width: Width) {
        let code = match width {
            Width::Byte => op::LD_B_REG,
            Width::Half => op::LD_H_REG,
            Width::Word => op::LD_W_REG,
        };
        self.emit(code, A, base, offset as i16, 0);
        if width != Width::Byte {
            self.emit(op::BE, A, 0, 0, 8 * width.bytes());
        }
    }

    fn alu(&mut self, op: AluOp, operand: Operand) -> Result<(), String> {
        let code = match op {
            AluOp::Add => op::ADD32_IMM,
            AluOp::Sub => op::SUB32_IMM,
            AluOp::Mul => op::MUL32_IMM,
            AluOp::And => op::AND32_IMM,
            AluOp::Or => op::OR32_IMM,
            AluOp::Xor => op::XOR32_IMM,
            AluOp::Div => op::DIV32_IMM,
            AluOp::Mod => op::MOD32_IMM,
            AluOp::Lsh => op::LSH32_IMM,
            AluOp::Rsh => op::RSH32_IMM,
        };
        match operand {
            Operand::Constant(k) if !(op.is_shift() && k > 31) => self.emit(code, A, 0, 0, k),
            // Shifts by 32 and more, and divisions by 0, differ from classic BPF.
            Operand::X if !op.is_shift() && !op.is_division() => self.emit(code | op::BPF_X, A, X, 0, 0),
            _ => return Err(format!("no translation of {op:?} by {operand:?}")),
        }
        Ok(())
    }

    fn branch(&mut self, condition: Condition, operand: Operand, then: Target, otherwise: Target) {
        let code = match condition {
            Condition::Equal => op::JEQ_IMM32,
            Condition::NotEqual => op::JNE_IMM32,
            Condition::Greater => op::JGT_IMM32,
            Condition::LessOrEqual => op::JLE_IMM32,
            Condition::GreaterOrEqual => op::JGE_IMM32,
            Condition::Less => op::JLT_IMM32,
            Condition::BitsSet => op::JSET_IMM32,
            Condition::BitsNotSet => return self.branch(Condition::BitsSet, operand, otherwise, then),
        };
        match operand {
            Operand::Constant(k) => self.jump(code, A, 0, k, then),
            Operand::X => self.jump(code | op::BPF_X, A, X, 0, then),
        }
        self.jump(op::JA, 0, 0, 0, otherwise);
    }

    fn jump(&mut self, code: u8, dst: u8, src: u8, imm: u32, target: Target) {
        self.jumps.push((self.code.len(), target));
        self.emit(code, dst, src, 0, imm);
    }

    fn emit(&mut self, opc: u8, dst: u8, src: u8, off: i16, imm: u32) {
        self.code.push(Insn { opc, dst, src, off, imm: imm as i32 });
    }

    /// Resolves the jumps, and returns the code.
    fn finish(mut self) -> Vec<u8> {
        let drop = self.code.len();
        self.emit(op::MOV32_IMM, A, 0, 0, 0);
        self.emit(op::EXIT, 0, 0, 0, 0);
        for &(place, target) in &self.jumps {
            let target = match target {
                Target::Pc(pc) => self.starts[pc],
                Target::Drop => drop,
            };
            let skip = target - (place + 1);
            self.code[place].off = i16::try_from(skip).expect("filters of the benches are short");
        }
        self.code.iter().flat_map(Insn::to_vec).collect()
    }
}

fn number(register: Register) -> u8 {
    match register {
        Register::A => A,
        Register::X => X,
    }
}

/// Returns the offset of a scratch word from the top of the stack.
fn scratch(slot: u32) -> i16 {
    -4 * (slot as i16 + 1)
}
