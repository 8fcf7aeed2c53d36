//! Tests of fields of display filters as capture filters, and how they are joined.

use alloc::string::String;
use alloc::vec::Vec;

use crate::lang::cure::addresses::networks;
use crate::lang::cure::display_fields::Meaning;
use crate::lang::cure::display_values::{self, number_of};
use crate::lang::cure::ports::{is_host_name, is_port, range};
use crate::lang::cure::words::{Qualified, ipv4, ipv6, is_mac};

/// A translated part, and how it is joined.
pub(super) struct Part {
    pub(super) text: String,
    pub(super) level: Level,
    pub(super) moves: Moves,
    /// The test of the tag's bytes that `vlan` and a number stand for.
    pub(super) tag: Option<String>,
    /// Set if the ports are those that a protocol usually has.
    pub(super) has_usual_ports: bool,
}

/// Whether a part moves the headers of what follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    No,
    /// What is joined by `and` comes behind it.
    First,
    /// What is joined comes before it, since the headers are where they were in packets without a tag.
    Last,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Test,
    And,
    Or,
}

impl Part {
    pub(super) fn new(text: impl Into<String>, level: Level) -> Part {
        let text = text.into();
        let is_mover = |word: &str| matches!(word, "vlan" | "mpls" | "pppoes" | "geneve" | "vxlan");
        let moves = if text.split([' ', '(', ')']).any(is_mover) { Moves::First } else { Moves::No };
        Part { text, level, moves, tag: None, has_usual_ports: false }
    }

    pub(super) fn test(text: impl Into<String>) -> Part {
        Part::new(text, Level::Test)
    }

    /// Returns the part as one of a meaning that the table has as a text.
    pub(super) fn of_text(text: &str) -> Part {
        let mut depth = 0_u32;
        let outside: String = text
            .chars()
            .filter(|c| {
                depth = if *c == '(' { depth + 1 } else { depth };
                let is_outside = depth == 0;
                depth = if *c == ')' { depth.saturating_sub(1) } else { depth };
                is_outside
            })
            .collect();
        let level = match (outside.contains(" or "), outside.contains(" and ")) {
            (true, _) => Level::Or,
            (_, true) => Level::And,
            _ => Level::Test,
        };
        Part::new(text, level)
    }

    /// Returns the text as an operand at a level.
    pub(super) fn operand(self, level: Level) -> String {
        if self.level == Level::Test || self.level == level { self.text } else { format!("({})", self.text) }
    }

    pub(super) fn not(self) -> Part {
        let moves = if self.moves == Moves::No { Moves::No } else { Moves::Last };
        Part { moves, ..Part::test(format!("not {}", self.operand(Level::Test))) }
    }

    /// Joins tests by `and`; empty ones are left out.
    pub(super) fn both(first: &str, second: &str) -> Part {
        match first {
            "" => Part::of_text(second),
            _ => Part::new(format!("{first} and {second}"), Level::And),
        }
    }
}

/// Returns tests of one tag, which several `vlan` would look for in several tags, as one test.
pub(super) fn same_tag(parts: Vec<Part>) -> Vec<Part> {
    let tags: Option<Vec<String>> = parts.iter().map(|part| part.tag.clone()).collect();
    match tags {
        Some(tags) => vec![Part::new(format!("vlan and {}", tags.join(" and ")), Level::And)],
        None => parts,
    }
}

/// Joins parts in their order.
pub(super) fn joined(mut parts: Vec<Part>, level: Level) -> Part {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let texts: Vec<String> = parts.into_iter().map(|part| part.operand(level)).collect();
    Part::new(texts.join(if level == Level::And { " and " } else { " or " }), level)
}

/// Returns the test for packets that have a field.
pub(super) fn present(meaning: Meaning) -> Option<Part> {
    Some(match meaning {
        Meaning::Port(protocol, _) | Meaning::Address(protocol, _) => Part::test(protocol),
        Meaning::Keyword(_, _, has) | Meaning::Number(_, has) if !has.is_empty() => Part::of_text(has),
        // The meaning is that it is set.
        Meaning::Flag(field, bits, _) => either(field, bits, "!="),
        Meaning::Test(test) => Part::of_text(test),
        Meaning::Method => Part::test("tcp dst port 80"),
        _ => return None,
    })
}

/// Returns the test of bits of a field, or of both MAC addresses.
fn either(field: &str, bits: &str, relation: &str) -> Part {
    match field {
        "" => Part::of_text(&format!("ether[0] & {bits} {relation} 0 or ether[6] & {bits} {relation} 0")),
        _ => Part::test(format!("{field} & {bits} {relation} 0")),
    }
}

/// Returns the test of a relation between a field and a value.
pub(super) fn compared(meaning: Meaning, relation: &str, value: &str, is_live: bool) -> Option<Part> {
    let (meaning, value) = (display_values::of_family(meaning, value), &*display_values::number(meaning, value));
    if let "===" | "~=" = relation {
        return compared_all(meaning, relation == "===", value, is_live);
    }
    let is_equal = relation == "==";
    // `!=` holds in packets that have the field, with another value.
    let equal_or_not = |has: &str, test: String| match relation {
        "==" => Some(Part::test(test)),
        "!=" => Some(Part::both(has, &format!("not {test}"))),
        _ => None,
    };
    match meaning {
        Meaning::Port(protocol, direction) => {
            let qualified = Qualified { start: 0, protocol, direction: direction.trim_end(), kind: "" };
            let test = is_port(value).then(|| format!("{protocol} {direction}port {value}"))?;
            equal_or_not(protocol, test).or_else(|| range(&qualified, relation, value.parse().ok()?).map(Part::test))
        }
        Meaning::Address(protocol, direction) => {
            let (address, length) = value.split_once('/').unwrap_or((value, ""));
            let is_address = if protocol == "ip6" { ipv6(address).is_some() } else { ipv4(address).is_some() };
            let is_address = is_address || length.is_empty() && is_host_name(address);
            let qualifier = if length.is_empty() { "host" } else { "net" };
            // Without a protocol, IPv4 addresses are those of ARP, too.
            let before = if protocol == "ip6" && ipv6(address).is_some() { "" } else { protocol };
            let before = if before.is_empty() || relation == "!=" { String::new() } else { [before, " "].concat() };
            if let Some(test) = display_values::ordered(meaning, relation, value) {
                return Some(test);
            }
            is_address.then(|| equal_or_not(protocol, format!("{before}{direction}{qualifier} {value}")))?
        }
        Meaning::Mac(qualifiers) => is_mac(value).then(|| equal_or_not("", format!("{qualifiers} {value}")))?,
        Meaning::Keyword(keyword, number, has) => {
            let value = number_of(value)?;
            if is_equal {
                let tag = (keyword == "vlan" && !is_live).then(|| format!("{number} == {value}"));
                return Some(Part { tag, ..Part::test(format!("{keyword} {value}")) });
            }
            if number.is_empty() || is_live && keyword == "vlan" {
                return None;
            }
            let test = format!("{number} {relation} {value}");
            let part = Part::both(if keyword == "vlan" { has } else { "" }, &test);
            Some(Part { tag: (keyword == "vlan").then_some(test), ..part })
        }
        Meaning::Number(number, has) => {
            let test = format!("{number} {relation} {}", number_of(value)?);
            // The index implies the header, not the ports.
            Some(Part::both(if has.contains(' ') || has == "vlan" { has } else { "" }, &test))
        }
        Meaning::Flag(field, bits, has) => {
            let is_set = match value.to_ascii_lowercase().as_str() {
                "1" | "true" => is_equal,
                "0" | "false" => !is_equal,
                _ => return None,
            };
            let test = either(field, bits, if is_set { "!=" } else { "==" });
            Some(if has.contains("port") { Part::both(has, &test.text) } else { test })
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

/// Returns the test that all values of a field are equal to a value, or that one of them differs.
fn compared_all(meaning: Meaning, is_equal: bool, value: &str, is_live: bool) -> Option<Part> {
    let (has, sides) = match meaning {
        Meaning::Port(protocol, "") => (protocol, ["src ", "dst "].map(|side| Meaning::Port(protocol, side))),
        Meaning::Address(protocol, "") => (protocol, ["src ", "dst "].map(|side| Meaning::Address(protocol, side))),
        Meaning::Mac("ether host") => ("", ["ether src", "ether dst"].map(Meaning::Mac)),
        Meaning::Mac("wlan host") | Meaning::Flag("", ..) => return None,
        Meaning::Keyword(_, _, "vlan" | "mpls") => return None,
        _ => return compared(meaning, if is_equal { "==" } else { "!=" }, value, is_live),
    };
    let [one, other] = sides.map(|side| compared(side, "==", value, is_live));
    let both = joined(vec![one?, other?], Level::And);
    Some(if is_equal { both } else { Part::both(has, &both.not().text) })
}

/// Returns the test that a field is in a range.
pub(super) fn between(meaning: Meaning, first: &str, last: &str, is_live: bool) -> Option<Part> {
    let [first, last] = [first, last].map(|bound| display_values::number(meaning, bound));
    let (first, last) = (&*first, &*last);
    if let Meaning::Address(protocol, direction) = meaning {
        let networks = networks(ipv4(first)?.into(), ipv4(last)?.into())?.join(" or ");
        return Some(Part::test(format!("{protocol} {direction}net ({networks})")));
    }
    if let Meaning::Port(protocol, direction) = meaning {
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        return Some(Part::test(format!("{protocol} {direction}portrange {first}-{last}")));
    }
    if let Meaning::Keyword(_, number, has) = meaning {
        let (first, last) = (number_of(first)?, number_of(last)?);
        let tag = format!("{number} >= {first} and {number} <= {last}");
        let is_vlan = has == "vlan";
        if number.is_empty() || is_live && is_vlan {
            return None;
        }
        let part = Part::both(if is_vlan { has } else { "" }, &tag);
        return Some(if is_vlan { Part { tag: Some(format!("({tag})")), ..part } } else { part });
    }
    let bounds = [(">=", first), ("<=", last)];
    let [first, last] = bounds.map(|(relation, bound)| compared(meaning, relation, bound, is_live));
    Some(joined(vec![first?, last?], Level::And))
}

/// Returns the test of bits of a number.
pub(super) fn masked(meaning: Meaning, mask: &str, relation: &str, value: &str) -> Option<Part> {
    let value = &*display_values::number(meaning, value);
    let number = match meaning {
        Meaning::Number(number, _) | Meaning::Keyword(_, number, _) if !number.is_empty() => number,
        _ => return None,
    };
    Some(Part::test(format!("{number} & {} {relation} {}", number_of(mask)?, number_of(value)?)))
}
