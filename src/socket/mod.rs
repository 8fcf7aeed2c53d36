//! Programs on Linux sockets: attach, detach, lock, read back, and choose a socket of a group; live capture in [`live`].
//!
//! Every function takes any socket: of the standard library, of socket2, of an async runtime. A program is verified for
//! [`Dialect::Linux`] before the system call, so an invalid program gives a [`VerifyError`](crate::VerifyError) with
//! the instruction and the rule in place of a bare "Invalid argument". Attaching needs no privileges; packet sockets
//! need `CAP_NET_RAW`.
//!
//! ```
//! use std::net::UdpSocket;
//! use cbpf::{Program, socket};
//!
//! // On a UDP socket the packet begins with the UDP header. This filter keeps payloads that begin with `y`.
//! let program: Program = "ldb [8]\n jne #0x79, drop\n ret #-1\n drop: ret #0".parse()?;
//! let receiver = UdpSocket::bind("127.0.0.1:0")?;
//! socket::attach(&receiver, &program)?;
//! assert_eq!(socket::read_back(&receiver)?, Some(program));
//!
//! let sender = UdpSocket::bind("127.0.0.1:0")?;
//! for text in ["no", "yes"] {
//!     sender.send_to(text.as_bytes(), receiver.local_addr()?)?;
//! }
//! let mut bytes = [0; 8];
//! let len = receiver.recv(&mut bytes)?;
//! assert_eq!(&bytes[..len], b"yes");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Packets that are already queued
//!
//! The kernel runs a filter when a packet arrives. Packets that arrived before are in the queue of the socket and are
//! received in any case. There are two ways to receive only packets that the filter keeps:
//!
//! - [`attach`] before packets can arrive: before a UDP socket is bound, or before a packet socket created with
//!   protocol 0 is bound to a protocol. No packet is lost.
//! - [`attach_drained`] on a socket that is already receiving.
//!
//! # The first byte of a packet
//!
//! | socket | the packet begins with |
//! |---|---|
//! | packet socket, `SOCK_RAW` | the link header |
//! | packet socket, `SOCK_DGRAM` | the network header |
//! | raw IPv4 socket | the IPv4 header |
//! | raw IPv6 socket | the header of its protocol, after those of IPv6 |
//! | UDP, TCP | the transport header |
//! | Unix, netlink | the message |
//! | chosen by [`attach_reuseport`] | the payload after the transport header |
//! | chosen by [`set_fanout_program`] | the network header of received packets, the link header of sent ones |
//!
//! Offsets relative to the link or network header reach earlier bytes. The verdict of a filter is the number of bytes
//! to keep; UDP and TCP sockets keep at least the header. Source: `sk_filter_trim_cap` in `net/core/filter.c`, and its
//! callers.

mod ebpf_program;
mod error;
pub mod live;
mod receive;
mod system;
#[cfg(test)]
mod tests;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use libc::c_int;
use socket2::{SockFilter, SockRef, Type};

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::program::Program;

pub use ebpf_program::{attach_ebpf, load_ebpf};
pub use error::Error;
pub use receive::{receive, report_context};

/// Attaches a program to a socket. From then on only packets that it keeps are received, truncated to its verdict.
///
/// It replaces the attached program atomically. Packets in the queue stay there; see [`attach_drained`].
///
/// # Errors
/// Returns [`Error::Program`] if the program is not valid in [`Dialect::Linux`]. The kernel rejects it if the filter is
/// locked or the program is larger than the sysctl `net.core.optmem_max` allows.
///
/// ```
/// use std::net::UdpSocket;
/// use cbpf::{Program, socket};
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// let program: Program = "ld #7\n div #0\n ret a".parse()?;
/// let error = socket::attach(&receiver, &program).unwrap_err();
/// assert_eq!(error.to_string(), "the program is not valid in the linux dialect");
/// let source = std::error::Error::source(&error).map(ToString::to_string);
/// assert_eq!(source.as_deref(), Some("instruction 1, `div #0`: division by zero (linux dialect)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn attach(socket: impl AsFd, program: &Program) -> Result<(), Error> {
    program.verify(Dialect::Linux)?;
    attach_valid(&socket.as_fd(), program.instructions())
}

/// Attaches a program to a socket and discards the packets in its queue. All packets received from then on were kept by
/// the program.
///
/// The function attaches a program that keeps nothing, waits for packets that have passed the old filter, empties the
/// queue, and then attaches the program. Packets that arrive meanwhile are lost. It takes an RCU grace period, about 10
/// ms.
///
/// There are two limits. It does not wait for a sender on a Unix or netlink socket that is between the old filter and
/// the queue. And it does not empty rings that are shared with the kernel (`PACKET_RX_RING`).
///
/// # Errors
/// As [`attach`], and [`Error::Stream`] for sockets that do not receive datagrams. A pending error of the socket, such
/// as that its interface is down, is returned here. If a call fails after the first step, the socket keeps the program
/// that keeps nothing. If the program or the socket is not valid, nothing has changed.
///
/// ```
/// use std::net::UdpSocket;
/// use cbpf::{Program, socket};
/// let [receiver, sender] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
/// sender.send_to(b"before", receiver.local_addr()?)?;
/// socket::attach_drained(&receiver, &"ret #-1".parse()?)?;
/// sender.send_to(b"after", receiver.local_addr()?)?;
/// let mut bytes = [0; 8];
/// let len = receiver.recv(&mut bytes)?;
/// assert_eq!(&bytes[..len], b"after");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn attach_drained(socket: impl AsFd, program: &Program) -> Result<(), Error> {
    program.verify(Dialect::Linux)?;
    let socket = socket.as_fd();
    if ![Type::DGRAM, Type::RAW].contains(&kind(&socket)?) {
        return Err(Error::Stream);
    }
    attach_valid(&socket, &[Instruction::ReturnConstant { verdict: 0 }.into()])?;
    system::wait_for_packets_under_way();
    drain(&socket).map_err(Error::of(error::RECEIVE))?;
    attach_valid(&socket, program.instructions())
}

/// Attaches a valid program, whose length fits into 16 bits.
fn attach_valid(socket: &impl AsFd, instructions: &[RawInstruction]) -> Result<(), Error> {
    let filter: Vec<SockFilter> =
        instructions.iter().map(|&RawInstruction { code, jt, jf, k }| SockFilter::new(code, jt, jf, k)).collect();
    SockRef::from(socket).attach_filter(&filter).map_err(Error::of(error::ATTACH))
}

/// Returns the type of a socket: stream, datagram, ...
fn kind(socket: &impl AsFd) -> Result<Type, Error> {
    SockRef::from(socket).r#type().map_err(Error::of(error::TYPE))
}

/// Receives until the queue is empty.
fn drain(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    loop {
        // A datagram leaves the queue as a whole.
        match socket.recv_with_flags(&mut [MaybeUninit::uninit()], libc::MSG_DONTWAIT) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Detaches the classic or eBPF program of a socket. From then on every packet is received.
///
/// # Errors
/// Fails if there is no program, or it is locked.
pub fn detach(socket: impl AsFd) -> Result<(), Error> {
    SockRef::from(&socket).detach_filter().map_err(Error::of(error::DETACH))
}

/// Locks the program of a socket, or the absence of one, for the life of the socket. Call it before the process drops
/// its privileges or passes the socket on.
///
/// # Errors
/// Returns the error of the kernel; none is expected.
///
/// ```
/// use std::net::UdpSocket;
/// use cbpf::socket;
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// socket::attach(&receiver, &"ret #-1".parse()?)?;
/// socket::lock(&receiver)?;
/// assert_eq!(
///     socket::detach(&receiver).unwrap_err().to_string(),
///     "setsockopt(SO_DETACH_FILTER) failed: the filter of the socket is locked",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lock(socket: impl AsFd) -> Result<(), Error> {
    system::set_number(socket.as_fd(), system::LOCK_FILTER, 1).map_err(Error::of(error::LOCK))
}

/// Returns the attached program, bit for bit, or `None` if there is none.
///
/// # Errors
/// Fails if the filter is an eBPF program.
pub fn read_back(socket: impl AsFd) -> Result<Option<Program>, Error> {
    let instructions = system::attached(socket.as_fd()).map_err(Error::of(error::READ_BACK))?;
    Ok(Some(Program::new(instructions)).filter(|program| !program.is_empty()))
}

/// Attaches a program that chooses the receiving socket of a `SO_REUSEPORT` group.
///
/// The verdict is the number of a socket, from 0 in the order of binding; when one is closed, the last takes its
/// number. For any other number the kernel chooses by a hash. The sockets are bound to the same address, with
/// `SO_REUSEPORT` set before. The program can be attached to any of them, or to one that is not bound yet. A packet
/// begins after its transport header.
///
/// # Errors
/// As [`attach`]. Also fails if the socket was bound without `SO_REUSEPORT`.
///
/// ```
/// use cbpf::{Program, socket};
/// use socket2::{Domain, Socket, Type};
///
/// let first = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
/// let second = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
/// let mut address = "127.0.0.1:0".parse::<std::net::SocketAddr>()?.into();
/// for member in [&first, &second] {
///     member.set_reuse_port(true)?;
///     member.bind(&address)?;
///     address = member.local_addr()?;
/// }
/// // The first byte of the payload is the number of the socket.
/// let program: Program = "ldb [0]\n ret a".parse()?;
/// socket::attach_reuseport(&first, &program)?;
///
/// let sender = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
/// sender.send_to(&[1], &address)?;
/// second.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
/// assert_eq!(second.recv(&mut [std::mem::MaybeUninit::uninit()])?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn attach_reuseport(socket: impl AsFd, program: &Program) -> Result<(), Error> {
    let verified = program.verify(Dialect::Linux)?;
    system::set_program(socket.as_fd(), system::ATTACH_REUSEPORT, &verified).map_err(Error::of(error::ATTACH_REUSEPORT))
}

/// Detaches the classic or eBPF program of a `SO_REUSEPORT` group. The kernel chooses by a hash again.
///
/// # Errors
/// Fails if there is no program.
pub fn detach_reuseport(socket: impl AsFd) -> Result<(), Error> {
    system::set_number(socket.as_fd(), system::DETACH_REUSEPORT, 0).map_err(Error::of(error::DETACH_REUSEPORT))
}

/// Adds a packet socket to the fanout group with this number, where a program chooses the receiving socket.
///
/// The first socket creates the group, and the others share its packets. All are bound to the same interface and
/// protocol. Until [`set_fanout_program`] the first socket receives everything.
///
/// # Errors
/// Fails if the socket is not bound, is bound differently from the group, or the group has another mode.
pub fn join_fanout(socket: impl AsFd, group: u16) -> Result<(), Error> {
    let value = u32::from(system::FANOUT_BY_PROGRAM) << 16 | u32::from(group);
    system::set_number(socket.as_fd(), system::FANOUT, value as c_int).map_err(Error::of(error::FANOUT))
}

/// Sets the program of the group that a packet socket joined with [`join_fanout`].
///
/// Its verdict modulo the number of sockets is the number of the receiving socket, in the order of joining. Received
/// packets begin with the network header on sockets of any type, sent ones with the link header. The filter of the
/// chosen socket runs afterwards.
///
/// # Errors
/// As [`attach`]. Also fails if the socket is not in such a group.
pub fn set_fanout_program(socket: impl AsFd, program: &Program) -> Result<(), Error> {
    let verified = program.verify(Dialect::Linux)?;
    system::set_program(socket.as_fd(), system::FANOUT_DATA, &verified).map_err(Error::of(error::FANOUT_DATA))
}
