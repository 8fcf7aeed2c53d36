//! The picture of a program: its blocks as boxes with their instructions, and the ways between them.

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Polygon, Rectangle, Style, Title};

use super::colors::{self, Tint};
use super::layered_layout::{Cell, Layout, Link, Node};
use super::svg_box::{CHARACTER, FONT, Figure, LINE, PADDING, pixels, text};
use super::{Flow, block_groups, name};
use crate::cli::failure::Failure;

/// The room above the graph, for the title and what the colours mean.
const HEAD: f64 = 56.0;

/// How wide a line is that no packet takes, one or more take, and all take.
const THIN: f64 = 1.0;
const NARROW: f64 = 1.5;
const WIDE: f64 = 7.0;

/// The room between two pictures.
const GAP: f64 = 32.0;

/// Draws the flows, one below the other.
///
/// # Errors
/// If one would be too large to be of use.
pub(super) fn draw(flows: &[Flow]) -> Result<String, Failure> {
    let (mut width, mut height) = (0.0_f64, 0.0);
    let mut pictures = Vec::new();
    for flow in flows {
        let picture = Picture::new(flow)?;
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

/// The picture of one flow: what the colours mean, and the graph below.
struct Picture {
    group: Group,
    width: f64,
    height: f64,
}

impl Picture {
    fn new(flow: &Flow) -> Result<Picture, Failure> {
        let groups = block_groups::groups(&flow.blocks);
        let places: Vec<usize> =
            groups.iter().enumerate().flat_map(|(place, group)| group.blocks.clone().map(move |_| place)).collect();
        let figures: Vec<Figure> = groups.iter().map(|group| Figure::new(flow, group)).collect();
        let nodes: Vec<Node> = figures.iter().map(|figure| figure.node(&places)).collect();
        let too_large = || {
            let title = flow.title();
            Failure::Failed(format!(
                "no picture could show this program: {title}; `--format dot` and `--format text` have no limit"
            ))
        };
        let layout = Layout::new(&nodes).ok_or_else(too_large)?;
        let mut graph = Group::new().set("transform", format!("translate(0 {HEAD})"));
        for line in lines(flow, &layout, &figures) {
            graph = graph.add(line);
        }
        for (cell, figure) in layout.cells.iter().zip(&figures) {
            graph = graph.add(figure.draw(cell));
        }
        let (width, height) = (layout.width.max(legend_width(flow)).ceil(), (layout.height + HEAD).ceil());
        Ok(Picture { group: Group::new().add(legend(flow)).add(graph), width, height })
    }
}

/// The edges and trunks with their arrow heads; those of few packets first, so that the others lie above them.
fn lines(flow: &Flow, layout: &Layout, figures: &[Figure]) -> Vec<Group> {
    let mut streams: Vec<Option<Stream>> = vec![None; layout.cells.len()];
    let mut lines = Vec::new();
    for link in &layout.links {
        let (from, to) = (&layout.cells[link.from], &layout.cells[link.to]);
        let figure = &figures[from.node];
        let exit = link.edge.map(|edge| &figure.exits[edge]);
        let stream = match (exit, streams[link.from]) {
            (Some(exit), _) => Stream { packets: exit.packets, tint: exit.way.into() },
            (None, Some(trunk)) => trunk,
            (None, None) => continue,
        };
        let title = match exit {
            Some(exit) => format!("{} {} -> ({:03})", figure.sources(), name(exit.way), flow.start(exit.target)),
            None => format!("all that comes here -> ({:03})", figures[to.node].start()),
        };
        if from.is_trunk {
            lines.push((stream.packets, stream.draw(flow, trunk(from), &title)));
        }
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
            .set("stroke-linecap", "round")
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
    let mut group = Group::new().set("fill", colors::INK.hex());
    group = group.add(text(&flow.title(), PADDING, 1.3 * LINE).set("font-weight", "bold"));
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

fn legend_width(flow: &Flow) -> f64 {
    let entries: f64 = LEGEND.iter().map(|(name, _)| legend_entry(name)).sum();
    entries.max(flow.title().len() as f64 * CHARACTER) + 2.0 * PADDING
}
