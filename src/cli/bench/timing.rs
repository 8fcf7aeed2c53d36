//! Alternating measurement of several variants of the same work.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The fewest rounds, for quartiles, and the most.
pub const FEWEST_ROUNDS: usize = 9;
const MOST_ROUNDS: usize = 1_001;

/// The shortest turn: long enough for the resolution of the clock.
const SHORTEST_TURN: Duration = Duration::from_micros(20);

/// The quartiles of the rounds, in nanoseconds a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    pub lower: f64,
    pub median: f64,
    pub upper: f64,
}

impl Quartiles {
    fn of(mut times: Vec<f64>) -> Quartiles {
        times.sort_by(f64::total_cmp);
        let [lower, median, upper] = [1, 2, 3].map(|quarter| times[(times.len() - 1) * quarter / 4]);
        Quartiles { lower, median, upper }
    }

    pub fn json(&self) -> Value {
        json!({ "lower_quartile": self.lower, "median": self.median, "upper_quartile": self.upper })
    }
}

/// Measures the time of each variant for `packets` packets, in rounds that last for about `time` in total.
///
/// The variants take turns, so that a disturbance of the machine affects all of them, and each round begins with
/// another one. Short work is repeated within a turn.
pub fn measure(variants: usize, packets: usize, time: Duration, mut run: impl FnMut(usize)) -> Vec<Quartiles> {
    let mut times = vec![Vec::new(); variants];
    let repetitions: Vec<u32> = (0..variants).map(|variant| repetitions(|| run(variant))).collect();
    let start = Instant::now();
    for round in 0..MOST_ROUNDS {
        if round >= FEWEST_ROUNDS && start.elapsed() > time {
            break;
        }
        for turn in 0..variants {
            let variant = (round + turn) % variants;
            let start = Instant::now();
            (0..repetitions[variant]).for_each(|_| run(variant));
            let each = start.elapsed().as_secs_f64() / f64::from(repetitions[variant]);
            times[variant].push(each * 1e9 / packets as f64);
        }
    }
    times.into_iter().map(Quartiles::of).collect()
}

/// Returns the number of repetitions in a turn. Does the work once to warm up, and once to measure it.
fn repetitions(mut work: impl FnMut()) -> u32 {
    work();
    let start = Instant::now();
    work();
    let once = start.elapsed().as_nanos().max(1);
    SHORTEST_TURN.as_nanos().div_ceil(once) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_few_and_many() {
        let of = |times: &[f64]| {
            let Quartiles { lower, median, upper } = Quartiles::of(times.to_vec());
            [lower, median, upper]
        };
        assert_eq!(of(&[3.0]), [3.0; 3]);
        assert_eq!(of(&[5.0, 1.0, 4.0, 2.0, 3.0]), [2.0, 3.0, 4.0]);
    }
}
