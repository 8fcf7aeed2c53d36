//! Where the boxes of a picture stand and how its edges run, for graphs whose edges all go forward.
//!
//! The method is that of Sugiyama, Tagawa and Toda (1981): boxes stand in layers, each below all that lead to it; the
//! layers are put into an order with few crossings; then boxes move sideways, below what leads to them. Two things fit
//! programs, where hundreds of blocks lead to one return: long edges to the same box share one trunk that runs down
//! between the boxes, and trunks are straight wherever there is room.
//!
//! - No edge runs through a box: a trunk has a place of its own in every layer that it passes.
//! - Lengths are in pixels, x to the right and y down.

mod crossing_reduction;
mod horizontal_placement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// The most places in all layers together; beyond that, nobody would find anything in the picture.
const MOST_CELLS: usize = 1 << 17;

/// The room around the picture, and between layers.
const MARGIN: f64 = 24.0;
const LAYER_GAP: f64 = 32.0;

/// The room between two boxes that are neighbours in a layer, and where one or both are trunks.
const BOX_GAP: f64 = 28.0;
const TRUNK_GAP: f64 = 12.0;

/// How much of the width that its edges span a gap between layers is higher, and by how much at most.
const SLOPE: f64 = 0.05;
const HIGHEST_EXTRA_GAP: f64 = 80.0;

/// How wide the place of a trunk is.
const TRUNK: f64 = 10.0;

/// A box to be placed.
pub struct Node {
    pub width: f64,
    pub height: f64,
    /// The edges that leave it at its lower side.
    pub edges: Vec<Port>,
}

/// Where an edge leaves a box, and which box it leads to: one further behind in the list.
pub struct Port {
    /// Its distance from the middle of the box.
    pub x: f64,
    pub target: usize,
    /// The part of all that takes the edge, from 0 to 1: the larger, the straighter it runs.
    pub share: f64,
}

/// A picture, laid out.
pub struct Layout {
    pub width: f64,
    pub height: f64,
    /// Places: first those of the boxes, in their order, then those of trunks.
    pub cells: Vec<Cell>,
    /// The pieces of edges between neighbouring layers, from the top down.
    pub links: Vec<Link>,
}

/// A place in a layer: of a box, or where a trunk passes.
pub struct Cell {
    /// The box, or the one that the trunk leads to.
    pub node: usize,
    pub is_trunk: bool,
    layer: usize,
    width: f64,
    /// The middle.
    pub x: f64,
    pub top: f64,
    /// Of a box its own lower side, of a trunk that of the layer.
    pub bottom: f64,
    /// The lower side of the layer.
    pub layer_bottom: f64,
}

impl Cell {
    /// How far the middle of a right neighbour is at least.
    fn distance(&self, right: &Cell) -> f64 {
        let gap = if self.is_trunk || right.is_trunk { TRUNK_GAP } else { BOX_GAP };
        (self.width + right.width) / 2.0 + gap
    }
}

/// A piece of an edge, or of a trunk, from a place to one in the next layer.
#[derive(Clone, Copy)]
pub struct Link {
    /// The place where it begins, and how far from the middle.
    pub from: usize,
    pub offset: f64,
    /// The place where it ends, in the middle.
    pub to: usize,
    /// The edge that begins here: a number in the list of the box's edges; `None` for a piece of a trunk.
    pub edge: Option<usize>,
    share: f64,
}

impl Layout {
    /// Lays out boxes, of which there must be one; `None` if the picture would be too large to be of use.
    pub fn new(nodes: &[Node]) -> Option<Layout> {
        let layers = layers(nodes);
        let Places { mut cells, mut links, trunks } = Places::new(nodes, &layers)?;
        links.sort_by_key(|link| cells[link.from].layer);
        let mut rows = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
        for (number, cell) in cells.iter().enumerate() {
            rows[cell.layer].push(number);
        }
        crossing_reduction::reduce_crossings(&mut rows, &cells, &links);
        horizontal_placement::sideways(&rows, &mut cells, &links, &trunks);
        let height = downwards(&rows, nodes, &mut cells, &links);
        let left = cells.iter().map(|cell| cell.x - cell.width / 2.0).fold(f64::MAX, f64::min);
        cells.iter_mut().for_each(|cell| cell.x += MARGIN - left);
        let right = cells.iter().map(|cell| cell.x + cell.width / 2.0).fold(0.0, f64::max);
        Some(Layout { width: right + MARGIN, height, cells, links })
    }
}

/// The layer of each box: behind the last of those that lead to it.
fn layers(nodes: &[Node]) -> Vec<usize> {
    let mut layers: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(nodes.len());
    for (number, node) in nodes.iter().enumerate() {
        // What nothing leads to stands beside its neighbour in the program.
        let layer = layers[number].or(placed.last().copied()).unwrap_or(0);
        placed.push(layer);
        for port in &node.edges {
            layers[port.target] = layers[port.target].max(Some(layer + 1));
        }
    }
    placed
}

/// The places of boxes and trunks, and what connects them.
#[derive(Default)]
struct Places {
    cells: Vec<Cell>,
    links: Vec<Link>,
    /// The place of the trunk to a box in a layer.
    trunks: BTreeMap<(usize, usize), usize>,
}

impl Places {
    /// `None` if there are too many.
    fn new(nodes: &[Node], layers: &[usize]) -> Option<Places> {
        let mut places = Places::default();
        if nodes.len() > MOST_CELLS {
            return None;
        }
        for (number, node) in nodes.iter().enumerate() {
            places.add(number, layers[number], false, node.width);
        }
        for (number, node) in nodes.iter().enumerate() {
            for edge in 0..node.edges.len() {
                places.connect(number, edge, &node.edges[edge], layers[node.edges[edge].target]);
            }
            if places.cells.len() > MOST_CELLS {
                return None;
            }
        }
        Some(places)
    }

    fn add(&mut self, node: usize, layer: usize, is_trunk: bool, width: f64) -> usize {
        let (x, top, bottom, layer_bottom) = (0.0, 0.0, 0.0, 0.0);
        self.cells.push(Cell { node, is_trunk, layer, width, x, top, bottom, layer_bottom });
        self.cells.len() - 1
    }

    /// Leads an edge down to the layer of its target, or to the trunk that others have made.
    fn connect(&mut self, node: usize, edge: usize, port: &Port, target_layer: usize) {
        let mut link = Link { from: node, offset: port.x, to: port.target, edge: Some(edge), share: port.share };
        for layer in self.cells[node].layer + 1..target_layer {
            if let Some(&trunk) = self.trunks.get(&(port.target, layer)) {
                self.links.push(Link { to: trunk, ..link });
                return;
            }
            let trunk = self.add(port.target, layer, true, TRUNK);
            self.trunks.insert((port.target, layer), trunk);
            self.links.push(Link { to: trunk, ..link });
            link = Link { from: trunk, offset: 0.0, edge: None, ..link };
        }
        self.links.push(link);
    }
}

/// Gives each place its height, and the height of all.
fn downwards(rows: &[Vec<usize>], nodes: &[Node], cells: &mut [Cell], links: &[Link]) -> f64 {
    let mut spans = vec![0.0_f64; rows.len()];
    for link in links {
        let span = &mut spans[cells[link.from].layer];
        *span = span.max((cells[link.from].x + link.offset - cells[link.to].x).abs());
    }
    let mut top = MARGIN;
    for (row, span) in rows.iter().zip(spans) {
        let height = |&cell: &usize| if cells[cell].is_trunk { 0.0 } else { nodes[cells[cell].node].height };
        let bottom = top + row.iter().map(height).fold(0.0, f64::max);
        for &cell in row {
            let cell = &mut cells[cell];
            let own = if cell.is_trunk { bottom } else { top + nodes[cell.node].height };
            (cell.top, cell.bottom, cell.layer_bottom) = (top, own, bottom);
        }
        top = bottom + LAYER_GAP + (span * SLOPE).min(HIGHEST_EXTRA_GAP);
    }
    cells.iter().map(|cell| cell.layer_bottom).fold(0.0, f64::max) + MARGIN
}
