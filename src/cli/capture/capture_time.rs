//! Exact instants, for all clocks of captures.
//!
//! - A tick is 10^-127 seconds or longer: also the shortest power of two has 127 decimal digits. So an instant consists
//!   of nanoseconds and 118 more digits, and no comparison is rounded.
//! - Packets are not converted for a comparison. [`Clock::first_tick_at`] converts the instant into ticks once for each
//!   clock.

use super::Clock;

/// The number of digits after the nanoseconds.
const DIGITS: usize = 127 - 9;

const NANOSECONDS: i128 = 1_000_000_000;

/// An instant, or the end of a span from one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaptureTime {
    /// Nanoseconds since 1970, rounded down.
    nanoseconds: i128,
    /// The decimal digits after them.
    rest: [u8; DIGITS],
}

impl CaptureTime {
    /// Returns the instant this long after the beginning of 1970.
    pub fn from_nanoseconds(nanoseconds: i128) -> CaptureTime {
        CaptureTime { nanoseconds, rest: [0; DIGITS] }
    }

    /// Returns the instant of a tick.
    pub fn of(clock: Clock, ticks: u64) -> CaptureTime {
        CaptureTime { nanoseconds: clock.nanoseconds(ticks), rest: clock.digits_after_nanoseconds(ticks) }
    }

    /// Returns the instant this much later.
    pub fn plus(self, nanoseconds: i128) -> CaptureTime {
        CaptureTime { nanoseconds: self.nanoseconds.saturating_add(nanoseconds), ..self }
    }
}

impl Clock {
    /// Returns whether ticks are powers of two, and the exponent of the power.
    fn base(self) -> (bool, u32) {
        (self.resolution & 0x80 != 0, u32::from(self.resolution & 0x7f))
    }

    /// Returns a tick as nanoseconds since 1970, rounded down.
    pub fn nanoseconds(self, ticks: u64) -> i128 {
        let elapsed = match self.base() {
            (true, exponent) => (u128::from(ticks) * NANOSECONDS as u128) >> exponent,
            (false, exponent @ ..=9) => u128::from(ticks) * 10u128.pow(9 - exponent),
            // A power beyond u128 is beyond any count of ticks too.
            (false, exponent) => u128::from(ticks) / 10u128.checked_pow(exponent - 9).unwrap_or(u128::MAX),
        };
        // At most 2^64 * 10^9, so both terms are far inside i128.
        elapsed as i128 + i128::from(self.offset) * NANOSECONDS
    }

    /// Returns the seconds since 1970 of a tick, rounded down.
    pub fn seconds(self, ticks: u64) -> i128 {
        self.nanoseconds(ticks).div_euclid(NANOSECONDS)
    }

    /// Returns the first tick that is not before an instant, or `None` if all ticks are.
    pub fn first_tick_at(self, time: &CaptureTime) -> Option<u64> {
        let is_before = |ticks| CaptureTime::of(self, ticks) < *time;
        if is_before(u64::MAX) {
            return None;
        }
        let (mut first, mut last) = (0, u64::MAX);
        while first < last {
            let middle = first + (last - first) / 2;
            if is_before(middle) { first = middle + 1 } else { last = middle }
        }
        Some(first)
    }

    fn digits_after_nanoseconds(self, ticks: u64) -> [u8; DIGITS] {
        let mut digits = [0; DIGITS];
        match self.base() {
            (true, exponent) => {
                // 10/2^n is 5/2^(n-1). The rest starts below 2^94, grows by less than 3 bits a digit, and is below
                // 2^n, so it stays below 2^120.
                let below = |bits: u32| (1u128 << bits) - 1;
                let mut rest = (u128::from(ticks) * NANOSECONDS as u128) & below(exponent);
                for (digit, bits) in digits.iter_mut().zip((0..exponent).rev()) {
                    rest *= 5;
                    *digit = (rest >> bits) as u8;
                    rest &= below(bits);
                }
            }
            (false, ..=9) => {}
            (false, exponent) => {
                let mut rest = ticks;
                for digit in digits[..exponent as usize - 9].iter_mut().rev() {
                    *digit = (rest % 10) as u8;
                    rest /= 10;
                }
            }
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(resolution: u8, offset: i64) -> Clock {
        Clock { resolution, offset }
    }

    #[test]
    fn clocks_agree_on_common_instants() {
        // 1.5 s in each clock.
        let ticks = [(1, 15), (6, 1_500_000), (9, 1_500_000_000), (19, 15_000_000_000_000_000_000), (0x81, 3)];
        for (resolution, ticks) in ticks.into_iter().chain([(0xa0, 3 << 31), (0xbe, 3 << 61)]) {
            assert_eq!(CaptureTime::of(clock(resolution, 0), ticks), CaptureTime::from_nanoseconds(1_500_000_000));
            let before = CaptureTime::from_nanoseconds(-8_500_000_000);
            assert_eq!(CaptureTime::of(clock(resolution, -10), ticks), before, "{resolution}");
        }
    }

    #[test]
    fn instants_below_a_nanosecond_are_ordered() {
        // 1/2^64 s lies between 0.054 and 0.055 attoseconds.
        let binary = CaptureTime::of(clock(0x80 | 64, 0), 1);
        assert!(CaptureTime::of(clock(21, 0), 54) < binary && binary < CaptureTime::of(clock(21, 0), 55));
        // 2^-127 is 5.877e-39; 10^-127 is shorter.
        let shortest = CaptureTime::of(clock(0xff, 0), 1);
        assert!(CaptureTime::of(clock(42, 0), 5877) < shortest && shortest < CaptureTime::of(clock(42, 0), 5878));
        assert!(CaptureTime::of(clock(127, 0), 1) < shortest && CaptureTime::of(clock(127, 0), 0) < shortest);
        assert_eq!(shortest.rest[DIGITS - 3..], [1, 2, 5]);
        for resolution in [10, 20, 127, 0x8a, 0xc0, 0xff] {
            let of = |ticks| CaptureTime::of(clock(resolution, 7), ticks);
            for ticks in [1, 1 << 32, 10_000_000_000, u64::MAX] {
                assert!(of(ticks - 1) < of(ticks), "{resolution} {ticks}");
            }
        }
    }

    #[test]
    fn first_tick_is_exact() {
        let first = |resolution, offset, nanoseconds| {
            clock(resolution, offset).first_tick_at(&CaptureTime::from_nanoseconds(nanoseconds))
        };
        assert_eq!(first(6, 0, 1_000), Some(1));
        assert_eq!(first(6, 0, 1_001), Some(2));
        assert_eq!(first(6, 3, 1_000), Some(0));
        assert_eq!(first(9, 0, i128::from(u64::MAX)), Some(u64::MAX));
        assert_eq!(first(9, 0, i128::from(u64::MAX) + 1), None);
        assert_eq!(first(0x80 | 10, 100, 100_500_000_000), Some(512));
        assert_eq!(first(0x80 | 10, 100, 100_500_000_001), Some(513));
        assert_eq!(first(0, -5, 0), Some(5));
        for resolution in [0, 3, 9, 12, 30, 127, 0x80, 0x9e, 0xc0, 0xff] {
            for ticks in [0, 1, 12_345, 1 << 40, u64::MAX] {
                let clock = clock(resolution, -7);
                assert_eq!(clock.first_tick_at(&CaptureTime::of(clock, ticks)), Some(ticks), "{resolution}");
            }
        }
    }
}
