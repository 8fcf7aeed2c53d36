//! Classifies packets in several threads while another thread changes the rules.
//!
//! `cargo run --release --example classifier`

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cbpf::{Dialect, FilterSet, Program, SharedSet, Verified};

/// The number of hosts, each with a rule.
const HOSTS: u32 = 2_000;

/// The number of threads that classify.
const WORKERS: u32 = 2;

/// Returns a rule that matches IPv4 packets from a host.
fn from_host(host: u32) -> Result<Verified, Box<dyn Error>> {
    let program = Program::builder().load_half(12).jump_if_ne(0x800, "other").load_word(26).jump_if_ne(host, "other");
    Ok(program.ret(u32::MAX).label("other").ret(0).build()?.verify(Dialect::Pcap)?)
}

/// Returns a frame from a host.
fn frame(host: u32) -> Vec<u8> {
    [&[0; 12][..], &[8, 0, 0x45], &[0; 11], &host.to_be_bytes(), &[0; 30]].concat()
}

fn main() -> Result<(), Box<dyn Error>> {
    let rules: Result<Vec<_>, _> = (0..HOSTS).map(|host| from_host(host).map(|rule| (host, rule))).collect();
    let shared = SharedSet::new(FilterSet::new(rules?)?);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let classify = |worker: u32| {
            // Each thread has its own reader, which follows the changes.
            let mut reader = shared.reader();
            let is_over = &is_over;
            move || {
                let (mut known, mut unknown) = (0_u64, 0_u64);
                for host in (worker..HOSTS + 100).cycle() {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    match reader.set().first_match(&frame(host)) {
                        Some(_) => known += 1,
                        None => unknown += 1,
                    }
                }
                println!("worker {worker}: {known} packets of known hosts, {unknown} of others");
            }
        };
        (0..WORKERS).for_each(|worker| _ = scope.spawn(classify(worker)));
        let outcome = change(&shared);
        is_over.store(true, Ordering::Relaxed);
        println!("100 changes in pairs, of which the slowest took {:?}", outcome?);
        Ok(())
    })
}

/// Replaces rules, and returns the time of the slowest pair of changes.
fn change(shared: &SharedSet) -> Result<Duration, Box<dyn Error>> {
    let mut longest = Duration::ZERO;
    for host in 0..50 {
        let start = Instant::now();
        shared.remove(host)?;
        shared.add(HOSTS + host, &from_host(HOSTS + host)?)?;
        longest = longest.max(start.elapsed());
    }
    Ok(longest)
}
