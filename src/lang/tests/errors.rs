//! Tests of error messages and their positions.

use crate::lang::tests::{link_type, matches, message};
use crate::lang::{Expr, ExprError, LinkType, Target, compile_expression};

#[test]
fn errors_have_a_position_and_a_suggestion() {
    let ethernet = LinkType::ETHERNET;
    assert_eq!(message("tcp port", ethernet), "line 1, column 9: expected a port, found the end");
    assert_eq!(
        message("tcp port htpp", ethernet),
        "line 1, column 10: expected a port, or a service that is known; `htpp` is not; did you mean `http`?"
    );
    assert_eq!(
        message("tcp port 80 and tpc port 81", ethernet),
        "line 1, column 17: expected a keyword, found `tpc`; did you mean `tcp`?"
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

#[test]
fn rejects_numbers_out_of_range() {
    let refused = [
        ("EN10MB", "link proto 1500", "EtherType above 1500 or an LLC address up to 255, found `1500`"),
        ("LINUX_SLL", "link proto 256", "found `256`"),
        ("EN10MB", "decnet host 1", "expected a DECnet address such as 10.15, found `1`"),
        ("EN10MB", "decnet net 10.15", "there are no networks of DECnet"),
        ("BACNET_MS_TP", "ip", "packets do not name their protocol"),
        ("SUNATM", "lane and vpi 3", "expected an ATM test before `lane`"),
    ];
    for (name, text, expected) in refused {
        assert!(message(text, link_type(name)).contains(expected), "{text}: {}", message(text, link_type(name)));
    }
    // PPP has protocols of such numbers, and LLC has addresses below.
    assert!(matches("link proto 1500", LinkType::PPP, &[0xff, 3, 5, 0xdc]));
    assert!(compile_expression("link proto 255", &Target::new(LinkType::ETHERNET)).is_ok());
}

#[test]
fn names_need_a_resolver() {
    for (text, expected) in [
        ("host gw", "line 1, column 6: expected an address such as 10.0.0.1, found the name `gw`, and names are not"),
        ("net lan", "line 1, column 5: expected a network such as 10.1.0.0/16, found the name `lan`"),
        ("ether src gw", "line 1, column 11: expected a MAC address such as 0:c0:4f:1:2:3, found the name `gw`"),
        ("gateway gw", "expected `gateway` with a name that has MAC and IPv4 addresses, found the name `gw`"),
    ] {
        let message = message(text, LinkType::ETHERNET);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("names are not looked up (cbpf --resolve; in Rust, a `Resolver`)"), "{message}");
    }
    struct Nobody;
    impl crate::lang::Resolver for Nobody {}
    let error = compile_expression("host gw", &Target::new(LinkType::RAW).resolver(Nobody)).unwrap_err();
    assert!(error.to_string().contains("`gw`, which the resolver does not know"));
}

#[test]
fn errors_point_at_the_part_that_causes_them() {
    for (name, text, column) in [
        ("EN10MB", "ip6 host 1.2.3.4", 10),
        ("EN10MB", "len > 5 and decnet port (80 or 90)", 13),
        ("EN10MB", "ip or decnet port 80 or 90", 7),
        ("EN10MB", "port 80 or 99999", 12),
        ("EN10MB", "port 80 or (http or 99999)", 21),
        ("EN10MB", "udp port http", 1),
        ("EN10MB", "addr1 port 80", 1),
        ("EN10MB", "ip addr1 host 1.2.3.4", 4),
        ("EN10MB", "net 10.0.0.0/33", 14),
        ("EN10MB", "net 10.0.0.0 mask 255.256.0.0", 19),
        ("EN10MB", "net 10.1.2.3/8", 5),
        ("EN10MB", "host 1.2.3.256", 6),
        ("EN10MB", "host 10.0.0.0/8", 15),
        ("EN10MB", "ip6 net fe80::/129", 16),
        ("EN10MB", "ip proto tpc", 10),
        ("EN10MB", "ether proto 1000", 13),
        ("EN10MB", "host 1:2:3:4:5:6", 6),
        ("EN10MB", "ether[0] << 40 = 1", 13),
        ("EN10MB", "1 < ether[0] << (20 + 20)", 18),
        ("EN10MB", "ip[0] / (1 - 1) = 0", 10),
        ("EN10MB", "tcp[0] = 1 and tcp[2] + aarp[0] = 1", 25),
        ("EN10MB", "byte 3 = 300", 10),
        ("EN10MB", "batadv 16 3", 8),
        ("EN10MB", "batadv 15 300", 11),
        ("EN10MB", "ip and pppoes (70000)", 16),
        ("SUNATM", "vpi (3 or 300)", 11),
        ("MTP2", "sio > 300", 7),
    ] {
        let message = message(text, link_type(name));
        assert!(message.starts_with(&format!("line 1, column {column}: ")), "{text}: {message}");
    }
}
