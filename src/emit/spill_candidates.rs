//! Spill candidates: values that take several instructions to compute, and are computed more than once.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::emit::instruction_selection::mem_shift;
use crate::ir::{Graph, Value, ValueId};

/// Returns the values whose spilling would save instructions, the most promising first.
pub(crate) fn spill_candidates(graph: &Graph, times_computed: &[u32]) -> Vec<ValueId> {
    let costs = costs(graph);
    let saved = |id: &ValueId| (u64::from(times_computed[id.index()]) - 1) * (u64::from(costs[id.index()]) - 1);
    // A store and a load cost as much as computing a value of two instructions twice.
    let is_candidate = |id: &ValueId| times_computed[id.index()] > 1 && costs[id.index()] > 1 && saved(id) > 1;
    let mut candidates: Vec<ValueId> = graph.values.ids().filter(is_candidate).collect();
    candidates.sort_by_key(|id| Reverse(saved(id)));
    candidates
}

/// Returns about how many instructions the computation of each value takes.
fn costs(graph: &Graph) -> Vec<u32> {
    let mut costs: Vec<u32> = Vec::with_capacity(graph.values.len());
    for id in graph.values.ids() {
        let cost = |id: ValueId| costs[id.index()];
        costs.push(match graph.value(id) {
            _ if mem_shift(graph, id).is_some() => 1,
            Value::Load(address, ..) => address.base.map_or(1, |base| cost(base).saturating_add(2)),
            Value::Negate(operand) => cost(operand).saturating_add(1),
            Value::ResolvedOffset(operand) => cost(operand),
            Value::Alu(_, left, right) if graph.constant(right).is_some() => cost(left).saturating_add(1),
            Value::Alu(_, left, right) | Value::FindAttribute(_, left, right) => {
                cost(left).saturating_add(cost(right)).saturating_add(2)
            }
            _ => 1,
        });
    }
    costs
}
