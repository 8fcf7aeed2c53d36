//! Counting in capture time, tables in other forms, and rules in arguments.

use std::fs;

use serde_json::Value;

use crate::cli::rotation::capture_at;
use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 8] = [
    ("intervals_are_rows_of_capture_time", intervals_are_rows_of_capture_time),
    ("intervals_need_no_order", intervals_need_no_order),
    ("long_gaps_are_not_printed", long_gaps_are_not_printed),
    ("too_many_intervals_are_an_error", too_many_intervals_are_an_error),
    ("tables_are_comma_separated", tables_are_comma_separated),
    ("top_rules_are_printed", top_rules_are_printed),
    ("rules_stand_in_arguments", rules_stand_in_arguments),
    ("errors_point_into_arguments", errors_point_into_arguments),
];

const RULES: [&str; 4] = ["-e", "arp=arp", "-e", "few=ether[17] < 3"];

/// Counts the packets of a capture by [`RULES`], and returns standard output.
fn count(capture: &str, options: &[&str], words: &[&str]) -> Result<String, libtest_mimic::Failed> {
    let output = cbpf(&[&["count", "-r", capture], &RULES[..], options].concat())?;
    expect(&output, 0, words)?;
    Ok(String::from_utf8(output.stdout)?)
}

fn intervals_are_rows_of_capture_time(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&[0, 999, 1000, 3999, 4000]))?;
    let text = count(&capture, &["--by", "1s"], &["5 packets, 4 match"])?;
    let expected = "\
time                  arp  few  (no rule)  (all)
2024-05-01T10:00:00Z    1    2          0      2
2024-05-01T10:00:01Z    0    1          0      1
2024-05-01T10:00:02Z    0    0          0      0
2024-05-01T10:00:03Z    1    0          0      1
2024-05-01T10:00:04Z    0    0          1      1
";
    equal(text.as_str(), expected)?;
    let text = count(&capture, &["--by", "2s", "--csv", "--bytes"], &["5 packets"])?;
    let expected = "\
time,arp,few,(no rule),(all)
2024-05-01T10:00:00Z,100,300,0,300
2024-05-01T10:00:02Z,100,0,0,100
2024-05-01T10:00:04Z,0,0,100,100
";
    equal(text.as_str(), expected)?;
    // The total is a line on standard error.
    let text = count(&capture, &["--by", "500ms", "--json"], &["{\"bytes\":500,\"kept_bytes\":400"])?;
    let rows = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    equal(rows.len(), 9)?;
    let row = |place: usize| (rows[place]["time"].as_str(), rows[place]["rules"][1]["packets"].as_u64());
    equal(row(1), (Some("2024-05-01T10:00:00.500Z"), Some(1)))?;
    equal((row(8).0, rows[8]["unmatched"]["packets"].as_u64()), (Some("2024-05-01T10:00:04.000Z"), Some(1)))?;
    // The table is printed again and again, and at the end.
    let text = count(&capture, &["--by", "1h", "--csv", "--interval", "0"], &[])?;
    equal(text.ends_with("\n2024-05-01T10:00:00Z,2,3,1,5\n") && text.matches("time").count() > 1, true)
}

/// Packets are counted in their intervals, whatever their order.
fn intervals_need_no_order(bench: &Bench) -> Outcome {
    let ordered: Vec<u32> = (0..3000).map(|number| number * 10).collect();
    // 1009 is prime, so all packets occur.
    let shuffled: Vec<u32> = (0..3000).map(|number| ordered[number * 1009 % 3000]).collect();
    let rules = bench.file("rules", "all:\nsmall: less 50\n")?;
    let table = |times: &[u32]| -> Result<String, libtest_mimic::Failed> {
        let capture = bench.file("in.pcap", capture_at(times))?;
        let output = cbpf(&["count", "-r", &capture, "--rules", &rules, "--by", "100ms"])?;
        expect(&output, 0, &["3,000 packets, 3,000 match"])?;
        Ok(String::from_utf8(output.stdout)?)
    };
    let expected = table(&ordered)?;
    equal((expected.lines().count(), table(&shuffled)? == expected), (301, true))
}

fn long_gaps_are_not_printed(bench: &Bench) -> Outcome {
    let days = 20 * 86_400 * 1000;
    let capture = bench.file("in.pcap", capture_at(&[0, 1_001_000, days, 2 * days]))?;
    let text = count(&capture, &["--by", "1s"], &[])?;
    equal(text.lines().count(), 1 + 1 + 1000 + 1 + 1 + 1 + 1 + 1)?;
    equal(text.contains("\n... 1,726,998 intervals without packets\n2024-05-21T10:00:00Z"), true)?;
    let note = "note: 3,454,997 intervals without packets in long gaps are left out";
    let text = count(&capture, &["--by", "1s", "--csv"], &[note])?;
    equal((text.lines().count(), text.contains("...")), (1 + 1 + 1000 + 1 + 1 + 1, false))?;
    // All of the gaps would be too many lines.
    let times: Vec<u32> = (0..200).map(|number| number * 900_000).collect();
    let capture = bench.file("in.pcap", capture_at(&times))?;
    equal(count(&capture, &["--by", "1s"], &[])?.lines().count() < 101_000, true)
}

/// A damaged or hostile file may have a packet in each of millions of intervals.
fn too_many_intervals_are_an_error(bench: &Bench) -> Outcome {
    let mut capture = capture_at(&[]);
    for number in 0..1_500_000_u32 {
        capture.extend([number * 2, 0, 1, 1].map(u32::to_le_bytes).as_flattened());
        capture.push(0);
    }
    let capture = bench.file("in.pcap", capture)?;
    let arguments = ["count", "-r", &capture, "-e", "all=", "--by", "1s"];
    expect(&cbpf(&arguments)?, 1, &["1,398,102 intervals fill the memory", "a longer --by"])?;
    let output = cbpf(&[&arguments[..6], &["1h"]].concat())?;
    expect(&output, 0, &["1,500,000 packets"])
}

fn tables_are_comma_separated(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&[0, 1, 2, 3, 4]))?;
    let expected =
        "rule,packets,bytes,wire_bytes\narp,2,200,200\nfew,3,300,300\n(no rule),1,100,100\n(all),5,500,500\n";
    equal(count(&capture, &["--csv"], &["5 packets"])?.as_str(), expected)?;
    let output = cbpf(&["count", "-r", &capture, "-e", "a=ip", "--csv", "--json"])?;
    expect(&output, 1, &["cannot be used with"])
}

fn top_rules_are_printed(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&[0, 1, 1002, 1003, 1004]))?;
    let rules = ["none=less 1", "arp=arp", "few=ether[17] < 3", "two=ether[17] < 2", "all="];
    let rules: Vec<&str> = rules.iter().flat_map(|rule| ["-e", rule]).collect();
    let count = |options: &[&str]| -> Result<String, libtest_mimic::Failed> {
        let output = cbpf(&[&["count", "-r", &capture][..], &rules, options].concat())?;
        expect(&output, 0, &[])?;
        Ok(String::from_utf8(output.stdout)?)
    };
    // `arp` and `two` have as many packets.
    let expected = "\
rule,packets,bytes,wire_bytes
all,5,500,500
few,3,300,300
arp,2,200,200
(others),2,200,200
(no rule),0,0,0
(all),5,500,500
";
    equal(count(&["--csv", "--top", "3"])?.as_str(), expected)?;
    let expected = "\
time,all,few,(others),(no rule),(all)
2024-05-01T10:00:00Z,2,2,3,0,2
2024-05-01T10:00:01Z,3,1,1,0,3
";
    equal(count(&["--csv", "--top", "2", "--by", "1"])?.as_str(), expected)?;
    equal(count(&["--top", "5"])?.contains("(others)"), false)?;
    let json: Value = serde_json::from_str(&count(&["--top", "1", "--json"])?)?;
    equal((json["rules"].as_array().map(Vec::len), json["others"]["packets"].as_u64()), (Some(1), Some(7)))
}

/// Rules in arguments follow those of the file.
fn rules_stand_in_arguments(bench: &Bench) -> Outcome {
    let (mixed, rules) = (example("mixed.pcap"), bench.file("rules", "dns: udp port 53 # comment\n")?);
    let out = bench.path("out").display().to_string();
    let arguments = ["split", "-r", &mixed, "--rules", &rules, "-e", "arp = arp", "-e", "rest=", "--first", "-o", &out];
    expect(&cbpf(&arguments)?, 0, &["dns", "arp                     5", "rest", "260 packets, 260 match"])?;
    let kept = bench.path("kept").display().to_string();
    expect(&cbpf(&["filter", "-r", &mixed, "-w", &kept, "arp"])?, 0, &["5 match"])?;
    equal(fs::read(bench.path("out/arp.pcap"))? == fs::read(&kept)?, true)?;
    let output = cbpf(&["rules", &rules, "-e", "few=udp port 53 and len < 90"])?;
    expect(&output, 0, &["`few` (-e): `dns` (line 1) matches all its packets"])?;
    let output = cbpf(&["rules", "-e", "few=udp port 53", "--json"])?;
    expect(&output, 0, &["\"rules\":1"])?;
    expect(&cbpf(&["count", "-r", &mixed])?, 1, &["expected rules: --rules FILE, or -e NAME=EXPRESSION"])?;
    expect(&cbpf(&["rules"])?, 1, &["expected rules"])
}

fn errors_point_into_arguments(bench: &Bench) -> Outcome {
    let (mixed, rules) = (example("mixed.pcap"), bench.file("rules", "dns: upd port 53\n")?);
    let invalid = ["-e", "web=tpc port 80", "-e", "DNS=ip", "-e", "no sign", "-e", "a/b=ip", "-e", ""];
    let words = [
        "rules and -e: 6 rules are invalid",
        "rules: line 1, column 6: expected a qualifier",
        "-e: line 1, column 5: expected a qualifier",
        "1 | web=tpc port 80\n  |     ^",
        "-e: line 1, column 1: expected another name: line 1 has this one",
        "-e: line 1, column 8: expected `=` after the name",
        "-e: line 1, column 2: expected `=`; a name consists of",
        "-e: line 1, column 1: expected `=` after the name",
    ];
    let output = cbpf(&[&["count", "-r", &mixed, "--rules", &rules], &invalid[..]].concat())?;
    expect(&output, 1, &words)?;
    let output = cbpf(&["count", "-r", &mixed, "-e", "web=ip", "-e", "Web=ip6"])?;
    expect(&output, 1, &["-e: 1 rule is invalid", "another -e has this one"])?;
    let output = cbpf(&["count", "-r", &mixed, "-e", "web=ip\n  and tpc\n"])?;
    expect(&output, 1, &["-e: line 2, column 7", "2 |   and tpc\n  |       ^"])?;
    let output = cbpf(&["count", "-r", &mixed, "-e", "never=ip and arp"])?;
    expect(&output, 0, &["warning: -e: the rule `never` matches no packet"])
}
