//! Printed packets: lines, columns, JSON, hexadecimal, colors; damaged headers; `cbpf filter --print`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use libtest_mimic::Failed;

use crate::cli::capture_files::Order;
use crate::cli::{Bench, Outcome, Test, cbpf, cbpf_with_input, command, equal, example, expect};

pub const TESTS: [(&str, Test); 13] = [
    ("print_the_example", print_the_example),
    ("print_what_matches", print_what_matches),
    ("print_link_types", print_link_types),
    ("print_headers", print_headers),
    ("print_damaged_headers", print_damaged_headers),
    ("print_any_bytes", print_any_bytes),
    ("print_time_styles", print_time_styles),
    ("print_hexadecimal", print_hexadecimal),
    ("print_json_and_fields", print_json_and_fields),
    ("print_comments", print_comments),
    ("print_colors", print_colors),
    ("print_rejects_contradicting_options", print_rejects_contradicting_options),
    ("filter_prints_what_it_keeps", filter_prints_what_it_keeps),
];

/// An IPv4 packet of TCP, from port 1024 to 80.
const TCP: &str = "4500002800000000400600000a0000010a00000204000050000000070000000050020200 00000000";
/// The line of it, without number, time and lengths.
const TCP_LINE: &str = "10.0.0.1:1024 > 10.0.0.2:80 TCP [S] seq 7 win 512 len 0";
/// The hop limit of an IPv6 header, and the addresses.
const IPV6_ADDRESSES: &str = "40 20010db8000000000000000000000001 20010db8000000000000000000000002";

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(&text[2 * at..][..2], 16).ok()).collect()
}

fn pcap(link_type: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Order::LITTLE.pcap(65_535, link_type);
    packets.iter().for_each(|data| file.extend(Order::LITTLE.record(0, 0, data.len(), data)));
    file
}

/// Returns the lines without number, time and length.
fn described(bench: &Bench, link_type: u32, packets: &[Vec<u8>]) -> Result<Vec<String>, Failed> {
    let file = bench.file("described.pcap", pcap(link_type, packets))?;
    let lines = lines(&["-t", "-r", &file])?;
    let middle = |line: &String| {
        let (_, rest) = line.split_once(' ').ok_or("no number")?;
        Ok(rest.rsplit_once(", ").ok_or("no length")?.0.to_owned())
    };
    lines.iter().map(middle).collect()
}

fn lines(arguments: &[&str]) -> Result<Vec<String>, Failed> {
    let output = cbpf(&[&["print"], arguments].concat())?;
    expect(&output, 0, &[])?;
    equal(String::from_utf8_lossy(&output.stderr).as_ref(), "")?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

fn print_the_example(_: &Bench) -> Outcome {
    let all = lines(&["-r", &example("mixed.pcap")])?;
    equal(all.len(), 260)?;
    for line in [
        "8 12:17:12.096720 :: > ff02::1:ff00:2 ICMPv6 neighbor solicitation fe80::ff:fe00:2 len 24, 86 bytes",
        "25 12:17:14.886965 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff ARP who-has 192.0.2.2 tell 192.0.2.1, 42 bytes",
        "26 12:17:14.888924 02:00:00:00:00:02 > 02:00:00:00:00:01 ARP reply 192.0.2.2 is-at 02:00:00:00:00:02, 42 bytes",
        "35 12:17:14.945901 vlan 7 198.51.100.1 > 198.51.100.2 ICMP echo request id 163 seq 1 len 56, 102 bytes",
        "46 12:17:15.360268 192.0.2.2:53 > 192.0.2.1:39306 UDP len 57, 99 bytes",
        "132 12:17:17.890567 192.0.2.2:443 > 192.0.2.1:37904 TCP [S.] seq 396527124 ack 504459096 win 65160 mss 1460 \
         sackOK wscale 7 len 0, 74 bytes",
        "227 12:17:24.052561 192.0.2.1 > 192.0.2.2 ICMP len 48 fragment 11548 offset 2960 last, 82 bytes",
        "239 12:17:24.477259 2001:db8::1 > 2001:db8::2 IPv6-Frag ICMPv6 len 112 fragment 1193982590 offset 2896 last, \
         174 bytes",
    ] {
        let number: usize = line.split(' ').next().unwrap_or("").parse()?;
        equal(all[number - 1].as_str(), line)?;
    }
    Ok(())
}

fn print_what_matches(bench: &Bench) -> Outcome {
    let mixed = example("mixed.pcap");
    let all = lines(&["-r", &mixed])?;
    let arp = lines(&["-r", &mixed, "arp"])?;
    let is_arp = |line: &&String| line.contains(" ARP ") && !line.contains(" vlan ");
    let expected: Vec<_> = all.iter().filter(is_arp).cloned().collect();
    equal(&arp, &expected)?;
    equal(lines(&["-r", &mixed, "-p", &example("arp.asm"), "--engine", "interpreter"])?, arp.clone())?;
    let numbers: Vec<_> = arp.iter().map(|line| line.split(' ').next().unwrap_or("").to_owned()).collect();
    equal(lines(&["-r", &mixed, "arp", "--numbers"])?, numbers)?;
    // Packets are counted through all captures, and printed whole.
    let cut = bench.file("cut.asm", "ldh [12]\njne #0x806, drop\nret #1\ndrop: ret #0")?;
    let twice = lines(&["-p", &cut, "-r", &mixed, "-r", &mixed])?;
    equal(twice.len(), 2 * arp.len())?;
    equal(&twice[..arp.len()], &arp[..])?;
    equal(twice[arp.len()].split(' ').next(), Some("285"))?;
    // The packets before damage are printed.
    let damaged = bench.file("damaged.pcap", &fs::read(&mixed)?[..30_000])?;
    let output = cbpf(&["print", "-r", &damaged])?;
    expect(&output, 2, &["\n179 12:", "byte 29949"])?;
    expect(&cbpf(&["print", "-r", &mixed, "nonsense"])?, 1, &["line 1, column 1"])?;
    expect(&cbpf_with_input(&["print", "-r", "-", "arp"], &fs::read(&mixed)?)?, 0, &[&arp[0]])
}

/// The same packet after the header of each link type that is read.
fn print_link_types(bench: &Bench) -> Outcome {
    let mac = "020000000001 020000000002";
    for (link_type, before, tags) in [
        (1, format!("{mac} 0800"), ""),
        (1, format!("{mac} 8100 2005 0800"), "vlan 5 "),
        (1, format!("{mac} 88a8 0064 8100 0fff 0800"), "vlan 100,4095 "),
        (1, format!("{mac} 8847 00010040 00011140"), "mpls 16,17 "),
        (1, format!("{mac} 8864 1100 0001 002a 0021"), ""),
        (1, format!("{mac} 0030 aaaa03 000000 0800"), ""),
        (0, "02000000".to_owned(), ""),
        (0, "00000002".to_owned(), ""),
        (108, "00000002".to_owned(), ""),
        (109, "00000002 00000000 00000000".to_owned(), ""),
        (9, "0021".to_owned(), ""),
        (9, "ff03 21".to_owned(), ""),
        (50, "ff03 0021".to_owned(), ""),
        (50, "0f00 0800".to_owned(), ""),
        (51, "1100 0001 002a 0021".to_owned(), ""),
        (104, "0f00 0800".to_owned(), ""),
        (101, String::new(), ""),
        (12, String::new(), ""),
        (228, String::new(), ""),
        (107, "0401 03 cc".to_owned(), ""),
        (107, "0401 03 00 80 000000 0800".to_owned(), ""),
        (107, "1841 0800".to_owned(), ""),
        (239, "02 00 0000 0500 0a00 00000000 2c00 0900".to_owned(), ""),
        (105, format!("0801 0000 020000000003 {mac} 0000 aaaa03 000000 0800"), ""),
        (105, format!("8803 0000 020000000003 {mac} 0000 020000000004 0000 aaaa03 000000 0800"), ""),
        (127, format!("0000 0800 00000000 0802 0000 {mac} 020000000003 0000 aaaa03 000000 0800"), ""),
        (113, "0000 0001 0006 020000000001 0000 0800".to_owned(), ""),
        (276, "0800 0000 00000001 0001 00 06 020000000001 0000".to_owned(), "if1 In "),
    ] {
        let packet = [hex(&before), hex(TCP)].concat();
        equal((link_type, described(bench, link_type, &[packet])?), (link_type, vec![format!("{tags}{TCP_LINE}")]))?;
    }
    let other = [(147, "USER0"), (40_000, "link-type-40000")];
    for (link_type, name) in other {
        equal(described(bench, link_type, &[hex(TCP)])?, vec![name.to_owned()])?;
    }
    Ok(())
}

/// Returns an IPv4 packet with this protocol and payload.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let mut packet = hex("4500 0000 0001 0000 40 00 0000 0a000001 0a000002");
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[9] = protocol;
    [packet, payload.to_vec()].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    [&hex("60000000")[..], &(payload.len() as u16).to_be_bytes(), &[next], &hex(IPV6_ADDRESSES), payload].concat()
}

fn print_headers(bench: &Bench) -> Outcome {
    let tcp_options = "0400 0050 00000007 00000009 a0 11 0200 0000 0000 0101 0512 00000001 00000002 00000003 00000004";
    let quoted = ipv4(17, &hex("0035 1000 0008 0000"));
    let mut fragment = ipv4(17, &hex("0035 1000 0100 0000"));
    fragment[6] = 0x20;
    let cases = [
        (
            ipv4(6, &hex(&format!("{tcp_options}ff"))),
            "10.0.0.1:1024 > 10.0.0.2:80 TCP [F.] seq 7:8 ack 9 win 512 \
            sack 1:2 sack 3:4 len 1",
        ),
        (
            ipv4(6, &hex("0400 0050 00000007 00000009 50 00 0200 0000 0000")),
            "10.0.0.1:1024 > 10.0.0.2:80 TCP [none] \
            win 512 len 0",
        ),
        (ipv4(17, &hex("0035 1000 000b 0000 616263")), "10.0.0.1:53 > 10.0.0.2:4096 UDP len 3"),
        (ipv4(132, &hex("0035 1000 00000000 00000000")), "10.0.0.1:53 > 10.0.0.2:4096 SCTP len 12"),
        (
            ipv4(1, &[&hex("0303 0000 00000000"), &quoted[..]].concat()),
            "10.0.0.1 > 10.0.0.2 ICMP destination \
            unreachable, port unreachable (10.0.0.1:53 > 10.0.0.2:4096 UDP) len 28",
        ),
        (
            ipv4(1, &hex("0304 0000 00000578")),
            "10.0.0.1 > 10.0.0.2 ICMP destination unreachable, fragmentation \
            needed mtu 1400 len 0",
        ),
        (ipv4(1, &hex("c807 0000")), "10.0.0.1 > 10.0.0.2 ICMP type 200 code 7 len 0"),
        (ipv4(89, &hex("0201")), "10.0.0.1 > 10.0.0.2 OSPF len 2"),
        (ipv4(4, &quoted), "10.0.0.1 > 10.0.0.2 IPv4 (10.0.0.1:53 > 10.0.0.2:4096 UDP) len 28"),
        (ipv4(253, &[]), "10.0.0.1 > 10.0.0.2 protocol-253 len 0"),
        (ipv4(200, &[]), "10.0.0.1 > 10.0.0.2 protocol-200 len 0"),
        (fragment, "10.0.0.1:53 > 10.0.0.2:4096 UDP len 248 fragment 1 offset 0 more"),
        (
            ipv6(0, &hex("3a00 0000 00000000 8000 0000 0001 0002")),
            "2001:db8::1 > 2001:db8::2 HOPOPT ICMPv6 echo \
            request id 1 seq 2 len 0",
        ),
        (
            ipv6(44, &hex("1100 0008 00000005 0035 1000 0100 0000")),
            "2001:db8::1 > 2001:db8::2 IPv6-Frag UDP len 8 \
            fragment 5 offset 8 last",
        ),
        (
            ipv6(44, &hex("1100 0001 00000005 0035 1000 0010 0000")),
            "[2001:db8::1]:53 > [2001:db8::2]:4096 \
            IPv6-Frag UDP len 8 fragment 5 offset 0 more",
        ),
        (ipv6(59, &[]), "2001:db8::1 > 2001:db8::2 IPv6-NoNxt len 0"),
    ];
    let (packets, expected): (Vec<_>, Vec<_>) =
        cases.into_iter().map(|(packet, line)| (packet, line.to_owned())).unzip();
    equal(described(bench, 101, &packets)?, expected)?;
    let frames = [
        ("88cc 0207", "LLDP ethertype 0x88cc"),
        ("1234", "0x1234 ethertype 0x1234"),
        ("0026 424203 0000", "STP dsap 0x42 ssap 0x42"),
        ("0026 aaaa03 00000c 2000", "CDP organisation 00:00:0c protocol 0x2000"),
        ("8863 0000", "PPPoE-discovery ethertype 0x8863"),
    ];
    for (frame, line) in frames {
        let packet = [hex("020000000001 020000000002"), hex(frame)].concat();
        let expected = format!("02:00:00:00:00:02 > 02:00:00:00:00:01 {line}");
        equal(described(bench, 1, &[packet])?, vec![expected])?;
    }
    for (frame, line) in [
        (
            "8000 0000 ffffffffffff 020000000002 020000000002 0000",
            "02:00:00:00:00:02 > ff:ff:ff:ff:ff:ff 802.11 beacon",
        ),
        (
            "8841 0000 020000000003 020000000002 020000000001 0000 0000",
            "02:00:00:00:00:02 > 02:00:00:00:00:01 802.11 QoS \
            data",
        ),
        ("d400 0000 020000000001", "> 02:00:00:00:00:01 802.11 ack"),
        ("f000 0000 020000000001", "> 02:00:00:00:00:01 802.11 type 0 subtype 15 [truncated 802.11]"),
    ] {
        equal(described(bench, 105, &[hex(frame)])?, vec![line.to_owned()])?;
    }
    Ok(())
}

fn print_damaged_headers(bench: &Bench) -> Outcome {
    let cut = |packet: &[u8], length: usize| packet[..length].to_vec();
    let change = |packet: &[u8], at: usize, byte: u8| {
        let mut packet = packet.to_vec();
        packet[at] = byte;
        packet
    };
    let tcp = hex(TCP);
    let beyond = "[invalid IPv4 length beyond the packet]";
    let cases = [
        (cut(&tcp, 19), "RAW [truncated IPv4]".to_owned()),
        (cut(&tcp, 22), format!("10.0.0.1 > 10.0.0.2 TCP len 20 {beyond}")),
        (cut(&tcp, 39), format!("10.0.0.1:1024 > 10.0.0.2:80 TCP len 20 {beyond}")),
        (change(&tcp, 0, 0x44), "RAW [invalid IPv4 header length or version]".to_owned()),
        (change(&tcp, 0, 0x4f), "10.0.0.1 > 10.0.0.2 TCP len 0 [truncated IPv4]".to_owned()),
        (change(&tcp, 3, 19), "10.0.0.1 > 10.0.0.2 TCP len 0 [invalid IPv4 length]".to_owned()),
        // Segmentation offload leaves the length empty.
        (change(&tcp, 3, 0), TCP_LINE.to_owned()),
        (change(&tcp, 32, 0x40), format!("{TCP_LINE} [invalid TCP header length]")),
        (change(&tcp, 32, 0x60), format!("{TCP_LINE} [truncated TCP options]")),
        (change(&tcp, 0, 0x55), "RAW [invalid IP version]".to_owned()),
        (Vec::new(), "RAW [truncated IP]".to_owned()),
        (cut(&ipv6(6, &[]), 39), "RAW [truncated IPv6]".to_owned()),
        (ipv6(0, &hex("0600")), "2001:db8::1 > 2001:db8::2 HOPOPT len 2 [truncated extension header]".to_owned()),
        (ipv4(1, &[8]), "10.0.0.1 > 10.0.0.2 ICMP len 1 [truncated ICMP]".to_owned()),
        (ipv4(17, &hex("0035 1000 0007 0000")), "10.0.0.1:53 > 10.0.0.2:4096 UDP bad length".to_owned()),
    ];
    let (packets, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    equal(described(bench, 101, &packets)?, expected)?;
    // A snaplen truncates no payload, so nothing is marked.
    let mut file = Order::LITTLE.pcap(65_535, 101);
    file.extend(Order::LITTLE.record(0, 0, 1500, &change(&change(&tcp, 2, 5), 3, 0xdc)));
    let file = bench.file("snap.pcap", file)?;
    let line = "1 10.0.0.1:1024 > 10.0.0.2:80 TCP [S] seq 7:1467 win 512 len 1460, 40 of 1500 bytes";
    equal(lines(&["-t", "-r", &file])?, vec![line.to_owned()])
}

/// Prefixes and changes of all kinds of packets, with all small link types: everything is printed, in printable ASCII.
fn print_any_bytes(bench: &Bench) -> Outcome {
    let example = fs::read(example("mixed.pcap"))?;
    let mut packets = Vec::new();
    let mut at = 24;
    while let Some(length) = example.get(at + 8..).and_then(|rest| rest.first_chunk()) {
        let length = u32::from_le_bytes(*length) as usize;
        packets.push(&example[at + 16..][..length]);
        at += 16 + length;
    }
    let mut records = Vec::new();
    let mut count = 0;
    for (place, packet) in packets.iter().enumerate().step_by(23) {
        for length in 0..packet.len().min(90) {
            let mut changed = packet.to_vec();
            changed[length] = changed[length].wrapping_mul(31).wrapping_add(place as u8 | 1);
            records.extend(Order::LITTLE.record(0, 0, packet.len(), &packet[..length]));
            records.extend(Order::LITTLE.record(0, 0, packet.len(), &changed[..packet.len().min(120)]));
            count += 2;
        }
    }
    let link_types = [0, 1, 9, 50, 51, 101, 104, 105, 107, 108, 109, 113, 127, 204, 228, 229, 239, 276, 300];
    for link_type in link_types {
        let file = bench.file("any.pcap", [Order::LITTLE.pcap(65_535, link_type), records.clone()].concat())?;
        for form in ["-tttt", "--json"] {
            let output = cbpf(&["print", "-r", &file, form])?;
            expect(&output, 0, &[])?;
            equal(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), count)?;
            let is_printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
            equal(output.stdout.iter().find(|byte| !is_printable(byte)), None)?;
        }
    }
    Ok(())
}

fn print_time_styles(bench: &Bench) -> Outcome {
    let mut file = Order::LITTLE.pcap(65_535, 101);
    [(200_000, 5), (100_000, 7)].iter().for_each(|&(seconds, fraction)| {
        file.extend(Order::LITTLE.record(seconds, fraction, 40, &hex(TCP)));
    });
    let micro = bench.file("micro.pcap", &file)?;
    file[..4].copy_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
    let nano = bench.file("nano.pcap", &file)?;
    let times = |capture: &str, style: &[&str]| {
        let lines = lines(&[&["-r", capture], style].concat())?;
        let time = |line: &String| Some(line.split_once(' ')?.1.split_once("10.0.0.1:")?.0.to_owned());
        Ok::<_, Failed>(lines.iter().filter_map(time).collect::<Vec<_>>())
    };
    for (style, first, second) in [
        (&[][..], "07:33:20.000005 ", "03:46:40.000007 "),
        (&["-t"], "", ""),
        (&["-tt"], "200000.000005 ", "100000.000007 "),
        (&["-ttt"], " 00:00:00.000000 ", "-27:46:39.999998 "),
        (&["-tttt"], "1970-01-03 07:33:20.000005 ", "1970-01-02 03:46:40.000007 "),
        (&["-ttttt"], " 00:00:00.000000 ", "-27:46:39.999998 "),
    ] {
        equal(times(&micro, style)?, vec![first.to_owned(), second.to_owned()])?;
    }
    equal(times(&nano, &[])?, vec!["07:33:20.000000005 ".to_owned(), "03:46:40.000000007 ".to_owned()])?;
    // A clock of 2^-20 seconds that begins at an offset.
    let order = Order::BIG;
    let interface = order.interface(101, &order.options(&[(9, &[0x94]), (14, &[0, 0, 0, 0, 0, 0, 0, 100])]));
    let packet = order.packet(0, (7 << 20) + 1, &hex(TCP), &[]);
    let binary = bench.file("binary.pcapng", [order.section(&[]), interface, packet].concat())?;
    equal(times(&binary, &["-tt"])?, vec!["107.000000953 ".to_owned()])
}

fn print_hexadecimal(bench: &Bench) -> Outcome {
    let file = bench.file("one.pcap", pcap(101, &[hex(TCP), b"\x1b[31m\x9b \x7f~".to_vec()]))?;
    let expected = format!(
        "1 00:00:00.000000 {TCP_LINE}, 40 bytes
\t0x0000:  4500 0028 0000 0000 4006 0000 0a00 0001  E..(....@.......
\t0x0010:  0a00 0002 0400 0050 0000 0007 0000 0000  .......P........
\t0x0020:  5002 0200 0000 0000                      P.......
2 00:00:00.000000 RAW [invalid IP version], 9 bytes
\t0x0000:  1b5b 3331 6d9b 207f 7e                   .[31m. .~
"
    );
    for option in ["--hex", "-X", "-XX"] {
        let output = cbpf(&["print", "-r", &file, option])?;
        equal(String::from_utf8_lossy(&output.stdout).as_ref(), &expected)?;
    }
    Ok(())
}

/// The columns and the members of JSON objects are the same.
fn print_json_and_fields(_: &Bench) -> Outcome {
    let mixed = example("mixed.pcap");
    let json = lines(&["-r", &mixed, "--json"])?;
    equal(json.len(), 260)?;
    let objects: Vec<BTreeMap<String, serde_json::Value>> =
        json.iter().map(|line| Ok(serde_json::from_str(line)?)).collect::<Result<_, Failed>>()?;
    equal(json[131].starts_with("{\"number\":132,\"time\":\"2026-11-23T12:17:17.890567Z\","), true)?;
    equal(&objects[131]["epoch"], &"1795436237.890567".into())?;
    equal(&objects[131]["sport"], &443.into())?;
    equal(&objects[131]["tcp_flags"], &"S.".into())?;
    equal(&objects[34]["vlan"], &serde_json::json!([7]))?;
    let names: BTreeSet<_> = objects.iter().flat_map(BTreeMap::keys).cloned().collect();
    let names: Vec<_> = names.into_iter().collect();
    let rows = lines(&["-r", &mixed, "--fields", &names.join(",")])?;
    for (object, row) in objects.iter().zip(rows) {
        let value = |name: &String| match object.get(name) {
            None => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string().trim_matches(['[', ']']).to_owned(),
        };
        equal(row, names.iter().map(value).collect::<Vec<_>>().join("\t"))?;
    }
    let help = cbpf(&["print", "--help"])?;
    names.iter().try_for_each(|name| expect(&help, 0, &[&format!("- {name}:")]))?;
    expect(&cbpf(&["print", "-r", &mixed, "--fields", "src,colour"])?, 1, &["'colour'", "number", "tcp_flags"])
}

fn print_comments(bench: &Bench) -> Outcome {
    let order = Order::BIG;
    let options = order.options(&[(1, b"first \"line\"\n\x1b[31m"), (1, "sécond \u{9b}".as_bytes()), (1, b"\xff")]);
    let packet = order.packet(0, 0, &hex(TCP), &options);
    let file = [order.section(&[]), order.interface(101, &[]), packet].concat();
    let file = bench.file("comments.pcapng", file)?;
    let escaped = "first \\\"line\\\"\\n\\u001b[31m\\nsécond \\u009b\\n\u{fffd}";
    equal(lines(&["-r", &file, "--fields", "comment"])?, vec![escaped.to_owned()])?;
    let object: serde_json::Value = serde_json::from_str(&lines(&["-r", &file, "--json"])?[0])?;
    equal(object["comment"].as_str(), Some("first \"line\"\n\u{1b}[31m\nsécond \u{9b}\n\u{fffd}"))
}

fn print_colors(_: &Bench) -> Outcome {
    let mixed = example("mixed.pcap");
    let plain = lines(&["-r", &mixed])?;
    equal(plain.iter().any(|line| line.contains('\x1b')), false)?;
    let colored = lines(&["-r", &mixed, "--color", "always"])?;
    let without_colors = |line: &String| {
        let mut parts = line.split('\x1b');
        let first = parts.next().unwrap_or("").to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
    };
    equal(colored.iter().map(without_colors).collect::<Vec<_>>(), plain)?;
    equal(colored.iter().all(|line| line.contains("\x1b[3")), true)
}

fn print_rejects_contradicting_options(_: &Bench) -> Outcome {
    let mixed = example("mixed.pcap");
    for options in [
        &["--json", "--hex"][..],
        &["--json", "-tt"],
        &["--json", "--fields", "src"],
        &["--numbers", "--hex"],
        &["--numbers", "--json"],
        &["--fields", "src", "-t"],
        &["-tttttt"],
    ] {
        expect(&cbpf(&[&["print", "-r", &mixed], options].concat())?, 1, &["error:"])?;
    }
    Ok(())
}

fn filter_prints_what_it_keeps(bench: &Bench) -> Outcome {
    let mixed = example("mixed.pcap");
    let kept = &*bench.path("kept.pcap").display().to_string();
    let expected = cbpf(&["print", "-r", &mixed, "arp"])?.stdout;
    let output = cbpf(&["filter", "-r", &mixed, "arp", "--print", "-w", kept])?;
    expect(&output, 0, &["260 packets, 5 match"])?;
    equal(output.stdout, expected)?;
    expect(&cbpf(&["filter", "-r", kept, "arp"])?, 0, &["5 packets, 5 match"])?;
    let output = cbpf(&["filter", "-r", &mixed, "arp", "--print", "--numbers", "--json"])?;
    equal(output.stdout, cbpf(&["print", "-r", &mixed, "arp", "--numbers"])?.stdout)?;
    equal(serde_json::from_slice::<serde_json::Value>(&output.stderr)?["matches"].as_u64(), Some(5))?;
    // Packets are printed as they are written.
    let cut = bench.file("cut.asm", "ldh [12]\njne #0x806, drop\nret #20\ndrop: ret #0")?;
    expect(
        &cbpf(&["filter", "-r", &mixed, "-p", &cut, "--print"])?,
        0,
        &["ARP ethertype 0x0806 [truncated ARP], 20 of"],
    )?;
    expect(&cbpf(&["filter", "-r", &mixed, "arp", "--print", "-w", "-"])?, 1, &["--print and --write -"])?;
    expect(&cbpf(&["filter", "-r", &mixed, "arp", "--hex"])?, 1, &["--hex needs --print"])?;
    // Without a reader of the lines, the capture is still written.
    fs::remove_file(kept)?;
    for arguments in [&["-w", kept][..], &[]] {
        let mut child = command(&[&["filter", "-r", &mixed, "ip", "--print"], arguments].concat()).spawn()?;
        drop(child.stdout.take());
        expect(&child.wait_with_output()?, 0, &[])?;
    }
    expect(&cbpf(&["filter", "-r", kept, "ip"])?, 0, &[" match"])
}
