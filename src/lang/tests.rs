//! The language as a whole: what means what, how deep it may go, and what is refused.

use std::fmt::Write;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Instruction;
use crate::bpf::isa::Width;
use crate::bpf::program::Program;
use crate::lang::{Expr, ExprError, LinkType, Target, compile_expression};
use crate::packet::ancillary::Extension;

fn compiled(text: &str) -> Program {
    compile_expression(text, &Target::new(LinkType::ETHERNET)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn printed(text: &str) -> String {
    text.parse::<Expr>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

/// Whether a packet matches.
fn matches(text: &str, link_type: LinkType, packet: &[u8]) -> bool {
    let program = compile_expression(text, &Target::new(link_type).accept_nothing());
    let program = program.unwrap_or_else(|error| panic!("{text}: {error}"));
    program.verify(Dialect::Pcap).unwrap().interpret(packet) > 0
}

fn link_type(name: &str) -> LinkType {
    name.parse().unwrap()
}

fn message(text: &str, link_type: LinkType) -> String {
    let error = compile_expression(text, &Target::new(link_type)).expect_err(text);
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[test]
fn and_and_or_have_one_precedence() {
    let text = "port 22 or port 80 and host 10.0.0.1";
    assert_eq!(printed(text), "(port 22 or port 80) and host 10.0.0.1");
    assert_eq!(compiled(text), compiled("(port 22 or port 80) and host 10.0.0.1"));
    assert_ne!(compiled(text), compiled("port 22 or (port 80 and host 10.0.0.1)"));
    assert_eq!(printed("not ip and arp"), "not ip and arp");
    assert_eq!(printed("not (ip and arp)"), "not (ip and arp)");
}

#[test]
fn qualifiers_are_inherited() {
    let same = [
        ("tcp dst port ftp or ftp-data or domain", "tcp dst port ftp or tcp dst port ftp-data or tcp dst port domain"),
        ("not host 1.1.1.1 and 2.2.2.2", "not host 1.1.1.1 and host 2.2.2.2"),
        ("port 80 or (tcp) or 90", "port 80 or tcp or port 90"),
        ("tcp port (80 or 90) and 100", "(tcp port 80 or tcp port 90) and tcp port 100"),
        ("port 80 and not 90", "port 80 and not port 90"),
        ("tcp port 80 and (90 or 100)", "tcp port 80 and (tcp port 90 or tcp port 100)"),
        ("port not 80", "not port 80"),
    ];
    for (text, meant) in same {
        assert_eq!(printed(text), meant, "{text}");
    }
    let refused =
        ["tcp or 80", "80", "1.2.3.4", "tcp port 80 and 1 = 1 or 90", "tcp port 80 and (90 or udp port 3)", "tcp 80"];
    for text in refused {
        assert!(text.parse::<Expr>().is_err(), "{text}");
    }
}

#[test]
fn some_operators_have_no_precedence() {
    let same = [
        ("6 % 4 + 1 = 1", "6 % (4 + 1) = 1"),
        ("1 + 6 % 4 = 1", "1 + (6 % 4) = 1"),
        ("1 | 2 & 3 << 4 + 5 * 6 = 1", "1 | (2 & (3 << (4 + (5 * 6)))) = 1"),
        ("10 - 2 - 3 = 5", "(10 - 2) - 3 = 5"),
        ("-1 + 2 = 1", "(-1) + 2 = 1"),
        ("-2 % 3 = 1", "-(2 % 3) = 1"),
        ("not tcp[13] & 2 = 0", "not tcp[13] & 2 = 0"),
        ("(80) = 80", "80 = 80"),
        ("ip[ip[0]:2] = len", "ip[ip[0]:2] = len"),
    ];
    for (text, meant) in same {
        assert_eq!(printed(text), meant, "{text}");
        assert_eq!(printed(meant), meant);
    }
}

#[test]
fn what_is_printed_means_the_same() {
    let texts = [
        "ether proto \\ip",
        "ether host 1:2:3:4:5:6 or ether src aabb.ccdd.eeff",
        "net 10.1 or net 192.168.0.0/16 or net 172.16.0.0 mask 255.240.0.0 or net 10",
        "ip6 net fe80::/10 and src or dst host ::1",
        "portrange 6000-6008 or sctp portrange 1",
        "ip proto \\tcp or proto 17 or ip protochain 51 or iso proto \\isis",
        "vlan 7 and mpls 9 and mpls",
        "pppoes 5 and ip",
        "vxlan 3 or geneve",
        "batadv 15 coded",
        "llc rnr or llc i or llc xid",
        "ip broadcast or ether multicast",
        "less 60 or greater 100 or byte 3 & 5",
        "len - 14 > ip[2:2]",
        "decnet src 10.15",
        "l1 or csnp or es-is",
    ];
    for text in texts {
        let target = Target::new(LinkType::ETHERNET).netmask(0xffff_ff00);
        let expr: Expr = text.parse().unwrap();
        let again: Expr = expr.to_string().parse().unwrap();
        assert_eq!(again, expr, "{text}");
        assert_eq!(again.compile(&target), compile_expression(text, &target), "{text}");
    }
}

#[test]
fn errors_say_where_and_what() {
    let ethernet = LinkType::ETHERNET;
    assert_eq!(message("tcp port", ethernet), "line 1, column 9: expected a port, found the end");
    assert_eq!(
        message("tcp port htpp", ethernet),
        "line 1, column 10: expected a port, or a service that is known; `htpp` is not; did you mean `http`?"
    );
    assert_eq!(
        message("tcp port 80 and tpc port 81", ethernet),
        "line 1, column 21: expected `and`, `or` or the end, found `port`; did you mean `tcp` by `tpc`?"
    );
    assert_eq!(message("(ip or arp", ethernet), "line 1, column 1: expected a `)` to this `(`");
    assert_eq!(
        message("ip and vlan 4096", ethernet),
        "line 1, column 13: expected a VLAN, a number up to 4095, found `4096`"
    );
    assert_eq!(
        message("tcp prot 80", ethernet),
        "line 1, column 5: expected `and`, `or` or the end, found `prot`; did you mean `port`?"
    );
    assert_eq!(
        message("ip or ether host 1:2:3:4:5:6", LinkType::RAW),
        "line 1, column 7: expected another link type: there are no MAC addresses with RAW"
    );
    let built = "ip".parse::<Expr>().unwrap() | "ether src 1:2:3:4:5:6".parse().unwrap();
    let Err(ExprError::Invalid(error)) = built.compile(&Target::new(LinkType::RAW)) else { panic!() };
    assert_eq!(error.column(), 7);
}

/// Expressions that contradict themselves, whatever the packets begin with.
const CONTRADICTIONS: [&str; 24] = [
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
fn contradictions_are_refused_on_every_link_type_unless_allowed() {
    for link_type in [LinkType::ETHERNET, LinkType::RAW, LinkType::IPV4, LinkType::IPV6].into_iter().chain(
        ["LINUX_SLL", "LINUX_SLL2", "IEEE802_11_RADIOTAP", "NULL", "PPP", "IEEE802_5", "SUNATM", "FRELAY", "PFLOG"]
            .map(|name| name.parse().unwrap()),
    ) {
        for text in CONTRADICTIONS {
            let target = Target::new(link_type);
            assert_eq!(compile_expression(text, &target), Err(ExprError::RejectsAll), "{text} on {link_type}");
            assert_eq!(text.parse::<Expr>().unwrap().compile(&target), Err(ExprError::RejectsAll));
            let program = compile_expression(text, &target.accept_nothing()).unwrap();
            assert!(program.verify(Dialect::Pcap).unwrap().rejects_all(), "{text} on {link_type}");
        }
    }
}

#[test]
fn contradictions_of_a_link_type_are_refused_there() {
    for (text, link_type) in [
        ("ip6", LinkType::IPV4),
        ("not ip6", LinkType::IPV6),
        ("port 80 and vlan", LinkType::ETHERNET),
        ("ether src 1:2:3:4:5:6 and ether[6] = 2", LinkType::ETHERNET),
        ("ether broadcast and ether[0] & 1 = 0", LinkType::ETHERNET),
    ] {
        assert_eq!(compile_expression(text, &Target::new(link_type)), Err(ExprError::RejectsAll), "{text}");
    }
    let target = Target::new(LinkType::IPV4).accept_nothing();
    assert_eq!(compile_expression("ip6", &target).unwrap(), "ret #0".parse().unwrap());
}

#[test]
fn what_is_no_contradiction_is_none() {
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
    // What libpcap refuses on a link type is an error, whatever the target allows.
    let target = Target::new(LinkType::RAW).accept_nothing();
    for text in ["ether src 1:2:3:4:5:6", "vlan 5000", "wlan addr1 1:2:3:4:5:6"] {
        assert!(matches!(compile_expression(text, &target), Err(ExprError::Invalid(_))), "{text}");
    }
}

#[test]
fn nothing_is_too_deep() {
    const DEEP: usize = 100_000;
    let target = Target::new(LinkType::ETHERNET);
    let nested = format!("{}ip{}", "(".repeat(DEEP), ")".repeat(DEEP));
    assert_eq!(compile_expression(&nested, &target), compile_expression("ip", &target));
    let negated = format!("{}ip", "not ".repeat(DEEP));
    assert_eq!(compile_expression(&negated, &target), compile_expression("ip", &target));
    assert_eq!(negated.parse::<Expr>().unwrap().to_string(), negated);
    let number = format!("{}len{} = 1", "(1 + ".repeat(DEEP), ")".repeat(DEEP));
    assert_eq!(compile_expression(&number, &target).unwrap().len(), DEEP + 4);
    let right = format!("{}ip{}", "(arp or ".repeat(DEEP), ")".repeat(DEEP));
    let tree: Expr = right.parse().unwrap();
    assert_eq!(tree.to_string().parse::<Expr>().unwrap(), tree);
    assert!(compile_expression(&right, &target).is_ok());
}

#[test]
fn long_lists_are_programs_of_linear_length() {
    let list = |count: u32| {
        (0..count).fold(String::from("host 10.0.0.0"), |mut text, number| {
            let _ = write!(text, " or 10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            text
        })
    };
    let target = Target::new(LinkType::ETHERNET);
    let lengths = [1_000, 10_000].map(|count| compile_expression(&list(count), &target).unwrap().len());
    assert!(lengths[1] < 11 * lengths[0], "{lengths:?}");
    let target = target.dialect(Dialect::Linux);
    let too_long = compile_expression(&list(10_000), &target);
    assert!(matches!(too_long, Err(ExprError::TooLong { instructions: 10_001.., max: 4096 })));
    // A thousand hosts are too many as they are generated.
    let optimized = compile_expression(&list(1_000), &target);
    assert_eq!(optimized.is_ok_and(|program| program.verify(Dialect::Linux).is_ok()), cfg!(feature = "jit"));
}

/// Too long is all that a program can be: what the optimiser breaks, whose rules are others, is not told.
#[test]
fn what_is_shortened_keeps_the_rules_of_the_dialect() {
    for count in [180, 230, 250, 300] {
        let term = |i: u32| format!("tcp[{}:2] + tcp[{}:4] * tcp[{}] = {i}", i % 60, i * 7 % 60, i % 50);
        let text = (0..count).map(term).collect::<Vec<_>>().join(" or ");
        match compile_expression(&text, &Target::new(LinkType::ETHERNET).dialect(Dialect::Linux)) {
            Ok(program) => assert!(program.verify(Dialect::Linux).is_ok(), "{count}"),
            Err(ExprError::TooLong { .. }) => {}
            Err(ExprError::Refused(error)) => assert_eq!(error.rule, crate::bpf::verify::Rule::ConvertedJumpTooFar),
            Err(error) => panic!("{count}: {error}"),
        }
    }
}

#[test]
fn tags_labels_and_tunnels_move_the_headers() {
    let offset = |text: &str| compiled(text).to_string();
    assert!(offset("vlan and ip").contains("ldh [16]"));
    assert!(offset("vlan and vlan and ip").contains("ldh [20]"));
    assert!(offset("vlan or ip").contains("ldh [16]"), "not only behind `and`");
    assert!(offset("ip or vlan").contains("jeq") && !offset("ip or vlan").contains("ldh [16]"));
    assert!(offset("pppoes and ip").contains("ldh [20]"));
    assert!(offset("mpls and ip").contains("ldb [18]"));
}

#[test]
fn an_empty_expression_matches_every_packet_of_every_link_type() {
    for link_type in LinkType::all().chain([LinkType::new(20), LinkType::new(100_000)]) {
        for packet in [&[][..], &[0; 4], &[0xff; 60]] {
            assert!(matches("", link_type, packet), "{link_type}");
        }
    }
    // Every test is one of 802.11 behind PPI.
    let [ppi_of_ethernet, ppi_of_wlan] = [[0, 0, 8, 0, 1, 0, 0, 0], [0, 0, 8, 0, 105, 0, 0, 0]];
    assert!(!matches("len >= 0", link_type("PPI"), &ppi_of_ethernet));
    assert!(matches("len >= 0", link_type("PPI"), &ppi_of_wlan));
}

#[test]
fn unknown_link_types_show_their_bytes_only() {
    let old = ["EN3MB", "AX25", "PRONET", "CHAOS", "REDBACK_SMARTEDGE"].map(link_type);
    for link_type in old.into_iter().chain([20, 300, 100_000].map(LinkType::new)) {
        assert!(matches("link[1] = 5 and len = 2", link_type, &[0, 5]), "{link_type}");
        assert!(message("ip", link_type).contains("protocols are not told apart"), "{link_type}");
    }
    // NetBSD's number of Cisco's HDLC.
    assert!(matches("ip6", link_type("HDLC"), &[0x0f, 0, 0x86, 0xdd]));
}

#[test]
fn pdus_of_is_is_are_behind_the_padding_of_cisco_hdlc() {
    // Behind the address, 0, the protocol and the padding: IS-IS, and 18 (of level 1) in the fifth byte.
    let packet = [0x0f, 0, 0xfe, 0xfe, 3, 0x83, 27, 1, 0, 18];
    for (text, is_match) in [("isis proto 18", true), ("l1", true), ("lsp", true), ("l2", false), ("isis", true)] {
        assert_eq!(matches(text, link_type("C_HDLC"), &packet), is_match, "{text}");
    }
}

#[test]
fn switch_tags_show_the_direction() {
    // To the CPU, from it, to the sniffer, forwarded.
    let packets = [0x00, 0x40, 0x80, 0xc0].map(|mode| [[0; 12].as_slice(), &[mode; 4]].concat());
    let of = |text| packets.each_ref().map(|packet| matches(text, link_type("DSA_TAG_DSA"), packet));
    assert_eq!(of("inbound"), [true, false, true, false]);
    assert_eq!(of("outbound"), [false, true, false, false]);
}

#[test]
fn numbers_that_no_packet_has_are_refused() {
    let refused = [
        ("EN10MB", "link proto 1500", "EtherType above 1500 or an LLC address up to 255, found `1500`"),
        ("LINUX_SLL", "link proto 256", "found `256`"),
        ("EN10MB", "decnet host 1", "expected a DECnet address such as 10.15, found `1`"),
        ("EN10MB", "decnet net 10.15", "there are no networks of DECnet"),
        ("BACNET_MS_TP", "ip", "protocols are not told apart"),
        ("SUNATM", "lane and vpi 3", "expected it before `lane`"),
    ];
    for (name, text, expected) in refused {
        assert!(message(text, link_type(name)).contains(expected), "{text}: {}", message(text, link_type(name)));
    }
    // PPP has protocols of such numbers, and LLC has addresses below.
    assert!(matches("link proto 1500", LinkType::PPP, &[0xff, 3, 5, 0xdc]));
    assert!(compile_expression("link proto 255", &Target::new(LinkType::ETHERNET)).is_ok());
}

#[test]
fn constant_negative_offsets_are_absolute() {
    let target = Target::new(LinkType::ETHERNET).linux_socket();
    let loads = |text: &str| compile_expression(text, &target).unwrap().disassemble().next().unwrap();
    let extension = |text: &str| match loads(text) {
        Instruction::LoadAbsolute { offset, .. } => Extension::from_offset(offset),
        Instruction::LoadExtension(extension) => Some(extension),
        _ => None,
    };
    assert_eq!(extension("ether[-4096:2] = 8"), Some(Extension::Protocol));
    assert_eq!(extension("ether[-4088:4] = 1"), Some(Extension::InterfaceIndex));
    assert_eq!(extension("ether[-4056:4] = 0"), Some(Extension::XorX));
    assert_eq!(extension("ether[-4052:2] = 0"), Some(Extension::VlanTci));
    assert_eq!(extension("ether[-4048:1] = 0"), Some(Extension::VlanPresent));
    let before_header = Instruction::LoadAbsolute { offset: 0xfff0_0000, width: Width::Byte };
    assert_eq!(loads("ether[-0x100000] = 1"), before_header);
    // The kernel refuses ancillary loads that do not exist; this one finds nothing.
    for text in ["ether[-1] = 0", "ether[-4095] = 0"] {
        let program = compile_expression(text, &target).unwrap();
        assert_eq!(program.verify(Dialect::Linux).unwrap().interpret(&[0; 60]), 0, "{text}");
    }
    // What is before the IP header is behind the beginning of the packet.
    let packet = [[0; 10].as_slice(), &[7, 0, 0x08, 0x00], &[0x45; 20]].concat();
    assert!(matches("ip[-4] = 7", LinkType::ETHERNET, &packet));
}

#[test]
fn numbers_have_a_value_where_all_headers_are() {
    let text = "ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0";
    let packet = |protocol: u8, fragment: u8| {
        let mut packet = vec![0; 60];
        packet[21] = fragment;
        packet[12..18].copy_from_slice(&[0x08, 0x00, 0x45, 0, 0, 46]);
        packet[23] = protocol;
        packet[46] = 0x50;
        packet
    };
    assert!(matches(text, LinkType::ETHERNET, &packet(6, 0)));
    assert!(!matches(text, LinkType::ETHERNET, &packet(17, 0)));
    assert!(!matches(text, LinkType::ETHERNET, &packet(6, 5)));
}

/// An IPv6 packet with so many headers of options before TCP.
fn chain(headers: u8) -> Vec<u8> {
    let mut packet = vec![0x60; 40];
    packet[6] = if headers == 0 { 6 } else { 60 };
    for left in (0..headers).rev() {
        packet.extend([if left == 0 { 6 } else { 60 }, 0, 0, 0, 0, 0, 0, 0]);
    }
    packet
}

#[test]
fn protochain_goes_through_a_stated_number_of_headers() {
    let text = "ip6 protochain 6";
    let found = |target: &Target| {
        let program = compile_expression(text, target).unwrap().verify(Dialect::Pcap).unwrap();
        (0..100).take_while(|&headers| program.interpret(&chain(headers)) > 0).count().checked_sub(1)
    };
    let target = Target::new(LinkType::RAW);
    assert_eq!(found(&target), Some(16));
    assert_eq!(found(&target.clone().chain_depth(0)), Some(0));
    assert_eq!(found(&target.clone().chain_depth(40)), Some(40));
    let expr: Expr = text.parse().unwrap();
    assert_eq!(expr.chain_depth(&target), Some(16));
    assert_eq!("ip6 proto 6".parse::<Expr>().unwrap().chain_depth(&target), None);
    // There is no IPv6, so no packet has headers that are not gone through.
    assert_eq!("ip6 protochain 6".parse::<Expr>().unwrap().chain_depth(&Target::new(LinkType::IPV4)), None);
    assert_eq!("protochain 6".parse::<Expr>().unwrap().chain_depth(&Target::new(LinkType::IPV4)), Some(16));
}

#[test]
fn protochain_is_as_deep_as_there_is_room() {
    let many = |count: u32| {
        let text = (0..count).fold(String::new(), |text, number| format!("{text} or protochain {number}"));
        text[4..].parse::<Expr>().unwrap()
    };
    let target = Target::new(LinkType::RAW);
    assert_eq!(many(12).chain_depth(&target), Some(16));
    let linux = target.clone().dialect(Dialect::Linux);
    assert_eq!(many(4).chain_depth(&linux), Some(16));
    assert_eq!(many(12).chain_depth(&linux), Some(8));
    assert!(matches!(many(20).compile(&linux), Err(ExprError::TooLong { .. })));
    // A depth that is asked for is kept to.
    assert!(many(12).compile(&linux.chain_depth(16)).is_err());
    let endless = |text: &str, link_type| {
        text.parse::<Expr>().unwrap().compile(&Target::new(link_type).accept_nothing().chain_depth(u32::MAX))
    };
    let error = endless("protochain 6", LinkType::RAW).unwrap_err();
    assert!(error.to_string().contains("expected fewer headers"), "{error}");
    assert!(endless("ip6 protochain 6", LinkType::IPV4).is_ok());
}

#[test]
fn names_are_not_looked_up_without_a_resolver() {
    for (text, expected) in [
        ("host gw", "line 1, column 6: expected an address such as 10.0.0.1, found the name `gw`, and names are not"),
        ("net lan", "line 1, column 5: expected a network such as 10.1.0.0/16, found the name `lan`"),
        ("ether src gw", "line 1, column 11: expected a MAC address such as 0:c0:4f:1:2:3, found the name `gw`"),
        ("gateway gw", "expected `gateway` with a name that has MAC and IPv4 addresses, found the name `gw`"),
    ] {
        let message = message(text, LinkType::ETHERNET);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("names are not looked up (a program in Rust can bring a `Resolver`)"), "{message}");
    }
    struct Nobody;
    impl crate::lang::Resolver for Nobody {}
    let error = compile_expression("host gw", &Target::new(LinkType::RAW).resolver(Nobody)).unwrap_err();
    assert!(error.to_string().contains("`gw`, which the resolver does not know"));
}
