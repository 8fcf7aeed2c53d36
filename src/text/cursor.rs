//! The cursor over a text that all parsers of forms share.

use alloc::string::String;

use crate::text::error::ParseError;
use crate::text::{LONGEST, too_long};

/// The beginning of the line that firejail prints before each listing, with the name of a file.
pub(super) const FIREJAIL_FILE: &str = "FILE:";

/// The beginnings of lines that programs and people leave before a program.
#[rustfmt::skip]
const NOISE: [&str; 9] = [
    "Warning:", "WARNING:", "warning:", "tcpdump:", "reading from file ", "listening on ", "dropped privs to ", "$ ",
    FIREJAIL_FILE,
];

/// A position in a text.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    space: Space,
}

/// The text that is allowed between the tokens of a statement.
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

/// The range of a field.
#[derive(Clone, Copy)]
pub(super) enum Range {
    /// 0 to 255
    U8,
    /// 0 to 65,535
    U16,
    /// -2,147,483,648 to 4,294,967,295
    U32,
}

impl Range {
    /// Returns the smallest and the largest number.
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

    /// Returns the position, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns a cursor at the same position of a text that ends with this line.
    pub(super) fn on_this_line(&self, space: Space) -> Cursor<'a> {
        self.up_to(self.rest().find('\n').unwrap_or(self.rest().len()), space)
    }

    /// Returns a cursor at the same position of a text that ends after `bytes` more bytes.
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

    /// Skips the characters for which `keep` holds, and returns them.
    pub(super) fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.skip(end);
        &rest[..end]
    }

    /// Skips blanks, tabs and line ends.
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

    /// Skips the space between two tokens, but not a comment that does not end.
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

    /// Returns the length of a comment here, unless it does not end.
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

    /// Skips the space before a statement; fails at a comment that does not end.
    pub(super) fn next_statement(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        match self.rest().starts_with("/*") {
            true => Err(self.error("expected `*/` to end this comment")),
            false => Ok(()),
        }
    }

    /// Skips `expected` if it is here.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.skip(expected.len());
        }
        found
    }

    /// Skips `expected` if it is the next token; else the position stays.
    pub(super) fn eat_next(&mut self, expected: &str) -> bool {
        let mut ahead = self.clone();
        ahead.skip_space();
        let found = ahead.eat(expected);
        if found {
            *self = ahead;
        }
        found
    }

    /// Skips the next token, which must be `expected`.
    pub(super) fn expect(&mut self, expected: &str) -> Result<(), ParseError> {
        self.skip_space();
        if self.eat(expected) { Ok(()) } else { Err(self.error(format!("expected `{expected}`"))) }
    }

    /// Reads a name, or nothing: letters, digits and `_`, no digit first.
    pub(super) fn word(&mut self) -> &'a str {
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Returns whether a number begins here.
    pub(super) fn is_at_number(&self) -> bool {
        let unsigned = self.rest().trim_start_matches(['-', '+']);
        unsigned.starts_with(|c: char| c.is_ascii_digit()) && self.rest().len() - unsigned.len() <= 1
    }

    /// Reads a number of C and `bpf_asm`: `0x..`, `0b..`, octal with a leading 0, or decimal, with or without a sign.
    ///
    /// Returns the number modulo 2^32.
    pub(super) fn number(&mut self, range: Range) -> Result<u32, ParseError> {
        let start = self.at;
        if !self.is_at_number() {
            return Err(self.error("expected a number"));
        }
        let sign = self.take_while(|c| matches!(c, '-' | '+'));
        let (radix, digits) = radix(self.take_while(|c| c.is_ascii_alphanumeric()));
        self.in_range(start, self.digits(start, sign == "-", digits, radix)?, range)
    }

    /// Reads a number of up to 63 bits that letters of `suffix` may follow, as in `12U` in C.
    pub(super) fn long_number(&mut self, suffix: &[char]) -> Result<i64, ParseError> {
        let start = self.at;
        let sign = self.take_while(|c| matches!(c, '-' | '+'));
        let (radix, digits) = radix(self.take_while(|c| c.is_ascii_alphanumeric()).trim_end_matches(suffix));
        self.digits(start, sign == "-", digits, radix)
    }

    /// Reads a number of decimal digits only, as in the output of `tcpdump -ddd`.
    pub(super) fn decimal(&mut self, range: Range) -> Result<u32, ParseError> {
        self.unsigned(10, "expected a decimal number", range)
    }

    /// Reads a number of hexadecimal digits only, as in the output of firejail.
    pub(super) fn hexadecimal(&mut self, range: Range) -> Result<u32, ParseError> {
        self.unsigned(16, "expected a hexadecimal number", range)
    }

    fn unsigned(&mut self, radix: u32, expected: &str, range: Range) -> Result<u32, ParseError> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_digit(radix));
        if digits.is_empty() {
            return Err(self.error(expected));
        }
        self.in_range(start, self.digits(start, false, digits, radix)?, range)
    }

    /// Returns the value of a field modulo 2^32, if it is in its range; `start` is its position.
    pub(super) fn in_range(&self, start: usize, value: i64, range: Range) -> Result<u32, ParseError> {
        let (low, high) = range.bounds();
        if !(low..=high).contains(&value) {
            return Err(self.error_at(start, format!("expected a number from {low} to {high}")));
        }
        Ok(value as u32)
    }

    /// Returns the value of digits; too many give the largest number.
    fn digits(&self, start: usize, negative: bool, digits: &str, radix: u32) -> Result<i64, ParseError> {
        if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
            return Err(self.error_at(start, format!("expected a number in base {radix}")));
        }
        let magnitude = i64::from_str_radix(digits, radix).unwrap_or(i64::MAX);
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// Skips the end of a line, or reaches the end of the text.
    pub(super) fn end_of_line(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.eat("\n") || self.is_at_end() { Ok(()) } else { Err(self.error("expected the end of the line")) }
    }

    /// Fails if another instruction would make a program of `instructions` instructions too long.
    pub(super) fn limit(&self, instructions: usize) -> Result<(), ParseError> {
        if instructions < LONGEST { Ok(()) } else { Err(self.error(too_long())) }
    }

    /// Creates an error at this position.
    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        self.error_at(self.at, message)
    }

    /// Creates an error at another position of the text.
    pub(super) fn error_at(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, at, message)
    }
}

/// Splits a number into its radix and its digits.
fn radix(digits: &str) -> (u32, &str) {
    let lower = |prefix: [char; 2]| digits.strip_prefix('0').and_then(|rest| rest.strip_prefix(prefix));
    match digits {
        _ if lower(['x', 'X']).is_some() => (16, &digits[2..]),
        _ if lower(['b', 'B']).is_some() => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}
