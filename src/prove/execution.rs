//! Symbolic execution: the verdict of a graph as a word of a circuit.
//!
//! Blocks are executed in their order, each under the condition that packets reach it. Where edges meet, parameters
//! become selections. Then verdicts are joined in the opposite order. A load at a computed offset is split into cases, one for each value that the offset can have.
//!
//! Invariants
//! - The word is the verdict on every packet for which [`Packets::assumption`] is 1. Bytes at bases that are not split
//!   ([`Input::ByteFrom`]) have more freedom than those of real packets until [`Packets::are_bytes_consistent`] is 1, and
//!   uninterpreted results always do: what holds for the circuit holds for packets, but a packet of the circuit may not
//!   exist.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::hash_map::HashMap;
use crate::ir::{Address, Block, ByteOrder, Check, Edge, Graph, Terminator, Test, Value, ValueId};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::inputs::{Input, Inputs};
use crate::prove::numbers::Numbers;
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

    /// Executes a graph and returns its verdict.
    pub(crate) fn execute(&mut self, graph: &Graph) -> Word {
        let mut executor = Executor::new(self, graph);
        executor.run()
    }

    /// Executes a graph, and returns its verdict and the bits that are 1 where it computes something impossible: a load
    /// that is out of bounds, or a division by 0.
    pub(crate) fn execute_with_faults(&mut self, graph: &Graph) -> (Word, Vec<Bit>) {
        let mut executor = Executor::new(self, graph);
        executor.uses = Some(vec![Bit::ZERO; graph.values.len()]);
        let verdict = executor.run();
        (verdict, executor.faults())
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
        let bytes: Vec<Input> =
            self.inputs.iter().filter(|input| matches!(input, Input::Byte(_) | Input::ByteFrom(..))).collect();
        let mut places: Vec<(Input, Word, Bit)> = Vec::new();
        let (mut are_consistent, mut pairs) = (Bit::ONE, 0);
        for (index, &input) in bytes.iter().enumerate() {
            let (place, carry) = match input {
                Input::ByteFrom(base, offset) => {
                    let base = self.inputs.word_of_base(base);
                    self.circuit.add_words(base, Word::constant(offset), Bit::ZERO)
                }
                Input::Byte(offset) => (Word::constant(offset), Bit::ZERO),
                _ => continue,
            };
            places.push((input, place, carry));
            let from = |input: Input| match input {
                Input::ByteFrom(base, _) => Some(base),
                _ => None,
            };
            for other in 0..index {
                let (other, other_place, other_carry) = places[other];
                // Bytes of one base have different offsets.
                if from(input) == from(other) {
                    continue;
                }
                pairs += 1;
                let are_same = self.circuit.equal(place, other_place);
                let is_beyond = self.circuit.or(carry, other_carry);
                let [one, two] = [input, other].map(|input| self.inputs.word(&mut self.circuit, input));
                let are_equal = self.circuit.equal(one, two);
                let is_allowed = [are_same.not(), is_beyond, are_equal];
                let is_allowed = self.circuit.any(&is_allowed);
                are_consistent = self.circuit.and(are_consistent, is_allowed);
            }
        }
        (pairs <= MAX_PAIRS).then_some(are_consistent)
    }

    /// Returns the bit that is 1 for packets that can be built easily, if any length is allowed.
    pub(crate) fn are_short(&mut self) -> Bit {
        match self.lengths {
            Lengths::Any => self.circuit.compare(Condition::LessOrEqual, self.limit, Word::constant(SHORT)),
            Lengths::Enough => Bit::ONE,
        }
    }

    /// Assumes that a bit is 1 where packets reach it.
    fn assume(&mut self, reached: Bit, bit: Bit) {
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

struct Executor<'p> {
    packets: &'p mut Packets,
    graph: &'p Graph,
    words: HashMap<ValueId, Word>,
    /// The values that can be enumerated.
    numbers: Numbers<'p>,
    /// For a base of addresses, whether it is each of its numbers.
    cases: HashMap<ValueId, Rc<[(u32, Bit)]>>,
    /// For each block, the condition that packets reach it.
    reached: Vec<Bit>,
    /// For each value, the condition that it is computed, if faults are looked for.
    uses: Option<Vec<Bit>>,
}

/// A block that was executed.
struct Executed {
    /// The conditions to pass the checks, in order, and the verdicts if they fail.
    checks: Vec<(Bit, Word)>,
    end: End,
}

/// The end of a block that was executed.
enum End {
    Return(Word),
    /// Whether control goes to the first of two blocks, and these.
    Branch(Bit, usize, usize),
}

impl<'p> Executor<'p> {
    fn new(packets: &'p mut Packets, graph: &'p Graph) -> Executor<'p> {
        let mut reached = vec![Bit::ZERO; graph.blocks.len()];
        reached[0] = Bit::ONE;
        let (words, cases) = (HashMap::default(), HashMap::default());
        Executor { packets, graph, words, numbers: Numbers::new(graph), cases, reached, uses: None }
    }

    fn run(&mut self) -> Word {
        let graph = self.graph;
        let mut blocks: Vec<Option<Executed>> = Vec::with_capacity(graph.blocks.len());
        for (block, index) in graph.blocks.iter().zip(0..) {
            let reached = self.reached[index];
            // A full circuit means nothing.
            let is_needed = reached != Bit::ZERO && !self.packets.circuit.is_full();
            blocks.push(is_needed.then(|| self.block(block, reached)));
        }
        // Verdicts are joined backward: a test of a long chain then depends on those after it, not on all before it.
        let mut verdicts = vec![Word::ZERO; blocks.len()];
        for (index, block) in blocks.into_iter().enumerate().rev() {
            let Some(Executed { checks, end }) = block else { continue };
            let circuit = &mut self.packets.circuit;
            let verdict = match end {
                End::Return(word) => word,
                End::Branch(test, then, otherwise) => circuit.select_word(test, verdicts[then], verdicts[otherwise]),
            };
            let pass = |verdict, &(passes, failed): &(Bit, Word)| circuit.select_word(passes, verdict, failed);
            verdicts[index] = checks.iter().rev().fold(verdict, pass);
        }
        verdicts[0]
    }

    /// Adds that packets for which `reached` is 1 need these values.
    fn use_values(&mut self, values: impl Iterator<Item = ValueId>, reached: Bit) {
        let Some(uses) = &mut self.uses else { return };
        for value in values {
            uses[value.index()] = self.packets.circuit.or(uses[value.index()], reached);
        }
    }

    /// Returns the conditions of computations that are impossible.
    fn faults(&mut self) -> Vec<Bit> {
        let mut uses = self.uses.take().unwrap_or_default();
        let mut faults = Vec::new();
        // Operands have smaller numbers than the values that use them.
        for id in self.graph.values.ids().collect::<Vec<_>>().into_iter().rev() {
            let used = uses[id.index()];
            if used == Bit::ZERO {
                continue;
            }
            for operand in self.graph.values.operands(id) {
                uses[operand.index()] = self.packets.circuit.or(uses[operand.index()], used);
            }
            let is_possible = match self.graph.value(id) {
                Value::Load(address, width, _) => self.is_in_bounds(address, width),
                Value::Alu(AluOp::Div | AluOp::Mod, _, divisor) => {
                    let divisor = self.word(divisor);
                    self.circuit().any(&divisor.0)
                }
                _ => continue,
            };
            let fault = self.circuit().and(used, is_possible.not());
            if fault != Bit::ZERO {
                faults.push(fault);
            }
        }
        faults
    }

    fn circuit(&mut self) -> &mut Circuit {
        &mut self.packets.circuit
    }

    fn block(&mut self, block: &Block, mut reached: Bit) -> Executed {
        let mut checks = Vec::new();
        for &check in &block.checks {
            self.use_values(check.values(), reached);
            if let Some((passes, failed)) = self.check(check, reached) {
                checks.push((passes, failed));
                reached = self.circuit().and(reached, passes);
            }
        }
        self.use_values(block.terminator.values(), reached);
        let end = match &block.terminator {
            Terminator::Return(verdict) => End::Return(self.word(*verdict)),
            Terminator::Jump(edge) => {
                self.follow(edge, reached);
                End::Branch(Bit::ONE, edge.block.index(), edge.block.index())
            }
            Terminator::Branch { test, then, otherwise } => {
                let holds = self.test(*test);
                for (edge, holds) in [(then, holds), (otherwise, holds.not())] {
                    let condition = self.circuit().and(reached, holds);
                    self.follow(edge, condition);
                }
                End::Branch(holds, then.block.index(), otherwise.block.index())
            }
        };
        Executed { checks, end }
    }

    /// Returns the condition to pass a check, and the verdict if it fails; `None` for a check that is assumed to pass.
    fn check(&mut self, check: Check, reached: Bit) -> Option<(Bit, Word)> {
        match check {
            Check::InBounds(address, width) => {
                let fits = self.is_in_bounds(address, width);
                if self.packets.lengths == Lengths::Enough {
                    self.packets.assume(reached, fits);
                    return None;
                }
                Some((fits, Word::ZERO))
            }
            Check::NonZero(value) => {
                let word = self.word(value);
                Some((self.circuit().any(&word.0), Word::ZERO))
            }
            Check::Present(_, otherwise) => {
                let packets = &mut *self.packets;
                let is_present = packets.inputs.bit(&mut packets.circuit, Input::HasDevice);
                Some((is_present, self.word(otherwise)))
            }
        }
    }

    fn follow(&mut self, edge: &Edge, condition: Bit) {
        if condition == Bit::ZERO {
            return;
        }
        let block = edge.block.index();
        let is_first = self.reached[block] == Bit::ZERO;
        self.reached[block] = self.packets.circuit.or(self.reached[block], condition);
        let graph = self.graph;
        for (&parameter, &argument) in graph.blocks[block].parameters.iter().zip(&edge.arguments) {
            let word = self.word(argument);
            self.numbers.join(parameter, argument, is_first);
            let joined = match self.words.get(&parameter) {
                Some(&before) if !is_first => self.packets.circuit.select_word(condition, word, before),
                _ => word,
            };
            self.words.insert(parameter, joined);
        }
    }

    fn is_in_bounds(&mut self, address: Address, width: Width) -> Bit {
        let base = address.base.map_or(Word::ZERO, |base| self.word(base));
        self.packets.is_in_bounds(base, address.end(width))
    }

    fn test(&mut self, test: Test) -> Bit {
        match test {
            Test::Compare(condition, left, right) => {
                let (left, right) = (self.word(left), self.word(right));
                self.circuit().compare(condition, left, right)
            }
            Test::Member(value, set) => {
                let word = self.word(value);
                let graph = self.graph;
                graph.sets.ranges(set).iter().copied().fold(Bit::ZERO, |is_member, (low, high)| {
                    let [low, high] = [low, high].map(Word::constant);
                    let circuit = self.circuit();
                    let is_in = match low == high {
                        true => circuit.equal(word, low),
                        false => {
                            let above = circuit.compare(Condition::GreaterOrEqual, word, low);
                            let below = circuit.compare(Condition::LessOrEqual, word, high);
                            circuit.and(above, below)
                        }
                    };
                    circuit.or(is_member, is_in)
                })
            }
            Test::InBounds(address, width) => self.is_in_bounds(address, width),
        }
    }

    /// Returns the word of a value, after those of its operands.
    fn word(&mut self, id: ValueId) -> Word {
        let mut pending = vec![id];
        while let Some(&next) = pending.last() {
            if self.words.contains_key(&next) {
                pending.pop();
                continue;
            }
            let count = pending.len();
            pending.extend(self.graph.values.operands(next).filter(|operand| !self.words.contains_key(operand)));
            if pending.len() == count {
                let word = self.compute(next);
                self.words.insert(next, word);
                pending.pop();
            }
        }
        self.words.get(&id).copied().unwrap_or(Word::ZERO)
    }

    /// Returns the word of a value whose operands have one.
    fn compute(&mut self, id: ValueId) -> Word {
        let of = |operand: ValueId| self.words.get(&operand).copied().unwrap_or(Word::ZERO);
        match self.graph.value(id) {
            Value::Constant(k) => Word::constant(k),
            // Parameters have a word before they are read, and graphs of programs have no open constants.
            Value::Open(_) | Value::Parameter(_) => Word::ZERO,
            Value::WireLen => self.packets.inputs.word(&mut self.packets.circuit, Input::WireLen),
            Value::Load(address, width, order) => self.load(address, width, order),
            Value::Ancillary(extension) => self.packets.ancillary(extension),
            Value::FindAttribute(extension, a, x) => {
                let of = (extension, of(a), of(x));
                self.packets.uninterpreted(of)
            }
            Value::ResolvedOffset(offset) => {
                let word = of(offset);
                match self.numbers.of(id) {
                    Some(_) => word,
                    None => self.packets.position(word),
                }
            }
            Value::Random(index) => {
                let index = of(index);
                self.packets.inputs.random(&mut self.packets.circuit, index)
            }
            Value::Alu(op, left, right) => {
                let (left, right) = (of(left), of(right));
                self.packets.circuit.alu(op, left, right)
            }
            Value::Negate(operand) => {
                let operand = of(operand);
                self.packets.circuit.negate(operand)
            }
            Value::Select(test, then, otherwise) => {
                let (then, otherwise) = (of(then), of(otherwise));
                let holds = self.test(test);
                self.packets.circuit.select_word(holds, then, otherwise)
            }
        }
    }

    fn load(&mut self, address: Address, width: Width, order: ByteOrder) -> Word {
        let mut word = Word::ZERO;
        let count = u64::from(width.bytes());
        for index in 0..count {
            let byte = self.byte(address.base, u64::from(address.offset) + index);
            let is_lowest_first = order == ByteOrder::Native && cfg!(target_endian = "little");
            let place = if is_lowest_first { index } else { count - 1 - index };
            word.0[8 * place as usize..][..8].copy_from_slice(&byte);
        }
        word
    }

    fn byte(&mut self, base: Option<ValueId>, offset: u64) -> [Bit; 8] {
        let Some(base) = base else { return self.packets.byte(offset) };
        let (cases, word) = (self.cases(base), self.word(base));
        self.packets.byte_at(word, cases.as_deref(), offset)
    }

    /// Returns whether a base of addresses is each of its numbers, if these can be enumerated.
    fn cases(&mut self, base: ValueId) -> Option<Rc<[(u32, Bit)]>> {
        if let Some(cases) = self.cases.get(&base) {
            return Some(cases.clone());
        }
        let numbers = self.numbers.of(base)?;
        let word = self.word(base);
        let circuit = self.circuit();
        let cases = numbers.iter().map(|&number| (number, circuit.equal(word, Word::constant(number))));
        let cases: Rc<[(u32, Bit)]> = cases.filter(|&(_, is_number)| is_number != Bit::ZERO).collect();
        self.cases.insert(base, cases.clone());
        Some(cases)
    }
}
