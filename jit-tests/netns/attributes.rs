//! `nla` and `nlan`: on streams of attributes in frames, whole and damaged, and on what netlink really says.

use std::io::{self, Read};

use cbpf::{Context, Program, RawInstruction, socket};
use libtest_mimic::Failed;
use nix::libc::{AF_NETLINK, NETLINK_ROUTE};
use socket2::{Domain, Protocol, Socket, Type};

use super::namespace::Namespace;
use super::ours::{Ours, Seen};
use super::tap::{End, Tap};
use crate::random::xorshift;

/// Looks for an attribute of a type from a place on, in the stream or inside the attribute that is there.
fn search(load: &str, start: u32, kind: u32) -> Result<Ours, Failed> {
    Ours::parse(&format!("ldx #{kind}\nld #{start}\nld {load}\nret a"))
}

/// Random streams behind an Ethernet header, and starts everywhere around them.
pub fn in_frames(namespace: &Namespace) -> Result<(), Failed> {
    let tap = Tap::new(namespace, Type::RAW, End::Receiving)?;
    let mut state = 0x6e6c_6131;
    for _ in 0..150 {
        let mut frame = [[2; 12].as_slice(), &[0x99, 0x99]].concat();
        frame.extend(stream(&mut state, 2));
        let seen = tap.see(&frame)?.ok_or("the frame does not arrive")?;
        for _ in 0..20 {
            let mut below = |limit: usize| (xorshift(&mut state) >> 20) as usize % limit;
            let start = match below(4) {
                0 => below(frame.len() + 8) as u32,
                1 => [0, 13, frame.len() as u32 - 4, u32::MAX][below(4)],
                _ => 14 + 4 * below(frame.len() / 4) as u32,
            };
            let kind = [below(7) as u32, 0x3fff, 0x8003, u32::MAX][below(10).saturating_sub(6)];
            tap.agrees(&search(["nla", "nlan"][below(2)], start, kind)?, &frame, &seen)?;
        }
    }
    Ok(())
}

/// Attributes of which a few are nested, and a few have a wrong length.
fn stream(state: &mut u64, depth: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + xorshift(state) % 5 {
        let mut below = |limit: u64| (xorshift(state) >> 20) % limit;
        let (kind, is_nested, len) = (below(6) as u16, below(3) == 0, below(12) as usize);
        let wrong = if below(12) == 0 { below(40) as u16 } else { 0 };
        let data = if is_nested && depth > 0 { stream(state, depth - 1) } else { vec![0xab; len] };
        let flags = if is_nested { 0x8000 } else { 0 };
        bytes.extend(((data.len() as u16 + 4) ^ wrong).to_ne_bytes());
        bytes.extend((kind | flags).to_ne_bytes());
        bytes.extend(&data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// A route socket, and a question about device `b`.
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

    /// What the kernel answers; `None` if the filter does not keep it. An answer is there when the question was sent.
    fn ask(&self) -> io::Result<Option<Vec<u8>>> {
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
        Ok(self.ask()?.is_some())
    }
}

/// Attributes of a device, also those inside `IFLA_LINKINFO` (18) and `IFLA_AF_SPEC` (26).
pub fn of_netlink(namespace: &Namespace) -> Result<(), Failed> {
    /// Behind the two headers.
    const ATTRIBUTES: u32 = 32;
    let route = Route::new(namespace)?;
    let data = route.ask()?.ok_or("no answer")?;
    let wire_len = data.len() as u32;
    let seen = Seen { data, wire_len, context: Context::default() };
    let mut programs = Vec::new();
    for kind in 0..70 {
        programs.push(search("nla", ATTRIBUTES, kind)?);
        for nest in [18, 26] {
            let text = format!("ldx #{nest}\nld #{ATTRIBUTES}\nld nla\nldx #{kind}\nld nlan\nret a");
            programs.push(Ours::parse(&text)?);
        }
    }
    // The first letters of the kind of device.
    let kind = Ours::parse("ldx #18\nld #32\nld nla\nldx #1\nld nlan\ntax\nld [x + 4]\nret a")?;
    if kind.verdict(&seen)? != u32::from_be_bytes(*b"veth") {
        return Err(format!("the device is no veth: {seen:x?}").into());
    }
    programs.push(kind);
    programs.iter().try_for_each(|program| program.agrees(&seen, |question| route.keeps(question)))
}
