//! The words of any text, in the language or not.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use crate::lang::keywords;
use crate::lang::token::{Lexer, Token};
use crate::lang::tree::Kind;
use crate::lang::words::{Protocol, Word};

/// The symbols, the longer ones first; those that the language lacks are there, too.
static SYMBOLS: [&str; 33] = [
    "===", "!==", "&&", "||", "==", "!=", "<>", "=>", "=<", ">=", "<=", "<<", ">>", "=~", "~=", "^^", "(", ")", "[",
    "]", "{", "}", ",", ";", "=", "<", ">", "!", "&", "|", "^", "+", "~",
];

/// A text and its words. Letters, digits and what addresses and names of files have in them make a word, quotes with
/// what is between them make one, and every symbol is one.
pub(super) struct Words<'t> {
    pub(super) text: &'t str,
    spans: Vec<Range<usize>>,
}

impl<'t> Words<'t> {
    pub(super) fn of(text: &'t str) -> Words<'t> {
        let mut spans = Vec::new();
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            }
            let length = length(&text[at..], first);
            spans.push(at..at + length);
            at += length;
        }
        Words { text, spans }
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns a word; an empty one before the first and behind the last.
    pub(super) fn get(&self, index: usize) -> &'t str {
        self.spans.get(index).map_or("", |span| &self.text[span.clone()])
    }

    /// Returns the word before an index.
    pub(super) fn before(&self, index: usize) -> &'t str {
        index.checked_sub(1).map_or("", |before| self.get(before))
    }

    /// Returns the part of the text with these words.
    pub(super) fn span(&self, range: Range<usize>) -> Range<usize> {
        let end = self.text.len();
        let start = self.spans.get(range.start).map_or(end, |span| span.start);
        let last = range.end.min(self.len()).checked_sub(1).filter(|&last| last >= range.start);
        start..last.and_then(|last| self.spans.get(last)).map_or(start, |span| span.end)
    }

    /// Returns the words as they are in the text.
    pub(super) fn slice(&self, range: Range<usize>) -> &'t str {
        &self.text[self.span(range)]
    }

    pub(super) fn contains(&self, words: &[&str]) -> bool {
        (0..self.len()).any(|index| words.contains(&self.get(index)))
    }

    /// Returns the qualifiers that end before a word.
    pub(super) fn qualifiers(&self, end: usize) -> Qualified<'t> {
        let mut found = Qualified { start: end, protocol: "", direction: "", kind: "" };
        if let Some(Word::Kind(_)) = keyword(self.before(found.start)) {
            found.start -= 1;
            found.kind = self.get(found.start);
        }
        if let Some(Word::Direction(_)) = keyword(self.before(found.start)) {
            let last = found.start;
            found.start -= 1;
            let is_pair = matches!(self.before(found.start), "or" | "and")
                && found.start > 1
                && matches!(keyword(self.before(found.start - 1)), Some(Word::Direction(_)))
                && self.before(found.start - 1) != self.get(found.start);
            found.start -= if is_pair { 2 } else { 0 };
            found.direction = self.slice(found.start..last);
        }
        if found.start != end {
            if let Some(Word::Protocol(_)) = keyword(self.before(found.start)) {
                found.start -= 1;
                found.protocol = self.get(found.start);
            }
        }
        found
    }

    /// Returns primitives that are joined by `and` in the place of these words, in parentheses if they need them.
    pub(super) fn and_group(&self, range: Range<usize>, group: &str) -> alloc::string::String {
        let is_alone = range.start == 0 && range.end >= self.len();
        let others = self.contains(&["or", "||", "not", "!"]);
        if is_alone || !others { group.into() } else { format!("({group})") }
    }

    /// Returns primitives that are joined by `or` in the place of these words, in parentheses if they need them.
    pub(super) fn or_group(&self, range: Range<usize>, group: &str) -> alloc::string::String {
        let is_alone = range.start == 0 && range.end >= self.len();
        let is_in_parentheses = self.before(range.start) == "(" && self.get(range.end) == ")";
        if is_alone || is_in_parentheses { group.into() } else { format!("({group})") }
    }
}

/// The qualifiers before an id, as written; those that are absent are empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Qualified<'t> {
    /// The index of the first qualifier, or of the id.
    pub(super) start: usize,
    pub(super) protocol: &'t str,
    pub(super) direction: &'t str,
    pub(super) kind: &'t str,
}

impl Qualified<'_> {
    /// Returns these qualifiers with a space behind each.
    pub(super) fn with_kind(&self, kind: &str) -> alloc::string::String {
        let mut text = alloc::string::String::new();
        for part in [self.protocol, self.direction, kind].into_iter().filter(|part| !part.is_empty()) {
            text.push_str(part);
            text.push(' ');
        }
        text
    }

    /// Returns whether the protocol has ports.
    pub(super) fn is_transport(&self) -> bool {
        matches!(self.protocol, "tcp" | "udp" | "sctp")
    }
}

/// Returns the length of the word at the beginning of a text that begins with a character.
fn length(text: &str, first: char) -> usize {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
        return symbol.len();
    }
    if matches!(first, '"' | '\'' | '`') {
        return text[1..].find(first).map_or(1, |end| end + 2);
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let is_symbol = |at: usize| SYMBOLS.iter().any(|symbol| text[at..].starts_with(symbol));
    let end = text.char_indices().skip(1).find(|&(at, c)| is_end(c) || is_symbol(at));
    end.map_or(text.len(), |(at, _)| at)
}

/// Returns the keyword that a word is.
pub(super) fn keyword(word: &str) -> Option<Word> {
    keywords::keyword(word)
}

pub(super) fn is_protocol(word: &str) -> bool {
    matches!(keyword(word), Some(Word::Protocol(_)))
}

/// Returns whether a word is a protocol that has ports.
pub(super) fn is_transport(word: &str) -> bool {
    matches!(keyword(word), Some(Word::Protocol(Protocol::Tcp | Protocol::Udp | Protocol::Sctp)))
}

pub(super) fn is_direction(word: &str) -> bool {
    matches!(keyword(word), Some(Word::Direction(_)))
}

pub(super) fn kind(word: &str) -> Option<Kind> {
    if let Some(Word::Kind(kind)) = keyword(word) { Some(kind) } else { None }
}

pub(super) fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn ipv4(word: &str) -> Option<Ipv4Addr> {
    word.parse().ok()
}

pub(super) fn ipv6(word: &str) -> Option<Ipv6Addr> {
    word.parse().ok()
}

/// Returns whether the whole word is a MAC address.
pub(super) fn is_mac(word: &str) -> bool {
    let mut lexer = Lexer::new(word);
    matches!(lexer.next(), Ok((Token::Mac(_), span)) if span.len() == word.len())
}
