//! Operands in listings and in assembler, which share all but a few words.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa::{self, Opcode, OperandForm};
use crate::packet::ancillary::{self, Extension};
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;

/// One of the two notations, where they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Listing,
    Assembler,
}

/// An operand in a text.
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
    /// `x`, `a`, a label, or any other word.
    Word(&'a str),
}

impl<'a> Operand<'a> {
    /// Reads an operand, which may be nothing.
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

    /// Returns the field `k` if this operand has the form `form`.
    fn k_for(self, form: OperandForm, notation: Notation) -> Option<u32> {
        match (form, self) {
            (OperandForm::A, Operand::Nothing) => (notation == Notation::Listing).then_some(0),
            (OperandForm::Hex | OperandForm::Decimal, Operand::Immediate(k))
            | (OperandForm::Absolute, Operand::Absolute(k))
            | (OperandForm::Indirect, Operand::Indirect(k))
            | (OperandForm::MemShift, Operand::MemShift(k))
            | (OperandForm::Scratch, Operand::Scratch(k))
            | (OperandForm::Target, Operand::Number(k)) => Some(k),
            (OperandForm::Absolute, Operand::Extension(extension)) => Some(extension.offset()),
            (OperandForm::Length, Operand::Length) | (OperandForm::Nothing, Operand::Nothing) => Some(0),
            (OperandForm::X, Operand::Word("x" | "X")) | (OperandForm::A, Operand::Word("a" | "A")) => Some(0),
            _ => None,
        }
    }
}

/// Reads `x` or `a` after `%`.
fn register<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    let start = cursor.at();
    match cursor.word() {
        word @ ("x" | "X" | "a" | "A") => Ok(Operand::Word(word)),
        _ => Err(cursor.error_at(start, "expected `x` or `a`")),
    }
}

/// Reads a number or a name after `#`.
fn hash<'a>(cursor: &mut Cursor<'a>) -> Result<Operand<'a>, ParseError> {
    cursor.skip_space();
    if cursor.is_at_number() {
        return Ok(Operand::Immediate(cursor.number(Range::U32)?));
    }
    let start = cursor.at();
    let word = cursor.word();
    named(word).ok_or_else(|| cursor.error_at(start, "expected a number, `len` or the name of an ancillary load"))
}

/// Reads `12]`, `x + 14]` or `vlan_tci]` after `[`.
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

/// Reads a number and the closing bracket.
fn closed(cursor: &mut Cursor) -> Result<u32, ParseError> {
    cursor.skip_space();
    let k = cursor.number(Range::U32)?;
    cursor.expect("]")?;
    Ok(k)
}

/// Reads a bare number, or `4*([14]&0xf)`.
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

/// Returns the instruction with one of these mnemonics and this operand, which is at `at`.
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
    let mut forms: Vec<&str> = rows().map(|row| notation_of(row.form)).collect();
    forms.dedup();
    Err(cursor.error_at(at, format!("expected `{}` with {}", names[0], forms.join(" or "))))
}

/// Returns whether instructions with these mnemonics have no operand, so that the next statement follows.
pub(super) fn takes_nothing(names: [&str; 2]) -> bool {
    isa::TABLE.iter().filter(|row| names.contains(&row.mnemonic)).all(|row| row.form == OperandForm::Nothing)
}

/// Returns whether a word is a mnemonic.
pub(super) fn is_mnemonic(word: &str) -> bool {
    isa::TABLE.iter().any(|row| row.mnemonic == word)
}

/// Returns the notation of an operand, for messages.
fn notation_of(form: OperandForm) -> &'static str {
    match form {
        OperandForm::Nothing => "no operand",
        OperandForm::Hex | OperandForm::Decimal => "`#k`",
        OperandForm::X => "`x`",
        OperandForm::A => "`a`",
        OperandForm::Absolute => "`[k]` or the name of an ancillary load",
        OperandForm::Indirect => "`[x + k]`",
        OperandForm::MemShift => "`4*([k]&0xf)`",
        OperandForm::Scratch => "`M[k]`",
        OperandForm::Length => "`#len`",
        OperandForm::Target => "a target",
    }
}

/// Prints the operand of an instruction of `row`, without jump targets.
pub(super) fn print(row: &Opcode, k: u32, notation: Notation) -> String {
    let signed = k as i32;
    match row.form {
        OperandForm::Nothing | OperandForm::Target => String::new(),
        OperandForm::Hex => format!("#{k:#x}"),
        OperandForm::Decimal => format!("#{signed}"),
        OperandForm::X => "x".to_owned(),
        OperandForm::A if notation == Notation::Listing => String::new(),
        OperandForm::A => "a".to_owned(),
        OperandForm::Absolute => absolute(k, notation),
        OperandForm::Indirect => format!("[x + {signed}]"),
        OperandForm::MemShift => format!("4*([{signed}]&0xf)"),
        OperandForm::Scratch => format!("M[{signed}]"),
        OperandForm::Length if notation == Notation::Listing => "#pktlen".to_owned(),
        OperandForm::Length => "#len".to_owned(),
    }
}

fn absolute(k: u32, notation: Notation) -> String {
    let extension = Extension::from_offset(k);
    match notation {
        Notation::Listing => match extension {
            Some(extension) => format!("[{}]", extension.listing_name()),
            None => format!("[{}]", k as i32),
        },
        Notation::Assembler => match extension.and_then(Extension::assembler_name) {
            Some(name) => name.to_owned(),
            None if k >= ancillary::BASE => format!("[{k:#x}]"),
            None => format!("[{}]", k as i32),
        },
    }
}

/// The beginning of the comment with the unused fields of an instruction that are not 0. Machines ignore them, and
/// libpcap leaves some set.
const UNUSED: &str = "; unused";

/// Prints a comment with the unused fields of an instruction, or nothing if they are 0.
pub(super) fn print_unused(raw: RawInstruction) -> String {
    let RawInstruction { jt, jf, k, .. } = raw.unused();
    let fields = [("jt", u32::from(jt)), ("jf", u32::from(jf)), ("k", k)];
    let fields = fields.iter().filter(|(_, value)| *value != 0);
    let fields: String = fields.map(|(name, value)| format!(" {name} {value:#x}")).collect();
    if fields.is_empty() { fields } else { format!(" {UNUSED}{fields}") }
}

/// Reads the comment of [`print_unused`]; any other comment stays.
pub(super) fn parse_unused(cursor: &mut Cursor) -> RawInstruction {
    let mut fields = RawInstruction::default();
    let blanks = cursor.rest().len() - cursor.rest().trim_start_matches([' ', '\t', '\r']).len();
    if !cursor.rest()[blanks..].starts_with(UNUSED) {
        return fields;
    }
    // If line ends were lost, the next instruction of a listing may follow.
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

/// Prints the four fields of an instruction without a notation.
pub(super) fn print_raw(RawInstruction { code, jt, jf, k }: RawInstruction) -> String {
    format!("{code:#x}, {jt}, {jf}, {k:#x}")
}

/// Reads the fields of [`print_raw`]; missing fields at the end are 0.
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
