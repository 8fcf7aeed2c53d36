//! A realistic mix of Ethernet frames, IPv4 and IPv6 with TCP, UDP and ICMP, and ARP, of 60 to 1,514 bytes; and the
//! orders in which they run.

use crate::random::Random;

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The shortest and the longest frame, in bytes, without the checksum.
const SHORTEST: usize = 60;
const LONGEST: usize = 1_514;

/// The host in the filter S4: 192.168.1.1.
const ROUTER: u32 = 0xc0a8_0101;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x08;

/// The number of different packets in an order: so few that they stay in the cache.
pub const COUNT: usize = 1_024;

/// The length of an order: one more than the largest `u16`, so that a counter of that type wraps around at its end.
pub const ORDER: usize = 1 << 16;

/// Returns the orders of [`COUNT`] packets: one that repeats, and one that branch predictors cannot memorise.
pub fn orders() -> [(&'static str, Vec<u32>); 2] {
    let predicted: Vec<u32> = (0..COUNT as u32).cycle().take(ORDER).collect();
    let mut random = predicted.clone();
    shuffle(&mut Random::new(2), &mut random);
    [("predicted", predicted), ("random", random)]
}

fn shuffle(random: &mut Random, items: &mut [u32]) {
    for end in (1..items.len()).rev() {
        items.swap(end, random.below(end + 1));
    }
}

/// Returns `count` frames, the same ones at every run. A few have one of the `hosts` as source or destination.
pub fn mix(count: usize, hosts: &[u32]) -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    (0..count).map(|_| frame(&mut random, hosts)).collect()
}

fn frame(random: &mut Random, hosts: &[u32]) -> Vec<u8> {
    match random.below(100) {
        0..=5 => ethernet(random, ARP, arp),
        6..=75 => ethernet(random, IPV4, |random| ipv4(random, hosts)),
        _ => ethernet(random, IPV6, ipv6),
    }
}

/// Returns a frame with this payload, padded to the shortest length.
fn ethernet(random: &mut Random, ether_type: u16, packet: impl Fn(&mut Random) -> Vec<u8>) -> Vec<u8> {
    let mut frame = random.bytes(12);
    frame.extend(ether_type.to_be_bytes());
    frame.extend(packet(random));
    frame.resize(frame.len().max(SHORTEST), 0);
    frame
}

fn arp(random: &mut Random) -> Vec<u8> {
    let request = [0, 1, 8, 0, 6, 4, 0, 1];
    [request.to_vec(), random.bytes(20)].concat()
}

fn ipv4(random: &mut Random, hosts: &[u32]) -> Vec<u8> {
    let options = if random.chance(5) { 4 } else { 0 };
    let (protocol, payload) = transport(random, ICMP, 20 + options);
    let fragment: u16 = match random.below(100) {
        0..=2 => 0x2000,
        3..=6 => 185,
        _ => 0x4000,
    };
    let len = (20 + options + payload.len()) as u16;
    let mut packet = vec![0x45 + options as u8 / 4, 0];
    packet.extend(len.to_be_bytes());
    packet.extend(random.bytes(2));
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    let ends = [host(random, hosts), host(random, hosts)];
    packet.extend(ends.map(u32::to_be_bytes).as_flattened());
    packet.extend(vec![1; options]);
    packet.extend(payload);
    packet
}

fn host(random: &mut Random, hosts: &[u32]) -> u32 {
    match random.below(100) {
        0..=24 => ROUTER,
        25..=44 => 0x0a00_0000 | random.number() >> 8,
        45..=54 => random.choose(hosts),
        _ => random.number(),
    }
}

fn ipv6(random: &mut Random) -> Vec<u8> {
    let (protocol, payload) = transport(random, ICMPV6, 40);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([protocol, 64]);
    packet.extend(random.bytes(32));
    packet.extend(payload);
    packet
}

/// Returns a protocol and its packet, which leaves room for an IP header of `header` bytes.
fn transport(random: &mut Random, icmp: u8, header: usize) -> (u8, Vec<u8>) {
    let (protocol, payload) = match random.below(100) {
        0..=69 => (TCP, tcp(random)),
        70..=94 => (UDP, [ports(random), random.bytes(4)].concat()),
        _ => (icmp, random.bytes(8)),
    };
    let room = LONGEST - 14 - header - payload.len();
    let is_bare = protocol == TCP && payload[13] & PUSH == 0;
    let data = if is_bare { 0 } else { data_len(random, room) };
    (protocol, [payload, vec![0xda; data]].concat())
}

/// Returns the length of the data: many packets are full, and most others are small.
fn data_len(random: &mut Random, room: usize) -> usize {
    match random.below(10) {
        0..=3 => room,
        4..=7 => random.below(100),
        _ => random.below(room),
    }
}

fn tcp(random: &mut Random) -> Vec<u8> {
    let flags = random.choose(&[SYN, SYN | ACK, FIN | ACK, ACK, ACK, ACK | PUSH, ACK | PUSH, ACK | PUSH]);
    let mut segment = ports(random);
    segment.extend(random.bytes(8));
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}

/// Returns a server's port and any other, in either order.
fn ports(random: &mut Random) -> Vec<u8> {
    let server: u16 = match random.below(100) {
        0..=39 => 443,
        40..=64 => 80,
        65..=74 => random.below(400) as u16,
        _ => random.number() as u16,
    };
    let client = 32_768 | random.number() as u16;
    let ends = if random.chance(50) { [server, client] } else { [client, server] };
    ends.map(u16::to_be_bytes).concat()
}
