//! Translation of Wireshark's display filters to capture filters.
//!
//! In a display filter `and` binds tighter than `or`; the translation has parentheses where both are. Parts that are
//! tests of capture filters stay as they are, so a text may have both.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::cure::Edit;
use crate::lang::cure::display_fields::{Meaning, meaning, protocol_test};
use crate::lang::cure::ports::range;
use crate::lang::cure::words::{Qualified, Words, ipv4, ipv6, is_direction, is_mac, is_number, keyword, kind};
use crate::lang::target::Target;
use crate::text::ParseError;

/// The depth of parentheses up to which filters are translated.
const MAX_DEPTH: u32 = 32;

const MESSAGE: &str = "this is a Wireshark display filter; capture filters are another language";

/// A translated part, and how it is joined.
struct Part {
    text: String,
    level: Level,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Test,
    And,
    Or,
}

impl Part {
    fn test(text: impl Into<String>) -> Part {
        Part { text: text.into(), level: Level::Test }
    }

    /// Returns the part as one of a meaning that the table has as a text.
    fn of_text(text: &str) -> Part {
        let level = match (text.contains(" or ") && !text.contains('('), text.contains(" and ")) {
            (true, _) => Level::Or,
            (_, true) => Level::And,
            _ => Level::Test,
        };
        Part { text: text.into(), level }
    }

    /// Returns the text as an operand at a level.
    fn operand(self, level: Level) -> String {
        if self.level == Level::Test || self.level == level { self.text } else { format!("({})", self.text) }
    }

    fn not(self) -> Part {
        Part::test(format!("not {}", self.operand(Level::Test)))
    }

    /// Joins tests by `and`; empty ones are left out.
    fn both(first: &str, second: &str) -> Part {
        match first {
            "" => Part::of_text(second),
            _ => Part { text: format!("{first} and {second}"), level: Level::And },
        }
    }
}

/// The reason why a text has no translation.
enum Stop {
    /// It is no display filter.
    Other,
    /// The field at this word has no equivalent.
    NoEquivalent(usize),
}

/// Returns the edit that translates a whole text, if it is a display filter.
pub(super) fn edit(text: &str, target: &Target) -> Option<Edit> {
    let words = Words::of(text);
    let first = (0..words.len()).find(|&index| begins_display(&words, index))?;
    let mut parser = Parser { words: &words, at: 0, is_live: target.is_live };
    let part = parser.any(0).ok()?;
    if parser.at != words.len() || part.text == text {
        return None;
    }
    let mut edit = Edit::of(&words, 0..words.len(), part.text, MESSAGE).caused_by(&words, first);
    edit.lead = Some("the capture filter is".into());
    Some(edit)
}

/// Returns the error of a display filter with a field that capture filters cannot test.
pub(super) fn without_equivalent(text: &str) -> Option<ParseError> {
    let words = Words::of(text);
    (0..words.len()).find(|&index| begins_display(&words, index) || is_search(words.get(index)))?;
    let mut parser = Parser { words: &words, at: 0, is_live: false };
    let Err(Stop::NoEquivalent(at)) = parser.any(0) else { return None };
    let field = words.get(at);
    let reason = match field {
        "contains" | "matches" | "~" => "expected no search in packets".to_string(),
        _ => format!("expected no field `{field}`"),
    };
    let start = words.span(at..at + 1).start;
    let error = ParseError::at(text, start, format!("{reason}: this is a Wireshark display filter"));
    let near = (0..=at).rev().find_map(|index| protocol_test(&words.get(index).to_ascii_lowercase()));
    let none = "a capture filter tests bytes at fixed places, and has no equivalent";
    Some(match near {
        Some(near) => error.with_help(format!("{none}; the nearest capture filter is `{near}`"), Some(near.into())),
        None => error.with_help(none, None),
    })
}

/// Returns whether a field or protocol of display filters is at an index, which capture filters lack.
fn begins_display(words: &Words, index: usize) -> bool {
    let word = words.get(index).to_ascii_lowercase();
    let is_relation = relation(words.get(index + 1)).is_some() || is_search(words.get(index + 1));
    // `host dns.google`, `port http`
    let before = words.before(index);
    let is_id = (kind(before).is_some() || is_direction(before)) && !is_relation;
    let inherits = matches!(before, "or" | "and" | "not" | "(" | "," | "&&" | "||" | "!")
        && (0..index).any(|at| kind(words.get(at)).is_some())
        && !is_relation
        && !word.contains('.');
    match meaning(&word) {
        _ if is_id || inherits => false,
        Some(_) if word.contains('.') => true,
        Some(Meaning::Test(_) | Meaning::Nothing) => {
            keyword(&word).is_none() && (!words.get(index + 1).starts_with('['))
        }
        _ => false,
    }
}

fn is_search(word: &str) -> bool {
    matches!(word, "contains" | "matches" | "~")
}

/// Returns a relation of display filters as this language has it.
fn relation(word: &str) -> Option<&'static str> {
    Some(match word {
        "==" | "=" | "===" | "eq" | "any_eq" | "all_eq" => "==",
        "!=" | "!==" | "ne" | "~=" | "<>" | "any_ne" | "all_ne" => "!=",
        ">" | "gt" => ">",
        ">=" | "ge" | "=>" => ">=",
        "<" | "lt" => "<",
        "<=" | "le" | "=<" => "<=",
        _ => return None,
    })
}

struct Parser<'w, 't> {
    words: &'w Words<'t>,
    at: usize,
    /// Set if the tags of VLANs are not in the packet.
    is_live: bool,
}

type Parsed = Result<Part, Stop>;

impl<'t> Parser<'_, 't> {
    fn word(&self) -> &'t str {
        self.words.get(self.at)
    }

    fn next(&mut self) -> &'t str {
        let word = self.word();
        self.at += 1;
        word
    }

    /// Reads tests that are joined by `or`.
    fn any(&mut self, depth: u32) -> Parsed {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while matches!(self.word(), "||" | "or" | "OR") {
            self.at += 1;
            parts.push(self.all(depth)?);
        }
        Ok(join(parts, Level::Or, " or "))
    }

    /// Reads tests that are joined by `and`.
    fn all(&mut self, depth: u32) -> Parsed {
        let first = self.operand(depth)?;
        let mut parts = vec![first];
        while matches!(self.word(), "&&" | "and" | "AND") {
            self.at += 1;
            parts.push(self.operand(depth)?);
        }
        Ok(join(parts, Level::And, " and "))
    }

    fn operand(&mut self, depth: u32) -> Parsed {
        if depth > MAX_DEPTH {
            return Err(Stop::Other);
        }
        match self.word() {
            "!" | "not" | "NOT" => {
                self.at += 1;
                Ok(self.operand(depth + 1)?.not())
            }
            "(" => {
                self.at += 1;
                let inside = self.any(depth + 1)?;
                if self.next() != ")" {
                    return Err(Stop::Other);
                }
                Ok(inside)
            }
            "" => Err(Stop::Other),
            _ => self.test(),
        }
    }

    fn test(&mut self) -> Parsed {
        let start = self.at;
        let name = self.word().to_ascii_lowercase();
        if !begins_display(self.words, start) {
            // `ip == 1.2.3.4` has no meaning in either language; `tcp contains "x"` has none here.
            if is_search(self.words.get(start + 1)) {
                return Err(Stop::NoEquivalent(start + 1));
            }
            return self.capture_test();
        }
        self.at += 1;
        if is_search(self.word()) {
            return Err(Stop::NoEquivalent(start));
        }
        match meaning(&name) {
            Some(Meaning::Nothing) | None => Err(Stop::NoEquivalent(start)),
            Some(meaning) => self.field(meaning, start),
        }
    }

    /// Reads a test of the language of capture filters, up to an operator between tests.
    fn capture_test(&mut self) -> Parsed {
        let start = self.at;
        let mut depth = 0_u32;
        loop {
            match self.word() {
                "" => break,
                "&&" | "||" | "and" | "or" | ")" if depth == 0 => break,
                "(" => depth += 1,
                ")" => depth -= 1,
                _ if self.at > start && depth == 0 && begins_display(self.words, self.at) => return Err(Stop::Other),
                _ => {}
            }
            self.at += 1;
        }
        if self.at == start { Err(Stop::Other) } else { Ok(Part::test(self.words.slice(start..self.at))) }
    }

    /// Reads the relation and the value after a field.
    fn field(&mut self, meaning: Meaning, start: usize) -> Parsed {
        let mut mask = None;
        if self.word() == "&" {
            self.at += 1;
            mask = Some(self.next());
        }
        if self.word() == "in" {
            self.at += 1;
            return self.list(meaning, start);
        }
        let Some(relation) = relation(self.word()) else {
            return match mask {
                Some(mask) => masked(meaning, mask, "!=", "0").ok_or(Stop::Other),
                None => present(meaning).ok_or(Stop::NoEquivalent(start)),
            };
        };
        self.at += 1;
        let value = self.value();
        match mask {
            Some(mask) => masked(meaning, mask, relation, &value).ok_or(Stop::Other),
            None => compared(meaning, relation, &value, self.is_live).ok_or(Stop::NoEquivalent(start)),
        }
    }

    /// Reads `{80, 443}` or `{80..90 443}`.
    fn list(&mut self, meaning: Meaning, start: usize) -> Parsed {
        if !matches!(self.next(), "{" | "(") {
            return Err(Stop::Other);
        }
        let mut parts = Vec::new();
        while !matches!(self.word(), "}" | ")") {
            if self.at >= self.words.len() {
                return Err(Stop::Other);
            }
            let value = self.value();
            let mut bounds = value.split_once("..").map(|(first, last)| (first.to_string(), last.to_string()));
            if self.word() == ".." {
                self.at += 1;
                bounds = Some((value.clone(), self.value()));
            }
            let part = match bounds {
                Some((first, last)) => between(meaning, &first, &last, self.is_live),
                None => compared(meaning, "==", &value, self.is_live),
            };
            parts.push(part.ok_or(Stop::NoEquivalent(start))?);
            self.at += usize::from(self.word() == ",");
        }
        self.at += 1;
        if parts.is_empty() { Err(Stop::Other) } else { Ok(join(parts, Level::Or, " or ")) }
    }

    /// Reads a value without its quotes.
    fn value(&mut self) -> String {
        self.next().trim_matches(['"', '\'']).to_string()
    }
}

fn join(mut parts: Vec<Part>, level: Level, between: &str) -> Part {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let texts: Vec<String> = parts.into_iter().map(|part| part.operand(level)).collect();
    Part { text: texts.join(between), level }
}

/// Returns the test for packets that have a field.
fn present(meaning: Meaning) -> Option<Part> {
    Some(match meaning {
        Meaning::Port(protocol, _) | Meaning::Address(protocol, _) => Part::test(protocol),
        Meaning::Keyword(_, _, has) | Meaning::Number(_, has) if !has.is_empty() => Part::of_text(has),
        // The meaning is that it is set.
        Meaning::Flag(field, bits, _) => Part::test(format!("{field} & {bits} != 0")),
        Meaning::Test(test) => Part::of_text(test),
        Meaning::Method => Part::test("tcp dst port 80"),
        _ => return None,
    })
}

/// Returns the test of a relation between a field and a value.
fn compared(meaning: Meaning, relation: &str, value: &str, is_live: bool) -> Option<Part> {
    let is_equal = relation == "==";
    // `!=` holds in packets that have the field, with another value.
    let equal_or_not = |has: &str, test: String| match relation {
        "==" => Some(Part::test(test)),
        "!=" => Some(Part::both(has, &format!("not {test}"))),
        _ => None,
    };
    match meaning {
        Meaning::Port(protocol, direction) => {
            let port: u16 = value.parse().ok()?;
            let qualified = Qualified { start: 0, protocol, direction: direction.trim_end(), kind: "" };
            let test = format!("{protocol} {direction}port {port}");
            equal_or_not(protocol, test).or_else(|| range(&qualified, relation, port).map(Part::test))
        }
        Meaning::Address(protocol, direction) => {
            let (address, length) = value.split_once('/').unwrap_or((value, ""));
            let is_address = if protocol == "ip6" { ipv6(address).is_some() } else { ipv4(address).is_some() };
            let qualifier = if length.is_empty() { "host" } else { "net" };
            let before = if protocol == "arp" { "arp " } else { "" };
            is_address.then(|| equal_or_not(protocol, format!("{before}{direction}{qualifier} {value}")))?
        }
        Meaning::Mac(qualifiers) => is_mac(value).then(|| equal_or_not("", format!("{qualifiers} {value}")))?,
        Meaning::Keyword(keyword, number, has) => {
            let value = number_of(value)?;
            if is_equal {
                return Some(Part::test(format!("{keyword} {value}")));
            }
            let is_elsewhere = is_live && keyword == "vlan";
            (!number.is_empty() && !is_elsewhere)
                .then(|| Part::both(if keyword == "vlan" { has } else { "" }, &format!("{number} {relation} {value}")))
        }
        Meaning::Number(number, has) => {
            let test = format!("{number} {relation} {}", number_of(value)?);
            // The index implies the header, not the ports.
            Some(Part::both(if has.contains("port") || has == "vlan" { has } else { "" }, &test))
        }
        Meaning::Flag(field, bits, has) => {
            let is_set = match value.to_ascii_lowercase().as_str() {
                "1" | "true" => is_equal,
                "0" | "false" => !is_equal,
                _ => return None,
            };
            let relation = if is_set { "!=" } else { "==" };
            Some(Part::both(if has.contains("port") { has } else { "" }, &format!("{field} & {bits} {relation} 0")))
        }
        Meaning::Test(test) => match value.to_ascii_lowercase().as_str() {
            "1" | "true" if is_equal => Some(Part::of_text(test)),
            "0" | "false" if is_equal => Some(Part::of_text(test).not()),
            _ => None,
        },
        Meaning::Method => {
            let bytes = [value, " "].concat();
            let first: [u8; 4] = bytes.as_bytes().get(..4)?.try_into().ok()?;
            let number = u32::from_be_bytes(first);
            equal_or_not("", format!("tcp[((tcp[12] & 0xf0) >> 2):4] == {number:#010x}"))
        }
        Meaning::Nothing => None,
    }
}

/// Returns the test that a field is in a range.
fn between(meaning: Meaning, first: &str, last: &str, is_live: bool) -> Option<Part> {
    if let Meaning::Port(protocol, direction) = meaning {
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        return Some(Part::test(format!("{protocol} {direction}portrange {first}-{last}")));
    }
    let [first, last] =
        [(">=", first), ("<=", last)].map(|(relation, bound)| compared(meaning, relation, bound, is_live));
    Some(join(vec![first?, last?], Level::And, " and "))
}

/// Returns the test of bits of a number.
fn masked(meaning: Meaning, mask: &str, relation: &str, value: &str) -> Option<Part> {
    let number = match meaning {
        Meaning::Number(number, _) | Meaning::Keyword(_, number, _) if !number.is_empty() => number,
        _ => return None,
    };
    Some(Part::test(format!("{number} & {} {relation} {}", number_of(mask)?, number_of(value)?)))
}

/// Returns a value if it is a number.
fn number_of(value: &str) -> Option<&str> {
    let is_hex = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_value = is_number(value) || value.strip_prefix("0x").is_some_and(is_hex);
    is_value.then_some(value)
}
