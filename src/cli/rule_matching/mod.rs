//! Matching of captures against rules, for `cbpf split`, `cbpf count` and `cbpf rules`.

mod interval_counts;
mod rule_counts;
mod rule_file;
mod rule_matcher;
mod rule_source;
mod table;

use std::collections::btree_map::Entry;
use std::sync::Arc;

use cbpf::{FilterSet, LinkType};
use clap::Args;

use crate::cli::capture::{Reader, Record, Records};
use crate::cli::expression::ChainArguments;
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, Inputs};
use crate::cli::live::Decision;
use crate::cli::rules::{warn_of_shadowed, warn_of_slow};
use crate::cli::selection::{SelectionArguments, TimeSelection};
use crate::cli::warnings::{NamedInterfaces, WarningArguments};

pub use interval_counts::IntervalCounts;
pub use rule_counts::RuleCounts;
pub use rule_file::{RuleSet, Rules};
pub use rule_matcher::{RuleMatcher, Selected};
pub use rule_source::RuleSource;
pub use table::{TableArguments, TableOptions};

use rule_matcher::MatchMemory;

/// Rules, and the captures to match.
#[derive(Args)]
pub struct RuleArguments {
    #[command(flatten)]
    captures: CaptureArguments,

    #[command(flatten)]
    rules: RuleSource,

    /// Give each packet only to the first matching rule in the order of the file, not to all. Warns of rules that are
    /// never first
    #[arg(long)]
    first: bool,

    #[command(flatten)]
    chain: ChainArguments,

    #[command(flatten)]
    warnings: WarningArguments,
}

impl RuleArguments {
    /// Opens the captures and reads the rules, so that errors are reported before any packet is read.
    pub fn open<'a>(&'a self, options: RuleOptions<'a>) -> Result<(Vec<Reader>, RuleMatching<'a>), Failure> {
        self.rules.check()?;
        let inputs = self.captures.open_beside(self.rules.file())?;
        let known = self.captures.link_types(&inputs);
        let chain = self.chain.on_interfaces(self.captures.is_live());
        let (rules, sets) = Rules::read(&self.rules, &known, chain, &self.warnings)?;
        for (&link_type, RuleSet { set, .. }) in &sets {
            self.warn_of(&rules, link_type, set)?;
        }
        let matcher = RuleMatcher {
            sets: sets.into_iter().map(|(link_type, set)| (link_type, Arc::new(set))).collect(),
            classes: known.classes,
            first: self.first,
            selected: options.selected,
            times: TimeSelection::new(options.selection),
            left: options.selection.most().filter(|_| options.selected == Selected::None).unwrap_or(u64::MAX),
            counts: RuleCounts::start(&rules, options.snaplen),
            intervals: options.interval.map(|length| IntervalCounts::new(&rules, length)),
            failure: None,
            memory: MatchMemory::default(),
        };
        let named = NamedInterfaces::default();
        Ok((inputs, RuleMatching { arguments: self, options, rules, named, matcher }))
    }

    /// Warns of slow rules and, if only the first match counts, of rules that are never first.
    fn warn_of(&self, rules: &Rules, link_type: LinkType, set: &FilterSet) -> Result<(), Failure> {
        warn_of_slow(link_type, set);
        if self.first { warn_of_shadowed(rules, link_type, set, &self.warnings) } else { Ok(()) }
    }
}

/// The options of a subcommand that matches rules.
#[derive(Clone, Copy)]
pub struct RuleOptions<'a> {
    pub selection: &'a SelectionArguments,
    /// The most bytes of a packet that count.
    pub snaplen: Option<u32>,
    /// The length of intervals in which packets are counted, in nanoseconds.
    pub interval: Option<i128>,
    /// Which records are passed on, with the ids of their rules, and not counted.
    pub selected: Selected,
}

/// The rules, and the matcher of records.
pub struct RuleMatching<'a> {
    arguments: &'a RuleArguments,
    options: RuleOptions<'a>,
    rules: Rules,
    /// The interfaces for which warnings have been printed.
    named: NamedInterfaces,
    pub matcher: RuleMatcher<'a>,
}

impl RuleMatching<'_> {
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the rules that decide on packets of a link type, if they are known.
    pub fn decision(&self, link_type: LinkType) -> Option<Decision<'_>> {
        let link_type = self.matcher.classes.known_representative(link_type)?;
        self.matcher.sets.get(&link_type).map(|rules| Decision::Rules(&rules.set))
    }

    /// Counts a record of which only the rules with these ids get a copy: `matches` tells whether more match it.
    pub fn count(&mut self, record: &Record, ids: &[u32], matches: bool) {
        match ids.is_empty() && matches {
            true => self.matcher.counts.count_surplus(record),
            false => self.matcher.counts.count(record, ids),
        }
    }

    /// Compiles the sets for records of an input, and warns once for each of its interfaces of rules that match nothing
    /// there.
    ///
    /// # Errors
    /// If warnings are denied, and rules match nothing on a link type.
    pub fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        for (link_type, records) in records.by_link_type() {
            let link_type = self.matcher.classes.representative(link_type);
            let set = match self.matcher.sets.entry(link_type) {
                Entry::Occupied(set) => set.into_mut(),
                Entry::Vacant(place) => {
                    let made = place.insert(Arc::new(self.rules.set(link_type)?));
                    self.arguments.warn_of(&self.rules, link_type, &made.set)?;
                    made
                }
            };
            let Some(warning) = &set.warning else { continue };
            let input = (input, self.arguments.captures.name(input));
            let interfaces = records.iter().map(|record| record.interface);
            self.named.warn_once(&self.arguments.warnings, input, interfaces, warning)?;
        }
        Ok(())
    }

    /// Returns whether matchers on several threads count the same as one. Limits, and times after that of the first
    /// packet depend on the packets before.
    pub fn is_divisible(&self) -> bool {
        self.options.selection.most().is_none() && !self.options.selection.has_relative_times()
    }

    /// Notes whether the inputs could be read to their ends, and the counts of the kernel.
    pub fn set_outcome(&mut self, outcome: Inputs, inputs: &[Reader]) {
        self.matcher.counts.set_outcome(outcome, inputs);
    }

    /// Prints the rows of intervals that are over, as [`IntervalCounts::print_over`] does.
    pub fn print_over(&mut self, table: TableOptions, now: Option<i128>) -> Result<(), Failure> {
        self.matcher.take_failure()?;
        let RuleMatcher { counts, intervals, .. } = &mut self.matcher;
        intervals.as_mut().map_or(Ok(()), |intervals| intervals.print_over(counts, &self.rules, table, now))
    }

    /// Prints the table of all packets, or that of intervals.
    ///
    /// # Errors
    /// If it cannot be printed, or could not be counted.
    pub fn print(&mut self, table: TableOptions) -> Result<(), Failure> {
        self.matcher.take_failure()?;
        let RuleMatcher { counts, intervals, times, .. } = &mut self.matcher;
        counts.add_outside(times.take_outside());
        match intervals {
            Some(intervals) => intervals.print(counts, &self.rules, table),
            None => counts.print(&self.rules, table),
        }
    }
}
