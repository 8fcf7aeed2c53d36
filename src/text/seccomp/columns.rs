//! Listings that begin with the four fields of each instruction, of seccomp-tools and others.
//!
//! ```text
//!  0001: 0x15 0x00 0x08 0xc000003e  if (A != ARCH_X86_64) goto 0010        seccomp-tools
//!  0001: 0x15 0x00 0x08 0xc000003e   jeq 3221225534 true:0002 false:0010   libseccomp's scmp_bpf_disasm
//!  0001: 15 00 08 c000003e   jeq ARCH_64 0002 (false 000a)                 firejail: all numbers are hexadecimal
//! ```
//!
//! The fields define the instruction. A statement of seccomp-tools after them must not contradict them; any other text
//! is a remark.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::isa::Register;
use crate::bpf::verify::SECCOMP_DATA;
use crate::syscall::Arch;
use crate::text::cursor::Range::{U8, U16, U32};
use crate::text::cursor::{Cursor, FIREJAIL_FILE, Space};
use crate::text::error::ParseError;
use crate::text::seccomp::statement::{self, Goto, Names, Statement};
use crate::text::seccomp::{jump_target, known_state};

/// The head of a printed program.
pub(super) const HEAD: [&str; 2] = [" line  CODE  JT   JF      K", "================================="];

/// The beginning of the first line of a head.
const LINE: &str = "line ";

/// The notation of the fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Decimal line numbers, and fields with `0x`.
    Prefixed,
    /// Hexadecimal numbers without `0x`.
    Bare,
}

/// Skips the head of a listing, if it is here: a line with the names of the columns, and one of `=`.
pub(super) fn skip_head(cursor: &mut Cursor) -> bool {
    let mut ahead = cursor.clone();
    if !ahead.eat_next(LINE) || !ahead.take_while(|c| c != '\n').trim_end().ends_with('K') {
        return false;
    }
    ahead.skip_space();
    ahead.take_while(|c| c == '=');
    *cursor = ahead;
    true
}

/// Returns the style of the fields of an instruction, if the number of one is here.
pub(super) fn style(cursor: &Cursor) -> Option<Style> {
    let mut ahead = cursor.clone();
    let has_number = !ahead.take_while(|c| c.is_ascii_hexdigit()).is_empty() && ahead.eat(":");
    if !has_number {
        return None;
    }
    ahead.skip_space();
    if ahead.rest().starts_with("0x") {
        return Some(Style::Prefixed);
    }
    let mut has_digits = |count| {
        ahead.skip_space();
        ahead.take_while(|c| c.is_ascii_hexdigit()).len() == count
    };
    [2, 2, 2, 8].into_iter().all(&mut has_digits).then_some(Style::Bare)
}

/// Reads the lines of a listing.
pub(super) fn parse(cursor: &mut Cursor, style: Style) -> Result<Vec<RawInstruction>, ParseError> {
    let (mut program, mut remarks) = (Vec::new(), Vec::new());
    while !cursor.is_at_end() {
        cursor.limit(program.len())?;
        number(cursor, style, program.len())?;
        let mut field = |range| {
            cursor.skip_space();
            match style {
                Style::Prefixed => cursor.number(range),
                Style::Bare => cursor.hexadecimal(range),
            }
        };
        let (code, jt, jf, k) = (field(U16)?, field(U8)?, field(U8)?, field(U32)?);
        let raw = RawInstruction::new(code as u16, jt as u8, jf as u8, k);
        let remark = cursor.up_to(remark_len(cursor, style, program.len() + 1), Space::Hash);
        cursor.skip(remark.rest().len());
        program.push(raw);
        remarks.push(remark);
        cursor.next_statement()?;
    }
    check_statements(&program, remarks)?;
    Ok(program)
}

/// Reads the number of an instruction, which is that of its line.
fn number(cursor: &mut Cursor, style: Style, pc: usize) -> Result<(), ParseError> {
    let start = cursor.at();
    if skip_head(&mut cursor.clone()) || cursor.rest().starts_with(FIREJAIL_FILE) {
        return Err(cursor.error("expected a single listing: another one begins here"));
    }
    let number = match style {
        Style::Prefixed => cursor.decimal(U32)?,
        Style::Bare => cursor.hexadecimal(U32)?,
    };
    if number as usize != pc {
        return Err(cursor.error_at(start, format!("expected the line of instruction {pc}")));
    }
    cursor.expect(":")
}

/// Returns the number of bytes from the fields of an instruction to the end of the line, or to the instruction with
/// number `next` on the same line.
fn remark_len(cursor: &Cursor, style: Style, next: usize) -> usize {
    let rest = cursor.rest();
    let number = match style {
        Style::Prefixed => format!("{next:04}"),
        Style::Bare => format!("{next:04x}"),
    };
    let begins_instruction = |at: usize| {
        let before = rest[..at].strip_suffix(number.as_str()).filter(|before| before.ends_with([' ', '\t']));
        before.map(str::len).filter(|&start| {
            let mut ahead = cursor.clone();
            ahead.skip(start);
            self::style(&ahead).is_some()
        })
    };
    for (at, sign) in rest.match_indices(['\n', ':']) {
        match begins_instruction(at) {
            _ if sign == "\n" => return at,
            Some(start) => return start,
            None => {}
        }
    }
    rest.len()
}

/// A convention for the halves of arguments in a listing.
#[derive(Clone, Copy)]
struct Halves {
    /// The byte order.
    is_big_endian: bool,
    /// Uses the byte order of a tested architecture after the test. seccomp-tools does not.
    follow_tests: bool,
}

/// Fails if a statement contradicts the fields, under every convention for halves.
fn check_statements(program: &[RawInstruction], remarks: Vec<Cursor>) -> Result<(), ParseError> {
    let orders = [false, true].into_iter();
    let all = orders.flat_map(|is_big_endian| [false, true].map(|follow_tests| Halves { is_big_endian, follow_tests }));
    let mut halves: Vec<Halves> = all.collect();
    for (pc, ((&raw, known), mut remark)) in
        program.iter().zip(known_state::known_states(program)).zip(remarks).enumerate()
    {
        remark.skip_space();
        halves.retain(|&Halves { is_big_endian, follow_tests }| {
            let tested = known.arch.filter(|_| follow_tests);
            let is_big_endian = tested.map_or(is_big_endian, Arch::is_big_endian);
            // Errors are dropped, and cost less in a short text.
            let mut line = Cursor::new(remark.rest(), Space::Hash);
            match statement::statement(&mut line, Names::Matching { k: raw.k, is_big_endian }) {
                Ok(statement) if line.end_of_line().is_ok() => agrees(pc, raw, &statement),
                // A remark.
                _ => true,
            }
        });
        if halves.is_empty() {
            return Err(remark.error(
                "expected a statement that agrees with the four fields; remove the fields to use the statement",
            ));
        }
    }
    Ok(())
}

/// Returns whether a statement agrees with an instruction.
fn agrees(pc: usize, raw: RawInstruction, statement: &Statement) -> bool {
    let raw = raw.normalized();
    if encode(pc, statement) == Some(raw) {
        return true;
    }
    match (statement, raw.into()) {
        // A test with equal targets, of which seccomp-tools prints the jump alone.
        (Statement::Jump(goto), Instruction::JumpIf { skip_true, skip_false, .. }) => {
            skip_true == skip_false && skip(pc, goto) == Some(skip_true.into())
        }
        // The length, which seccomp-tools prints as 64.
        (&Statement::Plain(plain), Instruction::LoadLength { dst }) => {
            plain == Instruction::LoadConstant { dst, value: SECCOMP_DATA }.into()
        }
        // The name of an argument, which may be that of a system call.
        (&Statement::Plain(plain), Instruction::LoadAbsolute { .. }) => {
            matches!(plain.into(), Instruction::LoadConstant { dst: Register::A, .. })
        }
        _ => false,
    }
}

/// Returns the instruction of a statement whose targets are line numbers.
fn encode(pc: usize, statement: &Statement) -> Option<RawInstruction> {
    Some(match *statement {
        Statement::Plain(raw) | Statement::Half(raw) => raw,
        Statement::Jump(ref goto) => Instruction::Jump { skip: skip(pc, goto)? }.into(),
        Statement::Branch { condition, operand, ref then, ref otherwise } => {
            let [skip_true, skip_false] = [then, otherwise].map(|goto| skip(pc, goto)?.try_into().ok());
            let (skip_true, skip_false) = (skip_true?, skip_false?);
            Instruction::JumpIf { condition, operand, skip_true, skip_false }.into()
        }
    })
}

/// Returns the number of instructions that a jump to a line skips.
fn skip(pc: usize, goto: &Goto) -> Option<u32> {
    match goto {
        Goto::Next => Some(0),
        Goto::Label { name, .. } => name.parse::<u64>().ok()?.checked_sub(jump_target(pc, 0))?.try_into().ok(),
    }
}
