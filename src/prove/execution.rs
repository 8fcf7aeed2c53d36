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
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::inputs::Input;
use crate::prove::numbers::Numbers;
use crate::prove::packets::{Lengths, Packets};
use crate::prove::word::Word;

impl Packets {
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
                if self.packets.lengths() == Lengths::Enough {
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
