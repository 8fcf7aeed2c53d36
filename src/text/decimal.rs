//! `tcpdump -ddd`: a line with the number of instructions, then a line of four decimal numbers for each.

use crate::instruction::RawInstruction;
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::{counted, print_quadruple, quadruple};

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_lines();
    let start = cursor.at();
    let count = cursor.decimal(Range::U32)?;
    cursor.end_of_line()?;
    let mut program = Vec::new();
    cursor.skip_lines();
    while !cursor.is_at_end() {
        cursor.limit(program.len())?;
        program.push(quadruple(&mut cursor)?);
        cursor.end_of_line()?;
        cursor.skip_lines();
    }
    counted(program, count, &cursor, start)
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    let count = program.len().to_string();
    let lines = std::iter::once(count).chain(program.iter().map(print_quadruple));
    lines.map(|line| line + "\n").collect()
}
