//! The headers of a packet: what they say, as far as they are captured and make sense.
//!
//! - `link_headers` and `wireless_headers` read everything before the network header, `ip_headers` and
//!   `transport_headers` the rest. The first addresses and ports count: a packet in a tunnel is payload.
//! - Header layouts are those of `etherparse`. Its errors become a [`Damage`]; the fixed part of a header that is
//!   truncated or lies about its length is still read.
//! - The lengths that headers state limit what follows, so padding is no payload. Where a header states no length, as
//!   after segmentation offload, the rest of the packet counts.
//! - Nothing is allocated. Chains of headers are read again where they are printed.

use std::net::Ipv4Addr;

use etherparse::ArpPacketSlice;

use crate::cli::print_packets::ip_headers::Ip;
use crate::cli::print_packets::transport_headers::Transport;

/// A part of a packet that is not read yet.
#[derive(Clone, Copy, Default)]
pub struct Rest<'a> {
    pub captured: &'a [u8],
    /// Its length on the wire.
    pub on_wire: usize,
}

impl<'a> Rest<'a> {
    /// Returns the part after the first `count` bytes.
    #[inline]
    pub fn after(self, count: usize) -> Rest<'a> {
        let captured = self.captured.get(count..).unwrap_or_default();
        Rest { captured, on_wire: self.on_wire.saturating_sub(count) }
    }

    /// Returns at most the first `count` bytes.
    #[inline]
    pub fn limit(self, count: usize) -> Rest<'a> {
        Rest { captured: &self.captured[..count.min(self.captured.len())], on_wire: count.min(self.on_wire) }
    }

    /// Returns two bytes as a number.
    #[inline]
    pub fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.captured.get(at..)?.first_chunk()?))
    }
}

/// The headers of a packet.
#[derive(Clone, Default)]
pub struct Headers<'a> {
    /// Hardware addresses of six bytes.
    pub link_source: Option<[u8; 6]>,
    pub link_destination: Option<[u8; 6]>,
    /// The index of the interface that a cooked capture names, and its packet type: `PACKET_HOST` (0) to
    /// `PACKET_OUTGOING` (4).
    pub interface: Option<u32>,
    pub packet_type: Option<u8>,
    /// The EtherType after VLAN tags.
    pub ether_type: Option<u16>,
    /// VLAN tags: two bytes with the identifier, then the next EtherType.
    pub vlan_tags: &'a [[u8; 4]],
    /// Entries of the label stack of MPLS.
    pub mpls: &'a [[u8; 4]],
    pub network: Network<'a>,
    pub damage: Option<Damage>,
}

/// A header that cannot be read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It was not captured completely, or its packet is too short.
    Truncated(&'static str),
    /// It contradicts itself or the packet.
    Invalid(&'static str),
}

/// The header after those of the link layer.
#[derive(Clone, Default)]
pub enum Network<'a> {
    /// The link type is not read, or its header is truncated.
    #[default]
    None,
    Ip(Ip<'a>),
    Arp(ArpPacketSlice<'a>),
    /// The protocol is [`Headers::ether_type`].
    EtherType,
    /// A protocol without a number that others share.
    Named(&'static str),
    /// Service access points of destination and source.
    Llc([u8; 2]),
    /// An identifier of an organisation, and a protocol of it.
    Snap([u8; 3], u16),
    Ppp(u16),
    /// The first byte of a frame of IEEE 802.11, whose data is not read.
    Wireless(u8),
}

impl<'a> Headers<'a> {
    pub fn set_damage(&mut self, damage: Damage) {
        self.damage.get_or_insert(damage);
    }

    /// Returns the IP headers, if there are any.
    pub fn ip(&self) -> Option<&Ip<'a>> {
        if let Network::Ip(ip) = &self.network { Some(ip) } else { None }
    }

    /// Returns the ports of source and destination.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.ip()?.transport {
            Transport::Tcp(tcp) => Some(tcp.ports),
            Transport::Udp { ports, .. } => Some(*ports),
            Transport::Ports(source, destination) => Some((*source, *destination)),
            Transport::Icmp(_) | Transport::None => None,
        }
    }

    /// Reads an ARP packet.
    pub fn read_arp(&mut self, rest: Rest<'a>) {
        match ArpPacketSlice::from_slice(rest.captured) {
            Ok(arp) => self.network = Network::Arp(arp),
            Err(_) => self.set_damage(Damage::Truncated("ARP")),
        }
    }
}

/// Returns the headers of an IP packet inside another one, such as the packet that an ICMP error is about.
pub fn quoted<'a>(rest: Rest<'a>) -> Headers<'a> {
    let mut headers = Headers::default();
    headers.read_ip(rest);
    headers
}

/// Returns an address of ARP, if it is one of IPv4.
pub fn arp_address(bytes: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))
}
