//! A mechanical translation to C: a labelled statement for each instruction.

use std::fmt::Write;

use cbpf::Instruction;
use cbpf::bpf::{AluOp, Condition, Operand, Register};

use crate::bounds::{self, Ends};

const HEAD: &str = "\
#include <stdint.h>
#include <string.h>

static inline uint32_t load1(const uint8_t *p) { return *p; }
static inline uint32_t load2(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t load4(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }

uint32_t filter(const uint8_t *p, uint32_t wire_len, uint32_t captured) {
    uint32_t a = 0, x = 0, m[16] = {0};
";

/// Returns a C file with the function `filter(packet, wire_len, captured)`.
pub fn c(instructions: &[Instruction]) -> String {
    let mut text = HEAD.to_owned();
    let checks = bounds::merged(instructions);
    for (pc, (&instruction, checks)) in instructions.iter().zip(checks).enumerate() {
        let (checks, statement) = (check(checks), statement(pc, instruction));
        writeln!(text, "L{pc}: {checks}{statement}").expect("strings take all text");
    }
    text + "}\n"
}

fn check(Ends { absolute, from_x }: Ends) -> String {
    let mut text = String::new();
    if absolute > 0 {
        text += &format!("if (captured < {absolute}u) return 0; ");
    }
    if from_x > 0 {
        text += &format!("if (x + {from_x}ull > captured) return 0; ");
    }
    text
}

fn statement(pc: usize, instruction: Instruction) -> String {
    let target = |skip: u8| pc + 1 + usize::from(skip);
    match instruction {
        Instruction::LoadConstant { dst, value } => format!("{} = {value}u;", name(dst)),
        Instruction::LoadScratch { dst, slot } => format!("{} = m[{slot}];", name(dst)),
        Instruction::LoadLength { dst } => format!("{} = wire_len;", name(dst)),
        Instruction::LoadAbsolute { offset, width } => format!("a = load{}(p + {offset}u);", width.bytes()),
        Instruction::LoadIndirect { offset, width } => format!("a = load{}(p + (x + {offset}ull));", width.bytes()),
        Instruction::LoadMemShift { offset } => format!("x = (p[{offset}u] & 0xf) << 2;"),
        Instruction::StoreScratch { src, slot } => format!("m[{slot}] = {};", name(src)),
        Instruction::Alu { op, operand } => alu(op, &self::operand(operand)),
        Instruction::Negate => "a = -a;".to_owned(),
        Instruction::Jump { skip } => format!("goto L{};", pc + 1 + skip as usize),
        Instruction::JumpIf { condition, operand, skip_true, skip_false } => {
            let test = test(condition, &self::operand(operand));
            format!("if ({test}) goto L{}; else goto L{};", target(skip_true), target(skip_false))
        }
        Instruction::ReturnConstant { verdict } => format!("return {verdict}u;"),
        Instruction::ReturnA => "return a;".to_owned(),
        Instruction::TransferAToX => "x = a;".to_owned(),
        Instruction::TransferXToA => "a = x;".to_owned(),
        Instruction::LoadExtension(_) | Instruction::ReturnX | Instruction::Raw(_) => {
            panic!("no filter of the benches has {instruction:?}")
        }
    }
}

fn name(register: Register) -> char {
    match register {
        Register::A => 'a',
        Register::X => 'x',
    }
}

fn operand(operand: Operand) -> String {
    match operand {
        Operand::Constant(k) => format!("{k}u"),
        Operand::X => "x".to_owned(),
    }
}

fn alu(op: AluOp, operand: &str) -> String {
    let sign = match op {
        AluOp::Add => "+",
        AluOp::Sub => "-",
        AluOp::Mul => "*",
        AluOp::Div => "/",
        AluOp::Mod => "%",
        AluOp::And => "&",
        AluOp::Or => "|",
        AluOp::Xor => "^",
        AluOp::Lsh => "<<",
        AluOp::Rsh => ">>",
    };
    if op.is_division() {
        format!("if ({operand} == 0) return 0; a {sign}= {operand};")
    } else if op.is_shift() {
        format!("a = {operand} < 32 ? a {sign} {operand} : 0;")
    } else {
        format!("a {sign}= {operand};")
    }
}

fn test(condition: Condition, operand: &str) -> String {
    let sign = match condition {
        Condition::Equal => "==",
        Condition::NotEqual => "!=",
        Condition::Greater => ">",
        Condition::LessOrEqual => "<=",
        Condition::GreaterOrEqual => ">=",
        Condition::Less => "<",
        Condition::BitsSet => return format!("a & {operand}"),
        Condition::BitsNotSet => return format!("!(a & {operand})"),
    };
    format!("a {sign} {operand}")
}
