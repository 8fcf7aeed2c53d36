//! The receive ring of a packet socket: blocks of packets in memory that is shared with the kernel (`TPACKET_V3`).
//!
//! - A block belongs to the kernel or to the process, as the bit `TP_STATUS_USER` of its status says. The process gets
//!   its bytes only between [`Ring::advance`], which has seen the bit, and the next one, which clears it.
//! - The kernel fills the blocks in turn, and the process reads them in that order.
//!
//! Source: `Documentation/networking/packet_mmap.rst`, and `packet_set_ring`, `prb_close_block` in
//! `net/packet/af_packet.c`.

#![expect(unsafe_code, reason = "memory that is shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

/// The offset of the status in a block (`struct tpacket_block_desc`): a 32-bit word at a multiple of 4.
const STATUS: usize = 8;

/// `TP_STATUS_KERNEL`, the status of a block that belongs to the kernel.
const OF_KERNEL: u32 = 0;

/// The ring of a socket.
pub(super) struct Ring {
    /// The first byte of the memory, which is mapped as long as the value exists.
    start: NonNull<u8>,
    block_size: usize,
    blocks: usize,
    /// The block to read next, or that is being read.
    current: usize,
    /// Set while the current block belongs to the process.
    is_taken: bool,
}

// SAFETY: the memory belongs to the value alone, and every thread may access it.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring of a socket, which has this many blocks (at least one) of this size (a multiple of the size of a
    /// page).
    pub(super) fn map(socket: BorrowedFd, block_size: usize, blocks: usize) -> io::Result<Ring> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: the kernel chooses an unused place. It refuses a length that is not that of the ring.
        let start = unsafe { libc::mmap(ptr::null_mut(), block_size * blocks, access, flags, socket.as_raw_fd(), 0) };
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => {
                Ok(Ring { start, block_size, blocks, current: 0, is_taken: false })
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Returns the current block to the kernel, and takes the next one. Returns whether the kernel had filled it.
    pub(super) fn advance(&mut self) -> bool {
        if self.is_taken {
            // The kernel sees everything that was written to the block before it gets it back.
            self.status().store(OF_KERNEL, Ordering::Release);
            self.current = (self.current + 1) % self.blocks;
        }
        self.is_taken = self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER != 0;
        self.is_taken
    }

    /// Returns the current block, or no bytes if it belongs to the kernel.
    pub(super) fn block(&self) -> &[u8] {
        let len = if self.is_taken { self.block_size } else { 0 };
        // SAFETY: the block lies in the mapped memory. The kernel neither writes to it nor reads more than its status
        // until `advance` returns it, which needs the value exclusively.
        unsafe { slice::from_raw_parts(self.current_start().as_ptr(), len) }
    }

    /// Returns the current block, or no bytes if it belongs to the kernel.
    pub(super) fn block_mut(&mut self) -> &mut [u8] {
        let len = if self.is_taken { self.block_size } else { 0 };
        // SAFETY: as in `block`; and the result borrows the value exclusively.
        unsafe { slice::from_raw_parts_mut(self.current_start().as_ptr(), len) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the status lies in the mapped memory, at a multiple of 4, as blocks begin at multiples of the size of
        // a page. The kernel accesses it atomically, and no slice of the block exists meanwhile.
        unsafe { AtomicU32::from_ptr(self.current_start().add(STATUS).as_ptr().cast()) }
    }

    fn current_start(&self) -> NonNull<u8> {
        // SAFETY: `current` is below `blocks`, so the place lies in the mapped memory.
        unsafe { self.start.add(self.current * self.block_size) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the memory was mapped with this length, and no reference to it outlives the value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.block_size * self.blocks) };
    }
}
