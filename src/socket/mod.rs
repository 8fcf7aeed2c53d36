//! Programs on sockets of Linux: attached, detached, locked, read back, and choosing a socket of a group.
//!
//! Every function takes anything that is a socket: one of the standard library, of socket2, of an async runtime. A program
//! is judged for [`Dialect::Linux`] before the kernel sees it, so what the kernel would refuse with a bare "Invalid
//! argument" comes back as a [`VerifyError`](crate::VerifyError) that names the instruction and the rule. No privileges
//! are needed for that; packet sockets need `CAP_NET_RAW`.
//!
//! ```
//! use std::net::UdpSocket;
//! use cbpf::{Program, socket};
//!
//! // To a filter of a UDP socket a packet begins with the UDP header: this keeps payloads that begin with `y`.
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
//! # What is in the queue already
//!
//! A filter is asked when a packet arrives. What arrived before is in the queue of the socket, whatever it is, and is
//! received all the same. There are two ways to receive only what the filter keeps:
//!
//! - [`attach`] before anything can arrive: before a UDP socket is bound; on a packet socket that was made with protocol 0,
//!   before it is bound to a protocol. Nothing is lost, and it costs nothing.
//! - [`attach_drained`] on a socket that receives already.
//!
//! # What a program sees
//!
//! | socket | the packet begins with |
//! |---|---|
//! | packet socket, `SOCK_RAW` | the link header |
//! | packet socket, `SOCK_DGRAM` | the network header |
//! | raw IPv4 socket | the IPv4 header |
//! | raw IPv6 socket | the header of its protocol, behind those of IPv6 |
//! | UDP, TCP | the transport header |
//! | Unix, netlink | the message |
//! | chosen by [`attach_reuseport`] | what is behind the transport header |
//! | chosen by [`set_fanout_program`] | the network header, if it was received; the link header, if it was sent |
//!
//! Offsets relative to the link or network header reach what lies before. The verdict of a filter is how many bytes to keep,
//! and those of UDP and TCP keep their headers whole. Source: `sk_filter_trim_cap` in `net/core/filter.c`, and its callers.

mod error;
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

pub use error::Error;
pub use receive::{receive, report_context};

/// Attaches a program to a socket: from now on only packets that it keeps are received, cut to its verdict.
///
/// A program that was attached before is replaced, in one step. What is in the queue stays there; see
/// [`attach_drained`].
///
/// # Errors
/// [`Error::Program`] if the program is not valid for [`Dialect::Linux`]. The kernel refuses if the filter is locked, and
/// programs that are larger than the sysctl `net.core.optmem_max` allows.
///
/// ```
/// use std::net::UdpSocket;
/// use cbpf::{Program, socket};
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// let program: Program = "ld #7\n div #0\n ret a".parse()?;
/// assert_eq!(
///     socket::attach(&receiver, &program).unwrap_err().to_string(),
///     "instruction 1, `div #0`: division by zero (linux dialect)",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn attach(socket: impl AsFd, program: &Program) -> Result<(), Error> {
    program.verify(Dialect::Linux)?;
    attach_valid(&socket.as_fd(), program.instructions())
}

/// Attaches a program to a socket that may have received packets already, and throws those away: whatever is received
/// from now on, the program has kept.
///
/// First a program that keeps nothing is attached; packets that were past the old filter are waited for, and the queue is
/// emptied; then the program replaces the other. What arrives between is lost. It takes the time of an RCU grace period,
/// some 10 ms.
///
/// Two things are out of reach. A sender on a Unix or netlink socket is not waited for, if it is between the old filter and
/// the queue at the very moment. And packets in a ring that is shared with the kernel (`PACKET_RX_RING`) are not in the
/// queue.
///
/// # Errors
/// As [`attach`]; and [`Error::Stream`] for sockets that receive no datagrams. An error that waits on the socket, such as
/// that its interface is down, is reported here. If the kernel fails after the first step, the socket keeps the program that
/// keeps nothing; if the program is not valid or the socket does not fit, nothing has changed.
///
/// ```
/// use std::net::UdpSocket;
/// use cbpf::{Program, socket};
/// let [receiver, sender] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
/// sender.send_to(b"before", receiver.local_addr()?)?;
/// socket::attach_drained(&receiver, &"ret #-1".parse()?)?;
/// sender.send_to(b"behind", receiver.local_addr()?)?;
/// let mut bytes = [0; 8];
/// let len = receiver.recv(&mut bytes)?;
/// assert_eq!(&bytes[..len], b"behind");
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

/// Attaches what is known to be valid; so there are at most 4,096 instructions, and the 16 bits that count them suffice.
fn attach_valid(socket: &impl AsFd, instructions: &[RawInstruction]) -> Result<(), Error> {
    let filter: Vec<SockFilter> =
        instructions.iter().map(|&RawInstruction { code, jt, jf, k }| SockFilter::new(code, jt, jf, k)).collect();
    SockRef::from(socket).attach_filter(&filter).map_err(Error::of(error::ATTACH))
}

/// Whether a socket is for streams, datagrams, ...
fn kind(socket: &impl AsFd) -> Result<Type, Error> {
    SockRef::from(socket).r#type().map_err(Error::of(error::TYPE))
}

/// Receives until nothing is left.
fn drain(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    loop {
        // A datagram leaves the queue whole, however little of it is asked for.
        match socket.recv_with_flags(&mut [MaybeUninit::uninit()], libc::MSG_DONTWAIT) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Detaches the program of a socket, classic or not: from now on every packet is received.
///
/// # Errors
/// The kernel refuses if there is none, or if it is locked.
pub fn detach(socket: impl AsFd) -> Result<(), Error> {
    SockRef::from(&socket).detach_filter().map_err(Error::of(error::DETACH))
}

/// Locks the program of a socket, or that it has none: it can no longer be replaced or detached, as long as the socket
/// lives. A process that loses its privileges, or hands the socket on, makes sure of its filter this way.
///
/// # Errors
/// As the kernel answers; it has no reason to refuse.
///
/// ```
/// use std::net::UdpSocket;
/// use cbpf::socket;
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// socket::attach(&receiver, &"ret #-1".parse()?)?;
/// socket::lock(&receiver)?;
/// assert_eq!(
///     socket::detach(&receiver).unwrap_err().to_string(),
///     "setsockopt(SO_DETACH_FILTER): Operation not permitted (os error 1); the filter of the socket is locked",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lock(socket: impl AsFd) -> Result<(), Error> {
    system::set_number(socket.as_fd(), system::LOCK_FILTER, 1).map_err(Error::of(error::LOCK))
}

/// The program that is attached to a socket, bit for bit as it went in; `None` if there is none.
///
/// # Errors
/// The kernel refuses if the filter is an eBPF program.
pub fn read_back(socket: impl AsFd) -> Result<Option<Program>, Error> {
    let instructions = system::attached(socket.as_fd()).map_err(Error::of(error::READ_BACK))?;
    Ok(Some(Program::new(instructions)).filter(|program| !program.is_empty()))
}

/// Lets a program choose which socket of a `SO_REUSEPORT` group receives: its verdict is the number of a socket, counted
/// from 0 in the order in which they were bound; where one is closed, the last takes its number. For a number that none
/// has, the kernel chooses by a hash.
///
/// The sockets are bound to the same address, with `SO_REUSEPORT` set before; any of them, or one that is not bound yet,
/// takes the program for all. A packet begins behind its transport header.
///
/// # Errors
/// As [`attach`]; and the kernel refuses if the socket was bound without `SO_REUSEPORT`.
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

/// Takes the program of a `SO_REUSEPORT` group away, classic or not: the kernel chooses by a hash again.
///
/// # Errors
/// The kernel refuses if there is none.
pub fn detach_reuseport(socket: impl AsFd) -> Result<(), Error> {
    system::set_number(socket.as_fd(), system::DETACH_REUSEPORT, 0).map_err(Error::of(error::DETACH_REUSEPORT))
}

/// Makes a packet socket join the fanout group of this number, where a program chooses which socket receives.
///
/// The first socket makes the group, the others share what it receives; all are bound to the same interface and protocol.
/// Until [`set_fanout_program`] the first socket receives everything.
///
/// # Errors
/// The kernel refuses sockets that are not bound, or bound otherwise than the group, and groups that choose in another way.
pub fn join_fanout(socket: impl AsFd, group: u16) -> Result<(), Error> {
    let value = u32::from(system::FANOUT_BY_PROGRAM) << 16 | u32::from(group);
    system::set_number(socket.as_fd(), system::FANOUT, value as c_int).map_err(Error::of(error::FANOUT))
}

/// Sets the program of the group that a packet socket joined by [`join_fanout`]: its verdict, modulo the number of sockets,
/// is the number of the one that receives, in the order in which they joined.
///
/// A packet that was received begins with the network header, whatever the type of the socket; one that was sent, with the
/// link header. The socket's own filter comes behind.
///
/// # Errors
/// As [`attach`]; and the kernel refuses if the socket is not in such a group.
pub fn set_fanout_program(socket: impl AsFd, program: &Program) -> Result<(), Error> {
    let verified = program.verify(Dialect::Linux)?;
    system::set_program(socket.as_fd(), system::FANOUT_DATA, &verified).map_err(Error::of(error::FANOUT_DATA))
}
