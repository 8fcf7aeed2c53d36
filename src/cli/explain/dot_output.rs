//! The blocks of a program as a graph in the DOT language, for graphviz.

use std::fmt::Write;

use super::colors::{self, Tint};
use super::{Flow, name};

/// How wide the edge is that all packets took, in points.
const WIDEST: f64 = 6.0;

/// Prints the graph, with a cluster for each flow if there are many. What no packet took is grey.
pub(super) fn print(flows: &[Flow]) -> String {
    let mut text =
        "digraph program {\n    labelloc=t;\n    node [shape=box, fontname=monospace, style=filled];\n".to_owned();
    text += "    edge [fontname=monospace];\n";
    match flows {
        [flow] => nodes(flow, "b", &mut text),
        flows => flows.iter().enumerate().for_each(|(place, flow)| {
            text += &format!("    subgraph cluster_{place} {{\n");
            nodes(flow, &format!("f{place}b"), &mut text);
            text += "    }\n";
        }),
    }
    text + "}\n"
}

/// The title, the nodes and the edges of a flow; the names of nodes have a prefix.
fn nodes(flow: &Flow, prefix: &str, text: &mut String) {
    // Writing to a string cannot fail.
    let mut line = |words: std::fmt::Arguments| {
        let _ = writeln!(text, "    {words}");
    };
    line(format_args!("label={};", quoted(&flow.title())));
    for (number, block) in flow.blocks.iter().enumerate() {
        let mut label = format!("{}\n", flow.amount(block.packets));
        flow.listing(block).for_each(|instruction| label += &format!("{instruction}\n"));
        if block.stopped > 0 {
            label += &format!("stopped: {}\n", flow.amount(block.stopped));
        }
        let fill = colors::surface(flow.share(block.packets)).hex();
        line(format_args!("{prefix}{number} [label={}, fillcolor=\"{fill}\"];", quoted(&label)));
        for edge in &block.edges {
            let share = flow.share(edge.packets);
            let (color, width) = (Tint::from(edge.way).line(share).hex(), 1.0 + (WIDEST - 1.0) * share);
            let label = quoted(&format!("{} {}", name(edge.way), edge.packets));
            line(format_args!(
                "{prefix}{number} -> {prefix}{} [label={label}, color=\"{color}\", penwidth={width:.2}];",
                edge.target
            ));
        }
    }
}

/// A string of DOT; its lines are flush left.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\l"))
}
