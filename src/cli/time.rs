//! Times and durations on the command line, and their form in tables. Without an offset, times are UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::cli::capture::CaptureTime;

const SECOND: i128 = 1_000_000_000;

/// The units of durations, in nanoseconds.
#[rustfmt::skip]
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s",  SECOND),
    ("m",  60 * SECOND),
    ("h",  3_600 * SECOND),
    ("d",  86_400 * SECOND),
];

/// The longest duration, in nanoseconds: 10,000 years.
const LONGEST: i128 = 10_000 * 366 * 86_400 * SECOND;

/// The begin or end of a span of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeBound {
    At(CaptureTime),
    /// This many nanoseconds after the first packet.
    AfterFirst(i128),
}

impl TimeBound {
    /// Parses `2024-05-01 10:00:00.5`, `2024-05-01T10:00:00+02:00`, `@1714557600.5` or `+1h30m`.
    ///
    /// # Errors
    /// A sentence about the forms that are expected.
    pub fn parse(text: &str) -> Result<TimeBound, String> {
        if let Some(text) = text.strip_prefix('+') {
            return duration(text).map(TimeBound::AfterFirst);
        }
        let nanoseconds = match text.strip_prefix('@') {
            Some(seconds) => match number(seconds, SECOND)? {
                (nanoseconds, "") => nanoseconds,
                (_, rest) => return Err(format!("a number of seconds since 1970 is expected, without `{rest}`")),
            },
            None => timestamp(text)?.as_nanosecond(),
        };
        Ok(TimeBound::At(CaptureTime::from_nanoseconds(nanoseconds)))
    }

    /// Returns the instant, for captures that begin at `first`.
    pub fn resolve(&self, first: &CaptureTime) -> CaptureTime {
        match self {
            TimeBound::At(time) => time.clone(),
            TimeBound::AfterFirst(nanoseconds) => first.clone().plus(*nanoseconds),
        }
    }
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    let failed = |error: jiff::Error| {
        format!(
            "{error}; a time is expected: `2024-05-01`, `2024-05-01 10:00:00.5` (UTC), `2024-05-01T10:00:00+02:00`, \
             `@1714557600.5` (seconds since 1970), or `+1h30m` (after the first packet)"
        )
    };
    // A leap second would be taken for the second before it.
    if text.split(':').nth(2).is_some_and(|seconds| seconds.starts_with("60")) {
        return Err("seconds are 0 to 59".to_owned());
    }
    text.parse::<Timestamp>().or_else(|_| {
        let local = text.parse::<DateTime>().map_err(failed)?;
        Ok(local.to_zoned(TimeZone::UTC).map_err(failed)?.timestamp())
    })
}

/// Parses a duration, `90`, `1.5h` or `1h30m`, and returns its nanoseconds.
///
/// # Errors
/// A sentence about the form that is expected.
pub fn duration(text: &str) -> Result<i128, String> {
    let (mut nanoseconds, mut rest) = (0, text);
    loop {
        let (scaled, after) = number_with_unit(rest, rest.len() == text.len())?;
        nanoseconds += scaled;
        rest = after;
        if nanoseconds > LONGEST {
            return Err("a duration is at most 10,000 years".to_owned());
        }
        if rest.is_empty() {
            return Ok(nanoseconds);
        }
    }
}

/// Parses a duration that is not zero.
///
/// # Errors
/// A sentence about the form that is expected.
pub fn interval(text: &str) -> Result<i128, String> {
    match duration(text)? {
        0 => Err("an interval is longer than 0".to_owned()),
        nanoseconds => Ok(nanoseconds),
    }
}

/// Returns the nanoseconds of the number at the start of a text and the text after its unit. A number that
/// `may_be_alone` needs no unit if it is the whole text.
fn number_with_unit(text: &str, may_be_alone: bool) -> Result<(i128, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let after = &text[end..];
    let unit_len = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
    let (unit, rest) = after.split_at(unit_len);
    let scale = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, scale)) => *scale,
        None if unit.is_empty() && rest.is_empty() && may_be_alone => SECOND,
        None => {
            return Err(format!(
                "a number of seconds is expected, or numbers with the units d, h, m, s, ms, us, ns, such as `1h30m`; \
                 there is `{}`",
                if unit.is_empty() { text } else { unit }
            ));
        }
    };
    match number(&text[..end], scale)? {
        (nanoseconds, "") => Ok((nanoseconds, rest)),
        _ => Err(format!("a number is expected, there is `{}`", &text[..end])),
    }
}

/// Returns the decimal number at the start of a text, times `scale`, and the text after it.
fn number(text: &str, scale: i128) -> Result<(i128, &str), String> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let expected = || format!("a number is expected, there is `{text}`");
    let whole: u64 = whole.parse().map_err(|_| expected())?;
    let mut nanoseconds = i128::from(whole) * scale;
    let mut place = scale;
    for digit in fraction.trim_end_matches('0').bytes() {
        let digit = i128::from(digit - b'0');
        if digit * place % 10 != 0 {
            return Err("a time has at most nanoseconds".to_owned());
        }
        nanoseconds += digit * place / 10;
        place /= 10;
    }
    Ok((nanoseconds, rest))
}

/// Returns the current second since 1970.
pub fn now() -> i128 {
    Timestamp::now().as_second().into()
}

/// Returns the current time in nanoseconds since 1970.
pub fn now_nanoseconds() -> i128 {
    Timestamp::now().as_nanosecond()
}

/// Formats a second since 1970 in the manner of `strftime`, in UTC.
///
/// # Errors
/// A sentence about the format, or about a second of no year before 10,000.
pub fn format(format: &str, second: i128) -> Result<String, String> {
    let timestamp = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
    let timestamp = timestamp.ok_or_else(|| format!("a packet has no date: it was captured at @{second}"))?;
    let formatted = jiff::fmt::strtime::format(format, &timestamp.to_zoned(TimeZone::UTC));
    formatted.map_err(|error| format!("invalid name: {error}"))
}

/// Returns an instant as `2024-05-01T10:00:00Z`, with the digits that multiples of `unit` have; an instant far from now
/// as `@` and its seconds since 1970. Both are in nanoseconds.
pub fn rfc3339(nanoseconds: i128, unit: i128) -> String {
    let digits = [(0, SECOND), (3, 1_000_000), (6, 1_000)].into_iter().find(|(_, scale)| unit % scale == 0);
    let digits = digits.map_or(9, |(digits, _)| digits);
    match Timestamp::from_nanosecond(nanoseconds) {
        Ok(timestamp) => format!("{timestamp:.digits$}"),
        Err(_) => format!("@{}", nanoseconds.div_euclid(SECOND)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<TimeBound, String> {
        TimeBound::parse(text)
    }

    #[test]
    fn parses_absolute_times() {
        let time = 1_714_557_600 * SECOND;
        for (text, nanoseconds) in [
            ("2024-05-01", time - 36_000 * SECOND),
            ("2024-05-01 10:00", time),
            ("2024-05-01 10:00:00", time),
            ("2024-05-01T10:00:00Z", time),
            ("2024-05-01 12:00:00+02:00", time),
            ("2024-05-01 10:00:00.000000001", time + 1),
            ("@1714557600", time),
            ("@1714557600.5", time + SECOND / 2),
            ("@0.123456789", 123_456_789),
            ("1969-12-31T23:59:59.5Z", -SECOND / 2),
        ] {
            assert_eq!(at(text), Ok(TimeBound::At(CaptureTime::from_nanoseconds(nanoseconds))), "{text}");
        }
    }

    #[test]
    fn parses_durations() {
        for (text, nanoseconds) in [
            ("90", 90 * SECOND),
            ("0.5", SECOND / 2),
            ("1h30m", 5_400 * SECOND),
            ("1.5h", 5_400 * SECOND),
            ("500ms", SECOND / 2),
            ("1d1ns", 86_400 * SECOND + 1),
            ("2µs", 2_000),
        ] {
            assert_eq!(duration(text), Ok(nanoseconds), "{text}");
            assert_eq!(at(&format!("+{text}")), Ok(TimeBound::AfterFirst(nanoseconds)));
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in [
            "",
            "+",
            "@",
            "@x",
            "@-5",
            "@1s",
            "+1x",
            "+1h30",
            "+h",
            "+1.2.3s",
            "+-1",
            "10:00",
            "yesterday",
            "2024-05-01 10:00:60",
        ] {
            assert!(at(text).is_err(), "{text}");
        }
        for text in ["0.0000000001", "0.5ns", "99999999999999999999", "4000000d", "1e3", "1 s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(interval("0s").is_err());
    }

    #[test]
    fn formats_times() {
        assert_eq!(format("%Y%m%d-%H%M%S%%", 1_714_557_600).unwrap(), "20240501-100000%");
        assert!(format("%", 0).is_err() && format("%Y", i128::MAX).is_err());
        assert_eq!(rfc3339(1_500_000_000, 60 * SECOND), "1970-01-01T00:00:01Z");
        assert_eq!(rfc3339(1_500_000_000, SECOND / 2), "1970-01-01T00:00:01.500Z");
        assert_eq!(rfc3339(-1, 1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(i128::from(u64::MAX) * SECOND, 1), "@18446744073709551615");
    }
}
