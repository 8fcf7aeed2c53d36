//! Limits set by a shell: the size of files, and the number of open files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use libtest_mimic::Failed;

use crate::cli::capture_files::gzip;
use crate::cli::rotation::capture_at;
use crate::cli::running::{Running, await_event, mixed, pcapng, unnamed};
use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 3] = [
    ("reports_the_file_size_limit", reports_the_file_size_limit),
    ("a_full_disk_keeps_rotated_files", a_full_disk_keeps_rotated_files),
    ("reads_more_captures_than_can_be_open", reads_more_captures_than_can_be_open),
];

/// Runs the program under limits set by the shell.
fn limited(limits: &str, arguments: &[&str]) -> Result<Output, Failed> {
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    let program = ["-c", &script, env!("CARGO_BIN_EXE_cbpf")];
    Ok(Command::new("sh").args(program).args(arguments).stdin(Stdio::null()).output()?)
}

fn reports_the_file_size_limit(bench: &Bench) -> Outcome {
    let (mixed, rules) = (example("mixed.pcap"), bench.file("rules", "all:\n")?);
    let [kept, folder, verdicts] = ["kept", "folder", "verdicts"].map(|name| bench.path(name).display().to_string());
    // The unit is 512 bytes, or 1024 in some shells. The interpreter needs no file for native code.
    let (limit, words) = ("ulimit -f 32", ["File too large", "ulimit -f"]);
    let cases: [&[&str]; 2] = [
        &["filter", "--engine", "interpreter", "-r", &mixed, "-w", &kept, "greater 0"],
        &["split", "-r", &mixed, "--rules", &rules, "-o", &folder],
    ];
    for arguments in cases {
        expect(&limited(limit, arguments)?, 1, &words)?;
    }
    let redirected = format!("{limit}; exec > '{verdicts}'");
    let twenty: Vec<&str> = ["-r", &mixed].repeat(20);
    let run = [&["run", "--engine", "interpreter", "greater 0"][..], &twenty].concat();
    expect(&limited(&redirected, &run)?, 1, &["cannot write standard output", words[0], words[1]])?;
    equal((unnamed(bench.folder.path()), Path::new(&kept).exists(), Path::new(&folder).exists()), (0, false, false))?;
    let docs = bench.path("docs").display().to_string();
    expect(&limited("ulimit -f 1", &["install-docs", "--prefix", &docs])?, 1, &["cannot write", &docs, words[0]])?;
    let pages = bench.path("docs/share/man/man1");
    equal((unnamed(&pages), pages.join("cbpf-filter.1").exists()), (0, false))?;
    let code = limited("ulimit -f 0", &["run", "--engine", "both", "-r", &mixed, "ip"])?;
    expect(&code, 1, &["no memory for native code", "ulimit -f"])?;
    // Few packets are interpreted.
    expect(&limited("ulimit -f 0", &["filter", "-r", &mixed, "ip"])?, 0, &["260 packets"])
}

/// The limit on the size of files stands for a full disk: the files before it are whole, and stay.
fn a_full_disk_keeps_rotated_files(bench: &Bench) -> Outcome {
    let times: Vec<u32> = (0..10).chain((0..1000).map(|number| 60_000 + number)).collect();
    let (capture, folder) = (bench.file("in.pcap", capture_at(&times))?, bench.path("out"));
    fs::create_dir(&folder)?;
    let pattern = folder.join("%M").display().to_string();
    let filter = ["filter", "--engine", "interpreter", "-r", &capture, "-w", &pattern, "-G", "60", "greater 0"];
    expect(&limited("ulimit -f 32", &filter)?, 1, &["cannot write", "01: File too large"])?;
    equal((fs::read_dir(&folder)?.count(), fs::metadata(folder.join("00"))?.len()), (1, 24 + 10 * 116))?;
    // Shorter files are below the limit.
    expect(&limited("ulimit -f 32", &[&filter[..], &["-C", "10k"]].concat())?, 0, &["1,010 match"])?;
    equal((unnamed(&folder), fs::read_dir(&folder)?.count()), (0, 1 + 1 + 11))
}

/// Files are opened again when they are read; a stream is opened once.
fn reads_more_captures_than_can_be_open(bench: &Bench) -> Outcome {
    let (capture, rules) = (mixed()?, bench.file("rules", "arp: arp\n")?);
    let forms = [capture.clone(), gzip([&capture[..]])?, pcapng(bench)?];
    let file = |number: usize| bench.file(&format!("{number}.pcap"), &forms[number % forms.len()]);
    let paths = (0..100).map(file).collect::<Result<Vec<String>, _>>()?;
    let [kept, folder] = ["kept", "folder"].map(|name| bench.path(name).display().to_string());
    let inputs: Vec<&str> = paths.iter().flat_map(|path| ["-r", path]).collect();
    let few = |arguments: &[&str], more: &[&str]| limited("ulimit -n 32", &[arguments, &inputs, more].concat());
    let split = ["split", "--rules", &rules, "-o", &folder];
    expect(&few(&["filter", "arp", "-w", &kept], &[])?, 0, &["26,000 packets, 500 match"])?;
    expect(&cbpf(&["filter", "arp", "-r", &kept])?, 0, &["500 packets, 500 match"])?;
    expect(&few(&split, &[])?, 0, &["26,000 packets, 500 match"])?;
    // Unreadable inputs are reported before anything is written.
    fs::remove_file(&kept)?;
    fs::remove_dir_all(&folder)?;
    for (wrong, words) in [("missing.pcap", "cannot open"), ("/", "directory")] {
        expect(&few(&["filter", "arp", "-w", &kept], &["-r", wrong])?, 2, &[wrong, words])?;
        expect(&few(&split, &["-r", wrong])?, 2, &[wrong, words])?;
    }
    equal((Path::new(&kept).exists(), Path::new(&folder).exists()), (false, false))?;
    let mut filter = Running::start(&[&["filter", "arp"], &inputs[..], &["-r", "-"]].concat())?;
    filter.feed(&capture)?;
    expect(&filter.end_of_input()?, 0, &["26,260 packets, 505 match"])?;
    // The last capture is replaced while the first one, a stream, is read.
    let mut filter = Running::start(&[&["filter", "arp", "-w", &kept, "-r", "-"], &inputs[..]].concat())?;
    filter.feed(&capture)?;
    await_event("an output", || (unnamed(bench.folder.path()) == 1).then_some(()))?;
    let mut other = capture;
    other[20] = 101;
    fs::write(&paths[99], other)?;
    expect(&filter.end_of_input()?, 2, &["26,000 packets, 500 match", "99.pcap", "it has changed"])
}
