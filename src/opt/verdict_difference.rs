//! The verdict of a program that returns one constant or 0, as a difference: 0 if the packet is kept.
//!
//! A test for equality is the exclusive or of its operands. The differences of tests that must all hold are or-ed,
//! which is cheaper than selections, and the verdict is selected once, at the end.

use crate::bpf::isa::{AluOp, Condition};
use crate::ir::test::Comparison;
use crate::ir::{Edge, Graph, MemberSet, Terminator, Test, Value, ValueId};
use crate::opt::if_conversion;

/// Returns the verdict of a program that returns `keep` or 0.
pub(crate) fn select(graph: &mut Graph, keep: u32) -> ValueId {
    let difference = if_conversion::fold_back(graph, block);
    let (keep, zero) = (graph.values.constant(keep), graph.values.constant(0));
    match graph.values.compare(Condition::Equal, difference, zero) {
        Comparison::Constant(true) => keep,
        Comparison::Constant(false) => zero,
        Comparison::Test(test, true) => graph.values.select(test, keep, zero),
        Comparison::Test(test, false) => graph.values.select(test, zero, keep),
    }
}

/// Returns the difference of a block, given those of its successors.
fn block(graph: &mut Graph, end: &Terminator, of: &dyn Fn(&Edge) -> ValueId) -> ValueId {
    match end {
        Terminator::Return(verdict) => {
            let is_dropped = graph.constant(*verdict) == Some(0);
            graph.values.constant(is_dropped.into())
        }
        Terminator::Jump(edge) => of(edge),
        Terminator::Branch { test, then, otherwise } => branch(graph, *test, of(then), of(otherwise)),
    }
}

fn branch(graph: &mut Graph, test: Test, then: ValueId, otherwise: ValueId) -> ValueId {
    let drops = |value| graph.constant(value) == Some(1);
    match test {
        Test::Compare(Condition::Equal, left, right) if drops(otherwise) => {
            let difference = graph.values.alu(AluOp::Xor, left, right);
            graph.values.alu(AluOp::Or, then, difference)
        }
        Test::Compare(Condition::BitsSet, left, right) if drops(then) => {
            let difference = graph.values.alu(AluOp::And, left, right);
            graph.values.alu(AluOp::Or, otherwise, difference)
        }
        _ => selection(graph, test, then, otherwise),
    }
}

/// Returns a selection; `if t then d else d | e` is `d | (if t then 0 else e)`.
fn selection(graph: &mut Graph, test: Test, then: ValueId, otherwise: ValueId) -> ValueId {
    match graph.value(otherwise) {
        Value::Alu(AluOp::Or, left, right) if left == then || right == then => {
            let zero = graph.values.constant(0);
            let more = graph.values.select(test, zero, if left == then { right } else { left });
            graph.values.alu(AluOp::Or, then, more)
        }
        _ => unified_branch(graph, test, then, otherwise),
    }
}

/// Returns a selection. If both sides look up different numbers in the same table, the number is selected and looked up
/// once.
fn unified_branch(graph: &mut Graph, test: Test, then: ValueId, otherwise: ValueId) -> ValueId {
    if let Some(both) = unified(graph, test, then, otherwise) {
        return both;
    }
    // In `if a then P else if b then Q else R`, P and Q may be unified.
    if let Value::Select(other, inner, rest) = graph.value(otherwise) {
        if let Some(both) = unified(graph, test, then, inner) {
            let otherwise = graph.values.select(other, both, rest);
            return graph.values.select(test, both, otherwise);
        }
    }
    graph.values.select(test, then, otherwise)
}

/// Returns one expression that is `a` if the test holds and else `b`, if they look up the same tables.
fn unified(graph: &mut Graph, test: Test, a: ValueId, b: ValueId) -> Option<ValueId> {
    if a == b {
        return Some(a);
    }
    match (graph.value(a), graph.value(b)) {
        (Value::Select(Test::Member(x, set), yes, no), Value::Select(Test::Member(y, other), other_yes, other_no))
            if set == other && !matches!(graph.sets.get(set), MemberSet::Range(..)) =>
        {
            let yes = unified(graph, test, yes, other_yes)?;
            let no = unified(graph, test, no, other_no)?;
            let number = graph.values.select(test, x, y);
            Some(graph.values.select(Test::Member(number, set), yes, no))
        }
        (Value::Alu(AluOp::Or, left, right), _) => {
            let (rest, more) = lookup(graph, left, right)?;
            let zero = graph.values.constant(0);
            let both = unified(graph, test, rest, b)?;
            let more = graph.values.select(test, more, zero);
            Some(graph.values.alu(AluOp::Or, both, more))
        }
        (_, Value::Alu(AluOp::Or, left, right)) => {
            let (rest, more) = lookup(graph, left, right)?;
            let zero = graph.values.constant(0);
            let both = unified(graph, test, a, rest)?;
            let more = graph.values.select(test, zero, more);
            Some(graph.values.alu(AluOp::Or, both, more))
        }
        _ => None,
    }
}

/// Sorts two values: one that looks up a table, and the other.
fn lookup(graph: &Graph, left: ValueId, right: ValueId) -> Option<(ValueId, ValueId)> {
    let looks_up =
        |value| matches!(graph.value(value), Value::Select(Test::Member(..), ..) | Value::Alu(AluOp::Or, ..));
    if looks_up(left) { Some((left, right)) } else { looks_up(right).then_some((right, left)) }
}
