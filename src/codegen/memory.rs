//! Memory for code: many filters share pages, which are unmapped with the last filter in them.
//!
//! Invariants
//! - Code pages are a file in memory that is mapped twice: once to execute, and once to write while there is space. No
//!   mapping is ever both, and the writable one has access rights only while a compilation writes into it.
//! - Only these two mappings reach the code. The file is sealed against other writers (`F_SEAL_FUTURE_WRITE`), which
//!   holds for the executable mapping (`mprotect` cannot make it writable) and for a process that opens the file again,
//!   and its descriptor is closed. Forked processes do not inherit the writable mapping (`MADV_DONTFORK`), and a chunk
//!   that was mapped while the process was forked is discarded (`retry_if_forked`).
//! - A range of a chunk is handed out once and never again, so code is never overwritten. A forked process runs the
//!   code that it inherited, and maps chunks of its own.
//! - No thread waits for a lock: a chunk that is locked is skipped, so a process that was forked while another thread
//!   held a lock does not hang.
//! - A mapping lives as long as its owners: filters own the executable one, and a chunk that has space owns both.
//!
//! Limits: code that runs in this process may map anything. A process that may trace this one may write to it (ptrace,
//! `/proc/PID/mem`). A process that was forked by the bare system call, or while the first chunk was about to be
//! mapped, may have inherited the writable mapping if the fork fell into the microseconds in which another thread maps
//! a chunk.

#![expect(unsafe_code, reason = "maps memory and hands out pointers into it")]

mod system;

use std::io;
use std::mem;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};

pub(crate) use system::stack_left;

/// The size of a chunk, in bytes: space for about two hundred small filters.
const CHUNK: usize = 64 * 1024;

/// The size, in bytes, above which code gets a chunk of its own.
const LARGE: usize = CHUNK / 4;

/// The unit of mappings, in bytes: no machine that Cranelift supports has larger pages.
const PAGE: usize = 64 * 1024;

/// The chunks that have space. If more threads compile at once, the others map a chunk for each filter.
static OPEN: [Mutex<Option<Chunk>>; 8] = [const { Mutex::new(None) }; 8];

/// Mapped pages, which are unmapped on drop.
#[derive(Debug)]
pub(crate) struct MappedPages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the value is an address range that any thread may unmap; only `CodeSpace` hands out pointers into it.
unsafe impl Send for MappedPages {}
// SAFETY: as above; a shared reference changes nothing but the access rights, which the system serialises.
unsafe impl Sync for MappedPages {}

/// Pages whose space is handed out from front to back.
struct Chunk {
    executable: Arc<MappedPages>,
    /// Without access rights except between [`CodeSpace::open`] and [`CodeSpace::close`]. In a forked process the
    /// address range is unmapped, or belongs to another mapping.
    writable: MappedPages,
    used: usize,
    /// A page that is zero in a forked process.
    fork_mark: MappedPages,
}

/// Space in a chunk for the code of one function.
struct CodeSpace {
    chunk: Chunk,
    start: usize,
    end: usize,
}

/// Finished code, which stays mapped as long as its owner.
#[derive(Debug)]
pub(crate) struct PlacedCode {
    pages: Arc<MappedPages>,
    start: usize,
}

impl CodeSpace {
    /// Reserves `len` bytes, aligned to `align`, a power of two that is at most [`PAGE`].
    fn new(len: usize, align: usize) -> io::Result<CodeSpace> {
        if let Some(chunk) = if len <= LARGE { Chunk::take_open() } else { None } {
            let start = chunk.used.next_multiple_of(align);
            if start + len <= chunk.executable.len {
                return Ok(CodeSpace { chunk, start, end: start + len });
            }
        }
        let chunk = Chunk::map(len.max(CHUNK).next_multiple_of(PAGE))?;
        Ok(CodeSpace { chunk, start: 0, end: len })
    }

    /// Makes the chunk writable, and returns the address to write the code to.
    fn open(&mut self) -> io::Result<*mut u8> {
        self.chunk.writable.set_writable(true)?;
        // SAFETY: `new` has checked that `start` lies inside the mapping.
        Ok(unsafe { self.chunk.writable.start.as_ptr().add(self.start) })
    }

    /// Ends the writing of the code.
    fn close(mut self) -> io::Result<PlacedCode> {
        self.chunk.writable.set_writable(false)?;
        synchronize(self.chunk.executable.start.addr().get() + self.start, self.end - self.start);
        self.chunk.used = self.end;
        let (pages, start) = (self.chunk.executable.clone(), self.start);
        // A chunk without a mark, on old kernels, would be mistaken for its own by a forked process.
        if self.end - self.start <= LARGE && self.chunk.is_ours() {
            self.chunk.put_back();
        }
        Ok(PlacedCode { pages, start })
    }
}

/// The memory provider of a [`cranelift_jit::JITModule`], which defines one function, and so allocates once.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    /// Only the thread that compiles locks it.
    state: Arc<Mutex<ProviderState>>,
}

#[derive(Default)]
enum ProviderState {
    #[default]
    Empty,
    Writing(CodeSpace),
    Finished(PlacedCode),
}

impl Provider {
    /// Returns the code that the module has finished.
    pub(crate) fn into_code(self) -> Option<PlacedCode> {
        match Arc::into_inner(self.state)?.into_inner() {
            Ok(ProviderState::Finished(code)) => Some(code),
            _ => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JITMemoryProvider for Provider {
    fn allocate(&mut self, size: usize, align: u64, _kind: JITMemoryKind) -> io::Result<*mut u8> {
        let mut state = self.state();
        if !matches!(*state, ProviderState::Empty) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut space = CodeSpace::new(size, align as usize)?;
        let start = space.open()?;
        *state = ProviderState::Writing(space);
        Ok(start)
    }

    /// Does nothing: the last owner of the code frees it.
    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, _branch_protection: BranchProtection) -> ModuleResult<()> {
        let mut state = self.state();
        if let ProviderState::Writing(space) = mem::take(&mut *state) {
            let code = space.close().map_err(|err| ModuleError::Allocation { err })?;
            *state = ProviderState::Finished(code);
        }
        Ok(())
    }
}

impl PlacedCode {
    /// Returns the address of the code.
    pub(crate) fn address(&self) -> *const u8 {
        // SAFETY: `CodeSpace::new` has checked that `start` lies inside the mapping.
        unsafe { self.pages.start.as_ptr().add(self.start) }
    }

    /// Returns the owner of the pages.
    pub(crate) fn into_pages(self) -> Arc<MappedPages> {
        self.pages
    }
}

impl Chunk {
    /// Takes a chunk that has space, if one is unlocked.
    fn take_open() -> Option<Chunk> {
        let chunk = OPEN.iter().find_map(|slot| slot.try_lock().ok()?.take())?;
        if chunk.is_ours() {
            return Some(chunk);
        }
        // The writable mapping was not inherited: its address range may belong to another mapping of this process.
        mem::forget(chunk.writable);
        Chunk::take_open()
    }

    /// Leaves the chunk to the next filter. If all slots are occupied, its remaining space is lost.
    fn put_back(self) {
        let empty = OPEN.iter().filter_map(|slot| slot.try_lock().ok()).find(|slot| slot.is_none());
        if let Some(mut slot) = empty {
            *slot = Some(self);
        }
    }

    /// Returns whether this process mapped the chunk, and not a process that it was forked from.
    fn is_ours(&self) -> bool {
        // SAFETY: the mark is a mapped page, which only `map` writes to, before the chunk is shared.
        unsafe { self.fork_mark.start.read_volatile() != 0 }
    }
}

/// Does nothing: on x86-64 and s390x instruction fetches see what was written.
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
fn synchronize(_executable: usize, _len: usize) {}

/// Makes instruction fetches see what was written, in all threads of this process: an instruction (`fence.i`) would do
/// so for the current processor only (see `Documentation/arch/riscv/cmodx.rst` of Linux). Every kernel has the system
/// call. Some emulators do not, but they have no cache of instructions that were never executed.
#[cfg(target_arch = "riscv64")]
fn synchronize(executable: usize, len: usize) {
    /// `__NR_riscv_flush_icache`
    const FLUSH: libc::c_long = 259;
    let all_threads = 0;
    // SAFETY: the call writes no memory.
    unsafe { libc::syscall(FLUSH, executable, executable + len, all_threads) };
}

/// Makes instruction fetches see what was written.
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
        // The `isb` of the other processors, before they run code at an address that held other code. Kernels before
        // 4.16 do not have it, and offer no other way.
        for command in [
            libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
            libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
        ] {
            libc::syscall(libc::SYS_membarrier, command, 0, 0);
        }
    }
}
