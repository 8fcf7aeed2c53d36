//! The boxes of the picture: their text, their size, and their SVG.

use cbpf::debug::{Block, Edge, EdgeKind};
use indicatif::HumanCount;
use svg::node::element::{Group, Rectangle, Text, Title};

use super::block_groups::BlockGroup;
use super::colors::{self, Color, Tint};
use super::layered_layout::{Node, Port, Vertex};
use super::{FlowGraph, edge_label};

/// Lengths are in pixels. A character of a fixed-width font is about 0.6 times as wide as its size.
pub(super) const FONT: &str = "text { font: 12px 'DejaVu Sans Mono', Menlo, Consolas, monospace }";
pub(super) const CHARACTER: f64 = 7.3;
pub(super) const LINE: f64 = 15.0;
pub(super) const PADDING: f64 = 8.0;
const LABEL_HEIGHT: f64 = 18.0;

/// The most lines of a block: its instructions, or one instruction less and the number of those left out.
const MOST_LINES: usize = 24;

/// A box: a block, or a chain of tests.
pub(super) struct BlockBox<'g> {
    graph: &'g FlowGraph,
    blocks: &'g [Block],
    head: String,
    rows: Vec<Row>,
    pub(super) exits: Vec<Exit>,
    /// The labels at the bottom: one for each exit, and one if the program halted here without a return.
    labels: Vec<Label>,
    width: f64,
    height: f64,
}

/// A block within the box.
struct Row {
    lines: Vec<String>,
    /// In a chain: the packets that left it from here.
    exit: Option<Label>,
}

/// The edges from the box to a block.
pub(super) struct Exit {
    pub(super) kind: EdgeKind,
    pub(super) target: usize,
    pub(super) packets: u64,
}

struct Label {
    text: String,
    packets: u64,
    surface: Color,
    /// The distance of its center from that of the box.
    x: f64,
    width: f64,
}

impl<'g> BlockBox<'g> {
    pub(super) fn new(graph: &'g FlowGraph, group: &BlockGroup) -> BlockBox<'g> {
        let blocks = &graph.blocks[group.blocks.clone()];
        let head = graph.amount(blocks.first().map_or(0, |first| first.packets));
        let exits = exits(blocks, group);
        let rows: Vec<Row> = blocks.iter().map(|block| Row::new(graph, block, group)).collect();
        let stopped = blocks.iter().map(|block| block.halted).sum();
        let labels = labels(&exits, stopped);

        let head_width = head.chars().count() as f64 * CHARACTER;
        let text_width = rows.iter().map(Row::width).fold(head_width, f64::max) + 2.0 * PADDING;
        let width = labels.iter().map(|label| label.width).sum::<f64>().max(text_width);
        let lines: usize = rows.iter().map(|row| row.lines.len()).sum();
        let foot = if labels.is_empty() { 0.0 } else { LABEL_HEIGHT };
        let height = (lines + 1) as f64 * LINE + 1.5 * PADDING + foot;
        BlockBox { graph, blocks, head, rows, exits, labels: spread(labels, width), width, height }
    }

    /// Returns the box for the layout; `boxes` holds the number of the box of each block.
    pub(super) fn node(&self, boxes: &[usize]) -> Node {
        let port = |(label, exit): (&Label, &Exit)| Port {
            x: label.x,
            target: boxes[exit.target],
            share: self.graph.share(exit.packets),
        };
        Node { width: self.width, height: self.height, edges: self.labels.iter().zip(&self.exits).map(port).collect() }
    }

    /// Returns the number of the first instruction.
    pub(super) fn start(&self) -> usize {
        self.blocks.first().map_or(0, |first| first.instructions.start)
    }

    /// Returns the instructions that leave the box: `(007)`, or `(007) to (019)` in a chain.
    pub(super) fn sources(&self) -> String {
        let last = |block: &Block| format!("({:03})", block.instructions.end - 1);
        match self.blocks {
            [] => String::new(),
            [block] => last(block),
            [first, .., end] => format!("{} to {}", last(first), last(end)),
        }
    }

    /// Draws the box at its vertex of the layout.
    pub(super) fn draw(&self, vertex: &Vertex) -> Group {
        let share = self.graph.share(self.blocks.first().map_or(0, |first| first.packets));
        let ink = ink(share > 0.0);
        let (left, top) = (vertex.x - self.width / 2.0, vertex.top);
        let is_return = self.exits.is_empty();
        let ground = rectangle(left, top, self.width, self.height, colors::surface(share))
            .set("rx", if is_return && self.labels.is_empty() { 12 } else { 3 })
            .set("stroke", ink.hex())
            .set("stroke-width", if is_return { 2 } else { 1 });
        let mut group = Group::new().set("fill", ink.hex());
        if let [block] = self.blocks {
            group = group.add(Title::new(self.tooltip(block)));
        }
        group = group.add(ground).add(text(&self.head, left + PADDING, top + LINE).set("font-weight", "bold"));
        let mut y = top + LINE;
        for (row, block) in self.rows.iter().zip(self.blocks) {
            group = group.add(self.draw_row(row, block, left, y));
            y += row.lines.len() as f64 * LINE;
        }
        for label in &self.labels {
            group = group.add(label.draw(vertex.x + label.x, vertex.bottom - LABEL_HEIGHT));
        }
        group
    }

    fn draw_row(&self, row: &Row, block: &Block, left: f64, mut y: f64) -> Group {
        let mut group = Group::new();
        let height = row.lines.len() as f64 * LINE;
        if self.blocks.len() > 1 {
            let share = self.graph.share(block.packets);
            let ground = rectangle(left + 1.0, y + 4.0, self.width - 2.0, height, colors::surface(share));
            group = group.set("fill", ink(share > 0.0).hex()).add(Title::new(self.tooltip(block))).add(ground);
        }
        if let Some(exit) = &row.exit {
            let middle = left + self.width - (PADDING + exit.width) / 2.0;
            group = group.add(exit.draw(middle, y + height - LINE + 3.0));
        }
        for line in &row.lines {
            y += LINE;
            group = group.add(text(line, left + PADDING, y));
        }
        group
    }

    /// Returns all instructions of a block, and the number of packets on the block and on its edges.
    fn tooltip(&self, block: &Block) -> String {
        let graph = self.graph;
        let mut tooltip = format!("{}\n", graph.amount(block.packets));
        graph.listing(block).for_each(|line| tooltip += &format!("{line}\n"));
        for edge in &block.edges {
            let (label, target, amount) = (edge_label(edge.kind), graph.start(edge.target), graph.amount(edge.packets));
            tooltip += &format!("{label} -> ({target:03}): {amount}\n");
        }
        if block.halted > 0 {
            tooltip += &format!("halted without a return: {}\n", graph.amount(block.halted));
        }
        tooltip
    }
}

/// Returns the exits of a group: one for each target outside of it.
fn exits(blocks: &[Block], group: &BlockGroup) -> Vec<Exit> {
    let mut exits: Vec<Exit> = Vec::new();
    for edge in blocks.iter().flat_map(|block| &block.edges).filter(|edge| !group.blocks.contains(&edge.target)) {
        match exits.iter_mut().find(|exit| exit.target == edge.target) {
            Some(exit) => exit.packets += edge.packets,
            None => exits.push(Exit { kind: kind(edge, group), target: edge.target, packets: edge.packets }),
        }
    }
    exits.sort_by_key(|exit| exit.kind == EdgeKind::False);
    exits
}

/// Returns the kind of an edge; a jump in a chain has that of the exit of its test.
fn kind(edge: &Edge, group: &BlockGroup) -> EdgeKind {
    if edge.kind == EdgeKind::Always { group.exit.unwrap_or(EdgeKind::Always) } else { edge.kind }
}

impl Row {
    fn new(graph: &FlowGraph, block: &Block, group: &BlockGroup) -> Row {
        let mut lines: Vec<String> = graph.listing(block).take(MOST_LINES).collect();
        if block.instructions.len() > MOST_LINES {
            lines[MOST_LINES - 1] = format!("... {} more", block.instructions.len() - MOST_LINES + 1);
        }
        let is_exit = |edge: &&Edge| group.exit == Some(kind(edge, group)) && !group.blocks.contains(&edge.target);
        let exit = block.edges.iter().find(is_exit).map(|edge| Label::new(kind(edge, group), edge.packets));
        Row { lines, exit }
    }

    fn width(&self) -> f64 {
        let longest = self.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        longest as f64 * CHARACTER + self.exit.as_ref().map_or(0.0, |exit| exit.width + PADDING)
    }
}

fn labels(exits: &[Exit], stopped: u64) -> Vec<Label> {
    let stopped = (stopped > 0).then(|| Label::of("stopped", stopped, colors::STOPPED));
    exits.iter().map(|exit| Label::new(exit.kind, exit.packets)).chain(stopped).collect()
}

/// Widens labels to fill the bottom of a box.
fn spread(mut labels: Vec<Label>, width: f64) -> Vec<Label> {
    let spare = width - labels.iter().map(|label| label.width).sum::<f64>();
    let more = spare / labels.len().max(1) as f64;
    let mut left = -width / 2.0;
    for label in &mut labels {
        label.width += more;
        label.x = left + label.width / 2.0;
        left += label.width;
    }
    labels
}

impl Label {
    fn new(kind: EdgeKind, packets: u64) -> Label {
        Label::of(edge_label(kind), packets, Tint::from(kind).surface())
    }

    fn of(name: &str, packets: u64, surface: Color) -> Label {
        let text = format!("{name} {}", HumanCount(packets));
        let width = text.chars().count() as f64 * CHARACTER + PADDING;
        Label { text, packets, surface, x: 0.0, width }
    }

    fn draw(&self, middle: f64, top: f64) -> Group {
        let (surface, ink) = match self.packets {
            0 => (colors::NEVER_SURFACE, colors::FAINT_INK),
            _ => (self.surface, colors::INK),
        };
        let left = middle - self.width / 2.0 + 1.0;
        let words = text(&self.text, middle, top + 12.5).set("text-anchor", "middle").set("fill", ink.hex());
        Group::new().add(rectangle(left, top, self.width - 2.0, LABEL_HEIGHT - 1.0, surface)).add(words)
    }
}

fn ink(is_executed: bool) -> Color {
    if is_executed { colors::INK } else { colors::FAINT_INK }
}

fn rectangle(left: f64, top: f64, width: f64, height: f64, fill: Color) -> Rectangle {
    Rectangle::new()
        .set("x", pixels(left))
        .set("y", pixels(top))
        .set("width", pixels(width))
        .set("height", pixels(height))
        .set("fill", fill.hex())
}

/// Returns a line of text with the baseline `y`.
pub(super) fn text(words: &str, x: f64, y: f64) -> Text {
    Text::new(words).set("x", pixels(x)).set("y", pixels(y))
}

/// Rounds a length to a tenth of a pixel.
pub(super) fn pixels(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}
