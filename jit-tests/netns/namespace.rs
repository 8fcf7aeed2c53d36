//! A network namespace with two Ethernet devices, `a` and `b`, that are two ends of a cable.
//!
//! A namespace belongs to a thread. The kernel removes it with its devices when the thread ends and its sockets are
//! closed, so there is nothing to clean up.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, thread};

use libtest_mimic::Failed;
use nix::ifaddrs::getifaddrs;
use nix::libc::ETH_P_ALL;
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::sys::socket::{LinkAddr, MsgFlags, bind, sendto};
use nix::unistd::Pid;
use socket2::{Domain, Protocol, Socket, Type};

/// The commands for `ip -batch`. There are several queues, so that the kernel has to choose one.
const DEVICES: &str = "link set dev lo up
link add name a numtxqueues 4 numrxqueues 4 type veth peer name b numtxqueues 4 numrxqueues 4
link set dev a up
link set dev b up
";

/// The namespace of this thread.
pub struct Namespace {
    pub a: LinkAddr,
    pub b: LinkAddr,
    /// The only processor on which the thread runs.
    pub cpu: u32,
}

/// Returns `true` if this process may create a namespace, and `ip` works.
pub fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| within(|_| Ok(())).is_ok())
}

/// Runs `work` in a namespace of its own.
pub fn within(work: impl FnOnce(&Namespace) -> Result<(), Failed> + Send) -> Result<(), Failed> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| work(&Namespace::enter()?));
        thread.join().unwrap_or_else(|_| Err("it panicked".into()))
    })
}

impl Namespace {
    fn enter() -> Result<Namespace, Failed> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        // Without IPv6, the kernel sends nothing of its own on a device without an address.
        let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        ip.stdin.take().ok_or("no pipe")?.write_all(DEVICES.as_bytes())?;
        if !ip.wait()?.success() {
            return Err("ip cannot create devices".into());
        }
        let namespace = Namespace { a: address("a")?, b: address("b")?, cpu: stay_on_one_processor()? };
        namespace.wait_for_the_cable()?;
        Ok(namespace)
    }

    /// Waits until the kernel has noticed that both devices are up; it drops frames before.
    fn wait_for_the_cable(&self) -> Result<(), Failed> {
        let socket = packet_socket(Type::RAW)?;
        bind(socket.as_raw_fd(), &self.b)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let arrives = || {
            sendto(socket.as_raw_fd(), &[2; 60], &self.a, MsgFlags::empty())?;
            socket.recv(&mut [MaybeUninit::uninit()])
        };
        let has_arrived = (0..100).any(|_| arrives().is_ok());
        if has_arrived { Ok(()) } else { Err("nothing arrives at the other device".into()) }
    }
}

/// Returns a packet socket for all protocols, which is not bound to a device.
pub fn packet_socket(kind: Type) -> io::Result<Socket> {
    let every_protocol = i32::from((ETH_P_ALL as u16).to_be());
    Socket::new(Domain::PACKET, kind, Some(Protocol::from(every_protocol)))
}

fn address(name: &str) -> Result<LinkAddr, Failed> {
    let addresses = getifaddrs()?.filter(|address| address.interface_name == name);
    let link = addresses.filter_map(|address| address.address?.as_link_addr().copied()).next();
    Ok(link.ok_or_else(|| format!("no device {name}"))?)
}

/// Confines the thread to the last processor that it may use, whose number is rarely 0, and returns the number.
fn stay_on_one_processor() -> Result<u32, Failed> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rev().find(|&cpu| allowed.is_set(cpu) == Ok(true)).ok_or("no processor")?;
    let mut only = CpuSet::new();
    only.set(last)?;
    sched_setaffinity(this, &only)?;
    Ok(last as u32)
}
