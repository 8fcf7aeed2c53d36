//! The picture of a program: its blocks as boxes with their instructions, and the ways between them.

use cbpf::Block;
use indicatif::HumanCount;
use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Polygon, Rectangle, Style, Text, Title};

use super::layout::{Cell, Layout, Link, Node, Port};
use super::paint::{self, Color, Tint};
use super::{Flow, name};
use crate::cli::failure::Failure;

/// Lengths are in pixels. A character of a fixed-width font is about 0.6 of its size wide.
const FONT: &str = "text { font: 12px 'DejaVu Sans Mono', Menlo, Consolas, monospace }";
const CHARACTER: f64 = 7.3;
const LINE: f64 = 15.0;
const PADDING: f64 = 8.0;
const LABEL_HEIGHT: f64 = 18.0;

/// The room above the graph, for the title and what the colours mean.
const HEAD: f64 = 56.0;

/// How many instructions of a block are shown: all of these, or one less and how many there are besides.
const MOST_LINES: usize = 24;

/// How wide a line is that no packet takes, one or more take, and all take.
const THIN: f64 = 1.0;
const NARROW: f64 = 1.5;
const WIDE: f64 = 7.0;

/// Draws the picture.
///
/// # Errors
/// If it would be too large to be of use.
pub(super) fn draw(flow: &Flow) -> Result<String, Failure> {
    let figures: Vec<Figure> = flow.blocks.iter().map(|block| Figure::new(flow, block)).collect();
    let nodes: Vec<Node> = figures.iter().map(Figure::node).collect();
    let too_large = || {
        let title = flow.title();
        Failure::Failed(format!("no picture could show this program: {title}; `--format text` has no limit"))
    };
    let layout = Layout::new(&nodes).ok_or_else(too_large)?;
    let mut graph = Group::new().set("transform", format!("translate(0 {HEAD})"));
    for line in lines(flow, &layout) {
        graph = graph.add(line);
    }
    for (cell, figure) in layout.cells.iter().zip(&figures) {
        graph = graph.add(figure.draw(flow, cell));
    }
    let (width, height) = (layout.width.max(legend_width(flow)).ceil(), (layout.height + HEAD).ceil());
    let ground = Rectangle::new().set("width", width).set("height", height).set("fill", "white");
    let picture = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Style::new(FONT))
        .add(ground)
        .add(legend(flow))
        .add(graph);
    Ok(format!("{picture}\n"))
}

/// What is written into the box of a block, and how large that makes it.
struct Figure<'f> {
    block: &'f Block,
    head: String,
    lines: Vec<String>,
    /// What stands at the lower side: one label for each edge, and one if programs ended here without a return.
    labels: Vec<Label>,
    width: f64,
    height: f64,
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
    fn new(flow: &Flow, block: &'f Block) -> Figure<'f> {
        let head = flow.amount(block.packets);
        let mut lines: Vec<String> = flow.listing(block).take(MOST_LINES).collect();
        if block.instructions.len() > MOST_LINES {
            lines[MOST_LINES - 1] = format!("... {} more", block.instructions.len() - MOST_LINES + 1);
        }
        let longest = lines.iter().chain([&head]).map(|line| line.chars().count()).max().unwrap_or(0);
        let labels = labels(block);
        let labels_width: f64 = labels.iter().map(|label| label.width).sum();
        let width = (longest as f64 * CHARACTER + 2.0 * PADDING).max(labels_width);
        let height = (lines.len() + 1) as f64 * LINE + 1.5 * PADDING;
        let labels = spread(labels, width);
        let height = if labels.is_empty() { height } else { height + LABEL_HEIGHT };
        Figure { block, head, lines, labels, width, height }
    }

    fn node(&self) -> Node {
        let targets = self.block.edges.iter().map(|edge| edge.target);
        let edges = self.labels.iter().zip(targets).map(|(label, target)| Port { x: label.x, target }).collect();
        Node { width: self.width, height: self.height, edges }
    }

    fn draw(&self, flow: &Flow, cell: &Cell) -> Group {
        let share = flow.share(self.block.packets);
        let ink = if share > 0.0 { paint::INK } else { paint::FAINT_INK };
        let (left, top) = (cell.x - self.width / 2.0, cell.top);
        let is_return = self.block.edges.is_empty();
        let ground = Rectangle::new()
            .set("x", pixels(left))
            .set("y", pixels(top))
            .set("width", pixels(self.width))
            .set("height", pixels(self.height))
            .set("rx", if is_return { 12 } else { 3 })
            .set("fill", paint::surface(share).hex())
            .set("stroke", ink.hex())
            .set("stroke-width", if is_return { 2 } else { 1 });
        let mut group = Group::new().set("fill", ink.hex()).add(Title::new(self.tooltip(flow))).add(ground);
        let mut y = top + LINE;
        let head = text(&self.head, left + PADDING, y).set("font-weight", "bold");
        group = group.add(head);
        for line in &self.lines {
            y += LINE;
            group = group.add(text(line, left + PADDING, y));
        }
        for label in &self.labels {
            group = group.add(label.draw(cell.x, cell.bottom));
        }
        group
    }

    /// All instructions, each with its count, and where packets went from here.
    fn tooltip(&self, flow: &Flow) -> String {
        let mut tooltip = format!("{}\n", self.head);
        flow.listing(self.block).for_each(|line| tooltip += &format!("{line}\n"));
        for edge in &self.block.edges {
            let (name, target, amount) = (name(edge.way), flow.target(edge), flow.amount(edge.packets));
            tooltip += &format!("{name} -> ({target:03}): {amount}\n");
        }
        if self.block.stopped > 0 {
            tooltip += &format!("ended without a return: {}\n", flow.amount(self.block.stopped));
        }
        tooltip
    }
}

fn labels(block: &Block) -> Vec<Label> {
    let label = |name: &str, packets: u64, surface| {
        let text = format!("{name} {}", HumanCount(packets));
        let width = text.chars().count() as f64 * CHARACTER + PADDING;
        Label { text, packets, surface, x: 0.0, width }
    };
    let edges = block.edges.iter().map(|edge| label(name(edge.way), edge.packets, Tint::from(edge.way).surface()));
    let stopped = (block.stopped > 0).then(|| label("stopped", block.stopped, paint::STOPPED));
    edges.chain(stopped).collect()
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
    fn draw(&self, middle: f64, bottom: f64) -> Group {
        let (x, top) = (middle + self.x, bottom - LABEL_HEIGHT);
        let surface = if self.packets > 0 { self.surface } else { paint::NEVER_SURFACE };
        let ground = Rectangle::new()
            .set("x", pixels(x - self.width / 2.0 + 1.0))
            .set("y", pixels(top))
            .set("width", pixels(self.width - 2.0))
            .set("height", pixels(LABEL_HEIGHT - 1.0))
            .set("fill", surface.hex());
        let ink = if self.packets > 0 { paint::INK } else { paint::FAINT_INK };
        let words = text(&self.text, x, bottom - 5.0).set("text-anchor", "middle").set("fill", ink.hex());
        Group::new().add(ground).add(words)
    }
}

/// The edges and trunks with their arrow heads; those of few packets first, so that the others lie above them.
fn lines(flow: &Flow, layout: &Layout) -> Vec<Group> {
    let mut streams: Vec<Option<Stream>> = vec![None; layout.cells.len()];
    let mut lines = Vec::new();
    for link in &layout.links {
        let (from, to) = (&layout.cells[link.from], &layout.cells[link.to]);
        let (stream, title) = match link.edge {
            Some(edge) => {
                let edge = &flow.blocks[from.node].edges[edge];
                let (source, target) = (flow.blocks[from.node].instructions.end - 1, flow.target(edge));
                let title = format!("({source:03}) {} -> ({target:03})", name(edge.way));
                (Stream { packets: edge.packets, tint: edge.way.into() }, title)
            }
            None => {
                let Some(stream) = streams[link.from] else { continue };
                let target = flow.blocks[to.node].instructions.start;
                lines.push((
                    stream.packets,
                    stream.draw(flow, trunk(from), &format!("all that passes here to ({target:03})")),
                ));
                (stream, format!("all that passes here to ({target:03})"))
            }
        };
        lines.push((stream.packets, stream.draw(flow, curve(link, from, to), &title)));
        streams[link.to] = Some(streams[link.to].map_or(stream, |other| other.and(stream)));
    }
    for (cell, stream) in layout.cells.iter().zip(&streams).filter(|(cell, _)| !cell.is_trunk) {
        lines.extend(stream.map(|stream| (stream.packets, stream.arrow_head(flow, cell))));
    }
    lines.sort_by_key(|line| line.0);
    lines.into_iter().map(|line| line.1).collect()
}

/// Packets that take the same line.
#[derive(Clone, Copy)]
struct Stream {
    packets: u64,
    tint: Tint,
}

impl Stream {
    fn and(self, other: Stream) -> Stream {
        // What is grey does not change the colour of what is not.
        let tint = match (self.packets, other.packets) {
            (0, 1..) => other.tint,
            (1.., 0) => self.tint,
            _ => self.tint.and(other.tint),
        };
        Stream { packets: self.packets + other.packets, tint }
    }

    fn draw(self, flow: &Flow, path: Data, title: &str) -> Group {
        let share = flow.share(self.packets);
        let width = if share > 0.0 { NARROW + (WIDE - NARROW) * share } else { THIN };
        let path = Path::new()
            .set("d", path)
            .set("fill", "none")
            .set("stroke", self.tint.line(share).hex())
            .set("stroke-width", pixels(width));
        Group::new().add(Title::new(format!("{title}: {}", flow.amount(self.packets)))).add(path)
    }

    fn arrow_head(self, flow: &Flow, cell: &Cell) -> Group {
        let share = flow.share(self.packets);
        let (half, height) = (4.0 + 3.0 * share, 7.0 + 4.0 * share);
        let corners = [(cell.x - half, cell.top - height), (cell.x + half, cell.top - height), (cell.x, cell.top)];
        let corners: Vec<String> = corners.map(|(x, y)| format!("{},{}", pixels(x), pixels(y))).into();
        let head = Polygon::new().set("points", corners.join(" ")).set("fill", self.tint.line(share).hex());
        Group::new().add(head)
    }
}

/// From a box or trunk down to the lower side of its layer, and over to the next.
fn curve(link: &Link, from: &Cell, to: &Cell) -> Data {
    let x = from.x + link.offset;
    let middle = (from.layer_bottom + to.top) / 2.0;
    Data::new()
        .move_to((pixels(x), pixels(from.bottom)))
        .line_to((pixels(x), pixels(from.layer_bottom)))
        .cubic_curve_to((pixels(x), pixels(middle), pixels(to.x), pixels(middle), pixels(to.x), pixels(to.top)))
}

/// A trunk's way through a layer.
fn trunk(cell: &Cell) -> Data {
    Data::new().move_to((pixels(cell.x), pixels(cell.top))).line_to((pixels(cell.x), pixels(cell.bottom)))
}

/// The colours of the legend.
const LEGEND: [(&str, Option<Tint>); 4] = [
    ("test holds", Some(Tint::True)),
    ("does not hold", Some(Tint::False)),
    ("both, or no test", Some(Tint::Plain)),
    ("no packet", None),
];

/// How long the line is that shows a colour of the legend.
const SAMPLE: f64 = 26.0;

fn legend(flow: &Flow) -> Group {
    let mut group = Group::new().set("fill", paint::INK.hex());
    group = group.add(text(&flow.title(), PADDING, 1.3 * LINE).set("font-weight", "bold"));
    let (mut x, y) = (PADDING, 2.7 * LINE);
    for (name, tint) in LEGEND {
        let color = tint.map_or(paint::NEVER, |tint| tint.line(1.0));
        let sample = Line::new()
            .set("x1", pixels(x))
            .set("x2", pixels(x + SAMPLE))
            .set("y1", pixels(y - 4.0))
            .set("y2", pixels(y - 4.0))
            .set("stroke", color.hex())
            .set("stroke-width", if tint.is_some() { 4.0 } else { THIN });
        group = group.add(sample).add(text(name, x + SAMPLE + PADDING, y));
        x += legend_entry(name);
    }
    group
}

fn legend_entry(name: &str) -> f64 {
    SAMPLE + 3.0 * PADDING + name.len() as f64 * CHARACTER
}

fn legend_width(flow: &Flow) -> f64 {
    let entries: f64 = LEGEND.iter().map(|(name, _)| legend_entry(name)).sum();
    entries.max(flow.title().len() as f64 * CHARACTER) + 2.0 * PADDING
}

fn text(words: &str, x: f64, y: f64) -> Text {
    Text::new(words).set("x", pixels(x)).set("y", pixels(y))
}

/// A tenth of a pixel is more than anyone sees.
fn pixels(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}
