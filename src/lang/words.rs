//! The meanings of the keywords.

use crate::lang::tree::{Direction, Kind};

/// The meaning of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Protocol(Protocol),
    /// `src`, `dst`, and the addresses of 802.11.
    Direction(Direction),
    /// `host`, `net`, `port`, `portrange`, `proto`, `protochain` or `gateway`.
    Kind(Kind),
    Mask,
    And,
    Or,
    Not,
    Length,
    Less,
    Greater,
    Byte,
    Broadcast,
    Multicast,
    Inbound,
    Outbound,
    InterfaceIndex,
    Vlan,
    Mpls,
    PppoeDiscovery,
    PppoeSession,
    Geneve,
    Vxlan,
    Batadv,
    PfInterfaceName,
    PfRuleSet,
    PfRuleNumber,
    PfSubruleNumber,
    PfReason,
    PfAction,
    WlanType,
    WlanSubtype,
    WlanDirection,
    Llc,
    Atm(AtmName),
    AtmField(AtmField),
    Mtp2(Mtp2),
    Mtp3Field(Mtp3Field),
    /// A name for a number: `tcp-syn`.
    Number(u32),
}

/// A protocol qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    /// The link layer: `ether`, `link`, `wlan`, ...
    Link,
    Ip,
    Ip6,
    Arp,
    Rarp,
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmp6,
    Igmp,
    Igrp,
    Pim,
    Vrrp,
    Carp,
    Ah,
    Esp,
    Atalk,
    Aarp,
    Decnet,
    Lat,
    Sca,
    Moprc,
    Mopdl,
    Iso,
    Esis,
    Isis,
    IsisL1,
    IsisL2,
    IsisIih,
    IsisLsp,
    IsisSnp,
    IsisCsnp,
    IsisPsnp,
    Clnp,
    Stp,
    Ipx,
    Netbeui,
    Radio,
}

/// A virtual circuit or kind of message of ATM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AtmName {
    Lane,
    MetaSignalling,
    Broadcast,
    OamF4Segment,
    OamF4EndToEnd,
    Signalling,
    Ilmi,
    Oam,
    OamF4,
    Connect,
    MetaConnect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AtmField {
    Vpi,
    Vci,
}

/// A kind of MTP2 signal unit, on a low-speed or high-speed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mtp2 {
    Fisu,
    Lssu,
    Msu,
    HighSpeedFisu,
    HighSpeedLssu,
    HighSpeedMsu,
}

/// A field of MTP3, on a low-speed or high-speed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mtp3Field {
    pub(super) name: Mtp3Name,
    pub(super) is_high_speed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mtp3Name {
    Sio,
    Opc,
    Dpc,
    Sls,
}
