//! The right sides of assignments to A and X: fields of the call, constants, scratch words and each other.

use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::isa::{Register, Width};
use crate::syscall::SeccompData;
use crate::text::cursor::{Cursor, Range};
use crate::text::error::ParseError;
use crate::text::seccomp::statement::{FIELDS, Names, Statement, constant, index, keyword, plain};

/// Reads the right side of `A =`.
pub(super) fn a_source<'a>(cursor: &mut Cursor<'a>, names: Names) -> Result<Statement<'a>, ParseError> {
    if cursor.eat_next("-") {
        return negative(cursor, names).map(plain);
    }
    let mut ahead = cursor.clone();
    let (start, word) = keyword(&mut ahead);
    if let Some(argument) = named_argument(ahead.rest(), &word).filter(|_| !word.is_empty()) {
        *cursor = ahead;
        return half(cursor, names, SeccompData::ARGS + 8 * argument);
    }
    let offset = match word.as_str() {
        "x" => {
            *cursor = ahead;
            return Ok(plain(Instruction::TransferXToA));
        }
        "args" | "args_h" => {
            let argument = index(&mut ahead)?;
            if argument > 5 {
                return Err(ahead.error_at(start, "expected `args[0]` to `args[5]`"));
            }
            *cursor = ahead;
            let field = SeccompData::ARGS + 8 * argument;
            return match word.as_str() {
                "args" => half(cursor, names, field),
                _ => Ok(Statement::Half(load(names.half(field, true)))),
            };
        }
        "instruction_pointer" => {
            *cursor = ahead;
            return half(cursor, names, SeccompData::INSTRUCTION_POINTER);
        }
        "data" => index(&mut ahead)?,
        word => match FIELDS.iter().find(|(name, _)| *name == word) {
            Some(&(_, offset)) => offset,
            None => return source(cursor, Register::A, names).map(plain),
        },
    };
    *cursor = ahead;
    Ok(Statement::Plain(load(offset)))
}

/// Reads the right side of `A = -`.
fn negative(cursor: &mut Cursor, names: Names) -> Result<Instruction, ParseError> {
    let mut ahead = cursor.clone();
    if keyword(&mut ahead).1 == "a" {
        *cursor = ahead;
        return Ok(Instruction::Negate);
    }
    let value = constant(cursor, names)?.wrapping_neg();
    Ok(Instruction::LoadConstant { dst: Register::A, value })
}

/// Reads the half of the 64-bit field at `offset`, after its name.
fn half<'a>(cursor: &mut Cursor, names: Names, offset: u32) -> Result<Statement<'a>, ParseError> {
    let is_upper = is_upper_half(cursor)?;
    Ok(Statement::Half(load(names.half(offset, is_upper))))
}

fn load(offset: u32) -> RawInstruction {
    Instruction::LoadAbsolute { offset, width: Width::Word }.into()
}

/// Returns the number of the argument with this name in the remark on the rest of the line: `# write(fd, buf, count)`.
fn named_argument(rest_of_line: &str, name: &str) -> Option<u32> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let mut rest = rest_of_line.trim_start_matches(BLANKS);
    if let Some(shift) = rest.strip_prefix(">>") {
        let digits = shift.trim_start_matches(BLANKS);
        rest = digits.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(BLANKS);
    }
    let remark = rest.strip_prefix('#')?.lines().next()?;
    let (call, arguments) = remark.split_once('(')?;
    let is_call = |call: &str| call.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    let (arguments, _) = arguments.split_once(')').filter(|_| is_call(call.trim()))?;
    let mut arguments = arguments.split(',').map(str::trim).zip(0..6);
    arguments.find_map(|(argument, number)| argument.eq_ignore_ascii_case(name).then_some(number))
}

/// Skips `>> 32`, if it is here.
fn is_upper_half(cursor: &mut Cursor) -> Result<bool, ParseError> {
    if !cursor.eat_next(">>") {
        return Ok(false);
    }
    cursor.skip_space();
    let start = cursor.at();
    match cursor.decimal(Range::U32)? {
        32 => Ok(true),
        _ => Err(cursor.error_at(start, "expected 32, for the upper half of 64 bits")),
    }
}

/// Reads the right side of `X =`.
pub(super) fn x_source(cursor: &mut Cursor, names: Names) -> Result<Instruction, ParseError> {
    let mut ahead = cursor.clone();
    if keyword(&mut ahead).1 == "a" {
        *cursor = ahead;
        return Ok(Instruction::TransferAToX);
    }
    source(cursor, Register::X, names)
}

/// Reads a right side that both registers allow.
fn source(cursor: &mut Cursor, dst: Register, names: Names) -> Result<Instruction, ParseError> {
    let mut ahead = cursor.clone();
    match keyword(&mut ahead).1.as_str() {
        "len" => {
            *cursor = ahead;
            Ok(Instruction::LoadLength { dst })
        }
        "mem" => {
            *cursor = ahead;
            Ok(Instruction::LoadScratch { dst, slot: index(cursor)? })
        }
        _ => Ok(Instruction::LoadConstant { dst, value: constant(cursor, names)? }),
    }
}
