//! The values of ids: addresses, ports and protocols.

use alloc::string::String;
use core::ops::RangeInclusive;

use crate::lang::generate::{PrimitiveError, Result};
use crate::lang::keywords;
use crate::lang::names;
use crate::lang::parse::did_you_mean;
use crate::lang::positions::Site;
use crate::lang::target::Resolver;
use crate::lang::tree::{Dotted, Id, Kind, Mask, Qualifiers};
use crate::lang::words::{Protocol, Word};
use crate::packet::protocols::{IPPROTO_TCP, IPPROTO_UDP};

/// An address and its mask.
pub(super) type Ipv4Net = (u32, u32);
pub(super) type Ipv6Net = (u128, u128);
/// A range of ports, and the IP protocol if the name of a service implies it.
type Ports = (RangeInclusive<u32>, Option<u32>);

/// Returns the name that `qualifier` needs.
pub(super) fn name_after<'i>(id: &'i Id, qualifier: &str) -> Result<&'i str> {
    match id {
        Id::Name(name) => Ok(name),
        Id::Number(_) => Err(Site::Operand(0).error(format!("expected a name after `{qualifier}`"))),
        _ => Err(Site::Operand(0).error(format!("expected no address after `{qualifier}`"))),
    }
}

pub(super) fn number_up_to(id: &Id, max: u32, what: &str) -> Result<u32> {
    match *id {
        Id::Number(number) if number <= max => Ok(number),
        Id::Number(number) => {
            Err(Site::Operand(0).error(format!("expected {what}, a number up to {max}, found `{number}`")))
        }
        _ => Err(Site::Operand(0).error(format!("expected {what}, a number up to {max}"))),
    }
}

pub(super) fn numbered_port(id: &Id) -> Result<RangeInclusive<u32>> {
    let port = number_up_to(id, u16::MAX.into(), "a port")?;
    Ok(port..=port)
}

/// Returns the port of a service, and its IP protocol if there is only one.
pub(super) fn port(name: &str, resolver: Option<&dyn Resolver>) -> Result<(u32, Option<u32>)> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = name.parse().ok().filter(|&port| port <= u16::MAX.into());
        return port
            .map(|port| (port, None))
            .ok_or_else(|| Site::Operand(0).error(format!("expected a port, a number up to 65535, found `{name}`")));
    }
    let found = match (names::service(name), resolver) {
        ((None, None), Some(resolver)) => resolver.service(name),
        (found, _) => found,
    };
    match found {
        (Some(tcp), Some(udp)) if tcp == udp => Ok((tcp.into(), None)),
        (Some(tcp), _) => Ok((tcp.into(), Some(IPPROTO_TCP))),
        (None, Some(udp)) => Ok((udp.into(), Some(IPPROTO_UDP))),
        (None, None) => {
            let near = keywords::nearest(name, names::services());
            let guess = if near.is_some() { did_you_mean(near) } else { String::from(unresolved(resolver)) };
            Err(Site::Operand(0).error(format!("expected a port, or a service that is known; `{name}` is not{guess}")))
        }
    }
}

/// Returns the ports of `80-90`, `http-https` or `80`, in any order.
pub(super) fn port_range(name: &str, resolver: Option<&dyn Resolver>) -> Result<Ports> {
    let port = |name: &str| port(name, resolver);
    let halves = || name.match_indices('-').map(|(at, _)| (&name[..at], &name[at + 1..]));
    let found = halves().find_map(|(first, last)| Some((port(first).ok()?, port(last).ok()?)));
    let Some(((first, of_first), (last, of_last))) = found else {
        let (port, protocol) = port(halves().next().map_or(name, |(first, _)| first))?;
        let is_range = halves().next().is_some();
        let message = || {
            Err(Site::Operand(0)
                .error(format!("expected a range of ports such as 80-90 or http-https, found `{name}`")))
        };
        return if is_range { message() } else { Ok((port..=port, protocol)) };
    };
    Ok((first.min(last)..=first.max(last), of_first.filter(|_| of_first == of_last)))
}

/// Returns the network of an IPv4 address or network number.
pub(super) fn ipv4(qualifiers: Qualifiers, id: &Id) -> Result<Ipv4Net> {
    let is_net = qualifiers.kind == Some(Kind::Net);
    let (address, bits, mask) = match id {
        Id::Number(number) if is_net => return Ok(widened(*number)),
        Id::Number(number) => return Ok((*number, u32::MAX)),
        Id::Dotted(address, mask) => {
            let (number, bits) = address.ipv4().ok_or_else(|| Site::Operand(0).error(bad_address(address)))?;
            (number, bits, mask)
        }
        _ => return Err(Site::Operand(0).error("expected an IPv4 address")),
    };
    let mask = match mask {
        Mask::None => high_bits(bits),
        _ if !is_net => return Err(Site::Operand(1).error("expected `net` before an address with a mask")),
        Mask::Length(length) if *length > 32 => {
            let message = format!("expected the length of a mask, a number up to 32, found `{length}`");
            return Err(Site::Operand(1).error(message));
        }
        Mask::Length(length) => high_bits(*length),
        Mask::Dotted(mask) => mask.ipv4().ok_or_else(|| Site::Operand(1).error(bad_address(mask)))?.0,
    };
    if address & !mask != 0 {
        return Err(Site::Operand(0).error("expected no bits of the address outside its mask"));
    }
    Ok((address, mask))
}

fn bad_address(address: &Dotted) -> String {
    format!("expected an IPv4 address, found `{address}`, in which a number is above 255")
}

/// Returns a mask with the upper `count` bits set; `count` is 32 at most.
fn high_bits(count: u32) -> u32 {
    u32::MAX.checked_shl(32 - count).unwrap_or(0)
}

/// Returns the network of a number without its trailing zeros: 10.0.0.0/8 for `net 10`.
fn widened(mut number: u32) -> Ipv4Net {
    let mut mask = u32::MAX;
    while number != 0 && number >> 24 == 0 {
        number <<= 8;
        mask <<= 8;
    }
    (number, mask)
}

pub(super) fn ipv6(qualifiers: Qualifiers, id: &Id) -> Result<Ipv6Net> {
    let Id::Ipv6(address, length) = id else { return Err(Site::Operand(0).error("expected an IPv6 address")) };
    let length = length.unwrap_or(128);
    if length > 128 {
        let message = format!("expected the length of a prefix, a number up to 128, found `{length}`");
        return Err(Site::Operand(1).error(message));
    }
    if length != 128 && qualifiers.kind != Some(Kind::Net) {
        return Err(Site::Operand(1).error("expected `net` before an address with a mask"));
    }
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    let address = u128::from(*address);
    if address & !mask != 0 {
        return Err(Site::Operand(0).error("expected no bits of the address outside its mask"));
    }
    Ok((address, mask))
}

/// Returns the DECnet address of `area.node`.
pub(super) fn decnet(address: &Dotted) -> Result<u32> {
    match *address.parts() {
        [area @ 0..=63, node @ 0..=1023] => Ok(u32::from(area) << 10 | u32::from(node)),
        _ => Err(Site::Operand(0).error("expected a DECnet address: an area up to 63, `.`, and a node up to 1023")),
    }
}

/// Returns the number of a protocol: a number up to `max`, or a name in a table.
pub(super) fn named_protocol(id: &Id, table: &[(&'static str, u32)], max: u32, what: &str) -> Result<u32> {
    match id {
        Id::Name(name) => known(name, what, names::find(table, name), table.iter().map(|(name, _)| *name), ""),
        _ => number_up_to(id, max, what),
    }
}

/// Returns the number of an IP protocol.
pub(super) fn ip_protocol_number(id: &Id, resolver: Option<&dyn Resolver>) -> Result<u32> {
    match id {
        Id::Name(name) => {
            let resolved = || resolver.and_then(|resolver| resolver.protocol(name)).map(u32::from);
            let found = names::ip_protocol(name).or_else(resolved);
            known(name, "an IP protocol", found, names::ip_protocols(), unresolved(resolver))
        }
        _ => number_up_to(id, 255, "an IP protocol"),
    }
}

/// Returns the end of an error message about a name that is in no table.
pub(super) fn unresolved(resolver: Option<&dyn Resolver>) -> &'static str {
    match resolver {
        Some(_) => ", and the resolver does not know it",
        None => ", and names are not looked up on this system (cbpf --resolve; in Rust, a `Resolver`)",
    }
}

/// Returns the number that was found for a name, or a message with a similar name.
fn known(
    name: &str,
    what: &str,
    found: Option<u32>,
    names: impl Iterator<Item = &'static str>,
    unresolved: &str,
) -> Result<u32> {
    found.ok_or_else(|| {
        let near = keywords::nearest(name, names);
        let guess = if near.is_some() { did_you_mean(near) } else { String::from(unresolved) };
        Site::Operand(0).error(format!("expected {what}, a number or a name that is known; `{name}` is not{guess}"))
    })
}

/// Returns the message for a protocol qualifier that does not fit.
pub(super) fn misplaced(protocol: Protocol, before: &str) -> PrimitiveError {
    let spelling = keywords::spelling(Word::Protocol(protocol));
    Site::Protocol.error(format!("expected another qualifier than `{spelling}` before {before}"))
}
