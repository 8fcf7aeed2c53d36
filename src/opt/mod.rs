//! The optimiser: one pass a file, their names, and their order.

pub(crate) mod bounds_check_elimination;
mod byte_swap_folding;
mod case_clustering;
pub(crate) mod dataflow;
mod if_conversion;
mod load_merging;
pub(crate) mod switch_lowering;
mod tail_duplication;
pub(crate) mod test_sharing;
pub(crate) mod value_propagation;
mod verdict_difference;

use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;
use crate::bpf::verify::Verified;
use crate::ir::{Graph, Shape, Strategy};

/// A pass of the optimiser: it makes a [`Graph`] smaller or faster, and preserves its verdicts.
///
/// Passes may run in any order, and more than once. The order of [`Pass::ALL`] is the most effective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pass {
    /// Turns long runs of tests of one value into one test, so that the other passes have less to do.
    CaseClustering,
    /// Merges bounds checks, and removes those that are known to hold.
    BoundsCheckElimination,
    /// Decides tests by the outcome of earlier tests, and leads edges past decided blocks (jump threading).
    ValuePropagation,
    /// Turns runs of tests of one value into a test for membership in a set, or a binary search.
    SwitchLowering,
    /// Merges tests of adjacent bytes into one load and one comparison.
    LoadMerging,
    /// Swaps the bytes of constants at compile time instead of those of packets at run time.
    ByteSwapFolding,
    /// Turns a small program into one expression without branches.
    IfConversion,
}

impl Pass {
    /// All passes, in the order in which they run.
    pub const ALL: &'static [Pass] = &[
        Pass::CaseClustering,
        Pass::BoundsCheckElimination,
        Pass::ValuePropagation,
        Pass::SwitchLowering,
        Pass::LoadMerging,
        Pass::ByteSwapFolding,
        Pass::IfConversion,
    ];

    /// Returns the name of the pass, as in `bounds-check-elimination`.
    pub const fn name(self) -> &'static str {
        match self {
            Pass::CaseClustering => "case-clustering",
            Pass::BoundsCheckElimination => "bounds-check-elimination",
            Pass::ValuePropagation => "value-propagation",
            Pass::SwitchLowering => "switch-lowering",
            Pass::LoadMerging => "load-merging",
            Pass::ByteSwapFolding => "byte-swap-folding",
            Pass::IfConversion => "if-conversion",
        }
    }
}

/// Prints the name.
impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses the name.
impl FromStr for Pass {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Pass, UnknownName> {
        UnknownName::find("pass", name, Pass::ALL, Pass::name)
    }
}

impl Graph {
    /// Returns the graph of a program after all passes up to `last`.
    pub fn after(verified: &Verified, last: Pass) -> Graph {
        let mut graph = Graph::new(verified);
        let count = Pass::ALL.iter().position(|&pass| pass == last).map_or(0, |index| index + 1);
        Pass::ALL[..count].iter().for_each(|&pass| graph.run(pass));
        graph
    }

    /// Runs one pass.
    pub fn run(&mut self, pass: Pass) {
        match pass {
            Pass::CaseClustering => case_clustering::run(self),
            Pass::BoundsCheckElimination => bounds_check_elimination::run(self),
            Pass::ValuePropagation => value_propagation::run(self),
            Pass::SwitchLowering => switch_lowering::run(self),
            Pass::LoadMerging => load_merging::run(self),
            Pass::ByteSwapFolding => byte_swap_folding::run(self),
            Pass::IfConversion => if_conversion::run(self, if_conversion::MAX_VALUES),
        }
    }

    /// Returns the graph of a program after the passes that lead to a strategy.
    pub fn with_strategy(verified: &Verified, strategy: Strategy) -> Graph {
        Graph::new(verified).optimized_for(strategy)
    }

    /// Returns the graph of all programs of a shape, given one of them, after the passes that lead to a strategy.
    pub(crate) fn of_shape(verified: &Verified, shape: &Shape, strategy: Strategy) -> Graph {
        Graph::with_open_tests(verified, &shape.tests).optimized_for(strategy)
    }

    fn optimized_for(mut self, strategy: Strategy) -> Graph {
        Pass::ALL.iter().filter(|&&pass| pass != Pass::IfConversion).for_each(|&pass| self.run(pass));
        match strategy {
            Strategy::Auto => if_conversion::run(&mut self, if_conversion::MAX_VALUES_UNASKED),
            Strategy::Branches => {}
            Strategy::Branchless => self.run(Pass::IfConversion),
        }
        self
    }

    /// Returns the graph of a program as it is compiled by default.
    pub fn optimized(verified: &Verified) -> Graph {
        Graph::with_strategy(verified, Strategy::default())
    }
}
