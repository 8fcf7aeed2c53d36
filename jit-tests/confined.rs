//! Processes that confine themselves: they load seccomp filters into the kernel, make calls, and print the results. The
//! test program starts itself again for each, with the filters and calls on standard input.

use std::ffi::c_ulong;
use std::io::{self, Read, Write, stdout};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use cbpf::Program;
use cbpf::seccomp::SeccompData;
use cbpf::text::Form;

use crate::process;

/// The environment variable that names the [`Task`] of a confined process.
const CONFINED: &str = "JIT_TESTS_CONFINED";

/// The task of a confined process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Loads all filters in order, and makes the calls. The filters must allow `write` and the exit of the process.
    Stack,
    /// Starts a thread for each filter, which loads it and makes the first call, if there is one, and no other. The
    /// filter may do anything with the call: the process itself, which is not confined, prints the result.
    Threads,
    /// Loads all filters, and prints 0 or [`REJECTED`] for each. They must allow all calls.
    Load,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Task::Stack => "stack",
            Task::Threads => "threads",
            Task::Load => "load",
        }
    }
}

/// The outcome of a confined process.
pub struct Outcome {
    /// The results of calls, -errno for an error, or [`KILLED`] or [`REJECTED`].
    pub results: Vec<i64>,
    #[cfg_attr(not(feature = "std"), expect(dead_code, reason = "the trials of policies read it"))]
    pub status: ExitStatus,
}

/// The result of a call that killed its thread.
pub const KILLED: i64 = i64::MIN;

/// The result for a filter that the kernel rejects.
pub const REJECTED: i64 = i64::MIN + 1;

/// The result of a call that has not returned yet.
const PENDING: i64 = i64::MIN + 2;

/// Starts a confined process, and waits for its exit.
pub fn run(task: Task, filters: &[Program], calls: &[SeccompData]) -> io::Result<Outcome> {
    let mut input: Vec<u8> = filters.iter().flat_map(|filter| filter.print(Form::Bytecode)).collect();
    input.extend(b"calls\n");
    for call in calls {
        let words: Vec<String> = call.args.iter().map(u64::to_string).collect();
        writeln!(input, "{} {}", call.nr, words.join(" "))?;
    }
    let mut child = process::again()?
        .env(CONFINED, task.name())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&input)?;
    }
    let output = child.wait_with_output()?;
    let results = String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.parse().ok()).collect();
    Ok(Outcome { results, status: output.status })
}

/// Returns the task that this process was started for.
pub fn requested() -> Option<Task> {
    let name = std::env::var(CONFINED).ok()?;
    [Task::Stack, Task::Threads, Task::Load].into_iter().find(|task| task.name() == name)
}

/// Does the task of a confined process.
pub fn alone(task: Task) -> io::Result<()> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let (filters, calls) = input.split_once("calls\n").ok_or(io::ErrorKind::InvalidInput)?;
    let read = |line: &str| Program::parse_as(Form::Bytecode, line.as_bytes()).map_err(io::Error::other);
    let filters = filters.lines().map(read).collect::<io::Result<Vec<Program>>>()?;
    let calls: Vec<SeccompData> = calls.lines().map(call_of).collect();
    match task {
        Task::Stack => {
            filters.iter().try_for_each(load)?;
            calls.iter().try_for_each(|call| writeln!(stdout(), "{}", make(call)))
        }
        Task::Load => filters.iter().try_for_each(|filter| {
            let result = load(filter).map_or(REJECTED, |()| 0);
            writeln!(stdout(), "{result}")
        }),
        Task::Threads => {
            let call = calls.first().copied();
            filters.into_iter().try_for_each(|filter| writeln!(stdout(), "{}", call_in_thread(filter, call)))?;
            // The threads still spin.
            std::process::exit(0)
        }
    }
}

/// Parses the number of a call and its arguments.
fn call_of(line: &str) -> SeccompData {
    let mut words = line.split(' ');
    let nr = words.next().and_then(|word| word.parse().ok()).unwrap_or(-1);
    let mut args = [0; 6];
    args.iter_mut().zip(words).for_each(|(arg, word)| *arg = word.parse().unwrap_or(0));
    SeccompData { nr, args, ..SeccompData::default() }
}

/// Makes a call in a new thread with this filter, and returns its result; without a call, 0 if the kernel accepts the
/// filter.
fn call_in_thread(filter: Program, call: Option<SeccompData>) -> i64 {
    static RESULT: AtomicI64 = AtomicI64::new(PENDING);
    static THREAD: AtomicI64 = AtomicI64::new(0);
    RESULT.store(PENDING, Ordering::SeqCst);
    THREAD.store(0, Ordering::SeqCst);
    thread::spawn(move || {
        THREAD.store(make(&SeccompData { nr: libc::SYS_gettid as i32, ..SeccompData::default() }), Ordering::SeqCst);
        let result = if load(&filter).is_ok() { call.map_or(0, |call| make(&call)) } else { REJECTED };
        RESULT.store(result, Ordering::SeqCst);
        // Sleeping or exiting would be a system call.
        loop {
            std::hint::spin_loop();
        }
    });
    loop {
        thread::sleep(Duration::from_micros(50));
        let id = THREAD.load(Ordering::SeqCst);
        // In this order: a thread may store a result just before its end.
        let is_gone = id != 0 && !Path::new(&format!("/proc/self/task/{id}")).exists();
        match RESULT.load(Ordering::SeqCst) {
            PENDING if is_gone => return KILLED,
            PENDING => {}
            result => return result,
        }
    }
}

/// Loads a filter for this thread, which can gain no privileges from then on.
fn load(filter: &Program) -> io::Result<()> {
    let instructions = filter.instructions().iter();
    let mut filter: Vec<libc::sock_filter> = instructions
        .map(|&cbpf::bpf::RawInstruction { code, jt, jf, k }| libc::sock_filter { code, jt, jf, k })
        .collect();
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the filter, whose length is given.
    let is_loaded = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    if is_loaded { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a call.
fn make(&SeccompData { nr, args: [a, b, c, d, e, f], .. }: &SeccompData) -> i64 {
    let [a, b, c, d, e, f] = [a, b, c, d, e, f].map(|arg| arg as c_ulong);
    // SAFETY: a filter skips the call, or it is gettid or one of `policies::CALLS`, none of which touches memory.
    let result = unsafe { libc::syscall(nr.into(), a, b, c, d, e, f) };
    #[cfg_attr(target_pointer_width = "64", expect(clippy::unnecessary_cast, reason = "a long has 64 bits here"))]
    match result {
        -1 => io::Error::last_os_error().raw_os_error().map_or(-1, |errno| -i64::from(errno)),
        result => result as i64,
    }
}
