//! The boxes of the picture: what is written into them, and how large that makes them.

use cbpf::{Block, Edge, Way};
use indicatif::HumanCount;
use svg::node::element::{Group, Rectangle, Text, Title};

use super::block_groups::Group as Blocks;
use super::colors::{self, Color, Tint};
use super::layered_layout::{Cell, Node, Port};
use super::{Flow, name};

/// Lengths are in pixels. A character of a fixed-width font is about 0.6 of its size wide.
pub(super) const FONT: &str = "text { font: 12px 'DejaVu Sans Mono', Menlo, Consolas, monospace }";
pub(super) const CHARACTER: f64 = 7.3;
pub(super) const LINE: f64 = 15.0;
pub(super) const PADDING: f64 = 8.0;
const LABEL_HEIGHT: f64 = 18.0;

/// How many instructions of a block are shown: all of these, or one less and how many there are besides.
const MOST_LINES: usize = 24;

/// A box: a block, or a stack of them that follow each other.
pub(super) struct Figure<'f> {
    flow: &'f Flow,
    blocks: &'f [Block],
    head: String,
    rows: Vec<Row>,
    pub(super) exits: Vec<Exit>,
    /// What stands at the lower side: one label for each exit, and one if programs ended here without a return.
    labels: Vec<Label>,
    width: f64,
    height: f64,
}

/// What a block of the box takes of it.
struct Row {
    lines: Vec<String>,
    /// In a stack: how many packets left it from here.
    aside: Option<Label>,
}

/// A way out of the box.
pub(super) struct Exit {
    pub(super) way: Way,
    /// The block that it leads to.
    pub(super) target: usize,
    pub(super) packets: u64,
}

struct Label {
    text: String,
    packets: u64,
    surface: Color,
    /// The middle, from the middle of the box.
    x: f64,
    width: f64,
}

impl<'f> Figure<'f> {
    /// The figure of the blocks of a group.
    pub(super) fn new(flow: &'f Flow, group: &Blocks) -> Figure<'f> {
        let blocks = &flow.blocks[group.blocks.clone()];
        let head = flow.amount(blocks.first().map_or(0, |first| first.packets));
        let exits = exits(blocks, group);
        let rows: Vec<Row> = blocks.iter().map(|block| Row::new(flow, block, group)).collect();
        let stopped = blocks.iter().map(|block| block.stopped).sum();
        let labels = labels(&exits, stopped);

        let head_width = head.chars().count() as f64 * CHARACTER;
        let text_width = rows.iter().map(Row::width).fold(head_width, f64::max) + 2.0 * PADDING;
        let width = labels.iter().map(|label| label.width).sum::<f64>().max(text_width);
        let lines: usize = rows.iter().map(|row| row.lines.len()).sum();
        let foot = if labels.is_empty() { 0.0 } else { LABEL_HEIGHT };
        let height = (lines + 1) as f64 * LINE + 1.5 * PADDING + foot;
        Figure { flow, blocks, head, rows, exits, labels: spread(labels, width), width, height }
    }

    /// The box for the layout; `places` tells which box each block is in.
    pub(super) fn node(&self, places: &[usize]) -> Node {
        let port = |(label, exit): (&Label, &Exit)| Port {
            x: label.x,
            target: places[exit.target],
            share: self.flow.share(exit.packets),
        };
        Node { width: self.width, height: self.height, edges: self.labels.iter().zip(&self.exits).map(port).collect() }
    }

    /// The number of its first instruction.
    pub(super) fn start(&self) -> usize {
        self.blocks.first().map_or(0, |first| first.instructions.start)
    }

    /// The instructions that leave by an exit: `(007)`, `(007) to (019)` in a stack.
    pub(super) fn sources(&self) -> String {
        let last = |block: &Block| format!("({:03})", block.instructions.end - 1);
        match self.blocks {
            [] => String::new(),
            [block] => last(block),
            [first, .., end] => format!("{} to {}", last(first), last(end)),
        }
    }

    /// The box where the layout has put it.
    pub(super) fn draw(&self, cell: &Cell) -> Group {
        let share = self.flow.share(self.blocks.first().map_or(0, |first| first.packets));
        let ink = ink(share > 0.0);
        let (left, top) = (cell.x - self.width / 2.0, cell.top);
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
            group = group.add(label.draw(cell.x + label.x, cell.bottom - LABEL_HEIGHT));
        }
        group
    }

    fn draw_row(&self, row: &Row, block: &Block, left: f64, mut y: f64) -> Group {
        let mut group = Group::new();
        let height = row.lines.len() as f64 * LINE;
        if self.blocks.len() > 1 {
            let share = self.flow.share(block.packets);
            let ground = rectangle(left + 1.0, y + 4.0, self.width - 2.0, height, colors::surface(share));
            group = group.set("fill", ink(share > 0.0).hex()).add(Title::new(self.tooltip(block))).add(ground);
        }
        if let Some(aside) = &row.aside {
            let middle = left + self.width - (PADDING + aside.width) / 2.0;
            group = group.add(aside.draw(middle, y + height - LINE + 3.0));
        }
        for line in &row.lines {
            y += LINE;
            group = group.add(text(line, left + PADDING, y));
        }
        group
    }

    /// All instructions of a block, how many packets came to it, and where they went from there.
    fn tooltip(&self, block: &Block) -> String {
        let flow = self.flow;
        let mut tooltip = format!("{}\n", flow.amount(block.packets));
        flow.listing(block).for_each(|line| tooltip += &format!("{line}\n"));
        for edge in &block.edges {
            let (name, target, amount) = (name(edge.way), flow.start(edge.target), flow.amount(edge.packets));
            tooltip += &format!("{name} -> ({target:03}): {amount}\n");
        }
        if block.stopped > 0 {
            tooltip += &format!("ended without a return: {}\n", flow.amount(block.stopped));
        }
        tooltip
    }
}

/// The ways out of a group: one for each block that edges from inside lead to.
fn exits(blocks: &[Block], group: &Blocks) -> Vec<Exit> {
    let mut exits: Vec<Exit> = Vec::new();
    for edge in blocks.iter().flat_map(|block| &block.edges).filter(|edge| !group.blocks.contains(&edge.target)) {
        match exits.iter_mut().find(|exit| exit.target == edge.target) {
            Some(exit) => exit.packets += edge.packets,
            None => exits.push(Exit { way: way(edge, group), target: edge.target, packets: edge.packets }),
        }
    }
    exits.sort_by_key(|exit| exit.way == Way::False);
    exits
}

/// When an edge is taken; a jump of a stack is, when its test leads aside.
fn way(edge: &Edge, group: &Blocks) -> Way {
    if edge.way == Way::Always { group.aside.unwrap_or(Way::Always) } else { edge.way }
}

impl Row {
    fn new(flow: &Flow, block: &Block, group: &Blocks) -> Row {
        let mut lines: Vec<String> = flow.listing(block).take(MOST_LINES).collect();
        if block.instructions.len() > MOST_LINES {
            lines[MOST_LINES - 1] = format!("... {} more", block.instructions.len() - MOST_LINES + 1);
        }
        // The edge that leads out of the stack; another one leads to the next row.
        let is_aside = |edge: &&Edge| group.aside == Some(way(edge, group)) && !group.blocks.contains(&edge.target);
        let label = |edge: &Edge| Label::new(way(edge, group), edge.packets);
        let aside = block.edges.iter().find(is_aside).map(label);
        Row { lines, aside }
    }

    fn width(&self) -> f64 {
        let longest = self.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        longest as f64 * CHARACTER + self.aside.as_ref().map_or(0.0, |aside| aside.width + PADDING)
    }
}

fn labels(exits: &[Exit], stopped: u64) -> Vec<Label> {
    let stopped = (stopped > 0).then(|| Label::of("stopped", stopped, colors::STOPPED));
    exits.iter().map(|exit| Label::new(exit.way, exit.packets)).chain(stopped).collect()
}

/// Makes labels fill the lower side of a box.
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
    fn new(way: Way, packets: u64) -> Label {
        Label::of(name(way), packets, Tint::from(way).surface())
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

/// A line of text whose letters stand on y.
pub(super) fn text(words: &str, x: f64, y: f64) -> Text {
    Text::new(words).set("x", pixels(x)).set("y", pixels(y))
}

/// A tenth of a pixel is more than anyone sees.
pub(super) fn pixels(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}
