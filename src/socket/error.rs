//! The error of an operation on a socket.

use std::{fmt, io};

use crate::bpf::verify::VerifyError;

/// The error of an operation on a socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The program breaks a rule of [`Dialect::Linux`](crate::Dialect::Linux). The kernel was not called.
    Program(VerifyError),
    /// The socket receives a stream, which cannot be drained like datagrams.
    Stream,
    /// The socket does not report the contexts of packets: it is not a packet socket, or
    /// [`report_context`](super::report_context) was not called.
    NoContext,
    /// The process may not open a packet socket: it lacks `CAP_NET_RAW`.
    NoPrivilege(io::Error),
    /// There is no network interface with this name or index.
    NoInterface {
        /// The name or the index.
        name: String,
    },
    /// The interface is down.
    InterfaceDown {
        /// The name of the interface.
        name: String,
    },
    /// The interface was removed, or moved to another network namespace, during a capture.
    InterfaceGone {
        /// The name of the interface.
        name: String,
    },
    /// A system call failed.
    Kernel {
        /// The call, with its option: `setsockopt(SO_ATTACH_FILTER)`.
        call: &'static str,
        /// The error of the kernel.
        error: io::Error,
    },
}

/// The meaning of errors that their text does not explain: the call, the error, and the cause.
///
/// Source: `net/core/filter.c`, `net/core/sock_reuseport.c` and `net/packet/af_packet.c`.
#[rustfmt::skip]
const HINTS: &[(&str, i32, &str)] = &[
    (ATTACH,           libc::EPERM,       "the filter of the socket is locked"),
    (ATTACH,           libc::ENOMEM,      "the program is larger than the sysctl net.core.optmem_max allows"),
    (DETACH,           libc::ENOENT,      "the socket has no filter"),
    (DETACH,           libc::EPERM,       "the filter of the socket is locked"),
    (READ_BACK,        libc::EACCES,      "the filter of the socket is an eBPF program"),
    (ATTACH_REUSEPORT, libc::EINVAL,      "set SO_REUSEPORT before the socket is bound"),
    (ATTACH_REUSEPORT, libc::ENOMEM,      "the program is larger than the sysctl net.core.optmem_max allows"),
    (ATTACH_REUSEPORT, libc::EPERM,       "the filter of the socket is locked"),
    (DETACH_REUSEPORT, libc::EINVAL,      "the socket was bound without SO_REUSEPORT"),
    (DETACH_REUSEPORT, libc::ENOENT,      "the group of the socket has no program"),
    (AUXDATA,          libc::ENOPROTOOPT, "the socket is not a packet socket"),
    (FANOUT,           libc::EINVAL,      "bind the socket to an interface that is up; use a group with a program"),
    (FANOUT,           libc::EALREADY,    "the socket is already in a group"),
    (FANOUT,           libc::ENOPROTOOPT, "the socket is not a packet socket"),
    (FANOUT_DATA,      libc::EINVAL,      "the socket is not in a group with a program"),
    (FANOUT_DATA,      libc::EPERM,       "the filter of the socket is locked"),
    (FANOUT_DATA,      libc::ENOPROTOOPT, "the socket is not a packet socket"),
    (LOAD_EBPF,        libc::EPERM,       "programs of eBPF need CAP_BPF"),
    (LOAD_EBPF,        libc::EACCES,      "the verifier of the kernel refuses the program"),
    (LOAD_EBPF,        libc::E2BIG,       "the program is longer than the kernel allows"),
    (ATTACH_EBPF,      libc::ENOMEM,      "the program is larger than the sysctl net.core.optmem_max allows"),
    (ATTACH_EBPF,      libc::EINVAL,      "the descriptor is no program for sockets"),
    (FANOUT_BY_HASH,   libc::EINVAL,      "all members of a group have the same interface and flags"),
    (FANOUT_BY_HASH,   libc::ENOSPC,      "the group is full"),
    (RECEIVE_RING,     libc::ENOMEM,      "there is no memory for the ring; choose a smaller one"),
    (MAP,              libc::EPERM,       "the memory that the process may lock is limited; choose a smaller ring"),
];

pub(super) const ATTACH: &str = "setsockopt(SO_ATTACH_FILTER)";
pub(super) const DETACH: &str = "setsockopt(SO_DETACH_FILTER)";
pub(super) const LOCK: &str = "setsockopt(SO_LOCK_FILTER)";
pub(super) const READ_BACK: &str = "getsockopt(SO_GET_FILTER)";
pub(super) const ATTACH_REUSEPORT: &str = "setsockopt(SO_ATTACH_REUSEPORT_CBPF)";
pub(super) const DETACH_REUSEPORT: &str = "setsockopt(SO_DETACH_REUSEPORT_BPF)";
pub(super) const FANOUT: &str = "setsockopt(PACKET_FANOUT)";
pub(super) const FANOUT_DATA: &str = "setsockopt(PACKET_FANOUT_DATA)";
pub(super) const TYPE: &str = "getsockopt(SO_TYPE)";
pub(super) const AUXDATA: &str = "setsockopt(PACKET_AUXDATA)";
pub(super) const SOCKET: &str = "socket(AF_PACKET)";
pub(super) const INTERFACES: &str = "getifaddrs";
pub(super) const LOAD_EBPF: &str = "bpf(BPF_PROG_LOAD)";
pub(super) const ATTACH_EBPF: &str = "setsockopt(SO_ATTACH_BPF)";
pub(super) const FANOUT_BY_HASH: &str = "setsockopt(PACKET_FANOUT, PACKET_FANOUT_HASH)";
pub(super) const GET_FANOUT: &str = "getsockopt(PACKET_FANOUT)";
pub(super) const RING_VERSION: &str = "setsockopt(PACKET_VERSION)";
pub(super) const RESERVE: &str = "setsockopt(PACKET_RESERVE)";
pub(super) const RECEIVE_RING: &str = "setsockopt(PACKET_RX_RING)";
pub(super) const MAP: &str = "mmap of the ring";
pub(super) const BIND: &str = "bind";
pub(super) const INTERFACE_FLAGS: &str = "ioctl(SIOCGIFFLAGS)";
pub(super) const POLL: &str = "poll";
pub(super) const SOCKET_ERROR: &str = "getsockopt(SO_ERROR)";
pub(super) const STATISTICS: &str = "getsockopt(PACKET_STATISTICS)";
pub(super) const RECEIVE: &str = "recv";
pub(super) const RECEIVE_MESSAGE: &str = "recvmsg";

impl Error {
    /// Returns a function that adds `call` to an error of the kernel.
    pub(super) fn of(call: &'static str) -> impl Fn(io::Error) -> Error {
        move |error| Error::Kernel { call, error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (call, error) = match self {
            Error::Program(_) => return f.write_str("the program is not valid in the linux dialect"),
            Error::Stream => return f.write_str("only a socket that receives datagrams can be drained"),
            Error::NoContext => {
                return f.write_str("the socket does not report contexts; call report_context on a packet socket");
            }
            Error::NoPrivilege(_) => {
                return f.write_str(
                    "live capture needs CAP_NET_RAW: run as root, or give it to the program with \
                     `setcap cap_net_raw+ep`",
                );
            }
            Error::NoInterface { name } => return write!(f, "there is no interface `{name}`"),
            Error::InterfaceDown { name } => {
                return write!(f, "the interface `{name}` is down; `ip link set {name} up` sets it up");
            }
            Error::InterfaceGone { name } => {
                return write!(f, "the interface `{name}` was removed, or moved to another network namespace");
            }
            Error::Kernel { call, error } => (call, error),
        };
        write!(f, "{call} failed")?;
        let hint = HINTS.iter().find(|(of, errno, _)| of == call && error.raw_os_error() == Some(*errno));
        hint.map_or(Ok(()), |(_, _, text)| write!(f, ": {text}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Program(error) => Some(error),
            Error::Kernel { error, .. } | Error::NoPrivilege(error) => Some(error),
            Error::Stream
            | Error::NoContext
            | Error::NoInterface { .. }
            | Error::InterfaceDown { .. }
            | Error::InterfaceGone { .. } => None,
        }
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Error {
        Error::Program(error)
    }
}
