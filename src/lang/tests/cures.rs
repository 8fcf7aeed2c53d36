//! Tests of what is suggested instead of invalid expressions.

use core::net::{IpAddr, Ipv4Addr};

use crate::lang::cure::display_samples;
use crate::lang::tests::{link_type, matches};
use crate::lang::{Expr, ExprError, LinkType, Resolver, Target, compile_expression};
use crate::text::ParseError;

/// A column, what people write, and the suggestion, a line.
static CURES: &str = include_str!("cures.txt");

/// Knows every name.
struct Names;

impl Resolver for Names {
    fn host(&self, _: &str) -> Vec<IpAddr> {
        vec![Ipv4Addr::LOCALHOST.into()]
    }
}

#[track_caller]
fn error(text: &str, target: &Target) -> ParseError {
    match compile_expression(text, target) {
        Err(ExprError::Invalid(error)) => error,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn suggests_what_was_meant() {
    let target = Target::new(LinkType::ETHERNET);
    let with_names = target.clone().resolver(Names);
    let lines = CURES.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in lines {
        let parts: Vec<&str> = line.split('\t').collect();
        let [column, text, suggestion] = parts[..] else { panic!("{line}") };
        let error = error(text, &target);
        assert_eq!((error.suggestion(), error.column().to_string().as_str()), (Some(suggestion), column), "{text}");
        let help = error.help().unwrap_or_default();
        assert!(help.ends_with(&format!("`{suggestion}`")), "{text}: {help}");
        assert!(compile_expression(suggestion, &with_names).is_ok(), "{text}: {suggestion}");
        count += 1;
    }
    assert!(count > 200, "{count}");
}

#[test]
fn display_filters_have_translations_that_compile() {
    let mut count = 0;
    for text in display_samples() {
        let target = Target::new(if text.starts_with("wlan.") { LinkType::IEEE802_11 } else { LinkType::ETHERNET });
        // This is a keyword here, too.
        if text.contains("wlan") && !text.contains('.') {
            continue;
        }
        let Err(ExprError::Invalid(error)) = compile_expression(&text, &target) else {
            // Fields such as `tcp` alone are tests of capture filters, too.
            assert!(!text.contains('.'), "{text}");
            continue;
        };
        assert!(error.message().contains("Wireshark display filter"), "{text}: {error}");
        let Some(suggestion) = error.suggestion() else {
            assert!(error.help().is_some_and(|help| help.contains("no equivalent")), "{text}: {error}");
            continue;
        };
        compile_expression(suggestion, &target).unwrap_or_else(|error| panic!("{text}: {suggestion}: {error}"));
        count += 1;
    }
    assert!(count > 500, "{count}");
}

#[test]
fn help_follows_the_place() {
    let error = "tcp.port == 80".parse::<Expr>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the expression is invalid: line 1, column 1: this is a Wireshark display filter; capture filters are another \
         language\n  |\n1 | tcp.port == 80\n  | ^\n  = help: the capture filter is `tcp port 80`"
    );
    // The rest is another error.
    let target = Target::new(LinkType::ETHERNET);
    let found = self::error("port 80,90 and len", &target);
    assert_eq!((found.suggestion(), found.help()), (None, Some("write `port (80 or 90)` instead of `port 80,90`")));
    for text in ["tcp prt 80", "host gw", "what is this", "port 80 and host", "dst port 70000", "len"] {
        assert_eq!(self::error(text, &target).help(), None, "{text}");
    }
}

/// What people write, the column of the misspelt word, and what the message ends with.
#[rustfmt::skip]
static GUESSES: [(&str, usize, &str); 24] = [
    ("tcp prt 80", 5, "found `prt`; did you mean `port`?"),
    ("prot tcp", 1, "before `prot`; did you mean `proto`?"),
    ("prot 6", 1, "before `prot`; did you mean `port` or `proto`?"),
    ("ip prot 6", 4, "found `prot`; did you mean `proto`?"),
    ("ip protcol tcp", 4, "found `protcol`; did you mean `proto`?"),
    ("port htp", 6, "did you mean `http`?"),
    ("scr host 10.0.0.1", 1, "did you mean `src`?"),
    ("src hots 10.0.0.1", 5, "found `hots`; did you mean `host`?"),
    ("udp ort 53", 5, "found `ort`; did you mean `port`?"),
    ("rap", 1, "did you mean `arp`?"),
    ("tcp[tcpflags] & tcp-sny != 0", 17, "found `tcp-sny`; did you mean `tcp-syn`?"),
    ("tcp[tcpflasg] & 2 != 0", 5, "found `tcpflasg`; did you mean `tcpflags`?"),
    ("tcp_syn", 1, "did you mean `tcp-syn`?"),
    ("vlan any", 6, "found `any`"),
    ("len > 100 bytes", 11, "found `bytes`"),
    ("tcp xor udp", 5, "found `xor`"),
    ("tcp.prot == 80", 1, "found `tcp.prot`; did you mean `tcp.port`?"),
    ("tcp.dst == 80", 1, "found `tcp.dst`; did you mean `tcp.dstport`?"),
    ("ip.adr == 10.0.0.1", 1, "found `ip.adr`; did you mean `ip.addr`?"),
    ("ip.dest == 10.0.0.1", 1, "found `ip.dest`; did you mean `ip.dst`?"),
    ("tcp.", 1, "found `tcp.`; did you mean `tcp.port`?"),
    ("ip.addr == 10.0.0.300", 12, "expected an IPv4 address, found `10.0.0.300`: this is a Wireshark display filter"),
    ("tcp.port ==", 12, "expected a port, found the end: this is a Wireshark display filter"),
    ("tcp.port == 80 && udp.port == 99999", 31, "expected a port, found `99999`: this is a Wireshark display filter"),
];

#[test]
fn guesses_fit_into_their_place() {
    let target = Target::new(LinkType::ETHERNET);
    for (text, column, end) in GUESSES {
        let error = error(text, &target);
        assert!(error.column() == column && error.message().ends_with(end), "{text}: {error}");
        assert_eq!(error.suggestion(), None, "{text}");
    }
}

#[test]
fn unclear_texts_have_no_suggestion() {
    let target = Target::new(LinkType::ETHERNET);
    let texts = [
        "host 10.0.0.1 only",
        "net 10.0.0.0 255.0.0",
        "mpls 100,200",
        "len > 100 or 50",
        "not host 10.0.0.1 port 80",
        "tcp and host 10.0.0.1 or host 10.0.0.2 port 80",
        "host 10.0.0.1 port 80 or arp",
        "frame.cap_len > 100",
        "host any",
        "host 10.0.0.1 80",
        "port 80 vlan 5",
        "tcp or udp vlan 5",
        "either host 10.0.0.1",
        "!(ip.addr == 10.0.0.1 && frame contains \"x\")",
    ];
    for text in texts {
        let error = error(text, &target);
        assert_eq!(error.suggestion(), None, "{text}");
        assert!(!error.help().unwrap_or_default().contains('`'), "{text}: {error}");
    }
}

#[test]
fn errors_tell_what_is_missing() {
    let target = Target::new(LinkType::ETHERNET).resolver(Names);
    let found = error("ip6 host gw", &target);
    assert_eq!(found.message(), "expected the name of a host with an IPv6 address; `gw` has none");
    let found = error("ip broadcast", &Target::new(LinkType::ETHERNET));
    assert!(found.message().ends_with("(cbpf --netmask; in Rust, `Target::netmask`)"), "{found}");
}

#[test]
fn display_filters_without_equivalent_for_a_link_type_have_no_suggestion() {
    for (link, text, help) in [
        ("LINUX_SLL", "eth.addr == 00:11:22:33:44:55", "capture filters for link type LINUX_SLL have no equivalent"),
        ("EN10MB", "wlan.fc.type == 0", "a capture filter tests bytes at fixed places, and has no equivalent"),
        ("LINUX_SLL", "vlan.id in {5 6}", "a capture filter tests bytes at fixed places, and has no equivalent"),
        ("RAW", "eth.type == 0x806", "`ether proto 0x806`, which matches no packet of link type RAW"),
    ] {
        let error = error(text, &Target::new(link_type(link)));
        assert_eq!(error.suggestion(), None, "{text}");
        assert!(error.help().is_some_and(|shown| shown.ends_with(help)), "{text}: {error}");
    }
}

#[test]
fn ranges_of_vlans_match_their_packets() {
    let target = Target::new(LinkType::ETHERNET);
    let suggestion = error("vlan 1-5", &target).suggestion().unwrap().to_owned();
    for (tag, is_in) in [(0, false), (1, true), (5, true), (6, false), (0x2003, true), (0x2fff, false)] {
        let mut frame = [0; 60];
        frame[12..14].copy_from_slice(&[0x81, 0]);
        frame[14..16].copy_from_slice(&u16::to_be_bytes(tag));
        assert_eq!(matches(&suggestion, LinkType::ETHERNET, &frame), is_in, "{tag:#x}");
    }
    // The tag is elsewhere.
    for target in [Target::new(link_type("LINUX_SLL")), Target::new(LinkType::ETHERNET).linux_socket()] {
        assert_eq!(error("vlan 1-5", &target).suggestion(), None);
    }
}

#[test]
fn random_words_end_with_an_error_or_a_suggestion_that_compiles() {
    let words = [
        "tcp",
        "port",
        "80",
        "80-90",
        ",",
        "(",
        ")",
        "[",
        "]",
        "and",
        "or",
        "not",
        "!",
        "==",
        "!=",
        "host",
        "10.0.0.1",
        "10.0.0.5/8",
        "vlan",
        "1-5",
        "src",
        "dst",
        "net",
        "mask",
        "255.0.0.0",
        "TCP",
        "tcp.port",
        "http",
        "in",
        "{",
        "}",
        "ip.addr",
        "contains",
        "&",
        "flags",
        "syn",
        "icmp",
        "type",
        "8",
        "=>",
        "2001:db8::1",
        "“",
        "–",
        "a:80",
        "proto",
        "10.0.*",
        "x.pcap",
        "00:11:22:33:44:55",
        "10.0.0.1-9",
        "is",
        "é",
        "..",
        "-",
        "to",
        "ether",
        "\\tcp",
        "$0e",
        ";",
    ];
    let target = Target::new(LinkType::ETHERNET).resolver(Names);
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut suggestions = 0;
    for _ in 0..1000 {
        let spaces = [" ", " ", " ", "", "\n"];
        let text: String = (0..1 + next(7)).map(|_| [words[next(words.len())], spaces[next(5)]].concat()).collect();
        // This is a keyword here, too.
        if text.contains("wlan") && !text.contains('.') {
            continue;
        }
        let Err(ExprError::Invalid(error)) = compile_expression(&text, &target) else { continue };
        let Some(suggestion) = error.suggestion() else { continue };
        compile_expression(suggestion, &target).unwrap_or_else(|error| panic!("{text}: {suggestion}: {error}"));
        suggestions += 1;
    }
    assert!(suggestions > 50, "{suggestions}");
}
