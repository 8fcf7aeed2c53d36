//! Symbolic execution of a function of the IR, a block after the other.
//!
//! Blocks are executed when all edges into them have been, those of the graph in its order, and those between them at
//! once: so most gates are the ones that the execution of the graph has made.

use std::collections::{BTreeSet, HashMap};

use cranelift_codegen::ir::{Block, BlockArg, BlockCall, Function, Inst, InstructionData, Opcode, Value};

use crate::bpf::isa::AluOp;
use crate::codegen::constant_tables::ConstantTables;
use crate::codegen::spill_block_parameters::destinations;
use crate::codegen::validation::item::Item;
use crate::codegen::validation::number::Number;
use crate::ir::Graph;
use crate::packet::random;
use crate::prove::circuit::Bit;
use crate::prove::inputs::Input;
use crate::prove::numbers::NumberedWord;
use crate::prove::packets::Packets;
use crate::prove::word::Word;

/// What a stack frame holds, by offset.
pub(super) type Frame = HashMap<i64, Item>;

/// The packets that reach a block.
struct Arrival {
    reached: Bit,
    frame: Frame,
}

/// The symbolic execution of a function.
pub(super) struct Evaluation<'f, 'p> {
    pub(super) function: &'f Function,
    pub(super) tables: &'f ConstantTables,
    pub(super) packets: &'p mut Packets,
    pub(super) values: HashMap<Value, Item>,
    /// The stack frame in the current block.
    pub(super) frame: Frame,
    /// The condition that packets reach the current block.
    pub(super) reached: Bit,
    arrivals: HashMap<Block, Arrival>,
    /// The random numbers of the graph, by the word that the generator's formula has.
    pub(super) random: HashMap<Word, Word>,
    pub(super) verdict: Word,
    /// The conditions of loads out of bounds and of divisions by 0.
    pub(super) faults: Vec<Bit>,
}

impl<'f, 'p> Evaluation<'f, 'p> {
    /// Executes the IR of a graph, after the graph was executed with the same packets.
    pub(super) fn of(
        function: &'f Function,
        tables: &'f ConstantTables,
        graph: &Graph,
        packets: &'p mut Packets,
    ) -> Result<Evaluation<'f, 'p>, String> {
        let mut evaluation = Evaluation {
            function,
            tables,
            packets,
            values: HashMap::new(),
            frame: Frame::new(),
            reached: Bit::ONE,
            arrivals: HashMap::new(),
            random: HashMap::new(),
            verdict: Word::ZERO,
            faults: Vec::new(),
        };
        evaluation.define_random_numbers();
        evaluation.begin()?;
        for block in order(function, graph.blocks.len()) {
            // A block that no packet reaches computes nothing.
            if let Some(arrival) = evaluation.arrivals.remove(&block) {
                (evaluation.reached, evaluation.frame) = (arrival.reached, arrival.frame);
                for inst in function.layout.block_insts(block) {
                    evaluation.instruction(inst)?;
                }
            }
        }
        Ok(evaluation)
    }

    /// Computes random numbers by the formula of the generator, for those that the graph has as inputs.
    fn define_random_numbers(&mut self) {
        for (index, number) in self.packets.inputs.random_numbers() {
            let seed = self.seed();
            let index = Number { width: 64, low: NumberedWord::any(index), high: Word::ZERO };
            let count = self.computed(AluOp::Add, &index, &Number::constant(64, 1));
            let steps = self.computed(AluOp::Mul, &count, &Number::constant(64, random::STEP));
            let mut z = self.computed(AluOp::Add, &seed, &steps);
            for (shift, factor) in random::MIX {
                z = self.mix(&z, shift);
                z = self.computed(AluOp::Mul, &z, &Number::constant(64, factor));
            }
            let formula = self.mix(&z, random::LAST).high;
            self.random.insert(formula, number);
        }
    }

    /// Returns the seed of random numbers.
    pub(super) fn seed(&mut self) -> Number {
        let [low, high] = [u32::MAX, u32::MAX - 1]
            .map(|half| self.packets.inputs.word(&mut self.packets.circuit, Input::Random(half)));
        Number { width: 64, low: NumberedWord::any(low), high }
    }

    fn computed(&mut self, op: AluOp, left: &Number, right: &Number) -> Number {
        left.arithmetic(&mut self.packets.circuit, op, right).unwrap_or_else(|| left.clone())
    }

    fn mix(&mut self, z: &Number, shift: u8) -> Number {
        let high = self.computed(AluOp::Rsh, z, &Number::constant(64, shift.into()));
        self.computed(AluOp::Xor, z, &high)
    }

    /// Sets the parameters of the function.
    fn begin(&mut self) -> Result<(), String> {
        let entry = self.function.layout.entry_block().ok_or("no block")?;
        let &[packet, captured, wire_len, context] = self.function.dfg.block_params(entry) else {
            return Err("the function has not four parameters".to_owned());
        };
        let length = Number { width: 64, low: NumberedWord::any(self.packets.limit), high: Word::ZERO };
        let on_wire = self.packets.inputs.word(&mut self.packets.circuit, Input::WireLen);
        let on_wire = Number::narrow(32, NumberedWord::any(on_wire));
        self.values.insert(packet, Item::Packet { base: None, offset: 0 });
        self.values.insert(captured, Item::Number(length));
        self.values.insert(wire_len, Item::Number(on_wire));
        self.values.insert(context, Item::Context);
        self.arrivals.insert(entry, Arrival { reached: Bit::ONE, frame: Frame::new() });
        Ok(())
    }

    pub(super) fn item(&self, value: Value) -> Result<Item, String> {
        let value = self.function.dfg.resolve_aliases(value);
        self.values.get(&value).cloned().ok_or_else(|| format!("{value} is used before it is defined"))
    }

    pub(super) fn number(&self, value: Value) -> Result<Number, String> {
        match self.item(value)? {
            Item::Number(number) => Ok(number),
            other => Err(format!("{value} is not a number: {other:?}")),
        }
    }

    pub(super) fn fault_unless(&mut self, is_possible: Bit) {
        let fault = self.packets.circuit.and(self.reached, is_possible.not());
        if fault != Bit::ZERO {
            self.faults.push(fault);
        }
    }

    /// Ends a block.
    pub(super) fn end(&mut self, inst: Inst) -> Result<(), String> {
        match self.function.dfg.insts[inst] {
            InstructionData::Jump { destination, .. } => self.follow(destination, self.reached),
            InstructionData::Brif { arg, blocks: [then, otherwise], .. } => {
                let test = self.number(arg)?.any(&mut self.packets.circuit);
                for (call, holds) in [(then, test), (otherwise, test.not())] {
                    let condition = self.packets.circuit.and(self.reached, holds);
                    self.follow(call, condition)?;
                }
                Ok(())
            }
            InstructionData::MultiAry { opcode: Opcode::Return, .. } => {
                let &[verdict] = self.function.dfg.inst_args(inst) else { return Err("no verdict".to_owned()) };
                let word = self.number(verdict)?.low.word;
                let circuit = &mut self.packets.circuit;
                for (bit, from) in self.verdict.0.iter_mut().zip(word.0) {
                    let from = circuit.and(self.reached, from);
                    *bit = circuit.or(*bit, from);
                }
                Ok(())
            }
            _ => Err(format!("an unknown end of a block: {}", self.function.dfg.display_inst(inst))),
        }
    }

    fn follow(&mut self, call: BlockCall, condition: Bit) -> Result<(), String> {
        if condition == Bit::ZERO {
            return Ok(());
        }
        let dfg = &self.function.dfg;
        let block = call.block(&dfg.value_lists);
        let arguments: Vec<BlockArg> = call.args(&dfg.value_lists).collect();
        let is_first = !self.arrivals.contains_key(&block);
        for (&parameter, argument) in dfg.block_params(block).iter().zip(arguments) {
            let BlockArg::Value(argument) = argument else { return Err("an argument that is no value".to_owned()) };
            let item = self.item(argument)?;
            let joined = if is_first { item } else { self.joined(condition, &self.item(parameter)?, &item)? };
            self.values.insert(parameter, joined);
        }
        let frame = self.frame.clone();
        match self.arrivals.remove(&block) {
            None => {
                self.arrivals.insert(block, Arrival { reached: condition, frame });
            }
            Some(before) => {
                let reached = self.packets.circuit.or(before.reached, condition);
                let mut joined = Frame::new();
                // A word that was not stored on some path is not read.
                for (&offset, item) in &before.frame {
                    if let Some(other) = frame.get(&offset) {
                        joined.insert(offset, self.joined(condition, item, other)?);
                    }
                }
                self.arrivals.insert(block, Arrival { reached, frame: joined });
            }
        }
        Ok(())
    }

    /// Returns the other item under a condition, and else the first.
    fn joined(&mut self, is_other: Bit, item: &Item, other: &Item) -> Result<Item, String> {
        match (item, other) {
            (Item::Number(number), Item::Number(other)) => {
                Ok(Item::Number(number.select(&mut self.packets.circuit, is_other, other)))
            }
            _ => Err("addresses are joined".to_owned()),
        }
    }
}

/// Returns the reachable blocks in a topological order; a loop is left out.
fn order(function: &Function, graph_blocks: usize) -> Vec<Block> {
    let targets = |block: Block| -> Vec<Block> {
        let last = function.layout.last_inst(block);
        let calls = last.map(|inst| destinations(function, inst)).unwrap_or_default();
        calls.iter().map(|call| call.block(&function.dfg.value_lists)).collect()
    };
    let Some(entry) = function.layout.entry_block() else { return Vec::new() };
    let (mut entries, mut seen, mut open) = (HashMap::<Block, usize>::new(), BTreeSet::from([entry]), vec![entry]);
    while let Some(block) = open.pop() {
        for target in targets(block) {
            *entries.entry(target).or_default() += 1;
            if seen.insert(target) {
                open.push(target);
            }
        }
    }
    let (mut order, mut between, mut of_graph) = (Vec::new(), Vec::new(), BTreeSet::from([entry]));
    while let Some(block) = between.pop().or_else(|| of_graph.pop_first()) {
        order.push(block);
        for target in targets(block) {
            let left = entries.entry(target).or_default();
            *left -= 1;
            match *left {
                0 if (target.as_u32() as usize) < graph_blocks => drop(of_graph.insert(target)),
                0 => between.push(target),
                _ => {}
            }
        }
    }
    order
}
