//! What is decided before a program is written: which values are kept in scratch words.

use std::collections::HashMap;

use crate::bpf::verify::SCRATCH_WORDS;
use crate::ir::Hashing;
use crate::ir::dominators::{Dominators, Visit};
use crate::ir::{Graph, Value, ValueId};

/// How many scratch words can be planned for; the others are for computations that need one for a while.
const PLANNED: usize = SCRATCH_WORDS - 4;

/// The scratch words of parameters and of kept values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    slots: HashMap<ValueId, usize, Hashing>,
    kept: HashMap<ValueId, usize, Hashing>,
    /// The scratch words that are planned for, a bit each.
    pub(crate) reserved: u16,
    /// Whether edges bring the first parameter of a block in A.
    pub(crate) first_in_a: bool,
}

impl Plan {
    /// Gives each parameter a scratch word, another one than those of the parameters that it may depend on last.
    ///
    /// Where there are too many, one takes the word of another that is hopefully not needed any more. The writer knows
    /// what the words hold, and gives up if it is.
    pub(crate) fn of(graph: &Graph, first_in_a: bool) -> Plan {
        let mut plan = Plan { first_in_a, ..Plan::default() };
        let inherited = if first_in_a { HashMap::default() } else { inherited(graph) };
        let mut above = 0;
        for visit in Dominators::of(graph).walk() {
            match visit {
                Visit::Enter(id) => {
                    for &parameter in &graph.block(id).parameters {
                        let other = inherited.get(&parameter).and_then(|other| plan.slot(*other));
                        let slot = other.unwrap_or(above % PLANNED);
                        plan.slots.insert(parameter, slot);
                        plan.reserved |= 1 << slot;
                        above += 1;
                    }
                }
                Visit::Leave(id) => above -= graph.block(id).parameters.len(),
            }
        }
        plan
    }

    /// The scratch word of a value that is to be kept once it is computed.
    pub(crate) fn kept(&self, value: ValueId) -> Option<usize> {
        self.kept.get(&value).copied()
    }

    /// The scratch word of a parameter.
    pub(crate) fn slot(&self, value: ValueId) -> Option<usize> {
        self.slots.get(&value).copied()
    }

    /// The same plan, but this value is kept, too; `None` if no scratch word is left.
    pub(crate) fn keeping(&self, value: ValueId) -> Option<Plan> {
        let slot = (0..PLANNED).find(|slot| self.reserved & 1 << slot == 0)?;
        let mut plan = self.clone();
        plan.kept.insert(value, slot);
        plan.reserved |= 1 << slot;
        Some(plan)
    }
}

/// For each parameter one that an edge brings for it: in the same scratch word, it need not be moved.
fn inherited(graph: &Graph) -> HashMap<ValueId, ValueId, Hashing> {
    let mut inherited = HashMap::default();
    for edge in graph.blocks.iter().flat_map(|block| block.end.edges()) {
        for (&parameter, &argument) in graph.block(edge.block).parameters.iter().zip(&edge.arguments) {
            if matches!(graph.value(argument), Value::Parameter(_)) {
                inherited.insert(parameter, argument);
            }
        }
    }
    inherited
}
