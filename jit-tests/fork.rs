//! Forked processes: parent and child can compile, whatever other threads were doing at the fork, and neither can
//! change code that the other runs. Each trial runs in a process of its own, and forks there.

use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cbpf::{Dialect, Filter, FilterSet, Program, SharedSet, Verified};
use libtest_mimic::Trial;

use crate::process;

/// The time, in seconds, after which a process counts as hanging; half of it for a child.
const DEADLINE: u32 = 60;

/// The time for which a trial forks children.
const TIME: Duration = Duration::from_secs(3);

type Task = (&'static str, fn() -> Result<(), String>);

const TASKS: [Task; 4] = [
    ("fork::nobody_writes_code", nobody_writes_code),
    ("fork::children_of_threads_compile", children_of_threads_compile),
    ("fork::children_of_threads_run_batches", children_of_threads_run_batches),
    ("fork::shared_sets_go_on", shared_sets_go_on),
];

pub fn trials() -> Vec<Trial> {
    TASKS.iter().map(|&(name, _)| process::trial(name)).collect()
}

/// Runs a trial, in a process of its own.
pub fn alone(name: &str) -> Result<(), String> {
    let (_, task) = TASKS.into_iter().find(|task| task.0 == name).ok_or("no such trial")?;
    // SAFETY: the call touches no memory.
    unsafe { libc::alarm(DEADLINE) };
    task()
}

/// Forks, runs `work` in the child, and returns the child's number.
fn fork(work: impl FnOnce() -> Result<(), String>) -> libc::pid_t {
    // SAFETY: the child runs only `work`, and exits without destructors or flushes.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: the calls touch no memory.
            unsafe { libc::alarm(DEADLINE / 2) };
            let is_ok = work().inspect_err(|error| eprintln!("child: {error}")).is_ok();
            // SAFETY: as above.
            unsafe { libc::_exit(i32::from(!is_ok)) }
        }
        child => child,
    }
}

/// Waits for a child, and returns an error if it was late or failed.
fn wait(child: libc::pid_t) -> Result<(), String> {
    let mut status = 0;
    // SAFETY: the system writes into `status`.
    if unsafe { libc::waitpid(child, &raw mut status, 0) } != child {
        return Err("there is no child".to_owned());
    }
    match (libc::WIFSIGNALED(status), status) {
        (_, 0) => Ok(()),
        (true, _) if libc::WTERMSIG(status) == libc::SIGALRM => Err("the child hangs".to_owned()),
        (true, _) => Err(format!("signal {} ended the child", libc::WTERMSIG(status))),
        _ => Err("the child failed".to_owned()),
    }
}

fn returns(k: u32) -> Verified {
    let program: Program = format!("ldb [0]\njeq #1, yes\nret #{k}\nyes: ret #1").parse().expect("a program");
    program.verify(Dialect::Pcap).expect("a valid one")
}

/// Compiles and checks a filter.
fn compile(k: u32) -> Result<Filter, String> {
    let filter = Filter::compile(&returns(k)).map_err(|error| error.to_string())?;
    check(&filter, k).map(|()| filter)
}

fn check(filter: &Filter, k: u32) -> Result<(), String> {
    match (filter.run(&[0]), filter.run(&[1])) {
        (verdict, 1) if verdict == k => Ok(()),
        other => Err(format!("filter {k} returns {other:?}")),
    }
}

/// A mapping of native code.
struct Code {
    start: usize,
    len: usize,
    /// Access rights, as in `/proc/PID/maps`.
    rights: String,
    /// Name in `/proc/PID/map_files`.
    name: String,
    /// Number of the file, which no other file gets.
    inode: u64,
}

fn mapped_code() -> Result<Vec<Code>, String> {
    mapped_code_of("self")
}

/// Returns the mappings of code of a process, by its number or as `self`.
fn mapped_code_of(process: &str) -> Result<Vec<Code>, String> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).map_err(|error| error.to_string())?;
    let code = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, rights) = (words.next()?, words.next()?);
        let (start, end) = name.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        let inode = words.nth(2)?.parse().ok()?;
        Some(Code { start, len: end - start, rights: rights.to_owned(), name: name.to_owned(), inode })
    };
    Ok(maps.lines().filter(|line| line.contains("memfd:cbpf")).filter_map(code).collect())
}

/// Checks that the parent discards the file of a mapping that the child inherited: the fork fell between the calls that
/// map a chunk and that exclude the mapping from children.
fn is_discarded(parent: &str, inherited: &Code) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if mapped_code_of(parent)?.iter().all(|code| code.inode != inherited.inode) {
            return Ok(());
        }
        thread::yield_now();
    }
    Err(format!("a child inherits {} {}, which the parent keeps", inherited.name, inherited.rights))
}

/// No mapping of code is writable between compilations.
fn nothing_is_writable() -> Result<(), String> {
    match mapped_code()?.iter().find(|code| code.rights.contains('w')) {
        Some(code) => Err(format!("code at {:x} is {}", code.start, code.rights)),
        None => Ok(()),
    }
}

/// Tries to write code in all ways that a process has without help from its parent.
fn attack(parent: libc::pid_t) -> Result<(), String> {
    nothing_is_writable()?;
    let code = mapped_code()?;
    if code.is_empty() {
        return Err("there is no code".to_owned());
    }
    for Code { start, len, rights, name, .. } in &code {
        if !rights.contains('x') {
            return Err(format!("a child inherits more than the code: {name} {rights}"));
        }
        let place = ptr::without_provenance_mut(*start);
        for rights in [libc::PROT_WRITE, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC] {
            // SAFETY: nothing is written; if the call succeeds, the trial fails.
            if unsafe { libc::mprotect(place, *len, rights) } == 0 {
                return Err("mprotect makes code writable".to_owned());
            }
            // SAFETY: the system chooses an unused address for a second mapping of the same pages.
            let again = unsafe { libc::mremap(place, 0, *len, libc::MREMAP_MAYMOVE) };
            // SAFETY: as above.
            if again != libc::MAP_FAILED && unsafe { libc::mprotect(again, *len, rights) } == 0 {
                return Err("a second mapping of code can be made writable".to_owned());
            }
        }
        // SAFETY: if the call succeeds, the trial fails.
        if unsafe { libc::madvise(place, *len, libc::MADV_REMOVE) } == 0 {
            return Err("code can be cut out".to_owned());
        }
        for process in ["self".to_owned(), parent.to_string()] {
            write_to_file(&format!("/proc/{process}/map_files/{name}"), *len)?;
        }
    }
    for process in ["self".to_owned(), parent.to_string()] {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { continue };
        let is_code = |path: &std::path::PathBuf| {
            fs::read_link(path).is_ok_and(|target| target.to_string_lossy().contains("memfd:cbpf"))
        };
        if descriptors.flatten().map(|entry| entry.path()).any(|path| is_code(&path)) {
            return Err("there is a descriptor of code".to_owned());
        }
    }
    Ok(())
}

/// Opens the file of code, which takes privileges, and tries to write, cut and map it.
fn write_to_file(path: &str, len: usize) -> Result<(), String> {
    let Ok(file) = fs::File::options().read(true).write(true).open(path) else { return Ok(()) };
    if file.write_at(&[0xcc], 0).is_ok() {
        return Err(format!("{path} can be written"));
    }
    if file.set_len(0).is_ok() {
        return Err(format!("{path} can be cut"));
    }
    let (rights, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
    // SAFETY: the system chooses an unused address.
    let mapping = unsafe { libc::mmap(ptr::null_mut(), len, rights, libc::MAP_SHARED, fd, 0) };
    if mapping != libc::MAP_FAILED {
        return Err(format!("{path} can be mapped and written"));
    }
    // SAFETY: the call touches no memory of this process.
    let hole = unsafe { libc::fallocate(fd, libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, 0, 4096) };
    if hole == 0 { Err(format!("{path} can be emptied")) } else { Ok(()) }
}

/// A child tries to change code that the parent runs; both continue, and so does a grandchild.
fn nobody_writes_code() -> Result<(), String> {
    let parent = std::process::id() as libc::pid_t;
    let shared = (100..600).map(compile).collect::<Result<Vec<_>, String>>()?;
    nothing_is_writable()?;
    let check_all = || shared.iter().zip(100..).try_for_each(|(filter, k)| check(filter, k));
    let child = fork(|| {
        attack(parent)?;
        let own = (1000..1500).map(compile).collect::<Result<Vec<_>, String>>()?;
        check_all()?;
        nothing_is_writable()?;
        wait(fork(|| {
            check_all()?;
            own.iter().zip(1000..).try_for_each(|(filter, k)| check(filter, k))?;
            (3000..3100).try_for_each(|k| compile(k).map(drop))
        }))
    });
    let own = (2000..2500).map(compile).collect::<Result<Vec<_>, String>>()?;
    wait(child)?;
    own.iter().zip(2000..).try_for_each(|(filter, k)| check(filter, k))?;
    check_all()?;
    // A child may change its own view of the code, which has no effect here.
    wait(fork(|| {
        drop(own);
        compile(7).map(drop)
    }))?;
    check_all()
}

/// Runs `work` in threads, again and again, while children are forked in turn to run `in_child`.
fn beside(
    work: impl Fn(u32) -> Result<(), String> + Sync,
    mut in_child: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let (is_done, count) = (AtomicBool::new(false), AtomicU32::new(1000));
    thread::scope(|scope| {
        let go_on = || -> Result<(), String> {
            while !is_done.load(Ordering::Relaxed) {
                work(count.fetch_add(1, Ordering::Relaxed))?;
            }
            Ok(())
        };
        let threads = [(); 3].map(|()| scope.spawn(go_on));
        let start = Instant::now();
        let mut outcome = Ok(());
        while outcome.is_ok() && start.elapsed() < TIME {
            outcome = wait(fork(&mut in_child));
        }
        is_done.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))?;
        outcome
    })
}

/// Children that are forked while other threads compile can compile, and inherit nothing writable.
fn children_of_threads_compile() -> Result<(), String> {
    let kept = compile(99)?;
    let work = |k| {
        // Each large filter has a chunk of its own.
        let text = "ldb [1]\nadd x\ntax\n".repeat(if k % 8 == 0 { 600 } else { 1 }) + "ret #3";
        let verified = text.parse::<Program>().map_err(|e| e.to_string())?.verify(Dialect::Pcap).expect("a valid one");
        let filter = Filter::compile(&verified).map_err(|error| error.to_string())?;
        if filter.run(&[1, 2]) == 3 { compile(k).map(drop) } else { Err("a large filter is wrong".to_owned()) }
    };
    let parent = std::process::id().to_string();
    beside(work, || {
        nothing_is_writable()?;
        for code in mapped_code()?.iter().filter(|code| !code.rights.starts_with("r-x")) {
            is_discarded(&parent, code)?;
        }
        check(&kept, 99)?;
        (1..10).try_for_each(|k| compile(k).map(drop))
    })
}

/// A child compiles the batch loop that another thread was about to compile.
fn children_of_threads_run_batches() -> Result<(), String> {
    let filters: Vec<Filter> = (2..2000).map(compile).collect::<Result<_, String>>()?;
    let (run_there, run_here) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let run = |number: &AtomicUsize| {
        let mut verdicts = [0; 2];
        let filter = &filters[number.fetch_add(1, Ordering::Relaxed) % filters.len()];
        filter.run_batch(&[&[0][..], &[1]], &mut verdicts);
        if verdicts[1] == 1 { Ok(()) } else { Err(format!("{verdicts:?}")) }
    };
    beside(
        |_| run(&run_there),
        || {
            // The filters that the threads run now and next.
            run_here.store(run_there.load(Ordering::Relaxed).saturating_sub(3), Ordering::Relaxed);
            (0..6).try_for_each(|_| run(&run_here))
        },
    )
}

/// A child can change a shared set that was changed, read and indexed again at the fork.
fn shared_sets_go_on() -> Result<(), String> {
    let rule = |k: u32| -> Verified {
        let program: Program = format!("ld [0]\njeq #{k}, yes\nret #0\nyes: ret #1").parse().expect("a program");
        program.verify(Dialect::Pcap).expect("a valid one")
    };
    let error = |error: cbpf::SetError| error.to_string();
    let shared = SharedSet::new(FilterSet::new((0..200).map(|k| (k, rule(k)))).map_err(error)?);
    let reader = shared.reader();
    let work = |k: u32| {
        shared.add(k, &rule(k)).map_err(error)?;
        let mut reader = shared.reader();
        let found = reader.set().first_match(&k.to_be_bytes());
        shared.remove(k).map_err(error)?;
        if found == Some(k) { Ok(()) } else { Err(format!("rule {k} is not there, but {found:?}")) }
    };
    beside(work, || {
        let mut reader = reader.clone();
        for k in 1_000_000..1_000_020 {
            shared.add(k, &rule(k)).map_err(error)?;
            if reader.set().first_match(&k.to_be_bytes()) != Some(k) {
                return Err(format!("a reader does not see rule {k}"));
            }
        }
        shared.remove(7).map_err(error)?;
        match [5, 7, 1_000_010].map(|k: u32| reader.set().first_match(&k.to_be_bytes())) {
            [Some(5), None, Some(1_000_010)] => rebuilds(&shared, &rule),
            found => Err(format!("{found:?}")),
        }
    })
}

/// Changes a set until the thread that indexes the rules again has been seen.
fn rebuilds(shared: &SharedSet, rule: &dyn Fn(u32) -> Verified) -> Result<(), String> {
    let is_there = || {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let mut name = String::new();
        tasks.map(|task| task.path().join("comm")).any(|path| {
            name.clear();
            fs::File::open(path).is_ok_and(|mut file| file.read_to_string(&mut name).is_ok()) && name == "cbpf-set\n"
        })
    };
    for k in 2_000_000.. {
        if is_there() {
            break;
        }
        shared.add(k, &rule(k)).map_err(|error| error.to_string())?;
    }
    Ok(())
}
