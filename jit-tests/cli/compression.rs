//! Compressed captures, and the formats that names and options say.

use std::fs;

use libtest_mimic::Failed;

use crate::cli::capture_files::Order;
use crate::cli::{Bench, Outcome, Test, cbpf, cbpf_with_input, equal, example, expect};

pub const TESTS: [(&str, Test); 9] = [
    ("compressed_captures_of_other_programs", compressed_captures_of_other_programs),
    ("compressed_outputs_round_trip", compressed_outputs_round_trip),
    ("compressed_data_that_is_damaged", compressed_data_that_is_damaged),
    ("names_say_the_format", names_say_the_format),
    ("options_override_names", options_override_names),
    ("short_format_options", short_format_options),
    ("pcap_of_pcapng", pcap_of_pcapng),
    ("pcap_that_cannot_hold_the_packets", pcap_that_cannot_hold_the_packets),
    ("split_into_compressed_captures", split_into_compressed_captures),
];

pub const EXTENSIONS: [&str; 5] = ["gz", "zst", "lz4", "xz", "bz2"];

/// A pcap file of three packets, compressed by gzip 1.13, zstd 1.5.7, lz4 1.10, xz 5.8 and bzip2 1.0.8.
const COMPRESSED: [&str; 5] = [
    "1f8b0800000000000003bb7278d342260616060460616044e2d940311312e06063200930423135cc6282626a9805001bf61d0cfc000000",
    "28b52ffd24fc8d010098d4c3b2a102000400040001003c020806003c020c0004080f5b0f4f9c60820690b75b4cc1020233b8783bc700cc30e0\
     020a1dd3a0",
    "04224d187c40fc00000000000000883b00000086d4c3b2a1020004000100360400010d0023003c04001702010027080621000f020010005000\
     0004000f4c0031130204000f4c002c500000000000b1b55f8b000000001d344bcc",
    "fd377a585a000004e6d6b4460200210116000000742fe5a3e000fb00245d006a30d1c87d8bf8099baf1fcc78fc453c4bdf7ddab8ff7af69f2f\
     646f51ef6859f9dc7f80004620b6b7d8b1a181000140fc01000000880475f9b1c467fb020000000004595a",
    "425a68393141592653599688426400002fd81e75c0001000042000100008000400200054340000da4d4d47a4c92b43d616264900b62a60b1b7\
     b641279b293214094c66f578bb9229c28484b4421320",
];

fn bytes(hex: &str) -> Result<Vec<u8>, Failed> {
    (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&hex[at..at + 2], 16)?)).collect()
}

/// Returns the packets and bytes that a capture holds.
fn holds(capture: &str, words: &str) -> Outcome {
    expect(&cbpf(&["filter", "-r", capture, "greater 0"])?, 0, &[words])
}

fn compressed_captures_of_other_programs(bench: &Bench) -> Outcome {
    for hex in COMPRESSED {
        let capture = bench.file("capture", bytes(hex)?)?;
        holds(&capture, "3 packets, 3 match; 180 bytes, 180 kept")?;
        let output = cbpf_with_input(&["filter", "-r", "-", "arp"], &bytes(hex)?)?;
        expect(&output, 0, &["3 packets, 3 match"])?;
        let twice = bench.file("twice", bytes(&hex.repeat(2))?)?;
        // The header of the second file is read as records.
        expect(&cbpf(&["filter", "-r", &twice, "arp"])?, 2, &["5 packets, 3 match", "at byte 284"])?;
    }
    Ok(())
}

fn compressed_outputs_round_trip(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    for (extension, hex) in EXTENSIONS.into_iter().zip(COMPRESSED) {
        let path = bench.path(&format!("out.pcap.{extension}")).display().to_string();
        expect(&cbpf(&["filter", "-r", &capture, "-w", &path, "greater 0"])?, 0, &["260 match"])?;
        equal(&fs::read(&path)?[..2], &bytes(hex)?[..2])?;
        let plain = cbpf(&["filter", "-r", &path, "-w", "-", "greater 0"])?;
        equal(plain.stdout == fs::read(&capture)?, true)?;
        // Nothing matches.
        expect(&cbpf(&["filter", "-r", &capture, "-w", &path, "less 1"])?, 0, &["0 match"])?;
        holds(&path, "0 packets")?;
        equal(fs::read_dir(bench.path(""))?.count(), 1)?;
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Everything before the damage is read, and the damage is reported once.
fn compressed_data_that_is_damaged(bench: &Bench) -> Outcome {
    let names = ["gzip", "zstd", "lz4", "xz", "bzip2"];
    for (name, hex) in names.into_iter().zip(COMPRESSED) {
        let whole = bytes(hex)?;
        let cut = bench.file("cut", &whole[..whole.len() - 1])?;
        let output = cbpf(&["filter", "-r", &cut, "arp"])?;
        let message = format!("the {name} data fails after ");
        expect(&output, 2, &[&message, "it ends early"])?;
        equal(String::from_utf8_lossy(&output.stderr).matches("fails after").count(), 1)?;
        let followed = bench.file("followed", [&whole[..], b"followed"].concat())?;
        expect(&cbpf(&["filter", "-r", &followed, "arp"])?, 2, &["3 packets, 3 match", &message, "252"])?;
    }
    Ok(())
}

fn names_say_the_format(bench: &Bench) -> Outcome {
    let pcap = example("mixed.pcap");
    let pcapng = bench.path("a.pcapng").display().to_string();
    expect(&cbpf(&["filter", "-r", &pcap, "-w", &pcapng, "greater 0"])?, 0, &[])?;
    for (input, name, is_pcap) in [
        (&pcap, "x.pcap", true),
        (&pcap, "x.PcapNG", false),
        (&pcap, "x", true),
        (&pcap, "x.cap", true),
        (&pcapng, "x.pcap", true),
        (&pcapng, "x.pcapng", false),
        (&pcapng, "x", false),
        (&pcapng, "x.cap", false),
    ] {
        let path = bench.path(name).display().to_string();
        expect(&cbpf(&["filter", "-r", input, "-w", &path, "greater 0"])?, 0, &["260 match"])?;
        let magic: [u8; 4] = if is_pcap { [0xd4, 0xc3, 0xb2, 0xa1] } else { [0x0a, 0x0d, 0x0d, 0x0a] };
        equal((name, &fs::read(&path)?[..4]), (name, &magic[..]))?;
        holds(&path, "260 packets")?;
        fs::remove_file(path)?;
    }
    // There and back again.
    let back = bench.path("back.pcap").display().to_string();
    expect(&cbpf(&["filter", "-r", &pcapng, "-w", &back, "greater 0"])?, 0, &[])?;
    equal(fs::read(&back)? == fs::read(&pcap)?, true)
}

fn options_override_names(bench: &Bench) -> Outcome {
    let pcap = example("mixed.pcap");
    let starts = |arguments: &[&str], magic: &[u8]| {
        let out = bench.path("x.pcap.gz").display().to_string();
        expect(&cbpf(&[&["filter", "-r", &pcap, "-w", &out], arguments, &["arp"]].concat())?, 0, &["5 match"])?;
        equal(&fs::read(&out)?[..magic.len()], magic)?;
        holds(&out, "5 packets")
    };
    starts(&[], &[0x1f, 0x8b])?;
    starts(&["--compress", "none"], &[0xd4, 0xc3, 0xb2, 0xa1])?;
    starts(&["--compress", "zstd"], &[0x28, 0xb5, 0x2f, 0xfd])?;
    starts(&["--compress", "none", "--format", "pcapng"], &[0x0a, 0x0d, 0x0d, 0x0a])?;
    starts(&["--compress", "none", "-F", "pcapng"], &[0x0a, 0x0d, 0x0d, 0x0a])?;
    let output = cbpf(&["filter", "-r", &pcap, "-w", "-", "--compress", "lz4", "arp"])?;
    equal(&output.stdout[..4], &[0x04, 0x22, 0x4d, 0x18])?;
    expect(&cbpf(&["filter", "-r", &pcap, "--compress", "rar", "arp"])?, 1, &["rar", "[possible values: gzip, "])
}

/// `-F pcap` names a format, `-F FILE` a file with an expression, also if it is called so.
fn short_format_options(bench: &Bench) -> Outcome {
    let (capture, folder) = (example("mixed.pcap"), bench.path(""));
    let named = bench.file("pcapng", "arp # of a file")?;
    let run = |arguments: &[&str]| -> Result<_, Failed> {
        Ok(crate::cli::command(&[&["filter", "-r", &capture], arguments].concat()).current_dir(&folder).output()?)
    };
    expect(&run(&["-F", "./pcapng"])?, 0, &["5 match"])?;
    expect(&run(&["-F", &named])?, 0, &["5 match"])?;
    expect(&run(&["-F", "pcapng", "arp"])?, 0, &["5 match"])?;
    expect(&run(&["-F", "pcapng", "-p", &example("arp.asm")])?, 0, &["5 match"])?;
    expect(&run(&["-F", &named, "arp"])?, 1, &["cannot be used with an expression"])?;
    expect(&run(&["-F", &named, "-p", &example("arp.asm")])?, 1, &["-p cannot be used with -F"])?;
    let other = crate::cli::command(&["compile", "-F", "pcapng"]).current_dir(&folder).output()?;
    expect(&other, 0, &["ret      #262144"])?;
    expect(&cbpf(&["compile", "-F", &named, "arp"])?, 1, &["cannot be used with an expression"])
}

/// What pcap cannot hold is counted.
fn pcap_of_pcapng(bench: &Bench) -> Outcome {
    let order = Order::BIG;
    let comment: (u16, &[u8]) = (1, b"a comment");
    let nanoseconds: (u16, &[u8]) = (9, &[9]);
    let capture = [
        order.section(&order.options(&[comment])),
        order.interface(1, &order.options(&[(2, b"eth0"), nanoseconds])),
        order.interface(1, &[]),
        order.packet(0, 1_700_000_000_123_456_789, &[7; 60], &order.options(&[comment])),
        order.packet(1, 1_700_000_001_000_002, &[8; 61], &[]),
        // A tick is 2^-10 seconds.
        order.interface(1, &order.options(&[(9, &[0x8a])])),
        order.packet(2, (1_700_000_002 << 10) + 1, &[9; 62], &[]),
        order.block(5, &[&[0; 12]]),
    ];
    let capture = bench.file("in.pcapng", capture.concat())?;
    let out = bench.path("out.pcap").display().to_string();
    let words = "pcap has no place for 2 comments, 1 other option, 1 block, which were left out; cut to nanoseconds: 1";
    expect(&cbpf(&["filter", "-r", &capture, "-w", &out, "greater 0"])?, 0, &["3 match", words])?;
    let order = Order::LITTLE;
    let mut expected = order.pcap(262_144, 1);
    expected[..4].copy_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
    expected.extend(order.record(1_700_000_000, 123_456_789, 60, &[7; 60]));
    expected.extend(order.record(1_700_000_001, 2_000, 61, &[8; 61]));
    expected.extend(order.record(1_700_000_002, 976_562, 62, &[9; 62]));
    equal(fs::read(&out)?, expected)?;
    // No packet matches.
    expect(&cbpf(&["filter", "-r", &capture, "-w", &out, "less 9"])?, 0, &["0 match"])?;
    holds(&out, "0 packets")
}

/// The error names the reason, and nothing is left half-written.
fn pcap_that_cannot_hold_the_packets(bench: &Bench) -> Outcome {
    let order = Order::LITTLE;
    let pcap = |link_type| [order.pcap(0, link_type), order.record(1, 2, 60, &[0; 60])].concat();
    let (ethernet, raw) = (bench.file("ethernet.pcap", pcap(1))?, bench.file("raw.pcap", pcap(101))?);
    let head = [order.section(&[]), order.interface(1, &[])].concat();
    let (nanoseconds, milliseconds) = (order.options(&[(9, &[9])]), order.options(&[(9, &[3])]));
    let several = [&head[..], &order.interface(101, &[]), &order.packet(0, 1, &[0; 60], &[])].concat();
    let several = bench.file("several.pcapng", [several, order.packet(1, 2, &[0x45; 20], &[])].concat())?;
    // The interface that counts nanoseconds comes after a packet.
    let late = [&head[..], &order.packet(0, 1, &[0; 60], &[]), &order.interface(1, &nanoseconds)].concat();
    let late = bench.file("late.pcapng", [late, order.packet(1, 1_234_567, &[0; 60], &[])].concat())?;
    let future = [order.section(&[]), order.interface(1, &milliseconds)].concat();
    let future = bench.file("future.pcapng", [future, order.packet(0, 5_000_000_000_000, &[0; 60], &[])].concat())?;
    let long = bench.file("long.pcapng", [head, order.packet(0, 1, &[0; 300_000], &[])].concat())?;
    let files = fs::read_dir(bench.path(""))?.count();
    let out = bench.path("out.pcap").display().to_string();
    for (inputs, reason) in [
        (vec![&ethernet, &raw], "which has one link type: "),
        (vec![&several], "as one pcap file: its packets are of EN10MB, but one of RAW was read; use --format pcapng"),
        (vec![&late], "it was begun with microseconds, but an interface counts nanoseconds"),
        (vec![&future], "of 1970 to 2106, but a packet is of second 5000000000"),
        (vec![&long], "packets have at most 262144 bytes, but one of 300000 was read"),
    ] {
        let inputs: Vec<&str> = inputs.into_iter().flat_map(|input| ["-r", input]).collect();
        let filter = cbpf(&[&["filter", "-w", &out, "greater 0"], &inputs[..]].concat())?;
        expect(&filter, 1, &[reason, "out.pcap", "--format pcapng"])?;
        equal(fs::read_dir(bench.path(""))?.count(), files)?;
        let sound = cbpf(&[&["filter", "-w", &out, "--format", "pcapng", "greater 0"], &inputs[..]].concat())?;
        expect(&sound, 0, &[])?;
        fs::remove_file(&out)?;
    }
    Ok(())
}

fn split_into_compressed_captures(bench: &Bench) -> Outcome {
    let rules = bench.file("rules", "all:\narp: arp\nnone: less 1\n")?;
    let folder = bench.path("out").display().to_string();
    let split = ["split", "-r", &example("mixed.pcap"), "--rules", &rules, "-o", &folder];
    for name in ["gzip", "zstd", "lz4", "xz", "bzip2"] {
        for format in ["pcap", "pcapng"] {
            let output = cbpf(&[&split[..], &["--compress", name, "--format", format]].concat())?;
            expect(&output, 0, &["260 packets"])?;
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path().display().to_string();
                equal(path.contains(&format!(".{format}.")), true)?;
                let stem = path.rsplit('/').next().and_then(|name| name.split('.').next());
                let count = if stem == Some("all") { "260 packets" } else { "" };
                let count = if stem == Some("arp") { "5 packets" } else { count };
                holds(&path, if stem == Some("none") { "0 packets" } else { count })?;
            }
            equal(fs::read_dir(&folder)?.count(), 3)?;
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(())
}
