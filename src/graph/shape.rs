//! How code decides: by branches, or by computing everything and selecting.

use crate::graph::{Graph, Pass, Value};
use crate::verify::Verified;

/// How the code of a filter decides.
///
/// Which is faster depends on the packets. Branches stop at the first test that settles the verdict, and cost some 15
/// cycles where the processor takes the wrong one, which it does when neighbouring packets have nothing to do with each
/// other. Data flow always does all the work of a program, and never guesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Tests are branches.
    Branches,
    /// All values are computed, and the verdict is selected. Programs that are too large for that, or not fit, have
    /// branches.
    #[default]
    DataFlow,
}

impl Shape {
    /// All shapes.
    pub const ALL: &'static [Shape] = &[Shape::Branches, Shape::DataFlow];

    /// Its name: `branches` or `data-flow`.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Branches => "branches",
            Shape::DataFlow => "data-flow",
        }
    }
}

impl Graph {
    /// The graph of a program, behind the passes that lead to this shape.
    pub fn shaped(verified: &Verified, shape: Shape) -> Graph {
        let mut graph = Graph::new(verified);
        let passes = Pass::ALL.iter().filter(|&&pass| pass != Pass::Flow || shape == Shape::DataFlow);
        passes.for_each(|&pass| graph.run(pass));
        graph
    }

    /// The graph of a program, behind all passes.
    pub fn optimized(verified: &Verified) -> Graph {
        Graph::shaped(verified, Shape::default())
    }

    /// The shape that the graph has.
    pub(crate) fn shape(&self) -> Shape {
        let has_selections = self.values.iter().any(|value| matches!(value, Value::Select(..)));
        if has_selections { Shape::DataFlow } else { Shape::Branches }
    }
}
