//! Captures of big-endian machines are converted as by tcpdump and tshark.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::cli::capture_files::Order;
use crate::cli::{Bench, Outcome, cbpf, equal, expect};

/// The program to compare with, the name of the test, and the test.
type ComparedTest = (&'static str, &'static str, fn(&Bench) -> Outcome);

const TESTS: [ComparedTest; 4] = [
    ("tcpdump", "big_endian_captures_are_written_as_by_tcpdump", written_as_by_tcpdump),
    ("tcpdump", "big_endian_captures_match_as_in_tcpdump", match_as_in_tcpdump),
    ("tcpdump", "versions_of_pcap_are_read_as_by_tcpdump", versions_as_in_tcpdump),
    ("tshark", "big_endian_captures_mean_the_same_to_tshark", mean_the_same_to_tshark),
];

/// Returns the trials. Those whose program is not installed are ignored.
pub fn trials() -> Vec<Trial> {
    let trial = |(judge, name, test): ComparedTest| {
        let is_absent = Command::new(judge).arg("--version").output().is_err();
        let run = move || test(&Bench { folder: TempDir::new()? });
        Trial::test(format!("cli::{judge}::{name}"), run).with_ignored_flag(is_absent)
    };
    TESTS.into_iter().map(trial).collect()
}

/// A link type, and its packets as captured on a big-endian machine.
type Packets = (u32, Vec<Vec<u8>>);

fn packets() -> [Packets; 7] {
    [
        (0, vec![[&2_u32.to_be_bytes()[..], &IP].concat(), [&2_u32.to_le_bytes()[..], &IP].concat()]),
        (113, vec![cooked(0x000c, &CAN), cooked(0x000d, &CAN), cooked(0x0800, &IP)]),
        (117, vec![pflog(61), pflog(45)]),
        (189, vec![usb(b'S', 2, 0)[..52].to_vec(), usb(b'C', 3, 0)[..52].to_vec()]),
        (220, vec![usb(b'S', 2, 0), usb(b'C', 3, 0), usb(b'S', 0, 2), usb(b'C', 0, 3)]),
        (239, vec![nflog(0), nflog(3)]),
        (276, vec![cooked_2(0x000c, &CAN), cooked_2(0x0800, &IP)]),
    ]
}

const IP: [u8; 28] =
    [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0xf9, 0x6e, 192, 168, 0, 1, 192, 168, 0, 2, 0x13, 0x88, 0, 53, 0, 8, 0, 0];
const CAN: [u8; 12] = [0, 0, 1, 0x23, 4, 0, 0, 0, 1, 2, 3, 4];

fn cooked(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, 1, 24][..], &[0; 10], &protocol.to_be_bytes(), payload].concat()
}

fn cooked_2(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&protocol.to_be_bytes()[..], &[0, 0, 0, 0, 0, 3, 1, 24], &[0; 10], payload].concat()
}

fn pflog(len: u8) -> Vec<u8> {
    let ids = words(&[1000, 2000, 3000, 4000]);
    let header = [&[len, 2, 0, 0][..], b"em0", &[0; 29], &words(&[3, 4]), &ids, &[1, 0, 0, 0]].concat();
    [&header[..usize::from(len).next_multiple_of(4)], &IP].concat()
}

fn usb(event: u8, transfer: u8, descriptors: u32) -> Vec<u8> {
    let mut packet = [&words(&[0x1122_3344, 0x5566_7788])[..], &[event, transfer, 0x81, 5, 0, 2, b'-', 0]].concat();
    packet.extend(words(&[0, 1_700_000_000, 123_456, -2_i32 as u32, 48, 4 * descriptors + 4]));
    match transfer {
        0 => packet.extend(words(&[1, descriptors])),
        _ => packet.extend([0x80, 6, 0, 1, 0, 0, 0x12, 0]),
    }
    packet.extend(words(&[8, 77, 0x200, descriptors]));
    (0..descriptors).for_each(|number| packet.extend(words(&[number, number * 4, 4, 0])));
    packet.extend((0..4 * descriptors + 4).map(|number| number as u8));
    packet
}

fn nflog(prefix_len: u16) -> Vec<u8> {
    let mut packet = vec![2, 0, 0, 7];
    for (kind, value) in [(1, &[8, 0, 1, 0][..]), (10, &b"log"[..prefix_len.into()]), (4, &[0, 0, 0, 2]), (9, &IP)] {
        packet.extend([(value.len() as u16 + 4).to_be_bytes(), [0, kind]].concat());
        packet.extend(value);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    packet
}

fn words(words: &[u32]) -> Vec<u8> {
    Order::BIG.words(words)
}

/// Returns a big-endian pcap file of these packets, each whole and cut at all of `cuts`.
fn pcap(link_type: u32, packets: &[Vec<u8>], cuts: impl Iterator<Item = usize> + Clone) -> Vec<u8> {
    let mut file = Order::BIG.pcap(262_144, link_type);
    for packet in packets {
        for cut in cuts.clone().filter(|cut| *cut < packet.len()).chain([packet.len()]) {
            file.extend(Order::BIG.record(1, 2, packet.len(), &packet[..cut]));
        }
    }
    file
}

/// Returns a big-endian pcapng file with an interface for each link type.
fn pcapng(all: &[Packets]) -> Vec<u8> {
    let mut file = Order::BIG.section(&[]);
    for (interface, (link_type, packets)) in (0..).zip(all) {
        file.extend(Order::BIG.interface(*link_type as u16, &[]));
        packets.iter().for_each(|packet| file.extend(Order::BIG.packet(interface, 1_000_002, packet, &[])));
    }
    file
}

/// Returns the standard output of tcpdump.
fn tcpdump(capture: &str, arguments: &[&str]) -> Result<Vec<u8>, Failed> {
    let mut command = Command::new("tcpdump");
    command.args(["-r", "-"]).args(arguments).stdin(File::open(capture)?).stderr(Stdio::null());
    Ok(command.output()?.stdout)
}

/// Returns the capture that `cbpf filter` writes.
fn written(bench: &Bench, capture: &str, expression: &str) -> Result<Vec<u8>, Failed> {
    let kept = bench.path("kept").display().to_string();
    expect(&cbpf(&["filter", "-r", capture, expression, "-w", &kept])?, 0, &[])?;
    Ok(fs::read(kept)?)
}

/// On a little-endian machine, tcpdump writes little-endian files, too.
fn written_as_by_tcpdump(bench: &Bench) -> Outcome {
    for (link_type, packets) in packets() {
        let capture = bench.file("in.pcap", pcap(link_type, &packets, 0..140))?;
        if cfg!(target_endian = "little") {
            equal(written(bench, &capture, "len >= 0")?, tcpdump(&capture, &["-w", "-"])?)?;
        }
        // tcpdump writes pcap only.
        let whole = bench.file("whole.pcap", written(bench, &capture, "len >= 0")?)?;
        let capture = bench.file("in.pcapng", pcapng(&[(link_type, packets)]))?;
        let kept = bench.file("kept.pcapng", written(bench, &capture, "len >= 0")?)?;
        equal(tcpdump(&kept, &["-xx"])?.is_empty(), false)?;
        equal(tcpdump(&kept, &["-xx"])?, tcpdump(&capture, &["-xx"])?)?;
        equal(tcpdump(&whole, &["-e", "-v"])?, tcpdump(&bench.path("in.pcap").display().to_string(), &["-e", "-v"])?)?;
    }
    Ok(())
}

fn match_as_in_tcpdump(bench: &Bench) -> Outcome {
    // The first byte of numbers in each header, on a little-endian machine.
    let expressions = [
        "link[0] = 0x88",
        "link[0:4] = 2",
        "link[4:2] = 0x0800",
        "link[12:2] = 0x0200",
        "link[16:4] = 0x23010000",
        "link[20] = 0x23",
        "link[44] = 0xe8",
        "link[60] = 3",
        "link[80:4] = 0x01000000",
        "len > 100",
        "greater 130",
    ];
    for (link_type, packets) in packets() {
        let capture = bench.file("in.pcap", pcap(link_type, &packets, (0..140).step_by(7)))?;
        for expression in expressions {
            equal(written(bench, &capture, expression)?, tcpdump(&capture, &["-w", "-", expression])?)?;
        }
        let dns = "udp port 53";
        match link_type {
            // libpcap 1.10 supports one of the two orders only.
            0 => equal(written(bench, &capture, dns)?, written(bench, &capture, "link[26:2] = 53")?)?,
            113 | 117 | 276 => equal(written(bench, &capture, dns)?, tcpdump(&capture, &["-w", "-", dns])?)?,
            _ => {}
        }
    }
    Ok(())
}

/// Tests all versions and layouts, including unsupported ones, in both byte orders.
fn versions_as_in_tcpdump(bench: &Bench) -> Outcome {
    let magics = [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34];
    let versions = [(1, 4), (2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (3, 0), (543, 0), (543, 1)];
    for (magic, (major, minor)) in magics.into_iter().flat_map(|magic| versions.map(|version| (magic, version))) {
        for order in Order::BOTH {
            let version = [order.half(major), order.half(minor)].concat();
            let mut file = [order.words(&[magic]), version, order.words(&[0, 0, 20, 1])].concat();
            for lengths in [[28, 40], [40, 28], [28, 28], [0, 28], [28, 0]] {
                let is_swapped = major == 543 || minor < 3 || (minor == 3 && lengths[0] > lengths[1]);
                let captured = lengths[usize::from(is_swapped)];
                file.extend(order.words(&[1, 5_000_000, lengths[0], lengths[1]]));
                file.extend(vec![7; if magic == 0xa1b2_cd34 { 8 } else { 0 }]);
                file.extend(IP.iter().chain(&[0; 12]).take(captured as usize));
            }
            let capture = bench.file("in.pcap", file)?;
            let precision = if magic == 0xa1b2_3c4d { "--nano" } else { "--micro" };
            let expected = tcpdump(&capture, &["-w", "-", precision])?;
            if expected.is_empty() {
                expect(&cbpf(&["filter", "-r", &capture, "ip"])?, 2, &["is a pcap file of version"])?;
            } else {
                equal(written(bench, &capture, "")?, expected)?;
            }
        }
    }
    Ok(())
}

fn mean_the_same_to_tshark(bench: &Bench) -> Outcome {
    // The output of tshark without the interface, which it numbers, or calls unknown in a pcap file.
    let details = |capture: &str| -> Result<Vec<String>, Failed> {
        let output = Command::new("tshark").args(["-n", "-V", "-r", capture]).stderr(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter(|line| !line.contains("Interface")).map(str::to_owned).collect())
    };
    // tshark takes a second to start: all link types are in one file.
    let usb = packets().into_iter().find(|(link_type, _)| *link_type == 220).ok_or("no USB")?;
    for capture in [pcap(usb.0, &usb.1, 0..0), pcapng(&packets())] {
        let capture = bench.file("in", capture)?;
        let kept = bench.file("out", written(bench, &capture, "len >= 0")?)?;
        equal(details(&capture)?.len() > 100, true)?;
        equal(details(&kept)?, details(&capture)?)?;
    }
    Ok(())
}
