//! Captures that arrive while the program runs.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cli::compression::EXTENSIONS;
use crate::cli::running::{CUT, Running, both_ends, ends_of_records, fifo, mixed, pcapng, unnamed};
use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 10] = [
    ("a_live_pipe_comes_out_at_once", a_live_pipe_comes_out_at_once),
    ("a_live_pipe_is_printed", a_live_pipe_is_printed),
    ("a_live_pipe_of_gzip", a_live_pipe_of_gzip),
    ("a_live_pipe_of_every_compression", a_live_pipe_of_every_compression),
    ("a_signal_ends_compressed_streams", a_signal_ends_compressed_streams),
    ("a_terminal_gets_no_capture", a_terminal_gets_no_capture),
    ("a_live_pipe_of_pcapng", a_live_pipe_of_pcapng),
    ("a_live_pipe_is_split_into_pipes", a_live_pipe_is_split_into_pipes),
    ("a_live_pipe_is_counted", a_live_pipe_is_counted),
    ("a_terminal_ends_once", a_terminal_ends_once),
];

/// The header is written at once, and each packet when it is complete.
fn a_live_pipe_comes_out_at_once(bench: &Bench) -> Outcome {
    let (capture, all) = (mixed()?, bench.file("all.asm", "ret #-1")?);
    let ends = ends_of_records(&capture);
    let mut filter = Running::start(&["filter", "-r", "-", "-w", "-", "-p", &all])?;
    let mut run = Running::start(&["run", "-r", "-", "-p", &all])?;
    let line = "4294967295\n";
    for (number, &end) in ends[..20].iter().enumerate() {
        let fed = if number == 0 { 0 } else { ends[number - 1] + 7 };
        for running in [&mut filter, &mut run] {
            running.feed(&capture[fed..end])?;
        }
        equal(filter.await_output(end)?, &capture[..end])?;
        let lines = line.repeat(number);
        equal(run.await_output(lines.len())?, lines.as_bytes())?;
        // A part of the next record is not written yet.
        for running in [&mut filter, &mut run] {
            running.feed(&capture[end..end + 7])?;
        }
    }
    let mut trace = Running::start(&["trace", "-r", "-", "-p", &all, "--packet", "3"])?;
    trace.feed(&capture[..ends[3]])?;
    expect(&trace.end()?, 0, &["ret"])?;
    for running in [filter, run] {
        expect(&running.end_of_input()?, 2, &["16 bytes, but only 7 are left"])?;
    }
    Ok(())
}

/// A line is printed when its packet is complete.
fn a_live_pipe_is_printed(_: &Bench) -> Outcome {
    let capture = mixed()?;
    let ends = ends_of_records(&capture);
    let expected = cbpf(&["print", "-r", &example("mixed.pcap")])?.stdout;
    let mut print = Running::start(&["print", "-r", "-"])?;
    let mut filter = Running::start(&["filter", "-r", "-", "--print", "greater 0"])?;
    let mut length = 0;
    for (number, line) in expected.split_inclusive(|&byte| byte == b'\n').take(20).enumerate() {
        let start = if number == 0 { 0 } else { ends[number] };
        length += line.len();
        for running in [&mut print, &mut filter] {
            running.feed(&capture[start..ends[number + 1]])?;
            equal(running.await_output(length)?, &expected[..length])?;
        }
    }
    expect(&print.end_of_input()?, 0, &[])?;
    expect(&filter.end_of_input()?, 0, &["20 packets, 20 match"])
}

/// Data flushed into a gzip stream is read at once.
fn a_live_pipe_of_gzip(_: &Bench) -> Outcome {
    let capture = mixed()?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut filter = Running::start(&["filter", "-r", "-", "-w", "-", "greater 0"])?;
    let mut before = 0;
    for end in ends_of_records(&capture).into_iter().step_by(13) {
        encoder.write_all(&capture[before..end])?;
        encoder.flush()?;
        filter.feed(&std::mem::take(encoder.get_mut()))?;
        equal(filter.await_output(end)?, &capture[..end])?;
        before = end;
    }
    filter.signal("TERM")?;
    expect(&filter.end()?, 0, &["260 packets, 260 match"])
}

/// Compressed packets come out as soon as they are read, and so do they where they are decompressed.
fn a_live_pipe_of_every_compression(_: &Bench) -> Outcome {
    let capture = mixed()?;
    for name in ["gzip", "zstd", "lz4", "xz", "bzip2"] {
        let program = env!("CARGO_BIN_EXE_cbpf");
        let pipeline = format!(
            "'{program}' filter -r - -w - --compress {name} 'greater 0' | '{program}' filter -r - -w - 'greater 0'"
        );
        let mut pipeline = Running::spawn(Command::new("sh").args(["-c", &pipeline]).stdin(Stdio::piped()))?;
        let mut before = 0;
        for end in ends_of_records(&capture).into_iter().step_by(50) {
            pipeline.feed(&capture[before..end])?;
            equal(pipeline.await_output(end)? == &capture[..end], true)?;
            before = end;
        }
        expect(&pipeline.end_of_input()?, 0, &["250 packets, 250 match"])?;
    }
    Ok(())
}

/// What was read until a signal is kept, and a cut is no damage then.
fn a_signal_ends_compressed_streams(bench: &Bench) -> Outcome {
    for extension in EXTENSIONS {
        let packed = bench.path(&format!("packed.pcap.{extension}")).display().to_string();
        expect(&cbpf(&["filter", "-r", &example("mixed.pcap"), "-w", &packed, "greater 0"])?, 0, &[])?;
        let packed = fs::read(packed)?;
        let mut filter = Running::start(&["filter", "-r", "-", "greater 0"])?;
        filter.feed(&packed[..packed.len() - 1])?;
        filter.await_handlers()?;
        filter.signal("TERM")?;
        expect(&filter.end()?, 0, &["packets"])?;
    }
    Ok(())
}

/// The test is empty if script(1) is not installed.
fn a_terminal_gets_no_capture(_: &Bench) -> Outcome {
    let filter = format!("'{}' filter -r '{}' -w - arp", env!("CARGO_BIN_EXE_cbpf"), example("mixed.pcap"));
    match Running::spawn(Command::new("script").args(["-qec", &filter, "/dev/null"]).stdin(Stdio::piped())) {
        Ok(terminal) => expect(&terminal.end_of_input()?, 1, &["it is a terminal, and a capture is binary"]),
        Err(_) => Ok(()),
    }
}

fn a_live_pipe_of_pcapng(bench: &Bench) -> Outcome {
    let capture = pcapng(bench)?;
    // The length of a block is its second word.
    let mut end = 0;
    let mut filter = Running::start(&["filter", "-r", "-", "-w", "-", "less 65535"])?;
    while let Some(length) = capture.get(end + 4..).and_then(|rest| rest.first_chunk()) {
        let start = end;
        end += u32::from_le_bytes(*length) as usize;
        filter.feed(&capture[start..end])?;
        // An interface is written with its first packet.
        if capture[start] != 1 {
            equal(filter.await_output(end)?, &capture[..end])?;
        }
    }
    filter.signal("TERM")?;
    expect(&filter.end()?, 0, &["260 packets, 260 match"])
}

/// An output pipe is written at once; files appear at the end.
fn a_live_pipe_is_split_into_pipes(bench: &Bench) -> Outcome {
    fs::create_dir(bench.path("out"))?;
    let (rules, folder) = (bench.file("rules", "all:\narp: arp\n")?, bench.path("out").display().to_string());
    let mut pipe = both_ends(&fifo(bench, "out/all.pcap")?)?;
    let mut split = Running::start(&["split", "-r", "-", "--rules", &rules, "-o", &folder])?;
    let capture = mixed()?;
    let mut came = vec![0; CUT];
    for part in [0..24, 24..ends_of_records(&capture)[100]] {
        split.feed(&capture[part.clone()])?;
        pipe.read_exact(&mut came[part.clone()])?;
        equal(&came[part.clone()], &capture[part])?;
    }
    split.signal("TERM")?;
    expect(&split.end()?, 0, &["100 packets, 100 match"])?;
    equal((unnamed(Path::new(&folder)), bench.path("out/arp.pcap").exists()), (0, true))
}

/// With an interval, the table is printed when it is due, even if no packet arrives.
fn a_live_pipe_is_counted(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", "arp: arp\n")?;
    let mut count = Running::start(&["count", "-r", "-", "--rules", &rules, "--interval", "0.05", "--json"])?;
    let capture = mixed()?;
    let first = ends_of_records(&capture)[1];
    count.feed(&capture[..first])?;
    count.await_output(1)?;
    count.feed(&capture[first..CUT])?;
    // There may be earlier tables in between.
    while !String::from_utf8_lossy(&count.output).contains("\"packets\":179,") {
        count.await_output(count.output.len() + 1)?;
    }
    count.signal("TERM")?;
    let output = count.end()?;
    expect(&output, 0, &["\"packets\":1,"])?;
    equal(String::from_utf8_lossy(&output.stdout).lines().last().is_some_and(|line| line.contains(":179,")), true)
}

/// Ctrl-D at a terminal ends the input. The test is empty if script(1) is not installed.
fn a_terminal_ends_once(_: &Bench) -> Outcome {
    let arguments = ["-qec", &format!("'{}' filter -r - arp", env!("CARGO_BIN_EXE_cbpf")), "/dev/null"];
    match Running::spawn(Command::new("script").args(arguments).stdin(Stdio::piped())) {
        Ok(mut terminal) => {
            terminal.feed(&[4])?;
            expect(&terminal.end()?, 2, &["standard input is empty"])
        }
        Err(_) => Ok(()),
    }
}
