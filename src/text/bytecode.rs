//! What `iptables -m bpf --bytecode`, `tc` and `bpf_dbg` read: `2,40 0 0 12,6 0 0 0`; a trailing comma is legal.

use crate::instruction::RawInstruction;
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::{counted, print_quadruple, quadruple};

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_lines();
    let start = cursor.at();
    let count = cursor.decimal(Range::U32)?;
    let mut program = Vec::new();
    loop {
        cursor.skip_lines();
        if cursor.is_at_end() {
            break;
        }
        cursor.expect(",")?;
        cursor.skip_lines();
        if cursor.is_at_end() {
            break;
        }
        cursor.limit(program.len())?;
        program.push(quadruple(&mut cursor)?);
    }
    counted(program, count, &cursor, start)
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    let instructions: Vec<String> = program.iter().map(print_quadruple).collect();
    format!("{},{}\n", program.len(), instructions.join(","))
}
