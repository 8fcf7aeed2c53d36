//! The numbers of network protocols: the one table for all rooms.

/// EtherTypes, and the numbers that Linux uses as such: `include/uapi/linux/if_ether.h`.
pub(crate) mod ether_type {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const BATMAN: u16 = 0x4305;
    /// An Ethernet frame inside GRE.
    pub(crate) const BRIDGED: u16 = 0x6558;
    pub(crate) const RARP: u16 = 0x8035;
    pub(crate) const VLAN: u16 = 0x8100;
    pub(crate) const IPV6: u16 = 0x86dd;
    /// PPP inside GRE.
    pub(crate) const PPP: u16 = 0x880b;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
    pub(crate) const PPPOE: u16 = 0x8864;
    pub(crate) const EAPOL: u16 = 0x888e;
    pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
    pub(crate) const TIPC: u16 = 0x88ca;
    pub(crate) const LLDP: u16 = 0x88cc;
    pub(crate) const PTP: u16 = 0x88f7;
    pub(crate) const PRP: u16 = 0x88fb;
    pub(crate) const CFM: u16 = 0x8902;
    pub(crate) const FCOE: u16 = 0x8906;
    pub(crate) const HSR: u16 = 0x892f;
}

/// Protocols inside IP: `include/uapi/linux/in.h`.
pub(crate) mod ip_protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IGMP: u8 = 2;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const DCCP: u8 = 33;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ESP: u8 = 50;
    pub(crate) const AH: u8 = 51;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const DESTINATION: u8 = 60;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const UDP_LITE: u8 = 136;
    pub(crate) const MPLS: u8 = 137;
}
