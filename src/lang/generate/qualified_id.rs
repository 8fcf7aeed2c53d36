//! Tests of qualified ids, such as `tcp port 80` and `net 10.0.0.0/8`.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::lang::generate::code_builder::BranchTargets;
use crate::lang::generate::id_values::{
    Ipv4Net, decnet, ipv4, ipv6, name_after, number_up_to, numbered_port, port, port_range,
};
use crate::lang::generate::{Generator, PrimitiveError, Result};
use crate::lang::keywords;
use crate::lang::parse::did_you_mean;
use crate::lang::positions::Site;
use crate::lang::target::Resolver;
use crate::lang::tree::{Id, Kind, Mask, Qualifiers};
use crate::lang::words::Protocol;

/// A kind of tests that one test with several values can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeableTest {
    Ipv4,
    Ipv6,
    Port,
    IpProtocol,
}

impl MergeableTest {
    /// Returns `None` for tests that cannot be merged.
    pub(super) fn of(qualifiers: &Qualifiers, id: &Id) -> Option<MergeableTest> {
        let is_about_ip = matches!(qualifiers.protocol, None | Some(Protocol::Ip | Protocol::Ip6));
        match (qualifiers.kind, id) {
            (Some(Kind::Port | Kind::PortRange), Id::Number(_)) => Some(MergeableTest::Port),
            (Some(Kind::Protocol), Id::Number(_)) if is_about_ip => Some(MergeableTest::IpProtocol),
            (None | Some(Kind::Host | Kind::Net), Id::Number(_) | Id::Dotted(..))
                if !matches!(qualifiers.protocol, Some(Protocol::Link | Protocol::Decnet)) =>
            {
                Some(MergeableTest::Ipv4)
            }
            (None | Some(Kind::Host | Kind::Net), Id::Ipv6(..)) => Some(MergeableTest::Ipv6),
            _ => None,
        }
    }
}

/// The part of the tree and the id of each of some mergeable tests.
type Parts<'e> = Vec<(usize, &'e Id)>;

impl Generator<'_> {
    /// Tests for one of these mergeable primitives, or for a single primitive; an error has the part that is invalid.
    pub(super) fn qualified_ids<'e>(
        &mut self,
        primitives: impl Iterator<Item = (usize, Qualifiers, &'e Id)>,
        to: BranchTargets,
    ) -> Result<(), (usize, PrimitiveError)> {
        let mut primitives = primitives.peekable();
        let Some(&(first, qualifiers, id)) = primitives.peek() else { return Ok(()) };
        let parts: Parts = primitives.map(|(part, _, id)| (part, id)).collect();
        let result = match MergeableTest::of(&qualifiers, id) {
            None => self.qualified_id(qualifiers, id, to),
            Some(MergeableTest::Ipv4) => self.ipv4_hosts(&each(&parts, |id| ipv4(qualifiers, id))?, qualifiers, to),
            Some(MergeableTest::Ipv6) => self.ipv6_hosts(&each(&parts, |id| ipv6(qualifiers, id))?, qualifiers, to),
            Some(MergeableTest::Port) => self.ports(&each(&parts, numbered_port)?, qualifiers, None, to),
            Some(MergeableTest::IpProtocol) => {
                let numbers = each(&parts, |id| number_up_to(id, 255, "an IP protocol"))?;
                self.ip_protocols(&numbers, qualifiers.protocol, to)
            }
        };
        result.map_err(|error| (first, error))
    }

    fn qualified_id(&mut self, qualifiers: Qualifiers, id: &Id, to: BranchTargets) -> Result {
        match qualifiers.kind {
            None | Some(Kind::Host | Kind::Net) => self.host(qualifiers, id, to),
            Some(Kind::Port) => {
                let (port, protocol) = port(name_after(id, "port")?, self.names())?;
                self.ports(&[port..=port], qualifiers, protocol, to)
            }
            Some(Kind::PortRange) => {
                let (ports, protocol) = port_range(name_after(id, "portrange")?, self.names())?;
                self.ports(&[ports], qualifiers, protocol, to)
            }
            Some(Kind::Protocol) => self.carried_protocol(qualifiers.protocol, id, to),
            Some(Kind::ProtocolChain) => self.protocol_chain(qualifiers.protocol, id, to),
            Some(Kind::Gateway) => self.gateway(qualifiers, id, to),
        }
    }

    /// Tests for a host or network that is not a plain IP address.
    fn host(&mut self, qualifiers: Qualifiers, id: &Id, to: BranchTargets) -> Result {
        let is_link = qualifiers.protocol == Some(Protocol::Link);
        match id {
            Id::Mac(mac) if is_link && qualifiers.kind != Some(Kind::Net) => {
                self.link_hosts(*mac, qualifiers.direction, to)
            }
            Id::Mac(_) => Err(Site::Operand(0).error("expected `ether` before a MAC address")),
            Id::Byte(byte) if is_link && qualifiers.kind != Some(Kind::Net) => {
                self.byte_hosts(*byte, qualifiers.direction, to)
            }
            Id::Byte(_) => Err(Site::Operand(0).error("expected `link` before an address of one byte")),
            Id::Name(name) if qualifiers.kind == Some(Kind::Net) => self.named_net(qualifiers, name, to),
            Id::Name(name) if is_link => {
                let mac = self.resolver(|resolver| resolver.ether(name));
                let mac = mac.ok_or_else(|| self.unknown_name("a MAC address such as 0:c0:4f:1:2:3", name, ""))?;
                self.link_hosts(mac, qualifiers.direction, to)
            }
            _ if is_link => Err(Site::Operand(0).error("expected a MAC address after `ether`")),
            Id::Dotted(address, Mask::None) if qualifiers.kind != Some(Kind::Net) => {
                self.decnet_hosts(decnet(address)?, qualifiers, to)
            }
            Id::Number(number) => {
                Err(Site::Operand(0).error(format!("expected a DECnet address such as 10.15, found `{number}`")))
            }
            Id::Dotted(_, Mask::None) => {
                Err(Site::Operand(0).error("expected `host`, since there are no networks of DECnet"))
            }
            Id::Dotted(..) => Err(Site::Operand(0).error("expected no mask, since only IPv4 networks have one")),
            Id::Name(name) if qualifiers.protocol == Some(Protocol::Decnet) => {
                Err(Site::Operand(0).error(format!("expected a DECnet address such as 10.15, found `{name}`")))
            }
            Id::Name(name) => self.named_host(qualifiers, name, to),
            Id::Ipv6(..) => Err(Site::Operand(0).error("expected an address")),
        }
    }

    fn named_net(&mut self, qualifiers: Qualifiers, name: &str, to: BranchTargets) -> Result {
        let network = self.resolver(|resolver| resolver.network(name));
        let (address, mask) = network.ok_or_else(|| self.unknown_name("a network such as 10.1.0.0/16", name, ""))?;
        let mask = u32::from(mask);
        self.ipv4_hosts(&[(u32::from(address) & mask, mask)], qualifiers, to)
    }

    fn named_host(&mut self, qualifiers: Qualifiers, name: &str, to: BranchTargets) -> Result {
        let addresses = self.resolver(|resolver| Some(resolver.host(name))).unwrap_or_default();
        let (mut four, mut six) = (ipv4_hosts(&addresses), Vec::new());
        if qualifiers.protocol == Some(Protocol::Ip6) {
            four.clear();
        }
        if matches!(qualifiers.protocol, None | Some(Protocol::Ip6)) {
            six.extend(addresses.iter().filter_map(|address| match address {
                IpAddr::V4(_) => None,
                IpAddr::V6(address) => Some((u128::from(*address), u128::MAX)),
            }));
        }
        match (four.is_empty(), six.is_empty()) {
            (true, true) if !addresses.is_empty() => {
                let family = if qualifiers.protocol == Some(Protocol::Ip6) { "IPv6" } else { "IPv4" };
                let message = format!("expected the name of a host with an {family} address; `{name}` has none");
                Err(Site::Operand(0).error(message))
            }
            (true, true) => {
                let guess = did_you_mean(keywords::near(name));
                Err(self.unknown_name("an address such as 10.0.0.1", name, &guess))
            }
            (false, true) => self.ipv4_hosts(&four, qualifiers, to),
            (true, false) => self.ipv6_hosts(&six, qualifiers, to),
            (false, false) => {
                let next = self.code.label();
                let no = if self.headers.distinguishes_protocols() { to.no } else { next };
                self.ipv4_hosts_or(&four, qualifiers, BranchTargets { no, ..to }, next)?;
                self.code.bind(next);
                self.ipv6_hosts(&six, qualifiers, to)
            }
        }
    }

    /// Generates `gateway name`: tests for the MAC address of that machine without its IP addresses.
    fn gateway(&mut self, qualifiers: Qualifiers, id: &Id, to: BranchTargets) -> Result {
        let name = name_after(id, "gateway")?;
        if !matches!(qualifiers.protocol, None | Some(Protocol::Ip | Protocol::Arp | Protocol::Rarp)) {
            return Err("expected `ip`, `arp`, `rarp` or nothing before `gateway`".into());
        }
        let mac = self.resolver(|resolver| resolver.ether(name));
        let addresses = self.resolver(|resolver| Some(resolver.host(name))).unwrap_or_default();
        let four = ipv4_hosts(&addresses);
        let mac = mac.filter(|_| !four.is_empty());
        let mac = mac.ok_or_else(|| {
            let advice = "; with addresses it is `ether host MAC and not host ADDRESS`";
            self.unknown_name("`gateway` with a name that has MAC and IPv4 addresses", name, advice)
        })?;
        let next = self.code.label();
        self.link_hosts(mac, None, BranchTargets { yes: next, ..to })?;
        self.code.bind(next);
        self.other_ipv4_hosts(&four, qualifiers, to)
    }

    /// Returns the error of a name without an address, with an advice after it.
    fn unknown_name(&self, expected: &str, name: &str, advice: &str) -> PrimitiveError {
        let reason = if self.target.resolver.is_some() {
            "which the resolver does not know"
        } else {
            "and names are not looked up (cbpf --resolve; in Rust, a `Resolver`)"
        };
        Site::Operand(0).error(format!("expected {expected}, found the name `{name}`, {reason}{advice}"))
    }

    /// Returns the resolver of the target, if it has one.
    pub(super) fn names(&self) -> Option<&dyn Resolver> {
        self.target.resolver.as_deref().map(|resolver| resolver as &dyn Resolver)
    }

    /// Looks up a name with the resolver of the target, if it has one.
    fn resolver<T>(&self, look_up: impl Fn(&dyn Resolver) -> Option<T>) -> Option<T> {
        self.target.resolver.as_deref().and_then(|resolver| look_up(resolver))
    }
}

/// Returns the value of each part, or the first error and its part.
fn each<T>(parts: &Parts, value: impl Fn(&Id) -> Result<T>) -> Result<Vec<T>, (usize, PrimitiveError)> {
    parts.iter().map(|&(part, id)| value(id).map_err(|error| (part, error))).collect()
}

/// Returns the IPv4 addresses among these, as networks of one host.
fn ipv4_hosts(addresses: &[IpAddr]) -> Vec<Ipv4Net> {
    let ipv4 = |address: &IpAddr| match address {
        IpAddr::V4(address) => Some((u32::from(*address), u32::MAX)),
        IpAddr::V6(_) => None,
    };
    addresses.iter().filter_map(ipv4).collect()
}
