//! Slot allocation: the scratch words of block parameters and of spilled values.

use crate::bpf::verify::SCRATCH_WORDS;
use crate::ir::dominators::{Dominators, Visit};
use crate::ir::hash_map::HashMap;
use crate::ir::{Graph, Value, ValueId};

/// The number of scratch words that are allocated; the others are for operands of computations.
const ALLOCATED_SLOTS: usize = SCRATCH_WORDS - 4;

/// The scratch words of block parameters and of spilled values.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlotAllocation {
    of_parameters: HashMap<ValueId, usize>,
    of_spilled: HashMap<ValueId, usize>,
    /// The allocated scratch words, a bit each.
    pub(crate) reserved: u16,
    /// Set if edges pass the first parameter of a block in A.
    pub(crate) is_first_in_a: bool,
}

impl SlotAllocation {
    /// Allocates a scratch word to each parameter, and spills no other value.
    ///
    /// The parameters of dominating blocks have different words as long as there are enough. After that, words are used
    /// twice; if both parameters are needed, the emitter finds one missing and gives up.
    pub(crate) fn of(graph: &Graph, is_first_in_a: bool) -> SlotAllocation {
        let mut allocation = SlotAllocation { is_first_in_a, ..SlotAllocation::default() };
        let coalesced = if is_first_in_a { HashMap::default() } else { coalesced(graph) };
        let mut dominating_parameters = 0;
        for visit in Dominators::of(graph).walk() {
            match visit {
                Visit::Enter(id) => {
                    for &parameter in &graph.block(id).parameters {
                        let other = coalesced.get(&parameter).and_then(|other| allocation.of_parameter(*other));
                        let slot = other.unwrap_or(dominating_parameters % ALLOCATED_SLOTS);
                        allocation.of_parameters.insert(parameter, slot);
                        allocation.reserved |= 1 << slot;
                        dominating_parameters += 1;
                    }
                }
                Visit::Leave(id) => dominating_parameters -= graph.block(id).parameters.len(),
            }
        }
        allocation
    }

    /// Returns the scratch word of a parameter.
    pub(crate) fn of_parameter(&self, value: ValueId) -> Option<usize> {
        self.of_parameters.get(&value).copied()
    }

    /// Returns the scratch word in which a value is stored as soon as it is computed.
    pub(crate) fn of_spilled(&self, value: ValueId) -> Option<usize> {
        self.of_spilled.get(&value).copied()
    }

    /// Returns the same allocation with one more spilled value; `None` if no scratch word is left.
    pub(crate) fn with_spilled(&self, value: ValueId) -> Option<SlotAllocation> {
        let slot = (0..ALLOCATED_SLOTS).find(|slot| self.reserved & 1 << slot == 0)?;
        let mut allocation = self.clone();
        allocation.of_spilled.insert(value, slot);
        allocation.reserved |= 1 << slot;
        Some(allocation)
    }
}

/// Returns for each parameter another one that an edge passes for it: if they share a scratch word, nothing is moved.
fn coalesced(graph: &Graph) -> HashMap<ValueId, ValueId> {
    let mut coalesced = HashMap::default();
    for edge in graph.blocks.iter().flat_map(|block| block.terminator.edges()) {
        for (&parameter, &argument) in graph.block(edge.block).parameters.iter().zip(&edge.arguments) {
            if matches!(graph.value(argument), Value::Parameter(_)) {
                coalesced.insert(parameter, argument);
            }
        }
    }
    coalesced
}
