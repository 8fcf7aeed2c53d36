//! Tests of `cbpf split` and `cbpf count`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cbpf::text::Form;
use cbpf::{LinkType, Target, compile_expression};
use libtest_mimic::Failed;
use serde_json::Value;

use crate::cli::{Bench, Outcome, Test, cbpf, command, equal, example, expect, raw_capture};

pub const TESTS: [(&str, Test); 13] = [
    ("split_writes_the_captures_of_filter", split_writes_the_captures_of_filter),
    ("split_first_gives_packets_to_one_rule", split_first_gives_packets_to_one_rule),
    ("split_compiles_rules_for_each_link_type", split_compiles_rules_for_each_link_type),
    ("split_exceeds_the_limit_of_open_files", split_exceeds_the_limit_of_open_files),
    ("split_reads_damaged_captures", split_reads_damaged_captures),
    ("split_replaces_captures_and_keeps_other_files", split_replaces_captures_and_keeps_other_files),
    ("failed_split_leaves_no_files", failed_split_leaves_no_files),
    ("all_invalid_rules_are_reported", all_invalid_rules_are_reported),
    ("unreadable_rules_are_reported", unreadable_rules_are_reported),
    ("rules_are_compiled_for_late_link_types", rules_are_compiled_for_late_link_types),
    ("count_prints_a_table", count_prints_a_table),
    ("count_prints_json", count_prints_json),
    ("count_accepts_a_closed_pipe", count_accepts_a_closed_pipe),
];

/// The name of a rule, and its expression.
type NamedExpression = (&'static str, &'static str);

/// Rules that have the same meaning for all link types.
const LENGTHS: [NamedExpression; 4] =
    [("all", ""), ("long", "greater 500"), ("short", "less 100"), ("none", "greater 70000")];

const PROTOCOLS: [NamedExpression; 6] = [
    ("web", "tcp port 80 or 443"),
    ("dns", "udp port 53"),
    ("arp", "arp"),
    ("v6", "ip6"),
    ("rest", ""),
    ("no.1", "len = 1"),
];

/// The length of the header of a pcap file, in bytes.
const HEADER: usize = 24;

fn rules(bench: &Bench, rules: &[NamedExpression]) -> Result<String, Failed> {
    let lines = rules.iter().map(|(name, expression)| format!("{name}: {expression}\n"));
    bench.file("rules", lines.collect::<String>())
}

/// Splits captures into the folder `out`, and returns its path.
fn split(bench: &Bench, captures: &[&str], options: &[&str], code: i32) -> Result<std::path::PathBuf, Failed> {
    let (out, rules) = (bench.path("out"), bench.path("rules").display().to_string());
    let inputs: Vec<&str> = captures.iter().flat_map(|capture| ["-r", *capture]).collect();
    let folder = out.display().to_string();
    let arguments = [&["split"], &inputs[..], &["--rules", &rules, "-o", &folder], options].concat();
    expect(&cbpf(&arguments)?, code, &[])?;
    Ok(out)
}

/// Returns the sorted names of the files in a folder.
fn names(folder: &Path) -> Result<Vec<String>, Failed> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = entries.collect::<Result<Vec<_>, Failed>>()?;
    names.sort();
    Ok(names)
}

/// Returns the number of packets in a capture.
fn packets(capture: &Path) -> Result<usize, Failed> {
    let verdicts = cbpf(&["run", "-p", &example("arp.asm"), "-r", &capture.display().to_string()])?.stdout;
    Ok(verdicts.iter().filter(|&&byte| byte == b'\n').count())
}

fn json(bytes: &[u8]) -> Result<Value, Failed> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Returns a pcapng file with two link types.
fn pcapng_capture(bench: &Bench) -> Result<String, Failed> {
    let (all, both) = (bench.file("all.asm", "ret #-1")?, bench.path("both.pcapng").display().to_string());
    let raw = raw_capture(bench)?;
    expect(&cbpf(&["filter", "-p", &all, "-r", &example("mixed.pcap"), "-r", &raw, "-w", &both])?, 0, &["261 match"])?;
    Ok(both)
}

fn split_writes_the_captures_of_filter(bench: &Bench) -> Outcome {
    let mixed = example("mixed.pcap");
    let empty = bench.file("empty.pcap", &fs::read(&mixed)?[..HEADER])?;
    let both = pcapng_capture(bench)?;
    let cases: [(&[&str], &[NamedExpression], &str); 5] = [
        (&[&mixed], &PROTOCOLS, "pcap"),
        (&[&mixed, &mixed], &PROTOCOLS, "pcap"),
        (&[&empty], &PROTOCOLS, "pcap"),
        (&[&both], &LENGTHS, "pcapng"),
        (&[&mixed, &both, &empty], &LENGTHS, "pcapng"),
    ];
    for (captures, expressions, extension) in cases {
        rules(bench, expressions)?;
        let out = split(bench, captures, &[], 0)?;
        equal(names(&out)?.len(), expressions.len())?;
        for (name, expression) in expressions {
            let program = compile_expression(expression, &Target::new(LinkType::ETHERNET))?;
            let program = bench.file("program", program.print(Form::Decimal))?;
            let kept = bench.path("kept").display().to_string();
            let inputs = captures.iter().flat_map(|capture| ["-r", *capture]);
            let options = ["filter", "--dialect", "pcap", "-p", &program, "-w", &kept];
            expect(&cbpf(&options.into_iter().chain(inputs).collect::<Vec<_>>())?, 0, &[])?;
            let ours = fs::read(out.join(format!("{name}.{extension}")))?;
            equal((name, ours == fs::read(&kept)?), (name, true))?;
        }
        fs::remove_dir_all(out)?;
    }
    Ok(())
}

fn split_first_gives_packets_to_one_rule(bench: &Bench) -> Outcome {
    rules(bench, &PROTOCOLS)?;
    let mixed = example("mixed.pcap");
    let out = split(bench, &[&mixed], &["--first"], 0)?;
    let mut count = 0;
    for (name, _) in PROTOCOLS {
        count += packets(&out.join(format!("{name}.pcap")))?;
    }
    equal(count, 260)?;
    equal(packets(&out.join("v6.pcap"))?, 56)?;
    let out = split(bench, &[&mixed], &[], 0)?;
    equal((packets(&out.join("v6.pcap"))?, packets(&out.join("rest.pcap"))?), (70, 260))
}

fn split_compiles_rules_for_each_link_type(bench: &Bench) -> Outcome {
    rules(bench, &[("tcp", "tcp"), ("never", "tcp and udp")])?;
    let (raw, both) = (raw_capture(bench)?, pcapng_capture(bench)?);
    let mixed = example("mixed.pcap");
    for captures in [&[mixed.as_str(), &raw][..], &[&both]] {
        for options in [&[][..], &["--first"]] {
            let out = split(bench, captures, options, 0)?;
            equal(packets(&out.join("tcp.pcapng"))?, 84)?;
            equal(packets(&out.join("never.pcapng"))?, 0)?;
        }
    }
    Ok(())
}

fn split_exceeds_the_limit_of_open_files(bench: &Bench) -> Outcome {
    let lines: String = (0..300).map(|number| format!("r{number}: greater {number}\n")).collect();
    let (rules, out) = (bench.file("rules", lines)?, bench.path("out"));
    let script = "ulimit -n 32; exec \"$0\" split -r \"$1\" --rules \"$2\" -o \"$3\"";
    let arguments = ["-c", script, env!("CARGO_BIN_EXE_cbpf"), &example("mixed.pcap"), &rules];
    expect(&Command::new("sh").args(arguments).arg(&out).stdin(Stdio::null()).output()?, 0, &["260 packets"])?;
    equal(names(&out)?.len(), 300)?;
    equal((packets(&out.join("r0.pcap"))?, packets(&out.join("r299.pcap"))? < 260), (260, true))
}

fn split_reads_damaged_captures(bench: &Bench) -> Outcome {
    let rules = rules(bench, &[("arp", "arp"), ("all", "")])?;
    let cut = bench.file("cut.pcap", &fs::read(example("mixed.pcap"))?[..30_000])?;
    let out = split(bench, &[&cut], &[], 2)?;
    equal((packets(&out.join("arp.pcap"))?, packets(&out.join("all.pcap"))?), (2, 179))?;
    expect(&cbpf(&["count", "-r", &cut, "--rules", &rules])?, 2, &["179 packets", "byte 29949", "cut.pcap"])
}

fn split_replaces_captures_and_keeps_other_files(bench: &Bench) -> Outcome {
    rules(bench, &[("arp", "arp"), ("none", "len = 1")])?;
    fs::create_dir(bench.path("out"))?;
    bench.file("out/none.pcap", "of last week")?;
    bench.file("out/other", "stays")?;
    let mixed = bench.file("out/arp.pcap", fs::read(example("mixed.pcap"))?)?;
    let out = split(bench, &[&mixed], &[], 0)?;
    equal(names(&out)?, ["arp.pcap", "none.pcap", "other"].map(str::to_owned).to_vec())?;
    equal(packets(&out.join("arp.pcap"))?, 5)?;
    equal(fs::metadata(out.join("none.pcap"))?.len(), HEADER as u64)
}

fn failed_split_leaves_no_files(bench: &Bench) -> Outcome {
    let rules = rules(bench, &[("arp", "arp"), ("web", "tcp port 443")])?;
    let split = |folder: &str, word: &str| {
        let folder = bench.path(folder).display().to_string();
        expect(&cbpf(&["split", "-r", &example("mixed.pcap"), "--rules", &rules, "-o", &folder])?, 1, &[word])
    };
    split("no/such/folder", "cannot create")?;
    split("rules", "cannot create")?;
    fs::create_dir_all(bench.path("taken/web.pcap"))?;
    split("taken", "web.pcap")?;
    equal(names(&bench.path("taken"))?, vec!["web.pcap".to_owned()])?;
    if Path::new("/dev/full").exists() {
        fs::create_dir(bench.path("full"))?;
        std::os::unix::fs::symlink("/dev/full", bench.path("full/web.pcap"))?;
        split("full", "cannot write")?;
        equal(names(&bench.path("full"))?, vec!["web.pcap".to_owned()])?;
    }
    Ok(())
}

fn all_invalid_rules_are_reported(bench: &Bench) -> Outcome {
    let rules = bench
        .file("rules", "web: tpc port 80\n\nok: ip\nOK: ip6\na/b: ip\nwifi: ip or wlan type mgt\nno colon # x\n")?;
    let folder = bench.path("out").display().to_string();
    let words = [
        "5 rules are invalid".to_owned(),
        "rules: line 1, column 6: expected a qualifier".to_owned(),
        "1 | web: tpc port 80\n  |      ^".to_owned(),
        "rules: line 4, column 1: expected another name: line 3 has this one".to_owned(),
        "rules: line 5, column 2: expected `:`".to_owned(),
        "6 | wifi: ip or wlan type mgt\n  |             ^".to_owned(),
        "rules: line 7, column 9: expected `:`".to_owned(),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let capture = example("mixed.pcap");
    expect(&cbpf(&["split", "-r", &capture, "--rules", &rules, "-o", &folder])?, 1, &words)?;
    expect(&cbpf(&["count", "-r", &capture, "--rules", &rules])?, 1, &words)?;
    equal(Path::new(&folder).exists(), false)
}

fn unreadable_rules_are_reported(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let count = |rules: &str| cbpf(&["count", "-r", &capture, "--rules", rules]);
    expect(&count(&bench.path("missing").display().to_string())?, 2, &["cannot read", "missing"])?;
    expect(&count(&bench.file("blank", "# nothing\n\n")?)?, 1, &["there are no rules"])?;
    expect(&count(&bench.file("bytes", [0xff, 0xfe])?)?, 1, &["expected rules, as UTF-8 text"])?;
    expect(&cbpf(&["count", "-r", "-", "--rules", "-"])?, 1, &["standard input can be read only once"])?;
    let rules = rules(bench, &LENGTHS)?;
    expect(&cbpf(&["count", "-r", "missing.pcap", "--rules", &rules])?, 2, &["cannot open missing.pcap"])
}

/// Rules are compiled when the first packet of a link type arrives. They match nothing on link types for which they are
/// invalid.
fn rules_are_compiled_for_late_link_types(bench: &Bench) -> Outcome {
    rules(bench, &[("ok", "ip"), ("ether", "ether[0] & 1 = 0"), ("mac", "ether host 2:0:0:0:0:1"), ("tag", "vlan 7")])?;
    let both = pcapng_capture(bench)?;
    let out = split(bench, &[&both], &[], 0)?;
    equal((packets(&out.join("ok.pcapng"))?, packets(&out.join("ether.pcapng"))? > 200), (120, true))?;
    let rules = bench.path("rules").display().to_string();
    let words = [
        "both.pcapng: interface 0 (RAW): 2 rules match no packet there",
        "`mac` (line 3): expected another link type: there are no MAC addresses with RAW",
        "`tag` (line 4)",
    ];
    let output = cbpf(&["count", "-r", &both, "--rules", &rules])?;
    expect(&output, 0, &words)?;
    equal(String::from_utf8_lossy(&output.stderr).matches("warning").count(), 1)?;
    expect(&cbpf(&["count", "-r", &both, "--rules", &rules, "--deny-warnings"])?, 1, &words)
}

fn count_prints_a_table(bench: &Bench) -> Outcome {
    let rules = rules(bench, &[("arp", "arp"), ("long-name", "ip6")])?;
    let output = cbpf(&["count", "-r", &example("mixed.pcap"), "--rules", &rules])?;
    expect(&output, 0, &["260 packets, 75 match"])?;
    let table = String::from_utf8(output.stdout)?;
    let columns: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split("  ").map(str::trim).collect()).collect();
    let row = |place: usize| columns[place].iter().copied().filter(|column| !column.is_empty()).collect::<Vec<_>>();
    equal(row(0), vec!["arp", "5", "210", "210"])?;
    equal(row(1), vec!["long-name", "70", "19,541", "19,541"])?;
    equal(row(2)[..2].to_vec(), vec!["(no rule)", "185"])?;
    equal(row(3), vec!["(all)", "260", "60,212", "60,212"])
}

fn count_prints_json(bench: &Bench) -> Outcome {
    let rules = rules(bench, &PROTOCOLS[..4])?;
    let arguments = ["count", "-r", &example("mixed.pcap"), "--rules", &rules, "--json"];
    let output = cbpf(&[&arguments[..], &["--first"]].concat())?;
    equal(output.stderr.len(), 0)?;
    let counted = json(&output.stdout)?;
    equal(counted["rules"][3]["name"].as_str(), Some("v6"))?;
    let packets = counted["rules"].as_array().ok_or("no rules")?.iter().map(|rule| rule["packets"].as_u64());
    equal(packets.collect::<Vec<_>>(), [53, 8, 5, 56].map(Some).to_vec())?;
    equal((counted["packets"].as_u64(), counted["unmatched"]["packets"].as_u64()), (Some(260), Some(138)))?;

    // A line for every batch of packets, and one at the end; counts only grow.
    let output = cbpf(&[&arguments[..], &["--interval", "0"]].concat())?;
    let lines = output.stdout.trim_ascii_end().split(|&byte| byte == b'\n').map(json).collect::<Result<Vec<_>, _>>()?;
    let packets: Vec<_> = lines.iter().filter_map(|line| line["packets"].as_u64()).collect();
    equal((packets.len() > 1, packets.is_sorted(), packets.last()), (true, true, Some(&260)))?;
    expect(&cbpf(&[&arguments[..], &["--interval", "soon"]].concat())?, 1, &["a number of seconds"])
}

fn count_accepts_a_closed_pipe(bench: &Bench) -> Outcome {
    let rules = rules(bench, &PROTOCOLS)?;
    let mut child = command(&["count", "-r", &example("mixed.pcap"), "--rules", &rules]).spawn()?;
    drop(child.stdout.take());
    expect(&child.wait_with_output()?, 0, &[])
}
