//! Work on all processors.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

/// The fewest items that are worth a thread.
const MIN_ITEMS: usize = 1_024;

/// Returns the results of a function for ranges that together are the numbers below `count`, in order.
///
/// The ranges of many numbers are distributed to threads, one for each processor.
pub(crate) fn in_parts<T: Send>(count: usize, f: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count / MIN_ITEMS).max(1);
    let part = |number: usize| number * count / threads..(number + 1) * count / threads;
    thread::scope(|scope| {
        let f = &f;
        let start = |range: Range<usize>| thread::Builder::new().spawn_scoped(scope, move || f(range));
        let started: Vec<_> = (1..threads).map(|number| (part(number), start(part(number)))).collect();
        let mut results = vec![f(part(0))];
        for (range, thread) in started {
            // This thread does the part of one that could not be started, or that panicked.
            results.push(thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(|| f(range)));
        }
        results
    })
}
