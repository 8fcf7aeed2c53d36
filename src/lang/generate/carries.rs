//! What the link layer carries, as each family of link types says it.

use crate::lang::generate::code::{Exits, Value};
use crate::lang::generate::layers::{Around, Family, Place};
use crate::lang::generate::network::{ARP, DECNET, IP, IP6, RARP};
use crate::lang::generate::{Generator, Message};
use crate::lang::target::Families;

/// The longest payload of an 802.3 frame: a larger number is an EtherType.
pub(super) const LONGEST: u32 = 1500;

/// LLC service access points.
const SAP_IP: u32 = 0x06;
const SAP_STP: u32 = 0x42;
const SAP_IPX: u32 = 0xe0;
const SAP_NETBEUI: u32 = 0xf0;
const SAP_ISO: u32 = 0xfe;

/// EtherTypes.
const ATALK: u32 = 0x809b;
const AARP: u32 = 0x80f3;
const IPX: u32 = 0x8137;
const NS: u32 = 0x0600;

/// What Linux cooked captures have for frames without an EtherType.
const COOKED_802_3: u32 = 1;
const COOKED_LLC: u32 = 4;

/// Address families, with the numbers of those systems that capture.
const INET: u32 = 2;
const INET6: [u32; 3] = [30, 24, 28];

impl Generator<'_> {
    /// Whether the link layer carries a protocol: an EtherType, or an LLC service access point below 1,501.
    pub(super) fn link_type(&mut self, protocol: u32, to: Exits) -> Result<(), Message> {
        if self.layers.labels > 0 {
            return self.behind_mpls(protocol, to);
        }
        let header = self.layers.header;
        match self.layers.family {
            Family::Ethernet => {
                self.no_lane_control(to);
                self.ethernet_type(protocol, to)?;
            }
            Family::EtherType => self.code.test(self.type_field()?.half(0).is(protocol), to),
            Family::Llc => self.llc_type(protocol, to)?,
            Family::Wlan => {
                self.require(header.byte(0).has(0x0c, 0x08), to.no);
                self.llc_type(protocol, to)?;
            }
            Family::SunAtm => {
                self.require(header.byte(0).has(0x0f, 0x02), to.no);
                self.llc_type(protocol, to)?;
            }
            Family::LinuxSll => self.cooked_type(protocol, to)?,
            Family::CiscoHdlc => {
                let protocol = if protocol == SAP_ISO { 0xfefe } else { protocol };
                self.code.test(self.type_field()?.half(0).is(protocol), to);
            }
            Family::Ppp => self.code.test(self.type_field()?.half(0).is(ppp_type(protocol)), to),
            Family::PppBsdos => {
                // IP may be compressed.
                let types: &[u32] = if protocol == IP { &[0x21, 0x2d, 0x2f] } else { &[ppp_type(protocol)] };
                let field = self.type_field()?.half(0);
                self.code.one_of(types.iter().map(|&number| field.is(number)), to);
            }
            Family::Raw | Family::Ipv4 | Family::Ipv6 => self.version(protocol, to),
            Family::Loopback | Family::NetworkLoopback | Family::Pflog => self.address_family(protocol, to),
            Family::Arcnet | Family::LocalTalk | Family::FrameRelay | Family::Ipnet => self.rare_type(protocol, to)?,
            Family::Juniper => self.code.test(header.word(0).has(0xffff_ff00, 0x4d47_4300), to),
            Family::Bacnet | Family::Mtp2 | Family::Opaque => {
                return Err(self.unsupported("protocols are not told apart"));
            }
        }
        Ok(())
    }

    /// The label at the bottom of the stack, and the version of IP behind it.
    fn behind_mpls(&mut self, protocol: u32, to: Exits) -> Result<(), Message> {
        let version = match protocol {
            IP => 0x40,
            IP6 => 0x60,
            _ => return Err("expected IPv4 or IPv6 behind MPLS, which does not say what it carries".to_owned()),
        };
        let at = self.network()?;
        self.require(at.plus(2_u32.wrapping_neg()).byte(0).has(0x01, 0x01), to.no);
        self.code.test(at.byte(0).has(0xf0, version), to);
        Ok(())
    }

    /// Control frames of LAN emulation carry nothing.
    pub(super) fn no_lane_control(&mut self, to: Exits) {
        if let Around::Lane(marker) = self.layers.around {
            self.require(marker.half(0).is_not(0xff00), to.no);
        }
    }

    pub(super) fn type_field(&self) -> Result<Place, Message> {
        self.layers.link_type.ok_or_else(|| self.unsupported("protocols are not told apart"))
    }

    fn ethernet_type(&mut self, protocol: u32, to: Exits) -> Result<(), Message> {
        let field = self.type_field()?;
        let kind = field.half(0);
        let llc = self.payload()?;
        match protocol {
            SAP_ISO | SAP_IP | SAP_NETBEUI => {
                self.require(kind.at_most(LONGEST), to.no);
                self.code.test(llc.half(0).is(protocol << 8 | protocol), to);
            }
            SAP_IPX => {
                self.code.exclude(kind.is(IPX), to.yes);
                self.require(kind.at_most(LONGEST), to.no);
                let next = self.code.label();
                self.snap(llc, 0, IPX, Exits { no: next, ..to });
                self.code.place(next);
                self.code.exclude(llc.byte(0).is(SAP_IPX), to.yes);
                self.code.test(llc.half(0).is(0xffff), to);
            }
            ATALK | AARP => {
                self.code.exclude(kind.is(protocol), to.yes);
                self.require(kind.at_most(LONGEST), to.no);
                self.snap(llc, apple(protocol), protocol, to);
            }
            ..=LONGEST => {
                self.require(kind.at_most(LONGEST), to.no);
                self.code.test(field.byte(2).is(protocol), to);
            }
            _ => self.code.test(kind.is(protocol), to),
        }
        Ok(())
    }

    fn cooked_type(&mut self, protocol: u32, to: Exits) -> Result<(), Message> {
        let kind = self.type_field()?.half(0);
        let llc = self.payload()?;
        match protocol {
            SAP_ISO | SAP_IP | SAP_NETBEUI => {
                self.require(kind.is(COOKED_LLC), to.no);
                self.code.test(llc.half(0).is(protocol << 8 | protocol), to);
            }
            SAP_IPX => {
                self.code.exclude(kind.is(IPX), to.yes);
                self.code.exclude(kind.is(COOKED_802_3), to.yes);
                self.require(kind.is(COOKED_LLC), to.no);
                self.code.exclude(llc.byte(0).is(SAP_IPX), to.yes);
                self.snap(llc, 0, IPX, to);
            }
            ATALK | AARP => {
                self.code.exclude(kind.is(protocol), to.yes);
                self.require(kind.is(COOKED_LLC), to.no);
                self.snap(llc, apple(protocol), protocol, to);
            }
            ..=LONGEST => {
                self.require(kind.is(COOKED_LLC), to.no);
                self.code.test(llc.byte(0).is(protocol), to);
            }
            _ => self.code.test(kind.is(protocol), to),
        }
        Ok(())
    }

    /// A protocol behind LLC; an EtherType is looked for where SNAP has it.
    fn llc_type(&mut self, protocol: u32, to: Exits) -> Result<(), Message> {
        let llc = self.payload()?;
        match protocol {
            SAP_ISO | SAP_IP | SAP_NETBEUI => self.code.test(llc.half(0).is(protocol << 8 | protocol), to),
            ATALK => self.snap(llc, apple(ATALK), ATALK, to),
            ..=LONGEST => self.code.test(llc.byte(0).is(protocol), to),
            _ => self.code.test(llc.half(6).is(protocol), to),
        }
        Ok(())
    }

    /// LLC and SNAP of an organisation's protocol.
    fn snap(&mut self, llc: Place, organisation: u32, protocol: u32, to: Exits) {
        self.require(llc.word(4).is(organisation << 16 | protocol), to.no);
        self.code.test(llc.word(0).is(0xaaaa_0300 | organisation >> 16), to);
    }

    /// What an IP packet without a link layer says of itself.
    fn version(&mut self, protocol: u32, to: Exits) {
        let version = match (self.layers.family, protocol) {
            (Family::Ipv4, IP) | (Family::Ipv6, IP6) => return self.code.jump(to.yes),
            (Family::Raw, IP) => 0x40,
            (Family::Raw, IP6) => 0x60,
            _ => return self.code.jump(to.no),
        };
        self.code.test(self.layers.header.byte(0).has(0xf0, version), to);
    }

    /// The address family of a loopback or pflog header.
    fn address_family(&mut self, protocol: u32, to: Exits) {
        let families = match (protocol, self.target.families) {
            (IP, Families::Any) => vec![INET],
            (IP6, Families::Any) => INET6.to_vec(),
            (IP, Families::Of { inet, .. }) => vec![inet],
            (IP6, Families::Of { inet6, .. }) => vec![inet6],
            _ => return self.code.jump(to.no),
        };
        let header = self.layers.header;
        let swapped = families.iter().map(|family: &u32| family.swap_bytes());
        let (value, numbers): (Value, Vec<u32>) = match (self.layers.family, self.target.families) {
            (Family::Pflog, _) => (header.byte(1), families),
            (Family::Loopback, Families::Any) => (header.word(0), swapped.chain(families.iter().copied()).collect()),
            (Family::Loopback, Families::Of { is_big_endian: false, .. }) => (header.word(0), swapped.collect()),
            _ => (header.word(0), families),
        };
        self.code.one_of(numbers.into_iter().map(|number| value.is(number)), to);
    }

    fn rare_type(&mut self, protocol: u32, to: Exits) -> Result<(), Message> {
        let (value, numbers): (Value, &[u32]) = match (self.layers.family, protocol) {
            (Family::LocalTalk, ATALK) => {
                self.code.jump(to.yes);
                return Ok(());
            }
            (Family::Arcnet, IP) => (self.type_field()?.byte(0), &[0xd4]),
            (Family::Arcnet, ARP) => (self.type_field()?.byte(0), &[0xd5]),
            (Family::Arcnet, RARP) => (self.type_field()?.byte(0), &[0xd6]),
            (Family::Arcnet, IP6) => (self.type_field()?.byte(0), &[0xc4]),
            (Family::Arcnet, ATALK) => (self.type_field()?.byte(0), &[0xdd]),
            (Family::FrameRelay, IP) => (self.layers.header.half(2), &[0x03cc]),
            (Family::FrameRelay, IP6) => (self.layers.header.half(2), &[0x038e]),
            (Family::FrameRelay, SAP_ISO) => (self.layers.header.half(2), &[0x0381, 0x0382, 0x0383]),
            (Family::Ipnet, IP) => (self.type_field()?.byte(0), &[2]),
            (Family::Ipnet, IP6) => (self.type_field()?.byte(0), &[26]),
            _ => (Value::Length, &[]),
        };
        self.code.one_of(numbers.iter().map(|&number| value.is(number)), to);
        Ok(())
    }
}

/// The organisation in SNAP in front of AppleTalk or its ARP.
fn apple(protocol: u32) -> u32 {
    if protocol == ATALK { 0x08_0007 } else { 0 }
}

/// PPP's number for a protocol.
fn ppp_type(protocol: u32) -> u32 {
    match protocol {
        IP => 0x21,
        IP6 => 0x57,
        DECNET => 0x27,
        ATALK => 0x29,
        NS => 0x25,
        SAP_ISO => 0x23,
        SAP_STP => 0x31,
        SAP_IPX => 0x2b,
        other => other,
    }
}
