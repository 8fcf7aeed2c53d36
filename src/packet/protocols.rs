//! The numbers of protocols, and the offsets of header fields: the only table of them in the crate.
//!
//! Sources: IANA for EtherTypes, IP protocols, PPP and ports; `include/uapi/linux/if_ether.h` and `in.h` of Linux, and
//! `llc.h`, `arcnet.h` and `sll.h` of libpcap for the others.

/// Numbers that Linux has in place of an EtherType: a frame of NetWare without LLC, and one with LLC (`ETH_P_802_2`).
pub(crate) const ETH_P_802_3: u32 = 1;
pub(crate) const ETH_P_802_2: u32 = 4;

pub(crate) const ETHERTYPE_NS: u32 = 0x0600;
pub(crate) const ETHERTYPE_IPV4: u32 = 0x0800;
pub(crate) const ETHERTYPE_ARP: u32 = 0x0806;
pub(crate) const ETHERTYPE_BATADV: u32 = 0x4305;
pub(crate) const ETHERTYPE_MOP_DUMP_LOAD: u32 = 0x6001;
pub(crate) const ETHERTYPE_MOP_REMOTE_CONSOLE: u32 = 0x6002;
pub(crate) const ETHERTYPE_DECNET: u32 = 0x6003;
pub(crate) const ETHERTYPE_LAT: u32 = 0x6004;
pub(crate) const ETHERTYPE_SCA: u32 = 0x6007;
/// Ethernet in a tunnel.
pub(crate) const ETHERTYPE_TRANSPARENT_BRIDGING: u32 = 0x6558;
pub(crate) const ETHERTYPE_RARP: u32 = 0x8035;
pub(crate) const ETHERTYPE_APPLETALK: u32 = 0x809b;
pub(crate) const ETHERTYPE_AARP: u32 = 0x80f3;
pub(crate) const ETHERTYPE_VLAN: u32 = 0x8100;
pub(crate) const ETHERTYPE_IPX: u32 = 0x8137;
pub(crate) const ETHERTYPE_IPV6: u32 = 0x86dd;
pub(crate) const ETHERTYPE_SLOW: u32 = 0x8809;
/// PPP in GRE.
pub(crate) const ETHERTYPE_PPP: u32 = 0x880b;
pub(crate) const ETHERTYPE_MPLS: u32 = 0x8847;
pub(crate) const ETHERTYPE_MPLS_MULTICAST: u32 = 0x8848;
pub(crate) const ETHERTYPE_PPPOE_DISCOVERY: u32 = 0x8863;
pub(crate) const ETHERTYPE_PPPOE_SESSION: u32 = 0x8864;
pub(crate) const ETHERTYPE_EAPOL: u32 = 0x888e;
pub(crate) const ETHERTYPE_QINQ: u32 = 0x88a8;
pub(crate) const ETHERTYPE_TIPC: u32 = 0x88ca;
pub(crate) const ETHERTYPE_LLDP: u32 = 0x88cc;
pub(crate) const ETHERTYPE_PTP: u32 = 0x88f7;
pub(crate) const ETHERTYPE_PRP: u32 = 0x88fb;
pub(crate) const ETHERTYPE_CFM: u32 = 0x8902;
pub(crate) const ETHERTYPE_FCOE: u32 = 0x8906;
pub(crate) const ETHERTYPE_HSR: u32 = 0x892f;
pub(crate) const ETHERTYPE_LOOPBACK: u32 = 0x9000;
/// Service tags before IEEE 802.1ad.
pub(crate) const ETHERTYPE_QINQ_OLD: u32 = 0x9100;

/// The largest length in an 802.3 header; larger numbers are EtherTypes.
pub(crate) const MAX_802_3_LENGTH: u32 = 1500;

/// LLC service access points.
pub(crate) const SAP_IP: u32 = 0x06;
pub(crate) const SAP_STP: u32 = 0x42;
pub(crate) const SAP_IPX: u32 = 0xe0;
pub(crate) const SAP_NETBEUI: u32 = 0xf0;
pub(crate) const SAP_OSI: u32 = 0xfe;

/// OSI network-layer protocols.
pub(crate) const OSI_CLNP: u32 = 0x81;
pub(crate) const OSI_ESIS: u32 = 0x82;
pub(crate) const OSI_ISIS: u32 = 0x83;

/// Frame Relay: an unnumbered frame, before the network-layer protocol in the second byte.
pub(crate) const UNNUMBERED_NLPID: u32 = 0x0300;
pub(crate) const NLPID_IPV6: u32 = 0x8e;
pub(crate) const NLPID_IPV4: u32 = 0xcc;

pub(crate) const IPPROTO_HOPOPTS: u32 = 0;
pub(crate) const IPPROTO_ICMP: u32 = 1;
pub(crate) const IPPROTO_IGMP: u32 = 2;
pub(crate) const IPPROTO_IPV4: u32 = 4;
pub(crate) const IPPROTO_TCP: u32 = 6;
pub(crate) const IPPROTO_IGRP: u32 = 9;
pub(crate) const IPPROTO_UDP: u32 = 17;
pub(crate) const IPPROTO_DCCP: u32 = 33;
pub(crate) const IPPROTO_IPV6: u32 = 41;
pub(crate) const IPPROTO_ROUTING: u32 = 43;
pub(crate) const IPPROTO_FRAGMENT: u32 = 44;
pub(crate) const IPPROTO_GRE: u32 = 47;
pub(crate) const IPPROTO_ESP: u32 = 50;
pub(crate) const IPPROTO_AH: u32 = 51;
pub(crate) const IPPROTO_ICMPV6: u32 = 58;
pub(crate) const IPPROTO_NONE: u32 = 59;
pub(crate) const IPPROTO_DSTOPTS: u32 = 60;
pub(crate) const IPPROTO_PIM: u32 = 103;
pub(crate) const IPPROTO_VRRP: u32 = 112;
pub(crate) const IPPROTO_SCTP: u32 = 132;
pub(crate) const IPPROTO_UDPLITE: u32 = 136;
pub(crate) const IPPROTO_MPLS: u32 = 137;

pub(crate) const PORT_VXLAN: u32 = 4789;
pub(crate) const PORT_GENEVE: u32 = 6081;

pub(crate) const PPP_IPV4: u32 = 0x0021;
pub(crate) const PPP_OSI: u32 = 0x0023;
pub(crate) const PPP_NS: u32 = 0x0025;
pub(crate) const PPP_DECNET: u32 = 0x0027;
pub(crate) const PPP_APPLETALK: u32 = 0x0029;
pub(crate) const PPP_IPX: u32 = 0x002b;
/// Van Jacobson compressed and uncompressed TCP/IP.
pub(crate) const PPP_VJ_COMPRESSED: u32 = 0x002d;
pub(crate) const PPP_VJ_UNCOMPRESSED: u32 = 0x002f;
pub(crate) const PPP_STP: u32 = 0x0031;
pub(crate) const PPP_IPV6: u32 = 0x0057;
pub(crate) const PPP_MPLS: u32 = 0x0281;
pub(crate) const PPP_MPLS_MULTICAST: u32 = 0x0283;

/// ARCNET system codes.
pub(crate) const ARCNET_IPV6: u32 = 0xc4;
pub(crate) const ARCNET_IPV4: u32 = 0xd4;
pub(crate) const ARCNET_ARP: u32 = 0xd5;
pub(crate) const ARCNET_RARP: u32 = 0xd6;
pub(crate) const ARCNET_APPLETALK: u32 = 0xdd;

/// Address families: IPv4 everywhere; IPv6 on macOS, OpenBSD and NetBSD, FreeBSD; both in Solaris ipnet headers.
pub(crate) const AF_INET: u32 = 2;
pub(crate) const AF_INET6: [u32; 3] = [30, 24, 28];
pub(crate) const IPNET_IPV6: u32 = 26;

/// Offsets of fields in an IPv4 header.
pub(crate) const IPV4_FRAGMENT: u32 = 6;
pub(crate) const IPV4_PROTOCOL: u32 = 9;
pub(crate) const IPV4_SOURCE: u32 = 12;
pub(crate) const IPV4_DESTINATION: u32 = 16;
/// The bits of [`IPV4_FRAGMENT`] that are 0 in the first fragment.
pub(crate) const FRAGMENT_OFFSET: u32 = 0x1fff;

/// Offsets of fields in an IPv6 header, and its length.
pub(crate) const IPV6_NEXT_HEADER: u32 = 6;
pub(crate) const IPV6_SOURCE: u32 = 8;
pub(crate) const IPV6_DESTINATION: u32 = 24;
pub(crate) const IPV6_LENGTH: u32 = 40;

/// The length of a UDP header.
pub(crate) const UDP_LENGTH: u32 = 8;
