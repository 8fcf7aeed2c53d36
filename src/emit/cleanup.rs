//! Code is made smaller without looking at what it means: results that nobody reads go, equal pieces become one, and
//! jumps to jumps lead to where those lead.

use std::collections::HashMap;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::Register;
use crate::bpf::verify::SCRATCH_WORDS;
use crate::emit::code::{Code, Leave, Piece, PieceId};
use crate::ir::Hashing;
use crate::packet::ancillary::Extension;

/// The registers and scratch words that are read before they are written, a bit each.
type Live = u32;

const A: Live = 1 << SCRATCH_WORDS;
const X: Live = 2 << SCRATCH_WORDS;

impl Code {
    /// Makes the code smaller, in linear time.
    pub(crate) fn clean(&mut self) {
        self.drop_dead();
        self.merge();
        self.concatenate();
    }

    /// Drops instructions that only set what is not read.
    fn drop_dead(&mut self) {
        let mut live: Vec<Live> = vec![0; self.pieces.len()];
        for id in self.topological_order().into_iter().rev() {
            let piece = &mut self.pieces[id];
            let mut now = piece.end.targets().fold(0, |now, target| now | live[target]);
            now |= match piece.end {
                Leave::Return(_) | Leave::Jump(_) => 0,
                Leave::ReturnA => A,
                Leave::Branch { operand, .. } => A | read(operand),
            };
            let mut kept = Vec::with_capacity(piece.body.len());
            for &instruction in piece.body.iter().rev() {
                let effect = Effect::of(instruction);
                if effect.can_end || effect.writes & now != 0 {
                    now = now & !effect.writes | effect.reads;
                    kept.push(instruction);
                }
            }
            kept.reverse();
            piece.body = kept;
            live[id] = now;
        }
    }

    /// Leads edges to one of several equal pieces, and past pieces that do nothing.
    fn merge(&mut self) {
        let mut instead: Vec<PieceId> = (0..self.pieces.len()).collect();
        let mut known: HashMap<Piece, PieceId, Hashing> = HashMap::default();
        for id in self.topological_order().into_iter().rev() {
            let piece = &mut self.pieces[id];
            piece.end.targets_mut().for_each(|target| *target = instead[*target]);
            if let Leave::Branch { then, otherwise, .. } = piece.end
                && then == otherwise
            {
                piece.end = Leave::Jump(then);
            }
            match piece.end {
                Leave::Jump(target) if piece.body.is_empty() && id != 0 => instead[id] = target,
                _ => instead[id] = *known.entry(piece.clone()).or_insert(id),
            }
        }
    }

    /// Appends a piece to the only one that leads to it.
    fn concatenate(&mut self) {
        let order = self.topological_order();
        let mut entries = vec![0_u32; self.pieces.len()];
        for &id in &order {
            self.pieces[id].end.targets().for_each(|target| entries[target] += 1);
        }
        for &id in order.iter().rev() {
            while let Leave::Jump(target) = self.pieces[id].end {
                let next = &self.pieces[target];
                let is_return = next.body.is_empty() && matches!(next.end, Leave::Return(_) | Leave::ReturnA);
                if entries[target] != 1 && !is_return {
                    break;
                }
                let Piece { body, end } = next.clone();
                let piece = &mut self.pieces[id];
                piece.body.extend(body);
                piece.end = end;
            }
        }
    }
}

/// What an instruction does to the machine, apart from going on.
struct Effect {
    reads: Live,
    writes: Live,
    /// Whether it may end the program.
    can_end: bool,
}

impl Effect {
    fn of(instruction: Instruction) -> Effect {
        let pure = |reads, writes| Effect { reads, writes, can_end: false };
        let ending = |reads, writes| Effect { reads, writes, can_end: true };
        match instruction {
            Instruction::LoadConstant { dst, .. } | Instruction::LoadLength { dst } => pure(0, bit(dst)),
            Instruction::LoadScratch { dst, slot } => pure(1 << slot, bit(dst)),
            Instruction::StoreScratch { src, slot } => pure(bit(src), 1 << slot),
            Instruction::LoadAbsolute { .. } => ending(0, A),
            Instruction::LoadIndirect { .. } => ending(X, A),
            Instruction::LoadMemShift { .. } => ending(0, X),
            Instruction::LoadExtension(Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute) => {
                pure(A | X, A)
            }
            // Some end the program with A as its verdict, and some count how often they are asked.
            Instruction::LoadExtension(_) => ending(A, A),
            Instruction::Alu { op, operand: Operand::X } if op.is_division() => ending(A | X, A),
            Instruction::Alu { operand, .. } => pure(A | read(operand), A),
            Instruction::Negate => pure(A, A),
            Instruction::TransferAToX => pure(A, X),
            Instruction::TransferXToA => pure(X, A),
            // These end a piece and do not stand in one; if they did, all is read and nothing is written.
            _ => ending(u32::MAX, 0),
        }
    }
}

fn bit(register: Register) -> Live {
    match register {
        Register::A => A,
        Register::X => X,
    }
}

fn read(operand: Operand) -> Live {
    match operand {
        Operand::X => X,
        Operand::Constant(_) => 0,
    }
}
