//! The filters, hand-written in Rust, with the lists of L1 and L2 as data.

use std::hint::black_box;

use cbpf::Packet;

use crate::engine::{Engine, Loaded, Subject};
use crate::filters;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const IPV6: u16 = 0x86dd;

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// Returns the filter inlined into its loop, which reads no packet if all are kept.
pub fn inlined(subject: &Subject) -> Loaded {
    let [inlined, _] = both(subject.name)?;
    Ok(inlined)
}

/// Returns the filter that the loop calls through a pointer.
pub fn pointer(subject: &Subject) -> Loaded {
    let [_, pointer] = both(subject.name)?;
    Ok(pointer)
}

fn both(name: &str) -> Result<[Box<dyn Engine>; 2], String> {
    Ok(match name {
        "all" => engines(|_| Some(true)),
        "S1" => engines(|packet| Some(half(packet, 12)? == ARP)),
        "S2" => engines(|packet| Some(half(packet, 12)? == IPV4)),
        "S3" => engines(tcp_to_443),
        "S4" => engines(router_on_80),
        "S5" => engines(starts_and_ends_outside_10),
        "S6" => engines(payload_on_80),
        "L1" => engines(hosts()),
        "L2" => engines(odd_ports),
        _ => return Err("there is no hand-written filter".to_owned()),
    })
}

type Pointer = Box<dyn Fn(&[u8]) -> u32>;

fn engines<F: Fn(&[u8]) -> Option<bool> + Clone + 'static>(keeps: F) -> [Box<dyn Engine>; 2] {
    // A packet that is too short is dropped, and other verdicts are tcpdump's.
    let verdict = move |packet: &[u8]| if keeps(packet) == Some(true) { 262_144 } else { 0 };
    let pointer: Pointer = black_box(Box::new(verdict.clone()));
    let inlined = move |packet: Packet| verdict(packet.data());
    [Box::new(inlined), Box::new(move |packet: Packet| pointer(packet.data()))]
}

fn byte(packet: &[u8], offset: usize) -> Option<u8> {
    packet.get(offset).copied()
}

fn half(packet: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*packet.get(offset..)?.first_chunk()?))
}

fn word(packet: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*packet.get(offset..)?.first_chunk()?))
}

/// Returns the start of an IPv4 packet's payload in a first fragment.
fn transport(packet: &[u8]) -> Option<usize> {
    let is_first = half(packet, 20)? & 0x1fff == 0;
    is_first.then_some(14 + 4 * usize::from(byte(packet, 14)? & 0xf))
}

/// `tcp dst port 443`
fn tcp_to_443(packet: &[u8]) -> Option<bool> {
    match half(packet, 12)? {
        IPV6 => Some(byte(packet, 20)? == TCP && half(packet, 56)? == 443),
        IPV4 => Some(byte(packet, 23)? == TCP && half(packet, transport(packet)? + 2)? == 443),
        _ => None,
    }
}

/// `ip host 192.168.1.1 and tcp port 80`
fn router_on_80(packet: &[u8]) -> Option<bool> {
    const ROUTER: u32 = 0xc0a8_0101;
    let is_tcp = half(packet, 12)? == IPV4 && byte(packet, 23)? == TCP;
    let is_routers = is_tcp && (word(packet, 26)? == ROUTER || word(packet, 30)? == ROUTER);
    Some(is_routers && is_on_80(packet, transport(packet)?)?)
}

fn is_on_80(packet: &[u8], tcp: usize) -> Option<bool> {
    Some(half(packet, tcp)? == 80 || half(packet, tcp + 2)? == 80)
}

/// `tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not net 10.0.0.0/8`
fn starts_and_ends_outside_10(packet: &[u8]) -> Option<bool> {
    let is_tcp = half(packet, 12)? == IPV4 && byte(packet, 23)? == TCP;
    let is_wanted = is_tcp && byte(packet, transport(packet)? + 13)? & 3 != 0;
    Some(is_wanted && byte(packet, 26)? != 10 && byte(packet, 30)? != 10)
}

/// `tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)`
fn payload_on_80(packet: &[u8]) -> Option<bool> {
    if half(packet, 12)? != IPV4 || byte(packet, 23)? != TCP {
        return None;
    }
    let tcp = transport(packet)?;
    let headers = tcp - 14 + usize::from(byte(packet, tcp + 12)? >> 4) * 4;
    Some(is_on_80(packet, tcp)? && usize::from(half(packet, 16)?) != headers)
}

/// `host A or host B or ...`
fn hosts() -> impl Fn(&[u8]) -> Option<bool> + Clone {
    let hosts = filters::hosts();
    move |packet| {
        let ends = match half(packet, 12)? {
            IPV4 => [26, 30],
            ARP | RARP => [28, 38],
            _ => return None,
        };
        let is_listed = |offset| Some(hosts.binary_search(&word(packet, offset)?).is_ok());
        Some(is_listed(ends[0])? || is_listed(ends[1])?)
    }
}

/// `port 1 or port 3 or ... or port 399`
fn odd_ports(packet: &[u8]) -> Option<bool> {
    let (protocol, ports) = match half(packet, 12)? {
        IPV6 => (byte(packet, 20)?, 54),
        IPV4 => (byte(packet, 23)?, transport(packet)?),
        _ => return None,
    };
    let is_listed = |offset| half(packet, offset).map(|port| port % 2 == 1 && port < 400);
    Some(matches!(protocol, SCTP | TCP | UDP) && (is_listed(ports)? || is_listed(ports + 2)?))
}
