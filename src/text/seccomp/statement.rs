//! The grammar of statements, as `seccomp-tools asm` reads them.
//!
//! ```text
//! A = sys_number | arch | len | instruction_pointer [>> 32] | args[0] [>> 32] | args_h[0] | data[4]
//! A = 5 | X | mem[3] | -A        X = 5 | A | mem[3] | len        mem[3] = A | X
//! A += 5 | X                     also -= *= /= %= &= |= ^= <<= >>=
//! if (A == 5 | X) goto LABEL [else goto LABEL]       also != < <= > >= &, and !(A & 5); `jmp` and `jump` are `goto`
//! A == 5 ? LABEL : LABEL
//! goto LABEL
//! return A | 5 | ALLOW | ERRNO(5) | ...
//! ```
//!
//! A number that is not a label is the number of statements to skip; `next` is the next statement. Constants are
//! numbers, `ARCH_X86_64`, or names of system calls: `write`, `aarch64.write`, `x32_write`. Keywords are
//! case-insensitive; comments begin with `#`. A statement may continue on the next line.
//!
//! `args[0]` is the lower half of an argument and `args[0] >> 32` the upper one, which comes first if the architecture
//! (the tested or the presumed one) is big-endian. A remark gives arguments names: `A = buf # write(fd, buf, count)`.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::bpf::instruction::{Instruction, Operand, RawInstruction};
use crate::bpf::isa::{AluOp, Condition, Register};
use crate::syscall::{Action, Arch, SeccompData, is_call};
use crate::text::cursor::{Cursor, Range};
use crate::text::error::ParseError;
use crate::text::seccomp::source::{a_source, x_source};

/// A statement of one instruction.
pub(super) enum Statement<'a> {
    Plain(RawInstruction),
    /// Loads a half of a 64-bit field, whose offset depends on the byte order.
    Half(RawInstruction),
    Jump(Goto<'a>),
    Branch {
        condition: Condition,
        operand: Operand,
        then: Goto<'a>,
        otherwise: Goto<'a>,
    },
}

/// The target of a jump.
#[derive(Clone, Copy)]
pub(super) enum Goto<'a> {
    Next,
    Label { name: &'a str, at: usize },
}

/// The label that always stands for the next statement.
pub(super) const NEXT: &str = "next";

/// The signs of arithmetic assignments to A.
#[rustfmt::skip]
pub(super) static ASSIGNMENTS: [(&str, AluOp); 10] = [
    ("+=", AluOp::Add), ("-=", AluOp::Sub), ("*=", AluOp::Mul), ("/=", AluOp::Div), ("%=", AluOp::Mod),
    ("&=", AluOp::And), ("|=", AluOp::Or), ("^=", AluOp::Xor), ("<<=", AluOp::Lsh), (">>=", AluOp::Rsh),
];

/// The signs of comparisons of A; no sign comes after a prefix of it.
#[rustfmt::skip]
pub(super) static COMPARISONS: [(&str, Condition); 7] = [
    ("==", Condition::Equal), ("!=", Condition::NotEqual), ("<=", Condition::LessOrEqual),
    (">=", Condition::GreaterOrEqual), ("<", Condition::Less), (">", Condition::Greater), ("&", Condition::BitsSet),
];

/// The fields of `struct seccomp_data` of 4 bytes.
pub(super) static FIELDS: [(&str, u32); 2] = [("sys_number", SeccompData::NR), ("arch", SeccompData::ARCH)];

/// The meaning of names of system calls, and the byte order of arguments.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// Those of this architecture, unless a name includes another one.
    Of(Arch),
    /// Those of any architecture: every name of a system call has the number `k`.
    Matching { k: u32, is_big_endian: bool },
}

impl Names {
    /// Returns the value of a named constant.
    fn number(self, word: &str) -> Option<u32> {
        let upper = word.to_ascii_uppercase();
        let arch = upper.strip_prefix("AUDIT_").unwrap_or(&upper).strip_prefix("ARCH_");
        if let Some(arch) = arch.and_then(|name| name.to_ascii_lowercase().parse::<Arch>().ok()) {
            return Some(arch.0);
        }
        let call = |arch: Arch, name: &str| arch.syscall_number(name).map(|number| number as u32);
        match (self, word.split_once('.')) {
            (_, Some((arch, name))) => call(arch.parse().ok()?, name),
            (Names::Of(arch), None) => call(arch, word),
            (Names::Matching { k, .. }, None) => is_call(word).then_some(k),
        }
    }

    /// Returns the offset of a half of the 64-bit field at `offset`.
    pub(super) fn half(self, offset: u32, is_upper: bool) -> u32 {
        let is_big_endian = match self {
            Names::Of(arch) => arch.is_big_endian(),
            Names::Matching { is_big_endian, .. } => is_big_endian,
        };
        if is_upper == is_big_endian { offset } else { offset + 4 }
    }
}

/// Skips a label if one is here, and returns it and its position.
pub(super) fn label<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a str, usize)> {
    let mut ahead = cursor.clone();
    let name = name(&mut ahead);
    if name.is_empty() || !ahead.eat_next(":") {
        return None;
    }
    let at = cursor.at();
    *cursor = ahead;
    Some((name, at))
}

/// Reads a label, or nothing: letters, digits and `_`.
fn name<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads a word, and returns its position and the word in lower case.
pub(super) fn keyword(cursor: &mut Cursor) -> (usize, String) {
    cursor.skip_space();
    (cursor.at(), cursor.word().to_ascii_lowercase())
}

/// Reads a statement.
pub(super) fn statement<'a>(cursor: &mut Cursor<'a>, names: Names) -> Result<Statement<'a>, ParseError> {
    let (start, word) = keyword(cursor);
    match word.as_str() {
        "a" => assignment_or_test(cursor, names),
        "x" => {
            cursor.expect("=")?;
            x_source(cursor, names).map(plain)
        }
        "mem" => {
            let slot = index(cursor)?;
            cursor.expect("=")?;
            let src = register(cursor)?;
            Ok(plain(Instruction::StoreScratch { src, slot }))
        }
        "if" => conditional(cursor, names),
        "goto" | "jmp" | "jump" => target(cursor).map(Statement::Jump),
        "return" => verdict(cursor, names).map(plain),
        _ => Err(cursor.error_at(start, "expected a statement (`A = ..`, `if (..) goto ..`, `return ..`) or a label")),
    }
}

pub(super) fn plain<'a>(instruction: Instruction) -> Statement<'a> {
    Statement::Plain(instruction.into())
}

/// Reads the rest of a statement after `A`: an assignment, or a test with two targets.
fn assignment_or_test<'a>(cursor: &mut Cursor<'a>, names: Names) -> Result<Statement<'a>, ParseError> {
    if let Some(&(_, op)) = ASSIGNMENTS.iter().find(|(sign, _)| cursor.eat_next(sign)) {
        let operand = operand(cursor, names)?;
        return Ok(plain(Instruction::Alu { op, operand }));
    }
    let Some(condition) = comparison(cursor) else {
        cursor.expect("=")?;
        return a_source(cursor, names);
    };
    let operand = operand(cursor, names)?;
    cursor.expect("?")?;
    let then = target(cursor)?;
    cursor.expect(":")?;
    Ok(Statement::Branch { condition, operand, then, otherwise: target(cursor)? })
}

fn comparison(cursor: &mut Cursor) -> Option<Condition> {
    COMPARISONS.iter().find(|(sign, _)| cursor.eat_next(sign)).map(|&(_, condition)| condition)
}

/// Reads the rest of a statement after `if`.
fn conditional<'a>(cursor: &mut Cursor<'a>, names: Names) -> Result<Statement<'a>, ParseError> {
    cursor.expect("(")?;
    let (condition, operand) = if cursor.eat_next("!") {
        cursor.expect("(")?;
        let (condition, operand) = test(cursor, names)?;
        cursor.expect(")")?;
        (condition.inverse(), operand)
    } else {
        test(cursor, names)?
    };
    cursor.expect(")")?;
    let then = goto(cursor)?;
    let mut ahead = cursor.clone();
    let has_else = keyword(&mut ahead).1 == "else";
    if !has_else {
        return Ok(Statement::Branch { condition, operand, then, otherwise: Goto::Next });
    }
    *cursor = ahead;
    Ok(Statement::Branch { condition, operand, then, otherwise: goto(cursor)? })
}

/// Reads a test: `A == 5`.
fn test(cursor: &mut Cursor, names: Names) -> Result<(Condition, Operand), ParseError> {
    let (start, word) = keyword(cursor);
    if word != "a" {
        return Err(cursor.error_at(start, "expected `A`"));
    }
    match comparison(cursor) {
        Some(condition) => Ok((condition, operand(cursor, names)?)),
        None => {
            cursor.skip_space();
            Err(cursor.error("expected one of == != < <= > >= &"))
        }
    }
}

/// Reads `goto LABEL`.
fn goto<'a>(cursor: &mut Cursor<'a>) -> Result<Goto<'a>, ParseError> {
    match keyword(cursor) {
        (_, word) if matches!(word.as_str(), "goto" | "jmp" | "jump") => target(cursor),
        (start, _) => Err(cursor.error_at(start, "expected `goto`")),
    }
}

/// Reads a target.
fn target<'a>(cursor: &mut Cursor<'a>) -> Result<Goto<'a>, ParseError> {
    cursor.skip_space();
    let at = cursor.at();
    match name(cursor) {
        "" => Err(cursor.error("expected a label")),
        NEXT => Ok(Goto::Next),
        name => Ok(Goto::Label { name, at }),
    }
}

fn register(cursor: &mut Cursor) -> Result<Register, ParseError> {
    match keyword(cursor) {
        (_, word) if word == "a" => Ok(Register::A),
        (_, word) if word == "x" => Ok(Register::X),
        (start, _) => Err(cursor.error_at(start, "expected `A` or `X`")),
    }
}

/// Reads X or a constant.
fn operand(cursor: &mut Cursor, names: Names) -> Result<Operand, ParseError> {
    let mut ahead = cursor.clone();
    if keyword(&mut ahead).1 == "x" {
        *cursor = ahead;
        return Ok(Operand::X);
    }
    constant(cursor, names).map(Operand::Constant)
}

/// Reads a constant, maybe in parentheses.
pub(super) fn constant(cursor: &mut Cursor, names: Names) -> Result<u32, ParseError> {
    let mut depth = 0;
    while cursor.eat_next("(") {
        depth += 1;
    }
    cursor.skip_space();
    let value = if cursor.is_at_number() { number(cursor)? } else { named(cursor, names)? };
    for _ in 0..depth {
        cursor.expect(")")?;
    }
    Ok(value)
}

/// Reads a number; a leading 0 does not make it octal.
fn number(cursor: &mut Cursor) -> Result<u32, ParseError> {
    let is_octal = cursor.rest().starts_with('0') && cursor.rest()[1..].starts_with(|c: char| c.is_ascii_digit());
    if is_octal { cursor.decimal(Range::U32) } else { cursor.number(Range::U32) }
}

fn named(cursor: &mut Cursor, names: Names) -> Result<u32, ParseError> {
    let start = cursor.at();
    let mut word = cursor.word().to_owned();
    if !word.is_empty() && cursor.eat(".") {
        word = format!("{word}.{}", cursor.word());
    }
    names.number(&word).ok_or_else(|| match (names, cfg!(feature = "syscall-names")) {
        (Names::Of(arch), true) => {
            let expected = format!("expected a number, `ARCH_..` or the name of a system call of {arch}");
            cursor.error_at(start, expected + "; arguments are `args[0]` to `args[5]`")
        }
        _ => cursor.error_at(start, "expected a number or `ARCH_..`"),
    })
}

/// Reads an index: `[5]`.
pub(super) fn index(cursor: &mut Cursor) -> Result<u32, ParseError> {
    cursor.expect("[")?;
    cursor.skip_space();
    if !cursor.is_at_number() {
        return Err(cursor.error("expected a number"));
    }
    let index = number(cursor)?;
    cursor.expect("]")?;
    Ok(index)
}

/// Reads the verdict after `return`: A, an action, or a constant.
fn verdict(cursor: &mut Cursor, names: Names) -> Result<Instruction, ParseError> {
    let mut ahead = cursor.clone();
    let (_, word) = keyword(&mut ahead);
    if word == "a" {
        *cursor = ahead;
        return Ok(Instruction::ReturnA);
    }
    let Some(bare) = Action::named(&word.to_ascii_uppercase()) else {
        return constant(cursor, names).map(|verdict| Instruction::ReturnConstant { verdict });
    };
    *cursor = ahead;
    if !cursor.eat_next("(") {
        return Ok(Instruction::ReturnConstant { verdict: bare.into() });
    }
    cursor.skip_space();
    let start = cursor.at();
    let data = u16::try_from(constant(cursor, names)?)
        .map_err(|_| cursor.error_at(start, "expected the data of an action, from 0 to 65535"))?;
    cursor.expect(")")?;
    Ok(Instruction::ReturnConstant { verdict: u32::from(bare) | u32::from(data) })
}
