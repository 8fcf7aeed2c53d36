//! System calls for captures that no crate of ours wraps: options of rings, the list of interfaces, waiting.

#![expect(unsafe_code, reason = "system calls that read or write through a pointer")]

use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

use libc::{c_int, c_uint, socklen_t};

use crate::socket::live::interface::Interface;
use crate::socket::system;

/// An option of packet sockets whose value is a `T`.
pub(super) struct PacketOption<T> {
    option: c_int,
    value: PhantomData<T>,
}

impl<T> PacketOption<T> {
    const fn new(option: c_int) -> PacketOption<T> {
        PacketOption { option, value: PhantomData }
    }
}

pub(super) const VERSION: PacketOption<c_int> = PacketOption::new(libc::PACKET_VERSION);
pub(super) const RESERVE: PacketOption<c_uint> = PacketOption::new(libc::PACKET_RESERVE);
pub(super) const RECEIVE_RING: PacketOption<libc::tpacket_req3> = PacketOption::new(libc::PACKET_RX_RING);
pub(super) const MEMBERSHIP: PacketOption<libc::packet_mreq> = PacketOption::new(libc::PACKET_ADD_MEMBERSHIP);
pub(super) const FANOUT: PacketOption<c_uint> = PacketOption::new(libc::PACKET_FANOUT);

/// `PACKET_FANOUT_HASH`, and the bits of its flags.
pub(super) const BY_HASH: u16 = libc::PACKET_FANOUT_HASH as u16;
pub(super) const ROLLOVER: u16 = libc::PACKET_FANOUT_FLAG_ROLLOVER as u16;
pub(super) const UNIQUE: u16 = libc::PACKET_FANOUT_FLAG_UNIQUEID as u16;
pub(super) const DEFRAGMENT: u16 = libc::PACKET_FANOUT_FLAG_DEFRAG as u16;

/// The version of rings, for [`VERSION`].
pub(super) const TPACKET_V3: c_int = libc::tpacket_versions::TPACKET_V3 as c_int;

/// Sets an option.
pub(super) fn set<T>(socket: BorrowedFd, option: &PacketOption<T>, value: &T) -> io::Result<()> {
    // SAFETY: each constant of type `PacketOption<T>` is an option whose value is a `T` without pointers.
    unsafe { system::set(socket, libc::SOL_PACKET, option.option, value) }
}

/// Returns an option whose value is a `T`.
///
/// # Safety
/// The value of the option is of type `T`, for which any bytes are valid.
unsafe fn get<T>(socket: BorrowedFd, option: c_int) -> io::Result<T> {
    // SAFETY: the caller guarantees that zeros are a valid `T`.
    let mut value: T = unsafe { mem::zeroed() };
    let mut len = size_of::<T>() as socklen_t;
    let pointer = (&raw mut value).cast();
    // SAFETY: the kernel writes at most `len` bytes, and every value of them is a valid `T`.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, pointer, &raw mut len) };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Returns the counts since the last call.
pub(super) fn statistics(socket: BorrowedFd) -> io::Result<libc::tpacket_stats_v3> {
    // SAFETY: of a socket with a ring of version 3, it is a structure of three numbers.
    unsafe { get(socket, libc::PACKET_STATISTICS) }
}

/// Returns the number of the group that a socket has joined.
pub(super) fn fanout_group(socket: BorrowedFd) -> io::Result<u16> {
    // SAFETY: the value is an int, whose lower half is the number.
    unsafe { get::<c_uint>(socket, libc::PACKET_FANOUT) }.map(|value| value as u16)
}

/// Binds a packet socket to an interface, or to all, and to all protocols. From then on packets arrive.
pub(super) fn bind(socket: BorrowedFd, index: u32) -> io::Result<()> {
    // SAFETY: zero is a valid value of each field.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as c_int;
    let (pointer, len) = ((&raw const address).cast(), size_of::<libc::sockaddr_ll>() as socklen_t);
    // SAFETY: the kernel reads `len` bytes of an address of this family.
    let result = unsafe { libc::bind(socket.as_raw_fd(), pointer, len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The state of an interface.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Up,
    Down,
    /// It was removed, or moved to another network namespace.
    Gone,
}

/// Returns the state of the interface that a socket was bound to.
pub(super) fn state(socket: BorrowedFd) -> io::Result<State> {
    // SAFETY: zero is a valid value of each field.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_ll>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes; any numbers are valid in the address of a packet socket.
    let result = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut len) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // The kernel forgets an interface that is gone.
    if address.sll_ifindex < 0 {
        return Ok(State::Gone);
    }
    // SAFETY: zero is a valid value of each field.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_ifru.ifru_ifindex = address.sll_ifindex;
    for call in [libc::SIOCGIFNAME, libc::SIOCGIFFLAGS] {
        // SAFETY: both calls read and write a `struct ifreq`: the index gives the name, and the name the flags.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), call as _, &raw mut request) };
        match (result, io::Error::last_os_error().raw_os_error()) {
            (0, _) => {}
            (_, Some(libc::ENODEV | libc::ENXIO)) => return Ok(State::Gone),
            _ => return Err(io::Error::last_os_error()),
        }
    }
    // SAFETY: the kernel has written the flags.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    Ok(if c_int::from(flags) & libc::IFF_UP != 0 { State::Up } else { State::Down })
}

/// Waits until one of two descriptors is readable or has an error, or until the timeout. Returns whether that holds for
/// the first one.
pub(super) fn wait(first: BorrowedFd, second: Option<BorrowedFd>, timeout: Option<Duration>) -> io::Result<bool> {
    let awaited = |fd: c_int| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // A negative descriptor is ignored.
    let mut awaited = [awaited(first.as_raw_fd()), awaited(second.map_or(-1, |second| second.as_raw_fd()))];
    // The timeout is rounded up, so that a short one does not become none.
    let timeout = timeout.map_or(-1, |time| time.as_micros().div_ceil(1000).try_into().unwrap_or(c_int::MAX));
    // SAFETY: the kernel reads and writes the two structures.
    let result = unsafe { libc::poll(awaited.as_mut_ptr(), 2, timeout) };
    match result {
        0.. => Ok(awaited[0].revents != 0),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

/// Returns all interfaces of the network namespace of this thread.
pub(super) fn interfaces() -> io::Result<Vec<Interface>> {
    let mut first = ptr::null_mut();
    // SAFETY: the call writes a pointer to the first element of a list, or fails.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut interfaces = Vec::new();
    let mut next = first;
    // SAFETY: each element of the list is valid until the list is freed, and ends with a null pointer or the next one.
    while let Some(element) = unsafe { next.as_ref() } {
        next = element.ifa_next;
        // SAFETY: the address is null, or begins with a valid family.
        let family = unsafe { element.ifa_addr.as_ref() }.map(|address| address.sa_family);
        if family != Some(libc::AF_PACKET as u16) || element.ifa_name.is_null() {
            continue;
        }
        // SAFETY: an address of this family is a `sockaddr_ll`, which may not be aligned; a name ends with a zero.
        let (address, name) = unsafe {
            (element.ifa_addr.cast::<libc::sockaddr_ll>().read_unaligned(), CStr::from_ptr(element.ifa_name))
        };
        interfaces.push(Interface {
            name: name.to_string_lossy().into_owned(),
            index: address.sll_ifindex as u32,
            hardware_type: Some(address.sll_hatype),
            is_up: element.ifa_flags & libc::IFF_UP as c_uint != 0,
        });
    }
    // SAFETY: the list is that of `getifaddrs`, and nothing refers to it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(interfaces)
}
