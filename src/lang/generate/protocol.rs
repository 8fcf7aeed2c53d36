//! Tests of which protocol a packet is of.

use crate::lang::generate::address::{misplaced, number_up_to, protocol_named};
use crate::lang::generate::carries::LONGEST;
use crate::lang::generate::code::Exits;
use crate::lang::generate::layers::{Family, Place};
use crate::lang::generate::network::{ARP, DECNET, IP, IP6, RARP};
use crate::lang::generate::{Generator, Message};
use crate::lang::names;
use crate::lang::names::find;
use crate::lang::tree::Id;
use crate::lang::words::Protocol;

/// LLC service access point of OSI.
const ISO: u32 = 0xfe;

/// The IPv6 header that only says that it is a fragment.
const FRAGMENT: u32 = 44;

impl Generator<'_> {
    /// One of these IP protocols in the header of IPv4 or IPv6, or of one of them.
    pub(super) fn ip_protocols(&mut self, numbers: &[u32], of: Option<Protocol>, to: Exits) -> Result<(), Message> {
        let (four, six) = (self.code.label(), self.code.label());
        let other = self.code.label();
        match of {
            Some(Protocol::Ip6) => self.code.jump(other),
            _ => {
                let is_all = of == Some(Protocol::Ip);
                self.link_type(IP, Exits { yes: four, no: if is_all { to.no } else { other } })?;
                self.code.place(four);
                let value = self.network()?.byte(9);
                let no = if is_all || self.layers.tells_protocols_apart() { to.no } else { other };
                self.code.one_of(numbers.iter().map(|&number| value.is(number)), Exits { no, ..to });
            }
        }
        self.code.place(other);
        if of == Some(Protocol::Ip) {
            return Ok(());
        }
        self.link_type(IP6, Exits { yes: six, no: to.no })?;
        self.code.place(six);
        let at = self.network()?;
        self.code.any(numbers.iter().map(|&number| at.byte(6).is(number)), to.yes);
        self.require(at.byte(6).is(FRAGMENT), to.no);
        self.code.one_of(numbers.iter().map(|&number| at.byte(40).is(number)), to);
        Ok(())
    }

    /// `protocol proto number`: what a protocol carries.
    pub(super) fn carried(&mut self, protocol: Option<Protocol>, id: &Id, to: Exits) -> Result<(), Message> {
        if let Id::Dotted(..) | Id::Ipv6(..) | Id::Mac(_) | Id::Byte(_) = id {
            return Err("expected a protocol after `proto`, not an address".to_owned());
        }
        match protocol {
            None | Some(Protocol::Ip | Protocol::Ip6) => self.ip_protocols(&[ip_protocol(id)?], protocol, to),
            Some(Protocol::Link) => self.link_type(self.link_protocol(id)?, to),
            Some(Protocol::Iso) => self.iso_protocol(iso_protocol(id)?, to),
            Some(Protocol::Isis) => self.isis_pdus(&[number_up_to(id, 31, "a PDU of IS-IS")?], to),
            Some(protocol) => Err(misplaced(protocol, "`proto`")),
        }
    }

    /// What OSI's network layer says it carries.
    fn iso_protocol(&mut self, number: u32, to: Exits) -> Result<(), Message> {
        if self.layers.family == Family::FrameRelay {
            self.code.test(self.layers.header.half(2).is(0x0300 | number), to);
            return Ok(());
        }
        let here = self.code.label();
        self.link_type(ISO, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        let at = self.osi()?;
        self.code.test(at.byte(0).is(number), to);
        Ok(())
    }

    /// One of these PDUs of IS-IS.
    fn isis_pdus(&mut self, numbers: &[u32], to: Exits) -> Result<(), Message> {
        let here = self.code.label();
        self.iso_protocol(0x83, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        let at = self.osi()?;
        self.code.one_of(numbers.iter().map(|&number| at.byte(4).has(0x1f, number)), to);
        Ok(())
    }

    /// Where the header of OSI's network layer is: behind LLC without SNAP; in Cisco's HDLC, behind a byte of padding.
    fn osi(&self) -> Result<Place, Message> {
        let offset = self.layers.without_snap.ok_or_else(|| self.unsupported("OSI packets cannot be found"))?;
        let padding = u32::from(self.layers.family == Family::CiscoHdlc);
        Ok(self.payload()?.plus(offset).plus(padding))
    }

    /// The number of a protocol; where there can be LLC, one up to 1,500 is an LLC service access point, which has a byte.
    fn link_protocol(&self, id: &Id) -> Result<u32, Message> {
        let number = link_protocol(id)?;
        let has_llc = matches!(
            self.layers.family,
            Family::Ethernet | Family::Llc | Family::Wlan | Family::SunAtm | Family::LinuxSll
        );
        if has_llc && self.layers.labels == 0 && (256..=LONGEST).contains(&number) {
            return Err(format!("expected an EtherType above {LONGEST} or an LLC address up to 255, found `{number}`"));
        }
        Ok(number)
    }

    /// `tcp`, `arp`, `isis`, ...: a protocol's name alone.
    pub(super) fn protocol(&mut self, protocol: Protocol, to: Exits) -> Result<(), Message> {
        let ip = |number: u32| (number, Some(Protocol::Ip));
        let any_ip = |number: u32| (number, None);
        let (number, of) = match protocol {
            Protocol::Icmp => ip(1),
            Protocol::Igmp => ip(2),
            Protocol::Igrp => ip(9),
            Protocol::Vrrp | Protocol::Carp => ip(112),
            Protocol::Tcp => any_ip(6),
            Protocol::Udp => any_ip(17),
            Protocol::Esp => any_ip(50),
            Protocol::Ah => any_ip(51),
            Protocol::Pim => any_ip(103),
            Protocol::Sctp => any_ip(132),
            Protocol::Icmp6 => (58, Some(Protocol::Ip6)),
            Protocol::Clnp => return self.iso_protocol(0x81, to),
            Protocol::Esis => return self.iso_protocol(0x82, to),
            Protocol::Isis => return self.iso_protocol(0x83, to),
            Protocol::IsisL1 => return self.isis_pdus(&[15, 17, 18, 24, 26], to),
            Protocol::IsisL2 => return self.isis_pdus(&[16, 17, 20, 25, 27], to),
            Protocol::IsisIih => return self.isis_pdus(&[15, 16, 17], to),
            Protocol::IsisLsp => return self.isis_pdus(&[18, 20], to),
            Protocol::IsisSnp => return self.isis_pdus(&[24, 25, 26, 27], to),
            Protocol::IsisCsnp => return self.isis_pdus(&[24, 25], to),
            Protocol::IsisPsnp => return self.isis_pdus(&[26, 27], to),
            Protocol::Link | Protocol::Radio => return Err("expected more than the name of a layer".to_owned()),
            _ => return self.link_type(ether_type(protocol), to),
        };
        self.ip_protocols(&[number], of, to)
    }
}

/// What the link layer calls a protocol that it carries.
pub(super) fn ether_type(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Ip => IP,
        Protocol::Ip6 => IP6,
        Protocol::Arp => ARP,
        Protocol::Rarp => RARP,
        Protocol::Atalk => 0x809b,
        Protocol::Aarp => 0x80f3,
        Protocol::Decnet => DECNET,
        Protocol::Lat => 0x6004,
        Protocol::Sca => 0x6007,
        Protocol::Moprc => 0x6002,
        Protocol::Mopdl => 0x6001,
        Protocol::Stp => 0x42,
        Protocol::Ipx => 0xe0,
        Protocol::Netbeui => 0xf0,
        _ => ISO,
    }
}

pub(super) fn ip_protocol(id: &Id) -> Result<u32, Message> {
    match id {
        Id::Name(name) => protocol_named(name, "an IP protocol", names::ip_protocol(name), names::ip_protocols()),
        _ => number_up_to(id, 255, "an IP protocol"),
    }
}

fn link_protocol(id: &Id) -> Result<u32, Message> {
    let known = names::LINK_PROTOCOLS.iter().map(|(name, _)| *name);
    match id {
        Id::Name(name) => protocol_named(name, "a link-layer protocol", find(&names::LINK_PROTOCOLS, name), known),
        _ => number_up_to(id, u16::MAX.into(), "a link-layer protocol"),
    }
}

fn iso_protocol(id: &Id) -> Result<u32, Message> {
    let known = names::ISO_PROTOCOLS.iter().map(|(name, _)| *name);
    match id {
        Id::Name(name) => protocol_named(name, "an OSI protocol", find(&names::ISO_PROTOCOLS, name), known),
        _ => number_up_to(id, 255, "an OSI protocol"),
    }
}
