//! System calls of Linux: a file in memory that is mapped twice, once near the program's text; and the bounds of
//! stacks.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Chunk, MappedPages, PAGE};

/// The largest distance between code and its caller that is predicted well, in bytes: the reach of 32 bits, less the
/// largest size of the program's text.
const REACH: usize = 0x7000_0000;

/// The distance between the addresses that are tried around the text, in bytes.
const STEP: usize = 64 << 20;

/// The longest time that a compilation waits for a moment in which the process is not being forked.
const PATIENCE: Duration = Duration::from_secs(1);

impl Chunk {
    pub(super) fn map(len: usize) -> io::Result<Chunk> {
        retry_if_forked(|| Chunk::map_now(len))
    }

    fn map_now(len: usize) -> io::Result<Chunk> {
        let file = file_in_memory(len)?;
        let none = libc::PROT_NONE;
        let writable = MappedPages::new(None, len, none, libc::MAP_SHARED, Some(&file))?;
        writable.advise(libc::MADV_DONTFORK)?;
        let executable = Arc::new(executable_near_text(len, &sealed(file)?)?);
        let data = libc::PROT_READ | libc::PROT_WRITE;
        let fork_mark = MappedPages::new(None, PAGE, data, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)?;
        if fork_mark.advise(libc::MADV_WIPEONFORK).is_ok() {
            // SAFETY: the page is mapped to be written, and nothing else refers to it yet.
            unsafe { fork_mark.start.write_volatile(1) };
        }
        Ok(Chunk { executable, writable, used: 0, fork_mark })
    }
}

/// The number of forks that have begun, and of those that have ended. Both count twice if two threads register the
/// handlers at once, which changes nothing.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// Calls `make` until no fork has overlapped the call; values that were made during a fork are dropped.
fn retry_if_forked<T>(make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    extern "C" fn begin() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
    }
    extern "C" fn end() {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
    /// Counts all forks as ended: the child has no other threads.
    extern "C" fn end_in_child() {
        ENDED.store(BEGUN.load(Ordering::SeqCst), Ordering::SeqCst);
    }
    static IS_COUNTED: AtomicBool = AtomicBool::new(false);
    if !IS_COUNTED.load(Ordering::SeqCst) {
        // SAFETY: the handlers only count.
        let outcome = unsafe { libc::pthread_atfork(Some(begin), Some(end), Some(end_in_child)) };
        if outcome != 0 {
            return Err(io::Error::from_raw_os_error(outcome));
        }
        IS_COUNTED.store(true, Ordering::SeqCst);
    }
    let start = Instant::now();
    loop {
        let ended = ENDED.load(Ordering::SeqCst);
        if BEGUN.load(Ordering::SeqCst) == ended {
            let made = make()?;
            if BEGUN.load(Ordering::SeqCst) == ended {
                return Ok(made);
            }
        }
        if start.elapsed() > PATIENCE {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the process was being forked during every attempt to map memory for code",
            ));
        }
        thread::yield_now();
    }
}

/// Maps the file to execute, near the program's text if possible: a call from there takes 0.6 ns less than one to the
/// far end of the address space, which is where the system puts mappings by default.
fn executable_near_text(len: usize, file: &File) -> io::Result<MappedPages> {
    /// The address of the last mapping.
    static LAST: AtomicUsize = AtomicUsize::new(usize::MAX);
    let text = executable_near_text as fn(_, _) -> _ as usize & !(PAGE - 1);
    let (code, steps) = (libc::PROT_READ | libc::PROT_EXEC, REACH / STEP);
    let map = |address| MappedPages::new(address, len, code, libc::MAP_SHARED, Some(file));
    // The heap grows above the text, so addresses there are tried last, the farthest first.
    let beside = LAST.load(Ordering::Relaxed).checked_sub(len).filter(|address| address.abs_diff(text) <= REACH);
    let below = (1..=steps).map_while(|step| text.checked_sub(step * STEP));
    let above = (1..=steps).rev().filter_map(|step| text.checked_add(step * STEP));
    let near = beside.into_iter().chain(below).chain(above).find_map(|address| map(Some(address)).ok());
    let mapping = near.map_or_else(|| map(None), Ok)?;
    LAST.store(mapping.start.as_ptr().addr(), Ordering::Relaxed);
    Ok(mapping)
}

/// Creates a file of `len` bytes in memory.
fn file_in_memory(len: usize) -> io::Result<File> {
    let limit = file_size_limit();
    if len as u64 > limit {
        let why =
            format!("a file of {len} bytes is needed, and the limit on file sizes (`ulimit -f`) is {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    let sealable = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // Kernels before 6.3 reject `MFD_EXEC`.
    let flags = [sealable | libc::MFD_EXEC, sealable];
    // SAFETY: the name ends with a NUL.
    let open = |flags| unsafe { libc::memfd_create(c"cbpf".as_ptr(), flags) };
    let fd = flags.into_iter().map(open).find(|&fd| fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the descriptor is new, and this is its only owner.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len as u64)?;
    Ok(file)
}

/// Seals the file: from now on it can be written only through existing mappings.
///
/// Linux before 5.1 has no such seal. There the file is opened again, read-only, so that later mappings of it cannot be
/// made writable.
fn sealed(file: File) -> io::Result<File> {
    let size = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: the descriptor is open, and the command takes a number.
    let add = |seals: libc::c_int| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } == 0;
    if add(size | libc::F_SEAL_FUTURE_WRITE) {
        return Ok(file);
    }
    if !add(size) {
        return Err(io::Error::last_os_error());
    }
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Returns the limit on file sizes, in bytes. To exceed it would not be an error, but a fatal signal.
fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the system writes into `limit`.
    match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
        0 => limit.rlim_cur,
        _ => u64::MAX,
    }
}

impl MappedPages {
    /// Maps `len` bytes, at `address` if it is given and free. Kernels before 4.17 may choose another one.
    fn new(
        address: Option<usize>,
        len: usize,
        protection: libc::c_int,
        flags: libc::c_int,
        file: Option<&File>,
    ) -> io::Result<MappedPages> {
        let flags = if address.is_some() { flags | libc::MAP_FIXED_NOREPLACE } else { flags };
        let address = ptr::without_provenance_mut(address.unwrap_or(0));
        let fd = file.map_or(-1, AsRawFd::as_raw_fd);
        // SAFETY: the system chooses an unused address range: `address` is a hint, or with MAP_FIXED_NOREPLACE must be
        // free.
        let start = unsafe { libc::mmap(address, len, protection, flags, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(MappedPages { start, len })
    }

    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the range is this mapping's, and the advice given concerns forked processes only.
        match unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, advice) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Makes the pages readable and writable, or inaccessible.
    pub(super) fn set_writable(&self, is_writable: bool) -> io::Result<()> {
        let protection = if is_writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
        // SAFETY: the range is this mapping's, and only `CodeSpace` refers to it, while it is open.
        match unsafe { libc::mprotect(self.start.as_ptr().cast(), self.len, protection) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for MappedPages {
    fn drop(&mut self) {
        // SAFETY: `new` mapped the range, and code in it is called only by owners of this value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Returns the size of the unused stack of this thread, in bytes, if the system reports it; 0 if the thread runs on a
/// stack of its own making, whose bounds are unknown.
pub(crate) fn stack_left() -> Option<usize> {
    thread_local! {
        static STACK: Cell<Option<Range<usize>>> = const { Cell::new(None) };
    }
    let stack =
        STACK.try_with(|known| known.take().or_else(stack_bounds).inspect(|stack| known.set(Some(stack.clone()))));
    let (stack, here) = (stack.ok()??, here());
    Some(if stack.contains(&here) { here - stack.start } else { 0 })
}

/// Returns an address at the end of the used stack.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// Returns the address range of this thread's stack, which for the main thread takes some time.
fn stack_bounds() -> Option<Range<usize>> {
    let mut attributes = MaybeUninit::uninit();
    let (mut start, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: the first call initialises the attributes, or fails; the others read them, and the last one destroys
    // them.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let outcomes = [
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size),
            libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard),
            libc::pthread_attr_destroy(attributes.as_mut_ptr()),
        ];
        // Some C libraries count the guard as part of the stack.
        (outcomes == [0; 3]).then_some(start.addr() + guard..start.addr() + size)
    }
}
