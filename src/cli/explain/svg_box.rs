//! The boxes of the picture: their text, their size, and their SVG.
//!
//! A chain of many tests is folded: its box has the first block, and the tests by which most packets leave it.

use cbpf::debug::{Block, Edge, EdgeKind};
use indicatif::HumanCount;
use svg::node::element::{Group, Rectangle, Text, Title};

use super::block_groups::BlockGroup;
use super::colors::{self, Paint, Tint};
use super::flow_graph::{FlowGraph, edge_label};
use super::layered_layout::{Node, Port, Vertex};
use crate::cli::print::counted;

/// Lengths are in pixels. A character of a fixed-width font is about 0.6 times as wide as its size.
pub(super) const FONT: &str = "text { font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: 12px }";
pub(super) const CHARACTER: f64 = 7.3;
pub(super) const LINE: f64 = 15.0;
pub(super) const PADDING: f64 = 8.0;
const LABEL_HEIGHT: f64 = 18.0;

/// The most lines of a block: its instructions, or one instruction less and the number of those left out.
const MOST_LINES: usize = 24;

/// The most blocks of a chain that are drawn one by one, and the number of those that a longer chain shows.
pub(super) const MOST_ROWS: usize = 14;
const BUSIEST: usize = 10;

/// The longest meaning, in characters.
const LONGEST_MEANING: usize = 44;

/// What the label `stopped` means.
pub(super) const STOPPED: &str = "halted without a return, as at a load past the end of the packet";

/// A box: a block, or a chain of tests.
pub(super) struct BlockBox<'g> {
    graph: &'g FlowGraph,
    blocks: &'g [Block],
    /// The number of packets.
    head: Option<String>,
    rows: Vec<Row<'g>>,
    /// The width of the instructions, beside which their meanings are.
    code: usize,
    pub(super) exits: Vec<Exit>,
    /// The labels at the bottom: one for each exit, and one if the program halted here without a return.
    labels: Vec<Label>,
    width: f64,
    height: f64,
}

/// Lines within the box: a block, or a remark about blocks that are left out.
struct Row<'g> {
    block: Option<&'g Block>,
    /// Instructions, with their meanings.
    lines: Vec<(String, Option<String>)>,
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
    title: Option<&'static str>,
    is_passed: bool,
    surface: Paint,
    /// The distance of its center from that of the box.
    x: f64,
    width: f64,
}

impl<'g> BlockBox<'g> {
    pub(super) fn new(graph: &'g FlowGraph, group: &BlockGroup) -> BlockBox<'g> {
        let blocks = &graph.blocks[group.blocks.clone()];
        let head = graph.amount(blocks.first().map_or(0, |first| first.packets));
        let head_lines = usize::from(head.is_some());
        let exits = exits(blocks, group);
        let rows = rows(graph, blocks, group);
        let stopped = blocks.iter().map(|block| block.halted).sum();
        let labels = labels(graph, &exits, stopped);

        let code = code_width(&rows);
        let head_width = head.as_ref().map_or(0, String::len) as f64 * CHARACTER;
        let text_width = rows.iter().map(|row| row.width(code)).fold(head_width, f64::max) + 2.0 * PADDING;
        let width = labels.iter().map(|label| label.width).sum::<f64>().max(text_width);
        let count: usize = rows.iter().map(|row| row.lines.len()).sum();
        let foot = if labels.is_empty() { 0.0 } else { LABEL_HEIGHT };
        let height = (count + head_lines) as f64 * LINE + 1.5 * PADDING + foot;
        BlockBox { graph, blocks, head, rows, code, exits, labels: spread(labels, width), width, height }
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

    /// Returns whether some blocks of the chain are left out.
    pub(super) fn is_folded(&self) -> bool {
        self.blocks.len() > MOST_ROWS
    }

    /// Draws the box at its vertex of the layout; `number` is that of the box.
    pub(super) fn draw(&self, number: usize, vertex: &Vertex) -> Group {
        let packets = self.blocks.first().map_or(0, |first| first.packets);
        let (share, is_passed) = (self.graph.share(packets), self.graph.is_passed(packets));
        let (left, top) = (vertex.x - self.width / 2.0, vertex.top);
        let is_return = self.exits.is_empty();
        let ground = rectangle(left, top, self.width, self.height, colors::surface(share))
            .set("rx", if is_return && self.labels.is_empty() { 12 } else { 3 })
            .set("stroke", ink(is_passed).hex())
            .set("stroke-width", if is_return { 2 } else { 1 });
        let mut group = ink(is_passed).on(Group::new(), "fill").set("data-box", number);
        if self.is_folded() {
            group = group.set("data-fold", self.blocks.len());
        }
        if let [block] = self.blocks {
            group = group.add(Title::new(self.tooltip(block)));
        }
        group = group.add(ground);
        let mut y = top;
        if let Some(head) = &self.head {
            y += LINE;
            group = group.add(text(head, left + PADDING, y).set("font-weight", "bold"));
        }
        for row in &self.rows {
            group = group.add(self.draw_row(row, left, y));
            y += row.lines.len() as f64 * LINE;
        }
        for label in &self.labels {
            group = group.add(label.draw(vertex.x + label.x, vertex.bottom - LABEL_HEIGHT));
        }
        group
    }

    fn draw_row(&self, row: &Row, left: f64, mut y: f64) -> Group {
        let mut group = Group::new();
        let height = row.lines.len() as f64 * LINE;
        match row.block {
            Some(block) => {
                group = group.set("data-pc", format!("{}-{}", block.instructions.start, block.instructions.end - 1));
                if self.blocks.len() > 1 {
                    let share = self.graph.share(block.packets);
                    let ground = rectangle(left + 1.0, y + 4.0, self.width - 2.0, height, colors::surface(share));
                    group = ink(self.graph.is_passed(block.packets))
                        .on(group, "fill")
                        .add(Title::new(self.tooltip(block)))
                        .add(ground);
                }
            }
            None => group = group.set("font-style", "italic"),
        }
        if let Some(exit) = &row.exit {
            let middle = left + self.width - (PADDING + exit.width) / 2.0;
            group = group.add(exit.draw(middle, y + height - LINE + 3.0));
        }
        for (line, meaning) in &row.lines {
            y += LINE;
            group = group.add(text(line, left + PADDING, y));
            if let Some(meaning) = meaning {
                let words = text(meaning, left + PADDING + self.code as f64 * CHARACTER, y);
                group = group.add(colors::MEANING_INK.on(words, "fill"));
            }
        }
        group
    }

    /// Returns all instructions of a block, and the number of packets on the block and on its edges.
    fn tooltip(&self, block: &Block) -> String {
        let graph = self.graph;
        let mut tooltip = graph.amount(block.packets).map_or(String::new(), |amount| format!("{amount}\n"));
        graph.lines(block).take(MOST_LINES).for_each(|line| tooltip += &format!("{line}\n"));
        let after = |packets| graph.amount(packets).map_or(String::new(), |amount| format!(": {amount}"));
        for edge in &block.edges {
            let (label, target) = (edge_label(edge.kind), graph.start(edge.target));
            tooltip += &format!("{label} -> ({target:03}){}\n", after(edge.packets));
        }
        if block.halted > 0 {
            tooltip += &format!("{STOPPED}{}\n", after(block.halted));
        }
        tooltip
    }
}

/// Returns the rows of a box: all blocks, or of a long chain the first one and the busiest ones.
fn rows<'g>(graph: &FlowGraph, blocks: &'g [Block], group: &BlockGroup) -> Vec<Row<'g>> {
    let row = |block: &'g Block, exit: Option<&Edge>| {
        // Without numbers, the label at the bottom is enough.
        Row::new(graph, block, exit.filter(|_| graph.has_traffic).map(|edge| (kind(edge, group), edge)))
    };
    if blocks.len() <= MOST_ROWS {
        let is_outside = |edge: &&Edge| !group.blocks.contains(&edge.target);
        return blocks.iter().map(|block| row(block, exit_of(block, group).filter(is_outside))).collect();
    }
    let leaving = |block: &Block| exit_of(block, group).map_or(0, |edge| edge.packets);
    // A jump alone is part of the test before it.
    let mut by_traffic: Vec<&Block> = blocks.iter().filter(|block| block.edges.len() > 1).collect();
    let (tests, total) = (by_traffic.len(), by_traffic.iter().map(|block| leaving(block)).sum::<u64>());
    by_traffic.sort_by_key(|block| std::cmp::Reverse(leaving(block)));
    by_traffic.truncate(BUSIEST);
    by_traffic.sort_by_key(|block| block.instructions.start);
    let shown: u64 = by_traffic.iter().map(|block| leaving(block)).sum();
    let what = if total > 0 { "the busiest ones" } else { "the first ones" };
    let mut rows = vec![Row::remark(format!("{tests} tests, of which {what}:"))];
    if by_traffic.first().is_none_or(|first| first.instructions != blocks[0].instructions)
        && blocks[0].instructions.len() > 1
    {
        rows.push(Row { exit: None, ..Row::without_test(graph, &blocks[0]) });
    }
    rows.extend(by_traffic.iter().map(|block| row(block, exit_of(block, group))));
    let rest = tests - by_traffic.len();
    rows.push(Row::remark(match graph.has_traffic {
        true => format!("{rest} more: {}", counted(total - shown, "packet")),
        false => format!("{rest} more"),
    }));
    rows
}

/// Returns the number of characters before meanings; 0 if there are none.
fn code_width(rows: &[Row]) -> usize {
    let lines = || rows.iter().filter(|row| row.block.is_some()).flat_map(|row| &row.lines);
    let longest = lines().map(|(line, _)| line.chars().count()).max();
    longest.filter(|_| lines().any(|(_, meaning)| meaning.is_some())).map_or(0, |longest| longest + 2)
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

/// Returns the edge by which a test leaves its chain, perhaps to a jump that is part of the chain.
pub(super) fn exit_of<'b>(block: &'b Block, group: &BlockGroup) -> Option<&'b Edge> {
    block.edges.iter().find(|edge| group.exit == Some(kind(edge, group)))
}

impl<'g> Row<'g> {
    fn new(graph: &FlowGraph, block: &'g Block, exit: Option<(EdgeKind, &Edge)>) -> Row<'g> {
        let mut lines: Vec<_> = block.instructions.clone().take(MOST_LINES).map(|pc| line(graph, pc)).collect();
        if block.instructions.len() > MOST_LINES {
            lines[MOST_LINES - 1] = (format!("... {} more", block.instructions.len() - MOST_LINES + 1), None);
        }
        let exit = exit.map(|(kind, edge)| Label::new(graph, kind, edge.packets));
        Row { block: Some(block), lines, exit }
    }

    /// Returns the loads before the first test of a chain.
    fn without_test(graph: &FlowGraph, block: &'g Block) -> Row<'g> {
        let loads = block.instructions.start..block.instructions.end - 1;
        Row { block: Some(block), lines: loads.take(MOST_LINES).map(|pc| line(graph, pc)).collect(), exit: None }
    }

    fn remark(words: String) -> Row<'g> {
        Row { block: None, lines: vec![(words, None)], exit: None }
    }

    fn width(&self, code: usize) -> f64 {
        let width = |(line, meaning): &(String, Option<String>)| match meaning {
            Some(meaning) => code + meaning.chars().count(),
            None => line.chars().count(),
        };
        let longest = self.lines.iter().map(width).max().unwrap_or(0);
        longest as f64 * CHARACTER + self.exit.as_ref().map_or(0.0, |exit| exit.width + PADDING)
    }
}

/// Returns an instruction and its meaning, if that is known.
fn line(graph: &FlowGraph, pc: usize) -> (String, Option<String>) {
    let meaning = graph.listing.meaning(pc).map(|meaning| match meaning.char_indices().nth(LONGEST_MEANING) {
        Some((end, _)) => format!("{} ...", &meaning[..end]),
        None => meaning.to_owned(),
    });
    (graph.listing.short(pc), meaning)
}

fn labels(graph: &FlowGraph, exits: &[Exit], stopped: u64) -> Vec<Label> {
    let stopped =
        (stopped > 0).then(|| Label { title: Some(STOPPED), ..Label::of(graph, "stopped", stopped, colors::STOPPED) });
    exits.iter().map(|exit| Label::new(graph, exit.kind, exit.packets)).chain(stopped).collect()
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
    fn new(graph: &FlowGraph, kind: EdgeKind, packets: u64) -> Label {
        Label::of(graph, edge_label(kind), packets, Tint::from(kind).surface())
    }

    fn of(graph: &FlowGraph, name: &str, packets: u64, surface: Paint) -> Label {
        let text = if graph.has_traffic { format!("{name} {}", HumanCount(packets)) } else { name.to_owned() };
        let width = text.chars().count() as f64 * CHARACTER + PADDING;
        Label { text, title: None, is_passed: graph.is_passed(packets), surface, x: 0.0, width }
    }

    fn draw(&self, middle: f64, top: f64) -> Group {
        let (surface, ink) = match self.is_passed {
            true => (self.surface, colors::INK),
            false => (colors::NEVER_SURFACE, colors::FAINT_INK),
        };
        let left = middle - self.width / 2.0 + 1.0;
        let words = text(&self.text, middle, top + 12.5).set("text-anchor", "middle");
        let group = self.title.map_or_else(Group::new, |title| Group::new().add(Title::new(title)));
        group.add(rectangle(left, top, self.width - 2.0, LABEL_HEIGHT - 1.0, surface)).add(ink.on(words, "fill"))
    }
}

fn ink(is_executed: bool) -> Paint {
    if is_executed { colors::INK } else { colors::FAINT_INK }
}

fn rectangle(left: f64, top: f64, width: f64, height: f64, fill: Paint) -> Rectangle {
    let rectangle = Rectangle::new()
        .set("x", pixels(left))
        .set("y", pixels(top))
        .set("width", pixels(width))
        .set("height", pixels(height));
    fill.on(rectangle, "fill")
}

/// Returns a line of text with the baseline `y`.
pub(super) fn text(words: &str, x: f64, y: f64) -> Text {
    Text::new(words).set("x", pixels(x)).set("y", pixels(y))
}

/// Rounds a length to a tenth of a pixel.
pub(super) fn pixels(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}
