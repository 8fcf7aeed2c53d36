//! Addresses: their qualifiers, masks, wildcards and ranges.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::lang::cure::words::{Words, ipv4, ipv6, is_direction, is_mac, is_protocol, keyword, kind};
use crate::lang::cure::{Edit, Habit, Site};
use crate::lang::tree::Kind;
use crate::lang::words::{Protocol, Word};

pub(super) static HABITS: [Habit; 7] = [masked, mask_of_four, wildcard, range, mac, bare, protocol_before];

/// The maximum number of networks that a range of addresses may become.
const MAX_NETWORKS: usize = 16;

const HOST_BITS: &str = "expected no bits of the address outside its mask";

/// Returns the mask with this many upper bits.
fn mask4(length: u32) -> Option<u32> {
    (length <= 32).then(|| u32::MAX.checked_shl(32 - length).unwrap_or(0))
}

/// Returns the number of upper bits of a mask, or of an inverted one, as routers have it.
fn length_of(mask: Ipv4Addr) -> Option<u32> {
    let bits = u32::from(mask);
    [bits, !bits].into_iter().find(|bits| bits.leading_ones() + bits.trailing_zeros() == 32).map(u32::leading_ones)
}

/// Returns a network with the bits outside its mask cleared.
fn network(address: &str, length: &str) -> Option<String> {
    if let Some(address) = padded(address) {
        let length = ipv4(length).and_then(length_of).or_else(|| length.parse().ok())?;
        let masked = Ipv4Addr::from(u32::from(address) & mask4(length)?);
        return Some(format!("{masked}/{length}"));
    }
    let (address, length) = (ipv6(address)?, length.parse::<u32>().ok().filter(|&length| length <= 128)?);
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    Some(format!("{}/{length}", Ipv6Addr::from(u128::from(address) & mask)))
}

/// Returns the address of 1 to 4 numbers with dots between.
fn padded(address: &str) -> Option<Ipv4Addr> {
    let parts = address.split('.').count();
    ipv4(address).or_else(|| ipv4(&format!("{address}{}", [".0.0.0", ".0.0", ".0"].get(parts.checked_sub(1)?)?)))
}

/// `net 10.0.0.5/8`, `host 10.0.0.0/8`, `10.0.0.0/255.0.0.0`.
fn masked(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (address, length) = word.split_once('/')?;
    let network = network(address, length)?;
    let qualified = words.qualifiers(index);
    if !matches!(qualified.kind, "" | "host" | "net") {
        return None;
    }
    let replacement = format!("{}{network}", qualified.with_kind("net"));
    if replacement == words.slice(qualified.start..index + 1) {
        return None;
    }
    let start = words.span(index..index + 1).start;
    let (message, at) = match qualified.kind {
        _ if ipv4(length).is_some() => ("expected the length of a prefix after `/`", start + address.len() + 1),
        "net" => (HOST_BITS, start),
        _ => ("expected `net` before an address with a mask", start + address.len() + 1),
    };
    let mut edit = Edit::of(words, qualified.start..index + 1, replacement, message);
    edit.at = at;
    Some(edit)
}

/// `net 10.0.0.0 255.0.0.0`, `net 10.0.0.5 mask 255.0.0.0`.
fn mask_of_four(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let address = ipv4(words.get(index))?;
    let is_word = matches!(words.get(index + 1), "mask" | "netmask" | "wildcard");
    let end = index + 2 + usize::from(is_word);
    let mask = ipv4(words.get(end - 1))?;
    let length = length_of(mask).filter(|_| u32::from(mask) >> 30 == 3 || u32::from(mask) >> 30 == 0)?;
    let mask = mask4(length)?;
    let (address, mask) = (Ipv4Addr::from(u32::from(address) & mask), Ipv4Addr::from(mask));
    let qualified = words.qualifiers(index);
    let replacement = format!("{}{address} mask {mask}", qualified.with_kind("net"));
    if replacement == words.slice(qualified.start..end) {
        return None;
    }
    let message = match words.get(index + 1) {
        "mask" if qualified.kind != "net" => "expected `net` before an address with a mask",
        "mask" => HOST_BITS,
        "netmask" | "wildcard" => "expected `mask` between an address and its mask",
        _ => "expected `mask` between an address and its mask",
    };
    let cause = if message == HOST_BITS { index } else { index + 1 };
    Some(Edit::of(words, qualified.start..end, replacement, message).caused_by(words, cause))
}

/// `host 10.0.0.*`, `10.1.x.x`, `net 10.*`.
fn wildcard(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let parts: Vec<&str> = word.split('.').collect();
    let is_open = words.get(index + 1) != "[";
    let is_wild = |part: &&str| matches!(*part, "*" | "x" | "X" | "?") || part.is_empty() && is_open;
    let known = parts.iter().take_while(|part| part.parse::<u8>().is_ok()).count();
    let rest = &parts[known..];
    if !(1..=3).contains(&known) || rest.is_empty() || parts.len() > 4 || !rest.iter().all(is_wild) {
        return None;
    }
    let mut address = String::from(&parts[..known].join("."));
    (known..4).for_each(|_| address.push_str(".0"));
    let qualified = words.qualifiers(index);
    let replacement = format!("{}{address}/{}", qualified.with_kind("net"), 8 * known);
    let message = format!("expected a network with the length of its prefix, found `{word}`");
    let mut edit = Edit::of(words, qualified.start..index + 1, replacement, message).caused_by(words, index);
    edit.at += word.find(['*', 'x', 'X', '?']).unwrap_or(0);
    Some(edit)
}

/// `host 10.0.0.1-10.0.0.9`, `net 10.0.0.1-9`.
fn range(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (first, last, end) = match word.split_once('-') {
        Some((first, last)) if !last.is_empty() => (first, last, index + 1),
        _ if matches!(words.get(index + 1), "-" | "to" | "through") => (word, words.get(index + 2), index + 3),
        _ => return None,
    };
    let first = ipv4(first)?;
    let [a, b, c, _] = first.octets();
    let last = ipv4(last).or_else(|| last.parse().ok().map(|last| Ipv4Addr::new(a, b, c, last)))?;
    let networks = networks(first.into(), last.into())?;
    let qualified = words.qualifiers(index);
    // `src 10.0.0.1 to 10.0.0.2` has a source and a destination.
    if words.get(index + 1) == "to" && qualified.kind.is_empty() {
        return None;
    }
    let replacement = match &networks[..] {
        [one] => format!("{}{one}", qualified.with_kind("net")),
        all => format!("{}({})", qualified.with_kind("net"), all.join(" or ")),
    };
    let message = "expected an address or a network; there are no ranges of addresses";
    Some(Edit::of(words, qualified.start..end, replacement, message).caused_by(words, index))
}

/// Returns the networks that have all addresses from `first` to `last`, and no others.
pub(super) fn networks(first: u32, last: u32) -> Option<Vec<String>> {
    let (mut first, last) = (u64::from(first), u64::from(last));
    let mut found = Vec::new();
    while first <= last {
        let mut bits = first.trailing_zeros().min(32);
        while first + (1 << bits) - 1 > last {
            bits -= 1;
        }
        found.push(format!("{}/{}", Ipv4Addr::from(u32::try_from(first).ok()?), 32 - bits));
        first += 1 << bits;
    }
    (1..=MAX_NETWORKS).contains(&found.len()).then_some(found)
}

/// `host 0:c0:4f:1:2:3`, and such an address alone.
fn mac(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let word = word.trim_end_matches(',');
    if !is_mac(word) {
        return None;
    }
    let qualified = words.qualifiers(index);
    let before = words.before(index);
    let follows_protocol = qualified.start == index && is_protocol(before);
    let start = qualified.start - usize::from(follows_protocol);
    let direction = qualified.direction;
    let space = if direction.is_empty() { "" } else { " " };
    let replacement = format!("ether {direction}{space}host {word}");
    if qualified.protocol == "ether" || is_operand(words, index) {
        return None;
    }
    let message = "expected `ether host`, `ether src` or `ether dst` before a MAC address";
    Some(Edit::of(words, start..index + 1, replacement, message).caused_by(words, index))
}

/// Returns whether the id at an index inherits qualifiers, or is a part of a relation.
fn is_operand(words: &Words, index: usize) -> bool {
    let inherits = matches!(words.before(index), "or" | "and" | "not" | "(")
        && (0..index)
            .any(|at| matches!(kind(words.get(at)), Some(Kind::Host | Kind::Net)) || is_direction(words.get(at)));
    inherits || matches!(words.before(index), "[" | "mask" | "&" | "=" | "==")
}

/// `10.0.0.1`, `ip 10.0.0.1`, `tcp and 2001:db8::1`.
fn bare(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let (address, _) = word.split_once('/').unwrap_or((word, ""));
    if ipv4(address).is_none() && ipv6(address).is_none() || is_operand(words, index) {
        return None;
    }
    let before = words.before(index);
    let kind = if word.contains('/') { "net" } else { "host" };
    let is_start = matches!(before, "" | "(" | "and" | "or" | "not" | "&&" | "||" | "!");
    let takes_host = matches!(keyword(before), Some(Word::Protocol(Protocol::Ip | Protocol::Ip6 | Protocol::Arp)));
    if !is_start && !is_protocol(before) {
        return None;
    }
    let operator = if is_start || takes_host { "" } else { "and " };
    let message = format!("expected a qualifier such as `{kind}` before `{word}`");
    Some(Edit::of(words, index..index + 1, format!("{operator}{kind} {word}"), message))
}

/// `tcp host 10.0.0.1`, `ip port 80`.
fn protocol_before(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    if !is_protocol(word) {
        return None;
    }
    let next = (index + 1..words.len()).find(|&next| !matches!(words.get(next), "src" | "dst" | "or" | "and"))?;
    let is_kind = kind(words.get(next)).is_some() || next > index + 1 && ipv4(words.get(next)).is_some();
    let follows = kind(words.get(index + 1)).is_some() || is_direction(words.get(index + 1));
    if !is_kind || !follows || words.span(index..index + 1).start != site.error {
        return None;
    }
    let rest = words.slice(index + 1..next + 2);
    let joined = words.and_group(index..next + 2, &format!("{word} and {rest}"));
    let message = format!("expected `and` between `{word}` and `{}`", words.get(index + 1));
    Some(Edit::of(words, index..next + 2, joined, message))
}
