//! Tests of the grammar: precedence, inherited qualifiers, printing.

use crate::lang::tests::{compiled, printed};
use crate::lang::{Expr, LinkType, Target, compile_expression};

#[test]
fn and_and_or_have_the_same_precedence() {
    let text = "port 22 or port 80 and host 10.0.0.1";
    assert_eq!(printed(text), "(port 22 or port 80) and host 10.0.0.1");
    assert_eq!(compiled(text), compiled("(port 22 or port 80) and host 10.0.0.1"));
    assert_ne!(compiled(text), compiled("port 22 or (port 80 and host 10.0.0.1)"));
    assert_eq!(printed("not ip and arp"), "not ip and arp");
    assert_eq!(printed("not (ip and arp)"), "not (ip and arp)");
}

#[test]
fn ids_inherit_qualifiers() {
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
fn modulo_and_xor_have_no_precedence() {
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
fn printed_expressions_parse_to_the_same_tree() {
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
