//! Runs of tests on one value become a test for membership in a set, or a search.
//!
//! First, in a chain of tests of which each either leads to one place or on to the next, those on the same value are
//! brought together: the tests are pure, so their order cannot be seen. Then a region of blocks that only test one value
//! is seen as what it is, a map from numbers to edges, and built anew: with two targets one set, with more the small sets
//! one after the other, or a binary search.

use std::collections::HashMap;

use crate::bpf::isa::Condition;
use crate::ir::Hashing;
use crate::ir::ranges::{Range, Ranges, complement};
use crate::ir::test::Question;
use crate::ir::{BlockId, Edge, End, Graph, Test, ValueId};
use crate::ir::{Set, SetId};
use crate::opt::tail_duplication;

/// With more than two targets, so many tests are worth a search.
const WORTH_A_SEARCH: usize = 6;

/// The most targets that are asked for one after the other.
const FEW_TARGETS: usize = 4;

/// Finds the sets.
pub(crate) fn run(graph: &mut Graph) {
    find(graph);
    if tail_duplication::run(graph) {
        graph.tidy();
        find(graph);
    }
}

fn find(graph: &mut Graph) {
    let mut has_changed = gather(graph);
    let entries = graph.entries();
    let mut is_done = vec![false; entries.len()];
    for index in 0..entries.len() {
        if !is_done[index] {
            has_changed |= rebuild(graph, &entries, BlockId::new(index), &mut is_done);
        }
    }
    if has_changed {
        graph.tidy();
    }
}

/// A test that leads to `target` if it comes out as `holds`, and else on.
struct Link {
    block: BlockId,
    test: Test,
    holds: bool,
}

/// Brings the tests on one value together, in every chain; whether any were apart.
fn gather(graph: &mut Graph) -> bool {
    let entries = graph.entries();
    let mut has_changed = false;
    let mut is_done = vec![false; graph.blocks.len()];
    for index in 0..graph.blocks.len() {
        if std::mem::replace(&mut is_done[index], true) {
            continue;
        }
        let Some((links, target, last)) = chain(graph, &entries, BlockId::new(index)) else { continue };
        // The last link may begin a chain to elsewhere.
        links[..links.len() - 1].iter().for_each(|link| is_done[link.block.index()] = true);
        has_changed |= reorder(graph, &links, &target, &last);
    }
    has_changed
}

/// The longest chain of tests from a block on, where it leads if one of them says so, and where if none does.
fn chain(graph: &Graph, entries: &[u32], head: BlockId) -> Option<(Vec<Link>, Edge, Edge)> {
    let End::Branch { test, then, otherwise } = &graph.block(head).end else { return None };
    let leads_to = |edge: &Edge, target: &Edge| {
        is_link(graph, entries, edge.block) && graph.block(edge.block).end.edges().any(|other| other == target)
    };
    let holds = if leads_to(otherwise, then) {
        true
    } else if leads_to(then, otherwise) {
        false
    } else {
        return None;
    };
    let (target, mut next) = if holds { (then, otherwise) } else { (otherwise, then) };
    let mut links = vec![Link { block: head, test: *test, holds }];
    while is_link(graph, entries, next.block) {
        let End::Branch { test, then, otherwise } = &graph.block(next.block).end else { break };
        let holds = then == target;
        if !holds && otherwise != target {
            break;
        }
        links.push(Link { block: next.block, test: *test, holds });
        next = if holds { otherwise } else { then };
    }
    Some((links, target.clone(), next.clone()))
}

/// Whether a block does nothing but a test, for one other block only.
pub(crate) fn is_link(graph: &Graph, entries: &[u32], id: BlockId) -> bool {
    let block = graph.block(id);
    let is_bare = block.parameters.is_empty() && block.checks.is_empty();
    is_bare && entries.get(id.index()) == Some(&1) && matches!(block.end, End::Branch { .. })
}

/// Puts the tests of a chain in the order of the values that they ask about; whether they stood in another.
fn reorder(graph: &mut Graph, links: &[Link], target: &Edge, last: &Edge) -> bool {
    let mut first_asked: HashMap<ValueId, usize, Hashing> = HashMap::default();
    let mut keys = Vec::with_capacity(links.len());
    for (place, link) in links.iter().enumerate() {
        keys.push(graph.asked_about(link.test).map_or(place, |value| *first_asked.entry(value).or_insert(place)));
    }
    if keys.is_sorted() {
        return false;
    }
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|&place| keys[place]);
    for (place, &from) in order.iter().enumerate() {
        let Link { test, holds, .. } = links[from];
        let next = links.get(place + 1).map_or_else(|| last.clone(), |link| Edge::to(link.block));
        graph.blocks[links[place].block.index()].end = Question::Open(test, holds).branch(target.clone(), next);
    }
    true
}

/// Builds anew what a block and those behind it decide about one value, if that is worth while.
fn rebuild(graph: &mut Graph, entries: &[u32], head: BlockId, is_done: &mut [bool]) -> bool {
    let End::Branch { test, then, otherwise } = &graph.block(head).end else { return false };
    let Some(value) = graph.asked_about(*test) else { return false };
    let asks_as_well = |edge: &Edge| {
        let test = graph.block(edge.block).end.test().filter(|_| is_link(graph, entries, edge.block));
        test.and_then(|test| graph.asked_about(test)) == Some(value)
    };
    if !asks_as_well(then) && !asks_as_well(otherwise) {
        return false;
    }
    let region = list(graph, entries, head, value).unwrap_or_else(|| region(graph, entries, head, value));
    let map = region.map.sorted();
    let is_small = region.blocks.len() < WORTH_A_SEARCH;
    // In a small region with many targets there may be a smaller one with two.
    let is_worth = !is_small || map.targets.len() <= 2 && region.blocks.len() > 1;
    if is_worth {
        region.blocks.iter().for_each(|block| is_done[block.index()] = true);
        let end = Builder { graph, value, targets: map.targets }.decide(&map.cases);
        graph.blocks[head.index()].end = end;
    }
    is_worth
}

/// Blocks that only test one value, and where they lead.
#[derive(Default)]
struct Region {
    blocks: Vec<BlockId>,
    map: Map,
}

/// A region that is a list of tests, one after the other, for numbers that no two of them have: nothing need be taken
/// apart.
fn list(graph: &Graph, entries: &[u32], head: BlockId, value: ValueId) -> Option<Region> {
    let mut region = Region::default();
    let mut next = Edge::to(head);
    while next.block == head || is_link(graph, entries, next.block) {
        let End::Branch { test, then, otherwise } = &graph.block(next.block).end else { break };
        let Some((_, ranges)) = graph.as_ranges(*test).filter(|(other, _)| *other == value) else { break };
        if is_link(graph, entries, then.block) {
            return None;
        }
        region.blocks.push(next.block);
        region.map.add(then, &ranges);
        next = otherwise.clone();
    }
    let cases = &mut region.map.cases;
    cases.sort_unstable();
    if cases.windows(2).any(|pair| pair[0].0.1 >= pair[1].0.0) {
        return None;
    }
    let others = complement(cases.iter().map(|&(range, _)| range));
    region.map.add(&next, &others);
    Some(region)
}

/// The blocks from one on that test a value. The parts into which they take the numbers may become many: then the
/// region ends early.
fn region(graph: &Graph, entries: &[u32], head: BlockId, value: ValueId) -> Region {
    let mut region = Region::default();
    let mut moved = 0;
    let mut open = vec![(Edge::to(head), Ranges::all())];
    while let Some((edge, mut numbers)) = open.pop() {
        let is_inside = edge.block == head || is_link(graph, entries, edge.block);
        match &graph.block(edge.block).end {
            End::Branch { test, then, otherwise } if is_inside && moved <= 16 * region.blocks.len() + 1_024 => {
                if let Some((_, ranges)) = graph.as_ranges(*test).filter(|(other, _)| *other == value) {
                    region.blocks.push(edge.block);
                    let yes = numbers.take(&ranges);
                    moved += yes.len();
                    open.push((otherwise.clone(), numbers));
                    if is_link(graph, entries, then.block) {
                        open.push((then.clone(), yes.into_iter().collect()));
                    } else {
                        region.map.add(then, &yes);
                    }
                    continue;
                }
            }
            _ => {}
        }
        region.map.add(&edge, &numbers.into_vec());
    }
    region
}

/// Where the numbers of a region lead: ranges, each with the place of its target.
#[derive(Default)]
struct Map {
    targets: Vec<Edge>,
    places: HashMap<Edge, usize, Hashing>,
    cases: Vec<(Range, usize)>,
}

impl Map {
    fn add(&mut self, edge: &Edge, ranges: &[Range]) {
        if ranges.is_empty() {
            return;
        }
        let last = self.cases.last().map(|&(_, place)| place).filter(|&place| self.targets[place] == *edge);
        let place = last.or_else(|| self.places.get(edge).copied()).unwrap_or_else(|| {
            self.targets.push(edge.clone());
            self.places.insert(edge.clone(), self.targets.len() - 1);
            self.targets.len() - 1
        });
        self.cases.extend(ranges.iter().map(|&range| (range, place)));
    }

    /// The same with ranges that are sorted and apart.
    fn sorted(mut self) -> Map {
        // Mostly it is two lists of ranges that are sorted already, which this sort knows to merge.
        self.cases.sort();
        // What touches and has one target is one range.
        self.cases.dedup_by(|(next, target), (range, other)| {
            let is_one = target == other && u64::from(next.0) == u64::from(range.1) + 1;
            range.1 = if is_one { next.1 } else { range.1 };
            is_one
        });
        self
    }
}

/// The ranges of each target, if there are few targets.
fn by_target(cases: &[(Range, usize)]) -> Option<Vec<(usize, Vec<Range>)>> {
    let mut targets: Vec<(usize, Vec<Range>)> = Vec::with_capacity(FEW_TARGETS);
    for &(range, target) in cases {
        match targets.iter().position(|(known, _)| *known == target) {
            Some(place) => targets[place].1.push(range),
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
    /// Goes to the target in whose ranges the value is.
    fn decide(&mut self, cases: &[(Range, usize)]) -> End {
        match by_target(cases) {
            Some(targets) if targets.len() == 1 => End::Jump(self.targets[targets[0].0].clone()),
            Some(targets) => self.peel(&targets).unwrap_or_else(|| self.split(cases)),
            None => self.split(cases),
        }
    }

    /// Asks for one target after the other, and not for that with the most ranges; `None` if one has no set.
    fn peel(&mut self, targets: &[(usize, Vec<Range>)]) -> Option<End> {
        let last = (0..targets.len()).max_by_key(|&place| targets[place].1.len())?;
        let mut rest: Vec<&(usize, Vec<Range>)> = targets.iter().collect();
        let (default, _) = rest.remove(last);
        let mut sets = Vec::with_capacity(rest.len());
        for (target, ranges) in rest {
            sets.push((*target, self.graph.sets.of(ranges)?));
        }
        let mut end = End::Jump(self.targets[*default].clone());
        for (target, set) in sets.into_iter().rev() {
            let otherwise = self.edge(end);
            end = self.member(set, self.targets[target].clone(), otherwise);
        }
        Some(end)
    }

    /// Asks whether the value is in the lower half of the ranges.
    fn split(&mut self, cases: &[(Range, usize)]) -> End {
        let (low, high) = cases.split_at(cases.len() / 2);
        let middle = high[0].0.0;
        let (low, high) = (self.decide(low), self.decide(high));
        let k = self.graph.values.constant(middle - 1);
        let test = Test::Compare(Condition::Greater, self.value, k);
        End::Branch { test, then: self.edge(high), otherwise: self.edge(low) }
    }

    fn member(&mut self, set: SetId, then: Edge, otherwise: Edge) -> End {
        let test = match *self.graph.sets.get(set) {
            Set::Range(first, last) if first == last => {
                Test::Compare(Condition::Equal, self.value, self.graph.values.constant(first))
            }
            Set::Range(first, last) if first > 0 && last >= self.graph.values.known(self.value).max => {
                Test::Compare(Condition::Greater, self.value, self.graph.values.constant(first - 1))
            }
            Set::Range(0, last) => {
                let test = Test::Compare(Condition::Greater, self.value, self.graph.values.constant(last));
                return End::Branch { test, then: otherwise, otherwise: then };
            }
            _ => Test::Member(self.value, set),
        };
        End::Branch { test, then, otherwise }
    }

    /// The edge that leads to such an end.
    fn edge(&mut self, end: End) -> Edge {
        match end {
            End::Jump(edge) => edge,
            end => self.graph.add(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bpf::dialect::Dialect;
    use crate::bpf::program::Program;
    use crate::ir::Graph;
    use crate::opt::Pass;

    /// Runs the pass, twice, and compares the verdicts on numbers around those that the program names. Gives the number of
    /// blocks.
    fn check(text: &str, numbers: impl Iterator<Item = u32>) -> usize {
        let program: Program = text.parse().expect("a program");
        let verified = program.verify(Dialect::Linux).expect("a valid program");
        let mut graph = Graph::new(&verified);
        graph.run(Pass::Sets);
        graph.run(Pass::Sets);
        let filter = graph.compile().expect("code");
        for number in numbers.flat_map(|number| [number.wrapping_sub(1), number, number.wrapping_add(1)]) {
            let packet = number.to_be_bytes();
            assert_eq!(filter.run(&packet[..]), verified.interpret(&packet[..]), "{number:#x}");
        }
        graph.blocks.len()
    }

    #[test]
    fn nested_ranges_are_one_search() {
        let tests: String = (0..200).map(|k| format!("jgt #{}, next{k}\n ret #{k}\n next{k}:\n", 1000 * k)).collect();
        let blocks = check(&format!("ld [0]\n {tests} ret #999"), (0..200).map(|k| 1000 * k));
        assert!(blocks <= 2 * 201, "{blocks} blocks");
    }

    #[test]
    fn ranges_that_overlap_keep_their_order() {
        // The first test that holds counts, whatever later ones say of the same numbers.
        let test = |k: u32| {
            let low = crate::packet::random::number(7, k) % 1000;
            let (last, verdict) = (low + k, k % 7);
            format!("jge #{low}, in{k}, out{k}\n in{k}: jgt #{last}, out{k}\n ret #{verdict}\n out{k}:\n")
        };
        let tests: String = (0..100).map(test).collect();
        let blocks = check(&format!("ld [0]\n {tests} ret #99"), 0..1200);
        assert!(blocks <= 400, "{blocks} blocks");
    }

    /// Numbers that are taken apart into many ranges, which many tests then take on whole: the region must end early.
    #[test]
    fn a_region_that_is_taken_apart_ends_early() {
        let points: String =
            (0..900).map(|k| format!("jne #{}, next{k}\n ret #1\n next{k}:\n", 100_000 + 2 * k)).collect();
        let ranges: String = (0..1_000).map(|k| format!("jgt #{k}, above{k}\n ret #2\n above{k}:\n")).collect();
        let numbers = [0, 500, 999, 1_000].into_iter().chain((0..900).map(|k| 100_000 + 2 * k));
        check(&format!("ld [0]\n {points} {ranges} ret #3"), numbers);
    }

    #[test]
    fn a_set_of_all_numbers_and_one_of_none() {
        assert!(check("ld [0]\n jgt #5, a\n jge #6, b\n jeq #5, a\n ret #0\n a: ret #1\n b: ret #2", 0..9) <= 3);
        check(
            "ld [0]\n jeq #0, a\n jeq #0xffffffff, a\n jgt #0xfffffffe, b\n ret #0\n a: ret #1\n b: ret #2",
            [0, 9].into_iter(),
        );
    }
}
