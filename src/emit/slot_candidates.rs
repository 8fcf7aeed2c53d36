//! Which values may be worth a scratch word: those that take long to compute, and are computed more than once.

use std::cmp::Reverse;

use crate::emit::evaluate::mem_shift;
use crate::ir::{Address, Graph, Value, ValueId};

/// The values that would save instructions if they were kept, the most promising first.
pub(crate) fn worth_trying(graph: &Graph, computed: &[u32]) -> Vec<ValueId> {
    let costs = costs(graph);
    let saved = |id: &ValueId| (u64::from(computed[id.index()]) - 1) * (u64::from(costs[id.index()]) - 1);
    // To store it and to load it is no gain over computing twice what takes two instructions.
    let is_candidate = |id: &ValueId| computed[id.index()] > 1 && costs[id.index()] > 1 && saved(id) > 1;
    let mut candidates: Vec<ValueId> = (0..computed.len() as u32).map(ValueId).filter(is_candidate).collect();
    candidates.sort_by_key(|id| Reverse(saved(id)));
    candidates
}

/// About how many instructions it takes to compute each value from nothing.
fn costs(graph: &Graph) -> Vec<u32> {
    let mut costs: Vec<u32> = Vec::with_capacity(graph.values.len());
    for (index, value) in graph.values.iter().enumerate() {
        let cost = |id: ValueId| costs[id.index()];
        costs.push(match value {
            _ if mem_shift(graph, ValueId(index as u32)).is_some() => 1,
            Value::Load(Address { base: Some(base), .. }, ..) => cost(base).saturating_add(2),
            Value::Negate(operand) => cost(operand).saturating_add(1),
            Value::Position(operand) => cost(operand),
            Value::Alu(_, left, right) if graph.constant(right).is_some() => cost(left).saturating_add(1),
            Value::Alu(_, left, right) | Value::Find(_, left, right) => {
                cost(left).saturating_add(cost(right)).saturating_add(2)
            }
            _ => 1,
        });
    }
    costs
}
