//! Byte-swap folding: a test for equality swaps the bytes of the constant at compile time, not those of the packet.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::{ByteOrder, Graph, MemberSet, Terminator, Test, Value, ValueId};

/// Swaps the constants of tests, where nothing else needs the number in host order.
pub(crate) fn run(graph: &mut Graph) {
    if cfg!(target_endian = "big") {
        return;
    }
    let is_needed = needed(graph);
    for index in 0..graph.blocks.len() {
        let Terminator::Branch { test, .. } = graph.blocks[index].terminator else { continue };
        if let Some(load) = swappable(graph, test).filter(|load| !is_needed[load.index()]) {
            if let Some(native) = swap(graph, test, load) {
                if let Terminator::Branch { test, .. } = &mut graph.blocks[index].terminator {
                    *test = native;
                }
            }
        }
    }
}

/// Returns the load in network order that a test may read in native order.
fn swappable(graph: &Graph, test: Test) -> Option<ValueId> {
    let value = match test {
        Test::Compare(Condition::Equal, left, right) if graph.values.as_open(right).is_some() => {
            match graph.value(left) {
                Value::Alu(AluOp::And, inner, mask) if graph.constant(mask).is_some() => inner,
                _ => left,
            }
        }
        Test::Compare(Condition::BitsSet, left, right) if graph.constant(right).is_some() => left,
        Test::Member(value, set) if matches!(graph.sets.get(set), MemberSet::Few(_) | MemberSet::Table(_)) => value,
        _ => return None,
    };
    matches!(graph.value(value), Value::Load(_, Width::Half | Width::Word, ByteOrder::Big)).then_some(value)
}

/// Returns the same test of a load in native order.
fn swap(graph: &mut Graph, test: Test, load: ValueId) -> Option<Test> {
    let Value::Load(address, width, _) = graph.value(load) else { return None };
    let native = graph.values.load(address, width, ByteOrder::Native);
    match test {
        Test::Compare(condition, left, right) => {
            let k = swapped_constant(graph, right, width)?;
            let left = match graph.value(left) {
                Value::Alu(op, _, mask) => {
                    let mask = swapped_constant(graph, mask, width)?;
                    graph.values.alu(op, native, mask)
                }
                _ => native,
            };
            Some(Test::Compare(condition, left, k))
        }
        Test::Member(_, set) => {
            let set = graph.sets.swapped(set, width, |number| width.reorder(number))?;
            Some(Test::Member(native, set))
        }
        Test::InBounds(..) => None,
    }
}

fn swapped_constant(graph: &mut Graph, constant: ValueId, width: Width) -> Option<ValueId> {
    let swapped = graph.values.as_open(constant)?.reordered(width)?;
    Some(graph.values.open(swapped))
}

/// Returns, for each value, whether anything but a swappable test depends on it.
fn needed(graph: &Graph) -> Vec<bool> {
    let mut is_needed = vec![false; graph.values.len()];
    for block in &graph.blocks {
        let mut roots: Vec<ValueId> = block.values_but_of_test().collect();
        roots.extend(
            block.terminator.test().filter(|&test| swappable(graph, test).is_none()).into_iter().flat_map(Test::values),
        );
        while let Some(root) = roots.pop() {
            if !core::mem::replace(&mut is_needed[root.index()], true) {
                roots.extend(graph.values.operands(root));
            }
        }
    }
    is_needed
}
