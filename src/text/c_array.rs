//! `tcpdump -dd` and `bpf_asm -c`: `{ 0x28, 0, 0, 0x0000000c },` a line, alone or inside an array's braces; and what
//! people write in sources instead.
//!
//! ```text
//! BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP+BPF_JEQ+BPF_K, ETH_P_IP, 0, 1),    macros of C
//! { .code = 0x28, .k = 12 },                  C, fields by name; those that are left out are 0
//! {Op: 0x28, Jt: 0x0, Jf: 0x0, K: 0xc},       Go, of []bpf.RawInstruction
//! sock_filter { code: 0x28, jt: 0, jf: 0, k: 12 },    Rust
//! [{40 0 0 12} {6 0 0 0}]                     Go, as fmt.Println prints it
//! [(40, 0, 0, 12), (6, 0, 0, 0)]              Python; [[40, 0, 0, 12]] JSON
//! ```
//!
//! Numbers are constant expressions of C; `c_constant.rs` has their names.

use crate::bpf::instruction::RawInstruction;
use crate::text::c_constant::Constants;
use crate::text::cursor::Range;
use crate::text::cursor::Range::{U8, U16, U32};
use crate::text::cursor::{Cursor, Space};
use crate::text::detect::skip_noise;
use crate::text::error::ParseError;

/// The brackets of an instruction, and of all of them.
const BRACKETS: [(&str, &str); 3] = [("{", "}"), ("[", "]"), ("(", ")")];

/// The fields of an instruction, by their names in C and Go, in lower case.
const FIELDS: [(&[&str], Range); 4] = [(&["code", "op"], U16), (&["jt"], U8), (&["jf"], U8), (&["k"], U32)];

/// The macros that stand for an instruction.
const MACROS: [&str; 2] = ["BPF_STMT", "BPF_JUMP"];

/// Whether an array begins a text, behind comments, lines for the preprocessor and a declaration.
pub(super) fn begins(text: &str) -> bool {
    let mut cursor = Cursor::new(text, Space::C);
    skip_noise(&mut cursor);
    skip_preprocessor(&mut cursor, None);
    cursor.rest().starts_with('{') || is_instruction(&cursor) || skip_declaration(&mut cursor).is_some()
}

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut cursor = Cursor::new(text, Space::C);
    let mut constants = Constants::new(text);
    skip_noise(&mut cursor);
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

/// Passes `#include` and the like, and takes in what `#define` says.
fn skip_preprocessor<'a>(cursor: &mut Cursor<'a>, mut constants: Option<&mut Constants<'a>>) {
    cursor.skip_space();
    while cursor.rest().starts_with('#') {
        let mut line = cursor.on_this_line(Space::C);
        if let Some(constants) = &mut constants
            && line.eat("#")
            && line.eat_next("define ")
        {
            constants.define(line.rest());
        }
        cursor.take_while(|c| c != '\n');
        cursor.skip_space();
    }
}

/// Passes `struct sock_filter code[] = {`, or just the outer bracket, if the instructions stand inside one; the result
/// is the bracket that closes it.
fn skip_outer_bracket(cursor: &mut Cursor) -> Result<Option<&'static str>, ParseError> {
    if cursor.is_at_end() || is_instruction(cursor) {
        return Ok(None);
    }
    if !skip_length(&mut cursor.clone())
        && let Some(closing) = open(cursor)
    {
        return Ok(Some(closing));
    }
    let mut ahead = cursor.clone();
    let declared = skip_declaration(&mut ahead);
    if declared.is_none() {
        return Err(no_instruction(cursor));
    }
    *cursor = ahead;
    Ok(declared)
}

/// Passes a declaration and the bracket that opens the array, if instructions or its end follow: the result is the
/// bracket that closes it.
///
/// `static const struct sock_filter code[4] = {`, `[]bpf.RawInstruction{`, `let code: [sock_filter; 4] = [`.
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

/// Passes `[]`, `[4]` or `[sock_filter; 4]`.
fn skip_length(cursor: &mut Cursor) -> bool {
    let mut ahead = cursor.clone();
    let is_length = ahead.eat("[") && {
        ahead.take_while(|c| c.is_ascii_alphanumeric() || "_ .:;*".contains(c));
        ahead.eat("]")
    };
    if is_length {
        *cursor = ahead;
    }
    is_length
}

/// Passes a bracket that opens, and gives the one that closes it.
fn open(cursor: &mut Cursor) -> Option<&'static str> {
    BRACKETS.iter().find(|(opening, _)| cursor.eat_next(opening)).map(|(_, closing)| *closing)
}

/// Whether an instruction stands here: one of the macros, or a bracket, behind the name of a type perhaps, with a
/// number that another one follows, or with a field.
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

/// Passes the bracket before the fields of an instruction, which is a brace behind the name of a type.
fn open_instruction(cursor: &mut Cursor, has_type: bool) -> Option<&'static str> {
    cursor.skip_space();
    if has_type && !cursor.rest().starts_with('{') { None } else { open(cursor) }
}

/// Passes the name of a type, such as `libc::sock_filter`, `bpf.RawInstruction` or `(struct sock_filter)`, if one
/// stands here.
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

/// Passes `.code =`, `code:` or `"code":`, and gives the place of the field among [`FIELDS`].
fn field_name(cursor: &mut Cursor) -> Option<usize> {
    let mut ahead = cursor.clone();
    let by_c = ahead.eat_next(".");
    let quoted = ahead.eat_next("\"");
    ahead.skip_space();
    let name = ahead.word().to_ascii_lowercase();
    let is_named = (!quoted || ahead.eat("\"")) && (by_c && ahead.eat_next("=") || !by_c && ahead.eat_next(":"));
    let place = FIELDS.iter().position(|(names, _)| names.contains(&name.as_str())).filter(|_| is_named)?;
    *cursor = ahead;
    Some(place)
}

/// What stands between instructions: nothing where Go prints their fields with blanks between them.
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
        name => ahead.error(format!("expected `{{`, `BPF_STMT` or `BPF_JUMP`: write out what `{name}` stands for")),
    }
}

/// The arguments of a macro.
fn arguments<'a, const N: usize>(
    cursor: &mut Cursor<'a>,
    constants: &Constants<'a>,
    ranges: [Range; N],
) -> Result<[u32; N], ParseError> {
    let mut values = [0; N];
    for (place, (value, range)) in values.iter_mut().zip(ranges).enumerate() {
        cursor.expect(if place == 0 { "(" } else { "," })?;
        *value = constants.field(cursor, range)?;
    }
    cursor.expect(")").map(|()| values)
}

/// Four fields in their order, behind the bracket.
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

/// Fields by name, in any order, behind the bracket.
fn named_fields<'a>(cursor: &mut Cursor<'a>, constants: &Constants<'a>, closing: &str) -> Result<[u32; 4], ParseError> {
    let mut values = [None; 4];
    loop {
        cursor.skip_space();
        let start = cursor.at();
        let Some(place) = field_name(cursor) else {
            return Err(cursor.error("expected a field: `code`, `jt`, `jf` or `k`"));
        };
        let value = constants.field(cursor, FIELDS[place].1)?;
        if values[place].replace(value).is_some() {
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
    fn what_people_write_in_sources_is_read() {
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
        same("[(40, 0, 0, 12), (21, 0, 1, 2054), (6, 0, 0, 262144), (6, 0, 0, 0)]");
        same("[[40, 0, 0, 12],\n [21, 0, 1, 2054], [6, 0, 0, 262144], [6, 0, 0, 0]]");
        same(
            r#"[{"code": 40, "jt": 0, "jf": 0, "k": 12}, {"code": 21, "jt": 0, "jf": 1, "k": 2054},
                {"code": 6, "k": 262144}, {"code": 6}]"#,
        );
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
        let unknown = "expected `{`, `BPF_STMT` or `BPF_JUMP`: write out what `ALLOW_SYSCALL` stands for";
        assert_eq!(message("{ BPF_STMT(6, 0), ALLOW_SYSCALL(read), }"), unknown);
        assert_eq!(message("BPF_JUMP(BPF_JMP+BPF_JEQ, 1, 0)"), "expected `,`");
        assert_eq!(message("BPF_STMT(6, 0) BPF_STMT(6, 0)"), "expected `,`");
        assert_eq!(message("{ .code = 6, .ret = 0 }"), "expected a field: `code`, `jt`, `jf` or `k`");
        assert_eq!(message("{ .code = 6, .code = 6 }"), "expected each field once");
        assert_eq!(message("BPF_JUMP(0x15, 1, 256, 0)"), "expected a number from 0 to 255");
    }
}
