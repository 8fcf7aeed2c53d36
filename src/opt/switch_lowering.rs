//! Switch lowering: runs of tests on one value become tests for membership in a set, or a binary search.
//!
//! First, the tests of each chain are sorted by the value that they test. Then each region of blocks that only test one
//! value is read as a map from numbers to edges, and built anew: with two targets one member set, with a few targets
//! one set after the other, with more a binary search.

use alloc::vec::Vec;

use crate::bpf::isa::Condition;
use crate::ir::hash_map::HashMap;
use crate::ir::ranges::{Range, Ranges, complement};
use crate::ir::test_chain::TestChains;
use crate::ir::{BlockId, Edge, Graph, MemberSet, MemberSetId, Terminator, Test, ValueId};
use crate::opt::tail_duplication;

/// The fewest tests that are worth a search, with more than two targets.
const WORTH_A_SEARCH: usize = 6;

/// The most targets that are tested for one after the other.
const FEW_TARGETS: usize = 4;

/// Lowers all regions of tests on one value.
pub(crate) fn run(graph: &mut Graph) {
    lower_all(graph);
    if tail_duplication::run(graph) {
        graph.simplify_cfg();
        lower_all(graph);
    }
}

fn lower_all(graph: &mut Graph) {
    let mut has_changed = gather(graph);
    let predecessors = graph.predecessor_counts();
    let mut is_done = vec![false; predecessors.len()];
    for index in 0..predecessors.len() {
        if !is_done[index] {
            has_changed |= lower(graph, &predecessors, BlockId::new(index), &mut is_done);
        }
    }
    if has_changed {
        graph.simplify_cfg();
    }
}

/// Brings the tests on one value together, in every chain; returns whether any were apart.
pub(crate) fn gather(graph: &mut Graph) -> bool {
    let mut has_changed = false;
    let mut chains = TestChains::of(graph);
    while let Some(chain) = chains.next(graph) {
        let mut first_tests: HashMap<ValueId, usize> = HashMap::default();
        let keys = chain.links.iter().enumerate().map(|(index, link)| {
            graph.tested_value(link.test).map_or(index, |value| *first_tests.get_or_insert(value, index))
        });
        let keys: Vec<usize> = keys.collect();
        has_changed |= chain.sort(graph, &keys);
    }
    has_changed
}

/// Lowers the region that starts with a block, if that is worth while; returns whether it was.
fn lower(graph: &mut Graph, predecessors: &[u32], head: BlockId, is_done: &mut [bool]) -> bool {
    let Terminator::Branch { test, then, otherwise } = &graph.block(head).terminator else { return false };
    let Some(value) = graph.tested_value(*test) else { return false };
    let tests_it_too = |edge: &Edge| {
        let is_bare_test = graph.is_bare_test(predecessors, edge.block);
        let test = graph.block(edge.block).terminator.test().filter(|_| is_bare_test);
        test.and_then(|test| graph.tested_value(test)) == Some(value)
    };
    if !tests_it_too(then) && !tests_it_too(otherwise) {
        return false;
    }
    let region = disjoint_region(graph, predecessors, head, value);
    let region = region.unwrap_or_else(|| region_from(graph, predecessors, head, value));
    let cases = region.cases.sorted();
    let is_small = region.blocks.len() < WORTH_A_SEARCH;
    // A small region with many targets may contain a smaller one with two.
    let is_worth = !is_small || cases.targets.len() <= 2 && region.blocks.len() > 1;
    if is_worth {
        region.blocks.iter().for_each(|block| is_done[block.index()] = true);
        let terminator = Builder { graph, value, targets: cases.targets }.decide(&cases.list);
        graph.blocks[head.index()].terminator = terminator;
    }
    is_worth
}

/// Blocks that only test one value, and where they lead.
#[derive(Default)]
struct Region {
    blocks: Vec<BlockId>,
    cases: Cases,
}

/// Returns the region from a block on if it is a list of tests whose ranges do not overlap: these need no splitting.
fn disjoint_region(graph: &Graph, predecessors: &[u32], head: BlockId, value: ValueId) -> Option<Region> {
    let mut region = Region::default();
    let mut next = Edge::to(head);
    while next.block == head || graph.is_bare_test(predecessors, next.block) {
        let Terminator::Branch { test, then, otherwise } = &graph.block(next.block).terminator else { break };
        let Some((_, ranges)) = graph.as_ranges(*test).filter(|(other, _)| *other == value) else { break };
        if graph.is_bare_test(predecessors, then.block) {
            return None;
        }
        region.blocks.push(next.block);
        region.cases.add(then, &ranges);
        next = otherwise.clone();
    }
    let cases = &mut region.cases.list;
    cases.sort_unstable();
    if cases.windows(2).any(|pair| pair[0].0.1 >= pair[1].0.0) {
        return None;
    }
    let others = complement(cases.iter().map(|&(range, _)| range));
    region.cases.add(&next, &others);
    Some(region)
}

/// Returns the blocks from one on that test a value. The region ends early if its tests split the numbers into too many
/// ranges.
fn region_from(graph: &Graph, predecessors: &[u32], head: BlockId, value: ValueId) -> Region {
    let mut region = Region::default();
    let mut moved = 0;
    let mut open = vec![(Edge::to(head), Ranges::all())];
    while let Some((edge, mut numbers)) = open.pop() {
        let is_inside = edge.block == head || graph.is_bare_test(predecessors, edge.block);
        match &graph.block(edge.block).terminator {
            Terminator::Branch { test, then, otherwise } if is_inside && moved <= 16 * region.blocks.len() + 1_024 => {
                if let Some((_, ranges)) = graph.as_ranges(*test).filter(|(other, _)| *other == value) {
                    region.blocks.push(edge.block);
                    let yes = numbers.take(&ranges);
                    moved += yes.len();
                    open.push((otherwise.clone(), numbers));
                    if graph.is_bare_test(predecessors, then.block) {
                        open.push((then.clone(), yes.into_iter().collect()));
                    } else {
                        region.cases.add(then, &yes);
                    }
                    continue;
                }
            }
            _ => {}
        }
        region.cases.add(&edge, &numbers.into_vec());
    }
    region
}

/// A range of numbers, and the index of its target in [`Cases::targets`].
type Case = (Range, usize);

/// The targets of the numbers of a region.
#[derive(Default)]
struct Cases {
    targets: Vec<Edge>,
    indices: HashMap<Edge, usize>,
    list: Vec<Case>,
}

impl Cases {
    fn add(&mut self, edge: &Edge, ranges: &[Range]) {
        if ranges.is_empty() {
            return;
        }
        let last = self.list.last().map(|&(_, target)| target).filter(|&target| self.targets[target] == *edge);
        let target = last.or_else(|| self.indices.get(edge).copied()).unwrap_or_else(|| {
            self.targets.push(edge.clone());
            self.indices.insert(edge.clone(), self.targets.len() - 1);
            self.targets.len() - 1
        });
        self.list.extend(ranges.iter().map(|&range| (range, target)));
    }

    /// Sorts the cases, and joins adjacent ranges that have one target.
    fn sorted(mut self) -> Cases {
        // Mostly these are two sorted lists, which this sort merges.
        self.list.sort();
        self.list.dedup_by(|(next, target), (range, other)| {
            let is_one = target == other && u64::from(next.0) == u64::from(range.1) + 1;
            range.1 = if is_one { next.1 } else { range.1 };
            is_one
        });
        self
    }
}

/// Returns the ranges of each target, if there are few targets.
fn by_target(cases: &[Case]) -> Option<Vec<(usize, Vec<Range>)>> {
    let mut targets: Vec<(usize, Vec<Range>)> = Vec::with_capacity(FEW_TARGETS);
    for &(range, target) in cases {
        match targets.iter().position(|(known, _)| *known == target) {
            Some(index) => targets[index].1.push(range),
            None if targets.len() == FEW_TARGETS => return None,
            None => targets.push((target, vec![range])),
        }
    }
    targets.sort_unstable_by_key(|&(target, _)| target);
    Some(targets)
}

/// Builds decisions about one value.
struct Builder<'g> {
    graph: &'g mut Graph,
    value: ValueId,
    targets: Vec<Edge>,
}

impl Builder<'_> {
    /// Returns the terminator that leads to the target of the value.
    fn decide(&mut self, cases: &[Case]) -> Terminator {
        match by_target(cases) {
            Some(targets) if targets.len() == 1 => Terminator::Jump(self.targets[targets[0].0].clone()),
            Some(targets) => self.peel(&targets).unwrap_or_else(|| self.split(cases)),
            None => self.split(cases),
        }
    }

    /// Returns tests for one target after the other; the one with the most ranges is the default. `None` if a target
    /// has no set.
    fn peel(&mut self, targets: &[(usize, Vec<Range>)]) -> Option<Terminator> {
        let last = (0..targets.len()).max_by_key(|&index| targets[index].1.len())?;
        let mut rest: Vec<&(usize, Vec<Range>)> = targets.iter().collect();
        let (default, _) = rest.remove(last);
        let mut sets = Vec::with_capacity(rest.len());
        for (target, ranges) in rest {
            sets.push((*target, self.graph.sets.of(ranges)?));
        }
        let mut terminator = Terminator::Jump(self.targets[*default].clone());
        for (target, set) in sets.into_iter().rev() {
            let otherwise = self.edge(terminator);
            terminator = self.member(set, self.targets[target].clone(), otherwise);
        }
        Some(terminator)
    }

    /// Returns a test that halves the ranges.
    fn split(&mut self, cases: &[Case]) -> Terminator {
        let (low, high) = cases.split_at(cases.len() / 2);
        let middle = high[0].0.0;
        let (low, high) = (self.decide(low), self.decide(high));
        let k = self.graph.values.constant(middle - 1);
        let test = Test::Compare(Condition::Greater, self.value, k);
        Terminator::Branch { test, then: self.edge(high), otherwise: self.edge(low) }
    }

    fn member(&mut self, set: MemberSetId, then: Edge, otherwise: Edge) -> Terminator {
        let test = match *self.graph.sets.get(set) {
            MemberSet::Range(first, last) if first == last => {
                Test::Compare(Condition::Equal, self.value, self.graph.values.constant(first))
            }
            MemberSet::Range(first, last) if first > 0 && last >= self.graph.values.known(self.value).max => {
                Test::Compare(Condition::Greater, self.value, self.graph.values.constant(first - 1))
            }
            MemberSet::Range(0, last) => {
                let test = Test::Compare(Condition::Greater, self.value, self.graph.values.constant(last));
                return Terminator::Branch { test, then: otherwise, otherwise: then };
            }
            _ => Test::Member(self.value, set),
        };
        Terminator::Branch { test, then, otherwise }
    }

    /// Returns an edge to a new block with this terminator, or the edge of a jump.
    fn edge(&mut self, terminator: Terminator) -> Edge {
        match terminator {
            Terminator::Jump(edge) => edge,
            terminator => self.graph.add(terminator),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bpf::dialect::Dialect;
    use crate::bpf::program::Program;
    use crate::ir::Graph;
    use crate::opt::Pass;

    /// Runs the pass twice, compares the verdicts of native code, if there is any, on numbers around those of the
    /// program, and returns the number of blocks.
    #[cfg_attr(not(feature = "std"), expect(unused_variables, reason = "there is no code to run on numbers"))]
    fn check(text: &str, numbers: impl Iterator<Item = u32>) -> usize {
        let program: Program = text.parse().expect("a program");
        let verified = program.verify(Dialect::Linux).expect("a valid program");
        let mut graph = Graph::new(&verified);
        graph.run(Pass::SwitchLowering);
        graph.run(Pass::SwitchLowering);
        #[cfg(feature = "std")]
        {
            let filter = graph.compile();
            if let Err(error) = &filter {
                assert!(error.to_string().starts_with("there is no native code for this machine"), "{error}");
            }
            for number in numbers.flat_map(|number| [number.wrapping_sub(1), number, number.wrapping_add(1)]) {
                let packet = number.to_be_bytes();
                let Ok(filter) = &filter else { continue };
                assert_eq!(filter.run(&packet[..]), verified.interpret(&packet[..]), "{number:#x}");
            }
        }
        graph.blocks.len()
    }

    #[test]
    fn searches_nested_ranges() {
        let tests: String = (0..200).map(|k| format!("jgt #{}, next{k}\n ret #{k}\n next{k}:\n", 1000 * k)).collect();
        let blocks = check(&format!("ld [0]\n {tests} ret #999"), (0..200).map(|k| 1000 * k));
        assert!(blocks <= 2 * 201, "{blocks} blocks");
    }

    #[test]
    fn keeps_the_order_of_ranges_that_overlap() {
        // The first test that holds counts.
        let test = |k: u32| {
            let low = crate::packet::random::number(7, k) % 1000;
            let (last, verdict) = (low + k, k % 7);
            format!("jge #{low}, in{k}, out{k}\n in{k}: jgt #{last}, out{k}\n ret #{verdict}\n out{k}:\n")
        };
        let tests: String = (0..100).map(test).collect();
        let blocks = check(&format!("ld [0]\n {tests} ret #99"), 0..1200);
        assert!(blocks <= 400, "{blocks} blocks");
    }

    /// Splits the numbers into many ranges, all of which many tests then move: the region must end early.
    #[test]
    fn ends_a_region_with_too_many_ranges() {
        let points: String =
            (0..900).map(|k| format!("jne #{}, next{k}\n ret #1\n next{k}:\n", 100_000 + 2 * k)).collect();
        let ranges: String = (0..1_000).map(|k| format!("jgt #{k}, above{k}\n ret #2\n above{k}:\n")).collect();
        let numbers = [0, 500, 999, 1_000].into_iter().chain((0..900).map(|k| 100_000 + 2 * k));
        check(&format!("ld [0]\n {points} {ranges} ret #3"), numbers);
    }

    #[test]
    fn handles_full_and_empty_sets() {
        assert!(check("ld [0]\n jgt #5, a\n jge #6, b\n jeq #5, a\n ret #0\n a: ret #1\n b: ret #2", 0..9) <= 3);
        check(
            "ld [0]\n jeq #0, a\n jeq #0xffffffff, a\n jgt #0xfffffffe, b\n ret #0\n a: ret #1\n b: ret #2",
            [0, 9].into_iter(),
        );
    }
}
