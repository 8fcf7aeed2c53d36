//! The inputs of programs as words of a circuit: bytes of the packet, lengths, and the context.
//!
//! Inputs get their numbers in the order in which they are first read, the highest bit of a field first. Decision
//! diagrams take this order: the bits of a field stand together, and fields in the order of their first tests.

use alloc::vec::Vec;

use crate::ir::hash_map::HashMap;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::word::Word;

/// Something that a program can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    /// The byte at an offset.
    Byte(u32),
    /// The byte at an offset from a base that has too many values to be split into cases. Bytes of different bases are
    /// different inputs, although they may be one byte.
    ByteFrom(Base, u32),
    Captured,
    WireLen,
    Ancillary(Extension),
    HasDevice,
    /// The start of a header in the packet.
    Start(Header),
    HasLinkHeader,
    /// The random number that is the n-th one read of a run.
    Random(u32),
    /// A result that is not computed here, such as the offset of a netlink attribute.
    Uninterpreted(Extension, u32),
}

/// The number of a base of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Base(u32);

impl Input {
    /// Returns the number of bits.
    fn width(self) -> usize {
        match self {
            Input::Byte(_) | Input::ByteFrom(..) => 8,
            Input::Captured => 31,
            Input::Ancillary(extension) | Input::Uninterpreted(extension, _) => {
                (u32::BITS - extension.max().leading_zeros()) as usize
            }
            Input::HasDevice | Input::HasLinkHeader => 1,
            Input::WireLen | Input::Start(_) | Input::Random(_) => 32,
        }
    }
}

/// The inputs that were read, and their words.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    words: HashMap<Input, Word>,
    /// The inputs in the order of their words.
    list: Vec<Input>,
    /// The input of each input of the circuit, and the place of the bit in it.
    bits: Vec<(Input, u8)>,
    bases: Vec<Word>,
    base_numbers: HashMap<Word, Base>,
    uninterpreted: HashMap<(Extension, Word, Word), u32>,
    random: HashMap<Word, u32>,
}

impl Inputs {
    /// Returns the word of an input.
    pub(crate) fn word(&mut self, circuit: &mut Circuit, input: Input) -> Word {
        if let Some(word) = self.words.get(&input) {
            return *word;
        }
        let mut word = Word::ZERO;
        for bit in (0..input.width()).rev() {
            word.0[bit] = circuit.input();
            self.bits.push((input, bit as u8));
        }
        self.words.insert(input, word);
        self.list.push(input);
        word
    }

    /// Reads the two lengths together, so that their bits alternate.
    pub(crate) fn read_lengths(&mut self, circuit: &mut Circuit) {
        let (mut captured, mut wire_len) = (Word::ZERO, Word::ZERO);
        for bit in (0..32_u8).rev() {
            for (input, word) in [(Input::WireLen, &mut wire_len), (Input::Captured, &mut captured)] {
                if usize::from(bit) < input.width() {
                    word.0[usize::from(bit)] = circuit.input();
                    self.bits.push((input, bit));
                }
            }
        }
        for (input, word) in [(Input::WireLen, wire_len), (Input::Captured, captured)] {
            self.words.insert(input, word);
            self.list.push(input);
        }
    }

    pub(crate) fn bit(&mut self, circuit: &mut Circuit, input: Input) -> Bit {
        self.word(circuit, input).0[0]
    }

    /// Returns the base for addresses from a word.
    pub(crate) fn base(&mut self, word: Word) -> Base {
        let next = Base(self.bases.len() as u32);
        let base = *self.base_numbers.get_or_insert(word, next);
        if base == next {
            self.bases.push(word);
        }
        base
    }

    /// Returns the word that a base is.
    pub(crate) fn word_of_base(&self, base: Base) -> Word {
        self.bases[base.0 as usize]
    }

    /// Returns a word that is the same for the same operands, and of which nothing else is known.
    pub(crate) fn uninterpreted(&mut self, circuit: &mut Circuit, of: (Extension, Word, Word)) -> Word {
        let next = self.list.len() as u32;
        let number = *self.uninterpreted.get_or_insert(of, next);
        self.word(circuit, Input::Uninterpreted(of.0, number))
    }

    /// Returns the random number with an index.
    pub(crate) fn random(&mut self, circuit: &mut Circuit, index: Word) -> Word {
        let next = self.list.len() as u32;
        let number = *self.random.get_or_insert(index, next);
        self.word(circuit, Input::Random(number))
    }

    /// Returns the indices of the random numbers that were read, and their words.
    #[cfg(all(test, feature = "jit"))]
    pub(crate) fn random_numbers(&self) -> Vec<(Word, Word)> {
        let words = self.random.iter().map(|(&index, &number)| (index, self.words.get(&Input::Random(number)).copied()));
        words.filter_map(|(index, word)| Some((index, word?))).collect()
    }

    /// Returns the input of an input of the circuit, and the place of the bit in it.
    pub(crate) fn origin(&self, number: u32) -> (Input, u8) {
        self.bits[number as usize]
    }

    /// Returns the inputs that were read, each once, in the order of their first reads.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Input> {
        self.list.iter().copied()
    }
}
