//! [`FilterSet`]: the first match and all matches, one packet at a time and in batches.

use std::io::IoSlice;

use cbpf::filter_set::{BatchMatches, Matches};
use cbpf::{FilterSet, LinkType};

use crate::engine::{BATCH, Built, Classify, Loaded, Mode, Skip, Subject, Way};

/// Builds the set from the texts of the rules.
pub fn build(subject: &Subject) -> Loaded {
    let texts = (0..).zip(subject.rules.iter().map(|rule| rule.text.as_str()));
    let set = FilterSet::from_expressions(texts, LinkType::ETHERNET);
    let set = set.map_err(|error| Skip::Because(error.to_string()))?;
    let ids = [None; BATCH];
    let ways = vec![
        Way { name: "first", mode: Mode::Single, classify: Box::new(Single { set: set.clone(), ids }) },
        Way { name: "first, batch", mode: Mode::Batch, classify: Box::new(Batch { set: set.clone(), ids }) },
        Way {
            name: "all",
            mode: Mode::All,
            classify: Box::new(All { set: set.clone(), matches: Matches::new(), count: 0 }),
        },
        Way {
            name: "all, batch",
            mode: Mode::AllBatch,
            classify: Box::new(AllBatch { set: set.clone(), matches: BatchMatches::new() }),
        },
    ];
    Ok(Built { ways, bytes: None, set: Some(set) })
}

struct Single {
    set: FilterSet,
    ids: [Option<u32>; BATCH],
}

impl Classify for Single {
    fn run(&mut self, packets: &[IoSlice]) {
        for (packet, id) in packets.iter().zip(&mut self.ids) {
            *id = self.set.first_match(&**packet);
        }
    }

    fn first(&self, place: usize) -> Option<u32> {
        self.ids[place]
    }
}

struct Batch {
    set: FilterSet,
    ids: [Option<u32>; BATCH],
}

impl Classify for Batch {
    fn run(&mut self, packets: &[IoSlice]) {
        self.set.first_match_batch(packets, &mut self.ids[..packets.len()]);
    }

    fn first(&self, place: usize) -> Option<u32> {
        self.ids[place]
    }
}

struct All {
    set: FilterSet,
    matches: Matches,
    /// The number of matches of the last run.
    count: usize,
}

impl Classify for All {
    fn run(&mut self, packets: &[IoSlice]) {
        self.count = 0;
        for packet in packets {
            self.set.matches(&**packet, &mut self.matches);
            self.count += self.matches.len();
        }
    }

    fn first(&self, _place: usize) -> Option<u32> {
        self.matches.ids().first().copied()
    }

    fn all(&self, _place: usize) -> Option<&[u32]> {
        Some(self.matches.ids())
    }
}

struct AllBatch {
    set: FilterSet,
    matches: BatchMatches,
}

impl Classify for AllBatch {
    fn run(&mut self, packets: &[IoSlice]) {
        self.set.matches_batch(packets, &mut self.matches);
    }

    fn first(&self, place: usize) -> Option<u32> {
        self.matches.ids(place).first().copied()
    }

    fn all(&self, place: usize) -> Option<&[u32]> {
        Some(self.matches.ids(place))
    }
}
