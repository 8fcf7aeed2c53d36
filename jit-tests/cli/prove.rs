//! Tests of `cbpf prove`: answers and exit codes, packets and captures, and clear errors.

use std::fs;
use std::process::Output;

use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::cli::{Bench, Outcome, Test, cbpf, cbpf_with_input, equal, example, expect};

pub const TESTS: [(&str, Test); 10] = [
    ("prove_answers_by_exit_code", prove_answers_by_exit_code),
    ("prove_keeps_the_order_of_programs", prove_keeps_the_order_of_programs),
    ("prove_reads_programs_in_any_form", prove_reads_programs_in_any_form),
    ("prove_marks_the_bytes_of_the_packet", prove_marks_the_bytes_of_the_packet),
    ("prove_writes_captures", prove_writes_captures),
    ("prove_takes_assumptions", prove_takes_assumptions),
    ("prove_compares_system_calls", prove_compares_system_calls),
    ("prove_prints_json", prove_prints_json),
    ("prove_warns_of_contradictions", prove_warns_of_contradictions),
    ("prove_rejects_invalid_questions", prove_rejects_invalid_questions),
];

/// Asks about expressions.
fn ask(question: &str, expressions: &[&str], options: &[&str]) -> Result<Output, Failed> {
    let expressions: Vec<&str> = expressions.iter().flat_map(|expression| ["-e", expression]).collect();
    cbpf(&[&["prove", question], &expressions[..], options].concat())
}

fn prove_answers_by_exit_code(_: &Bench) -> Outcome {
    let (both, either, to) = ("tcp port 443", "tcp dst port 443 or tcp src port 443", "tcp dst port 443");
    expect(
        &ask("equal", &[both, either], &[])?,
        0,
        &[
            "equal: `tcp port 443` and `tcp dst port 443 or tcp src port 443` keep the same packets (of all that are long",
        ],
    )?;
    expect(
        &ask("equal", &[both, to], &[])?,
        1,
        &["not equal: `tcp port 443` keeps this packet, `tcp dst port 443` rejects it\n"],
    )?;
    expect(&ask("equal", &[both, either], &["--truncated"])?, 1, &["out of bounds: 2 bytes"])?;
    expect(&ask("implies", &[to, both], &[])?, 0, &["implied: `tcp port 443` keeps every packet that `tcp dst port"])?;
    expect(&ask("implies", &[both, to], &[])?, 1, &["not implied: `tcp port 443` keeps this packet, `tcp dst"])?;
    expect(&ask("overlap", &["port 80", "udp"], &[])?, 0, &["overlap: `port 80` and `udp` both keep this packet\n"])?;
    expect(&ask("overlap", &["tcp", "udp"], &["--truncated"])?, 1, &["in common (of all that are of any length)\n"])?;
    expect(&ask("example", &["ip6 host ::1"], &[])?, 0, &["example: `ip6 host ::1` keeps this packet\n"])?;
    expect(&ask("example", &["tcp and udp"], &[])?, 1, &["no example: `tcp and udp` keeps no packet (of all"])?;
    let hard = ["ip[2:4] / ip[6:4] = 77", "ip[6:4] * 77 = ip[2:4]"];
    let unknown = ask("equal", &hard, &["--max-nodes", "1", "--max-conflicts", "0"])?;
    expect(&unknown, 4, &["unknown: no proof and no packet were found within the bounds of work (--max-nodes,"])?;
    expect(&cbpf(&["--help"])?, 0, &["4  too complex to be decided"])
}

/// Files and expressions may be mixed; the first one is A.
fn prove_keeps_the_order_of_programs(bench: &Bench) -> Outcome {
    let arp = example("arp.asm");
    let request = "arp and arp[6:2] = 1";
    expect(&cbpf(&["prove", "implies", "-e", request, &arp])?, 0, &["arp.asm keeps every packet that `arp and"])?;
    expect(&cbpf(&["prove", "implies", &arp, "-e", request])?, 1, &["arp.asm keeps this packet, `arp and arp[6:2]"])?;
    expect(&cbpf(&["prove", "equal", &arp, "-e", "arp"])?, 0, &["arp.asm and `arp` keep the same packets"])?;
    let other = bench.file("other.asm", "ret #1")?;
    expect(&cbpf(&["prove", "implies", &other, &arp])?, 1, &["other.asm keeps this packet"])?;
    expect(&cbpf(&["prove", "implies", &arp, &other])?, 0, &["other.asm keeps every packet"])
}

fn prove_reads_programs_in_any_form(bench: &Bench) -> Outcome {
    for form in ["asm", "listing", "c", "decimal", "bytecode", "raw", "raw-be"] {
        let program = cbpf(&["compile", "--to", form, "tcp port 80"])?.stdout;
        let file = bench.file("program", &program)?;
        expect(&cbpf(&["prove", "equal", &file, "-e", "port 80 and tcp"])?, 0, &["program and `port 80 and tcp`"])?;
        let output = cbpf_with_input(&["prove", "equal", "-e", "tcp port 81", "-"], &program)?;
        expect(&output, 1, &["`tcp port 81` rejects this packet, standard input keeps it"])?;
    }
    // The metadata of Linux.
    let mark = bench.file("mark.asm", "ld mark\njne #5, drop\nldh [12]\njne #0x806, drop\nret #-1\ndrop: ret #0")?;
    expect(&cbpf(&["prove", "example", &mark])?, 0, &["context: mark 0x5\n", "14 bytes, link type EN10MB\n"])?;
    expect(&cbpf(&["prove", "implies", &mark, "-e", "arp"])?, 0, &["implied: `arp` keeps every packet"])?;
    expect(&cbpf(&["prove", "implies", "-e", "arp", &mark])?, 1, &["not implied: `arp` keeps this packet"])
}

fn prove_marks_the_bytes_of_the_packet(bench: &Bench) -> Outcome {
    let output = ask("example", &["ip proto 6"], &[])?;
    let lines = [
        "24 bytes, link type EN10MB",
        "0000  00 00 00 00 00 00 00 00  00 00 00 00 08 00 00 00",
        "                                           ^^ ^^",
        "0010  00 00 00 00 00 00 00 06",
        "                           ^^",
    ];
    expect(&output, 0, &[&lines.join("\n")])?;
    let long = bench.file("long.asm", "ldb [1000]\nret a")?;
    expect(&cbpf(&["prove", "example", &long])?, 0, &["0000  00 00", "\n*\n03e0  00 00", "^^", "1,001 bytes"])?;
    let lengths = ask("example", &["len > 99"], &[])?;
    expect(&lengths, 0, &["0 bytes, 100 on the wire, link type EN10MB\n"])?;
    // The traces stand beside each other, as wide as the terminal.
    let narrow = crate::cli::command(&["prove", "equal", "-e", "tcp port 443", "-e", "tcp dst port 443"])
        .env("COLUMNS", "60")
        .output()?;
    expect(
        &narrow,
        1,
        &["`tcp port 443`               |  `tcp dst port 443`\n", "verdict 262144               |  verdict 0\n"],
    )?;
    let text = String::from_utf8_lossy(&narrow.stdout);
    equal(text.lines().skip(1).filter(|line| line.chars().count() > 60).count(), 0)?;
    // Long traces are cut in the middle.
    let hosts: Vec<String> = (0..200).map(|host| format!("ip[16] = {host}")).collect();
    let output = ask("example", &[&format!("not ({})", hosts.join(" or "))], &[])?;
    expect(&output, 0, &["more ...\n"])?;
    equal(String::from_utf8_lossy(&output.stdout).lines().count() < 80, true)
}

fn prove_writes_captures(bench: &Bench) -> Outcome {
    for (link_type, expression) in [("EN10MB", "vlan and tcp port 443"), ("RAW", "ip6 and udp"), ("LINUX_SLL2", "arp")]
    {
        let path = bench.path("packet.pcap").display().to_string();
        expect(&ask("example", &[expression], &["--link-type", link_type, "-w", &path])?, 0, &[link_type])?;
        expect(&cbpf(&["filter", "-r", &path, expression])?, 0, &["1 packet, 1 match"])?;
        expect(&cbpf(&["trace", "-r", &path, "--packet", "1", expression])?, 0, &["verdict 262144"])?;
    }
    let output = ask("example", &["len > 99"], &["-w", "-"])?;
    expect(&output, 0, &["example: `len > 99` keeps this packet"])?;
    expect(&cbpf_with_input(&["filter", "-r", "-", "len = 100"], &output.stdout)?, 0, &["1 packet, 1 match"])?;
    // No packet, no capture.
    let none = bench.path("none.pcap");
    expect(&ask("overlap", &["tcp", "udp"], &["-w", &none.display().to_string()])?, 1, &["no overlap"])?;
    equal(none.exists(), false)?;
    let unwritable = bench.path("no/such/folder.pcap").display().to_string();
    expect(&ask("example", &["arp"], &["-w", &unwritable])?, 1, &["cannot create"])
}

fn prove_takes_assumptions(bench: &Bench) -> Outcome {
    let (host, source) = ("ip host 10.0.0.1", "ip src 10.0.0.1");
    let elsewhere = "not ip dst 10.0.0.1";
    expect(&ask("implies", &[host, source], &[])?, 1, &[])?;
    let output = ask("implies", &[host, source], &["--assume", elsewhere])?;
    expect(&output, 0, &["(of all that are long enough for every load, and kept by `not ip dst 10.0.0.1`)"])?;
    let file = bench.file("elsewhere", cbpf(&["compile", "--to", "decimal", elsewhere])?.stdout)?;
    expect(&ask("implies", &[host, source], &["--assume", &file])?, 0, &["and kept by ", "elsewhere)"])?;
    // Verdicts.
    let [short, long] = [("short", "96"), ("long", "128")].map(|(name, snaplen)| {
        bench.file(name, cbpf(&["compile", "--to", "decimal", "--snaplen", snaplen, "arp"])?.stdout)
    });
    let (short, long) = (short?, long?);
    expect(&cbpf(&["prove", "equal", &short, &long])?, 0, &["keep the same packets"])?;
    let output = cbpf(&["prove", "equal", "--verdicts", &short, &long])?;
    expect(&output, 1, &["short returns 96 for this packet, ", "long returns 128 for it"])?;
    expect(&cbpf(&["prove", "equal", "--verdicts", &long, &long])?, 0, &["have the same verdicts (of all"])
}

fn prove_compares_system_calls(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let other = bench.file("other.asm", fs::read_to_string(&policy)?.replace("write", "read"))?;
    expect(&cbpf(&["prove", "equal", &policy, &policy])?, 0, &["have the same action for every system call\n"])?;
    let output = cbpf(&["prove", "equal", &policy, &other, "--arch", "x86_64"])?;
    let words = [
        "policy.asm returns ALLOW for this system call, ",
        "other.asm returns ERRNO(1) for it",
        "> nr                  0 (read)\n> arch                0xc000003e (x86_64)\n  instruction_pointer 0x0\n",
        "(004) if (A != write) goto 0010  ; -> 10  |  (004) if (A != read) goto 0010",
    ];
    expect(&output, 1, &words)?;
    // Raw filters need the dialect.
    let raw = bench.file("raw.bpf", cbpf(&["seccomp", "asm", "--arch", "x86_64", "--to", "raw", &policy])?.stdout)?;
    expect(&cbpf(&["prove", "implies", "--dialect", "seccomp", &raw, &raw])?, 0, &["allows every system call that"])?;
    let deny = bench.file("deny.asm", "return KILL")?;
    expect(&cbpf(&["prove", "example", &deny])?, 1, &["no example: ", "deny.asm allows no system call\n"])?;
    let output = cbpf(&["prove", "overlap", "--json", &policy, &other])?;
    let json: Value = serde_json::from_slice(&output.stdout)?;
    equal(&json["packet"]["call"]["arch"], &json!("x86_64"))?;
    equal(&json["programs"][0]["action"], &json!("ALLOW"))?;
    let path = bench.path("call.pcap").display().to_string();
    expect(&cbpf(&["prove", "example", "-w", &path, &policy])?, 1, &["there is no capture of a system call"])
}

fn prove_prints_json(_: &Bench) -> Outcome {
    let output = ask("equal", &["tcp port 443", "tcp dst port 443"], &["--json"])?;
    expect(&output, 1, &[])?;
    let json: Value = serde_json::from_slice(&output.stdout)?;
    equal(&json["question"], &json!("equal"))?;
    equal((&json["answer"], &json["reason"]), (&json!("no"), &Value::Null))?;
    equal(
        json["packet"]["bytes"].as_str().map(str::len),
        json["packet"]["captured"].as_u64().map(|it| 2 * it as usize),
    )?;
    equal(json["packet"]["deciding"].as_array().is_some_and(|deciding| deciding.contains(&json!(23))), true)?;
    equal((&json["programs"][0]["verdict"], &json["programs"][1]["verdict"]), (&json!(262_144), &json!(0)))?;
    equal(&json["programs"][1]["executed"][0]["instruction"], &json!("ldh [12]"))?;
    let output = ask("overlap", &["tcp", "udp"], &["--json", "--truncated"])?;
    expect(&output, 1, &[])?;
    let json: Value = serde_json::from_slice(&output.stdout)?;
    equal((&json["answer"], &json["packet"], &json["truncated"]), (&json!("no"), &Value::Null, &json!(true)))?;
    equal(&json["programs"][1]["name"], &json!("`udp`"))
}

fn prove_warns_of_contradictions(bench: &Bench) -> Outcome {
    let never = bench.file("never.asm", "ldb [0]\nret #0")?;
    expect(&cbpf(&["prove", "implies", &never, "-e", "ip"])?, 0, &["warning: ", "never.asm matches no packet"])?;
    let output = ask("implies", &["port 80 and vlan", "vlan"], &[])?;
    expect(&output, 0, &["implied", "write it first", "1 | port 80 and vlan\n  |             ^^^^"])?;
    let denied = ask("implies", &["port 80 and vlan", "vlan"], &["--deny-warnings"])?;
    expect(&denied, 1, &["cbpf: `port 80 and vlan` matches no packet of link type EN10MB"])?;
    equal(denied.stdout.len(), 0)
}

fn prove_rejects_invalid_questions(bench: &Bench) -> Outcome {
    let (arp, policy) = (example("arp.asm"), example("policy.asm"));
    expect(
        &cbpf(&["prove", "equal", &arp])?,
        1,
        &["`cbpf prove equal` expects two programs, files or expressions", "found 1"],
    )?;
    expect(&ask("example", &["ip", "ip6"], &[])?, 1, &["expects one program", "found 2"])?;
    expect(&ask("equal", &["ip", "ip6", "arp"], &[])?, 1, &["expects two programs", "found 3"])?;
    expect(&cbpf(&["prove", "equal", "-", "-"])?, 1, &["standard input can be read only once"])?;
    expect(&cbpf(&["prove", "example", "-", "--assume", "-"])?, 1, &["standard input can be read only once"])?;
    expect(&cbpf(&["prove", "equal", &arp, "missing.asm"])?, 2, &["missing.asm"])?;
    expect(&ask("implies", &["ip", "tpc"], &[])?, 1, &["`tpc`: the expression is invalid", "did you mean `tcp`?"])?;
    expect(&ask("implies", &["ip", "ip6"], &["--verdicts"])?, 1, &["--verdicts belongs to `cbpf prove equal`"])?;
    expect(&cbpf(&["prove"])?, 1, &["Usage: cbpf prove"])?;
    // Programs of different dialects.
    let mixed = cbpf(&["prove", "equal", &policy, "-e", "tcp"])?;
    expect(&mixed, 1, &["policy.asm looks like a filter of system calls, and `tcp` does not; expected --dialect"])?;
    let forced = cbpf(&["prove", "equal", "--dialect", "seccomp", &policy, "-e", "tcp"])?;
    expect(&forced, 1, &["`tcp` is an expression about packets; filters of system calls are files"])?;
    let packets = cbpf(&["prove", "equal", "--dialect", "seccomp", &policy, &arp])?;
    expect(&packets, 1, &["arp.asm: ", "seccomp dialect"])?;
    let shift = bench.file("shift.asm", "ldb [0]\nlsh #33\nret a")?;
    let words = ["shift.asm: ", "a shift is by 0 to 31 bits", "; --dialect selects other rules"];
    expect(&cbpf(&["prove", "equal", &shift, &arp])?, 1, &words)?;
    expect(&cbpf(&["prove", "equal", "--dialect", "pcap", &shift, &arp])?, 1, &["not equal: "])?;
    // An expression without a meaning for the link type.
    expect(
        &ask("equal", &["vlan", "ip"], &["--link-type", "RAW"])?,
        1,
        &["`vlan`: the expression is invalid", "link type"],
    )
}
