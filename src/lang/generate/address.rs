//! Qualifiers and what they qualify: which test they are.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::lang::generate::code::Exits;
use crate::lang::generate::{Generator, Message};
use crate::lang::keywords;
use crate::lang::names;
use crate::lang::parse::did_you_mean;
use crate::lang::target::Resolver;
use crate::lang::tree::{Dotted, Id, Kind, Mask, Qualifiers};
use crate::lang::words::{Protocol, Word};

/// An address and the bits of it that count.
pub(super) type Net4 = (u32, u32);
pub(super) type Net6 = (u128, u128);
/// Ports, and the IP protocol if a name says so.
pub(super) type Ports = (RangeInclusive<u32>, Option<u32>);

/// What tests have in common that one test can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kindred {
    Ipv4,
    Ipv6,
    Port,
    IpProtocol,
}

impl Kindred {
    /// `None` for what stays alone.
    pub(super) fn of(qualifiers: &Qualifiers, id: &Id) -> Option<Kindred> {
        let is_about_ip = matches!(qualifiers.protocol, None | Some(Protocol::Ip | Protocol::Ip6));
        match (qualifiers.kind, id) {
            (Some(Kind::Port | Kind::PortRange), Id::Number(_)) => Some(Kindred::Port),
            (Some(Kind::Protocol), Id::Number(_)) if is_about_ip => Some(Kindred::IpProtocol),
            (None | Some(Kind::Host | Kind::Net), Id::Number(_) | Id::Dotted(..))
                if !matches!(qualifiers.protocol, Some(Protocol::Link | Protocol::Decnet)) =>
            {
                Some(Kindred::Ipv4)
            }
            (None | Some(Kind::Host | Kind::Net), Id::Ipv6(..)) => Some(Kindred::Ipv6),
            _ => None,
        }
    }
}

/// A row of tests of a kind, with the part of the tree that each is, and its id.
type Parts<'e> = Vec<(usize, &'e Id)>;

impl Generator<'_> {
    /// One of these primitives, which are kindred, or one alone.
    pub(super) fn address_row<'e>(
        &mut self,
        row: impl Iterator<Item = (usize, Qualifiers, &'e Id)>,
        to: Exits,
    ) -> Result<(), (usize, Message)> {
        let mut qualifiers = None;
        let parts: Parts =
            row.map(|(part, of, id)| (part, *qualifiers.insert(of), id)).map(|(part, _, id)| (part, id)).collect();
        let (Some(qualifiers), Some(&(first, id))) = (qualifiers, parts.first()) else { return Ok(()) };
        let at_first = |message| (first, message);
        match Kindred::of(&qualifiers, id) {
            None => self.alone(qualifiers, id, to).map_err(at_first),
            Some(Kindred::Ipv4) => {
                let nets = each(&parts, |id| ipv4(qualifiers, id))?;
                self.hosts4(&nets, qualifiers, to).map_err(at_first)
            }
            Some(Kindred::Ipv6) => {
                let nets = each(&parts, |id| ipv6(qualifiers, id))?;
                self.hosts6(&nets, qualifiers, to).map_err(at_first)
            }
            Some(Kindred::Port) => {
                let ports = each(&parts, numbered_port)?;
                self.ports(&ports, qualifiers, None, to).map_err(at_first)
            }
            Some(Kindred::IpProtocol) => {
                let numbers = each(&parts, |id| number_up_to(id, 255, "an IP protocol"))?;
                self.ip_protocols(&numbers, qualifiers.protocol, to).map_err(at_first)
            }
        }
    }

    fn alone(&mut self, qualifiers: Qualifiers, id: &Id, to: Exits) -> Result<(), Message> {
        match qualifiers.kind {
            None | Some(Kind::Host | Kind::Net) => self.host(qualifiers, id, to),
            Some(Kind::Port) => {
                let (port, protocol) = port(expect_name(id, "port")?)?;
                self.ports(&[port..=port], qualifiers, protocol, to)
            }
            Some(Kind::PortRange) => {
                let (ports, protocol) = port_range(expect_name(id, "portrange")?)?;
                self.ports(&[ports], qualifiers, protocol, to)
            }
            Some(Kind::Protocol) => self.carried(qualifiers.protocol, id, to),
            Some(Kind::ProtocolChain) => self.protocol_chain(qualifiers.protocol, id, to),
            Some(Kind::Gateway) => self.gateway(qualifiers, id, to),
        }
    }

    /// A host or network that is no plain IP address.
    fn host(&mut self, qualifiers: Qualifiers, id: &Id, to: Exits) -> Result<(), Message> {
        let is_link = qualifiers.protocol == Some(Protocol::Link);
        match id {
            Id::Mac(mac) if is_link && qualifiers.kind != Some(Kind::Net) => {
                self.link_hosts(*mac, qualifiers.direction, to)
            }
            Id::Mac(_) => Err("expected `ether` before a MAC address".to_owned()),
            Id::Byte(byte) if is_link && qualifiers.kind != Some(Kind::Net) => {
                self.byte_hosts(*byte, qualifiers.direction, to)
            }
            Id::Byte(_) => Err("expected `link` before an address of one byte".to_owned()),
            Id::Name(name) if qualifiers.kind == Some(Kind::Net) => self.named_net(qualifiers, name, to),
            Id::Name(name) if is_link => {
                let mac = self.resolver(|resolver| resolver.ether(name));
                let mac = mac.ok_or_else(|| self.unknown_name("a MAC address such as 0:c0:4f:1:2:3", name))?;
                self.link_hosts(mac, qualifiers.direction, to)
            }
            _ if is_link => Err("expected a MAC address after `ether`".to_owned()),
            Id::Dotted(address, Mask::None) if qualifiers.kind != Some(Kind::Net) => {
                self.decnet_hosts(decnet(address)?, qualifiers, to)
            }
            Id::Number(number) => Err(format!("expected a DECnet address such as 10.15, found `{number}`")),
            Id::Dotted(_, Mask::None) => Err("expected `host`, since there are no networks of DECnet".to_owned()),
            Id::Dotted(..) => Err("expected no mask, since only IPv4 networks have one".to_owned()),
            Id::Name(name) if qualifiers.protocol == Some(Protocol::Decnet) => {
                Err(format!("expected a DECnet address such as 10.15, found `{name}`"))
            }
            Id::Name(name) => self.named_host(qualifiers, name, to),
            Id::Ipv6(..) => Err("expected an address".to_owned()),
        }
    }

    fn named_net(&mut self, qualifiers: Qualifiers, name: &str, to: Exits) -> Result<(), Message> {
        let network = self.resolver(|resolver| resolver.network(name));
        let (address, mask) = network.ok_or_else(|| self.unknown_name("a network such as 10.1.0.0/16", name))?;
        let mask = u32::from(mask);
        self.hosts4(&[(u32::from(address) & mask, mask)], qualifiers, to)
    }

    fn named_host(&mut self, qualifiers: Qualifiers, name: &str, to: Exits) -> Result<(), Message> {
        let addresses = self.resolver(|resolver| Some(resolver.host(name))).unwrap_or_default();
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for address in addresses {
            match address {
                IpAddr::V4(address) if qualifiers.protocol != Some(Protocol::Ip6) => {
                    four.push((u32::from(address), u32::MAX));
                }
                IpAddr::V6(address) if matches!(qualifiers.protocol, None | Some(Protocol::Ip6)) => {
                    six.push((u128::from(address), u128::MAX));
                }
                _ => {}
            }
        }
        let next = self.code.label();
        match (four.is_empty(), six.is_empty()) {
            (true, true) => {
                let guess = did_you_mean(keywords::near(name));
                Err(self.unknown_name("an address such as 10.0.0.1", name) + &guess)
            }
            (false, true) => self.hosts4(&four, qualifiers, to),
            (true, false) => self.hosts6(&six, qualifiers, to),
            (false, false) => {
                let no = if self.layers.tells_protocols_apart() { to.no } else { next };
                self.hosts4_or(&four, qualifiers, Exits { no, ..to }, next)?;
                self.code.place(next);
                self.hosts6(&six, qualifiers, to)
            }
        }
    }

    /// `gateway name`: over that machine's MAC address, but not from or to its IP addresses.
    fn gateway(&mut self, qualifiers: Qualifiers, id: &Id, to: Exits) -> Result<(), Message> {
        let name = expect_name(id, "gateway")?;
        if !matches!(qualifiers.protocol, None | Some(Protocol::Ip | Protocol::Arp | Protocol::Rarp)) {
            return Err("expected `ip`, `arp`, `rarp` or nothing before `gateway`".to_owned());
        }
        let mac = self.resolver(|resolver| resolver.ether(name));
        let addresses = self.resolver(|resolver| Some(resolver.host(name))).unwrap_or_default();
        let four: Vec<Net4> = addresses
            .iter()
            .filter_map(|address| match address {
                IpAddr::V4(address) => Some((u32::from(*address), u32::MAX)),
                IpAddr::V6(_) => None,
            })
            .collect();
        let mac = mac.filter(|_| !four.is_empty());
        let mac = mac.ok_or_else(|| {
            let unknown = self.unknown_name("`gateway` with a name that has MAC and IPv4 addresses", name);
            unknown + "; with addresses it is `ether host MAC and not host ADDRESS`"
        })?;
        let next = self.code.label();
        self.link_hosts(mac, None, Exits { yes: next, ..to })?;
        self.code.place(next);
        self.other_hosts4(&four, qualifiers, to)
    }

    /// Why a name cannot stand where an address is expected: there is no resolver, or it does not know the name.
    fn unknown_name(&self, expected: &str, name: &str) -> Message {
        let why = if self.target.resolver.is_some() {
            "which the resolver does not know"
        } else {
            "and names are not looked up (a program in Rust can bring a `Resolver`)"
        };
        format!("expected {expected}, found the name `{name}`, {why}")
    }

    /// What the caller's resolver says.
    fn resolver<T>(&self, ask: impl Fn(&dyn Resolver) -> Option<T>) -> Option<T> {
        self.target.resolver.as_deref().and_then(|resolver| ask(resolver))
    }
}

/// The value of each part, or the first error and its part.
fn each<T>(parts: &Parts, value: impl Fn(&Id) -> Result<T, Message>) -> Result<Vec<T>, (usize, Message)> {
    parts.iter().map(|&(part, id)| value(id).map_err(|message| (part, message))).collect()
}

fn expect_name<'i>(id: &'i Id, qualifier: &str) -> Result<&'i str, Message> {
    match id {
        Id::Name(name) => Ok(name),
        Id::Number(_) => Err(format!("expected a name after `{qualifier}`")),
        _ => Err(format!("expected no address after `{qualifier}`")),
    }
}

pub(super) fn number_up_to(id: &Id, max: u32, what: &str) -> Result<u32, Message> {
    match *id {
        Id::Number(number) if number <= max => Ok(number),
        Id::Number(number) => Err(format!("expected {what}, a number up to {max}, found `{number}`")),
        _ => Err(format!("expected {what}, a number up to {max}")),
    }
}

fn numbered_port(id: &Id) -> Result<RangeInclusive<u32>, Message> {
    let port = number_up_to(id, u16::MAX.into(), "a port")?;
    Ok(port..=port)
}

/// The port of a service, and the protocol if it has it for one only.
fn port(name: &str) -> Result<(u32, Option<u32>), Message> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = name.parse().ok().filter(|&port| port <= u16::MAX.into());
        return port
            .map(|port| (port, None))
            .ok_or_else(|| format!("expected a port, a number up to 65535, found `{name}`"));
    }
    match names::service(name) {
        (Some(tcp), Some(udp)) if tcp == udp => Ok((tcp.into(), None)),
        (Some(tcp), _) => Ok((tcp.into(), Some(6))),
        (None, Some(udp)) => Ok((udp.into(), Some(17))),
        (None, None) => {
            let near = keywords::nearest(name, names::services());
            Err(format!("expected a port, or a service that is known; `{name}` is not{}", did_you_mean(near)))
        }
    }
}

/// `80-90`, `http-https` or `80`, in any order.
fn port_range(name: &str) -> Result<Ports, Message> {
    let halves = || name.match_indices('-').map(|(at, _)| (&name[..at], &name[at + 1..]));
    let found = halves().find_map(|(first, last)| Some((port(first).ok()?, port(last).ok()?)));
    let Some(((first, of_first), (last, of_last))) = found else {
        let (port, protocol) = port(halves().next().map_or(name, |(first, _)| first))?;
        let is_range = halves().next().is_some();
        let message = || Err(format!("expected a range of ports such as 80-90 or http-https, found `{name}`"));
        return if is_range { message() } else { Ok((port..=port, protocol)) };
    };
    Ok((first.min(last)..=first.max(last), of_first.filter(|_| of_first == of_last)))
}

/// The addresses of an IPv4 id.
fn ipv4(qualifiers: Qualifiers, id: &Id) -> Result<Net4, Message> {
    let is_net = qualifiers.kind == Some(Kind::Net);
    let (address, bits, mask) = match id {
        Id::Number(number) if is_net => return Ok(widened(*number)),
        Id::Number(number) => return Ok((*number, u32::MAX)),
        Id::Dotted(address, mask) => {
            let (number, bits) = address.ipv4().ok_or_else(|| bad_address(address))?;
            (number, bits, mask)
        }
        _ => return Err("expected an IPv4 address".to_owned()),
    };
    let mask = match mask {
        Mask::None => high_bits(bits),
        _ if !is_net => return Err("expected `net` before an address with a mask".to_owned()),
        Mask::Length(length) if *length > 32 => {
            return Err(format!("expected the length of a mask, a number up to 32, found `{length}`"));
        }
        Mask::Length(length) => high_bits(*length),
        Mask::Dotted(mask) => mask.ipv4().ok_or_else(|| bad_address(mask))?.0,
    };
    if address & !mask != 0 {
        return Err("expected no bits of the address outside its mask".to_owned());
    }
    Ok((address, mask))
}

fn bad_address(address: &Dotted) -> Message {
    format!("expected an IPv4 address, found `{address}`, in which a number is above 255")
}

/// A mask of so many high bits, 0 to 32.
fn high_bits(count: u32) -> u32 {
    u32::MAX.checked_shl(32 - count).unwrap_or(0)
}

/// A network number without its trailing zeros: `net 10` is 10.0.0.0/8.
fn widened(mut number: u32) -> Net4 {
    let mut mask = u32::MAX;
    while number != 0 && number >> 24 == 0 {
        number <<= 8;
        mask <<= 8;
    }
    (number, mask)
}

fn ipv6(qualifiers: Qualifiers, id: &Id) -> Result<Net6, Message> {
    let Id::Ipv6(address, length) = id else { return Err("expected an IPv6 address".to_owned()) };
    let length = length.unwrap_or(128);
    if length > 128 {
        return Err(format!("expected the length of a prefix, a number up to 128, found `{length}`"));
    }
    if length != 128 && qualifiers.kind != Some(Kind::Net) {
        return Err("expected `net` before an address with a mask".to_owned());
    }
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    let address = u128::from(*address);
    if address & !mask != 0 {
        return Err("expected no bits of the address outside its mask".to_owned());
    }
    Ok((address, mask))
}

/// A DECnet address, `area.node`.
fn decnet(address: &Dotted) -> Result<u32, Message> {
    match *address.parts() {
        [area @ 0..=63, node @ 0..=1023] => Ok(u32::from(area) << 10 | u32::from(node)),
        _ => Err("expected a DECnet address: an area up to 63, `.`, and a node up to 1023".to_owned()),
    }
}

/// The protocol of a table, or a guess at what was meant.
pub(super) fn protocol_named(
    name: &str,
    what: &str,
    found: Option<u32>,
    known: impl Iterator<Item = &'static str>,
) -> Result<u32, Message> {
    found.ok_or_else(|| {
        let near = keywords::nearest(name, known);
        format!("expected {what}, a number or a name that is known; `{name}` is not{}", did_you_mean(near))
    })
}

/// Why a protocol cannot stand before something.
pub(super) fn misplaced(protocol: Protocol, before: &str) -> Message {
    format!("expected another qualifier than `{}` before {before}", keywords::spelling(Word::Protocol(protocol)))
}
