//! All packets, as the inputs of a circuit, and what is assumed of them.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::inputs::{Input, Inputs};
use crate::prove::word::Word;

/// The packets for which something is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// Packets that are long enough for every load that is executed.
    Enough,
    /// Packets of all lengths.
    Any,
}

/// The most pairs of bytes that may be one byte.
const MAX_PAIRS: usize = 1 << 14;

/// The longest packet that is looked for before longer ones, in bytes.
const SHORT: u32 = 1 << 16;

/// All packets, as the inputs of a circuit.
#[derive(Debug)]
pub(crate) struct Packets {
    pub(crate) circuit: Circuit,
    pub(crate) inputs: Inputs,
    lengths: Lengths,
    /// The number of bytes in which loads have to lie.
    pub(crate) limit: Word,
    /// 1 for the packets for which something is to hold.
    pub(crate) assumption: Bit,
    /// 1 for all packets: inputs are not larger than they can be.
    pub(crate) facts: Bit,
}

impl Packets {
    /// Creates packets, which are not shorter on the wire than their captured bytes if `is_wire_longest`.
    pub(crate) fn new(lengths: Lengths, is_wire_longest: bool, max_gates: usize) -> Packets {
        let (mut circuit, mut inputs) = (Circuit::new(max_gates), Inputs::default());
        let mut assumption = Bit::ONE;
        let limit = match (lengths, is_wire_longest) {
            (Lengths::Enough, false) => Word::constant(MAX_CAPTURED as u32),
            (Lengths::Enough, true) => inputs.word(&mut circuit, Input::WireLen),
            (Lengths::Any, false) => inputs.word(&mut circuit, Input::Captured),
            (Lengths::Any, true) => {
                inputs.read_lengths(&mut circuit);
                let [captured, wire_len] = [Input::Captured, Input::WireLen].map(|it| inputs.word(&mut circuit, it));
                assumption = circuit.compare(Condition::LessOrEqual, captured, wire_len);
                captured
            }
        };
        Packets { circuit, inputs, lengths, limit, assumption, facts: Bit::ONE }
    }

    /// Returns whether a number of this width at an address is in bounds.
    pub(crate) fn is_in_bounds(&mut self, base: Word, end: u64) -> Bit {
        let Ok(end) = u32::try_from(end) else { return Bit::ZERO };
        let (sum, carry) = self.circuit.add_words(base, Word::constant(end), Bit::ZERO);
        let fits = self.circuit.compare(Condition::LessOrEqual, sum, self.limit);
        self.circuit.and(fits, carry.not())
    }

    /// Returns the bit that is 1 if bytes at equal offsets are equal, or `None` if there are too many to compare.
    pub(crate) fn are_bytes_consistent(&mut self) -> Option<Bit> {
        let is_byte = |input: &Input| matches!(input, Input::Byte(_) | Input::ByteFrom(..));
        let bytes: Vec<Input> = self.inputs.iter().filter(is_byte).collect();
        if bytes.len() * bytes.len() / 2 > MAX_PAIRS {
            return None;
        }
        let base = |input: Input| match input {
            Input::ByteFrom(base, _) => Some(base),
            _ => None,
        };
        let mut are_consistent = Bit::ONE;
        for (index, &byte) in bytes.iter().enumerate() {
            // Bytes of one base have different offsets.
            for &other in bytes[..index].iter().filter(|&&other| base(other) != base(byte)) {
                let is_consistent = self.is_pair_consistent(byte, other);
                are_consistent = self.circuit.and(are_consistent, is_consistent);
            }
        }
        Some(are_consistent)
    }

    /// Returns the bit that is 1 if two bytes are equal or at different offsets.
    pub(crate) fn is_pair_consistent(&mut self, byte: Input, other: Input) -> Bit {
        let [place, other_place] = [byte, other].map(|input| self.place(input));
        let are_same = self.circuit.equal(place, other_place);
        let [byte, other] = [byte, other].map(|input| self.inputs.word(&mut self.circuit, input));
        let are_equal = self.circuit.equal(byte, other);
        self.circuit.or(are_same.not(), are_equal)
    }

    /// Returns the offset of a byte in the packet, which is exact for bytes that are in bounds.
    pub(crate) fn place(&mut self, input: Input) -> Word {
        match input {
            Input::ByteFrom(base, offset) => {
                let base = self.inputs.word_of_base(base);
                self.circuit.alu(AluOp::Add, base, Word::constant(offset))
            }
            Input::Byte(offset) => Word::constant(offset),
            _ => Word::ZERO,
        }
    }

    /// Returns the bit that is 1 for packets that can be built easily, if any length is allowed.
    pub(crate) fn are_short(&mut self) -> Bit {
        match self.lengths {
            Lengths::Any => self.circuit.compare(Condition::LessOrEqual, self.limit, Word::constant(SHORT)),
            Lengths::Enough => Bit::ONE,
        }
    }

    pub(crate) fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// Assumes that a bit is 1 where packets reach it.
    pub(crate) fn assume(&mut self, reached: Bit, bit: Bit) {
        let is_allowed = self.circuit.or(reached.not(), bit);
        self.assumption = self.circuit.and(self.assumption, is_allowed);
    }

    /// Returns the byte at an offset.
    pub(crate) fn byte(&mut self, offset: u64) -> [Bit; 8] {
        // Nothing can be loaded from there.
        let Some(offset) = u32::try_from(offset).ok().filter(|&offset| offset < MAX_CAPTURED as u32) else {
            return [Bit::ZERO; 8];
        };
        low_byte(self.inputs.word(&mut self.circuit, Input::Byte(offset)))
    }

    /// Returns the byte at an offset from a base, given whether the base is each of its numbers, if these are few.
    pub(crate) fn byte_at(&mut self, base: Word, cases: Option<&[(u32, Bit)]>, offset: u64) -> [Bit; 8] {
        let Some(cases) = cases else {
            // In bounds, the sum is exact, whatever part of it is the base.
            let (root, addend) = self.circuit.root(base);
            let input = Input::ByteFrom(self.inputs.base(root), addend.wrapping_add(offset as u32));
            return low_byte(self.inputs.word(&mut self.circuit, input));
        };
        let mut byte = [Bit::ZERO; 8];
        for &(number, is_number) in cases {
            let case = self.byte(u64::from(number) + offset);
            for (bit, case) in byte.iter_mut().zip(case) {
                let case = self.circuit.and(is_number, case);
                *bit = self.circuit.or(*bit, case);
            }
        }
        byte
    }

    /// Returns the value of an ancillary load from the context.
    pub(crate) fn ancillary(&mut self, extension: Extension) -> Word {
        let word = self.inputs.word(&mut self.circuit, Input::Ancillary(extension));
        self.limit(extension, word);
        if !matches!(extension, Extension::VlanTci | Extension::VlanTpid) {
            return word;
        }
        // Without a tag they are 0.
        let is_tagged = self.inputs.bit(&mut self.circuit, Input::Ancillary(Extension::VlanPresent));
        self.circuit.select_word(is_tagged, word, Word::ZERO)
    }

    /// Returns the number to add to an offset that is relative to a header.
    pub(crate) fn shift(&mut self, header: Header) -> Word {
        let mut start = self.inputs.word(&mut self.circuit, Input::Start(header));
        if header == Header::Link {
            let exists = self.inputs.bit(&mut self.circuit, Input::HasLinkHeader);
            start = self.circuit.select_word(exists, start, Word::constant(1 << 31));
        }
        self.circuit.alu(AluOp::Sub, start, Word::constant(header.base()))
    }

    /// Returns a word that is the same for the same operands, and of which only the largest value is known.
    pub(crate) fn uninterpreted(&mut self, of: (Extension, Word, Word)) -> Word {
        let word = self.inputs.uninterpreted(&mut self.circuit, of);
        self.limit(of.0, word);
        word
    }

    /// Adds that a word is not larger than an ancillary load can be.
    fn limit(&mut self, extension: Extension, word: Word) {
        let is_possible = self.circuit.compare(Condition::LessOrEqual, word, Word::constant(extension.max()));
        self.facts = self.circuit.and(self.facts, is_possible);
        self.assumption = self.circuit.and(self.assumption, is_possible);
    }

    /// Returns the position in the packet of an offset of the Linux dialect.
    pub(crate) fn position(&mut self, offset: Word) -> Word {
        [Header::Link, Header::Network].into_iter().fold(offset, |position, header| {
            let base = Word::constant(header.base());
            let is_relative = self.circuit.compare(Condition::GreaterOrEqual, offset, base);
            let shift = self.shift(header);
            let relative = self.circuit.alu(AluOp::Add, offset, shift);
            self.circuit.select_word(is_relative, relative, position)
        })
    }
}

fn low_byte(word: Word) -> [Bit; 8] {
    core::array::from_fn(|bit| word.0[bit])
}
