//! The control-flow graph as an SVG picture: boxes with instructions, and edges between them.

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Description, Group, Path, Polygon, Rectangle, Style, Title};

use super::block_groups::{BlockGroup, block_groups};
use super::colors::{self, Tint};
use super::flow_graph::{FlowGraph, edge_label};
use super::layered_layout::{EdgePiece, Layout, Node, Vertex};
use super::legend;
use super::svg_box::{BlockBox, FONT, pixels};
use crate::cli::failure::Failure;

/// The height above the graph, for the name, the title and the legend.
const HEAD: f64 = 76.0;

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
        let picture = Picture::new(graph, &block_groups(&graph.blocks), HEAD).ok_or_else(|| too_large(graph))?;
        let top = if height > 0.0 { height + GAP } else { 0.0 };
        width = width.max(picture.width);
        height = top + picture.height;
        pictures.push(match top > 0.0 {
            true => Group::new().set("transform", format!("translate(0 {top})")).add(picture.group),
            false => picture.group,
        });
    }
    let name = graphs.first().map_or("", |graph| graph.name.as_str());
    let titles: Vec<String> = graphs.iter().map(FlowGraph::title).collect();
    let document = document(name, &titles.join("; "), width, height);
    Ok(format!("{}\n", pictures.into_iter().fold(document, Document::add)))
}

fn too_large(graph: &FlowGraph) -> Failure {
    let title = graph.title();
    Failure::Failed(format!(
        "the program is too large for a picture: {title}; `--format dot` and `--format text` have no limit"
    ))
}

/// Draws one graph, with these groups of its blocks, for a page, which has the legend outside of the picture; `None` if
/// the picture would be too large.
pub(super) fn print_for_page(graph: &FlowGraph, groups: &[BlockGroup]) -> Option<String> {
    let picture = Picture::new(graph, groups, 0.0)?;
    Some(document(&graph.name, &graph.title(), picture.width, picture.height).add(picture.group).to_string())
}

/// Returns an empty picture with a title and a description for readers who do not see it.
fn document(name: &str, description: &str, width: f64, height: f64) -> Document {
    let ground = Rectangle::new().set("width", width).set("height", height);
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("role", "img")
        .add(Title::new(name))
        .add(Description::new().add(svg::node::Text::new(description)))
        .add(Style::new(FONT))
        .add(colors::GROUND.on(ground, "fill"))
}

/// The picture of one graph, perhaps below its title and legend.
struct Picture {
    group: Group,
    width: f64,
    height: f64,
}

impl Picture {
    /// Leaves `head` above the graph for its title and legend. Returns `None` if the picture would be too large to be
    /// useful.
    fn new(graph: &FlowGraph, groups: &[BlockGroup], head: f64) -> Option<Picture> {
        let numbered = groups.iter().enumerate();
        let box_numbers: Vec<usize> =
            numbered.flat_map(|(number, group)| group.blocks.clone().map(move |_| number)).collect();
        let boxes: Vec<BlockBox> = groups.iter().map(|group| BlockBox::new(graph, group)).collect();
        let nodes: Vec<Node> = boxes.iter().map(|block_box| block_box.node(&box_numbers)).collect();
        let layout = Layout::new(&nodes)?;
        let mut body = Group::new().set("transform", format!("translate(0 {head})"));
        for line in lines(graph, &layout, &boxes, &box_numbers) {
            body = body.add(line);
        }
        for (number, (vertex, block_box)) in layout.vertices.iter().zip(&boxes).enumerate() {
            body = body.add(block_box.draw(number, vertex));
        }
        let mut group = Group::new();
        let mut width = layout.width;
        if head > 0.0 {
            group = group.add(legend::draw(graph));
            width = width.max(legend::total_width(graph));
        }
        Some(Picture { group: group.add(body), width: width.ceil(), height: (layout.height + head).ceil() })
    }
}

/// Draws the edges and trunks with their arrowheads, in ascending order of packets, so that frequent edges lie on top.
///
/// Each piece has the numbers of its vertices as data, those that begin at a box also the box where their edge ends.
fn lines(graph: &FlowGraph, layout: &Layout, boxes: &[BlockBox], box_numbers: &[usize]) -> Vec<Group> {
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
        let mut path = if from.is_trunk { trunk(from) } else { Data::new() };
        path = curve(path, piece, from, to);
        let mut line = stream.draw(graph, path, &title).set("data-from", piece.from).set("data-to", piece.to);
        if let Some(exit) = exit {
            line = line.set("data-target", box_numbers[exit.target]);
        }
        lines.push((stream.packets, line));
        streams[piece.to] = Some(streams[piece.to].map_or(stream, |other| other.and(stream)));
    }
    let vertices = layout.vertices.iter().zip(&streams).enumerate();
    for (number, (vertex, stream)) in vertices.filter(|(_, (vertex, _))| !vertex.is_trunk) {
        let head = |stream: Stream| (stream.packets, stream.arrowhead(graph, vertex).set("data-head", number));
        lines.extend(stream.map(head));
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
            .set("stroke-width", pixels(width));
        let path = self.tint.line(share).on(path, "stroke");
        let title = graph.amount(self.packets).map_or(title.to_owned(), |amount| format!("{title}: {amount}"));
        Group::new().add(Title::new(title)).add(path)
    }

    fn arrowhead(self, graph: &FlowGraph, vertex: &Vertex) -> Group {
        let share = graph.share(self.packets);
        let (half, height) = (4.0 + 3.0 * share, 7.0 + 4.0 * share);
        let corners =
            [(vertex.x - half, vertex.top - height), (vertex.x + half, vertex.top - height), (vertex.x, vertex.top)];
        let corners: Vec<String> = corners.map(|(x, y)| format!("{},{}", pixels(x), pixels(y))).into();
        let head = Polygon::new().set("points", corners.join(" "));
        Group::new().add(self.tint.line(share).on(head, "fill"))
    }
}

/// Adds the path from a box or trunk to the bottom of its layer, and to a vertex in the next layer.
fn curve(path: Data, piece: &EdgePiece, from: &Vertex, to: &Vertex) -> Data {
    let x = from.x + piece.offset;
    let middle = (from.layer_bottom + to.top) / 2.0;
    // A trunk leads to this point.
    let path = if from.is_trunk { path } else { path.move_to((pixels(x), pixels(from.bottom))) };
    path.line_to((pixels(x), pixels(from.layer_bottom))).cubic_curve_to((
        pixels(x),
        pixels(middle),
        pixels(to.x),
        pixels(middle),
        pixels(to.x),
        pixels(to.top),
    ))
}

/// Returns the path of a trunk through a layer.
fn trunk(vertex: &Vertex) -> Data {
    Data::new().move_to((pixels(vertex.x), pixels(vertex.top))).line_to((pixels(vertex.x), pixels(vertex.bottom)))
}
