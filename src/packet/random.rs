//! The numbers of `ld rand`: SplitMix64, a pure function of the seed and of the count of numbers drawn in a run, so
//! that every engine draws the same numbers.

/// The step between the states of the generator: 2^64 divided by the golden ratio, made odd.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The shifts and multipliers of the generator's output function.
pub(crate) const MIX: [(u8, u64); 2] = [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)];

/// The last shift of the output function; the upper half of the result is the number.
pub(crate) const LAST: u8 = 31;

/// Returns the result of the `count`th `rand` of a run, counted from 0.
///
/// Source: SplitMix64 (Steele, Lea and Flood, 2014), of which the upper 32 bits are taken.
pub(crate) fn number(seed: u64, count: u32) -> u32 {
    let mut z = seed.wrapping_add(STEP.wrapping_mul(u64::from(count) + 1));
    for (shift, factor) in MIX {
        z = (z ^ (z >> shift)).wrapping_mul(factor);
    }
    ((z ^ (z >> LAST)) >> 32) as u32
}

/// Returns an unpredictable seed: a counter of this thread with a random start.
#[cfg(feature = "std")]
pub(crate) fn entropy_seed() -> u64 {
    use std::cell::Cell;
    use std::hash::{BuildHasher, RandomState};
    use std::thread_local;

    thread_local! {
        static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    }
    let state = STATE.get().unwrap_or_else(|| RandomState::new().hash_one(0));
    STATE.set(Some(state.wrapping_add(STEP.rotate_left(32))));
    state
}

/// Returns a different seed each time. Without an operating system there is nothing unpredictable.
#[cfg(not(feature = "std"))]
pub(crate) fn entropy_seed() -> u64 {
    use core::sync::atomic::{AtomicU32, Ordering};

    static COUNT: AtomicU32 = AtomicU32::new(0);
    u64::from(COUNT.fetch_add(1, Ordering::Relaxed)).wrapping_mul(STEP.rotate_left(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_match_splitmix64() {
        // The first outputs of the reference implementation for the seed 1234567.
        let expected = [6457827717110365317u64, 3203168211198807973, 9817491932198370423];
        for (count, output) in expected.into_iter().enumerate() {
            assert_eq!(number(1_234_567, count as u32), (output >> 32) as u32);
        }
    }

    #[test]
    fn numbers_without_a_seed_are_spread() {
        let kept = (0..10_000).filter(|_| number(entropy_seed(), 0) < u32::MAX / 100).count();
        assert!((30..300).contains(&kept), "{kept} of 10,000 instead of 100");
    }
}
