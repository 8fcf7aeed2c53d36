//! Tests of `cbpf seccomp`.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;

use super::{Bench, Outcome, Test, cbpf, cbpf_with_input, equal, example, expect};

pub const TESTS: [(&str, Test); 11] = [
    ("seccomp_emulate_prints_the_path", emulate_prints_the_path),
    ("seccomp_emulate_runs_several_filters", emulate_runs_several_filters),
    ("seccomp_emulate_prints_json", emulate_prints_json),
    ("seccomp_asm_reads_the_output_of_disasm", asm_reads_the_output_of_disasm),
    ("seccomp_big_endian_filters", big_endian_filters),
    ("seccomp_actions_have_one_notation", actions_have_one_notation),
    ("seccomp_rejects_invalid_arguments", invalid_arguments_are_rejected),
    ("seccomp_explain_prints_conditions", explain_prints_conditions),
    ("seccomp_diff_finds_changes", diff_finds_changes),
    ("seccomp_audit_prints_findings", audit_prints_findings),
    ("seccomp_merge_proves_its_result", merge_proves_its_result),
];

/// Returns the path of a policy of the corpus.
fn policy(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases/policies");
    folder.join(format!("{name}.asm")).display().to_string()
}

/// Emulates a call of x86-64, on any machine.
fn emulate_x86_64(programs: &[&str], rest: &[&str]) -> Result<std::process::Output, Failed> {
    let programs = programs.iter().flat_map(|program| ["-p", program]);
    let arguments: Vec<&str> =
        ["seccomp", "emulate", "--arch", "x86_64"].into_iter().chain(programs).chain(rest.iter().copied()).collect();
    cbpf(&arguments)
}

fn emulate_prints_the_path(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let path = [
        "0004: 0x15 0x00 0x05 0x00000001  if (A != write) goto 0010        # A = 0x1, X = 0x0",
        "0009: 0x06 0x00 0x00 0x00050001  return ERRNO(1)                  # A = 0x3, X = 0x0",
        "ERRNO(1): the call is skipped, and fails with error 1",
    ];
    expect(&emulate_x86_64(&[&policy], &["write", "0x3"])?, 0, &path)?;
    expect(&emulate_x86_64(&[&policy], &["1", "2"])?, 0, &["ALLOW: the call is executed"])?;
    expect(&emulate_x86_64(&[&policy], &["write", "-1"])?, 0, &["A = 0xffffffff", "ERRNO(1)"])?;
    expect(&emulate_x86_64(&[&policy], &["-1"])?, 0, &["A = 0xffffffff", "KILL_PROCESS"])?;
    expect(&cbpf(&["seccomp", "emulate", "-p", &policy, "--arch", "aarch64", "write"])?, 0, &["KILL_PROCESS"])?;
    let quiet = emulate_x86_64(&[&policy], &["--quiet", "close", "0"])?;
    equal(String::from_utf8_lossy(&quiet.stdout).as_ref(), "ALLOW: the call is executed\n")?;
    let divides = bench.file("divides.asm", "A = args[0]\nX = 0\nA /= X\nreturn A")?;
    expect(&emulate_x86_64(&[&divides], &["close"])?, 0, &["division by zero", "KILL: "])
}

/// The filter installed last runs first, and the strictest action counts.
fn emulate_runs_several_filters(bench: &Bench) -> Outcome {
    let [old, new] =
        [("old.asm", "return TRACE(1)"), ("new.asm", "return TRACE(2)")].map(|(name, text)| bench.file(name, text));
    let (old, new, kill) = (old?, new?, bench.file("kill.asm", "return KILL")?);
    let output = emulate_x86_64(&[&old, &new], &["close"])?;
    expect(&output, 0, &["old.asm:", "new.asm:", "TRACE(2): the tracer decides"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    equal(text.find("new.asm") < text.find("old.asm"), true)?;
    expect(&emulate_x86_64(&[&kill, &new], &["close"])?, 0, &["KILL: SIGSYS kills the thread"])
}

fn emulate_prints_json(_: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let output = emulate_x86_64(&[&policy], &["--json", "write", "3"])?;
    let words = ["\"action\":\"ERRNO(1)\"", "\"verdict\":327681", "\"pc\":9", "A != write", "\"end\":null"];
    expect(&output, 0, &words)
}

fn asm_reads_the_output_of_disasm(_: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let raw = cbpf(&["seccomp", "asm", "--arch", "x86_64", &policy])?;
    equal(raw.stdout.len(), 12 * 8)?;
    let listing = cbpf_with_input(&["seccomp", "disasm", "--arch", "riscv64", "-"], &raw.stdout)?;
    expect(&listing, 0, &[" line  CODE  JT   JF      K", "if (A != ARCH_X86_64) goto 0011", "x86_64.write"])?;
    equal(cbpf_with_input(&["seccomp", "asm", "-"], &listing.stdout)?.stdout, raw.stdout)?;
    let arm = cbpf(&["seccomp", "asm", "--arch", "aarch64", "--to", "asm", &policy])?;
    expect(&arm, 0, &["jne #0x40, "])?;
    // All policies of the corpus survive the round trip.
    for case in Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases/policies").read_dir()? {
        let case = case?.path().display().to_string();
        let raw = cbpf(&["convert", "-p", &case, "--to", "raw"])?.stdout;
        let listing = cbpf(&["seccomp", "disasm", &case])?.stdout;
        equal(cbpf_with_input(&["seccomp", "asm", "-"], &listing)?.stdout == raw, true)?;
    }
    Ok(())
}

/// Filters of big-endian architectures, as raw bytes in either byte order and as text.
fn big_endian_filters(bench: &Bench) -> Outcome {
    let text = "A = args[2] >> 32\nA == 0x11223344 ? next : allow\nA = args[2]\nA == 0x55667788 ? kill : allow\n\
                allow: return ALLOW\nkill: return KILL";
    let text = bench.file("policy.asm", text)?;
    for arch in ["s390x", "ppc", "mips64n32", "m68k", "sparc64", "armeb", "x86_64", "mipsel"] {
        let assemble = |form: &[&str]| cbpf(&[&["seccomp", "asm", "--arch", arch, &text], form].concat());
        let (native, little) = (assemble(&[])?.stdout, assemble(&["--to", "raw"])?.stdout);
        equal(native == little, ["x86_64", "mipsel"].contains(&arch))?;
        let (native, little) = (bench.file("native.bpf", native)?, bench.file("little.bpf", little)?);
        for program in [&native, &little, &text] {
            let emulate = |arg| cbpf(&["seccomp", "emulate", "-q", "--arch", arch, "-p", program, "4", "0", "0", arg]);
            expect(&emulate("0x1122334455667788")?, 0, &["KILL: "])?;
            expect(&emulate("0x5566778811223344")?, 0, &["ALLOW: "])?;
            let listing = cbpf(&["seccomp", "disasm", "--arch", arch, program])?;
            expect(&listing, 0, &["0000: ", "A = args[2] >> 32", "A = args[2]\n"])?;
            equal(
                cbpf_with_input(&["convert", "-p", "-", "--to", "raw"], &listing.stdout)?.stdout,
                std::fs::read(&little)?,
            )?;
        }
    }
    // The byte order of a big-endian filter is detected, but not its architecture.
    let unknown = cbpf(&["seccomp", "disasm", &bench.file("s390x.bpf", b"\0\x20\0\0\0\0\0\x14\0\x16\0\0\0\0\0\0")?])?;
    expect(&unknown, 0, &["0x00000014  A = args[0]\n", "return A"])
}

/// `disasm` and `emulate` print the same names of actions, and `asm` reads them.
fn actions_have_one_notation(bench: &Bench) -> Outcome {
    let words = [
        ("0", "KILL"),
        ("0x80000000", "KILL_PROCESS"),
        ("0x30000", "TRAP"),
        ("0x30007", "TRAP(7)"),
        ("0x50000", "ERRNO(0)"),
        ("0x7fc00000", "USER_NOTIF"),
        ("0x7ff00000", "TRACE"),
        ("0x7ff00001", "TRACE(1)"),
        ("0x7ffc0000", "LOG"),
        ("0x7fff0000", "ALLOW"),
        ("0x10000", "0x10000"),
    ];
    for (verdict, word) in words {
        let policy = bench.file("policy.asm", format!("return {verdict}"))?;
        let listing = cbpf(&["seccomp", "disasm", &policy])?;
        expect(&listing, 0, &[&format!("  return {word}\n")])?;
        let quiet = emulate_x86_64(&[&policy], &["-q", "1"])?;
        equal(String::from_utf8_lossy(&quiet.stdout).split(": ").next(), Some(word))?;
        expect(&emulate_x86_64(&[&policy], &["--json", "1"])?, 0, &[&format!("\"action\":\"{word}\"")])?;
        let again = bench.file("again.asm", format!("return {word}"))?;
        equal(cbpf(&["seccomp", "asm", &again])?.stdout, cbpf(&["seccomp", "asm", &policy])?.stdout)?;
    }
    // Data that the kernel ignores is preserved.
    let policy = bench.file("policy.asm", "return 0x7fff0005")?;
    expect(&cbpf(&["seccomp", "disasm", &policy])?, 0, &["return ALLOW(5)"])?;
    expect(&emulate_x86_64(&[&policy], &["-q", "1"])?, 0, &["ALLOW: "])
}

fn invalid_arguments_are_rejected(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    expect(&emulate_x86_64(&[&policy], &["no_such_call"])?, 1, &["x86_64 has no system call `no_such_call`"])?;
    expect(&emulate_x86_64(&[&policy], &["4294967296"])?, 1, &["a 32-bit number"])?;
    expect(&emulate_x86_64(&[&policy], &["write", "three"])?, 1, &["invalid value 'three'", "a 64-bit number"])?;
    expect(
        &cbpf(&["seccomp", "emulate", "-p", &policy, "--arch", "pdp11", "1"])?,
        1,
        &["unknown architecture `pdp11`"],
    )?;
    let s390x = cbpf(&["seccomp", "emulate", "-p", &policy, "--arch", "s390x", "wriet"])?;
    expect(&s390x, 1, &["s390x has no system call `wriet`"])?;
    let parisc = cbpf(&["seccomp", "emulate", "-p", &policy, "--arch", "parisc", "write"])?;
    expect(&parisc, 1, &["the names of parisc's system calls are not known: expected a 32-bit number, not `write`"])?;
    expect(&emulate_x86_64(&["-", "-"], &["write"])?, 1, &["standard input can be read only once"])?;
    let raw = cbpf_with_input(&["seccomp", "asm", "-"], b"\x06\0\0\0\0\0\xff\x7f")?;
    expect(&raw, 1, &["standard input: expected text: "])?;
    expect(&emulate_x86_64(&["missing.bpf"], &["write"])?, 2, &["missing.bpf"])?;
    let for_packets = bench.file("arp.asm", "ldh [12]\nret a")?;
    expect(&emulate_x86_64(&[&for_packets], &["write"])?, 1, &["instruction 0, `ldh [12]`", "seccomp dialect"])?;
    let caret = "2 | A = nobody\n  |     ^";
    let wrong = bench.file("wrong.asm", "A = arch\nA = nobody")?;
    expect(&cbpf(&["seccomp", "asm", &wrong])?, 1, &["wrong.asm: line 2, column 5", caret])
}

fn explain_prints_conditions(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let explain = |rest: &[&str]| cbpf(&[&["seccomp", "explain", "--arch", "x86_64"], rest].concat());
    let text = "x86_64:\n  ALLOW\n    write if arg0 <= 2\n    every other call\n  ERRNO(1)\n    write if arg0 >= 3\n";
    expect(&explain(&[&policy])?, 0, &[text, "every architecture but x86_64:\n  KILL_PROCESS\n    every call\n"])?;
    let json = explain(&["--json", &policy])?;
    let words = ["\"condition\":\"arg0 <= 2\"", "\"names\":[\"write\"]", "\"action\":\"ERRNO(1)\"", "\"is_x32\":true"];
    expect(&json, 0, &words)?;
    let log = bench.file("log.asm", "return LOG")?;
    expect(&explain(&[&policy, &log])?, 0, &["  LOG\n    write if arg0 <= 2\n"])?;
    let wild = bench.file("wild.asm", "A = args[0]\nreturn A")?;
    expect(&explain(&[&policy, &wild])?, 4, &["wild.asm: the filter is too complex", "at instruction 1"])
}

fn diff_finds_changes(bench: &Bench) -> Outcome {
    let policy = example("policy.asm");
    let changed = std::fs::read_to_string(&policy)?.replace("A <= 2", "A < 2");
    let changed = bench.file("changed.asm", changed)?;
    let diff = |rest: &[&str]| cbpf(&[&["seccomp", "diff", "--arch", "x86_64"], rest].concat());
    expect(&diff(&[&policy, &policy])?, 0, &["the policies are equal\n"])?;
    let text = "x86_64: ALLOW -> ERRNO(1)\n  write if arg0 == 2\n  example: write(0x2) on x86_64\n";
    let output = diff(&[&policy, &changed])?;
    expect(&output, 1, &[text])?;
    equal(String::from_utf8_lossy(&output.stdout).as_ref(), text)?;
    let words = ["\"are_equal\":false", "\"args\":[2,0,0,0,0,0]", "\"before\":{\"action\":\"ALLOW\""];
    expect(&diff(&["--json", &policy, &changed])?, 1, &words)?;
    // The older of two equal filters does not matter, and the stricter of two different ones does.
    expect(&diff(&[&policy, &policy, "--with", &policy])?, 0, &["equal"])?;
    expect(&diff(&[&policy, "--with", &policy, &changed])?, 1, &["ALLOW -> ERRNO(1)"])?;
    expect(&diff(&[&policy])?, 1, &["expected two policies"])?;
    let [sum, product] = [("sum", "A += X"), ("product", "A *= X")].map(|(name, operation)| {
        let text =
            format!("A = args[0]\nX = A\nA = args[1]\n{operation}\nif (A == 5) goto ok\nreturn KILL\nok: return ALLOW");
        bench.file(name, text)
    });
    let (sum, product) = (sum?, product?);
    expect(&diff(&[&product, &product])?, 0, &["equal"])?;
    let output = diff(&[&sum, &product])?;
    equal([Some(1), Some(4)].contains(&output.status.code()), true)
}

fn audit_prints_findings(bench: &Bench) -> Outcome {
    let audit = |rest: &[&str]| cbpf(&[&["seccomp", "audit", "--arch", "x86_64"], rest].concat());
    let words = ["allow-by-default: x86_64: calls that no rule names are allowed", "policy.asm, instruction 10"];
    expect(&audit(&[&example("policy.asm")])?, 1, &words)?;
    let list = "A = arch\nA == ARCH_X86_64 ? next : kill\nA = sys_number\nif (A >= 0x40000000) goto kill\n\
                if (A == write) goto ok\nif (A == write) goto ok\nkill: return KILL_PROCESS\nok: return ALLOW";
    let twice = bench.file("twice.asm", list)?;
    expect(&audit(&[&twice])?, 1, &["decided-test: this test never holds", "twice.asm, instruction 5"])?;
    let once = bench.file("once.asm", list.replacen("if (A == write) goto ok\n", "", 1))?;
    expect(&audit(&[&once])?, 0, &["no weaknesses found\n"])?;
    expect(&audit(&["--json", &twice])?, 1, &["\"kind\":\"decided-test\"", "\"instructions\":[5]", "\"advice\""])?;
    let namespaces = policy("systemd_restrict_namespaces");
    expect(&audit(&[&namespaces])?, 1, &["open-x32: ", "open-architecture: ", "on i386: ALLOW", "unshare"])
}

fn merge_proves_its_result(bench: &Bench) -> Outcome {
    let stack =
        ["systemd_system_service", "systemd_memory_deny_write_execute", "systemd_restrict_namespaces"].map(policy);
    let stack: Vec<&str> = stack.iter().map(String::as_str).collect();
    let merged = bench.path("merged.bpf").display().to_string();
    let output = cbpf(&[&["seccomp", "merge", "--arch", "x86_64", "-o", &merged][..], &stack].concat())?;
    expect(&output, 0, &["3 filters, ", "proven equal"])?;
    expect(&cbpf(&[&["seccomp", "diff"][..], &stack, &["--with", &merged]].concat())?, 0, &["the policies are equal"])?;
    let text = cbpf(&["seccomp", "merge", "--to", "seccomp", &merged])?;
    expect(&text, 0, &["A = arch", "1 filter, "])?;
    let constant = cbpf(&["convert", "-p", &merged, "--to", "rust-const", "--name", "POLICY"])?;
    expect(&constant, 0, &["pub const POLICY: [(u16, u8, u8, u32); "])?;
    let again = bench.file("policy.rs", &constant.stdout)?;
    expect(&cbpf(&["seccomp", "diff", &again, &merged])?, 0, &["the policies are equal"])?;
    let asm = cbpf(&["seccomp", "asm", "--arch", "x86_64", "--to", "rust-const", &example("policy.asm")])?;
    expect(&asm, 0, &["pub const CBPF_FILTER: [(u16, u8, u8, u32); 12]"])?;
    expect(
        &cbpf(&["compile", "--to", "rust-const", "--name", "ARP", "arp"])?,
        0,
        &["pub const ARP: [(u16, u8, u8, u32)"],
    )?;
    let wrong = cbpf(&["compile", "--to", "rust-const", "--name", "1x", "arp"])?;
    expect(&wrong, 1, &["`1x` cannot be a name in rust"])?;
    rustc_compiles(bench, &[constant.stdout, asm.stdout].concat())
}

/// Compiles constants without a crate, if the machine has a compiler, and prints one.
fn rustc_compiles(bench: &Bench, constants: &[u8]) -> Outcome {
    let main = "fn main() { print!(\"{} {} {:?}\", POLICY.len(), CBPF_FILTER.len(), CBPF_FILTER[0]); }";
    let source = bench.file("main.rs", [constants, main.as_bytes()].concat())?;
    let program = bench.path("program").display().to_string();
    let Ok(output) = Command::new("rustc").args(["-Dwarnings", "-o", &program, &source]).output() else {
        return Ok(());
    };
    expect(&output, 0, &[])?;
    if std::env::var_os("JIT_TESTS_EMULATOR").is_some() {
        return Ok(());
    }
    let printed = Command::new(&program).output()?;
    expect(&printed, 0, &[" 12 (32, 0, 0, 4)"])
}
