//! The facts that give numbers names in print: the field in A, and the architecture.

use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa::{self, Condition, Input, Mode, Operation, Register, Width};
use crate::syscall::{Arch, SeccompData};

/// The facts that hold on all paths to an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KnownState {
    /// The offset from which A was loaded.
    pub(super) a: Option<u32>,
    /// The architecture that the program has tested for.
    pub(super) arch: Option<Arch>,
}

impl KnownState {
    fn meet(self, other: KnownState) -> KnownState {
        KnownState { a: self.a.filter(|_| self.a == other.a), arch: self.arch.filter(|_| self.arch == other.arch) }
    }

    /// Returns the successors of an instruction, in instructions to skip, with the facts that hold there.
    fn successors(self, raw: RawInstruction) -> [Option<(u32, KnownState)>; 2] {
        let Some(row) = isa::lookup(raw.code) else { return [Some((0, KnownState::default())), None] };
        let a = match row.operation {
            Operation::Return(_) => return [None, None],
            Operation::Jump => return [Some((raw.k, self)), None],
            Operation::Branch(condition, input) => {
                let is_arch = self.a == Some(SeccompData::ARCH) && (condition, input) == (Condition::Equal, Input::K);
                let then = if is_arch { KnownState { arch: Some(Arch(raw.k)), ..self } } else { self };
                return [Some((raw.jt.into(), then)), Some((raw.jf.into(), self))];
            }
            Operation::Load(Register::A, Mode::Absolute(Width::Word)) => Some(raw.k),
            Operation::Load(Register::A, _) | Operation::Transfer(Register::A) => None,
            Operation::Alu(..) | Operation::Negate => None,
            _ => self.a,
        };
        [Some((0, KnownState { a, ..self })), None]
    }
}

/// Returns the facts before each instruction, in one pass forward. Unreachable instructions have none.
pub(super) fn known_states(program: &[RawInstruction]) -> Vec<KnownState> {
    let mut before: Vec<Option<KnownState>> = vec![None; program.len()];
    for (pc, &raw) in program.iter().enumerate() {
        let here = before[pc].unwrap_or_default();
        for (skip, known) in here.successors(raw).into_iter().flatten() {
            if let Some(target) = before.get_mut(pc.saturating_add(1).saturating_add(skip as usize)) {
                *target = Some(target.map_or(known, |other| other.meet(known)));
            }
        }
    }
    before.into_iter().map(Option::unwrap_or_default).collect()
}
