//! The notation of seccomp-tools for filters of system calls: `A = arch`, `if (A != ARCH_X86_64) goto 0005`,
//! `return ALLOW`.
//!
//! A program is printed as `seccomp-tools disasm` prints it: the four fields of each instruction, which define it, then
//! a statement, which must not contradict them. Statements alone are the language of `seccomp-tools asm`; its grammar
//! is in `statement.rs`.

mod columns;
mod known_state;
mod print;
mod source;
mod statement;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::assemble::{Assembler, Label, Target};
use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::syscall::Arch;
use crate::text::cursor::{Cursor, Space};
use crate::text::error::ParseError;
pub(super) use print::{lines, print_presuming};
use statement::{Goto, Names, Statement};

/// The architecture of names of system calls where the program does not test for one, as in seccomp-tools.
pub(super) const PRESUMED: Arch = Arch::X86_64;

/// Returns whether a text begins with this notation: its head, the number of a line, or a statement, maybe after
/// labels.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::Hash);
    cursor.skip_noise();
    cursor.skip_space();
    if columns::skip_head(&mut cursor) || columns::style(&cursor).is_some() {
        return true;
    }
    while let Some((label, _)) = statement::label(&mut cursor) {
        if label.starts_with(|c: char| c.is_ascii_digit()) {
            return true;
        }
        cursor.skip_space();
    }
    let word = cursor.word().to_ascii_lowercase();
    cursor.skip_space();
    match word.as_str() {
        "a" | "x" => cursor.rest().starts_with(['=', '!', '<', '>', '+', '-', '*', '/', '%', '&', '|', '^']),
        word => matches!(word, "if" | "return" | "goto" | "jump"),
    }
}

/// Reads a program; names of system calls without an architecture are those of x86-64.
pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    parse_presuming(text, PRESUMED)
}

/// Prints a program for [`parse`].
pub(super) fn print(program: &[RawInstruction]) -> String {
    print_presuming(program, PRESUMED)
}

/// Reads a program; names of system calls without an architecture are those of `presumed`.
pub(super) fn parse_presuming(text: &str, presumed: Arch) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Hash);
    cursor.skip_noise();
    cursor.next_statement()?;
    columns::skip_head(&mut cursor);
    cursor.next_statement()?;
    match columns::style(&cursor) {
        Some(style) => columns::parse(&mut cursor, style),
        None => statements(cursor, presumed),
    }
}

/// Returns the target of a jump at `pc`, which may be outside the program.
fn jump_target(pc: usize, skip: u32) -> u64 {
    pc as u64 + 1 + u64::from(skip)
}

/// Reads statements alone, and labels.
fn statements(mut cursor: Cursor, presumed: Arch) -> Result<Vec<RawInstruction>, ParseError> {
    let names = Names::Of(presumed);
    let mut statements = Vec::new();
    let mut labels = BTreeMap::new();
    while !cursor.is_at_end() {
        if let Some((name, at)) = statement::label(&mut cursor) {
            if name == statement::NEXT {
                return Err(cursor.error_at(at, "expected another name: `next` stands for the next statement"));
            }
            if labels.insert(name, statements.len()).is_some() {
                return Err(cursor.error_at(at, format!("label `{name}` is defined twice")));
            }
        } else {
            cursor.limit(statements.len())?;
            statements.push(statement::statement(&mut cursor, names)?);
        }
        cursor.next_statement()?;
    }
    let target_labels = vec![None; statements.len()];
    let mut program = Linker { cursor, labels, assembler: Assembler::default(), target_labels }.link(&statements)?;
    follow_byte_order(&mut program, &statements, presumed);
    Ok(program)
}

/// Exchanges the halves of arguments where the program has tested for an architecture whose byte order differs from
/// that of the presumed one.
fn follow_byte_order(program: &mut [RawInstruction], statements: &[Statement], presumed: Arch) {
    let is_load = |raw: RawInstruction| matches!(raw.into(), Instruction::LoadAbsolute { .. });
    let is_half = statements.iter().filter_map(|statement| match *statement {
        Statement::Half(_) => Some(true),
        Statement::Plain(raw) if is_load(raw) => Some(false),
        _ => None,
    });
    // The assembler adds only jumps, so the loads of the program are those of the statements. Exchanging halves does
    // not change the known states.
    let states = known_state::known_states(program);
    let loads = program.iter_mut().zip(states).filter(|(raw, _)| is_load(**raw));
    for ((raw, known), is_half) in loads.zip(is_half) {
        let arch = known.arch.unwrap_or(presumed);
        if is_half && arch.is_big_endian() != presumed.is_big_endian() {
            raw.k ^= 4;
        }
    }
}

/// Resolves the targets of jumps.
struct Linker<'a> {
    cursor: Cursor<'a>,
    /// The number of the statement after each label.
    labels: BTreeMap<&'a str, usize>,
    assembler: Assembler,
    /// The label of each statement that is a target.
    target_labels: Vec<Option<Label>>,
}

impl Linker<'_> {
    fn link(mut self, statements: &[Statement]) -> Result<Vec<RawInstruction>, ParseError> {
        let mut targets = Vec::with_capacity(statements.len());
        for (number, statement) in statements.iter().enumerate() {
            targets.push(match statement {
                Statement::Plain(_) | Statement::Half(_) => [Target::Next; 2],
                Statement::Jump(goto) => [self.target(goto, number)?, Target::Next],
                Statement::Branch { then, otherwise, .. } => {
                    [self.target(then, number)?, self.target(otherwise, number)?]
                }
            });
        }
        for (number, (statement, [then, otherwise])) in statements.iter().zip(targets).enumerate() {
            if let Some(label) = self.target_labels[number] {
                self.assembler.place(label);
            }
            match (statement, then) {
                (Statement::Plain(raw) | Statement::Half(raw), _) => self.assembler.push(*raw),
                (Statement::Jump(_), Target::Label(label)) => self.assembler.jump(label),
                (Statement::Jump(_), Target::Next) => self.assembler.push(Instruction::Jump { skip: 0 }.into()),
                (&Statement::Branch { condition, operand, .. }, then) => {
                    self.assembler.branch(condition, operand, then, otherwise);
                }
            }
        }
        // All labels are placed, after the jumps to them.
        self.assembler.finish().map_err(|_| self.cursor.error("expected all jumps to go forward"))
    }

    /// Resolves the target of a jump in a statement: a label, or a number of statements to skip.
    fn target(&mut self, goto: &Goto, number: usize) -> Result<Target, ParseError> {
        let Goto::Label { name, at } = *goto else { return Ok(Target::Next) };
        let relative = || name.parse::<usize>().ok().map(|skip| number.saturating_add(1).saturating_add(skip));
        let Some(target) = self.labels.get(name).copied().or_else(relative) else {
            return Err(self.cursor.error_at(at, format!("label `{name}` is not defined")));
        };
        if target <= number {
            return Err(self.cursor.error_at(at, "expected a target further down: jumps go forward only"));
        }
        let Some(label) = self.target_labels.get_mut(target) else {
            return Err(self.cursor.error_at(at, "expected a target inside the program"));
        };
        Ok(Target::Label(*label.get_or_insert_with(|| self.assembler.new_label())))
    }
}

#[cfg(test)]
mod tests;
