//! Operators that are missing between tests.
//!
//! People mean tests without an operator between them to be closer than those with one. In the language `and` and `or`
//! bind alike, from the left, so the tests that are joined get parentheses where the order would be another one. Where
//! it is not clear what belongs together, there is no edit.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::lang::cure::ports::is_port;
use crate::lang::cure::words::{Words, ipv4, ipv6, is_direction, is_mac, is_number, is_protocol, keyword, kind};
use crate::lang::cure::{Edit, Site};
use crate::lang::parse::parse;
use crate::lang::tree::Kind;
use crate::lang::words::{Protocol, Word};

/// The number of parts joined by `or` up to which tests beside them are joined.
const MAX_PARTS: usize = 64;

/// What a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject<'t> {
    /// A protocol, and whether it is IP itself.
    Protocol(bool),
    /// The direction and the kind of an id.
    Id(&'t str, &'t str),
    /// A keyword that moves the headers of what follows.
    Mover,
    Other,
}

/// Returns whether two words with an operator between them are the two directions of an id.
fn is_operator(words: &Words, index: usize) -> bool {
    let is_pair = is_direction(words.before(index)) && is_direction(words.get(index + 1));
    matches!(words.get(index), "and" | "or" | "&&" | "||") && !is_pair
}

fn is_or(word: &str) -> bool {
    matches!(word, "or" | "||")
}

fn is_not(word: &str) -> bool {
    matches!(word, "not" | "!")
}

/// Returns where the operand that ends before a word begins.
pub(super) fn start_of(words: &Words, end: usize) -> usize {
    let (mut at, mut depth) = (end, 0_usize);
    while at > 0 {
        match words.get(at - 1) {
            ")" => depth += 1,
            "(" if depth == 0 => break,
            "(" => depth -= 1,
            _ if depth == 0 && is_operator(words, at - 1) => break,
            _ => {}
        }
        at -= 1;
    }
    at
}

/// Returns the end of the operand that begins at a word.
pub(super) fn end_of(words: &Words, start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < words.len() {
        match words.get(at) {
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            _ if depth == 0 && is_operator(words, at) => break,
            _ => {}
        }
        at += 1;
    }
    at
}

fn subject<'t>(words: &Words<'t>, range: Range<usize>) -> Subject<'t> {
    let start = range.clone().find(|&at| !is_not(words.get(at))).unwrap_or(range.end);
    let word = words.get(start);
    let mut at = start + usize::from(is_protocol(word));
    if at > start && (at >= range.end || !is_direction(words.get(at)) && kind(words.get(at)).is_none()) {
        let is_ip = matches!(keyword(word), Some(Word::Protocol(Protocol::Ip | Protocol::Ip6)));
        return if words.get(at) == "[" { Subject::Other } else { Subject::Protocol(is_ip) };
    }
    let from = at;
    while is_direction(words.get(at)) || at > from && is_direction(words.get(at + 1)) {
        at += 1;
    }
    let direction = words.slice(from..at);
    match kind(words.get(at)) {
        Some(Kind::PortRange) => Subject::Id(direction, "port"),
        Some(_) => Subject::Id(direction, words.get(at)),
        None if !direction.is_empty() => Subject::Id(direction, ""),
        None if matches!(word, "vlan" | "mpls" | "pppoes" | "vxlan" | "geneve") => Subject::Mover,
        None if is_id(word) => match (0..start).rev().find(|&at| kind(words.get(at)).is_some()) {
            // It inherits the qualifiers of the kind that it is.
            Some(at) if is_number(word) != matches!(kind(words.get(at)), Some(Kind::Host | Kind::Net)) => {
                subject(words, words.qualifiers(at + 1).start..at + 1)
            }
            _ if is_number(word) => Subject::Other,
            _ => Subject::Id("", "host"),
        },
        None => Subject::Other,
    }
}

/// Returns whether a word is an id that stands for itself; other names may be anything.
fn is_id(word: &str) -> bool {
    is_number(word) || ipv4(word).is_some() || ipv6(word).is_some() || is_mac(word) || word.contains(['.', '/'])
}

/// Returns whether the operand that ends before a word moves the headers of what follows, so that another of its kind
/// looks for a second header.
pub(super) fn moves(words: &Words, end: usize) -> bool {
    subject(words, start_of(words, end)..end) == Subject::Mover
}

/// Returns the operator that is meant between the operand that ends before a word and the one that begins at another.
pub(super) fn operator(words: &Words, end: usize, start: usize) -> Option<&'static str> {
    let [left, right] = [start_of(words, end)..end, start..end_of(words, start)].map(|range| subject(words, range));
    match (left, right) {
        // Two ports or protocols are rarely meant of one packet.
        (Subject::Protocol(one), Subject::Protocol(other)) => Some(if one == other { "or" } else { "and" }),
        (Subject::Id(..), Subject::Id(..)) if left == right => Some("or"),
        (Subject::Id(one, "host"), Subject::Id(other, "net"))
        | (Subject::Id(one, "net"), Subject::Id(other, "host"))
            if one == other =>
        {
            None
        }
        // Another one would look for a second header.
        (Subject::Mover, Subject::Mover) => None,
        (_, Subject::Other) if is_number(words.get(start)) => None,
        _ => Some("and"),
    }
}

/// Returns the edits that put an operator before the word with the error, the more likely one first.
pub(super) fn joined(site: &Site) -> Vec<Edit> {
    let words = &site.words;
    let Some(index) = (0..words.len()).find(|&index| words.span(index..index + 1).start == site.error) else {
        return Vec::new();
    };
    let (word, before) = (words.get(index), words.before(index));
    let begins_test = match keyword(word) {
        Some(Word::And | Word::Or | Word::Mask) => false,
        Some(_) => true,
        None => word == "(" || is_not(word) || is_id(word) || is_port(word) && is_port(before),
    };
    // `net 10.0.0.0 255.0.0` has no second network.
    let is_mask = word.starts_with("255.") || word.starts_with("0.");
    if index == 0 || !begins_test || is_mask || before == "(" || is_not(before) || is_operator(words, index - 1) {
        return Vec::new();
    }
    let Some(operator) = operator(words, index, index) else { return Vec::new() };
    // Tests that contradict each other are meant of two packets, if it is not for their order.
    let has_order = [start_of(words, index)..index, index..end_of(words, index)]
        .into_iter()
        .any(|range| subject(words, range) == Subject::Mover);
    let operators = if operator == "and" && !has_order { &["and", "or"][..] } else { &[operator] };
    let edit = |operator: &&str| {
        let (range, replacement) = grouped(words, index, operator)?;
        let message = format!("expected `and` or `or` before `{word}`");
        Some(Edit { is_guess: true, ..Edit::of(words, range, replacement, message).caused_by(words, index) })
    };
    operators.iter().map_while(edit).collect()
}

/// Returns the words around an index with an operator before it, in parentheses if they need them.
fn grouped(words: &Words, index: usize, operator: &str) -> Option<(Range<usize>, String)> {
    let (mut start, end) = (start_of(words, index), end_of(words, index));
    let follows_operator = start > 0 && is_operator(words, start - 1);
    let before = if follows_operator { words.before(start) } else { "" };
    let is_negated = is_not(words.get(start));
    start += usize::from(is_negated);
    let alone = |range: Range<usize>| Some((range.clone(), format!("{operator} {}", words.slice(range))));
    let pair = || {
        let text = format!("({} {operator} {})", words.slice(start..index), words.slice(index..end));
        Some((start..end, text))
    };
    if operator == "or" {
        return if is_negated || follows_operator && !is_or(before) { pair() } else { alone(index..end) };
    }
    if is_negated {
        return None;
    }
    let is_same = |left: Range<usize>, right: Range<usize>| {
        subject(words, left.clone()) == subject(words, right.clone()) && subject(words, left) != Subject::Other
    };
    // What is joined by `or` before the operand.
    let mut first = start;
    let (mut same, mut others) = (0, 0);
    while same + others < MAX_PARTS && first > 0 && is_operator(words, first - 1) && is_or(words.before(first)) {
        let other = start_of(words, first - 1);
        if is_same(start..index, other..first - 1) {
            same += 1
        } else {
            others += 1
        }
        first = other;
    }
    let is_whole = first == 0 || !is_operator(words, first - 1);
    match (same, others) {
        (0, 0) => {}
        (_, 0) if is_whole => {}
        (0, _) => return pair(),
        _ => return None,
    }
    // What is joined by `or` behind it.
    let (mut last, mut are_same, mut count) = (end, true, 0);
    while count < MAX_PARTS && is_operator(words, last) && is_or(words.get(last)) {
        let other = last + 1..end_of(words, last + 1);
        are_same &= is_same(index..end, other.clone());
        last = other.end;
        count += 1;
    }
    if same + others == MAX_PARTS || count == MAX_PARTS {
        return None;
    }
    if last == end {
        return alone(index..end);
    }
    let chain = words.slice(index..last);
    match (parse(chain).is_ok(), are_same) {
        (true, true) => Some((index..last, format!("and ({chain})"))),
        // The other parts have tests without an operator between them, too.
        (false, _) if parse(words.slice(index..end)).is_ok() => pair(),
        _ => None,
    }
}
