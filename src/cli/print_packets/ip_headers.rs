//! The headers of IP, with extension headers and fragments.

use std::net::IpAddr;

use etherparse::err::{ipv4, ipv6};
use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

use crate::cli::print_packets::headers::{Damage, Headers, Network, Rest};
use crate::cli::print_packets::transport_headers::Transport;

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

impl<'a> Headers<'a> {
    /// Reads an IP packet of the version that its first bits state.
    pub fn read_ip(&mut self, rest: Rest<'a>) {
        match rest.captured.first().map(|first| first >> 4) {
            Some(4) => self.read_ipv4(rest),
            Some(6) => self.read_ipv6(rest),
            Some(_) => self.set_damage(Damage::Invalid("IP version")),
            None => self.set_damage(Damage::Truncated("IP")),
        }
    }

    pub fn read_ipv4(&mut self, rest: Rest<'a>) {
        let mut fixed: [u8; 20];
        let header = match Ipv4HeaderSlice::from_slice(rest.captured) {
            Ok(header) => header,
            Err(ipv4::HeaderSliceError::Content(_)) => {
                return self.set_damage(Damage::Invalid("IPv4 header length or version"));
            }
            Err(ipv4::HeaderSliceError::Len(_)) => {
                self.set_damage(Damage::Truncated("IPv4"));
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
                self.set_damage(Damage::Invalid("IPv4 length"));
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
            Err(ipv6::HeaderSliceError::Content(_)) => {
                return self.set_damage(Damage::Invalid("IPv6 version"));
            }
            Err(ipv6::HeaderSliceError::Len(_)) => {
                return self.set_damage(Damage::Truncated("IPv6"));
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
            self.set_damage(Damage::Invalid(what));
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
            self.set_damage(Damage::Truncated("extension header"));
        } else if !extensions.is_later_fragment {
            ip.transport = self.transport(ip.protocol, ip.source.is_ipv6(), ip.payload);
        }
        self.network = Network::Ip(ip);
    }
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
