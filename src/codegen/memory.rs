//! Memory for code: many filters packed into shared pages, which go when the last filter in them goes.
//!
//! Invariants
//! - Code pages are a file in memory that is mapped twice: once to execute, and while there is room once to write. No
//!   mapping is ever both, and the one to write is without any rights but while a compilation writes into it.
//! - Nobody else can write to code. Behind these two mappings the file is sealed against others (`F_SEAL_FUTURE_WRITE`),
//!   which holds for the executable mapping (`mprotect` cannot make it writable) and for whoever opens the file again, and
//!   its descriptor is closed. Forked processes do not inherit the mapping to write (`MADV_DONTFORK`), and a chunk that
//!   was made while this process was forked, before all that was done, is thrown away (`undisturbed`).
//! - A place is given out once and never again, so code that exists is never overwritten. A forked process runs the code
//!   that it inherited and has chunks of its own.
//! - Nothing waits for a lock: a chunk that cannot be had at once is left alone, so a process that was forked while
//!   another thread had one is not held up.
//! - A mapping lives as long as somebody holds it: filters hold the executable one, and a chunk that has room both.
//!
//! What this does not prevent: code that runs in this process may map anything; a process that may trace this one may
//! write to it (ptrace, `/proc/PID/mem`); and one that was forked by the system call itself rather than by the C library,
//! or while the first chunk of this process was about to be made, may have inherited the mapping to write if that was
//! in the microseconds in which another thread makes a chunk.

#![expect(unsafe_code, reason = "maps memory and hands out pointers into it")]

use std::io;
use std::mem;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};

/// How much is mapped at a time, in bytes: some two hundred small filters.
const CHUNK: usize = 64 * 1024;

/// Code of more than this many bytes gets pages of its own.
const LARGE: usize = CHUNK / 4;

/// Mappings are whole pages; no machine that Cranelift knows has larger ones.
const PAGE: usize = 64 * 1024;

/// The chunks that have room. More threads than these that compile at once have a chunk for each filter.
static OPEN: [Mutex<Option<Chunk>>; 8] = [const { Mutex::new(None) }; 8];

/// Pages that are mapped, until this is dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is an address range that any thread may read, write or unmap; who writes where is up to `Room`.
unsafe impl Send for Mapping {}
// SAFETY: as above; nothing in it changes.
unsafe impl Sync for Mapping {}

/// Pages that are given out from the front to the back.
struct Chunk {
    executable: Arc<Mapping>,
    /// Without any rights but between [`Room::open`] and [`Room::close`]. Forked processes have something else there, or nothing.
    writable: Mapping,
    used: usize,
    /// A page that a forked process finds wiped.
    mark: Mapping,
}

/// Room for the code of one filter.
struct Room {
    chunk: Chunk,
    start: usize,
    end: usize,
}

/// Code in its place, which stays there as long as this.
#[derive(Debug)]
pub(crate) struct Place {
    memory: Arc<Mapping>,
    start: usize,
}

impl Room {
    /// Room for `len` bytes, aligned to `align`, a power of two that is no more than a page.
    fn new(len: usize, align: usize) -> io::Result<Room> {
        if let Some(chunk) = if len <= LARGE { Chunk::open() } else { None } {
            let start = chunk.used.next_multiple_of(align);
            if start + len <= chunk.executable.len {
                return Ok(Room { chunk, start, end: start + len });
            }
        }
        let chunk = Chunk::map(len.max(CHUNK).next_multiple_of(PAGE))?;
        Ok(Room { chunk, start: 0, end: len })
    }

    /// Lets the code be written, and returns where.
    fn open(&mut self) -> io::Result<*mut u8> {
        self.chunk.writable.allow_writing(true)?;
        // SAFETY: the room lies inside the mapping.
        Ok(unsafe { self.chunk.writable.start.as_ptr().add(self.start) })
    }

    /// Ends writing: from now on the code stands in its place.
    fn close(mut self) -> io::Result<Place> {
        self.chunk.writable.allow_writing(false)?;
        synchronize(self.chunk.executable.start.addr().get() + self.start, self.end - self.start);
        self.chunk.used = self.end;
        let (memory, start) = (self.chunk.executable.clone(), self.start);
        // Where the system cannot mark a chunk, a forked process would take it for its own.
        if self.end - self.start <= LARGE && self.chunk.is_ours() {
            self.chunk.put_back();
        }
        Ok(Place { memory, start })
    }
}

/// What a [`cranelift_jit::JITModule`] asks for memory: it compiles one function, so it asks once.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    /// Only the thread that compiles locks it.
    progress: Arc<Mutex<Progress>>,
}

/// How far the code of a module has come.
#[derive(Default)]
enum Progress {
    #[default]
    Empty,
    Written(Room),
    Finished(Place),
}

impl Provider {
    /// Returns the code that the module finished.
    pub(crate) fn into_place(self) -> Option<Place> {
        match Arc::into_inner(self.progress)?.into_inner() {
            Ok(Progress::Finished(place)) => Some(place),
            _ => None,
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JITMemoryProvider for Provider {
    fn allocate(&mut self, size: usize, align: u64, _kind: JITMemoryKind) -> io::Result<*mut u8> {
        let mut progress = self.progress();
        if !matches!(*progress, Progress::Empty) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut room = Room::new(size, align as usize)?;
        let start = room.open()?;
        *progress = Progress::Written(room);
        Ok(start)
    }

    /// Nothing to do: code goes when its last owner goes.
    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, _branch_protection: BranchProtection) -> ModuleResult<()> {
        let mut progress = self.progress();
        if let Progress::Written(room) = mem::take(&mut *progress) {
            let place = room.close().map_err(|err| ModuleError::Allocation { err })?;
            *progress = Progress::Finished(place);
        }
        Ok(())
    }
}

impl Place {
    /// Where the code begins.
    pub(crate) fn address(&self) -> *const u8 {
        // SAFETY: `Room` lies inside the mapping.
        unsafe { self.memory.start.as_ptr().add(self.start) }
    }

    /// What keeps the code in place.
    pub(crate) fn into_memory(self) -> Arc<Mapping> {
        self.memory
    }
}

impl Chunk {
    /// Takes a chunk that has room, if one is at hand.
    fn open() -> Option<Chunk> {
        let chunk = OPEN.iter().find_map(|slot| slot.try_lock().ok()?.take())?;
        if chunk.is_ours() {
            return Some(chunk);
        }
        // It was not inherited, and what is there now is somebody else's.
        mem::forget(chunk.writable);
        Chunk::open()
    }

    /// Leaves the chunk to the next filter. If there are enough already, its room is lost.
    fn put_back(self) {
        let empty = OPEN.iter().filter_map(|slot| slot.try_lock().ok()).find(|slot| slot.is_none());
        if let Some(mut slot) = empty {
            *slot = Some(self);
        }
    }

    /// Whether this process mapped it, and not one that it was forked from.
    fn is_ours(&self) -> bool {
        // SAFETY: the mark is a mapped page, which only `map` writes, and only a fork changes.
        unsafe { self.mark.start.read_volatile() != 0 }
    }
}

/// Makes the instruction fetch see what was written, where the machine does not see to it.
#[cfg(not(target_arch = "aarch64"))]
fn synchronize(_executable: usize, _len: usize) {}

/// Makes the instruction fetch see what was written.
#[cfg(target_arch = "aarch64")]
fn synchronize(executable: usize, len: usize) {
    /// The smallest cache line that the architecture allows, in bytes.
    const LINE: usize = 16;
    let lines = || (executable & !(LINE - 1)..executable + len).step_by(LINE);
    // SAFETY: these instructions write no memory; the addresses are mapped to be read.
    unsafe {
        for line in lines() {
            std::arch::asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags));
        }
        std::arch::asm!("dsb ish", options(nostack, preserves_flags));
        for line in lines() {
            std::arch::asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags));
        }
        std::arch::asm!("dsb ish", "isb", options(nostack, preserves_flags));
        // The `isb` of the other processors, before they run what may stand where other code stood. Kernels before
        // 4.16 have none, and no other way.
        for command in [
            libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
            libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
        ] {
            libc::syscall(libc::SYS_membarrier, command, 0, 0);
        }
    }
}

#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
pub(crate) use system::stack_left;

#[cfg(not(target_os = "linux"))]
impl Chunk {
    /// Files in memory that can be mapped twice are Linux's.
    fn map(_len: usize) -> io::Result<Chunk> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(target_os = "linux"))]
impl Mapping {
    fn allow_writing(&self, _is_allowed: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How much stack this thread has left, in bytes, if that is known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stack_left() -> Option<usize> {
    None
}
