//! Signals that arrive while captures are read.

#![expect(clippy::incompatible_msrv, reason = "the program needs a newer compiler than the library")]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use libtest_mimic::Failed;

use crate::cli::running::{ARP_OF_CUT, CUT, Running, await_event, both_ends, ends_of_records, fifo, mixed, unnamed};
use crate::cli::{Bench, Outcome, Test, command, equal, example, expect};

pub const TESTS: [(&str, Test); 11] = [
    ("first_signal_ends_a_stream", first_signal_ends_a_stream),
    ("every_subcommand_ends_a_stream", every_subcommand_ends_a_stream),
    ("a_signal_before_the_header", a_signal_before_the_header),
    ("a_signal_with_files_beside_the_stream", a_signal_with_files_beside_the_stream),
    ("reads_packets_written_after_the_signal", reads_packets_written_after_the_signal),
    ("ends_a_stream_that_never_pauses", ends_a_stream_that_never_pauses),
    ("second_signal_ends_the_program", second_signal_ends_the_program),
    ("ignored_signals_stay_ignored", ignored_signals_stay_ignored),
    ("signals_remove_temporary_files", signals_remove_temporary_files),
    ("signals_keep_rotated_files", signals_keep_rotated_files),
    ("end_of_a_stream_completes_the_last_file", end_of_a_stream_completes_the_last_file),
];

/// Returns the signals that request an end, except for those that this process, and so its children, ignores.
fn requests() -> Result<Vec<&'static str>, Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    let ignored = u64::from_str_radix(ignored.trim(), 16)?;
    let numbered = [("TERM", 15), ("INT", 2), ("HUP", 1)];
    Ok(numbered.into_iter().filter(|(_, number)| ignored & 1 << (number - 1) == 0).map(|(name, _)| name).collect())
}

/// A stream: its kind, its path, the standard input of the program, and the writer.
type Stream = (&'static str, String, Stdio, Box<dyn Write>);

fn streams(bench: &Bench, name: &str) -> Result<[Stream; 4], Failed> {
    let (input, writer) = std::io::pipe()?;
    let (named_input, named_writer) = std::io::pipe()?;
    let (socket, peer) = UnixStream::pair()?;
    let path = fifo(bench, name)?;
    let both = both_ends(&path)?;
    Ok([
        ("pipe", "-".to_owned(), input.into(), Box::new(writer)),
        // The path has the form of `<(command)`.
        ("/dev/fd", "/dev/fd/0".to_owned(), named_input.into(), Box::new(named_writer)),
        ("socket", "-".to_owned(), std::os::fd::OwnedFd::from(socket).into(), Box::new(peer)),
        ("FIFO", path, Stdio::null(), Box::new(both)),
    ])
}

/// The packets that arrived are written, although the stream stays open.
fn first_signal_ends_a_stream(bench: &Bench) -> Outcome {
    let capture = &mixed()?[..CUT];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(capture)?;
    encoder.flush()?;
    let mut ending = Vec::new();
    for (form, bytes) in [("pcap", capture), ("gzip", encoder.get_ref())] {
        for signal in requests()? {
            for (kind, path, input, mut writer) in streams(bench, &format!("{form}-{signal}"))? {
                let mut filter = Running::spawn(command(&["filter", "-r", &path, "-w", "-", "arp"]).stdin(input))?;
                writer.write_all(bytes)?;
                filter.await_output(ARP_OF_CUT)?;
                filter.signal(signal)?;
                ending.push(((form, signal, kind), filter, writer));
            }
        }
    }
    for (name, filter, _writer) in ending {
        let output = filter.end()?;
        expect(&output, 0, &["179 packets, 2 match"])?;
        let warnings = String::from_utf8_lossy(&output.stderr).lines().count() - 1;
        equal((name, output.stdout.len(), warnings), (name, ARP_OF_CUT, 0))?;
    }
    Ok(())
}

/// The packets that arrived are written, and the files get their names.
fn every_subcommand_ends_a_stream(bench: &Bench) -> Outcome {
    let (rules, arp) = (bench.file("rules", "arp: arp\n")?, example("arp.asm"));
    let [out, folder, picture] = ["out.pcap", "folder", "picture"].map(|name| bench.path(name).display().to_string());
    let cases: [(&[&str], i32, &str); 6] = [
        (&["filter", "-w", &out, "-p", &arp], 0, "179 packets, 2 match"),
        (&["split", "-o", &folder, "--rules", &rules], 0, "179 packets, 2 match"),
        (&["count", "--rules", &rules], 0, "179 packets, 2 match"),
        (&["run", "-p", &arp], 0, "4294967295"),
        (&["explain", "-o", &picture, "-p", &arp], 0, ""),
        (&["trace", "--packet", "1000", "-p", &arp], 1, "there is no packet 1000; the captures hold 179"),
    ];
    let mut ending = Vec::new();
    for (arguments, code, words) in cases {
        let mut running = Running::start(&[&arguments[..1], &["-r", "-"], &arguments[1..]].concat())?;
        running.feed(&mixed()?[..CUT])?;
        running.await_handlers()?;
        running.signal("TERM")?;
        ending.push((running, code, words));
    }
    for (running, code, words) in ending {
        expect(&running.end()?, code, &[words])?;
    }
    equal(fs::metadata(&out)?.len(), ARP_OF_CUT as u64)?;
    equal(fs::metadata(bench.path("folder/arp.pcap"))?.len(), ARP_OF_CUT as u64)?;
    equal(fs::read_to_string(picture)?.contains("179 packets"), true)?;
    equal((unnamed(bench.folder.path()), unnamed(Path::new(&folder))), (0, 0))
}

/// Without a header, the output has no packets and no link type.
fn a_signal_before_the_header(bench: &Bench) -> Outcome {
    let mut ending = Vec::new();
    for came in [None, Some(&[][..]), Some(&[0xd4]), Some(&mixed()?[..23]), Some(&[0x1f, 0x8b, 8])] {
        let path = fifo(bench, &format!("fifo{}", ending.len()))?;
        let out = format!("{path}.out");
        let filter = Running::start(&["filter", "-r", &path, "-w", &out, "arp"])?;
        let mut writer = came.map(|_| OpenOptions::new().write(true).open(&path)).transpose()?;
        writer.as_mut().map_or(Ok(()), |writer| writer.write_all(came.unwrap_or_default()))?;
        filter.await_handlers()?;
        filter.signal("TERM")?;
        ending.push((filter, out, writer));
    }
    for (filter, out, _writer) in ending {
        expect(&filter.end()?, 0, &["0 packets, 0 match"])?;
        // A section without interfaces.
        equal(fs::read(&out)?.len(), 28)?;
    }
    equal(unnamed(bench.folder.path()), 0)
}

/// The streams end; files are read completely, and determine the format of the output.
fn a_signal_with_files_beside_the_stream(bench: &Bench) -> Outcome {
    let out = bench.path("out").display().to_string();
    let mixed_path = example("mixed.pcap");
    for (came, packets) in [(0, "520 packets, 10 match"), (CUT, "699 packets, 12 match")] {
        let mut filter =
            Running::start(&["filter", "-r", &mixed_path, "-r", "-", "-r", &mixed_path, "-w", &out, "arp"])?;
        filter.feed(&mixed()?[..came])?;
        filter.await_handlers()?;
        filter.signal("TERM")?;
        expect(&filter.end()?, 0, &[packets])?;
        equal(fs::read(&out)?[..4].to_vec(), mixed()?[..4].to_vec())?;
    }
    Ok(())
}

/// A program that writes a stream gets Ctrl-C, too, and flushes its packets, as tcpdump does. It has half a second,
/// which may be too short on a busy machine: one of ten trials has to succeed.
fn reads_packets_written_after_the_signal(_: &Bench) -> Outcome {
    let (capture, header) = (mixed()?, 24);
    let trial = || {
        let mut filter = Running::start(&["filter", "-r", "-", "-w", "-", "arp"])?;
        filter.feed(&capture[..CUT])?;
        filter.await_output(header)?;
        filter.signal("TERM")?;
        filter.feed(&capture[CUT..])?;
        expect(&filter.end_of_input()?, 0, &["260 packets, 5 match"])
    };
    (0..9).find_map(|_| trial().ok()).map_or_else(trial, Ok)
}

/// The stream ends although there is always something to read.
fn ends_a_stream_that_never_pauses(_: &Bench) -> Outcome {
    let (capture, header) = (mixed()?, 24);
    let mut filter = Running::start(&["filter", "-r", "-", "-w", "-", "less 0"])?;
    filter.feed(&capture)?;
    filter.await_output(header)?;
    let mut input = filter.input.take().ok_or("no input")?;
    let feeder = thread::spawn(move || while input.write_all(&capture[header..]).is_ok() {});
    filter.signal("TERM")?;
    expect(&filter.end()?, 0, &["0 match"])?;
    feeder.join().map_err(|_| "the feeder panicked".into())
}

/// The program waits for a reader of an output, so the end of the stream does not end it.
fn second_signal_ends_the_program(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", "arp: arp\nall:\n")?;
    fs::create_dir(bench.path("out"))?;
    fifo(bench, "out/all.pcap")?;
    let (out, mixed) = (bench.path("out"), example("mixed.pcap"));
    let (input, mut writer) = std::io::pipe()?;
    writer.write_all(&fs::read(&mixed)?[..CUT])?;
    let cases: [(&str, Stdio, &[&str]); 3] = [
        ("-", input.into(), &["HUP", "TERM"]),
        // A file as standard input is no stream.
        ("-", File::open(&mixed)?.into(), &["TERM"]),
        (&mixed, Stdio::null(), &["TERM"]),
    ];
    for (path, input, signals) in cases {
        let arguments = ["split", "-r", path, "--rules", &rules, "-o", &out.display().to_string()];
        let split = Running::spawn(command(&arguments).stdin(input))?;
        await_event("a capture without a name", || (unnamed(&out) == 1).then_some(()))?;
        signals.iter().try_for_each(|signal| split.signal(signal))?;
        expect(&split.end()?, 128 + 15, &["interrupted; no output was written"])?;
        equal(fs::read_dir(&out)?.count(), 1)?;
    }
    Ok(())
}

/// Tests a program that is started as by `nohup`.
fn ignored_signals_stay_ignored(_: &Bench) -> Outcome {
    let script = "trap '' HUP; exec \"$0\" filter -r - -w - arp";
    let mut filter =
        Running::spawn(Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_cbpf")]).stdin(Stdio::piped()))?;
    let capture = mixed()?;
    filter.feed(&capture[..CUT])?;
    filter.await_output(ARP_OF_CUT)?;
    filter.signal("HUP")?;
    filter.feed(&capture[CUT..])?;
    filter.await_output(24 + 5 * (16 + 42))?;
    expect(&filter.end_of_input()?, 0, &["260 packets, 5 match"])
}

/// Signals that do not end streams remove temporary files, and the folder that was created for them.
fn signals_remove_temporary_files(bench: &Bench) -> Outcome {
    let (rules, out) = (bench.file("rules", "arp: arp\nall:\n")?, bench.path("out"));
    let folder = out.display().to_string();
    let signals = [
        ("QUIT", 3),
        ("ABRT", 6),
        ("USR1", 10),
        ("USR2", 12),
        ("ALRM", 14),
        ("XCPU", 24),
        ("XFSZ", 25),
        ("VTALRM", 26),
        ("PROF", 27),
        ("IO", 29),
        ("SYS", 31),
        ("40", 40),
    ];
    for (name, number) in signals {
        let mut split = Running::start(&["split", "-r", "-", "--rules", &rules, "-o", &folder])?;
        split.feed(&mixed()?[..CUT])?;
        await_event("captures without names", || (unnamed(&out) == 2).then_some(()))?;
        split.signal(name)?;
        expect(&split.end()?, 128 + number, &["interrupted; no output was written"])?;
        equal((name, out.exists()), (name, false))?;
    }
    Ok(())
}

/// Starts a program that writes the packets of a stream to files of a kibibyte, and waits for the fourth file.
fn rotating(bench: &Bench, name: &str, subcommand: &[&str]) -> Result<(Running, std::path::PathBuf), Failed> {
    let folder = bench.path(name);
    fs::create_dir(&folder)?;
    let mut running = Running::start(&[subcommand, &["-r", "-", "-C", "1k"]].concat())?;
    running.feed(&mixed()?[..CUT])?;
    await_event("a fourth file", || folder.join("all.pcap3").exists().then_some(()))?;
    Ok((running, folder))
}

/// Returns the number of packets in the files of a folder, each of which is a whole capture.
fn packets_of_files(folder: &Path) -> Result<(usize, usize), Failed> {
    let (mut files, mut packets) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let capture = fs::read(entry?.path())?;
        let ends = ends_of_records(&capture);
        equal(ends.last().copied(), Some(capture.len()))?;
        (files, packets) = (files + 1, packets + ends.len() - 1);
    }
    Ok((files, packets))
}

/// A signal that ends the program removes only the file that is not complete.
fn signals_keep_rotated_files(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", "all:\n")?;
    let [filtered, split] = ["filtered", "split"].map(|name| bench.path(name).display().to_string());
    let all = format!("{filtered}/all.pcap");
    for (name, subcommand) in [
        ("filtered", &["filter", "-w", &all, "less 65535"][..]),
        ("split", &["split", "--rules", &rules, "-o", &split]),
    ] {
        let (running, folder) = rotating(bench, name, subcommand)?;
        // The program waits for the rest of the stream.
        await_event("the last file", || (unnamed(&folder) == 1).then_some(()))?;
        thread::sleep(Duration::from_millis(50));
        running.signal("QUIT")?;
        expect(&running.end()?, 128 + 3, &["interrupted; unfinished files were removed, finished ones stay"])?;
        let (files, packets) = packets_of_files(&folder)?;
        equal((name, unnamed(&folder), files > 4, packets > 100, packets < 179), (name, 0, true, true, true))?;
    }
    Ok(())
}

fn end_of_a_stream_completes_the_last_file(bench: &Bench) -> Outcome {
    let all = bench.path("filtered/all.pcap").display().to_string();
    let (running, folder) = rotating(bench, "filtered", &["filter", "-w", &all, "less 65535"])?;
    running.signal("TERM")?;
    expect(&running.end()?, 0, &["179 packets, 179 match"])?;
    equal((unnamed(&folder), packets_of_files(&folder)?.1), (0, 179))
}
