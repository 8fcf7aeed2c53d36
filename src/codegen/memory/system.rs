//! What Linux gives: a file in memory, mapped twice, somewhere and near the program's text; and the bounds of a stack.

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

use super::{Chunk, Mapping, PAGE};

/// How far from its caller code may lie to be predicted well, in bytes: what 32 bits reach, less what the program's
/// text may take.
const REACH: usize = 0x7000_0000;

/// How far apart the addresses are that are tried around the text, in bytes.
const STEP: usize = 64 << 20;

/// How long a compilation waits for a moment in which the process is not being forked.
const PATIENCE: Duration = Duration::from_secs(1);

impl Chunk {
    pub(crate) fn map(len: usize) -> io::Result<Chunk> {
        undisturbed(|| Chunk::map_now(len))
    }

    fn map_now(len: usize) -> io::Result<Chunk> {
        let file = file_in_memory(len)?;
        let none = libc::PROT_NONE;
        let writable = Mapping::new(None, len, none, libc::MAP_SHARED, Some(&file))?;
        writable.advise(libc::MADV_DONTFORK)?;
        let executable = Arc::new(executable_near_text(len, &sealed(file)?)?);
        let data = libc::PROT_READ | libc::PROT_WRITE;
        let mark = Mapping::new(None, PAGE, data, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)?;
        if mark.advise(libc::MADV_WIPEONFORK).is_ok() {
            // SAFETY: the page is mapped, and nobody else has it.
            unsafe { mark.start.write_volatile(1) };
        }
        Ok(Chunk { executable, writable, used: 0, mark })
    }
}

/// How many forks have begun, and how many of them have ended. They are counted twice if two threads register the
/// handlers at once, which changes nothing.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// Has `make` make something while the process is not forked: what was made meanwhile is dropped, and made anew.
fn undisturbed<T>(make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    extern "C" fn begin() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
    }
    extern "C" fn end() {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
    /// Other threads that were forking are not there.
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
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the process is forked all the time"));
        }
        thread::yield_now();
    }
}

/// The file, to execute, near the program's text if there is room: a call from there takes 0.6 ns less than one to the
/// far end of the address space, where the system puts what it may put anywhere.
fn executable_near_text(len: usize, file: &File) -> io::Result<Mapping> {
    /// Where the last one was put.
    static LAST: AtomicUsize = AtomicUsize::new(usize::MAX);
    let text = executable_near_text as fn(_, _) -> _ as usize & !(PAGE - 1);
    let (code, steps) = (libc::PROT_READ | libc::PROT_EXEC, REACH / STEP);
    let map = |place| Mapping::new(place, len, code, libc::MAP_SHARED, Some(file));
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
    let limit = file_size_limit();
    if len as u64 > limit {
        let why = format!("it takes {len} bytes, and the limit on the size of files (`ulimit -f`) is {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    let sealable = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // Older kernels do not know that a file in memory can be without the right to be executed.
    let flags = [sealable | libc::MFD_EXEC, sealable];
    // SAFETY: the name is a string that ends with a NUL.
    let open = |flags| unsafe { libc::memfd_create(c"cbpf".as_ptr(), flags) };
    let fd = flags.into_iter().map(open).find(|&fd| fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the file is new, and nobody else has it.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len as u64)?;
    Ok(file)
}

/// The file, which from now on nobody can write to but through mappings that exist.
///
/// Linux before 5.1 has no such seal. There the file is opened anew, to be read: what is mapped of it then cannot be
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
        file: Option<&File>,
    ) -> io::Result<Mapping> {
        let flags = if place.is_some() { flags | libc::MAP_FIXED_NOREPLACE } else { flags };
        let place = ptr::without_provenance_mut(place.unwrap_or(0));
        let fd = file.map_or(-1, AsRawFd::as_raw_fd);
        // SAFETY: the system chooses an address range that nothing else uses, or takes this one if nothing does.
        let start = unsafe { libc::mmap(place, len, protection, flags, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { start, len })
    }

    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the range is this mapping's, and what a process keeps when it is forked, nobody relies on.
        match unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, advice) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Gives the mapping the rights to be read and written, or none.
    pub(crate) fn allow_writing(&self, is_allowed: bool) -> io::Result<()> {
        let protection = if is_allowed { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
        // SAFETY: the range is this mapping's, and nobody reads or runs it.
        match unsafe { libc::mprotect(self.start.as_ptr().cast(), self.len, protection) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new`, and its last owner is going.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// How much stack this thread has left, in bytes: nothing if it runs on another one than the system gave it, whose bounds
/// nobody knows. `None` if the system does not say.
pub(crate) fn stack_left() -> Option<usize> {
    thread_local! {
        static STACK: Cell<Option<Range<usize>>> = const { Cell::new(None) };
    }
    let stack =
        STACK.try_with(|known| known.take().or_else(stack_bounds).inspect(|stack| known.set(Some(stack.clone()))));
    let (stack, here) = (stack.ok()??, here());
    Some(if stack.contains(&here) { here - stack.start } else { 0 })
}

/// An address in the stack as far as it is used.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// The addresses of this thread's stack. Of the main thread it takes some time to find out.
fn stack_bounds() -> Option<Range<usize>> {
    let mut attributes = MaybeUninit::uninit();
    let (mut start, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: the first call fills in the attributes, or fails; the others read them, and the last one ends their use.
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
