//! Case clustering: a long run of tests of one value with one target becomes one test for membership in a set.
//!
//! Switch lowering finds such runs as well, and much more. This pass runs first, so that the passes between see one
//! test instead of hundreds: without it, a graph of 1,500 tests takes eight times as long (bench
//! `load/passes/equal-one-value`).

use crate::ir::ranges::joined;
use crate::ir::test_chain::{Link, TestChains};
use crate::ir::{Graph, MemberSet, Terminator, Test};

/// The shortest run that is clustered. In a shorter one, later passes benefit from the number that each branch implies.
const SHORTEST_RUN: usize = 8;

/// Clusters long runs.
pub(crate) fn run(graph: &mut Graph) {
    let mut is_kept = vec![true; graph.blocks.len()];
    let mut chains = TestChains::of(graph);
    while let Some(chain) = chains.next(graph) {
        let mut start = 0;
        while start < chain.links.len() {
            let (length, test) = membership(graph, &chain.links[start..]);
            if let Some(test) = test {
                let (then, otherwise) = (chain.target.clone(), chain.edge_after(start + length - 1));
                let head = chain.links[start].block.index();
                graph.blocks[head].terminator = Terminator::Branch { test, then, otherwise };
                chain.links[start + 1..start + length].iter().for_each(|link| is_kept[link.block.index()] = false);
            }
            start += length;
        }
    }
    if is_kept.contains(&false) {
        graph.retain(&is_kept);
    }
}

/// Returns the length of the run that starts the links, and the test for its members. There is none for a short run,
/// for one range, and for a set that is better searched.
fn membership(graph: &mut Graph, links: &[Link]) -> (usize, Option<Test>) {
    let Some((value, first)) = graph.as_ranges(links[0].test).filter(|_| links[0].holds) else { return (1, None) };
    let (mut ranges, mut length) = (first.to_vec(), 1);
    while let Some(link) = links.get(length).filter(|link| link.holds) {
        let Some((_, more)) = graph.as_ranges(link.test).filter(|(other, _)| *other == value) else { break };
        ranges.extend_from_slice(&more);
        length += 1;
    }
    let set = (length >= SHORTEST_RUN).then(|| graph.sets.of(&joined(ranges))).flatten();
    let set = set.filter(|&set| !matches!(graph.sets.get(set), MemberSet::Range(..)));
    (length, set.map(|set| Test::Member(value, set)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::graph_of;

    fn count_blocks(text: &str) -> usize {
        let mut graph = graph_of(text);
        run(&mut graph);
        graph.blocks.len()
    }

    #[test]
    fn clusters_long_runs_only() {
        let tests = |count: u32| (0..count).map(|k| format!("jeq #{}, keep\n", 3 * k)).collect::<String>();
        let program = |count| format!("ldh [0]\n {} ret #0\n keep: ret #1", tests(count));
        assert_eq!(count_blocks(&program(200)), 3);
        assert_eq!(count_blocks(&program(8)), 3);
        assert_eq!(count_blocks(&program(7)), 9);
    }

    #[test]
    fn ends_a_run_with_its_value_and_its_target() {
        let tests = |target: &str| (0..9).map(|k| format!("jeq #{}, {target}\n", 3 * k)).collect::<String>();
        let (first, second) = (tests("keep"), tests("drop"));
        let text = format!("ldb [0]\n {first} {second} ldb [1]\n {first} ret #2\n keep: ret #1\n drop: ret #0");
        assert_eq!(count_blocks(&text), 6);
    }

    #[test]
    fn ends_a_run_where_another_block_leads_into_it() {
        let tests: String = (0..20).map(|k| format!("t{k}_: jeq #{}, keep\n", 3 * k)).collect();
        let text = format!("ldb [0]\n jset #1, t10_\n {tests} ret #0\n keep: ret #1");
        assert_eq!(count_blocks(&text), 5);
    }
}
