//! Realistic sets of rules, as tcpdump compiles them, and packets that match some of them, the same ones at every run.

use cbpf::{Dialect, Program, Verified};

use crate::areas::{Area, TCP, Tuple, UDP, frame};
use crate::random::Random;
use crate::{class_bench, packets};

/// The kinds of sets.
pub const KINDS: [&str; 8] = ["host", "port", "host-port", "five-tuple", "acl", "fw", "ipc", "mixed"];

/// A set of rules, and packets for it.
pub struct RuleSet {
    pub programs: Vec<Verified>,
    pub packets: Vec<Vec<u8>>,
    /// A matching tuple of each rule.
    pub tuples: Vec<Tuple>,
}

/// The share of packets that match some rule, in percent.
const FOR_A_RULE: usize = 80;

/// Returns `count` rules of a kind.
pub fn set(kind: &str, count: usize) -> RuleSet {
    let mut random = Random::new(count as u64 + kind.len() as u64);
    let mut like_class_bench = class_bench::rules(&mut random, kind, count).into_iter();
    let (mut programs, mut tuples) = (Vec::new(), Vec::new());
    for number in 0..count {
        let tuple = tuple(&mut random, number);
        let (text, example) = match kind {
            "host" => (host(tuple.source), tuple),
            "port" => {
                let port = number.wrapping_mul(6) as u16 + 1;
                (port_of_any(port), Tuple { destination_port: port, ..tuple })
            }
            "host-port" => (host_and_port(tuple.source, tuple.destination_port), tuple),
            "five-tuple" => (five_tuple(tuple), tuple),
            "mixed" => (expression(&mut random, tuple), tuple),
            _ => like_class_bench.next().map(|(area, example)| (inside(&area), example)).expect("as many rules"),
        };
        programs.push(verified(&text));
        tuples.push(example);
    }
    let any = packets::mix(packets::COUNT, &[0x0a00_0001]);
    let packets = any.into_iter().map(|other| {
        let tuple = tuples[random.below(count)];
        if random.chance(FOR_A_RULE) { frame(&mut random, tuple) } else { other }
    });
    RuleSet { programs, packets: packets.collect(), tuples }
}

fn verified(text: &str) -> Verified {
    let program: Program = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    program.verify(Dialect::Pcap).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn tuple(random: &mut Random, number: usize) -> Tuple {
    Tuple {
        source: 0x0a00_0000 + number as u32 * 7 + 1,
        destination: 0xc0a8_0000 | random.number() >> 16,
        source_port: 1_024 | random.number() as u16,
        destination_port: random.choose(&[80, 443, 53, 22, 8_080, 25, 123, 3_306]),
        protocol: random.choose(&[TCP, TCP, UDP]),
    }
}

/// The end of every program.
const END: &str = "keep: ret #262144\n drop: ret #0\n";

/// The code before the loads of an IPv4 packet's ports.
const IPV4_PORTS: &str = "ldh [20]\n jset #0x1fff, drop\n ldxb 4*([14]&0xf)\n";

/// `host A`
fn host(host: u32) -> String {
    let either = |source: u32, destination: u32| {
        format!("ld [{source}]\n jeq #{host}, keep\n ld [{destination}]\n jeq #{host}, keep, drop\n")
    };
    let (ip, arp) = (either(26, 30), either(28, 38));
    format!("ldh [12]\n jne #0x800, other\n {ip} other: jeq #0x806, arp\n jne #0x8035, drop\n arp: {arp} {END}")
}

/// Code that drops the packet unless the protocol has ports, for IPv6 and IPv4.
const HAS_PORTS: [&str; 2] = [
    "ldb [20]\n jeq #132, six\n jeq #6, six\n jne #17, drop\n six:\n",
    "ldb [23]\n jeq #132, four\n jeq #6, four\n jne #17, drop\n four:\n",
];

/// `port P`
fn port_of_any(port: u16) -> String {
    let either = |source: &str, destination: &str| {
        format!("ldh [{source}]\n jeq #{port}, keep\n ldh [{destination}]\n jeq #{port}, keep, drop\n")
    };
    let (six, four) = (either("54", "56"), either("x + 14", "x + 16"));
    let [has_six, has_four] = HAS_PORTS;
    format!(
        "ldh [12]\n jne #0x86dd, other\n {has_six} {six} other: jne #0x800, drop\n {has_four} {IPV4_PORTS} {four} {END}"
    )
}

/// `host A and port P`
fn host_and_port(host: u32, port: u16) -> String {
    let [_, has_ports] = HAS_PORTS;
    format!(
        "ldh [12]\n jne #0x800, drop\n ld [26]\n jeq #{host}, ours\n ld [30]\n jne #{host}, drop\n
         ours: {has_ports} {IPV4_PORTS} ldh [x + 14]\n jeq #{port}, keep\n ldh [x + 16]\n jeq #{port}, keep, drop\n {END}"
    )
}

/// `src host A and dst host B and tcp src port P and dst port Q`
fn five_tuple(Tuple { source, destination, source_port, destination_port, protocol }: Tuple) -> String {
    format!(
        "ldh [12]\n jne #0x800, drop\n ld [26]\n jne #{source}, drop\n ld [30]\n jne #{destination}, drop\n
         ldb [23]\n jne #{protocol}, drop\n {IPV4_PORTS} ldh [x + 14]\n jne #{source_port}, drop\n
         ldh [x + 16]\n jne #{destination_port}, drop\n {END}"
    )
}

/// Returns one of many unrelated expressions, many of them broad.
fn expression(random: &mut Random, tuple: Tuple) -> String {
    let [_, has_ports] = HAS_PORTS;
    let number = random.number();
    let ip = "ldh [12]\n jne #0x800, drop\n";
    let body = match random.below(16) {
        0 => format!("ldh [12]\n jeq #{}, keep, drop\n", random.choose(&[0x806, 0x800, 0x86dd, 0x8100, 0x88cc])),
        1 => format!("{ip} ldb [23]\n jeq #{}, keep, drop\n", random.choose(&[1, 6, 17, 47, 50])),
        2 => format!("ld #len\n jgt #{}, keep, drop\n", number % 1_500),
        3 => format!("{ip} ldb [22]\n jgt #{}, drop, keep\n", number % 64),
        4 => format!("{ip} ld [30]\n and #0xffff0000\n jeq #{}, keep, drop\n", number & 0xffff_0000),
        5 => format!("{ip} ld [26]\n and #0xff000000\n jeq #{}, keep, drop\n", number & 0xff00_0000),
        6 => format!(
            "{ip} ldb [23]\n jne #6, drop\n {IPV4_PORTS} ldb [x + 27]\n jset #{}, keep, drop\n",
            1 << (number % 6)
        ),
        7 => format!("ldh [12]\n jne #0x8100, drop\n ldh [14]\n and #0xfff\n jeq #{}, keep, drop\n", number % 4_096),
        8 => format!("ld [8]\n jne #{number}, drop\n ldh [6]\n jeq #{}, keep, drop\n", number >> 16),
        9 => format!("{ip} ldb [15]\n and #0xfc\n jeq #{}, keep, drop\n", number % 64 * 4),
        10 => {
            let port = number % 30_000;
            format!(
                "{ip} {has_ports} {IPV4_PORTS} ldh [x + 16]\n jge #{port}, low, drop\n low: jgt #{}, drop, keep\n",
                port + 50
            )
        }
        11 => format!(
            "ldh [12]\n jne #0x86dd, drop\n ld [38]\n jne #{number}, drop\n ld [50]\n jeq #{}, keep, drop\n",
            number % 256
        ),
        12 => return five_tuple(tuple),
        13 => return host(tuple.source),
        14 => return port_of_any(number as u16),
        _ => return host_and_port(tuple.source, tuple.destination_port),
    };
    format!("{body} {END}")
}

/// Returns a program for the packets in an area.
fn inside(area: &Area) -> String {
    let mut text = "ldh [12]\n jne #0x800, drop\n".to_owned();
    for (place, [low, high]) in [(26, area.source), (30, area.destination)] {
        match !(low ^ high) {
            0 => {}
            u32::MAX => text += &format!("ld [{place}]\n jne #{low}, drop\n"),
            mask => text += &format!("ld [{place}]\n and #{mask}\n jne #{low}, drop\n"),
        }
    }
    if area.protocol != 0 {
        text += &format!("ldb [23]\n jne #{}, drop\n", area.protocol);
    }
    let ports = [(14, area.source_port), (16, area.destination_port)];
    let mut ports = ports.into_iter().filter(|&(_, range)| range != Area::ANY_PORT).peekable();
    if ports.peek().is_some() {
        text += IPV4_PORTS;
    }
    for (place, [low, high]) in ports {
        text += &if low == high {
            format!("ldh [x + {place}]\n jne #{low}, drop\n")
        } else {
            format!("ldh [x + {place}]\n jlt #{low}, drop\n jgt #{high}, drop\n")
        };
    }
    format!("{text} jmp keep\n {END}")
}
