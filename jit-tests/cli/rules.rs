//! Tests of `cbpf rules`, and of the warning about rules that run for every packet.

use serde_json::{Value, json};

use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 7] = [
    ("rules_report", rules_report),
    ("rules_that_are_never_first_are_named", rules_that_are_never_first_are_named),
    ("rules_with_different_actions_are_named", rules_with_different_actions_are_named),
    ("rules_print_json", rules_print_json),
    ("rules_that_are_never_first_cause_a_warning", rules_that_are_never_first_cause_a_warning),
    ("rules_for_another_link_type", rules_for_another_link_type),
    ("rules_that_run_for_every_packet_cause_a_warning", rules_that_run_for_every_packet_cause_a_warning),
];

/// Returns a rule about a sum of too many bytes for the index.
fn sum(name: &str, number: usize) -> String {
    let bytes: Vec<String> = (0..40).map(|place| format!("ether[{place}]")).collect();
    format!("{name}: {} = {number}\n", bytes.join(" + "))
}

fn rules_report(bench: &Bench) -> Outcome {
    let hosts: String = (1..=200).map(|host| format!("h{host}: host 10.0.0.{host}\n")).collect();
    let rules = bench.file("rules", format!("{}{hosts}both: tcp and udp\nrest:\n", sum("sum", 700)))?;
    let output = cbpf(&["rules", "--rules", &rules])?;
    let reason = "run for every packet: 1\n  sum: too few conditions that tables can test\n";
    expect(&output, 0, &["rules for EN10MB: 203\nlooked up: 201, tables: ", reason, "match no packet: 1\n  both\n"])?;
    let contradiction = "line 202: the rule `both` matches no packet";
    expect(&output, 0, &[contradiction])?;
    expect(&cbpf(&["rules", "--rules", &rules, "--deny-warnings"])?, 1, &[contradiction])?;
    expect(
        &cbpf(&["rules", "--rules", &bench.file("wrong", "web: tpc\n")?])?,
        1,
        &["1 rule is invalid", "line 1, column 6"],
    )?;
    expect(&cbpf(&["rules", "--rules", &bench.path("missing").display().to_string()])?, 2, &["cannot read"])
}

fn rules_for_another_link_type(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", "web: tcp port 80\nbeacons: wlan type mgt subtype beacon\n")?;
    expect(&cbpf(&["rules", "--rules", &rules, "--link-type", "IEEE802_11"])?, 0, &["rules for IEEE802_11: 2"])?;
    expect(&cbpf(&["rules", "--rules", &rules])?, 1, &["line 2"])
}

fn rules_that_run_for_every_packet_cause_a_warning(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let out = bench.path("out").display().to_string();
    for (count, has_warning) in [(40, true), (3, false)] {
        let sums: String = (0..count).map(|number| sum(&format!("s{number}"), 700 + number)).collect();
        let rules = bench.file("rules", format!("{sums}arp: arp\n"))?;
        let counted = cbpf(&["count", "-r", &capture, "--rules", &rules])?;
        let split = cbpf(&["split", "-r", &capture, "--rules", &rules, "-o", &out])?;
        for output in [counted, split] {
            expect(&output, 0, &["arp"])?;
            let message = "cbpf: warning: 40 of 41 rules run for every packet of link type EN10MB";
            equal(String::from_utf8_lossy(&output.stderr).contains(message), has_warning)?;
        }
    }
    Ok(())
}

/// A firewall with rules that are never first.
const FIREWALL: &str = "# A firewall
allow-web: tcp dst port 80
deny-low: src net 10.0.0.0/9
allow-high: src net 10.128.0.0/9

deny-dns: src net 10.0.0.0/8 and udp dst port 53
allow-http: dst port 80 and tcp
deny-telnet: tcp dst portrange 20-25
allow-short: ip[2:2] < 100
";

fn rules_that_are_never_first_are_named(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", FIREWALL)?;
    let never = "never first: 2\n  `deny-dns` (line 6): `deny-low` (line 3) and `allow-high` (line 4) together match all \
                 its packets\n  `allow-http` (line 7): `allow-web` (line 2) matches all its packets\n";
    let equal_to = "match the same packets as an earlier rule: 1\n  `allow-http` (line 7): `allow-web` (line 2)\n";
    expect(&cbpf(&["rules", &rules])?, 0, &[never, equal_to, "packets that no rule matches, for example:\n  0000"])?;
    let cut = bench.file("cut", "low: ip[8] < 9\nhigh: ip[8] > 8\nip: ip\n")?;
    expect(&cbpf(&["rules", "--rules", &cut])?, 0, &["never first: 1\n  `ip` (line 3)"])?;
    expect(&cbpf(&["rules", "--rules", &cut, "--truncated"])?, 0, &["never first: 0\n"])?;
    expect(&cbpf(&["rules", &rules, "--packets"])?, 0, &["for these packets: 5\n  `allow-web` (line 2): 0000"])?;
    let all = bench.file("all", "low: ip[8] < 9\nhigh: ip[8] > 7\nothers: not ip\n")?;
    expect(&cbpf(&["rules", &all])?, 0, &["never first: 0\n", "each packet matches a rule\n"])?;
    expect(&cbpf(&["rules"])?, 1, &["FILE"])
}

fn rules_with_different_actions_are_named(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", FIREWALL)?;
    let expected = [
        "have different actions: ",
        "  `allow-web` (line 2) and `deny-low` (line 3) overlap, for example 0000",
        "  `allow-high` (line 4) and `deny-dns` (line 6) overlap, for example 0000",
    ];
    let output = cbpf(&["rules", &rules, "--actions"])?;
    expect(&output, 0, &expected)?;
    equal(String::from_utf8_lossy(&output.stdout).contains("`allow-web` (line 2) and `allow-high`"), false)?;
    let rules = bench.file("exception", "drop.one: src host 10.0.0.1\npass.net: src net 10.0.0.0/8\n")?;
    let exception = "actions: 1\n  `drop.one` (line 1) is an exception from `pass.net` (line 2), for example 0000";
    expect(&cbpf(&["rules", &rules, "--actions=."])?, 0, &[exception])
}

fn rules_print_json(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", FIREWALL)?;
    let output = cbpf(&["rules", &rules, "--json", "--actions", "--packets"])?;
    expect(&output, 0, &[])?;
    let json: Value = serde_json::from_slice(&output.stdout)?;
    let rule = |name: &str, line: u32| json!({ "name": name, "line": line });
    equal(&json["never_first"][0]["by"], &json!([rule("deny-low", 3), rule("allow-high", 4)]))?;
    equal(&json["never_first"][1]["name"], &json!("allow-http"))?;
    equal(&json["equal"][0]["to"], &rule("allow-web", 2))?;
    equal(&json["unknown"], &json!([]))?;
    equal(json["can_be_first"].as_array().map(Vec::len), Some(5))?;
    equal(&json["different_actions"][0]["relation"], &json!("partial"))?;
    equal(json["uncaught"].as_array().is_some_and(|packets| !packets.is_empty()), true)
}

fn rules_that_are_never_first_cause_a_warning(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let rules = bench.file("rules", FIREWALL)?;
    let warning = "cbpf: warning: `deny-dns` (line 6), `allow-http` (line 7) are never first for link type EN10MB";
    expect(&cbpf(&["count", "-r", &capture, "--rules", &rules, "--first"])?, 0, &[warning])?;
    expect(&cbpf(&["count", "-r", &capture, "--rules", &rules, "--first", "--deny-warnings"])?, 1, &["never first"])?;
    let without = cbpf(&["count", "-r", &capture, "--rules", &rules])?;
    equal(String::from_utf8_lossy(&without.stderr).contains("never first"), false)
}
