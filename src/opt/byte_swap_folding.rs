//! Equality is asked in the order in which the packet has the bytes: the constant is turned round, not the packet.
//!
//! That a load or another expression is computed once on a path needs no pass: equal expressions are one value, and the
//! schedule computes a value where it is first needed.

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::Set;
use crate::ir::{ByteOrder, End, Graph, Test, Value, ValueId};

/// Turns tests round, where nothing else needs the number.
pub(crate) fn run(graph: &mut Graph) {
    if cfg!(target_endian = "big") {
        return;
    }
    let is_needed = needed(graph);
    for index in 0..graph.blocks.len() {
        let End::Branch { test, .. } = graph.blocks[index].end else { continue };
        if let Some(load) = turnable(graph, test).filter(|load| !is_needed[load.index()])
            && let Some(turned) = turn(graph, test, load)
            && let End::Branch { test, .. } = &mut graph.blocks[index].end
        {
            *test = turned;
        }
    }
}

/// The load in network order whose bytes a test may take as they come.
fn turnable(graph: &Graph, test: Test) -> Option<ValueId> {
    let value = match test {
        Test::Compare(Condition::Equal, left, right) if graph.constant(right).is_some() => match graph.value(left) {
            Value::Alu(AluOp::And, inner, mask) if graph.constant(mask).is_some() => inner,
            _ => left,
        },
        Test::Compare(Condition::BitsSet, left, right) if graph.constant(right).is_some() => left,
        Test::Member(value, set) if matches!(graph.sets.get(set), Set::Few(_) | Set::Table(_)) => value,
        _ => return None,
    };
    matches!(graph.value(value), Value::Load(_, Width::Half | Width::Word, ByteOrder::Big)).then_some(value)
}

/// The same test on bytes as they come.
fn turn(graph: &mut Graph, test: Test, load: ValueId) -> Option<Test> {
    let Value::Load(address, width, _) = graph.value(load) else { return None };
    let turned = graph.values.load(address, width, ByteOrder::Native);
    match test {
        Test::Compare(condition, left, right) => {
            let k = turn_constant(graph, right, width)?;
            let left = match graph.value(left) {
                Value::Alu(op, _, mask) => {
                    let mask = turn_constant(graph, mask, width)?;
                    graph.values.alu(op, turned, mask)
                }
                _ => turned,
            };
            Some(Test::Compare(condition, left, k))
        }
        Test::Member(_, set) => {
            let set = graph.sets.swapped(set, width, |number| swapped(number, width))?;
            Some(Test::Member(turned, set))
        }
        Test::InBounds(..) => None,
    }
}

fn turn_constant(graph: &mut Graph, constant: ValueId, width: Width) -> Option<ValueId> {
    let k = graph.constant(constant)?;
    Some(graph.values.constant(swapped(k, width)))
}

/// The number whose lower bytes are in the opposite order.
fn swapped(number: u32, width: Width) -> u32 {
    match width {
        Width::Byte => number,
        Width::Half => u32::from((number as u16).swap_bytes()),
        Width::Word => number.swap_bytes(),
    }
}

/// Which values are needed as the numbers that they are.
fn needed(graph: &Graph) -> Vec<bool> {
    let mut is_needed = vec![false; graph.values.len()];
    for block in &graph.blocks {
        let mut roots: Vec<ValueId> = block.values_but_of_test().collect();
        roots.extend(
            block.end.test().filter(|&test| turnable(graph, test).is_none()).into_iter().flat_map(Test::values),
        );
        while let Some(root) = roots.pop() {
            if !std::mem::replace(&mut is_needed[root.index()], true) {
                roots.extend(graph.values.operands(root));
            }
        }
    }
    is_needed
}
