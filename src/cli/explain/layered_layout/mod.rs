//! Layered layout of acyclic graphs: the positions of boxes, and the paths of edges.
//!
//! The method is that of Sugiyama, Tagawa and Toda (1981). Boxes are assigned to layers, each below its predecessors;
//! the order within layers is chosen for few crossings; then boxes move horizontally, toward their predecessors. Two
//! additions fit programs, where hundreds of blocks lead to one return: long edges to the same box share one trunk that
//! runs down between the boxes, and trunks are straight wherever there is room.
//!
//! - No edge runs through a box: a trunk has a vertex in every layer that it passes.
//! - Lengths are in pixels, x to the right and y down.

mod crossing_reduction;
mod horizontal_placement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// The most vertices in all layers together; a larger picture would be useless.
const MOST_VERTICES: usize = 1 << 17;

/// The margin of the picture, and the distance between layers.
const MARGIN: f64 = 24.0;
const LAYER_GAP: f64 = 32.0;

/// The distance between neighbours in a layer: two boxes, or a trunk and any other.
const BOX_GAP: f64 = 28.0;
const TRUNK_GAP: f64 = 12.0;

/// The extra distance between layers for each pixel that its edges span horizontally, and its maximum.
const SLOPE: f64 = 0.05;
const MOST_EXTRA_GAP: f64 = 80.0;

/// The width of the vertex of a trunk.
const TRUNK_WIDTH: f64 = 10.0;

/// A box to place.
pub struct Node {
    pub width: f64,
    pub height: f64,
    /// The edges that leave it at the bottom.
    pub edges: Vec<Port>,
}

/// The start of an edge at a box, and its target: a later box in the list.
pub struct Port {
    /// The distance from the center of the box.
    pub x: f64,
    pub target: usize,
    /// The share of all packets, from 0 to 1: the larger, the straighter is the edge.
    pub share: f64,
}

/// The layout of a picture.
pub struct Layout {
    pub width: f64,
    pub height: f64,
    /// The vertices: first those of the boxes, in their order, then those of trunks.
    pub vertices: Vec<Vertex>,
    /// The pieces of edges between adjacent layers, from top to bottom.
    pub pieces: Vec<EdgePiece>,
}

/// A vertex in a layer: a box, or the passage of a trunk.
pub struct Vertex {
    /// The number of the box, or of the target of the trunk.
    pub node: usize,
    pub is_trunk: bool,
    layer: usize,
    width: f64,
    /// The center.
    pub x: f64,
    pub top: f64,
    /// The bottom of the box, or for a trunk, of the layer.
    pub bottom: f64,
    /// The bottom of the layer.
    pub layer_bottom: f64,
}

impl Vertex {
    /// Returns the smallest distance to the center of the right neighbour.
    fn distance(&self, right: &Vertex) -> f64 {
        let gap = if self.is_trunk || right.is_trunk { TRUNK_GAP } else { BOX_GAP };
        (self.width + right.width) / 2.0 + gap
    }
}

/// A piece of an edge or a trunk, from a vertex to one in the next layer.
#[derive(Clone, Copy)]
pub struct EdgePiece {
    /// The vertex where it begins, and the distance from its center.
    pub from: usize,
    pub offset: f64,
    /// The vertex where it ends, at the center.
    pub to: usize,
    /// The index in the edges of the box where the edge begins; `None` for a piece of a trunk.
    pub edge: Option<usize>,
    share: f64,
}

impl Layout {
    /// Lays out boxes; `None` if the picture would be too large to be useful.
    pub fn new(nodes: &[Node]) -> Option<Layout> {
        let layers = layers(nodes);
        let LayeredGraph { mut vertices, mut pieces, trunks } = LayeredGraph::new(nodes, &layers)?;
        pieces.sort_by_key(|piece| vertices[piece.from].layer);
        let mut rows = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
        for (number, vertex) in vertices.iter().enumerate() {
            rows[vertex.layer].push(number);
        }
        crossing_reduction::reduce_crossings(&mut rows, &vertices, &pieces);
        horizontal_placement::place_horizontally(&rows, &mut vertices, &pieces, &trunks);
        let height = place_vertically(&rows, nodes, &mut vertices, &pieces);
        let left = vertices.iter().map(|vertex| vertex.x - vertex.width / 2.0).fold(f64::MAX, f64::min);
        vertices.iter_mut().for_each(|vertex| vertex.x += MARGIN - left);
        let right = vertices.iter().map(|vertex| vertex.x + vertex.width / 2.0).fold(0.0, f64::max);
        Some(Layout { width: right + MARGIN, height, vertices, pieces })
    }
}

/// Returns the layer of each box: the next one below its last predecessor.
fn layers(nodes: &[Node]) -> Vec<usize> {
    let mut layers: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(nodes.len());
    for (number, node) in nodes.iter().enumerate() {
        // A box without predecessors is placed beside its neighbour in the program.
        let layer = layers[number].or(placed.last().copied()).unwrap_or(0);
        placed.push(layer);
        for port in &node.edges {
            layers[port.target] = layers[port.target].max(Some(layer + 1));
        }
    }
    placed
}

/// The vertices of boxes and trunks, and the pieces of edges between them.
#[derive(Default)]
struct LayeredGraph {
    vertices: Vec<Vertex>,
    pieces: Vec<EdgePiece>,
    /// The vertex of the trunk to a box in a layer.
    trunks: BTreeMap<(usize, usize), usize>,
}

impl LayeredGraph {
    /// Returns `None` if there are too many vertices.
    fn new(nodes: &[Node], layers: &[usize]) -> Option<LayeredGraph> {
        let mut graph = LayeredGraph::default();
        if nodes.len() > MOST_VERTICES {
            return None;
        }
        for (number, node) in nodes.iter().enumerate() {
            graph.add(number, layers[number], false, node.width);
        }
        for (number, node) in nodes.iter().enumerate() {
            for edge in 0..node.edges.len() {
                graph.connect(number, edge, &node.edges[edge], layers[node.edges[edge].target]);
            }
            if graph.vertices.len() > MOST_VERTICES {
                return None;
            }
        }
        Some(graph)
    }

    fn add(&mut self, node: usize, layer: usize, is_trunk: bool, width: f64) -> usize {
        let (x, top, bottom, layer_bottom) = (0.0, 0.0, 0.0, 0.0);
        self.vertices.push(Vertex { node, is_trunk, layer, width, x, top, bottom, layer_bottom });
        self.vertices.len() - 1
    }

    /// Adds the pieces of an edge down to its target, or to an existing trunk.
    fn connect(&mut self, node: usize, edge: usize, port: &Port, target_layer: usize) {
        let mut piece = EdgePiece { from: node, offset: port.x, to: port.target, edge: Some(edge), share: port.share };
        for layer in self.vertices[node].layer + 1..target_layer {
            if let Some(&trunk) = self.trunks.get(&(port.target, layer)) {
                self.pieces.push(EdgePiece { to: trunk, ..piece });
                return;
            }
            let trunk = self.add(port.target, layer, true, TRUNK_WIDTH);
            self.trunks.insert((port.target, layer), trunk);
            self.pieces.push(EdgePiece { to: trunk, ..piece });
            piece = EdgePiece { from: trunk, offset: 0.0, edge: None, ..piece };
        }
        self.pieces.push(piece);
    }
}

/// Sets the vertical positions of all vertices, and returns the height of the picture.
fn place_vertically(rows: &[Vec<usize>], nodes: &[Node], vertices: &mut [Vertex], pieces: &[EdgePiece]) -> f64 {
    let mut spans = vec![0.0_f64; rows.len()];
    for piece in pieces {
        let span = &mut spans[vertices[piece.from].layer];
        *span = span.max((vertices[piece.from].x + piece.offset - vertices[piece.to].x).abs());
    }
    let mut top = MARGIN;
    for (row, span) in rows.iter().zip(spans) {
        let height =
            |&vertex: &usize| if vertices[vertex].is_trunk { 0.0 } else { nodes[vertices[vertex].node].height };
        let bottom = top + row.iter().map(height).fold(0.0, f64::max);
        for &vertex in row {
            let vertex = &mut vertices[vertex];
            let own = if vertex.is_trunk { bottom } else { top + nodes[vertex.node].height };
            (vertex.top, vertex.bottom, vertex.layer_bottom) = (top, own, bottom);
        }
        top = bottom + LAYER_GAP + (span * SLOPE).min(MOST_EXTRA_GAP);
    }
    vertices.iter().map(|vertex| vertex.layer_bottom).fold(0.0, f64::max) + MARGIN
}
