//! Clean-up of emitted code: dead instructions are dropped, equal blocks merged, and jumps to jumps shortened.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::Register;
use crate::bpf::verify::SCRATCH_WORDS;
use crate::emit::emitted_code::{EmittedBlock, EmittedBlockId, EmittedCode, EmittedTerminator};
use crate::ir::hash_map::HashMap;
use crate::packet::ancillary::Extension;

/// A set of registers and scratch words, a bit each.
type Locations = u32;

const A: Locations = 1 << SCRATCH_WORDS;
const X: Locations = 2 << SCRATCH_WORDS;

impl EmittedCode {
    /// Makes the code smaller, in linear time.
    pub(crate) fn clean(&mut self) {
        self.drop_dead_instructions();
        self.merge_blocks();
        self.concatenate_blocks();
    }

    /// Drops instructions that only set locations that are not read afterwards.
    fn drop_dead_instructions(&mut self) {
        let mut live_at_start: Vec<Locations> = vec![0; self.blocks.len()];
        for id in self.topological_order().into_iter().rev() {
            let block = &mut self.blocks[id];
            let mut live = block.terminator.targets().fold(0, |live, target| live | live_at_start[target]);
            live |= match block.terminator {
                EmittedTerminator::Return(_) | EmittedTerminator::Jump(_) => 0,
                EmittedTerminator::ReturnA => A,
                EmittedTerminator::Branch { operand, .. } => A | read_by(operand),
            };
            let mut kept = Vec::with_capacity(block.body.len());
            for &instruction in block.body.iter().rev() {
                let effects = InstructionEffects::of(instruction);
                if effects.may_return || effects.writes & live != 0 {
                    live = live & !effects.writes | effects.reads;
                    kept.push(instruction);
                }
            }
            kept.reverse();
            block.body = kept;
            live_at_start[id] = live;
        }
    }

    /// Leads edges to one of several equal blocks, and past blocks that only jump.
    fn merge_blocks(&mut self) {
        let mut replacement: Vec<EmittedBlockId> = (0..self.blocks.len()).collect();
        let mut known: HashMap<EmittedBlock, EmittedBlockId> = HashMap::default();
        for id in self.topological_order().into_iter().rev() {
            let block = &mut self.blocks[id];
            block.terminator.targets_mut().for_each(|target| *target = replacement[*target]);
            if let EmittedTerminator::Branch { then, otherwise, .. } = block.terminator {
                if then == otherwise {
                    block.terminator = EmittedTerminator::Jump(then);
                }
            }
            replacement[id] = match block.terminator {
                EmittedTerminator::Jump(target) if block.body.is_empty() && id != 0 => target,
                _ => *known.get_or_insert(block.clone(), id),
            };
        }
    }

    /// Appends a block to its only predecessor, and a return to each of them.
    fn concatenate_blocks(&mut self) {
        let order = self.topological_order();
        let predecessor_counts = self.predecessor_counts(&order);
        for &id in order.iter().rev() {
            while let EmittedTerminator::Jump(target) = self.blocks[id].terminator {
                let next = &self.blocks[target];
                let returns = matches!(next.terminator, EmittedTerminator::Return(_) | EmittedTerminator::ReturnA);
                if predecessor_counts[target] != 1 && !(returns && next.body.is_empty()) {
                    break;
                }
                let EmittedBlock { body, terminator } = next.clone();
                let block = &mut self.blocks[id];
                block.body.extend(body);
                block.terminator = terminator;
            }
        }
    }
}

/// The effects of an instruction that neither jumps nor always returns.
struct InstructionEffects {
    reads: Locations,
    writes: Locations,
    /// Set if the instruction may end the program.
    may_return: bool,
}

impl InstructionEffects {
    fn of(instruction: Instruction) -> InstructionEffects {
        let pure = |reads, writes| InstructionEffects { reads, writes, may_return: false };
        let returning = |reads, writes| InstructionEffects { reads, writes, may_return: true };
        match instruction {
            Instruction::LoadConstant { dst, .. } | Instruction::LoadLength { dst } => pure(0, bit(dst)),
            Instruction::LoadScratch { dst, slot } => pure(1 << slot, bit(dst)),
            Instruction::StoreScratch { src, slot } => pure(bit(src), 1 << slot),
            Instruction::LoadAbsolute { .. } => returning(0, A),
            Instruction::LoadIndirect { .. } => returning(X, A),
            Instruction::LoadMemShift { .. } => returning(0, X),
            Instruction::LoadExtension(Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute) => {
                pure(A | X, A)
            }
            // Some end the program with A as its verdict, and `rand` returns another number each time.
            Instruction::LoadExtension(_) => returning(A, A),
            Instruction::Alu { op, operand: Operand::X } if op.is_division() => returning(A | X, A),
            Instruction::Alu { operand, .. } => pure(A | read_by(operand), A),
            Instruction::Negate => pure(A, A),
            Instruction::TransferAToX => pure(A, X),
            Instruction::TransferXToA => pure(X, A),
            // Terminators do not stand in a body.
            _ => returning(u32::MAX, 0),
        }
    }
}

fn bit(register: Register) -> Locations {
    match register {
        Register::A => A,
        Register::X => X,
    }
}

fn read_by(operand: Operand) -> Locations {
    match operand {
        Operand::X => X,
        Operand::Constant(_) => 0,
    }
}
