//! The choice between vectors and a compiled loop: the faster one on the packets of late, by timing both now and then.
//!
//! Which is faster depends on the packets: branches that are predicted cost little. So a few of many turns, chosen by
//! the clock, are timed, and each way has an estimate that follows them. Threads may share a choice: other turns only
//! read it.

use std::arch::x86_64::_rdtsc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The number of turns of which one is a trial, if one way is much faster, and if not.
const TURNS: [u64; 2] = [256, 32];

/// The number of trials until the first choice.
const FIRST_TRIALS: u32 = 16;

/// The estimates, in ticks of the clock for 64 packets.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The number of trials, of which every other runs vectors.
    trials: AtomicU32,
    vector: AtomicU32,
    compiled: AtomicU32,
}

/// Some packets that run in one way.
pub(super) struct Turn {
    pub(super) is_vector: bool,
    /// When a trial began.
    start: Option<u64>,
}

impl Choice {
    /// Chooses a way; a trial needs enough packets. Debug builds always choose vectors.
    pub(super) fn begin(&self, may_be_trial: bool) -> Turn {
        let now = ticks();
        let trials = self.trials.load(Relaxed);
        let (vector, compiled) = (self.vector.load(Relaxed), self.compiled.load(Relaxed));
        let is_close = vector.max(compiled) / 3 < vector.min(compiled) / 2;
        // The lowest bits of the clock may be constant.
        if may_be_trial && (trials < FIRST_TRIALS || (now >> 5) % TURNS[usize::from(is_close)] == 0) {
            // After a wrap the first trials take place once more.
            self.trials.store(trials.wrapping_add(1), Relaxed);
            return Turn { is_vector: trials % 2 == 0 || cfg!(debug_assertions), start: Some(now) };
        }
        Turn { is_vector: vector <= compiled || cfg!(debug_assertions), start: None }
    }

    /// Ends a turn of some packets.
    pub(super) fn end(&self, turn: &Turn, packets: usize) {
        let Some(start) = turn.start else { return };
        let taken = ticks().wrapping_sub(start).saturating_mul(64) / packets as u64;
        let taken = u32::try_from(taken).unwrap_or(u32::MAX).max(1);
        let estimate = if turn.is_vector { &self.vector } else { &self.compiled };
        estimate.store(followed(estimate.load(Relaxed), taken), Relaxed);
    }
}

/// Returns an estimate after another time: disturbances make single times longer, so it falls at once and rises slowly.
fn followed(estimate: u32, taken: u32) -> u32 {
    match estimate {
        0 => taken,
        _ if taken < estimate => taken,
        _ => estimate + (taken - estimate) / 4,
    }
}

#[expect(unsafe_code, reason = "an instruction of the machine")]
fn ticks() -> u64 {
    // SAFETY: every x86-64 has it.
    unsafe { _rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_the_packets() {
        assert_eq!(followed(0, 80), 80);
        assert_eq!(followed(80, 60), 60);
        assert_eq!(followed(60, 100), 70, "a disturbance");
        let later = (0..20).fold(60, |estimate, _| followed(estimate, 100));
        assert!((95..=100).contains(&later), "other packets: {later}");
    }

    #[test]
    fn both_ways_are_tried_first() {
        let choice = Choice::default();
        let ways: Vec<bool> = (0..FIRST_TRIALS).map(|_| choice.begin(true).is_vector).collect();
        if !cfg!(debug_assertions) {
            assert_eq!(ways, [true, false, true, false, true, false, true, false]);
        }
        assert!(choice.begin(false).start.is_none(), "too few packets");
    }
}
