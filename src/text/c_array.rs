//! `tcpdump -dd` and `bpf_asm -c`: `{ 0x28, 0, 0, 0x0000000c },` a line, alone or inside a C array's braces.

use crate::instruction::RawInstruction;
use crate::text::cursor::Range::{self, U8, U16, U32};
use crate::text::cursor::{Cursor, Space};
use crate::text::error::ParseError;

/// Whether a C array begins a text: a brace, or `... [...] = {`, behind comments and lines for the preprocessor.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::C);
    skip_preprocessor(&mut cursor);
    cursor.rest().starts_with('{') || skip_declaration(&mut cursor).is_ok()
}

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::C);
    skip_preprocessor(&mut cursor);
    let is_array = skip_outer_brace(&mut cursor)?;
    let mut program = Vec::new();
    loop {
        cursor.next_statement()?;
        if is_array && cursor.eat("}") || !is_array && cursor.is_at_end() {
            break;
        }
        cursor.limit(program.len())?;
        program.push(instruction(&mut cursor)?);
        cursor.next_statement()?;
        if !cursor.eat(",") && cursor.rest().starts_with('{') {
            return Err(cursor.error("expected `,`"));
        }
    }
    cursor.eat_next(";");
    cursor.next_statement()?;
    if cursor.is_at_end() { Ok(program) } else { Err(cursor.error("expected the end of the text")) }
}

/// Passes `#include` and the like.
fn skip_preprocessor(cursor: &mut Cursor) {
    cursor.skip_space();
    while cursor.rest().starts_with('#') {
        cursor.take_while(|c| c != '\n');
        cursor.skip_space();
    }
}

/// Passes `struct sock_filter code[] = {`, or just the outer `{`, if the instructions stand inside one.
fn skip_outer_brace(cursor: &mut Cursor) -> Result<bool, ParseError> {
    if cursor.is_at_end() {
        return Ok(false);
    }
    if !cursor.rest().starts_with('{') {
        skip_declaration(cursor)?;
        return cursor.expect("{").map(|()| true);
    }
    let mut ahead = cursor.clone();
    ahead.eat("{");
    let is_outer = ahead.eat_next("{") || ahead.eat_next("}");
    Ok(is_outer && cursor.eat("{"))
}

/// Passes `static const struct sock_filter code[4] =`.
fn skip_declaration(cursor: &mut Cursor) -> Result<(), ParseError> {
    while !cursor.word().is_empty() {
        cursor.skip_space();
    }
    cursor.expect("[")?;
    cursor.skip_space();
    cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
    cursor.expect("]")?;
    cursor.expect("=")
}

fn instruction(cursor: &mut Cursor) -> Result<RawInstruction, ParseError> {
    let code = field(cursor, "{", U16)?;
    let jt = field(cursor, ",", U8)?;
    let jf = field(cursor, ",", U8)?;
    let k = field(cursor, ",", U32)?;
    cursor.expect("}")?;
    Ok(RawInstruction::new(code as u16, jt as u8, jf as u8, k))
}

fn field(cursor: &mut Cursor, before: &str, range: Range) -> Result<u32, ParseError> {
    cursor.expect(before)?;
    cursor.skip_space();
    cursor.number_with_suffix(range, &['u', 'U', 'l', 'L'])
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    program
        .iter()
        .map(|RawInstruction { code, jt, jf, k }| format!("{{ {code:#x}, {jt}, {jf}, {k:#010x} }},\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{begins, parse};

    #[test]
    fn a_whole_declaration_is_read() {
        let text = "/* arp */\nstatic struct sock_filter code[] = {\n  { 0x28, 0, 0, 12U }, // load\n  {6,0,0,0}\n};\n";
        assert_eq!(parse(text).unwrap().len(), 2);
        assert_eq!(parse("{ {6,0,0,0}, }").unwrap().len(), 1);
        assert_eq!(parse("{}").unwrap().len(), 0);
        let sized = "#include <linux/filter.h>\n/* { */\nstruct sock_filter code[N_1] /* = */ = { {6,0,0,0} };";
        assert!(begins(sized));
        assert_eq!(parse(sized).unwrap().len(), 1);
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |text| parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("{ 6, 0, 0 }"), "expected `,`");
        assert_eq!(message("{ 6, 0, 0, 0"), "expected `}`");
        assert_eq!(message("{ 6, 256, 0, 0 }"), "expected a number from 0 to 255");
        assert_eq!(message("{ 6, 0, 0, 0 } { 6, 0, 0, 0 }"), "expected `,`");
        assert_eq!(message("{ {6,0,0,0} } x"), "expected the end of the text");
        assert_eq!(message("{ 6, 0, 0, 0 }, /* oops\n{ 6,0,0,0 },"), "expected `*/` to end this comment");
        assert_eq!(message("struct sock_filter c[] = { {6,0,0,0},"), "expected `{`");
    }
}
