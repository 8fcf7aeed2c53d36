//! Horizontal placement of the vertices of each layer, in a given order.

use std::collections::BTreeMap;

use super::{EdgePiece, Vertex};

/// The number of passes over the layers, alternating down and up.
const SWEEPS: usize = 12;

/// The weights of an edge for the positions of its ends: between two vertices of a trunk; between two boxes, growing
/// with the share of packets; and between a box and a trunk, which should not move.
const STRAIGHT: f64 = 6.0;
const LEAST_EDGE: f64 = 0.1;
const MOST_EDGE: f64 = 3.0;
const JOIN: f64 = 0.01;

/// Moves every vertex toward its neighbours in adjacent layers, as far as its neighbours in the layer permit.
pub(super) fn place_horizontally(
    rows: &[Vec<usize>],
    vertices: &mut [Vertex],
    pieces: &[EdgePiece],
    trunks: &BTreeMap<(usize, usize), usize>,
) {
    let (mut above, mut below) = (vec![Vec::new(); vertices.len()], vec![Vec::new(); vertices.len()]);
    for piece in pieces {
        let weight = match (vertices[piece.from].is_trunk, vertices[piece.to].is_trunk) {
            (true, true) => STRAIGHT,
            (false, false) => LEAST_EDGE + (MOST_EDGE - LEAST_EDGE) * piece.share,
            _ => JOIN,
        };
        above[piece.to].push((piece.from, weight));
        below[piece.from].push((piece.to, weight));
    }
    for row in rows {
        place_row(row, vertices, |_| (0.0, 1.0));
    }
    // Boxes are aligned by their centers, not with the labels: a chain of tests would drift to the side.
    let desired = |vertices: &[Vertex], neighbours: &[(usize, f64)], now: f64| {
        let total: f64 = neighbours.iter().map(|neighbour| neighbour.1).sum();
        let sum: f64 = neighbours.iter().map(|&(other, weight)| vertices[other].x * weight).sum();
        if total > 0.0 { (sum / total, total) } else { (now, JOIN) }
    };
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let row = &rows[if is_down { step } else { rows.len() - 1 - step }];
            let towards = if is_down { &above } else { &below };
            let desired: Vec<(f64, f64)> =
                row.iter().map(|&vertex| desired(vertices, &towards[vertex], vertices[vertex].x)).collect();
            place_row(row, vertices, |index| desired[index]);
        }
        straighten(rows, vertices, trunks);
    }
}

/// Places a row with the least weighted sum of squared distances from the desired positions, and without overlaps.
///
/// This is an isotonic regression: neighbours that would overlap are pooled, and placed side by side about their mean
/// desired position. `desired` returns the position and the weight of the vertex with an index in the row.
fn place_row(row: &[usize], vertices: &mut [Vertex], desired: impl Fn(usize) -> (f64, f64)) {
    /// Neighbours side by side: the desired position of the first, its weight, and their number.
    struct Pool {
        position: f64,
        weight: f64,
        count: usize,
    }
    // The distance of each vertex from the first if all are as close as possible.
    let mut packed = Vec::with_capacity(row.len());
    let mut pools: Vec<Pool> = Vec::new();
    for (index, &vertex) in row.iter().enumerate() {
        let distance = match index.checked_sub(1) {
            Some(left) => packed[left] + vertices[row[left]].distance(&vertices[vertex]),
            None => 0.0,
        };
        packed.push(distance);
        let (position, weight) = desired(index);
        let mut pool = Pool { position: position - distance, weight, count: 1 };
        while let Some(left) = pools.pop_if(|left| left.position > pool.position) {
            let weight = left.weight + pool.weight;
            let position = (left.position * left.weight + pool.position * pool.weight) / weight;
            pool = Pool { position, weight, count: left.count + pool.count };
        }
        pools.push(pool);
    }
    let starts = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.position, pool.count));
    for ((start, distance), &vertex) in starts.zip(packed).zip(row) {
        vertices[vertex].x = start + distance;
    }
}

/// Straightens each trunk, over as many layers as its neighbours permit.
fn straighten(rows: &[Vec<usize>], vertices: &mut [Vertex], trunks: &BTreeMap<(usize, usize), usize>) {
    let mut neighbours = vec![(None, None); vertices.len()];
    for pair in rows.iter().flat_map(|row| row.windows(2)) {
        neighbours[pair[0]].1 = Some(pair[1]);
        neighbours[pair[1]].0 = Some(pair[0]);
    }
    let room = |vertices: &[Vertex], vertex: usize| {
        let (left, right): (Option<usize>, Option<usize>) = neighbours[vertex];
        let least = left.map_or(f64::MIN, |left| vertices[left].x + vertices[left].distance(&vertices[vertex]));
        let most = right.map_or(f64::MAX, |right| vertices[right].x - vertices[vertex].distance(&vertices[right]));
        (least, most)
    };
    let passages: Vec<(usize, usize)> = trunks.iter().map(|(&(target, _), &vertex)| (target, vertex)).collect();
    for trunk in passages.chunk_by(|one, next| one.0 == next.0) {
        let (mut run, mut common) = (Vec::new(), (f64::MIN, f64::MAX));
        for &(_, vertex) in trunk {
            let (least, most) = room(vertices, vertex);
            let both = (common.0.max(least), common.1.min(most));
            if both.0 <= both.1 {
                common = both;
            } else {
                move_run(&run, common, vertices);
                run.clear();
                common = (least, most);
            }
            run.push(vertex);
        }
        move_run(&run, common, vertices);
    }
}

/// Moves vertices of a trunk to one x within the common range.
fn move_run(run: &[usize], (least, most): (f64, f64), vertices: &mut [Vertex]) {
    let mean = run.iter().map(|&vertex| vertices[vertex].x).sum::<f64>() / run.len() as f64;
    run.iter().for_each(|&vertex| vertices[vertex].x = mean.max(least).min(most));
}
