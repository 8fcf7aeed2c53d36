//! The blocks of a program as a graph in the DOT language, for graphviz.

use std::fmt::Write;

use super::paint::{self, Tint};
use super::{Flow, name};

/// How wide the edge is that all packets took, in points.
const WIDEST: f64 = 6.0;

/// Prints the graph. What no packet took is grey.
pub(super) fn print(flow: &Flow) -> String {
    let mut text = "digraph program {\n".to_owned();
    // Writing to a string cannot fail.
    let mut line = |words: std::fmt::Arguments| {
        let _ = writeln!(text, "    {words}");
    };
    line(format_args!("label={};", quoted(&flow.title())));
    line(format_args!("labelloc=t;"));
    line(format_args!("node [shape=box, fontname=monospace, style=filled];"));
    line(format_args!("edge [fontname=monospace];"));
    for (number, block) in flow.blocks.iter().enumerate() {
        let mut label = format!("{}\n", flow.amount(block.packets));
        flow.listing(block).for_each(|instruction| label += &format!("{instruction}\n"));
        if block.stopped > 0 {
            label += &format!("stopped: {}\n", flow.amount(block.stopped));
        }
        let fill = paint::surface(flow.share(block.packets)).hex();
        line(format_args!("b{number} [label={}, fillcolor=\"{fill}\"];", quoted(&label)));
        for edge in &block.edges {
            let share = flow.share(edge.packets);
            let (color, width) = (Tint::from(edge.way).line(share).hex(), 1.0 + (WIDEST - 1.0) * share);
            let label = quoted(&format!("{} {}", name(edge.way), edge.packets));
            line(format_args!(
                "b{number} -> b{} [label={label}, color=\"{color}\", penwidth={width:.2}];",
                edge.target
            ));
        }
    }
    text + "}\n"
}

/// A string of DOT; its lines are flush left.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\l"))
}
