//! The choice between vectors and compiled code, by timing both now and then.
//!
//! Which is faster depends on the packets: branches that are predicted cost little. So some turns, chosen by the clock,
//! are trials, and each way has an estimate that follows them. Threads may share a choice: other turns only read it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::codegen::vector::LANES;

/// The number of turns of which one is a trial, if one way is much faster, and if not.
const TURNS: [u64; 2] = [256, 32];

/// The number of trials until the first choice.
const FIRST_TRIALS: u32 = 64;

/// The estimates, in ticks of the clock, 0 if there is none yet.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// The number of trials, of which every other runs vectors.
    trials: AtomicU32,
    /// A step of vectors.
    step: AtomicU32,
    /// As many packets in the compiled loop.
    compiled: AtomicU32,
}

/// Some packets that run in one way.
pub(crate) struct Turn {
    /// The fewest packets for which a step pays, `usize::MAX` in the compiled loop.
    pub(crate) fewest: usize,
    /// When a trial began.
    start: Option<u64>,
}

impl Turn {
    /// Returns whether vectors run as many packets as the turn was begun for.
    pub(crate) fn is_by_vectors(&self, packets: usize) -> bool {
        packets >= self.fewest
    }
}

impl Choice {
    /// Chooses a way for a number of packets.
    pub(crate) fn begin(&self, packets: usize) -> Turn {
        let now = ticks();
        let (step, compiled) = (self.step.load(Relaxed), self.compiled.load(Relaxed));
        let is_close = step.max(compiled) / 3 <= step.min(compiled) / 2;
        let trials = self.trials.load(Relaxed);
        // The lowest bits of the clock may be constant.
        let is_trial = trials < FIRST_TRIALS || (now >> 5) % TURNS[usize::from(is_close)] == 0;
        if packets >= LANES && is_trial {
            self.trials.store(trials.wrapping_add(1), Relaxed);
            let fewest = if trials % 2 == 0 { 1 } else { usize::MAX };
            return Turn { fewest, start: Some(now) };
        }
        Turn { fewest: fewest(step, compiled), start: None }
    }

    /// Ends a turn of a number of packets.
    pub(crate) fn end(&self, turn: &Turn, packets: usize) {
        let Some(start) = turn.start else { return };
        let taken = ticks().wrapping_sub(start);
        let (estimate, taken) = match turn.fewest {
            usize::MAX => (&self.compiled, taken.saturating_mul(LANES as u64) / packets as u64),
            _ => (&self.step, taken / packets.div_ceil(LANES) as u64),
        };
        let taken = u32::try_from(taken).unwrap_or(u32::MAX).max(1);
        estimate.store(followed(estimate.load(Relaxed), taken), Relaxed);
    }
}

/// Returns the fewest packets for which a step pays. Without estimates, whole steps are taken to pay.
fn fewest(step: u32, compiled: u32) -> usize {
    match (step, compiled) {
        (0, _) | (_, 0) => LANES,
        _ if step > compiled => usize::MAX,
        _ => (LANES as u64 * u64::from(step)).div_ceil(u64::from(compiled)) as usize,
    }
}

/// Returns an estimate after another time: disturbances make single times longer, so it falls faster than it rises.
fn followed(estimate: u32, taken: u32) -> u32 {
    match estimate {
        0 => taken,
        _ if taken < estimate => estimate - (estimate - taken) / 2,
        _ => estimate.saturating_add((taken - estimate).min(estimate) / 4),
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "an instruction of the machine")]
fn ticks() -> u64 {
    // SAFETY: every x86-64 has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Other machines have no vectors to choose.
#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_the_packets() {
        assert_eq!(followed(0, 80), 80);
        assert_eq!(followed(80, 60), 70);
        assert_eq!(followed(60, 100), 70);
        assert_eq!(followed(60, 10_000), 75, "a disturbance");
        let later = (0..20).fold(60, |estimate, _| followed(estimate, 100));
        assert!((95..=100).contains(&later), "other packets: {later}");
    }

    #[test]
    fn steps_pay_for_enough_packets() {
        assert_eq!(fewest(0, 100), LANES);
        assert_eq!(fewest(100, 0), LANES);
        assert_eq!(fewest(100, 100), LANES);
        assert_eq!(fewest(25, 100), 16);
        assert_eq!(fewest(101, 100), usize::MAX);
    }

    #[test]
    fn both_ways_are_tried_first() {
        let choice = Choice::default();
        let ways: Vec<usize> = (0..4).map(|_| choice.begin(LANES).fewest).collect();
        assert_eq!(ways, [1, usize::MAX, 1, usize::MAX]);
        assert!(choice.begin(LANES - 1).start.is_none(), "too few packets");
    }
}
