//! Times of capture, and the styles in which they are printed.
//!
//! - All arithmetic is exact: no tick is rounded up, whatever the clock. A capture with a microsecond clock or a slower
//!   one prints microseconds, a faster clock prints nanoseconds.
//! - Any clock and offset of pcapng can be printed, even years that date libraries do not have.

use crate::cli::capture::{Clock, Record};
use crate::cli::print_packets::text::Text;

const SECONDS_OF_DAY: i64 = 86_400;
const NANOSECONDS: u64 = 1_000_000_000;

/// A time since 1970, or a difference of two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Whole seconds, rounded down.
    seconds: i128,
    nanoseconds: u32,
    /// Whether the clock is faster than one of microseconds.
    is_fine: bool,
}

impl Time {
    /// Returns the time of a record.
    #[inline]
    pub fn of(record: &Record) -> Time {
        Time::of_ticks(record.ticks, record.interface.clock)
    }

    #[inline]
    fn of_ticks(ticks: u64, clock: Clock) -> Time {
        let Clock { resolution, offset } = clock;
        let (whole, nanoseconds, is_fine) = match resolution {
            6 => (ticks / 1_000_000, ticks % 1_000_000 * 1000, false),
            9 => (ticks / NANOSECONDS, ticks % NANOSECONDS, true),
            _ if resolution & 0x80 == 0 => decimal(ticks, resolution.into()),
            _ => binary(ticks, (resolution & 0x7f).into()),
        };
        Time { seconds: i128::from(offset) + i128::from(whole), nanoseconds: nanoseconds as u32, is_fine }
    }

    /// Returns the time that passed since another one.
    fn since(self, other: Time) -> Time {
        let nanoseconds = i64::from(self.nanoseconds) - i64::from(other.nanoseconds);
        Time {
            seconds: self.seconds - other.seconds + i128::from(nanoseconds.div_euclid(NANOSECONDS as i64)),
            nanoseconds: nanoseconds.rem_euclid(NANOSECONDS as i64) as u32,
            is_fine: self.is_fine || other.is_fine,
        }
    }

    /// Returns the absolute value, and whether the time was negative.
    fn magnitude(self) -> (Time, bool) {
        let zero = Time { seconds: 0, nanoseconds: 0, ..self };
        if self.seconds < 0 { (zero.since(self), true) } else { (self, false) }
    }

    /// Appends seconds since 1970.
    pub fn epoch(self, text: &mut Text) {
        let (time, is_negative) = self.magnitude();
        if is_negative {
            text.byte(b'-');
        }
        match u64::try_from(time.seconds) {
            Ok(seconds) => text.decimal(seconds),
            Err(_) => text.str(&time.seconds.to_string()),
        };
        time.fraction(text);
    }

    /// Appends a date and a time of day in the form of RFC 3339, in UTC.
    pub fn rfc3339(self, text: &mut Text) {
        self.date_and_time(text, b'T');
        text.byte(b'Z');
    }

    fn date_and_time(self, text: &mut Text, separator: u8) {
        let (days, second) = self.day_and_second();
        date(days, text);
        text.byte(separator);
        clock_time(second, text);
        self.fraction(text);
    }

    fn time_of_day(self, text: &mut Text) {
        clock_time(self.day_and_second().1, text);
        self.fraction(text);
    }

    /// Appends hours, minutes and seconds, with a sign or a space before them.
    fn difference(self, text: &mut Text) {
        let (time, is_negative) = self.magnitude();
        text.byte(if is_negative { b'-' } else { b' ' });
        let (hours, second) = (time.seconds / 3600, (time.seconds % 3600) as u64);
        if hours > 99 {
            text.str(&hours.to_string());
        } else {
            text.two_digits(hours as u64);
        }
        text.byte(b':').two_digits(second / 60).byte(b':').two_digits(second % 60);
        time.fraction(text);
    }

    /// Returns the number of days since 1970, and the second of the day.
    fn day_and_second(self) -> (i64, u64) {
        match i64::try_from(self.seconds) {
            Ok(seconds) => (seconds.div_euclid(SECONDS_OF_DAY), seconds.rem_euclid(SECONDS_OF_DAY) as u64),
            Err(_) => {
                let day = i128::from(SECONDS_OF_DAY);
                (self.seconds.div_euclid(day) as i64, self.seconds.rem_euclid(day) as u64)
            }
        }
    }

    fn fraction(self, text: &mut Text) {
        let nanoseconds = u64::from(self.nanoseconds);
        text.byte(b'.');
        match self.is_fine {
            true => text.digits(nanoseconds, 9),
            false => text.digits(nanoseconds / 1000, 6),
        };
    }
}

/// Returns the seconds and nanoseconds of ticks of 10^-exponent seconds, and whether they are fine.
fn decimal(ticks: u64, exponent: u32) -> (u64, u64, bool) {
    let power = |exponent: u32| 10_u64.checked_pow(exponent);
    let (whole, rest) = power(exponent).map_or((0, ticks), |second| (ticks / second, ticks % second));
    let nanoseconds = match exponent {
        0..=9 => rest * 10_u64.pow(9 - exponent),
        // A nanosecond of more ticks than fit into 64 bits.
        _ => power(exponent - 9).map_or(0, |nanosecond| rest / nanosecond),
    };
    (whole, nanoseconds, exponent > 6)
}

/// Returns the seconds and nanoseconds of ticks of 2^-exponent seconds, and whether they are fine.
fn binary(ticks: u64, exponent: u32) -> (u64, u64, bool) {
    let whole = ticks.checked_shr(exponent).unwrap_or(0);
    let rest = u128::from(ticks - whole.checked_shl(exponent).unwrap_or(0));
    // A clock of 2^19 ticks a second is slower than one of microseconds.
    (whole, ((rest * u128::from(NANOSECONDS)) >> exponent) as u64, exponent > 19)
}

#[inline]
fn clock_time(second: u64, text: &mut Text) {
    text.two_digits(second / 3600).byte(b':').two_digits(second / 60 % 60).byte(b':').two_digits(second % 60);
}

/// Appends a date of the Gregorian calendar, which is counted from March, so that a leap day ends a year, in cycles of
/// 400 years.
fn date(days: i64, text: &mut Text) {
    /// The days from the first of March of the year 0 to 1970.
    const EPOCH: i64 = 719_468;
    const CYCLE: i64 = 146_097;
    let days = days + EPOCH;
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year_of_cycle = (day - day / 1460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day = day - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * cycle + year_of_cycle + i64::from(month <= 2);
    if year < 0 {
        text.byte(b'-');
    }
    text.digits(year.unsigned_abs(), 4).byte(b'-').two_digits(month as u64).byte(b'-');
    text.two_digits((day - (153 * month_from_march + 2) / 5 + 1) as u64);
}

/// The style of times in lines: the number of `t` in the option, as in tcpdump.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TimeStyle {
    TimeOfDay,
    None,
    Epoch,
    SincePrevious,
    DateAndTime,
    SinceFirst,
}

impl TimeStyle {
    /// Returns the style for a number of options `-t`.
    pub fn of(count: u8) -> TimeStyle {
        match count {
            0 => TimeStyle::TimeOfDay,
            1 => TimeStyle::None,
            2 => TimeStyle::Epoch,
            3 => TimeStyle::SincePrevious,
            4 => TimeStyle::DateAndTime,
            _ => TimeStyle::SinceFirst,
        }
    }
}

/// Prints times in a style; remembers the one that differences are counted from.
pub struct Times {
    style: TimeStyle,
    reference: Option<Time>,
}

impl Times {
    pub fn new(style: TimeStyle) -> Times {
        Times { style, reference: None }
    }

    /// Appends the time of the next packet and a space, if the style has a time.
    #[inline]
    pub fn next(&mut self, time: Time, text: &mut Text) {
        match self.style {
            TimeStyle::None => return,
            TimeStyle::TimeOfDay => time.time_of_day(text),
            TimeStyle::Epoch => time.epoch(text),
            TimeStyle::DateAndTime => time.date_and_time(text, b' '),
            TimeStyle::SinceFirst => time.since(*self.reference.get_or_insert(time)).difference(text),
            TimeStyle::SincePrevious => time.since(self.reference.replace(time).unwrap_or(time)).difference(text),
        }
        text.byte(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(time: Time, print: impl FnOnce(Time, &mut Text)) -> String {
        let mut text = Text::default();
        print(time, &mut text);
        String::from_utf8(text.bytes).expect("it is ASCII")
    }

    #[test]
    fn every_clock_is_exact() {
        let epoch =
            |ticks, resolution, offset| printed(Time::of_ticks(ticks, Clock { resolution, offset }), Time::epoch);
        let day = 1_700_000_000;
        assert_eq!(epoch(day * 1_000_000 + 999_999, 6, 0), "1700000000.999999");
        assert_eq!(epoch(day * 1_000_000_000 + 999_999_999, 9, 0), "1700000000.999999999");
        assert_eq!(epoch(day, 0, 0), "1700000000.000000");
        assert_eq!(epoch(1234, 3, 5), "6.234000");
        assert_eq!(epoch(12_345_678, 7, 0), "1.234567800");
        assert_eq!(epoch(1_999_999_999_999, 12, 0), "1.999999999");
        assert_eq!(epoch(u64::MAX, 19, 0), "1.844674407");
        assert_eq!(epoch(u64::MAX, 20, 0), "0.184467440");
        assert_eq!(epoch(u64::MAX, 28, 0), "0.000000001");
        assert_eq!(epoch(u64::MAX, 127, 0), "0.000000000");
        assert_eq!(epoch(3, 0x80 | 1, 0), "1.500000");
        assert_eq!(epoch((7 << 20) + 1, 0x80 | 20, 0), "7.000000953");
        assert_eq!(epoch(u64::MAX, 0x80 | 63, 0), "1.999999999");
        assert_eq!(epoch(u64::MAX, 0x80 | 64, 0), "0.999999999");
        assert_eq!(epoch(u64::MAX, 0xff, 0), "0.000000000");
        assert_eq!(epoch(500_000, 6, -1), "-0.500000");
        assert_eq!(epoch(0, 6, i64::MIN), "-9223372036854775808.000000");
        assert_eq!(epoch(u64::MAX, 0, i64::MAX), "27670116110564327422.000000");
    }

    #[test]
    fn dates() {
        let at = |seconds: i64| printed(Time::of_ticks(0, Clock { resolution: 6, offset: seconds }), Time::rfc3339);
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(-1), "1969-12-31T23:59:59.000000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.000000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000Z");
        assert_eq!(at(253_402_300_800), "10000-01-01T00:00:00.000000Z");
        assert_eq!(at(-62_167_219_201), "-0001-12-31T23:59:59.000000Z");
        assert_eq!(at(i64::MAX), "292277026596-12-04T15:30:07.000000Z");
        assert_eq!(at(i64::MIN), "-292277022657-01-27T08:29:52.000000Z");
    }

    #[test]
    fn styles_are_those_of_tcpdump() {
        let lines = |count| {
            let (mut times, mut text) = (Times::new(TimeStyle::of(count)), Text::default());
            for ticks in [200_000_000_005, 100_000_000_007, 400_000_000_009] {
                times.next(Time::of_ticks(ticks, Clock::MICROSECONDS), &mut text);
            }
            String::from_utf8(text.bytes).expect("it is ASCII")
        };
        assert_eq!(lines(0), "07:33:20.000005 03:46:40.000007 15:06:40.000009 ");
        assert_eq!(lines(1), "");
        assert_eq!(lines(2), "200000.000005 100000.000007 400000.000009 ");
        // Tcpdump begins again after 24 hours.
        assert_eq!(lines(3), " 00:00:00.000000 -27:46:39.999998  83:20:00.000002 ");
        assert_eq!(lines(4), "1970-01-03 07:33:20.000005 1970-01-02 03:46:40.000007 1970-01-05 15:06:40.000009 ");
        assert_eq!(lines(5), " 00:00:00.000000 -27:46:39.999998  55:33:20.000004 ");
    }
}
