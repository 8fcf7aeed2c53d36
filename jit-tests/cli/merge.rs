//! Tests of captures that are merged by time.

use std::fs;

use libtest_mimic::Failed;

use crate::cli::capture_files::Order;
use crate::cli::{Bench, Test, cbpf, equal, expect};

pub const TESTS: [(&str, Test); 4] = [
    ("merge_reads_more_captures_than_can_be_open", merge_reads_more_captures_than_can_be_open),
    ("merge_orders_packets_by_time", merge_orders_packets_by_time),
    ("merge_keeps_interfaces_and_clocks", merge_keeps_interfaces_and_clocks),
    ("merge_reports_damage", merge_reports_damage),
];

/// Returns the header of a pcap file and a record for each second.
fn pcap(order: Order, seconds: &[u32], mark: u8) -> Vec<u8> {
    let records = seconds.iter().map(|&second| order.record(second, 500, 20, &[mark; 20]));
    order.pcap(65535, 1).into_iter().chain(records.flatten()).collect()
}

fn merge_orders_packets_by_time(bench: &Bench) -> Result<(), Failed> {
    let first = bench.file("1.pcap", pcap(Order::LITTLE, &[1, 4, 4, 9], 1))?;
    // The order within a file stays, even if it is not that of time.
    let second = bench.file("2.pcap", pcap(Order::BIG, &[2, 8, 3, 4, 10], 2))?;
    let empty = bench.file("3.pcap", pcap(Order::BIG, &[], 3))?;
    let out = bench.path("out.pcap").display().to_string();
    let run = cbpf(&["filter", "--merge", "-r", &first, "-r", &second, "-r", &empty, "-w", &out])?;
    expect(&run, 0, &["9 packets, 9 match"])?;
    let mut expected = Order::LITTLE.pcap(65535, 1);
    for (second, mark) in [(1, 1), (2, 2), (4, 1), (4, 1), (8, 2), (3, 2), (4, 2), (9, 1), (10, 2)] {
        expected.extend(Order::LITTLE.record(second, 500, 20, &[mark; 20]));
    }
    equal(fs::read(&out)?, expected)?;
    // Without the option, the inputs follow each other.
    expect(&cbpf(&["filter", "-r", &first, "-r", &second, "-w", &out])?, 0, &["9 packets"])?;
    let chained = [pcap(Order::LITTLE, &[1, 4, 4, 9], 1), pcap(Order::LITTLE, &[2, 8, 3, 4, 10], 2)[24..].to_vec()];
    equal(fs::read(&out)?, chained.concat())
}

fn merge_keeps_interfaces_and_clocks(bench: &Bench) -> Result<(), Failed> {
    let little = Order::LITTLE;
    let comment = little.options(&[(1, b"hello")]);
    let name = little.options(&[(2, b"eth7"), (9, &[9])]);
    let first = [
        little.section(&[]),
        little.interface(1, &name),
        little.packet(0, 1_000_000_000, &[1; 20], &comment),
        little.packet(0, 3_000_000_000, &[1; 20], &[]),
    ];
    let big = Order::BIG;
    let second = [
        big.section(&[]),
        big.interface(101, &[]),
        big.packet(0, 2_000_000, &[2; 21], &big.options(&[(1, b"gone")])),
        big.packet(0, 4_000_000, &[2; 20], &[]),
    ];
    let first = bench.file("1.pcapng", first.concat())?;
    let second = bench.file("2.pcapng", second.concat())?;
    let third = bench.file("3.pcap", pcap(Order::LITTLE, &[1, 2], 3))?;
    let out = bench.path("out.pcapng").display().to_string();
    let run = cbpf(&["filter", "--merge", "-r", &first, "-r", &second, "-r", &third, "-w", &out])?;
    expect(
        &run,
        0,
        &["6 packets, 6 match", "left out while merging: blocks and lists of options of sections, 1 in all"],
    )?;
    let micro = little.options(&[(9, &[6])]);
    let limited = |link_type: u16, snaplen: u32, options: &[u8]| {
        little.block(1, &[&little.half(link_type), &[0; 2], &little.words(&[snaplen]), options])
    };
    let expected = [
        little.section(&[]),
        little.interface(1, &name),
        little.packet(0, 1_000_000_000, &[1; 20], &comment),
        limited(1, 65535, &micro),
        little.packet(1, 1_000_500, &[3; 20], &[]),
        limited(101, 0, &micro),
        little.packet(2, 2_000_000, &[2; 21], &[]),
        little.packet(1, 2_000_500, &[3; 20], &[]),
        little.packet(0, 3_000_000_000, &[1; 20], &[]),
        little.packet(2, 4_000_000, &[2; 20], &[]),
    ];
    equal(fs::read(&out)?, expected.concat())?;
    let run = cbpf(&["filter", "--merge", "-r", &first, "-r", &third, "-w", &out, "-C", "1"])?;
    expect(&run, 1, &["--merge to pcapng needs one output"])
}

fn merge_reports_damage(bench: &Bench) -> Result<(), Failed> {
    let whole = bench.file("1.pcap", pcap(Order::LITTLE, &[1, 4, 9], 1))?;
    let mut cut = pcap(Order::BIG, &[2, 3, 5], 2);
    cut.truncate(cut.len() - 3);
    let cut = bench.file("2.pcap", cut)?;
    let run = cbpf(&["filter", "--merge", "-r", &cut, "-r", &whole])?;
    expect(&run, 2, &["5 packets, 5 match", "2.pcap: ", "warning"])
}

fn merge_reads_more_captures_than_can_be_open(bench: &Bench) -> Result<(), Failed> {
    const FILES: u32 = 300;
    for file in 0..FILES {
        // The records of all files take turns; each file is longer than what is read of it first.
        let records = (0..20).map(|turn| Order::LITTLE.record(turn * FILES + file, 0, 2000, &[file as u8; 2000]));
        bench.file(&format!("{file}.pcap"), [Order::LITTLE.pcap(65535, 1), records.flatten().collect()].concat())?;
    }
    let filter = |limit: u32, files: u32, options: &str| {
        let inputs: String = (0..files).map(|file| format!(" -r {file}.pcap")).collect();
        let program = env!("CARGO_BIN_EXE_cbpf");
        let script = format!("ulimit -n {limit} 2>/dev/null; exec {program} filter {options} -w out.pcap{inputs}");
        let run = std::process::Command::new("sh").args(["-c", &script]).current_dir(bench.path("")).output()?;
        expect(&run, 0, &[&format!("{0} packets, {0} match", thousands(files * 20))])
    };
    for (limit, files) in [(20, 16), (20, 40), (64, 60), (64, 100)] {
        filter(limit, files, "--merge")?;
        filter(limit, files, "-j 2 --compress gzip")?;
        filter(limit, files, "-j 2")?;
    }
    filter(64, FILES, "--merge")?;
    let bytes = fs::read(bench.path("out.pcap"))?;
    let seconds = bytes[24..].chunks(2016).map(|record| record.first_chunk().copied().map(u32::from_le_bytes));
    equal(seconds.collect::<Option<Vec<u32>>>(), Some((0..FILES * 20).collect()))
}

/// Formats a number below a million as the program does.
fn thousands(number: u32) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}
