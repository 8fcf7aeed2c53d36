//! The lexer, which reads one token at a time.
//!
//! It takes the longest possible token, so `80-90` and `tcp-syn` are one token each, and `len-4` is a name rather than
//! a difference. Keywords are lower case; a word after a backslash is a name.

use alloc::string::String;
use core::net::Ipv6Addr;
use core::ops::Range;

use crate::lang::keywords;
use crate::lang::tree::Dotted;
use crate::lang::words::Word;
use crate::text::ParseError;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Word(Word),
    /// One or two characters: `(`, `<<`, ...; `==` is `=`, and `&&`, `||` and `!` are words.
    Symbol(&'static str),
    Number(u32),
    /// A name that is no keyword, or a word after a backslash.
    Name(&'t str),
    Dotted(Dotted),
    Ipv6(Ipv6Addr),
    Mac([u8; 6]),
    /// `$0e`
    Byte(u8),
    End,
}

/// A text, and the position of the next token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// The symbols, the longer ones first.
static SYMBOLS: [&str; 21] =
    ["<<", ">>", "<=", ">=", "!=", "+", "-", "*", "/", "%", ":", "[", "]", "<", ">", "(", ")", "&", "|", "^", "="];

/// The symbols that stand for words.
static OPERATORS: [(&str, Word); 3] = [("&&", Word::And), ("||", Word::Or), ("!", Word::Not)];

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: 0 }
    }

    /// Returns the next token and its span; from the end of the text on, [`Token::End`].
    pub(super) fn next(&mut self) -> Result<(Token<'t>, Range<usize>), ParseError> {
        let white = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        self.at = self.text.len() - self.text[self.at..].trim_start_matches(white).len();
        let start = self.at;
        let rest = &self.text[start..];
        let (token, length) = match rest.as_bytes() {
            [] => (Token::End, 0),
            [first, ..] if first.is_ascii_alphanumeric() || *first == b':' => self.word()?,
            [b'$', ..] => self.byte()?,
            [b'\\', ..] => self.escaped()?,
            _ => symbol(rest).ok_or_else(|| self.error(start, "expected no such character here"))?,
        };
        self.at += length;
        Ok((token, start..self.at))
    }

    fn error(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, at, message)
    }

    /// Reads a token that begins with a letter or a digit, or an IPv6 address that begins with colons.
    fn word(&self) -> Result<(Token<'t>, usize), ParseError> {
        let rest = &self.text[self.at..];
        if let Some(found) = self.with_colons(rest)? {
            return Ok(found);
        }
        let name = &rest[..name_length(rest)];
        if name.is_empty() {
            return Ok((Token::Symbol(":"), 1));
        }
        let length = name.len();
        if !name.as_bytes()[0].is_ascii_digit() {
            let token = match keywords::keyword(name) {
                Some(Word::Number(number)) => Token::Number(number),
                Some(word) => Token::Word(word),
                None => mac(name).map_or(Token::Name(name), Token::Mac),
            };
            return Ok((token, length));
        }
        let token = match mac(name) {
            Some(mac) => Token::Mac(mac),
            None if is_number(name) => Token::Number(self.number(name)?),
            None => dotted(name).map_or(Token::Name(name), Token::Dotted),
        };
        Ok((token, length))
    }

    /// Reads an IPv6 or a MAC address with colons, if one begins here.
    fn with_colons(&self, rest: &str) -> Result<Option<(Token<'t>, usize)>, ParseError> {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits > 4 || rest.as_bytes().get(digits) != Some(&b':') {
            return Ok(None);
        }
        let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let run = &rest[..rest.bytes().take_while(is_part).count()];
        let colons = run.bytes().filter(|&byte| byte == b':').count();
        if colons < 2 {
            // `[12:2]`
            return Ok(None);
        }
        if let Ok(address) = run.parse() {
            return Ok(Some((Token::Ipv6(address), run.len())));
        }
        let mac =
            mac(run).ok_or_else(|| self.error(self.at, format!("expected an IPv6 or a MAC address, found `{run}`")))?;
        Ok(Some((Token::Mac(mac), run.len())))
    }

    /// Parses a number as in C: decimal, hexadecimal after `0x`, octal after `0`.
    fn number(&self, digits: &str) -> Result<u32, ParseError> {
        let (radix, significant) = match digits.as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
            [b'0', _, ..] => (8, &digits[1..]),
            _ => (10, digits),
        };
        if let Some(place) = significant.find(|digit: char| !digit.is_digit(radix)) {
            let at = self.at + digits.len() - significant.len() + place;
            return Err(self.error(at, "expected an octal digit, 0 to 7, in a number that begins with 0"));
        }
        u32::from_str_radix(significant, radix).map_err(|_| self.error(self.at, "expected a number below 2^32"))
    }

    fn byte(&self) -> Result<(Token<'t>, usize), ParseError> {
        let rest = &self.text[self.at + 1..];
        let length = rest.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
        let byte = u8::from_str_radix(&rest[..length], 16);
        let byte = byte.map_err(|_| self.error(self.at, "expected one or two hexadecimal digits after `$`"))?;
        Ok((Token::Byte(byte), 1 + length))
    }

    fn escaped(&self) -> Result<(Token<'t>, usize), ParseError> {
        let rest = &self.text[self.at + 1..];
        let length = rest.find([' ', '!', '(', ')', '\n', '\t']).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.error(self.at, "expected a name after `\\`"));
        }
        Ok((Token::Name(&rest[..length]), 1 + length))
    }
}

fn symbol(rest: &str) -> Option<(Token<'static>, usize)> {
    if rest.starts_with("==") {
        return Some((Token::Symbol("="), 2));
    }
    if let Some(symbol) = SYMBOLS[..5].iter().find(|symbol| rest.starts_with(**symbol)) {
        return Some((Token::Symbol(symbol), symbol.len()));
    }
    if let Some((operator, word)) = OPERATORS.iter().find(|(operator, _)| rest.starts_with(operator)) {
        return Some((Token::Word(*word), operator.len()));
    }
    let symbol = SYMBOLS[5..].iter().find(|symbol| rest.starts_with(**symbol))?;
    Some((Token::Symbol(symbol), symbol.len()))
}

/// Returns the length of the name at the beginning: letters, digits and `.`, and `-` and `_` inside.
fn name_length(text: &str) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let length = text.bytes().take_while(is_part).count();
    text[..length].trim_end_matches(['-', '_']).len()
}

fn is_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        [b'0', b'x' | b'X', hex @ ..] => !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit),
        _ => bytes.iter().all(u8::is_ascii_digit),
    }
}

/// Parses two to four decimal numbers with dots between them; a number above 65,535 becomes 65,535.
fn dotted(text: &str) -> Option<Dotted> {
    let mut dotted = Dotted { parts: [0; 4], count: 0 };
    for part in text.split('.') {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let slot = dotted.parts.get_mut(usize::from(dotted.count))?;
        *slot = part.parse().unwrap_or(u16::MAX);
        dotted.count += 1;
    }
    (dotted.count > 1).then_some(dotted)
}

/// Parses a MAC address: `0:1:2:a:b:c`, also with `.` or `-`; `0001.0a0b.0c0d`; `0001020a0b0c`.
fn mac(text: &str) -> Option<[u8; 6]> {
    let separator = text.bytes().find(|byte| matches!(byte, b':' | b'.' | b'-'));
    let mut bytes = [0; 6];
    let hex = |digits: &str| {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
    };
    let Some(separator) = separator else {
        let whole = (text.len() == 12).then(|| hex(text)).flatten()?;
        bytes.copy_from_slice(&whole.to_be_bytes()[2..]);
        return Some(bytes);
    };
    let mut groups = 0;
    for group in text.split(char::from(separator)) {
        let value = hex(group)?;
        if group.len() <= 2 && groups < 6 {
            bytes[groups] = value as u8;
        } else if group.len() == 4 && groups < 3 && separator == b'.' {
            bytes[2 * groups..2 * groups + 2].copy_from_slice(&(value as u16).to_be_bytes());
        } else {
            return None;
        }
        groups += 1;
    }
    let wide = text.len() == 14 && separator == b'.' && groups == 3;
    (groups == 6 || wide).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(text);
        std::iter::from_fn(|| Some(lexer.next().unwrap().0)).take_while(|token| *token != Token::End).collect()
    }

    #[test]
    fn takes_the_longest_token() {
        assert_eq!(tokens("80-90"), [Token::Name("80-90")]);
        assert_eq!(tokens("len-4"), [Token::Name("len-4")]);
        assert_eq!(tokens("23-"), [Token::Number(23), Token::Symbol("-")]);
        assert_eq!(tokens("tcp-syn"), [Token::Number(2)]);
        assert_eq!(tokens("[12:2]").len(), 5);
        assert_eq!(tokens("a&&b"), [Token::Name("a"), Token::Word(Word::And), Token::Name("b")]);
        assert_eq!(tokens("!=!"), [Token::Symbol("!="), Token::Word(Word::Not)]);
        assert_eq!(tokens("<<=="), [Token::Symbol("<<"), Token::Symbol("=")]);
    }

    #[test]
    fn distinguishes_addresses() {
        assert_eq!(tokens("::1"), [Token::Ipv6("::1".parse().unwrap())]);
        assert_eq!(tokens("fe80::1:2"), [Token::Ipv6("fe80::1:2".parse().unwrap())]);
        assert_eq!(tokens("::1.2.3.4"), [Token::Ipv6("::1.2.3.4".parse().unwrap())]);
        for mac in ["0:1:2:a:b:c", "0-1-2-a-b-c", "0.1.2.a.b.c", "0001.020a.0b0c", "0001020a0b0c"] {
            assert_eq!(tokens(mac), [Token::Mac([0, 1, 2, 10, 11, 12])], "{mac}");
        }
        assert_eq!(tokens("10.1"), [Token::Dotted(Dotted { parts: [10, 1, 0, 0], count: 2 })]);
        assert_eq!(tokens("1.2.3.4.5"), [Token::Name("1.2.3.4.5")]);
        assert_eq!(tokens("$e"), [Token::Byte(14)]);
    }

    #[test]
    fn parses_numbers_as_c_does() {
        assert_eq!(tokens("0x1F 017 19 0"), [31, 15, 19, 0].map(Token::Number));
        for wrong in ["08", "09", "0037777777778", "0040000000000", "4294967296"] {
            assert!(Lexer::new(wrong).next().is_err(), "{wrong}");
        }
    }
}
