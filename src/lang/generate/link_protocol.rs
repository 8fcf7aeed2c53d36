//! Tests for the protocol that the link layer carries, one for each family of link types.

use alloc::vec::Vec;

use crate::lang::generate::code_builder::{BranchTargets, Value};
use crate::lang::generate::packet_headers::{Encapsulation, PacketOffset};
use crate::lang::generate::{Generator, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::target::Families;
use crate::packet::protocols::*;

/// The magic number of Juniper's headers, in the upper three bytes.
const JUNIPER_MAGIC: u32 = 0x4d47_4300;

/// The first two bytes of NetWare's IPX in 802.3 without LLC.
pub(super) const NETWARE_RAW: u32 = 0xffff;

impl Generator<'_> {
    /// Tests whether the link layer carries a protocol: an EtherType, or an LLC service access point below 1,501.
    pub(super) fn link_protocol(&mut self, protocol: u32, to: BranchTargets) -> Result {
        if self.headers.labels > 0 {
            return self.protocol_after_mpls(protocol, to);
        }
        let header = self.headers.header;
        match self.headers.family {
            LinkFamily::Ethernet => {
                self.exclude_lane_control(to);
                self.ether_type_or_llc(protocol, to)?;
            }
            LinkFamily::EtherType => self.code.test(self.protocol_field()?.half(0).is(protocol), to),
            LinkFamily::Llc => self.llc_protocol(protocol, to)?,
            LinkFamily::Wlan => {
                self.require(header.byte(0).has(0x0c, 0x08), to.no);
                self.llc_protocol(protocol, to)?;
            }
            LinkFamily::SunAtm => {
                self.require(header.byte(0).has(0x0f, 0x02), to.no);
                self.llc_protocol(protocol, to)?;
            }
            LinkFamily::LinuxSll => self.ether_type_or_llc(protocol, to)?,
            LinkFamily::CiscoHdlc => {
                let protocol = if protocol == SAP_OSI { same_saps(SAP_OSI) } else { protocol };
                self.code.test(self.protocol_field()?.half(0).is(protocol), to);
            }
            LinkFamily::Ppp => self.code.test(self.protocol_field()?.half(0).is(ppp_protocol(protocol)), to),
            LinkFamily::PppBsdos => {
                let numbers: &[u32] = match protocol {
                    ETHERTYPE_IPV4 => &[PPP_IPV4, PPP_VJ_COMPRESSED, PPP_VJ_UNCOMPRESSED],
                    _ => &[ppp_protocol(protocol)],
                };
                self.any_value(self.protocol_field()?.half(0), numbers, to);
            }
            LinkFamily::Raw | LinkFamily::Ipv4 | LinkFamily::Ipv6 => self.ip_version(protocol, to),
            LinkFamily::Loopback | LinkFamily::NetworkLoopback | LinkFamily::Pflog => self.address_family(protocol, to),
            LinkFamily::Arcnet | LinkFamily::LocalTalk | LinkFamily::FrameRelay | LinkFamily::Ipnet => {
                self.rare_protocol(protocol, to)?;
            }
            LinkFamily::Juniper => self.code.test(header.word(0).has(0xffff_ff00, JUNIPER_MAGIC), to),
            LinkFamily::Bacnet | LinkFamily::Mtp2 | LinkFamily::Opaque => {
                return Err(self.unsupported("packets do not name their protocol"));
            }
        }
        Ok(())
    }

    /// Tests whether a value is one of `numbers`.
    pub(super) fn any_value(&mut self, value: Value, numbers: &[u32], to: BranchTargets) {
        self.code.any_test(numbers.iter().map(|&number| value.is(number)), to);
    }

    /// Tests for the last label of the stack, and for the IP version after it.
    fn protocol_after_mpls(&mut self, protocol: u32, to: BranchTargets) -> Result {
        let version = match protocol {
            ETHERTYPE_IPV4 => 0x40,
            ETHERTYPE_IPV6 => 0x60,
            _ => return Err("expected IPv4 or IPv6 after MPLS, which does not name the protocol it carries".into()),
        };
        let at = self.network()?;
        self.require(last_mpls_label(at).has(0x01, 0x01), to.no);
        self.code.test(at.byte(0).has(0xf0, version), to);
        Ok(())
    }

    /// Continues at `to.no` for control frames of LAN emulation, which carry no protocol.
    pub(super) fn exclude_lane_control(&mut self, to: BranchTargets) {
        if let Encapsulation::Lane(marker) = self.headers.encapsulation {
            self.require(marker.half(0).is_not(0xff00), to.no);
        }
    }

    pub(super) fn protocol_field(&self) -> Result<PacketOffset> {
        self.headers.protocol_field.ok_or_else(|| self.unsupported("packets do not name their protocol"))
    }

    /// Tests the protocol field of an Ethernet header, which is a length before LLC, or of a Linux cooked header, which
    /// has a number for LLC.
    fn ether_type_or_llc(&mut self, protocol: u32, to: BranchTargets) -> Result {
        let field = self.protocol_field()?;
        let ether_type = field.half(0);
        let llc = self.payload()?;
        let is_ethernet = self.headers.family == LinkFamily::Ethernet;
        let is_llc = if is_ethernet { ether_type.at_most(MAX_802_3_LENGTH) } else { ether_type.is(ETH_P_802_2) };
        match protocol {
            SAP_OSI | SAP_IP | SAP_NETBEUI => {
                self.require(is_llc, to.no);
                self.code.test(llc.half(0).is(same_saps(protocol)), to);
            }
            SAP_IPX if is_ethernet => {
                self.code.exclude(ether_type.is(ETHERTYPE_IPX), to.yes);
                self.require(is_llc, to.no);
                let next = self.code.label();
                self.snap(llc, 0, ETHERTYPE_IPX, BranchTargets { no: next, ..to });
                self.code.bind(next);
                self.code.exclude(llc.byte(0).is(SAP_IPX), to.yes);
                self.code.test(llc.half(0).is(NETWARE_RAW), to);
            }
            SAP_IPX => {
                self.code.exclude(ether_type.is(ETHERTYPE_IPX), to.yes);
                self.code.exclude(ether_type.is(ETH_P_802_3), to.yes);
                self.require(is_llc, to.no);
                self.code.exclude(llc.byte(0).is(SAP_IPX), to.yes);
                self.snap(llc, 0, ETHERTYPE_IPX, to);
            }
            ETHERTYPE_APPLETALK | ETHERTYPE_AARP => {
                self.code.exclude(ether_type.is(protocol), to.yes);
                self.require(is_llc, to.no);
                self.snap(llc, appletalk_organization(protocol), protocol, to);
            }
            ..=MAX_802_3_LENGTH => {
                self.require(is_llc, to.no);
                let sap = if is_ethernet { field.byte(2) } else { llc.byte(0) };
                self.code.test(sap.is(protocol), to);
            }
            _ => self.code.test(ether_type.is(protocol), to),
        }
        Ok(())
    }

    /// Tests for a protocol after LLC. SNAP has the EtherType.
    fn llc_protocol(&mut self, protocol: u32, to: BranchTargets) -> Result {
        let llc = self.payload()?;
        match protocol {
            SAP_OSI | SAP_IP | SAP_NETBEUI => self.code.test(llc.half(0).is(same_saps(protocol)), to),
            ETHERTYPE_APPLETALK => self.snap(llc, appletalk_organization(protocol), protocol, to),
            ..=MAX_802_3_LENGTH => self.code.test(llc.byte(0).is(protocol), to),
            _ => self.code.test(llc.half(6).is(protocol), to),
        }
        Ok(())
    }

    /// Tests for LLC and SNAP with the protocol of an organization.
    fn snap(&mut self, llc: PacketOffset, organization: u32, protocol: u32, to: BranchTargets) {
        self.require(llc.word(4).is(organization << 16 | protocol), to.no);
        self.code.test(llc.word(0).is(0xaaaa_0300 | organization >> 16), to);
    }

    /// Tests the version in the IP header of a packet without a link-layer header.
    fn ip_version(&mut self, protocol: u32, to: BranchTargets) {
        let version = match (self.headers.family, protocol) {
            (LinkFamily::Ipv4, ETHERTYPE_IPV4) | (LinkFamily::Ipv6, ETHERTYPE_IPV6) => return self.code.jump(to.yes),
            (LinkFamily::Raw, ETHERTYPE_IPV4) => 0x40,
            (LinkFamily::Raw, ETHERTYPE_IPV6) => 0x60,
            _ => return self.code.jump(to.no),
        };
        self.code.test(self.headers.header.byte(0).has(0xf0, version), to);
    }

    /// Tests the address family in a loopback or pflog header.
    fn address_family(&mut self, protocol: u32, to: BranchTargets) {
        let families = match (protocol, self.target.families) {
            (ETHERTYPE_IPV4, Families::Any) => vec![AF_INET],
            (ETHERTYPE_IPV6, Families::Any) => AF_INET6.to_vec(),
            (ETHERTYPE_IPV4, Families::Of { inet, .. }) => vec![inet],
            (ETHERTYPE_IPV6, Families::Of { inet6, .. }) => vec![inet6],
            _ => return self.code.jump(to.no),
        };
        let header = self.headers.header;
        let swapped = families.iter().map(|family: &u32| family.swap_bytes());
        let (value, numbers): (Value, Vec<u32>) = match (self.headers.family, self.target.families) {
            (LinkFamily::Pflog, _) => (header.byte(1), families),
            (LinkFamily::Loopback, Families::Any) => {
                (header.word(0), swapped.chain(families.iter().copied()).collect())
            }
            (LinkFamily::Loopback, Families::Of { is_big_endian: false, .. }) => (header.word(0), swapped.collect()),
            _ => (header.word(0), families),
        };
        self.any_value(value, &numbers, to);
    }

    fn rare_protocol(&mut self, protocol: u32, to: BranchTargets) -> Result {
        let numbers: &[u32] = match (self.headers.family, protocol) {
            (LinkFamily::LocalTalk, ETHERTYPE_APPLETALK) => {
                self.code.jump(to.yes);
                return Ok(());
            }
            (LinkFamily::Arcnet, ETHERTYPE_IPV4) => &[ARCNET_IPV4],
            (LinkFamily::Arcnet, ETHERTYPE_ARP) => &[ARCNET_ARP],
            (LinkFamily::Arcnet, ETHERTYPE_RARP) => &[ARCNET_RARP],
            (LinkFamily::Arcnet, ETHERTYPE_IPV6) => &[ARCNET_IPV6],
            (LinkFamily::Arcnet, ETHERTYPE_APPLETALK) => &[ARCNET_APPLETALK],
            (LinkFamily::FrameRelay, ETHERTYPE_IPV4) => &[UNNUMBERED_NLPID | NLPID_IPV4],
            (LinkFamily::FrameRelay, ETHERTYPE_IPV6) => &[UNNUMBERED_NLPID | NLPID_IPV6],
            (LinkFamily::FrameRelay, SAP_OSI) => {
                &[UNNUMBERED_NLPID | OSI_CLNP, UNNUMBERED_NLPID | OSI_ESIS, UNNUMBERED_NLPID | OSI_ISIS]
            }
            (LinkFamily::Ipnet, ETHERTYPE_IPV4) => &[AF_INET],
            (LinkFamily::Ipnet, ETHERTYPE_IPV6) => &[IPNET_IPV6],
            _ => &[],
        };
        let value = match self.headers.family {
            LinkFamily::Arcnet | LinkFamily::Ipnet => self.protocol_field()?.byte(0),
            _ => self.headers.header.half(2),
        };
        self.any_value(value, numbers, to);
        Ok(())
    }
}

/// Returns the byte with the bottom-of-stack bit of the MPLS label before `network`.
pub(super) fn last_mpls_label(network: PacketOffset) -> Value {
    network.plus(2_u32.wrapping_neg()).byte(0)
}

/// Returns the first two bytes of LLC with the same source and destination service access points.
fn same_saps(sap: u32) -> u32 {
    sap << 8 | sap
}

/// Returns the organization in SNAP before AppleTalk or its ARP.
fn appletalk_organization(protocol: u32) -> u32 {
    if protocol == ETHERTYPE_APPLETALK { 0x08_0007 } else { 0 }
}

fn ppp_protocol(protocol: u32) -> u32 {
    match protocol {
        ETHERTYPE_IPV4 => PPP_IPV4,
        ETHERTYPE_IPV6 => PPP_IPV6,
        ETHERTYPE_DECNET => PPP_DECNET,
        ETHERTYPE_APPLETALK => PPP_APPLETALK,
        ETHERTYPE_NS => PPP_NS,
        SAP_OSI => PPP_OSI,
        SAP_STP => PPP_STP,
        SAP_IPX => PPP_IPX,
        other => other,
    }
}
