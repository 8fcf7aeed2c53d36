//! The protocol numbers that generated programs compare with.
//!
//! Sources: IANA for EtherTypes, IP protocols, PPP and ports; libpcap's `llc.h`, `arcnet.h` and `sll.h` for the others.

pub(super) const ETHERTYPE_NS: u32 = 0x0600;
pub(super) const ETHERTYPE_IPV4: u32 = 0x0800;
pub(super) const ETHERTYPE_ARP: u32 = 0x0806;
pub(super) const ETHERTYPE_BATADV: u32 = 0x4305;
pub(super) const ETHERTYPE_MOP_DUMP_LOAD: u32 = 0x6001;
pub(super) const ETHERTYPE_MOP_REMOTE_CONSOLE: u32 = 0x6002;
pub(super) const ETHERTYPE_DECNET: u32 = 0x6003;
pub(super) const ETHERTYPE_LAT: u32 = 0x6004;
pub(super) const ETHERTYPE_SCA: u32 = 0x6007;
/// Ethernet in a tunnel.
pub(super) const ETHERTYPE_TRANSPARENT_BRIDGING: u32 = 0x6558;
pub(super) const ETHERTYPE_RARP: u32 = 0x8035;
pub(super) const ETHERTYPE_APPLETALK: u32 = 0x809b;
pub(super) const ETHERTYPE_AARP: u32 = 0x80f3;
pub(super) const ETHERTYPE_VLAN: u32 = 0x8100;
pub(super) const ETHERTYPE_IPX: u32 = 0x8137;
pub(super) const ETHERTYPE_IPV6: u32 = 0x86dd;
pub(super) const ETHERTYPE_MPLS: u32 = 0x8847;
pub(super) const ETHERTYPE_PPPOE_DISCOVERY: u32 = 0x8863;
pub(super) const ETHERTYPE_PPPOE_SESSION: u32 = 0x8864;
pub(super) const ETHERTYPE_QINQ: u32 = 0x88a8;
/// Service tags before IEEE 802.1ad.
pub(super) const ETHERTYPE_QINQ_OLD: u32 = 0x9100;

/// The largest length in an 802.3 header; larger numbers are EtherTypes.
pub(super) const MAX_802_3_LENGTH: u32 = 1500;

/// LLC service access points.
pub(super) const SAP_IP: u32 = 0x06;
pub(super) const SAP_STP: u32 = 0x42;
pub(super) const SAP_IPX: u32 = 0xe0;
pub(super) const SAP_NETBEUI: u32 = 0xf0;
pub(super) const SAP_OSI: u32 = 0xfe;

/// OSI network-layer protocols.
pub(super) const OSI_CLNP: u32 = 0x81;
pub(super) const OSI_ESIS: u32 = 0x82;
pub(super) const OSI_ISIS: u32 = 0x83;

/// Frame Relay: an unnumbered frame, before the network-layer protocol in the second byte.
pub(super) const UNNUMBERED_NLPID: u32 = 0x0300;
pub(super) const NLPID_IPV6: u32 = 0x8e;
pub(super) const NLPID_IPV4: u32 = 0xcc;

pub(super) const IPPROTO_HOPOPTS: u32 = 0;
pub(super) const IPPROTO_ICMP: u32 = 1;
pub(super) const IPPROTO_IGMP: u32 = 2;
pub(super) const IPPROTO_TCP: u32 = 6;
pub(super) const IPPROTO_IGRP: u32 = 9;
pub(super) const IPPROTO_UDP: u32 = 17;
pub(super) const IPPROTO_ROUTING: u32 = 43;
pub(super) const IPPROTO_FRAGMENT: u32 = 44;
pub(super) const IPPROTO_ESP: u32 = 50;
pub(super) const IPPROTO_AH: u32 = 51;
pub(super) const IPPROTO_ICMPV6: u32 = 58;
pub(super) const IPPROTO_NONE: u32 = 59;
pub(super) const IPPROTO_DSTOPTS: u32 = 60;
pub(super) const IPPROTO_PIM: u32 = 103;
pub(super) const IPPROTO_VRRP: u32 = 112;
pub(super) const IPPROTO_SCTP: u32 = 132;

pub(super) const PORT_VXLAN: u32 = 4789;
pub(super) const PORT_GENEVE: u32 = 6081;

pub(super) const PPP_IPV4: u32 = 0x0021;
pub(super) const PPP_OSI: u32 = 0x0023;
pub(super) const PPP_NS: u32 = 0x0025;
pub(super) const PPP_DECNET: u32 = 0x0027;
pub(super) const PPP_APPLETALK: u32 = 0x0029;
pub(super) const PPP_IPX: u32 = 0x002b;
/// Van Jacobson compressed and uncompressed TCP/IP.
pub(super) const PPP_VJ_COMPRESSED: u32 = 0x002d;
pub(super) const PPP_VJ_UNCOMPRESSED: u32 = 0x002f;
pub(super) const PPP_STP: u32 = 0x0031;
pub(super) const PPP_IPV6: u32 = 0x0057;
pub(super) const PPP_MPLS: u32 = 0x0281;

/// ARCNET system codes.
pub(super) const ARCNET_IPV6: u32 = 0xc4;
pub(super) const ARCNET_IPV4: u32 = 0xd4;
pub(super) const ARCNET_ARP: u32 = 0xd5;
pub(super) const ARCNET_RARP: u32 = 0xd6;
pub(super) const ARCNET_APPLETALK: u32 = 0xdd;

/// Protocol fields of Linux cooked captures of frames without an EtherType.
pub(super) const COOKED_802_3: u32 = 1;
pub(super) const COOKED_LLC: u32 = 4;

/// Address families: IPv4 everywhere; IPv6 on macOS, OpenBSD and NetBSD, FreeBSD; both in Solaris ipnet headers.
pub(super) const AF_INET: u32 = 2;
pub(super) const AF_INET6: [u32; 3] = [30, 24, 28];
pub(super) const IPNET_IPV6: u32 = 26;

/// Offsets of fields in an IPv4 header.
pub(super) const IPV4_FRAGMENT: u32 = 6;
pub(super) const IPV4_PROTOCOL: u32 = 9;
pub(super) const IPV4_SOURCE: u32 = 12;
pub(super) const IPV4_DESTINATION: u32 = 16;
/// The bits of [`IPV4_FRAGMENT`] that are 0 in the first fragment.
pub(super) const FRAGMENT_OFFSET: u32 = 0x1fff;

/// Offsets of fields in an IPv6 header, and its length.
pub(super) const IPV6_NEXT_HEADER: u32 = 6;
pub(super) const IPV6_SOURCE: u32 = 8;
pub(super) const IPV6_DESTINATION: u32 = 24;
pub(super) const IPV6_LENGTH: u32 = 40;

/// The length of a UDP header.
pub(super) const UDP_LENGTH: u32 = 8;
