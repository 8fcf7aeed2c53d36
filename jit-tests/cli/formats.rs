//! Captures of unusual formats.

use std::fs;

use crate::cli::capture_files::{Order, gzip};
use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 5] = [
    ("expressions_keep_packets_whole", expressions_keep_packets_whole),
    ("programs_cut_packets_of_any_length", programs_cut_packets_of_any_length),
    ("records_are_copied_bit_by_bit", records_are_copied_bit_by_bit),
    ("accepts_padded_gzip", accepts_padded_gzip),
    ("rejects_unsupported_formats", rejects_unsupported_formats),
];

const DBUS: u32 = 231;
const LONG: usize = 300_000;

fn pcap(snaplen: u32, link_type: u32, seconds: u32, fraction: u32, packet: &[u8]) -> Vec<u8> {
    let order = Order::LITTLE;
    [order.pcap(snaplen, link_type), order.record(seconds, fraction, packet.len(), packet)].concat()
}

fn pcapng(link_type: u16, packet: &[u8]) -> Vec<u8> {
    let order = Order::LITTLE;
    [order.section(&[]), order.interface(link_type, &[]), order.packet(0, 5, packet, &[])].concat()
}

/// Returns an Ethernet frame with an IPv4 packet as long as only BIG TCP has.
fn big_tcp() -> Vec<u8> {
    let mut frame = [&[2; 12][..], &[8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]].concat();
    frame.resize(LONG, 0);
    frame
}

/// Tests D-Bus, USB of Linux and of Windows, and Ethernet.
fn expressions_keep_packets_whole(bench: &Bench) -> Outcome {
    let dbus = bench.file("dbus.pcap", pcap(1 << 27, DBUS, 1, 2, &[b'l'; LONG]))?;
    let usb = bench.file("usb.pcap", pcap(0, 249, 1, 2, &[27; LONG]))?;
    let mapped = bench.file("mapped.pcapng", pcapng(220, &[1; LONG]))?;
    let ethernet = bench.file("ethernet.pcapng", pcapng(1, &big_tcp()))?;
    let rules = bench.file("rules", "all:\nlong: greater 1000")?;
    for (capture, expression) in [(&dbus, "link[0] = 0x6c"), (&usb, "len > 9"), (&mapped, ""), (&ethernet, "tcp")] {
        for engine in ["jit", "interpreter"] {
            let kept = bench.path("kept").display().to_string();
            let filter = ["filter", "--engine", engine, "-r", capture, "-w", &kept, expression];
            expect(&cbpf(&filter)?, 0, &["1 match; 300,000 bytes, 300,000 kept"])?;
            let output = cbpf(&["filter", "-r", &kept, ""])?;
            expect(&output, 0, &["1 match; 300,000 bytes"])?;
        }
        let verdict = cbpf(&["run", "--engine", "both", "-r", capture, expression])?;
        equal(String::from_utf8(verdict.stdout)?.as_str(), "300000\n")?;
        let folder = bench.path("folder").display().to_string();
        let split = cbpf(&["split", "-r", capture, "--rules", &rules, "-o", &folder])?;
        expect(&split, 0, &["300,000 bytes, 300,000 kept"])?;
        for rule in fs::read_dir(&folder)? {
            equal(fs::metadata(rule?.path())?.len() > LONG as u64, true)?;
        }
        fs::remove_dir_all(folder)?;
    }
    expect(&cbpf(&["count", "-r", &dbus, "--rules", &rules])?, 0, &["300,000 bytes, 300,000 kept"])?;
    // For shorter packets, the verdict is that of libpcap.
    let verdicts = cbpf(&["run", "-r", &example("mixed.pcap"), "arp"])?;
    equal(String::from_utf8(verdicts.stdout)?.lines().filter(|verdict| *verdict == "262144").count(), 5)
}

fn programs_cut_packets_of_any_length(bench: &Bench) -> Outcome {
    let capture = bench.file("dbus.pcap", pcap(1 << 27, DBUS, 1, 2, &[b'l'; LONG]))?;
    let program = bench.file("program.asm", "ret #262144")?;
    expect(&cbpf(&["filter", "-p", &program, "-r", &capture])?, 0, &["300,000 bytes, 262,144 kept"])?;
    let verdict = cbpf(&["run", "-p", &program, "-r", &capture])?;
    equal(String::from_utf8(verdict.stdout)?.as_str(), "262144\n")
}

/// A fraction of a second or more is kept, although the file is broken.
fn records_are_copied_bit_by_bit(bench: &Bench) -> Outcome {
    for (seconds, fraction) in [(1, 2), (1, 1_000_000), (0, u32::MAX), (u32::MAX, u32::MAX)] {
        let bytes = pcap(262_144, 1, seconds, fraction, &[0; 60]);
        let capture = bench.file("in.pcap", &bytes)?;
        let (kept, rules) = (bench.path("kept.pcap").display().to_string(), bench.file("rules", "all:")?);
        expect(&cbpf(&["filter", "-r", &capture, "-w", &kept, ""])?, 0, &["1 match"])?;
        equal(fs::read(&kept)?, bytes.clone())?;
        let folder = bench.path("folder");
        expect(&cbpf(&["split", "-r", &capture, "--rules", &rules, "-o", &folder.display().to_string()])?, 0, &[])?;
        equal(fs::read(folder.join("all.pcap"))?, bytes)?;
    }
    Ok(())
}

/// As in gzip(1), zeros are padding, anything else is reported; the compressed data is read in both cases.
fn accepts_padded_gzip(bench: &Bench) -> Outcome {
    let packed = gzip([&fs::read(example("mixed.pcap"))?[..]])?;
    let padded = bench.file("padded.gz", [&packed[..], &[0; 10_240]].concat())?;
    expect(&cbpf(&["filter", "-r", &padded, "arp"])?, 0, &["260 packets, 5 match"])?;
    let followed = bench.file("followed.gz", [&packed[..], b"signature"].concat())?;
    let words = ["260 packets, 5 match", "followed.gz", "neither gzip data nor zeros"];
    expect(&cbpf(&["filter", "-r", &followed, "arp"])?, 2, &words)
}

fn rejects_unsupported_formats(bench: &Bench) -> Outcome {
    let mut section = pcapng(1, &[0; 60]);
    section[14] = 1;
    let capture = bench.file("section.pcapng", section)?;
    let reason = "the section at byte 0 is of version 1.1; only versions 1.0 and 1.2 are read";
    expect(&cbpf(&["filter", "-r", &capture, ""])?, 2, &["section.pcapng", reason])?;
    let capture = bench.file("reserved.pcap", pcap(0, 0x0200_0001, 1, 2, &[0; 60]))?;
    expect(&cbpf(&["filter", "-r", &capture, ""])?, 2, &["reserved bits set in its link type field, 0x02000001"])?;
    // The length of the frame check sequence is no reserved bit.
    let capture = bench.file("checked.pcap", pcap(0, 0x2400_0001, 1, 2, &[0; 60]))?;
    expect(&cbpf(&["filter", "-r", &capture, ""])?, 0, &["1 packet"])
}
