//! Membership tests as code: a balanced tree of comparisons, whose leaves test a few members, a range, or a bit of a
//! word.
//!
//! The kernel's verifier follows each path of a tree once, while a chain of thousands of tests exceeds its limits. A
//! map would take a call; a tree of 10,000 members has about 12 levels.

use alloc::vec::Vec;

use crate::bpf::isa::AluOp;
use crate::ebpf::code::{Code, Comparing, End, Label, Operation, Virtual};
use crate::ebpf::instruction::{Comparison, OperandSize};
use crate::ir::Range;

/// The most members that a leaf compares one by one: the branches of a list are predicted, those of a tree are not.
const MAX_COMPARED: usize = 8;

/// The fewest members in a word for which the test of a bit takes fewer instructions.
const MIN_IN_WORD: usize = 7;

/// The width of a word of bits.
const WORD: u32 = 64;

/// Ends the current block: control goes to `then` if `value` is in one of the ranges, which are sorted and disjoint,
/// and else to `otherwise`.
pub(crate) fn branch(code: &mut Code, value: Virtual, ranges: &[Range], then: Label, otherwise: Label) {
    let leaves = leaves(ranges);
    let is_cold = code.is_cold();
    let mut open = vec![(code.current(), leaves.as_slice(), (0, u32::MAX))];
    while let Some((label, leaves, bounds)) = open.pop() {
        code.begin(label);
        match leaves {
            [] => code.jump(otherwise),
            [leaf] => test_leaf(code, value, leaf, bounds, then, otherwise),
            _ => {
                let (low, high) = leaves.split_at(leaves.len() / 2);
                let first = high[0][0].0;
                let [below, above] = [code.block_like(is_cold), code.block_like(is_cold)];
                let test = compare(value, Comparison::Less, first);
                code.end(End::Branch { test, then: below, otherwise: above });
                open.push((below, low, (bounds.0, first - 1)));
                open.push((above, high, (first, bounds.1)));
            }
        }
    }
}

/// Cuts ranges into groups for leaves: those that fit into a word of bits if they are many, else some numbers, or a
/// single range.
fn leaves(ranges: &[Range]) -> Vec<&[Range]> {
    let mut leaves = Vec::new();
    let mut rest = ranges;
    while let Some(&(first, last)) = rest.first() {
        let in_word = rest.iter().take_while(|&&(_, last)| last - first < WORD).count();
        let numbers = rest.iter().take(MAX_COMPARED).take_while(|(first, last)| first == last).count();
        let len = match (in_word >= MIN_IN_WORD, first == last) {
            (true, _) => in_word,
            (false, true) => numbers,
            (false, false) => 1,
        };
        let (leaf, others) = rest.split_at(len);
        leaves.push(leaf);
        rest = others;
    }
    leaves
}

/// Tests the members of a leaf, given the least and the largest number that the value can be.
fn test_leaf(code: &mut Code, value: Virtual, leaf: &[Range], (least, most): Range, then: Label, otherwise: Label) {
    match *leaf {
        [(first, last)] if first == last || least == first || most == last => {
            let (comparison, k) = match (first <= least, most <= last) {
                (true, true) => return code.jump(then),
                (true, false) => (Comparison::LessOrEqual, last),
                (false, true) => (Comparison::GreaterOrEqual, first),
                (false, false) => (Comparison::Equal, first),
            };
            code.end(End::Branch { test: compare(value, comparison, k), then, otherwise });
        }
        [(first, last)] => {
            let distance = code.alu(OperandSize::Half, AluOp::Sub, value, first as i32);
            let test = compare(distance, Comparison::LessOrEqual, last - first);
            code.end(End::Branch { test, then, otherwise });
        }
        _ if leaf.iter().all(|(first, last)| first == last) && leaf.len() <= MAX_COMPARED => {
            for &(member, _) in leaf {
                code.branch_if(OperandSize::Half, value, Comparison::Equal, member as i32, then);
            }
            code.jump(otherwise);
        }
        _ => test_bit(code, value, leaf, (least, most), then, otherwise),
    }
}

/// Tests the bit of a value in a word that has a bit for each number from the first member on.
fn test_bit(code: &mut Code, value: Virtual, leaf: &[Range], bounds: Range, then: Label, otherwise: Label) {
    let (first, last) = (leaf[0].0, leaf[leaf.len() - 1].1);
    let members = leaf.iter().flat_map(|&(low, high)| low..=high);
    let bits = members.fold(0, |bits: u64, member| bits | 1 << (member - first));
    let distance = if first == 0 { value } else { code.alu(OperandSize::Half, AluOp::Sub, value, first as i32) };
    if bounds.0 < first || bounds.1 > first + (WORD - 1) {
        code.branch_if(OperandSize::Half, distance, Comparison::Greater, (last - first) as i32, otherwise);
    }
    let word = code.create();
    code.push(Operation::LoadImmediate { dst: word, value: bits });
    let shifted = code.alu(OperandSize::Full, AluOp::Rsh, word, distance);
    let test = Comparing { size: OperandSize::Half, comparison: Comparison::BitsSet, left: shifted, right: 1.into() };
    code.end(End::Branch { test, then, otherwise });
}

fn compare(left: Virtual, comparison: Comparison, k: u32) -> Comparing {
    Comparing { size: OperandSize::Half, comparison, left, right: (k as i32).into() }
}
