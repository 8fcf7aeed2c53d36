//! `nla` and `nlan` on netlink attributes: random ones in frames, whole and damaged, and the kernel's own.

use std::io::{self, Read};

use cbpf::bpf::RawInstruction;
use cbpf::{Context, Program, socket};
use libtest_mimic::Failed;
use nix::libc::{AF_NETLINK, NETLINK_ROUTE};
use socket2::{Domain, Protocol, Socket, Type};

use super::namespace::Namespace;
use super::ours::Ours;
use super::tap::{End, Tap};
use crate::case::Sample;
use crate::splitmix64::Random;

/// Returns a program that searches for an attribute of a type from a place on, or inside the attribute at that place.
fn search(load: &str, start: u32, kind: u32) -> Result<Ours, Failed> {
    Ours::parse(&format!("ldx #{kind}\nld #{start}\nld {load}\nret a"))
}

/// Searches random attributes after an Ethernet header, from places in and around them.
pub fn in_frames(namespace: &Namespace) -> Result<(), Failed> {
    let tap = Tap::new(namespace, Type::RAW, End::Receiving)?;
    let mut random = Random::new(0x6e6c_6131);
    for _ in 0..150 {
        let mut frame = [[2; 12].as_slice(), &[0x99, 0x99]].concat();
        frame.extend(stream(&mut random, 2));
        let seen = tap.see(&frame)?.ok_or("the frame does not arrive")?;
        for _ in 0..20 {
            let start = match random.below(4) {
                0 => random.below(frame.len() + 8) as u32,
                1 => random.choose(&[0, 13, frame.len() as u32 - 4, u32::MAX]),
                _ => 14 + 4 * random.below(frame.len() / 4) as u32,
            };
            let kind = [random.below(7) as u32, 0x3fff, 0x8003, u32::MAX][random.below(10).saturating_sub(6)];
            tap.agrees(&search(random.choose(&["nla", "nlan"]), start, kind)?, &frame, &seen)?;
        }
    }
    Ok(())
}

/// Returns attributes, of which a few are nested, and a few have a wrong length.
fn stream(random: &mut Random, depth: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(5) {
        let (kind, is_nested, len) = (random.below(6) as u16, random.chance(33), random.below(12));
        let wrong = if random.chance(8) { random.below(40) as u16 } else { 0 };
        let data = if is_nested && depth > 0 { stream(random, depth - 1) } else { vec![0xab; len] };
        let flags = if is_nested { 0x8000 } else { 0 };
        bytes.extend(((data.len() as u16 + 4) ^ wrong).to_ne_bytes());
        bytes.extend((kind | flags).to_ne_bytes());
        bytes.extend(&data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// A route socket, and a request about device `b`.
struct Route {
    socket: Socket,
    request: Vec<u8>,
}

impl Route {
    fn new(namespace: &Namespace) -> io::Result<Route> {
        const RTM_GETLINK: u16 = 18;
        const NLM_F_REQUEST: u16 = 1;
        let socket = Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_ROUTE)))?;
        socket.set_nonblocking(true)?;
        // A `struct nlmsghdr`, and a `struct ifinfomsg` that names the device.
        let mut request = Vec::new();
        request.extend(32_u32.to_ne_bytes());
        request.extend([RTM_GETLINK, NLM_F_REQUEST].map(u16::to_ne_bytes).concat());
        request.extend([1, 0, 0].map(u32::to_ne_bytes).concat());
        request.extend((namespace.b.ifindex() as u32).to_ne_bytes());
        request.extend([0; 8]);
        Ok(Route { socket, request })
    }

    /// Sends the request, and returns the kernel's answer, or `None` if the filter drops it.
    fn answer(&self) -> io::Result<Option<Vec<u8>>> {
        self.socket.send(&self.request)?;
        let mut buffer = vec![0; 16_384];
        match (&self.socket).read(&mut buffer) {
            Ok(len) => Ok(Some(buffer[..len].to_vec())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keeps(&self, program: &[RawInstruction]) -> io::Result<bool> {
        socket::attach(&self.socket, &Program::new(program)).map_err(io::Error::other)?;
        Ok(self.answer()?.is_some())
    }
}

/// Searches the attributes of a device, also inside `IFLA_LINKINFO` (18) and `IFLA_AF_SPEC` (26).
pub fn of_netlink(namespace: &Namespace) -> Result<(), Failed> {
    /// The offset after the two headers.
    const ATTRIBUTES: u32 = 32;
    let route = Route::new(namespace)?;
    let data = route.answer()?.ok_or("no answer")?;
    let wire_len = data.len() as u32;
    let seen = Sample { data, wire_len, context: Context::default() };
    let mut programs = Vec::new();
    for kind in 0..70 {
        programs.push(search("nla", ATTRIBUTES, kind)?);
        for nest in [18, 26] {
            let text = format!("ldx #{nest}\nld #{ATTRIBUTES}\nld nla\nldx #{kind}\nld nlan\nret a");
            programs.push(Ours::parse(&text)?);
        }
    }
    // The first letters of the device's kind.
    let kind = Ours::parse("ldx #18\nld #32\nld nla\nldx #1\nld nlan\ntax\nld [x + 4]\nret a")?;
    if kind.verdict(&seen)? != u32::from_be_bytes(*b"veth") {
        return Err(format!("the device is not a veth: {seen:x?}").into());
    }
    programs.push(kind);
    programs.iter().try_for_each(|program| program.agrees(&seen, |program| route.keeps(program)))
}
