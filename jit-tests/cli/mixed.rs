//! Captures of several link types, and expressions that match nothing on some or all of them.

use std::fs;

use libtest_mimic::Failed;

use crate::cli::capture_files::Order;
use crate::cli::{Bench, Outcome, Test, cbpf, cbpf_with_input, equal, example, expect};

pub const TESTS: [(&str, Test); 14] = [
    ("mixed_link_types_have_a_program_each", mixed_link_types_have_a_program_each),
    ("mixed_trace_and_explain", mixed_trace_and_explain),
    ("mixed_bench", mixed_bench),
    ("mixed_link_type_that_matches_nothing", mixed_link_type_that_matches_nothing),
    ("mixed_link_type_without_a_program", mixed_link_type_without_a_program),
    ("mixed_error_only_if_nothing_has_a_program", mixed_error_only_if_nothing_has_a_program),
    ("mixed_files_with_one_that_cannot_match", mixed_files_with_one_that_cannot_match),
    ("mixed_one_warning_for_each_interface", mixed_one_warning_for_each_interface),
    ("mixed_many_link_types_without_a_name", mixed_many_link_types_without_a_name),
    ("mixed_empty_captures", mixed_empty_captures),
    ("mixed_streams", mixed_streams),
    ("mixed_rules", mixed_rules),
    ("contradictions_compile_with_a_warning", contradictions_compile_with_a_warning),
    ("contradictions_are_reported_once", contradictions_are_reported_once),
];

const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const SLL: u16 = 113;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
/// A link type whose network header is not located.
const PKTAP: u16 = 258;

/// Returns an IPv4 packet of TCP to this port.
fn tcp(port: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend([4, 0, 0, port, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    packet
}

/// Returns the packet after an Ethernet header.
fn ethernet(port: u8) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..], &tcp(port)].concat()
}

/// Returns the packet after a header of a Linux cooked capture.
fn cooked(port: u8) -> Vec<u8> {
    [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, 8, 0][..], &tcp(port)].concat()
}

/// Returns an IPv6 packet without a next header.
fn ipv6() -> Vec<u8> {
    [&[0x60, 0, 0, 0, 0, 0, 59, 64][..], &[0; 32]].concat()
}

/// Returns a pcapng file of these interfaces and packets.
fn pcapng(interfaces: &[u16], packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let order = Order::LITTLE;
    let mut file = order.section(&[]);
    interfaces.iter().for_each(|&link_type| file.extend(order.interface(link_type, &[])));
    packets.iter().for_each(|(interface, data)| file.extend(order.packet(*interface, 0, data, &[])));
    file
}

/// Returns a pcap file of these packets.
fn pcap(link_type: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Order::LITTLE.pcap(65_535, link_type.into());
    packets.iter().for_each(|data| file.extend(Order::LITTLE.record(0, 0, data.len(), data)));
    file
}

/// Returns a capture of Ethernet and Linux cooked packets, one of each to port 80.
fn of_two(bench: &Bench) -> Result<String, Failed> {
    let packets = [(0, ethernet(80)), (1, cooked(80)), (1, cooked(81)), (0, ethernet(81))];
    bench.file("two.pcapng", pcapng(&[ETHERNET, SLL], &packets))
}

fn warnings(stderr: &[u8]) -> usize {
    String::from_utf8_lossy(stderr).matches("cbpf: warning: ").count()
}

fn mixed_link_types_have_a_program_each(bench: &Bench) -> Outcome {
    let two = of_two(bench)?;
    for engine in ["jit", "interpreter", "both"] {
        let output = cbpf(&["run", "-r", &two, "--engine", engine, "tcp port 80"])?;
        equal(String::from_utf8_lossy(&output.stdout).as_ref(), "262144\n262144\n0\n0\n")?;
        equal(warnings(&output.stderr), 0)?;
    }
    expect(&cbpf(&["filter", "-r", &two, "tcp port 80"])?, 0, &["4 packets, 2 match"])?;
    // `--link-type` applies to all packets.
    let output = cbpf(&["run", "-r", &two, "--link-type", "LINUX_SLL", "tcp port 80"])?;
    equal(String::from_utf8_lossy(&output.stdout).as_ref(), "0\n262144\n0\n0\n")
}

fn mixed_trace_and_explain(bench: &Bench) -> Outcome {
    let two = of_two(bench)?;
    let trace = |packet| cbpf(&["trace", "-r", &two, "--packet", packet, "tcp port 80"]);
    expect(&trace("1")?, 0, &["ldh      [12]", "verdict 262144"])?;
    expect(&trace("2")?, 0, &["ldh      [14]", "verdict 262144"])?;
    expect(&trace("3")?, 0, &["ldh      [14]", "verdict 0"])?;
    let explain =
        |format, words: &[&str]| expect(&cbpf(&["explain", "-r", &two, "--format", format, "tcp port 80"])?, 0, words);
    explain("text", &["EN10MB: 2 packets, 1 kept", "LINUX_SLL: 2 packets, 1 kept"])?;
    explain("dot", &["subgraph cluster_1", "EN10MB: 2 packets", "LINUX_SLL: 2 packets", "f1b0 -> f1b1"])?;
    explain("svg", &["EN10MB: 2 packets", "LINUX_SLL: 2 packets"])?;
    // A program from a file is drawn once.
    let output = cbpf(&["explain", "-p", &example("arp.asm"), "-r", &two, "--format", "text"])?;
    expect(&output, 0, &["4 packets, 0 kept"])
}

fn mixed_bench(bench: &Bench) -> Outcome {
    let two = of_two(bench)?;
    let arguments = ["bench", "-r", &two, "--seconds", "0", "tcp port 80"];
    let words = ["EN10MB: Nanoseconds", "LINUX_SLL: Nanoseconds", "2 of 2 packets"];
    expect(&cbpf(&arguments)?, 0, &words)?;
    let output = cbpf(&[&arguments[..], &["--json"]].concat())?;
    equal(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), 2)?;
    expect(&output, 0, &["\"link_type\":\"EN10MB\"", "\"link_type\":\"LINUX_SLL\""])
}

fn mixed_link_type_that_matches_nothing(bench: &Bench) -> Outcome {
    let both = bench.file("both.pcapng", pcapng(&[IPV4, IPV6], &[(1, ipv6()), (0, tcp(80)), (1, ipv6())]))?;
    let kept = bench.path("kept.pcapng").display().to_string();
    let output = cbpf(&["filter", "-r", &both, "not ip6", "-w", &kept])?;
    expect(&output, 0, &["both.pcapng: interface 1 (IPV6): `not ip6` matches no packet there", "3 packets, 1 match"])?;
    equal(warnings(&output.stderr), 1)?;
    expect(&cbpf(&["filter", "-r", &kept, ""])?, 0, &["1 packet, 1 match"])?;
    let output = cbpf(&["run", "-r", &both, "not ip6"])?;
    equal(String::from_utf8_lossy(&output.stdout).as_ref(), "0\n262144\n0\n")?;
    equal(warnings(&output.stderr), 1)?;
    // A link type of which no packet matches has a program, too.
    expect(&cbpf(&["trace", "-r", &both, "--packet", "1", "not ip6"])?, 0, &["ret      #0", "verdict 0"])?;
    fs::remove_file(&kept)?;
    let denied = cbpf(&["filter", "-r", &both, "not ip6", "-w", &kept, "--deny-warnings"])?;
    expect(&denied, 1, &["interface 1 (IPV6)"])?;
    equal(fs::exists(&kept)?, false)
}

fn mixed_link_type_without_a_program(bench: &Bench) -> Outcome {
    let mac = "ether dst 2:0:0:0:0:1";
    let file =
        bench.file("mac.pcapng", pcapng(&[RAW, ETHERNET, PKTAP], &[(0, tcp(80)), (1, ethernet(80)), (2, tcp(80))]))?;
    let words = [
        "interface 0 (RAW): `ether dst 2:0:0:0:0:1` matches no packet there: expected another link type",
        "interface 2 (PKTAP): `ether dst 2:0:0:0:0:1` matches no packet there: expected another link type",
    ];
    let output = cbpf(&["filter", "-r", &file, mac])?;
    expect(&output, 0, &[&words[..], &["3 packets, 1 match"]].concat())?;
    equal(warnings(&output.stderr), 2)?;
    let output = cbpf(&["run", "-r", &file, mac])?;
    expect(&output, 0, &words)?;
    equal(String::from_utf8_lossy(&output.stdout).as_ref(), "0\n262144\n0\n")?;
    expect(
        &cbpf(&["trace", "-r", &file, "--packet", "1", mac])?,
        1,
        &["interface 0 (RAW)", "no program for the link type"],
    )?;
    expect(&cbpf(&["trace", "-r", &file, "--packet", "2", mac])?, 0, &["verdict 262144"])?;
    expect(&cbpf(&["explain", "-r", &file, "--format", "text", mac])?, 0, &["1 packet, 1 kept", words[0], words[1]])?;
    expect(&cbpf(&["bench", "-r", &file, "--seconds", "0", mac])?, 0, &["1 of 1 packets", words[0], words[1]])
}

fn mixed_error_only_if_nothing_has_a_program(bench: &Bench) -> Outcome {
    let mac = "ether dst 2:0:0:0:0:1";
    let ng = bench.file("raw.pcapng", pcapng(&[RAW, IPV4], &[(0, tcp(80)), (1, tcp(80))]))?;
    let raw = bench.file("raw.pcap", pcap(RAW, &[tcp(80)]))?;
    let kept = bench.path("kept").display().to_string();
    for subcommand in [&["filter", "-w", &kept][..], &["run"], &["explain"], &["bench"]] {
        let of_ng = cbpf(&[subcommand, &["-r", &ng, mac]].concat())?;
        expect(&of_ng, 1, &["interface 1 (IPV4)", "has no meaning for any of the link types that occur: RAW, IPV4"])?;
        // All link types are known before packets are read, so the error has a location.
        let of_raw = cbpf(&[subcommand, &["-r", &raw, mac]].concat())?;
        expect(&of_raw, 1, &["line 1, column 1: expected another link type"])?;
        equal(warnings(&of_raw.stderr), 0)?;
    }
    equal(fs::exists(&kept)?, false)?;
    // An expression that is invalid for all link types is an error at once.
    let output = cbpf(&["filter", "-r", &ng, "host no.such.name"])?;
    expect(&output, 1, &["line 1, column 6", "found the name `no.such.name`"])?;
    equal(warnings(&output.stderr), 0)
}

fn mixed_files_with_one_that_cannot_match(bench: &Bench) -> Outcome {
    let good = bench.file("good.pcap", pcap(ETHERNET, &[ethernet(80)]))?;
    let rules = bench.file("rules", "web: tcp port 80\nmac: ether host 2:0:0:0:0:1\n")?;
    for (name, content) in
        [("odd.pcap", pcap(PKTAP, &[tcp(80), tcp(80)])), ("odd.pcapng", pcapng(&[PKTAP], &[(0, tcp(80))]))]
    {
        let odd = bench.file(name, content)?;
        for order in [["-r", &good, "-r", &odd], ["-r", &odd, "-r", &good]] {
            let warning = format!("{name}: interface 0 (PKTAP): ");
            let output = cbpf(&[&["filter", "tcp port 80"][..], &order].concat())?;
            expect(&output, 0, &[" 1 match", &warning])?;
            equal(warnings(&output.stderr), 1)?;
            let output = cbpf(&[&["count", "--rules", &rules][..], &order].concat())?;
            expect(&output, 0, &[" 1 match", &warning, "2 rules match no packet there"])?;
            equal(warnings(&output.stderr), 1)?;
            let out = bench.path(&format!("out-{name}")).display().to_string();
            expect(&cbpf(&[&["split", "--rules", &rules, "-o", &out][..], &order].concat())?, 0, &[" 1 match"])?;
        }
    }
    Ok(())
}

fn mixed_one_warning_for_each_interface(bench: &Bench) -> Outcome {
    let packets: Vec<_> = (0..400).map(|number| (number % 3, ipv6())).collect();
    let [a, b] = ["a.pcapng", "b.pcapng"].map(|name| bench.file(name, pcapng(&[IPV6, RAW, IPV6], &packets)));
    let output = cbpf(&["filter", "-r", &a?, "-r", &b?, "ip"])?;
    let words =
        ["a.pcapng: interface 0 (IPV6)", "a.pcapng: interface 2", "b.pcapng: interface 0", "b.pcapng: interface 2"];
    expect(&output, 0, &words)?;
    equal(warnings(&output.stderr), 4)
}

/// Unnamed link types share a program, and warnings name only a few interfaces.
fn mixed_many_link_types_without_a_name(bench: &Bench) -> Outcome {
    let link_types: Vec<u16> = (1000..=u16::MAX).collect();
    let packets: Vec<_> = (0..link_types.len() as u32).map(|interface| (interface, vec![7])).collect();
    let many = bench.file("many.pcapng", pcapng(&link_types, &packets))?;
    let output = cbpf(&["filter", "-r", &many, "link[0] = 7 and len = 1"])?;
    expect(&output, 0, &["64,536 packets, 64,536 match"])?;
    equal(warnings(&output.stderr), 0)?;
    let rules = bench.file(
        "rules",
        "web: tcp port 80
seven: link[0] = 7
",
    )?;
    let warned = [
        "many.pcapng: interface 0 (1000): ",
        "interface 31 (1031): ",
        "packets do not name their protocol with an unknown one",
        "many.pcapng: and so on for more interfaces",
    ];
    // The expression is valid for the other input, the rule for none.
    let other = bench.file("other.pcap", pcap(RAW, &[tcp(80)]))?;
    let run = cbpf(&["run", "-r", &many, "-r", &other, "tcp"])?;
    let count = cbpf(&["count", "-r", &many, "--rules", &rules])?;
    for (output, exit_code) in [(run, 0), (count, 1)] {
        expect(&output, exit_code, &warned)?;
        equal(warnings(&output.stderr), 33)?;
    }
    Ok(())
}

/// An empty capture has the link type of its header, or of its interfaces.
fn mixed_empty_captures(bench: &Bench) -> Outcome {
    let mac = "ether dst 2:0:0:0:0:1";
    let rules = bench.file("rules", format!("mac: {mac}\n"))?;
    let empty = |name: &str, content| bench.file(name, content);
    for ethernet in [empty("e.pcap", pcap(ETHERNET, &[]))?, empty("e.pcapng", pcapng(&[ETHERNET], &[]))?] {
        for subcommand in ["filter", "run"] {
            expect(&cbpf(&[subcommand, "-r", &ethernet, mac])?, 0, &[])?;
        }
        expect(&cbpf(&["count", "-r", &ethernet, "--rules", &rules])?, 0, &["0 packets"])?;
        expect(&cbpf(&["explain", "--format", "text", "-r", &ethernet, mac])?, 0, &["0 packets, 0 kept"])?;
        expect(&cbpf(&["trace", "-r", &ethernet, "--packet", "1", mac])?, 1, &["there is no packet 1"])?;
        expect(&cbpf(&["bench", "-r", &ethernet, mac])?, 2, &["no packets"])?;
    }
    for raw in [empty("r.pcap", pcap(RAW, &[]))?, empty("r.pcapng", pcapng(&[RAW], &[]))?] {
        for subcommand in ["filter", "run", "explain"] {
            expect(&cbpf(&[subcommand, "-r", &raw, mac])?, 1, &["RAW"])?;
        }
        expect(&cbpf(&["count", "-r", &raw, "--rules", &rules])?, 1, &["1 rule is invalid", "RAW"])?;
        // One input for which the expression is valid is enough, even without packets.
        let ethernet = bench.path("e.pcap").display().to_string();
        expect(&cbpf(&["filter", "-r", &raw, "-r", &ethernet, mac])?, 0, &["0 packets"])?;
    }
    let none = bench.file("none.pcapng", pcapng(&[], &[]))?;
    expect(&cbpf(&["filter", "-r", &none, mac])?, 0, &["0 packets"])?;
    expect(&cbpf(&["explain", "-r", &none, mac])?, 1, &["expected --link-type"])
}

fn mixed_streams(bench: &Bench) -> Outcome {
    let mac = "ether dst 2:0:0:0:0:1";
    let late = pcapng(&[RAW, ETHERNET], &[(0, tcp(80)), (1, ethernet(80))]);
    let output = cbpf_with_input(&["run", "-r", "-", mac], &late)?;
    expect(&output, 0, &["standard input: interface 0 (RAW): "])?;
    equal(String::from_utf8_lossy(&output.stdout).as_ref(), "0\n262144\n")?;
    let never = pcapng(&[RAW], &[(0, tcp(80))]);
    expect(&cbpf_with_input(&["filter", "-r", "-", mac], &never)?, 1, &["has no meaning for any", "RAW"])?;
    expect(
        &cbpf_with_input(&["filter", "-r", "-", mac], &pcapng(&[RAW], &[]))?,
        1,
        &["has no meaning for any", "RAW"],
    )?;
    expect(&cbpf_with_input(&["filter", "-r", "-", mac], &pcap(RAW, &[tcp(80)]))?, 1, &["line 1, column 1"])?;
    let explained = cbpf_with_input(&["explain", "--format", "text", "-r", "-", "arp"], &pcapng(&[SLL], &[]))?;
    expect(&explained, 0, &["0 packets, 0 kept", "ldh [14]"])?;
    // The packets of the other rules are written.
    let (rules, out) = (bench.file("rules", format!("mac: {mac}\nweb: tcp port 80\n"))?, bench.path("out"));
    let folder = out.display().to_string();
    let output = cbpf_with_input(&["split", "-r", "-", "--rules", &rules, "-o", &folder], &never)?;
    expect(&output, 1, &["1 rule is invalid", "line 1, column 6", "1 match"])?;
    expect(&cbpf(&["filter", "-r", &out.join("web.pcapng").display().to_string(), "tcp"])?, 0, &["1 match"])?;
    // An expression from a stream is read once.
    let expression = bench.file("expression", "tcp port 80")?;
    let two = of_two(bench)?;
    expect(&cbpf_with_input(&["filter", "-r", &two, "-F", "-"], &fs::read(expression)?)?, 0, &["4 packets, 2 match"])
}

fn mixed_rules(bench: &Bench) -> Outcome {
    let both = bench.file("both.pcapng", pcapng(&[IPV4, IPV6], &[(0, tcp(80)), (1, ipv6())]))?;
    let rules = bench.file("rules", "four: ip\nno: ip and ip6\nsix: ip6\nnot-six: not ip6\n")?;
    let output = cbpf(&["count", "-r", &both, "--rules", &rules, "--json"])?;
    let words = [
        "rules: line 2: the rule `no` matches no packet",
        "interface 0 (IPV4): 1 rule matches no packet there",
        "`six` (line 3)",
        "interface 1 (IPV6): 2 rules match no packet there",
        "`four` (line 1)",
        "`not-six` (line 4)",
    ];
    expect(&output, 0, &words)?;
    equal(warnings(&output.stderr), 3)?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let counts: Vec<_> = (0..4).map(|place| json["rules"][place]["packets"].as_u64()).collect();
    equal(counts, [1, 0, 1, 1].map(Some).to_vec())?;
    // All invalid rules are reported, including those that are invalid for all inputs.
    let wrong = bench.file("wrong", "a: tpc\nb: ip\nc: wlan type mgt\nd: ether host 1:2:3:4:5:6\n")?;
    let raw = bench.file("raw.pcap", pcap(RAW, &[tcp(80)]))?;
    let output = cbpf(&["count", "-r", &raw, "--rules", &wrong])?;
    expect(&output, 1, &["3 rules are invalid", "line 1, column 4", "line 3", "line 4, column 4"])?;
    // A pcapng file may have other link types.
    expect(&cbpf(&["count", "-r", &both, "--rules", &wrong])?, 1, &["1 rule is invalid", "line 1, column 4"])
}

const CONTRADICTIONS: [&str; 8] = [
    "tcp and udp",
    "ip and ip6",
    "ip6 and udp[10] & 1 != 0",
    "less 10 and greater 20",
    "1 = 2",
    "host 1.2.3.4 and not host 1.2.3.4",
    "port 80 and not port 80",
    "not (ip or not ip)",
];

fn contradictions_compile_with_a_warning(bench: &Bench) -> Outcome {
    for expression in CONTRADICTIONS {
        for link_type in ["EN10MB", "RAW", "IPV4", "LINUX_SLL", "IEEE802_11_RADIOTAP", "NULL"] {
            let compile =
                |options: &[&str]| cbpf(&[&["compile", "--link-type", link_type, expression], options].concat());
            let output = compile(&[])?;
            equal(String::from_utf8_lossy(&output.stdout).as_ref(), "(000) ret      #0\n")?;
            expect(&output, 0, &[&format!("`{expression}` matches no packet")])?;
            equal(warnings(&output.stderr), 1)?;
            let output = compile(&["--no-optimize"])?;
            expect(&output, 0, &["matches no packet", "ret      #0"])?;
            let output = compile(&["--deny-warnings"])?;
            expect(&output, 1, &["matches no packet"])?;
            equal(output.stdout.len(), 0)?;
        }
        expect(&cbpf(&["verify", expression])?, 0, &["valid", "matches no packet"])?;
        expect(&cbpf(&["verify", "--deny-warnings", expression])?, 1, &["matches no packet"])?;
    }
    for (link_type, expression) in [("EN10MB", "port 80 and vlan"), ("IPV4", "ip6"), ("IPV6", "not ip6")] {
        expect(&cbpf(&["compile", "--link-type", link_type, expression])?, 0, &["ret      #0", "matches no packet"])?;
    }
    for expression in ["vlan 5 and not vlan", "tcp or udp", "less 20 and greater 20", ""] {
        equal(warnings(&cbpf(&["compile", "--deny-warnings", expression])?.stderr), 0)?;
    }
    // Invalid expressions are errors.
    expect(&cbpf(&["compile", "--link-type", "RAW", "ether src 1:2:3:4:5:6 and 1 = 2"])?, 1, &["another link type"])?;
    expect(&cbpf(&["compile", "vlan 5000"])?, 1, &["number up to 4095"])?;
    // A program is checked like an expression, except for seccomp, whose verdicts differ.
    let never = bench
        .file("never.asm", "ldb [9]\njeq #6, next, drop\nnext: jeq #17, keep, drop\nkeep: ret #1\ndrop: ret #0")?;
    expect(&cbpf(&["verify", "-p", &never])?, 0, &["never.asm matches no packet"])?;
    let kill = bench.file("kill.asm", "ret #0")?;
    equal(warnings(&cbpf(&["verify", "-p", &kill, "--dialect", "seccomp"])?.stderr), 0)
}

fn contradictions_are_reported_once(bench: &Bench) -> Outcome {
    let (two, mixed) = (of_two(bench)?, example("mixed.pcap"));
    let (rules, out) = (bench.file("rules", "web: tcp port 80\n\nno: tcp and udp\n")?, bench.path("out"));
    let folder = out.display().to_string();
    let inputs = ["-r", &two, "-r", &mixed];
    let commands: [(&[&str], &str); 4] = [
        (&["filter", "tcp and udp"], "`tcp and udp` matches no packet"),
        (&["run", "tcp and udp"], "`tcp and udp` matches no packet"),
        (&["count", "--rules", &rules], "rules: line 3: the rule `no` matches no packet"),
        (&["split", "--rules", &rules, "-o", &folder], "rules: line 3: the rule `no` matches no packet"),
    ];
    for (command, warning) in commands {
        let arguments = [command, &inputs].concat();
        let denied = cbpf(&[&arguments[..], &["--deny-warnings"]].concat())?;
        expect(&denied, 1, &[warning])?;
        equal((warnings(&denied.stderr), out.exists()), (0, false))?;
        let output = cbpf(&arguments)?;
        expect(&output, 0, &[warning])?;
        equal(warnings(&output.stderr), 1)?;
    }
    let file = bench.file("expression", "tcp and udp")?;
    expect(&cbpf(&["filter", "-r", &mixed, "-F", &file])?, 0, &["expression matches no packet", "260 packets, 0 match"])
}
