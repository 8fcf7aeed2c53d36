//! Memory for code: many filters packed into shared pages, which go when the last filter in them goes.
//!
//! Invariants
//! - Code pages are a file in memory that is mapped twice: once to write, once to execute. No mapping is ever both.
//! - A place is given out once and never again, so code that exists is never overwritten, not in a forked process
//!   either: a child does not go on in pages that it shares with its parent.
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
    /// The process that mapped it.
    process: u32,
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
        let process = std::process::id();
        if let Some(place) = current.as_mut().filter(|chunk| chunk.process == process).and_then(|c| c.take(len, align))
        {
            return Ok(place);
        }
        let mut chunk = Chunk::map(len.max(CHUNK).next_multiple_of(PAGE), process)?;
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
        }
    }
    #[cfg(not(target_arch = "aarch64"))]
    let _ = place.len;
}

#[cfg(target_os = "linux")]
mod system {
    //! A file in memory, mapped twice.

    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::ptr::{self, NonNull};
    use std::sync::Arc;

    use super::{Chunk, Mapping};

    impl Chunk {
        pub(super) fn map(len: usize, process: u32) -> io::Result<Chunk> {
            // SAFETY: the name is a string that ends with a NUL.
            let fd = unsafe { libc::memfd_create(c"cbpf".as_ptr(), libc::MFD_CLOEXEC) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the file is new, and nobody else has it.
            let file = unsafe { File::from_raw_fd(fd) };
            file.set_len(len as u64)?;
            let writable = Arc::new(Mapping::new(&file, len, libc::PROT_READ | libc::PROT_WRITE)?);
            let executable = Arc::new(Mapping::new(&file, len, libc::PROT_READ | libc::PROT_EXEC)?);
            Ok(Chunk { executable, writable, used: 0, process })
        }
    }

    impl Mapping {
        fn new(file: &File, len: usize, protection: libc::c_int) -> io::Result<Mapping> {
            // SAFETY: the system chooses an address range that nothing else uses.
            let start = unsafe { libc::mmap(ptr::null_mut(), len, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
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
    fn map(_len: usize, _process: u32) -> io::Result<Chunk> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
