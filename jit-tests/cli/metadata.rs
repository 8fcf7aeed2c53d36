//! The pcapng blocks and options besides packets: they are copied, and any number of them takes little memory.

use std::fs;
use std::iter;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;

use crate::cli::capture_files::{self, Order, SECTION, padded};
use crate::cli::{Bench, Outcome, Test, cbpf, equal, expect};

pub const TESTS: [(&str, Test); 7] = [
    ("metadata_survives_a_filter", metadata_survives_a_filter),
    ("metadata_is_in_each_output_of_split", metadata_is_in_each_output_of_split),
    ("metadata_is_the_same_in_tshark", metadata_is_the_same_in_tshark),
    ("uncopied_metadata_is_reported_once", uncopied_metadata_is_reported_once),
    ("pcap_and_pcapng_inputs_are_combined", pcap_and_pcapng_inputs_are_combined),
    ("small_inputs_take_little_memory", small_inputs_take_little_memory),
    ("link_types_take_little_memory", link_types_take_little_memory),
];

const MAX_KILOBYTES: &str = "102400";
const TICKS: u64 = 0x0006_4000 << 32;

/// The packets by rule: an ARP request, then a TCP segment to port 80, then 14 bytes of another protocol.
const PACKETS: [(&str, &str); 3] = [
    ("arp", "ffffffffffff0200000000010806000108000604000102000000000a0000010000000000000a000002"),
    ("web", "02000000000202000000000108004500002800000000400600000a0000010a00000204000050000000000000000050020000"),
    ("rest", "02000000000202000000000188b5"),
];

/// Returns a section with blocks and options of all kinds, and the packets that `keeps` selects.
fn full_section(order: Order, keeps: impl Fn(&str) -> bool) -> Vec<u8> {
    let number = |value: u32| order.words(&[value]);
    let long = if order.is_big_endian { [0, 0, 0, 0, 0, 0, 0, 9] } else { [9, 0, 0, 0, 0, 0, 0, 0] };
    let custom = [&number(32473)[..], b"anything"].concat();
    let comment = |text: &'static str| order.options(&[(1, text.as_bytes())]);
    let about_packet = [
        (1, &b"first comment"[..]),
        (1, b"second comment"),
        (2, &number(1)),
        (3, b"\x02hash"),
        (4, &long),
        (5, &long),
        (6, &number(3)),
        (7, b"\x02\0\0\0\0\0\0\0\x01"),
        (2989, &custom),
    ];
    let about_section = [(1, &b"of a section"[..]), (2, b"hardware"), (3, b"system"), (4, b"program")];
    let about_interface = [(1, &b"of an interface"[..]), (2, b"eth0"), (8, &long), (11, b"\0ip"), (2988, &custom)];
    let host = order.options(&[(1, b"\x0a\0\0\x01host\0")]);
    let mut bytes = order.section(&order.options(&about_section));
    bytes.extend(order.interface(1, &order.options(&about_interface)));
    bytes.extend(order.block(10, &[&order.words(&[0x544c_534b, 5]), b"keys\n\0\0\0", &comment("of secrets")]));
    bytes.extend(order.block(4, &[&host, &comment("of names")]));
    for (place, (name, data)) in (0..).zip(PACKETS) {
        let data = hex(data);
        if keeps(name) {
            let len = data.len() as u32;
            // The interface and a drop count of 7 share a word.
            let interface = [order.half(0), order.half(7)].concat();
            bytes.extend(order.packet(0, TICKS + place, &data, &order.options(&about_packet)));
            bytes.extend(order.block(3, &[&number(len), &data]));
            bytes.extend(
                order.block(2, &[&interface, &order.words(&[0, 5, len, len]), &padded(&data), &comment("old")]),
            );
        }
        bytes.extend(order.block(0x0bad, &[&custom]));
        bytes.extend(order.block(9, &[b"MESSAGE=of the journal\n"]));
        bytes.extend(order.block(0x0204, &[b"of sysdig"]));
        bytes.extend(order.interface(101, &comment("a later one")));
    }
    bytes.extend(order.block(5, &[&order.words(&[0, 1, 2]), &comment("of statistics")]));
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(&text[2 * at..][..2], 16).ok()).collect()
}

/// Returns sections of both byte orders, and one without packets.
fn full_capture(keeps: impl Fn(&str) -> bool) -> Vec<u8> {
    [full_section(Order::LITTLE, &keeps), full_section(Order::BIG, &keeps), full_section(Order::BIG, |_| false)]
        .concat()
}

fn metadata_survives_a_filter(bench: &Bench) -> Outcome {
    let (capture, out) = (bench.file("in.pcapng", full_capture(|_| true))?, bench.path("out"));
    let kept = out.display().to_string();
    for (expression, names) in [("", &["arp", "web", "rest"][..]), ("arp", &["arp"]), ("tcp", &["web"]), ("ip6", &[])] {
        expect(&cbpf(&["filter", "-r", &capture, expression, "-w", &kept])?, 0, &["18 packets"])?;
        equal((expression, fs::read(&out)? == full_capture(|name| names.contains(&name))), (expression, true))?;
    }
    Ok(())
}

fn metadata_is_in_each_output_of_split(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcapng", full_capture(|_| true))?;
    let rules = bench.file("rules", "arp: arp\nweb: tcp port 80\nnone: ip6\nrest:")?;
    let folder = bench.path("out").display().to_string();
    expect(&cbpf(&["split", "--first", "-r", &capture, "--rules", &rules, "-o", &folder])?, 0, &["18 packets"])?;
    for name in ["arp", "web", "none", "rest"] {
        let written = fs::read(bench.path("out").join(format!("{name}.pcapng")))?;
        equal((name, written == full_capture(|of| of == name)), (name, true))?;
    }
    Ok(())
}

/// tshark prints the same fields of a packet before and after.
fn metadata_is_the_same_in_tshark(bench: &Bench) -> Outcome {
    let fields = ["frame.comment", "frame.packet_flags", "frame.packet_id", "frame.drop_count", "frame.time_epoch"];
    let shown = |capture: &str| {
        let fields = fields.into_iter().flat_map(|field| ["-e", field]);
        let arguments = ["-r", capture, "-Y", "arp", "-T", "fields"];
        Command::new("tshark").args(arguments).args(fields).stdin(Stdio::null()).stderr(Stdio::null()).output()
    };
    for order in Order::BOTH {
        let capture = bench.file("in.pcapng", full_section(order, |_| true))?;
        let kept = bench.path("out.pcapng").display().to_string();
        expect(&cbpf(&["filter", "-r", &capture, "arp", "-w", &kept])?, 0, &["3 match"])?;
        let Ok(before) = shown(&capture) else {
            eprintln!("cli::metadata_is_the_same_in_tshark: skipped, tshark is not installed");
            return Ok(());
        };
        equal(String::from_utf8_lossy(&before.stdout).contains("first comment,second comment"), true)?;
        equal(shown(&kept)?.stdout, before.stdout)?;
    }
    Ok(())
}

fn uncopied_metadata_is_reported_once(bench: &Bench) -> Outcome {
    let order = Order::BIG;
    let custom = order.words(&[32473, 1]);
    let file = |is_whole: bool| {
        let options = |code: u16| {
            let options = [(1, &b"stays"[..]), (code, &custom)];
            order.options(&options[..if is_whole { 2 } else { 1 }])
        };
        let mut bytes = [order.section(&options(19372)), order.interface(1, &options(19373))].concat();
        bytes.extend(order.packet(0, TICKS + 1, &hex(PACKETS[0].1), &options(19372)));
        bytes.extend(if is_whole { order.block(0x4000_0bad, &[&custom]) } else { Vec::new() });
        bytes
    };
    let capture = bench.file("in.pcapng", file(true))?;
    let warning = "cbpf: warning: 1 custom block and 3 custom options marked as not to be copied were left out\n";
    let kept = bench.path("out.pcapng").display().to_string();
    let output = cbpf(&["filter", "-r", &capture, "arp", "-w", &kept])?;
    expect(&output, 0, &[warning])?;
    equal(fs::read(&kept)?, file(false))?;
    let (rules, folder) = (bench.file("rules", "arp: arp\nall:\nnone: ip6")?, bench.path("out").display().to_string());
    let output = cbpf(&["split", "-r", &capture, "--rules", &rules, "-o", &folder])?;
    expect(&output, 0, &[warning])?;
    equal(String::from_utf8(output.stderr)?.matches("warning").count(), 1)?;
    equal(fs::read(bench.path("out/all.pcapng"))?, file(false))?;
    // Without an output nothing is left out.
    let output = cbpf(&["filter", "-r", &capture, "arp"])?;
    equal(String::from_utf8(output.stderr)?.matches("warning").count(), 0)
}

/// Each pcap input becomes a section; sections of pcapng inputs are copied.
fn pcap_and_pcapng_inputs_are_combined(bench: &Bench) -> Outcome {
    let little = Order::LITTLE;
    let section = full_section(Order::BIG, |_| true);
    let pcapng = bench.file("in.pcapng", &section)?;
    let data = hex(PACKETS[0].1);
    let pcap = bench.file("in.pcap", [little.pcap(70_000, 1), little.record(2, 3, data.len(), &data)].concat())?;
    let kept = bench.path("out").display().to_string();
    expect(&cbpf(&["filter", "-r", &pcap, "-r", &pcapng, "-r", &pcap, "", "-w", &kept])?, 0, &["11 match"])?;
    let own = [
        little.section(&[]),
        little.block(1, &[&little.words(&[1, 70_000]), &little.options(&[(9, &[6])])]),
        little.packet(0, 2_000_003, &data, &[]),
    ];
    equal(fs::read(&kept)?, [&own.concat()[..], &section, &own.concat()].concat())
}

/// Runs the program with at most 100 MiB of writable memory.
fn limited(arguments: &[&str], code: i32, words: &[&str]) -> Outcome {
    let script = format!("ulimit -d {MAX_KILOBYTES} || exit 99; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_cbpf")])
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if output.status.code() == Some(99) {
        eprintln!("cli::limited: skipped, this shell cannot limit memory");
        return Ok(());
    }
    expect(&output, code, words)
}

/// Writes the pieces to a gzip file of less than 1 MB.
fn gzip<'a>(bench: &Bench, name: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<String, Failed> {
    let bytes = capture_files::gzip(pieces)?;
    equal((name, bytes.len() < 1_000_000), (name, true))?;
    bench.file(name, bytes)
}

/// Returns the start of a block as long as the longest packet, and a piece that repeats after it.
fn long_block(kind: u32, start: &[u8], word: [u8; 4]) -> [Vec<u8>; 2] {
    let order = Order::LITTLE;
    let length = (12 + start.len() + (1 << 27)) as u32;
    [[&order.words(&[kind, length])[..], start].concat(), word.repeat(1 << 18)]
}

/// Returns the first 40 MiB of such a block, more than is read.
fn pieces([start, chunk]: &[Vec<u8>; 2]) -> impl Iterator<Item = &[u8]> {
    iter::once(&start[..]).chain(iter::repeat_n(&chunk[..], 40))
}

fn small_inputs_take_little_memory(bench: &Bench) -> Outcome {
    let order = Order::LITTLE;
    let rules = bench.file("rules", "short: less 20\nrest:")?;
    let (head, packet) =
        ([order.section(&[]), order.interface(1, &[])].concat(), order.packet(0, TICKS, &[0; 20], &[]));
    let (kept, folder) = (bench.path("kept").display().to_string(), bench.path("out").display().to_string());
    let check = |capture: &str, code: i32, words: &[&str]| {
        limited(&["filter", "-r", capture, "less 20", "-w", &kept], code, words)?;
        limited(&["count", "-r", capture, "--rules", &rules], code, words)?;
        limited(&["split", "-r", capture, "--rules", &rules, "-o", &folder], code, words)
    };
    let empty_comment = [1, 0, 0, 0];
    let fields = order.words(&[0, 0, 5, 0, 0]);
    let long = order.words(&[0, 0, 5, 1 << 27, 1 << 27]);
    let blocks = [
        ("interface", 1, order.words(&[1, 0]), empty_comment),
        ("packet", 6, fields, empty_comment),
        ("long packet", 6, long, [0; 4]),
        ("simple packet", 3, order.words(&[1 << 27]), [0; 4]),
        ("names", 4, vec![], [0; 4]),
        ("custom", 0x0bad, order.words(&[1]), [0; 4]),
        ("not to be copied", 1, order.words(&[1, 0]), order.words(&[19372]).try_into().unwrap_or_default()),
    ];
    for (name, kind, start, word) in blocks {
        let block = long_block(kind, &start, word);
        let capture = gzip(bench, name, iter::once(&head[..]).chain(pieces(&block)))?;
        check(&capture, 2, &["block at byte 48 takes 1342", "too many to be unpacked from"])?;
    }
    let section = [&order.words(&[0x1a2b_3c4d, 1])[..], &[0xff; 8]].concat();
    let block = long_block(SECTION, &section, empty_comment);
    check(
        &gzip(bench, "section", pieces(&block))?,
        2,
        &["block at byte 0 takes 1342", "too many to be unpacked from"],
    )?;
    let dbus = [order.pcap(0, 231), order.words(&[1, 2, 1 << 27, 1 << 27])].concat();
    let block = [dbus, vec![0; 1 << 20]];
    check(&gzip(bench, "dbus", pieces(&block))?, 2, &["record at byte 24 takes 1342", "too many to be unpacked from"])?;

    // Several inputs take no more memory than one.
    let captures = ["packet", "long packet", "names", "dbus"].map(|name| bench.path(name).display().to_string());
    let inputs = captures.iter().flat_map(|capture| ["-r", capture]);
    limited(&["filter", "less 20"].into_iter().chain(inputs).collect::<Vec<_>>(), 2, &["unpacked"])?;

    // Many blocks are accepted.
    let interface = order.interface(1, &order.options(&[(1, &[b'x'; 60_000])]));
    let many = iter::once(&head[..]).chain(iter::repeat_n(&interface[..], 1000)).chain([&packet[..]]);
    check(&gzip(bench, "interfaces", many)?, 0, &["1 packet"])?;
    let journal = order.block(9, &[&[b'x'; 60_000]]);
    let many = iter::once(&head[..]).chain(iter::repeat_n(&journal[..], 1000)).chain([&packet[..]]);
    check(&gzip(bench, "journal", many)?, 0, &["1 packet"])?;
    let all = [&head[..], &packet].concat();
    check(&gzip(bench, "sections", iter::repeat_n(&all[..], 20_000))?, 0, &["20,000 packets"])?;
    let many = iter::once(&head[..]).chain(iter::repeat_n(&head[28..], 1 << 16));
    check(&gzip(bench, "numbers", many)?, 2, &["one more than the 65536 that are possible"])
}

/// With `--link-type`, an expression is compiled once for all link types.
fn link_types_take_little_memory(bench: &Bench) -> Outcome {
    let order = Order::LITTLE;
    let mut bytes = order.section(&[]);
    (0..20_000).for_each(|link_type| bytes.extend(order.interface(link_type, &[])));
    for interface in 0..20_000 {
        bytes.extend(order.packet(interface, 0, &[0; 20], &[]));
    }
    let capture = bench.file("in.pcapng", bytes)?;
    limited(&["filter", "-r", &capture, "--link-type", "EN10MB", "tcp port 80"], 0, &["20,000 packets, 0 match"])
}
