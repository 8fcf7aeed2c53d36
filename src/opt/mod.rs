//! The passes, by name, and the lists of them.

pub(crate) mod bounds_check_elimination;
mod byte_swap_folding;
mod if_conversion;
mod list_lowering;
mod load_merging;
mod switch_lowering;
mod tail_duplication;
pub(crate) mod value_propagation;
mod verdict_difference;

use crate::bpf::verify::Verified;
use crate::ir::{Graph, Strategy};

/// A step of the optimiser: it makes the graph of a program smaller or faster, and leaves its verdicts as they are.
///
/// Passes need no order: each takes the graph as any others left it. In the order of [`Pass::ALL`] they do most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pass {
    /// Long lists of tests of one value become one test, so that the other passes have little to do.
    Lists,
    /// Bounds checks are merged, and those that are known to hold vanish.
    Bounds,
    /// What earlier tests established decides later ones.
    Facts,
    /// Runs of tests on one value become a test for membership in a set, or a search.
    Sets,
    /// Neighbouring bytes are tested together.
    Fuse,
    /// Equality is asked in the order in which the packet has the bytes.
    Share,
    /// A small program becomes one expression without branches.
    Flow,
}

impl Pass {
    /// All passes, in the order in which they run.
    pub const ALL: &'static [Pass] =
        &[Pass::Lists, Pass::Bounds, Pass::Facts, Pass::Sets, Pass::Fuse, Pass::Share, Pass::Flow];

    /// Its name: `bounds`, `facts`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Pass::Lists => "lists",
            Pass::Bounds => "bounds",
            Pass::Facts => "facts",
            Pass::Sets => "sets",
            Pass::Fuse => "fuse",
            Pass::Share => "share",
            Pass::Flow => "flow",
        }
    }
}

impl Graph {
    /// The graph of a program, behind the passes up to this one.
    pub fn after(verified: &Verified, last: Pass) -> Graph {
        let mut graph = Graph::new(verified);
        let count = Pass::ALL.iter().position(|&pass| pass == last).map_or(0, |place| place + 1);
        Pass::ALL[..count].iter().for_each(|&pass| graph.run(pass));
        graph
    }

    /// Runs one pass, behind any others.
    pub fn run(&mut self, pass: Pass) {
        match pass {
            Pass::Lists => list_lowering::run(self),
            Pass::Bounds => bounds_check_elimination::run(self),
            Pass::Facts => value_propagation::run(self),
            Pass::Sets => switch_lowering::run(self),
            Pass::Fuse => load_merging::run(self),
            Pass::Share => byte_swap_folding::run(self),
            Pass::Flow => if_conversion::run(self, if_conversion::MOST_VALUES),
        }
    }
}

impl Graph {
    /// The graph of a program, behind the passes that lead to this strategy.
    pub fn with_strategy(verified: &Verified, strategy: Strategy) -> Graph {
        let mut graph = Graph::new(verified);
        Pass::ALL.iter().filter(|&&pass| pass != Pass::Flow).for_each(|&pass| graph.run(pass));
        match strategy {
            Strategy::Auto => if_conversion::run(&mut graph, if_conversion::FEW_VALUES),
            Strategy::Branches => {}
            Strategy::Branchless => graph.run(Pass::Flow),
        }
        graph
    }

    /// The graph of a program, as it is compiled by default.
    pub fn optimized(verified: &Verified) -> Graph {
        Graph::with_strategy(verified, Strategy::default())
    }
}
