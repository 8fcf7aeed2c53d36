//! The legend of a picture: what the colours of lines and labels mean.

use std::fmt::Write;

use svg::node::element::{Group, Line, Rectangle};

use super::colors::{self, Paint, Tint};
use super::flow_graph::FlowGraph;
use super::svg_box::{CHARACTER, LINE, PADDING, STOPPED, pixels, text};

/// The length of a line in the legend.
const SAMPLE: f64 = 26.0;

/// A colour and its meaning.
struct Entry {
    name: &'static str,
    paint: Paint,
    /// The class of a line in the legend of a page.
    class: &'static str,
    /// The width of a line; labels are filled instead.
    width: Option<f64>,
}

/// Returns the entries for what the picture has.
fn entries(graph: &FlowGraph) -> Vec<Entry> {
    let line = |name, tint: Tint, class| Entry { name, paint: tint.line(1.0), class, width: Some(4.0) };
    let mut entries = vec![
        line("test holds", Tint::True, "true"),
        line("does not hold", Tint::False, "false"),
        line("both, or no test", Tint::Plain, "plain"),
    ];
    if graph.has_traffic {
        entries.push(Entry { name: "no packet", paint: colors::NEVER, class: "never", width: Some(1.0) });
    }
    if graph.blocks.iter().any(|block| block.halted > 0) {
        entries.push(Entry { name: "stopped: load past the end", paint: colors::STOPPED, class: "stop", width: None });
    }
    entries
}

/// Draws the name and the title of a graph, and below them the legend.
pub(super) fn draw(graph: &FlowGraph) -> Group {
    let mut group = colors::INK.on(Group::new(), "fill");
    group = group.add(text(&graph.name, PADDING, 1.3 * LINE).set("font-weight", "bold"));
    group = group.add(text(&graph.title(), PADDING, 2.5 * LINE));
    let (mut x, y) = (PADDING, 3.9 * LINE);
    for entry in entries(graph) {
        group = match entry.width {
            Some(width) => {
                let sample = Line::new()
                    .set("x1", pixels(x))
                    .set("x2", pixels(x + SAMPLE))
                    .set("y1", pixels(y - 4.0))
                    .set("y2", pixels(y - 4.0))
                    .set("stroke-width", width);
                group.add(entry.paint.on(sample, "stroke"))
            }
            None => {
                let sample = Rectangle::new()
                    .set("x", pixels(x))
                    .set("y", pixels(y - 10.0))
                    .set("width", SAMPLE)
                    .set("height", 12.0);
                group.add(entry.paint.on(sample, "fill"))
            }
        };
        group = group.add(text(entry.name, x + SAMPLE + PADDING, y));
        x += width(&entry);
    }
    group
}

/// Prints the legend for a page.
pub(super) fn html(graph: &FlowGraph) -> String {
    let mut html = "<ul class=legend aria-label=Legend>".to_owned();
    for Entry { name, class, width, .. } in entries(graph) {
        let title = if width.is_none() { format!(" title=\"{STOPPED}\"") } else { String::new() };
        // Writing to a string cannot fail.
        let _ = write!(html, "<li{title}><i class={class}></i>{name}");
    }
    html + "</ul>"
}

fn width(entry: &Entry) -> f64 {
    SAMPLE + 3.0 * PADDING + entry.name.len() as f64 * CHARACTER
}

/// Returns the width of the name, the title and the legend.
pub(super) fn total_width(graph: &FlowGraph) -> f64 {
    let entries: f64 = entries(graph).iter().map(width).sum();
    let longest = graph.title().chars().count().max(graph.name.chars().count());
    entries.max(longest as f64 * CHARACTER) + 2.0 * PADDING
}
