//! Memory for code: many filters packed into shared pages, which go when the last filter in them goes.
//!
//! Invariants
//! - Code pages are a file in memory that is mapped twice: once to write, once to execute. No mapping is ever both.
//! - A place is given out once and never again, so code that exists is never overwritten, not in a forked process
//!   either: a child does not go on in pages that it shares with its parent. (As with any lock, a child that is forked
//!   while another thread reserves a place finds the lock taken for good.)
//! - Both mappings live as long as somebody holds them: filters hold the executable one, and a compilation that is
//!   under way the writable one.

#![expect(unsafe_code, reason = "maps memory and hands out pointers into it")]

use std::io;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::ModuleResult;

/// How much is mapped at a time, in bytes: some two hundred small filters.
const CHUNK: usize = 64 * 1024;

/// Mappings are whole pages; no machine that Cranelift knows has larger ones.
const PAGE: usize = 64 * 1024;

/// The chunk in which the next filters find their place.
static CURRENT: Mutex<Option<Chunk>> = Mutex::new(None);

/// Pages that are mapped, until this is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is an address range that any thread may read, write or unmap; who writes where is up to `Place`.
unsafe impl Send for Mapping {}
// SAFETY: as above; nothing in it changes.
unsafe impl Sync for Mapping {}

/// Pages that are given out from the front to the back.
struct Chunk {
    executable: Arc<Mapping>,
    writable: Arc<Mapping>,
    used: usize,
    /// A page that a forked process finds wiped.
    mark: Mapping,
}

/// A place for code that belongs to one filter.
#[derive(Debug)]
pub(super) struct Place {
    executable: Arc<Mapping>,
    writable: Arc<Mapping>,
    offset: usize,
    len: usize,
}

impl Place {
    /// A place of `len` bytes, aligned to `align`.
    fn reserve(len: usize, align: usize) -> io::Result<Place> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = current.as_mut().filter(|chunk| chunk.is_ours()).and_then(|c| c.take(len, align)) {
            return Ok(place);
        }
        let mut chunk = Chunk::map(len.max(CHUNK).next_multiple_of(PAGE))?;
        let place = chunk.take(len, align).ok_or(io::ErrorKind::OutOfMemory)?;
        if len <= CHUNK / 4 {
            *current = Some(chunk);
        }
        Ok(place)
    }

    /// Where the code is written.
    fn writable(&self) -> *mut u8 {
        // SAFETY: `Chunk::take` gave out an offset inside the mapping.
        unsafe { self.writable.start.as_ptr().add(self.offset) }
    }

    /// Where the code is executed.
    pub(super) fn executable(&self) -> *const u8 {
        // SAFETY: both mappings have the same length.
        unsafe { self.executable.start.as_ptr().add(self.offset) }
    }

    /// What keeps the code in place.
    pub(super) fn into_memory(self) -> Arc<Mapping> {
        self.executable
    }
}

impl Chunk {
    /// Whether this process mapped it, and not one that it was forked from.
    fn is_ours(&self) -> bool {
        // SAFETY: the mark is a mapped page, which only `map` writes, and only a fork changes.
        unsafe { self.mark.start.read_volatile() != 0 }
    }

    fn take(&mut self, len: usize, align: usize) -> Option<Place> {
        let offset = self.used.next_multiple_of(align);
        let end = offset.checked_add(len).filter(|&end| end <= self.executable.len)?;
        self.used = end;
        let (executable, writable) = (self.executable.clone(), self.writable.clone());
        Some(Place { executable, writable, offset, len })
    }
}

/// What a [`cranelift_jit::JITModule`] asks for memory: it compiles one function, so it asks once.
#[derive(Clone, Default)]
pub(super) struct Provider {
    place: Arc<OnceLock<Place>>,
}

impl Provider {
    /// The place that the module filled.
    pub(super) fn into_place(self) -> Option<Place> {
        Arc::into_inner(self.place)?.into_inner()
    }
}

impl JITMemoryProvider for Provider {
    fn allocate(&mut self, size: usize, align: u64, _kind: JITMemoryKind) -> io::Result<*mut u8> {
        let place = Place::reserve(size, align as usize)?;
        let writable = place.writable();
        match self.place.set(place) {
            Ok(()) => Ok(writable),
            Err(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Nothing to do: the place goes when its last owner goes.
    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, _branch_protection: BranchProtection) -> ModuleResult<()> {
        if let Some(place) = self.place.get() {
            synchronize(place);
        }
        Ok(())
    }
}

/// Makes the instruction fetch see what was written, where the machine does not see to it.
fn synchronize(place: &Place) {
    #[cfg(target_arch = "aarch64")]
    {
        /// The smallest cache line that the architecture allows, in bytes.
        const LINE: usize = 16;
        let lines = |start: usize| (start & !(LINE - 1)..start + place.len).step_by(LINE);
        // SAFETY: these instructions write no memory; the addresses are mapped.
        unsafe {
            for line in lines(place.writable() as usize) {
                std::arch::asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags));
            }
            std::arch::asm!("dsb ish", options(nostack, preserves_flags));
            for line in lines(place.executable() as usize) {
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
    #[cfg(not(target_arch = "aarch64"))]
    let _ = place.len;
}

#[cfg(target_os = "linux")]
mod system {
    //! A file in memory, mapped twice: somewhere, and near the program's text.

    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::ptr::{self, NonNull};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Chunk, Mapping, PAGE};

    /// How far from its caller code may lie to be predicted well, in bytes: what 32 bits reach, less what the program's
    /// text may take.
    const REACH: usize = 0x7000_0000;

    /// How far apart the addresses are that are tried around the text, in bytes.
    const STEP: usize = 64 << 20;

    impl Chunk {
        pub(super) fn map(len: usize) -> io::Result<Chunk> {
            let file = file_in_memory(len)?;
            let (fd, data) = (file.as_raw_fd(), libc::PROT_READ | libc::PROT_WRITE);
            let writable = Arc::new(Mapping::new(None, len, data, libc::MAP_SHARED, fd)?);
            let executable = Arc::new(executable_near_text(len, fd)?);
            let mark = Mapping::new(None, PAGE, data, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)?;
            // SAFETY: the page is mapped, and nobody else has it.
            unsafe {
                if libc::madvise(mark.start.as_ptr().cast(), PAGE, libc::MADV_WIPEONFORK) == 0 {
                    mark.start.write_volatile(1);
                }
            }
            Ok(Chunk { executable, writable, used: 0, mark })
        }
    }

    /// The file, to execute, near the program's text if there is room: a call from there takes 0.6 ns less than one to the
    /// far end of the address space, where the system puts what it may put anywhere.
    fn executable_near_text(len: usize, fd: libc::c_int) -> io::Result<Mapping> {
        /// Where the last one was put.
        static LAST: AtomicUsize = AtomicUsize::new(usize::MAX);
        let text = executable_near_text as fn(_, _) -> _ as usize & !(PAGE - 1);
        let (code, steps) = (libc::PROT_READ | libc::PROT_EXEC, REACH / STEP);
        let map = |place| Mapping::new(place, len, code, libc::MAP_SHARED, fd);
        // Below the text nothing grows; above it the heap does, which keeps as much room as can be.
        let beside = LAST.load(Ordering::Relaxed).checked_sub(len).filter(|place| place.abs_diff(text) <= REACH);
        let below = (1..=steps).map_while(|step| text.checked_sub(step * STEP));
        let above = (1..=steps).rev().filter_map(|step| text.checked_add(step * STEP));
        let near = beside.into_iter().chain(below).chain(above).find_map(|place| map(Some(place)).ok());
        let mapping = near.map_or_else(|| map(None), Ok)?;
        LAST.store(mapping.start.as_ptr().addr(), Ordering::Relaxed);
        Ok(mapping)
    }

    /// A file of that length which no directory names.
    fn file_in_memory(len: usize) -> io::Result<File> {
        if len as u64 > file_size_limit() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // Older kernels do not know that a file in memory can be without the right to be executed.
        let flags = [libc::MFD_CLOEXEC | libc::MFD_EXEC, libc::MFD_CLOEXEC];
        // SAFETY: the name is a string that ends with a NUL.
        let open = |flags| unsafe { libc::memfd_create(c"cbpf".as_ptr(), flags) };
        let fd = flags.into_iter().map(open).find(|&fd| fd >= 0).ok_or_else(io::Error::last_os_error)?;
        // SAFETY: the file is new, and nobody else has it.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(len as u64)?;
        Ok(file)
    }

    /// The most bytes that a file of this process may have: a longer one would not be an error, but a fatal signal.
    fn file_size_limit() -> u64 {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the system writes into `limit`.
        match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
            0 => limit.rlim_cur,
            _ => u64::MAX,
        }
    }

    impl Mapping {
        /// Maps `len` bytes at `place`, if that is given: an error if it is taken. Kernels before 4.17 may choose another.
        fn new(
            place: Option<usize>,
            len: usize,
            protection: libc::c_int,
            flags: libc::c_int,
            fd: libc::c_int,
        ) -> io::Result<Mapping> {
            let flags = if place.is_some() { flags | libc::MAP_FIXED_NOREPLACE } else { flags };
            let place = ptr::without_provenance_mut(place.unwrap_or(0));
            // SAFETY: the system chooses an address range that nothing else uses, or takes this one if nothing does.
            let start = unsafe { libc::mmap(place, len, protection, flags, fd, 0) };
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(Mapping { start, len })
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: the range was mapped by `new`, and its last owner is going.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Chunk {
    /// Files in memory that can be mapped twice are Linux's.
    fn map(_len: usize) -> io::Result<Chunk> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
