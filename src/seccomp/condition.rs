//! Conditions on the arguments of a call.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use crate::seccomp::expression::{self, Expression};
use crate::syscall::SeccompData;

/// A condition on the arguments of a call.
///
/// It prints as `arg0 == 3`, `arg1 & 0x10000 != 0 and arg2 >= 0x100000000` or `arg0 in {0, 8..=15}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// The condition holds for all arguments.
    Always,
    /// The condition of one number.
    Test(Test),
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// The condition exists, but has too many tests to be listed.
    TooComplex,
}

/// The numbers that a part of a call may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The part of the call.
    pub subject: Subject,
    /// The bits that are kept before the comparison.
    pub mask: u64,
    /// The masked numbers, in ascending order.
    pub ranges: Vec<RangeInclusive<u64>>,
    /// If set, the masked number must not be one of `ranges`.
    pub is_negated: bool,
}

/// A part of a call that filters test.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// An argument of 64 bits, from 0 to 5.
    Argument(u8),
    /// The address of the call.
    InstructionPointer,
    /// The word at an offset of `struct seccomp_data`: half of an argument where the architecture, and so the order of
    /// halves, is unknown; or the number of the call or the architecture where the filter tests too many of them.
    Word(u8),
    /// A number that the filter computes.
    Computed(Expression),
    /// A comparison that the filter makes of computed numbers: 1 if it holds, else 0.
    Compared(Expression),
}

impl Condition {
    /// Returns whether the condition holds for a call, or `None` if it is [`Condition::TooComplex`].
    pub fn matches(&self, data: &SeccompData) -> Option<bool> {
        let fold = |list: &[Condition], decided: bool| {
            let mut result = Some(!decided);
            for condition in list {
                match condition.matches(data) {
                    Some(holds) if holds == decided => return Some(decided),
                    Some(_) => {}
                    None => result = None,
                }
            }
            result
        };
        match self {
            Condition::Always => Some(true),
            Condition::Test(test) => Some(test.matches(data)),
            Condition::All(list) => fold(list, false),
            Condition::Any(list) => fold(list, true),
            Condition::TooComplex => None,
        }
    }
}

impl Test {
    /// Returns whether a call has one of the numbers.
    pub fn matches(&self, data: &SeccompData) -> bool {
        let Some(number) = self.subject.number(data) else { return false };
        let masked = number & self.mask;
        self.ranges.iter().any(|range| range.contains(&masked)) != self.is_negated
    }
}

impl Subject {
    /// Returns the number of a call; `None` if its computation divides by 0.
    pub fn number(&self, data: &SeccompData) -> Option<u64> {
        Some(match self {
            Subject::Argument(number) => *data.args.get(usize::from(*number))?,
            Subject::InstructionPointer => data.instruction_pointer,
            Subject::Word(offset) => (*expression::words(data).get(usize::from(offset / 4))?).into(),
            Subject::Computed(value) | Subject::Compared(value) => value.eval(data)?.into(),
        })
    }

    /// Returns the largest number.
    fn max(&self) -> u64 {
        match self {
            Subject::Argument(_) | Subject::InstructionPointer => u64::MAX,
            Subject::Word(_) | Subject::Computed(_) => u32::MAX.into(),
            Subject::Compared(_) => 1,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, list: &[Condition], word: &str| {
            for (place, condition) in list.iter().enumerate() {
                f.write_str(if place == 0 { "" } else { word })?;
                match condition {
                    Condition::All(_) | Condition::Any(_) => write!(f, "({condition})")?,
                    _ => write!(f, "{condition}")?,
                }
            }
            Ok(())
        };
        match self {
            Condition::Always => f.write_str("always"),
            Condition::Test(test) => write!(f, "{test}"),
            Condition::All(list) => join(f, list, " and "),
            Condition::Any(list) => join(f, list, " or "),
            Condition::TooComplex => f.write_str("a condition with too many tests to list"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Test { subject, mask, ranges, is_negated } = self;
        if let (Subject::Compared(comparison), [only]) = (subject, &ranges[..]) {
            let is_false = (*only == (0..=0)) != *is_negated;
            return write!(f, "{}{comparison}", if is_false { "!" } else { "" });
        }
        write!(f, "{subject}")?;
        if *mask != subject.max() {
            write!(f, " & {}", Number(*mask))?;
        }
        let [equal, within] = if *is_negated { ["!=", "not in"] } else { ["==", "in"] };
        match ranges[..] {
            [ref one] if one.start() == one.end() => write!(f, " {equal} {}", Number(*one.start())),
            [ref one] if *one.start() == 0 && !is_negated => write!(f, " <= {}", Number(*one.end())),
            [ref one] if *one.end() == *mask && !is_negated => write!(f, " >= {}", Number(*one.start())),
            [ref one] => write!(f, " {within} {}", shown(one)),
            _ => write!(f, " {within} {{{}}}", ranges.iter().map(shown).collect::<Vec<String>>().join(", ")),
        }
    }
}

fn shown(range: &RangeInclusive<u64>) -> String {
    if range.start() == range.end() {
        return format!("{}", Number(*range.start()));
    }
    format!("{}..={}", Number(*range.start()), Number(*range.end()))
}

/// Prints small numbers in decimal, others in hexadecimal.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 10 { write!(f, "{}", self.0) } else { write!(f, "{:#x}", self.0) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Argument(number) => write!(f, "arg{number}"),
            Subject::InstructionPointer => f.write_str("instruction_pointer"),
            Subject::Word(0) => f.write_str("nr"),
            Subject::Word(4) => f.write_str("arch"),
            Subject::Word(offset) => write!(f, "data[{offset}]"),
            Subject::Computed(value) | Subject::Compared(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_people_write() {
        let test = |mask: u64, ranges: &[RangeInclusive<u64>], is_negated| {
            let ranges = ranges.to_vec();
            Condition::Test(Test { subject: Subject::Argument(1), mask, ranges, is_negated })
        };
        let all = u64::MAX;
        assert_eq!(test(all, &[3..=3], false).to_string(), "arg1 == 3");
        assert_eq!(test(0xff, &[3..=3], true).to_string(), "arg1 & 0xff != 3");
        assert_eq!(test(all, &[0..=9], false).to_string(), "arg1 <= 9");
        assert_eq!(test(all, &[10..=all], false).to_string(), "arg1 >= 0xa");
        assert_eq!(test(all, &[1..=2, 16..=16], true).to_string(), "arg1 not in {1..=2, 0x10}");
        let both = Condition::All(vec![
            test(all, &[1..=1], false),
            Condition::Any(vec![test(8, &[0..=0], false), Condition::TooComplex]),
        ]);
        let text = "arg1 == 1 and (arg1 & 8 == 0 or a condition with too many tests to list)";
        assert_eq!(both.to_string(), text);
        let data = SeccompData { args: [0, 1, 0, 0, 0, 0], ..SeccompData::default() };
        assert_eq!(both.matches(&data), Some(true));
        assert_eq!(both.matches(&SeccompData::default()), Some(false));
    }
}
