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
