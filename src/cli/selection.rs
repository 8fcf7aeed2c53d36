//! The options that select packets by number and time, and their evaluation.
//!
//! - Times are compared with the ticks of each interface's clock, so no comparison is rounded.
//! - Packets outside of the times count as if the captures did not contain them.

use std::collections::BTreeMap;
use std::mem;

use clap::Args;

use crate::cli::capture::{CaptureTime, Clock, Record};
use crate::cli::time::TimeBound;

/// The most clocks whose bounds are stored. A small file can have 65,536 of them in each of many sections.
const MOST_CLOCKS: usize = 256;

/// The time and the number of packets.
#[derive(Args, Clone)]
pub struct SelectionArguments {
    /// End after N matching packets; `cbpf split` writes at most N to each capture
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Skip packets before this time: `2024-05-01 10:00:00.5` (UTC), `2024-05-01T10:00:00+02:00`, `@1714557600.5`
    /// (seconds since 1970), or `+1h30m` (after the first packet)
    #[arg(long, value_name = "TIME", value_parser = TimeBound::parse)]
    after: Option<TimeBound>,

    /// Skip packets at this time and after it; the forms are those of --after. Reading goes on, since packets may be
    /// out of order
    #[arg(long, value_name = "TIME", value_parser = TimeBound::parse)]
    before: Option<TimeBound>,
}

impl SelectionArguments {
    /// Returns the most packets.
    pub fn most(&self) -> Option<u64> {
        self.limit
    }

    /// Returns whether packets are selected by time.
    pub fn has_times(&self) -> bool {
        self.after.is_some() || self.before.is_some()
    }

    /// Returns whether a time depends on that of the first packet.
    pub fn has_relative_times(&self) -> bool {
        [&self.after, &self.before].into_iter().flatten().any(|bound| matches!(bound, TimeBound::AfterFirst(_)))
    }
}

/// The most bytes of a packet.
#[derive(Args, Clone, Copy)]
pub struct SnaplenArguments {
    /// Cut packets that are written to this many bytes; 0 keeps them whole
    #[arg(short = 's', long = "snapshot-length", visible_alias = "snaplen", value_name = "SNAPLEN")]
    snaplen: Option<u32>,
}

impl SnaplenArguments {
    /// Returns the most bytes of a packet.
    pub fn most(self) -> Option<u32> {
        self.snaplen.filter(|&snaplen| snaplen > 0)
    }
}

/// Selects packets by time.
#[derive(Clone)]
pub struct TimeSelection<'a> {
    arguments: &'a SelectionArguments,
    bounds: Option<Bounds>,
    by_clock: BTreeMap<Clock, Ticks>,
    /// The clock of the last packet.
    last: Option<(Clock, Ticks)>,
    /// The number of packets outside.
    outside: u64,
}

/// The bounds, once the first packet is known.
#[derive(Clone)]
struct Bounds {
    after: Option<CaptureTime>,
    before: Option<CaptureTime>,
}

/// The ticks of a clock from `first` on, and before `end`. Without `first`, there are none.
#[derive(Clone, Copy)]
struct Ticks {
    first: Option<u64>,
    end: Option<u64>,
}

impl<'a> TimeSelection<'a> {
    pub fn new(arguments: &'a SelectionArguments) -> TimeSelection<'a> {
        TimeSelection { arguments, bounds: None, by_clock: BTreeMap::new(), last: None, outside: 0 }
    }

    /// Returns whether the packet is within the times. The first call is with the first packet of all inputs.
    #[inline]
    pub fn includes(&mut self, record: &Record) -> bool {
        if !self.arguments.has_times() {
            return true;
        }
        let clock = record.interface.clock;
        let ticks = match self.last {
            Some((last, ticks)) if last == clock => ticks,
            _ => self.ticks(record),
        };
        let is_inside =
            ticks.first.is_some_and(|first| record.ticks >= first) && ticks.end.is_none_or(|end| record.ticks < end);
        self.outside += u64::from(!is_inside);
        is_inside
    }

    /// Returns the number of packets outside of the times, if there are any times, and begins to count anew.
    pub fn take_outside(&mut self) -> Option<u64> {
        self.arguments.has_times().then(|| mem::take(&mut self.outside))
    }

    #[cold]
    fn ticks(&mut self, record: &Record) -> Ticks {
        let clock = record.interface.clock;
        let bounds = self.bounds.get_or_insert_with(|| {
            let first = CaptureTime::of(clock, record.ticks);
            let resolve = |bound: &Option<TimeBound>| bound.as_ref().map(|bound| bound.resolve(&first));
            Bounds { after: resolve(&self.arguments.after), before: resolve(&self.arguments.before) }
        });
        if self.by_clock.len() >= MOST_CLOCKS {
            self.by_clock.clear();
        }
        let ticks = *self.by_clock.entry(clock).or_insert_with(|| Ticks {
            first: bounds.after.as_ref().map_or(Some(0), |after| clock.first_tick_at(after)),
            end: bounds.before.as_ref().and_then(|before| clock.first_tick_at(before)),
        });
        self.last = Some((clock, ticks));
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::capture::{ByteOrder, Interface};

    fn interface(resolution: u8, offset: i64) -> Interface {
        let clock = Clock { resolution, offset };
        Interface {
            index: 0,
            link_type_number: 1,
            link_type_flags: 0,
            snaplen: 0,
            clock,
            order: ByteOrder::Little,
            name: None,
        }
    }

    fn arguments(after: &str, before: &str) -> SelectionArguments {
        let bound = |text: &str| (!text.is_empty()).then(|| TimeBound::parse(text).expect("a time"));
        SelectionArguments { limit: None, after: bound(after), before: bound(before) }
    }

    fn included(arguments: &SelectionArguments, packets: &[(&Interface, u64)]) -> Vec<bool> {
        let mut selection = TimeSelection::new(arguments);
        let mut includes = |&(interface, ticks): &(&Interface, u64)| {
            let mut record = Record::new(&[], 0, interface);
            record.ticks = ticks;
            selection.includes(&record)
        };
        packets.iter().map(&mut includes).collect()
    }

    #[test]
    fn after_is_included_and_before_is_not() {
        let (micro, binary) = (interface(6, 0), interface(0x80 | 10, 1));
        let packets = [(&micro, 1_499_999), (&micro, 1_500_000), (&micro, 1_999_999), (&micro, 2_000_000)];
        let expected = vec![false, true, true, false];
        assert_eq!(included(&arguments("@1.5", "@2"), &packets), expected);
        assert_eq!(included(&arguments("+1us", "+500001us"), &packets), expected);
        let packets = [(&binary, 511), (&binary, 512), (&micro, 1_999_999), (&binary, 1024), (&micro, 2_000_000)];
        assert_eq!(included(&arguments("@1.5", "@2"), &packets), vec![false, true, true, false, false]);
    }

    #[test]
    fn times_outside_of_a_clock_select_all_or_nothing() {
        let late = interface(9, 1_000_000_000);
        let packets = [(&late, 0), (&late, u64::MAX)];
        assert_eq!(included(&arguments("2002-01-01", ""), &packets), vec![false, true]);
        assert_eq!(included(&arguments("1970-01-01", "2999-01-01"), &packets), vec![true, true]);
        assert_eq!(included(&arguments("2999-01-01", ""), &packets), vec![false, false]);
        assert_eq!(included(&arguments("", "1970-01-01"), &packets), vec![false, false]);
        assert_eq!(included(&arguments("", ""), &packets), vec![true, true]);
    }

    #[test]
    fn relative_times_are_exact_between_clocks() {
        // The first packet is 2^-64 s after 1970, so tick 0 of nanoseconds is too early.
        let (binary, nano) = (interface(0x80 | 64, 0), interface(9, 0));
        let packets = [(&binary, 1), (&nano, 0), (&nano, 1), (&nano, 1_000_000_000), (&nano, 1_000_000_001)];
        assert_eq!(included(&arguments("+0", "+1"), &packets), vec![true, false, true, true, false]);
    }

    #[test]
    fn many_clocks_are_not_stored() {
        let interfaces: Vec<_> = (0..1000).map(|offset| interface(6, offset)).collect();
        let packets: Vec<_> = interfaces.iter().map(|interface| (interface, 0)).collect();
        let inside = included(&arguments("@100", "@900"), &packets).iter().filter(|inside| **inside).count();
        assert_eq!(inside, 800);
    }
}
