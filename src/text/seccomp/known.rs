//! What is known before each instruction, so that numbers get names: what A holds, and which architecture it is.

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa;
use crate::bpf::isa::{Condition, Input, Operation, Register, Source, Width};
use crate::seccomp::Arch;

/// Where `nr` and `arch` stand in `struct seccomp_data`.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCH: u32 = 4;

/// What is the same on all paths to an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The offset that A was loaded from.
    pub(super) a: Option<u32>,
    /// The architecture that was tested for.
    pub(super) arch: Option<Arch>,
}

impl Known {
    fn meet(self, other: Known) -> Known {
        Known { a: self.a.filter(|_| self.a == other.a), arch: self.arch.filter(|_| self.arch == other.arch) }
    }

    /// Where an instruction goes, in instructions to skip, and what is known there.
    fn successors(self, raw: RawInstruction) -> [Option<(u32, Known)>; 2] {
        let Some(row) = isa::lookup(raw.code) else { return [Some((0, Known::default())), None] };
        let a = match row.operation {
            Operation::Return(_) => return [None, None],
            Operation::Jump => return [Some((raw.k, self)), None],
            Operation::Branch(condition, input) => {
                let is_arch = self.a == Some(ARCH) && (condition, input) == (Condition::Equal, Input::K);
                let then = if is_arch { Known { arch: Some(Arch(raw.k)), ..self } } else { self };
                return [Some((raw.jt.into(), then)), Some((raw.jf.into(), self))];
            }
            Operation::Load(Register::A, Source::Absolute(Width::Word)) => Some(raw.k),
            Operation::Load(Register::A, _) | Operation::Transfer(Register::A) => None,
            Operation::Alu(..) | Operation::Negate => None,
            _ => self.a,
        };
        [Some((0, Known { a, ..self })), None]
    }
}

/// One pass forward, since jumps go forward only. Where nothing leads, nothing is known.
pub(super) fn known(program: &[RawInstruction]) -> Vec<Known> {
    let mut before: Vec<Option<Known>> = vec![None; program.len()];
    for (pc, &raw) in program.iter().enumerate() {
        let here = before[pc].unwrap_or_default();
        for (skip, known) in here.successors(raw).into_iter().flatten() {
            if let Some(place) = before.get_mut(pc.saturating_add(1).saturating_add(skip as usize)) {
                *place = Some(place.map_or(known, |other| other.meet(known)));
            }
        }
    }
    before.into_iter().map(Option::unwrap_or_default).collect()
}
