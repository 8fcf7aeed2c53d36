//! Where the places of a layer stand, from left to right, once their order is known.

use std::collections::BTreeMap;

use super::{Cell, Link};

/// How often the layers are gone through, down and up in turn.
const SWEEPS: usize = 12;

/// How much the ends of a link pull at each other: two pieces of a trunk; two boxes, by the share of packets from none to
/// all; a box and a trunk that it joins, which should stay where it is.
const STRAIGHT: f64 = 6.0;
const LEAST_EDGE: f64 = 0.1;
const MOST_EDGE: f64 = 3.0;
const JOIN: f64 = 0.01;

/// Moves every place to where its connections pull it, as far as its neighbours let it.
pub(super) fn sideways(
    rows: &[Vec<usize>],
    cells: &mut [Cell],
    links: &[Link],
    trunks: &BTreeMap<(usize, usize), usize>,
) {
    let (mut above, mut below) = (vec![Vec::new(); cells.len()], vec![Vec::new(); cells.len()]);
    for link in links {
        let pull = match (cells[link.from].is_trunk, cells[link.to].is_trunk) {
            (true, true) => STRAIGHT,
            (false, false) => LEAST_EDGE + (MOST_EDGE - LEAST_EDGE) * link.share,
            _ => JOIN,
        };
        above[link.to].push((link.from, pull));
        below[link.from].push((link.to, pull));
    }
    for row in rows {
        settle(row, cells, |_| (0.0, 1.0));
    }
    // Box stands below box, not below the label: a chain of tests would walk off to the side.
    let pull = |cells: &[Cell], ends: &[(usize, f64)]| {
        let weight: f64 = ends.iter().map(|end| end.1).sum();
        let sum: f64 = ends.iter().map(|&(other, pull)| cells[other].x * pull).sum();
        (sum, weight)
    };
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let row = &rows[if is_down { step } else { rows.len() - 1 - step }];
            let towards = if is_down { &above } else { &below };
            let wishes: Vec<(f64, f64)> =
                row.iter().map(|&cell| wish(pull(cells, &towards[cell]), cells[cell].x)).collect();
            settle(row, cells, |place| wishes[place]);
        }
        straighten(rows, cells, trunks);
    }
}

/// Where a place wants to be, and how much; it likes to stay a little where nothing pulls.
fn wish((sum, weight): (f64, f64), now: f64) -> (f64, f64) {
    if weight > 0.0 { (sum / weight, weight) } else { (now, JOIN) }
}

/// Places a row so that the squares of the distances from all wishes are least, and neighbours stand apart.
///
/// That is a monotone regression: neighbours that would come too close are pooled, and then stand side by side about
/// their mean wish.
fn settle(row: &[usize], cells: &mut [Cell], wish: impl Fn(usize) -> (f64, f64)) {
    /// Neighbours side by side: where the first wants to be, how much, and how many there are.
    struct Pool {
        wish: f64,
        weight: f64,
        count: usize,
    }
    // How far each place is from the first if all stand as close as they may.
    let mut packed = Vec::with_capacity(row.len());
    let mut pools: Vec<Pool> = Vec::new();
    for (place, &cell) in row.iter().enumerate() {
        let distance = if place == 0 { 0.0 } else { packed[place - 1] + cells[row[place - 1]].distance(&cells[cell]) };
        packed.push(distance);
        let (wish, weight) = wish(place);
        let mut pool = Pool { wish: wish - distance, weight, count: 1 };
        while let Some(left) = pools.pop_if(|left| left.wish > pool.wish) {
            let weight = left.weight + pool.weight;
            let wish = (left.wish * left.weight + pool.wish * pool.weight) / weight;
            pool = Pool { wish, weight, count: left.count + pool.count };
        }
        pools.push(pool);
    }
    let starts = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.wish, pool.count));
    for ((start, distance), &cell) in starts.zip(packed).zip(row) {
        cells[cell].x = start + distance;
    }
}

/// Makes the pieces of each trunk straight, over as many layers as the neighbours leave room for.
fn straighten(rows: &[Vec<usize>], cells: &mut [Cell], trunks: &BTreeMap<(usize, usize), usize>) {
    let mut neighbours = vec![(None, None); cells.len()];
    for pair in rows.iter().flat_map(|row| row.windows(2)) {
        neighbours[pair[0]].1 = Some(pair[1]);
        neighbours[pair[1]].0 = Some(pair[0]);
    }
    let room = |cells: &[Cell], cell: usize| {
        let (left, right): (Option<usize>, Option<usize>) = neighbours[cell];
        let least = left.map_or(f64::MIN, |left| cells[left].x + cells[left].distance(&cells[cell]));
        let most = right.map_or(f64::MAX, |right| cells[right].x - cells[cell].distance(&cells[right]));
        (least, most)
    };
    let pieces: Vec<(usize, usize)> = trunks.iter().map(|(&(target, _), &cell)| (target, cell)).collect();
    for trunk in pieces.chunk_by(|one, next| one.0 == next.0) {
        let (mut run, mut common) = (Vec::new(), (f64::MIN, f64::MAX));
        for &(_, cell) in trunk {
            let (least, most) = room(cells, cell);
            let both = (common.0.max(least), common.1.min(most));
            if both.0 <= both.1 {
                common = both;
            } else {
                move_run(&run, common, cells);
                run.clear();
                common = (least, most);
            }
            run.push(cell);
        }
        move_run(&run, common, cells);
    }
}

/// Moves pieces of a trunk to one x, where they have room.
fn move_run(run: &[usize], (least, most): (f64, f64), cells: &mut [Cell]) {
    let mean = run.iter().map(|&cell| cells[cell].x).sum::<f64>() / run.len() as f64;
    run.iter().for_each(|&cell| cells[cell].x = mean.max(least).min(most));
}
