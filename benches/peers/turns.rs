//! Timing in turns: several ways to do the same work run alternately, so that a disturbance affects all of them, and
//! the median of each counts.

use std::time::{Duration, Instant};

/// The number of rounds, in which each way has a turn.
pub struct Rounds {
    /// No new round begins after this time.
    pub time: Duration,
    pub fewest: usize,
    pub most: usize,
}

impl Rounds {
    pub const TEST: Rounds = Rounds { time: Duration::ZERO, fewest: 1, most: 1 };
}

/// Returns the median time of each way; `None` if `run` never returns a time for it.
///
/// Each round begins with another way, so that none always follows the same one.
pub fn medians(ways: usize, rounds: &Rounds, mut run: impl FnMut(usize) -> Option<Duration>) -> Vec<Option<Duration>> {
    let mut times = vec![Vec::new(); ways];
    let start = Instant::now();
    for round in 0..rounds.most {
        if round >= rounds.fewest && start.elapsed() > rounds.time {
            break;
        }
        for turn in 0..ways {
            let way = (round + turn) % ways;
            times[way].extend(run(way));
        }
    }
    times.into_iter().map(median).collect()
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}
