//! Rules that sort the packets of captures: what `cbpf split` and `cbpf count` share, and `cbpf rules`.

mod rule_counts;
mod rule_file;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use cbpf::{BatchMatches, LinkType};
use clap::Args;

use crate::cli::capture::{Reader, Record, Records};
use crate::cli::expression::ChainArguments;
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::link_types::Alike;
use crate::cli::rules::warn_of_slow;
use crate::cli::warnings::{NamedInterfaces, WarningArguments};

pub use rule_counts::Counts;
pub use rule_file::{RuleSet, Rules};

/// Rules, and the captures whose packets they sort.
#[derive(Args)]
pub struct RuleArguments {
    #[command(flatten)]
    captures: CaptureArguments,

    /// File with the rules, `name: expression` a line, # for comments; - for standard input
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// Give a packet to the first rule that matches, in the order of the file, rather than to all that do
    #[arg(long)]
    first: bool,

    #[command(flatten)]
    chain: ChainArguments,

    #[command(flatten)]
    warnings: WarningArguments,
}

impl RuleArguments {
    /// Opens the captures and reads the rules, so that what is missing or wrong is found before any packet is read.
    pub fn open(&self) -> Result<(Vec<Reader>, Classifier<'_>), Failure> {
        let inputs = self.captures.open_beside(&self.rules)?;
        let known = self.captures.link_types(&inputs);
        let (rules, sets) = Rules::read(&self.rules, &known, self.chain, &self.warnings)?;
        sets.iter().for_each(|(link_type, RuleSet { set, .. })| warn_of_slow(*link_type, set));
        let (matches, first_matches) = (BatchMatches::new(), Vec::new());
        let (alike, named) = (known.alike, NamedInterfaces::default());
        Ok((inputs, Classifier { arguments: self, rules, alike, sets, named, matches, first_matches }))
    }
}

/// Finds the rules that match records: a set of their programs for each link type that occurs.
pub struct Classifier<'a> {
    arguments: &'a RuleArguments,
    rules: Rules,
    alike: Alike,
    /// By link type that is not alike to another one.
    sets: BTreeMap<LinkType, RuleSet>,
    /// The interfaces of which it has been said that rules match nothing there.
    named: NamedInterfaces,
    matches: BatchMatches,
    first_matches: Vec<Option<u32>>,
}

impl Classifier<'_> {
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Gives each record of an input, and the ids of its rules, to `visit`.
    ///
    /// # Errors
    /// The first one of `visit`; or if warnings are denied, and rules match nothing on a link type.
    pub fn each(
        &mut self,
        input: usize,
        records: Records,
        mut visit: impl FnMut(&Record, &[u32]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (link_type, records) in records.by_link_type() {
            let link_type = self.alike.of(link_type);
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

    /// Makes the set for a link type, and warns of the rules that match nothing there, once for each interface of an input.
    fn prepare(&mut self, input: usize, link_type: LinkType, records: Records) -> Result<(), Failure> {
        let set = match self.sets.entry(link_type) {
            Entry::Occupied(set) => set.into_mut(),
            Entry::Vacant(place) => {
                let made = place.insert(self.rules.set(link_type)?);
                warn_of_slow(link_type, &made.set);
                made
            }
        };
        let Some(complaint) = &set.complaint else { return Ok(()) };
        let input = (input, self.arguments.captures.name(input));
        let interfaces = records.iter().map(|record| record.interface);
        self.named.complain(&self.arguments.warnings, input, interfaces, complaint)
    }
}
