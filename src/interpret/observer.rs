//! The observer of a run of the interpreter.

use crate::bpf::isa::Width;
use crate::bpf::verify::SCRATCH_WORDS;

/// The two registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registers {
    /// The accumulator.
    pub a: u32,
    /// The index register.
    pub x: u32,
}

/// An observer of the steps of a run, for traces and profiles.
///
/// The interpreter is compiled once for each observer type, so [`Unobserved`] costs nothing.
pub(crate) trait Observer {
    /// Is called before the step at `pc`, with the registers and scratch words.
    fn step(&mut self, pc: usize, registers: Registers, scratch: &[u32; SCRATCH_WORDS]);

    /// Is called when the step loads from an offset of the packet; the last bytes may be out of bounds.
    fn load(&mut self, offset: usize, width: Width);
}

/// An observer that does nothing.
pub(crate) struct Unobserved;

impl Observer for Unobserved {
    fn step(&mut self, _: usize, _: Registers, _: &[u32; SCRATCH_WORDS]) {}

    fn load(&mut self, _: usize, _: Width) {}
}
