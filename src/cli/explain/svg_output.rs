//! The control-graph graph as an SVG picture: boxes with instructions, and edges between them.

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Polygon, Rectangle, Style, Title};

use super::block_groups::block_groups;
use super::colors::{self, Tint};
use super::layered_layout::{EdgePiece, Layout, Node, Vertex};
use super::svg_box::{BlockBox, CHARACTER, FONT, LINE, PADDING, pixels, text};
use super::{FlowGraph, edge_label};
use crate::cli::failure::Failure;

/// The height above the graph, for the title and the legend.
const HEAD: f64 = 56.0;

/// The widths of lines with no packet, with the fewest packets, and with all packets.
const THIN: f64 = 1.0;
const NARROW: f64 = 1.5;
const WIDE: f64 = 7.0;

/// The distance between two pictures.
const GAP: f64 = 32.0;

/// Draws the graphs, one below the other.
///
/// # Errors
/// If a picture would be too large to be useful.
pub(super) fn print(graphs: &[FlowGraph]) -> Result<String, Failure> {
    let (mut width, mut height) = (0.0_f64, 0.0);
    let mut pictures = Vec::new();
    for graph in graphs {
        let picture = Picture::new(graph)?;
        let top = if height > 0.0 { height + GAP } else { 0.0 };
        width = width.max(picture.width);
        height = top + picture.height;
        pictures.push(match top > 0.0 {
            true => Group::new().set("transform", format!("translate(0 {top})")).add(picture.group),
            false => picture.group,
        });
    }
    let ground = Rectangle::new().set("width", width).set("height", height).set("fill", "white");
    let document = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Style::new(FONT))
        .add(ground);
    Ok(format!("{}\n", pictures.into_iter().fold(document, Document::add)))
}

/// The picture of one graph, below its title and legend.
struct Picture {
    group: Group,
    width: f64,
    height: f64,
}

impl Picture {
    fn new(graph: &FlowGraph) -> Result<Picture, Failure> {
        let groups = block_groups(&graph.blocks);
        let numbered = groups.iter().enumerate();
        let box_numbers: Vec<usize> =
            numbered.flat_map(|(number, group)| group.blocks.clone().map(move |_| number)).collect();
        let boxes: Vec<BlockBox> = groups.iter().map(|group| BlockBox::new(graph, group)).collect();
        let nodes: Vec<Node> = boxes.iter().map(|block_box| block_box.node(&box_numbers)).collect();
        let too_large = || {
            let title = graph.title();
            Failure::Failed(format!(
                "the program is too large for a picture: {title}; `--format dot` and `--format text` have no limit"
            ))
        };
        let layout = Layout::new(&nodes).ok_or_else(too_large)?;
        let mut body = Group::new().set("transform", format!("translate(0 {HEAD})"));
        for line in lines(graph, &layout, &boxes) {
            body = body.add(line);
        }
        for (vertex, block_box) in layout.vertices.iter().zip(&boxes) {
            body = body.add(block_box.draw(vertex));
        }
        let (width, height) = (layout.width.max(legend_width(graph)).ceil(), (layout.height + HEAD).ceil());
        Ok(Picture { group: Group::new().add(legend(graph)).add(body), width, height })
    }
}

/// Draws the edges and trunks with their arrowheads, in ascending order of packets, so that frequent edges lie on top.
fn lines(graph: &FlowGraph, layout: &Layout, boxes: &[BlockBox]) -> Vec<Group> {
    let mut streams: Vec<Option<Stream>> = vec![None; layout.vertices.len()];
    let mut lines = Vec::new();
    for piece in &layout.pieces {
        let (from, to) = (&layout.vertices[piece.from], &layout.vertices[piece.to]);
        let source = &boxes[from.node];
        let exit = piece.edge.map(|edge| &source.exits[edge]);
        let stream = match (exit, streams[piece.from]) {
            (Some(exit), _) => Stream { packets: exit.packets, tint: exit.kind.into() },
            (None, Some(trunk)) => trunk,
            (None, None) => continue,
        };
        let title = match exit {
            Some(exit) => {
                format!("{} {} -> ({:03})", source.sources(), edge_label(exit.kind), graph.start(exit.target))
            }
            None => format!("all merged edges -> ({:03})", boxes[to.node].start()),
        };
        if from.is_trunk {
            lines.push((stream.packets, stream.draw(graph, trunk(from), &title)));
        }
        lines.push((stream.packets, stream.draw(graph, curve(piece, from, to), &title)));
        streams[piece.to] = Some(streams[piece.to].map_or(stream, |other| other.and(stream)));
    }
    for (vertex, stream) in layout.vertices.iter().zip(&streams).filter(|(vertex, _)| !vertex.is_trunk) {
        lines.extend(stream.map(|stream| (stream.packets, stream.arrowhead(graph, vertex))));
    }
    lines.sort_by_key(|line| line.0);
    lines.into_iter().map(|line| line.1).collect()
}

/// The packets on a line.
#[derive(Clone, Copy)]
struct Stream {
    packets: u64,
    tint: Tint,
}

impl Stream {
    fn and(self, other: Stream) -> Stream {
        // An edge without packets does not change the tint.
        let tint = match (self.packets, other.packets) {
            (0, 1..) => other.tint,
            (1.., 0) => self.tint,
            _ => self.tint.and(other.tint),
        };
        Stream { packets: self.packets + other.packets, tint }
    }

    fn draw(self, graph: &FlowGraph, path: Data, title: &str) -> Group {
        let share = graph.share(self.packets);
        let width = if share > 0.0 { NARROW + (WIDE - NARROW) * share } else { THIN };
        let path = Path::new()
            .set("d", path)
            .set("fill", "none")
            .set("stroke-linecap", "round")
            .set("stroke", self.tint.line(share).hex())
            .set("stroke-width", pixels(width));
        Group::new().add(Title::new(format!("{title}: {}", graph.amount(self.packets)))).add(path)
    }

    fn arrowhead(self, graph: &FlowGraph, vertex: &Vertex) -> Group {
        let share = graph.share(self.packets);
        let (half, height) = (4.0 + 3.0 * share, 7.0 + 4.0 * share);
        let corners =
            [(vertex.x - half, vertex.top - height), (vertex.x + half, vertex.top - height), (vertex.x, vertex.top)];
        let corners: Vec<String> = corners.map(|(x, y)| format!("{},{}", pixels(x), pixels(y))).into();
        let head = Polygon::new().set("points", corners.join(" ")).set("fill", self.tint.line(share).hex());
        Group::new().add(head)
    }
}

/// Returns the path from a box or trunk to the bottom of its layer, and to a vertex in the next layer.
fn curve(piece: &EdgePiece, from: &Vertex, to: &Vertex) -> Data {
    let x = from.x + piece.offset;
    let middle = (from.layer_bottom + to.top) / 2.0;
    Data::new()
        .move_to((pixels(x), pixels(from.bottom)))
        .line_to((pixels(x), pixels(from.layer_bottom)))
        .cubic_curve_to((pixels(x), pixels(middle), pixels(to.x), pixels(middle), pixels(to.x), pixels(to.top)))
}

/// Returns the path of a trunk through a layer.
fn trunk(vertex: &Vertex) -> Data {
    Data::new().move_to((pixels(vertex.x), pixels(vertex.top))).line_to((pixels(vertex.x), pixels(vertex.bottom)))
}

/// The entries of the legend.
const LEGEND: [(&str, Option<Tint>); 4] = [
    ("test holds", Some(Tint::True)),
    ("does not hold", Some(Tint::False)),
    ("both, or no test", Some(Tint::Plain)),
    ("no packet", None),
];

/// The length of a line in the legend.
const SAMPLE: f64 = 26.0;

fn legend(graph: &FlowGraph) -> Group {
    let mut group = Group::new().set("fill", colors::INK.hex());
    group = group.add(text(&graph.title(), PADDING, 1.3 * LINE).set("font-weight", "bold"));
    let (mut x, y) = (PADDING, 2.7 * LINE);
    for (name, tint) in LEGEND {
        let color = tint.map_or(colors::NEVER, |tint| tint.line(1.0));
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

fn legend_width(graph: &FlowGraph) -> f64 {
    let entries: f64 = LEGEND.iter().map(|(name, _)| legend_entry(name)).sum();
    entries.max(graph.title().len() as f64 * CHARACTER) + 2.0 * PADDING
}
