//! Tests of what users of tcpdump, grep and Wireshark expect of the command line.

use std::process::Output;

use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 10] = [
    ("captures_are_given_in_three_ways", captures_are_given_in_three_ways),
    ("all_packets_match_without_an_expression", all_packets_match_without_an_expression),
    ("files_among_the_words_cause_a_hint", files_among_the_words_cause_a_hint),
    ("quiet_answers_with_the_exit_code", quiet_answers_with_the_exit_code),
    ("count_prints_a_number", count_prints_a_number),
    ("filter_prints_its_program", filter_prints_its_program),
    ("options_of_tcpdump_are_accepted_or_explained", options_of_tcpdump_are_accepted_or_explained),
    ("invalid_expressions_get_a_suggestion", invalid_expressions_get_a_suggestion),
    ("rules_get_a_suggestion", rules_get_a_suggestion),
    ("names_are_resolved_on_demand", names_are_resolved_on_demand),
];

/// Returns the standard output.
fn printed(output: Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn captures_are_given_in_three_ways(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let twice = "520 packets, 58 match";
    expect(&cbpf(&["filter", "-r", &capture, "-r", &capture, "tcp", "port", "443"])?, 0, &[twice])?;
    expect(&cbpf(&["filter", "tcp", "port", "443", "--", &capture, &capture])?, 0, &[twice])?;
    expect(&cbpf(&["filter", "-e", "tcp port 443", &capture, &capture])?, 0, &[twice])?;
    expect(&cbpf(&["filter", "--expression", "tcp port 443", &capture, "--", &capture])?, 0, &[twice])?;
    expect(&cbpf(&["filter", "-p", &example("arp.asm"), &capture, "--", &capture])?, 0, &["520 packets, 10 match"])?;
    let run = printed(cbpf(&["run", "-e", "arp", &capture])?);
    equal(run.lines().filter(|line| *line != "0").count(), 5)?;
    // The link types of all of them count.
    let raw = crate::cli::raw_capture(bench)?;
    expect(&cbpf(&["filter", "-e", "tcp", &capture, &raw])?, 0, &["261 packets, 84 match"])?;
    expect(&cbpf(&["filter", "-e", "ether host 1:2:3:4:5:6", &raw])?, 1, &["there are no MAC addresses with RAW"])?;
    expect(&cbpf(&["filter", "-e", "tcp", "-p", &example("arp.asm"), &capture])?, 1, &["cannot be used with"])
}

fn all_packets_match_without_an_expression(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    expect(&cbpf(&["filter", "-r", &capture])?, 0, &["260 packets, 260 match"])?;
    expect(&cbpf(&["filter", "--", &capture])?, 0, &["260 packets, 260 match"])?;
    equal(printed(cbpf(&["run", "-r", &capture])?).lines().filter(|line| *line != "0").count(), 260)?;
    expect(&cbpf(&["filter"])?, 1, &["expected a capture: give it with -r, or behind `--`"])?;
    expect(&cbpf(&["verify"])?, 1, &["expected an expression, or a program with -p"])
}

fn files_among_the_words_cause_a_hint(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let hint = "is a file: give captures with -r, or behind `--`, or give the expression with -e";
    expect(&cbpf(&["filter", "tcp", "port", "443", &capture])?, 1, &["expected a capture", hint])?;
    expect(&cbpf(&["filter", "-r", &capture, "tcp", &capture])?, 1, &["looks like the name of a file", hint])?;
    // It is not the cause of all errors.
    let output = cbpf(&["filter", "-r", &capture, "tcp", "prt", "443"])?;
    equal(String::from_utf8_lossy(&output.stderr).contains("is a file"), false)
}

fn quiet_answers_with_the_exit_code(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    for (arguments, code) in [
        (["-q", "-e", "arp", &capture], 0),
        (["--quiet", "-e", "tcp port 9999", &capture], 1),
        (["-q", "-e", "tcp prt 9999", &capture], 2),
        (["-q", "-e", "arp", "no such file"], 2),
        (["-q", "--nonsense", "arp", &capture], 2),
        (["-nq", "-e", "arp", &capture], 0),
    ] {
        let output = cbpf(&[&["filter"][..], &arguments].concat())?;
        equal((output.status.code(), output.stdout.is_empty()), (Some(code), true))?;
        equal(output.stderr.is_empty(), code < 2)?;
    }
    expect(&cbpf(&["filter", "--nonsense", "arp"])?, 1, &["unexpected argument"])?;
    let counted = cbpf(&["filter", "--quiet", "--count", "-e", "tcp port 9999", &capture])?;
    equal((counted.status.code(), printed(counted)), (Some(1), "0\n".to_owned()))
}

fn count_prints_a_number(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    let output = cbpf(&["filter", "--count", "-r", &capture, "arp"])?;
    equal((output.status.code(), output.stderr.is_empty(), printed(output)), (Some(0), true, "5\n".to_owned()))?;
    let kept = bench.path("kept.pcap").display().to_string();
    equal(printed(cbpf(&["filter", "--count", "-r", &capture, "arp", "-w", &kept])?), "5\n".to_owned())?;
    equal(printed(cbpf(&["filter", "--count", "-r", &kept])?), "5\n".to_owned())?;
    expect(&cbpf(&["filter", "--count", "--json", "-r", &capture])?, 1, &["cannot be used with"])?;
    expect(&cbpf(&["filter", "--count", "-w", "-", "-r", &capture])?, 1, &["would mix"])
}

fn filter_prints_its_program(bench: &Bench) -> Outcome {
    let compiled = |to: &str, more: &[&str]| cbpf(&[&["compile", "--to", to], more].concat()).map(printed);
    for (option, form) in [("-d", "listing"), ("-dd", "c"), ("-ddd", "decimal")] {
        equal(printed(cbpf(&["filter", option, "tcp", "port", "80"])?), compiled(form, &["tcp port 80"])?)?;
    }
    let plain = printed(cbpf(&["filter", "-d", "-O", "tcp port 80"])?);
    equal(plain, compiled("listing", &["--no-optimize", "tcp port 80"])?)?;
    let raw = crate::cli::raw_capture(bench)?;
    let for_raw = compiled("listing", &["--link-type", "RAW", "tcp"])?;
    equal(printed(cbpf(&["filter", "-d", "-e", "tcp", &raw])?), for_raw.clone())?;
    equal(printed(cbpf(&["filter", "-d", "--link-type", "RAW", "tcp"])?), for_raw)?;
    expect(&cbpf(&["filter", "-d"])?, 0, &["(000) ret      #262144"])
}

fn options_of_tcpdump_are_accepted_or_explained(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    expect(&cbpf(&["filter", "-nnvvK", "-lU", "-r", &capture, "arp"])?, 0, &["260 packets, 5 match"])?;
    for options in [&["-nr"][..], &["-nnvvXr"], &["-tttt", "-nr"], &["-Knvlr"]] {
        let output = cbpf(&[&["print"], options, &[&capture, "arp"]].concat())?;
        expect(&output, 0, &["ARP"])?;
    }
    for subcommand in ["filter", "print", "run"] {
        for (option, instead) in [("-A", "print --hex"), ("-xx", "print --hex"), ("-S", "absolute"), ("-L", "cbpf -D")]
        {
            let output = cbpf(&[subcommand, option, "-r", &capture, "arp"])?;
            expect(&output, 1, &["is an option of tcpdump that `cbpf` lacks", instead])?;
        }
    }
    expect(&cbpf(&["filter", "-y", "RAW", "-r", &capture, "ip"])?, 1, &["--link-type sets the link type"])?;
    expect(&cbpf(&["count", "-B", "4096", "-r", &capture, "-e", "a=ip"])?, 1, &["--buffer-size"])?;
    // Options that mean something else here.
    expect(&cbpf(&["print", "-enr", &capture])?, 1, &["-e takes an expression, here `nr`"])?;
    expect(&cbpf(&["filter", "-pnr", &capture])?, 2, &["-p takes the file of a program", "--no-promiscuous"])?;
    let words = cbpf(&["filter", "-r", &capture, "-e", "tcp", "port", "80"])?;
    expect(&words, 2, &["the arguments without an option are captures, here `port`"])?;
    for arguments in [&["-nr", &capture][..], &["tcp", "port", "80"], &[&capture]] {
        expect(&cbpf(arguments)?, 1, &["`cbpf print -r FILE EXPRESSION` prints packets"])?;
    }
    Ok(())
}

fn invalid_expressions_get_a_suggestion(_: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    for (expression, words) in [
        ("tcp.port == 443", ["Wireshark display filter", "= help: the capture filter is `tcp port 443`"]),
        ("tcp port 80-90", ["column 10", "= help: write `tcp portrange 80-90`"]),
        ("http.host contains \"x\"", ["Wireshark display filter", "has no equivalent"]),
    ] {
        expect(&cbpf(&["filter", "-r", &capture, expression])?, 1, &words)?;
        expect(&cbpf(&["compile", expression])?, 1, &words)?;
    }
    expect(&cbpf(&["compile", "dst 443"])?, 0, &["may be meant otherwise", "write `dst port 443`"])?;
    expect(&cbpf(&["compile", "--link-type", "RAW", "eth.type == 0x806"])?, 1, &["no packet of link type RAW"])
}

fn rules_get_a_suggestion(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", "dns: port 53\nweb: port 80,443\n")?;
    let output = cbpf(&["count", "--rules", &rules, "-r", &example("mixed.pcap")])?;
    expect(&output, 1, &["line 2, column 13", "= help: write `port (80 or 443)`"])
}

/// `localhost` is known to every system that has a resolver.
fn names_are_resolved_on_demand(bench: &Bench) -> Outcome {
    expect(&cbpf(&["compile", "host localhost"])?, 1, &["column 6", "names are not looked up (cbpf --resolve"])?;
    expect(&cbpf(&["compile", "port nosuch"])?, 1, &["column 6", "names are not looked up", "--resolve"])?;
    expect(&cbpf(&["compile", "ip proto nosuch"])?, 1, &["column 10", "names are not looked up", "--resolve"])?;
    let unknown = ["column 6", "the resolver does not know"];
    expect(&cbpf(&["compile", "--resolve", "host nosuch.invalid"])?, 1, &unknown)?;
    expect(&cbpf(&["compile", "--resolve", "port nosuch"])?, 1, &unknown)?;
    let known = cbpf(&["compile", "--resolve", "host localhost"])?;
    if known.status.success() {
        let found = printed(known);
        equal(found.contains("#0x7f000001") || found.contains("#0x1 "), true)?;
        let rules = bench.file("rules", "here: host localhost\n")?;
        let capture = example("mixed.pcap");
        expect(&cbpf(&["count", "--resolve", "--rules", &rules, "-r", &capture])?, 0, &["here"])?;
    }
    Ok(())
}
