//! Which of several ways to do the same work is the fastest, found by trying them.

use std::time::{Duration, Instant};

/// How long a choice takes, at most about: no new round begins after this.
const BUDGET: Duration = Duration::from_millis(3);

/// How long one way may take on the part of the work that is tried.
pub(crate) const TURN: Duration = Duration::from_micros(100);

/// The rounds, however long they take, and the most that are worth anything.
const FEWEST_ROUNDS: usize = 5;
const MOST_ROUNDS: usize = 101;

/// How much less time another way must take than the first, in percent: less may be chance.
const MARGIN: u32 = 3;

/// The fastest of some ways, by its number: the first, unless another is faster by a margin.
///
/// They take turns in rounds, so that what disturbs the machine disturbs all, and the median round of each counts.
pub(crate) fn fastest(ways: usize, mut run: impl FnMut(usize)) -> usize {
    let mut times = vec![Vec::new(); ways];
    // The first round warms up.
    (0..ways).for_each(&mut run);
    let start = Instant::now();
    for round in 0..MOST_ROUNDS {
        if round >= FEWEST_ROUNDS && start.elapsed() > BUDGET {
            break;
        }
        for turn in 0..ways {
            let way = (round + turn) % ways;
            let start = Instant::now();
            run(way);
            times[way].push(start.elapsed());
        }
    }
    choose(times.into_iter().map(median))
}

/// The first, unless the least of the others is less by the margin.
fn choose(times: impl Iterator<Item = Duration>) -> usize {
    let times: Vec<Duration> = times.collect();
    let least = (0..times.len()).min_by_key(|&way| times[way]).unwrap_or(0);
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
    fn the_first_wins_unless_another_is_faster_by_a_margin() {
        let choose = |times: &[u64]| choose(times.iter().copied().map(Duration::from_micros));
        assert_eq!(choose(&[100]), 0);
        assert_eq!(choose(&[100, 98, 97]), 0);
        assert_eq!(choose(&[100, 96, 99]), 1);
        assert_eq!(choose(&[100, 96, 90]), 2);
        assert_eq!(choose(&[0, 0]), 0);
    }

    #[test]
    fn the_fastest_is_found() {
        let run = |way| std::thread::sleep(Duration::from_millis([20, 1, 20][way]));
        assert_eq!(fastest(3, run), 1);
    }
}
