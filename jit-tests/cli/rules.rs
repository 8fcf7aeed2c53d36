//! Tests of `cbpf rules`, and of the warning about rules that run for every packet.

use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 3] = [
    ("rules_report", rules_report),
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
