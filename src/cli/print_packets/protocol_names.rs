//! The names of protocols, and of the types and codes of ICMP.
//!
//! - Protocols of IP have the names that `etherparse` takes from IANA. The others are rows here: those that networks
//!   carry without IP.

use cbpf::LinkType;
use etherparse::IpNumber;

use crate::cli::print_packets::headers::{Headers, Network};
use crate::cli::print_packets::text::Text;

#[rustfmt::skip]
const ETHER_TYPES: [(u16, &str); 31] = [
    (0x000c, "CAN"), (0x000d, "CAN-FD"), (0x0800, "IPv4"), (0x0806, "ARP"), (0x0842, "Wake-on-LAN"), (0x22f0, "AVTP"),
    (0x22f3, "TRILL"), (0x6003, "DECnet"), (0x8035, "RARP"), (0x809b, "AppleTalk"), (0x80f3, "AARP"), (0x8100, "VLAN"),
    (0x8137, "IPX"), (0x86dd, "IPv6"), (0x8808, "MAC-control"), (0x8809, "slow-protocols"), (0x8847, "MPLS"),
    (0x8848, "MPLS"), (0x8863, "PPPoE-discovery"), (0x8864, "PPPoE"), (0x888e, "EAPOL"), (0x8892, "PROFINET"),
    (0x88a2, "AoE"), (0x88a4, "EtherCAT"), (0x88cc, "LLDP"), (0x88e1, "HomePlug-AV"), (0x88e5, "MACsec"),
    (0x88f7, "PTP"), (0x8902, "CFM"), (0x8906, "FCoE"), (0x9000, "loopback"),
];

#[rustfmt::skip]
const PPP: [(u16, &str); 10] = [
    (0x0021, "IPv4"), (0x0057, "IPv6"), (0x003d, "MLPPP"), (0x0281, "MPLS"), (0x8021, "IPCP"), (0x8057, "IPV6CP"),
    (0x80fd, "CCP"), (0xc021, "LCP"), (0xc023, "PAP"), (0xc223, "CHAP"),
];

/// Service access points of IEEE 802.2.
const LLC: [(u8, &str); 5] = [(0x42, "STP"), (0xaa, "SNAP"), (0xe0, "IPX"), (0xf0, "NetBIOS"), (0xfe, "OSI")];

#[rustfmt::skip]
const SNAP: [([u8; 3], u16, &str); 6] = [
    ([0, 0, 0x0c], 0x0104, "PAgP"), ([0, 0, 0x0c], 0x010b, "PVST+"), ([0, 0, 0x0c], 0x0111, "UDLD"),
    ([0, 0, 0x0c], 0x2000, "CDP"), ([0, 0, 0x0c], 0x2003, "VTP"), ([0, 0, 0x0c], 0x2004, "DTP"),
];

/// Types of frames of IEEE 802.11, by their first byte.
#[rustfmt::skip]
const WIRELESS: [(u8, &str); 23] = [
    (0x00, "association request"), (0x10, "association response"), (0x20, "reassociation request"),
    (0x30, "reassociation response"), (0x40, "probe request"), (0x50, "probe response"), (0x80, "beacon"),
    (0x90, "ATIM"), (0xa0, "disassociation"), (0xb0, "authentication"), (0xc0, "deauthentication"), (0xd0, "action"),
    (0x84, "block ack request"), (0x94, "block ack"), (0xa4, "PS-poll"), (0xb4, "RTS"), (0xc4, "CTS"), (0xd4, "ack"),
    (0xe4, "CF-end"), (0x08, "data"), (0x48, "null"), (0x88, "QoS data"), (0xc8, "QoS null"),
];

#[rustfmt::skip]
const ICMP_TYPES: [(u8, &str); 15] = [
    (0, "echo reply"), (3, "destination unreachable"), (4, "source quench"), (5, "redirect"), (8, "echo request"),
    (9, "router advertisement"), (10, "router solicitation"), (11, "time exceeded"), (12, "parameter problem"),
    (13, "timestamp request"), (14, "timestamp reply"), (17, "address mask request"), (18, "address mask reply"),
    (42, "extended echo request"), (43, "extended echo reply"),
];

#[rustfmt::skip]
const ICMP_CODES: [(u8, u8, &str); 25] = [
    (3, 0, "network unreachable"), (3, 1, "host unreachable"), (3, 2, "protocol unreachable"),
    (3, 3, "port unreachable"), (3, 4, "fragmentation needed"), (3, 5, "source route failed"),
    (3, 6, "network unknown"), (3, 7, "host unknown"), (3, 8, "host isolated"), (3, 9, "network prohibited"),
    (3, 10, "host prohibited"), (3, 11, "network unreachable for service"), (3, 12, "host unreachable for service"),
    (3, 13, "administratively prohibited"), (3, 14, "precedence violation"), (3, 15, "precedence cutoff"),
    (5, 0, "for network"), (5, 1, "for host"), (5, 2, "for service and network"), (5, 3, "for service and host"),
    (11, 0, "in transit"), (11, 1, "during reassembly"), (12, 0, "at a byte"), (12, 1, "option missing"),
    (12, 2, "bad length"),
];

#[rustfmt::skip]
const ICMPV6_TYPES: [(u8, &str); 25] = [
    (1, "destination unreachable"), (2, "packet too big"), (3, "time exceeded"), (4, "parameter problem"),
    (128, "echo request"), (129, "echo reply"), (130, "multicast listener query"), (131, "multicast listener report"),
    (132, "multicast listener done"), (133, "router solicitation"), (134, "router advertisement"),
    (135, "neighbor solicitation"), (136, "neighbor advertisement"), (137, "redirect"), (138, "router renumbering"),
    (139, "node information query"), (140, "node information reply"), (141, "inverse neighbor solicitation"),
    (142, "inverse neighbor advertisement"), (143, "multicast listener report v2"),
    (144, "home agent discovery request"), (145, "home agent discovery reply"), (155, "RPL control"),
    (160, "extended echo request"), (161, "extended echo reply"),
];

#[rustfmt::skip]
const ICMPV6_CODES: [(u8, u8, &str); 13] = [
    (1, 0, "no route"), (1, 1, "administratively prohibited"), (1, 2, "beyond scope of source"),
    (1, 3, "address unreachable"), (1, 4, "port unreachable"), (1, 5, "source address failed policy"),
    (1, 6, "reject route"), (3, 0, "in transit"), (3, 1, "during reassembly"), (4, 0, "erroneous header"),
    (4, 1, "unknown next header"), (4, 2, "unknown option"), (4, 3, "incomplete header chain"),
];

fn name_of<K: PartialEq + Copy>(table: &[(K, &'static str)], key: K) -> Option<&'static str> {
    table.iter().find(|(row, _)| *row == key).map(|(_, name)| *name)
}

/// Returns the names of a type and a code of ICMP.
pub fn icmp(is_ipv6: bool, kind: u8, code: u8) -> (Option<&'static str>, Option<&'static str>) {
    let (types, codes): (&[_], &[_]) =
        if is_ipv6 { (&ICMPV6_TYPES, &ICMPV6_CODES) } else { (&ICMP_TYPES, &ICMP_CODES) };
    let code = codes.iter().find(|row| (row.0, row.1) == (kind, code)).map(|row| row.2);
    (name_of(types, kind), code)
}

/// Returns the name of a frame of IEEE 802.11 that begins with this byte.
pub fn wireless(control: u8) -> Option<&'static str> {
    name_of(&WIRELESS, control)
}

/// Appends the name of a protocol of IP, or its number.
pub fn ip_protocol(protocol: IpNumber, is_ipv6: bool, text: &mut Text) {
    match protocol {
        IpNumber::TCP => text.str("TCP"),
        IpNumber::UDP => text.str("UDP"),
        IpNumber::IPV6_ICMP if is_ipv6 => text.str("ICMPv6"),
        IpNumber::OSPFIGP => text.str("OSPF"),
        _ => match protocol.keyword_str() {
            Some(name) => one_word(name, text),
            None => text.str("protocol-").decimal(protocol.0),
        },
    };
}

fn one_word<'t>(name: &str, text: &'t mut Text) -> &'t mut Text {
    name.bytes().for_each(|byte| _ = text.byte(if byte == b' ' { b'-' } else { byte }));
    text
}

/// Appends the name of the innermost protocol that was read, a single word.
pub fn protocol(headers: &Headers, link_type: LinkType, text: &mut Text) {
    let named = |name: Option<&str>, number: &[u8], text: &mut Text| {
        match name {
            Some(name) => text.str(name),
            None => text.hex_number(number),
        };
    };
    match &headers.network {
        Network::Ip(ip) => ip_protocol(ip.protocol, ip.source.is_ipv6(), text),
        Network::Arp(_) if headers.ether_type == Some(0x8035) => _ = text.str("RARP"),
        Network::Arp(_) => _ = text.str("ARP"),
        Network::Named(name) => _ = text.str(name),
        Network::EtherType => {
            let ether_type = headers.ether_type.unwrap_or(0);
            named(name_of(&ETHER_TYPES, ether_type), &ether_type.to_be_bytes(), text);
        }
        Network::Llc([destination, _]) => {
            named(Some(name_of(&LLC, *destination).unwrap_or("LLC")), &[], text);
        }
        Network::Snap(organisation, protocol) => {
            let row = SNAP.iter().find(|row| (row.0, row.1) == (*organisation, *protocol));
            named(Some(row.map_or("SNAP", |row| row.2)), &[], text);
        }
        Network::Ppp(protocol) => named(name_of(&PPP, *protocol).or(Some("PPP")), &[], text),
        Network::Wireless(_) => _ = text.str("802.11"),
        Network::None => match link_type.name() {
            Some(name) => _ = text.str(name),
            None => _ = text.str("link-type-").decimal(link_type.number()),
        },
    }
}
