use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::lang::link_type::LinkType;
use crate::lang::meanings::meanings;
use crate::lang::target::Target;

/// Returns the meanings of an optimised expression.
fn of_expression(text: &str, link_type: LinkType) -> Vec<String> {
    let program = crate::lang::compile_expression(text, &Target::new(link_type)).unwrap();
    of(&program.optimize(Dialect::Pcap).unwrap(), Dialect::Pcap, link_type)
}

fn of_text(text: &str, dialect: Dialect, link_type: LinkType) -> Vec<String> {
    of(&text.parse().unwrap(), dialect, link_type)
}

fn of(program: &Program, dialect: Dialect, link_type: LinkType) -> Vec<String> {
    let meanings = meanings(&program.verify(dialect).unwrap(), link_type);
    meanings.into_iter().map(Option::unwrap_or_default).collect()
}

fn assert_contains(meanings: &[String], expected: &[&str]) {
    for line in expected {
        assert!(meanings.iter().any(|meaning| meaning == line), "{line} in {meanings:#?}");
    }
}

#[test]
fn names_fields_of_both_versions_of_ip() {
    let meanings = of_expression("src port 443 and not host 10.0.0.1", LinkType::ETHERNET);
    assert_contains(
        &meanings,
        &[
            "ethertype = IPv6",
            "next header = TCP",
            "ethertype = IPv4",
            "ip protocol = TCP",
            "fragment offset > 0",
            "src port = 443 (https)",
            "src",
            "src = 10.0.0.1",
            "dst = 10.0.0.1",
        ],
    );
    let meanings = of_expression("ip6 host 2001:db8::1 and ip6[7] = 64", LinkType::RAW);
    assert_contains(&meanings, &["ip version = 6", "src bytes 0-3 = 2001:db8", "hop limit = 64"]);
    let meanings = of_expression("tcp[tcpflags] & (tcp-syn|tcp-ack) != 0", LinkType::RAW);
    assert_contains(&meanings, &["ip version = 4", "ip protocol = TCP", "tcp flags with SYN|ACK"]);
}

#[test]
fn names_networks_tags_and_types() {
    let tagged = of_expression("vlan 7 and src net 10.1.0.0/16", LinkType::ETHERNET);
    assert_contains(&tagged, &["ethertype = VLAN", "vlan id = 7", "ethertype = IPv4", "src = 10.1.0.0/16"]);
    let icmp = of_expression("icmp[icmptype] = icmp-echo and greater 100", LinkType::LINUX_SLL);
    assert_contains(&icmp, &["icmp type = 8 (echo)", "length >= 100"]);
    let arp = of_expression("arp host 10.0.0.1 and ether src 02:00:00:00:00:01", LinkType::ETHERNET);
    assert_contains(&arp, &["ethertype = ARP", "arp src = 10.0.0.1", "ether src bytes 2-5 = 00:00:00:01"]);
    assert_contains(&of_expression("ip", LinkType::PPP), &["ppp protocol = IPv4"]);
    assert_contains(&of_expression("ip", LinkType::NULL), &["address family = IPv4"]);
}

#[test]
fn follows_headers_that_linux_finds() {
    let text = "ld proto\n jne #0x800, drop\n ldh [12]\n jne #0x800, drop\n ld [-1048564]\n jeq #0x7f000001, drop\n \
                ret #96\n drop: ret #0";
    let meanings = of_text(text, Dialect::Linux, LinkType::ETHERNET);
    assert_eq!(meanings[1], "ethertype (metadata) = IPv4");
    assert_eq!(meanings[4..7], ["src", "src = 127.0.0.1", "keep 96 bytes of the packet"]);
}

#[test]
fn leaves_out_what_depends_on_unknown_headers() {
    // Either version of IP reaches the load.
    let text = "ldh [12]\n jeq #0x800, on\n jne #0x86dd, drop\n on: ldb [23]\n jeq #6, drop\n ret #1\n drop: ret #0";
    assert_eq!(of_text(text, Dialect::Pcap, LinkType::ETHERNET)[3..5], ["", ""]);
    // Without the test for TCP, these are not ports.
    let text = "ldh [12]\n jne #0x800, drop\n ldxb 4*([14]&0xf)\n ldh [x + 14]\n jeq #80, drop\n ret #1\n drop: ret #0";
    assert_eq!(of_text(text, Dialect::Pcap, LinkType::ETHERNET)[2..5], ["ip header length", "", ""]);
    assert_eq!(of_text("ldh [0]\n ret a", Dialect::Pcap, LinkType::new(147))[0], "");
}

#[test]
fn names_fields_of_either_path() {
    let text = "ldh [12]\n jeq #0x800, ip\n jne #0x806, drop\n ld [28]\n ja host\n ip: ld [26]\n host: jeq #0x0a000001, drop\n \
                jset #0xff, drop\n ret #1\n drop: ret #0";
    let meanings = of_text(text, Dialect::Pcap, LinkType::ETHERNET);
    assert_eq!(meanings[6..8], ["src or arp src = 10.0.0.1", "src or arp src & 0.0.0.255 != 0"]);
}

#[test]
fn describes_merged_loads_and_bits() {
    let text = "ldh [12]\n jne #0x800, drop\n ldb [23]\n jne #6, drop\n ldxb 4*([14]&0xf)\n ld [x + 14]\n \
                jeq #0x01bb0050, drop\n jgt #7, drop\n ldb [x + 26]\n and #0xf0\n rsh #4\n jgt #5, drop\n ret #1\n \
                drop: ret #0";
    let meanings = of_text(text, Dialect::Pcap, LinkType::ETHERNET);
    assert_eq!(meanings[5..8], ["src port, dst port", "src port = 443 (https), dst port = 80 (http)", ""]);
    assert_eq!(meanings[9..12], ["tcp header words", "tcp header words", "tcp header words > 5"]);
    // Bits that the field does not have.
    let text =
        "ldh [12]\n jge #0x10005, drop\n jeq #0x10005, drop\n and #0xfff0\n jge #0x805, drop\n ret #1\n drop: ret #0";
    let meanings = of_text(text, Dialect::Pcap, LinkType::ETHERNET);
    assert_eq!(meanings[1..5], ["", "never", "ethertype & 0xfff0", ""]);
}

#[test]
fn says_nothing_about_system_calls() {
    assert_eq!(of_text("ld [0]\n ret #0", Dialect::Seccomp, LinkType::ETHERNET), ["", ""]);
}

#[test]
fn follows_extension_headers() {
    let tcp = of_expression("tcp", LinkType::ETHERNET);
    assert_eq!(tcp[8..10], ["next header of the extension", "next header of the extension = TCP"]);
    // Behind any number of them, for IPv6 and for the authentication header of IPv4.
    for (text, start) in [("ip6 protochain 6", 4), ("ip protochain 6", 4)] {
        let program = crate::lang::compile_expression(text, &Target::new(LinkType::ETHERNET)).unwrap();
        let meanings = of(&program.optimize(Dialect::Pcap).unwrap(), Dialect::Pcap, LinkType::ETHERNET);
        let steps = program.optimize(Dialect::Pcap).unwrap().verify(Dialect::Pcap).unwrap();
        let lines: Vec<_> = steps.program().to_string().lines().map(String::from).collect();
        let loads =
            lines.iter().zip(&meanings).skip(start).filter(|(line, _)| line.contains("ldb") || line.contains("jeq"));
        assert!(loads.clone().count() > 30 && loads.clone().all(|(_, meaning)| !meaning.is_empty()), "{meanings:#?}");
        assert_contains(&meanings, &["length of the extension in bytes", "start of the next header"]);
    }
    // Another length is not the start of a header.
    let text = "ldh [12]\n jne #0x86dd, drop\n ldb [20]\n jne #60, drop\n ldb [55]\n add #1\n lsh #2\n add #40\n tax\n \
                ldb [x + 14]\n ret a\n drop: ret #0";
    assert_eq!(
        of_text(text, Dialect::Pcap, LinkType::ETHERNET)[4..10],
        ["length of the extension", "", "", "", "", ""]
    );
}

#[test]
fn names_labels_sessions_and_llc() {
    let mpls = of_expression("mpls 100 and mpls 200 and tcp", LinkType::ETHERNET);
    assert_contains(&mpls, &["mpls label = 100", "mpls label = 200", "mpls bottom of stack > 0", "ip version = 4"]);
    assert_contains(&mpls, &["ip protocol = TCP", "ip version = 6", "next header = TCP"]);
    let pppoe = of_expression("pppoes 5 and ip6 and tcp", LinkType::ETHERNET);
    assert_contains(&pppoe, &["pppoe session = 5", "ppp protocol = IPv6", "next header = TCP"]);
    assert_contains(&of_expression("llc", LinkType::ETHERNET), &["llc dsap = 0xff, llc ssap = 0xff"]);
    assert_contains(&of_expression("stp", LinkType::ETHERNET), &["llc dsap = 0x42 (STP)"]);
    assert_contains(&of_expression("vlan and isis", LinkType::ETHERNET), &["osi protocol = 0x83 (IS-IS)"]);
    // Without the test for a length, or for the protocol, these are other bytes.
    let text = "ldb [14]\n jeq #0x42, drop\n ldh [12]\n jne #0x8847, drop\n ldb [18]\n and #0xf0\n jeq #0x40, drop\n \
                ret #1\n drop: ret #0";
    let meanings = of_text(text, Dialect::Pcap, LinkType::ETHERNET);
    assert_eq!((&meanings[0][..], &meanings[1][..], &meanings[6][..]), ("", "", ""));
}

#[test]
fn names_other_bytes_as_the_language_does() {
    assert_contains(&of_expression("sctp[12] = 3", LinkType::RAW), &["sctp[12]", "sctp[12] = 3"]);
    assert_contains(&of_expression("udp[10:2] & 0xff0 = 0x120", LinkType::ETHERNET), &["udp[10:2] & 0xff0 = 0x120"]);
    assert_contains(&of_expression("udp[10] & 4 != 0", LinkType::ETHERNET), &["udp[10] & 0x4 != 0"]);
    assert_contains(&of_expression("ip[21] = 1", LinkType::ETHERNET), &["ip[21] = 1"]);
    assert_contains(
        &of_expression("tcp[12] = 0x50", LinkType::ETHERNET),
        &["tcp header words = 5, tcp reserved bits = 0x0"],
    );
    assert_contains(
        &of_expression("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", LinkType::ETHERNET),
        &["tcp flags & SYN|ACK = SYN"],
    );
}

#[test]
fn knows_what_all_packets_have_behind_joins() {
    let meanings = of_expression("vlan 5 and tcp or udp port 53", LinkType::ETHERNET);
    assert_contains(&meanings, &["vlan id = 5"]);
    let text = "ldh [12]\n jne #0x8847, on\n ldb [16]\n jset #1, on\n ret #0\n on: ldh [12]\n jne #0x800, drop\n ldb [23]\n \
                ret a\n drop: ret #0";
    let meanings = of_text(text, Dialect::Pcap, LinkType::ETHERNET);
    assert_eq!(meanings[5..8], ["ethertype", "ethertype = IPv4", "ip protocol"]);
}
