//! Sets of architectures and of calls, by name.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use crate::syscall::{Arch, SeccompData, X32_BIT};

/// Architectures that a filter treats alike, or one of two ABIs of x86-64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architectures {
    ranges: Vec<RangeInclusive<u32>>,
    is_x32: Option<bool>,
    /// The byte order, if it is the one that tells these architectures from others.
    is_big_endian: Option<bool>,
}

/// The numbers of big-endian and of little-endian architectures, which have bit 30 set.
const BIG_ENDIAN: [RangeInclusive<u32>; 2] = [0..=0x3fff_ffff, 0x8000_0000..=0xbfff_ffff];
const LITTLE_ENDIAN: [RangeInclusive<u32>; 2] = [0x4000_0000..=0x7fff_ffff, 0xc000_0000..=0xffff_ffff];

impl Architectures {
    pub(super) fn new(ranges: Vec<RangeInclusive<u32>>, is_x32: Option<bool>) -> Architectures {
        Architectures { ranges, is_x32, is_big_endian: None }
    }

    /// Returns those of a byte order.
    pub(super) fn of_byte_order(ranges: &[RangeInclusive<u32>], is_big_endian: bool) -> Architectures {
        let mut of_order = Vec::new();
        for range in ranges {
            for all in if is_big_endian { BIG_ENDIAN } else { LITTLE_ENDIAN } {
                let (first, last) = (*range.start().max(all.start()), *range.end().min(all.end()));
                if first <= last {
                    of_order.push(first..=last);
                }
            }
        }
        Architectures { ranges: of_order, is_x32: None, is_big_endian: Some(is_big_endian) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns whether all have the same byte order.
    pub(super) fn has_byte_order(&self) -> bool {
        self.is_big_endian.is_some() || self.single().is_some()
    }

    /// Returns the numbers of all architectures of the byte order.
    fn universe(&self) -> &'static [RangeInclusive<u32>] {
        match self.is_big_endian {
            None => &[0..=u32::MAX],
            Some(true) => &BIG_ENDIAN,
            Some(false) => &LITTLE_ENDIAN,
        }
    }

    /// Returns the architecture if it is one.
    pub fn single(&self) -> Option<Arch> {
        match &self.ranges[..] {
            [one] if one.start() == one.end() => Some(Arch(*one.start())),
            _ => None,
        }
    }

    /// Returns whether these are the calls of the x32 ABI, which have the architecture of x86-64 and bit 30 set in their
    /// numbers.
    pub fn is_x32(&self) -> bool {
        self.is_x32 == Some(true)
    }

    /// Returns whether these are all architectures, or all of a byte order: the filter does not check the architecture.
    pub fn are_all(&self) -> bool {
        self.ranges == self.universe()
    }

    /// Returns whether an architecture is one of these.
    pub fn contains_arch(&self, arch: Arch) -> bool {
        self.ranges.iter().any(|range| range.contains(&arch.0))
    }

    /// Returns whether a call is one of these architectures and of this ABI.
    pub fn contains(&self, data: &SeccompData) -> bool {
        let has_bit = data.nr >= X32_BIT;
        self.contains_arch(data.arch) && self.is_x32.is_none_or(|is| is == has_bit)
    }

    /// Returns an architecture whose names stand for the calls of all: `presumed`, if all may make these calls.
    pub fn presumed(&self, presumed: Arch) -> Option<Arch> {
        (self.are_all() && self.contains_arch(presumed)).then_some(presumed)
    }

    /// Returns one of the architectures, with a name if one has.
    pub(super) fn example(&self) -> Arch {
        let is_in = |arch: &Arch| self.contains_arch(*arch);
        let common = ["x86_64", "i386", "aarch64", "arm"].iter().filter_map(|name| name.parse::<Arch>().ok());
        let first = Arch(self.ranges.first().map_or(0, |range| *range.start()));
        common.chain(Arch::named()).find(is_in).unwrap_or(first)
    }
}

/// Prints the name of one architecture, `every architecture`, `every little-endian architecture`, or `every architecture
/// but x86_64, i386`.
impl fmt::Display for Architectures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(arch) = self.single() {
            return write!(f, "{arch}{}", if self.is_x32() { ", x32 ABI" } else { "" });
        }
        let every = match self.is_big_endian {
            None => "every architecture",
            Some(true) => "every big-endian architecture",
            Some(false) => "every little-endian architecture",
        };
        if self.are_all() {
            return f.write_str(every);
        }
        let mut missing = Vec::new();
        for all in self.universe() {
            let mut next = Some(*all.start());
            for range in self.ranges.iter().filter(|range| all.contains(range.start())) {
                if let Some(first) = next.filter(|first| first < range.start()) {
                    missing.push(first..=range.start() - 1);
                }
                next = range.end().checked_add(1);
            }
            missing.extend(next.filter(|first| first <= all.end()).map(|first| first..=*all.end()));
        }
        if missing.iter().all(|range| range.start() == range.end()) {
            let names: Vec<String> = missing.iter().map(|range| Arch(*range.start()).to_string()).collect();
            return write!(f, "{every} but {}", names.join(", "));
        }
        let shown = |range: &RangeInclusive<u32>| format!("{:#010x}..={:#010x}", range.start(), range.end());
        write!(f, "architectures {}", self.ranges.iter().map(shown).collect::<Vec<String>>().join(", "))
    }
}

/// System calls of one architecture, as ranges of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    names: Option<Arch>,
    ranges: Vec<RangeInclusive<u32>>,
    is_rest: bool,
}

/// The largest number of calls of a range that are named one by one.
const MAX_NAMED: u32 = 1024;

impl Calls {
    pub(super) fn new(names: Option<Arch>, ranges: Vec<RangeInclusive<u32>>, is_rest: bool) -> Calls {
        Calls { names, ranges, is_rest }
    }

    /// Returns the ranges of the numbers, in ascending order. A negative number of [`SeccompData::nr`] is above 2^31.
    pub fn ranges(&self) -> &[RangeInclusive<u32>] {
        &self.ranges
    }

    /// Returns whether a number is in one of the ranges.
    pub fn contains(&self, nr: i32) -> bool {
        self.ranges.iter().any(|range| range.contains(&(nr as u32)))
    }

    /// Returns whether these are the remaining calls of the architecture, most of whose numbers no call has.
    pub fn is_rest(&self) -> bool {
        self.is_rest
    }

    /// Returns the names of the calls, and ranges of numbers without names: `read`, `write`, `600..=1023`.
    ///
    /// Names are those of the architecture, or of `presumed` if there are many architectures.
    pub fn names(&self, presumed: Option<Arch>) -> Vec<String> {
        let mut names = Vec::new();
        let name_of = |nr: u32| self.names.or(presumed)?.syscall_name(nr as i32);
        for range in &self.ranges {
            let mut unnamed: Option<RangeInclusive<u32>> = None;
            let named_until = range.start().saturating_add(MAX_NAMED).min(*range.end());
            for nr in *range.start()..=named_until {
                match name_of(nr) {
                    Some(name) => {
                        names.extend(unnamed.take().map(|range| numbers(&range)));
                        names.push(name);
                    }
                    None => unnamed = Some(unnamed.map_or(nr, |range| *range.start())..=nr),
                }
            }
            if named_until < *range.end() {
                unnamed = Some(unnamed.map_or(named_until + 1, |range| *range.start())..=*range.end());
            }
            names.extend(unnamed.map(|range| numbers(&range)));
        }
        names
    }

    /// Returns the number of one call, with a name if one has.
    pub(super) fn example(&self) -> u32 {
        let first = self.ranges.first().map_or(0, |range| *range.start());
        let is_named = |nr: &u32| self.names.is_some_and(|arch| arch.syscall_name(*nr as i32).is_some());
        let candidates = self.ranges.iter().flat_map(|range| range.clone().take(MAX_NAMED as usize));
        candidates.take(8 * MAX_NAMED as usize).find(is_named).unwrap_or(first)
    }
}

fn numbers(range: &RangeInclusive<u32>) -> String {
    let shown = |nr: u32| if nr < 10_000 { nr.to_string() } else { format!("{nr:#x}") };
    if range.start() == range.end() {
        return shown(*range.start());
    }
    format!("{}..={}", shown(*range.start()), shown(*range.end()))
}

/// Prints the names, or `every other call`.
impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_rest {
            return f.write_str("every other call");
        }
        f.write_str(&self.names(None).join(", "))
    }
}
