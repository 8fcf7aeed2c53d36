//! Reduction: the passes that make the graph of a program as small as they can.

use crate::bpf::verify::Verified;
use crate::emit::parameter_elimination;
use crate::ir::Graph;
use crate::opt::{bounds_check_elimination, switch_lowering, value_propagation};

/// The largest number of rounds of passes; nearly all graphs need two.
const MAX_ROUNDS: usize = 3;

/// Returns the reduced graph of a program.
pub(crate) fn reduced(verified: &Verified) -> Graph {
    let mut graph = Graph::new(verified);
    graph.simplify_cfg();
    for _ in 0..MAX_ROUNDS {
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
