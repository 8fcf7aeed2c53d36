//! The control-flow graph as text: a list of the blocks with counts.

use std::fmt::Write;

use indicatif::HumanCount;

use super::flow_graph::{FlowGraph, edge_label};

/// Prints the graphs, separated by empty lines.
pub(super) fn print(graphs: &[FlowGraph]) -> String {
    graphs.iter().map(blocks).collect::<Vec<_>>().join("\n")
}

/// Prints the blocks in the order of the program: counts, outgoing edges and instructions.
fn blocks(graph: &FlowGraph) -> String {
    let mut text = format!("{}\n", graph.title());
    for block in &graph.blocks {
        text.push('\n');
        // Writing to a string cannot fail.
        let mut row = |what: &str, packets: u64| match graph.has_traffic {
            true => {
                _ = writeln!(text, "{what:<30} {:>13} {:>8}", HumanCount(packets).to_string(), graph.percent(packets))
            }
            false => _ = writeln!(text, "{what}"),
        };
        row(&format!("block ({:03})", block.instructions.start), block.packets);
        for edge in &block.edges {
            row(&format!("  {:<5} -> ({:03})", edge_label(edge.kind), graph.start(edge.target)), edge.packets);
        }
        if block.halted > 0 {
            row("  stopped", block.halted);
        }
        graph.lines(block).for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
    }
    text
}
