//! Tests of ports.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::bpf::isa::Width;
use crate::lang::generate::code_builder::{Base, BranchTargets, Value};
use crate::lang::generate::id_values::misplaced;
use crate::lang::generate::packet_headers::PacketOffset;
use crate::lang::generate::{Ends, Generator, Result};
use crate::lang::positions::Site;
use crate::lang::tree::Qualifiers;
use crate::lang::words::Protocol;
use crate::packet::protocols::*;

impl Generator<'_> {
    /// Tests for a port in one of these ranges; `named` is the IP protocol that the name of a service implies.
    pub(super) fn ports(
        &mut self,
        ports: &[RangeInclusive<u32>],
        qualifiers: Qualifiers,
        named: Option<u32>,
        to: BranchTargets,
    ) -> Result {
        let ends = Ends::without_wlan(qualifiers.direction, "ports have no other directions")?;
        let qualified = match qualifiers.protocol {
            None => None,
            Some(Protocol::Tcp) => Some(IPPROTO_TCP),
            Some(Protocol::Udp) => Some(IPPROTO_UDP),
            Some(Protocol::Sctp) => Some(IPPROTO_SCTP),
            Some(protocol) => return Err(misplaced(protocol, "a port")),
        };
        if let (Some(qualified), Some(named)) = (qualified, named) {
            if qualified != named {
                let transport = if named == IPPROTO_TCP { "tcp" } else { "udp" };
                let message = format!("expected `{transport}`: the service has its port for that only");
                return Err(Site::Protocol.error(message));
            }
        }
        let protocol = qualified.or(named);
        let protocols = protocol.as_ref().map_or(&[IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP][..], core::slice::from_ref);
        let four = self.code.label();
        self.require_link_protocol(ETHERTYPE_IPV6, four)?;
        let no = if self.headers.distinguishes_protocols() { to.no } else { four };
        self.ipv6_ports(protocols, ports, ends, BranchTargets { no, ..to })?;
        self.code.bind(four);
        self.require_link_protocol(ETHERTYPE_IPV4, to.no)?;
        self.ipv4_ports(protocols, ports, ends, to)
    }

    /// Tests for one of these IP protocols and ports in an IPv6 packet.
    pub(super) fn ipv6_ports(
        &mut self,
        protocols: &[u32],
        ports: &[RangeInclusive<u32>],
        ends: Ends,
        to: BranchTargets,
    ) -> Result {
        let at = self.network()?;
        self.require_protocol(at.byte(IPV6_NEXT_HEADER), protocols, to);
        let transport = at.plus(IPV6_LENGTH);
        self.port_ranges(ports, transport.half(0), transport.half(2), ends, to);
        Ok(())
    }

    /// Tests for one of these IP protocols and ports in an IPv4 packet. Only first fragments have ports.
    pub(super) fn ipv4_ports(
        &mut self,
        protocols: &[u32],
        ports: &[RangeInclusive<u32>],
        ends: Ends,
        to: BranchTargets,
    ) -> Result {
        let at = self.network()?;
        self.require_protocol(at.byte(IPV4_PROTOCOL), protocols, to);
        self.require(at.half(IPV4_FRAGMENT).none_of(FRAGMENT_OFFSET), to.no);
        let port = |offset| after_ipv4_header(at, offset, Width::Half);
        self.port_ranges(ports, port(0), port(2), ends, to);
        Ok(())
    }

    /// Continues with the next instruction if the value is one of these protocols, else at `to.no`.
    fn require_protocol(&mut self, value: Value, protocols: &[u32], to: BranchTargets) {
        let here = self.code.label();
        self.any_value(value, protocols, BranchTargets { yes: here, ..to });
        self.code.bind(here);
    }

    fn port_ranges(
        &mut self,
        ports: &[RangeInclusive<u32>],
        source: Value,
        destination: Value,
        ends: Ends,
        to: BranchTargets,
    ) {
        if ports.iter().all(|range| range.start() == range.end()) {
            let ports: Vec<(u32, u32)> = ports.iter().map(|range| (*range.start(), u32::MAX)).collect();
            return self.masked_values(&ports, source, destination, ends, to);
        }
        self.alternatives(ports.iter(), to, |this, range, to| {
            this.either(ends, to, |this, is_source, to| {
                let value = if is_source { source } else { destination };
                this.require(value.at_least(*range.start()), to.no);
                this.code.test(value.at_most(*range.end()), to);
            });
        });
    }
}

/// Returns the value at `offset` after the IPv4 header that is at `at`.
pub(super) fn after_ipv4_header(at: PacketOffset, offset: u32, width: Width) -> Value {
    Value::Bytes { base: Base::Ipv4Header(at), offset: at.at.wrapping_add(offset), width }
}
