//! Properties of every layout, tested on pseudorandom graphs.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};

use super::{Layout, Node, Port};

/// Returns boxes with these edges; every fifth one is taller than the others.
fn nodes(edges: &[Vec<usize>]) -> Vec<Node> {
    let node = |(number, targets): (usize, &Vec<usize>)| {
        let port = |(index, &target): (usize, &usize)| Port { x: 40.0 * index as f64 - 20.0, target, share: 0.5 };
        let height = if number % 5 == 0 { 90.0 } else { 40.0 };
        Node { width: 100.0, height, edges: targets.iter().enumerate().map(port).collect() }
    };
    edges.iter().enumerate().map(node).collect()
}

/// Returns graphs of up to 60 boxes with at most two edges each; some boxes have no predecessors.
fn graphs() -> impl Iterator<Item = Vec<Vec<usize>>> {
    let random = |seed: (usize, usize, usize)| BuildHasherDefault::<DefaultHasher>::default().hash_one(seed);
    (0..200).map(move |round| {
        let count = 1 + round % 60;
        let targets = |number: usize| {
            let reach = (count - number - 1).min(1 + round % 25);
            let target = |edge| number + 1 + (random((round, number, edge)) % reach as u64) as usize;
            let mut targets: Vec<usize> = (0..reach.min(2)).map(target).collect();
            targets.dedup();
            targets
        };
        (0..count).map(targets).collect()
    })
}

#[test]
fn no_boxes_or_trunks_overlap() {
    for graph in graphs() {
        let layout = Layout::new(&nodes(&graph)).unwrap();
        let boxes: Vec<_> =
            layout.vertices.iter().map(|vertex| (vertex, if vertex.is_trunk { 0.0 } else { 50.0 })).collect();
        for (index, &(one, one_half)) in boxes.iter().enumerate() {
            assert!(one.x - one_half >= 0.0 && one.x + one_half <= layout.width && one.layer_bottom <= layout.height);
            for &(other, other_half) in &boxes[index + 1..] {
                let is_aside = (one.x - other.x).abs() >= one_half + other_half;
                let is_apart = one.layer_bottom <= other.top || other.layer_bottom <= one.top;
                assert!(is_aside || is_apart, "{graph:?}");
            }
        }
    }
}

#[test]
fn every_edge_runs_down_to_its_target() {
    for graph in graphs() {
        let layout = Layout::new(&nodes(&graph)).unwrap();
        let mut edges = 0;
        for piece in &layout.pieces {
            assert!(layout.vertices[piece.from].layer_bottom < layout.vertices[piece.to].top);
            let Some(edge) = piece.edge else { continue };
            edges += 1;
            let mut at = piece.to;
            while layout.vertices[at].is_trunk {
                at = layout.pieces.iter().find(|piece| piece.from == at).unwrap().to;
            }
            assert_eq!(at, graph[piece.from][edge]);
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
        let chosen = layout.vertices.iter().filter(|vertex| vertex.is_trunk == is_trunk).map(|vertex| vertex.x);
        chosen.clone().fold(f64::MIN, f64::max) - chosen.fold(f64::MAX, f64::min)
    };
    assert!(spread(false) < 10.0 && spread(true) < 1.0, "{} and {}", spread(false), spread(true));
}

#[test]
fn too_large_layouts_are_rejected() {
    let graph: Vec<Vec<usize>> = (0..200_000).map(|_| vec![]).collect();
    assert!(Layout::new(&nodes(&graph)).is_none());
}
