//! The largest programs, each of one shape, to find passes of the optimiser that scale badly.

use cbpf::bpf::{AluOp, Condition, Operand, Register, Width};
use cbpf::{Instruction, Program};

use crate::mixed;
use crate::random::Random;

/// The size of the programs, in instructions: the most that kernels accept.
const SIZE: usize = 4_096;

/// Returns the programs, by name.
pub fn programs() -> [(&'static str, Program); 12] {
    [
        ("equal-one-value", list(|random, _| vec![equal(random.number())])),
        ("equal-one-value-16", list(|random, _| vec![equal(random.number() >> 16)])),
        ("equal-other-values", list(|random, place| vec![load(place as u32), equal(random.number())])),
        ("equal-by-turns", list(|random, place| vec![load(26 + place as u32 % 2 * 4), equal(random.number())])),
        ("equal-other-targets", repeated(&[load(0)], |random, place| targets(Condition::Equal, random, place))),
        ("ranges", repeated(&[load(0)], |random, place| targets(Condition::Greater, random, place))),
        ("diamonds", repeated(&[], |random, _| diamond(random))),
        ("diamonds-with-values", repeated(&[load(0)], |random, _| diamond_with_value(random))),
        (
            "loads",
            repeated(&[], |_, place| sum(Instruction::LoadAbsolute { offset: place as u32, width: Width::Word })),
        ),
        ("loads-behind-x", repeated(&[], |_, place| behind_x(place as u32))),
        ("scratch", scratch()),
        ("mixed", mixed::program(SIZE)),
    ]
}

fn load(offset: u32) -> Instruction {
    Instruction::LoadAbsolute { offset, width: Width::Word }
}

fn alu(op: AluOp, k: u32) -> Instruction {
    Instruction::Alu { op, operand: Operand::Constant(k) }
}

fn jump(condition: Condition, k: u32, skip_true: u8, skip_false: u8) -> Instruction {
    Instruction::JumpIf { condition, operand: Operand::Constant(k), skip_true, skip_false }
}

/// Returns a test without jumps; [`list`] sets the target.
fn equal(k: u32) -> Instruction {
    jump(Condition::Equal, k, 0, 0)
}

/// Returns a program of as many parts as fit.
fn repeated(start: &[Instruction], mut part: impl FnMut(&mut Random, usize) -> Vec<Instruction>) -> Program {
    let mut random = Random::new(1);
    let mut program = start.to_vec();
    for place in 0.. {
        let part = part(&mut random, place);
        if program.len() + part.len() >= SIZE {
            break;
        }
        program.extend(part);
    }
    program.push(Instruction::ReturnA);
    program.into_iter().collect()
}

/// Returns tests that each keep the packet. Jumps are short, so a return follows every hundred instructions.
fn list(mut part: impl FnMut(&mut Random, usize) -> Vec<Instruction>) -> Program {
    let mut places = 0..;
    repeated(&[load(0)], |random, _| {
        let tests = places.by_ref().take(50).flat_map(|place| part(random, place));
        let mut tests: Vec<Instruction> = tests.collect();
        let count = tests.len();
        for (place, instruction) in tests.iter_mut().enumerate() {
            if let Instruction::JumpIf { skip_true, .. } = instruction {
                *skip_true = (count - place) as u8;
            }
        }
        tests.extend([Instruction::Jump { skip: 1 }, Instruction::ReturnConstant { verdict: u32::MAX }]);
        tests
    })
}

/// Returns a test with a verdict of its own.
fn targets(condition: Condition, random: &mut Random, place: usize) -> Vec<Instruction> {
    vec![jump(condition, random.number(), 0, 1), Instruction::ReturnConstant { verdict: place as u32 % 1_000 }]
}

/// Returns two paths that join, with a test on each.
fn diamond(random: &mut Random) -> Vec<Instruction> {
    let byte = |random: &mut Random| Instruction::LoadAbsolute { offset: random.below(60) as u32, width: Width::Byte };
    let number = |random: &mut Random| random.below(256) as u32;
    vec![
        byte(random),
        jump(Condition::Greater, number(random), 0, 2),
        byte(random),
        jump(Condition::Equal, number(random), 2, 3),
        byte(random),
        jump(Condition::BitsSet, 1 << random.below(8), 1, 0),
        Instruction::ReturnConstant { verdict: number(random) },
    ]
}

/// Returns two paths that join, with another value on each.
fn diamond_with_value(random: &mut Random) -> Vec<Instruction> {
    vec![jump(Condition::BitsSet, 1 << random.below(32), 0, 1), alu(AluOp::Add, random.number())]
}

/// Adds a loaded value to X.
fn sum(load: Instruction) -> Vec<Instruction> {
    vec![load, Instruction::Alu { op: AluOp::Add, operand: Operand::X }, Instruction::TransferAToX]
}

/// Returns a load at an offset from a new X, and a test of the value.
fn behind_x(place: u32) -> Vec<Instruction> {
    vec![
        Instruction::LoadAbsolute { offset: place, width: Width::Byte },
        Instruction::TransferAToX,
        Instruction::LoadIndirect { offset: place, width: Width::Half },
        jump(Condition::Equal, place, 0, 1),
        Instruction::ReturnConstant { verdict: place },
    ]
}

/// Returns jumps over 200 instructions, between stores to all scratch words: at nearly every instruction, paths with
/// other values in all of them join.
fn scratch() -> Program {
    let mut program = vec![load(0)];
    program.extend((0..16).map(|slot| Instruction::StoreScratch { src: Register::A, slot }));
    for place in 0_u32.. {
        if program.len() >= SIZE - 300 {
            break;
        }
        program.push(jump(Condition::BitsSet, 1 << (place % 32), 200, 0));
        program.push(alu(AluOp::Add, place));
        program.push(Instruction::StoreScratch { src: Register::A, slot: place % 16 });
    }
    program.extend((0..200).map(|place| alu(AluOp::Xor, place)));
    for slot in 0..16 {
        program.push(Instruction::LoadScratch { dst: Register::X, slot });
        program.push(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
    }
    program.push(Instruction::ReturnA);
    program.into_iter().collect()
}
