//! What is decided before a program is written: which values are kept in scratch words.

use std::collections::HashMap;

use crate::graph::dominators::{Dominators, Visit};
use crate::graph::values::Hashing;
use crate::graph::{Graph, ValueId};
use crate::verify::SCRATCH_WORDS;

/// How many scratch words are not given to values that are kept.
const FOR_COMPUTATIONS: usize = 4;

/// The scratch words of parameters and of kept values.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    slots: HashMap<ValueId, usize, Hashing>,
    kept: HashMap<ValueId, usize, Hashing>,
    /// The scratch words that are planned for, a bit each.
    pub(super) reserved: u16,
}

impl Plan {
    /// Gives each parameter a scratch word that no block has that dominates its own.
    pub(super) fn of(graph: &Graph) -> Plan {
        let mut plan = Plan::default();
        let mut next = 0;
        for visit in Dominators::of(graph).walk() {
            match visit {
                Visit::Enter(id) => {
                    for &parameter in &graph.block(id).parameters {
                        if next < SCRATCH_WORDS {
                            plan.slots.insert(parameter, next);
                            plan.reserved |= 1 << next;
                        }
                        next += 1;
                    }
                }
                Visit::Leave(id) => next -= graph.block(id).parameters.len(),
            }
        }
        plan
    }

    /// The scratch word of a value that is to be kept once it is computed.
    pub(super) fn kept(&self, value: ValueId) -> Option<usize> {
        self.kept.get(&value).copied()
    }

    /// The scratch word of a parameter.
    pub(super) fn slot(&self, value: ValueId) -> Option<usize> {
        self.slots.get(&value).copied()
    }

    /// The same plan, but this value is kept, too; `None` if no scratch word is left.
    pub(super) fn keeping(&self, value: ValueId) -> Option<Plan> {
        let slot = (0..SCRATCH_WORDS - FOR_COMPUTATIONS).find(|slot| self.reserved & 1 << slot == 0)?;
        let mut plan = self.clone();
        plan.kept.insert(value, slot);
        plan.reserved |= 1 << slot;
        Some(plan)
    }
}
