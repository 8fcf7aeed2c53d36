//! What the kernel is asked that no crate asks for us without `unsafe`: options of sockets that take or give a program, a
//! wait for packets that are on their way, and a packet with everything that is told of it.
//!
//! socket2 attaches, detaches and drains; nix takes a program for `SO_ATTACH_REUSEPORT_CBPF`, but as a bare pointer that
//! nobody checks; and socket2 receives addresses and control messages into memory that takes `unsafe` to read. The rest
//! none of socket2, nix and rustix has.

#![expect(unsafe_code, reason = "system calls that read or write through a pointer")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use libc::{c_int, socklen_t};

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::RawInstruction;
use crate::bpf::verify::Verified;

/// An option of a socket that is a number.
#[derive(Clone, Copy)]
pub(super) struct Number {
    level: c_int,
    option: c_int,
}

/// An option of a socket that is a program.
#[derive(Clone, Copy)]
pub(super) struct OfProgram {
    level: c_int,
    option: c_int,
}

pub(super) const LOCK_FILTER: Number = Number { level: libc::SOL_SOCKET, option: libc::SO_LOCK_FILTER };
pub(super) const DETACH_REUSEPORT: Number = Number { level: libc::SOL_SOCKET, option: libc::SO_DETACH_REUSEPORT_BPF };
pub(super) const AUXDATA: Number = Number { level: libc::SOL_PACKET, option: libc::PACKET_AUXDATA };
pub(super) const RECEIVE_MARK: Number = Number { level: libc::SOL_SOCKET, option: libc::SO_RCVMARK };
pub(super) const FANOUT: Number = Number { level: libc::SOL_PACKET, option: libc::PACKET_FANOUT };

pub(super) const ATTACH_REUSEPORT: OfProgram =
    OfProgram { level: libc::SOL_SOCKET, option: libc::SO_ATTACH_REUSEPORT_CBPF };
pub(super) const FANOUT_DATA: OfProgram = OfProgram { level: libc::SOL_PACKET, option: libc::PACKET_FANOUT_DATA };

/// The fanout of a packet socket whose group a classic program chooses from, for [`FANOUT`].
pub(super) const FANOUT_BY_PROGRAM: u16 = libc::PACKET_FANOUT_CBPF as u16;

/// The kernel reads and writes our instructions as its own.
const _: () = assert!(size_of::<RawInstruction>() == size_of::<libc::sock_filter>());
const _: () = assert!(align_of::<RawInstruction>() >= align_of::<libc::sock_filter>());

/// Sets an option to a number.
pub(super) fn set_number(socket: BorrowedFd, Number { level, option }: Number, value: c_int) -> io::Result<()> {
    // SAFETY: each constant of type `Number` names an option that is an int, so this is what the kernel reads.
    unsafe { set(socket, level, option, &value) }
}

/// Hands a program to an option.
pub(super) fn set_program(
    socket: BorrowedFd,
    OfProgram { level, option }: OfProgram,
    verified: &Verified,
) -> io::Result<()> {
    let instructions = verified.program().instructions();
    // A program that Linux takes has at most 4,096 instructions, which a u16 can count.
    let program = libc::sock_fprog {
        len: instructions.len() as u16,
        filter: instructions.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: each constant of type `OfProgram` names an option that is a `sock_fprog`. The kernel only reads through its
    // pointer, which is to `len` instructions of the same layout, and keeps a copy.
    unsafe { set(socket, level, option, &program) }
}

/// Sets an option.
///
/// # Safety
/// The option is of this type, and what the value points to is as the option asks for.
unsafe fn set<T>(socket: BorrowedFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let pointer = std::ptr::from_ref(value).cast();
    // SAFETY: the pointer is to as many bytes as said, and the kernel only reads them; the rest the caller promises.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, size_of::<T>() as socklen_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The program that is attached to a socket; empty if there is none.
///
/// This option counts instructions where others count bytes (`sk_get_filter` in `net/core/filter.c`).
pub(super) fn attached(socket: BorrowedFd) -> io::Result<Vec<RawInstruction>> {
    let mut instructions = vec![RawInstruction::default(); Dialect::Linux.max_len()];
    let mut len = instructions.len() as socklen_t;
    let pointer = instructions.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` instructions, for which there is room, and then their number to `len`.
    // Any bytes are an instruction.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_GET_FILTER, pointer, &raw mut len) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    instructions.truncate(len as usize);
    Ok(instructions)
}

/// Waits until each packet from the network that a filter has passed already is in its queue.
///
/// The kernel runs filters, and puts packets into queues, inside RCU read sections, and `MEMBARRIER_CMD_GLOBAL` returns when
/// all that had begun have ended (`kernel/sched/membarrier.c`). Kernels that refuse it (without `CONFIG_MEMBARRIER`, or with
/// `nohz_full`) get more time than a packet takes.
pub(super) fn wait_for_packets_under_way() {
    const MEMBARRIER_CMD_GLOBAL: c_int = 1;
    let [flags, cpu]: [c_int; 2] = [0, 0];
    // SAFETY: the call takes three numbers, and touches no memory of this process.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, flags, cpu) };
    if result != 0 {
        thread::sleep(Duration::from_millis(20));
    }
}

/// The size of `struct sockaddr_ll`.
const ADDRESS_LEN: usize = size_of::<libc::sockaddr_ll>();

/// Room for the control messages that a packet socket gives with a packet: the two of ours, and time stamps.
const CONTROL_LEN: usize = 512;

/// What a socket gives with a packet.
pub(super) struct Message {
    /// How many bytes of the packet were received.
    pub(super) len: usize,
    address: [u8; ADDRESS_LEN],
    control: [u8; CONTROL_LEN],
    control_len: usize,
}

impl Message {
    /// Receives a packet; waits for one, unless the socket does not wait.
    pub(super) fn receive(socket: BorrowedFd, buffer: &mut [u8]) -> io::Result<Message> {
        let (mut address, mut control) = ([0; ADDRESS_LEN], [0; CONTROL_LEN]);
        let mut bytes = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: no address, no bytes, no control message: zero is a value of each of its fields.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_name = address.as_mut_ptr().cast();
        header.msg_namelen = ADDRESS_LEN as socklen_t;
        header.msg_iov = &raw mut bytes;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_LEN as _;
        // SAFETY: the kernel writes to the three buffers, no more than said to each; they outlive the call, and any bytes
        // are values of theirs.
        let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) };
        let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
        Ok(Message { len, address, control, control_len: header.msg_controllen as usize })
    }

    /// The address, as bytes of a `struct sockaddr_ll`, if it is one: else of another family or zero.
    pub(super) fn address(&self) -> &[u8] {
        &self.address
    }

    /// The `struct tpacket_auxdata`, if the socket reports it.
    pub(super) fn auxdata(&self) -> Option<&[u8]> {
        self.control_message(libc::SOL_PACKET, libc::PACKET_AUXDATA)
    }

    /// The mark, if the socket reports it.
    pub(super) fn mark(&self) -> Option<u32> {
        let bytes = self.control_message(libc::SOL_SOCKET, libc::SO_MARK)?;
        bytes.first_chunk().copied().map(u32::from_ne_bytes)
    }

    /// The data of a control message: each has a `struct cmsghdr` and begins at a multiple of the size of a pointer.
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
