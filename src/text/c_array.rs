//! Arrays in sources, and the output of `tcpdump -dd` and `bpf_asm -c`: `{ 0x28, 0, 0, 0x0000000c },` on each line,
//! alone or inside the braces of an array.
//!
//! ```text
//! BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP+BPF_JEQ+BPF_K, ETH_P_IP, 0, 1),    macros of C
//! { .code = 0x28, .k = 12 },                  C, named fields; missing ones are 0
//! {Op: 0x28, Jt: 0x0, Jf: 0x0, K: 0xc},       Go, of []bpf.RawInstruction
//! sock_filter { code: 0x28, jt: 0, jf: 0, k: 12 },    Rust
//! [{40 0 0 12} {6 0 0 0}]                     Go, as fmt.Println prints it
//! [(40, 0, 0, 12), (6, 0, 0, 0)]              Python; [[40, 0, 0, 12]] JSON
//! ```
//!
//! Numbers are constant expressions of C; see `c_constant.rs`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::text::c_constant::Constants;
use crate::text::cursor::Range;
use crate::text::cursor::Range::{U8, U16, U32};
use crate::text::cursor::{Cursor, Space};
use crate::text::error::ParseError;

/// The brackets of an instruction and of the array.
const BRACKETS: [(&str, &str); 3] = [("{", "}"), ("[", "]"), ("(", ")")];

/// The names of fields in C and Go, in lower case, and their ranges.
const FIELDS: [(&[&str], Range); 4] = [(&["code", "op"], U16), (&["jt"], U8), (&["jf"], U8), (&["k"], U32)];

/// The macros of an instruction.
const MACROS: [&str; 2] = ["BPF_STMT", "BPF_JUMP"];

/// Returns whether a text begins with an array, after comments, preprocessor lines and a declaration.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::C);
    cursor.skip_noise();
    skip_preprocessor(&mut cursor, None);
    cursor.rest().starts_with('{') || is_instruction(&cursor) || skip_declaration(&mut cursor).is_some()
}

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::C);
    let mut constants = Constants::new(text);
    cursor.skip_noise();
    skip_preprocessor(&mut cursor, Some(&mut constants));
    let closing = skip_outer_bracket(&mut cursor)?;
    let mut program = Vec::new();
    loop {
        cursor.next_statement()?;
        match closing {
            Some(bracket) if cursor.eat(bracket) => break,
            None if cursor.is_at_end() => break,
            _ => {}
        }
        cursor.limit(program.len())?;
        let separator = instruction(&mut cursor, &constants, &mut program)?;
        cursor.next_statement()?;
        if !cursor.eat(",") && separator == Separator::Comma && is_instruction(&cursor) {
            return Err(cursor.error("expected `,`"));
        }
    }
    while closing.is_some() && (cursor.eat_next(";") || cursor.eat_next("]") || cursor.eat_next("}")) {}
    cursor.next_statement()?;
    if cursor.is_at_end() { Ok(program) } else { Err(cursor.error("expected the end of the text")) }
}

/// Skips preprocessor lines, and adds the constants of `#define`.
fn skip_preprocessor<'a>(cursor: &mut Cursor<'a>, mut constants: Option<&mut Constants<'a>>) {
    cursor.skip_space();
    while cursor.rest().starts_with('#') {
        let mut line = cursor.on_this_line(Space::C);
        if let Some(constants) = &mut constants {
            if line.eat("#") && line.eat_next("define ") {
                constants.define(line.rest());
            }
        }
        cursor.take_while(|c| c != '\n');
        cursor.skip_space();
    }
}

/// Skips `struct sock_filter code[] = {`, or just the outer bracket, if there is one, and returns the closing bracket.
fn skip_outer_bracket(cursor: &mut Cursor) -> Result<Option<&'static str>, ParseError> {
    if cursor.is_at_end() || is_instruction(cursor) {
        return Ok(None);
    }
    if !skip_length(&mut cursor.clone()) {
        if let Some(closing) = open(cursor) {
            return Ok(Some(closing));
        }
    }
    let mut ahead = cursor.clone();
    let declared = skip_declaration(&mut ahead);
    if declared.is_none() {
        return Err(no_instruction(cursor));
    }
    *cursor = ahead;
    Ok(declared)
}

/// Skips a declaration and the opening bracket of the array, if instructions or its end follow, and returns the closing
/// bracket.
///
/// Examples: `static const struct sock_filter code[4] = {`, `[]bpf.RawInstruction{`, `let code: [sock_filter; 4] = [`.
fn skip_declaration(cursor: &mut Cursor) -> Option<&'static str> {
    loop {
        cursor.skip_space();
        if skip_length(cursor) {
            continue;
        }
        if let Some(closing) = open(cursor) {
            let is_array = is_instruction(cursor) || cursor.clone().eat_next(closing);
            return is_array.then_some(closing);
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || "_.:=&*!<>".contains(c);
        if cursor.take_while(is_word).is_empty() {
            return None;
        }
    }
}

/// Skips `[]`, `[4]`, `[sock_filter; 4]` or `[(u16, u8, u8, u32); 4]`.
fn skip_length(cursor: &mut Cursor) -> bool {
    let mut ahead = cursor.clone();
    let is_length = ahead.eat("[") && {
        let length = ahead.take_while(|c| c.is_ascii_alphanumeric() || "_ .:;*(),".contains(c));
        ahead.eat("]") && (length.contains(';') || !length.contains(['(', ',']))
    };
    if is_length {
        *cursor = ahead;
    }
    is_length
}

/// Skips an opening bracket, and returns the closing one.
fn open(cursor: &mut Cursor) -> Option<&'static str> {
    BRACKETS.iter().find(|(opening, _)| cursor.eat_next(opening)).map(|(_, closing)| *closing)
}

/// Returns whether an instruction is here: a macro, or a bracket (maybe after the name of a type) with two numbers or
/// with a named field.
fn is_instruction(cursor: &Cursor) -> bool {
    let mut ahead = cursor.clone();
    ahead.skip_space();
    let has_type = skip_type(&mut ahead);
    if MACROS.iter().any(|name| ahead.rest().starts_with(name)) {
        return true;
    }
    if open_instruction(&mut ahead, has_type).is_none() {
        return false;
    }
    if field_name(&mut ahead.clone()).is_some() {
        return true;
    }
    ahead.skip_space();
    let value = ahead.take_while(|c| c.is_ascii_alphanumeric() || "_|+ ".contains(c));
    !value.trim().is_empty() && (ahead.eat(",") || value.trim().contains(' ') && ahead.eat("}"))
}

/// Skips the opening bracket of an instruction, which is a brace if the name of a type precedes it.
fn open_instruction(cursor: &mut Cursor, has_type: bool) -> Option<&'static str> {
    cursor.skip_space();
    if has_type && !cursor.rest().starts_with('{') { None } else { open(cursor) }
}

/// Skips the name of a type, such as `libc::sock_filter`, `bpf.RawInstruction` or `(struct sock_filter)`, if one is
/// here.
fn skip_type(cursor: &mut Cursor) -> bool {
    let mut ahead = cursor.clone();
    let is_cast = ahead.eat_next("(") && ahead.eat_next("struct ") && {
        ahead.skip_space();
        !ahead.word().is_empty() && ahead.eat_next(")")
    };
    if !is_cast {
        ahead = cursor.clone();
        ahead.skip_space();
        while !MACROS.iter().any(|name| ahead.rest().starts_with(name))
            && !ahead.take_while(|c| c.is_ascii_alphanumeric() || "_.:".contains(c)).is_empty()
        {
            ahead.skip_space();
        }
    }
    let has_type = ahead.rest().starts_with('{') && !cursor.rest().starts_with('{');
    if has_type {
        *cursor = ahead;
    }
    has_type
}

/// Skips `.code =`, `code:` or `"code":`, and returns the index of the field in [`FIELDS`].
fn field_name(cursor: &mut Cursor) -> Option<usize> {
    let mut ahead = cursor.clone();
    let by_c = ahead.eat_next(".");
    let quoted = ahead.eat_next("\"");
    ahead.skip_space();
    let name = ahead.word().to_ascii_lowercase();
    let is_named = (!quoted || ahead.eat("\"")) && (by_c && ahead.eat_next("=") || !by_c && ahead.eat_next(":"));
    let index = FIELDS.iter().position(|(names, _)| names.contains(&name.as_str())).filter(|_| is_named)?;
    *cursor = ahead;
    Some(index)
}

/// The separator between instructions: nothing if the fields are separated by blanks, as Go prints them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    Comma,
    Nothing,
}

fn instruction<'a>(
    cursor: &mut Cursor<'a>,
    constants: &Constants<'a>,
    program: &mut Vec<RawInstruction>,
) -> Result<Separator, ParseError> {
    let has_type = skip_type(cursor);
    cursor.skip_space();
    let mut separator = Separator::Comma;
    let mut ahead = cursor.clone();
    let fields = match ahead.word() {
        "BPF_STMT" => {
            *cursor = ahead;
            let [code, k] = arguments(cursor, constants, [U16, U32])?;
            [code, 0, 0, k]
        }
        "BPF_JUMP" => {
            *cursor = ahead;
            let [code, k, jt, jf] = arguments(cursor, constants, [U16, U32, U8, U8])?;
            [code, jt, jf, k]
        }
        _ => {
            let Some(closing) = open_instruction(cursor, has_type) else { return Err(no_instruction(cursor)) };
            if field_name(&mut cursor.clone()).is_some() {
                named_fields(cursor, constants, closing)?
            } else {
                let (fields, found) = fields(cursor, constants, closing)?;
                separator = found;
                fields
            }
        }
    };
    let [code, jt, jf, k] = fields;
    program.push(RawInstruction::new(code as u16, jt as u8, jf as u8, k));
    Ok(separator)
}

fn no_instruction(cursor: &Cursor) -> ParseError {
    let mut ahead = cursor.clone();
    ahead.skip_space();
    match ahead.clone().word() {
        "" => ahead.error("expected `{`"),
        name => ahead.error(format!("expected `{{`, `BPF_STMT` or `BPF_JUMP`: replace `{name}` by its expansion")),
    }
}

/// Reads the arguments of a macro.
fn arguments<'a, const N: usize>(
    cursor: &mut Cursor<'a>,
    constants: &Constants<'a>,
    ranges: [Range; N],
) -> Result<[u32; N], ParseError> {
    let mut values = [0; N];
    for (index, (value, range)) in values.iter_mut().zip(ranges).enumerate() {
        cursor.expect(if index == 0 { "(" } else { "," })?;
        *value = constants.field(cursor, range)?;
    }
    cursor.expect(")").map(|()| values)
}

/// Reads four fields in order, after the bracket.
fn fields<'a>(
    cursor: &mut Cursor<'a>,
    constants: &Constants<'a>,
    closing: &str,
) -> Result<([u32; 4], Separator), ParseError> {
    let mut values = [constants.field(cursor, U16)?, 0, 0, 0];
    cursor.skip_space();
    let separator = if cursor.is_at_number() { Separator::Nothing } else { Separator::Comma };
    for (value, (_, range)) in values.iter_mut().zip(FIELDS).skip(1) {
        if separator == Separator::Comma {
            cursor.expect(",")?;
        }
        *value = constants.field(cursor, range)?;
    }
    cursor.eat_next(",");
    cursor.expect(closing).map(|()| (values, separator))
}

/// Reads named fields in any order, after the bracket.
fn named_fields<'a>(cursor: &mut Cursor<'a>, constants: &Constants<'a>, closing: &str) -> Result<[u32; 4], ParseError> {
    let mut values = [None; 4];
    loop {
        cursor.skip_space();
        let start = cursor.at();
        let Some(index) = field_name(cursor) else {
            return Err(cursor.error("expected a field: `code`, `jt`, `jf` or `k`"));
        };
        let value = constants.field(cursor, FIELDS[index].1)?;
        if values[index].replace(value).is_some() {
            return Err(cursor.error_at(start, "expected each field once"));
        }
        if !cursor.eat_next(",") || cursor.clone().eat_next(closing) {
            cursor.expect(closing)?;
            return Ok(values.map(Option::unwrap_or_default));
        }
    }
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
    fn reads_declarations() {
        let text = "/* arp */\nstatic struct sock_filter code[] = {\n  { 0x28, 0, 0, 12U }, // load\n  {6,0,0,0}\n};\n";
        assert_eq!(parse(text).unwrap().len(), 2);
        assert_eq!(parse("{ {6,0,0,0}, }").unwrap().len(), 1);
        assert_eq!(parse("{}").unwrap().len(), 0);
        let sized = "#include <linux/filter.h>\n/* { */\nstruct sock_filter code[N_1] /* = */ = { {6,0,0,0} };";
        assert!(begins(sized));
        assert_eq!(parse(sized).unwrap().len(), 1);
    }

    #[test]
    fn reads_arrays_of_many_languages() {
        let arp = parse("{ 0x28, 0, 0, 12 }, { 0x15, 0, 1, 0x806 }, { 6, 0, 0, 0x40000 }, { 6, 0, 0, 0 },").unwrap();
        let same = |text: &str| {
            assert!(begins(text), "{text}");
            assert_eq!(parse(text).unwrap_or_else(|error| panic!("{error}")), arp, "{text}");
        };
        same(
            "BPF_STMT(BPF_LD+BPF_H+BPF_ABS, 12),\nBPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 1),
             BPF_STMT(BPF_RET | BPF_K, 262144), BPF_STMT(BPF_RET, 0)",
        );
        same(
            "#define ETHER_TYPE (2 * ETH_ALEN)\n#define LOAD(x) BPF_STMT(x)
             static const struct sock_filter code[] = { BPF_STMT(0x28, ETHER_TYPE), // type
             BPF_JUMP(BPF_JMP+BPF_JEQ+BPF_K, 0x806, 0, 1), { BPF_RET, 0, 0, 1 << 18 }, BPF_STMT(BPF_RET+BPF_K, 0), };",
        );
        same(
            "struct sock_filter code[4] = {\n{ .code = 0x28, .jt = 0, .jf = 0, .k = 0x0000000c },
             { .code = 0x15, .jf = 1, .k = 0x806, }, { .k = 0x40000, .code = 6 }, { .code = 6 } };",
        );
        same(
            "[]bpf.RawInstruction{bpf.RawInstruction{Op:0x28, Jt:0x0, Jf:0x0, K:0xc}, {Op: 0x15, Jf: 0x1, K: 0x806},
             {Op: 6, K: 262144}, {Op: 6}}",
        );
        same("[{40 0 0 12} {21 0 1 2054} {6 0 0 262144} {6 0 0 0}]");
        same(
            "let code: [libc::sock_filter; 4] = [libc::sock_filter { code: 0x28, jt: 0, jf: 0, k: 12 },
             sock_filter { code: 21, jt: 0, jf: 1, k: 0x806 }, sock_filter { code: 6, jt: 0, jf: 0, k: 0x40000 },
             sock_filter { code: 6, jt: 0, jf: 0, k: 0 }];",
        );
        same(
            "/// Keeps ARP.\n#[rustfmt::skip]\npub const ARP: [(u16, u8, u8, u32); 4] = [(40, 0, 0, 12),
             (21, 0, 1, 2054), (6, 0, 0, 262144), (6, 0, 0, 0)];",
        );
        same("[(40, 0, 0, 12), (21, 0, 1, 2054), (6, 0, 0, 262144), (6, 0, 0, 0)]");
        same("[[40, 0, 0, 12],\n [21, 0, 1, 2054], [6, 0, 0, 262144], [6, 0, 0, 0]]");
        same(
            r#"[{"code": 40, "jt": 0, "jf": 0, "k": 12}, {"code": 21, "jt": 0, "jf": 1, "k": 2054},
                {"code": 6, "k": 262144}, {"code": 6}]"#,
        );
    }

    #[test]
    fn names_the_missing_token() {
        let message = |text| parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("{ 6, 0, 0 }"), "expected `,`");
        assert_eq!(message("{ 6, 0, 0, 0"), "expected `}`");
        assert_eq!(message("{ 6, 256, 0, 0 }"), "expected a number from 0 to 255");
        assert_eq!(message("{ 6, 0, 0, 0 } { 6, 0, 0, 0 }"), "expected `,`");
        assert_eq!(message("{ {6,0,0,0} } x"), "expected the end of the text");
        assert_eq!(message("{ 6, 0, 0, 0 }, /* oops\n{ 6,0,0,0 },"), "expected `*/` to end this comment");
        assert_eq!(message("struct sock_filter c[] = { {6,0,0,0},"), "expected `{`");
        let unknown = "expected `{`, `BPF_STMT` or `BPF_JUMP`: replace `ALLOW_SYSCALL` by its expansion";
        assert_eq!(message("{ BPF_STMT(6, 0), ALLOW_SYSCALL(read), }"), unknown);
        assert_eq!(message("BPF_JUMP(BPF_JMP+BPF_JEQ, 1, 0)"), "expected `,`");
        assert_eq!(message("BPF_STMT(6, 0) BPF_STMT(6, 0)"), "expected `,`");
        assert_eq!(message("{ .code = 6, .ret = 0 }"), "expected a field: `code`, `jt`, `jf` or `k`");
        assert_eq!(message("{ .code = 6, .code = 6 }"), "expected each field once");
        assert_eq!(message("BPF_JUMP(0x15, 1, 256, 0)"), "expected a number from 0 to 255");
    }
}
