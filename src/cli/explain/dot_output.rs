//! The control-flow graph in the DOT language, for graphviz.

use std::fmt::Write;

use super::colors::{self, Tint};
use super::flow_graph::{FlowGraph, edge_label};

/// The width of an edge with all packets, in points.
const WIDEST: f64 = 6.0;

/// Prints the graphs, each as a cluster if there are several. Blocks and edges without packets are grey.
pub(super) fn print(graphs: &[FlowGraph]) -> String {
    let mut text =
        "digraph program {\n    labelloc=t;\n    node [shape=box, fontname=monospace, style=filled];\n".to_owned();
    text += "    edge [fontname=monospace];\n";
    match graphs {
        [graph] => nodes(graph, "b", &mut text),
        graphs => graphs.iter().enumerate().for_each(|(number, graph)| {
            text += &format!("    subgraph cluster_{number} {{\n");
            nodes(graph, &format!("f{number}b"), &mut text);
            text += "    }\n";
        }),
    }
    text + "}\n"
}

/// Prints the title, the nodes and the edges of a graph; the names of nodes begin with `prefix`.
fn nodes(graph: &FlowGraph, prefix: &str, text: &mut String) {
    // Writing to a string cannot fail.
    let mut line = |words: std::fmt::Arguments| {
        let _ = writeln!(text, "    {words}");
    };
    line(format_args!("label={};", quoted(&graph.title())));
    for (number, block) in graph.blocks.iter().enumerate() {
        let mut label = graph.amount(block.packets).map_or(String::new(), |amount| format!("{amount}\n"));
        graph.lines(block).for_each(|instruction| label += &format!("{instruction}\n"));
        if let Some(amount) = graph.amount(block.halted).filter(|_| block.halted > 0) {
            label += &format!("stopped: {amount}\n");
        }
        let fill = colors::surface(graph.share(block.packets)).hex();
        line(format_args!("{prefix}{number} [label={}, fillcolor=\"{fill}\"];", quoted(&label)));
        for edge in &block.edges {
            let share = graph.share(edge.packets);
            let (color, width) = (Tint::from(edge.kind).line(share).hex(), 1.0 + (WIDEST - 1.0) * share);
            let packets = if graph.has_traffic { format!(" {}", edge.packets) } else { String::new() };
            let label = quoted(&format!("{}{packets}", edge_label(edge.kind)));
            line(format_args!(
                "{prefix}{number} -> {prefix}{} [label={label}, color=\"{color}\", penwidth={width:.2}];",
                edge.target
            ));
        }
    }
}

/// Quotes a string of DOT with left-aligned lines.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\l"))
}
