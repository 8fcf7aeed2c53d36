//! The processor that the bench runs on.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// The confinement of this thread to one processor, which ends with this value.
pub struct Pinned {
    #[cfg(target_os = "linux")]
    before: libc::cpu_set_t,
}

/// Confines this thread, and those that it starts, to the processor that was idle most; `None` if the system allows
/// no choice.
pub fn pin() -> Option<Pinned> {
    let before = idle_times();
    sleep(Duration::from_millis(300));
    let rested = idle_times().into_iter().zip(before).map(|(after, before)| after - before);
    let (number, _) = rested.enumerate().max_by_key(|&(number, rested)| (rested, number))?;
    keep_on(number)
}

#[cfg(target_os = "linux")]
fn keep_on(number: usize) -> Option<Pinned> {
    // SAFETY: zeroed bits are an empty set of processors.
    let mut before: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the length is that of the set; 0 is this thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut before) };
    // SAFETY: as above.
    let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a number past the end of the set is ignored.
    unsafe { libc::CPU_SET(number, &mut one) };
    (failed == 0 && move_to(&one)).then_some(Pinned { before })
}

#[cfg(not(target_os = "linux"))]
fn keep_on(_number: usize) -> Option<Pinned> {
    None
}

#[cfg(target_os = "linux")]
impl Drop for Pinned {
    fn drop(&mut self) {
        move_to(&self.before);
    }
}

/// Confines this thread, and those that it starts, to some processors. Returns `false` on failure.
#[cfg(target_os = "linux")]
fn move_to(processors: &libc::cpu_set_t) -> bool {
    // SAFETY: the length is that of the set; 0 is this thread.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), processors) == 0 }
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
