//! Tests of expressions on the command line and in files.

use std::fs;

use libtest_mimic::Failed;

use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect, raw_capture};

pub const TESTS: [(&str, Test); 12] = [
    ("expressions_match_the_expected_packets", expressions_match_the_expected_packets),
    ("expressions_are_read_from_files", expressions_are_read_from_files),
    ("comments_in_files_are_ignored", comments_in_files_are_ignored),
    ("protochain_depth_is_noted", protochain_depth_is_noted),
    ("expressions_are_compiled_for_each_link_type", expressions_are_compiled_for_each_link_type),
    ("all_subcommands_accept_expressions", all_subcommands_accept_expressions),
    ("expressions_can_load_relative_to_headers", expressions_can_load_relative_to_headers),
    ("large_expressions_switch_engines", large_expressions_switch_engines),
    ("invalid_expressions_are_rejected", invalid_expressions_are_rejected),
    ("contradictions_are_explained", contradictions_are_explained),
    ("tautologies_cause_a_warning", tautologies_cause_a_warning),
    ("compile_prints_forms_of_tcpdump", compile_prints_forms_of_tcpdump),
];

/// Expressions, with the number of packets of the example that each matches.
const MATCHES: [(&str, usize); 16] = [
    ("arp", 5),
    ("ip", 119),
    ("ip6", 70),
    ("tcp", 83),
    ("tcp port 443", 29),
    ("udp port 53", 8),
    ("port 22 or port 80 and host 10.0.0.1", 0),
    ("tcp dst port 80 or 443", 27),
    ("not ip and not ip6", 71),
    ("vlan", 66),
    ("vlan and ip", 30),
    ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", 17),
    ("ether multicast", 43),
    ("len > 500", 29),
    ("portrange 1-1023", 91),
    ("ip[6:2] & 0x1fff != 0", 8),
];

fn expressions_match_the_expected_packets(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    MATCHES.iter().try_for_each(|(expression, count)| {
        expect(&cbpf(&["filter", "-r", &capture, expression])?, 0, &[&format!("260 packets, {count} match")])
    })?;
    expect(&cbpf(&["filter", "-r", &capture, "tcp", "port", "443"])?, 0, &["29 match"])
}

fn expressions_are_read_from_files(bench: &Bench) -> Outcome {
    let file = bench.file("web", "tcp port 80\n  or 443\n")?;
    let (words, read) = (cbpf(&["compile", "tcp port 80 or 443"])?, cbpf(&["compile", "-F", &file])?);
    equal(words.stdout, read.stdout)?;
    expect(&cbpf(&["filter", "-r", &example("mixed.pcap"), "-F", &file])?, 0, &["260 packets"])
}

/// A program of over 4,096 instructions is interpreted until it is compiled; the capture is long enough for the switch.
fn large_expressions_switch_engines(bench: &Bench) -> Outcome {
    let rules = (0..150).map(|number| format!("not (host 10.0.0.{number} and port {})", 400 + number));
    let file = bench.file("large", rules.collect::<Vec<_>>().join(" and "))?;
    let capture = fs::read(example("mixed.pcap"))?;
    let long = bench.file("long.pcap", [&capture[..24], &capture[24..].repeat(400)].concat())?;
    let output = bench.path("out.pcap").display().to_string();
    let kept = |engine: &str| -> Result<Vec<u8>, Failed> {
        expect(
            &cbpf(&["filter", "-r", &long, "-F", &file, "--engine", engine, "-w", &output])?,
            0,
            &["104,000 packets"],
        )?;
        Ok(fs::read(&output)?)
    };
    let (jit, interpreter) = (kept("jit")?, kept("interpreter")?);
    if jit == interpreter { Ok(()) } else { Err("the engines keep different packets".into()) }
}

/// As for `tcpdump -F`, `#` begins a comment anywhere in a line.
fn comments_in_files_are_ignored(bench: &Bench) -> Outcome {
    let text = b"# not tcp \xff\nnot host 10.0.0.9 && # scanners\n#\n# (old)\nnot port 9999#)";
    let file = bench.file("commented", text)?;
    let words = cbpf(&["compile", "not host 10.0.0.9 && not port 9999"])?;
    equal(words.stdout, cbpf(&["compile", "-F", &file])?.stdout)?;
    let capture = example("mixed.pcap");
    expect(&cbpf(&["filter", "-r", &capture, "-F", &file])?, 0, &["260 packets"])?;
    let nothing = bench.file("nothing", "# all of them\n")?;
    expect(&cbpf(&["filter", "-r", &capture, "-F", &nothing])?, 0, &["260 packets, 260 match"])?;
    let marked = bench.file("marked", "\u{feff}not host 10.0.0.9 && not port 9999")?;
    equal(cbpf(&["compile", "-F", &marked])?.stdout, cbpf(&["compile", "-F", &file])?.stdout)?;
    // Positions refer to the file.
    let wrong = bench.file("wrong", "# web\ntcp and # soon: udp\n  tpc port 80")?;
    expect(&cbpf(&["compile", "-F", &wrong])?, 1, &["line 3, column 3", "did you mean `tcp`?"])?;
    expect(&cbpf(&["compile", "ip # words"])?, 1, &["line 1, column 4"])
}

fn protochain_depth_is_noted(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let note = "note: `protochain` follows at most 16 headers";
    expect(&cbpf(&["compile", "ip6 protochain 6"])?, 0, &[note, "--protochain-depth"])?;
    expect(&cbpf(&["filter", "-r", &capture, "ip6 protochain 6"])?, 0, &[note])?;
    let rules = bench.file("chains", "a: ip6 protochain 6\nb: ip protochain 6\n")?;
    let count = cbpf(&["count", "-r", &capture, "--rules", &rules, "--protochain-depth", "3"])?;
    expect(&count, 0, &["note: `protochain` follows at most 3 headers"])?;
    equal(String::from_utf8(count.stderr)?.matches("note:").count(), 1)?;
    let deep = cbpf(&["compile", "--protochain-depth", "8191", "--to", "raw", "ip6 protochain 6"])?;
    // No packet has more headers.
    equal(String::from_utf8(deep.stderr)?.as_str(), "")?;
    expect(&cbpf(&["compile", "--protochain-depth", "8192", "ip6 protochain 6"])?, 1, &["8191"])?;
    let silent = cbpf(&["compile", "ip6 proto 6"])?;
    equal(String::from_utf8(silent.stderr)?.as_str(), "")
}

fn expressions_are_compiled_for_each_link_type(bench: &Bench) -> Outcome {
    let raw = raw_capture(bench)?;
    let output = cbpf(&["filter", "-r", &example("mixed.pcap"), "-r", &raw, "tcp"])?;
    expect(&output, 0, &["261 packets, 84 match"])
}

fn all_subcommands_accept_expressions(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let output = cbpf(&["run", "-r", &capture, "--engine", "both", "arp"])?;
    let verdicts = String::from_utf8(output.stdout)?;
    equal(verdicts.lines().filter(|verdict| *verdict == "262144").count(), 5)?;
    expect(&cbpf(&["show", "--graph", "tcp port 80"])?, 0, &["digraph"])?;
    expect(&cbpf(&["filter", "-r", &capture, "--netmask", "255.0.0.0", "ip", "broadcast"])?, 0, &["260 packets"])?;
    expect(&cbpf(&["verify", "--dialect", "linux", "--link-type", "RAW", "ip6"])?, 0, &["valid: 5 instructions"])?;
    expect(&cbpf(&["trace", "-r", &capture, "--packet", "1", "ip"])?, 0, &["ldh"])?;
    expect(&cbpf(&["explain", "-r", &capture, "--format", "text", "ip"])?, 0, &["260"])?;
    expect(&cbpf(&["bench", "-r", &capture, "--seconds", "0", "ip"])?, 0, &["interpreter"])
}

/// In Linux, a computed offset may be relative to a header, whose position depends on the link type.
fn expressions_can_load_relative_to_headers(_: &Bench) -> Outcome {
    let protocol = "ether[0xfff00009 + (len - len)] = 6";
    for engine in ["jit", "interpreter"] {
        let capture = example("mixed.pcap");
        let output = cbpf(&["filter", "--dialect", "linux", "--engine", engine, "-r", &capture, protocol])?;
        expect(&output, 0, &["260 packets, 71 match"])?;
    }
    Ok(())
}

fn invalid_expressions_are_rejected(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    expect(&cbpf(&["filter", "-r", &capture, "tpc port 80"])?, 1, &["line 1, column 1", "did you mean `tcp`?", "^"])?;
    expect(&cbpf(&["filter", "-r", &capture])?, 0, &["260 match"])?;
    expect(&cbpf(&["verify"])?, 1, &["expected an expression"])?;
    expect(&cbpf(&["filter", "-r", &capture, "wlan type mgt"])?, 1, &["expected another link type"])?;
    expect(&cbpf(&["compile", "ip broadcast"])?, 1, &["netmask"])?;
    expect(
        &cbpf(&["compile", "host gw"])?,
        1,
        &["line 1, column 6", "expected an address", "names are not looked up"],
    )?;
    expect(&cbpf(&["compile", "--link-type", "EN100MB", "ip6"])?, 1, &["unknown link type `EN100MB`"])
}

fn compile_prints_forms_of_tcpdump(_: &Bench) -> Outcome {
    let output = cbpf(&["compile", "--to", "decimal", "--snaplen", "96", "ip6"])?;
    equal(String::from_utf8(output.stdout)?.as_str(), "4\n40 0 0 12\n21 0 1 34525\n6 0 0 96\n6 0 0 0\n")?;
    expect(&cbpf(&["compile", "--linux-socket", "vlan and inbound"])?, 0, &["[vlanp]", "[type]"])?;
    expect(&cbpf(&["compile", "--linux-socket", "ether[-4088:4] = 1"])?, 0, &["[ifidx]"])?;
    expect(&cbpf(&["compile", "--dialect", "linux", "ether[-4076:4] = 7"])?, 0, &["[mark]"])?;
    expect(&cbpf(&["compile", "--netmask", "255.255.255.0", "ip broadcast"])?, 0, &["#0xff"])?;
    expect(&cbpf(&["compile", "--no-optimize", "1 = 1 or ip"])?, 0, &["ret      #262144"])
}

/// Every subcommand that compiles expressions tells which part is to blame.
fn contradictions_are_explained(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let cases = [
        (
            "tcp and udp",
            "line 1, column 9: no packet matches both `tcp` and `udp`\n  |\n1 | tcp and udp\n  |         ^^^",
        ),
        ("port 80 and vlan", "`vlan` moves the headers of what follows; write it first\n  |\n1 | port 80 and vlan\n"),
        (
            "ip and ip[0] > 255",
            "column 8: this comparison never holds\n  |\n1 | ip and ip[0] > 255\n  |        ^^^^^^^^^^^",
        ),
    ];
    for (expression, reason) in cases {
        let whole = format!("`{expression}` matches no packet");
        expect(&cbpf(&["compile", expression])?, 0, &[&whole, reason])?;
        expect(&cbpf(&["compile", "--to", "ebpf", expression])?, 0, &[&whole, reason])?;
        expect(&cbpf(&["filter", "-r", &capture, expression])?, 0, &[&whole, reason])?;
        expect(&cbpf(&["verify", expression])?, 0, &[&whole, reason])?;
        for command in [&["compile"][..], &["filter", "-r", &capture], &["prove", "example", "-e"]] {
            let denied = cbpf(&[command, &[expression, "--deny-warnings"]].concat())?;
            expect(&denied, 1, &[&whole, reason])?;
            equal(denied.stdout.len(), 0)?;
        }
        // A branch of `or` that is dead.
        let part = format!("arp or ({expression})");
        expect(&cbpf(&["compile", &part])?, 0, &[&format!("a part of `{part}` matches no packet")])?;
        let output = cbpf(&["filter", "-r", &capture, &part])?;
        expect(&output, 0, &[&format!("a part of `{part}` matches no packet"), "260 packets, 5 match"])?;
        expect(&cbpf(&["filter", "-r", &capture, "--deny-warnings", &part])?, 1, &["matches no packet"])?;
    }
    let file = bench.file("expression", "ip6 # comment\n and arp\n")?;
    expect(
        &cbpf(&["compile", "-F", &file])?,
        0,
        &["expression matches no packet", "line 2, column 6", "2 |  and arp\n"],
    )?;
    let rules = bench.file("rules", "web: port 80\nno: tcp and udp\n")?;
    let reason = "line 2: the rule `no` matches no packet: no packet matches both `tcp` and `udp`";
    expect(&cbpf(&["rules", "--rules", &rules])?, 0, &[reason])?;
    expect(&cbpf(&["count", "-r", &capture, "--rules", &rules])?, 0, &[reason])
}

fn tautologies_cause_a_warning(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    for (expression, reason) in [
        ("ip or not ip", "every packet matches `ip` or `not ip`"),
        ("len >= 0", "this comparison always holds"),
        ("not (tcp and udp)", "no packet matches both `tcp` and `udp`"),
    ] {
        let whole = format!("`{expression}` matches every packet");
        expect(&cbpf(&["compile", expression])?, 0, &[&whole, reason, "ret      #262144"])?;
        expect(&cbpf(&["filter", "-r", &capture, expression])?, 0, &[&whole, reason, "260 packets, 260 match"])?;
        expect(&cbpf(&["compile", "--deny-warnings", expression])?, 1, &[&whole, reason])?;
        expect(&cbpf(&["filter", "-r", &capture, "--deny-warnings", expression])?, 1, &[&whole, reason])?;
    }
    let part = cbpf(&["filter", "-r", &capture, "arp and len >= 0"])?;
    expect(&part, 0, &["a part of `arp and len >= 0` matches every packet", "260 packets, 5 match"])?;
    // What holds for one link type alone is no mistake where there may be others.
    expect(&cbpf(&["compile", "--link-type", "IPV4", "ip"])?, 0, &["`ip` matches every packet of link type IPV4"])?;
    let raw = raw_capture(bench)?;
    for expression in ["ip or ip6", "ip", ""] {
        expect(&cbpf(&["filter", "-r", &raw, "--deny-warnings", expression])?, 0, &["1 packet, 1 match"])?;
    }
    Ok(())
}
