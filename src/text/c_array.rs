//! `tcpdump -dd` and `bpf_asm -c`: `{ 0x28, 0, 0, 0x0000000c },` a line, alone or inside a C array's braces.

use crate::instruction::RawInstruction;
use crate::text::cursor::Cursor;
use crate::text::cursor::Range::{self, U8, U16, U32};
use crate::text::error::ParseError;

/// Passes white space and comments; one that does not end takes the rest.
pub(super) fn skip_space(cursor: &mut Cursor) {
    loop {
        cursor.skip_space();
        if cursor.eat("/*") {
            let rest = cursor.rest();
            cursor.skip(rest.find("*/").map_or(rest.len(), |end| end + 2));
        } else if cursor.eat("//") {
            cursor.take_while(|c| c != '\n');
        } else {
            return;
        }
    }
}

/// Whether a C array begins here: with a brace, or with a declaration.
pub(super) fn begins(cursor: &Cursor) -> bool {
    let declaration = cursor.rest().split(['{', ';', '#']).next().unwrap_or("");
    declaration.is_empty() && cursor.rest().starts_with('{') || declaration.contains("[]") && declaration.contains('=')
}

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text);
    skip_space(&mut cursor);
    let is_declared = skip_declaration(&mut cursor)?;
    let mut program = Vec::new();
    loop {
        skip_space(&mut cursor);
        if cursor.is_at_end() || is_declared && cursor.eat("}") {
            break;
        }
        program.push(instruction(&mut cursor)?);
        skip_space(&mut cursor);
        if !cursor.eat(",") && cursor.rest().starts_with('{') {
            return Err(cursor.error("expected `,`"));
        }
    }
    skip_space(&mut cursor);
    cursor.eat(";");
    skip_space(&mut cursor);
    if cursor.is_at_end() { Ok(program) } else { Err(cursor.error("expected the end of the text")) }
}

/// Passes `struct sock_filter code[] = {`, or just the outer `{`.
fn skip_declaration(cursor: &mut Cursor) -> Result<bool, ParseError> {
    if !cursor.rest().starts_with('{') && !cursor.is_at_end() {
        cursor.take_while(|c| !matches!(c, '=' | '{' | ';'));
        if !cursor.eat("=") {
            return Err(cursor.error("expected `=`"));
        }
        skip_space(cursor);
        cursor.expect("{")?;
        return Ok(true);
    }
    let mut ahead = cursor.clone();
    ahead.eat("{");
    skip_space(&mut ahead);
    let is_outer = ahead.rest().starts_with(['{', '}']);
    if is_outer {
        *cursor = ahead;
    }
    Ok(is_outer)
}

fn instruction(cursor: &mut Cursor) -> Result<RawInstruction, ParseError> {
    let code = field(cursor, "{", U16)?;
    let jt = field(cursor, ",", U8)?;
    let jf = field(cursor, ",", U8)?;
    let k = field(cursor, ",", U32)?;
    skip_space(cursor);
    cursor.expect("}")?;
    Ok(RawInstruction::new(code as u16, jt as u8, jf as u8, k))
}

fn field(cursor: &mut Cursor, before: &str, range: Range) -> Result<u32, ParseError> {
    skip_space(cursor);
    cursor.expect(before)?;
    skip_space(cursor);
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
    use super::parse;

    #[test]
    fn a_whole_declaration_is_read() {
        let text = "/* arp */\nstatic struct sock_filter code[] = {\n  { 0x28, 0, 0, 12U }, // load\n  {6,0,0,0}\n};\n";
        assert_eq!(parse(text).unwrap().len(), 2);
        assert_eq!(parse("{ {6,0,0,0}, }").unwrap().len(), 1);
        assert_eq!(parse("{}").unwrap().len(), 0);
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |text| parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("{ 6, 0, 0 }"), "expected `,`");
        assert_eq!(message("{ 6, 0, 0, 0"), "expected `}`");
        assert_eq!(message("{ 6, 256, 0, 0 }"), "expected a number from 0 to 255");
        assert_eq!(message("{ 6, 0, 0, 0 } { 6, 0, 0, 0 }"), "expected `,`");
        assert_eq!(message("{ {6,0,0,0} } x"), "expected the end of the text");
    }
}
