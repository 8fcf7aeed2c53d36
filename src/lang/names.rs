//! Names of numbers: services, IP protocols, and values of fields, the same on every machine; symbols of operators.
//!
//! Services and IP protocols are those of IANA that are common on systems, one a line of a data file.

use crate::lang::tree::{ByteTest, Relation};
use crate::packet::protocols;

/// A table of names; the first name of a value is the one that is printed.
pub(super) type Names<T> = [(&'static str, T)];

/// Returns the value of a name in a table, ignoring case.
pub(super) fn find<T: Copy>(table: &Names<T>, name: &str) -> Option<T> {
    table.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
}

/// Returns the first name of a value in a table.
pub(super) fn name_of<T: PartialEq>(table: &Names<T>, value: T) -> Option<&'static str> {
    table.iter().find(|(_, other)| *other == value).map(|&(name, _)| name)
}

/// A service a line: its name, its port, and its transport protocols.
static SERVICES: &str = include_str!("services.txt");

/// An IP protocol a line: its number and its names.
static PROTOCOLS: &str = include_str!("protocols.txt");

/// Returns the ports of a service with TCP and with UDP.
pub(super) fn service(name: &str) -> (Option<u16>, Option<u16>) {
    let lines = SERVICES.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let (mut tcp, mut udp) = (None, None);
    for (port, transports) in lines.filter_map(|line| line.split_once(' ')) {
        let port = port.parse().ok();
        for transport in transports.split(' ') {
            match transport {
                "tcp" => tcp = tcp.or(port),
                "udp" => udp = udp.or(port),
                _ => {}
            }
        }
    }
    (tcp, udp)
}

/// Returns the number of an IP protocol.
pub(super) fn ip_protocol(name: &str) -> Option<u32> {
    let line = PROTOCOLS.lines().find(|line| line.split(' ').skip(1).any(|other| other.eq_ignore_ascii_case(name)))?;
    line.split(' ').next()?.parse().ok()
}

/// Returns the ports of all services with their names, in the order of the names.
pub(super) fn service_ports() -> impl Iterator<Item = (u16, &'static str)> {
    SERVICES.lines().filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        Some((rest.split(' ').next()?.parse().ok()?, name))
    })
}

/// Returns the first name of an IP protocol.
pub(super) fn ip_protocol_name(number: u32) -> Option<&'static str> {
    let is_number = |text: &str| text.parse() == Ok(number);
    PROTOCOLS
        .lines()
        .map(|line| line.split(' '))
        .find_map(|mut words| words.next().filter(|text| is_number(text)).and(words.next()))
}

/// Returns the names of all services.
pub(super) fn services() -> impl Iterator<Item = &'static str> {
    SERVICES.lines().filter_map(|line| line.split(' ').next())
}

/// Returns the names of all IP protocols.
pub(super) fn ip_protocols() -> impl Iterator<Item = &'static str> {
    PROTOCOLS.lines().flat_map(|line| line.split(' ').skip(1))
}

/// Payloads of the link layer: EtherTypes, and LLC service access points (below 1,501).
pub(super) static LINK_PROTOCOLS: [(&str, u32); 18] = [
    ("aarp", protocols::ETHERTYPE_AARP),
    ("arp", protocols::ETHERTYPE_ARP),
    ("atalk", protocols::ETHERTYPE_APPLETALK),
    ("decnet", protocols::ETHERTYPE_DECNET),
    ("ip", protocols::ETHERTYPE_IPV4),
    ("ip6", protocols::ETHERTYPE_IPV6),
    ("lat", protocols::ETHERTYPE_LAT),
    ("lldp", protocols::ETHERTYPE_LLDP),
    ("loopback", protocols::ETHERTYPE_LOOPBACK),
    ("mopdl", protocols::ETHERTYPE_MOP_DUMP_LOAD),
    ("moprc", protocols::ETHERTYPE_MOP_REMOTE_CONSOLE),
    ("rarp", protocols::ETHERTYPE_RARP),
    ("sca", protocols::ETHERTYPE_SCA),
    ("slow", protocols::ETHERTYPE_SLOW),
    ("iso", protocols::SAP_OSI),
    ("stp", protocols::SAP_STP),
    ("ipx", protocols::SAP_IPX),
    ("netbeui", protocols::SAP_NETBEUI),
];

/// Network layer protocols of OSI.
pub(super) static ISO_PROTOCOLS: [(&str, u32); 3] =
    [("clnp", protocols::OSI_CLNP), ("esis", protocols::OSI_ESIS), ("isis", protocols::OSI_ISIS)];

/// Actions of pf; systems disagree on those from 11 on.
pub(super) static PF_ACTIONS: [(&str, u32); 22] = [
    ("pass", 0),
    ("accept", 0),
    ("drop", 1),
    ("block", 1),
    ("scrub", 2),
    ("noscrub", 3),
    ("nat", 4),
    ("nonat", 5),
    ("binat", 6),
    ("nobinat", 7),
    ("rdr", 8),
    ("nordr", 9),
    ("synproxy-drop", 10),
    ("defer", 11),
    ("dummynet", 11),
    ("match", 12),
    ("nodummynet", 12),
    ("divert", 13),
    ("nat64", 13),
    ("rt", 14),
    ("nonat64", 14),
    ("afrt", 15),
];

/// Reasons of pf; systems disagree on those from 15 on.
pub(super) static PF_REASONS: [(&str, u32); 20] = [
    ("match", 0),
    ("bad-offset", 1),
    ("fragment", 2),
    ("short", 3),
    ("normalize", 4),
    ("memory", 5),
    ("bad-timestamp", 6),
    ("congestion", 7),
    ("ip-option", 8),
    ("proto-cksum", 9),
    ("state-mismatch", 10),
    ("state-insert", 11),
    ("state-limit", 12),
    ("src-limit", 13),
    ("synproxy", 14),
    ("map-failed", 15),
    ("state-locked", 15),
    ("translate", 15),
    ("dummynet", 15),
    ("no-route", 16),
];

pub(super) static WLAN_TYPES: [(&str, u32); 5] =
    [("mgt", 0), ("management", 0), ("ctl", 4), ("control", 4), ("data", 8)];

pub(super) static WLAN_DIRECTIONS: [(&str, u32); 4] = [("nods", 0), ("tods", 1), ("fromds", 2), ("dstods", 3)];

static WLAN_MANAGEMENT: [(&str, u32); 20] = [
    ("assoc-req", 0x00),
    ("assocreq", 0x00),
    ("assoc-resp", 0x10),
    ("assocresp", 0x10),
    ("reassoc-req", 0x20),
    ("reassocreq", 0x20),
    ("reassoc-resp", 0x30),
    ("reassocresp", 0x30),
    ("probe-req", 0x40),
    ("probereq", 0x40),
    ("probe-resp", 0x50),
    ("proberesp", 0x50),
    ("beacon", 0x80),
    ("atim", 0x90),
    ("disassoc", 0xa0),
    ("disassociation", 0xa0),
    ("auth", 0xb0),
    ("authentication", 0xb0),
    ("deauth", 0xc0),
    ("deauthentication", 0xc0),
];

static WLAN_CONTROL: [(&str, u32); 8] = [
    ("bar", 0x80),
    ("ba", 0x90),
    ("ps-poll", 0xa0),
    ("rts", 0xb0),
    ("cts", 0xc0),
    ("ack", 0xd0),
    ("cf-end", 0xe0),
    ("cf-end-ack", 0xf0),
];

static WLAN_DATA: [(&str, u32); 15] = [
    ("data", 0x00),
    ("data-cf-ack", 0x10),
    ("data-cf-poll", 0x20),
    ("data-cf-ack-poll", 0x30),
    ("null", 0x40),
    ("cf-ack", 0x50),
    ("cf-poll", 0x60),
    ("cf-ack-poll", 0x70),
    ("qos-data", 0x80),
    ("qos-data-cf-ack", 0x90),
    ("qos-data-cf-poll", 0xa0),
    ("qos-data-cf-ack-poll", 0xb0),
    ("qos", 0xc0),
    ("qos-cf-poll", 0xe0),
    ("qos-cf-ack-poll", 0xf0),
];

/// Returns the subtypes of an 802.11 type.
pub(super) fn wlan_subtypes(kind: u32) -> &'static Names<u32> {
    match kind {
        0 => &WLAN_MANAGEMENT,
        4 => &WLAN_CONTROL,
        8 => &WLAN_DATA,
        _ => &[],
    }
}

/// Control fields of supervisory LLC frames.
pub(super) static LLC_SUPERVISORY: [(&str, u32); 3] = [("rr", 0x01), ("rnr", 0x05), ("rej", 0x09)];

/// Control fields of unnumbered LLC frames.
pub(super) static LLC_UNNUMBERED: [(&str, u32); 8] = [
    ("ui", 0x03),
    ("ua", 0x63),
    ("disc", 0x43),
    ("dm", 0x0f),
    ("sabme", 0x6f),
    ("test", 0xe3),
    ("xid", 0xaf),
    ("frmr", 0x87),
];

static BATADV_14: [(&str, u32); 10] = [
    ("iv-ogm", 1),
    ("icmp", 2),
    ("unicast", 3),
    ("bcast", 4),
    ("vis", 5),
    ("unicast-frag", 6),
    ("tt-query", 7),
    ("roam-adv", 8),
    ("unicast-4addr", 9),
    ("coded", 10),
];

static BATADV_15: [(&str, u32); 11] = [
    ("iv-ogm", 0x00),
    ("bcast", 0x01),
    ("coded", 0x02),
    ("elp", 0x03),
    ("ogm2", 0x04),
    ("mcast", 0x05),
    ("unicast", 0x40),
    ("unicast-frag", 0x41),
    ("unicast-4addr", 0x42),
    ("icmp", 0x43),
    ("unicast-tvlv", 0x44),
];

/// Returns the packet types of a version of batman-adv.
pub(super) fn batadv_packets(version: u32) -> &'static Names<u32> {
    match version {
        14 => &BATADV_14,
        15 => &BATADV_15,
        _ => &[],
    }
}

pub(super) static RELATIONS: [(&str, Relation); 6] = [
    ("=", Relation::Equal),
    ("!=", Relation::NotEqual),
    (">", Relation::Greater),
    (">=", Relation::GreaterOrEqual),
    ("<", Relation::Less),
    ("<=", Relation::LessOrEqual),
];

/// The operators of `byte`.
pub(super) static BYTE_TESTS: [(&str, ByteTest); 5] = [
    ("=", ByteTest::Equal),
    ("<", ByteTest::Less),
    (">", ByteTest::Greater),
    ("&", ByteTest::And),
    ("|", ByteTest::Or),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_services_and_protocols() {
        assert_eq!(service("domain"), (Some(53), Some(53)));
        assert_eq!(service("smtp"), (Some(25), None));
        assert_eq!(service("tftp"), (None, Some(69)));
        assert_eq!(service("smt"), (None, None));
        assert_eq!(ip_protocol("tcp"), Some(6));
        assert_eq!(ip_protocol("IPv6-ICMP"), Some(58));
        assert_eq!(ip_protocol("6"), None);
        assert!(SERVICES.lines().all(|line| line.split(' ').count() >= 3));
        assert!(PROTOCOLS.lines().all(|line| line.split(' ').count() >= 2));
    }
}
