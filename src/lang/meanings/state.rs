//! What is known before an instruction: the contents of registers, and the headers of the packet.

use alloc::vec::Vec;

use crate::bpf::verify::SCRATCH_WORDS;
use crate::lang::link_layout::{LinkFamily, LinkLayout};
use crate::lang::meanings::content::{Bytes, Content, Fields, Part, Place, part, width_mask};
use crate::lang::meanings::fields::{
    BOTTOM_OF_STACK, EXTENSION_LENGTH, EXTENSION_NEXT, FIELDS, Field, Header, IP_PROTOCOL, IP_VERSION, LLC_DSAP,
    NEXT_HEADER, Notation, PPPOE_PROTOCOL, link,
};
use crate::packet::protocols::*;

/// The most numbers of a set that are kept apart.
const MOST_NUMBERS: usize = 8;

/// A set of numbers: `None` is the set of all.
pub(super) type Numbers = Option<Vec<u32>>;

/// The link layer with its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The offset of the field that names the protocol of the payload, behind all tags.
    protocol_field: Option<u32>,
    is_tagged: bool,
    /// The offset of the network header.
    network: u32,
    /// The EtherTypes that are possible.
    ether_types: Numbers,
    /// Set if nothing but its first bits tell what the network header is.
    is_bare: bool,
    /// Set if LLC comes in place of the network header, and if that of OSI comes after it.
    is_llc: bool,
    is_osi: bool,
}

impl Link {
    /// Returns what is known of all packets, if the layout is known.
    fn new(layout: &LinkLayout) -> Option<Link> {
        let ether_types = match layout.family {
            LinkFamily::Ipv4 => Some(vec![ETHERTYPE_IPV4]),
            LinkFamily::Ipv6 => Some(vec![ETHERTYPE_IPV6]),
            _ => None,
        };
        // LLC and SNAP come before the EtherType.
        let protocol_field = match layout.family {
            LinkFamily::Llc => layout.payload.map(|payload| payload + 6),
            _ => layout.protocol_field,
        };
        let is_known = !matches!(layout.family, LinkFamily::Opaque | LinkFamily::Wlan | LinkFamily::Pflog);
        let network = layout.payload.filter(|_| is_known)? + layout.network;
        let is_bare = layout.family == LinkFamily::Raw;
        Some(Link { protocol_field, is_tagged: false, network, ether_types, is_bare, is_llc: false, is_osi: false })
    }

    /// Moves to the header at an offset.
    fn at(network: u32, ether_types: Numbers) -> Link {
        Link {
            protocol_field: None,
            is_tagged: false,
            network,
            ether_types,
            is_bare: false,
            is_llc: false,
            is_osi: false,
        }
    }
}

/// What is known before an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) a: Content,
    pub(super) x: Content,
    pub(super) scratch: [Content; SCRATCH_WORDS],
    layout: LinkLayout,
    link: Option<Link>,
    /// The IP protocols that are possible for the header after that of IP, and for those behind extension headers.
    protocols: Vec<Numbers>,
}

impl State {
    /// Returns the state at the start of a program.
    pub(super) fn new(layout: LinkLayout) -> State {
        let zero = Content::Constant(0);
        State {
            a: zero,
            x: zero,
            scratch: [zero; SCRATCH_WORDS],
            layout,
            link: Link::new(&layout),
            protocols: Vec::new(),
        }
    }

    /// Returns the offset of the network header.
    pub(super) fn network(&self) -> Option<u32> {
        self.link.as_ref().map(|link| link.network)
    }

    /// Returns whether the packet is IPv4.
    pub(super) fn is_ipv4(&self) -> bool {
        self.link.as_ref().is_some_and(|link| is_only(&link.ether_types, &[ETHERTYPE_IPV4]))
    }

    /// Returns the offset of the link-layer header.
    pub(super) fn link_header(&self) -> u32 {
        self.layout.header
    }

    /// Keeps what is also known in another state that leads to the same instruction.
    pub(super) fn join(&mut self, other: &State) {
        let join = |one: Content, two: Content| {
            let either = || self.fields(one)?.or(other.fields(two)?).map(Content::Fields);
            if one == two { one } else { either().unwrap_or(Content::Unknown) }
        };
        let (a, x) = (join(self.a, other.a), join(self.x, other.x));
        let scratch = core::array::from_fn(|slot| join(self.scratch[slot], other.scratch[slot]));
        (self.a, self.x, self.scratch) = (a, x, scratch);
        match (&mut self.link, &other.link) {
            (Some(one), Some(two)) if one.network == two.network && one.protocol_field == two.protocol_field => {
                unite(&mut one.ether_types, &two.ether_types);
                one.is_llc &= two.is_llc;
                one.is_osi &= two.is_osi;
                one.is_bare &= two.is_bare;
                self.protocols.truncate(other.protocols.len());
                for (one, two) in self.protocols.iter_mut().zip(&other.protocols) {
                    unite(one, two);
                }
            }
            // What is known of all packets holds on both paths.
            (link, _) => {
                *link = Link::new(&self.layout);
                self.protocols.clear();
            }
        }
    }

    /// Returns the field of which a content is the whole, and nothing else.
    fn fields(&self, content: Content) -> Option<Fields> {
        let bytes = match content {
            Content::Fields(fields) => return Some(fields),
            Content::Bytes(bytes) if bytes.shift == 0 && bytes.mask == width_mask(bytes.len) => bytes,
            _ => return None,
        };
        match self.parts(&bytes)?[..] {
            [Part { field, len, mask, .. }] if len == field.len && mask == width_mask(len) => {
                Some(Fields { names: [field.name; 2], len, notation: field.notation })
            }
            _ => None,
        }
    }

    /// Learns that a number of bytes is `value`, or that it is not.
    pub(super) fn learn(&mut self, bytes: &Bytes, value: u32, is_equal: bool) {
        let parts = self.parts(bytes).unwrap_or_default();
        let number = value << bytes.shift;
        if !is_equal && parts.len() != 1 {
            return;
        }
        let place = bytes.after.map_or(0, |place| place.extensions);
        for part in parts.iter().filter(|part| part.is_whole()) {
            let value = part.value(number);
            match (part.field.name, part.field.notation) {
                (IP_PROTOCOL | NEXT_HEADER, _) => self.learn_protocol(0, value, is_equal),
                (EXTENSION_NEXT, _) => self.learn_protocol(place + 1, value, is_equal),
                (PPPOE_PROTOCOL, _) if part.field.header == Header::Pppoe => {
                    let ether_type = ether_type(LinkFamily::Ppp, value);
                    if let Some(link) = self.link.as_mut().filter(|_| is_equal) {
                        *link = Link::at(link.network + PPPOE_LENGTH, Some(vec![ether_type]));
                        self.protocols.clear();
                    }
                }
                (BOTTOM_OF_STACK, _) => self.learn_label((value == 1) == is_equal),
                (LLC_DSAP, _) if value == SAP_OSI => {
                    if let Some(link) = &mut self.link {
                        link.is_osi = is_equal;
                    }
                }
                (IP_VERSION, _) => match value {
                    4 => self.learn_ether_type(ETHERTYPE_IPV4, is_equal),
                    6 => self.learn_ether_type(ETHERTYPE_IPV6, is_equal),
                    _ => {}
                },
                (_, Notation::LinkProtocol) if part.field.header == Header::Link => {
                    self.learn_ether_type(ether_type(self.layout.family, value), is_equal);
                }
                _ => {}
            }
        }
    }

    /// Learns that an EtherType is a length, so that LLC comes next.
    pub(super) fn learn_length(&mut self, bytes: &Bytes) {
        let Some(link) = &mut self.link else { return };
        let is_field = bytes.after.is_none() && Some(bytes.offset) == link.protocol_field;
        let is_whole = bytes.len == 2 && (bytes.mask, bytes.shift) == (0xffff, 0);
        link.is_llc |= self.layout.family == LinkFamily::Ethernet && is_field && is_whole;
    }

    /// Learns whether a bit is set.
    pub(super) fn learn_bits(&mut self, bytes: &Bytes, bits: u32, is_set: bool) {
        let bits = bits.checked_shl(bytes.shift).unwrap_or(0) & bytes.mask;
        if bits.count_ones() == 1 {
            let bit = Bytes { mask: bits, shift: bits.trailing_zeros(), ..*bytes };
            self.learn(&bit, 1, is_set);
        }
    }

    /// Learns whether a label is the last one of its stack, after which there is IP.
    fn learn_label(&mut self, is_last: bool) {
        let Some(link) = &mut self.link else { return };
        let next = Link::at(link.network + LABEL_LENGTH, None);
        *link = match is_last {
            true => Link { is_bare: true, ..next },
            false => Link { ether_types: link.ether_types.take(), ..next },
        };
        self.protocols.clear();
    }

    fn learn_protocol(&mut self, place: usize, protocol: u32, is_equal: bool) {
        if place < MOST_PLACES {
            let len = self.protocols.len().max(place + 1);
            self.protocols.resize(len, None);
            restrict(&mut self.protocols[place], protocol, is_equal);
        }
    }

    fn learn_ether_type(&mut self, ether_type: u32, is_equal: bool) {
        let Some(link) = &mut self.link else { return };
        let is_tag = matches!(ether_type, ETHERTYPE_VLAN | ETHERTYPE_QINQ | ETHERTYPE_QINQ_OLD);
        match link.protocol_field {
            Some(field) if is_tag && is_equal => {
                let network = link.network + 4;
                *link = Link { protocol_field: Some(field + 4), is_tagged: true, ..Link::at(network, None) };
                self.protocols.clear();
            }
            _ => restrict(&mut link.ether_types, ether_type, is_equal),
        }
    }

    /// Returns where the header begins that `after` is the place of, or the first one after a fixed header of IPv6:
    /// offsets count from `after`, or from the start of the packet.
    fn transport(&self, after: Option<Place>) -> Option<u32> {
        let link = self.link.as_ref()?;
        let is_ether_type = |ether_type| is_only(&link.ether_types, &[ether_type]);
        match after {
            Some(place) => {
                let is_known = place.extensions > 0 || is_ether_type(ETHERTYPE_IPV4);
                (is_known && place.network == link.network).then_some(0)
            }
            None => is_ether_type(ETHERTYPE_IPV6).then_some(link.network + IPV6_LENGTH),
        }
    }

    /// Returns whether the header there is one of these.
    pub(super) fn is_protocol(&self, after: Option<Place>, allowed: &[u32]) -> bool {
        let place = after.map_or(0, |place| place.extensions);
        self.protocols.get(place).is_some_and(|protocols| is_only(protocols, allowed))
    }

    /// Returns the keyword of the header that a number is part of, and its place there, if it is known which one it is.
    pub(super) fn place_in_header(&self, bytes: &Bytes) -> Option<(&'static str, u32)> {
        let transport = self.transport(bytes.after).and_then(|start| bytes.offset.checked_sub(start));
        let keyword = || KEYWORDS.iter().find(|(protocol, _)| self.is_protocol(bytes.after, &[*protocol]));
        if let (Some(offset), Some(&(_, keyword))) = (transport, keyword()) {
            return Some((keyword, offset));
        }
        let link = self.link.as_ref().filter(|_| bytes.after.is_none())?;
        let offset = bytes.offset.checked_sub(link.network)?;
        let is_ether_type = |ether_type| is_only(&link.ether_types, &[ether_type]);
        let network = [(ETHERTYPE_IPV4, "ip", 60), (ETHERTYPE_IPV6, "ip6", IPV6_LENGTH), (ETHERTYPE_ARP, "arp", 28)];
        let is_inside =
            |&&(ether_type, _, length): &&(u32, &str, u32)| is_ether_type(ether_type) && offset + bytes.len <= length;
        network.iter().find(is_inside).map(|&(_, keyword, _)| (keyword, offset))
    }

    /// Returns the place of the extension header whose length a content is, if the length counts in this way.
    pub(super) fn extension_of_length(&self, content: Content, is_authentication: bool) -> Option<Place> {
        let Content::Bytes(bytes) = content else { return None };
        let parts = self.parts(&bytes).unwrap_or_default();
        let is_length = matches!(parts[..], [part] if part.field.name == EXTENSION_LENGTH && part.is_whole());
        let types = if is_authentication { &[IPPROTO_AH][..] } else { &EXTENSIONS[1..] };
        if !is_length || bytes.shift != 0 || !self.is_protocol(bytes.after, types) {
            return None;
        }
        Some(bytes.after.unwrap_or(Place { network: self.network()?, extensions: 0 }))
    }

    /// Returns the parts of fields that a number consists of; `None` if some of its bits belong to no known field.
    pub(super) fn parts(&self, bytes: &Bytes) -> Option<Vec<Part>> {
        let mut parts: Vec<Part> = Vec::new();
        let mut known = 0;
        self.each_field(bytes.after, |start, field| {
            if let Some(part) = part(bytes, start, field) {
                known |= part.mask << part.below;
                parts.push(part);
            }
        });
        let is_all = !parts.is_empty() && bytes.mask & !known & width_mask(bytes.len) == 0;
        parts.sort_by_key(|part| core::cmp::Reverse((part.below, part.field_mask)));
        is_all.then_some(parts)
    }

    /// Calls `visit` with each known field and its offset, which counts from the end of the IPv4 header at `after`, or
    /// from the start of the packet.
    fn each_field(&self, after: Option<Place>, mut visit: impl FnMut(u32, Field)) {
        let Some(link_layer) = &self.link else { return };
        let is_ether_type = |allowed: &[u32]| is_only(&link_layer.ether_types, allowed);
        let (is_ipv4, is_ipv6) = (is_ether_type(&[ETHERTYPE_IPV4]), is_ether_type(&[ETHERTYPE_IPV6]));
        let network = link_layer.network;
        let transport = self.transport(after);
        let is_protocol = |allowed: &[u32]| self.is_protocol(after, allowed);
        let tag = link_layer.protocol_field.filter(|_| link_layer.is_tagged).and_then(|field| field.checked_sub(2));
        let start = |header| match header {
            Header::Ports if is_protocol(&PORT_PROTOCOLS) => transport,
            Header::Tcp if is_protocol(&[IPPROTO_TCP]) => transport,
            Header::Udp if is_protocol(&[IPPROTO_UDP]) => transport,
            Header::Icmp if is_protocol(&[IPPROTO_ICMP]) => transport,
            Header::Icmp6 if is_protocol(&[IPPROTO_ICMPV6]) => transport,
            Header::Extension if is_protocol(&EXTENSIONS) => transport,
            _ if after.is_some() => None,
            Header::Ipv4 => is_ipv4.then_some(network),
            Header::Ipv6 => is_ipv6.then_some(network),
            Header::IpVersion => (link_layer.is_bare && !is_ipv4 && !is_ipv6).then_some(network),
            Header::Mpls => is_ether_type(&[ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST]).then_some(network),
            Header::Pppoe => is_ether_type(&[ETHERTYPE_PPPOE_SESSION]).then_some(network),
            Header::Llc => link_layer.is_llc.then_some(network),
            Header::Osi => (link_layer.is_llc && link_layer.is_osi).then_some(network),
            Header::Arp => is_ether_type(&[ETHERTYPE_ARP, ETHERTYPE_RARP]).then_some(network),
            Header::VlanTag => tag,
            _ => None,
        };
        for field in &FIELDS {
            if let Some(start) = start(field.header) {
                visit(start + field.offset, *field);
            }
        }
        if after.is_none() {
            self.each_link_field(link_layer, visit);
        }
    }

    fn each_link_field(&self, link_layer: &Link, mut visit: impl FnMut(u32, Field)) {
        let family = self.layout.family;
        if let Some(field) = link_layer.protocol_field {
            let (len, name) = match family {
                LinkFamily::Ppp => (2, "ppp protocol"),
                LinkFamily::Loopback | LinkFamily::NetworkLoopback => (4, "address family"),
                LinkFamily::Arcnet => (1, "arcnet protocol"),
                LinkFamily::PppBsdos => (1, "ppp protocol"),
                _ => (2, "ethertype"),
            };
            visit(field, link(len, name, Notation::LinkProtocol));
        }
        if let Some((destination, source)) = self.layout.addresses.filter(|_| family != LinkFamily::Arcnet) {
            for (offset, name) in [(destination, "ether dst"), (source, "ether src")] {
                visit(self.layout.header + offset, link(6, name, Notation::MacAddress));
            }
        }
    }

    /// Returns the family of the link type.
    pub(super) fn family(&self) -> LinkFamily {
        self.layout.family
    }
}

/// The extension headers; the length of the first one counts in another way.
const EXTENSIONS: [u32; 5] = [IPPROTO_AH, IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS];

/// The most places of headers of which the protocol is known.
const MOST_PLACES: usize = 64;

/// The lengths of an entry of the label stack of MPLS, and of PPPoE with the protocol of PPP.
const LABEL_LENGTH: u32 = 4;
const PPPOE_LENGTH: u32 = 8;

/// The keywords of headers whose bytes expressions read.
static KEYWORDS: [(u32, &str); 9] = [
    (IPPROTO_TCP, "tcp"),
    (IPPROTO_UDP, "udp"),
    (IPPROTO_SCTP, "sctp"),
    (IPPROTO_ICMP, "icmp"),
    (IPPROTO_ICMPV6, "icmp6"),
    (IPPROTO_IGMP, "igmp"),
    (IPPROTO_IGRP, "igrp"),
    (IPPROTO_PIM, "pim"),
    (IPPROTO_VRRP, "vrrp"),
];

/// Returns whether a set has numbers, and only these.
fn is_only(numbers: &Numbers, allowed: &[u32]) -> bool {
    numbers.as_ref().is_some_and(|set| !set.is_empty() && set.iter().all(|number| allowed.contains(number)))
}

/// The protocols whose header begins with two ports.
const PORT_PROTOCOLS: [u32; 5] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE];

/// Adds the numbers of another set.
fn unite(numbers: &mut Numbers, others: &Numbers) {
    match (&mut *numbers, others) {
        (Some(set), Some(others)) => {
            let is_new: Vec<u32> = others.iter().copied().filter(|other| !set.contains(other)).collect();
            set.extend(is_new);
            set.sort_unstable();
            if set.len() > MOST_NUMBERS {
                *numbers = None;
            }
        }
        _ => *numbers = None,
    }
}

/// Restricts a set to one number, or to the others.
fn restrict(numbers: &mut Numbers, number: u32, is_equal: bool) {
    if is_equal {
        *numbers = Some(vec![number]);
    } else if let Some(set) = numbers {
        set.retain(|&other| other != number);
    }
}

/// Returns the EtherType for the number of a payload in this family of link types.
pub(super) fn ether_type(family: LinkFamily, number: u32) -> u32 {
    match family {
        LinkFamily::Ppp | LinkFamily::PppBsdos => match number {
            PPP_IPV4 => ETHERTYPE_IPV4,
            PPP_IPV6 => ETHERTYPE_IPV6,
            other => other,
        },
        LinkFamily::Loopback | LinkFamily::NetworkLoopback => match number {
            _ if is_family(number, AF_INET) => ETHERTYPE_IPV4,
            _ if AF_INET6.iter().any(|&ipv6| is_family(number, ipv6)) => ETHERTYPE_IPV6,
            other => other,
        },
        LinkFamily::Arcnet => match number {
            ARCNET_IPV4 => ETHERTYPE_IPV4,
            ARCNET_IPV6 => ETHERTYPE_IPV6,
            ARCNET_ARP => ETHERTYPE_ARP,
            ARCNET_RARP => ETHERTYPE_RARP,
            other => other,
        },
        _ => number,
    }
}

/// Returns whether a number is an address family in either byte order.
fn is_family(number: u32, family: u32) -> bool {
    number == family || number.swap_bytes() == family
}
