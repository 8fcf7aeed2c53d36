//! The processor that the bench runs on.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// Confines this process to the processor that was idle most, and returns its number.
pub fn pin() -> Option<usize> {
    let before = idle_times();
    sleep(Duration::from_millis(300));
    let rested = idle_times().into_iter().zip(before).map(|(after, before)| after - before);
    let (number, _) = rested.enumerate().max_by_key(|&(number, rested)| (rested, number))?;
    keep_on(number).then_some(number)
}

/// Confines this thread, and those that it starts, to a processor. Returns `false` on failure.
#[cfg(target_os = "linux")]
fn keep_on(number: usize) -> bool {
    // SAFETY: zeroed bits are an empty set of processors.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a number past the end of the set is ignored.
    unsafe { libc::CPU_SET(number, &mut set) };
    // SAFETY: the length is that of the set; 0 is this thread.
    let failed = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    failed == 0
}

#[cfg(not(target_os = "linux"))]
fn keep_on(_number: usize) -> bool {
    false
}

/// Returns the idle time of each processor, in ticks.
fn idle_times() -> Vec<u64> {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    lines.filter_map(|line| line.split_whitespace().nth(4)?.parse().ok()).collect()
}

/// Returns the processor's name.
pub fn model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let architecture = std::env::consts::ARCH;
    model.map_or(architecture.to_owned(), |(_, model)| format!("{model}, {architecture}"))
}
