//! How code decides: by branches, or by computing everything and selecting.

use crate::graph::{Block, End, Graph, Pass, Test, Value, flow};
use crate::verify::Verified;

/// How the code of a filter decides.
///
/// Which is faster depends on the packets. Branches stop at the first test that settles the verdict, and cost some 15
/// cycles where the processor takes the wrong one, which it does when neighbouring packets have nothing to do with each
/// other. Data flow always does all the work of a program, and never guesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Data flow for programs that are so small that it costs little even where branches would be guessed well, and else
    /// branches.
    #[default]
    Auto,
    /// Tests are branches.
    Branches,
    /// All values are computed, and the verdict is selected. Programs that are too large for that, or not fit, have
    /// branches.
    DataFlow,
}

impl Shape {
    /// The shapes that code has.
    pub const ALL: &'static [Shape] = &[Shape::Branches, Shape::DataFlow];

    /// Its name: `auto`, `branches` or `data-flow`.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Auto => "auto",
            Shape::Branches => "branches",
            Shape::DataFlow => "data-flow",
        }
    }
}

impl Graph {
    /// The graph of a program, behind the passes that lead to this shape.
    pub fn shaped(verified: &Verified, shape: Shape) -> Graph {
        let mut graph = Graph::new(verified);
        Pass::ALL.iter().filter(|&&pass| pass != Pass::Flow).for_each(|&pass| graph.run(pass));
        match shape {
            Shape::Auto => flow::run(&mut graph, flow::FEW_VALUES),
            Shape::Branches => {}
            Shape::DataFlow => graph.run(Pass::Flow),
        }
        graph
    }

    /// The graph of a program, as it is compiled by default.
    pub fn optimized(verified: &Verified) -> Graph {
        Graph::shaped(verified, Shape::default())
    }

    /// The shape that the graph has.
    pub(crate) fn shape(&self) -> Shape {
        let has_cold_path = matches!(self.blocks[0].end.test(), Some(Test::InBounds(..)));
        let has_selection = |block: &Block| match block.end {
            End::Return(verdict) => matches!(self.value(verdict), Value::Select(..)),
            End::Jump(_) | End::Branch { .. } => false,
        };
        if has_cold_path || self.blocks.iter().any(has_selection) { Shape::DataFlow } else { Shape::Branches }
    }
}
