//! The passes, by name, and the lists of them.

pub(crate) mod bounds_check_elimination;
mod byte_swap_folding;
mod case_clustering;
pub(crate) mod dataflow;
mod if_conversion;
mod load_merging;
pub(crate) mod switch_lowering;
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
    CaseClustering,
    /// Bounds checks are merged, and those that are known to hold vanish.
    BoundsCheckElimination,
    /// What earlier tests established decides later ones.
    ValuePropagation,
    /// Runs of tests on one value become a test for membership in a set, or a search.
    SwitchLowering,
    /// Neighbouring bytes are tested together.
    LoadMerging,
    /// Equality is asked in the order in which the packet has the bytes.
    ByteSwapFolding,
    /// A small program becomes one expression without branches.
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

    /// Its name: `bounds-check-elimination`, `value-propagation`, ...
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
            Pass::CaseClustering => case_clustering::run(self),
            Pass::BoundsCheckElimination => bounds_check_elimination::run(self),
            Pass::ValuePropagation => value_propagation::run(self),
            Pass::SwitchLowering => switch_lowering::run(self),
            Pass::LoadMerging => load_merging::run(self),
            Pass::ByteSwapFolding => byte_swap_folding::run(self),
            Pass::IfConversion => if_conversion::run(self, if_conversion::MOST_VALUES),
        }
    }
}

impl Graph {
    /// The graph of a program, behind the passes that lead to this strategy.
    pub fn with_strategy(verified: &Verified, strategy: Strategy) -> Graph {
        let mut graph = Graph::new(verified);
        Pass::ALL.iter().filter(|&&pass| pass != Pass::IfConversion).for_each(|&pass| graph.run(pass));
        match strategy {
            Strategy::Auto => if_conversion::run(&mut graph, if_conversion::FEW_VALUES),
            Strategy::Branches => {}
            Strategy::Branchless => graph.run(Pass::IfConversion),
        }
        graph
    }

    /// The graph of a program, as it is compiled by default.
    pub fn optimized(verified: &Verified) -> Graph {
        Graph::with_strategy(verified, Strategy::default())
    }
}
