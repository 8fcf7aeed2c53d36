//! The numbers that a value can have, where they are few: for offsets that are computed from the packet, such as four
//! times half a byte.

use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Width};
use crate::ir::hash_map::HashMap;
use crate::ir::{Graph, Value, ValueId};
use crate::packet::header::Header;
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::word::Word;

/// The most numbers of a value that is split into cases. Beyond them, bytes at computed offsets are compared in pairs.
const MAX_NUMBERS: usize = 1 << 6;

/// The most numbers of a value on the way to one that is split.
const MAX_LISTED: usize = 1 << 10;

/// The most pairs of numbers of the operands of one operation.
const MAX_PAIRS: usize = 1 << 14;

/// A sorted list of all numbers that a value can have.
type List = Rc<[u32]>;

/// The numbers of the values of a graph.
pub(crate) struct Numbers<'g> {
    graph: &'g Graph,
    lists: HashMap<ValueId, Option<List>>,
}

impl<'g> Numbers<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Numbers<'g> {
        Numbers { graph, lists: HashMap::default() }
    }

    /// Returns all numbers that a value can have, or `None` if there are too many.
    pub(crate) fn of(&mut self, id: ValueId) -> Option<List> {
        self.list(id).filter(|list| list.len() <= MAX_NUMBERS)
    }

    /// Returns the numbers of a value, which may be too many for cases, but not for further arithmetic.
    fn list(&mut self, id: ValueId) -> Option<List> {
        let mut pending = vec![id];
        while let Some(&next) = pending.last() {
            let operands = self.operands(next).into_iter().flatten();
            let missing: Vec<ValueId> = operands.filter(|operand| !self.lists.contains_key(operand)).collect();
            if self.lists.contains_key(&next) {
                pending.pop();
            } else if missing.is_empty() {
                let list = self.compute(next);
                self.lists.insert(next, list);
                pending.pop();
            } else {
                pending.extend(missing);
            }
        }
        self.lists.get(&id).cloned().flatten()
    }

    /// Adds the numbers of an argument to those of a parameter, for which `is_first` sets the first ones.
    pub(crate) fn join(&mut self, parameter: ValueId, argument: ValueId, is_first: bool) {
        let list = self.list(argument);
        let joined = match self.lists.get(&parameter) {
            Some(before) if !is_first => before.as_ref().zip(list).map(|(before, list)| {
                let all: BTreeSet<u32> = before.iter().chain(list.iter()).copied().collect();
                all.into_iter().collect()
            }),
            _ => list,
        };
        self.lists.insert(parameter, joined.filter(|list: &List| list.len() <= MAX_LISTED));
    }

    /// Returns the operands whose numbers decide those of a value.
    fn operands(&self, id: ValueId) -> [Option<ValueId>; 2] {
        match self.graph.value(id) {
            Value::Alu(_, left, right) | Value::Select(_, left, right) => [Some(left), Some(right)],
            Value::Negate(operand) | Value::ResolvedOffset(operand) => [Some(operand), None],
            _ => [None, None],
        }
    }

    fn compute(&self, id: ValueId) -> Option<List> {
        let of = |operand| self.lists.get(&operand).cloned().flatten();
        match self.graph.value(id) {
            Value::Constant(k) => Some([k].into()),
            Value::Load(_, Width::Byte, _) => Some((0..=0xff).collect()),
            Value::Negate(operand) => Some(distinct(of(operand)?.iter().map(|number| number.wrapping_neg()))),
            // Offsets that are not relative to a header stay as they are.
            Value::ResolvedOffset(operand) => of(operand).filter(|list| list.iter().all(|&k| k < Header::FIRST_OFFSET)),
            Value::Select(_, left, right) => Some(distinct(of(left)?.iter().chain(of(right)?.iter()).copied())),
            Value::Alu(op, left, right) => arithmetic(op, of(left).as_ref(), of(right).as_ref()),
            _ => None,
        }
    }
}

/// A word, with all numbers that it can be if they are few.
#[derive(Clone, Debug)]
pub(crate) struct NumberedWord {
    pub(crate) word: Word,
    numbers: Option<List>,
}

impl NumberedWord {
    pub(crate) fn constant(k: u32) -> NumberedWord {
        NumberedWord { word: Word::constant(k), numbers: Some([k].into()) }
    }

    /// Returns a word of which only the lower 8 bits may be set.
    pub(crate) fn byte(word: Word) -> NumberedWord {
        NumberedWord { word, numbers: Some((0..=0xff).collect()) }
    }

    /// Returns a word that can be any number.
    pub(crate) fn any(word: Word) -> NumberedWord {
        NumberedWord { word, numbers: None }
    }

    /// Returns all numbers that the word can be, or `None` if there are too many.
    fn numbers(&self) -> Option<&[u32]> {
        self.numbers.as_deref().filter(|list| list.len() <= MAX_NUMBERS)
    }

    /// Returns whether the word is known to be below a number.
    pub(crate) fn is_below(&self, end: u32) -> bool {
        self.numbers.as_deref().is_some_and(|list| list.iter().all(|&number| number < end))
    }

    pub(crate) fn alu(&self, circuit: &mut Circuit, op: AluOp, other: &NumberedWord) -> NumberedWord {
        let word = circuit.alu(op, self.word, other.word);
        let numbers = arithmetic(op, self.numbers.as_ref(), other.numbers.as_ref());
        NumberedWord { word, numbers: numbers.filter(|list| list.len() <= MAX_LISTED) }
    }

    /// Returns the other word where a bit is 1, and else this one.
    pub(crate) fn joined(&self, circuit: &mut Circuit, is_other: Bit, other: &NumberedWord) -> NumberedWord {
        let word = circuit.select_word(is_other, other.word, self.word);
        let both = self.numbers.as_ref().zip(other.numbers.as_ref());
        let numbers = both.map(|(list, other)| match list == other {
            true => list.clone(),
            false => distinct(list.iter().chain(other.iter()).copied()),
        });
        NumberedWord { word, numbers: numbers.filter(|list| list.len() <= MAX_LISTED) }
    }

    /// Returns whether the word is each of its numbers, if these can be enumerated.
    pub(crate) fn cases(&self, circuit: &mut Circuit) -> Option<Rc<[(u32, Bit)]>> {
        let numbers = self.numbers()?;
        let cases = numbers.iter().map(|&number| (number, circuit.equal(self.word, Word::constant(number))));
        Some(cases.filter(|&(_, is_number)| is_number != Bit::ZERO).collect())
    }
}

/// Returns the results of an operation, given all operands, if these are few.
fn arithmetic(op: AluOp, left: Option<&List>, right: Option<&List>) -> Option<List> {
    match (left, right) {
        (Some(left), Some(right)) => pairs(op, left, right),
        (None, Some(mask)) | (Some(mask), None) if op == AluOp::And => submasks(mask),
        _ => None,
    }
}

fn distinct(numbers: impl Iterator<Item = u32>) -> List {
    numbers.collect::<BTreeSet<u32>>().into_iter().collect()
}

/// Returns the results of an operation; a division by 0 has none.
fn pairs(op: AluOp, left: &[u32], right: &[u32]) -> Option<List> {
    let is_small = left.len() * right.len() <= MAX_PAIRS;
    let results = left.iter().flat_map(|&left| right.iter().filter_map(move |&right| op.eval(left, right)));
    is_small.then(|| distinct(results)).filter(|list| list.len() <= MAX_LISTED)
}

/// Returns all numbers without bits outside of a constant mask.
fn submasks(mask: &[u32]) -> Option<List> {
    let &[mask] = mask else { return None };
    let is_small = 1_usize << mask.count_ones().min(31) <= MAX_LISTED;
    let next = |number: &u32| (*number != mask).then(|| number.wrapping_sub(mask) & mask);
    is_small.then(|| core::iter::successors(Some(0), next).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::graph_of;

    /// Returns the numbers of the verdict of the last block.
    fn numbers(text: &str) -> Option<Vec<u32>> {
        let graph = graph_of(text);
        let crate::ir::Terminator::Return(verdict) = graph.blocks[graph.blocks.len() - 1].terminator else {
            return None;
        };
        Numbers::new(&graph).of(verdict).map(|list| list.to_vec())
    }

    #[test]
    fn enumerates_offsets_of_headers() {
        let words: Vec<u32> = (0..16).map(|words| 4 * words + 14).collect();
        assert_eq!(numbers("ldb [14]\n and #0xf\n lsh #2\n add #14\n ret a"), Some(words));
        assert_eq!(numbers("ldh [14]\n and #0x8001\n ret a"), Some(vec![0, 1, 0x8000, 0x8001]));
        assert_eq!(numbers("ldb [14]\n rsh #2\n ret a").map(|list| list.len()), Some(64));
        assert_eq!(numbers("ldb [14]\n ret a"), None);
        assert_eq!(numbers("ldh [14]\n and #0x7ff\n ret a"), None);
        assert_eq!(numbers("ld #len\n ret a"), None);
    }
}
