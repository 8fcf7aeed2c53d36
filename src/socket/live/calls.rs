//! System calls for captures that no crate of ours wraps: options of rings, the list of interfaces, waiting.

#![expect(unsafe_code, reason = "system calls that read or write through a pointer")]

use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use libc::{c_int, c_uint, socklen_t};
use socket2::{Domain, Socket, Type};

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
    // The requests work on any socket.
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    // SAFETY: the call returns an array that ends with an index of 0, or null.
    let first = unsafe { libc::if_nameindex() };
    if first.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut interfaces = Vec::new();
    let mut next = first;
    // SAFETY: the array is valid until it is freed, and `next` is not behind its end.
    while let Some(element) = unsafe { next.as_ref() }.filter(|element| element.if_index != 0) {
        // SAFETY: a name ends with a zero.
        let name = unsafe { CStr::from_ptr(element.if_name) };
        interfaces.extend(interface(socket.as_fd(), name, element.if_index));
        // SAFETY: the element was not the last one.
        next = unsafe { next.add(1) };
    }
    // SAFETY: the array is that of `if_nameindex`, and nothing refers to it any more.
    unsafe { libc::if_freenameindex(first) };
    Ok(interfaces)
}

/// Returns the interface with a name, unless it was removed meanwhile.
fn interface(socket: BorrowedFd, name: &CStr, index: c_uint) -> Option<Interface> {
    // SAFETY: zero is a valid value of each field.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    let place = request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1);
    place.zip(name.to_bytes()).for_each(|(place, &byte)| *place = byte as _);
    let mut ask = |call| {
        // SAFETY: both calls read and write a `struct ifreq`, whose name ends with a zero.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), call as _, &raw mut request) };
        (result == 0).then_some(request.ifr_ifru)
    };
    // SAFETY: the kernel has written the flags.
    let flags = unsafe { ask(libc::SIOCGIFFLAGS)?.ifru_flags };
    // SAFETY: the kernel has written the address, whose family is the type of the interface.
    let hardware_type = unsafe { ask(libc::SIOCGIFHWADDR)?.ifru_hwaddr.sa_family };
    Some(Interface {
        name: name.to_string_lossy().into_owned(),
        index,
        hardware_type: Some(hardware_type),
        is_up: c_int::from(flags) & libc::IFF_UP != 0,
    })
}
