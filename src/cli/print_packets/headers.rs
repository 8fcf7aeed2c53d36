//! The headers of a packet: what they say, as far as they are captured and make sense.
//!
//! - `link_headers` reads everything before the network header, this module the rest. The first addresses and ports
//!   count: a packet in a tunnel is payload.
//! - Header layouts are those of `etherparse`. Its errors become a [`Damage`]; the fixed part of a header that is
//!   truncated or lies about its length is still read.
//! - The lengths that headers state limit what follows, so padding is no payload. Where a header states no length, as
//!   after segmentation offload, the rest of the packet counts.
//! - Nothing is allocated. Chains of headers are read again where they are printed.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{
    ArpPacketSlice, IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, TcpHeaderSlice, UdpHeaderSlice,
};

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
}

/// The headers of an IP packet.
#[derive(Clone)]
pub struct Ip<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub hop_limit: u8,
    pub extensions: Extensions<'a>,
    /// The protocol after the extension headers.
    pub protocol: IpNumber,
    pub fragment: Option<Fragment>,
    /// What follows the extension headers.
    pub payload: Rest<'a>,
    pub transport: Transport<'a>,
}

#[derive(Clone, Copy)]
pub struct Fragment {
    pub id: u32,
    /// In bytes.
    pub offset: u16,
    pub has_more: bool,
}

impl Fragment {
    fn new(id: u32, offset: u16, has_more: bool) -> Option<Fragment> {
        (offset > 0 || has_more).then_some(Fragment { id, offset, has_more })
    }
}

/// The header after those of IP.
#[derive(Clone)]
pub enum Transport<'a> {
    /// It is unknown, not captured, or in another fragment.
    None,
    Tcp(Tcp<'a>),
    Udp {
        ports: (u16, u16),
        /// The length that the header states, without itself.
        length: Option<u16>,
    },
    /// A protocol that begins with ports, or the beginning of such a header.
    Ports(u16, u16),
    /// A message of ICMP or ICMPv6.
    Icmp(Rest<'a>),
}

/// A TCP header.
#[derive(Clone)]
pub struct Tcp<'a> {
    pub ports: (u16, u16),
    pub sequence: u32,
    pub acknowledgment: u32,
    pub flags: u8,
    pub window: u16,
    /// The captured options.
    pub options: &'a [u8],
    /// The length of the payload on the wire.
    pub length: usize,
}

impl<'a> Headers<'a> {
    pub fn is_damaged(&mut self, damage: Damage) {
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
            Err(_) => self.is_damaged(Damage::Truncated("ARP")),
        }
    }

    /// Reads an IP packet of the version that its first bits state.
    pub fn read_ip(&mut self, rest: Rest<'a>) {
        match rest.captured.first().map(|first| first >> 4) {
            Some(4) => self.read_ipv4(rest),
            Some(6) => self.read_ipv6(rest),
            Some(_) => self.is_damaged(Damage::Invalid("IP version")),
            None => self.is_damaged(Damage::Truncated("IP")),
        }
    }

    pub fn read_ipv4(&mut self, rest: Rest<'a>) {
        let mut fixed: [u8; 20];
        let header = match Ipv4HeaderSlice::from_slice(rest.captured) {
            Ok(header) => header,
            Err(etherparse::err::ipv4::HeaderSliceError::Content(_)) => {
                return self.is_damaged(Damage::Invalid("IPv4 header length or version"));
            }
            Err(etherparse::err::ipv4::HeaderSliceError::Len(_)) => {
                self.is_damaged(Damage::Truncated("IPv4"));
                let Some(captured) = rest.captured.first_chunk() else { return };
                // The options are not captured.
                fixed = *captured;
                fixed[0] = 0x45;
                let Ok(header) = Ipv4HeaderSlice::from_slice(&fixed) else { return };
                header
            }
        };
        let header_len = usize::from(rest.captured[0] & 0xf) * 4;
        let total_len = usize::from(header.total_len());
        let payload = match total_len {
            0 => rest.after(header_len),
            _ if total_len < header_len => {
                self.is_damaged(Damage::Invalid("IPv4 length"));
                Rest::default()
            }
            _ => {
                self.check_length(rest.on_wire < total_len, "IPv4 length beyond the packet");
                // A packet that the wire cut still has the payload that it states.
                Rest { captured: rest.limit(total_len).after(header_len).captured, on_wire: total_len - header_len }
            }
        };
        let fragment = Fragment::new(
            header.identification().into(),
            header.fragments_offset().value() << 3,
            header.more_fragments(),
        );
        let ip = Ip {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            hop_limit: header.ttl(),
            extensions: Extensions::new(header.protocol(), payload, false, fragment),
            protocol: header.protocol(),
            fragment,
            payload,
            transport: Transport::None,
        };
        self.read_payload(ip);
    }

    pub fn read_ipv6(&mut self, rest: Rest<'a>) {
        let header = match Ipv6HeaderSlice::from_slice(rest.captured) {
            Ok(header) => header,
            Err(etherparse::err::ipv6::HeaderSliceError::Content(_)) => {
                return self.is_damaged(Damage::Invalid("IPv6 version"));
            }
            Err(etherparse::err::ipv6::HeaderSliceError::Len(_)) => {
                return self.is_damaged(Damage::Truncated("IPv6"));
            }
        };
        let after = rest.after(header.slice().len());
        let payload = match usize::from(header.payload_length()) {
            // A jumbogram, or a segment before it is cut.
            0 => after,
            length => {
                self.check_length(after.on_wire < length, "IPv6 length beyond the packet");
                Rest { captured: after.limit(length).captured, on_wire: length }
            }
        };
        let ip = Ip {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            hop_limit: header.hop_limit(),
            extensions: Extensions::new(header.next_header(), payload, true, None),
            protocol: header.next_header(),
            fragment: None,
            payload,
            transport: Transport::None,
        };
        self.read_payload(ip);
    }

    fn check_length(&mut self, is_wrong: bool, what: &'static str) {
        if is_wrong {
            self.is_damaged(Damage::Invalid(what));
        }
    }

    /// Reads what follows an IP header: extension headers, and the first header after them.
    fn read_payload(&mut self, mut ip: Ip<'a>) {
        let mut extensions = ip.extensions.clone();
        for extension in extensions.by_ref() {
            ip.fragment = extension.fragment.or(ip.fragment);
        }
        (ip.protocol, ip.payload) = (extensions.next, extensions.rest);
        if extensions.is_next() {
            self.is_damaged(Damage::Truncated("extension header"));
        } else if !extensions.is_later_fragment {
            ip.transport = self.transport(ip.protocol, ip.source.is_ipv6(), ip.payload);
        }
        self.network = Network::Ip(ip);
    }

    fn transport(&mut self, protocol: IpNumber, is_ipv6: bool, rest: Rest<'a>) -> Transport<'a> {
        match protocol {
            IpNumber::TCP => self.tcp(rest),
            IpNumber::UDP => match UdpHeaderSlice::from_slice(rest.captured) {
                Ok(header) => Transport::Udp {
                    ports: (header.source_port(), header.destination_port()),
                    length: header.length().checked_sub(8),
                },
                Err(_) => self.truncated_ports("UDP", rest),
            },
            IpNumber::ICMP if !is_ipv6 => self.icmp("ICMP", rest),
            IpNumber::IPV6_ICMP if is_ipv6 => self.icmp("ICMPv6", rest),
            IpNumber::SCTP | IpNumber::DCCP | IpNumber::UDP_LITE => match ports(rest) {
                Some((source, destination)) => Transport::Ports(source, destination),
                None => self.truncated_ports("ports", rest),
            },
            _ => Transport::None,
        }
    }

    fn icmp(&mut self, name: &'static str, rest: Rest<'a>) -> Transport<'a> {
        if rest.captured.len() >= 2 {
            return Transport::Icmp(rest);
        }
        self.is_damaged(Damage::Truncated(name));
        Transport::None
    }

    fn tcp(&mut self, rest: Rest<'a>) -> Transport<'a> {
        let mut fixed: [u8; 20];
        let header = match TcpHeaderSlice::from_slice(rest.captured) {
            Ok(header) => header,
            Err(error) => {
                let is_length = matches!(error, etherparse::err::tcp::HeaderSliceError::Len(_));
                let Some(captured) = rest.captured.first_chunk() else { return self.truncated_ports("TCP", rest) };
                self.is_damaged(match is_length {
                    true => Damage::Truncated("TCP options"),
                    false => Damage::Invalid("TCP header length"),
                });
                fixed = *captured;
                fixed[12] = 0x50;
                let Ok(header) = TcpHeaderSlice::from_slice(&fixed) else { return Transport::None };
                header
            }
        };
        let header_len = (usize::from(rest.captured[12] >> 4) * 4).max(20);
        Transport::Tcp(Tcp {
            ports: (header.source_port(), header.destination_port()),
            sequence: header.sequence_number(),
            acknowledgment: header.acknowledgment_number(),
            flags: header.slice()[13],
            window: header.window_size(),
            options: rest.limit(header_len).after(20).captured,
            length: rest.after(header_len).on_wire,
        })
    }

    /// Returns the ports of a header that is truncated, if they are captured.
    fn truncated_ports(&mut self, name: &'static str, rest: Rest<'a>) -> Transport<'a> {
        self.is_damaged(Damage::Truncated(name));
        ports(rest).map_or(Transport::None, |(source, destination)| Transport::Ports(source, destination))
    }
}

fn ports(rest: Rest) -> Option<(u16, u16)> {
    Some((rest.u16(0)?, rest.u16(2)?))
}

/// The extension headers from one on.
#[derive(Clone)]
pub struct Extensions<'a> {
    next: IpNumber,
    rest: Rest<'a>,
    is_ipv6: bool,
    /// The payload is a later part of one, and has no headers.
    is_later_fragment: bool,
}

/// An extension header.
pub struct Extension {
    pub number: IpNumber,
    fragment: Option<Fragment>,
}

impl<'a> Extensions<'a> {
    fn new(next: IpNumber, rest: Rest<'a>, is_ipv6: bool, fragment: Option<Fragment>) -> Extensions<'a> {
        Extensions { next, rest, is_ipv6, is_later_fragment: is_later(fragment) }
    }

    /// Returns whether there is another extension, which may be truncated. IPv4 has only one kind.
    fn is_next(&self) -> bool {
        let is_extension = match self.next {
            IpNumber::AUTHENTICATION_HEADER => true,
            IpNumber::IPV6_FRAGMENTATION_HEADER => self.is_ipv6,
            next => self.is_ipv6 && Ipv6RawExtHeaderSlice::header_type_supported(next),
        };
        is_extension && !self.is_later_fragment
    }
}

fn is_later(fragment: Option<Fragment>) -> bool {
    fragment.is_some_and(|fragment| fragment.offset > 0)
}

impl Iterator for Extensions<'_> {
    type Item = Extension;

    #[inline]
    fn next(&mut self) -> Option<Extension> {
        if !self.is_next() {
            return None;
        }
        let number = self.next;
        let captured = self.rest.captured;
        let mut fragment = None;
        let (next, length) = match number {
            IpNumber::AUTHENTICATION_HEADER => {
                let header = IpAuthHeaderSlice::from_slice(captured).ok()?;
                (header.next_header(), header.slice().len())
            }
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                let header = Ipv6FragmentHeaderSlice::from_slice(captured).ok()?;
                let offset = header.fragment_offset().value() << 3;
                fragment = Fragment::new(header.identification(), offset, header.more_fragments());
                (header.next_header(), header.slice().len())
            }
            _ => {
                let header = Ipv6RawExtHeaderSlice::from_slice(captured).ok()?;
                (header.next_header(), header.slice().len())
            }
        };
        self.next = next;
        self.rest = self.rest.after(length);
        self.is_later_fragment = is_later(fragment);
        Some(Extension { number, fragment })
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
