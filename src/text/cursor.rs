//! Walks over a text and knows where it is: what all the parsers of this room share.

use crate::text::error::ParseError;
use crate::text::{LONGEST, too_long};

/// The beginning of the line that firejail prints before each listing, with the name of a file.
pub(super) const FIREJAIL_FILE: &str = "FILE:";

/// The beginnings of lines that programs and people leave before a program.
const NOISE: [&str; 9] = [
    "Warning:",
    "WARNING:",
    "warning:",
    "tcpdump:",
    "reading from file ",
    "listening on ",
    "dropped privs to ",
    "$ ",
    FIREJAIL_FILE,
];

/// A position in a text.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    space: Space,
}

/// What may stand between the tokens of a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Blanks and tabs: a statement is a line.
    Line,
    /// White space, `/* */` and `//` comments.
    C,
    /// White space, `/* */` and `;` comments, and `#` comments that begin a line.
    Assembler,
    /// White space, `/* */` and `#` comments.
    Hash,
}

/// The numbers that a field takes.
#[derive(Clone, Copy)]
pub(super) enum Range {
    /// 0 to 255
    U8,
    /// 0 to 65,535
    U16,
    /// 0 to 4,294,967,295, or as many below zero as 32 bits hold.
    U32,
}

impl Range {
    pub(super) fn bounds(self) -> (i64, i64) {
        match self {
            Range::U8 => (0, 0xff),
            Range::U16 => (0, 0xffff),
            Range::U32 => (i64::from(i32::MIN), 0xffff_ffff),
        }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, space: Space) -> Cursor<'a> {
        Cursor { text, at: 0, space }
    }

    /// The offset of the place, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// A cursor at the same place of a text that ends with this line.
    pub(super) fn on_this_line(&self, space: Space) -> Cursor<'a> {
        self.up_to(self.rest().find('\n').unwrap_or(self.rest().len()), space)
    }

    /// A cursor at the same place of a text that ends so many bytes behind it.
    pub(super) fn up_to(&self, bytes: usize, space: Space) -> Cursor<'a> {
        Cursor { text: &self.text[..self.at + bytes], at: self.at, space }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Passes what `keep` holds for, and gives it.
    pub(super) fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.skip(end);
        &rest[..end]
    }

    /// Passes blanks, tabs and line ends.
    pub(super) fn skip_lines(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    /// Skips lines before a program that do not belong to it: messages of tcpdump, prompts.
    pub(super) fn skip_noise(&mut self) {
        loop {
            self.skip_lines();
            let line = self.on_this_line(Space::Line).rest();
            let is_prompt = line.contains("$ tcpdump ") || line.contains("# tcpdump ");
            if !is_prompt && !NOISE.iter().any(|noise| line.starts_with(noise)) {
                return;
            }
            self.skip(line.len());
        }
    }

    /// Passes what may stand between two tokens. A comment that does not end stays.
    pub(super) fn skip_space(&mut self) {
        if self.space == Space::Line {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\r'));
            return;
        }
        loop {
            self.skip_lines();
            match self.comment() {
                Some(len) => self.skip(len),
                None => return,
            }
        }
    }

    /// The length of the comment that begins here, if one does and it ends.
    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        let begins_line = self.at == 0 || self.text[..self.at].ends_with('\n');
        let is_line_comment = match self.space {
            Space::Line => false,
            Space::C => rest.starts_with("//"),
            Space::Assembler => rest.starts_with(';') || begins_line && rest.starts_with('#'),
            Space::Hash => rest.starts_with('#'),
        };
        if is_line_comment {
            return Some(rest.find('\n').unwrap_or(rest.len()));
        }
        rest.strip_prefix("/*")?.find("*/").map(|end| end + 4)
    }

    /// Passes what stands before a statement, and says so if that is a comment that does not end.
    pub(super) fn next_statement(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        match self.rest().starts_with("/*") {
            true => Err(self.error("expected `*/` to end this comment")),
            false => Ok(()),
        }
    }

    /// Passes `expected` if it stands here.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.skip(expected.len());
        }
        found
    }

    /// Passes `expected` if it is the next token; else stays where it is.
    pub(super) fn eat_next(&mut self, expected: &str) -> bool {
        let mut ahead = self.clone();
        ahead.skip_space();
        let found = ahead.eat(expected);
        if found {
            *self = ahead;
        }
        found
    }

    /// Passes `expected`, the next token, or says that it is missing.
    pub(super) fn expect(&mut self, expected: &str) -> Result<(), ParseError> {
        self.skip_space();
        if self.eat(expected) { Ok(()) } else { Err(self.error(format!("expected `{expected}`"))) }
    }

    /// A name, or nothing: letters, digits and `_`, no digit first.
    pub(super) fn word(&mut self) -> &'a str {
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Whether a number begins here.
    pub(super) fn is_at_number(&self) -> bool {
        let unsigned = self.rest().trim_start_matches(['-', '+']);
        unsigned.starts_with(|c: char| c.is_ascii_digit()) && self.rest().len() - unsigned.len() <= 1
    }

    /// A number as C and `bpf_asm` write it: `0x..`, `0b..`, octal with a leading 0, or decimal, with or without a sign.
    ///
    /// The result is the number modulo 2^32.
    pub(super) fn number(&mut self, range: Range) -> Result<u32, ParseError> {
        let start = self.at;
        if !self.is_at_number() {
            return Err(self.error("expected a number"));
        }
        let sign = self.take_while(|c| matches!(c, '-' | '+'));
        let (radix, digits) = radix(self.take_while(|c| c.is_ascii_alphanumeric()));
        self.value(start, sign == "-", digits, radix, range)
    }

    /// A number of up to 63 bits that letters of `suffix` may follow, as in C's `12U`.
    pub(super) fn long_number(&mut self, suffix: &[char]) -> Result<i64, ParseError> {
        let start = self.at;
        let sign = self.take_while(|c| matches!(c, '-' | '+'));
        let (radix, digits) = radix(self.take_while(|c| c.is_ascii_alphanumeric()).trim_end_matches(suffix));
        self.digits(start, sign == "-", digits, radix)
    }

    /// A number of decimal digits only, as `tcpdump -ddd` writes it.
    pub(super) fn decimal(&mut self, range: Range) -> Result<u32, ParseError> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.error("expected a decimal number"));
        }
        self.value(start, false, digits, 10, range)
    }

    /// A number of hexadecimal digits only, as firejail writes it.
    pub(super) fn hexadecimal(&mut self, range: Range) -> Result<u32, ParseError> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        if digits.is_empty() {
            return Err(self.error("expected a hexadecimal number"));
        }
        self.value(start, false, digits, 16, range)
    }

    fn value(&self, start: usize, negative: bool, digits: &str, radix: u32, range: Range) -> Result<u32, ParseError> {
        let value = self.digits(start, negative, digits, radix)?;
        let (low, high) = range.bounds();
        if !(low..=high).contains(&value) {
            return Err(self.error_at(start, format!("expected a number from {low} to {high}")));
        }
        Ok(value as u32)
    }

    /// The value of digits, of which too many give the largest number.
    fn digits(&self, start: usize, negative: bool, digits: &str, radix: u32) -> Result<i64, ParseError> {
        if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
            return Err(self.error_at(start, format!("expected a number in base {radix}")));
        }
        let magnitude = i64::from_str_radix(digits, radix).unwrap_or(i64::MAX);
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// The end of a line, or of the text.
    pub(super) fn end_of_line(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.eat("\n") || self.is_at_end() { Ok(()) } else { Err(self.error("expected the end of the line")) }
    }

    /// Says that a program is too long, if it has so many instructions and another one begins here.
    pub(super) fn limit(&self, instructions: usize) -> Result<(), ParseError> {
        if instructions < LONGEST { Ok(()) } else { Err(self.error(too_long())) }
    }

    /// An error at this place.
    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        self.error_at(self.at, message)
    }

    /// An error at another place of the text.
    pub(super) fn error_at(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, at, message)
    }
}

fn radix(digits: &str) -> (u32, &str) {
    let lower = |prefix: [char; 2]| digits.strip_prefix('0').and_then(|rest| rest.strip_prefix(prefix));
    match digits {
        _ if lower(['x', 'X']).is_some() => (16, &digits[2..]),
        _ if lower(['b', 'B']).is_some() => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}
