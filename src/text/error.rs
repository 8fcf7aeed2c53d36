//! The error of reading a program, with its place.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

/// The error of reading a program: a place, and the text that was expected there.
///
/// It prints the line with a caret below the place:
///
/// ```
/// let error = "ldh [12]\njne #0x806 drop\n".parse::<cbpf::Program>().unwrap_err();
/// assert_eq!((error.line(), error.column()), (2, 12));
/// assert_eq!(error.to_string(), "\
/// line 2, column 12: expected `,`
///   |
/// 2 | jne #0x806 drop
///   |            ^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ParseError {
    location: Location,
    message: String,
    help: Option<Box<Help>>,
}

/// A sentence that says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Help {
    sentence: String,
    suggestion: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Location {
    /// A line and a column of a text, from 1, with the part of the line around the column.
    Text { line: usize, column: usize, excerpt: String, caret: usize, width: usize },
    /// A byte of a raw program, from 0.
    Byte(usize),
}

/// The length of the excerpt on each side of the caret, in characters.
const EXCERPT: usize = 60;

/// Returns the last boundary of a character up to byte `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

impl ParseError {
    /// Creates an error at byte `at` of `text`.
    pub(crate) fn at(text: &str, at: usize, message: impl Into<String>) -> ParseError {
        let at = boundary(text, at);
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let number = text[..start].matches('\n').count() + 1;
        ParseError::in_line(number, &text[start..], at - start, message)
    }

    /// Creates an error at byte `at` of a line with this number, from 1, such as a line of a file of rules.
    ///
    /// ```
    /// let error = cbpf::text::ParseError::in_line(7, "web: tcp prt 80", 9, "expected `port`");
    /// assert_eq!(error.to_string(), "\
    /// line 7, column 10: expected `port`
    ///   |
    /// 7 | web: tcp prt 80
    ///   |          ^");
    /// ```
    pub fn in_line(number: usize, text: &str, at: usize, message: impl Into<String>) -> ParseError {
        let (line, at) = (number, boundary(text, at));
        let whole: Vec<char> = text.lines().next().unwrap_or("").chars().collect();
        let before = text[..at].chars().count();
        let first = before.saturating_sub(EXCERPT);
        let last = whole.len().min(before + EXCERPT);
        let excerpt = whole.get(first..last).unwrap_or(&[]).iter().map(|&c| printable(c)).collect();
        let location = Location::Text { line, column: before + 1, excerpt, caret: before - first, width: 1 };
        ParseError { location, message: message.into(), help: None }
    }

    /// Returns the error with a sentence that says what to write instead, and the whole text as it would be valid.
    pub fn with_help(mut self, sentence: impl Into<String>, suggestion: Option<String>) -> ParseError {
        self.help = Some(Box::new(Help { sentence: sentence.into(), suggestion }));
        self
    }

    /// Returns the error with carets below this many characters, as far as the excerpt goes.
    pub(crate) fn spanning(mut self, characters: usize) -> ParseError {
        if let Location::Text { excerpt, caret, width, .. } = &mut self.location {
            *width = characters.min(excerpt.chars().count().saturating_sub(*caret)).max(1);
        }
        self
    }

    /// Creates an error at a byte of a raw program.
    pub(super) fn at_byte(byte: usize, message: impl Into<String>) -> ParseError {
        ParseError { location: Location::Byte(byte), message: message.into(), help: None }
    }

    /// Returns the line, from 1; 1 for a raw program.
    pub fn line(&self) -> usize {
        match self.location {
            Location::Text { line, .. } => line,
            Location::Byte(_) => 1,
        }
    }

    /// Returns the column in characters, from 1; for a raw program the byte, from 1.
    pub fn column(&self) -> usize {
        match self.location {
            Location::Text { column, .. } => column,
            Location::Byte(byte) => byte + 1,
        }
    }

    /// Returns the message without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns a sentence that says what to write instead, if that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_ref().map(|help| help.sentence.as_str())
    }

    /// Returns the whole text as it would be valid, if that can be guessed.
    ///
    /// ```
    /// let error = cbpf::compile_expression("host 10.0.0.1 and port 80-90", &cbpf::LinkType::ETHERNET.into());
    /// let Err(cbpf::ExprError::Invalid(error)) = error else { panic!() };
    /// assert_eq!(error.suggestion(), Some("host 10.0.0.1 and portrange 80-90"));
    /// ```
    pub fn suggestion(&self) -> Option<&str> {
        self.help.as_ref().and_then(|help| help.suggestion.as_deref())
    }
}

/// Replaces tabs and control characters by characters of one column.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Byte(byte) => write!(f, "byte {byte}: {}", self.message),
            Location::Text { line, column, excerpt, caret, width } => {
                let margin = line.to_string().len();
                writeln!(f, "line {line}, column {column}: {}", self.message)?;
                writeln!(f, "{:margin$} |", "")?;
                writeln!(f, "{line} | {excerpt}")?;
                write!(f, "{:margin$} | {:caret$}{:^<width$}", "", "", "")?;
                self.help().map_or(Ok(()), |help| write!(f, "\n{:margin$} = help: {help}", ""))
            }
        }
    }
}

impl core::error::Error for ParseError {}
