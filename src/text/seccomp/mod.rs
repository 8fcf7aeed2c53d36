//! seccomp-tools' notation, of filters of system calls: `A = arch`, `if (A != ARCH_X86_64) goto 0005`, `return ALLOW`.
//!
//! A program is printed as `seccomp-tools disasm` prints it, with the four fields of each instruction in front, and
//! they say what it is: the statement behind them explains them, and must not contradict them. People write statements
//! alone, in the language of `seccomp-tools asm`; `statement.rs` has its grammar.

mod columns;
mod known;
mod print;
mod source;
mod statement;

use std::collections::HashMap;

use crate::bpf::assemble::{Assembler, Label, Target};
use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::seccomp::Arch;
use crate::text::cursor::{Cursor, Space};
use crate::text::detect::skip_noise;
use crate::text::error::ParseError;
pub(super) use columns::FILE;
pub(crate) use print::{lines, print};
use statement::{Goto, Names, Statement};

/// Which architecture's names system calls have where the program does not ask for the architecture: that of
/// seccomp-tools.
pub(super) const PRESUMED: Arch = Arch::X86_64;

/// Whether this notation begins a text: its head, the number of a line, or a statement, perhaps behind labels.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::Hash);
    skip_noise(&mut cursor);
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

/// Reads a program; `presumed` is whose system calls names without an architecture are.
pub(super) fn parse(text: &str, presumed: Arch) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Hash);
    skip_noise(&mut cursor);
    cursor.next_statement()?;
    columns::skip_head(&mut cursor);
    cursor.next_statement()?;
    match columns::style(&cursor) {
        Some(style) => columns::parse(&mut cursor, style),
        None => statements(cursor, presumed),
    }
}

/// The place that a jump from `pc` goes to, inside the program or not.
fn landing(pc: usize, skip: u32) -> u64 {
    pc as u64 + 1 + u64::from(skip)
}

/// Statements alone, and labels.
fn statements(mut cursor: Cursor, presumed: Arch) -> Result<Vec<RawInstruction>, ParseError> {
    let names = Names::Of(presumed);
    let mut statements = Vec::new();
    let mut labels = HashMap::new();
    while !cursor.is_at_end() {
        if let Some((name, at)) = statement::label(&mut cursor) {
            if name == statement::NEXT {
                return Err(cursor.error_at(at, "expected another name: `next` is the next statement"));
            }
            if labels.insert(name, statements.len()).is_some() {
                return Err(cursor.error_at(at, format!("label `{name}` stands in two places")));
            }
        } else {
            cursor.limit(statements.len())?;
            statements.push(statement::statement(&mut cursor, names)?);
        }
        cursor.next_statement()?;
    }
    let places = vec![None; statements.len()];
    let mut program = Linker { cursor, labels, assembler: Assembler::default(), places }.link(&statements)?;
    follow_byte_order(&mut program, &statements, presumed);
    Ok(program)
}

/// Exchanges the halves of arguments where the program has tested for an architecture that has the other byte order
/// than the presumed one.
fn follow_byte_order(program: &mut [RawInstruction], statements: &[Statement], presumed: Arch) {
    let is_load = |raw: RawInstruction| matches!(raw.into(), Instruction::LoadAbsolute { .. });
    let is_half = statements.iter().filter_map(|statement| match *statement {
        Statement::Half(_) => Some(true),
        Statement::Plain(raw) if is_load(raw) => Some(false),
        _ => None,
    });
    // The assembler adds nothing but jumps, so the loads of the program are those of the statements. What is known does
    // not depend on them, except those of the number and the architecture.
    let known = known::known(program);
    let loads = program.iter_mut().zip(known).filter(|(raw, _)| is_load(**raw));
    for ((raw, known), is_half) in loads.zip(is_half) {
        let arch = known.arch.unwrap_or(presumed);
        if is_half && arch.is_big_endian() != presumed.is_big_endian() {
            raw.k ^= 4;
        }
    }
}

/// Finds the statements that jumps go to.
struct Linker<'a> {
    cursor: Cursor<'a>,
    /// The number of the statement that each label stands before.
    labels: HashMap<&'a str, usize>,
    assembler: Assembler,
    /// For each statement its label, if a jump goes there.
    places: Vec<Option<Label>>,
}

impl Linker<'_> {
    fn link(mut self, statements: &[Statement]) -> Result<Vec<RawInstruction>, ParseError> {
        let mut targets = Vec::with_capacity(statements.len());
        for (place, statement) in statements.iter().enumerate() {
            targets.push(match statement {
                Statement::Plain(_) | Statement::Half(_) => [Target::Next; 2],
                Statement::Jump(goto) => [self.target(goto, place)?, Target::Next],
                Statement::Branch { then, otherwise, .. } => {
                    [self.target(then, place)?, self.target(otherwise, place)?]
                }
            });
        }
        for (place, (statement, [then, otherwise])) in statements.iter().zip(targets).enumerate() {
            if let Some(label) = self.places[place] {
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
        // All labels are placed, and behind the jumps to them.
        self.assembler.finish().map_err(|_| self.cursor.error("expected all jumps to go forward"))
    }

    /// The target of a jump from the statement of this number: a label, or how many statements to skip.
    fn target(&mut self, goto: &Goto, place: usize) -> Result<Target, ParseError> {
        let Goto::Place { name, at } = *goto else { return Ok(Target::Next) };
        let relative = || name.parse::<usize>().ok().map(|skip| place.saturating_add(1).saturating_add(skip));
        let Some(target) = self.labels.get(name).copied().or_else(relative) else {
            return Err(self.cursor.error_at(at, format!("label `{name}` stands nowhere")));
        };
        if target <= place {
            return Err(self.cursor.error_at(at, "expected a target further down: jumps go forward only"));
        }
        let Some(label) = self.places.get_mut(target) else {
            return Err(self.cursor.error_at(at, "expected a target that a statement follows"));
        };
        Ok(Target::Label(*label.get_or_insert_with(|| self.assembler.new_label())))
    }
}

#[cfg(test)]
mod tests;
