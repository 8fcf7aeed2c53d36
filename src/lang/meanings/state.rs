//! What is known before an instruction: the contents of registers, and the headers of the packet.

use alloc::vec::Vec;

use crate::bpf::verify::SCRATCH_WORDS;
use crate::lang::link_layout::{LinkFamily, LinkLayout};
use crate::lang::meanings::fields::{FIELDS, Field, Header, IP_PROTOCOL, IP_VERSION, NEXT_HEADER, Notation, link};
use crate::packet::ancillary::Extension;
use crate::packet::protocols::*;

/// The most numbers of a set that are kept apart.
const MOST_NUMBERS: usize = 8;

/// A set of numbers: `None` is the set of all.
pub(super) type Numbers = Option<Vec<u32>>;

/// The content of a register or a scratch word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Unknown,
    Constant(u32),
    WireLen,
    Ancillary(Extension),
    Bytes(Bytes),
    /// The length of the IPv4 header at this offset.
    HeaderLength(u32),
    /// One of two fields of the same kind, depending on the path.
    Fields(Fields),
}

/// One or two whole fields of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) names: [&'static str; 2],
    len: u32,
    notation: Notation,
}

impl Fields {
    /// Returns the fields as one, with the first name.
    pub(super) fn part(&self) -> Part {
        let mask = width_mask(self.len);
        let field = link(self.len, self.names[0], self.notation);
        Part { field, first: 0, len: self.len, mask, field_mask: mask, below: 0 }
    }

    /// Returns the fields that are one of these or of others, if there are no more than two.
    fn or(self, other: Fields) -> Option<Fields> {
        if (self.len, self.notation) != (other.len, other.notation) {
            return None;
        }
        let mut names: Vec<&'static str> = [self.names, other.names].concat();
        names.sort_unstable();
        names.dedup();
        match names[..] {
            [name] => Some(Fields { names: [name; 2], ..self }),
            [one, two] => Some(Fields { names: [one, two], ..self }),
            _ => None,
        }
    }
}

/// A number made of bytes of the packet: `(bytes & mask) >> shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    /// The start of the IPv4 header after which the offset counts; without one it counts from the start of the packet.
    pub(super) after: Option<u32>,
    pub(super) offset: u32,
    pub(super) len: u32,
    pub(super) mask: u32,
    pub(super) shift: u32,
}

/// The part of a field that a number covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) field: Field,
    /// The first byte of the field that was loaded, and the number of bytes.
    pub(super) first: u32,
    pub(super) len: u32,
    /// The bits of these bytes that belong to the field and are part of the number.
    pub(super) mask: u32,
    /// The bits of these bytes that belong to the field.
    pub(super) field_mask: u32,
    /// The number of bits of the load after these bytes.
    pub(super) below: u32,
}

impl Part {
    /// Returns whether the number has all bits of the field.
    pub(super) fn is_whole(&self) -> bool {
        self.len == self.field.len && self.mask == self.field_mask
    }

    /// Returns the value of the field's bits in a number of the load.
    pub(super) fn value(&self, number: u32) -> u32 {
        (number >> self.below & self.mask) >> self.field_mask.trailing_zeros().min(31)
    }
}

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
}

/// What is known before an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) a: Content,
    pub(super) x: Content,
    pub(super) scratch: [Content; SCRATCH_WORDS],
    layout: LinkLayout,
    link: Option<Link>,
    /// The IP protocols that are possible.
    protocols: Numbers,
}

impl State {
    /// Returns the state at the start of a program.
    pub(super) fn new(layout: LinkLayout) -> State {
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
        let network = layout.payload.filter(|_| is_known).map(|payload| payload + layout.network);
        let link = network.map(|network| Link { protocol_field, is_tagged: false, network, ether_types });
        let zero = Content::Constant(0);
        State { a: zero, x: zero, scratch: [zero; SCRATCH_WORDS], layout, link, protocols: None }
    }

    /// Returns the offset of the network header.
    pub(super) fn network(&self) -> Option<u32> {
        self.link.as_ref().map(|link| link.network)
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
        unite(&mut self.protocols, &other.protocols);
        match (&mut self.link, &other.link) {
            (Some(one), Some(other)) if one.network == other.network && one.protocol_field == other.protocol_field => {
                unite(&mut one.ether_types, &other.ether_types);
            }
            (link, _) => *link = None,
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
        for part in parts.iter().filter(|part| part.is_whole()) {
            let value = part.value(number);
            match (part.field.name, part.field.notation) {
                (IP_PROTOCOL | NEXT_HEADER, _) => restrict(&mut self.protocols, value, is_equal),
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

    fn learn_ether_type(&mut self, ether_type: u32, is_equal: bool) {
        let Some(link) = &mut self.link else { return };
        let is_tag = matches!(ether_type, ETHERTYPE_VLAN | ETHERTYPE_QINQ | ETHERTYPE_QINQ_OLD);
        match link.protocol_field {
            Some(field) if is_tag && is_equal => {
                let network = link.network + 4;
                *link = Link { protocol_field: Some(field + 4), is_tagged: true, network, ether_types: None };
                self.protocols = None;
            }
            _ => restrict(&mut link.ether_types, ether_type, is_equal),
        }
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
    fn each_field(&self, after: Option<u32>, mut visit: impl FnMut(u32, Field)) {
        let Some(link_layer) = &self.link else { return };
        let is_only = |numbers: &Numbers, allowed: &[u32]| {
            let is_allowed = |numbers: &&Vec<u32>| numbers.iter().all(|number| allowed.contains(number));
            numbers.as_ref().filter(is_allowed).is_some_and(|numbers| !numbers.is_empty())
        };
        let is_ether_type = |allowed: &[u32]| is_only(&link_layer.ether_types, allowed);
        let (is_ipv4, is_ipv6) = (is_ether_type(&[ETHERTYPE_IPV4]), is_ether_type(&[ETHERTYPE_IPV6]));
        let network = link_layer.network;
        let transport = match after {
            Some(header) => (is_ipv4 && header == network).then_some(0),
            None => is_ipv6.then_some(network + IPV6_LENGTH),
        };
        let is_protocol = |allowed: &[u32]| is_only(&self.protocols, allowed);
        let tag = link_layer.protocol_field.filter(|_| link_layer.is_tagged).and_then(|field| field.checked_sub(2));
        let start = |header| match header {
            Header::Ports if is_protocol(&PORT_PROTOCOLS) => transport,
            Header::Tcp if is_protocol(&[IPPROTO_TCP]) => transport,
            Header::Udp if is_protocol(&[IPPROTO_UDP]) => transport,
            Header::Icmp if is_protocol(&[IPPROTO_ICMP]) => transport,
            Header::Icmp6 if is_protocol(&[IPPROTO_ICMPV6]) => transport,
            _ if after.is_some() => None,
            Header::Ipv4 => is_ipv4.then_some(network),
            Header::Ipv6 => is_ipv6.then_some(network),
            Header::IpVersion => (self.layout.family == LinkFamily::Raw && !is_ipv4 && !is_ipv6).then_some(network),
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

/// The protocols whose header begins with two ports.
const PORT_PROTOCOLS: [u32; 5] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE];

/// Returns the part of a field at an offset that a load covers.
fn part(bytes: &Bytes, start: u32, field: Field) -> Option<Part> {
    let end = bytes.offset.checked_add(bytes.len)?.min(start.checked_add(field.len)?);
    let first = bytes.offset.max(start);
    let len = end.checked_sub(first).filter(|&len| len > 0)?;
    let below = 8 * (bytes.offset + bytes.len - end);
    let after = 8 * (start + field.len - end);
    let field_mask = if after < 32 { field.mask >> after } else { u32::MAX } & width_mask(len);
    let mask = bytes.mask >> below & field_mask;
    (mask != 0).then_some(Part { field, first: first - start, len, mask, field_mask, below })
}

/// Returns the bits of a number of 1 to 4 bytes.
pub(super) fn width_mask(bytes: u32) -> u32 {
    u32::MAX >> (32 - 8 * bytes.clamp(1, 4))
}

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
