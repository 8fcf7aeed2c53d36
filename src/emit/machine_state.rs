//! The state of the machine at a point of the program that is being written.

use crate::bpf::isa::Register;
use crate::bpf::verify::SCRATCH_WORDS;
use crate::emit::check_set::CheckSet;
use crate::ir::ValueId;

/// The contents of registers and scratch words, and the checks that hold, on every path to a point.
#[derive(Clone, Debug)]
pub(crate) struct MachineState {
    pub(crate) a: Option<ValueId>,
    pub(crate) x: Option<ValueId>,
    pub(crate) scratch: [Option<ValueId>; SCRATCH_WORDS],
    pub(crate) checks: CheckSet,
    /// The number of random numbers that were loaded, if it is the same on every path.
    pub(crate) random_loads: Option<u32>,
}

impl MachineState {
    /// Returns the state before the first instruction. The kernel forbids reading a scratch word that was not stored.
    pub(crate) fn at_start(zero: ValueId, is_kernel: bool) -> MachineState {
        MachineState {
            a: Some(zero),
            x: Some(zero),
            scratch: [(!is_kernel).then_some(zero); SCRATCH_WORDS],
            checks: CheckSet::default(),
            random_loads: Some(0),
        }
    }

    /// Keeps what another state has as well.
    pub(crate) fn meet(&mut self, other: &MachineState) {
        let meet = |value: &mut Option<ValueId>, other: Option<ValueId>| *value = value.filter(|_| *value == other);
        meet(&mut self.a, other.a);
        meet(&mut self.x, other.x);
        self.scratch.iter_mut().zip(other.scratch).for_each(|(word, other)| meet(word, other));
        self.checks.meet(&other.checks);
        self.random_loads = self.random_loads.filter(|_| self.random_loads == other.random_loads);
    }

    pub(crate) fn register(&mut self, register: Register) -> &mut Option<ValueId> {
        match register {
            Register::A => &mut self.a,
            Register::X => &mut self.x,
        }
    }

    /// Returns a scratch word that holds a value.
    pub(crate) fn slot_of(&self, value: ValueId) -> Option<usize> {
        self.scratch.iter().position(|&word| word == Some(value))
    }
}
