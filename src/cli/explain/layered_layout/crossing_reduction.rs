//! Crossing reduction: the order of the vertices in each layer.

use super::{EdgePiece, Vertex};

/// The number of passes over the layers, alternating down and up.
const SWEEPS: usize = 16;

/// Sorts each row by the barycenters of its neighbours in the previous row, alternating down and up, and keeps the best
/// order.
pub(super) fn reduce_crossings(rows: &mut Vec<Vec<usize>>, vertices: &[Vertex], pieces: &[EdgePiece]) {
    let neighbours = Neighbours::new(vertices, pieces);
    let mut positions = vec![0; vertices.len()];
    rows.iter().for_each(|row| number(row, &mut positions));
    let (mut best, mut fewest) = (rows.clone(), crossings(rows, &neighbours, &positions));
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for step in 1..rows.len() {
            let row = if is_down { step } else { rows.len() - 1 - step };
            let towards = if is_down { &neighbours.above } else { &neighbours.below };
            sort(&mut rows[row], towards, &positions);
            number(&rows[row], &mut positions);
        }
        let now = crossings(rows, &neighbours, &positions);
        if now < fewest {
            (best, fewest) = (rows.clone(), now);
        }
        if fewest == 0 {
            break;
        }
    }
    *rows = best;
}

/// The neighbours of each vertex in the layers above and below, and the offset of the edge relative to the neighbour's
/// position, in vertices.
struct Neighbours {
    above: Vec<Vec<(usize, f64)>>,
    below: Vec<Vec<(usize, f64)>>,
}

impl Neighbours {
    fn new(vertices: &[Vertex], pieces: &[EdgePiece]) -> Neighbours {
        let (mut above, mut below) = (vec![Vec::new(); vertices.len()], vec![Vec::new(); vertices.len()]);
        for piece in pieces {
            let offset = piece.offset / vertices[piece.from].width;
            above[piece.to].push((piece.from, offset));
            // A negative offset makes the edge vertical.
            below[piece.from].push((piece.to, -offset));
        }
        Neighbours { above, below }
    }
}

fn number(row: &[usize], positions: &mut [usize]) {
    row.iter().enumerate().for_each(|(position, &vertex)| positions[vertex] = position);
}

/// Sorts a row; a vertex without neighbours keeps its left neighbour.
fn sort(row: &mut [usize], towards: &[Vec<(usize, f64)>], positions: &[usize]) {
    let mut last = 0.0;
    let mut keyed: Vec<(f64, usize)> = Vec::with_capacity(row.len());
    for &vertex in row.iter() {
        let neighbours = &towards[vertex];
        if !neighbours.is_empty() {
            let sum: f64 = neighbours.iter().map(|&(other, offset)| positions[other] as f64 + offset).sum();
            last = sum / neighbours.len() as f64;
        }
        keyed.push((last, vertex));
    }
    keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
    row.iter_mut().zip(keyed).for_each(|(vertex, (_, sorted))| *vertex = sorted);
}

/// Returns the number of pairs of edges that cross.
fn crossings(rows: &[Vec<usize>], neighbours: &Neighbours, positions: &[usize]) -> usize {
    rows.iter().map(|row| crossings_below(row, neighbours, positions)).sum()
}

/// Returns the number of crossings between a row and the next: pairs of lower neighbours that are not in the order of
/// their upper neighbours. They are counted in a Fenwick tree (1994).
fn crossings_below(row: &[usize], neighbours: &Neighbours, positions: &[usize]) -> usize {
    let mut lower: Vec<usize> = Vec::new();
    for &vertex in row {
        let mut from_here = neighbours.below[vertex].clone();
        from_here.sort_by(|one, other| other.1.total_cmp(&one.1));
        lower.extend(from_here.iter().map(|&(other, _)| positions[other]));
    }
    let mut tree = vec![0_usize; lower.iter().max().map_or(0, |last| last + 2)];
    let mut count = 0;
    for (seen, &position) in lower.iter().enumerate() {
        let mut not_right = 0;
        let mut at = position + 1;
        while at > 0 {
            not_right += tree[at];
            at &= at - 1;
        }
        count += seen - not_right;
        at = position + 1;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}
