//! Case clustering: a long run of tests of one value with one target becomes one test for membership in a set.
//!
//! Switch lowering finds such runs as well, and much more. This pass runs first, so that the passes between see one
//! test instead of hundreds: without it, a graph of 1,500 tests takes eight times as long (bench
//! `load/passes/equal-one-value`).

use std::ops::Range;

use crate::ir::ranges::joined;
use crate::ir::test_chain::{TestChain, TestChains};
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
            let end = run_end(graph, &chain, start);
            if end - start >= SHORTEST_RUN
                && let Some(test) = membership(graph, &chain, start..end)
            {
                let (then, otherwise) = (chain.target.clone(), chain.edge_after(end - 1));
                let head = chain.links[start].block.index();
                graph.blocks[head].terminator = Terminator::Branch { test, then, otherwise };
                chain.links[start + 1..end].iter().for_each(|link| is_kept[link.block.index()] = false);
            }
            start = end;
        }
    }
    if is_kept.contains(&false) {
        graph.retain(&is_kept);
    }
}

/// Returns the end of the run that starts here: tests of one value that lead to the target if they hold.
fn run_end(graph: &Graph, chain: &TestChain, start: usize) -> usize {
    let value_of = |index: usize| {
        let link = chain.links.get(index).filter(|link| link.holds)?;
        graph.tested_value(link.test)
    };
    let mut end = start + 1;
    while value_of(start).is_some() && value_of(end) == value_of(start) {
        end += 1;
    }
    end
}

/// Returns the test for the members of a run; `None` for one range, which is not tested as a set, and for a set that is
/// better searched.
fn membership(graph: &mut Graph, chain: &TestChain, run: Range<usize>) -> Option<Test> {
    let value = graph.tested_value(chain.links[run.start].test)?;
    let tests = chain.links[run].iter().filter_map(|link| graph.as_ranges(link.test));
    let ranges = tests.flat_map(|(_, ranges)| ranges.to_vec()).collect();
    let set = graph.sets.of(&joined(ranges))?;
    let is_range = matches!(graph.sets.get(set), MemberSet::Range(..));
    (!is_range).then_some(Test::Member(value, set))
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
