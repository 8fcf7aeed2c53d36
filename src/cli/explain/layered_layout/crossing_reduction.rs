//! The order of the places in each layer, so that few edges cross.

use super::{Cell, Link};

/// How often the layers are gone through, down and up in turn.
const SWEEPS: usize = 16;

/// Sorts each row by the mean place of what it is connected with in the row before, down and up in turn, and keeps the
/// best order that is seen.
pub(super) fn reduce_crossings(rows: &mut Vec<Vec<usize>>, cells: &[Cell], links: &[Link]) {
    let ends = Ends::new(cells, links);
    let mut places = vec![0; cells.len()];
    rows.iter().for_each(|row| number(row, &mut places));
    let (mut best, mut fewest) = (rows.clone(), crossings(rows, &ends, &places));
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for step in 1..rows.len() {
            let row = if is_down { step } else { rows.len() - 1 - step };
            let towards = if is_down { &ends.above } else { &ends.below };
            sort(&mut rows[row], towards, &places);
            number(&rows[row], &mut places);
        }
        let now = crossings(rows, &ends, &places);
        if now < fewest {
            (best, fewest) = (rows.clone(), now);
        }
        if fewest == 0 {
            break;
        }
    }
    *rows = best;
}

/// What each place is connected with: the other place, and by how much of a place beside it the connection is there.
struct Ends {
    above: Vec<Vec<(usize, f64)>>,
    below: Vec<Vec<(usize, f64)>>,
}

impl Ends {
    fn new(cells: &[Cell], links: &[Link]) -> Ends {
        let (mut above, mut below) = (vec![Vec::new(); cells.len()], vec![Vec::new(); cells.len()]);
        for link in links {
            let aside = link.offset / cells[link.from].width;
            above[link.to].push((link.from, aside));
            // A place goes to where it need not lean over.
            below[link.from].push((link.to, -aside));
        }
        Ends { above, below }
    }
}

fn number(row: &[usize], places: &mut [usize]) {
    row.iter().enumerate().for_each(|(place, &cell)| places[cell] = place);
}

/// Sorts a row; what is connected with nothing stays behind its neighbour.
fn sort(row: &mut [usize], towards: &[Vec<(usize, f64)>], places: &[usize]) {
    let mut last = 0.0;
    let mut keyed: Vec<(f64, usize)> = Vec::with_capacity(row.len());
    for &cell in row.iter() {
        let ends = &towards[cell];
        if !ends.is_empty() {
            let sum: f64 = ends.iter().map(|&(other, aside)| places[other] as f64 + aside).sum();
            last = sum / ends.len() as f64;
        }
        keyed.push((last, cell));
    }
    keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
    row.iter_mut().zip(keyed).for_each(|(cell, (_, sorted))| *cell = sorted);
}

/// How many pairs of links cross.
fn crossings(rows: &[Vec<usize>], ends: &Ends, places: &[usize]) -> usize {
    rows.iter().map(|row| crossings_below(row, ends, places)).sum()
}

/// Those between a row and the next: pairs of lower ends that are not in the order of their upper ends. They are counted
/// in a tree of sums (Fenwick, 1994).
fn crossings_below(row: &[usize], ends: &Ends, places: &[usize]) -> usize {
    let mut lower: Vec<usize> = Vec::new();
    for &cell in row {
        let mut from_here = ends.below[cell].clone();
        from_here.sort_by(|one, other| other.1.total_cmp(&one.1));
        lower.extend(from_here.iter().map(|&(other, _)| places[other]));
    }
    let mut tree = vec![0_usize; lower.iter().max().map_or(0, |last| last + 2)];
    let mut count = 0;
    for (seen, &place) in lower.iter().enumerate() {
        let mut not_right = 0;
        let mut at = place + 1;
        while at > 0 {
            not_right += tree[at];
            at &= at - 1;
        }
        count += seen - not_right;
        at = place + 1;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}
