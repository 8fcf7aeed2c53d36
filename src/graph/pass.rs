//! The passes, by name, and the lists of them.

use crate::graph::{Graph, Shape, bounds, facts, flow, fuse, sets, share};
use crate::verify::Verified;

/// A step of the optimiser: it makes the graph of a program smaller or faster, and leaves its verdicts as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pass {
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
    /// What comes behind the first decision of a small program becomes an expression without branches.
    Mix,
    /// A small program becomes an expression without branches.
    Flow,
}

impl Pass {
    /// All passes, in the order in which they run.
    pub const ALL: &'static [Pass] =
        &[Pass::Bounds, Pass::Facts, Pass::Sets, Pass::Fuse, Pass::Share, Pass::Mix, Pass::Flow];

    /// Whether a graph of that shape is behind this pass.
    pub const fn leads_to(self, shape: Shape) -> bool {
        match self {
            Pass::Mix => matches!(shape, Shape::Mixed),
            Pass::Flow => matches!(shape, Shape::DataFlow),
            _ => true,
        }
    }

    /// Its name: `bounds`, `facts`.
    pub const fn name(self) -> &'static str {
        match self {
            Pass::Bounds => "bounds",
            Pass::Facts => "facts",
            Pass::Sets => "sets",
            Pass::Fuse => "fuse",
            Pass::Share => "share",
            Pass::Mix => "mix",
            Pass::Flow => "flow",
        }
    }
}

impl Graph {
    /// The graph of a program, behind the passes up to this one.
    pub fn after(verified: &Verified, last: Pass) -> Graph {
        let mut graph = Graph::new(verified);
        for &pass in Pass::ALL {
            // The two ways to select exclude each other.
            if pass != Pass::Mix || last == Pass::Mix {
                graph.run(pass);
            }
            if pass == last {
                break;
            }
        }
        graph
    }

    /// Runs one pass.
    pub fn run(&mut self, pass: Pass) {
        match pass {
            Pass::Bounds => bounds::run(self),
            Pass::Facts => facts::run(self),
            Pass::Sets => sets::run(self),
            Pass::Fuse => fuse::run(self),
            Pass::Share => share::run(self),
            Pass::Mix => flow::run_behind_first(self),
            Pass::Flow => flow::run(self),
        }
    }
}
