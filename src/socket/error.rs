//! Why something could not be done with a socket.

use std::{fmt, io};

use crate::bpf::verify::VerifyError;

/// Why something could not be done with a socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The program breaks a rule of [`Dialect::Linux`](crate::Dialect::Linux), so the kernel was not asked.
    Program(VerifyError),
    /// The socket receives no datagrams but a stream, which cannot be thrown away in parts.
    Stream,
    /// The socket does not tell the contexts of packets: it is no packet socket, or was not asked to by
    /// [`report_context`](super::report_context).
    NoContext,
    /// The kernel refused.
    Kernel {
        /// The call, with the option that it was about: `setsockopt(SO_ATTACH_FILTER)`.
        call: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

/// What an answer of the kernel means, where its own words do not tell: the call, the answer, and what to do.
///
/// Source: `net/core/filter.c`, `net/core/sock_reuseport.c` and `net/packet/af_packet.c`.
#[rustfmt::skip]
const HINTS: &[(&str, i32, &str)] = &[
    (ATTACH,           libc::EPERM,       "the filter of the socket is locked"),
    (ATTACH,           libc::ENOMEM,      "the program is larger than the sysctl net.core.optmem_max allows"),
    (DETACH,           libc::ENOENT,      "the socket has no filter"),
    (DETACH,           libc::EPERM,       "the filter of the socket is locked"),
    (READ_BACK,        libc::EACCES,      "the filter of the socket is not a classic program"),
    (ATTACH_REUSEPORT, libc::EINVAL,      "SO_REUSEPORT has to be set before the socket is bound"),
    (ATTACH_REUSEPORT, libc::ENOMEM,      "the program is larger than the sysctl net.core.optmem_max allows"),
    (ATTACH_REUSEPORT, libc::EPERM,       "the filter of the socket is locked"),
    (DETACH_REUSEPORT, libc::EINVAL,      "the socket was bound without SO_REUSEPORT"),
    (DETACH_REUSEPORT, libc::ENOENT,      "the group of the socket has no program"),
    (AUXDATA,          libc::ENOPROTOOPT, "it is not a packet socket"),
    (FANOUT,           libc::EINVAL,      "the socket is not bound to an interface that is up, or the group chooses in another way"),
    (FANOUT,           libc::EALREADY,    "the socket is in a group already"),
    (FANOUT,           libc::ENOPROTOOPT, "it is not a packet socket"),
    (FANOUT_DATA,      libc::EINVAL,      "the socket is not in a group where a program chooses"),
    (FANOUT_DATA,      libc::EPERM,       "the filter of the socket is locked"),
    (FANOUT_DATA,      libc::ENOPROTOOPT, "it is not a packet socket"),
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
pub(super) const RECEIVE: &str = "recv";
pub(super) const RECEIVE_MESSAGE: &str = "recvmsg";

impl Error {
    /// What makes an answer of the kernel to `call` an error.
    pub(super) fn of(call: &'static str) -> impl Fn(io::Error) -> Error {
        move |error| Error::Kernel { call, error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (call, error) = match self {
            Error::Program(error) => return error.fmt(f),
            Error::Stream => return f.write_str("only a socket that receives datagrams can be drained"),
            Error::NoContext => return f.write_str("the socket is no packet socket that reports contexts"),
            Error::Kernel { call, error } => (call, error),
        };
        write!(f, "{call}: {error}")?;
        let hint = HINTS.iter().find(|(of, errno, _)| of == call && error.raw_os_error() == Some(*errno));
        hint.map_or(Ok(()), |(_, _, text)| write!(f, "; {text}"))
    }
}

/// Without a source: the kernel's answer is part of the message.
impl std::error::Error for Error {}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Error {
        Error::Program(error)
    }
}
