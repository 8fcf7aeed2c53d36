//! Tests of the addresses of hosts and networks: IPv4, IPv6 and DECnet.

use alloc::vec::Vec;

use crate::bpf::assemble::Label;
use crate::lang::generate::code_builder::{BranchTargets, Test, Value};
use crate::lang::generate::id_values::{Ipv4Net, Ipv6Net, misplaced};
use crate::lang::generate::packet_headers::PacketOffset;
use crate::lang::generate::{Ends, Generator, Result};
use crate::lang::positions::Site;
use crate::lang::tree::{Kind, Qualifiers};
use crate::lang::words::Protocol;
use crate::packet::protocols::*;

/// The offsets of the source and destination address in a header.
const IPV4_ADDRESSES: (u32, u32) = (IPV4_SOURCE, IPV4_DESTINATION);
const ARP_ADDRESSES: (u32, u32) = (14, 24);

/// The flags of a DECnet data packet: the length of the header, and a byte of padding before them.
const DECNET_FLAGS: u32 = 0x07;
const DECNET_SHORT: u32 = 0x02;
const DECNET_LONG: u32 = 0x06;
const DECNET_PADDED: u32 = 0x8100;
const DECNET_PADDED_FLAGS: u32 = 0xff00 | DECNET_FLAGS;

impl Generator<'_> {
    /// Tests for an address in one of these IPv4 networks.
    pub(super) fn ipv4_hosts(&mut self, nets: &[Ipv4Net], qualifiers: Qualifiers, to: BranchTargets) -> Result {
        self.ipv4_hosts_or(nets, qualifiers, to, to.no)
    }

    /// Does the same, but continues at `other` for packets without IPv4 addresses.
    pub(super) fn ipv4_hosts_or(
        &mut self,
        nets: &[Ipv4Net],
        qualifiers: Qualifiers,
        to: BranchTargets,
        other: Label,
    ) -> Result {
        let ends = address_ends(qualifiers)?;
        self.ipv4_carriers(qualifiers, to, other, |this, (source, destination), to| {
            let at = this.network()?;
            this.masked_values(nets, at.word(source), at.word(destination), ends, to);
            Ok(())
        })
    }

    /// Tests for packets with IPv4 addresses, none of which is in these networks.
    pub(super) fn other_ipv4_hosts(&mut self, nets: &[Ipv4Net], qualifiers: Qualifiers, to: BranchTargets) -> Result {
        self.ipv4_carriers(qualifiers, to, to.no, |this, (source, destination), to| {
            let at = this.network()?;
            this.masked_values(nets, at.word(source), at.word(destination), Ends::Either, to.swapped());
            Ok(())
        })
    }

    /// Generates `test` for the addresses of each protocol with IPv4 addresses that the qualifiers allow.
    fn ipv4_carriers(
        &mut self,
        qualifiers: Qualifiers,
        to: BranchTargets,
        other: Label,
        test: impl Fn(&mut Self, (u32, u32), BranchTargets) -> Result,
    ) -> Result {
        let (protocol, addresses) = match qualifiers.protocol {
            None => return self.any_ipv4_carrier(to, other, test),
            Some(Protocol::Ip) => (ETHERTYPE_IPV4, IPV4_ADDRESSES),
            Some(Protocol::Arp) => (ETHERTYPE_ARP, ARP_ADDRESSES),
            Some(Protocol::Rarp) => (ETHERTYPE_RARP, ARP_ADDRESSES),
            Some(Protocol::Ip6) => return Err(Site::Operand(0).error("expected an IPv6 address after `ip6`")),
            Some(protocol) => {
                let kind = if qualifiers.kind == Some(Kind::Net) { "a network" } else { "a host" };
                return Err(misplaced(protocol, kind));
            }
        };
        self.require_link_protocol(protocol, other)?;
        test(self, addresses, to)
    }

    fn any_ipv4_carrier(
        &mut self,
        to: BranchTargets,
        other: Label,
        test: impl Fn(&mut Self, (u32, u32), BranchTargets) -> Result,
    ) -> Result {
        if self.headers.labels > 0 {
            // Nothing identifies ARP after MPLS.
            self.require_link_protocol(ETHERTYPE_IPV4, other)?;
            return test(self, IPV4_ADDRESSES, to);
        }
        let (not_ipv4, arp, not_arp) = (self.code.label(), self.code.label(), self.code.label());
        self.require_link_protocol(ETHERTYPE_IPV4, not_ipv4)?;
        let is_distinct = self.headers.distinguishes_protocols();
        test(self, IPV4_ADDRESSES, BranchTargets { no: if is_distinct { to.no } else { not_ipv4 }, ..to })?;
        self.code.bind(not_ipv4);
        self.link_protocol(ETHERTYPE_ARP, BranchTargets { yes: arp, no: not_arp })?;
        self.code.bind(not_arp);
        self.link_protocol(ETHERTYPE_RARP, BranchTargets { yes: arp, no: other })?;
        self.code.bind(arp);
        test(self, ARP_ADDRESSES, BranchTargets { no: if is_distinct { to.no } else { other }, ..to })
    }

    /// Tests for an address in one of these IPv6 networks.
    pub(super) fn ipv6_hosts(&mut self, nets: &[Ipv6Net], qualifiers: Qualifiers, to: BranchTargets) -> Result {
        let ends = address_ends(qualifiers)?;
        if let Some(protocol) = qualifiers.protocol.filter(|&protocol| protocol != Protocol::Ip6) {
            return Err(misplaced(protocol, "an IPv6 address"));
        }
        self.require_link_protocol(ETHERTYPE_IPV6, to.no)?;
        let at = self.network()?;
        let (source, destination) = (at.plus(IPV6_SOURCE), at.plus(IPV6_DESTINATION));
        match ends {
            Ends::Source => self.ipv6_addresses(source, nets, 0, to),
            Ends::Destination => self.ipv6_addresses(destination, nets, 0, to),
            Ends::Both => self.alternatives(nets.chunks(1), to, |this, net, to| {
                let next = this.code.label();
                this.ipv6_addresses(source, net, 0, BranchTargets { yes: next, ..to });
                this.code.bind(next);
                this.ipv6_addresses(destination, net, 0, to);
            }),
            // In the order of `masked_values`.
            Ends::Either => {
                let (first, others) = nets.split_at(nets.len().min(1));
                let groups = [(source, first), (destination, nets), (source, others)];
                let groups = groups.into_iter().filter(|(_, nets)| !nets.is_empty());
                self.alternatives(groups.collect::<Vec<_>>().into_iter(), to, |this, (at, nets), to| {
                    this.ipv6_addresses(at, nets, 0, to);
                });
            }
        }
        Ok(())
    }

    /// Tests for an address in one of these networks from `word` on. Consecutive networks with an equal word share its
    /// test.
    fn ipv6_addresses(&mut self, at: PacketOffset, nets: &[Ipv6Net], word: u32, to: BranchTargets) {
        let part = |(address, mask): Ipv6Net| {
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

    /// Tests whether at least one of the tests that `one` generates holds.
    pub(super) fn alternatives<T>(
        &mut self,
        all: impl ExactSizeIterator<Item = T>,
        to: BranchTargets,
        one: impl Fn(&mut Self, T, BranchTargets),
    ) {
        let last = all.len().saturating_sub(1);
        for (index, item) in all.enumerate() {
            let next = if index == last { to.no } else { self.code.label() };
            one(self, item, BranchTargets { no: next, ..to });
            if index < last {
                self.code.bind(next);
            }
        }
    }

    /// Tests the source, the destination, one or both; the first argument of `one` is set for the source.
    pub(super) fn either(&mut self, ends: Ends, to: BranchTargets, one: impl Fn(&mut Self, bool, BranchTargets)) {
        let next = self.code.label();
        match ends {
            Ends::Source => return one(self, true, to),
            Ends::Destination => return one(self, false, to),
            Ends::Both => one(self, true, BranchTargets { yes: next, ..to }),
            Ends::Either => one(self, true, BranchTargets { no: next, ..to }),
        }
        self.code.bind(next);
        one(self, false, to);
    }

    /// Tests whether the source, the destination, one or both have one of these values under its mask.
    ///
    /// A load outside the packet drops it, so the order of the first loads counts: both ends are tested for the first
    /// value, as by separate primitives. The order of the other tests does not count.
    pub(super) fn masked_values(
        &mut self,
        wanted: &[(u32, u32)],
        source: Value,
        destination: Value,
        ends: Ends,
        to: BranchTargets,
    ) {
        fn tests(value: Value, wanted: &[(u32, u32)]) -> impl ExactSizeIterator<Item = Test> {
            wanted.iter().map(move |&(constant, mask)| value.has(mask, constant))
        }
        match ends {
            Ends::Source => self.code.any_test(tests(source, wanted), to),
            Ends::Destination => self.code.any_test(tests(destination, wanted), to),
            Ends::Both => self.alternatives(wanted.iter(), to, |this, &(constant, mask), to| {
                this.require(source.has(mask, constant), to.no);
                this.code.test(destination.has(mask, constant), to);
            }),
            Ends::Either => {
                let (first, others) = wanted.split_at(wanted.len().min(1));
                self.code.exclude_all(tests(source, first), to.yes);
                if others.is_empty() {
                    return self.code.any_test(tests(destination, wanted), to);
                }
                self.code.exclude_all(tests(destination, wanted), to.yes);
                self.code.any_test(tests(source, others), to);
            }
        }
    }

    /// Tests for a DECnet address in a data packet with a short or a long header, after a byte of padding or not.
    pub(super) fn decnet_hosts(&mut self, address: u32, qualifiers: Qualifiers, to: BranchTargets) -> Result {
        let ends = address_ends(qualifiers)?;
        self.require_link_protocol(ETHERTYPE_DECNET, to.no)?;
        let at = self.network()?;
        // DECnet is little-endian, loads are big-endian.
        let address = u32::from((address as u16).swap_bytes());
        let (short, long) = (at.byte(2).has(DECNET_FLAGS, DECNET_SHORT), at.byte(2).has(DECNET_FLAGS, DECNET_LONG));
        let padded = |kind: u32| at.half(2).has(DECNET_PADDED_FLAGS, DECNET_PADDED | kind);
        self.either(ends, to, |this, is_source, to| {
            let (in_short, in_long) = if is_source { (3, 15) } else { (1, 7) };
            if is_source {
                this.exclude_both(short, at.half(2 + in_short).is(address), to.yes);
                this.exclude_both(padded(DECNET_SHORT), at.half(3 + in_short).is(address), to.yes);
            } else {
                // The address follows the flags, so one load has both.
                let (mask, flags) = (DECNET_FLAGS << 24 | 0x00ff_ff00, DECNET_SHORT << 24);
                this.code.exclude(at.word(2).has(mask, flags | address << 8), to.yes);
                let (mask, flags) = (DECNET_PADDED_FLAGS << 16 | 0xffff, (DECNET_PADDED | DECNET_SHORT) << 16);
                this.code.exclude(at.word(2).has(mask, flags | address), to.yes);
            }
            this.exclude_both(long, at.half(2 + in_long).is(address), to.yes);
            this.require(padded(DECNET_LONG), to.no);
            this.code.test(at.half(3 + in_long).is(address), to);
        });
        Ok(())
    }

    /// Continues at `yes` if both tests hold, else with the next instruction.
    fn exclude_both(&mut self, first: Test, second: Test, yes: Label) {
        let no = self.code.label();
        self.require(first, no);
        self.code.test(second, BranchTargets { yes, no });
        self.code.bind(no);
    }
}

fn address_ends(qualifiers: Qualifiers) -> Result<Ends> {
    Ends::without_wlan(qualifiers.direction, "only MAC addresses of 802.11 have other directions")
}
