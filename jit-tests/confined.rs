//! Processes that confine themselves: they load filters of system calls into the kernel, make calls, and tell what came
//! back. The test program starts itself again for each, with the filters and calls on standard input.

use std::io::{self, Read, Write, stdout};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use cbpf::{Form, Program, SeccompData};

/// Set in a process that confines itself, to the name of a [`Task`].
const CONFINED: &str = "JIT_TESTS_CONFINED";

/// What a confined process does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Loads all filters, the first one first, and makes the calls. The filters must let `write` and the end of a
    /// process through.
    Stack,
    /// Starts a thread for each filter, which loads it and makes the first call, if there is one. The filters may do
    /// anything with it: the thread makes no other call, and the process, which is not confined, tells what came back.
    Threads,
    /// Loads all filters, and goes on with the next where the kernel refuses one: 0 or [`REFUSED`] for each. They must
    /// let everything through.
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

/// What became of a confined process.
pub struct Outcome {
    /// What calls returned, -errno for an error; [`KILLED`] and [`REFUSED`], too, as tasks say.
    pub results: Vec<i64>,
    pub status: ExitStatus,
}

/// A thread is gone.
pub const KILLED: i64 = i64::MIN;

/// The kernel does not take the filter.
pub const REFUSED: i64 = i64::MIN + 1;

/// A call is not answered yet.
const PENDING: i64 = i64::MIN + 2;

/// Starts a confined process, and waits for its end.
pub fn run(task: Task, filters: &[Program], calls: &[SeccompData]) -> io::Result<Outcome> {
    let mut input: Vec<u8> = filters.iter().flat_map(|filter| filter.print(Form::Bytecode)).collect();
    input.extend(b"calls\n");
    for call in calls {
        let words: Vec<String> = call.args.iter().map(u64::to_string).collect();
        writeln!(input, "{} {}", call.nr, words.join(" "))?;
    }
    let mut child = Command::new(std::env::current_exe()?)
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

/// What a confined process does; `None` in any other process.
pub fn alone() -> Option<io::Result<()>> {
    let name = std::env::var(CONFINED).ok()?;
    [Task::Stack, Task::Threads, Task::Load].into_iter().find(|task| task.name() == name).map(confined)
}

fn confined(task: Task) -> io::Result<()> {
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
            let result = load(filter).map_or(REFUSED, |()| 0);
            writeln!(stdout(), "{result}")
        }),
        Task::Threads => {
            let call = calls.first().copied();
            filters.into_iter().try_for_each(|filter| writeln!(stdout(), "{}", ask(filter, call)))?;
            // Threads that wait would not let go.
            std::process::exit(0)
        }
    }
}

/// The number of a call and its arguments.
fn call_of(line: &str) -> SeccompData {
    let mut words = line.split(' ');
    let nr = words.next().and_then(|word| word.parse().ok()).unwrap_or(-1);
    let mut args = [0; 6];
    args.iter_mut().zip(words).for_each(|(arg, word)| *arg = word.parse().unwrap_or(0));
    SeccompData { nr, args, ..SeccompData::default() }
}

/// What a call returns in a thread of its own with this filter; without a call 0, if the kernel takes the filter.
fn ask(filter: Program, call: Option<SeccompData>) -> i64 {
    static RESULT: AtomicI64 = AtomicI64::new(PENDING);
    static THREAD: AtomicI64 = AtomicI64::new(0);
    RESULT.store(PENDING, Ordering::SeqCst);
    THREAD.store(0, Ordering::SeqCst);
    thread::spawn(move || {
        THREAD.store(make(&SeccompData { nr: libc::SYS_gettid as i32, ..SeccompData::default() }), Ordering::SeqCst);
        let result = if load(&filter).is_ok() { call.map_or(0, |call| make(&call)) } else { REFUSED };
        RESULT.store(result, Ordering::SeqCst);
        // To sleep, or to end, would be a call.
        loop {
            std::hint::spin_loop();
        }
    });
    loop {
        thread::sleep(Duration::from_micros(50));
        let id = THREAD.load(Ordering::SeqCst);
        // In this order: a thread that is gone may have answered just before.
        let is_gone = id != 0 && !Path::new(&format!("/proc/self/task/{id}")).exists();
        match RESULT.load(Ordering::SeqCst) {
            PENDING if is_gone => return KILLED,
            PENDING => {}
            result => return result,
        }
    }
}

/// Loads a filter for this thread, whose privileges cannot grow from now on.
fn load(filter: &Program) -> io::Result<()> {
    let filter: Vec<seccompiler::sock_filter> = filter
        .instructions()
        .iter()
        .map(|&cbpf::RawInstruction { code, jt, jf, k }| seccompiler::sock_filter { code, jt, jf, k })
        .collect();
    seccompiler::apply_filter(&filter).map_err(io::Error::other)
}

/// Makes a call.
fn make(&SeccompData { nr, args: [a, b, c, d, e, f], .. }: &SeccompData) -> i64 {
    // SAFETY: either a filter answers the call in the kernel's place, or it is one of `policies::CALLS` or gettid, none
    // of which touches memory.
    let result = unsafe { libc::syscall(nr.into(), a, b, c, d, e, f) };
    match result {
        -1 => io::Error::last_os_error().raw_os_error().map_or(-1, |errno| -i64::from(errno)),
        result => result,
    }
}
