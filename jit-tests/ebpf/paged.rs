//! Packets of which the kernel keeps most bytes in pages beside the linear part: a program must find them there.
//!
//! Packet sockets make such packets, with a linear part of any length (`PACKET_VNET_HDR`), on `lo` in a network
//! namespace. A program at the hook `tc` of the way out drops them, which `send` reports. Programs of a control group
//! see the packets that a UDP socket receives. Each of these trials has a process of its own, since it moves to a
//! namespace and a group. The kernel itself cuts long packets for XDP programs.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::mem;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::ebpf::{Hook, Options};
use cbpf::{Dialect, LinkType, Packet, Program, Target, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};

use super::bpf::{self, Command};
use super::hooks::{PLACES, Place, depends_on_the_machine};
use super::oracle::lacks;
use crate::engine::Engine;
use crate::splitmix64::Random;
use crate::{case, generate, kernel, process, random};

/// The time limit of each trial.
const TIME: Duration = Duration::from_secs(4);

/// The length of packets: a part of shorter ones is never in pages of its own.
const LEN: usize = 4_400;

/// Where packets are attached (`enum bpf_attach_type`).
const TCX_EGRESS: u32 = 47;
const CGROUP_INGRESS: u32 = 0;

const NAMES: [&str; 2] = ["ebpf::paged::tc", "ebpf::paged::cgroup_skb"];

pub fn trials() -> Vec<Trial> {
    let is_absent = !PLACES[0].is_available();
    let alone = NAMES.iter().map(|name| process::trial(name));
    alone.chain([Trial::test("ebpf::paged::xdp", xdp_frags)]).map(|trial| trial.with_ignored_flag(is_absent)).collect()
}

/// XDP packets of several buffers: the first one has less than a page.
fn xdp_frags() -> Result<(), Failed> {
    let mut random = Random::new(1);
    for _ in 0..200 {
        let [at, width, byte] = [random.below(LEN), 1 << random.below(3), random.below(4)];
        let expression = match random.below(3) {
            0 => format!("ether[{at}:{width}] & 3 = {byte}"),
            1 => format!("ether[(ether[0:2] & 0x1fff):{width}] & 3 = {byte} or ether[{at}] & 1 = 1"),
            _ => format!("ether[{at}:{width}] & 3 != {byte} and len > {}", random.below(2 * LEN)),
        };
        let program = compile_expression(&expression, &Target::new(LinkType::ETHERNET))?;
        let verified = program.verify(Dialect::Pcap)?;
        let loaded = bpf::load_xdp_frags(&Options::new(Hook::Xdp).xdp_frags(true).compile(&verified)?)?;
        for _ in 0..4 {
            let len = 14 + random.below(2 * LEN);
            let packet = random.bytes(len);
            let expected = if verified.interpret(Packet::new(&packet)) == 0 { 1 } else { 2 };
            let result = loaded.run(&packet, &[])?;
            if result != expected {
                return Err(format!("{result} instead of {expected}: `{expression}`, {len} bytes").into());
            }
        }
    }
    Ok(())
}

/// Runs a trial, in a process of its own.
pub fn alone(name: &str) -> Result<(), String> {
    let road = Road::new().map_err(|error| format!("no namespace: {error}"))?;
    if name == NAMES[0] { road.compare(Hook::Tc) } else { road.in_a_group() }
}

/// `struct virtio_net_hdr`, which precedes a frame.
fn header(linear: usize) -> [u8; 10] {
    let [low, high] = (linear as u16).to_ne_bytes();
    [0, 0, low, high, 0, 0, 0, 0, 0, 0]
}

/// The device `lo` of a new namespace.
struct Road {
    socket: OwnedFd,
    /// Receives what a control group lets through.
    receiver: Option<UdpSocket>,
    /// A packet that arrives here has come after the others. No control group filters it.
    last: UdpSocket,
}

impl Road {
    fn new() -> io::Result<Road> {
        // SAFETY: the call touches no memory.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
        // SAFETY: as above.
        let raw = check(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: the kernel has just made it for this process.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        // SAFETY: all bytes of the structure may be 0.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        // SAFETY: the kernel reads the structure.
        check(unsafe { libc::ioctl(raw, libc::SIOCSIFFLAGS as libc::Ioctl, &raw const request) })?;
        // Without a route of its own, a packet from this machine is one from elsewhere with a forged address.
        for setting in ["route_localnet", "accept_local"] {
            fs::write(format!("/proc/sys/net/ipv4/conf/lo/{setting}"), "1")?;
        }
        let yes: libc::c_int = 1;
        // SAFETY: the kernel reads an integer.
        check(unsafe {
            libc::setsockopt(
                raw,
                libc::SOL_PACKET,
                libc::PACKET_VNET_HDR,
                (&raw const yes).cast(),
                size_of_val(&yes) as _,
            )
        })?;
        let last = UdpSocket::bind("127.0.0.1:0")?;
        last.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Road { socket, receiver: None, last })
    }

    /// Sends a frame with a linear part of this length; `false` if a program on the way out drops it.
    fn send(&self, frame: &[u8], linear: usize) -> io::Result<bool> {
        let bytes = [&header(linear), frame].concat();
        // SAFETY: all bytes of the structure may be 0.
        let mut to: libc::sockaddr_ll = unsafe { mem::zeroed() };
        to.sll_family = libc::AF_PACKET as libc::sa_family_t;
        // `lo` is the first device.
        to.sll_ifindex = 1;
        to.sll_protocol = u16::from_be_bytes([frame[12], frame[13]]).to_be();
        // SAFETY: the kernel reads the bytes and the address.
        let sent = unsafe {
            let address = (&raw const to).cast::<libc::sockaddr>();
            libc::sendto(self.socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0, address, size_of_val(&to) as _)
        };
        match sent {
            0.. => Ok(true),
            _ if Error::last_os_error().raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
            _ => Err(Error::last_os_error()),
        }
    }

    /// Compares verdicts of random programs and of expressions on random packets.
    fn compare(&self, hook: Hook) -> Result<(), String> {
        let (start, mut random, mut count) = (Instant::now(), Random::new(0x7061_6765), 0);
        let time = random::limit().map_or(TIME, |limit| 3 * limit);
        while start.elapsed() < time || count < 20 {
            let program = program(hook, &mut random)?;
            let Some(program) = program else { continue };
            for _ in 0..4 {
                let (frame, linear) = self.frame(hook, program.program(), &mut random)?;
                self.agrees(hook, &program, &frame, linear)?;
                count += 1;
            }
        }
        Ok(())
    }

    /// Returns a frame, and the length of its linear part.
    fn frame(&self, hook: Hook, program: &Program, random: &mut Random) -> Result<(Vec<u8>, usize), String> {
        let mut frame = random.bytes(LEN);
        if random.chance(50) {
            frame.iter_mut().for_each(|byte| *byte &= 1);
        }
        // The first bytes are an Ethernet header for `lo`, of which random programs read few.
        frame[..12].fill(0);
        if hook == Hook::Tc {
            crate::language::plant(program, &mut frame, random);
            // The kernel takes what looks like a VLAN tag out of the frame.
            frame[12..14].copy_from_slice(&random.choose(&[[0x08, 0], [0x86, 0xdd], [0x99, 0x99]]));
        } else {
            let receiver = self.receiver.as_ref().ok_or("no receiver")?;
            let port = receiver.local_addr().map_err(|error| error.to_string())?.port();
            frame[12..42].copy_from_slice(&udp_header(port));
        }
        Ok((frame, random.choose(&[14, 15, 20, 34, 38, 42, 60, 100, 1_000, LEN])))
    }

    fn agrees(&self, hook: Hook, program: &Verified, frame: &[u8], linear: usize) -> Result<(), String> {
        let packet = Packet::new(if hook == Hook::Tc { frame } else { &frame[14..] });
        let place = PLACES.iter().find(|place| place.hook() == hook).ok_or("no such hook")?;
        let context = place.surroundings(frame, 0);
        let packet = packet.with_context(&context);
        let expected = program.interpret(packet);
        let keeps = |test: &[_]| {
            let program = Program::new(test.to_vec());
            let verified = program.verify(program_dialect(hook)).map_err(Error::other)?;
            self.keeps(place, &verified, frame, linear)
        };
        let difference = kernel::differs(program.program().instructions(), expected, keeps);
        match difference.map_err(|error| format!("the judge failed: {error}"))? {
            None => Ok(()),
            Some(verdict) => {
                let case = case::write(program.program(), program.dialect(), &packet, expected);
                Err(format!("got {verdict} with {linear} linear bytes:\n{case}"))
            }
        }
    }

    /// Returns `true` if the program keeps the packet.
    fn keeps(&self, place: &Place, verified: &Verified, frame: &[u8], linear: usize) -> io::Result<bool> {
        let loaded = place.load(verified, &Options::new(place.hook())).map_err(Error::other)?;
        let attach = |target, attach_type| {
            let program = loaded.fd.as_raw_fd() as u32;
            bpf::create(Command::LinkCreate, &mut LinkCreate { program, target, attach_type, ..LinkCreate::default() })
        };
        if place.hook() == Hook::Tc {
            let _attached = attach(1, TCX_EGRESS)?;
            return self.send(frame, linear);
        }
        let group = fs::File::open(group())?;
        let _attached = attach(group.as_raw_fd() as u32, CGROUP_INGRESS)?;
        self.send(frame, linear)?;
        self.last.send_to(b"last", self.last.local_addr()?)?;
        self.last.recv(&mut [0; 8])?;
        let receiver = self.receiver.as_ref().ok_or(ErrorKind::NotFound)?;
        match receiver.recv(&mut [0; 8]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Compares verdicts in a control group of this process, which is removed afterwards.
    fn in_a_group(mut self) -> Result<(), String> {
        let group = group();
        let text = |error: Error| format!("{}: {error}", group.display());
        fs::create_dir(&group).map_err(text)?;
        let own = std::process::id().to_string();
        fs::write(group.join("cgroup.procs"), &own).map_err(text)?;
        let receiver = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
        receiver.set_nonblocking(true).map_err(text)?;
        self.receiver = Some(receiver);
        let outcome = self.compare(Hook::CgroupSkb);
        self.receiver = None;
        let parent = group.parent().unwrap_or(Path::new("/"));
        fs::write(parent.join("cgroup.procs"), &own).map_err(text)?;
        fs::remove_dir(&group).map_err(text)?;
        outcome
    }
}

/// What `union bpf_attr` holds for `BPF_LINK_CREATE`; the kernel takes the rest of it as 0.
#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    relative: u64,
    revision: u64,
}

/// Returns a random program or that of an expression, if the hook has all that it loads.
fn program(hook: Hook, random: &mut Random) -> Result<Option<Verified>, String> {
    let link_type = if hook == Hook::Tc { LinkType::ETHERNET } else { LinkType::RAW };
    let program = if random.chance(50) {
        let target = Target::new(link_type).allow_reject_all(true);
        match compile_expression(&crate::language::expression(PAYLOAD, random), &target) {
            Ok(program) => program,
            Err(_) => return Ok(None),
        }
    } else {
        let bytes = random.bytes(2_048);
        generate::program(&mut Unstructured::new(&bytes), program_dialect(hook)).map_err(|error| error.to_string())?
    };
    let Ok(verified) = program.verify(program_dialect(hook)) else { return Ok(None) };
    let is_possible = !depends_on_the_machine(&program) && !lacks(&verified, &Options::new(hook));
    Ok(is_possible.then_some(verified))
}

/// Primitives about bytes behind the headers.
const PAYLOAD: &[&str] = &["udp[100] = 1", "udp[8:4] > 7", "ip[50:2] & 1 = 1", "udp[4000] != 0", "ip[ip[60]] = 0"];

/// Returns the dialect of programs at a hook: both are tried, since it is a matter of the program alone.
fn program_dialect(hook: Hook) -> Dialect {
    if hook == Hook::Tc { Dialect::Linux } else { Dialect::Pcap }
}

/// Returns the EtherType and the headers of IPv4 and UDP to a port of this machine.
fn udp_header(port: u16) -> [u8; 30] {
    let mut header = [0; 30];
    header[..2].copy_from_slice(&[0x08, 0x00]);
    let ip = &mut header[2..22];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&((LEN - 14) as u16).to_be_bytes());
    ip[8] = 64;
    ip[9] = 17;
    ip[12..16].copy_from_slice(&[127, 0, 0, 1]);
    ip[16..20].copy_from_slice(&[127, 0, 0, 1]);
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let udp = &mut header[22..];
    udp[..2].copy_from_slice(&port.to_be_bytes());
    udp[2..4].copy_from_slice(&port.to_be_bytes());
    udp[4..6].copy_from_slice(&((LEN - 34) as u16).to_be_bytes());
    header
}

/// Returns the control group of this process.
fn group() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root = mounted.filter(|words| words.get(2) == Some(&"cgroup2")).map(|words| PathBuf::from(words[1])).next();
    root.unwrap_or_default().join(format!("cbpf-{}", std::process::id()))
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}
