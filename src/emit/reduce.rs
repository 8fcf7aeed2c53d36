//! The graph of a program, made as small as the passes can.

use crate::bpf::verify::Verified;
use crate::emit::{parameter_elimination, test_reordering};
use crate::ir::{Check, End, Graph};
use crate::opt::{bounds_check_elimination, value_propagation};
use crate::packet::MAX_CAPTURED;

/// How often the passes are repeated at most: nearly all graphs are done after two rounds.
const ROUNDS: usize = 3;

pub(crate) fn reduced(verified: &Verified) -> Graph {
    let mut graph = Graph::new(verified);
    graph.tidy();
    for _ in 0..ROUNDS {
        stop_early(&mut graph);
        bounds_check_elimination::drop_known(&mut graph);
        value_propagation::run(&mut graph);
        if !parameter_elimination::run(&mut graph) {
            break;
        }
    }
    stop_early(&mut graph);
    bounds_check_elimination::drop_known(&mut graph);
    test_reordering::run(&mut graph);
    graph
}

impl Verified {
    /// Whether nothing but the verdict 0 is left of the program.
    pub(crate) fn is_nothing_when_reduced(&self) -> bool {
        let graph = reduced(self);
        graph.blocks.first().is_some_and(|block| graph.drops(block))
    }
}

/// Where a check surely fails, and where every path gives verdict 0, the verdict is 0.
fn stop_early(graph: &mut Graph) {
    let zero = graph.values.constant(0);
    let mut is_zero = vec![false; graph.blocks.len()];
    for index in (0..graph.blocks.len()).rev() {
        let block = &graph.blocks[index];
        if let Some(place) = block.checks.iter().position(|&check| is_impossible(graph, check)) {
            let block = &mut graph.blocks[index];
            block.checks.truncate(place);
            block.end = End::Return(zero);
        }
        let block = &graph.blocks[index];
        let ends_in_zero = match &block.end {
            End::Return(verdict) => graph.constant(*verdict) == Some(0),
            end => end.edges().all(|edge| is_zero[edge.block.index()]),
        };
        if ends_in_zero {
            let shown = block.checks.iter().rposition(|&check| gives_another_verdict(graph, check));
            let block = &mut graph.blocks[index];
            block.checks.truncate(shown.map_or(0, |place| place + 1));
            block.end = End::Return(zero);
            is_zero[index] = block.checks.is_empty();
        }
    }
    graph.tidy();
}

fn is_impossible(graph: &Graph, check: Check) -> bool {
    match check {
        Check::InBounds(address, width) => {
            let least = address.base.map_or(0, |base| u64::from(graph.values.known(base).min));
            least + address.end(width) > MAX_CAPTURED as u64
        }
        Check::NonZero(divisor) => graph.constant(divisor) == Some(0),
        Check::Present(..) => false,
    }
}

/// Whether a check that fails gives a verdict that may not be 0.
fn gives_another_verdict(graph: &Graph, check: Check) -> bool {
    matches!(check, Check::Present(_, verdict) if graph.constant(verdict) != Some(0))
}
