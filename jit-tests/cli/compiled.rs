//! `cbpf compile` and `cbpf convert` to eBPF: forms, hooks, actions, output files, and errors that say what to do.

use std::fs;
use std::process::Command;

use super::{Bench, Outcome, Test, cbpf, cbpf_with_input, equal, example, expect};

pub const TESTS: [(&str, Test); 7] = [
    ("compile_to_ebpf", compiles_to_each_form),
    ("compile_to_ebpf_with_actions", compiles_with_actions),
    ("compile_to_ebpf_reports_errors", reports_errors),
    ("compile_rules_to_ebpf", compiles_rules),
    ("compile_writes_whole_files", writes_whole_files),
    ("compile_spares_terminals", spares_terminals),
    ("convert_to_ebpf", converts),
];

fn compiles_to_each_form(_: &Bench) -> Outcome {
    for hook in ["xdp", "tc", "cgroup_skb", "socket", "function"] {
        let compile = |form| cbpf(&["compile", "--to", form, "--hook", hook, "--name", "web", "tcp port 80"]);
        let (listing, raw, object) = (compile("ebpf")?, compile("ebpf-raw")?, compile("ebpf-object")?);
        expect(&listing, 0, &["   0: (", "(95) exit"])?;
        let lines = String::from_utf8_lossy(&listing.stdout).lines().count();
        equal((raw.status.code(), raw.stdout.len() / 8 >= lines, raw.stdout.len() % 8), (Some(0), true, 0))?;
        equal((object.status.code(), object.stdout.starts_with(b"\x7fELF")), (Some(0), true))?;
        let contains = |part: &[u8]| object.stdout.windows(part.len()).any(|window| window == part);
        equal((contains(b"\0web\0"), contains(&raw.stdout)), (true, true))?;
    }
    // Without a hook it is XDP, and an expression that matches nothing drops all packets.
    let drops = cbpf(&["compile", "--to", "ebpf", "tcp and udp"])?;
    expect(&drops, 0, &["0: (b4) w0 = 1\n   1: (95) exit", "matches no packet"])?;
    let big_endian = cbpf(&["compile", "--to", "ebpf-object", "--big-endian", "arp"])?;
    equal(&big_endian.stdout[..6], b"\x7fELF\x02\x02")
}

fn compiles_with_actions(_: &Bench) -> Outcome {
    let compile = |hook, action| cbpf(&["compile", "--to", "ebpf", "--hook", hook, "--on-match", action, "arp"]);
    let cases = [
        ("xdp", "tx", "w0 = 3"),
        ("xdp", "aborted", "w0 = 0"),
        ("xdp", "7", "w0 = 7"),
        ("xdp", "redirect:5", "call bpf_redirect#23"),
        ("xdp", "xskmap", "call bpf_redirect_map#51"),
        ("xdp", "devmap:3", "call bpf_redirect_map#51"),
        ("tc", "unspec", "w0 = -1"),
        ("tc", "redirect:5", "call bpf_redirect#23"),
        ("tc", "-1", "w0 = -1"),
        ("socket", "verdict", "w0 = 262144"),
        ("cgroup_skb", "drop", "w0 = 0"),
    ];
    for (hook, action, instruction) in cases {
        expect(&compile(hook, action)?, 0, &[instruction]).map_err(|error| format!("{hook} {action}: {error:?}"))?;
    }
    let mismatch = cbpf(&["compile", "--to", "ebpf", "--on-match", "drop", "--on-mismatch", "pass", "arp"])?;
    expect(&mismatch, 0, &["w0 = 1", "w0 = 2"])?;
    for (hook, action) in [("xdp", "fly"), ("tc", "tx"), ("xdp", "xskmap:x"), ("socket", "pass"), ("xdp", "redirect")] {
        let message = format!("--on-match {action}: the actions of the hook `{hook}` are ");
        expect(&compile(hook, action)?, 1, &[&message])?;
    }
    expect(&compile("cgroup_skb", "2")?, 1, &["cgroup_skb"])?;
    expect(&compile("socket", "redirect:1")?, 1, &["socket"])?;
    let raw = cbpf(&["compile", "--to", "ebpf-raw", "--on-match", "xskmap", "arp"])?;
    expect(&raw, 1, &["refers to maps", "--to ebpf-object"])
}

fn reports_errors(_: &Bench) -> Outcome {
    let compile = |arguments: &[&str]| cbpf(&[&["compile"], arguments, &["arp"]].concat());
    let needs_form = "needs";
    expect(&compile(&["--hook", "tc"])?, 1, &["--hook", needs_form, "--to ebpf"])?;
    expect(&compile(&["--to", "asm", "--name", "x"])?, 1, &["--name", needs_form])?;
    expect(&compile(&["--to", "ebpf", "--hook", "kprobe"])?, 1, &["invalid value 'kprobe'", "cgroup_skb"])?;
    expect(&compile(&["--to", "ebpf-object", "--name", "1x"])?, 1, &["`1x`", "identifier of C"])?;
    expect(&compile(&["--to", "ebpf-object", "--section", "license"])?, 1, &["`license`", "cannot hold a program"])?;
    let on_the_wire = cbpf(&["compile", "--linux-socket", "--to", "ebpf", "--hook", "xdp", "outbound"])?;
    expect(&on_the_wire, 1, &["instruction 0", "the hook `xdp`"])
}

fn compiles_rules(bench: &Bench) -> Outcome {
    let rules = bench.file("rules.txt", "web: tcp port 80\ndns: udp port 53 # names\n")?;
    let compile = |arguments: &[&str]| cbpf(&[&["compile", "--rules", &rules], arguments].concat());
    expect(&compile(&["--to", "ebpf"])?, 0, &["map[0]", "(95) exit"])?;
    let object = compile(&["--to", "ebpf-object", "--counters", "--on-match", "drop", "--on-mismatch", "pass"])?;
    let contains = |part: &[u8]| object.stdout.windows(part.len()).any(|window| window == part);
    equal((object.status.code(), contains(b"\0.data.state\0"), contains(b"\0counters\0")), (Some(0), true, true))?;
    expect(&compile(&[])?, 1, &["--rules needs --to ebpf"])?;
    expect(&compile(&["--to", "ebpf-raw"])?, 1, &["refers to maps"])?;
    expect(&compile(&["--to", "ebpf", "arp"])?, 1, &["cannot be used with"])?;
    expect(&cbpf(&["compile", "--to", "ebpf", "--counters", "arp"])?, 1, &["--rules"])?;
    let looped = bench.file("slow.txt", "fine: arp\nodd: tcp[0] * 3 = ip[4] + 7\n")?;
    let refused = cbpf(&["compile", "--to", "ebpf", "--rules", &looped])?;
    expect(&refused, 1, &["slow.txt", "odd"])
}

fn writes_whole_files(bench: &Bench) -> Outcome {
    let path = bench.file("object.o", "old")?;
    let compile = |arguments: &[&str]| cbpf(&[&["compile", "--to", "ebpf-object", "-o", &path], arguments].concat());
    // An error leaves the file as it was.
    expect(&compile(&["tcp port"])?, 1, &[])?;
    equal(fs::read(&path)?, b"old".to_vec())?;
    let written = compile(&["arp"])?;
    expect(&written, 0, &[])?;
    equal((written.stdout.len(), fs::read(&path)?.starts_with(b"\x7fELF")), (0, true))?;
    let missing = bench.path("no/folder/object.o").display().to_string();
    expect(&cbpf(&["compile", "-o", &missing, "arp"])?, 1, &["cannot create", "object.o"])?;
    // Classic programs are written to files, too.
    let text = bench.path("arp.asm").display().to_string();
    expect(&cbpf(&["compile", "--to", "asm", "-o", &text, "arp"])?, 0, &[])?;
    expect(&cbpf(&["verify", "-p", &text])?, 0, &["valid"])
}

/// The program `script` runs a command in a terminal.
fn spares_terminals(_: &Bench) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let program = env!("CARGO_BIN_EXE_cbpf");
    let in_terminal = |arguments: &str| {
        let command = format!("{program} compile {arguments} arp");
        Command::new("script").args(["--quiet", "--return", "--command", &command, "/dev/null"]).output()
    };
    let Ok(listing) = in_terminal("--to ebpf") else { return Ok(()) };
    expect(&listing, 0, &["(95) exit"])?;
    for form in ["ebpf-object", "ebpf-raw", "raw"] {
        expect(&in_terminal(&format!("--to {form}"))?, 1, &["terminal", "--output"])?;
    }
    Ok(())
}

fn converts(bench: &Bench) -> Outcome {
    let arp = example("arp.asm");
    let convert = |arguments: &[&str]| cbpf(&[&["convert", "-p", &arp, "--to"], arguments].concat());
    expect(&convert(&["ebpf"])?, 1, &["--dialect", "linux", "pcap"])?;
    expect(&convert(&["ebpf", "--dialect", "linux", "--hook", "socket"])?, 0, &["(95) exit"])?;
    let object = convert(&["ebpf-object", "--dialect", "pcap", "--name", "arp"])?;
    equal((object.status.code(), object.stdout.starts_with(b"\x7fELF")), (Some(0), true))?;
    let invalid = bench.file("invalid.asm", "ld M[0]\nret a")?;
    let output = cbpf(&["convert", "-p", &invalid, "--to", "ebpf", "--dialect", "linux"])?;
    expect(&output, 1, &["instruction 0, `ld M[0]`", "read before it is stored"])?;
    let mark = cbpf_with_input(&["convert", "-p", "-", "--to", "ebpf", "--dialect", "linux"], b"ld mark\nret a")?;
    expect(&mark, 1, &["instruction 0: the hook `xdp` has no value for `mark`"])
}
