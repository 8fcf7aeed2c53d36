//! The blocks of a program one after the other, with counts.

use std::fmt::Write;

use indicatif::HumanCount;

use super::{Flow, name};

/// Prints one flow after the other, with an empty line between them.
pub(super) fn print(flows: &[Flow]) -> String {
    flows.iter().map(blocks).collect::<Vec<_>>().join("\n")
}

/// The blocks in the order of the program: the counts, the instructions, and the ways out.
fn blocks(flow: &Flow) -> String {
    let mut text = format!("{}\n", flow.title());
    for block in &flow.blocks {
        text.push('\n');
        let mut row = |what: &str, packets: u64| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{what:<30} {:>13} {:>8}", HumanCount(packets).to_string(), flow.percent(packets));
        };
        row(&format!("block ({:03})", block.instructions.start), block.packets);
        for edge in &block.edges {
            row(&format!("  {:<5} -> ({:03})", name(edge.way), flow.start(edge.target)), edge.packets);
        }
        if block.stopped > 0 {
            row("  stopped", block.stopped);
        }
        flow.listing(block).for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
    }
    text
}
