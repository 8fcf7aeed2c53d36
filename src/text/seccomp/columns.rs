//! Listings with the four fields of each instruction in front, of seccomp-tools and others.
//!
//! ```text
//!  0001: 0x15 0x00 0x08 0xc000003e  if (A != ARCH_X86_64) goto 0010        seccomp-tools
//!  0001: 0x15 0x00 0x08 0xc000003e   jeq 3221225534 true:0002 false:0010   libseccomp's scmp_bpf_disasm
//!  0001: 15 00 08 c000003e   jeq ARCH_64 0002 (false 000a)                 firejail: all numbers are hexadecimal
//! ```
//!
//! The fields say what an instruction is. A statement of seccomp-tools must not contradict them; anything else behind
//! them is a remark.

use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::isa::Register;
use crate::bpf::verify::SECCOMP_DATA;
use crate::seccomp::Arch;
use crate::text::cursor::Range::{U8, U16, U32};
use crate::text::cursor::{Cursor, Space};
use crate::text::error::ParseError;
use crate::text::seccomp::statement;
use crate::text::seccomp::statement::{Goto, Names, Statement};
use crate::text::seccomp::{known, landing};

/// The head of a printed program.
pub(super) const HEAD: [&str; 2] = [" line  CODE  JT   JF      K", "================================="];

/// What the first line of any head begins with.
const LINE: &str = "line ";

/// How the fields are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Line numbers are decimal, and fields begin with `0x`.
    Prefixed,
    /// All numbers are hexadecimal.
    Bare,
}

/// Passes the head of a listing, if one stands here: a line with the names of the columns, and one of `=`.
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

/// How the fields of an instruction are written, if some stand here behind its number.
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

/// The number of an instruction, which is that of its line.
fn number(cursor: &mut Cursor, style: Style, pc: usize) -> Result<(), ParseError> {
    let start = cursor.at();
    if skip_head(&mut cursor.clone()) || cursor.rest().starts_with(FILE) {
        return Err(cursor.error("expected one listing: another one begins here"));
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

/// How many bytes stand between the fields of an instruction and the end of the line, or the instruction with number
/// `next` if that stands on the same line.
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

/// What firejail writes before each listing, with the name of a file.
pub(in crate::text) const FILE: &str = "FILE:";

/// How the halves of arguments may be named in a listing.
#[derive(Clone, Copy)]
struct Halves {
    /// In this byte order,
    is_big_endian: bool,
    /// but for instructions behind a test for an architecture, which has its own. seccomp-tools does without.
    follow_tests: bool,
}

/// Says so if a statement behind the fields says something else, in whatever way halves are named.
fn check_statements(program: &[RawInstruction], remarks: Vec<Cursor>) -> Result<(), ParseError> {
    let orders = [false, true].into_iter();
    let all = orders.flat_map(|is_big_endian| [false, true].map(|follow_tests| Halves { is_big_endian, follow_tests }));
    let mut halves: Vec<Halves> = all.collect();
    for (pc, ((&raw, known), mut remark)) in program.iter().zip(known::known(program)).zip(remarks).enumerate() {
        remark.skip_space();
        halves.retain(|&Halves { is_big_endian, follow_tests }| {
            let tested = known.arch.filter(|_| follow_tests);
            let is_big_endian = tested.map_or(is_big_endian, Arch::is_big_endian);
            // Errors are of no interest, and take less time in a short text.
            let mut line = Cursor::new(remark.rest(), Space::Hash);
            match statement::statement(&mut line, Names::Matching { k: raw.k, is_big_endian }) {
                Ok(statement) if line.end_of_line().is_ok() => agrees(pc, raw, &statement),
                // What is no statement is a remark.
                _ => true,
            }
        });
        if halves.is_empty() {
            return Err(remark.error("expected what the four fields say; without them, the statement would count"));
        }
    }
    Ok(())
}

/// Whether a statement says what an instruction does.
fn agrees(pc: usize, raw: RawInstruction, statement: &Statement) -> bool {
    let raw = raw.normalized();
    if encode(pc, statement) == Some(raw) {
        return true;
    }
    match (statement, raw.into()) {
        // Both ways of a test lead to the same place; seccomp-tools leaves out the test.
        (Statement::Jump(goto), Instruction::JumpIf { skip_true, skip_false, .. }) => {
            skip_true == skip_false && skip(pc, goto) == Some(skip_true.into())
        }
        // The length is always 64, and seccomp-tools says so.
        (&Statement::Plain(plain), Instruction::LoadLength { dst }) => {
            plain == Instruction::LoadConstant { dst, value: SECCOMP_DATA }.into()
        }
        // seccomp-tools gives arguments names, and some are those of system calls.
        (&Statement::Plain(plain), Instruction::LoadAbsolute { .. }) => {
            matches!(plain.into(), Instruction::LoadConstant { dst: Register::A, .. })
        }
        _ => false,
    }
}

/// The instruction of a statement whose jumps name the lines of instructions that they reach.
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

/// How many instructions a jump to a numbered line skips.
fn skip(pc: usize, goto: &Goto) -> Option<u32> {
    match goto {
        Goto::Next => Some(0),
        Goto::Place { name, .. } => name.parse::<u64>().ok()?.checked_sub(landing(pc, 0))?.try_into().ok(),
    }
}
