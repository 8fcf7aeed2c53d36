//! Long lists of tests of one value, with one target, become one test before other passes look at each of them.
//!
//! The pass `sets` finds them as well, and much more. But behind this pass a list of a hundred numbers costs the passes
//! until then as much as one number does.

use crate::ir::ranges::joined;
use crate::ir::{BlockId, End, Graph, Set, Test};
use crate::opt::switch_lowering::is_link;

/// So many tests are a long list: of fewer, what follows is better told apart by the number that was found.
const LONG: usize = 8;

/// Makes a test of each long list.
pub(crate) fn run(graph: &mut Graph) {
    let entries = graph.entries();
    let mut is_kept = vec![true; graph.blocks.len()];
    // Lists that stay as they are; each part of one would be looked at again from there on.
    let mut is_known = vec![false; graph.blocks.len()];
    for index in 0..graph.blocks.len() {
        if is_kept[index]
            && !is_known[index]
            && let Some((links, end)) = list(graph, &entries, BlockId::new(index))
        {
            let marked = if end.is_some() { &mut is_kept } else { &mut is_known };
            links.iter().for_each(|link| marked[link.index()] = end.is_none());
            if let Some(end) = end {
                graph.blocks[index].end = end;
            }
        }
    }
    if is_kept.contains(&false) {
        graph.retain(&is_kept);
    }
}

/// The blocks of the long list that begins with one, and how that block ends in their stead, if it is better to.
fn list(graph: &mut Graph, entries: &[u32], head: BlockId) -> Option<(Vec<BlockId>, Option<End>)> {
    let End::Branch { test, then: target, otherwise } = &graph.block(head).end else { return None };
    // Most blocks begin no list: nothing is allocated for them.
    if !is_link(graph, entries, otherwise.block) {
        return None;
    }
    let (value, first) = graph.as_ranges(*test)?;
    let (mut links, mut numbers, mut next) = (Vec::new(), first.to_vec(), otherwise);
    while is_link(graph, entries, next.block) {
        let End::Branch { test, then, otherwise } = &graph.block(next.block).end else { break };
        let Some((_, more)) = graph.as_ranges(*test).filter(|(other, _)| *other == value && then == target) else {
            break;
        };
        numbers.extend_from_slice(&more);
        links.push(next.block);
        next = otherwise;
    }
    let (then, otherwise) = (target.clone(), next.clone());
    let set = (links.len() + 1 >= LONG).then(|| graph.sets.of(&joined(numbers)))??;
    // A range is not asked for as a set: it is left as it is.
    let is_set = !matches!(graph.sets.get(set), Set::Range(..));
    Some((links, is_set.then_some(End::Branch { test: Test::Member(value, set), then, otherwise })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::graph_of;

    fn blocks_behind(text: &str) -> usize {
        let mut graph = graph_of(text);
        run(&mut graph);
        graph.blocks.len()
    }

    #[test]
    fn a_long_list_is_one_test() {
        let tests = |count: u32| (0..count).map(|k| format!("jeq #{}, keep\n", 3 * k)).collect::<String>();
        let program = |count| format!("ldh [0]\n {} ret #0\n keep: ret #1", tests(count));
        assert_eq!(blocks_behind(&program(200)), 3);
        assert_eq!(blocks_behind(&program(8)), 3);
        assert_eq!(blocks_behind(&program(7)), 9);
    }

    #[test]
    fn a_list_ends_with_its_value_and_its_target() {
        let tests = |target: &str| (0..9).map(|k| format!("jeq #{}, {target}\n", 3 * k)).collect::<String>();
        let (first, second) = (tests("keep"), tests("drop"));
        let text = format!("ldb [0]\n {first} {second} ldb [1]\n {first} ret #2\n keep: ret #1\n drop: ret #0");
        assert_eq!(blocks_behind(&text), 6);
    }

    #[test]
    fn nobody_else_leads_into_a_list() {
        let tests: String = (0..20).map(|k| format!("t{k}_: jeq #{}, keep\n", 3 * k)).collect();
        let text = format!("ldb [0]\n jset #1, t10_\n {tests} ret #0\n keep: ret #1");
        assert_eq!(blocks_behind(&text), 5);
    }
}
