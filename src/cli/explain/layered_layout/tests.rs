//! What must hold for every picture, tried on graphs of many shapes.

use super::{Layout, Node, Port};

/// Boxes of these edges, all of one size but for a taller one now and then.
fn nodes(edges: &[Vec<usize>]) -> Vec<Node> {
    let node = |(number, targets): (usize, &Vec<usize>)| {
        let port = |(place, &target): (usize, &usize)| Port { x: 40.0 * place as f64 - 20.0, target, share: 0.5 };
        let height = if number % 5 == 0 { 90.0 } else { 40.0 };
        Node { width: 100.0, height, edges: targets.iter().enumerate().map(port).collect() }
    };
    edges.iter().enumerate().map(node).collect()
}

/// Graphs of up to 60 boxes with two edges each, as tests have them, some of which nothing leads to.
fn graphs() -> impl Iterator<Item = Vec<Vec<usize>>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    (0..200).map(move |round| {
        let count = 1 + round % 60;
        let mut targets = |number: usize| {
            let behind = count - number - 1;
            let reach = behind.min(1 + round % 25);
            let mut targets: Vec<usize> = (0..reach.min(2)).map(|_| number + 1 + random(reach)).collect();
            targets.dedup();
            targets
        };
        (0..count).map(&mut targets).collect()
    })
}

#[test]
fn nothing_overlaps() {
    for graph in graphs() {
        let layout = Layout::new(&nodes(&graph)).unwrap();
        let boxes: Vec<_> = layout.cells.iter().map(|cell| (cell, if cell.is_trunk { 0.0 } else { 50.0 })).collect();
        for (place, &(one, one_half)) in boxes.iter().enumerate() {
            assert!(one.x - one_half >= 0.0 && one.x + one_half <= layout.width && one.layer_bottom <= layout.height);
            for &(other, other_half) in &boxes[place + 1..] {
                let is_aside = (one.x - other.x).abs() >= one_half + other_half;
                let is_apart = one.layer_bottom <= other.top || other.layer_bottom <= one.top;
                assert!(is_aside || is_apart, "{graph:?}");
            }
        }
    }
}

#[test]
fn every_edge_comes_down_to_its_target() {
    for graph in graphs() {
        let layout = Layout::new(&nodes(&graph)).unwrap();
        let mut edges = 0;
        for link in &layout.links {
            assert!(layout.cells[link.from].layer_bottom < layout.cells[link.to].top);
            let Some(edge) = link.edge else { continue };
            edges += 1;
            let mut at = link.to;
            while layout.cells[at].is_trunk {
                at = layout.links.iter().find(|link| link.from == at).unwrap().to;
            }
            assert_eq!(at, graph[link.from][edge]);
        }
        assert_eq!(edges, graph.iter().map(Vec::len).sum::<usize>());
    }
}

#[test]
fn a_chain_is_straight() {
    let graph: Vec<Vec<usize>> =
        (0..50).map(|number| if number < 49 { vec![49, number + 1] } else { vec![] }).collect();
    let layout = Layout::new(&nodes(&graph)).unwrap();
    let spread = |is_trunk: bool| {
        let chosen = layout.cells[..].iter().filter(|cell| cell.is_trunk == is_trunk).map(|cell| cell.x);
        chosen.clone().fold(f64::MIN, f64::max) - chosen.fold(f64::MAX, f64::min)
    };
    assert!(spread(false) < 10.0 && spread(true) < 1.0, "{} and {}", spread(false), spread(true));
}

#[test]
fn what_is_too_large_is_refused() {
    let graph: Vec<Vec<usize>> = (0..200_000).map(|_| vec![]).collect();
    assert!(Layout::new(&nodes(&graph)).is_none());
}
