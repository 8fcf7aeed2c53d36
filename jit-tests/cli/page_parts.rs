//! `cbpf explain` without captures, the formats of its outputs, and what the page says about what it leaves out.

use std::fs;

use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 6] = [
    ("explain_without_captures", explain_without_captures),
    ("explain_takes_the_format_from_the_extension", explain_takes_the_format_from_the_extension),
    ("page_gives_reasons", page_gives_reasons),
    ("page_counts_what_it_leaves_out", page_counts_what_it_leaves_out),
    ("page_keeps_the_words_of_the_source", page_keeps_the_words_of_the_source),
    ("picture_explains_stops", picture_explains_stops),
];

fn contains(text: &str, present: &[&str], absent: &[&str]) -> Outcome {
    present.iter().try_for_each(|&words| equal((words, text.contains(words)), (words, true)))?;
    absent.iter().try_for_each(|&words| equal((words, text.contains(words)), (words, false)))
}

fn explain_without_captures(bench: &Bench) -> Outcome {
    let shown = |arguments: &[&str]| {
        let output = cbpf(&[&["explain"], arguments].concat())?;
        expect(&output, 0, &[])?;
        Ok::<String, libtest_mimic::Failed>(String::from_utf8(output.stdout)?)
    };
    let listing = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix('('));
        lines
            .map(|line| line.split(" ; ").next().unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    // The program is that of `cbpf compile`, for the same link type.
    for link_type in [&[][..], &["--link-type", "RAW"]] {
        let text = shown(&[link_type, &["--format", "text", "tcp port 443"]].concat())?;
        let compiled = cbpf(&[&["compile"], link_type, &["tcp port 443"]].concat())?;
        equal(listing(&text), listing(&String::from_utf8(compiled.stdout)?))?;
        contains(&text, &["instructions in ", "true  -> ("], &["packets", "%"])?;
    }
    for (format, kind) in [("svg", "<svg "), ("dot", "digraph"), ("html", "<!DOCTYPE html>")] {
        let text = shown(&["--format", format, "tcp port 443"])?;
        contains(&text, &[kind, "src port = 443 (https)"], &["0 packets", "0.0 %", " kept<", ">stopped"])?;
    }
    let html = shown(&["--format", "html", "tcp port 443"])?;
    contains(&html, &["Ethernet (EN10MB)</h2>", "20 instructions in 11 blocks"], &["class=player", "Follow packet"])?;
    let program = example("arp.asm");
    contains(
        &shown(&["-p", &program, "--format", "html"])?,
        &["The program in", "4 instructions in 3 blocks"],
        &["kept"],
    )?;
    let file = bench.file("e.expr", "host 10.0.0.1 # one\n or host 10.0.0.2")?;
    contains(&shown(&["-F", &file])?, &["dst = 10.0.0.2"], &[])?;
    contains(&shown(&["-e", "", "--format", "text"])?, &["keep the packet"], &[])?;

    expect(&cbpf(&["explain"])?, 1, &["expected an expression, or a program with -p"])?;
    expect(&cbpf(&["explain", "tcp port"])?, 1, &["the expression is invalid"])?;
    expect(&cbpf(&["explain", &example("mixed.pcap")])?, 1, &["is a file"])?;
    expect(&cbpf(&["explain", "--deny-warnings", "tcp and udp"])?, 1, &["no packet matches both"])
}

fn explain_takes_the_format_from_the_extension(bench: &Bench) -> Outcome {
    for (name, kind) in [
        ("a.html", "<!DOCTYPE html>"),
        ("a.HTM", "<!DOCTYPE html>"),
        ("a.svg", "<svg "),
        ("a.dot", "digraph"),
        ("a.gv", "digraph"),
        ("a.txt", "4 instructions in 3 blocks"),
        ("a", "<svg "),
    ] {
        let path = bench.path(name).display().to_string();
        expect(&cbpf(&["explain", "-p", &example("arp.asm"), "-o", &path])?, 0, &[])?;
        equal((name, fs::read_to_string(&path)?.starts_with(kind)), (name, true))?;
    }
    let (program, picture) = (example("arp.asm"), bench.path("a.png").display().to_string());
    for more in [&[][..], &["-r", "missing.pcap"]] {
        let arguments = [&["explain", "-p", &program, "-o", &picture], more].concat();
        expect(&cbpf(&arguments)?, 1, &["a.png: the formats are .html, .svg, .dot and .txt", "--format"])?;
    }
    equal(bench.path("a.png").exists(), false)?;
    expect(&cbpf(&["explain", "-p", &example("arp.asm"), "-o", &picture, "--format", "dot"])?, 0, &[])?;
    equal(fs::read_to_string(&picture)?.starts_with("digraph"), true)
}

fn page_gives_reasons(_: &Bench) -> Outcome {
    let page = |arguments: &[&str]| cbpf(&[&["explain", "--format", "html"], arguments].concat());
    let capture = example("mixed.pcap");
    for more in [&[][..], &["-r", &capture]] {
        let with = |expression| page(&[more, &[expression]].concat());
        let warned = |what: &str| format!("<p class=warning>{what}: ");
        expect(&with("tcp and udp")?, 0, &[&warned("The expression matches no packet"), "both `tcp` and `udp`.</p>"])?;
        expect(&with("len >= 0")?, 0, &[&warned("The expression matches every packet")])?;
        expect(
            &with("tcp or ip6 and arp and udp or icmp")?,
            0,
            &["<p class=warning>A part of the expression matches no"],
        )?;
        let silent = String::from_utf8(with("tcp")?.stdout)?;
        contains(&silent, &[], &["class=warning"])?;
    }
    Ok(())
}

fn page_counts_what_it_leaves_out(bench: &Bench) -> Outcome {
    let hosts: Vec<String> = (0..5000).map(|number| format!("host 10.9.{}.{}", number / 250, number % 250)).collect();
    let file = bench.file("hosts", hosts.join(" or "))?;
    let output = cbpf(&["explain", "-F", &file, "-r", &example("mixed.pcap"), "--format", "html"])?;
    expect(&output, 0, &["<small>5,000 operands</small>", "4,401 more parts"])?;
    let html = String::from_utf8(output.stdout)?;
    equal(html.len() < 1_000_000, true)?;
    contains(&html, &["cbpf explain --format text -O</code>", "cbpf explain --format text</code>"], &[])?;
    // The end of a way beyond the listing is known.
    contains(&html, &["\":[\"ret #0\",\"drop the packet\"]"], &[])?;

    let straight = bench.file("straight.asm", format!("{}ret a", "add #1\n".repeat(4095)))?;
    let output = cbpf(&["explain", "-p", &straight, "-r", &example("mixed.pcap"), "--format", "html"])?;
    expect(&output, 0, &["\"executed\":4096"])
}

fn page_keeps_the_words_of_the_source(_: &Bench) -> Outcome {
    let text = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and port  http or https";
    let output = cbpf(&["explain", "--format", "html", text])?;
    let words = ["data-part=2>tcp[tcpflags] &amp; (tcp-syn|tcp-ack) == tcp-syn<", ">port http<", ">port https<"];
    contains(&String::from_utf8(output.stdout)?, &words, &["tcp[13]"])
}

fn picture_explains_stops(bench: &Bench) -> Outcome {
    let program = bench.file("far.asm", "ldb [60000]\n ret a")?;
    for format in ["svg", "html"] {
        let output = cbpf(&["explain", "-p", &program, "-r", &example("mixed.pcap"), "--format", format])?;
        let words = ["stopped 260", "stopped: load past the end", "halted without a return, as at a load past the end"];
        contains(&String::from_utf8(output.stdout)?, &words, &[])?;
    }
    let output = cbpf(&["explain", "-p", &example("arp.asm"), "-r", &example("mixed.pcap")])?;
    contains(&String::from_utf8(output.stdout)?, &[], &["stopped"])
}
