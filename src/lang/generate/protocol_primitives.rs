//! Tests of protocols: `tcp`, `arp`, `isis`, ..., and `proto`.

use crate::lang::generate::code_builder::BranchTargets;
use crate::lang::generate::id_values::{ip_protocol_number, misplaced, named_protocol, number_up_to};
use crate::lang::generate::packet_headers::PacketOffset;
use crate::lang::generate::{Generator, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::names::{ISO_PROTOCOLS, LINK_PROTOCOLS};
use crate::lang::positions::Site;
use crate::lang::tree::Id;
use crate::lang::words::Protocol;
use crate::packet::protocols::*;

impl Generator<'_> {
    /// Tests for one of these IP protocols in IPv4, IPv6 or both (`None`).
    pub(super) fn ip_protocols(&mut self, numbers: &[u32], version: Option<Protocol>, to: BranchTargets) -> Result {
        self.ip_versions(
            version,
            to,
            |this, to| {
                this.any_value(this.network()?.byte(IPV4_PROTOCOL), numbers, to);
                Ok(())
            },
            |this, to| {
                let at = this.network()?;
                let next = at.byte(IPV6_NEXT_HEADER);
                this.code.exclude_all(numbers.iter().map(|&number| next.is(number)), to.yes);
                this.require(next.is(IPPROTO_FRAGMENT), to.no);
                this.any_value(at.byte(IPV6_LENGTH), numbers, to);
                Ok(())
            },
        )
    }

    /// Generates `protocol proto number`, where `protocol` carries the protocol with that number.
    pub(super) fn carried_protocol(&mut self, protocol: Option<Protocol>, id: &Id, to: BranchTargets) -> Result {
        if let Id::Dotted(..) | Id::Ipv6(..) | Id::Mac(_) | Id::Byte(_) = id {
            return Err(Site::Operand(0).error("expected a protocol after `proto`, not an address"));
        }
        match protocol {
            None | Some(Protocol::Ip | Protocol::Ip6) => {
                self.ip_protocols(&[ip_protocol_number(id, self.names())?], protocol, to)
            }
            Some(Protocol::Link) => self.link_protocol(self.link_protocol_number(id)?, to),
            Some(Protocol::Iso) => self.osi_protocol(named_protocol(id, &ISO_PROTOCOLS, 255, "an OSI protocol")?, to),
            Some(Protocol::Isis) => self.isis_pdus(&[number_up_to(id, 31, "a PDU of IS-IS")?], to),
            Some(protocol) => Err(misplaced(protocol, "`proto`")),
        }
    }

    /// Tests for an OSI network-layer protocol.
    fn osi_protocol(&mut self, number: u32, to: BranchTargets) -> Result {
        if self.headers.family == LinkFamily::FrameRelay {
            self.code.test(self.headers.header.half(2).is(UNNUMBERED_NLPID | number), to);
            return Ok(());
        }
        self.require_link_protocol(SAP_OSI, to.no)?;
        self.code.test(self.osi_header()?.byte(0).is(number), to);
        Ok(())
    }

    /// Tests for one of these PDUs of IS-IS.
    fn isis_pdus(&mut self, numbers: &[u32], to: BranchTargets) -> Result {
        let here = self.code.label();
        self.osi_protocol(OSI_ISIS, BranchTargets { yes: here, ..to })?;
        self.code.bind(here);
        let pdu = self.osi_header()?.byte(4);
        self.code.any_test(numbers.iter().map(|&number| pdu.has(0x1f, number)), to);
        Ok(())
    }

    /// Returns the offset of the OSI network header: after LLC without SNAP; in Cisco HDLC, after a byte of padding.
    fn osi_header(&self) -> Result<PacketOffset> {
        let offset = self.headers.network_without_snap;
        let offset = offset.ok_or_else(|| self.unsupported("OSI headers cannot be located"))?;
        let padding = u32::from(self.headers.family == LinkFamily::CiscoHdlc);
        Ok(self.payload()?.plus(offset).plus(padding))
    }

    /// Returns the number of a link-layer protocol. Where there can be LLC, numbers up to 1,500 are LLC service access
    /// points, which have one byte.
    fn link_protocol_number(&self, id: &Id) -> Result<u32> {
        let number = named_protocol(id, &LINK_PROTOCOLS, u16::MAX.into(), "a link-layer protocol")?;
        let has_llc = matches!(
            self.headers.family,
            LinkFamily::Ethernet | LinkFamily::Llc | LinkFamily::Wlan | LinkFamily::SunAtm | LinkFamily::LinuxSll
        );
        if has_llc && self.headers.labels == 0 && (256..=MAX_802_3_LENGTH).contains(&number) {
            return Err(Site::Operand(0).error(format!(
                "expected an EtherType above {MAX_802_3_LENGTH} or an LLC address up to 255, found `{number}`"
            )));
        }
        Ok(number)
    }

    /// Generates the name of a protocol alone: `tcp`, `arp`, `isis`, ...
    pub(super) fn protocol(&mut self, protocol: Protocol, to: BranchTargets) -> Result {
        if let Some((number, version)) = ip_protocol(protocol) {
            return self.ip_protocols(&[number], version, to);
        }
        match protocol {
            Protocol::Clnp => self.osi_protocol(OSI_CLNP, to),
            Protocol::Esis => self.osi_protocol(OSI_ESIS, to),
            Protocol::Isis => self.osi_protocol(OSI_ISIS, to),
            Protocol::IsisL1 => self.isis_pdus(&[15, 17, 18, 24, 26], to),
            Protocol::IsisL2 => self.isis_pdus(&[16, 17, 20, 25, 27], to),
            Protocol::IsisIih => self.isis_pdus(&[15, 16, 17], to),
            Protocol::IsisLsp => self.isis_pdus(&[18, 20], to),
            Protocol::IsisSnp => self.isis_pdus(&[24, 25, 26, 27], to),
            Protocol::IsisCsnp => self.isis_pdus(&[24, 25], to),
            Protocol::IsisPsnp => self.isis_pdus(&[26, 27], to),
            Protocol::Link | Protocol::Radio => Err("expected more than the name of a layer".into()),
            _ => self.link_protocol(link_protocol(protocol), to),
        }
    }
}

/// Returns the IP protocol that a name stands for, and the version of IP that it is limited to.
pub(super) fn ip_protocol(protocol: Protocol) -> Option<(u32, Option<Protocol>)> {
    Some(match protocol {
        Protocol::Icmp => (IPPROTO_ICMP, Some(Protocol::Ip)),
        Protocol::Igmp => (IPPROTO_IGMP, Some(Protocol::Ip)),
        Protocol::Igrp => (IPPROTO_IGRP, Some(Protocol::Ip)),
        Protocol::Vrrp | Protocol::Carp => (IPPROTO_VRRP, Some(Protocol::Ip)),
        Protocol::Icmp6 => (IPPROTO_ICMPV6, Some(Protocol::Ip6)),
        Protocol::Tcp => (IPPROTO_TCP, None),
        Protocol::Udp => (IPPROTO_UDP, None),
        Protocol::Esp => (IPPROTO_ESP, None),
        Protocol::Ah => (IPPROTO_AH, None),
        Protocol::Pim => (IPPROTO_PIM, None),
        Protocol::Sctp => (IPPROTO_SCTP, None),
        _ => return None,
    })
}

/// Returns the EtherType or LLC service access point of a protocol.
pub(super) fn link_protocol(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Ip => ETHERTYPE_IPV4,
        Protocol::Ip6 => ETHERTYPE_IPV6,
        Protocol::Arp => ETHERTYPE_ARP,
        Protocol::Rarp => ETHERTYPE_RARP,
        Protocol::Atalk => ETHERTYPE_APPLETALK,
        Protocol::Aarp => ETHERTYPE_AARP,
        Protocol::Decnet => ETHERTYPE_DECNET,
        Protocol::Lat => ETHERTYPE_LAT,
        Protocol::Sca => ETHERTYPE_SCA,
        Protocol::Moprc => ETHERTYPE_MOP_REMOTE_CONSOLE,
        Protocol::Mopdl => ETHERTYPE_MOP_DUMP_LOAD,
        Protocol::Stp => SAP_STP,
        Protocol::Ipx => SAP_IPX,
        Protocol::Netbeui => SAP_NETBEUI,
        _ => SAP_OSI,
    }
}
