//! Classifiers of this crate and of others, in one form.

use std::io::IoSlice;

use cbpf::FilterSet;

use crate::areas::Area;
use crate::families::Nature;
use crate::rule::Rule;
use crate::{dpdk, hashing, ours};

/// The most packets of a call.
pub const BATCH: usize = 256;

/// The number of a packet that no rule matches, in the results of other classifiers.
pub const NONE: u32 = u32::MAX;

/// The rules that classifiers are made from.
pub struct Subject<'r> {
    pub nature: Nature,
    pub rules: &'r [Rule],
    /// The areas of all rules, and the number of the rule of each.
    pub areas: Vec<Area>,
    pub ids: Vec<u32>,
}

impl Subject<'_> {
    pub fn new(nature: Nature, rules: &[Rule]) -> Subject<'_> {
        let areas = (0..).zip(rules).flat_map(|(id, rule)| rule.areas.iter().map(move |&area| (area, id)));
        let (areas, ids) = areas.unzip();
        Subject { nature, rules, areas, ids }
    }
}

/// A way to find the rules of packets: a function of a classifier.
pub trait Classify {
    /// Classifies up to [`BATCH`] packets.
    fn run(&mut self, packets: &[IoSlice]);

    /// Returns the number of the first rule that matches a packet of the last run.
    fn first(&self, place: usize) -> Option<u32>;

    /// Returns the numbers of all rules that match a packet of the last run, if the function finds them. One that takes
    /// one packet at a time returns those of the last packet.
    fn all(&self, _place: usize) -> Option<&[u32]> {
        None
    }
}

/// How a way takes packets, and what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Single,
    Batch,
    /// A batch of fields in place of packets.
    Given,
    All,
    AllBatch,
}

/// A row of the measurement.
pub struct Way<'c> {
    pub name: &'static str,
    pub mode: Mode,
    pub classify: Box<dyn Classify + 'c>,
}

/// A classifier that is ready to run.
pub struct Built {
    pub ways: Vec<Way<'static>>,
    /// The memory that it takes, in bytes, if it knows.
    pub bytes: Option<u64>,
    /// The set, if it is ours.
    pub set: Option<FilterSet>,
}

/// A classifier, or the reason to skip it.
pub type Loaded = Result<Built, Skip>;

/// The reason to skip a classifier.
pub enum Skip {
    /// It is not for rules of this kind.
    OtherRules,
    /// The machine lacks something, or there are too many rules.
    Because(String),
}

/// A row of the table of classifiers.
pub struct Kind {
    pub name: &'static str,
    pub build: fn(&Subject) -> Loaded,
}

/// The classifier that the others are compared with.
pub const OURS: Kind = Kind { name: "cbpf", build: ours::build };

/// The other classifiers.
pub const PEERS: &[Kind] = &[
    Kind { name: "librte_acl", build: dpdk::acl },
    Kind { name: "rte_lpm", build: dpdk::lpm },
    Kind { name: "rte_fib", build: dpdk::fib },
    Kind { name: "rte_hash", build: dpdk::hash },
    Kind { name: "hashbrown", build: hashing::build },
];

/// A function that writes the number of the first rule of each packet, or [`NONE`].
pub struct Firsts<F> {
    ids: [u32; BATCH],
    run: F,
}

impl<F: Fn(&[IoSlice], &mut [u32])> Firsts<F> {
    pub fn new(run: F) -> Firsts<F> {
        Firsts { ids: [NONE; BATCH], run }
    }
}

impl<F: Fn(&[IoSlice], &mut [u32])> Classify for Firsts<F> {
    fn run(&mut self, packets: &[IoSlice]) {
        (self.run)(packets, &mut self.ids[..packets.len()]);
    }

    fn first(&self, place: usize) -> Option<u32> {
        Some(self.ids[place]).filter(|&id| id != NONE)
    }
}
