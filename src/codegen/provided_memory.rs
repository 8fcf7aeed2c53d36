//! Memory for code outside of Linux: each filter has pages of its own, which cranelift-jit maps and protects.
//!
//! Invariants
//! - Pages are writable until the code is finished, and executable from then on. (On Windows they are both for the
//!   moment between two system calls that map them, while they are empty.)
//! - One module makes one function, and its pages are unmapped with the last owner: cranelift-jit alone would leak
//!   them. That holds for errors and panics, too.
//!
//! What this relies on in cranelift-jit (`SystemMemoryProvider`): `finalize` makes instruction fetches see the code. It
//! flushes the cache on Windows. Elsewhere on aarch64 it counts on the system, which does so when `mprotect` makes a
//! written page executable. On macOS the pages are plain ones, without `MAP_JIT`: a process with the hardened runtime
//! needs the entitlement `com.apple.security.cs.allow-unsigned-executable-memory`, or has no native code.

#![expect(unsafe_code, reason = "frees memory that holds code")]

use std::fmt;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider, SystemMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};

/// Mapped pages, which are unmapped on drop.
pub(crate) struct MappedPages(Mutex<SystemMemoryProvider>);

impl MappedPages {
    fn lock(&self) -> MutexGuard<'_, SystemMemoryProvider> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MappedPages {
    fn drop(&mut self) {
        // SAFETY: code in the pages is called only by owners of this value.
        unsafe { self.lock().free_memory() };
    }
}

impl fmt::Debug for MappedPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedPages").finish_non_exhaustive()
    }
}

/// Finished code, which stays mapped as long as its owner.
#[derive(Debug)]
pub(crate) struct PlacedCode {
    pages: Arc<MappedPages>,
    address: AtomicPtr<u8>,
}

impl PlacedCode {
    /// Returns the address of the code.
    pub(crate) fn address(&self) -> *const u8 {
        self.address.load(Ordering::Relaxed)
    }

    /// Returns the owner of the pages.
    pub(crate) fn into_pages(self) -> Arc<MappedPages> {
        self.pages
    }
}

/// The memory provider of a [`cranelift_jit::JITModule`], which defines one function, and so allocates once.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Allocation>);

struct Allocation {
    pages: Arc<MappedPages>,
    /// The address of the allocation, or null.
    start: AtomicPtr<u8>,
    /// The address of the finished code, or null.
    finished: AtomicPtr<u8>,
}

impl Default for Provider {
    fn default() -> Provider {
        let pages = Arc::new(MappedPages(Mutex::new(SystemMemoryProvider::new())));
        let [start, finished] = [(); 2].map(|()| AtomicPtr::new(ptr::null_mut()));
        Provider(Arc::new(Allocation { pages, start, finished }))
    }
}

impl Provider {
    /// Returns the code that the module has finished.
    pub(crate) fn into_code(self) -> Option<PlacedCode> {
        let address = self.0.finished.load(Ordering::Relaxed);
        (!address.is_null()).then(|| PlacedCode { pages: self.0.pages.clone(), address: AtomicPtr::new(address) })
    }
}

impl JITMemoryProvider for Provider {
    fn allocate(&mut self, size: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
        if !self.0.start.load(Ordering::Relaxed).is_null() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let start = self.0.pages.lock().allocate(size, align, kind)?;
        self.0.start.store(start, Ordering::Relaxed);
        Ok(start)
    }

    /// Does nothing: the last owner of the code frees it.
    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, branch_protection: BranchProtection) -> ModuleResult<()> {
        self.0.pages.lock().finalize(branch_protection).map_err(|error| match error {
            // The system refuses executable memory.
            ModuleError::Backend(error) => ModuleError::Allocation { err: io::Error::other(format!("{error:#}")) },
            error => error,
        })?;
        self.0.finished.store(self.0.start.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }
}

/// Returns 0: the bounds of stacks are unknown here, so each compilation runs in a thread of its own, which has enough.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stack_left() -> Option<usize> {
    Some(0)
}
