//! seccomp-tools' notation, of filters of system calls: `A = arch`, `if (A != ARCH_X86_64) goto 0005`, `return ALLOW`.
//!
//! A program is printed as `seccomp-tools disasm` prints it, with the four fields of each instruction in front, and they
//! say what it is: the statement behind them explains them, and must not contradict them. People write statements
//! alone, in the language of `seccomp-tools asm`; `statement.rs` has its grammar.

mod known;
mod print;
mod statement;

use std::collections::HashMap;

use crate::assemble::{Assembler, Label, Target};
use crate::instruction::{Instruction, RawInstruction};
use crate::isa::Register;
use crate::seccomp::Arch;
use crate::text::cursor::Range::{U8, U16, U32};
use crate::text::cursor::{Cursor, Space};
use crate::text::error::ParseError;
use crate::verify::SECCOMP_DATA;
pub(crate) use print::{lines, print};
use statement::{Goto, Names, Statement};

/// Which architecture's names system calls have where the program does not ask for the architecture: that of
/// seccomp-tools.
pub(super) const PRESUMED: Arch = Arch::X86_64;

/// The head of a printed program.
const HEAD: [&str; 2] = [" line  CODE  JT   JF      K", "================================="];

/// Whether this notation begins a text: its head, the number of a line, or a statement, perhaps behind labels.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::Hash);
    cursor.skip_space();
    if cursor.rest().starts_with(HEAD[0].trim_start()) {
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
    for line in HEAD {
        cursor.eat_next(line.trim_start());
    }
    cursor.next_statement()?;
    if has_columns(&cursor) { columns(&mut cursor) } else { statements(cursor, presumed) }
}

/// Whether the fields of an instruction stand here, behind its number.
fn has_columns(cursor: &Cursor) -> bool {
    let mut ahead = cursor.clone();
    let has_number = !ahead.take_while(|c| c.is_ascii_digit()).is_empty() && ahead.eat(":");
    has_number && ahead.eat_next("0x")
}

/// Lines with the fields of an instruction.
fn columns(cursor: &mut Cursor) -> Result<Vec<RawInstruction>, ParseError> {
    let mut program = Vec::new();
    while !cursor.is_at_end() {
        cursor.limit(program.len())?;
        let start = cursor.at();
        if cursor.decimal(U32)? as usize != program.len() {
            return Err(cursor.error_at(start, format!("expected the line of instruction {}", program.len())));
        }
        cursor.expect(":")?;
        let mut field = |range| {
            cursor.skip_space();
            cursor.number(range)
        };
        let (code, jt, jf, k) = (field(U16)?, field(U8)?, field(U8)?, field(U32)?);
        let raw = RawInstruction::new(code as u16, jt as u8, jf as u8, k);
        let mut line = cursor.on_this_line(Space::Hash);
        explains(&mut line, program.len(), raw)?;
        cursor.skip(line.at() - cursor.at());
        cursor.take_while(|c| c != '\n');
        program.push(raw);
        cursor.next_statement()?;
    }
    Ok(program)
}

/// Says so if a statement behind the fields says something else. What is no statement is a remark.
fn explains(line: &mut Cursor, pc: usize, raw: RawInstruction) -> Result<(), ParseError> {
    line.skip_space();
    let start = line.at();
    match statement::statement(line, Names::Matching(raw.k)) {
        Ok(statement) if line.end_of_line().is_ok() && !agrees(pc, raw, &statement) => {
            Err(line.error_at(start, "expected what the four fields say; without them, the statement would count"))
        }
        _ => Ok(()),
    }
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
        Statement::Plain(raw) => raw,
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
    Linker { cursor, labels, assembler: Assembler::default(), places: vec![None; statements.len()] }.link(&statements)
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
                Statement::Plain(_) => [Target::Next; 2],
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
                (Statement::Plain(raw), _) => self.assembler.push(*raw),
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
