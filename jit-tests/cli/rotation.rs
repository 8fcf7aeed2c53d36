//! Selection by number and time, and captures that follow each other: `-c`, `-s`, `--after`, `--before`, `-C`, `-G`,
//! `-W`.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;

use crate::cli::capture_files::Order;
use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 12] = [
    ("filter_ends_after_a_number_of_packets", filter_ends_after_a_number_of_packets),
    ("split_limits_each_capture", split_limits_each_capture),
    ("snapshot_length_is_in_headers", snapshot_length_is_in_headers),
    ("times_select_packets_exactly", times_select_packets_exactly),
    ("sizes_rotate_as_in_tcpdump", sizes_rotate_as_in_tcpdump),
    ("rings_replace_the_first_file", rings_replace_the_first_file),
    ("seconds_rotate_in_capture_time", seconds_rotate_in_capture_time),
    ("files_do_not_replace_each_other", files_do_not_replace_each_other),
    ("rotated_pcapng_files_are_complete", rotated_pcapng_files_are_complete),
    ("rotated_files_of_mixed_inputs_have_interfaces", rotated_files_of_mixed_inputs_have_interfaces),
    ("split_rotates_each_capture", split_rotates_each_capture),
    ("invalid_limits_are_reported", invalid_limits_are_reported),
];

/// 2024-05-01 10:00:00.
const START: u32 = 1_714_557_600;
/// The length of the header of a pcap file, and of a record.
const HEADER: usize = 24;
const RECORD: usize = 16;

/// Returns a pcap file with a packet at each of these milliseconds after [`START`], of 100 bytes and with its number.
pub fn capture_at(milliseconds: &[u32]) -> Vec<u8> {
    let mut capture = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 262_144, 1].map(u32::to_le_bytes).concat();
    for (number, time) in (0_u32..).zip(milliseconds) {
        let words = [START + time / 1000, time % 1000 * 1000, 100, 100];
        capture.extend(words.map(u32::to_le_bytes).as_flattened());
        capture.extend([2; 12]);
        capture.extend(if number % 2 == 0 { [8, 0] } else { [8, 6] });
        capture.extend(number.to_be_bytes());
        capture.extend([0; 82]);
    }
    capture
}

/// Returns the numbers of the packets in a capture that has the packets of [`capture_at`].
fn numbers(capture: &Path) -> Result<Vec<u32>, Failed> {
    let bytes = fs::read(capture)?;
    let records = bytes.get(HEADER..).ok_or("no header")?.chunks_exact(RECORD + 100);
    equal(records.remainder().len(), 0)?;
    Ok(records.map(|record| u32::from_be_bytes([record[30], record[31], record[32], record[33]])).collect())
}

/// Returns the names of the files in a folder in order, and the numbers of their packets.
fn rotated(folder: &Path) -> Result<Vec<(String, Vec<u32>)>, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, numbers(&path)?));
    }
    files.sort();
    Ok(files)
}

/// Filters a capture into a new folder, and returns its files.
fn filter(
    bench: &Bench,
    input: &str,
    name: &str,
    options: &[&str],
    words: &[&str],
) -> Result<Vec<(String, Vec<u32>)>, Failed> {
    let folder = bench.path("rotated");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder)?;
    let output = folder.join(name).display().to_string();
    expect(&cbpf(&[&["filter", "-r", input, "-w", &output, "greater 0"], options].concat())?, 0, words)?;
    rotated(&folder)
}

fn named(name: &str, numbers: impl IntoIterator<Item = u32>) -> (String, Vec<u32>) {
    (name.to_owned(), numbers.into_iter().collect())
}

fn filter_ends_after_a_number_of_packets(bench: &Bench) -> Outcome {
    let (mixed, kept) = (example("mixed.pcap"), bench.path("kept").display().to_string());
    let output = cbpf(&["filter", "-r", &mixed, "-r", &mixed, "-w", &kept, "-c", "3", "arp"])?;
    expect(&output, 0, &[", 3 match"])?;
    equal(fs::metadata(&kept)?.len() as usize, HEADER + 3 * (RECORD + 42))?;
    // Without an output, and with damage before.
    let cut = bench.file("cut.pcap", &fs::read(&mixed)?[..30_000])?;
    expect(&cbpf(&["filter", "-r", &cut, "-r", &mixed, "-c", "3", "arp"])?, 2, &["byte 29949", ", 3 match"])?;
    expect(&cbpf(&["filter", "-r", &mixed, "-c", "3", "less 0"])?, 0, &["260 packets, 0 match"])?;
    expect(&cbpf(&["count", "-r", &mixed, "-c", "3", "-e", "arp=arp"])?, 0, &[", 3 match"])
}

/// Each capture equals that of a filter; reading ends when all are full.
fn split_limits_each_capture(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&(0..100).collect::<Vec<_>>()))?;
    let out = bench.path("out").display().to_string();
    let rules = ["-e", "all=", "-e", "arp=arp", "-e", "few=ether[17] < 3"];
    let split = ["split", "-r", &capture, "-o", &out];
    let output = cbpf(&[&split[..], &rules, &["-c", "4", "--json"]].concat())?;
    expect(&output, 0, &["\"packets\":100"])?;
    equal(
        rotated(&bench.path("out"))?,
        vec![named("all.pcap", 0..4), named("arp.pcap", [1, 3, 5, 7]), named("few.pcap", 0..3)],
    )?;
    let output = cbpf(&[&split[..], &rules[..4], &["-c", "4", "-s", "20"]].concat())?;
    // Packets 4 and 6 match only a full rule.
    expect(&output, 0, &["8 packets, 6 match", "(no rule)               0"])?;
    equal(fs::metadata(bench.path("out/arp.pcap"))?.len() as usize, HEADER + 4 * (RECORD + 20))
}

fn snapshot_length_is_in_headers(bench: &Bench) -> Outcome {
    let (mixed, kept) = (example("mixed.pcap"), bench.path("kept").display().to_string());
    let snaplen = |at: usize| -> Result<[u8; 4], Failed> { Ok(fs::read(&kept)?[at..at + 4].try_into()?) };
    let filter = |options: &[&str]| {
        expect(&cbpf(&[&["filter", "-r", &mixed, "-w", &kept, "arp"], options].concat())?, 0, &["5 match"])
    };
    filter(&["-s", "20"])?;
    equal((snaplen(16)?, fs::metadata(&kept)?.len() as usize), (20_u32.to_le_bytes(), HEADER + 5 * (RECORD + 20)))?;
    filter(&["-s", "0"])?;
    equal((snaplen(16)?, fs::metadata(&kept)?.len()), (fs::read(&mixed)?[16..20].try_into()?, 24 + 5 * (16 + 42)))?;
    for order in [Order { is_big_endian: false }, Order { is_big_endian: true }] {
        let section = [
            order.section(&[]),
            order.interface(1, &order.options(&[(2, b"eth0")])),
            order.packet(0, 5, &[7; 60], &[]),
            order.block(3, &[&order.words(&[60]), &[7; 60]]),
        ];
        let pcapng = bench.file("in.pcapng", section.concat())?;
        let arguments = ["filter", "-r", &pcapng, "-r", &mixed, "-w", &kept, "-s", "20", "greater 0"];
        expect(&cbpf(&arguments)?, 0, &["262 packets, 262 match"])?;
        // After the section header and the first fields of the interface.
        equal((order.is_big_endian, snaplen(28 + 12)?.to_vec()), (order.is_big_endian, order.words(&[20])))?;
        expect(&cbpf(&["filter", "-r", &pcapng, "-w", &kept, "-s", "20", "-F", "pcap", "-c", "1"])?, 0, &["1 match"])?;
        equal(snaplen(16)?, 20_u32.to_le_bytes())?;
        expect(&cbpf(&arguments)?, 0, &["262 match"])?;
        // The simple packet block did not become longer.
        expect(&cbpf(&["filter", "-r", &kept, "len > 20 and ether[19] = 0 or ether[19] != 0"])?, 0, &["262 packets"])?;
    }
    Ok(())
}

fn times_select_packets_exactly(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&[0, 500, 1000, 1500, 2000, 250]))?;
    let cases: [(&[&str], &[u32]); 7] = [
        (&["--after", "2024-05-01 10:00:00.5", "--before", "2024-05-01T12:00:01.5+02:00"], &[1, 2]),
        (&["--after", "@1714557601", "--before", "@1714557602"], &[2, 3]),
        (&["--after", "+500ms"], &[1, 2, 3, 4]),
        (&["--after", "+500000001ns"], &[2, 3, 4]),
        (&["--before", "+0.250001"], &[0, 5]),
        (&["--after", "+0", "-c", "2"], &[0, 1]),
        (&["--after", "2025-01-01"], &[]),
    ];
    for (options, expected) in cases {
        let files = filter(bench, &capture, "x", options, &["not within the times"])?;
        equal((options, files), (options, vec![named("x", expected.to_vec())]))?;
    }
    let output = cbpf(&["count", "-r", &capture, "-e", "arp=arp", "--after", "+1", "--json"])?;
    expect(&output, 0, &["\"packets\":3,", "\"packets_outside_of_times\":3"])
}

/// A file ends before the first packet after which it is longer than the size. The names and the files are those of
/// tcpdump; the comparison is left out where tcpdump is not installed.
fn sizes_rotate_as_in_tcpdump(bench: &Bench) -> Outcome {
    // 2.3 MB.
    let capture = bench.file("in.pcap", capture_at(&(0..20_000).collect::<Vec<_>>()))?;
    // The file of a million bytes has 8,621 records.
    let parts = [0..8_621, 8_621..17_242, 17_242..20_000];
    let names = ["x.pcap", "x.pcap1", "x.pcap2"];
    let expected: Vec<_> = names.into_iter().zip(parts.clone()).map(|(name, part)| named(name, part)).collect();
    equal(filter(bench, &capture, "x.pcap", &["-C", "1"], &["20,000 match"])?, expected)?;
    // Every packet is longer than the size, and each file has one.
    let files = filter(bench, &capture, "x", &["-C", "1k", "-c", "30"], &[", 30 match"])?;
    equal(files.iter().map(|(_, numbers)| numbers.len()).collect::<Vec<_>>(), vec![9, 9, 9, 3])?;
    let folder = bench.path("tcpdump");
    fs::create_dir(&folder)?;
    let user = if nix_is_root() { vec!["-Z", "root"] } else { Vec::new() };
    for options in [&["-C", "1"][..], &["-C", "1", "-W", "2"], &["-C", "1", "-W", "11"], &["-C", "1", "-W", "1"]] {
        let output = folder.join("x.pcap").display().to_string();
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-r", &capture, "-w", &output]).args(options).args(&user);
        let Ok(ended) = tcpdump.output() else { return Ok(()) };
        expect(&ended, 0, &[])?;
        let theirs = rotated(&folder)?;
        equal((options, filter(bench, &capture, "x.pcap", options, &[])?), (options, theirs))?;
        for entry in fs::read_dir(&folder)? {
            fs::remove_file(entry?.path())?;
        }
    }
    Ok(())
}

/// Returns whether this process is root's, without a library for it.
fn nix_is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

fn rings_replace_the_first_file(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&(0..50).collect::<Vec<_>>()))?;
    let files = filter(
        bench,
        &capture,
        "x.pcap.zip",
        &["-C", "1k", "-W", "3"],
        &["50 match", "27 packets were in files that"],
    )?;
    // Files of 9 packets: 0, 1, 2, then 0, 1, 2 again.
    equal(files, vec![named("x.pcap.zip0", 27..36), named("x.pcap.zip1", 36..45), named("x.pcap.zip2", 45..50)])?;
    let files = filter(bench, &capture, "x", &["-C", "1k", "-W", "11"], &["50 match"])?;
    equal(
        files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["x00", "x01", "x02", "x03", "x04", "x05"].to_vec(),
    )?;
    equal(
        filter(bench, &capture, "x", &["-C", "1k", "-W", "1"], &["45 packets were in files"])?,
        vec![named("x", 45..50)],
    )
}

fn seconds_rotate_in_capture_time(bench: &Bench) -> Outcome {
    // Packets 4 and 5 are earlier than the begin of their file.
    let capture = bench.file("in.pcap", capture_at(&[0, 1999, 2000, 3999, 1000, 0, 7000, 8999, 9500]))?;
    let pattern = "%Y%m%d-%H%M%S.pcap";
    let expected = [
        named("20240501-100000.pcap", [0, 1]),
        named("20240501-100002.pcap", 2..6),
        named("20240501-100007.pcap", [6, 7]),
        named("20240501-100009.pcap", [8]),
    ];
    equal(filter(bench, &capture, pattern, &["-G", "2"], &["9 match"])?, expected.to_vec())?;
    equal(
        filter(bench, &capture, pattern, &["-G", "2s", "-W", "3"], &["3 files with 8 packets"])?,
        expected[..3].to_vec(),
    )?;
    equal(
        filter(bench, &capture, "x", &["-G", "2", "-W", "1"], &["1 file with 2 packets"])?,
        vec![named("x", [0, 1])],
    )?;
    let files = filter(bench, &capture, "%S", &["-G", "2", "and arp"], &["4 match"])?;
    equal(files, vec![named("01", [1]), named("03", [3, 5]), named("08", [7])])?;
    // The number begins anew in each period.
    let long: Vec<u32> = (0..40).map(|number| number * 100).collect();
    let capture = bench.file("long.pcap", capture_at(&long))?;
    let files = filter(bench, &capture, "%S-", &["-G", "2", "-C", "1k"], &["40 match"])?;
    let expected =
        [("00-", 0..9), ("00-1", 9..18), ("00-2", 18..20), ("02-", 20..29), ("02-1", 29..38), ("02-2", 38..40)];
    equal(files, expected.map(|(name, part)| named(name, part)).to_vec())?;
    // Without packets, the file has the name of now.
    let empty = bench.file("empty.pcap", capture_at(&[]))?;
    let files = filter(bench, &empty, "%Y", &["-G", "2"], &["0 packets"])?;
    equal((files.len(), files[0].0.as_str() > "2023", files[0].1.len()), (1, true, 0))
}

/// A name may recur, as in a ring of weekdays, but not at once.
fn files_do_not_replace_each_other(bench: &Bench) -> Outcome {
    let capture = bench.file("in.pcap", capture_at(&[0, 1000, 60_000, 61_000]))?;
    let files = filter(bench, &capture, "%S", &["-G", "1"], &["4 match"])?;
    equal(files, vec![named("00", [2]), named("01", [3])])?;
    let (coarse, folder) = (bench.path("new/%M").display().to_string(), bench.path("new"));
    fs::create_dir(&folder)?;
    let arguments = ["filter", "-r", &capture, "-w", &coarse, "greater 0", "-G", "1"];
    expect(&cbpf(&arguments)?, 1, &["cannot create", "would replace the one before it", "%Y%m%d%H%M%S"])?;
    // The file that was complete stays.
    equal(rotated(&folder)?, vec![named("00", [0])])
}

/// Each file has its section, its interfaces, names and secrets.
fn rotated_pcapng_files_are_complete(bench: &Bench) -> Outcome {
    for order in [Order { is_big_endian: false }, Order { is_big_endian: true }] {
        let host = order.options(&[(1, b"\x0a\0\0\x01host\0"), (0, b"")]);
        let secrets = [&order.words(&[0x544c_534b, 5])[..], b"keys\n\0\0\0"].concat();
        let head = |name: &[u8]| [order.section(&order.options(&[(3, name)])), order.interface(1, &[])].concat();
        let head_of_both = [head(b"first"), order.block(10, &[&secrets]), order.block(4, &[&host])].concat();
        let packet = |ticks: u64| order.packet(0, ticks, &[3; 500], &[]);
        let journal = order.block(9, &[b"MESSAGE=one\n"]);
        let parts = [
            &head_of_both[..],
            &journal,
            &packet(1),
            &packet(2),
            &packet(3),
            &head(b"second"),
            &packet(4),
            &order.interface(113, &[]),
            &packet(5),
            &packet(6),
        ];
        let input = bench.file("in.pcapng", parts.concat())?;
        let out = bench.path("out.pcapng").display().to_string();
        let arguments = ["filter", "-r", &input, "-w", &out, "-C", "1k", "greater 0"];
        expect(&cbpf(&arguments)?, 0, &["6 packets, 6 match"])?;
        let files = [
            [&head_of_both[..], &journal, &packet(1), &packet(2)].concat(),
            [&head_of_both[..], &packet(3), &head(b"second"), &packet(4), &order.interface(113, &[])].concat(),
            [&head(b"second")[..], &order.interface(113, &[]), &packet(5), &packet(6)].concat(),
        ];
        for (number, expected) in ["", "1", "2"].into_iter().zip(files) {
            let got = fs::read(bench.path(&format!("out.pcapng{number}")))?;
            equal((number, got == expected), (number, true))?;
        }
        // With -G, the first file gets everything that comes before the first packet.
        let [one, all] = ["one%S", "all"].map(|name| bench.path(name).display().to_string());
        let filter = ["filter", "-r", &input, "greater 0"];
        expect(&cbpf(&[&filter[..], &["-w", &one, "-G", "1"]].concat())?, 0, &["6 match"])?;
        expect(&cbpf(&[&filter[..], &["-w", &all]].concat())?, 0, &["6 match"])?;
        equal(fs::read(bench.path("one00"))? == fs::read(bench.path("all"))?, true)?;
    }
    Ok(())
}

fn rotated_files_of_mixed_inputs_have_interfaces(bench: &Bench) -> Outcome {
    let order = Order { is_big_endian: false };
    let pcap = bench.file("in.pcap", capture_at(&[0, 1000, 2000]))?;
    let section = [order.section(&[]), order.interface(1, &[]), order.packet(0, 5, &[2; 60], &[])].concat();
    let pcapng = bench.file("in.pcapng", section)?;
    let out = bench.path("out%S").display().to_string();
    let arguments = ["filter", "-r", &pcap, "-r", &pcapng, "-r", &pcap, "-w", &out, "-G", "1", "ether[17] = 2"];
    expect(&cbpf(&arguments)?, 0, &["7 packets, 3 match"])?;
    expect(&cbpf(&["filter", "-r", &bench.path("out02").display().to_string()])?, 0, &["3 packets"])?;
    // Files without packets have the interface of a pcap input.
    let arguments = ["filter", "-r", &pcap, "-r", &pcapng, "-w", &out, "-G", "1", "-c", "1", "less 1"];
    expect(&cbpf(&arguments)?, 0, &["4 packets, 0 match"])?;
    let now = fs::read_dir(bench.path(""))?.flatten().find(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("out") && name != "out02"
    });
    let bytes = now.map_or(Ok(Vec::new()), |entry| fs::read(entry.path()))?;
    equal(bytes.windows(4).any(|word| word == [1, 0, 0, 0]), true)
}

fn split_rotates_each_capture(bench: &Bench) -> Outcome {
    let times: Vec<u32> = (0..40).map(|number| number * 100).collect();
    let capture = bench.file("in.pcap", capture_at(&times))?;
    let out = bench.path("out%").display().to_string();
    let split = ["split", "-r", &capture, "-o", &out, "-e", "arp=arp", "-e", "few=ether[17] < 3"];
    expect(&cbpf(&[&split[..], &["-C", "1k"]].concat())?, 0, &["40 packets, 22 match"])?;
    let odd = |part: std::ops::Range<u32>| part.map(|number| 2 * number + 1);
    let expected = [
        named("arp.pcap", odd(0..9)),
        named("arp.pcap1", odd(9..18)),
        named("arp.pcap2", odd(18..20)),
        named("few.pcap", 0..3),
    ];
    equal(rotated(Path::new(&out))?, expected.to_vec())?;
    fs::remove_dir_all(&out)?;
    expect(&cbpf(&[&split[..], &["-G", "2", "-W", "1"]].concat())?, 0, &["40 packets, 12 match"])?;
    let expected = [named("arp-20240501-100000.pcap", odd(0..10)), named("few-20240501-100000.pcap", 0..3)];
    equal(rotated(Path::new(&out))?, expected.to_vec())
}

fn invalid_limits_are_reported(bench: &Bench) -> Outcome {
    let (mixed, out) = (example("mixed.pcap"), bench.path("x").display().to_string());
    let cases: [(&[&str], &str); 13] = [
        (&["-c", "0"], "0 is not in 1.."),
        (&["-C", "0"], "a number of millions of bytes"),
        (&["-G", "0"], "whole seconds"),
        (&["-G", "0.5"], "whole seconds"),
        (&["-W", "0", "-C", "1"], "0 is not in 1.."),
        (&["-W", "2"], "-W needs -C or -G"),
        (&["-G", "1"], "would replace the one before it"),
        (&["-C", "1", "-w", "-"], "-C and -G need a file"),
        (&["-G", "1", "-w", "x%"], "cannot create x%: invalid name"),
        (&["--after", "10:00"], "a time is expected"),
        (&["--before", "+1x"], "there is `x`"),
        (&["--before", "@1.0000000001"], "at most nanoseconds"),
        (&["-s", "x"], "--snapshot-length"),
    ];
    for (options, words) in cases {
        let write: &[&str] = if options.contains(&"-w") { &[] } else { &["-w", &out] };
        let output = cbpf(&[&["filter", "-r", &mixed, "arp"], options, write].concat())?;
        expect(&output, 1, &[words])?;
        equal(output.stdout.len(), 0)?;
    }
    expect(&cbpf(&["filter", "-r", &mixed, "arp", "-C", "1"])?, 1, &["-C and -G need -w"])?;
    equal(Path::new(&out).exists(), false)
}
