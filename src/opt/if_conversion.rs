//! If-conversion: a small program becomes one expression, so that no branch can be mispredicted.
//!
//! Either the whole program is converted, or nothing. Guards come first: one for all loads at fixed offsets, and one
//! for each base of addresses. After them every load is in bounds whatever the tests say, so all values are computed
//! and the verdict is selected. Packets that are too short for a guard take the branches, which are kept as a cold
//! path.

use alloc::vec::Vec;

use crate::bpf::isa::Width;
use crate::ir::{Address, Block, BlockId, Check, Edge, Graph, Strategy, Terminator, Test, Value, ValueId};
use crate::opt::verdict_difference;

/// The largest fixed guard, in bytes: the shortest Ethernet frame without its checksum.
const LARGEST_GUARD: u64 = 60;

/// The most branches: each costs something, whether its outcome matters or not.
const MAX_BRANCHES: usize = 24;

/// The most values that are computed, if the user chose [`Strategy::Branchless`].
pub(crate) const MAX_VALUES: usize = 64;

/// The most values that are computed by default. They take little more time than well-predicted branches, and a third
/// of the time of mispredicted ones.
pub(crate) const MAX_VALUES_UNASKED: usize = 20;

/// The most bases of addresses.
const MAX_BASES: usize = 2;

/// The load that must be in bounds.
type Guard = (Address, Width);

/// Converts the program, if it is fit for that and takes no more than `max_values` computed values.
pub(crate) fn run(graph: &mut Graph, max_values: usize) {
    let Some(guards) = guards(graph) else { return };
    let verdict = select(graph);
    let roots = guards.iter().filter_map(|(address, _)| address.base).chain([verdict]);
    if computed(graph, roots.collect()) > max_values {
        return;
    }
    convert(graph, &guards, verdict);
    if !guards.is_empty() || matches!(graph.value(verdict), Value::Select(..)) {
        graph.strategy = Strategy::Branchless;
    }
    graph.simplify_cfg();
}

/// Puts the guards and the verdict before the branches, which become the cold path.
fn convert(graph: &mut Graph, guards: &[Guard], verdict: ValueId) {
    let dropped: Vec<Vec<bool>> = guards.iter().map(|&guard| dropped(graph, guard)).collect();
    let [slow, drop] = [1, 1 + graph.blocks.len()].map(|index| Edge::to(BlockId::new(guards.len() + index)));
    let zero = graph.values.constant(0);
    let mut open = dropped.iter().filter(|dropped| !dropped[0]);
    if let (Some(dropped), None) = (open.next(), open.next()) {
        // Only one guard leads to the cold path: its blocks that drop all such packets need no code.
        let dropped = graph.blocks.iter_mut().zip(dropped).filter(|&(_, &is_dropped)| is_dropped);
        dropped.for_each(|(block, _)| *block = Block::new(Terminator::Return(zero)));
    }
    for block in &mut graph.blocks {
        block.is_cold = true;
        block.terminator.edges_mut().for_each(|edge| edge.block.0 += slow.block.0);
    }
    let fast = guards.iter().zip(&dropped).enumerate().map(|(index, (&(address, width), dropped))| {
        let then = Edge::to(BlockId::new(index + 1));
        let otherwise = if dropped[0] { drop.clone() } else { slow.clone() };
        Block::new(Terminator::Branch { test: Test::InBounds(address, width), then, otherwise })
    });
    let fast = fast.chain([Block::new(Terminator::Return(verdict))]).collect();
    let branches = core::mem::replace(&mut graph.blocks, fast);
    graph.blocks.extend(branches);
    graph.blocks.push(Block { is_cold: true, ..Block::new(Terminator::Return(zero)) });
}

/// Returns, for each block, whether every path from it returns 0 for packets that are too short for a guard.
fn dropped(graph: &Graph, (guard, width): Guard) -> Vec<bool> {
    let fails = |check: &Check| {
        matches!(check, Check::InBounds(address, other)
            if address.base == guard.base && address.end(*other) >= guard.end(width))
    };
    let mut dropped = vec![false; graph.blocks.len()];
    for (index, block) in graph.blocks.iter().enumerate().rev() {
        dropped[index] = block.checks.iter().any(fails)
            || match &block.terminator {
                Terminator::Return(verdict) => graph.constant(*verdict) == Some(0),
                terminator => terminator.edges().all(|edge| dropped[edge.block.index()]),
            };
    }
    dropped
}

/// Returns the guards that make all loads possible; `None` if the program is not fit to be converted.
fn guards(graph: &Graph) -> Option<Vec<Guard>> {
    let branches = graph.blocks.iter().filter(|block| matches!(block.terminator, Terminator::Branch { .. })).count();
    // Parameters would need selections of their own, and what follows a guard is not possible before it.
    let is_fit =
        |block: &Block| block.parameters.is_empty() && !matches!(block.terminator.test(), Some(Test::InBounds(..)));
    if !(1..=MAX_BRANCHES).contains(&branches) || !graph.blocks.iter().all(is_fit) {
        return None;
    }
    // Calls are slow, and most packets may not reach them.
    let has_calls = graph.values.iter().any(|value| value.is_call());
    // Values that are not used are counted only if there are many.
    let is_large = graph.values.len() > MAX_VALUES;
    if has_calls || is_large && computed(graph, graph.blocks.iter().flat_map(Block::values).collect()) > MAX_VALUES {
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
    let is_simple = bases.len() <= MAX_BASES && bases.iter().all(|&base| !has_base(graph, base));
    (!is_far && is_simple).then_some(guards)
}

/// Returns whether a value depends on a load at an address with a base.
fn has_base(graph: &Graph, value: ValueId) -> bool {
    let is_based = |value| matches!(graph.value(value), Value::Load(Address { base: Some(_), .. }, ..));
    closure(graph, vec![value]).into_iter().any(is_based)
}

/// Returns the number of values that are computed for these.
fn computed(graph: &Graph, roots: Vec<ValueId>) -> usize {
    closure(graph, roots).into_iter().filter(|&value| graph.value(value).is_computed()).count()
}

/// Returns these values and all their operands, each once.
fn closure(graph: &Graph, mut open: Vec<ValueId>) -> Vec<ValueId> {
    let mut is_seen = vec![false; graph.values.len()];
    let mut closure = Vec::new();
    while let Some(value) = open.pop() {
        if !core::mem::replace(&mut is_seen[value.index()], true) {
            closure.push(value);
            open.extend(graph.values.operands(value));
        }
    }
    closure
}

/// Returns the verdict as an expression.
fn select(graph: &mut Graph) -> ValueId {
    let returns = graph.blocks.iter().filter_map(|block| match block.terminator {
        Terminator::Return(verdict) => Some(graph.constant(verdict)),
        Terminator::Jump(_) | Terminator::Branch { .. } => None,
    });
    match returns.collect::<Vec<Option<u32>>>()[..] {
        [Some(keep), Some(0)] | [Some(0), Some(keep)] => verdict_difference::select(graph, keep),
        _ => fold_back(graph, |graph, end, of| match end {
            Terminator::Return(verdict) => *verdict,
            Terminator::Jump(edge) => of(edge),
            Terminator::Branch { test, then, otherwise } => graph.values.select(*test, of(then), of(otherwise)),
        }),
    }
}

/// Returns the value of the first block, where `value` makes that of each block of those of its successors.
pub(crate) fn fold_back(
    graph: &mut Graph,
    mut value: impl FnMut(&mut Graph, &Terminator, &dyn Fn(&Edge) -> ValueId) -> ValueId,
) -> ValueId {
    let zero = graph.values.constant(0);
    let mut found = vec![zero; graph.blocks.len()];
    for index in (0..graph.blocks.len()).rev() {
        let end = graph.blocks[index].terminator.clone();
        found[index] = value(graph, &end, &|edge| found[edge.block.index()]);
    }
    found[0]
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use crate::ir::graph_of;
    use crate::opt::Pass;

    /// Returns whether the program is converted.
    fn is_converted(text: &str) -> bool {
        let mut graph = graph_of(text);
        [Pass::BoundsCheckElimination, Pass::IfConversion].into_iter().for_each(|pass| graph.run(pass));
        let once = graph.to_string();
        graph.run(Pass::IfConversion);
        assert_eq!(graph.to_string(), once, "converted twice");
        graph.strategy() == Strategy::Branchless
    }

    fn tests(count: u32) -> String {
        (0..count).map(|k| format!("ldb [{k}]\n jgt #{k}, drop\n")).collect::<String>() + "ret #1\n drop: ret #0"
    }

    #[test]
    fn converts_small_programs() {
        assert!(is_converted(&tests(1)));
        assert!(is_converted(&tests(24)));
        assert!(!is_converted(&tests(25)), "too many branches");
        assert!(!is_converted("ldb [0]\n ret a"), "no branches");
    }

    #[test]
    fn requires_no_long_packets() {
        let load = |offset: u32| format!("ldb [{offset}]\n jeq #1, drop\n ret #1\n drop: ret #0");
        assert!(is_converted(&load(59)));
        assert!(!is_converted(&load(60)));
    }

    #[test]
    fn keeps_programs_with_other_checks() {
        assert!(!is_converted("ldb [0]\n tax\n jeq #0, drop\n ldb [1]\n div x\n jeq #1, drop\n ret #1\n drop: ret #0"));
        assert!(!is_converted("ld ifidx\n jeq #1, drop\n ret #1\n drop: ret #0"));
        assert!(is_converted("ld mark\n jeq #1, drop\n ret #1\n drop: ret #0"));
    }

    #[test]
    fn keeps_programs_with_calls() {
        assert!(!is_converted("ld poff\n jeq #1, drop\n ret #1\n drop: ret #0"));
        assert!(!is_converted("ld mark\n jeq #1, drop\n ld nla\n ret a\n drop: ret #0"));
        assert!(is_converted("ldb [0xfff00000]\n jeq #1, drop\n ret #1\n drop: ret #0"));
    }

    #[test]
    fn keeps_programs_with_three_bases() {
        let load = |offset: u32| format!("ldxb 4*([{offset}]&0xf)\n ldb [x + 1]\n jeq #1, drop\n");
        let program = |count: u32| (0..count).map(load).collect::<String>() + "ret #1\n drop: ret #0";
        assert!(is_converted(&program(2)));
        assert!(!is_converted(&program(3)));
    }
}
