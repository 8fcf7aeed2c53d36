//! Rules that sort the packets of captures: what `cbpf split` and `cbpf count` share, and `cbpf rules`.

pub mod check;
mod counts;
mod file;

use std::path::PathBuf;

use cbpf::{BatchMatches, FilterSet, LinkType};
use clap::Args;

use crate::cli::capture::{Reader, Record, Records};
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;

pub use counts::Counts;
pub use file::{Rules, SNAPLEN};

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
}

impl RuleArguments {
    /// Opens the captures and reads the rules, so that what is missing or wrong is found before any packet is read.
    pub fn open(&self) -> Result<(Vec<Reader>, Classifier), Failure> {
        let inputs = self.captures.open_beside(&self.rules)?;
        let (rules, sets) = Rules::read(&self.rules, &self.captures.link_types(&inputs))?;
        sets.iter().for_each(|(link_type, set)| check::warn_of_slow(*link_type, set));
        let (matches, first_matches) = (BatchMatches::new(), Vec::new());
        Ok((inputs, Classifier { rules, is_first: self.first, sets, matches, first_matches }))
    }
}

/// Finds the rules that match records: a set of their programs for each link type that occurs.
pub struct Classifier {
    rules: Rules,
    is_first: bool,
    sets: Vec<(LinkType, FilterSet)>,
    matches: BatchMatches,
    first_matches: Vec<Option<u32>>,
}

impl Classifier {
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Gives each record, and the ids of its rules, to `visit`.
    ///
    /// # Errors
    /// The first one of `visit`; or if the rules mean nothing for a link type that has not been met before.
    pub fn each(
        &mut self,
        records: Records,
        mut visit: impl FnMut(&Record, &[u32]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (link_type, records) in records.by_link_type() {
            let place = self.place(link_type)?;
            let set = &self.sets[place].1;
            if self.is_first {
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

    /// The place of the set for a link type.
    fn place(&mut self, link_type: LinkType) -> Result<usize, Failure> {
        match self.sets.iter().position(|&(of, _)| of == link_type) {
            Some(place) => Ok(place),
            None => {
                self.sets.push((link_type, self.rules.set(link_type)?));
                self.sets.last().into_iter().for_each(|(link_type, set)| check::warn_of_slow(*link_type, set));
                Ok(self.sets.len() - 1)
            }
        }
    }
}
