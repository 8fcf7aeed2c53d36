//! `cbpf seccomp`, as users run it.

use std::path::Path;

use libtest_mimic::Failed;

use super::{Bench, Outcome, Test, cbpf, cbpf_with_input, equal, example, expect};

pub const TESTS: [(&str, Test); 5] = [
    ("seccomp_emulate", emulate),
    ("seccomp_emulate_stack", emulate_stack),
    ("seccomp_emulate_json", emulate_json),
    ("seccomp_asm_and_disasm", asm_and_disasm),
    ("seccomp_refuses", refuses),
];

/// Arguments that ask about a call of x86-64, whatever this machine is.
fn ask(programs: &[&str], rest: &[&str]) -> Result<std::process::Output, Failed> {
    let programs = programs.iter().flat_map(|program| ["-p", program]);
    let arguments: Vec<&str> =
        ["seccomp", "emulate", "--arch", "x86_64"].into_iter().chain(programs).chain(rest.iter().copied()).collect();
    cbpf(&arguments)
}

fn emulate(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let path = [
        "0004: 0x15 0x00 0x05 0x00000001  if (A != write) goto 0010        # A = 0x1, X = 0x0",
        "0009: 0x06 0x00 0x00 0x00050001  return ERRNO(1)                  # A = 0x3, X = 0x0",
        "ERRNO(1): the call is skipped, and fails with error 1",
    ];
    expect(&ask(&[&policy], &["write", "0x3"])?, 0, &path)?;
    expect(&ask(&[&policy], &["1", "2"])?, 0, &["ALLOW: the call goes on"])?;
    expect(&ask(&[&policy], &["write", "-1"])?, 0, &["A = 0xffffffff", "ERRNO(1)"])?;
    expect(&ask(&[&policy], &["-1"])?, 0, &["A = 0xffffffff", "KILL_PROCESS"])?;
    expect(&cbpf(&["seccomp", "emulate", "-p", &policy, "--arch", "aarch64", "write"])?, 0, &["KILL_PROCESS"])?;
    let quiet = ask(&[&policy], &["--quiet", "close", "0"])?;
    equal(String::from_utf8_lossy(&quiet.stdout).as_ref(), "ALLOW: the call goes on\n")?;
    let divides = bench.file("divides.asm", "A = args[0]\nX = 0\nA /= X\nreturn A")?;
    expect(&ask(&[&divides], &["close"])?, 0, &["division by zero", "KILL_THREAD"])
}

/// The newest filter runs first, and the strictest action counts.
fn emulate_stack(bench: &Bench) -> Outcome {
    let [old, new] =
        [("old.asm", "return TRACE(1)"), ("new.asm", "return TRACE(2)")].map(|(name, text)| bench.file(name, text));
    let (old, new, kill) = (old?, new?, bench.file("kill.asm", "return KILL")?);
    let output = ask(&[&old, &new], &["close"])?;
    expect(&output, 0, &["old.asm:", "new.asm:", "TRACE(2): the tracer decides"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    equal(text.find("new.asm") < text.find("old.asm"), true)?;
    expect(&ask(&[&kill, &new], &["close"])?, 0, &["KILL_THREAD: the thread dies"])
}

fn emulate_json(_: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let output = ask(&[&policy], &["--json", "write", "3"])?;
    let words = ["\"action\":\"ERRNO(1)\"", "\"verdict\":327681", "\"pc\":9", "A != write", "\"end\":null"];
    expect(&output, 0, &words)
}

fn asm_and_disasm(_: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let raw = cbpf(&["seccomp", "asm", "--arch", "x86_64", &policy])?;
    equal(raw.stdout.len(), 12 * 8)?;
    let listing = cbpf_with_input(&["seccomp", "disasm", "--arch", "riscv64", "-"], &raw.stdout)?;
    expect(&listing, 0, &[" line  CODE  JT   JF      K", "if (A != ARCH_X86_64) goto 0011", "x86_64.write"])?;
    equal(cbpf_with_input(&["seccomp", "asm", "-"], &listing.stdout)?.stdout, raw.stdout)?;
    let arm = cbpf(&["seccomp", "asm", "--arch", "aarch64", "--to", "asm", &policy])?;
    expect(&arm, 0, &["jne #0x40, "])?;
    // All that was generated for the corpus survives.
    for case in Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases/policies").read_dir()? {
        let case = case?.path().display().to_string();
        let raw = cbpf(&["convert", "-p", &case, "--to", "raw"])?.stdout;
        let listing = cbpf(&["seccomp", "disasm", &case])?.stdout;
        equal(cbpf_with_input(&["seccomp", "asm", "-"], &listing)?.stdout == raw, true)?;
    }
    Ok(())
}

fn refuses(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    expect(&ask(&[&policy], &["no_such_call"])?, 1, &["x86_64 has no system call `no_such_call`"])?;
    expect(&ask(&[&policy], &["4294967296"])?, 1, &["a number of 32 bits"])?;
    expect(&ask(&[&policy], &["write", "three"])?, 1, &["invalid value 'three'", "a number of 64 bits"])?;
    expect(
        &cbpf(&["seccomp", "emulate", "-p", &policy, "--arch", "pdp11", "1"])?,
        1,
        &["unknown architecture `pdp11`"],
    )?;
    expect(&ask(&["missing.bpf"], &["write"])?, 2, &["missing.bpf"])?;
    let for_packets = bench.file("arp.asm", "ldh [12]\nret a")?;
    expect(&ask(&[&for_packets], &["write"])?, 1, &["instruction 0, `ldh [12]`", "seccomp dialect"])?;
    let caret = "2 | A = nobody\n  |     ^";
    let wrong = bench.file("wrong.asm", "A = arch\nA = nobody")?;
    expect(&cbpf(&["seccomp", "asm", &wrong])?, 1, &["wrong.asm: line 2, column 5", caret])
}
