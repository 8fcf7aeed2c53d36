//! The choice of the fastest of several variants of the same work, by timing them.

use std::time::{Duration, Instant};

/// The time for a choice: no new round begins after it.
const BUDGET: Duration = Duration::from_millis(3);

/// The time that one variant may take on the part of the work that is timed.
pub(crate) const TURN: Duration = Duration::from_micros(100);

/// The smallest number of rounds, however long they take.
const FEWEST_ROUNDS: usize = 5;

/// The largest number of rounds: more do not make a choice more certain.
const MOST_ROUNDS: usize = 101;

/// The margin by which another variant must be faster than the first, in percent: less may be chance.
const MARGIN: u32 = 3;

/// Returns the index of the fastest variant: the first, unless another is faster by a margin.
///
/// The variants take turns in rounds, so that disturbances affect all of them, and the median round of each counts.
pub(crate) fn fastest(variants: usize, mut run: impl FnMut(usize)) -> usize {
    let mut times = vec![Vec::new(); variants];
    // The first round warms up.
    (0..variants).for_each(&mut run);
    let start = Instant::now();
    for round in 0..MOST_ROUNDS {
        if round >= FEWEST_ROUNDS && start.elapsed() > BUDGET {
            break;
        }
        for turn in 0..variants {
            let variant = (round + turn) % variants;
            let start = Instant::now();
            run(variant);
            times[variant].push(start.elapsed());
        }
    }
    choose(times.into_iter().map(median))
}

/// Returns the index of the shortest time if it is shorter than the first by the margin, and else 0.
fn choose(times: impl Iterator<Item = Duration>) -> usize {
    let times: Vec<Duration> = times.collect();
    let least = (0..times.len()).min_by_key(|&variant| times[variant]).unwrap_or(0);
    let is_faster = times.first().is_some_and(|&first| times[least] * 100 < first * (100 - MARGIN));
    if is_faster { least } else { 0 }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_variant_within_the_margin() {
        let choose = |times: &[u64]| choose(times.iter().copied().map(Duration::from_micros));
        assert_eq!(choose(&[100]), 0);
        assert_eq!(choose(&[100, 98, 97]), 0);
        assert_eq!(choose(&[100, 96, 99]), 1);
        assert_eq!(choose(&[100, 96, 90]), 2);
        assert_eq!(choose(&[0, 0]), 0);
    }

    #[test]
    fn finds_the_fastest_variant() {
        let run = |variant| std::thread::sleep(Duration::from_millis([20, 1, 20][variant]));
        assert_eq!(fastest(3, run), 1);
    }
}
