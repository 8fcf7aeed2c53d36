//! Emission: operations become instructions, given the locations of virtual registers; and jumps get their distances.

use alloc::vec::Vec;

use crate::bpf::isa::AluOp;
use crate::ebpf::allocation::{Allocation, Location, SCRATCH};
use crate::ebpf::code::{Argument, Code, Comparing, End, Label, Operand, Operation, Virtual};
use crate::ebpf::instruction::{Comparison, Instruction, OperandSize, Register, Size, Source};
use crate::ebpf::relaxation::{Item, JumpTo};

/// Emits the blocks in this order.
pub(crate) fn emit(code: &Code, order: &[Label], allocation: &Allocation) -> Vec<Item> {
    let mut emitter = Emitter { code, allocation, items: Vec::new() };
    for (index, &label) in order.iter().enumerate() {
        emitter.items.push(Item::Label(label));
        if index == 0 {
            emitter.arguments();
        }
        let block = &code.blocks[label.index()];
        block.operations.iter().for_each(|operation| emitter.operation(operation));
        if let Some(end) = &block.end {
            emitter.end(end, order.get(index + 1).copied());
        }
    }
    emitter.items
}

struct Emitter<'c> {
    code: &'c Code,
    allocation: &'c Allocation,
    items: Vec<Item>,
}

/// The source of a parallel move.
#[derive(Clone, Copy, PartialEq)]
enum Moved {
    Location(Location),
    Immediate(i32),
    StackAddress(i16),
    Map(u32),
}

impl Emitter<'_> {
    fn push(&mut self, instruction: Instruction) {
        self.items.push(Item::Instruction(instruction));
    }

    fn location(&self, register: Virtual) -> Location {
        self.allocation.locations[register.index()]
    }

    /// Returns the register of a value, which is loaded into `scratch` if it is on the stack.
    fn read(&mut self, register: Virtual, scratch: Register) -> Register {
        match self.location(register) {
            Location::Register(physical) => physical,
            Location::Stack(offset) => {
                self.load_stack(scratch, offset);
                scratch
            }
        }
    }

    fn source(&mut self, operand: Operand, scratch: Register) -> Source {
        match operand {
            Operand::Virtual(register) => Source::Register(self.read(register, scratch)),
            Operand::Immediate(k) => Source::Immediate(k),
        }
    }

    fn load_stack(&mut self, dst: Register, offset: i16) {
        self.push(Instruction::Load { size: Size::U64, dst, base: Register::FRAME, offset });
    }

    fn store_stack(&mut self, offset: i16, src: Source) {
        self.push(Instruction::Store { size: Size::U64, base: Register::FRAME, offset, src });
    }

    /// Emits an operation with a result: `instruction` gets the register to write.
    fn write(&mut self, dst: Virtual, instructions: impl FnOnce(&mut Self, Register)) {
        match self.location(dst) {
            Location::Register(physical) => instructions(self, physical),
            Location::Stack(offset) => {
                instructions(self, SCRATCH[0]);
                self.store_stack(offset, SCRATCH[0].into());
            }
        }
    }

    fn operation(&mut self, operation: &Operation) {
        match *operation {
            Operation::Move { dst, src } => self.write(dst, |it, physical| it.set(physical, src)),
            Operation::Alu { size, op, dst, left, right } => self.alu(size, op, dst, left, right),
            Operation::Negate { dst, src } => self.write(dst, |it, dst| {
                it.set(dst, src.into());
                it.push(Instruction::Negate { dst });
            }),
            Operation::NetworkOrder { width, dst, src } => self.write(dst, |it, dst| {
                it.set(dst, src.into());
                it.push(Instruction::NetworkOrder { width, dst });
            }),
            Operation::Load { size, dst, base, offset } => self.write(dst, |it, dst| {
                let base = it.read(base, SCRATCH[1]);
                it.push(Instruction::Load { size, dst, base, offset });
            }),
            Operation::LoadStack { size, dst, offset } => self.write(dst, |it, dst| {
                it.push(Instruction::Load { size, dst, base: Register::FRAME, offset });
            }),
            Operation::LoadImmediate { dst, value } => {
                self.write(dst, |it, dst| it.push(Instruction::LoadImmediate { dst, value }));
            }
            Operation::LoadPacket { width, dst, offset } => {
                self.push(Instruction::LoadPacket { width, offset });
                self.take_result(dst);
            }
            Operation::LoadPacketIndirect { width, dst, index, offset } => {
                let index = self.read(index, SCRATCH[0]);
                self.push(Instruction::LoadPacketIndirect { width, index, offset });
                self.take_result(dst);
            }
            Operation::Call { helper, ref arguments, dst } => {
                let moves = arguments.iter().zip(&Register::ALL[1..]).map(|(&argument, &register)| {
                    let moved = match argument {
                        Argument::Operand(operand) => self.moved(operand),
                        Argument::Stack(offset) => Moved::StackAddress(offset),
                        Argument::Map(map) => Moved::Map(map),
                    };
                    (Location::Register(register), moved)
                });
                self.parallel_move(moves.collect());
                self.push(Instruction::Call(helper));
                self.take_result(dst);
            }
        }
    }

    /// Writes the arguments of the function to their locations.
    fn arguments(&mut self) {
        let arrived = self.code.arguments.iter().zip(&Register::ALL[1..]);
        let moves = arrived
            .map(|(&argument, &register)| (self.location(argument), Moved::Location(Location::Register(register))));
        self.parallel_move(moves.collect());
    }

    /// Stores the result of a call.
    fn take_result(&mut self, dst: Virtual) {
        match self.location(dst) {
            Location::Register(Register::RESULT) => {}
            Location::Register(dst) => {
                self.push(Instruction::Move { size: OperandSize::Full, dst, src: Register::RESULT.into() })
            }
            Location::Stack(offset) => self.store_stack(offset, Register::RESULT.into()),
        }
    }

    /// Moves a value into a register.
    fn set(&mut self, dst: Register, src: Operand) {
        match src {
            Operand::Immediate(k) => {
                self.push(Instruction::Move { size: OperandSize::Half, dst, src: Source::Immediate(k) });
            }
            Operand::Virtual(register) => match self.location(register) {
                Location::Register(src) if src == dst => {}
                Location::Register(src) => {
                    self.push(Instruction::Move { size: OperandSize::Full, dst, src: src.into() });
                }
                Location::Stack(offset) => self.load_stack(dst, offset),
            },
        }
    }

    fn alu(&mut self, size: OperandSize, op: AluOp, dst: Virtual, left: Operand, right: Operand) {
        self.write(dst, |it, dst| {
            // The right operand lives beyond the write of the result, so it is not in `dst`.
            let src = it.source(right, SCRATCH[1]);
            it.set(dst, left);
            it.push(Instruction::Alu { size, op, dst, src });
        });
    }

    fn end(&mut self, end: &End, next: Option<Label>) {
        match end {
            End::Exit(result) => {
                self.set(Register::RESULT, *result);
                self.push(Instruction::Exit);
            }
            End::Jump(target, arguments) => {
                let parameters = &self.code.blocks[target.index()].parameters;
                let moves = parameters.iter().zip(arguments);
                let moves = moves.map(|(&parameter, &argument)| (self.location(parameter), self.moved(argument)));
                self.parallel_move(moves.collect());
                if next != Some(*target) {
                    self.items.push(Item::Jump(*target));
                }
            }
            End::Branch { test, then, otherwise } => self.branch(*test, *then, *otherwise, next),
        }
    }

    fn branch(&mut self, test: Comparing, then: Label, otherwise: Label, next: Option<Label>) {
        let left = self.read(test.left, SCRATCH[0]);
        let right = self.source(test.right, SCRATCH[1]);
        let jump = |comparison: Comparison, target: Label| {
            Item::JumpIf(JumpTo { size: test.size, comparison, left, right, target })
        };
        match test.comparison.negated() {
            Some(negated) if next == Some(then) => self.items.push(jump(negated, otherwise)),
            _ => {
                self.items.push(jump(test.comparison, then));
                if next != Some(otherwise) {
                    self.items.push(Item::Jump(otherwise));
                }
            }
        }
    }

    fn moved(&self, operand: Operand) -> Moved {
        match operand {
            Operand::Virtual(register) => Moved::Location(self.location(register)),
            Operand::Immediate(k) => Moved::Immediate(k),
        }
    }

    /// Emits moves that all read before any of them writes.
    fn parallel_move(&mut self, mut moves: Vec<(Location, Moved)>) {
        moves.retain(|&(to, from)| from != Moved::Location(to));
        while !moves.is_empty() {
            let is_read = |to: Location| moves.iter().any(|&(_, from)| from == Moved::Location(to));
            if let Some(ready) = moves.iter().position(|&(to, _)| !is_read(to)) {
                let (to, from) = moves.swap_remove(ready);
                self.move_one(to, from);
            } else {
                // All moves that are left form cycles: the stack keeps what the first one overwrites.
                let (overwritten, place) = (moves[0].0, Location::Stack(-(self.allocation.stack as i16) - 8));
                self.move_one(place, Moved::Location(overwritten));
                for (_, from) in moves.iter_mut().filter(|(_, from)| *from == Moved::Location(overwritten)) {
                    *from = Moved::Location(place);
                }
            }
        }
    }

    fn move_one(&mut self, to: Location, from: Moved) {
        let register = match to {
            Location::Register(register) => register,
            Location::Stack(_) => SCRATCH[0],
        };
        match (to, from) {
            (Location::Stack(offset), Moved::Location(Location::Register(src))) => {
                return self.store_stack(offset, src.into());
            }
            (_, Moved::Location(Location::Register(src))) => {
                self.push(Instruction::Move { size: OperandSize::Full, dst: register, src: src.into() });
            }
            (_, Moved::Location(Location::Stack(offset))) => self.load_stack(register, offset),
            (_, Moved::Immediate(k)) => {
                self.push(Instruction::Move { size: OperandSize::Half, dst: register, src: Source::Immediate(k) })
            }
            (_, Moved::StackAddress(offset)) => {
                self.push(Instruction::Move { size: OperandSize::Full, dst: register, src: Register::FRAME.into() });
                let src = Source::Immediate(offset.into());
                self.push(Instruction::Alu { size: OperandSize::Full, op: AluOp::Add, dst: register, src });
            }
            (_, Moved::Map(map)) => self.push(Instruction::LoadMap { dst: register, map }),
        }
        if let Location::Stack(offset) = to {
            self.store_stack(offset, register.into());
        }
    }
}
