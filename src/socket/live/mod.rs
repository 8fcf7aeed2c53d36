//! Live capture: the packets of an interface in a ring that is shared with the kernel.
//!
//! - [`Interface`] finds and lists interfaces.
//! - [`Options::open`] opens a [`Capture`], which lends the packets of one [`Block`] after the other, without a copy.
//! - A [`KernelFilter`] discards packets before they get into the ring. It is in place before the first packet arrives:
//!   the socket is created for no protocol, gets its filter and its ring, and is bound to the interface then.
//!
//! A capture needs `CAP_NET_RAW`. One thread reads a capture; with a [`Fanout`] several captures, each with its thread,
//! share the packets of an interface.
//!
//! ```no_run
//! use cbpf::socket::live::{Interface, KernelFilter, Options};
//! use cbpf::{LinkType, Target, compile_expression};
//!
//! let interface = Interface::find("eth0")?;
//! let target = Target::new(LinkType::new(interface.link_type().into())).linux_socket();
//! let program = compile_expression("tcp port 443", &target)?;
//! let mut capture = Options::new().open(&interface, KernelFilter::Program(&program))?;
//! loop {
//!     while capture.advance() {
//!         for (bytes, packet) in capture.block().iter() {
//!             println!("{} {} bytes of {}", packet.nanoseconds, bytes.len(), packet.wire_len);
//!         }
//!     }
//!     capture.wait(None, None)?;
//! }
//! # #[expect(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: `Documentation/networking/packet_mmap.rst`, `packet(7)`, `net/packet/af_packet.c` in Linux, and
//! `pcap-linux.c` in libpcap for the order of the calls and for what is put back into packets.

mod calls;
mod cooked;
mod interface;
mod options;
mod packet;
mod ring;
mod snaplen;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::ops::Add;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::Socket;

use crate::bpf::instruction::Instruction;
use crate::socket::error::{self, Error};
use calls::State;
use packet::Completion;
use ring::Ring;

pub use cooked::without_header;
pub use interface::Interface;
pub use options::{Fanout, KernelFilter, Options};
pub use packet::CapturedPacket;
pub use snaplen::with_snaplen;

/// The time between two looks at an interface that went down: the kernel does not report that it is removed then.
const LOOK: Duration = Duration::from_millis(100);

/// The packets of an interface, as they arrive.
pub struct Capture {
    ring: Ring,
    socket: Socket,
    interface: Interface,
    completion: Completion,
    block_timeout: Duration,
    /// The packets of the current block.
    packets: Vec<CapturedPacket>,
    statistics: Cell<Statistics>,
    /// Set while the interface is down.
    is_down: bool,
}

/// Packets in the memory of a ring.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    bytes: &'a [u8],
    packets: &'a [CapturedPacket],
}

impl<'a> Block<'a> {
    /// Returns the memory in which the packets lie.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the packets, in the order of arrival.
    pub fn packets(&self) -> &'a [CapturedPacket] {
        self.packets
    }

    /// Returns each packet with its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a CapturedPacket)> + use<'a> {
        let Block { bytes, packets } = *self;
        packets.iter().filter_map(move |packet| Some((bytes.get(packet.range.clone())?, packet)))
    }
}

/// The counts of a capture since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// The packets that the filter of the kernel kept, including dropped ones.
    pub received: u64,
    /// The packets that found no room in the ring.
    pub dropped: u64,
    /// How often the ring was full.
    pub freezes: u64,
}

/// The sum for several captures.
impl Add for Statistics {
    type Output = Statistics;

    fn add(self, other: Statistics) -> Statistics {
        Statistics {
            received: self.received + other.received,
            dropped: self.dropped + other.dropped,
            freezes: self.freezes + other.freezes,
        }
    }
}

impl Capture {
    /// Returns the current block to the kernel, and takes the next one. Returns whether there is one; if not,
    /// [`Capture::wait`] waits for it.
    pub fn advance(&mut self) -> bool {
        self.packets.clear();
        let is_filled = self.ring.advance();
        self.completion.complete(self.ring.block_mut(), &mut self.packets);
        is_filled
    }

    /// Returns the current block, which is empty before the first call of [`Capture::advance`] and after one that
    /// returned `false`.
    pub fn block(&self) -> Block<'_> {
        Block { bytes: self.ring.block(), packets: &self.packets }
    }

    /// Waits until a block is filled, until `wake` is readable, or until the timeout, whichever is first. It may also
    /// return earlier.
    ///
    /// An interface that is down is waited for: it may be up again later.
    ///
    /// # Errors
    /// [`Error::InterfaceGone`] if the interface was removed, or moved to another network namespace. All packets that
    /// were captured before can still be read: the error comes only if no block is filled. Other errors of the kernel.
    pub fn wait(&mut self, wake: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<(), Error> {
        let timeout = if self.is_down { Some(timeout.map_or(LOOK, |time| time.min(LOOK))) } else { timeout };
        let is_ready = calls::wait(self.socket.as_fd(), wake, timeout).map_err(Error::of(error::POLL))?;
        let error = if is_ready { self.socket.take_error().map_err(Error::of(error::SOCKET_ERROR))? } else { None };
        if let Some(error) = error {
            match error.raw_os_error() {
                Some(libc::ENETDOWN) => self.is_down = true,
                _ => return Err(Error::of(error::RECEIVE)(error)),
            }
        }
        if self.is_down {
            let state = calls::state(self.socket.as_fd()).map_err(Error::of(error::INTERFACE_FLAGS))?;
            match state {
                State::Gone => return self.ended(),
                State::Down => {}
                State::Up => self.is_down = false,
            }
        }
        Ok(())
    }

    /// Returns the error of a removed interface, after the last block was read. The kernel closes that block after the
    /// timeout of blocks.
    fn ended(&mut self) -> Result<(), Error> {
        // Removed interfaces deliver nothing, so a filled block is the last one.
        let patience = self.block_timeout.saturating_mul(4);
        let is_ready = calls::wait(self.socket.as_fd(), None, Some(patience)).map_err(Error::of(error::POLL))?;
        if is_ready { Ok(()) } else { Err(Error::InterfaceGone { name: self.interface.name.clone() }) }
    }

    /// Returns whether the interface is down, as far as [`Capture::wait`] has seen.
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// Ends the capture: no packets arrive from now on. Those that have arrived are in the next blocks, the last one of
    /// which is filled before [`Capture::last_wait`] has passed.
    ///
    /// # Errors
    /// Returns the error of the kernel; none is expected.
    pub fn stop(&self) -> Result<(), Error> {
        crate::socket::attach_valid(&self.socket, &[Instruction::ReturnConstant { verdict: 0 }.into()])
    }

    /// Returns the time after which a block is filled even if few packets have arrived.
    pub fn last_wait(&self) -> Duration {
        self.block_timeout.saturating_mul(4)
    }

    /// Returns the counts since the capture was opened.
    ///
    /// # Errors
    /// Returns the error of the kernel; none is expected.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        // The kernel counts from zero after each call.
        let new = calls::statistics(self.socket.as_fd()).map_err(Error::of(error::STATISTICS))?;
        let mut sum = self.statistics.get();
        sum.received += u64::from(new.tp_packets);
        sum.dropped += u64::from(new.tp_drops);
        sum.freezes += u64::from(new.tp_freeze_q_cnt);
        self.statistics.set(sum);
        Ok(sum)
    }

    /// Returns the interface.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Returns the LINKTYPE number of the packets.
    pub fn link_type(&self) -> u16 {
        self.interface.link_type()
    }
}

/// The socket, which is readable when a block is filled.
impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("interface", &self.interface).finish_non_exhaustive()
    }
}

/// Returns the error of a socket that was just bound, if it has one.
fn pending_error(socket: &Socket, interface: &Interface) -> Result<(), Error> {
    match socket.take_error().map_err(Error::of(error::SOCKET_ERROR))? {
        None => Ok(()),
        Some(pending) => Err(Error::of_binding(pending, interface)),
    }
}

impl Error {
    /// Returns the error of binding a socket to an interface.
    fn of_binding(error: io::Error, interface: &Interface) -> Error {
        let name = interface.name.clone();
        match error.raw_os_error() {
            Some(libc::ENETDOWN) => Error::InterfaceDown { name },
            Some(libc::ENODEV | libc::ENXIO) => Error::NoInterface { name },
            _ => Error::of(error::BIND)(error),
        }
    }
}
