//! Fields of headers by their names: types of ICMP, flags of TCP, VLANs, protocol numbers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::cure::words::{Words, is_number, is_protocol, keyword, kind};
use crate::lang::cure::{Edit, Habit, Site, joining};
use crate::lang::link_type::LinkType;
use crate::lang::names;
use crate::lang::target::Target;
use crate::lang::tree::Kind;
use crate::lang::words::Word;

pub(super) static HABITS: [Habit; 9] =
    [name_of_number, another_value, arp_operation, flags, icmp_message, field, protocol_name, vlans, vlan_relation];

/// The names of TCP flags and what they are called in the language.
pub(super) static FLAGS: [(&str, &str); 11] = [
    ("syn", "tcp-syn"),
    ("ack", "tcp-ack"),
    ("fin", "tcp-fin"),
    ("rst", "tcp-rst"),
    ("reset", "tcp-rst"),
    ("psh", "tcp-push"),
    ("push", "tcp-push"),
    ("urg", "tcp-urg"),
    ("ece", "tcp-ece"),
    ("ecn", "tcp-ece"),
    ("cwr", "tcp-cwr"),
];

/// Types of ICMP messages: their names and numbers, and what they are called in the language.
static ICMP_TYPES: [(&str, &str); 19] = [
    ("0", "icmp-echoreply"),
    ("3", "icmp-unreach"),
    ("5", "icmp-redirect"),
    ("8", "icmp-echo"),
    ("11", "icmp-timxceed"),
    ("echo", "icmp-echo"),
    ("echo-request", "icmp-echo"),
    ("request", "icmp-echo"),
    ("ping", "icmp-echo"),
    ("reply", "icmp-echoreply"),
    ("echo-reply", "icmp-echoreply"),
    ("echoreply", "icmp-echoreply"),
    ("pong", "icmp-echoreply"),
    ("unreachable", "icmp-unreach"),
    ("destination-unreachable", "icmp-unreach"),
    ("unreach", "icmp-unreach"),
    ("redirect", "icmp-redirect"),
    ("time-exceeded", "icmp-timxceed"),
    ("ttl-exceeded", "icmp-timxceed"),
];

/// The same for ICMPv6.
static ICMP6_TYPES: [(&str, &str); 14] = [
    ("1", "icmp6-destinationunreach"),
    ("2", "icmp6-packettoobig"),
    ("3", "icmp6-timeexceeded"),
    ("128", "icmp6-echo"),
    ("129", "icmp6-echoreply"),
    ("133", "icmp6-routersolicit"),
    ("134", "icmp6-routeradvert"),
    ("135", "icmp6-neighborsolicit"),
    ("136", "icmp6-neighboradvert"),
    ("echo", "icmp6-echo"),
    ("echo-request", "icmp6-echo"),
    ("echo-reply", "icmp6-echoreply"),
    ("reply", "icmp6-echoreply"),
    ("unreachable", "icmp6-destinationunreach"),
];

/// Names of fields after a protocol, and how to read them.
#[rustfmt::skip]
static FIELDS: [(&str, &str, &str); 29] = [
    ("icmp", "type", "icmp[icmptype]"),
    ("icmp", "code", "icmp[icmpcode]"),
    ("icmp6", "type", "icmp6[icmp6type]"),
    ("icmp6", "code", "icmp6[icmp6code]"),
    ("igmp", "type", "igmp[0]"),
    ("ip", "ttl", "ip[8]"),
    ("ip", "tos", "ip[1]"),
    ("ip", "dscp", "ip[1] >> 2"),
    ("ip", "id", "ip[4:2]"),
    ("ip", "len", "ip[2:2]"),
    ("ip", "length", "ip[2:2]"),
    ("ip", "version", "ip[0] >> 4"),
    ("ip6", "hlim", "ip6[7]"),
    ("ip6", "hoplimit", "ip6[7]"),
    ("ip6", "len", "ip6[4:2]"),
    ("tcp", "flags", "tcp[tcpflags]"),
    ("tcp", "seq", "tcp[4:4]"),
    ("tcp", "window", "tcp[14:2]"),
    ("tcp", "win", "tcp[14:2]"),
    ("udp", "len", "udp[4:2]"),
    ("udp", "length", "udp[4:2]"),
    ("arp", "op", "arp[6:2]"),
    ("arp", "opcode", "arp[6:2]"),
    ("arp", "operation", "arp[6:2]"),
    ("ether", "type", "ether[12:2]"),
    ("", "ttl", "ip[8]"),
    ("", "tos", "ip[1]"),
    ("", "size", "len"),
    ("", "code", "icmp[icmpcode]"),
];

pub(super) fn flag(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let known = FLAGS.iter().find(|(short, long)| *short == lower || *long == lower);
    known.map(|(_, long)| *long)
}

/// Names of offsets in headers by the protocol, and what they are called in the language.
static OFFSETS: [(&str, &str, &str); 7] = [
    ("tcp", "flags", "tcpflags"),
    ("tcp", "flag", "tcpflags"),
    ("tcp", "tcp-flags", "tcpflags"),
    ("icmp", "type", "icmptype"),
    ("icmp", "code", "icmpcode"),
    ("icmp6", "type", "icmp6type"),
    ("icmp6", "code", "icmp6code"),
];

/// `tcp[tcpflags] == syn`, `tcp[flags]`, `icmp[type]`.
fn name_of_number(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let (word, before) = (words.get(index), words.before(index));
    let is_value = matches!(before, "&" | "|" | "(" | "=" | "==" | "!=") && words.slice(0..index).contains("tcp[");
    let flag = FLAGS.iter().find(|(short, _)| *short == word).map(|(_, long)| *long).filter(|_| is_value);
    let protocol = index.checked_sub(2).map_or("", |protocol| words.get(protocol));
    let is_offset = |row: &&(&str, &str, &str)| before == "[" && row.0 == protocol && row.1 == word;
    let is_equal = matches!(before, "=" | "==" | "!=");
    let field = words.slice(0..index).rsplit_once('[').filter(|_| is_equal).map_or("", |(field, _)| field);
    let message = match field.rsplit([' ', '(', '!']).next() {
        Some(protocol @ ("icmp" | "icmp6")) => message_type(protocol, word).filter(|_| !is_number(word)),
        _ => None,
    };
    let field: String = words.slice(index.saturating_sub(5)..index.saturating_sub(1)).split_whitespace().collect();
    if is_equal && matches!(field.as_str(), "ip[9]" | "ip6[6]") {
        let number = names::ip_protocol(word)?;
        let message = format!("expected a number; that of `{word}` is {number}");
        return Some(Edit::of(words, index..index + 1, number.to_string(), message));
    }
    let name = flag.or(message).or_else(|| OFFSETS.iter().find(is_offset).map(|row| row.2))?;
    let message = format!("expected a number; its name is `{name}`, found `{word}`");
    Some(Edit::of(words, index..index + 1, name, message))
}

/// `tcp flags syn`, `tcp syn`, `tcp-syn`, `tcp[syn]`, `tcp flags syn,ack`.
fn flags(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let is_word = |word: &str| matches!(word, "flags" | "flag" | "tcpflags" | "tcpflag" | "flags:" | "[");
    let (mut at, is_tcp) = match words.get(index) {
        "tcp" => (index + 1, true),
        "tcpflags" | "tcp-flags" | "tcpflag" => (index + 1, true),
        _ => (index, false),
    };
    let has_word = is_tcp && is_word(words.get(at));
    at += usize::from(has_word);
    at += usize::from(words.get(at) == "]");
    let follows_operator = matches!(words.get(at), "=" | "==" | "&" | "has" | "is" | "contains" | "in");
    at += usize::from(is_tcp && follows_operator);
    at += usize::from(words.get(at) == "(");
    let mut found = Vec::new();
    let mut end = at;
    // A word or several with `-`, `,`, `/`, `|` or `+` between: syn-ack.
    while let Some(names) = flags_of(words.get(end)) {
        found.extend(names);
        end += 1;
        let is_between = matches!(words.get(end), "," | "|" | "+" | "&") && flags_of(words.get(end + 1)).is_some();
        if !(is_between || is_tcp && flags_of(words.get(end)).is_some()) {
            break;
        }
        end += usize::from(is_between);
    }
    let begins_test = matches!(words.before(index), "" | "(" | "and" | "or" | "not" | "&&" | "||" | "!");
    if found.is_empty() || !begins_test && !is_tcp || !is_tcp && found.len() < end - at {
        return None;
    }
    end += usize::from(words.get(end) == ")" && words.get(at.wrapping_sub(1)) == "(");
    end += usize::from(words.get(end) == "]");
    let (relation, value) = (words.get(end), words.get(end + 1));
    let is_unset = matches!(relation, "==" | "=") && value == "0" || matches!(relation, "!=") && value == "1";
    if matches!(relation, "==" | "=" | "!=") && matches!(value, "0" | "1") {
        end += 2;
    }
    let names = found.join("|");
    let replacement = match (&found[..], is_unset) {
        (_, true) if found.len() > 1 => format!("tcp[tcpflags] & ({names}) == 0"),
        (_, true) => format!("tcp[tcpflags] & {names} == 0"),
        ([_], _) => format!("tcp[tcpflags] & {names} != 0"),
        _ => format!("tcp[tcpflags] & ({names}) == ({names})"),
    };
    let message = "expected a test of the flags such as `tcp[tcpflags] & tcp-syn != 0`";
    let cause = if is_tcp { index + 1 } else { index };
    Some(Edit::of(words, index..end, replacement, message).caused_by(words, cause.min(end - 1)))
}

/// The length of the longest field that is repeated, in bytes.
const LONGEST_FIELD: usize = 100;

/// `icmp[icmptype] == 8 or 0`.
fn another_value(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let operator = index.checked_sub(3).map(|relation| words.get(relation))?;
    let is_list = matches!((operator, words.before(index)), ("=" | "==", "or" | "||") | ("!=", "and" | "&&"));
    let is_value = |word: &str| is_number(word) || matches!(keyword(word), Some(Word::Number(_)));
    if !is_list || !is_value(words.get(index)) || !is_value(words.get(index - 2)) {
        return None;
    }
    // The field may be arithmetic.
    let end = index - 3;
    let start = joining::start_of(words, end);
    let is_long = words.slice(start..end).len() > LONGEST_FIELD;
    if start == end
        || is_long
        || (start..end).any(|at| kind(words.get(at)).is_some() || matches!(words.get(at), "not" | "!"))
    {
        return None;
    }
    let message = format!("expected a test, found another value of `{}`", words.slice(start..end));
    let replacement = format!("{} {}", words.slice(start..end + 1), words.get(index));
    Some(Edit::of(words, index..index + 1, replacement, message))
}

/// `arp request`, `arp who-has`.
fn arp_operation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let (protocol, operation) = (words.get(index), words.get(index + 1));
    let number = match operation {
        "request" | "who-has" | "requests" => 1,
        "reply" | "is-at" | "replies" => 2,
        _ => return None,
    };
    let replacement = format!("arp[6:2] == {number}");
    let message = format!("expected a test of a field such as `{replacement}`");
    (protocol == "arp").then(|| Edit::of(words, index..index + 2, replacement, message).caused_by(words, index + 1))
}

/// Returns the flags that a word names: `syn`, `syn-ack`, `tcp-syn`.
pub(super) fn flags_of(word: &str) -> Option<Vec<&'static str>> {
    if word.is_empty() {
        return None;
    }
    flag(word).map(|flag| vec![flag]).or_else(|| word.split(['-', '/', '+']).map(flag).collect())
}

/// `icmp type 8`, `icmp echo`, `icmp-echo`, `icmp6 type echo-request`.
fn icmp_message(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let protocol = match words.get(index) {
        "icmp" => "icmp",
        "icmp6" | "icmpv6" => "icmp6",
        // `icmp and type 8`, where `type` is one of 802.11.
        "type" if words.before(index) == "and" => {
            let protocol = index.checked_sub(2).map(|at| words.get(at)).filter(|of| matches!(*of, "icmp" | "icmp6"))?;
            let number = words.get(index + 1);
            let value = message_type(protocol, number).or(is_number(number).then_some(number))?;
            return Some(typed(words, protocol, index..index + 2, value, index));
        }
        word if word.starts_with("icmp-") || word.starts_with("icmp6-") => {
            let (protocol, name) = word.split_once('-')?;
            let is_value = matches!(words.before(index), "==" | "=" | "!=" | "<" | ">" | "&" | "|" | "(" | "[");
            let value = message_type(protocol, name).or(keyword(word).map(|_| word)).filter(|_| !is_value)?;
            return Some(typed(words, protocol, index..index + 1, value, index));
        }
        _ => return None,
    };
    let mut at = index + 1;
    let is_type = matches!(words.get(at), "type" | "types" | "message");
    at += usize::from(is_type);
    at += usize::from(matches!(words.get(at), "=" | "==" | "is" | "eq"));
    let value = words.get(at);
    let name = message_type(protocol, value).filter(|_| is_type || !is_number(value)).map(String::from);
    let two = format!("{value}-{}", words.get(at + 1));
    let (name, at) = match message_type(protocol, &two) {
        Some(name) => (Some(String::from(name)), at + 1),
        None => (name, at),
    };
    let named = matches!(keyword(value), Some(Word::Number(_))).then(|| value.to_string());
    let value = name.or(named).or_else(|| (is_type && is_number(value)).then(|| value.to_string()))?;
    Some(typed(words, protocol, index..at + 1, &value, index + 1))
}

pub(super) fn message_type(protocol: &str, name: &str) -> Option<&'static str> {
    let types = if protocol == "icmp" { &ICMP_TYPES[..] } else { &ICMP6_TYPES[..] };
    types.iter().find(|(known, _)| *known == name).map(|(_, name)| *name)
}

fn typed(words: &Words, protocol: &str, range: core::ops::Range<usize>, value: &str, cause: usize) -> Edit {
    let field = if protocol == "icmp" { "icmp[icmptype]" } else { "icmp6[icmp6type]" };
    let message = format!("expected a test of a field such as `{field} == {value}`");
    Edit::of(words, range, format!("{field} == {value}"), message).caused_by(words, cause)
}

/// `ip ttl < 5`, `icmp code 3`, `ttl 64`.
fn field(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let row = |protocol: &str, name: &str| {
        FIELDS.iter().find(|(of, known, _)| *of == protocol && *known == name).map(|(.., value)| *value)
    };
    let (protocol, name) = (words.get(index), words.get(index + 1));
    let (value, behind) = match row(protocol, name).filter(|_| is_protocol(protocol)) {
        Some(value) => (value, index + 2),
        None => (row("", protocol)?, index + 1),
    };
    let relations = ["=", "==", "!=", "<", ">", "<=", ">=", "&"];
    let message = format!("expected a test of a field such as `{value} == 1`");
    let next = words.get(behind);
    let (replacement, end) = if relations.contains(&next) {
        (value.to_string(), behind)
    } else if is_number(next) || next.starts_with("0x") {
        (format!("{value} == {next}"), behind + 1)
    } else {
        return None;
    };
    let cause = if behind == index + 2 { index + 1 } else { index };
    Some(Edit::of(words, index..end, replacement, message).caused_by(words, cause))
}

/// `ip proto tcp`, `ether proto ip`.
fn protocol_name(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let is_kind = |word: &str| matches!(kind(word), Some(Kind::Protocol | Kind::ProtocolChain));
    let is_in_list = |word: &str| matches!(word, "(" | "or") || word.starts_with('\\');
    let before = (0..index).rev().find(|&at| !is_in_list(words.get(at))).map_or("", |at| words.get(at));
    let is_id = is_kind(words.before(index)) || is_kind(before) && words.slice(0..index).contains('(');
    let lower = word.to_ascii_lowercase();
    if is_id && matches!(lower.as_str(), "icmp6" | "icmpv6") {
        let message = format!("expected the number of a protocol, since `{word}` is called so in no table");
        return Some(Edit::of(words, index..index + 1, "58", message));
    }
    if !is_id || !is_protocol(&lower) {
        return None;
    }
    let message = format!("expected a protocol; `{word}` is a keyword, and needs a backslash to be a name");
    let mut edit = Edit::of(words, index..index + 1, format!("\\{lower}"), message);
    edit.lead = Some(format!("`{lower}` alone is a test of the protocol; with a qualifier, write"));
    Some(edit)
}

/// The tag of the first VLAN, in packets of which the tag is still a part.
const VLAN_NUMBER: &str = "ether[14:2] & 0xfff";

/// Returns whether the tag of a VLAN is where [`VLAN_NUMBER`] reads it.
pub(super) fn has_vlan_tag(target: &Target) -> bool {
    target.link_type == LinkType::ETHERNET && !target.is_live
}

/// `vlan 1-5`, `vlan 5,6`, `vlan (5 or 6)`.
fn vlans(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if words.get(index) != "vlan" || !has_vlan_tag(site.target) {
        return None;
    }
    let mut at = index + 1;
    at += usize::from(words.get(at) == "id");
    let is_closed = matches!(words.get(at), "(" | "{" | "[");
    at += usize::from(is_closed);
    let mut tests = Vec::new();
    loop {
        let word = words.get(at);
        let separators = ["..", "-", ":"];
        let range = separators.iter().find_map(|separator| word.split_once(separator));
        let spaced = matches!(words.get(at + 1), "-" | "to").then(|| (word, words.get(at + 2)));
        let (first, last) = range.or(spaced).unwrap_or((word, word));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        at += if range.is_none() && spaced.is_some() { 3 } else { 1 };
        tests.push(match first == last {
            true => format!("{VLAN_NUMBER} == {first}"),
            false => format!("{VLAN_NUMBER} >= {first} and {VLAN_NUMBER} <= {last}"),
        });
        let is_digit = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        let next = at + 1 + usize::from(words.get(at + 1) == "vlan");
        let is_next = matches!(words.get(at), "," | "or" | "||") && is_digit(words.get(next));
        if !(is_next || is_closed && is_digit(words.get(at))) {
            break;
        }
        at = if is_next { next } else { at };
    }
    // Another `vlan` would look for a second tag.
    let count = |range: core::ops::Range<usize>| range.filter(|&at| words.get(at) == "vlan").count();
    if count(0..words.len()) > count(index..at) {
        return None;
    }
    at += usize::from(is_closed && matches!(words.get(at), ")" | "}" | "]"));
    // A single one is handled below.
    if tests.len() == 1 && !tests[0].contains(" and ") {
        return None;
    }
    let has_ranges = tests.iter().any(|test| test.contains(" and "));
    let tests = match &tests[..] {
        [test] => test.clone(),
        _ if has_ranges => format!("(({}))", tests.join(") or (")),
        _ => format!("({})", tests.join(" or ")),
    };
    let message = "expected one VLAN after `vlan`, a number up to 4095";
    let replacement = words.and_group(index..at, &format!("vlan and {tests}"));
    Some(Edit::of(words, index..at, replacement, message).caused_by(words, index + 1))
}

/// `vlan > 5`, `vlan != 5`, `vlan == 5`.
fn vlan_relation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if words.get(index) != "vlan" {
        return None;
    }
    let behind = index + 1 + usize::from(words.get(index + 1) == "id");
    let (relation, value) = (words.get(behind), words.get(behind + 1));
    let message = "expected one VLAN after `vlan`, a number up to 4095";
    let (replacement, end) = match relation {
        _ if behind == index + 2 && is_number(relation) => (format!("vlan {relation}"), behind + 1),
        "=" | "==" => (format!("vlan {value}"), behind + 2),
        "!=" | "<" | ">" | "<=" | ">=" if has_vlan_tag(site.target) => {
            let test = format!("vlan and {VLAN_NUMBER} {relation} {value}");
            (words.and_group(index..behind + 2, &test), behind + 2)
        }
        _ => return None,
    };
    Some(Edit::of(words, index..end, replacement, message).caused_by(words, index + 1))
}
