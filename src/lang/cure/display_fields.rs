//! The table of the fields of Wireshark's display filters, and how capture filters test them.

#[cfg(test)]
use alloc::string::{String, ToString};

/// How a capture filter tests a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A port: the protocol and the direction.
    Port(&'static str, &'static str),
    /// An IPv4 or IPv6 address: the protocol that a packet has with it, and the direction.
    Address(&'static str, &'static str),
    /// A MAC address: the qualifiers.
    Mac(&'static str),
    /// A number behind a keyword; the number as it is read for other relations than equality, and the test that holds
    /// in packets that have it.
    Keyword(&'static str, &'static str, &'static str),
    /// A number that is read from the packet, and the test that holds in packets that have it.
    Number(&'static str, &'static str),
    /// Bits: the number to read, the mask, and the test that holds in packets that have them. An empty number stands
    /// for the first bytes of both MAC addresses.
    Flag(&'static str, &'static str, &'static str),
    /// A field of which only the presence can be tested; or a protocol.
    Test(&'static str),
    /// The method of an HTTP request.
    Method,
    /// There is no equivalent.
    Nothing,
}

use crate::lang::keywords;

use Meaning::{Address, Flag, Keyword, Mac, Method, Nothing, Number, Port, Test};

/// Returns the meaning of a field or protocol. Fields that are not in the table, but belong to a protocol that is, have
/// no equivalent.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let row = |name: &str| FIELDS.iter().chain(&PROTOCOLS).find(|(field, _)| *field == name).map(|row| row.1);
    row(name).or_else(|| {
        let (protocol, _) = name.split_once('.')?;
        (row(protocol).is_some() || WITHOUT_EQUIVALENT.contains(&protocol)).then_some(Nothing)
    })
}

/// Returns the test of the protocol to which a field belongs.
pub(super) fn protocol_test(name: &str) -> Option<&'static str> {
    let protocol = name.split('.').next()?;
    match PROTOCOLS.iter().find(|(field, _)| *field == protocol) {
        Some((_, Test(test))) => Some(test),
        _ => None,
    }
}

/// Names that people give to the last part of a field, and what Wireshark calls it.
static PARTS: [(&str, &str); 14] = [
    ("dest", "dst"),
    ("destination", "dst"),
    ("source", "src"),
    ("address", "addr"),
    ("protocol", "proto"),
    ("type", "proto"),
    ("length", "len"),
    ("dst", "dstport"),
    ("dport", "dstport"),
    ("destport", "dstport"),
    ("dest_port", "dstport"),
    ("src", "srcport"),
    ("sport", "srcport"),
    ("mac", "addr"),
];

/// Returns the field of the table that is meant by another name of a field of the same protocol.
pub(super) fn near_field(name: &str) -> Option<&'static str> {
    let (protocol, part) = name.split_once('.')?;
    let is_field = |field: &str| FIELDS.iter().find(|(known, _)| *known == field).map(|row| row.0);
    if is_field(name).is_some() {
        return None;
    }
    let others = PARTS.iter().filter(|(other, _)| *other == part);
    let other = others.filter_map(|(_, right)| is_field(&format!("{protocol}.{right}"))).next();
    let of_protocol = |field: &&'static str| field.split_once('.').is_some_and(|(of, _)| of == protocol);
    let mut fields = FIELDS.iter().map(|row| row.0).filter(of_protocol);
    if part.is_empty() {
        return fields.next();
    }
    let near = fields.filter_map(|field| Some((keywords::distance(name, field)?, field)));
    other.or_else(|| near.min_by_key(|(distance, _)| *distance).map(|(_, field)| field))
}

/// Returns the port that a protocol usually has, if it is one.
pub(super) fn usual_port(protocol: &str) -> Option<&'static str> {
    let (_, Test(test)) = PROTOCOLS.iter().find(|(field, _)| *field == protocol)? else { return None };
    let (transport, port) = test.split_once("port ")?;
    let is_one = matches!(transport, "" | "tcp " | "udp ") && port.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then_some(port)
}

/// Data offset of TCP, in bytes.
pub(super) const TCP_HEADER: &str = "((tcp[12] & 0xf0) >> 2)";

/// The fields.
#[rustfmt::skip]
static FIELDS: [(&str, Meaning); 149] = [
    ("tcp.port",             Port("tcp", "")),
    ("tcp.srcport",          Port("tcp", "src ")),
    ("tcp.dstport",          Port("tcp", "dst ")),
    ("udp.port",             Port("udp", "")),
    ("udp.srcport",          Port("udp", "src ")),
    ("udp.dstport",          Port("udp", "dst ")),
    ("sctp.port",            Port("sctp", "")),
    ("sctp.srcport",         Port("sctp", "src ")),
    ("sctp.dstport",         Port("sctp", "dst ")),
    ("ip.addr",              Address("ip", "")),
    ("ip.src",               Address("ip", "src ")),
    ("ip.dst",               Address("ip", "dst ")),
    ("ip.host",              Address("ip", "")),
    ("ip.src_host",          Address("ip", "src ")),
    ("ip.dst_host",          Address("ip", "dst ")),
    ("ipv6.addr",            Address("ip6", "")),
    ("ipv6.src",             Address("ip6", "src ")),
    ("ipv6.dst",             Address("ip6", "dst ")),
    ("ipv6.host",            Address("ip6", "")),
    ("ipv6.src_host",        Address("ip6", "src ")),
    ("ipv6.dst_host",        Address("ip6", "dst ")),
    ("ip6.addr",             Address("ip6", "")),
    ("ip6.src",              Address("ip6", "src ")),
    ("ip6.dst",              Address("ip6", "dst ")),
    ("ether.addr",           Mac("ether host")),
    ("ether.src",            Mac("ether src")),
    ("ether.dst",            Mac("ether dst")),
    ("arp.src.proto_ipv4",   Address("arp", "src ")),
    ("arp.dst.proto_ipv4",   Address("arp", "dst ")),
    ("eth.addr",             Mac("ether host")),
    ("eth.src",              Mac("ether src")),
    ("eth.dst",              Mac("ether dst")),
    ("eth.addr_resolved",    Nothing),
    ("eth.type",             Keyword("ether proto", "ether[12:2]", "")),
    ("eth.len",              Number("ether[12:2]", "")),
    ("eth.ig",               Flag("", "1", "")),
    ("eth.lg",               Flag("", "2", "")),
    ("eth.dst.ig",           Flag("ether[0]", "1", "")),
    ("eth.dst.lg",           Flag("ether[0]", "2", "")),
    ("eth.src.ig",           Flag("ether[6]", "1", "")),
    ("eth.src.lg",           Flag("ether[6]", "2", "")),
    ("vlan.id",              Keyword("vlan", "ether[14:2] & 0xfff", "vlan")),
    ("vlan.priority",        Number("ether[14] >> 5", "vlan")),
    ("vlan.etype",           Number("ether[16:2]", "vlan")),
    ("mpls.label",           Keyword("mpls", "", "mpls")),
    ("pppoe.session_id",     Keyword("pppoes", "", "pppoes")),
    ("vxlan.vni",            Keyword("vxlan", "", "vxlan")),
    ("geneve.vni",           Keyword("geneve", "", "geneve")),
    ("frame.len",            Number("len", "")),
    ("frame.cap_len",        Nothing),
    ("frame.pkt_len",        Number("len", "")),
    ("frame.interface_id",   Nothing),
    ("frame.number",         Nothing),
    ("frame.time",           Nothing),
    ("ip.version",           Number("ip[0] >> 4", "ip")),
    ("ip.hdr_len",           Number("(ip[0] & 0xf) << 2", "ip")),
    ("ip.tos",               Number("ip[1]", "ip")),
    ("ip.dsfield",           Number("ip[1]", "ip")),
    ("ip.dsfield.dscp",      Number("ip[1] >> 2", "ip")),
    ("ip.dsfield.ecn",       Number("ip[1] & 3", "ip")),
    ("ip.len",               Number("ip[2:2]", "ip")),
    ("ip.id",                Number("ip[4:2]", "ip")),
    ("ip.flags",             Number("ip[6] >> 5", "ip")),
    ("ip.flags.rb",          Flag("ip[6]", "0x80", "ip")),
    ("ip.flags.df",          Flag("ip[6]", "0x40", "ip")),
    ("ip.flags.mf",          Flag("ip[6]", "0x20", "ip")),
    ("ip.frag_offset",       Number("(ip[6:2] & 0x1fff) << 3", "ip")),
    ("ip.fragment",          Test("ip[6:2] & 0x3fff != 0")),
    ("ip.ttl",               Number("ip[8]", "ip")),
    ("ip.proto",             Keyword("ip proto", "ip[9]", "ip")),
    ("ip.checksum",          Number("ip[10:2]", "ip")),
    ("ip.opt",               Test("ip[0] & 0xf > 5")),
    ("ip.options",           Test("ip[0] & 0xf > 5")),
    ("ipv6.version",         Number("ip6[0] >> 4", "ip6")),
    ("ipv6.tclass",          Number("(ip6[0:2] >> 4) & 0xff", "ip6")),
    ("ipv6.flow",            Number("ip6[0:4] & 0xfffff", "ip6")),
    ("ipv6.plen",            Number("ip6[4:2]", "ip6")),
    ("ipv6.nxt",             Keyword("ip6 proto", "ip6[6]", "ip6")),
    ("ipv6.hlim",            Number("ip6[7]", "ip6")),
    ("tcp.seq_raw",          Number("tcp[4:4]", "tcp")),
    ("tcp.ack_raw",          Number("tcp[8:4]", "tcp")),
    ("tcp.seq",              Nothing),
    ("tcp.ack",              Nothing),
    ("tcp.stream",           Nothing),
    ("tcp.hdr_len",          Number(TCP_HEADER, "tcp")),
    ("tcp.len",              Number("ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)", "tcp")),
    ("tcp.flags",            Number("tcp[12:2] & 0xfff", "tcp")),
    ("tcp.flags.fin",        Flag("tcp[tcpflags]", "tcp-fin", "tcp")),
    ("tcp.flags.syn",        Flag("tcp[tcpflags]", "tcp-syn", "tcp")),
    ("tcp.flags.reset",      Flag("tcp[tcpflags]", "tcp-rst", "tcp")),
    ("tcp.flags.rst",        Flag("tcp[tcpflags]", "tcp-rst", "tcp")),
    ("tcp.flags.push",       Flag("tcp[tcpflags]", "tcp-push", "tcp")),
    ("tcp.flags.psh",        Flag("tcp[tcpflags]", "tcp-push", "tcp")),
    ("tcp.flags.ack",        Flag("tcp[tcpflags]", "tcp-ack", "tcp")),
    ("tcp.flags.urg",        Flag("tcp[tcpflags]", "tcp-urg", "tcp")),
    ("tcp.flags.ece",        Flag("tcp[tcpflags]", "tcp-ece", "tcp")),
    ("tcp.flags.ecn",        Flag("tcp[tcpflags]", "tcp-ece", "tcp")),
    ("tcp.flags.cwr",        Flag("tcp[tcpflags]", "tcp-cwr", "tcp")),
    ("tcp.flags.ns",         Flag("tcp[12]", "1", "tcp")),
    ("tcp.flags.ae",         Flag("tcp[12]", "1", "tcp")),
    ("tcp.window_size_value", Number("tcp[14:2]", "tcp")),
    ("tcp.checksum",         Number("tcp[16:2]", "tcp")),
    ("tcp.urgent_pointer",   Number("tcp[18:2]", "tcp")),
    ("tcp.options",          Test("tcp[12] & 0xf0 > 0x50")),
    ("udp.length",           Number("udp[4:2]", "udp")),
    ("udp.checksum",         Number("udp[6:2]", "udp")),
    ("udp.stream",           Nothing),
    ("icmp.type",            Number("icmp[icmptype]", "icmp")),
    ("icmp.code",            Number("icmp[icmpcode]", "icmp")),
    ("icmp.checksum",        Number("icmp[2:2]", "icmp")),
    ("icmp.ident",           Number("icmp[4:2]", "icmp")),
    ("icmp.seq",             Number("icmp[6:2]", "icmp")),
    ("icmpv6.type",          Number("icmp6[icmp6type]", "icmp6")),
    ("icmpv6.code",          Number("icmp6[icmp6code]", "icmp6")),
    ("igmp.type",            Number("igmp[0]", "igmp")),
    ("arp.hw.type",          Number("arp[0:2]", "arp")),
    ("arp.proto.type",       Number("arp[2:2]", "arp")),
    ("arp.hw.size",          Number("arp[4]", "arp")),
    ("arp.proto.size",       Number("arp[5]", "arp")),
    ("arp.opcode",           Number("arp[6:2]", "arp")),
    ("arp.isgratuitous",     Test("arp[14:4] == arp[24:4]")),
    ("sctp.verification_tag", Number("sctp[4:4]", "sctp")),
    ("sctp.chunk_type",      Number("sctp[12]", "sctp")),
    ("gre.proto",            Number("ip[((ip[0] & 0xf) << 2) + 2:2]", "ip proto 47")),
    ("dns.id",               Number("udp[8:2]", "udp port 53")),
    ("dns.flags.response",   Flag("udp[10]", "0x80", "udp port 53")),
    ("dns.flags.rcode",      Number("udp[11] & 0xf", "udp port 53")),
    ("dns.count.answers",    Number("udp[14:2]", "udp port 53")),
    ("http.request",         Test("tcp dst port 80")),
    ("http.response",        Test("tcp src port 80")),
    ("http.request.method",  Method),
    ("tls.handshake",        Test("tcp port 443 and tcp[((tcp[12] & 0xf0) >> 2)] == 22")),
    ("ssl.handshake",        Test("tcp port 443 and tcp[((tcp[12] & 0xf0) >> 2)] == 22")),
    ("tls.handshake.type",   Number("tcp[((tcp[12] & 0xf0) >> 2) + 5]",
                                    "tcp port 443 and tcp[((tcp[12] & 0xf0) >> 2)] == 22")),
    ("ssl.handshake.type",   Number("tcp[((tcp[12] & 0xf0) >> 2) + 5]",
                                    "tcp port 443 and tcp[((tcp[12] & 0xf0) >> 2)] == 22")),
    ("tls.record.content_type", Number("tcp[((tcp[12] & 0xf0) >> 2)]", "tcp port 443")),
    ("dhcp.type",            Number("udp[8]", "udp and (port 67 or port 68)")),
    ("bootp.type",           Number("udp[8]", "udp and (port 67 or port 68)")),
    ("wlan.addr",            Mac("wlan host")),
    ("wlan.sa",              Mac("wlan src")),
    ("wlan.da",              Mac("wlan dst")),
    ("wlan.ra",              Mac("wlan ra")),
    ("wlan.ta",              Mac("wlan ta")),
    ("wlan.fc.type",         Number("(wlan[0] >> 2) & 3", "")),
    ("wlan.fc.subtype",      Number("wlan[0] >> 4", "")),
    ("wlan.fc.type_subtype", Number("((wlan[0] & 0x0c) << 2 | wlan[0] >> 4)", "")),
    ("sll.pkttype",          Nothing),
    ("stp.type",             Nothing),
    ("lldp.tlv.type",        Nothing),
];

/// The protocols. Those above TCP and UDP are told by their ports.
#[rustfmt::skip]
static PROTOCOLS: [(&str, Meaning); 105] = [
    ("frame", Nothing), ("data", Nothing), ("eth", Nothing), ("sll", Nothing), ("gre", Test("proto 47")),
    ("ip", Test("ip")), ("ipv6", Test("ip6")), ("arp", Test("arp")), ("tcp", Test("tcp")), ("udp", Test("udp")),
    ("sctp", Test("sctp")), ("dccp", Test("proto 33")), ("udplite", Test("proto 136")), ("icmp", Test("icmp")),
    ("icmpv6", Test("icmp6 or (ip6[6] == 0 and ip6[40] == 58)")), ("igmp", Test("igmp")), ("ospf", Test("proto 89")), ("eigrp", Test("proto 88")),
    ("pim", Test("pim")), ("vrrp", Test("vrrp")), ("ah", Test("ah")), ("esp", Test("esp")),
    ("etherip", Test("proto 97")), ("ipcomp", Test("proto 108")), ("rsvp", Test("proto 46")), ("vlan", Test("vlan")),
    ("mpls", Test("mpls")), ("pppoe", Test("pppoes")), ("pppoes", Test("pppoes")), ("pppoed", Test("pppoed")),
    ("llc", Test("llc")), ("stp", Test("stp")), ("lldp", Test("ether proto 0x88cc")),
    ("eapol", Test("ether proto 0x888e")), ("lacp", Test("ether proto 0x8809")), ("slow", Test("ether proto 0x8809")),
    ("ptp", Test("udp port 319 or udp port 320 or ether proto 0x88f7")), ("macsec", Test("ether proto 0x88e5")),
    ("homeplug", Test("ether proto 0x887b")), ("wlan", Nothing), ("cdp", Test("ether dst 01:00:0c:cc:cc:cc")),
    ("loop", Test("ether proto 0x9000")), ("profinet", Test("ether proto 0x8892")), ("http", Test("tcp port 80")),
    ("http2", Test("tcp port 443")), ("http3", Test("udp port 443")), ("tls", Test("tcp port 443")),
    ("ssl", Test("tcp port 443")), ("dtls", Test("udp port 443")), ("quic", Test("udp port 443")),
    ("gquic", Test("udp port 443")), ("websocket", Test("tcp port 80")), ("ssh", Test("tcp port 22")),
    ("telnet", Test("tcp port 23")), ("ftp", Test("tcp port 21")), ("ftp-data", Test("tcp port 20")),
    ("tftp", Test("udp port 69")), ("smtp", Test("tcp port 25")), ("pop", Test("tcp port 110")),
    ("imap", Test("tcp port 143")), ("dns", Test("port 53")), ("mdns", Test("udp port 5353")),
    ("llmnr", Test("udp port 5355")), ("nbns", Test("udp port 137")), ("nbdgm", Test("udp port 138")),
    ("nbss", Test("tcp port 139")), ("smb", Test("tcp port 445")), ("smb2", Test("tcp port 445")),
    ("dhcp", Test("udp and (port 67 or port 68)")), ("bootp", Test("udp and (port 67 or port 68)")),
    ("dhcpv6", Test("udp and (port 546 or port 547)")), ("ntp", Test("udp port 123")),
    ("snmp", Test("udp and (port 161 or port 162)")), ("syslog", Test("udp port 514")),
    ("ssdp", Test("udp port 1900")), ("radius", Test("udp and (port 1812 or port 1813)")),
    ("tacplus", Test("tcp port 49")), ("kerberos", Test("port 88")), ("ldap", Test("tcp port 389")),
    ("cldap", Test("udp port 389")), ("rdp", Test("port 3389")), ("tpkt", Test("tcp port 3389")),
    ("vnc", Test("tcp port 5900")), ("sip", Test("port 5060")), ("rtsp", Test("tcp port 554")),
    ("bgp", Test("tcp port 179")), ("ldp", Test("port 646")), ("rip", Test("udp port 520")),
    ("bfd", Test("udp port 3784")), ("hsrp", Test("udp port 1985")),
    ("isakmp", Test("udp and (port 500 or port 4500)")), ("l2tp", Test("udp port 1701")),
    ("pptp", Test("tcp port 1723")), ("openvpn", Test("port 1194")), ("wg", Test("udp port 51820")),
    ("vxlan", Test("udp port 4789")), ("geneve", Test("udp port 6081")), ("gtp", Test("udp and (port 2123 or port 2152)")),
    ("stun", Test("port 3478")), ("mysql", Test("tcp port 3306")), ("pgsql", Test("tcp port 5432")),
    ("tds", Test("tcp port 1433")), ("mqtt", Test("tcp port 1883")), ("nfs", Test("port 2049")), ("rtp", Nothing),
];

/// The protocols of other fields that people filter by.
static WITHOUT_EQUIVALENT: [&str; 12] = [
    "_ws",
    "expert",
    "pkt_comment",
    "radiotap",
    "wlan_radio",
    "rtcp",
    "json",
    "xml",
    "mime_multipart",
    "x509sat",
    "x509ce",
    "col",
];

/// Returns tests of all fields and protocols, with all relations.
#[cfg(test)]
pub(in crate::lang) fn samples() -> impl Iterator<Item = String> {
    FIELDS.iter().chain(&PROTOCOLS).flat_map(|&(name, meaning)| {
        let value = match meaning {
            Address("ip6", _) => "2001:db8::1",
            Address(..) => "10.0.0.1",
            Mac(_) => "00:11:22:33:44:55",
            Flag(..) | Test(_) => "1",
            Method => "\"POST\"",
            _ => "0x0",
        };
        let value = if matches!(meaning, Port(..)) { "80" } else { value };
        let tests = ["==", "!=", "<=", ">", "eq"].map(|relation| format!("{name} {relation} {value}"));
        let list = format!("{name} in {{{value}}} || arp");
        let compared = tests.into_iter().chain([list]).filter(move |_| name.contains('.'));
        [name.to_string(), format!("!{name}"), format!("arp || {name} && udp")].into_iter().chain(compared)
    })
}
