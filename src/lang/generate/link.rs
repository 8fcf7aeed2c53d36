//! Tests of the link layer: from and to whom, and in which direction.

use crate::lang::generate::carries::LONGEST;
use crate::lang::generate::code::{Exits, Value};
use crate::lang::generate::layers::{Around, Family, Place};
use crate::lang::generate::network::{IP, IP6};
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::{Direction, Llc};
use crate::lang::words::Protocol;
use crate::packet::ancillary::Extension;

/// `PACKET_OUTGOING` of Linux.
const OUTGOING: u32 = 4;

impl Generator<'_> {
    /// Addresses of six bytes.
    pub(super) fn link_hosts(&mut self, mac: [u8; 6], direction: Option<Direction>, to: Exits) -> Result<(), Message> {
        if self.layers.family == Family::Wlan {
            return self.wlan_hosts(mac, direction, to);
        }
        let is_short = matches!(self.layers.family, Family::Arcnet | Family::Bacnet);
        let (destination, source) = self
            .layers
            .addresses
            .filter(|_| !is_short)
            .ok_or_else(|| self.unsupported("there are no MAC addresses"))?;
        let direction = link_direction(direction)?;
        self.has_link_layer(to);
        let header = self.layers.header;
        self.either(direction, to, |this, is_source, to| {
            this.mac(header.plus(if is_source { source } else { destination }), mac, to);
        });
        Ok(())
    }

    /// Whether there is an address of six bytes at a place.
    pub(super) fn mac(&mut self, at: Place, mac: [u8; 6], to: Exits) {
        let [a, b, c, d, e, f] = mac;
        self.require(at.word(2).is(u32::from_be_bytes([c, d, e, f])), to.no);
        self.code.test(at.half(0).is(u16::from_be_bytes([a, b]).into()), to);
    }

    /// Addresses of one byte.
    pub(super) fn byte_hosts(&mut self, byte: u8, direction: Option<Direction>, to: Exits) -> Result<(), Message> {
        let is_short = matches!(self.layers.family, Family::Arcnet | Family::Bacnet);
        let (destination, source) = self
            .layers
            .addresses
            .filter(|_| is_short)
            .ok_or_else(|| self.unsupported("there are no addresses of one byte"))?;
        let direction = link_direction(direction)?;
        let header = self.layers.header;
        self.either(direction, to, |this, is_source, to| {
            this.code.test(header.byte(if is_source { source } else { destination }).is(byte.into()), to);
        });
        Ok(())
    }

    /// Tests of Ethernet fields need an Ethernet header, which not everything in a tunnel has.
    fn has_link_layer(&mut self, to: Exits) {
        self.no_lane_control(to);
        if self.layers.around == Around::Geneve {
            self.has_geneve_ethernet(to);
        }
    }

    pub(super) fn broadcast(&mut self, protocol: Option<Protocol>, to: Exits) -> Result<(), Message> {
        match protocol {
            None | Some(Protocol::Link) => match self.layers.family {
                Family::Arcnet => self.byte_hosts(0, Some(Direction::Destination), to),
                Family::Bacnet => self.byte_hosts(0xff, Some(Direction::Destination), to),
                _ => self.link_hosts([0xff; 6], Some(Direction::Destination), to),
            },
            Some(Protocol::Ip) => {
                let netmask = self.target.netmask;
                let host =
                    !netmask.ok_or("expected the netmask of the interface to be known, which `ip broadcast` needs")?;
                let here = self.code.label();
                self.link_type(IP, Exits { yes: here, no: to.no })?;
                self.code.place(here);
                let address = self.network()?.word(16);
                self.code.exclude(address.has(host, 0), to.yes);
                self.code.test(address.has(host, host), to);
                Ok(())
            }
            Some(_) => Err("expected `ether`, `ip` or nothing before `broadcast`".to_owned()),
        }
    }

    pub(super) fn multicast(&mut self, protocol: Option<Protocol>, to: Exits) -> Result<(), Message> {
        let (carried, offset, mask, value) = match protocol {
            None | Some(Protocol::Link) => return self.link_multicast(to),
            Some(Protocol::Ip) => (IP, 16, 0xf0, 0xe0),
            Some(Protocol::Ip6) => (IP6, 24, u32::MAX, 0xff),
            Some(_) => return Err("expected `ether`, `ip`, `ip6` or nothing before `multicast`".to_owned()),
        };
        let here = self.code.label();
        self.link_type(carried, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        self.code.test(self.network()?.byte(offset).has(mask, value), to);
        Ok(())
    }

    fn link_multicast(&mut self, to: Exits) -> Result<(), Message> {
        match self.layers.family {
            Family::Arcnet => return self.byte_hosts(0, Some(Direction::Destination), to),
            Family::Wlan => {
                self.wlan_multicast(to);
                return Ok(());
            }
            _ => {}
        }
        let is_short = self.layers.family == Family::Bacnet;
        let addresses = self.layers.addresses.filter(|_| !is_short);
        let (destination, _) = addresses.ok_or_else(|| self.unsupported("there is no multicast"))?;
        self.has_link_layer(to);
        self.code.test(self.layers.header.byte(destination).any_of(1), to);
        Ok(())
    }

    /// `inbound` and `outbound`.
    pub(super) fn direction(&mut self, is_outbound: bool, to: Exits) -> Result<(), Message> {
        let at = self.layers.header;
        // A packet in a tunnel shows no direction of its own.
        let number = if self.layers.around == Around::Nothing { self.target.link_type.number() } else { 0 };
        let pick = |outbound: u32, inbound: u32| if is_outbound { outbound } else { inbound };
        let is = |value: Value, number| if is_outbound { value.is(number) } else { value.is_not(number) };
        let outgoing = |value: Value| is(value, OUTGOING);
        let test = match (number, self.layers.family) {
            (8, _) => at.byte(0).is(pick(1, 0)),
            (113, _) => outgoing(at.half(0)),
            (276, _) => outgoing(at.byte(10)),
            (117, _) => at.byte(60).is(pick(2, 1)),
            (166, _) => at.byte(0).is(pick(1, 0)),
            (226, _) => at.half(2).is(pick(1, 2)),
            // A tag for the switch, or one from it.
            (281, _) => at.byte(12).has(0xe0, pick(0x20, 0x00)),
            (284, _) if is_outbound => at.byte(12).has(0xc0, 0x40),
            // For the CPU (0) or for the sniffer (2), but not forwarded (3).
            (284, _) => at.byte(12).has(0x40, 0x00),
            (_, Family::Juniper) => at.byte(3).has(0x01, pick(0, 1)),
            _ if self.target.is_live => outgoing(Value::Extension(Extension::PacketType)),
            _ => return Err(self.unsupported("packets do not show their direction")),
        };
        self.code.test(test, to);
        Ok(())
    }

    /// `ifindex`
    pub(super) fn interface(&mut self, index: u32, to: Exits) -> Result<(), Message> {
        let is_in_tunnel = self.layers.around != Around::Nothing;
        let value = if self.target.link_type.number() == 276 && !is_in_tunnel {
            self.layers.header.word(4)
        } else if self.target.is_live {
            Value::Extension(Extension::InterfaceIndex)
        } else {
            return Err(self.unsupported("packets do not show their interface"));
        };
        self.code.test(value.is(index), to);
        Ok(())
    }

    pub(super) fn llc(&mut self, llc: Llc, to: Exits) -> Result<(), Message> {
        let here = if llc == Llc::Any { to.yes } else { self.code.label() };
        let header = self.layers.header;
        let is_llc = Exits { yes: here, no: to.no };
        match self.layers.family {
            Family::Ethernet => {
                self.require(self.type_field()?.half(0).at_most(LONGEST), to.no);
                // NetWare puts something else there.
                self.code.test(self.payload()?.half(0).is_not(0xffff), is_llc);
            }
            Family::SunAtm => self.code.test(header.byte(0).has(0x0f, 0x02), is_llc),
            Family::Wlan => self.code.test(header.byte(0).has(0x0c, 0x08), is_llc),
            // Not IP over Fibre Channel nor Classical IP.
            Family::Llc if !matches!(self.target.link_type.number(), 106 | 122) => self.code.jump(here),
            _ => return Err(self.unsupported("there is no LLC")),
        }
        if llc == Llc::Any {
            return Ok(());
        }
        self.code.place(here);
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

fn link_direction(direction: Option<Direction>) -> Result<Direction, Message> {
    match direction {
        None => Ok(Direction::Either),
        Some(direction @ (Direction::Source | Direction::Destination | Direction::Either | Direction::Both)) => {
            Ok(direction)
        }
        Some(_) => Err("expected `src` or `dst`: only 802.11 has other addresses".to_owned()),
    }
}
