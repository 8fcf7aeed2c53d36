//! Ports, their ranges and lists, ports after addresses, and relations after qualifiers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::cure::spellings::is_synonym;
use crate::lang::cure::words::{Qualified, Words, ipv4, ipv6, is_direction, is_number, is_transport, kind};
use crate::lang::cure::{Edit, Habit, Site};
use crate::lang::names;
use crate::lang::tree::Kind;

pub(super) static HABITS: [Habit; 9] = [
    attached,
    relation,
    inherited_relation,
    protocol_relation,
    ports,
    inherited_range,
    endpoint,
    transport_and_port,
    list_of_ids,
];

/// A port or a range of them, as texts.
#[derive(Clone, Debug)]
enum Item {
    Port(String),
    Range(String, String),
}

impl Item {
    fn of(word: &str) -> Option<Item> {
        if is_port(word) {
            return Some(Item::Port(word.to_string()));
        }
        let lower = word.to_ascii_lowercase();
        if is_port(&lower) {
            return Some(Item::Port(lower));
        }
        ["..", "-", ":"].iter().find_map(|separator| {
            let (first, last) = word.split_once(separator)?;
            let last = if separator == &"-" && last.is_empty() { "65535" } else { last.trim_start_matches('.') };
            (is_port(first) && is_port(last)).then(|| Item::Range(first.to_string(), last.to_string()))
        })
    }
}

/// Returns whether a word is a port or the name of a service.
pub(super) fn is_port(word: &str) -> bool {
    match is_number(word) {
        true => word.parse::<u16>().is_ok(),
        false => names::service(word) != (None, None),
    }
}

/// Reads ports, ranges and lists of them from an index on, in brackets or not; returns them and the index behind.
fn items(words: &Words, start: usize) -> Option<(Vec<Item>, usize)> {
    let closing = match words.get(start) {
        "{" => "}",
        "[" => "]",
        "(" => ")",
        _ => "",
    };
    let mut index = start + usize::from(!closing.is_empty());
    let mut found = Vec::new();
    loop {
        let mut word = words.get(index);
        // `80/443`
        while let Some((port, rest)) = word.split_once('/').filter(|(port, _)| is_port(port)) {
            found.push(Item::Port(port.to_string()));
            word = rest;
        }
        let item = Item::of(word)?;
        index += 1;
        let is_range = matches!(words.get(index), "-" | "to" | "through" | ".." | ":");
        let last = words.get(index + 1);
        found.push(match item {
            Item::Port(first) if is_range && is_port(last) => {
                index += 2;
                Item::Range(first, last.to_string())
            }
            item => item,
        });
        let is_comma = matches!(words.get(index), "," | ";");
        let is_or = is_comma && matches!(words.get(index + 1), "or" | "and");
        let continues_brackets = !closing.is_empty() && Item::of(words.get(index)).is_some();
        if is_comma || continues_brackets {
            index += usize::from(is_comma) + usize::from(is_or);
        } else {
            break;
        }
    }
    if !closing.is_empty() {
        if words.get(index) != closing {
            return None;
        }
        index += 1;
    }
    Some((found, index))
}

/// Returns the primitive for ports with these qualifiers.
fn primitive(words: &Words, qualified: &Qualified, items: &[Item], end: usize) -> String {
    let port = |item: &Item| if let Item::Port(port) = item { Some(port.clone()) } else { None };
    let ports: Vec<String> = items.iter().filter_map(port).collect();
    let mut parts = Vec::new();
    match &ports[..] {
        [] => {}
        [port] => parts.push(format!("{}{port}", qualified.with_kind("port"))),
        _ => parts.push(format!("{}({})", qualified.with_kind("port"), ports.join(" or "))),
    }
    for item in items {
        if let Item::Range(first, last) = item {
            parts.push(format!("{}{first}-{last}", qualified.with_kind("portrange")));
        }
    }
    match &parts[..] {
        [part] => part.clone(),
        _ => words.or_group(qualified.start..end, &parts.join(" or ")),
    }
}

/// `port 80-90`, `port 22,80`, `portrange 80:90`.
fn ports(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if !matches!(kind(words.before(index)), Some(Kind::Port | Kind::PortRange)) {
        return None;
    }
    let (items, mut end) = items(words, index)?;
    let keyword = words.before(index);
    let mut items = items;
    if let ([Item::Port(first), Item::Port(last)], "portrange") = (&items[..], keyword) {
        items = vec![Item::Range(first.clone(), last.clone())];
    } else if let ([Item::Port(first)], "portrange", Some(Item::Port(last))) =
        (&items[..], keyword, Item::of(words.get(end)))
    {
        items = vec![Item::Range(first.clone(), last)];
        end += 1;
    }
    let qualified = words.qualifiers(index);
    let message = match &items[..] {
        [Item::Range(..)] if keyword == "port" => "expected `portrange` before a range of ports",
        [Item::Range(..)] => "expected a range of ports such as 80-90",
        [_] => "expected the name of a service as it is in the table of services",
        _ => "expected `or` between the ports of a list",
    };
    let replacement = primitive(words, &qualified, &items, end);
    if replacement == words.slice(qualified.start..end) {
        return None;
    }
    let cause = site.error.max(words.span(index..index + 1).start);
    let mut edit = Edit::of(words, qualified.start..end, replacement, message).caused_by(words, index);
    if !matches!(items[..], [_]) && cause < edit.span.end {
        edit.at = cause;
    }
    Some(edit)
}

/// `port 22 or 80-90`.
fn inherited_range(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let Some(Item::Range(first, last)) = Item::of(words.get(index)) else { return None };
    let is_inherited = matches!(words.before(index), "or" | "and" | "||" | "&&" | "not" | "!" | "(");
    let port = (0..index).rev().find(|&at| kind(words.get(at)).is_some())?;
    if !is_inherited || words.get(port) != "port" {
        return None;
    }
    let replacement = format!("{}{first}-{last}", words.qualifiers(port + 1).with_kind("portrange"));
    Some(Edit::of(words, index..index + 1, replacement, "expected `portrange` before a range of ports"))
}

/// `host a:80`, `[2001:db8::1]:443`, `10.0.0.1.80`.
fn endpoint(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (address, port, end) = if word == "[" {
        let address = words.get(index + 1);
        let (network, _) = address.split_once('/').unwrap_or((address, ""));
        ipv6(network).map(|_| ()).or(ipv4(network).map(|_| ()))?;
        if words.get(index + 2) != "]" {
            return None;
        }
        let behind = words.get(index + 3);
        match behind.strip_prefix([':', '.']).filter(|port| is_port(port)) {
            Some(port) => (address, port, index + 4),
            None => (address, "", index + 3),
        }
    } else {
        let (address, port) = word.rsplit_once(':').or_else(|| five_parts(word))?;
        let is_address = ipv4(address).is_some() || is_host_name(address);
        if !is_address || !is_port(port) {
            return None;
        }
        (address, port, index + 1)
    };
    let qualified = words.qualifiers(index);
    if matches!(kind(qualified.kind), Some(Kind::Port | Kind::PortRange | Kind::Protocol)) {
        return None;
    }
    let kind = if address.contains('/') { "net" } else { "host" };
    let [of_host, of_port] = match qualified.is_transport() {
        true => [Qualified { protocol: "", ..qualified }, qualified],
        false => [qualified, Qualified { protocol: "", ..qualified }],
    };
    let host = format!("{}{address}", of_host.with_kind(kind));
    if port.is_empty() {
        let message = "expected an address without brackets";
        return Some(Edit::of(words, qualified.start..end, host, message).caused_by(words, index));
    }
    let both = format!("{host} and {}{port}", of_port.with_kind("port"));
    let replacement = words.and_group(qualified.start..end, &both);
    let message = if word == "[" {
        "expected an address without brackets, and `port` before the port"
    } else {
        "expected `and port` between an address and a port"
    };
    let mut edit = Edit::of(words, qualified.start..end, replacement, message).caused_by(words, index);
    edit.at = edit.at.max(site.error).min(edit.span.end);
    Some(edit)
}

/// Splits `10.0.0.1.80`, as tcpdump prints it.
fn five_parts(word: &str) -> Option<(&str, &str)> {
    word.rsplit_once('.').filter(|(address, _)| ipv4(address).is_some())
}

/// Returns whether a word can be the name of a host, and nothing else.
pub(super) fn is_host_name(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_keyword = super::words::keyword(word).is_some();
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_part) && !is_keyword
}

/// `port == 80`, `host != a`, `port > 1023`.
fn relation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let is_qualifier = |word: &str| kind(word).is_some() || is_direction(word);
    if !is_qualifier(words.before(index)) {
        return None;
    }
    let operator = words.get(index);
    let qualified = words.qualifiers(index);
    let value = words.get(index + 1);
    let subject = qualified.kind;
    let subject = if subject.is_empty() { words.before(index) } else { subject };
    let message = format!("expected no relation after `{subject}`: it takes its value as it is");
    let replacement = match operator {
        "=" | "==" | "===" | "eq" | "is" | ":" => {
            return Some(Edit::of(words, index..index + 1, "", message));
        }
        "in" => return Some(Edit::of(words, index..index + 1, "", message)),
        "not" if value == "in" => return Some(Edit::of(words, index..index + 2, "not", message)),
        "!=" | "<>" | "!==" | "ne" | "~=" => {
            // What follows may be another mistake.
            let replacement = format!("not {}", qualified.with_kind(qualified.kind));
            let message = format!("expected no relation after `{subject}`; `not` before it negates it");
            return Some(Edit::of(words, qualified.start..index + 1, replacement, message).caused_by(words, index));
        }
        ">" | ">=" | "=>" | "<" | "<=" | "=<" | "gt" | "ge" | "lt" | "le" if qualified.kind == "port" => {
            range(&qualified, operator, value.parse().ok()?)?
        }
        _ => return None,
    };
    let message = format!("expected `portrange` for a range of ports, found `{operator}`");
    Some(Edit::of(words, qualified.start..index + 2, replacement, message).caused_by(words, index))
}

/// `port != 80 and != 443`.
fn inherited_relation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let kind = (0..index).rev().find(|&at| kind(words.get(at)).is_some()).filter(|_| words.before(index) == "and")?;
    let message = format!("expected no relation after `{}`; `not` before the value negates it", words.get(kind));
    let is_other = matches!(words.get(index), "!=" | "<>");
    is_other.then(|| Edit::of(words, index..index + 1, "not", message))
}

/// `ip != 10.0.0.1`, `tcp == 80`.
fn protocol_relation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let (protocol, operator, value) = (words.get(index), words.get(index + 1), words.get(index + 2));
    let kind = match protocol {
        "tcp" | "udp" | "sctp" if is_port(value) => "port",
        "ip" | "ip6" | "arp" if ipv4(value).is_some() || ipv6(value).is_some() => "host",
        _ => return None,
    };
    let negation = match operator {
        "=" | "==" | "eq" | "is" | ":" => "",
        "!=" | "<>" | "ne" | "!==" => "not ",
        _ => return None,
    };
    let message = format!("expected a qualifier such as `{kind}` after `{protocol}`, found `{operator}`");
    let replacement = format!("{negation}{protocol} {kind} {value}");
    Some(Edit::of(words, index..index + 3, replacement, message).caused_by(words, index + 1))
}

/// Returns the range of the ports for which a relation holds.
pub(super) fn range(qualified: &Qualified, relation: &str, port: u16) -> Option<String> {
    let (first, last) = match relation {
        ">" | "gt" => (port.checked_add(1)?, u16::MAX),
        ">=" | "=>" | "ge" => (port, u16::MAX),
        "<" | "lt" => (0, port.checked_sub(1)?),
        _ => (0, port),
    };
    Some(format!("{}{first}-{last}", qualified.with_kind("portrange")))
}

/// `port:80`, `tcp/80`, `80/tcp`, `host:10.0.0.1`.
fn attached(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (left, right) = word.split_once([':', '/'])?;
    let [lower, other] = [left, right].map(str::to_ascii_lowercase);
    let message = format!("expected a space between a keyword and its value, found `{word}`");
    let replacement = match () {
        () if kind(&lower).is_some() || is_direction(&lower) => format!("{lower} {right}").trim_end().to_string(),
        () if is_transport(&lower) && Item::of(right).is_some() => format!("{lower} port {right}"),
        () if is_transport(&other) && Item::of(left).is_some() && kind(words.before(index)) == Some(Kind::Port) => {
            let qualified = words.qualifiers(index);
            let qualified = Qualified { protocol: &other, ..qualified };
            let replacement = format!("{}{left}", qualified.with_kind("port"));
            return Some(Edit::of(words, qualified.start..index + 1, replacement, message).caused_by(words, index));
        }
        () if is_transport(&other) && Item::of(left).is_some() => format!("{other} port {left}"),
        () => return None,
    };
    Some(Edit::of(words, index..index + 1, replacement, message))
}

/// `tcp 80`, `udp dns`, `80`.
fn transport_and_port(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let (word, before) = (words.get(index), words.before(index));
    let item = Item::of(word)?;
    let kind = if matches!(item, Item::Port(_)) { "port" } else { "portrange" };
    let word = if let Item::Port(port) = &item { port } else { word };
    let begins_test = matches!(before, "" | "and" | "or" | "not" | "&&" | "||" | "!" | "(");
    let is_qualified = is_transport(before) || is_direction(before);
    if !begins_test && !is_qualified || is_synonym(word) {
        return None;
    }
    // `vlan 5 or 6` and `len == 5 or 6` have no ports.
    let others =
        ["vlan", "mpls", "pppoes", "vxlan", "geneve", "=", "==", "!=", "<", ">", "<=", ">=", "less", "greater"];
    let is_of_list = index > 0 && begins_test && words.contains(&others);
    if is_number(word) && is_of_list {
        return None;
    }
    let what = if is_number(word) { "a number" } else { "a service" };
    let message = format!("expected a qualifier such as `{kind}` before {what}");
    let qualified = words.qualifiers(index);
    let replacement = format!("{}{word}", qualified.with_kind(kind));
    Some(Edit::of(words, qualified.start..index + 1, replacement, message).caused_by(words, index))
}

/// `host a, b`, `net 10/8,11/8`, `proto 6,17`.
fn list_of_ids(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let before = words.before(index);
    if kind(before).is_none() && !is_direction(before) || matches!(kind(before), Some(Kind::Port | Kind::PortRange)) {
        return None;
    }
    let closing = if words.get(index) == "{" { "}" } else { "" };
    let start = index + usize::from(!closing.is_empty());
    let (mut end, mut ids) = (start, Vec::new());
    loop {
        ids.push(words.get(end));
        end += 1;
        let is_comma = words.get(end) == ",";
        if !is_comma && (closing.is_empty() || matches!(words.get(end), "" | "}")) {
            break;
        }
        end += usize::from(is_comma);
        end += usize::from(is_comma && words.get(end) == "or");
    }
    let cause = if closing.is_empty() { index + 1 } else { index };
    end += usize::from(!closing.is_empty());
    let is_list = (ids.len() > 1 || !closing.is_empty()) && ids.iter().all(|id| !id.is_empty());
    if !is_list || !closing.is_empty() && words.get(end - 1) != closing {
        return None;
    }
    let replacement = format!("({})", ids.join(" or "));
    Some(Edit::of(words, index..end, replacement, "expected `or` between the parts of a list").caused_by(words, cause))
}
