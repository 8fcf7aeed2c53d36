//! The options of a capture, and its opening.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::bpf::instruction::Instruction;
use crate::bpf::program::Program;
use crate::socket;
use crate::socket::error::{self, Error};
use crate::socket::live::interface::Interface;
use crate::socket::live::packet::{Completion, RESERVED};
use crate::socket::live::ring::Ring;
use crate::socket::live::{Capture, Statistics, calls, pending_error};

/// The size of a block, in bytes: a multiple of the size of a page, and more than the longest packet.
const BLOCK: usize = 1 << 20;

/// The most blocks of a ring.
const MOST_BLOCKS: usize = 1 << 14;

/// The size of a frame, of which version 3 of the ring needs only that blocks are a multiple of it.
const FRAME: usize = 1 << 11;

/// What the kernel runs on each packet before it gets into the ring. The result is the number of bytes to keep.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum KernelFilter<'a> {
    /// Nothing: all packets are captured.
    All,
    /// A classic program, valid in [`Dialect::Linux`](crate::Dialect::Linux).
    Program(&'a Program),
    /// A loaded program of eBPF for sockets, as [`load_ebpf`](crate::socket::load_ebpf) returns it.
    Ebpf(BorrowedFd<'a>),
}

/// A group of captures that share the packets of an interface. The packets of a flow go to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fanout {
    group: Option<u16>,
    flags: u16,
}

impl Fanout {
    /// Begins a group, whose number the kernel chooses. [`Capture::fanout`] returns the group for the other members.
    pub fn new() -> Fanout {
        Fanout::default()
    }

    /// Sets whether the kernel reassembles IPv4 fragments first, so that all of a flow go to one member. By default it
    /// does not, and captures them as they came.
    pub fn defragment(self, yes: bool) -> Fanout {
        self.with(calls::DEFRAGMENT, yes)
    }

    /// Sets whether packets go to another member if the ring of theirs is full. By default they are dropped.
    pub fn roll_over(self, yes: bool) -> Fanout {
        self.with(calls::ROLLOVER, yes)
    }

    fn with(self, flag: u16, yes: bool) -> Fanout {
        Fanout { flags: if yes { self.flags | flag } else { self.flags & !flag }, ..self }
    }

    /// Adds a bound socket to the group, or begins it.
    fn join(self, socket: &Socket) -> Result<(), Error> {
        let unique = if self.group.is_none() { calls::UNIQUE } else { 0 };
        let mode = calls::BY_HASH | self.flags | unique;
        let value = u32::from(mode) << 16 | u32::from(self.group.unwrap_or(0));
        calls::set(socket.as_fd(), &calls::FANOUT, &value).map_err(Error::of(error::FANOUT_BY_HASH))
    }
}

/// The options of a capture.
#[derive(Clone, Debug)]
pub struct Options {
    snaplen: u32,
    buffer_size: usize,
    block_timeout: Duration,
    is_promiscuous: bool,
    fanout: Option<Fanout>,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// Creates the default options: whole packets, a ring of 32 MiB, blocks of at most 50 ms, promiscuous mode.
    pub fn new() -> Options {
        Options {
            snaplen: 262_144,
            buffer_size: 32 << 20,
            block_timeout: Duration::from_millis(50),
            is_promiscuous: true,
            fanout: None,
        }
    }

    /// Sets the most bytes of a packet; 262,144 by default. A filter that is a classic or an eBPF program truncates
    /// packets, too.
    pub fn snaplen(self, snaplen: u32) -> Options {
        Options { snaplen, ..self }
    }

    /// Sets the size of the ring, in bytes; 32 MiB by default. It is rounded to 2 or more blocks of 1 MiB.
    pub fn buffer_size(self, buffer_size: usize) -> Options {
        Options { buffer_size, ..self }
    }

    /// Sets the time after which the kernel passes a block that is not full, in whole milliseconds from 1; 50 by
    /// default.
    pub fn block_timeout(self, block_timeout: Duration) -> Options {
        Options { block_timeout, ..self }
    }

    /// Sets whether the interface receives packets for other hosts, as long as the capture is open. By default it does.
    pub fn promiscuous(self, yes: bool) -> Options {
        Options { is_promiscuous: yes, ..self }
    }

    /// Sets the group of the capture. By default there is none.
    pub fn fanout(self, fanout: impl Into<Option<Fanout>>) -> Options {
        Options { fanout: fanout.into(), ..self }
    }

    /// Opens a capture.
    ///
    /// # Errors
    /// - [`Error::NoPrivilege`]: the process lacks `CAP_NET_RAW`.
    /// - [`Error::NoInterface`], [`Error::InterfaceDown`].
    /// - [`Error::Program`]: the program is not valid in the Linux dialect.
    /// - [`Error::Kernel`]: another call failed, such as for the memory of the ring.
    pub fn open(&self, interface: &Interface, filter: KernelFilter<'_>) -> Result<Capture, Error> {
        let kind = if interface.is_cooked() { Type::DGRAM } else { Type::RAW };
        let socket = Socket::new(Domain::PACKET, kind, None).map_err(Error::of_opening)?;
        let block_timeout = self.block_timeout.clamp(Duration::from_millis(1), Duration::from_secs(10));
        // A member of a group receives all packets until it has joined.
        match self.fanout {
            Some(_) => socket::attach_valid(&socket, &[verdict(0)])?,
            None => self.attach(&socket, filter)?,
        }
        let ring = self.ring(&socket, block_timeout)?;
        if self.is_promiscuous && interface.index != 0 {
            let request = libc::packet_mreq {
                mr_ifindex: interface.index as i32,
                mr_type: libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            };
            calls::set(socket.as_fd(), &calls::MEMBERSHIP, &request)
                .map_err(|error| Error::of_binding(error, interface))?;
        }
        calls::bind(socket.as_fd(), interface.index).map_err(|error| Error::of_binding(error, interface))?;
        pending_error(&socket, interface)?;
        if let Some(fanout) = self.fanout {
            fanout.join(&socket)?;
            self.attach(&socket, filter)?;
        }
        Ok(Capture {
            ring,
            socket,
            completion: Completion { link_type: interface.link_type(), snaplen: self.snaplen as usize },
            interface: interface.clone(),
            block_timeout,
            packets: Vec::new(),
            statistics: Cell::new(Statistics::default()),
            is_down: false,
        })
    }

    /// Attaches a filter, or one that truncates packets.
    fn attach(&self, socket: &Socket, filter: KernelFilter<'_>) -> Result<(), Error> {
        match filter {
            KernelFilter::All => socket::attach_valid(socket, &[verdict(self.snaplen)]),
            KernelFilter::Program(program) => socket::attach(socket, program),
            KernelFilter::Ebpf(program) => socket::attach_ebpf(socket, program),
        }
    }

    /// Makes the ring of a socket.
    fn ring(&self, socket: &Socket, block_timeout: Duration) -> Result<Ring, Error> {
        let blocks = (self.buffer_size / BLOCK).clamp(2, MOST_BLOCKS);
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: FRAME as u32,
            tp_frame_nr: (blocks * (BLOCK / FRAME)) as u32,
            tp_retire_blk_tov: block_timeout.as_millis() as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        let socket = socket.as_fd();
        calls::set(socket, &calls::VERSION, &calls::TPACKET_V3).map_err(Error::of(error::RING_VERSION))?;
        calls::set(socket, &calls::RESERVE, &(RESERVED as u32)).map_err(Error::of(error::RESERVE))?;
        calls::set(socket, &calls::RECEIVE_RING, &request).map_err(Error::of(error::RECEIVE_RING))?;
        Ring::map(socket, BLOCK, blocks).map_err(Error::of(error::MAP))
    }
}

impl Capture {
    /// Returns the group of the capture, for [`Options::fanout`] of further members.
    ///
    /// # Errors
    /// Fails if the capture is in no group.
    pub fn fanout(&self, flags: Fanout) -> Result<Fanout, Error> {
        let group = calls::fanout_group(self.as_fd()).map_err(Error::of(error::GET_FANOUT))?;
        Ok(Fanout { group: Some(group), ..flags })
    }
}

/// Returns the instruction that keeps this many bytes of all packets.
fn verdict(verdict: u32) -> crate::bpf::instruction::RawInstruction {
    Instruction::ReturnConstant { verdict }.into()
}
