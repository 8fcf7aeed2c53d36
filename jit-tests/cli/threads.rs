//! Tests of subcommands on several threads: the results are those of one thread.

use std::fs;

use libtest_mimic::Failed;

use crate::cli::capture_files::{Order, gzip};
use crate::cli::{Bench, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 5] = [
    ("threads_count_the_same", threads_count_the_same),
    ("threads_split_the_same", threads_split_the_same),
    ("threads_do_not_change_results", threads_do_not_change_results),
    ("threads_do_not_change_warnings", threads_do_not_change_warnings),
    ("threads_meet_damage_in_order", threads_meet_damage_in_order),
];

/// The number of records of a file that is worth several threads.
const RECORDS: u32 = 24_000;

fn data(number: u32) -> Vec<u8> {
    let mut data = vec![0; 300 + (number * 7 % 100) as usize];
    data[12..14].copy_from_slice(if number % 3 == 0 { &[8, 6] } else { &[8, 0] });
    data[20..24].copy_from_slice(&number.to_be_bytes());
    data
}

/// A pcap file of about 9 MB.
fn pcap(order: Order) -> Vec<u8> {
    let records =
        (0..RECORDS).map(|number| order.record(1_700_000_000 + number / 100, number % 100, 400, &data(number)));
    order.pcap(65535, 1).into_iter().chain(records.flatten()).collect()
}

/// A pcapng file of about 9 MB, with an interface of another link type in its middle.
fn pcapng(order: Order) -> Vec<u8> {
    let mut bytes = [order.section(&[]), order.interface(1, &[]), order.interface(113, &[])].concat();
    for number in 0..RECORDS {
        let interface = match number {
            0..16_000 => 0,
            16_000 => {
                bytes.extend(order.interface(230, &[]));
                2
            }
            _ => number % 3,
        };
        bytes.extend(order.packet(interface, number.into(), &data(number), &[]));
    }
    bytes
}

/// Runs `cbpf filter` on one thread and on more, with an output and without, and expects the same results. Returns what
/// is said on standard error, without the times.
fn compare(bench: &Bench, captures: &[&str], extension: &str, code: i32) -> Result<String, Failed> {
    let mut results = Vec::new();
    let inputs: Vec<&str> = captures.iter().flat_map(|capture| ["-r", *capture]).collect();
    for threads in ["1", "2", "5"] {
        let output = bench.path(&format!("{threads}.{extension}")).display().to_string();
        for written in [&[][..], &["-w", &output]] {
            let run = cbpf(&[&["filter", "-j", threads, "arp"], &inputs[..], written].concat())?;
            expect(&run, code, &[])?;
            let said = String::from_utf8(run.stderr)?;
            let said: Vec<_> = said.lines().map(|line| line.split(" kept; ").next().unwrap_or("").to_owned()).collect();
            let written = if written.is_empty() { Vec::new() } else { fs::read(&output)? };
            results.push((said.join("\n"), written));
        }
    }
    for (number, result) in results.iter().enumerate() {
        equal(&result.0, &results[0].0)?;
        if result.1 != results[number % 2].1 {
            return Err(format!("run {number} writes other bytes").into());
        }
    }
    Ok(results.swap_remove(0).0)
}

fn threads_do_not_change_results(bench: &Bench) -> Result<(), Failed> {
    for order in Order::BOTH {
        let small = example("mixed.pcap");
        let large = bench.file("large.pcap", pcap(order))?;
        let zipped = bench.file("large.pcap.gz", gzip([&pcap(order)[..]])?)?;
        let said = compare(bench, &[&large], "pcap", 0)?;
        equal(&said.split(" match").next(), &Some("24,000 packets, 8,000"))?;
        compare(bench, &[&small, &large, &zipped, &small, &zipped], "pcap", 0)?;
        let blocks = bench.file("large.pcapng", pcapng(order))?;
        compare(bench, &[&large, &blocks, &small], "pcapng", 0)?;
    }
    Ok(())
}

fn threads_do_not_change_warnings(bench: &Bench) -> Result<(), Failed> {
    let first = bench.file("first.pcapng", pcapng(Order::LITTLE))?;
    let second = bench.file("second.pcapng", pcapng(Order::BIG))?;
    let said = compare(bench, &[&first, &second], "pcapng", 0)?;
    let warnings = said.lines().filter(|line| line.contains("(IEEE802_15_4_NOFCS)")).count();
    equal(&warnings, &2)
}

fn threads_meet_damage_in_order(bench: &Bench) -> Result<(), Failed> {
    let mut bytes = pcap(Order::LITTLE);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 1000].fill(0xff);
    let damaged = bench.file("damaged.pcap", bytes)?;
    let mut cut = pcap(Order::BIG);
    cut.truncate(cut.len() - 5);
    let cut = bench.file("cut.pcap", cut)?;
    let zipped = gzip([&pcap(Order::LITTLE)[..]])?;
    let zipped = bench.file("cut.pcap.gz", &zipped[..zipped.len() - 9])?;
    let said = compare(bench, &[&damaged, &cut, &zipped, &damaged], "pcap", 2)?;
    equal(&said.lines().filter(|line| line.starts_with("cbpf: warning: ")).count(), &4)
}

/// The files of the tests of rules: large and small ones of several formats, and rules of which some are invalid for an
/// interface.
fn rule_files(bench: &Bench) -> Result<(Vec<String>, String), Failed> {
    let large = bench.file("large.pcap", pcap(Order::LITTLE))?;
    let blocks = bench.file("large.pcapng", pcapng(Order::BIG))?;
    let zipped = bench.file("large.pcap.gz", gzip([&pcap(Order::BIG)[..]])?)?;
    let rules = bench.file("rules", "arp: arp\nlong: len > 380\nsome: ether[23] & 7 = 1\nall:\n")?;
    Ok((vec![large, blocks, example("mixed.pcap"), zipped], rules))
}

fn threads_count_the_same(bench: &Bench) -> Result<(), Failed> {
    let (captures, rules) = rule_files(bench)?;
    let inputs: Vec<&str> = captures.iter().flat_map(|capture| ["-r", capture.as_str()]).collect();
    for options in [&["--by", "10s", "--csv"][..], &["--after", "@1700000050", "--csv"], &["--first", "--top", "2"]] {
        let mut outputs = Vec::new();
        for threads in ["1", "3"] {
            let run = cbpf(&[&["count", "-j", threads, "--rules", &rules], options, &inputs].concat())?;
            expect(&run, 0, &[])?;
            outputs.push(String::from_utf8(run.stdout)?);
        }
        equal(&outputs[0], &outputs[1])?;
    }
    Ok(())
}

fn threads_split_the_same(bench: &Bench) -> Result<(), Failed> {
    let (captures, rules) = rule_files(bench)?;
    let inputs: Vec<&str> = captures.iter().flat_map(|capture| ["-r", capture.as_str()]).collect();
    for (count, inputs) in [(2, &inputs[..2]), (8, &inputs[..])] {
        let mut results = Vec::new();
        for threads in ["1", "3"] {
            let out = bench.path(&format!("out-{threads}-{count}")).display().to_string();
            let run = cbpf(&[&["split", "-j", threads, "--rules", &rules, "-o", &out], inputs].concat())?;
            expect(&run, 0, &[])?;
            let names = ["arp", "long", "some", "all"]
                .map(|name| if count == 2 { format!("{name}.pcap") } else { format!("{name}.pcapng") });
            let files = names.map(|name| fs::read(format!("{out}/{name}")));
            results.push((String::from_utf8(run.stdout)?, files.into_iter().collect::<Result<Vec<_>, _>>()?));
        }
        equal(&results[0].0, &results[1].0)?;
        if results[0].1 != results[1].1 {
            return Err("other bytes are written".into());
        }
    }
    Ok(())
}
