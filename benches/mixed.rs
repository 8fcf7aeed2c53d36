//! Programs of any size with a mix of instructions, the same ones at every run.

use cbpf::bpf::{AluOp, Condition, Operand, Register, Width};
use cbpf::{Instruction, Program};

use crate::random::Random;

/// Returns a program of `size` instructions, all of them reachable.
pub fn program(size: usize) -> Program {
    let mut random = Random::new(size as u64);
    let mut is_target = vec![false; size];
    let mut instructions = Vec::with_capacity(size);
    for pc in 0..size - 1 {
        let instruction = match random.below(20) {
            0..=5 => jump(&mut random, size - 1 - pc),
            6 if is_target[pc + 1] => Instruction::ReturnConstant { verdict: random.number() },
            7..=12 => load(&mut random),
            13 => Instruction::TransferAToX,
            _ => alu(&mut random),
        };
        if let Instruction::JumpIf { skip_true, skip_false, .. } = instruction {
            is_target[pc + 1 + usize::from(skip_true.max(skip_false))] = true;
        }
        instructions.push(instruction);
    }
    instructions.push(Instruction::ReturnA);
    instructions.into_iter().collect()
}

/// Returns a jump over up to 12 of the `left` instructions after it.
fn jump(random: &mut Random, left: usize) -> Instruction {
    let skip = random.below(left.min(12)) as u8;
    let (skip_true, skip_false) = if random.chance(50) { (skip, 0) } else { (0, skip) };
    let condition =
        random.choose(&[Condition::Equal, Condition::Greater, Condition::GreaterOrEqual, Condition::BitsSet]);
    let operand = Operand::Constant(random.number() >> 16);
    Instruction::JumpIf { condition, operand, skip_true, skip_false }
}

fn load(random: &mut Random) -> Instruction {
    let offset = random.below(60) as u32;
    let width = random.choose(&[Width::Byte, Width::Half, Width::Word]);
    match random.below(10) {
        0..=6 => Instruction::LoadAbsolute { offset, width },
        7 => Instruction::LoadIndirect { offset, width },
        8 => Instruction::LoadMemShift { offset },
        _ => Instruction::LoadLength { dst: Register::A },
    }
}

fn alu(random: &mut Random) -> Instruction {
    let op = random.choose(&[AluOp::Add, AluOp::Sub, AluOp::And, AluOp::Or, AluOp::Mul, AluOp::Xor, AluOp::Lsh]);
    let operand = match op {
        AluOp::Lsh => Operand::Constant(random.below(32) as u32),
        _ if random.chance(30) => Operand::X,
        _ => Operand::Constant(random.number() >> 16),
    };
    Instruction::Alu { op, operand }
}
