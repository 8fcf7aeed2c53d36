//! `cbpf trace` and `cbpf explain`, as users run them.

use std::fs;

use crate::cli::{Bench, Outcome, Test, cbpf, command, equal, example, expect};

pub const TESTS: [(&str, Test); 8] = [
    ("trace_prints_a_table", trace_prints_a_table),
    ("trace_prints_json", trace_prints_json),
    ("trace_of_no_packet", trace_of_no_packet),
    ("explain_in_each_format", explain_in_each_format),
    ("explain_escapes_for_xml", explain_escapes_for_xml),
    ("explain_long_programs", explain_long_programs),
    ("explain_what_is_there", explain_what_is_there),
    ("debugger_into_closed_pipes", debugger_into_closed_pipes),
];

/// The length of a pcap file's header, in bytes.
const HEADER: usize = 24;

fn trace_prints_a_table(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let output = cbpf(&["trace", "-p", &example("arp.asm"), "-r", &capture, "--packet", "1"])?;
    expect(&output, 0, &["(000) ldh      [12]", "[12..14] 86 dd", "-> 3", "(003) ret      #0", "\nverdict 0\n"])?;

    let program = bench.file("far.asm", "ld #5\n st M[2]\n ldh [3000]\n ret #-1")?;
    let output = cbpf(&["trace", "-p", &program, "-r", &capture, "--packet", "260"])?;
    expect(&output, 0, &["M[2] = 0x5", "verdict 0, out of bounds: 2 bytes at offset 3000"])?;
    // Captures are counted on, as in `cbpf run`, and so are the numbers that a seed gives.
    let program = bench.file("random.asm", "ld rand\n ret a")?;
    let run = cbpf(&["run", "-p", &program, "-r", &capture, &capture, "--seed", "7"])?;
    let verdict = String::from_utf8_lossy(&run.stdout).lines().nth(299).unwrap_or("").to_owned();
    let trace = cbpf(&["trace", "-p", &program, "-r", &capture, &capture, "--seed", "7", "--packet", "300"])?;
    expect(&trace, 0, &[&format!("\nverdict {verdict}\n")])
}

fn trace_prints_json(bench: &Bench) -> Outcome {
    let program = bench.file("load.asm", "ldb [12]\n st M[3]\n div x\n ret a")?;
    let output = cbpf(&["trace", "--json", "-p", &program, "-r", &example("mixed.pcap"), "--packet", "1"])?;
    expect(&output, 0, &[])?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    equal(json["executed"].as_array().map(Vec::len), Some(3))?;
    equal(json["executed"][0]["read"].to_string(), r#"{"bytes":[134],"offset":12}"#.to_owned())?;
    equal(json["executed"][1]["stored"]["value"].as_u64(), Some(134))?;
    equal(json["executed"][1]["next"].as_u64(), Some(2))?;
    equal((json["end"]["reason"].as_str(), json["verdict"].as_u64()), (Some("division-by-zero"), Some(0)))
}

fn trace_of_no_packet(bench: &Bench) -> Outcome {
    let whole = fs::read(example("mixed.pcap"))?;
    let (cut, empty) = (bench.file("cut.pcap", &whole[..30_000])?, bench.file("empty.pcap", &whole[..HEADER])?);
    let trace = |capture: &str, packet| cbpf(&["trace", "-p", &example("arp.asm"), "-r", capture, "--packet", packet]);
    expect(&trace(&example("mixed.pcap"), "261")?, 1, &["there is no packet 261; the captures hold 260"])?;
    expect(&trace(&empty, "1")?, 1, &["there is no packet 1; the captures hold 0"])?;
    expect(&trace(&cut, "179")?, 0, &["verdict 0"])?;
    expect(&trace(&cut, "180")?, 2, &["byte 29949", "there is no packet 180; the captures hold 179"])?;
    expect(&trace(&cut, "0")?, 1, &["--packet"])?;
    expect(&trace(&bench.path("missing.pcap").display().to_string(), "1")?, 2, &["cannot open"])
}

fn explain_in_each_format(bench: &Bench) -> Outcome {
    let out = bench.path("graph.svg").display().to_string();
    let arguments = ["explain", "-p", &example("arp.asm"), "-r", &example("mixed.pcap")];
    expect(&cbpf(&[&arguments[..], &["-o", &out]].concat())?, 0, &[])?;
    let picture = fs::read_to_string(&out)?;
    equal(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), true)?;
    equal(picture.contains("260 packets, 5 kept; 4 instructions in 3 blocks"), true)?;
    // The title, and a tooltip for each of three blocks and two edges.
    equal(picture.matches("<title>").count(), 6)?;

    let dot = cbpf(&[&arguments[..], &["--format", "dot"]].concat())?;
    expect(&dot, 0, &["digraph program {", "b0 -> b1 [label=\"true 5\"", "b0 -> b2 [label=\"false 255\""])?;
    let text = cbpf(&[&arguments[..], &["--format", "text"]].concat())?;
    expect(&text, 0, &["  true  -> (002)                           5    1.9 %", "    (000) ldh [12]"])
}

fn explain_escapes_for_xml(bench: &Bench) -> Outcome {
    let program = bench.file("shift.asm", "ldxb 4*([14]&0xf)\n ret a")?;
    let picture = cbpf(&["explain", "-p", &program, "-r", &example("mixed.pcap")])?;
    expect(&picture, 0, &["4*([14]&amp;0xf)"])?;
    equal(String::from_utf8_lossy(&picture.stdout).contains("]&0"), false)
}

fn explain_long_programs(bench: &Bench) -> Outcome {
    let straight = bench.file("straight.asm", format!("{}ret a", "add #1\n".repeat(4095)))?;
    let branching = bench.file("tests.asm", tests(4000) + "ret #1")?;
    for (program, words) in [(straight, "... 4073 more"), (branching, "4,001 instructions in 4,001 blocks")] {
        for format in ["svg", "dot", "text"] {
            let out = bench.path(format).display().to_string();
            let capture = example("mixed.pcap");
            expect(&cbpf(&["explain", "-p", &program, "-r", &capture, "-o", &out, "--format", format])?, 0, &[])?;
        }
        equal(fs::read_to_string(bench.path("svg"))?.contains(words), true)?;
    }
    let huge = bench.file("huge.asm", tests(140_000) + "ret #1")?;
    let arguments = ["explain", "--dialect", "pcap", "-p", &huge, "-r", &example("mixed.pcap")];
    expect(&cbpf(&arguments)?, 1, &["too large for a picture", "`--format text`"])
}

/// Returns tests that each lead to the next instruction or to the one after it.
fn tests(count: usize) -> String {
    (0..count)
        .map(|number| format!("l{number}: jgt #{number}, l{}, l{}\n", number + 1, (number + 2).min(count)))
        .collect::<String>()
        + &format!("l{count}: ")
}

fn explain_what_is_there(bench: &Bench) -> Outcome {
    let whole = fs::read(example("mixed.pcap"))?;
    let (cut, empty) = (bench.file("cut.pcap", &whole[..30_000])?, bench.file("empty.pcap", &whole[..HEADER])?);
    let out = bench.path("graph.svg");
    let explain = |program: &str, capture: &str| {
        cbpf(&["explain", "-p", program, "-r", capture, "-o", &out.display().to_string()])
    };
    expect(&explain(&example("arp.asm"), &empty)?, 0, &[])?;
    equal(fs::read_to_string(&out)?.contains("0 packets, 0 kept"), true)?;
    expect(&explain(&example("arp.asm"), &cut)?, 2, &["byte 29949"])?;
    equal(fs::read_to_string(&out)?.contains("179 packets, 2 kept"), true)?;
    let invalid = bench.file("invalid.asm", "ldh [12]")?;
    expect(&explain(&invalid, &cut)?, 1, &["invalid.asm", "not a return"])?;
    equal(fs::read_to_string(&out)?.contains("179 packets, 2 kept"), true)?;
    let nowhere = bench.path("missing/graph.svg").display().to_string();
    expect(&cbpf(&["explain", "-p", &example("arp.asm"), "-r", &cut, "-o", &nowhere])?, 1, &["cannot create"])
}

fn debugger_into_closed_pipes(_: &Bench) -> Outcome {
    let shared = ["-p", &example("arp.asm"), "-r", &example("mixed.pcap")];
    for arguments in [&["trace", "--packet", "1"][..], &["trace", "--packet", "1", "--json"], &["explain"]] {
        let mut child = command(&[arguments, &shared].concat()).spawn()?;
        drop(child.stdout.take());
        expect(&child.wait_with_output()?, 0, &[])?;
    }
    Ok(())
}
