//! Load merging: tests of adjacent bytes that must all hold become one test of one load.
//!
//! `[20:2] & 0x1fff == 0` and `[23] == 6` are `[20:4] & 0x1fff00ff == 6`, if four bytes from 20 on are captured.

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::{Address, BlockId, ByteOrder, Edge, Graph, OpenConstant, Terminator, Test, Value, ValueId};
use crate::opt::bounds_check_elimination;
use crate::opt::bounds_check_elimination::Bytes;

/// Merges consecutive tests that lead to the same target if they fail.
pub(crate) fn run(graph: &mut Graph) {
    let captured = bounds_check_elimination::captured(graph);
    let predecessors = graph.predecessor_counts();
    let mut has_changed = false;
    for (index, captured) in captured.iter().enumerate() {
        while let Some(end) = merged(graph, &predecessors, captured, BlockId::new(index)) {
            graph.blocks[index].terminator = end;
            has_changed = true;
        }
        if let Some(end) = narrowed(graph, BlockId::new(index)) {
            graph.blocks[index].terminator = end;
            has_changed = true;
        }
    }
    if has_changed {
        graph.simplify_cfg();
    }
}

/// The bits of adjacent bytes of the packet, under a mask.
#[derive(Clone, Copy)]
struct Pattern {
    base: Option<ValueId>,
    start: u64,
    width: Width,
    mask: u32,
    bits: OpenConstant,
}

impl Pattern {
    fn end(self) -> u64 {
        self.start + u64::from(self.width.bytes())
    }

    /// Returns the same pattern for a longer load, which begins at `start`.
    fn widened(self, start: u64, width: Width) -> Option<Pattern> {
        let shift = 8 * (start + u64::from(width.bytes()) - self.end());
        Some(Pattern { start, width, mask: self.mask << shift, bits: self.bits.shifted(shift as i8)?, ..self })
    }

    /// Returns the same pattern for a shorter load, if one has all bits of the mask.
    fn narrowed(self) -> Option<Pattern> {
        let (above, below) = (self.mask.leading_zeros() / 8, self.mask.trailing_zeros() / 8);
        let width = match 4_u32.checked_sub(above + below)? {
            1 => Width::Byte,
            2 => Width::Half,
            _ => return None,
        };
        let start = self.end() - u64::from(below) - u64::from(width.bytes());
        let is_shorter = width.bytes() < self.width.bytes();
        let bits = self.bits.shifted(-8 * below as i8).filter(|_| is_shorter)?;
        Some(Pattern { start, width, mask: self.mask >> (8 * below), bits, ..self })
    }

    /// Returns one pattern for both, if one load has the bytes of both, and they are captured.
    fn and(self, other: Pattern, captured: &Bytes) -> Option<Pattern> {
        let (first, end) = (self.start.min(other.start), self.end().max(other.end()));
        let (start, width) = match end - first {
            _ if self.base != other.base => return None,
            0..=1 => (first, Width::Byte),
            2 => (first, Width::Half),
            3..=4 if first + 4 <= captured.get(self.base) => (first, Width::Word),
            3 if end >= 4 => (end - 4, Width::Word),
            _ => return None,
        };
        let (a, b) = (self.widened(start, width)?, other.widened(start, width)?);
        let agrees = match (a.bits.as_fixed(), b.bits.as_fixed()) {
            _ if a.mask & b.mask == 0 => true,
            (Some(bits), Some(others)) => (bits ^ others) & a.mask & b.mask == 0,
            _ => false,
        };
        let bits = a.bits.or(b.bits).filter(|_| agrees)?;
        Some(Pattern { mask: a.mask | b.mask, bits, ..a })
    }
}

/// Returns the pattern that a block tests, and the edges if the packet matches and if not.
fn pattern_test(graph: &Graph, id: BlockId) -> Option<(Pattern, &Edge, &Edge)> {
    let Terminator::Branch { test, then, otherwise } = &graph.block(id).terminator else { return None };
    let Test::Compare(condition, value, right) = *test else { return None };
    let k = graph.values.as_open(right)?;
    let (load, mask) = match graph.value(value) {
        Value::Alu(AluOp::And, inner, mask) if condition == Condition::Equal => (inner, graph.constant(mask)?),
        _ if condition == Condition::BitsSet => (value, k.as_fixed()?),
        _ => (value, u32::MAX),
    };
    let Value::Load(Address { base, offset }, width, ByteOrder::Big) = graph.value(load) else { return None };
    let mask = mask & u32::MAX >> (32 - 8 * width.bytes());
    let pattern = |bits| Pattern { base, start: offset.into(), width, mask, bits };
    match condition {
        Condition::Equal if k.mask() & !mask == 0 => Some((pattern(k), then, otherwise)),
        Condition::BitsSet => Some((pattern(OpenConstant::fixed(0)), otherwise, then)),
        _ => None,
    }
}

/// Returns the terminator of a block whose test is merged with the next one's.
fn merged(graph: &mut Graph, predecessors: &[u32], captured: &Bytes, id: BlockId) -> Option<Terminator> {
    let (first, next, fail) = pattern_test(graph, id)?;
    let block = graph.block(next.block);
    if predecessors[next.block.index()] != 1 || !block.checks.is_empty() || !block.parameters.is_empty() {
        return None;
    }
    let (second, pass, other_fail) = pattern_test(graph, next.block)?;
    let pattern = first.and(second, captured).filter(|_| fail == other_fail)?;
    let (pass, fail) = (pass.clone(), fail.clone());
    test_pattern(graph, pattern, pass, fail)
}

/// Returns the terminator of a block that loads fewer bytes, as the mask excludes the others.
fn narrowed(graph: &mut Graph, id: BlockId) -> Option<Terminator> {
    let (pattern, pass, fail) = pattern_test(graph, id)?;
    let (pass, fail) = (pass.clone(), fail.clone());
    test_pattern(graph, pattern.narrowed()?, pass, fail)
}

/// Returns the terminator of a block that tests a pattern.
fn test_pattern(graph: &mut Graph, pattern: Pattern, pass: Edge, fail: Edge) -> Option<Terminator> {
    let address = Address { base: pattern.base, offset: u32::try_from(pattern.start).ok()? };
    let load = graph.values.load(address, pattern.width, ByteOrder::Big);
    let mask = graph.values.constant(pattern.mask);
    let masked = graph.values.alu(AluOp::And, load, mask);
    let bits = graph.values.open(pattern.bits);
    Some(graph.values.compare(Condition::Equal, masked, bits).branch(pass, fail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(start: u64, width: Width, mask: u32, bits: u32) -> Pattern {
        Pattern { base: None, start, width, mask, bits: OpenConstant::fixed(bits) }
    }

    /// Returns the start of a pattern, its width in bytes, its mask and its bits.
    fn parts(pattern: Option<Pattern>) -> Option<(u64, u32, u32, u32)> {
        let bits = |pattern: Pattern| pattern.bits.as_fixed();
        pattern.and_then(|pattern| Some((pattern.start, pattern.width.bytes(), pattern.mask, bits(pattern)?)))
    }

    fn captured(bytes: u64) -> Bytes {
        let mut captured = Bytes::default();
        captured.raise(None, bytes);
        captured
    }

    #[test]
    fn merges_three_bytes_if_a_word_is_captured() {
        let (first, second) = (pattern(4, Width::Half, 0xffff, 0x0102), pattern(6, Width::Byte, 0xff, 3));
        assert_eq!(parts(first.and(second, &captured(8))), Some((4, 4, 0xffff_ff00, 0x0102_0300)));
        assert_eq!(parts(second.and(first, &captured(7))), Some((3, 4, 0x00ff_ffff, 0x0001_0203)));
        let (first, second) = (pattern(0, Width::Half, 0xffff, 0x0102), pattern(2, Width::Byte, 0xff, 3));
        assert_eq!(parts(first.and(second, &captured(3))), None);
        let (first, second) = (pattern(4, Width::Half, 0xffff, 1), pattern(8, Width::Byte, 0xff, 3));
        assert_eq!(parts(first.and(second, &captured(99))), None, "five bytes");
    }

    #[test]
    fn merges_overlapping_bytes_only_if_they_agree() {
        let (word, byte) = (pattern(4, Width::Word, 0xff00_ffff, 0x0100_0203), pattern(7, Width::Byte, 0xff, 3));
        assert_eq!(parts(word.and(byte, &captured(8))), Some((4, 4, 0xff00_ffff, 0x0100_0203)));
        assert_eq!(parts(word.and(Pattern { bits: OpenConstant::fixed(4), ..byte }, &captured(8))), None);
        assert_eq!(parts(word.and(Pattern { base: Some(ValueId(0)), ..byte }, &captured(8))), None);
    }

    #[test]
    fn narrows_loads_to_their_masks() {
        assert_eq!(parts(pattern(8, Width::Word, 0xff00, 0x1200).narrowed()), Some((10, 1, 0xff, 0x12)));
        assert_eq!(parts(pattern(8, Width::Word, 0x0fff_0000, 0x0012_0000).narrowed()), Some((8, 2, 0xfff, 0x12)));
        assert_eq!(parts(pattern(8, Width::Half, 0x0100, 0).narrowed()), Some((8, 1, 1, 0)));
        assert_eq!(parts(pattern(8, Width::Half, 0x0101, 0).narrowed()), None);
        assert_eq!(parts(pattern(8, Width::Word, 0x00ff_ff00, 0).narrowed()), Some((9, 2, 0xffff, 0)));
        assert_eq!(parts(pattern(8, Width::Word, 0x0001_0001, 0).narrowed()), None, "three bytes");
        assert_eq!(parts(pattern(8, Width::Byte, 0, 0).narrowed()), None, "no bytes");
    }
}
