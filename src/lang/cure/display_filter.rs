//! Translation of Wireshark's display filters to capture filters.
//!
//! In a display filter `and` binds tighter than `or`; the translation has parentheses where both are. Parts that are
//! tests of capture filters stay as they are, so a text may have both.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::cure::display_fields::{Meaning, meaning, near_field, protocol_test};
use crate::lang::cure::display_tests::{Level, Moves, Part, between, compared, joined, masked, present, same_tag};
use crate::lang::cure::display_values::{bytes, is_value};
use crate::lang::cure::header_fields::has_vlan_tag;
use crate::lang::cure::joining;
use crate::lang::cure::words::{Words, is_direction, is_number, keyword, kind};
use crate::lang::cure::{Edit, Stage, failing};
use crate::lang::target::Target;
use crate::text::ParseError;

/// The depth of parentheses up to which filters are translated.
const MAX_DEPTH: u32 = 32;

const MESSAGE: &str = "this is a Wireshark display filter; capture filters are another language";

/// The reason why a text has no translation.
enum Stop {
    /// It is no display filter.
    Other,
    /// The field at this word has no equivalent.
    NoEquivalent(usize),
    /// The field at this word is another one's, misspelt.
    Field(usize, &'static str),
    /// Something else belongs into the place of this word.
    Value(usize, &'static str),
}

/// Returns the edit that translates a whole text, if it is a display filter.
pub(super) fn edit(text: &str, target: &Target) -> Option<Edit> {
    let words = Words::of(text);
    let first = (0..words.len()).find(|&index| begins_display(&words, index))?;
    let mut parser = Parser::new(&words, target);
    let part = parser.any(0).ok()?;
    while parser.word() == ")" {
        parser.at += 1;
    }
    if parser.at != words.len() || part.text == text {
        return None;
    }
    let mut edit = Edit::of(&words, 0..words.len(), part.text, MESSAGE).caused_by(&words, first);
    // The language finds these headers behind IPv4 only.
    let is_ipv4 = ["tcp[", "udp[", "sctp["].iter().any(|field| edit.replacement.contains(field));
    let lead = match is_ipv4 && !edit.replacement.contains("ip6[") {
        true => "the capture filter, for IPv4 only, is",
        false => "the capture filter is",
    };
    (edit.lead, edit.is_translation) = (Some(lead.into()), true);
    Some(edit)
}

/// Returns the error of a display filter of which the translation fails for the link type, at this stage.
pub(super) fn without_link_type(text: &str, edit: &Edit, stage: Stage, target: &Target) -> Option<ParseError> {
    let (link_type, filter) = (target.link_type, &edit.replacement);
    let help = match stage {
        Stage::Parse => return untranslated(text),
        Stage::Generate => format!("capture filters for link type {link_type} have no equivalent"),
        Stage::Whole => {
            format!("the capture filter would be `{filter}`, which matches no packet of link type {link_type}")
        }
    };
    Some(ParseError::at(text, edit.at, edit.message.as_str()).with_help(help, None))
}

/// Returns the error of a display filter with a field that capture filters cannot test.
pub(super) fn without_equivalent(text: &str, target: &Target) -> Option<ParseError> {
    let words = Words::of(text);
    (0..words.len()).find(|&index| begins_display(&words, index) || is_search(words.get(index)))?;
    let place = |at: usize| words.span(at..at + 1).start;
    let at = match Parser::new(&words, target).any(0) {
        Err(Stop::NoEquivalent(at)) => at,
        Err(Stop::Field(at, near)) => {
            let message = format!("expected a field of Wireshark's, found `{}`; did you mean `{near}`?", words.get(at));
            return Some(ParseError::at(text, place(at), message));
        }
        Err(Stop::Value(at, what)) => {
            let found = if at < words.len() { format!("`{}`", words.get(at)) } else { "the end".to_string() };
            let message = format!("expected {what}, found {found}: this is a Wireshark display filter");
            return Some(ParseError::at(text, place(at), message));
        }
        _ => return None,
    };
    let field = words.get(at);
    let reason = match field {
        "contains" | "matches" | "~" => "expected no search in packets".to_string(),
        _ => format!("expected no field `{field}`"),
    };
    let error = ParseError::at(text, place(at), format!("{reason}: this is a Wireshark display filter"));
    // What `and` joins to the field, or the protocol of the field.
    let mut rest = Parser { leaves_out: true, ..Parser::new(&words, target) };
    let rest = rest.any(0).ok().filter(|_| rest.at == words.len()).map(|part| part.text);
    let is_negated = (0..at).any(|index| matches!(words.get(index), "!" | "not" | "NOT"));
    let protocol = || (0..=at).rev().find_map(|index| protocol_test(&words.get(index).to_ascii_lowercase()));
    let near = rest
        .or_else(|| protocol().filter(|_| !is_negated).map(String::from))
        .filter(|near| failing(near, target).is_none());
    let none = "a capture filter tests bytes at fixed places, and has no equivalent";
    Some(match near {
        Some(near) => error.with_help(format!("{none}; the nearest capture filter is `{near}`"), Some(near)),
        None => error.with_help(none, None),
    })
}

/// Returns the error of a display filter that cannot be translated as a whole.
pub(super) fn untranslated(text: &str) -> Option<ParseError> {
    let words = Words::of(text);
    let first = (0..words.len()).find(|&index| begins_display(&words, index))?;
    let help = "pcap-filter(7) and `cbpf man cbpf-filter.7` describe the language of capture filters";
    Some(ParseError::at(text, words.span(first..first + 1).start, MESSAGE).with_help(help, None))
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
        "==" | "=" | "eq" | "any_eq" => "==",
        "===" | "all_eq" => "===",
        "!=" | "!==" | "ne" | "<>" | "all_ne" => "!=",
        "~=" | "any_ne" => "~=",
        ">" | "gt" => ">",
        ">=" | "ge" | "=>" => ">=",
        "<" | "lt" => "<",
        "<=" | "le" | "=<" => "<=",
        _ => return None,
    })
}

/// Returns why a relation between a field and a value has no translation.
fn unfit(meaning: Meaning, value: &str, at: usize, start: usize) -> Stop {
    let what = match meaning {
        _ if is_value(meaning, value) || value.contains("..") => return Stop::NoEquivalent(start),
        Meaning::Port(..) => "a port",
        Meaning::Address("ip6", _) => "an IPv6 address",
        Meaning::Address(..) => "an IPv4 address",
        Meaning::Mac(_) => "a MAC address",
        Meaning::Keyword(..) | Meaning::Number(..) => "a number",
        Meaning::Flag(..) | Meaning::Test(_) => "0 or 1",
        Meaning::Method | Meaning::Nothing => return Stop::NoEquivalent(start),
    };
    Stop::Value(at, what)
}

struct Parser<'w, 't> {
    words: &'w Words<'t>,
    at: usize,
    /// Set if the tags of VLANs may not be where Ethernet has them.
    is_live: bool,
    /// Set if the packets are frames of 802.11.
    has_wlan: bool,
    /// Set if operands of `and` that have no equivalent are left out.
    leaves_out: bool,
}

type Parsed = Result<Part, Stop>;

impl<'w, 't> Parser<'w, 't> {
    fn new(words: &'w Words<'t>, target: &Target) -> Parser<'w, 't> {
        let has_wlan = words.text.contains("wlan.") && failing("type mgt", target).is_none();
        Parser { words, at: 0, is_live: !has_vlan_tag(target), has_wlan, leaves_out: false }
    }

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
        self.join(parts, Level::Or)
    }

    /// Reads tests that are joined by `and`.
    fn all(&mut self, depth: u32) -> Parsed {
        let mut parts = Vec::new();
        let mut stop = Stop::Other;
        loop {
            let start = self.at;
            match self.operand(depth) {
                Ok(part) => parts.push(part),
                Err(why @ Stop::NoEquivalent(_)) if self.leaves_out => {
                    self.at = joining::end_of(self.words, start);
                    stop = why;
                }
                Err(why) => return Err(why),
            }
            if !matches!(self.word(), "&&" | "and" | "AND") {
                break;
            }
            self.at += 1;
            if self.word().is_empty() {
                break;
            }
        }
        if parts.is_empty() { Err(stop) } else { self.join(parts, Level::And) }
    }

    fn operand(&mut self, depth: u32) -> Parsed {
        if depth > MAX_DEPTH {
            return Err(Stop::Other);
        }
        match self.word() {
            "!" | "not" | "NOT" => {
                self.at += 1;
                // Less inside would be more.
                let leaves_out = core::mem::take(&mut self.leaves_out);
                let operand = self.operand(depth + 1);
                self.leaves_out = leaves_out;
                Ok(operand?.not())
            }
            "(" => {
                self.at += 1;
                let inside = self.any(depth + 1)?;
                // The end closes all.
                match self.word() {
                    ")" => self.at += 1,
                    "" => {}
                    _ => return Err(Stop::Other),
                }
                Ok(inside)
            }
            "" => Err(Stop::Other),
            "any" if begins_display(self.words, self.at + 1) => {
                self.at += 1;
                self.test()
            }
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
        if self.word() == "[" {
            return self.slice(&name, start);
        }
        match meaning(&name) {
            Some(_) if name.starts_with("wlan.") && !self.has_wlan => Err(Stop::NoEquivalent(start)),
            Some(Meaning::Nothing) | None => Err(match near_field(&name) {
                Some(near) => Stop::Field(start, near),
                None => Stop::NoEquivalent(start),
            }),
            Some(meaning) => {
                let part = self.field(meaning, start)?;
                Ok(Part { has_usual_ports: !name.contains('.') && part.text.contains("port "), ..part })
            }
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
        let is_negated = self.word() == "not" && self.words.get(self.at + 1) == "in";
        if is_negated || self.word() == "in" {
            self.at += 1 + usize::from(is_negated);
            let list = self.list(meaning, start)?;
            return Ok(if is_negated { list.not() } else { list });
        }
        let relation = match (relation(self.word()), mask) {
            (Some(relation), _) => relation,
            (None, Some(mask)) => return masked(meaning, mask, "!=", "0").ok_or(Stop::Other),
            // `tcp.port 80`
            (None, None)
                if !matches!(meaning, Meaning::Test(_))
                    && self.word().contains(|c: char| c.is_ascii_digit())
                    && is_value(meaning, self.word()) =>
            {
                self.at -= 1;
                "=="
            }
            (None, None) => return present(meaning).ok_or(Stop::NoEquivalent(start)),
        };
        self.at += 1;
        if relation == "==" && matches!(self.word(), "{" | "(") {
            return self.list(meaning, start);
        }
        let at = self.at;
        let value = self.value();
        if let Some((first, last)) = value.split_once('-').filter(|_| relation == "==" && !is_value(meaning, &value)) {
            if let Some(part) = between(meaning, first, last, self.is_live) {
                return Ok(part);
            }
        }
        if let Some(mask) = mask {
            return masked(meaning, mask, relation, &value).ok_or(Stop::Other);
        }
        compared(meaning, relation, &value, self.is_live).ok_or_else(|| unfit(meaning, &value, at, start))
    }

    /// Reads `[0:3] == 00:11:22` after a field.
    fn slice(&mut self, name: &str, start: usize) -> Parsed {
        let none = Stop::NoEquivalent(start);
        self.at += 1;
        let place = self.next();
        let (offset, length) = place.split_once(':').unwrap_or((place, "1"));
        let is_closed = self.next() == "]";
        let (Ok(offset), Ok(length), Some(relation)) = (offset.parse::<u16>(), length.parse(), relation(self.next()))
        else {
            return Err(none);
        };
        let value = self.value();
        let part = bytes(name, offset, length, &value).filter(|_| is_closed);
        match (part, relation) {
            (Some(part), "==") => Ok(part),
            (Some(part), "!=") => Ok(part.not()),
            _ => Err(none),
        }
    }

    /// Joins parts so that none looks behind a header that another one has moved, unless that is meant.
    fn join(&self, mut parts: Vec<Part>, level: Level) -> Parsed {
        // In `http && tcp.port == 8080`, the port is told.
        let is_told = |part: &Part| !part.has_usual_ports && part.text.contains("tcp port");
        if level == Level::And && parts.iter().any(is_told) {
            parts.retain(|part| !part.has_usual_ports || !part.text.starts_with("tcp port"));
        }
        let (movers, others): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.moves != Moves::No);
        if movers.is_empty() {
            return Ok(joined(others, level));
        }
        if level == Level::And {
            let (first, last): (Vec<Part>, Vec<Part>) = movers.into_iter().partition(|part| part.moves == Moves::First);
            let moves = if first.is_empty() { Moves::Last } else { Moves::First };
            // A packet with two tags has both; other relations are those of one tag.
            let is_equal = |part: &&Part| part.text.strip_prefix("vlan ").is_some_and(is_number);
            let equal = first.iter().filter(is_equal).count();
            let first = if first.len() > 1 && equal < 2 { same_tag(first) } else { first };
            let is_one = first.len() + others.len() + last.len() == 1;
            let part = joined(first.into_iter().chain(others).chain(last).collect(), level);
            return Ok(if is_one { part } else { Part { moves, ..part } });
        }
        let is_mixed = !others.is_empty();
        let mover = if movers.len() == 1 {
            joined(movers, level)
        } else {
            // Another `vlan` would look for a second tag.
            let first = (0..self.at).find(|&index| begins_display(self.words, index)).unwrap_or(0);
            let tags: Option<Vec<String>> = movers.into_iter().map(|part| part.tag).collect();
            Part::new(format!("vlan and ({})", tags.ok_or(Stop::NoEquivalent(first))?.join(" or ")), Level::And)
        };
        let moves = if is_mixed { Moves::Last } else { mover.moves };
        let part = joined(others.into_iter().chain([mover]).collect(), level);
        Ok(Part { moves, ..part })
    }

    /// Reads `{80, 443}` or `{80..90 443}`; a single value needs no braces.
    fn list(&mut self, meaning: Meaning, start: usize) -> Parsed {
        let at = self.at;
        if !matches!(self.next(), "{" | "(") {
            self.at = at;
            let value = self.value();
            return compared(meaning, "==", &value, self.is_live).ok_or_else(|| unfit(meaning, &value, at, start));
        }
        let mut parts = Vec::new();
        while !matches!(self.word(), "}" | ")") {
            if self.at >= self.words.len() {
                return Err(Stop::Other);
            }
            let at = self.at;
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
            parts.push(part.ok_or_else(|| unfit(meaning, &value, at, start))?);
            self.at += usize::from(self.word() == ",");
        }
        self.at += 1;
        if parts.is_empty() { Err(Stop::Other) } else { self.join(parts, Level::Or) }
    }

    /// Reads a value without its quotes.
    fn value(&mut self) -> String {
        self.next().trim_matches(['"', '\'']).to_string()
    }
}
