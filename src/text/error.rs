//! What is wrong with a text, and where.

use std::fmt;

/// A program that could not be read: the place, and what was expected there.
///
/// It prints the line with a caret under the place:
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    place: Place,
    message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In a text: line and column from 1, and the line (or the part of it around the column that is shown).
    Text { line: usize, column: usize, excerpt: String, caret: usize },
    /// In raw bytes.
    Byte(usize),
}

/// How much of a long line is shown on each side of the caret, in characters.
const CONTEXT: usize = 60;

impl ParseError {
    /// An error at byte `at` of `text`.
    pub(crate) fn at(text: &str, at: usize, message: impl Into<String>) -> ParseError {
        let at = text.floor_char_boundary(at);
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let number = text[..start].matches('\n').count() + 1;
        ParseError::in_line(number, &text[start..], at - start, message)
    }

    /// An error at byte `at` of the line with this number, from 1, of some text: of a file that has programs or expressions
    /// in some of its lines, say.
    ///
    /// ```
    /// let error = cbpf::ParseError::in_line(7, "web: tcp prt 80", 9, "expected `port`");
    /// assert_eq!(error.to_string(), "\
    /// line 7, column 10: expected `port`
    ///   |
    /// 7 | web: tcp prt 80
    ///   |          ^");
    /// ```
    pub fn in_line(number: usize, text: &str, at: usize, message: impl Into<String>) -> ParseError {
        let (line, at) = (number, text.floor_char_boundary(at));
        let whole: Vec<char> = text.lines().next().unwrap_or("").chars().collect();
        let before = text[..at].chars().count();
        let first = before.saturating_sub(CONTEXT);
        let last = whole.len().min(before + CONTEXT);
        let excerpt = whole.get(first..last).unwrap_or(&[]).iter().map(|&c| printable(c)).collect();
        let place = Place::Text { line, column: before + 1, excerpt, caret: before - first };
        ParseError { place, message: message.into() }
    }

    /// An error at a byte of a raw program.
    pub(super) fn at_byte(byte: usize, message: impl Into<String>) -> ParseError {
        ParseError { place: Place::Byte(byte), message: message.into() }
    }

    /// The line, from 1; 1 for a raw program.
    pub fn line(&self) -> usize {
        match self.place {
            Place::Text { line, .. } => line,
            Place::Byte(_) => 1,
        }
    }

    /// The column in characters, from 1; for a raw program the byte, from 1.
    pub fn column(&self) -> usize {
        match self.place {
            Place::Text { column, .. } => column,
            Place::Byte(byte) => byte + 1,
        }
    }

    /// What is wrong there, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// One column wide, and harmless to a terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Byte(byte) => write!(f, "byte {byte}: {}", self.message),
            Place::Text { line, column, excerpt, caret } => {
                let margin = line.to_string().len();
                writeln!(f, "line {line}, column {column}: {}", self.message)?;
                writeln!(f, "{:margin$} |", "")?;
                writeln!(f, "{line} | {excerpt}")?;
                write!(f, "{:margin$} | {:caret$}^", "", "")
            }
        }
    }
}

impl std::error::Error for ParseError {}
