//! Frames of all kinds that the kernel's flow dissector supports, and of some that it does not: one row each.
//!
//! Sources: the RFCs for the layouts, `net/core/flow_dissector.c` for the dissector.

const TO: [u8; 6] = [2, 0, 0, 0, 0, 2];
const FROM: [u8; 6] = [2, 0, 0, 0, 0, 1];
const MULTICAST: [u8; 6] = [1, 0, 0x5e, 0, 0, 1];
const BROADCAST: [u8; 6] = [0xff; 6];

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const ETHERNET_BRIDGING: u16 = 0x6558;
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
const PPPOE: u16 = 0x8864;
const PPP: u16 = 0x880b;

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const IP_IN_IP: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
const AH: u8 = 51;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDPLITE: u8 = 136;
const MPLS_IN_IP: u8 = 137;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;

/// The payload of all transport headers.
const PAYLOAD: &[u8] = b"a payload that is longer than any header: 0123456789abcdef";

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn ethernet_to(to: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&to, &FROM, &ethertype.to_be_bytes(), payload])
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    ethernet_to(TO, ethertype, payload)
}

/// Returns the rest of a frame after the EtherType of a tag.
fn tag(tci: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&tci.to_be_bytes(), &ethertype.to_be_bytes(), payload])
}

/// Returns an IPv4 packet with a header of `words` words, and with flags and offset of a fragment.
fn ipv4_with(words: u8, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header_len = usize::from(words) * 4;
    let len = (header_len + payload.len()) as u16;
    let [[l0, l1], [f0, f1]] = [len, fragment].map(u16::to_be_bytes);
    let mut header = vec![0x40 | words, 0, l0, l1, 0, 7, f0, f1, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    header.resize(header_len.max(20), 1);
    join(&[&header, payload])
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(5, 0, protocol, payload)
}

/// Returns an IPv6 packet with a flow label.
fn ipv6_with(label: [u8; 3], next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let [from, to] = [1_u128, 2].map(|host| (0xfd00_u128 << 112 | host).to_be_bytes());
    join(&[&[0x60], &label, &len, &[next, 64], &from, &to, payload])
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    ipv6_with([0; 3], next, payload)
}

/// Returns an IPv6 extension header of 8 bytes and `longer` times 8 bytes, and its payload.
fn extension(next: u8, longer: u8, payload: &[u8]) -> Vec<u8> {
    let header = vec![1; 6 + 8 * usize::from(longer)];
    join(&[&[next, longer], &header, payload])
}

fn ipv6_fragment(next: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[next, 0], &fragment.to_be_bytes(), &[0, 0, 0, 9], payload])
}

fn ports() -> [u8; 4] {
    [0x30, 0x39, 0, 80]
}

/// Returns a TCP segment with a header of `words` words.
fn tcp_with(words: u8) -> Vec<u8> {
    let options = vec![1; usize::from(words).saturating_sub(5) * 4];
    join(&[&ports(), &[0, 0, 0, 1, 0, 0, 0, 2, words << 4, 0x18, 1, 0, 0, 0, 0, 0], &options, PAYLOAD])
}

fn tcp() -> Vec<u8> {
    tcp_with(5)
}

fn udp_of(payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16 + 8).to_be_bytes();
    join(&[&ports(), &len, &[0, 0], payload])
}

fn udp() -> Vec<u8> {
    udp_of(PAYLOAD)
}

/// Returns a GRE header with the fields that its flags announce, and its payload.
fn gre(flags_and_version: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let fields = [0x8000, 0x2000, 0x1000, 0x0080].into_iter().filter(|&flag| flags_and_version & flag != 0).count();
    join(&[&flags_and_version.to_be_bytes(), &ethertype.to_be_bytes(), &vec![3; 4 * fields], payload])
}

/// Returns an MPLS label, the last of its stack or not, and its payload.
fn label(label: u32, is_last: bool, payload: &[u8]) -> Vec<u8> {
    join(&[&(label << 12 | u32::from(is_last) << 8 | 64).to_be_bytes(), payload])
}

/// Returns a PPPoE session packet.
fn pppoe(protocol: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (protocol.len() + payload.len()) as u16;
    join(&[&[0x11, 0, 0, 5], &len.to_be_bytes(), protocol, payload])
}

fn arp() -> Vec<u8> {
    join(&[&[0, 1, 8, 0, 6, 4, 0, 1], &FROM, &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 2], &[0; 18]])
}

/// A name, and an Ethernet frame.
pub type Frame = (&'static str, Vec<u8>);

/// Returns all frames.
pub fn all() -> Vec<Frame> {
    [network(), transport(), extensions(), tags(), tunnels(), others()].concat()
}

fn network() -> Vec<Frame> {
    vec![
        ("arp to all", ethernet_to(BROADCAST, ARP, &arp())),
        ("ipv4 to many", ethernet_to(MULTICAST, IPV4, &ipv4(UDP, &udp()))),
        ("ipv4 with options", ethernet(IPV4, &ipv4_with(8, 0, TCP, &tcp()))),
        ("ipv4 with a short header", ethernet(IPV4, &ipv4_with(4, 0, TCP, &tcp()))),
        ("ipv4 do not fragment", ethernet(IPV4, &ipv4_with(5, 0x4000, UDP, &udp()))),
        ("ipv4 first fragment", ethernet(IPV4, &ipv4_with(5, 0x2000, UDP, &udp()))),
        ("ipv4 middle fragment", ethernet(IPV4, &ipv4_with(5, 0x2003, UDP, PAYLOAD))),
        ("ipv4 last fragment", ethernet(IPV4, &ipv4_with(5, 0x0003, TCP, PAYLOAD))),
        ("ipv6 first fragment", ethernet(IPV6, &ipv6(FRAGMENT, &ipv6_fragment(UDP, 1, &udp())))),
        ("ipv6 later fragment", ethernet(IPV6, &ipv6(FRAGMENT, &ipv6_fragment(TCP, 0x18, PAYLOAD)))),
        ("ipv6 only fragment", ethernet(IPV6, &ipv6(FRAGMENT, &ipv6_fragment(TCP, 0, &tcp())))),
        ("ipv6 with a flow label", ethernet(IPV6, &ipv6_with([1, 2, 3], TCP, &tcp()))),
    ]
}

fn transport() -> Vec<Frame> {
    let dccp = |words: u8, kind: u8| join(&[&ports(), &[words, 0, 0, 0, kind << 1, 0, 0, 1], &[0; 40], PAYLOAD]);
    let packets: Vec<(&str, u8, Vec<u8>)> = vec![
        ("tcp", TCP, tcp()),
        ("tcp with options", TCP, tcp_with(10)),
        ("tcp with a short header", TCP, tcp_with(3)),
        ("tcp without payload", TCP, tcp()[..20].to_vec()),
        ("udp", UDP, udp()),
        ("udp-lite", UDPLITE, udp()),
        ("sctp", SCTP, join(&[&ports(), &[0; 8], PAYLOAD])),
        ("dccp", DCCP, dccp(7, 2)),
        ("dccp with a short header", DCCP, dccp(1, 2)),
        ("icmp", ICMP, join(&[&[8, 0, 0, 0, 0, 9, 0, 1], PAYLOAD])),
        ("icmpv6", ICMPV6, join(&[&[128, 0, 0, 0, 0, 9, 0, 1], PAYLOAD])),
        ("igmp", IGMP, join(&[&[0x16, 0, 0, 0, 224, 0, 0, 9], PAYLOAD])),
        ("esp", ESP, PAYLOAD.to_vec()),
        ("ah and tcp", AH, join(&[&[TCP, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], &[5; 12], &tcp()])),
        ("unknown", 253, PAYLOAD.to_vec()),
    ];
    let on = |(name, protocol, payload): &(&'static str, u8, Vec<u8>)| {
        [(*name, ethernet(IPV4, &ipv4(*protocol, payload))), (*name, ethernet(IPV6, &ipv6(*protocol, payload)))]
    };
    packets.iter().flat_map(on).collect()
}

fn extensions() -> Vec<Frame> {
    let chain = extension(ROUTING, 0, &extension(DESTINATION, 2, &extension(TCP, 1, &tcp())));
    vec![
        ("ipv6 hop by hop", ethernet(IPV6, &ipv6(HOP_BY_HOP, &extension(UDP, 0, &udp())))),
        ("ipv6 chain", ethernet(IPV6, &ipv6(HOP_BY_HOP, &chain))),
        ("ipv6 destination and fragment", {
            let fragment = ipv6_fragment(UDP, 1, &udp());
            ethernet(IPV6, &ipv6(DESTINATION, &extension(FRAGMENT, 0, &fragment)))
        }),
        ("ipv6 no next header", ethernet(IPV6, &ipv6(NO_NEXT, PAYLOAD))),
        (
            "ipv6 with an extension that goes too far",
            ethernet(IPV6, &ipv6(DESTINATION, &extension(TCP, 200, &[])[..80])),
        ),
        ("ipv6 long chain", {
            let long = (0..20).fold(udp(), |payload, i| extension(if i == 0 { UDP } else { DESTINATION }, 0, &payload));
            ethernet(IPV6, &ipv6(DESTINATION, &long))
        }),
    ]
}

fn tags() -> Vec<Frame> {
    let tcp4 = ipv4(TCP, &tcp());
    let udp6 = ipv6(UDP, &udp());
    vec![
        ("vlan", ethernet(VLAN, &tag(0x2064, IPV4, &tcp4))),
        ("vlan with all bits", ethernet(VLAN, &tag(0xffff, IPV6, &udp6))),
        ("vlan 0", ethernet(VLAN, &tag(0, IPV4, &tcp4))),
        ("provider vlan", ethernet(QINQ, &tag(0x0065, IPV4, &tcp4))),
        ("qinq", ethernet(QINQ, &tag(200, VLAN, &tag(100, IPV4, &tcp4)))),
        ("vlan in vlan", ethernet(VLAN, &tag(200, VLAN, &tag(100, IPV6, &udp6)))),
        ("three tags", ethernet(QINQ, &tag(3, VLAN, &tag(2, VLAN, &tag(1, IPV4, &tcp4))))),
        ("vlan and arp", ethernet(VLAN, &tag(5, ARP, &arp()))),
        ("vlan and llc", ethernet(VLAN, &tag(5, 60, &[0x42, 0x42, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))),
    ]
}

fn tunnels() -> Vec<Frame> {
    let tcp4 = ipv4(TCP, &tcp());
    let udp6 = ipv6(UDP, &udp());
    let bridged = ethernet(IPV4, &tcp4);
    let over_ipv4 = |protocol, payload: &[u8]| ethernet(IPV4, &ipv4(protocol, payload));
    let ppp = |protocol: &[u8]| join(&[protocol, &tcp4]);
    vec![
        ("gre", over_ipv4(GRE, &gre(0, IPV4, &tcp4))),
        ("gre with all fields", over_ipv4(GRE, &gre(0xb000, IPV6, &udp6))),
        ("gre with routing", over_ipv4(GRE, &gre(0x4000, IPV4, &tcp4))),
        ("gre with a key", over_ipv4(GRE, &gre(0x2000, IPV4, &tcp4))),
        ("gre and ethernet", over_ipv4(GRE, &gre(0, ETHERNET_BRIDGING, &bridged))),
        ("gre over ipv6", ethernet(IPV6, &ipv6(GRE, &gre(0x2000, ETHERNET_BRIDGING, &bridged)))),
        ("gre and vlan", over_ipv4(GRE, &gre(0, VLAN, &tag(9, IPV4, &tcp4)))),
        ("gre of an unknown version", over_ipv4(GRE, &gre(2, IPV4, &tcp4))),
        ("pptp", over_ipv4(GRE, &gre(0x3081, PPP, &ppp(&[0xff, 3, 0, 0x21])))),
        ("pptp, short", over_ipv4(GRE, &gre(0x2001, PPP, &ppp(&[0, 0x21])))),
        ("pptp with ipv6", over_ipv4(GRE, &gre(0x3001, PPP, &join(&[&[0xff, 3, 0, 0x57], &udp6])))),
        ("pptp without key", over_ipv4(GRE, &gre(0x0001, PPP, &ppp(&[0, 0x21])))),
        ("ip in ip", over_ipv4(IP_IN_IP, &tcp4)),
        ("ipv6 in ip", over_ipv4(IPV6_IN_IP, &udp6)),
        ("ip in ipv6", ethernet(IPV6, &ipv6(IP_IN_IP, &tcp4))),
        ("ipv6 in ipv6", ethernet(IPV6, &ipv6(IPV6_IN_IP, &udp6))),
        ("ip in ip, 20 deep", {
            let deep = (0..20).fold(tcp4.clone(), |inner, _| ipv4(IP_IN_IP, &inner));
            ethernet(IPV4, &deep)
        }),
        ("mpls in ip", over_ipv4(MPLS_IN_IP, &label(16, true, &tcp4))),
        ("mpls", ethernet(MPLS, &label(100, true, &tcp4))),
        ("mpls, two labels", ethernet(MPLS, &label(100, false, &label(200, true, &udp6)))),
        ("mpls with entropy", ethernet(MPLS_MULTICAST, &label(7, false, &label(99, true, &tcp4)))),
        ("pppoe", ethernet(PPPOE, &pppoe(&[0, 0x21], &tcp4))),
        ("pppoe with ipv6", ethernet(PPPOE, &pppoe(&[0, 0x57], &udp6))),
        ("pppoe, compressed", ethernet(PPPOE, &pppoe(&[0x21], &tcp4))),
        ("pppoe with mpls", ethernet(PPPOE, &pppoe(&[0x02, 0x81], &label(5, true, &tcp4)))),
        ("pppoe with lcp", ethernet(PPPOE, &pppoe(&[0xc0, 0x21], &[1, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]))),
        ("vlan and pppoe", ethernet(VLAN, &tag(7, PPPOE, &pppoe(&[0, 0x21], &tcp4)))),
        ("vxlan", over_ipv4(UDP, &udp_of(&join(&[&[8, 0, 0, 0, 0, 0, 7, 0], &bridged])))),
    ]
}

fn others() -> Vec<Frame> {
    let tipc = join(&[&[0x50, 0, 0, 40], &[0; 36]]);
    let batman = join(&[&[0x40, 15, 50, 1, 0, 0, 0, 0, 0, 0], &ethernet(IPV4, &ipv4(UDP, &udp()))]);
    vec![
        ("llc", ethernet(38, &join(&[&[0x42, 0x42, 3], &[0; 35]]))),
        ("novell", ethernet(48, &join(&[&[0xff, 0xff], &[0; 46]]))),
        ("rarp", ethernet(0x8035, &arp())),
        ("tipc", ethernet(0x88ca, &tipc)),
        ("fcoe", ethernet(0x8906, &[0; 46])),
        ("ptp", ethernet(0x88f7, &[[0x0b, 2, 0, 40].as_slice(), &[0; 42]].concat())),
        ("prp", ethernet(0x88fb, &[0x10; 46])),
        ("hsr", ethernet(0x892f, &join(&[&[0, 40, 0, 1, 8, 0], &ipv4(TCP, &tcp())]))),
        ("batman", ethernet(0x4305, &batman)),
        ("unknown ethertype", ethernet(0x9999, &[0; 46])),
        ("nothing but a header", ethernet(IPV4, &[])),
    ]
}
