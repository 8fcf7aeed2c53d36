//! Tests of expressions that reject all packets.

use crate::bpf::dialect::Dialect;
use crate::lang::{Expr, ExprError, LinkType, Target, compile_expression};

/// Expressions that contradict themselves on every link type.
pub(super) const CONTRADICTIONS: [&str; 24] = [
    "tcp and udp",
    "ip and ip6",
    "ip6 and udp[10] & 1 != 0",
    "arp and tcp",
    "less 10 and greater 20",
    "len < 10 and len > 20",
    "1 = 2",
    "len - len = 1",
    "not (ip or not ip)",
    "host 1.2.3.4 and not host 1.2.3.4",
    "src net 10.0.0.0/8 and src host 11.0.0.1",
    "host 1.2.3.4 and not (src host 1.2.3.4 or dst host 1.2.3.4)",
    "portrange 10-20 and not portrange 5-30",
    "port 80 and not port 80",
    "tcp port 80 and udp port 80",
    "ip[0] > 255",
    "ip[0] & 0xf0 = 0x41",
    "ip[12:4] = 1 and ip[15] = 2",
    "ip[12:4] != 1 and ip[12:2] = 0 and ip[14:2] = 1",
    "ip[9] > 2 and ip[9] < 3",
    "tcp[12] & 0xf0 = 0x10 and tcp[12] >> 4 = 2",
    "tcp[tcpflags] & tcp-syn != 0 and tcp[13] = 0",
    "udp[4:2] < 8 and udp[4:2] > 9",
    "ip proto 6 and ip proto 17",
];

#[test]
fn rejects_contradictions_on_every_link_type_unless_allowed() {
    for link_type in [LinkType::ETHERNET, LinkType::RAW, LinkType::IPV4, LinkType::IPV6].into_iter().chain(
        ["LINUX_SLL", "LINUX_SLL2", "IEEE802_11_RADIOTAP", "NULL", "PPP", "IEEE802_5", "SUNATM", "FRELAY", "PFLOG"]
            .map(|name| name.parse().unwrap()),
    ) {
        for text in CONTRADICTIONS {
            let target = Target::new(link_type);
            assert_eq!(compile_expression(text, &target), Err(ExprError::RejectsAll), "{text} on {link_type}");
            assert_eq!(text.parse::<Expr>().unwrap().compile(&target), Err(ExprError::RejectsAll));
            let program = compile_expression(text, &target.allow_reject_all(true)).unwrap();
            assert!(program.verify(Dialect::Pcap).unwrap().rejects_all(), "{text} on {link_type}");
        }
    }
}

#[test]
fn rejects_contradictions_of_a_link_type() {
    for (text, link_type) in [
        ("ip6", LinkType::IPV4),
        ("not ip6", LinkType::IPV6),
        ("port 80 and vlan", LinkType::ETHERNET),
        ("ether src 1:2:3:4:5:6 and ether[6] = 2", LinkType::ETHERNET),
        ("ether broadcast and ether[0] & 1 = 0", LinkType::ETHERNET),
    ] {
        assert_eq!(compile_expression(text, &Target::new(link_type)), Err(ExprError::RejectsAll), "{text}");
    }
    let target = Target::new(LinkType::IPV4).allow_reject_all(true);
    assert_eq!(compile_expression("ip6", &target).unwrap(), "ret #0".parse().unwrap());
}

#[test]
fn accepts_expressions_that_only_resemble_contradictions() {
    for text in [
        "vlan 5 and not vlan",
        "vlan 5 and vlan 6",
        "host 1.2.3.4 and not src host 1.2.3.4",
        "port 80 and not src port 80",
        "tcp or udp and not tcp",
        "portrange 10-20 and not portrange 11-20",
        "ip[0] & 0xf0 = 0x40",
        "ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0",
        "ip6 protochain 6",
        "less 20 and greater 20",
        "ip[8] > 254 and ip[8] & 1 = 1",
        "",
    ] {
        assert!(compile_expression(text, &Target::new(LinkType::ETHERNET)).is_ok(), "{text}");
    }
    // Tests that libpcap rejects on a link type are errors, regardless of the target.
    let target = Target::new(LinkType::RAW).allow_reject_all(true);
    for text in ["ether src 1:2:3:4:5:6", "vlan 5000", "wlan addr1 1:2:3:4:5:6"] {
        assert!(matches!(compile_expression(text, &target), Err(ExprError::Invalid(_))), "{text}");
    }
}
