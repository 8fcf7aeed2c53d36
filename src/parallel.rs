//! Work on all processors.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

/// The fewest items that are worth a thread.
const MIN_ITEMS: usize = 1_024;

/// Returns the results of a function for the numbers below `count`, in order.
///
/// Ranges of many numbers are distributed to threads, one for each processor. The results do not depend on their
/// number.
pub(crate) fn map<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count / MIN_ITEMS).max(1);
    let part = |number: usize| number * count / threads..(number + 1) * count / threads;
    let run = |range: Range<usize>| range.map(&f).collect::<Vec<T>>();
    if threads == 1 {
        return run(0..count);
    }
    thread::scope(|scope| {
        let run = &run;
        let start = |range: Range<usize>| thread::Builder::new().spawn_scoped(scope, move || run(range));
        let started: Vec<_> = (1..threads).map(|number| (part(number), start(part(number)))).collect();
        let mut results = Vec::with_capacity(count);
        results.extend(run(part(0)));
        for (range, thread) in started {
            // A thread that could not be started, or that panicked, leaves its part to this one.
            results.extend(thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(|| run(range)));
        }
        results
    })
}
