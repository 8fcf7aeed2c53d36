//! Tests of network addresses.

use crate::bpf::assemble::Label;
use crate::lang::generate::address::{Net4, Net6, misplaced};
use crate::lang::generate::code::{Exits, Test, Value};
use crate::lang::generate::layers::Place;
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::{Direction, Kind, Qualifiers};
use crate::lang::words::Protocol;

/// EtherTypes.
pub(super) const IP: u32 = 0x0800;
pub(super) const ARP: u32 = 0x0806;
pub(super) const RARP: u32 = 0x8035;
pub(super) const IP6: u32 = 0x86dd;
pub(super) const DECNET: u32 = 0x6003;

/// Where the source and destination addresses are in a header.
const IP_ADDRESSES: (u32, u32) = (12, 16);
const ARP_ADDRESSES: (u32, u32) = (14, 24);
const IP6_ADDRESSES: (u32, u32) = (8, 24);

impl Generator<'_> {
    /// One of these IPv4 networks.
    pub(super) fn hosts4(&mut self, nets: &[Net4], qualifiers: Qualifiers, to: Exits) -> Result<(), Message> {
        self.hosts4_or(nets, qualifiers, to, to.no)
    }

    /// The same, and packets without IPv4 addresses go to `other`.
    pub(super) fn hosts4_or(
        &mut self,
        nets: &[Net4],
        qualifiers: Qualifiers,
        to: Exits,
        other: Label,
    ) -> Result<(), Message> {
        let direction = ip_direction(qualifiers.direction)?;
        self.ipv4_carriers(qualifiers, to, other, |this, (source, destination), to| {
            let at = this.network()?;
            this.either_word(nets, at.word(source), at.word(destination), direction, to);
            Ok(())
        })
    }

    /// None of these addresses, in a packet that has some.
    pub(super) fn other_hosts4(&mut self, nets: &[Net4], qualifiers: Qualifiers, to: Exits) -> Result<(), Message> {
        self.ipv4_carriers(qualifiers, to, to.no, |this, (source, destination), to| {
            let at = this.network()?;
            let to = Exits { yes: to.no, no: to.yes };
            this.either_word(nets, at.word(source), at.word(destination), Direction::Either, to);
            Ok(())
        })
    }

    /// What `test` says of the addresses of each protocol that has IPv4 addresses and is asked for.
    fn ipv4_carriers(
        &mut self,
        qualifiers: Qualifiers,
        to: Exits,
        other: Label,
        test: impl Fn(&mut Self, (u32, u32), Exits) -> Result<(), Message>,
    ) -> Result<(), Message> {
        let here = self.code.label();
        let (protocol, addresses) = match qualifiers.protocol {
            None => return self.any_ipv4_carrier(to, other, test),
            Some(Protocol::Ip) => (IP, IP_ADDRESSES),
            Some(Protocol::Arp) => (ARP, ARP_ADDRESSES),
            Some(Protocol::Rarp) => (RARP, ARP_ADDRESSES),
            Some(Protocol::Ip6) => return Err("expected an IPv6 address after `ip6`".to_owned()),
            Some(protocol) => return Err(misplaced(protocol, kind_of(qualifiers))),
        };
        self.link_type(protocol, Exits { yes: here, no: other })?;
        self.code.place(here);
        test(self, addresses, to)
    }

    fn any_ipv4_carrier(
        &mut self,
        to: Exits,
        other: Label,
        test: impl Fn(&mut Self, (u32, u32), Exits) -> Result<(), Message>,
    ) -> Result<(), Message> {
        let (ip, no_ip) = (self.code.label(), self.code.label());
        // Behind MPLS nothing says that it is ARP.
        let is_all = self.layers.labels > 0;
        self.link_type(IP, Exits { yes: ip, no: if is_all { other } else { no_ip } })?;
        self.code.place(ip);
        let is_apart = self.layers.tells_protocols_apart();
        test(self, IP_ADDRESSES, Exits { no: if is_all || is_apart { to.no } else { no_ip }, ..to })?;
        if is_all {
            return Ok(());
        }
        let (arp, rarp) = (self.code.label(), self.code.label());
        self.code.place(no_ip);
        self.link_type(ARP, Exits { yes: arp, no: rarp })?;
        self.code.place(rarp);
        self.link_type(RARP, Exits { yes: arp, no: other })?;
        self.code.place(arp);
        test(self, ARP_ADDRESSES, Exits { no: if is_apart { to.no } else { other }, ..to })
    }

    /// One of these IPv6 networks.
    pub(super) fn hosts6(&mut self, nets: &[Net6], qualifiers: Qualifiers, to: Exits) -> Result<(), Message> {
        let direction = ip_direction(qualifiers.direction)?;
        if let Some(protocol) = qualifiers.protocol.filter(|&protocol| protocol != Protocol::Ip6) {
            return Err(misplaced(protocol, "an IPv6 address"));
        }
        let here = self.code.label();
        self.link_type(IP6, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        let at = self.network()?;
        let (source, destination) = (at.plus(IP6_ADDRESSES.0), at.plus(IP6_ADDRESSES.1));
        match direction {
            Direction::Source => self.ipv6_addresses(source, nets, 0, to),
            Direction::Destination => self.ipv6_addresses(destination, nets, 0, to),
            Direction::Both => self.alternatives(nets.chunks(1), to, |this, net, to| {
                let next = this.code.label();
                this.ipv6_addresses(source, net, 0, Exits { yes: next, ..to });
                this.code.place(next);
                this.ipv6_addresses(destination, net, 0, to);
            }),
            // In the order of `either_value`.
            _ => {
                let (first, others) = nets.split_at(nets.len().min(1));
                let rows = [(source, first), (destination, nets), (source, others)];
                let rows = rows.into_iter().filter(|(_, nets)| !nets.is_empty());
                self.alternatives(rows.collect::<Vec<_>>().into_iter(), to, |this, (at, nets), to| {
                    this.ipv6_addresses(at, nets, 0, to);
                });
            }
        }
        Ok(())
    }

    /// One of these networks at a place, of which the words before `word` are known to be right; those in a row that agree
    /// in a word share its test.
    fn ipv6_addresses(&mut self, at: Place, nets: &[Net6], word: u32, to: Exits) {
        let part = |(address, mask): Net6| {
            let shift = 96 - 32 * word;
            ((address >> shift) as u32, (mask >> shift) as u32)
        };
        let groups = nets.chunk_by(|&a, &b| part(a) == part(b));
        self.alternatives(groups.collect::<Vec<_>>().into_iter(), to, |this, group, to| {
            let (address, mask) = part(group[0]);
            let test = at.word(4 * word).has(mask, address);
            if word == 3 {
                return this.code.test(test, to);
            }
            this.require(test, to.no);
            this.ipv6_addresses(at, group, word + 1, to);
        });
    }

    /// Goes to `yes` if `one` says so of one of these.
    pub(super) fn alternatives<T>(
        &mut self,
        all: impl ExactSizeIterator<Item = T>,
        to: Exits,
        one: impl Fn(&mut Self, T, Exits),
    ) {
        let last = all.len().saturating_sub(1);
        for (index, this_one) in all.enumerate() {
            let next = if index == last { to.no } else { self.code.label() };
            one(self, this_one, Exits { no: next, ..to });
            if index < last {
                self.code.place(next);
            }
        }
    }

    /// What `one` says of the source, of the destination, of one or of both; it says yes if its first argument is the source.
    pub(super) fn either(&mut self, direction: Direction, to: Exits, one: impl Fn(&mut Self, bool, Exits)) {
        let next = self.code.label();
        match direction {
            Direction::Source => return one(self, true, to),
            Direction::Destination => return one(self, false, to),
            Direction::Both => one(self, true, Exits { yes: next, ..to }),
            _ => one(self, true, Exits { no: next, ..to }),
        }
        self.code.place(next);
        one(self, false, to);
    }

    /// One of these networks in one of two words, or in both.
    pub(super) fn either_word(
        &mut self,
        nets: &[Net4],
        source: Value,
        destination: Value,
        direction: Direction,
        to: Exits,
    ) {
        self.either_value(nets, source, destination, direction, to, |value, &(address, mask)| value.has(mask, address));
    }

    /// One of these in one of two values, or in both.
    ///
    /// What is loaded first, and so which short packets match, is as if they were asked for one after the other: both
    /// values for the first, then any order does.
    fn either_value<T>(
        &mut self,
        wanted: &[T],
        source: Value,
        destination: Value,
        direction: Direction,
        to: Exits,
        test: impl Fn(Value, &T) -> Test,
    ) {
        let tests =
            |value: Value, wanted: &[T]| wanted.iter().map(|one| test(value, one)).collect::<Vec<_>>().into_iter();
        match direction {
            Direction::Source => self.code.one_of(tests(source, wanted), to),
            Direction::Destination => self.code.one_of(tests(destination, wanted), to),
            Direction::Both => {
                self.alternatives(wanted.iter(), to, |this, one, to| {
                    this.require(test(source, one), to.no);
                    this.code.test(test(destination, one), to);
                });
            }
            _ => {
                let (first, others) = wanted.split_at(wanted.len().min(1));
                self.code.any(tests(source, first), to.yes);
                if others.is_empty() {
                    return self.code.one_of(tests(destination, wanted), to);
                }
                self.code.any(tests(destination, wanted), to.yes);
                self.code.one_of(tests(source, others), to);
            }
        }
    }

    /// A DECnet address, in a data packet with a long or a short header, behind a byte of padding or not.
    pub(super) fn decnet_hosts(&mut self, address: u32, qualifiers: Qualifiers, to: Exits) -> Result<(), Message> {
        let direction = ip_direction(qualifiers.direction)?;
        let here = self.code.label();
        self.link_type(DECNET, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        let at = self.network()?;
        // Little-endian, which loads are not.
        let address = u32::from((address as u16).swap_bytes());
        self.either(direction, to, |this, is_source, to| {
            let (short, long) = if is_source { (3, 15) } else { (1, 7) };
            if is_source {
                this.decnet_address(at.byte(2).has(0x07, 0x02), at.half(2 + short).is(address), to.yes);
                this.decnet_address(at.half(2).has(0xff07, 0x8102), at.half(3 + short).is(address), to.yes);
            } else {
                // The address is next to the flags.
                this.code.exclude(at.word(2).has(0x07ff_ff00, 0x0200_0000 | address << 8), to.yes);
                this.code.exclude(at.word(2).has(0xff07_ffff, 0x8102_0000 | address), to.yes);
            }
            this.decnet_address(at.byte(2).has(0x07, 0x06), at.half(2 + long).is(address), to.yes);
            this.require(at.half(2).has(0xff07, 0x8106), to.no);
            this.code.test(at.half(3 + long).is(address), to);
        });
        Ok(())
    }

    /// Goes to `yes` if both hold, else on here.
    fn decnet_address(&mut self, kind: Test, address: Test, yes: Label) {
        let next = self.code.label();
        self.require(kind, next);
        self.code.test(address, Exits { yes, no: next });
        self.code.place(next);
    }
}

/// The direction of an IP address; without one, either.
fn ip_direction(direction: Option<Direction>) -> Result<Direction, Message> {
    match direction {
        None => Ok(Direction::Either),
        Some(direction @ (Direction::Source | Direction::Destination | Direction::Either | Direction::Both)) => {
            Ok(direction)
        }
        Some(_) => Err("expected `src` or `dst`: only MAC addresses of 802.11 have other directions".to_owned()),
    }
}

fn kind_of(qualifiers: Qualifiers) -> &'static str {
    if qualifiers.kind == Some(Kind::Net) { "a network" } else { "a host" }
}
