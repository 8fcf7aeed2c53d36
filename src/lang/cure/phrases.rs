//! Qualifiers in another order, words that run together, and words that the language lacks.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::cure::ports::is_port;
use crate::lang::cure::spellings::is_synonym;
use crate::lang::cure::words::{ipv4, ipv6, is_direction, is_mac, is_number, is_protocol, is_transport, keyword, kind};
use crate::lang::cure::{Edit, Habit, Site, display_fields};
use crate::lang::tree::Kind;
use crate::lang::words::Word;

pub(super) static HABITS: [Habit; 14] = [
    glued,
    usual_port,
    commas,
    family,
    zone,
    swapped,
    kind_first,
    transports,
    directions,
    filler,
    broadcast,
    conversation,
    comment,
    option,
];

/// The length of the longest word that is taken apart, in bytes.
const LONGEST_WORD: usize = 64;

/// `10.0.0.1and`, `port80`, `tcpport`, `vlan5`.
fn glued(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    if keyword(word).is_some() || is_synonym(word) || word.len() > LONGEST_WORD || !word.is_ascii() {
        return None;
    }
    let is_value = |word: &str| is_number(word) || ipv4(word).is_some();
    let takes_value = |word: &str| {
        matches!(keyword(word), Some(Word::Kind(_) | Word::Direction(_) | Word::Vlan | Word::Mpls | Word::PppoeSession))
    };
    let follows_kind = kind(words.before(index)).is_some();
    let splits = |at: &usize| {
        let (left, right) = word.split_at(*at);
        is_value(left) && matches!(right, "and" | "or")
            || !follows_kind && takes_value(left) && is_value(right)
            || !follows_kind && is_protocol(left) && kind(right).is_some()
    };
    let at = (1..word.len()).find(splits)?;
    let (left, right) = word.split_at(at);
    let message = format!("expected a space between `{left}` and `{right}`");
    Some(Edit::of(words, index..index + 1, format!("{left} {right}"), message))
}

/// `port dns`: a name that display filters have for a protocol, and the table of services has not.
fn usual_port(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    if kind(words.before(index)) != Some(Kind::Port) || is_port(&word.to_ascii_lowercase()) {
        return None;
    }
    let port = display_fields::usual_port(&word.to_ascii_lowercase())?;
    let message = format!("expected the name of a service as it is in the table of services; `{word}` has port {port}");
    Some(Edit::of(words, index..index + 1, port, message))
}

/// `host 192,168,1,1`.
fn commas(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let before = words.before(index);
    if !matches!(kind(before), Some(Kind::Host | Kind::Net)) && !is_direction(before) {
        return None;
    }
    let text = words.slice(index..index + 7);
    let address = ipv4(&text.replace(',', ".")).filter(|_| text.contains(',') && !text.contains('.'))?;
    let message = "expected dots between the parts of an address";
    Some(Edit::of(words, index..index + 7, address.to_string(), message))
}

/// `ip host fe80::1`, `ip6 host 10.0.0.1`.
fn family(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (address, _) = word.split_once('/').unwrap_or((word, ""));
    let qualified = words.qualifiers(index);
    let right = match qualified.protocol {
        "ip" if ipv6(address).is_some() => "ip6",
        "ip6" if ipv4(address).is_some() => "ip",
        _ => return None,
    };
    let rest = words.slice(qualified.start + 1..index + 1);
    let message = format!("expected an address of `{}`; this is one of `{right}`", qualified.protocol);
    let edit = Edit::of(words, qualified.start..index + 1, format!("{right} {rest}"), message);
    Some(edit.caused_by(words, index))
}

/// `host fe80::1%eth0`.
fn zone(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (address, zone) = word.split_once('%')?;
    ipv6(address)?;
    let message = format!("expected an address without the interface `{zone}`, which is no part of a packet");
    Some(Edit::of(words, index..index + 1, address, message))
}

/// `src tcp port 80`, `src ip 10.0.0.1`, `src mac 00:11:22:33:44:55`.
fn swapped(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let (direction, protocol) = (words.get(index), words.get(index + 1));
    if !matches!(direction, "src" | "dst") || is_protocol(words.before(index)) || is_direction(words.before(index)) {
        return None;
    }
    let next = words.get(index + 2);
    let right = match protocol {
        "mac" if is_mac(next) => "ether",
        "ip" if ipv6(next).is_some() => "ip6",
        _ if is_protocol(protocol) && (kind(next).is_some() || is_address(next)) => protocol,
        _ if is_transport(protocol) && is_port(next) => protocol,
        _ => return None,
    };
    let message = format!("expected the protocol before `{direction}`, found `{protocol}` behind it");
    Some(Edit::of(words, index..index + 2, format!("{right} {direction}"), message).caused_by(words, index + 1))
}

fn is_address(word: &str) -> bool {
    let (address, _) = word.split_once('/').unwrap_or((word, ""));
    ipv4(address).is_some() || ipv6(address).is_some() || is_mac(word)
}

/// `port tcp 80`, `port udp/53`, `port range 80-90`.
fn kind_first(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    if words.before(index) != "port" {
        return None;
    }
    if word == "range" {
        let message = "expected `portrange`, which is one word";
        return Some(Edit::of(words, index - 1..index + 1, "portrange", message).caused_by(words, index));
    }
    let qualified = words.qualifiers(index);
    let (transport, port, end) = match word.split_once(['/', ':']) {
        Some((transport, port)) => (transport, port, index + 1),
        None => (word, words.get(index + 1), index + 2),
    };
    let lower = transport.to_ascii_lowercase();
    if !is_transport(&lower) || !is_port(port) || !qualified.protocol.is_empty() {
        return None;
    }
    let message = format!("expected `{lower}` before `port`");
    let replacement = format!("{lower} {}{port}", qualified.with_kind("port"));
    Some(Edit::of(words, qualified.start..end, replacement, message).caused_by(words, index))
}

/// `tcp/udp port 53`.
fn transports(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let parts: Vec<&str> = words.get(index).split('/').collect();
    if parts.len() < 2 || !parts.iter().all(|part| is_transport(part)) {
        return None;
    }
    let message = "expected `or` between protocols";
    let both = format!("({})", parts.join(" or "));
    let next = words.get(index + 1);
    if kind(next).is_none() && !is_direction(next) {
        return Some(Edit::of(words, index..index + 1, both, message));
    }
    let end = super::joining::end_of(words, index);
    let rest = words.slice(index + 1..end);
    Some(Edit::of(words, index..end, words.and_group(index..end, &format!("{both} and {rest}")), message))
}

/// `(src or dst) port 53`.
fn directions(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let is_pair = is_direction(words.get(index + 1))
        && matches!(words.get(index + 2), "or" | "and")
        && is_direction(words.get(index + 3));
    if words.get(index) != "(" || !is_pair || words.get(index + 4) != ")" {
        return None;
    }
    let message = "expected no parentheses around directions";
    Some(Edit::of(words, index..index + 5, words.slice(index + 1..index + 4), message))
}

/// `tcp on port 80`, `no arp`, `exclude port 22`, `less than 100`.
fn filler(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let (word, before, next) = (words.get(index), words.before(index), words.get(index + 1));
    let begins_test = matches!(before, "" | "(" | "and" | "or" | "&&" | "||");
    match word {
        "on" | "at" | "using" | "via" if matches!(next, "port" | "portrange") => {
            let message = format!("expected no `{word}` before `{next}`");
            Some(Edit::of(words, index..index + 1, "", message))
        }
        "no" | "without" | "exclude" | "except" | "excluding" | "non" if begins_test && !next.is_empty() => {
            let message = format!("expected a keyword; `{word}` is called `not` here");
            Some(Edit::of(words, index..index + 1, "not", message))
        }
        // `less` and `greater` are true for the length itself, too.
        "less" | "greater" if next == "than" && is_number(words.get(index + 2)) => {
            let relation = if word == "less" { "<" } else { ">" };
            let message = format!("expected a relation such as `{relation}`, found `{word} {next}`");
            Some(Edit::of(words, index..index + 2, format!("len {relation}"), message).caused_by(words, index + 1))
        }
        "any" if words.before(index) == "port" && words.qualifiers(index).is_transport() => {
            let qualified = words.qualifiers(index);
            let message = format!("expected a port; without one, `{}` has any", qualified.protocol);
            let edit = Edit::of(words, qualified.start..index + 1, qualified.protocol, message);
            Some(edit.caused_by(words, index))
        }
        "ethertype" if next.starts_with("0x") || is_number(next) => {
            let message = format!("expected a keyword; `{word}` is called `ether proto` here");
            Some(Edit::of(words, index..index + 1, "ether proto", message))
        }
        _ => None,
    }
}

/// `ether host broadcast`, `mac multicast`.
fn broadcast(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if !matches!(words.get(index), "broadcast" | "multicast") {
        return None;
    }
    let start = match words.before(index) {
        "host" if index > 1 && words.get(index - 2) == "ether" => index - 2,
        "mac" | "eth" | "ethernet" => index - 1,
        _ => return None,
    };
    let message = format!("expected `ether` alone before `{}`", words.get(index));
    Some(Edit::of(words, start..index + 1, format!("ether {}", words.get(index)), message))
}

/// `host a -> b`, `between a and b`.
fn conversation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let pair = |start: usize, end: usize, text: String, cause: usize, message: &str| {
        let text = words.and_group(start..end, &text);
        Some(Edit::of(words, start..end, text, message).caused_by(words, cause))
    };
    if words.get(index) == "between" {
        let at = index + 1 + usize::from(words.get(index + 1) == "host");
        let (one, other) = (words.get(at), words.get(at + 2));
        let is_pair = words.get(at + 1) == "and" && [one, other].iter().all(|address| ipv4(address).is_some());
        let text = format!("host {one} and host {other}");
        return if is_pair { pair(index, at + 3, text, index, "expected `host` before each address") } else { None };
    }
    let arrow = words.get(index + 1);
    let gap =
        if arrow == "->" || arrow == "=>" { 1 } else { usize::from(words.slice(index + 1..index + 3) == "->") * 2 };
    let (one, other) = (words.get(index), words.get(index + 1 + gap));
    let qualified = words.qualifiers(index);
    if gap == 0 || !is_address(one) || !is_address(other) || !qualified.direction.is_empty() || is_mac(one) {
        return None;
    }
    let kind = |word: &str| if word.contains('/') { "net" } else { "host" };
    let text = format!("src {} {one} and dst {} {other}", kind(one), kind(other));
    pair(qualified.start, index + 2 + gap, text, index + 1, "expected `src` and `dst` before the addresses")
}

/// `tcp port 80 # web`.
fn comment(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let message = "expected no comment: only files of expressions have them";
    words.get(index).starts_with('#').then(|| Edit::of(words, index..words.len(), "", message))
}

/// The options of tcpdump that take no value.
const OPTIONS: &str = "AbdefhHIJKlLnNOpqStuUvxX#";

/// `-nn tcp`.
fn option(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let letters = words.get(index).strip_prefix('-').filter(|letters| index == 0 && !letters.is_empty())?;
    let is_option = letters.chars().all(|letter| OPTIONS.contains(letter)) && words.len() > 1;
    let message = format!("expected a test; `-{letters}` looks like an option");
    is_option.then(|| {
        let mut edit = Edit::of(words, 0..1, "", message);
        edit.lead = Some("give options apart from the expression, which is".into());
        edit
    })
}
