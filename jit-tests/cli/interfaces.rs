//! Captures from interfaces: frames over a cable between two devices in a network namespace, as in `netns`.
//!
//! That needs root and `ip`; without them the trials are skipped by name.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::socket::{LinkAddr, MsgFlags, sendto};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::cli::running::{Running, await_event};
use crate::cli::{Bench, Outcome, cbpf, equal, expect};
use crate::netns::namespace::{self, Namespace};

/// A test in a namespace of its own.
type InterfaceTest = fn(&Bench, &Namespace) -> Outcome;

const TESTS: [(&str, InterfaceTest); 21] = [
    ("tags_are_found_and_put_back", tags_are_found_and_put_back),
    ("expressions_mean_what_they_mean_in_tcpdump", expressions_mean_what_they_mean_in_tcpdump),
    ("long_expressions_are_programs_of_ebpf", long_expressions_are_programs_of_ebpf),
    ("rules_are_counted", rules_are_counted),
    ("intervals_are_printed_when_they_are_over", intervals_are_printed_when_they_are_over),
    ("threads_share_the_packets", threads_share_the_packets),
    ("threads_write_in_order", threads_write_in_order),
    ("packets_of_no_rule_are_counted", packets_of_no_rule_are_counted),
    ("rules_get_captures", rules_get_captures),
    ("pcapng_describes_the_interface", pcapng_describes_the_interface),
    ("packets_reach_a_pipe_at_once", packets_reach_a_pipe_at_once),
    ("packets_of_loopback_come_once", packets_of_loopback_come_once),
    ("all_interfaces_together", all_interfaces_together),
    ("interfaces_without_addresses_are_listed", interfaces_without_addresses_are_listed),
    ("repeated_signals_lose_nothing", repeated_signals_lose_nothing),
    ("signals_ask_for_counts", signals_ask_for_counts),
    ("a_write_error_leaves_whole_packets", a_write_error_leaves_whole_packets),
    ("files_are_flushed_in_time", files_are_flushed_in_time),
    ("an_interface_is_removed", an_interface_is_removed),
    ("an_interface_goes_down_and_up", an_interface_goes_down_and_up),
    ("errors_are_explained", errors_are_explained),
];

pub fn trials() -> impl Iterator<Item = Trial> {
    TESTS.into_iter().map(|(name, test)| {
        let test = move || {
            let bench = Bench { folder: TempDir::new()? };
            namespace::within(|namespace| test(&bench, namespace))
        };
        Trial::test(format!("cli::interfaces::{name}"), test).with_ignored_flag(!namespace::is_available())
    })
}

const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];

/// Returns a frame of 60 bytes, or of 64 with a tag, to a group of hosts.
fn frame(vlan: Option<u8>, ether_type: [u8; 2]) -> Vec<u8> {
    let tag = vlan.map_or(Vec::new(), |vlan| vec![0x81, 0x00, 0xa0, vlan]);
    [&[3; 6][..], &[2; 6], &tag, &ether_type, &[0x45; 46]].concat()
}

/// The frames of most tests: 3 tagged and 4 other ARP packets, and 2 IPv4 packets.
fn frames() -> Vec<Vec<u8>> {
    let kinds = [(Some(5), ARP, 3), (None, ARP, 4), (None, IPV4, 2)];
    kinds.into_iter().flat_map(|(vlan, ether_type, count)| vec![frame(vlan, ether_type); count]).collect()
}

/// Sends frames from one end of the cable to the other.
fn send(from: &LinkAddr, frames: &[Vec<u8>]) -> Outcome {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    for frame in frames {
        sendto(socket.as_raw_fd(), frame, from, MsgFlags::empty())?;
    }
    Ok(())
}

/// Starts a capture, and waits until it listens.
fn start(arguments: &[&str]) -> Result<Running, Failed> {
    let mut running = Running::start(arguments)?;
    running.await_message("listening on")?;
    Ok(running)
}

/// Captures the frames from `b` while they are sent, and checks the output.
fn capture(namespace: &Namespace, arguments: &[&str], words: &[&str]) -> Outcome {
    let running = start(arguments)?;
    send(&namespace.a, &frames())?;
    running.signal("INT")?;
    expect(&running.end()?, 0, words)
}

/// Returns the packets of a pcap file with nanoseconds, and its link type.
fn packets(path: &str) -> Result<(u32, Vec<Vec<u8>>), Failed> {
    let bytes = fs::read(path)?;
    let word = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|word| u32::from_le_bytes(*word));
    equal(word(0), Some(0xa1b2_3c4d))?;
    let (mut at, mut packets) = (24, Vec::new());
    while let (Some(captured), Some(wire_len)) = (word(at + 8), word(at + 12)) {
        equal(captured, wire_len)?;
        packets.push(bytes.get(at + 16..at + 16 + captured as usize).ok_or("a short record")?.to_vec());
        at += 16 + captured as usize;
    }
    Ok((word(20).ok_or("no header")?, packets))
}

/// The kernel removes tags of received frames.
fn tags_are_found_and_put_back(bench: &Bench, namespace: &Namespace) -> Outcome {
    let kept = bench.path("kept.pcap").display().to_string();
    for engine in ["jit", "interpreter"] {
        let arguments = ["filter", "-i", "b", "vlan 5", "-w", &kept, "--engine", engine];
        capture(namespace, &arguments, &["3 packets, 3 match; 192 bytes", "3 packets received", ", 0 dropped"])?;
        equal(packets(&kept)?, (1, vec![frame(Some(5), ARP); 3]))?;
    }
    capture(namespace, &["filter", "-i", &namespace.b.ifindex().to_string(), "greater 0", "-w", &kept], &["9 match"])?;
    equal(packets(&kept)?, (1, frames()))
}

/// A tag that was removed is not a part of the frame, and packets have a direction and an interface.
fn expressions_mean_what_they_mean_in_tcpdump(bench: &Bench, namespace: &Namespace) -> Outcome {
    let index = format!("ifindex {}", namespace.b.ifindex());
    for (expression, count) in [
        ("arp", 7),
        ("vlan and arp", 3),
        ("not vlan", 6),
        ("vlan 6", 0),
        ("inbound", 9),
        ("outbound", 0),
        ("greater 61", 0),
        (&index, 9),
    ] {
        capture(namespace, &["filter", "-i", "b", expression], &[&format!("{count} packets, {count} match")])?;
    }
    // Another dialect than that of the kernel, which runs it as a program of eBPF.
    let program = bench.file("arp.asm", "ldh [12]\n jne #0x806, drop\n ret #20\n drop: ret #0")?;
    let pcap = ["filter", "-i", "b", "-p", &program, "--dialect", "pcap"];
    capture(namespace, &pcap, &["7 packets, 7 match", "140 kept"])?;
    capture(namespace, &["filter", "-i", "b", "-p", &program], &["7 packets, 7 match", "140 kept"])
}

/// A classic program has at most 4,096 instructions.
fn long_expressions_are_programs_of_ebpf(bench: &Bench, namespace: &Namespace) -> Outcome {
    let hosts: Vec<_> = (0..1_000_u32).map(|host| format!("10.0.{}.{}", host * 7 / 256, host * 7 % 256)).collect();
    let long = bench.file("long", format!("host ({}) or arp", hosts.join(" or ")))?;
    capture(namespace, &["filter", "-i", "b", "-F", &long], &["7 packets, 7 match", "7 packets received"])
}

fn rules_are_counted(bench: &Bench, namespace: &Namespace) -> Outcome {
    let rules = bench.file("rules", "tagged: vlan 5\nout: outbound\narp: arp\n")?;
    let count = ["count", "-i", "b", "--rules", &rules, "--json"];
    let row = |name: &str, packets: u32| format!("\"name\":\"{name}\",\"packets\":{packets}");
    for (option, arp) in [(None, 7), (Some("--first"), 4)] {
        let words = [&*row("tagged", 3), &*row("out", 0), &*row("arp", arp)];
        capture(namespace, &[&count[..], option.as_slice()].concat(), &words)?;
    }
    // No rule needs a context, but some frames had a tag.
    let rules = bench.file("plain", "arp: arp\nrest: ip\n")?;
    capture(namespace, &["count", "-i", "b", "--rules", &rules, "--json"], &[&row("arp", 7), &row("rest", 2)])
}

fn intervals_are_printed_when_they_are_over(_: &Bench, namespace: &Namespace) -> Outcome {
    let head = "time,arp,(no rule),(all)\n";
    let row = head.len() + "2024-05-01T10:00:00.000Z,0,0,0\n".len();
    let mut running = start(&["count", "-i", "b", "-e", "arp=arp", "--by", "200ms", "--csv"])?;
    send(&namespace.a, &frames())?;
    // Intervals without packets have rows, too.
    running.await_output(head.len() + 6 * row)?;
    send(&namespace.a, &frames())?;
    running.signal("INT")?;
    let output = running.end()?;
    let table = String::from_utf8(output.stdout.clone())?;
    let rows: Vec<_> = table.strip_prefix(head).ok_or("no head")?.lines().collect();
    let times: Vec<_> = rows.iter().map(|row| row.split(',').next()).collect();
    equal(times.windows(2).all(|pair| pair[0] < pair[1]), true)?;
    let sum =
        |column: usize| rows.iter().filter_map(|row| row.split(',').nth(column)?.parse::<u32>().ok()).sum::<u32>();
    equal([sum(1), sum(2), sum(3)], [14, 4, 18])?;
    expect(&output, 0, &["18 packets, 14 match"])
}

/// The kernel chooses the thread by the flow.
fn threads_share_the_packets(bench: &Bench, namespace: &Namespace) -> Outcome {
    let flow = |port: u8| {
        let header = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, port, 0, 53];
        [&[3; 6][..], &[2; 6], &IPV4, &header, &[0; 22]].concat()
    };
    let frames: Vec<_> = (0..200).map(flow).chain(frames()).collect();
    let rules = bench.file("rules", "dns: udp port 53\narp: arp\n")?;
    for (arguments, words) in [
        (vec!["filter", "-i", "b", "--fanout", "3", "udp port 53"], vec!["200 packets, 200 match", "200 packets rec"]),
        (
            vec!["count", "-i", "b", "--fanout", "2", "--rules", &rules, "--json"],
            vec!["\"name\":\"dns\",\"packets\":200", "\"name\":\"arp\",\"packets\":7", "209 packets received"],
        ),
    ] {
        let running = start(&arguments)?;
        send(&namespace.a, &frames)?;
        running.signal("INT")?;
        expect(&running.end()?, 0, &words)?;
    }
    for (arguments, message) in [
        (vec!["filter", "-i", "b", "--fanout", "2", "-c", "1", "arp"], "--fanout cannot be used with -c"),
        (vec!["run", "-i", "b", "--fanout", "2", "arp"], "--fanout is for `cbpf filter`, `print`, `count` and `split`"),
    ] {
        expect(&cbpf(&arguments)?, 1, &[message])?;
    }
    Ok(())
}

/// What several threads captured is written and printed in the order of time stamps.
fn threads_write_in_order(bench: &Bench, namespace: &Namespace) -> Outcome {
    let flow = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let header = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, high, low, 0, 53];
        [&[3; 6][..], &[2; 6], &IPV4, &header, &[0; 22]].concat()
    };
    let frames: Vec<_> = (1..=2_000).map(flow).collect();
    let (kept, folder) = (bench.path("kept.pcap"), bench.path("out"));
    let [kept, folder] = [&kept, &folder].map(|path| path.display().to_string());
    let rule = "dns=udp port 53";
    for arguments in [
        &["filter", "-i", "b", "--fanout", "3", "udp port 53", "-w", &kept][..],
        &["split", "-i", "b", "--fanout", "3", "-e", rule, "-o", &folder],
        &["print", "-i", "b", "--fanout", "3", "udp port 53"],
    ] {
        let running = start(arguments)?;
        send(&namespace.a, &frames)?;
        running.signal("INT")?;
        let output = running.end()?;
        expect(&output, 0, &["2,000 packets received by the kernel's filter, 0 dropped"])?;
        match arguments[0] {
            "filter" => equal(packets(&kept)?, (1, frames.clone()))?,
            "split" => equal(packets(&format!("{folder}/dns.pcap"))?, (1, frames.clone()))?,
            _ => {
                let lines = String::from_utf8(output.stdout)?;
                let ports: Vec<_> = lines.lines().filter_map(|line| line.split("10.0.0.1:").nth(1)).collect();
                equal(ports.len(), 2_000)?;
                let is_next = |(line, number): (&&str, u32)| line.starts_with(&format!("{number} "));
                equal(ports.iter().zip(1..).find(|&pair| !is_next(pair)), None)?;
            }
        }
    }
    Ok(())
}

/// The kernel passes on the begin of packets that match no rule. They count as if they were whole.
fn packets_of_no_rule_are_counted(bench: &Bench, namespace: &Namespace) -> Outcome {
    let rules: String = (0..50).map(|host| format!("h{host}: host 10.1.0.{host}\n")).collect();
    let rules = bench.file("rules", rules + "arp: arp\ngreat: greater 1000\n")?;
    let long = [frame(Some(7), IPV4), vec![0x45; 900]].concat();
    let longest = [frame(None, IPV4), vec![0x45; 1_400]].concat();
    let frames: Vec<_> = frames().into_iter().chain([long, longest]).collect();
    let row = |name: &str, packets: u32, bytes: u32| {
        format!("\"bytes\":{bytes},\"name\":\"{name}\",\"packets\":{packets},\"wire_bytes\":{bytes}")
    };
    let unmatched = format!("\"bytes\":{0},\"packets\":3,\"wire_bytes\":{0}", 2 * 60 + 964);
    let folder = bench.path("out").display().to_string();
    for arguments in [
        &["count", "-i", "b", "--rules", &rules, "--json"][..],
        &["split", "-i", "b", "--rules", &rules, "--json", "-o", &folder],
    ] {
        let running = start(arguments)?;
        send(&namespace.a, &frames)?;
        running.signal("INT")?;
        let words = [&*row("arp", 7, 432), &row("great", 1, 1460), &unmatched, "11 packets received"];
        let output = running.end()?;
        expect(&output, 0, &words)?;
        equal(String::from_utf8_lossy(&output.stderr).contains("the kernel does not filter"), false)?;
    }
    equal(packets(&format!("{folder}/great.pcap"))?, (1, frames[10..].to_vec()))
}

fn rules_get_captures(bench: &Bench, namespace: &Namespace) -> Outcome {
    let (rules, folder) = (bench.file("rules", "arp: arp\nall:\n")?, bench.path("out").display().to_string());
    capture(namespace, &["split", "-i", "b", "--rules", &rules, "-o", &folder], &["9 packets, 9 match"])?;
    equal(packets(&format!("{folder}/all.pcap"))?, (1, frames()))?;
    equal(packets(&format!("{folder}/arp.pcap"))?, (1, frames()[..7].to_vec()))
}

/// A capture in pcapng says which interface it is of, and what the kernel counted.
fn pcapng_describes_the_interface(bench: &Bench, namespace: &Namespace) -> Outcome {
    let kept = bench.path("kept.pcapng").display().to_string();
    for (expression, count) in [("arp", 7), ("port 53", 0)] {
        capture(namespace, &["filter", "-i", "b", expression, "-w", &kept], &[&format!("{count} match")])?;
        let bytes = fs::read(&kept)?;
        let (mut at, mut blocks) = (0, Vec::new());
        while let Some([kind, length]) = bytes.get(at..at + 8).map(|head| [0, 4].map(|at| head[at])) {
            blocks.push((kind, &bytes[at..at + usize::from(length)]));
            at += usize::from(length);
        }
        let (interface, statistics) = (blocks[1].1, blocks.last().ok_or("no block")?.1);
        equal(blocks.iter().map(|block| block.0).collect(), [&[10, 1][..], &vec![6; count], &[5]].concat())?;
        equal(&interface[16..24], &[2, 0, 1, 0, b'b', 0, 0, 0])?;
        equal(
            &statistics[20..44],
            &[4, 0, 8, 0, count as u8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        )?;
    }
    Ok(())
}

fn packets_reach_a_pipe_at_once(_: &Bench, namespace: &Namespace) -> Outcome {
    let mut running = start(&["filter", "-i", "b", "arp", "-w", "-"])?;
    running.await_output(24)?;
    for number in 1..=3 {
        send(&namespace.a, &[frame(None, ARP), frame(None, IPV4)])?;
        running.await_output(24 + number * (16 + 60))?;
    }
    running.signal("TERM")?;
    expect(&running.end()?, 0, &["3 packets, 3 match"])
}

fn packets_of_loopback_come_once(_: &Bench, _: &Namespace) -> Outcome {
    let running = start(&["filter", "-i", "lo", "udp"])?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    (0..6).try_for_each(|_| socket.send_to(b"payload", socket.local_addr()?).map(drop))?;
    running.signal("INT")?;
    expect(&running.end()?, 0, &["6 packets, 6 match; 294 bytes"])
}

/// Packets of all interfaces have a header of a cooked capture.
fn all_interfaces_together(bench: &Bench, namespace: &Namespace) -> Outcome {
    let kept = bench.path("kept.pcap").display().to_string();
    let running = start(&["filter", "-i", "any", "arp and inbound", "-w", &kept])?;
    send(&namespace.a, &frames()[3..])?;
    running.signal("INT")?;
    expect(&running.end()?, 0, &["4 packets, 4 match", "4 packets received"])?;
    let index = (namespace.b.ifindex() as u32).to_be_bytes();
    // Protocol, interface, Ethernet, a packet to a group, an address of 6 bytes.
    let header = [&ARP[..], &[0, 0], &index, &[0, 1, 2, 6], &[2; 6], &[0, 0]].concat();
    equal(packets(&kept)?, (276, vec![[&header[..], &[0x45; 46]].concat(); 4]))?;
    let printed = cbpf(&["print", "-r", &kept, "-c", "1"])?;
    expect(&printed, 0, &[&format!(" if{} M 02:02:02:02:02:02 ARP", namespace.b.ifindex())])?;
    expect(&cbpf(&["print", "-r", &kept, "--json", "-c", "1"])?, 0, &["\"direction\":\"M\""])
}

/// A tunnel has no hardware address.
fn interfaces_without_addresses_are_listed(_: &Bench, _: &Namespace) -> Outcome {
    // The test is empty here on a system without tunnels.
    if ip(&["tuntap", "add", "tun0", "mode", "tun"]).is_err() {
        return Ok(());
    }
    expect(&cbpf(&["-D"])?, 0, &["tun0  down   RAW"])?;
    ip(&["link", "set", "dev", "tun0", "up"])?;
    let running = start(&["filter", "-i", "tun0", "ip"])?;
    running.signal("INT")?;
    expect(&running.end()?, 0, &["0 packets, 0 match"])
}

/// timeout(1) sends each signal twice, and shells make background processes ignore SIGINT.
fn repeated_signals_lose_nothing(bench: &Bench, namespace: &Namespace) -> Outcome {
    let kept = bench.path("kept.pcap").display().to_string();
    for (signal, pause) in [("INT", 0), ("TERM", 50), ("HUP", 100), ("ALRM", 1)] {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' INT; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_cbpf")]);
        let mut running = Running::spawn(command.args(["filter", "-i", "b", "arp", "-w", &kept]))?;
        running.await_message("listening on")?;
        send(&namespace.a, &frames())?;
        running.signal(signal)?;
        std::thread::sleep(Duration::from_millis(pause));
        // The process may have ended.
        let _ = running.signal(signal);
        expect(&running.end()?, 0, &["7 packets, 7 match"])?;
        equal(packets(&kept)?.1.len(), 7)?;
        fs::remove_file(&kept)?;
    }
    Ok(())
}

fn signals_ask_for_counts(_: &Bench, namespace: &Namespace) -> Outcome {
    let mut running = start(&["count", "-i", "b", "-e", "arp=arp"])?;
    send(&namespace.a, &frames())?;
    for signal in ["USR1", "USR2"] {
        running.signal(signal)?;
        running.await_message("9 packets received by the kernel's filter so far, 0 dropped\n")?;
    }
    running.signal("INT")?;
    expect(&running.end()?, 0, &["9 packets, 7 match"])
}

/// What was captured cannot be captured again.
fn a_write_error_leaves_whole_packets(bench: &Bench, namespace: &Namespace) -> Outcome {
    for name in ["kept.pcap", "kept.pcapng"] {
        let kept = bench.path(name).display().to_string();
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f 2; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_cbpf")]);
        let mut running = Running::spawn(command.args(["filter", "-i", "b", "-w", &kept]))?;
        running.await_message("listening on")?;
        send(&namespace.a, &vec![frame(None, ARP); 100])?;
        running.signal("INT")?;
        expect(&running.end()?, 1, &["File too large", "kept, up to the last whole packet"])?;
        let count = &["10 packets, 10 match", "13 packets, 13 match", "26 packets, 26 match"];
        let read = cbpf(&["filter", "-r", &kept])?;
        let text = String::from_utf8_lossy(&read.stderr).into_owned();
        equal((read.status.code(), count.iter().any(|count| text.starts_with(count))), (Some(0), true))?;
    }
    Ok(())
}

/// The header is written at once, and packets before the buffer is full.
fn files_are_flushed_in_time(bench: &Bench, namespace: &Namespace) -> Outcome {
    let mut running = start(&["filter", "-i", "b", "arp", "-w", "-", "--format", "pcapng"])?;
    running.await_output(28 + 20)?;
    running.signal("INT")?;
    expect(&running.end()?, 0, &["0 match"])?;
    let kept = bench.path("kept.pcap").display().to_string();
    let running = start(&["filter", "-i", "b", "arp", "-w", &kept])?;
    let len = || {
        let files = fs::read_dir(bench.path("")).into_iter().flatten().flatten();
        let unnamed = files.filter(|file| file.file_name().to_string_lossy().starts_with(".cbpf-"));
        unnamed.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum::<u64>()
    };
    equal(len(), 24)?;
    send(&namespace.a, &frames())?;
    await_event("a flush", || (len() > 24).then_some(()))?;
    running.signal("INT")?;
    expect(&running.end()?, 0, &["7 match"])
}

/// Everything that arrived before is written.
fn an_interface_is_removed(bench: &Bench, namespace: &Namespace) -> Outcome {
    let kept = bench.path("kept.pcap").display().to_string();
    let running = start(&["filter", "-i", "b", "arp", "-w", &kept])?;
    send(&namespace.a, &frames())?;
    ip(&["link", "del", "dev", "a"])?;
    expect(&running.end()?, 2, &["7 packets, 7 match", "the interface `b` was removed"])?;
    equal(packets(&kept)?.1.len(), 7)
}

fn an_interface_goes_down_and_up(_: &Bench, namespace: &Namespace) -> Outcome {
    let mut running = start(&["filter", "-i", "b", "arp", "-w", "-"])?;
    let mut end = 24;
    for state in ["down", "up", "down", "up"] {
        ip(&["link", "set", "dev", "b", state])?;
        if state == "up" {
            end += 16 + 60;
            // The cable needs a moment.
            let begin = Instant::now();
            while running.output.len() < end {
                if begin.elapsed() > Duration::from_secs(30) {
                    return Err("packets do not arrive again".into());
                }
                send(&namespace.a, &[frame(None, ARP)])?;
                running.await_output_or(end, 50)?;
            }
            end = running.output.len();
        }
    }
    running.signal("INT")?;
    expect(&running.end()?, 0, &[", 0 dropped"])
}

fn errors_are_explained(bench: &Bench, _: &Namespace) -> Outcome {
    expect(&cbpf(&["-D"])?, 0, &["lo    up     EN10MB", "any   up     LINUX_SLL2"])?;
    expect(&cbpf(&["filter", "-i", "c", "arp"])?, 2, &["there is no interface `c`", "cbpf -D"])?;
    ip(&["link", "set", "dev", "b", "down"])?;
    expect(&cbpf(&["filter", "-i", "b", "arp"])?, 2, &["the interface `b` is down"])?;
    expect(&cbpf(&["filter", "-i", "lo", "vlan 5000"])?, 1, &["a number up to 4095"])?;
    let program = bench.file("mark.asm", "ld mark\nret a")?;
    expect(&cbpf(&["filter", "-i", "lo", "-p", &program])?, 1, &["the program reads `mark`"])?;
    expect(&cbpf(&["filter", "-i", "lo", "-r", "x.pcap", "arp"])?, 1, &["cannot be used with"])?;
    // The test is empty here if setpriv(1) is not installed.
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--bounding-set", "-net_raw", "--inh-caps", "-net_raw", env!("CARGO_BIN_EXE_cbpf")]);
    unprivileged.args(["filter", "-i", "lo", "arp"]);
    match unprivileged.output() {
        Ok(output) => expect(&output, 2, &["live capture needs CAP_NET_RAW", "setcap"]),
        Err(_) => Ok(()),
    }
}

fn ip(arguments: &[&str]) -> Outcome {
    equal(Command::new("ip").args(arguments).status()?.success(), true)
}
