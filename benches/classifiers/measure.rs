//! The time and memory to build a classifier, the time of a packet, and that of a change.

use std::fs;
use std::hint::black_box;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use cbpf::{Dialect, FilterSet, LinkType, Packet, SharedSet, Target, Verified, compile_expression};

use crate::engine::{BATCH, Built, Kind, Mode, Skip, Subject, Way};
use crate::traffic::Traffic;
use crate::turns::{self, Rounds};

/// The time and memory of building.
pub struct Building {
    pub name: &'static str,
    /// From the rules to the first answer.
    pub time: Duration,
    /// The number of bytes, if known.
    pub bytes: Option<u64>,
}

/// Builds a classifier, and lets it answer once.
pub fn build(kind: &Kind, subject: &Subject, packet: &[u8]) -> Result<(Building, Built), Skip> {
    let before = resident();
    let start = Instant::now();
    let mut built = (kind.build)(subject)?;
    built.ways[0].classify.run(&[IoSlice::new(packet)]);
    let time = start.elapsed();
    let bytes = built.bytes.or_else(|| Some(resident()?.saturating_sub(before?)));
    Ok((Building { name: kind.name, time, bytes }, built))
}

/// Returns the resident memory of this process, in bytes, after the allocator has returned what is free.
fn resident() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// Returns the median nanoseconds per packet of each way.
pub fn packets(ways: &mut [Way], traffic: &Traffic, rounds: &Rounds) -> Vec<f64> {
    let (packets, keys) = (traffic.packets(), traffic.keys());
    let times = turns::medians(ways.len(), rounds, |way| {
        let way = &mut ways[way];
        let inputs = if way.mode == Mode::Given { &keys } else { &packets };
        // What another way has displaced from the nearest caches.
        inputs.chunks(BATCH).take(4).for_each(|batch| way.classify.run(batch));
        let start = thread_time();
        inputs.chunks(BATCH).for_each(|batch| way.classify.run(batch));
        let time = thread_time() - start;
        black_box(way.classify.first(0));
        Some(time)
    });
    let times = times.into_iter().map(|time| time.map_or(f64::NAN, |time| time.as_secs_f64()));
    times.map(|seconds| seconds * 1e9 / traffic.order.len() as f64).collect()
}

/// Returns the time for which this thread has run: on a busy machine, the processor's time for others does not count.
#[cfg(target_os = "linux")]
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is the one that the call writes.
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(outcome, 0, "Linux has this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(target_os = "linux"))]
fn thread_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

/// Returns the average number of matching rules of the packets.
pub fn matches(ways: &mut [Way], traffic: &Traffic) -> Option<f64> {
    let way = ways.iter_mut().find(|way| way.mode == Mode::AllBatch)?;
    let mut count = 0;
    for frame in &traffic.frames {
        way.classify.run(&[IoSlice::new(frame)]);
        count += way.classify.all(0)?.len();
    }
    Some(count as f64 / traffic.frames.len() as f64)
}

/// The median, the 99th percentile and the maximum of the times until a reader sees a change.
#[derive(Clone, Copy)]
pub struct Change {
    pub median: Duration,
    pub most_of_them: Duration,
    pub longest: Duration,
}

/// Adds a rule after all others, and removes one, by turns. Returns the times of additions and removals.
pub fn changes(set: FilterSet, subject: &Subject, packet: &[u8], count: usize) -> [Change; 2] {
    let shared = SharedSet::new(set);
    let mut reader = shared.reader();
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..count {
        // Removals take old rules and new ones.
        let place = turn * (subject.rules.len() / count).max(1) % subject.rules.len();
        let id = (subject.rules.len() + turn) as u32;
        let program = compile(&subject.rules[place].text);
        let start = Instant::now();
        shared.add(id, &program).expect("a number of its own");
        black_box(reader.set().first_match(Packet::from(packet)));
        times[0].push(start.elapsed());
        let removed = if turn % 2 == 0 { place as u32 } else { id };
        let start = Instant::now();
        if shared.remove(removed).is_ok() {
            black_box(reader.set().first_match(Packet::from(packet)));
            times[1].push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        let part = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
        Change { median: part(50), most_of_them: part(99), longest: part(100) }
    })
}

fn compile(text: &str) -> Verified {
    let program = compile_expression(text, &Target::new(LinkType::ETHERNET)).expect("an expression of this bench");
    program.verify(Dialect::Pcap).expect("a compiled expression")
}
