//! The output of `tcpdump -ddd`: a line with the number of instructions, then a line of four decimal numbers for each.

use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::{counted, print_quadruple, quadruple};

/// Returns whether a text begins with the number of instructions.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_noise();
    cursor.rest().starts_with(|c: char| c.is_ascii_digit())
}

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_noise();
    let start = cursor.at();
    let count = cursor.decimal(Range::U32)?;
    cursor.skip_space();
    // If line ends were lost, blanks separate all numbers.
    let is_one_line = cursor.rest().starts_with(|c: char| c.is_ascii_digit());
    if !is_one_line {
        cursor.end_of_line()?;
    }
    let mut program = Vec::new();
    cursor.skip_lines();
    while !cursor.is_at_end() {
        cursor.limit(program.len())?;
        program.push(quadruple(&mut cursor)?);
        cursor.skip_space();
        if !is_one_line || cursor.is_at_end() {
            cursor.end_of_line()?;
        }
        cursor.skip_lines();
    }
    counted(program, count, &cursor, start)
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    let count = program.len().to_string();
    let lines = core::iter::once(count).chain(program.iter().map(print_quadruple));
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_past_messages_and_without_line_ends() {
        let program = parse("2\n40 0 0 12\n6 0 0 262144\n").unwrap();
        for text in ["Warning: assuming Ethernet\n2\n40 0 0 12\n6 0 0 262144", "2 40 0 0 12 6 0 0 262144 \n"] {
            assert!(begins(text), "{text}");
            assert_eq!(parse(text).unwrap(), program, "{text}");
        }
        let message = |text| parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("2\n40 0 0 12 6 0 0 262144"), "expected the end of the line");
        assert_eq!(message("2 40 0 0 12 6 0 0"), "expected a decimal number");
    }
}
