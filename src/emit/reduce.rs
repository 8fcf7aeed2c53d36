//! The graph of a program, made as small as the passes can.

use crate::bpf::verify::Verified;
use crate::emit::parameter_elimination;
use crate::ir::Graph;
use crate::opt::{bounds_check_elimination, switch_lowering, value_propagation};

/// How often the passes are repeated at most: nearly all graphs are done after two rounds.
const ROUNDS: usize = 3;

pub(crate) fn reduced(verified: &Verified) -> Graph {
    let mut graph = Graph::new(verified);
    graph.simplify_cfg();
    for _ in 0..ROUNDS {
        bounds_check_elimination::drop_known(&mut graph);
        value_propagation::run(&mut graph);
        if !parameter_elimination::run(&mut graph) {
            break;
        }
    }
    bounds_check_elimination::drop_known(&mut graph);
    switch_lowering::gather(&mut graph);
    graph
}

impl Verified {
    /// Whether nothing but the verdict 0 is left of the program.
    pub(crate) fn is_nothing_when_reduced(&self) -> bool {
        let graph = reduced(self);
        graph.blocks.first().is_some_and(|block| graph.drops(block))
    }
}
