//! Listings, the output of `tcpdump -d`: `(001) jeq #0x800 jt 2`, a tab, and `jf 5`, with absolute targets.
//!
//! Source: `bpf_image` in libpcap's `bpf_image.c`. It omits the fields of unknown opcodes and those that an opcode does
//! not use. Here `unimp` and `; unused` print them.

use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa;
use crate::bpf::isa::Operation;
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::operand::{self, Notation, Operand};

/// The mnemonic of an instruction without a notation.
const UNKNOWN: &str = "unimp";

/// An instruction that prints as a line of a listing, without the number.
pub(crate) struct Line {
    pub(crate) pc: usize,
    pub(crate) raw: RawInstruction,
}

impl Line {
    /// Returns the line without alignment: single blanks between the words.
    pub(super) fn compact(&self) -> String {
        self.to_string().split_whitespace().collect::<Vec<&str>>().join(" ")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { pc, raw } = *self;
        let Some(row) = isa::lookup(raw.code) else {
            return write!(f, "{UNKNOWN:<8} {}", operand::print_raw(raw));
        };
        let operand = match row.operation {
            Operation::Jump => jump_target(pc, raw.k).to_string(),
            _ => operand::print(row, raw.k, Notation::Listing),
        };
        match row.operation {
            Operation::Branch(..) => {
                let target = |skip: u8| pc + 1 + usize::from(skip);
                write!(f, "{:<8} {operand:<16} jt {}\tjf {}", row.mnemonic, target(raw.jt), target(raw.jf))?;
            }
            _ if operand.is_empty() => f.write_str(row.mnemonic)?,
            _ => write!(f, "{:<8} {operand}", row.mnemonic)?,
        }
        f.write_str(&operand::print_unused(raw))
    }
}

/// Returns the target of `ja`, which wraps like `int`.
fn jump_target(pc: usize, skip: u32) -> i32 {
    (pc as u32).wrapping_add(1).wrapping_add(skip) as i32
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    program.iter().enumerate().map(|(pc, &raw)| format!("({pc:03}) {}\n", Line { pc, raw })).collect()
}

/// Returns whether a text begins with the number of an instruction in parentheses.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_noise();
    cursor.eat("(") && !cursor.take_while(|c| c.is_ascii_digit()).is_empty() && cursor.eat(")")
}

/// Reads a listing. Instructions may share a line, since line ends are lost easily.
pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Line);
    let mut program = Vec::new();
    cursor.skip_noise();
    while !cursor.is_at_end() {
        cursor.limit(program.len())?;
        number(&mut cursor, program.len())?;
        let raw = instruction(&mut cursor, program.len())?;
        program.push(raw.with_unused(operand::parse_unused(&mut cursor)));
        cursor.skip_space();
        if !cursor.rest().starts_with('(') {
            cursor.end_of_line()?;
        }
        cursor.skip_lines();
    }
    Ok(program)
}

/// Reads `(007)`, which must be the number of the instruction.
fn number(cursor: &mut Cursor, pc: usize) -> Result<(), ParseError> {
    cursor.expect("(")?;
    let start = cursor.at();
    let number = cursor.decimal(Range::U32)?;
    if number as usize != pc {
        return Err(cursor.error_at(start, format!("expected instruction {pc}")));
    }
    cursor.expect(")")
}

fn instruction(cursor: &mut Cursor, pc: usize) -> Result<RawInstruction, ParseError> {
    cursor.skip_space();
    let start = cursor.at();
    let mnemonic = cursor.word();
    if mnemonic == UNKNOWN {
        return operand::parse_raw(cursor);
    }
    if !operand::is_mnemonic(mnemonic) {
        return Err(cursor.error_at(start, "expected the name of an instruction"));
    }
    cursor.skip_space();
    let start = cursor.at();
    let operand = Operand::parse(cursor)?;
    let raw = operand::instruction([mnemonic; 2], operand, Notation::Listing, start, cursor)?;
    match isa::lookup(raw.code).map(|row| row.operation) {
        Some(Operation::Jump) => Ok(RawInstruction { k: raw.k.wrapping_sub(pc as u32 + 1), ..raw }),
        Some(Operation::Branch(..)) => {
            let jt = skip(cursor, "jt", pc)?;
            let jf = skip(cursor, "jf", pc)?;
            Ok(RawInstruction { jt, jf, ..raw })
        }
        _ => Ok(raw),
    }
}

/// Reads an absolute target, such as `jt 7`, and returns the distance to it.
fn skip(cursor: &mut Cursor, name: &str, pc: usize) -> Result<u8, ParseError> {
    cursor.expect(name)?;
    cursor.skip_space();
    let start = cursor.at();
    let target = cursor.decimal(Range::U32)? as usize;
    let distance = target.checked_sub(pc + 1).and_then(|distance| u8::try_from(distance).ok());
    distance.ok_or_else(|| cursor.error_at(start, format!("expected a target from {} to {}", pc + 1, pc + 256)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_tcpdump_does() {
        let text = "\
(000) ldh      [12]
(001) jeq      #0x800           jt 2\tjf 8
(002) ldxb     4*([14]&0xf)
(003) ldh      [x + 16]
(004) ld       #pktlen
(005) ldb      [vlanp]
(006) ja       8
(007) tax
(008) ret      #-1
(009) ret
(010) tax ; unused k 0x5
";
        let program = parse(text).unwrap();
        assert_eq!(print(&program), text);
        assert_eq!(program[5], RawInstruction::new(0x30, 0, 0, 0xffff_f030));
        assert_eq!(program[6].k, 1);
        assert_eq!(program[9].code, 0x16);
    }

    #[test]
    fn reads_past_messages_and_without_line_ends() {
        let lines =
            "(000) ldh      [12]\n(001) jeq      #0x806           jt 2\tjf 3\n(002) ret      #262144\n(003) ret\n";
        let program = parse(lines).unwrap();
        let same = |text: &str| {
            assert!(begins(text), "{text}");
            assert_eq!(parse(text).unwrap_or_else(|error| panic!("{error}")), program, "{text}");
        };
        same(&format!("Warning: assuming Ethernet\n{lines}"));
        same(&format!("user@host:~$ tcpdump -d arp\ntcpdump: data link type LINUX_SLL2\n\n{lines}"));
        same(&lines.replace(['\n', '\t'], " "));
        same("(000)ldh [12](001)jeq #0x806 jt 2 jf 3(002)ret #262144(003)ret");
        assert_eq!(parse("(000) tax ; unused k 0x5 (001) ret #0").unwrap()[0].k, 5);
        assert!(!begins("(A == 1)"));
    }

    #[test]
    fn locates_errors() {
        let place = |text| parse(text).map_err(|e| (e.line(), e.column(), e.message().to_owned())).unwrap_err();
        assert_eq!(place("(001) tax"), (1, 2, "expected instruction 0".to_owned()));
        assert_eq!(place("(000) tix"), (1, 7, "expected the name of an instruction".to_owned()));
        assert_eq!(place("(000) tax\n(001) jeq #1 jt 1 jf 2").2, "expected a target from 2 to 257");
        assert_eq!(place("(000) st [1]"), (1, 10, "expected `st` with `M[k]`".to_owned()));
    }
}
