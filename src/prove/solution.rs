//! The search for values of the inputs of a circuit with which a bit is 1.

use alloc::vec::Vec;

use crate::prove::Options;
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::decision_diagram::{DecisionDiagram, TooLarge};
use crate::prove::satisfiability::{self, Answer};

/// The most nodes of the first decision diagram: most questions take less, and for many others clause learning is fast.
const FEW_NODES: usize = 1 << 16;

/// The conflicts of the first search.
const FEW_CONFLICTS: u64 = 2_000;

/// Returns values of inputs with which a bit is 1, or `Answer::Unsatisfiable`.
///
/// The two methods take turns: each fails fast on questions that the other one decides fast.
pub(crate) fn find(circuit: &Circuit, bit: Bit, options: &Options) -> Answer {
    let by_diagram = |max_nodes: usize| -> Result<Answer, TooLarge> {
        let mut diagram = DecisionDiagram::new(max_nodes);
        let function = diagram.function(circuit, bit)?;
        Ok(diagram.solution(function).map_or(Answer::Unsatisfiable, |values: Vec<_>| Answer::Satisfiable(values)))
    };
    let few = options.max_nodes.min(FEW_NODES);
    if let Ok(answer) = by_diagram(few) {
        return answer;
    }
    let first = satisfiability::satisfy(circuit, bit, options.max_conflicts.min(FEW_CONFLICTS));
    if first != Answer::Unknown {
        return first;
    }
    let second = if options.max_nodes > few { by_diagram(options.max_nodes).ok() } else { None };
    let has_more = options.max_conflicts > FEW_CONFLICTS;
    second
        .unwrap_or_else(|| if has_more { satisfiability::satisfy(circuit, bit, options.max_conflicts) } else { first })
}
