//! Symbolic execution of programs, an instruction after the other: what the interpreter does, with words of a circuit.
//!
//! It shares no code with the construction of graphs, which it is compared with.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Register, Width};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::prove::circuit::Bit;
use crate::prove::inputs::Input;
use crate::prove::numbers::NumberedWord;
use crate::prove::packets::Packets;
use crate::prove::word::Word;

/// The registers, the scratch words, and the number of random numbers so far.
#[derive(Clone)]
struct Machine {
    a: NumberedWord,
    x: NumberedWord,
    scratch: [NumberedWord; SCRATCH_WORDS],
    random_loads: NumberedWord,
}

impl Machine {
    fn new() -> Machine {
        let zero = || NumberedWord::constant(0);
        Machine { a: zero(), x: zero(), scratch: core::array::from_fn(|_| zero()), random_loads: zero() }
    }

    fn words_mut(&mut self) -> impl Iterator<Item = &mut NumberedWord> {
        [&mut self.a, &mut self.x, &mut self.random_loads].into_iter().chain(&mut self.scratch)
    }

    fn words(&self) -> impl Iterator<Item = &NumberedWord> {
        [&self.a, &self.x, &self.random_loads].into_iter().chain(&self.scratch)
    }
}

impl Packets {
    /// Executes a program and returns its verdict.
    pub(crate) fn execute_program(&mut self, program: &Verified) -> Word {
        let steps = program.steps();
        let mut arrivals: Vec<Option<(Bit, Box<Machine>)>> = (0..steps.len()).map(|_| None).collect();
        if let Some(first) = arrivals.first_mut() {
            *first = Some((Bit::ONE, Box::new(Machine::new())));
        }
        let mut run = Run { packets: self, dialect: program.dialect(), arrivals, verdict: Word::ZERO };
        for (pc, step) in steps.iter().enumerate() {
            if run.packets.circuit.is_full() {
                break;
            }
            if let Some((reached, machine)) = run.arrivals[pc].take() {
                run.step(pc, step, reached, machine);
            }
        }
        run.verdict
    }
}

struct Run<'p> {
    packets: &'p mut Packets,
    dialect: Dialect,
    /// For each instruction, the condition that packets reach it, and the machine then.
    arrivals: Vec<Option<(Bit, Box<Machine>)>>,
    verdict: Word,
}

impl Run<'_> {
    fn step(&mut self, pc: usize, step: &Step, mut reached: Bit, mut machine: Box<Machine>) {
        match *step {
            Step::Load(dst, source) => {
                let word = match source {
                    Source::Constant(k) => NumberedWord::constant(k),
                    Source::Scratch(slot) => machine.scratch[slot % SCRATCH_WORDS].clone(),
                    Source::WireLen => {
                        NumberedWord::any(self.packets.inputs.word(&mut self.packets.circuit, Input::WireLen))
                    }
                };
                match dst {
                    Register::A => machine.a = word,
                    Register::X => machine.x = word,
                }
            }
            Step::LoadAbsolute(width, offset) => {
                machine.a = self.load(&NumberedWord::constant(offset), 0, width, &mut reached);
            }
            Step::LoadIndirect(width, offset) => machine.a = self.indirect(&machine.x, offset, width, &mut reached),
            Step::LoadMemShift(offset) => {
                let byte = self.load(&NumberedWord::constant(offset), 0, Width::Byte, &mut reached);
                let words = byte.alu(&mut self.packets.circuit, AluOp::And, &NumberedWord::constant(0xf));
                machine.x = words.alu(&mut self.packets.circuit, AluOp::Lsh, &NumberedWord::constant(2));
            }
            Step::Ancillary(extension) => self.ancillary(extension, &mut machine, &mut reached),
            Step::Store(register, slot) => {
                let word = if register == Register::A { &machine.a } else { &machine.x };
                machine.scratch[slot % SCRATCH_WORDS] = word.clone();
            }
            Step::Alu(op, operand) => self.alu(op, operand, &mut machine, &mut reached),
            Step::Negate => {
                machine.a = NumberedWord::constant(0).alu(&mut self.packets.circuit, AluOp::Sub, &machine.a)
            }
            Step::Transfer(Register::A) => machine.a = machine.x.clone(),
            Step::Transfer(Register::X) => machine.x = machine.a.clone(),
            Step::Return(Verdict::Constant(k)) => return self.end(reached, Word::constant(k)),
            Step::Return(Verdict::A) => return self.end(reached, machine.a.word),
            Step::Jump(target) => return self.arrive(target, reached, machine),
            Step::Branch { condition, operand, then, otherwise } => {
                let right = self.operand(operand, &machine).word;
                let circuit = &mut self.packets.circuit;
                let holds = circuit.compare(condition, machine.a.word, right);
                let [yes, no] = [holds, holds.not()].map(|holds| circuit.and(reached, holds));
                self.arrive(then, yes, machine.clone());
                return self.arrive(otherwise, no, machine);
            }
        }
        self.arrive(pc + 1, reached, machine);
    }

    /// Adds the verdict of packets that end here.
    fn end(&mut self, reached: Bit, word: Word) {
        let circuit = &mut self.packets.circuit;
        for (bit, from) in self.verdict.0.iter_mut().zip(word.0) {
            let from = circuit.and(reached, from);
            *bit = circuit.or(*bit, from);
        }
    }

    /// Adds packets that go on at an instruction.
    fn arrive(&mut self, pc: usize, condition: Bit, machine: Box<Machine>) {
        if condition == Bit::ZERO {
            return;
        }
        let circuit = &mut self.packets.circuit;
        match &mut self.arrivals[pc] {
            empty @ None => *empty = Some((condition, machine)),
            Some((reached, before)) => {
                *reached = circuit.or(*reached, condition);
                for (word, other) in before.words_mut().zip(machine.words()) {
                    *word = word.joined(circuit, condition, other);
                }
            }
        }
    }

    fn operand(&self, operand: Operand, machine: &Machine) -> NumberedWord {
        match operand {
            Operand::Constant(k) => NumberedWord::constant(k),
            Operand::X => machine.x.clone(),
        }
    }

    fn alu(&mut self, op: AluOp, operand: Operand, machine: &mut Machine, reached: &mut Bit) {
        let mut operand = self.operand(operand, machine);
        let circuit = &mut self.packets.circuit;
        if op.is_division() {
            let is_possible = circuit.any(&operand.word.0);
            *reached = circuit.and(*reached, is_possible);
        }
        if op.is_shift() && self.dialect.is_kernel() {
            operand = operand.alu(circuit, AluOp::And, &NumberedWord::constant(31));
        }
        machine.a = machine.a.alu(circuit, op, &operand);
    }

    fn ancillary(&mut self, extension: Extension, machine: &mut Machine, reached: &mut Bit) {
        let packets = &mut *self.packets;
        let word = match extension {
            Extension::Random => {
                let index = machine.random_loads.word;
                let one = NumberedWord::constant(1);
                machine.random_loads = machine.random_loads.alu(&mut packets.circuit, AluOp::Add, &one);
                packets.inputs.random(&mut packets.circuit, index)
            }
            Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute => {
                let of = (extension, machine.a.word, machine.x.word);
                packets.uninterpreted(of)
            }
            Extension::InterfaceIndex | Extension::HardwareType => {
                let is_present = packets.inputs.bit(&mut packets.circuit, Input::HasDevice);
                let absent = packets.circuit.and(*reached, is_present.not());
                *reached = packets.circuit.and(*reached, is_present);
                let word = packets.ancillary(extension);
                self.end(absent, machine.a.word);
                word
            }
            _ => packets.ancillary(extension),
        };
        machine.a = NumberedWord::any(word);
    }

    /// Loads from `[x + k]`: the sum wraps at 2^32 in the kernel, and does not in libpcap.
    fn indirect(&mut self, x: &NumberedWord, offset: u32, width: Width, reached: &mut Bit) -> NumberedWord {
        if self.dialect == Dialect::Pcap {
            return self.load(x, offset, width, reached);
        }
        let sum = x.alu(&mut self.packets.circuit, AluOp::Add, &NumberedWord::constant(offset));
        self.load(&sum, 0, width, reached)
    }

    /// Loads from `base + offset`, which may be relative to a header if that is the rule.
    fn load(&mut self, base: &NumberedWord, offset: u32, width: Width, reached: &mut Bit) -> NumberedWord {
        let position = match self.dialect == Dialect::Linux && !base.is_below(Header::FIRST_OFFSET) {
            true => NumberedWord::any(self.packets.position(base.word)),
            false => base.clone(),
        };
        let fits = self.packets.is_in_bounds(position.word, u64::from(offset) + u64::from(width.bytes()));
        *reached = self.packets.circuit.and(*reached, fits);
        let is_lowest_first =
            self.dialect == Dialect::Seccomp && width == Width::Word && cfg!(target_endian = "little");
        let cases = position.cases(&mut self.packets.circuit);
        let (mut word, count) = (Word::ZERO, u64::from(width.bytes()));
        for index in 0..count {
            let byte = self.packets.byte_at(position.word, cases.as_deref(), u64::from(offset) + index);
            let place = if is_lowest_first { index } else { count - 1 - index };
            word.0[8 * place as usize..][..8].copy_from_slice(&byte);
        }
        if width == Width::Byte { NumberedWord::byte(word) } else { NumberedWord::any(word) }
    }
}
