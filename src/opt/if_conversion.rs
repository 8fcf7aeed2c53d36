//! A small program as one expression: decisions become selections, and no branch is left to be mispredicted.
//!
//! The whole program is converted, or nothing. Two guards come first: one for all loads at fixed places, and one for
//! each base of addresses. Behind them every load is possible, whatever the tests say, so all values are computed and
//! then selected. Packets that are too short for a guard go the way of the branches, which is kept as a cold path.

use crate::bpf::isa::Width;
use crate::ir::{Address, Block, BlockId, Check, Edge, End, Graph, Strategy, Test, Value, ValueId};
use crate::opt::verdict_difference;

/// The largest fixed guard, in bytes: the shortest Ethernet frame without its checksum.
const LARGEST_GUARD: u64 = 60;

/// The most decisions: each costs something, whether its outcome matters or not.
const MOST_BRANCHES: usize = 24;

/// The most values that are computed, if that is asked for.
pub(crate) const MOST_VALUES: usize = 64;

/// So many values take little more time than the branches, if they are predicted, and a third of it, if not.
pub(crate) const FEW_VALUES: usize = 20;

/// The most bases of addresses.
const MOST_BASES: usize = 2;

/// So many bytes at that address must have been captured.
type Guard = (Address, Width);

/// Converts the program, if it is fit for that, and no more than so many values must be computed.
pub(crate) fn run(graph: &mut Graph, most_values: usize) {
    let Some(guards) = guards(graph) else { return };
    let verdict = select(graph);
    let roots = guards.iter().filter_map(|(address, _)| address.base).chain([verdict]);
    if computed(graph, roots.collect()) > most_values {
        return;
    }
    convert(graph, &guards, verdict);
    if !guards.is_empty() || matches!(graph.value(verdict), Value::Select(..)) {
        graph.strategy = Strategy::Branchless;
    }
    graph.tidy();
}

/// Puts the guards, and the verdict behind them, before the branches, which become the cold path.
fn convert(graph: &mut Graph, guards: &[Guard], verdict: ValueId) {
    let dropped: Vec<Vec<bool>> = guards.iter().map(|&guard| dropped(graph, guard)).collect();
    let [slow, drop] = [1, 1 + graph.blocks.len()].map(|place| Edge::to(BlockId::new(guards.len() + place)));
    let zero = graph.values.constant(0);
    let mut open = dropped.iter().filter(|dropped| !dropped[0]);
    if let (Some(dropped), None) = (open.next(), open.next()) {
        // One guard only leads to the cold path: what that drops need not be there.
        let dropped = graph.blocks.iter_mut().zip(dropped).filter(|&(_, &is_dropped)| is_dropped);
        dropped.for_each(|(block, _)| *block = Block::new(End::Return(zero)));
    }
    for block in &mut graph.blocks {
        block.is_cold = true;
        block.end.edges_mut().for_each(|edge| edge.block.0 += slow.block.0);
    }
    let fast = guards.iter().zip(&dropped).enumerate().map(|(place, (&(address, width), dropped))| {
        let then = Edge::to(BlockId::new(place + 1));
        let otherwise = if dropped[0] { drop.clone() } else { slow.clone() };
        Block::new(End::Branch { test: Test::InBounds(address, width), then, otherwise })
    });
    let fast = fast.chain([Block::new(End::Return(verdict))]).collect();
    let branches = std::mem::replace(&mut graph.blocks, fast);
    graph.blocks.extend(branches);
    graph.blocks.push(Block { is_cold: true, ..Block::new(End::Return(zero)) });
}

/// From which blocks on every path drops the packets that are too short for a guard.
fn dropped(graph: &Graph, (guard, width): Guard) -> Vec<bool> {
    let fails = |check: &Check| {
        matches!(check, Check::InBounds(address, other)
            if address.base == guard.base && address.end(*other) >= guard.end(width))
    };
    let mut dropped = vec![false; graph.blocks.len()];
    for (index, block) in graph.blocks.iter().enumerate().rev() {
        // Checks that fail drop as well.
        dropped[index] = block.checks.iter().any(fails)
            || match &block.end {
                End::Return(verdict) => graph.constant(*verdict) == Some(0),
                end => end.edges().all(|edge| dropped[edge.block.index()]),
            };
    }
    dropped
}

/// What must be in bounds for all loads to be possible; `None` if the program is not fit to be converted.
fn guards(graph: &Graph) -> Option<Vec<Guard>> {
    let branches = graph.blocks.iter().filter(|block| matches!(block.end, End::Branch { .. })).count();
    // Joins would have to be selected, too; and what stands behind a guard is not possible before it.
    let is_fit = |block: &Block| block.parameters.is_empty() && !matches!(block.end.test(), Some(Test::InBounds(..)));
    if !(1..=MOST_BRANCHES).contains(&branches) || !graph.blocks.iter().all(is_fit) {
        return None;
    }
    // Calls take long, and most packets may not come to them.
    let has_calls = graph.values.iter().any(|value| value.is_call());
    // Of few values it need not be known how many are still in use.
    let is_large = graph.values.len() > MOST_VALUES;
    if has_calls || is_large && computed(graph, graph.blocks.iter().flat_map(Block::values).collect()) > MOST_VALUES {
        return None;
    }
    let mut guards: Vec<Guard> = Vec::new();
    for check in graph.blocks.iter().flat_map(|block| &block.checks) {
        let Check::InBounds(address, width) = *check else { return None };
        match guards.iter_mut().find(|(guard, _)| guard.base == address.base) {
            Some(guard) if guard.0.end(guard.1) >= address.end(width) => {}
            Some(guard) => *guard = (address, width),
            None => guards.push((address, width)),
        }
    }
    guards.sort_by_key(|(address, _)| address.base);
    let is_far = guards.iter().any(|(address, width)| address.base.is_none() && address.end(*width) > LARGEST_GUARD);
    let bases: Vec<ValueId> = guards.iter().filter_map(|(address, _)| address.base).collect();
    let is_simple = bases.len() <= MOST_BASES && bases.iter().all(|&base| !has_base(graph, base));
    (!is_far && is_simple).then_some(guards)
}

/// Whether a value comes from a place that another value names.
fn has_base(graph: &Graph, value: ValueId) -> bool {
    let is_based = |value| matches!(graph.value(value), Value::Load(Address { base: Some(_), .. }, ..));
    closure(graph, vec![value]).into_iter().any(is_based)
}

/// How many values are computed for these.
fn computed(graph: &Graph, roots: Vec<ValueId>) -> usize {
    closure(graph, roots).into_iter().filter(|&value| graph.value(value).is_computed()).count()
}

/// These values and what they are made of, each once.
fn closure(graph: &Graph, mut open: Vec<ValueId>) -> Vec<ValueId> {
    let mut is_seen = vec![false; graph.values.len()];
    let mut closure = Vec::new();
    while let Some(value) = open.pop() {
        if !std::mem::replace(&mut is_seen[value.index()], true) {
            closure.push(value);
            open.extend(graph.values.operands(value));
        }
    }
    closure
}

/// The verdict, as an expression.
fn select(graph: &mut Graph) -> ValueId {
    let returns = graph.blocks.iter().filter_map(|block| match block.end {
        End::Return(verdict) => Some(graph.constant(verdict)),
        End::Jump(_) | End::Branch { .. } => None,
    });
    match returns.collect::<Vec<Option<u32>>>()[..] {
        [Some(keep), Some(0)] | [Some(0), Some(keep)] => verdict_difference::select(graph, keep),
        _ => fold_back(graph, |graph, end, of| match end {
            End::Return(verdict) => *verdict,
            End::Jump(edge) => of(edge),
            End::Branch { test, then, otherwise } => graph.values.select(*test, of(then), of(otherwise)),
        }),
    }
}

/// The value of the first block, where that of each block is made of those that it leads to.
pub(crate) fn fold_back(
    graph: &mut Graph,
    mut value: impl FnMut(&mut Graph, &End, &dyn Fn(&Edge) -> ValueId) -> ValueId,
) -> ValueId {
    let zero = graph.values.constant(0);
    let mut found = vec![zero; graph.blocks.len()];
    for index in (0..graph.blocks.len()).rev() {
        let end = graph.blocks[index].end.clone();
        found[index] = value(graph, &end, &|edge| found[edge.block.index()]);
    }
    found[0]
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use crate::ir::graph_of;
    use crate::opt::Pass;

    /// Whether the program becomes data flow.
    fn is_converted(text: &str) -> bool {
        let mut graph = graph_of(text);
        [Pass::Bounds, Pass::Flow].into_iter().for_each(|pass| graph.run(pass));
        let once = graph.to_string();
        graph.run(Pass::Flow);
        assert_eq!(graph.to_string(), once, "what was converted is not converted again");
        graph.strategy() == Strategy::Branchless
    }

    fn tests(count: u32) -> String {
        (0..count).map(|k| format!("ldb [{k}]\n jgt #{k}, drop\n")).collect::<String>() + "ret #1\n drop: ret #0"
    }

    #[test]
    fn small_programs_are_converted() {
        assert!(is_converted(&tests(1)));
        assert!(is_converted(&tests(24)));
        assert!(!is_converted(&tests(25)), "too many decisions");
        assert!(!is_converted("ldb [0]\n ret a"), "nothing to decide");
    }

    #[test]
    fn far_bytes_are_not_asked_for_at_once() {
        let load = |offset: u32| format!("ldb [{offset}]\n jeq #1, drop\n ret #1\n drop: ret #0");
        assert!(is_converted(&load(59)));
        assert!(!is_converted(&load(60)));
    }

    #[test]
    fn divisions_and_facts_that_may_be_absent_stay_behind_their_checks() {
        assert!(!is_converted("ldb [0]\n tax\n jeq #0, drop\n ldb [1]\n div x\n jeq #1, drop\n ret #1\n drop: ret #0"));
        assert!(!is_converted("ld ifidx\n jeq #1, drop\n ret #1\n drop: ret #0"));
        assert!(is_converted("ld mark\n jeq #1, drop\n ret #1\n drop: ret #0"));
    }

    #[test]
    fn what_takes_a_call_is_asked_only_where_it_must() {
        assert!(!is_converted("ld poff\n jeq #1, drop\n ret #1\n drop: ret #0"));
        assert!(!is_converted("ld mark\n jeq #1, drop\n ld nla\n ret a\n drop: ret #0"));
        assert!(is_converted("ldb [0xfff00000]\n jeq #1, drop\n ret #1\n drop: ret #0"));
    }

    #[test]
    fn three_bases_are_too_many() {
        let load = |offset: u32| format!("ldxb 4*([{offset}]&0xf)\n ldb [x + 1]\n jeq #1, drop\n");
        let program = |count: u32| (0..count).map(load).collect::<String>() + "ret #1\n drop: ret #0";
        assert!(is_converted(&program(2)));
        assert!(!is_converted(&program(3)));
    }
}
