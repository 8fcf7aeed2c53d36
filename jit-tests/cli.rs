//! Tests of the command line: intact, damaged and missing captures, and every exit code.

mod byte_order;
mod capture_files;
mod compiled;
mod compression;
mod counting;
mod expressions;
mod formats;
mod forms;
mod habits;
mod install_docs;
#[cfg(target_os = "linux")]
mod interfaces;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod live;
mod merge;
mod metadata;
mod mixed;
mod page;
mod page_parts;
mod print;
mod prove;
mod rotation;
mod rules;
#[cfg(target_os = "linux")]
mod running;
mod seccomp;
#[cfg(target_os = "linux")]
mod signals;
mod split;
mod threads;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::debugger;

/// A test, with a folder for its files.
pub type Test = fn(&Bench) -> Outcome;

const TESTS: [(&str, Test); 21] = [
    ("filter_counts_matches", filter_counts_matches),
    ("filter_truncates_packets_to_the_verdict", filter_truncates_packets_to_the_verdict),
    ("filter_reads_standard_input", filter_reads_standard_input),
    ("filter_can_overwrite_its_input", filter_can_overwrite_its_input),
    ("filter_without_matches_writes_a_header", filter_without_matches_writes_a_header),
    ("truncated_captures_are_reported", truncated_captures_are_reported),
    ("missing_and_invalid_captures_are_reported", missing_and_invalid_captures_are_reported),
    ("invalid_programs_are_rejected", invalid_programs_are_rejected),
    ("unwritable_output_is_reported", unwritable_output_is_reported),
    ("closed_pipe_is_no_error", closed_pipe_is_no_error),
    ("engines_agree_on_the_example", engines_agree_on_the_example),
    ("link_types_determine_contexts", link_types_determine_contexts),
    ("filter_prints_a_json_summary", filter_prints_a_json_summary),
    ("bench_prints_a_table", bench_prints_a_table),
    ("bench_prints_json", bench_prints_json),
    ("bench_rejects_empty_captures", bench_rejects_empty_captures),
    ("convert_is_lossless", convert_is_lossless),
    ("convert_optimizes", convert_optimizes),
    ("verify_checks_each_dialect", verify_checks_each_dialect),
    ("show_prints_each_stage", show_prints_each_stage),
    ("help_ends_with_an_example", help_ends_with_an_example),
];

pub type Outcome = Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    let trial = |(name, test): (&str, Test)| {
        Trial::test(format!("cli::{name}"), move || test(&Bench { folder: TempDir::new()? }))
    };
    let all = [
        &TESTS[..],
        &expressions::TESTS,
        &compiled::TESTS,
        &compression::TESTS,
        &mixed::TESTS,
        &print::TESTS,
        &forms::TESTS,
        &habits::TESTS,
        &debugger::TESTS,
        &rules::TESTS,
        &seccomp::TESTS,
        &split::TESTS,
        &merge::TESTS,
        &threads::TESTS,
        &prove::TESTS,
        &formats::TESTS,
        &install_docs::TESTS,
        &metadata::TESTS,
        &page::TESTS,
        &page_parts::TESTS,
        &rotation::TESTS,
        &counting::TESTS,
    ];
    #[cfg(target_os = "linux")]
    let all = [&all[..], &[&live::TESTS, &signals::TESTS, &limits::TESTS]].concat();
    let trials = all
        .concat()
        .into_iter()
        .map(trial)
        .chain(byte_order::trials())
        .chain(page::trials_in_a_browser())
        .chain([install_docs::trial_with_mandoc()]);
    #[cfg(target_os = "linux")]
    let trials = trials.chain(interfaces::trials());
    trials.collect()
}

/// A folder for one test.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<String, Failed> {
        fs::write(self.path(name), content)?;
        Ok(self.path(name).display().to_string())
    }
}

pub fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).display().to_string()
}

/// Returns a capture of one packet, an IPv4 header with protocol TCP, without a link header.
pub fn raw_capture(bench: &Bench) -> Result<String, Failed> {
    let mut raw = fs::read(example("mixed.pcap"))?[..24].to_vec();
    raw[20..].copy_from_slice(&101_u32.to_le_bytes());
    raw.extend([0_u32, 0, 20, 20].map(u32::to_le_bytes).as_flattened());
    raw.extend([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bench.file("raw.pcap", raw)
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cbpf"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn cbpf(arguments: &[&str]) -> Result<Output, Failed> {
    Ok(command(arguments).output()?)
}

pub fn cbpf_with_input(arguments: &[&str], input: &[u8]) -> Result<Output, Failed> {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no standard input")?.write_all(input)?;
    Ok(child.wait_with_output()?)
}

/// Checks the exit code, and that standard output or standard error contain `words`.
pub fn expect(output: &Output, code: i32, words: &[&str]) -> Outcome {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let missing = words.iter().find(|&&word| !text.contains(word));
    match (output.status.code(), missing) {
        (Some(got), None) if got == code => Ok(()),
        (got, _) => Err(format!("exit code {got:?}, expected {code}, and {words:?} in: {text}").into()),
    }
}

pub fn equal<T: PartialEq + std::fmt::Debug>(got: T, expected: T) -> Outcome {
    if got == expected { Ok(()) } else { Err(format!("got {got:?}, expected {expected:?}").into()) }
}

fn filter_counts_matches(_: &Bench) -> Outcome {
    let output = cbpf(&["filter", "-p", &example("arp.asm"), "-r", &example("mixed.pcap")])?;
    expect(&output, 0, &["260 packets, 5 match"])?;
    let interpreted =
        cbpf(&["filter", "-p", &example("arp.asm"), "-r", &example("mixed.pcap"), "--engine", "interpreter"])?;
    expect(&interpreted, 0, &["260 packets, 5 match"])
}

fn filter_truncates_packets_to_the_verdict(bench: &Bench) -> Outcome {
    let program = bench.file("cut.asm", "ldh [12]\njne #0x806, drop\nret #20\ndrop: ret #0")?;
    let (kept, lengths) = (bench.file("kept.pcap", "old")?, bench.file("len.asm", "ld #len\nret a")?);
    expect(
        &cbpf(&["filter", "-p", &program, "-r", &example("mixed.pcap"), "-w", &kept])?,
        0,
        &["5 match", "100 kept"],
    )?;
    equal(fs::metadata(&kept)?.len(), 24 + 5 * (16 + 20))?;
    let output = cbpf(&["run", "-p", &lengths, "-r", &kept])?;
    equal(String::from_utf8_lossy(&output.stdout).as_ref(), "42\n42\n42\n42\n42\n")
}

fn filter_reads_standard_input(_: &Bench) -> Outcome {
    let capture = fs::read(example("mixed.pcap"))?;
    let output = cbpf_with_input(&["filter", "-p", &example("arp.asm"), "-r", "-"], &capture)?;
    expect(&output, 0, &["260 packets, 5 match"])?;
    let twice = cbpf(&["filter", "-p", "-", "-r", "-"])?;
    expect(&twice, 1, &["standard input can be read only once"])
}

fn filter_can_overwrite_its_input(bench: &Bench) -> Outcome {
    let capture = bench.file("same.pcap", fs::read(example("mixed.pcap"))?)?;
    let arp = |more: &[&str]| cbpf(&[&["filter", "-p", &example("arp.asm"), "-r", &capture], more].concat());
    expect(&arp(&["-w", &capture])?, 0, &["5 match", "same.pcap was an input, and is replaced"])?;
    expect(&arp(&[])?, 0, &["5 packets, 5 match"])?;
    // What cannot be read is not lost.
    let damaged = [&fs::read(&capture)?[..], &[0xff; 40]].concat();
    fs::write(&capture, &damaged)?;
    expect(&arp(&["-w", &capture])?, 1, &["it is an input that could not be read to its end, and stays as it is"])?;
    expect(&arp(&["-w", &capture, "-C", "1"])?, 1, &["it is an input, which is still read"])?;
    equal(fs::read(&capture)? == damaged, true)
}

fn filter_without_matches_writes_a_header(bench: &Bench) -> Outcome {
    let (program, kept) = (bench.file("none.asm", "ret #0")?, bench.path("none.pcap"));
    let output = cbpf(&["filter", "-p", &program, "-r", &example("mixed.pcap"), "-w", &kept.display().to_string()])?;
    expect(&output, 0, &["260 packets, 0 match"])?;
    equal(fs::metadata(&kept)?.len(), 24)
}

fn truncated_captures_are_reported(bench: &Bench) -> Outcome {
    let whole = fs::read(example("mixed.pcap"))?;
    let (capture, kept) = (bench.file("cut.pcap", &whole[..30_000])?, bench.path("kept.pcap").display().to_string());
    let output = cbpf(&["filter", "-p", &example("arp.asm"), "-r", &capture, "-w", &kept])?;
    expect(&output, 2, &["179 packets, 2 match", "byte 29949", "cut.pcap"])?;
    let arguments = ["filter", "-p", &example("arp.asm"), "-r", &capture, "--json"];
    expect(&cbpf(&arguments)?, 2, &["\"packets\":179", "\"whole\":false"])?;
    expect(&cbpf(&["filter", "-p", &example("arp.asm"), "-r", &kept])?, 0, &["2 packets, 2 match"])
}

fn missing_and_invalid_captures_are_reported(bench: &Bench) -> Outcome {
    let program = example("arp.asm");
    let filter = |capture: &str| cbpf(&["filter", "-p", &program, "-r", capture]);
    expect(&filter(&bench.path("missing.pcap").display().to_string())?, 2, &["missing.pcap", "cannot open"])?;
    expect(&filter(&bench.file("empty.pcap", "")?)?, 2, &["empty.pcap", "is empty"])?;
    expect(&filter(&bench.file("text.pcap", "no capture at all")?)?, 2, &["text.pcap", "not a pcap"])?;
    expect(&cbpf(&["filter", "-p", "missing.asm", "-r", &example("mixed.pcap")])?, 2, &["missing.asm"])?;
    // Missing inputs are found before any output is created.
    let kept = bench.path("kept.pcap");
    let arguments = ["filter", "-p", &program, "-r", &example("mixed.pcap"), "-r", "missing.pcap", "-w"];
    let kept_name = kept.display().to_string();
    expect(&cbpf(&[&arguments[..], &[&kept_name]].concat())?, 2, &["missing.pcap"])?;
    equal(kept.exists(), false)
}

fn invalid_programs_are_rejected(bench: &Bench) -> Outcome {
    let verify = |name: &str, text: &[u8]| cbpf(&["verify", "-p", &bench.file(name, text)?]);
    let with_caret = "2 | jne #0x806 drop\n  |            ^";
    expect(&verify("comma.asm", b"ldh [12]\njne #0x806 drop")?, 1, &["comma.asm: line 2, column 12", with_caret])?;
    expect(&verify("shift.asm", b"lsh #33\nret a")?, 1, &["instruction 0, `lsh #33`", "a shift is by 0 to 31 bits"])?;
    expect(&verify("raw", b"\x06\0\0\0\0\0\0")?, 1, &["byte 0: expected 8 bytes for each instruction"])?;
    expect(&verify("empty.asm", b"")?, 1, &["the program has no instructions"])?;
    let long = "ld [0]\n".repeat(4096) + "ret #0";
    expect(&verify("long.asm", long.as_bytes())?, 1, &["4097 instructions, and at most 4096 are allowed"])?;
    expect(&cbpf(&["filter", "--engine", "magic"])?, 1, &["invalid value 'magic'"])
}

fn unwritable_output_is_reported(bench: &Bench) -> Outcome {
    let kept = bench.path("no/such/folder.pcap").display().to_string();
    let output = cbpf(&["filter", "-p", &example("arp.asm"), "-r", &example("mixed.pcap"), "-w", &kept])?;
    expect(&output, 1, &["cannot create", "folder.pcap"])?;
    if !Path::new("/dev/full").exists() {
        return Ok(());
    }
    let arguments = ["filter", "-p", &example("arp.asm"), "-r", &example("mixed.pcap"), "-w", "/dev/full"];
    expect(&cbpf(&arguments)?, 1, &["cannot write /dev/full"])?;
    // Without a newline, the bytes stay in the buffer until they are flushed.
    let raw = command(&["seccomp", "asm", &example("policy.asm")])
        .stdout(fs::OpenOptions::new().write(true).open("/dev/full")?)
        .output()?;
    expect(&raw, 1, &["cannot write standard output"])?;
    // An unwritable standard error does not prevent the work.
    let deaf = command(&["filter", "-p", &example("arp.asm"), "-r", &example("mixed.pcap")])
        .stderr(fs::OpenOptions::new().write(true).open("/dev/full")?)
        .output()?;
    expect(&deaf, 0, &[])
}

fn closed_pipe_is_no_error(_: &Bench) -> Outcome {
    let arguments = ["convert", "-p", &example("arp.asm"), "--to", "asm"];
    let mut child = command(&arguments).spawn()?;
    drop(child.stdout.take());
    expect(&child.wait_with_output()?, 0, &[])
}

fn engines_agree_on_the_example(_: &Bench) -> Outcome {
    let output = cbpf(&["run", "-p", &example("arp.asm"), "-r", &example("mixed.pcap"), "--engine", "both"])?;
    expect(&output, 0, &[])?;
    let verdicts = String::from_utf8_lossy(&output.stdout);
    equal(verdicts.lines().count(), 260)?;
    equal(verdicts.lines().filter(|&verdict| verdict == "4294967295").count(), 5)
}

/// The link type determines the protocol and the network header that programs load.
fn link_types_determine_contexts(bench: &Bench) -> Outcome {
    let program = bench.file("ipv6.asm", "ld proto\njne #0x86dd, drop\nldb [0xfff00000]\nret a\ndrop: ret #0")?;
    for (link_type, header) in [
        (1_u32, [&[2; 12][..], &[0x86, 0xdd]].concat()),
        (101, Vec::new()),
        (113, [&[0; 14][..], &[0x86, 0xdd]].concat()),
        (276, [&[0x86, 0xdd][..], &[0; 18]].concat()),
    ] {
        let packet = [&header[..], &[0x60; 40]].concat();
        let fields =
            [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 0xffff, link_type, 0, 0, packet.len() as u32, packet.len() as u32];
        let capture = bench.file("one.pcap", [fields.map(u32::to_le_bytes).concat(), packet].concat())?;
        let output = cbpf(&["run", "-p", &program, "-r", &capture, "--engine", "both"])?;
        equal((link_type, String::from_utf8(output.stdout)?), (link_type, "96\n".to_owned()))?;
        let output = cbpf(&["filter", "-p", &program, "-r", &capture])?;
        expect(&output, 0, &["1 packet, 1 match"])?;
        let output = cbpf(&["bench", "-p", &program, "-r", &capture, "--seconds", "0.01", "--json"])?;
        expect(&output, 0, &["\"packets\""])?;
    }
    Ok(())
}

fn filter_prints_a_json_summary(_: &Bench) -> Outcome {
    let output = cbpf(&["filter", "-p", &example("arp.asm"), "-r", &example("mixed.pcap"), "--json"])?;
    let words = ["\"packets\":260", "\"matches\":5", "\"kept_bytes\":210", "\"engine\":\"jit\""];
    expect(&output, 0, &words)?;
    equal(output.stderr.len(), 0)
}

fn bench_prints_a_table(_: &Bench) -> Outcome {
    let arguments = ["bench", "-p", &example("arp.asm"), "-r", &example("mixed.pcap"), "--seconds", "0.05"];
    let words = ["260 of 260 packets", "interpreter", "jit-batch", "branches", "shuffled", "Fastest on these packets"];
    expect(&cbpf(&arguments)?, 0, &words)
}

fn bench_prints_json(bench: &Bench) -> Outcome {
    let random = bench.file("random.asm", "ld rand\nret a")?;
    for program in [&example("arp.asm"), &random] {
        let arguments = ["bench", "--json", "-p", program, "-r", &example("mixed.pcap"), "--seconds", "0"];
        let output = cbpf(&arguments)?;
        expect(&output, 0, &["\"packets\":260", "\"upper_quartile\":", "\"tuned\":{\"batch\":"])?;
        equal(output.stderr.len(), 0)?;
    }
    Ok(())
}

fn bench_rejects_empty_captures(bench: &Bench) -> Outcome {
    let whole = fs::read(example("mixed.pcap"))?;
    let empty = bench.file("empty.pcap", &whole[..24])?;
    let measure =
        |capture: &str, seconds: &str| cbpf(&["bench", "-p", &example("arp.asm"), "-r", capture, "--seconds", seconds]);
    expect(&measure(&empty, "0")?, 2, &["there are no packets to measure with"])?;
    expect(&measure(&example("mixed.pcap"), "soon")?, 1, &["--seconds", "a number of seconds"])?;
    expect(&measure(&bench.file("cut.pcap", &whole[..30_000])?, "0")?, 2, &["byte 29949", "179 of 179 packets"])
}

fn convert_is_lossless(bench: &Bench) -> Outcome {
    let text = fs::read(example("arp.asm"))?;
    let mut program = text;
    for form in ["listing", "c", "decimal", "bytecode", "seccomp", "raw", "asm"] {
        let output = cbpf_with_input(&["convert", "-p", "-", "--to", form], &program)?;
        expect(&output, 0, &[])?;
        program = output.stdout;
    }
    let file = bench.file("back.asm", &program)?;
    let direct = cbpf(&["convert", "-p", &example("arp.asm"), "--to", "asm"])?;
    equal(fs::read(file)?, direct.stdout)
}

fn convert_optimizes(bench: &Bench) -> Outcome {
    let program = bench.file("long.asm", "ld #len\n st M[0]\n ld #7\n tax\n ld M[0]\n add x\n ret a")?;
    let convert = |options: &[&str]| cbpf(&[&["convert", "-p", &program, "--to", "bytecode"], options].concat());
    let output = convert(&["--optimize", "--dialect", "linux"])?;
    equal(String::from_utf8_lossy(&output.stdout).trim(), "3,128 0 0 0,4 0 0 7,22 0 0 0")?;
    expect(&convert(&["--optimize"])?, 1, &["--dialect"])?;
    expect(&convert(&["--dialect", "linux"])?, 1, &["--optimize"])?;
    let invalid = bench.file("invalid.asm", "ld M[0]\nret a")?;
    let output = cbpf(&["convert", "-p", &invalid, "--to", "asm", "--optimize", "--dialect", "linux"])?;
    expect(&output, 1, &["instruction 0, `ld M[0]`", "read before it is stored"])
}

fn verify_checks_each_dialect(bench: &Bench) -> Outcome {
    let program = bench.file("unset.asm", "ld M[0]\nret a")?;
    let verify = |dialect| cbpf(&["verify", "-p", &program, "--dialect", dialect]);
    expect(&verify("pcap")?, 0, &["valid: 2 instructions (pcap dialect)"])?;
    expect(&verify("linux")?, 1, &["instruction 0, `ld M[0]`", "read before it is stored"])?;
    expect(&verify("seccomp")?, 1, &["seccomp dialect"])?;
    expect(&verify("bsd")?, 1, &["invalid value 'bsd'", "seccomp"])
}

fn show_prints_each_stage(_: &Bench) -> Outcome {
    let show = |stage| cbpf(&["show", "-p", &example("arp.asm"), stage]);
    expect(&show("--graph")?, 0, &["digraph", "[12]"])?;
    expect(&show("--clif")?, 0, &["function", "notrap"])?;
    expect(&show("--native")?, 0, &["bytes for"])
}

fn help_ends_with_an_example(_: &Bench) -> Outcome {
    let subcommands = "filter print run split count rules bench compile convert verify show trace explain prove seccomp \
        completions man install-docs";
    for subcommand in subcommands.split(' ') {
        let output = cbpf(&[subcommand, "--help"])?;
        expect(&output, 0, &["Example:"])?;
        let last = String::from_utf8_lossy(&output.stdout).trim_end().lines().last().unwrap_or("").to_owned();
        equal(last.contains(&format!("cbpf {subcommand}")), true)?;
    }
    for question in ["equal", "implies", "overlap", "example"] {
        expect(&cbpf(&["prove", question, "--help"])?, 0, &["Example:", &format!("cbpf prove {question} ")])?;
    }
    expect(&cbpf(&["completions", "bash"])?, 0, &["_cbpf"])?;
    expect(&cbpf(&["man"])?, 0, &[".TH cbpf"])
}
