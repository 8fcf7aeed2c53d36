//! Tests of neighbouring bytes, of which all must come out equal, become one test of one load.
//!
//! `[20:2] & 0x1fff == 0` and `[23] == 6` are `[20:4] & 0x1fff00ff == 6`, if four bytes from 20 on are known to be there.

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::{Address, BlockId, ByteOrder, Edge, End, Graph, Value, ValueId};
use crate::opt::bounds_check_elimination;
use crate::opt::bounds_check_elimination::Bytes;

/// Fuses tests that follow each other and lead to the same place if they fail.
pub(crate) fn run(graph: &mut Graph) {
    let captured = bounds_check_elimination::captured(graph);
    let entries = graph.entries();
    let mut has_changed = false;
    for (index, captured) in captured.iter().enumerate() {
        while let Some(end) = fused(graph, &entries, captured, BlockId::new(index)) {
            graph.blocks[index].end = end;
            has_changed = true;
        }
        if let Some(end) = narrowed(graph, BlockId::new(index)) {
            graph.blocks[index].end = end;
            has_changed = true;
        }
    }
    if has_changed {
        graph.tidy();
    }
}

/// That some bytes of the packet, of which the bits of the mask count, are these.
#[derive(Clone, Copy)]
struct Pattern {
    base: Option<ValueId>,
    start: u64,
    width: Width,
    mask: u32,
    bits: u32,
}

impl Pattern {
    fn end(self) -> u64 {
        self.start + u64::from(self.width.bytes())
    }

    /// The same as a pattern of a longer load, which begins at `start`.
    fn widened(self, start: u64, width: Width) -> Pattern {
        let shift = 8 * (start + u64::from(width.bytes()) - self.end());
        Pattern { start, width, mask: self.mask << shift, bits: self.bits << shift, ..self }
    }

    /// The same as a pattern of a shorter load, if one has all bits that count.
    fn narrowed(self) -> Option<Pattern> {
        let (above, below) = (self.mask.leading_zeros() / 8, self.mask.trailing_zeros() / 8);
        let width = match 4_u32.checked_sub(above + below)? {
            1 => Width::Byte,
            2 => Width::Half,
            _ => return None,
        };
        let start = self.end() - u64::from(below) - u64::from(width.bytes());
        let is_shorter = width.bytes() < self.width.bytes();
        is_shorter.then_some(Pattern {
            start,
            width,
            mask: self.mask >> (8 * below),
            bits: self.bits >> (8 * below),
            ..self
        })
    }

    /// Both patterns in one, if one load has the bytes of both, and they are captured.
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
        let (a, b) = (self.widened(start, width), other.widened(start, width));
        let agrees = (a.bits ^ b.bits) & a.mask & b.mask == 0;
        agrees.then_some(Pattern { mask: a.mask | b.mask, bits: a.bits | b.bits, ..a })
    }
}

/// A block that asks for a pattern: where it goes if the bytes are like that, and where if not.
fn question(graph: &Graph, id: BlockId) -> Option<(Pattern, &Edge, &Edge)> {
    let End::Branch { test, then, otherwise } = &graph.block(id).end else { return None };
    let (condition, value, k) = graph.values.as_constant_test(*test)?;
    let (load, mask) = match graph.value(value) {
        Value::Alu(AluOp::And, inner, mask) if condition == Condition::Equal => (inner, graph.constant(mask)?),
        _ if condition == Condition::BitsSet => (value, k),
        _ => (value, u32::MAX),
    };
    let Value::Load(Address { base, offset }, width, ByteOrder::Big) = graph.value(load) else { return None };
    let mask = mask & u32::MAX >> (32 - 8 * width.bytes());
    let pattern = |bits| Pattern { base, start: offset.into(), width, mask, bits };
    match condition {
        Condition::Equal => Some((pattern(k), then, otherwise)),
        Condition::BitsSet => Some((pattern(0), otherwise, then)),
        _ => None,
    }
}

/// The end of a block whose test is fused with the next one's.
fn fused(graph: &mut Graph, entries: &[u32], captured: &Bytes, id: BlockId) -> Option<End> {
    let (first, next, fail) = question(graph, id)?;
    let block = graph.block(next.block);
    if entries[next.block.index()] != 1 || !block.checks.is_empty() || !block.parameters.is_empty() {
        return None;
    }
    let (second, pass, other_fail) = question(graph, next.block)?;
    let pattern = first.and(second, captured).filter(|_| fail == other_fail)?;
    let (pass, fail) = (pass.clone(), fail.clone());
    ask(graph, pattern, pass, fail)
}

/// The end of a block that asks for fewer bytes than it did, since no bit of the others counts.
fn narrowed(graph: &mut Graph, id: BlockId) -> Option<End> {
    let (pattern, pass, fail) = question(graph, id)?;
    let (pass, fail) = (pass.clone(), fail.clone());
    ask(graph, pattern.narrowed()?, pass, fail)
}

/// The end of a block that asks for a pattern.
fn ask(graph: &mut Graph, pattern: Pattern, pass: Edge, fail: Edge) -> Option<End> {
    let address = Address { base: pattern.base, offset: u32::try_from(pattern.start).ok()? };
    let load = graph.values.load(address, pattern.width, ByteOrder::Big);
    let mask = graph.values.constant(pattern.mask);
    let masked = graph.values.alu(AluOp::And, load, mask);
    let bits = graph.values.constant(pattern.bits);
    Some(graph.values.compare(Condition::Equal, masked, bits).branch(pass, fail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(start: u64, width: Width, mask: u32, bits: u32) -> Pattern {
        Pattern { base: None, start, width, mask, bits }
    }

    /// Where a pattern begins, its width in bytes, its mask and its bits.
    fn parts(pattern: Option<Pattern>) -> Option<(u64, u32, u32, u32)> {
        pattern.map(|pattern| (pattern.start, pattern.width.bytes(), pattern.mask, pattern.bits))
    }

    fn captured(bytes: u64) -> Bytes {
        let mut captured = Bytes::default();
        captured.raise(None, bytes);
        captured
    }

    #[test]
    fn three_bytes_are_found_in_a_word_that_is_captured() {
        let (first, second) = (pattern(4, Width::Half, 0xffff, 0x0102), pattern(6, Width::Byte, 0xff, 3));
        assert_eq!(parts(first.and(second, &captured(8))), Some((4, 4, 0xffff_ff00, 0x0102_0300)));
        assert_eq!(parts(second.and(first, &captured(7))), Some((3, 4, 0x00ff_ffff, 0x0001_0203)));
        let (first, second) = (pattern(0, Width::Half, 0xffff, 0x0102), pattern(2, Width::Byte, 0xff, 3));
        assert_eq!(parts(first.and(second, &captured(3))), None);
        let (first, second) = (pattern(4, Width::Half, 0xffff, 1), pattern(8, Width::Byte, 0xff, 3));
        assert_eq!(parts(first.and(second, &captured(99))), None, "five bytes");
    }

    #[test]
    fn bytes_that_overlap_must_agree() {
        let (word, byte) = (pattern(4, Width::Word, 0xff00_ffff, 0x0100_0203), pattern(7, Width::Byte, 0xff, 3));
        assert_eq!(parts(word.and(byte, &captured(8))), Some((4, 4, 0xff00_ffff, 0x0100_0203)));
        assert_eq!(parts(word.and(Pattern { bits: 4, ..byte }, &captured(8))), None);
        assert_eq!(parts(word.and(Pattern { base: Some(ValueId(0)), ..byte }, &captured(8))), None);
    }

    #[test]
    fn a_load_is_as_short_as_its_mask() {
        assert_eq!(parts(pattern(8, Width::Word, 0xff00, 0x1200).narrowed()), Some((10, 1, 0xff, 0x12)));
        assert_eq!(parts(pattern(8, Width::Word, 0x0fff_0000, 0x0012_0000).narrowed()), Some((8, 2, 0xfff, 0x12)));
        assert_eq!(parts(pattern(8, Width::Half, 0x0100, 0).narrowed()), Some((8, 1, 1, 0)));
        assert_eq!(parts(pattern(8, Width::Half, 0x0101, 0).narrowed()), None);
        assert_eq!(parts(pattern(8, Width::Word, 0x00ff_ff00, 0).narrowed()), Some((9, 2, 0xffff, 0)));
        assert_eq!(parts(pattern(8, Width::Word, 0x0001_0001, 0).narrowed()), None, "three bytes");
        assert_eq!(parts(pattern(8, Width::Byte, 0, 0).narrowed()), None, "no bytes");
    }
}
