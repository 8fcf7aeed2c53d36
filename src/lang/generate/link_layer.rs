//! Tests of the link layer: addresses, direction, interface and LLC.

use crate::lang::generate::code_builder::{BranchTargets, Value};
use crate::lang::generate::link_protocol::NETWARE_RAW;
use crate::lang::generate::packet_headers::{Encapsulation, PacketOffset};
use crate::lang::generate::{Ends, Generator, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::link_type::LinkType;
use crate::lang::tree::{Direction, Llc};
use crate::lang::words::Protocol;
use crate::packet::ancillary::Extension;
use crate::packet::protocols::*;

/// `PACKET_OUTGOING` of Linux.
const OUTGOING: u32 = 4;

impl Generator<'_> {
    /// Tests addresses of six bytes.
    pub(super) fn link_hosts(&mut self, mac: [u8; 6], direction: Option<Direction>, to: BranchTargets) -> Result {
        if self.headers.family == LinkFamily::Wlan {
            self.wlan_hosts(mac, direction, to);
            return Ok(());
        }
        let (destination, source) = self.link_addresses(false, "there are no MAC addresses")?;
        let ends = link_ends(direction)?;
        self.require_ethernet(to);
        let header = self.headers.header;
        self.either(ends, to, |this, is_source, to| {
            this.mac(header.plus(if is_source { source } else { destination }), mac, to);
        });
        Ok(())
    }

    /// Tests an address of six bytes at an offset.
    pub(super) fn mac(&mut self, at: PacketOffset, mac: [u8; 6], to: BranchTargets) {
        let [a, b, c, d, e, f] = mac;
        self.require(at.word(2).is(u32::from_be_bytes([c, d, e, f])), to.no);
        self.code.test(at.half(0).is(u16::from_be_bytes([a, b]).into()), to);
    }

    /// Tests addresses of one byte.
    pub(super) fn byte_hosts(&mut self, byte: u8, direction: Option<Direction>, to: BranchTargets) -> Result {
        let (destination, source) = self.link_addresses(true, "there are no addresses of one byte")?;
        let ends = link_ends(direction)?;
        let header = self.headers.header;
        self.either(ends, to, |this, is_source, to| {
            this.code.test(header.byte(if is_source { source } else { destination }).is(byte.into()), to);
        });
        Ok(())
    }

    /// Returns the offsets of the destination and source addresses, of one byte (`is_short`) or six.
    fn link_addresses(&self, is_short: bool, missing: &str) -> Result<(u32, u32)> {
        let has_short = matches!(self.headers.family, LinkFamily::Arcnet | LinkFamily::Bacnet);
        let addresses = self.headers.addresses.filter(|_| has_short == is_short);
        addresses.ok_or_else(|| self.unsupported(missing))
    }

    /// Continues at `to.no` without an Ethernet header, which not every packet in a tunnel has.
    fn require_ethernet(&mut self, to: BranchTargets) {
        self.exclude_lane_control(to);
        if self.headers.encapsulation == Encapsulation::Geneve {
            self.require_geneve_ethernet(to);
        }
    }

    pub(super) fn broadcast(&mut self, protocol: Option<Protocol>, to: BranchTargets) -> Result {
        match protocol {
            None | Some(Protocol::Link) => match self.headers.family {
                LinkFamily::Arcnet => self.byte_hosts(0, Some(Direction::Destination), to),
                LinkFamily::Bacnet => self.byte_hosts(0xff, Some(Direction::Destination), to),
                _ => self.link_hosts([0xff; 6], Some(Direction::Destination), to),
            },
            Some(Protocol::Ip) => {
                let netmask = self.target.netmask;
                let host =
                    !netmask.ok_or("expected the netmask of the interface to be known, which `ip broadcast` needs (cbpf --netmask; in Rust, `Target::netmask`)")?;
                self.require_link_protocol(ETHERTYPE_IPV4, to.no)?;
                let address = self.network()?.word(IPV4_DESTINATION);
                self.code.exclude(address.has(host, 0), to.yes);
                self.code.test(address.has(host, host), to);
                Ok(())
            }
            Some(_) => Err("expected `ether`, `ip` or nothing before `broadcast`".into()),
        }
    }

    pub(super) fn multicast(&mut self, protocol: Option<Protocol>, to: BranchTargets) -> Result {
        let (carried, offset, mask, value) = match protocol {
            None | Some(Protocol::Link) => return self.link_multicast(to),
            Some(Protocol::Ip) => (ETHERTYPE_IPV4, IPV4_DESTINATION, 0xf0, 0xe0),
            Some(Protocol::Ip6) => (ETHERTYPE_IPV6, IPV6_DESTINATION, u32::MAX, 0xff),
            Some(_) => return Err("expected `ether`, `ip`, `ip6` or nothing before `multicast`".into()),
        };
        self.require_link_protocol(carried, to.no)?;
        self.code.test(self.network()?.byte(offset).has(mask, value), to);
        Ok(())
    }

    fn link_multicast(&mut self, to: BranchTargets) -> Result {
        match self.headers.family {
            LinkFamily::Arcnet => return self.byte_hosts(0, Some(Direction::Destination), to),
            LinkFamily::Wlan => {
                self.wlan_multicast(to);
                return Ok(());
            }
            _ => {}
        }
        let (destination, _) = self.link_addresses(false, "there is no multicast")?;
        self.require_ethernet(to);
        self.code.test(self.headers.header.byte(destination).any_of(1), to);
        Ok(())
    }

    /// Generates `inbound` and `outbound`.
    pub(super) fn direction(&mut self, is_outbound: bool, to: BranchTargets) -> Result {
        let at = self.headers.header;
        // Packets in a tunnel have no direction of their own.
        let is_outermost = self.headers.encapsulation == Encapsulation::None;
        let link_type = Some(self.target.link_type).filter(|_| is_outermost);
        let pick = |outbound: u32, inbound: u32| if is_outbound { outbound } else { inbound };
        let outgoing = |value: Value| if is_outbound { value.is(OUTGOING) } else { value.is_not(OUTGOING) };
        let test = match (link_type, self.headers.family) {
            (Some(LinkType::SLIP | LinkType::PPP_PPPD), _) => at.byte(0).is(pick(1, 0)),
            (Some(LinkType::LINUX_SLL), _) => outgoing(at.half(0)),
            (Some(LinkType::LINUX_SLL2), _) => outgoing(at.byte(10)),
            (_, LinkFamily::Pflog) => at.byte(60).is(pick(2, 1)),
            (_, LinkFamily::Ipnet) => at.half(2).is(pick(1, 2)),
            // A tag to the switch, or from it.
            (Some(LinkType::DSA_TAG_BRCM), _) => at.byte(12).has(0xe0, pick(0x20, 0x00)),
            (Some(LinkType::DSA_TAG_DSA), _) if is_outbound => at.byte(12).has(0xc0, 0x40),
            // To the CPU (0) or to the sniffer (2), but not forwarded (3).
            (Some(LinkType::DSA_TAG_DSA), _) => at.byte(12).has(0x40, 0x00),
            (_, LinkFamily::Juniper) => at.byte(3).has(0x01, pick(0, 1)),
            _ if self.target.is_live => outgoing(Value::Extension(Extension::PacketType)),
            _ => return Err(self.unsupported("packets do not show their direction")),
        };
        self.code.test(test, to);
        Ok(())
    }

    /// Generates `ifindex`.
    pub(super) fn interface(&mut self, index: u32, to: BranchTargets) -> Result {
        let is_outermost = self.headers.encapsulation == Encapsulation::None;
        let value = if self.target.link_type == LinkType::LINUX_SLL2 && is_outermost {
            self.headers.header.word(4)
        } else if self.target.is_live {
            Value::Extension(Extension::InterfaceIndex)
        } else {
            return Err(self.unsupported("packets do not show their interface"));
        };
        self.code.test(value.is(index), to);
        Ok(())
    }

    pub(super) fn llc(&mut self, llc: Llc, to: BranchTargets) -> Result {
        let here = if llc == Llc::Any { to.yes } else { self.code.label() };
        let header = self.headers.header;
        let is_llc = BranchTargets { yes: here, no: to.no };
        match self.headers.family {
            LinkFamily::Ethernet => {
                self.require(self.protocol_field()?.half(0).at_most(MAX_802_3_LENGTH), to.no);
                self.code.test(self.payload()?.half(0).is_not(NETWARE_RAW), is_llc);
            }
            LinkFamily::SunAtm => self.code.test(header.byte(0).has(0x0f, 0x02), is_llc),
            LinkFamily::Wlan => self.code.test(header.byte(0).has(0x0c, 0x08), is_llc),
            LinkFamily::Llc if !matches!(self.target.link_type, LinkType::ATM_CLIP | LinkType::IP_OVER_FC) => {
                self.code.jump(here);
            }
            _ => return Err(self.unsupported("there is no LLC")),
        }
        if llc == Llc::Any {
            return Ok(());
        }
        self.code.bind(here);
        let control = self.payload()?.byte(2);
        self.code.test(
            match llc {
                Llc::Any | Llc::Information => control.none_of(0x01),
                Llc::Supervisory => control.has(0x03, 0x01),
                Llc::Unnumbered => control.has(0x03, 0x03),
                Llc::SupervisoryKind(kind) => control.has(0x0f, kind),
                Llc::UnnumberedKind(kind) => control.has(0xef, kind),
            },
            to,
        );
        Ok(())
    }
}

fn link_ends(direction: Option<Direction>) -> Result<Ends> {
    Ends::without_wlan(direction, "only 802.11 has other addresses")
}
