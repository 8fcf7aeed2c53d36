//! Matching of captures against rules, for `cbpf split`, `cbpf count` and `cbpf rules`.

mod interval_counts;
mod rule_counts;
mod rule_file;
mod rule_source;
mod table;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use cbpf::filter_set::BatchMatches;
use cbpf::{FilterSet, LinkType};
use clap::Args;

use crate::cli::capture::{Reader, Record, Records};
use crate::cli::expression::ChainArguments;
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::link_types::LinkTypeClasses;
use crate::cli::rules::{warn_of_shadowed, warn_of_slow};
use crate::cli::warnings::{NamedInterfaces, WarningArguments};

pub use interval_counts::IntervalCounts;
pub use rule_counts::RuleCounts;
pub use rule_file::{RuleSet, Rules};
pub use rule_source::RuleSource;
pub use table::{TableArguments, TableOptions};

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
    pub fn open(&self) -> Result<(Vec<Reader>, RuleMatcher<'_>), Failure> {
        self.rules.check()?;
        let inputs = self.captures.open_beside(self.rules.file())?;
        let known = self.captures.link_types(&inputs);
        let (rules, sets) = Rules::read(&self.rules, &known, self.chain, &self.warnings)?;
        for (&link_type, RuleSet { set, .. }) in &sets {
            self.warn_of(&rules, link_type, set)?;
        }
        let (matches, first_matches) = (BatchMatches::new(), Vec::new());
        let (classes, named) = (known.classes, NamedInterfaces::default());
        Ok((inputs, RuleMatcher { arguments: self, rules, classes, sets, named, matches, first_matches }))
    }

    /// Warns of slow rules and, if only the first match counts, of rules that are never first.
    fn warn_of(&self, rules: &Rules, link_type: LinkType, set: &FilterSet) -> Result<(), Failure> {
        warn_of_slow(link_type, set);
        if self.first { warn_of_shadowed(rules, link_type, set, &self.warnings) } else { Ok(()) }
    }
}

/// Finds the rules that match records, with one set of programs for each link type.
pub struct RuleMatcher<'a> {
    arguments: &'a RuleArguments,
    rules: Rules,
    classes: LinkTypeClasses,
    /// The key is the link type that represents a class.
    sets: BTreeMap<LinkType, RuleSet>,
    /// The interfaces for which warnings have been printed.
    named: NamedInterfaces,
    matches: BatchMatches,
    first_matches: Vec<Option<u32>>,
}

impl RuleMatcher<'_> {
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Calls `visit` with each record of an input and the ids of the rules that match it.
    ///
    /// # Errors
    /// The first error of `visit`; or if warnings are denied, and rules match nothing on a link type.
    pub fn each(
        &mut self,
        input: usize,
        records: Records,
        mut visit: impl FnMut(&Record, &[u32]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (link_type, records) in records.by_link_type() {
            let link_type = self.classes.representative(link_type);
            self.prepare(input, link_type, records)?;
            let Some(RuleSet { set, .. }) = self.sets.get(&link_type) else { continue };
            if self.arguments.first {
                self.first_matches.resize(records.len(), None);
                set.first_match_batch(records.packets(), &mut self.first_matches);
                let mut matched = records.iter().zip(&self.first_matches);
                matched.try_for_each(|(record, id)| visit(&record, id.as_slice()))?;
                continue;
            }
            set.matches_batch(records.packets(), &mut self.matches);
            records.iter().zip(self.matches.iter()).try_for_each(|(record, ids)| visit(&record, ids))?;
        }
        Ok(())
    }

    /// Compiles the set for a link type, and warns once for each interface of an input of rules that match nothing
    /// there.
    fn prepare(&mut self, input: usize, link_type: LinkType, records: Records) -> Result<(), Failure> {
        let set = match self.sets.entry(link_type) {
            Entry::Occupied(set) => set.into_mut(),
            Entry::Vacant(place) => {
                let made = place.insert(self.rules.set(link_type)?);
                self.arguments.warn_of(&self.rules, link_type, &made.set)?;
                made
            }
        };
        let Some(warning) = &set.warning else { return Ok(()) };
        let input = (input, self.arguments.captures.name(input));
        let interfaces = records.iter().map(|record| record.interface);
        self.named.warn_once(&self.arguments.warnings, input, interfaces, warning)
    }
}
