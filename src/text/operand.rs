//! Operands, as the listing and the assembler write them: both notations share all but a few words.

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa;
use crate::bpf::isa::{Form, Row};
use crate::packet::ancillary;
use crate::packet::ancillary::Extension;
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;

/// Which of the two notations is meant, where they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Listing,
    Assembler,
}

/// An operand as it stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    Nothing,
    Number(u32),
    Immediate(u32),
    Absolute(u32),
    Indirect(u32),
    MemShift(u32),
    Scratch(u32),
    Length,
    Extension(Extension),
    /// `x`, `a`, a label, or something that is none of them.
    Word(&'a str),
}

impl<'a> Operand<'a> {
    /// Reads an operand; nothing is one too.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
        cursor.skip_space();
        if cursor.eat("#") {
            return hash(cursor);
        }
        if cursor.eat("[") {
            return bracket(cursor);
        }
        if cursor.is_at_number() {
            return number(cursor);
        }
        if cursor.eat("%") {
            return register(cursor);
        }
        match cursor.word() {
            "" => Ok(Operand::Nothing),
            "M" | "m" if cursor.eat_next("[") => Ok(Operand::Scratch(closed(cursor)?)),
            word => Ok(named(word).unwrap_or(Operand::Word(word))),
        }
    }

    /// The field `k`, if an instruction with an operand of `form` may stand with this one.
    fn k_for(self, form: Form, notation: Notation) -> Option<u32> {
        match (form, self) {
            (Form::A, Operand::Nothing) => (notation == Notation::Listing).then_some(0),
            (Form::Hex | Form::Decimal, Operand::Immediate(k))
            | (Form::Absolute, Operand::Absolute(k))
            | (Form::Indirect, Operand::Indirect(k))
            | (Form::MemShift, Operand::MemShift(k))
            | (Form::Scratch, Operand::Scratch(k))
            | (Form::Target, Operand::Number(k)) => Some(k),
            (Form::Absolute, Operand::Extension(extension)) => Some(extension.offset()),
            (Form::Length, Operand::Length) | (Form::Nothing, Operand::Nothing) => Some(0),
            (Form::X, Operand::Word("x" | "X")) | (Form::A, Operand::Word("a" | "A")) => Some(0),
            _ => None,
        }
    }
}

/// Behind `%`: `x` or `a`.
fn register<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    let start = cursor.at();
    match cursor.word() {
        word @ ("x" | "X" | "a" | "A") => Ok(Operand::Word(word)),
        _ => Err(cursor.error_at(start, "expected `x` or `a`")),
    }
}

/// Behind `#`: a number, or a name.
fn hash<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    cursor.skip_space();
    if cursor.is_at_number() {
        return Ok(Operand::Immediate(cursor.number(Range::U32)?));
    }
    let start = cursor.at();
    let word = cursor.word();
    named(word).ok_or_else(|| cursor.error_at(start, "expected a number, `len` or the name of an ancillary load"))
}

/// Behind `[`: `12]`, `x + 14]` or `vlan_tci]`.
fn bracket<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    cursor.skip_space();
    if cursor.is_at_number() {
        return Ok(Operand::Absolute(closed(cursor)?));
    }
    let is_register = cursor.eat("%");
    let start = cursor.at();
    let word = cursor.word();
    if word.eq_ignore_ascii_case("x") {
        cursor.expect("+")?;
        return Ok(Operand::Indirect(closed(cursor)?));
    }
    let extension = named(word)
        .filter(|_| !is_register)
        .ok_or_else(|| cursor.error_at(start, "expected an offset or `x + offset`"))?;
    cursor.expect("]")?;
    Ok(extension)
}

/// A number and the bracket that closes it.
fn closed(cursor: &mut Cursor) -> Result<u32, ParseError> {
    cursor.skip_space();
    let k = cursor.number(Range::U32)?;
    cursor.expect("]")?;
    Ok(k)
}

/// A bare number, or the 4 of `4*([14]&0xf)`.
fn number<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    let start = cursor.at();
    let number = cursor.number(Range::U32)?;
    if !cursor.eat_next("*") {
        return Ok(Operand::Number(number));
    }
    cursor.expect("(")?;
    cursor.expect("[")?;
    let k = closed(cursor)?;
    cursor.expect("&")?;
    cursor.skip_space();
    let mask = cursor.number(Range::U32)?;
    cursor.expect(")")?;
    if (number, mask) == (4, 0xf) {
        Ok(Operand::MemShift(k))
    } else {
        Err(cursor.error_at(start, "expected `4*([k]&0xf)`: no other factor or mask"))
    }
}

fn named<'a>(word: &str) -> Option<Operand<'a>> {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "len" | "pktlen" => Some(Operand::Length),
        _ => Extension::from_name(&word).map(Operand::Extension),
    }
}

/// The instruction of one of these names with that operand; `at` is where the operand stands.
pub(super) fn instruction(
    names: [&str; 2],
    operand: Operand,
    notation: Notation,
    at: usize,
    cursor: &Cursor,
) -> Result<RawInstruction, ParseError> {
    let rows = || isa::TABLE.iter().filter(|row| names.contains(&row.mnemonic));
    if let Some((row, k)) = rows().find_map(|row| Some((row, operand.k_for(row.form, notation)?))) {
        return Ok(RawInstruction::new(row.code, 0, 0, k));
    }
    let mut forms: Vec<&str> = rows().map(|row| written(row.form)).collect();
    forms.dedup();
    Err(cursor.error_at(at, format!("expected `{}` with {}", names[0], forms.join(" or "))))
}

/// Whether instructions of these names have no operand, so that what follows is the next statement.
pub(super) fn takes_nothing(names: [&str; 2]) -> bool {
    isa::TABLE.iter().filter(|row| names.contains(&row.mnemonic)).all(|row| row.form == Form::Nothing)
}

/// Whether an instruction has this name.
pub(super) fn is_mnemonic(word: &str) -> bool {
    isa::TABLE.iter().any(|row| row.mnemonic == word)
}

/// How an operand looks, for messages.
fn written(form: Form) -> &'static str {
    match form {
        Form::Nothing => "no operand",
        Form::Hex | Form::Decimal => "`#k`",
        Form::X => "`x`",
        Form::A => "`a`",
        Form::Absolute => "`[k]` or the name of an ancillary load",
        Form::Indirect => "`[x + k]`",
        Form::MemShift => "`4*([k]&0xf)`",
        Form::Scratch => "`M[k]`",
        Form::Length => "`#len`",
        Form::Target => "a target",
    }
}

/// The operand of an instruction of `row`, jump targets aside.
pub(super) fn print(row: &Row, k: u32, notation: Notation) -> String {
    let signed = k.cast_signed();
    match row.form {
        Form::Nothing | Form::Target => String::new(),
        Form::Hex => format!("#{k:#x}"),
        Form::Decimal => format!("#{signed}"),
        Form::X => "x".to_owned(),
        Form::A if notation == Notation::Listing => String::new(),
        Form::A => "a".to_owned(),
        Form::Absolute => absolute(k, notation),
        Form::Indirect => format!("[x + {signed}]"),
        Form::MemShift => format!("4*([{signed}]&0xf)"),
        Form::Scratch => format!("M[{signed}]"),
        Form::Length if notation == Notation::Listing => "#pktlen".to_owned(),
        Form::Length => "#len".to_owned(),
    }
}

fn absolute(k: u32, notation: Notation) -> String {
    let extension = Extension::from_offset(k);
    match notation {
        Notation::Listing => match extension {
            Some(extension) => format!("[{}]", extension.listing_name()),
            None => format!("[{}]", k.cast_signed()),
        },
        Notation::Assembler => match extension.and_then(Extension::assembler_name) {
            Some(name) => name.to_owned(),
            None if k >= ancillary::BASE => format!("[{k:#x}]"),
            None => format!("[{}]", k.cast_signed()),
        },
    }
}

/// Begins the comment with the fields that an opcode does not use, where they are not 0. Machines ignore them, and
/// libpcap leaves some behind.
const UNUSED: &str = "; unused";

/// A comment with what is in the fields that the opcode does not use; nothing if that is 0.
pub(super) fn print_unused(raw: RawInstruction) -> String {
    let RawInstruction { jt, jf, k, .. } = raw.unused();
    let fields = [("jt", u32::from(jt)), ("jf", u32::from(jf)), ("k", k)];
    let fields = fields.iter().filter(|(_, value)| *value != 0);
    let fields: String = fields.map(|(name, value)| format!(" {name} {value:#x}")).collect();
    if fields.is_empty() { fields } else { format!(" {UNUSED}{fields}") }
}

/// The reverse of [`print_unused`]; any other comment is left where it is.
pub(super) fn parse_unused(cursor: &mut Cursor) -> RawInstruction {
    let mut fields = RawInstruction::default();
    let blanks = cursor.rest().len() - cursor.rest().trim_start_matches([' ', '\t', '\r']).len();
    if !cursor.rest()[blanks..].starts_with(UNUSED) {
        return fields;
    }
    // In a listing whose line ends were lost, the next instruction may follow.
    let end = cursor.rest().find(['\n', '(']).unwrap_or(cursor.rest().len());
    let mut ahead = cursor.up_to(end, Space::Line);
    ahead.eat_next(UNUSED);
    loop {
        ahead.skip_space();
        if ahead.is_at_end() {
            cursor.skip(ahead.at() - cursor.at());
            return fields;
        }
        let name = ahead.word();
        ahead.skip_space();
        match (name, ahead.number(Range::U32)) {
            ("jt", Ok(value @ 0..=0xff)) => fields.jt = value as u8,
            ("jf", Ok(value @ 0..=0xff)) => fields.jf = value as u8,
            ("k", Ok(value)) => fields.k = value,
            _ => return RawInstruction::default(),
        }
    }
}

/// An instruction that has no notation: its four fields.
pub(super) fn print_raw(RawInstruction { code, jt, jf, k }: RawInstruction) -> String {
    format!("{code:#x}, {jt}, {jf}, {k:#x}")
}

/// The reverse of [`print_raw`]; fields that are left out at the end are 0.
pub(super) fn parse_raw(cursor: &mut Cursor) -> Result<RawInstruction, ParseError> {
    cursor.skip_space();
    let code = cursor.number(Range::U16)?;
    let mut field = |range| -> Result<u32, ParseError> {
        if !cursor.eat_next(",") {
            return Ok(0);
        }
        cursor.skip_space();
        cursor.number(range)
    };
    let (jt, jf, k) = (field(Range::U8)?, field(Range::U8)?, field(Range::U32)?);
    Ok(RawInstruction::new(code as u16, jt as u8, jf as u8, k))
}
