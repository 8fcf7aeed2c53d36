//! System calls without a safe wrapper in another crate: socket options for programs, a wait for packets in flight, and
//! the reception of a packet with its metadata.
//!
//! socket2 attaches, detaches and drains. nix passes an unchecked pointer to a program for `SO_ATTACH_REUSEPORT_CBPF`,
//! and socket2 receives addresses and control messages into memory that is `unsafe` to read. socket2, nix and rustix
//! lack the other calls.

#![expect(unsafe_code, reason = "system calls that read or write through a pointer")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use libc::{c_int, socklen_t};

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::RawInstruction;
use crate::bpf::verify::Verified;

/// A socket option whose value is a number.
#[derive(Clone, Copy)]
pub(super) struct NumberOption {
    level: c_int,
    option: c_int,
}

/// A socket option whose value is a program.
#[derive(Clone, Copy)]
pub(super) struct ProgramOption {
    level: c_int,
    option: c_int,
}

pub(super) const LOCK_FILTER: NumberOption = NumberOption { level: libc::SOL_SOCKET, option: libc::SO_LOCK_FILTER };
pub(super) const DETACH_REUSEPORT: NumberOption =
    NumberOption { level: libc::SOL_SOCKET, option: libc::SO_DETACH_REUSEPORT_BPF };
pub(super) const ATTACH_EBPF: NumberOption = NumberOption { level: libc::SOL_SOCKET, option: libc::SO_ATTACH_BPF };
pub(super) const AUXDATA: NumberOption = NumberOption { level: libc::SOL_PACKET, option: libc::PACKET_AUXDATA };
pub(super) const RECEIVE_MARK: NumberOption = NumberOption { level: libc::SOL_SOCKET, option: libc::SO_RCVMARK };
pub(super) const FANOUT: NumberOption = NumberOption { level: libc::SOL_PACKET, option: libc::PACKET_FANOUT };

pub(super) const ATTACH_REUSEPORT: ProgramOption =
    ProgramOption { level: libc::SOL_SOCKET, option: libc::SO_ATTACH_REUSEPORT_CBPF };
pub(super) const FANOUT_DATA: ProgramOption =
    ProgramOption { level: libc::SOL_PACKET, option: libc::PACKET_FANOUT_DATA };

/// The mode of a fanout group with a classic program, for [`FANOUT`].
pub(super) const FANOUT_BY_PROGRAM: u16 = libc::PACKET_FANOUT_CBPF as u16;

/// Instructions have the layout of the kernel's.
const _: () = assert!(size_of::<RawInstruction>() == size_of::<libc::sock_filter>());
const _: () = assert!(align_of::<RawInstruction>() >= align_of::<libc::sock_filter>());

/// Sets an option to a number.
pub(super) fn set_number(
    socket: BorrowedFd,
    NumberOption { level, option }: NumberOption,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: each constant of type `NumberOption` is an option whose value is an int.
    unsafe { set(socket, level, option, &value) }
}

/// Sets an option to a program.
pub(super) fn set_program(
    socket: BorrowedFd,
    ProgramOption { level, option }: ProgramOption,
    verified: &Verified,
) -> io::Result<()> {
    let instructions = verified.program().instructions();
    // A program that is valid in Linux has at most 4,096 instructions.
    let program = libc::sock_fprog {
        len: instructions.len() as u16,
        filter: instructions.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: each constant of type `ProgramOption` is an option whose value is a `sock_fprog`. The kernel only reads
    // through its pointer, which is to `len` instructions of the same layout, and keeps a copy.
    unsafe { set(socket, level, option, &program) }
}

/// Sets an option.
///
/// # Safety
/// The value of the option is of type `T`, and pointers in it satisfy the requirements of the option.
pub(super) unsafe fn set<T>(socket: BorrowedFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let pointer = std::ptr::from_ref(value).cast();
    // SAFETY: the kernel only reads the bytes of `value`; the caller guarantees the type and the pointers in it.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, size_of::<T>() as socklen_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns the attached program, which is empty if there is none.
///
/// The length of this option is in instructions, not in bytes (`sk_get_filter` in `net/core/filter.c`).
pub(super) fn attached(socket: BorrowedFd) -> io::Result<Vec<RawInstruction>> {
    let mut instructions = vec![RawInstruction::default(); Dialect::Linux.max_len()];
    let mut len = instructions.len() as socklen_t;
    let pointer = instructions.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` instructions, which fit, and then their number to `len`. Any bytes are a
    // valid instruction.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_GET_FILTER, pointer, &raw mut len) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    instructions.truncate(len as usize);
    Ok(instructions)
}

/// Waits until each packet from the network that has passed a filter is in its queue.
///
/// The kernel runs filters and queues packets inside RCU read sections, and `MEMBARRIER_CMD_GLOBAL` returns after all
/// that had begun have ended (`kernel/sched/membarrier.c`). On kernels without it (without `CONFIG_MEMBARRIER`, or with
/// `nohz_full`) the function waits for longer than a packet takes.
pub(super) fn wait_for_packets_under_way() {
    const MEMBARRIER_CMD_GLOBAL: c_int = 1;
    let [flags, cpu]: [c_int; 2] = [0, 0];
    // SAFETY: the call takes three numbers, and accesses no memory of this process.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, flags, cpu) };
    if result != 0 {
        thread::sleep(Duration::from_millis(20));
    }
}

/// The size of `struct sockaddr_ll`.
const ADDRESS_LEN: usize = size_of::<libc::sockaddr_ll>();

/// The size of the buffer for control messages: `PACKET_AUXDATA`, `SO_MARK` and time stamps.
const CONTROL_LEN: usize = 512;

/// A received packet's metadata.
pub(super) struct Message {
    /// The number of received bytes.
    pub(super) len: usize,
    address: [u8; ADDRESS_LEN],
    control: [u8; CONTROL_LEN],
    control_len: usize,
}

impl Message {
    /// Receives a packet; waits for one, unless the socket is non-blocking.
    pub(super) fn receive(socket: BorrowedFd, buffer: &mut [u8]) -> io::Result<Message> {
        let (mut address, mut control) = ([0; ADDRESS_LEN], [0; CONTROL_LEN]);
        let mut bytes = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: zero is a valid value of each field: no address, no bytes, no control message.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_name = address.as_mut_ptr().cast();
        header.msg_namelen = ADDRESS_LEN as socklen_t;
        header.msg_iov = &raw mut bytes;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_LEN as _;
        // SAFETY: the kernel writes at most the given lengths to the three buffers, which outlive the call and may have
        // any bytes.
        let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) };
        let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
        Ok(Message { len, address, control, control_len: header.msg_controllen as usize })
    }

    /// Returns the address: the bytes of a `struct sockaddr_ll`, or of another family, or zero.
    pub(super) fn address(&self) -> &[u8] {
        &self.address
    }

    /// Returns the `struct tpacket_auxdata`, if the socket reports it.
    pub(super) fn auxdata(&self) -> Option<&[u8]> {
        self.control_message(libc::SOL_PACKET, libc::PACKET_AUXDATA)
    }

    /// Returns the mark, if the socket reports it.
    pub(super) fn mark(&self) -> Option<u32> {
        let bytes = self.control_message(libc::SOL_SOCKET, libc::SO_MARK)?;
        bytes.first_chunk().copied().map(u32::from_ne_bytes)
    }

    /// Returns the data of a control message. Each begins with a `struct cmsghdr` at a multiple of the size of a
    /// pointer.
    fn control_message(&self, level: c_int, kind: c_int) -> Option<&[u8]> {
        const HEADER: usize = size_of::<libc::cmsghdr>();
        const WORD: usize = size_of::<usize>();
        let mut rest = self.control.get(..self.control_len)?;
        loop {
            let len = usize::from_ne_bytes(*rest.first_chunk()?);
            let [of_level, of_kind] =
                [HEADER - 8, HEADER - 4].map(|place| rest.get(place..).and_then(<[u8]>::first_chunk));
            let data = rest.get(HEADER..len)?;
            if c_int::from_ne_bytes(*of_level?) == level && c_int::from_ne_bytes(*of_kind?) == kind {
                return Some(data);
            }
            rest = rest.get(len.next_multiple_of(WORD)..)?;
        }
    }
}
