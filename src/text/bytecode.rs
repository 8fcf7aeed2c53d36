//! Bytecode, the input of `iptables -m bpf --bytecode`, `tc` and `bpf_dbg`: `2,40 0 0 12,6 0 0 0`, with an optional
//! comma at the end.
//!
//! It is also read in quotes, as copied from a command line, and from the output of `iptables-save`, `tc filter show`
//! and `ss -0bf`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::text::cursor::Range::{U8, U16, U32};
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::{counted, print_quadruple, quadruple};

/// The text before the number of instructions in the output of `ss -0bf`.
const SOCKET_FILTER: &str = "bpf filter (";

/// The texts before quoted bytecode.
const QUOTED: [&str; 2] = ["bytecode '", "bytecode \""];
const QUOTES: [&str; 2] = ["'", "\""];

/// The number of lines at the beginning of a text in which bytecode is searched.
const LINES: usize = 20;

/// Returns whether a text begins with bytecode, or its first lines contain printed bytecode.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_lines();
    begins_list(&mut cursor) || printed(text).is_some()
}

/// Returns whether a number and a comma follow, as at the beginning of a list.
fn begins_list(cursor: &mut Cursor) -> bool {
    !cursor.take_while(|c| c.is_ascii_digit()).is_empty() && cursor.eat_next(",")
}

/// Returns the position of printed or quoted bytecode, and the sign before it.
fn printed(text: &str) -> Option<(usize, &'static str)> {
    let mut cursor = Cursor::new(text, Space::Line);
    cursor.skip_lines();
    if let Some(quote) = QUOTES.into_iter().find(|quote| cursor.eat(quote)) {
        let at = cursor.at();
        return begins_list(&mut cursor).then_some((at, quote));
    }
    let signs = [SOCKET_FILTER].into_iter().chain(QUOTED);
    let first_lines = text.split_inclusive('\n').take(LINES).map(str::len).sum();
    let found = signs.filter_map(|sign| Some((text.get(..first_lines)?.find(sign)? + sign.len(), sign)));
    let (at, sign) = found.min()?;
    let line = text[..at].rsplit('\n').next().unwrap_or("").trim_start();
    // Comments do not count.
    (!line.starts_with([';', '#', '/', '*'])).then_some((at, sign))
}

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::Line);
    let Some((at, sign)) = printed(text) else {
        cursor.skip_lines();
        let program = list(&mut cursor)?;
        return if cursor.is_at_end() { Ok(program) } else { Err(cursor.error("expected `,`")) };
    };
    cursor.skip(at);
    let program = match sign {
        SOCKET_FILTER => socket_filter(&mut cursor)?,
        quoted => {
            let quote = &quoted[quoted.len() - 1..];
            let program = list(&mut cursor)?;
            cursor.expect(quote)?;
            program
        }
    };
    match cursor.rest().find(sign) {
        Some(other) => Err(cursor.error_at(cursor.at() + other, "expected one program: another one begins here")),
        None => Ok(program),
    }
}

/// Reads the number of instructions, and each one after a comma.
fn list(cursor: &mut Cursor) -> Result<Vec<RawInstruction>, ParseError> {
    let start = cursor.at();
    let count = cursor.decimal(U32)?;
    let mut program = Vec::new();
    loop {
        cursor.skip_lines();
        if !cursor.eat(",") {
            break;
        }
        cursor.skip_lines();
        if cursor.is_at_end() || cursor.rest().starts_with(['\'', '"']) {
            break;
        }
        cursor.limit(program.len())?;
        program.push(quadruple(cursor)?);
    }
    counted(program, count, cursor, start)
}

/// Reads the rest of a line of `ss`: `2): 0x28 0 0 12, 0x06 0 0 0,`, with opcodes in hexadecimal.
fn socket_filter(cursor: &mut Cursor) -> Result<Vec<RawInstruction>, ParseError> {
    let start = cursor.at();
    let count = cursor.decimal(U32)?;
    cursor.expect("):")?;
    let mut program = Vec::new();
    cursor.skip_lines();
    while cursor.is_at_number() {
        cursor.limit(program.len())?;
        let mut field = |range: Range| {
            cursor.skip_space();
            cursor.number(range)
        };
        let (code, jt, jf, k) = (field(U16)?, field(U8)?, field(U8)?, field(U32)?);
        program.push(RawInstruction::new(code as u16, jt as u8, jf as u8, k));
        if !cursor.eat_next(",") {
            break;
        }
        cursor.skip_lines();
    }
    counted(program, count, cursor, start)
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    let instructions: Vec<String> = program.iter().map(print_quadruple).collect();
    format!("{},{}\n", program.len(), instructions.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_output_of_programs() {
        let arp = parse("4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0,").unwrap();
        let same = |text: &str| {
            assert!(begins(text), "{text}");
            assert_eq!(parse(text).unwrap_or_else(|error| panic!("{error}")), arp, "{text}");
        };
        same(
            "Netid Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
p_raw 0      0                  *:lo               *
\tbpf filter (4):  0x28 0 0 12, 0x15 0 1 2054, 0x06 0 0 262144, 0x06 0 0 0,
p_dgr 0      0               arp:eth0              *
",
        );
        same("bpf filter (4): 0x28 0 0 12, 0x15 0 1 2054, 0x06 0 0 262144, 0x06 0 0 0,");
        same(
            "filter protocol all pref 49152 bpf chain 0
filter protocol all pref 49152 bpf handle 0x1 bytecode '4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0' not_in_hw",
        );
        same("-A INPUT -m bpf --bytecode \"4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0,\" -j DROP");
        for quoted in
            ["'4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0'\n", "\n \"4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0,\""]
        {
            same(quoted);
        }
        assert!(!begins("'tcp'") && !begins("\"4\""));
        assert!(!begins("; from --bytecode '1,6 0 0 0'\nret #0"));
    }

    #[test]
    fn names_the_missing_token() {
        let message = |text| parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("2,6 0 0 0"), "expected 2 instructions, found 1");
        assert_eq!(message("1,6 0 0 0 0"), "expected `,`");
        assert_eq!(message("tc bytecode '1,6 0 0 0"), "expected `'`");
        assert_eq!(message("'1,6 0 0 0\""), "expected `'`");
        assert_eq!(message("bpf filter (2): 0x06 0 0 0,"), "expected 2 instructions, found 1");
        let two = "bpf filter (1): 0x06 0 0 0,\nbpf filter (1): 0x06 0 0 0,";
        assert_eq!(message(two), "expected one program: another one begins here");
    }
}
