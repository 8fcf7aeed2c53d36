//! The table of header fields: where they are, what they are called, and how their numbers are written.

use crate::packet::protocols;

/// A header whose fields have fixed places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The link layer, whose fields have other places in each link type.
    Link,
    Ipv4,
    /// The version in the first byte, if it is not known whether this is IPv4 or IPv6.
    IpVersion,
    Ipv6,
    /// ARP and RARP, for IPv4 over Ethernet.
    Arp,
    /// A tag of IEEE 802.1Q, before the next EtherType.
    VlanTag,
    /// An entry of the label stack of MPLS.
    Mpls,
    /// PPPoE in a session, with the protocol number of PPP.
    Pppoe,
    /// LLC in 802.3 frames.
    Llc,
    /// The network layer of OSI after LLC.
    Osi,
    /// An extension header of IPv6, or the authentication header.
    Extension,
    /// What TCP, UDP, UDP-Lite, SCTP and DCCP have in common.
    Ports,
    Tcp,
    Udp,
    Icmp,
    Icmp6,
}

/// The notation of the numbers in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Decimal,
    Hexadecimal,
    /// The number that names the protocol of the payload of the link layer.
    LinkProtocol,
    IpProtocol,
    /// The protocol number of PPP.
    PppProtocol,
    /// A service access point of LLC.
    ServiceAccessPoint,
    OsiProtocol,
    Ipv4Address,
    /// A part of an IPv6 address.
    Ipv6Address,
    /// A part of a MAC address.
    MacAddress,
    Port,
    /// Bits with the names that begin with this.
    Bits(&'static str),
    /// Numbers with the names that begin with this.
    Named(&'static str),
}

/// A field of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) header: Header,
    /// Bytes from the beginning of the header.
    pub(super) offset: u32,
    /// The length in bytes.
    pub(super) len: u32,
    /// The bits of the field in a number of that length; those of longer fields are all set.
    pub(super) mask: u32,
    pub(super) name: &'static str,
    pub(super) notation: Notation,
}

const ALL: u32 = u32::MAX;

const fn row(header: Header, offset: u32, len: u32, mask: u32, name: &'static str, notation: Notation) -> Field {
    Field { header, offset, len, mask, name, notation }
}

/// The name of the field that holds the IP protocol of an IPv4 packet, and of the same in IPv6.
pub(super) const IP_PROTOCOL: &str = "ip protocol";
pub(super) const NEXT_HEADER: &str = "next header";
/// The name of the version in an IP header.
pub(super) const IP_VERSION: &str = "ip version";
/// The next header in an extension header, and its length in units that depend on its type.
pub(super) const EXTENSION_NEXT: &str = "next header of the extension";
pub(super) const EXTENSION_LENGTH: &str = "length of the extension";
/// The bit of MPLS that ends the label stack, the protocol of PPPoE, and the first field of LLC.
pub(super) const BOTTOM_OF_STACK: &str = "mpls bottom of stack";
pub(super) const PPPOE_PROTOCOL: &str = "ppp protocol";
pub(super) const LLC_DSAP: &str = "llc dsap";

/// All fields; no two of a header share a bit.
#[rustfmt::skip]
pub(super) static FIELDS: [Field; 67] = {
    use Header::*;
    use Notation::*;
    [
        row(IpVersion, 0, 1, 0xf0,   IP_VERSION,             Decimal),

        row(Ipv4,  0, 1, 0xf0,   IP_VERSION,             Decimal),
        row(Ipv4,  0, 1, 0x0f,   "ip header words",      Decimal),
        row(Ipv4,  1, 1, 0xfc,   "dscp",                 Decimal),
        row(Ipv4,  1, 1, 0x03,   "ecn",                  Decimal),
        row(Ipv4,  2, 2, ALL,    "ip length",            Decimal),
        row(Ipv4,  4, 2, ALL,    "ip id",                Hexadecimal),
        row(Ipv4,  protocols::IPV4_FRAGMENT, 2, 0xe000,  "ip flags", Hexadecimal),
        row(Ipv4,  protocols::IPV4_FRAGMENT, 2, protocols::FRAGMENT_OFFSET, "fragment offset", Decimal),
        row(Ipv4,  8, 1, ALL,    "ttl",                  Decimal),
        row(Ipv4,  protocols::IPV4_PROTOCOL, 1, ALL,     IP_PROTOCOL, IpProtocol),
        row(Ipv4, 10, 2, ALL,    "ip checksum",          Hexadecimal),
        row(Ipv4, protocols::IPV4_SOURCE, 4, ALL,        "src", Ipv4Address),
        row(Ipv4, protocols::IPV4_DESTINATION, 4, ALL,   "dst", Ipv4Address),

        row(Ipv6,  0, 4, 0xf000_0000, IP_VERSION,        Decimal),
        row(Ipv6,  0, 4, 0x0ff0_0000, "traffic class",   Hexadecimal),
        row(Ipv6,  0, 4, 0x000f_ffff, "flow label",      Hexadecimal),
        row(Ipv6,  4, 2, ALL,    "payload length",       Decimal),
        row(Ipv6,  protocols::IPV6_NEXT_HEADER, 1, ALL,  NEXT_HEADER, IpProtocol),
        row(Ipv6,  7, 1, ALL,    "hop limit",            Decimal),
        row(Ipv6,  protocols::IPV6_SOURCE, 16, ALL,      "src", Ipv6Address),
        row(Ipv6,  protocols::IPV6_DESTINATION, 16, ALL, "dst", Ipv6Address),

        row(Arp,   0, 2, ALL,    "arp hardware",         Decimal),
        row(Arp,   2, 2, ALL,    "arp protocol",         LinkProtocol),
        row(Arp,   6, 2, ALL,    "arp operation",        Decimal),
        row(Arp,   8, 6, ALL,    "arp sender",           MacAddress),
        row(Arp,  14, 4, ALL,    "arp src",              Ipv4Address),
        row(Arp,  18, 6, ALL,    "arp target",           MacAddress),
        row(Arp,  24, 4, ALL,    "arp dst",              Ipv4Address),

        row(VlanTag, 0, 2, 0xe000, "vlan priority",      Decimal),
        row(VlanTag, 0, 2, 0x1000, "vlan dei",           Decimal),
        row(VlanTag, 0, 2, 0x0fff, "vlan id",            Decimal),

        row(Mpls,  0, 3, 0x00ff_fff0, "mpls label",      Decimal),
        row(Mpls,  2, 1, 0x0e,   "mpls traffic class",   Decimal),
        row(Mpls,  2, 1, 0x01,   BOTTOM_OF_STACK,        Decimal),
        row(Mpls,  3, 1, ALL,    "mpls ttl",             Decimal),

        row(Pppoe, 0, 1, 0xf0,   "pppoe version",        Decimal),
        row(Pppoe, 0, 1, 0x0f,   "pppoe type",           Decimal),
        row(Pppoe, 1, 1, ALL,    "pppoe code",           Hexadecimal),
        row(Pppoe, 2, 2, ALL,    "pppoe session",        Decimal),
        row(Pppoe, 4, 2, ALL,    "pppoe length",         Decimal),
        row(Pppoe, 6, 2, ALL,    PPPOE_PROTOCOL,         PppProtocol),

        row(Llc,   0, 1, ALL,    LLC_DSAP,               ServiceAccessPoint),
        row(Llc,   1, 1, ALL,    "llc ssap",             ServiceAccessPoint),
        row(Llc,   2, 1, ALL,    "llc control",          Hexadecimal),
        row(Osi,   3, 1, ALL,    "osi protocol",         OsiProtocol),

        row(Extension, 0, 1, ALL, EXTENSION_NEXT,        IpProtocol),
        row(Extension, 1, 1, ALL, EXTENSION_LENGTH,      Decimal),

        row(Ports, 0, 2, ALL,    "src port",             Port),
        row(Ports, 2, 2, ALL,    "dst port",             Port),

        row(Tcp,   4, 4, ALL,    "tcp sequence number",  Hexadecimal),
        row(Tcp,   8, 4, ALL,    "tcp acknowledgment",   Hexadecimal),
        row(Tcp,  12, 1, 0xf0,   "tcp header words",     Decimal),
        row(Tcp,  12, 1, 0x0f,   "tcp reserved bits",    Hexadecimal),
        row(Tcp,  13, 1, ALL,    "tcp flags",            Bits("tcp-")),
        row(Tcp,  14, 2, ALL,    "tcp window",           Decimal),
        row(Tcp,  16, 2, ALL,    "tcp checksum",         Hexadecimal),
        row(Tcp,  18, 2, ALL,    "tcp urgent pointer",   Decimal),

        row(Udp,   4, 2, ALL,    "udp length",           Decimal),
        row(Udp,   6, 2, ALL,    "udp checksum",         Hexadecimal),

        row(Icmp,  0, 1, ALL,    "icmp type",            Named("icmp-")),
        row(Icmp,  1, 1, ALL,    "icmp code",            Decimal),
        row(Icmp,  2, 2, ALL,    "icmp checksum",        Hexadecimal),
        row(Icmp,  4, 2, ALL,    "icmp id",              Hexadecimal),
        row(Icmp6, 0, 1, ALL,    "icmp6 type",           Named("icmp6-")),
        row(Icmp6, 1, 1, ALL,    "icmp6 code",           Decimal),
        row(Icmp6, 2, 2, ALL,    "icmp6 checksum",       Hexadecimal),
    ]
};

/// Returns a field of the link layer.
pub(super) const fn link(len: u32, name: &'static str, notation: Notation) -> Field {
    row(Header::Link, 0, len, ALL, name, notation)
}
