//! Symbolic execution: the verdict of a graph as a word of a circuit.
//!
//! Blocks are executed in their order, each under the condition that packets reach it. Where edges meet, parameters
//! become selections. A load at a computed offset is split into cases, one for each value that the offset can have.
//!
//! Invariants
//! - The word is the verdict on every packet for which [`Packets::assumption`] is 1. Bytes at bases that are not split
//!   ([`Input::ByteFrom`]) and uninterpreted results have more freedom than those of real packets: what holds for the
//!   circuit holds for packets, but a packet of the circuit may not exist.

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
    /// Creates the packets that these graphs are executed on.
    pub(crate) fn new(lengths: Lengths, graphs: &[&Graph], max_gates: usize) -> Packets {
        let (mut circuit, mut inputs) = (Circuit::new(max_gates), Inputs::default());
        let is_wire_len_read = graphs.iter().any(|graph| graph.values.iter().any(|value| value == Value::WireLen));
        let mut assumption = Bit::ONE;
        let limit = match (lengths, is_wire_len_read) {
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
        executor.run();
        executor.verdict
    }

    /// Executes a graph, and returns its verdict and the bits that are 1 where it computes something impossible: a load
    /// that is out of bounds, or a division by 0.
    pub(crate) fn execute_with_faults(&mut self, graph: &Graph) -> (Word, Vec<Bit>) {
        let mut executor = Executor::new(self, graph);
        executor.uses = Some(vec![Bit::ZERO; graph.values.len()]);
        executor.run();
        (executor.verdict, executor.faults())
    }

    /// Returns whether a number of this width at an address is in bounds.
    pub(crate) fn is_in_bounds(&mut self, base: Word, end: u64) -> Bit {
        let Ok(end) = u32::try_from(end) else { return Bit::ZERO };
        let (sum, carry) = self.circuit.add_words(base, Word::constant(end), Bit::ZERO);
        let fits = self.circuit.compare(Condition::LessOrEqual, sum, self.limit);
        self.circuit.and(fits, carry.not())
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
    verdict: Word,
}

impl<'p> Executor<'p> {
    fn new(packets: &'p mut Packets, graph: &'p Graph) -> Executor<'p> {
        let mut reached = vec![Bit::ZERO; graph.blocks.len()];
        reached[0] = Bit::ONE;
        let (words, cases) = (HashMap::default(), HashMap::default());
        let (numbers, uses, verdict) = (Numbers::new(graph), None, Word::ZERO);
        Executor { packets, graph, words, numbers, cases, reached, uses, verdict }
    }

    fn run(&mut self) {
        let graph = self.graph;
        for (index, block) in graph.blocks.iter().enumerate() {
            // A full circuit means nothing.
            if self.packets.circuit.is_full() {
                break;
            }
            let reached = self.reached[index];
            if reached != Bit::ZERO {
                self.block(block, reached);
            }
        }
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

    fn block(&mut self, block: &Block, reached: Bit) {
        let reached = block.checks.iter().fold(reached, |reached, &check| {
            self.use_values(check.values(), reached);
            self.check(check, reached)
        });
        self.use_values(block.terminator.values(), reached);
        match &block.terminator {
            Terminator::Return(verdict) => self.end(reached, *verdict),
            Terminator::Jump(edge) => self.follow(edge, reached),
            Terminator::Branch { test, then, otherwise } => {
                let holds = self.test(*test);
                for (edge, holds) in [(then, holds), (otherwise, holds.not())] {
                    let condition = self.circuit().and(reached, holds);
                    self.follow(edge, condition);
                }
            }
        }
    }

    /// Returns the condition to pass a check.
    fn check(&mut self, check: Check, reached: Bit) -> Bit {
        let passes = match check {
            Check::InBounds(address, width) => {
                let fits = self.is_in_bounds(address, width);
                if self.packets.lengths == Lengths::Enough {
                    self.packets.assume(reached, fits);
                    return reached;
                }
                fits
            }
            Check::NonZero(value) => {
                let word = self.word(value);
                self.circuit().any(&word.0)
            }
            Check::Present(_, otherwise) => {
                let packets = &mut *self.packets;
                let is_present = packets.inputs.bit(&mut packets.circuit, Input::HasDevice);
                let absent = packets.circuit.and(reached, is_present.not());
                self.end(absent, otherwise);
                is_present
            }
        };
        self.circuit().and(reached, passes)
    }

    /// Adds the verdict of packets that end here.
    fn end(&mut self, reached: Bit, verdict: ValueId) {
        let word = self.word(verdict);
        let circuit = &mut self.packets.circuit;
        for (bit, from) in self.verdict.0.iter_mut().zip(word.0) {
            let from = circuit.and(reached, from);
            *bit = circuit.or(*bit, from);
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
