//! Whoever looks on while the interpreter runs a program.

use crate::bpf::isa::Width;
use crate::bpf::verify::SCRATCH_WORDS;

/// The two registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The accumulator.
    pub a: u32,
    /// The index register.
    pub x: u32,
}

/// Looks on while a program runs: what a run tells beside its verdict, for traces and profiles.
///
/// The interpreter is compiled once for each watcher, so one that does nothing costs nothing.
pub(crate) trait Watch {
    /// The step at `pc` comes next, and this is what it finds.
    fn step(&mut self, pc: usize, registers: Registers, scratch: &[u32; SCRATCH_WORDS]);

    /// The step loads from this place of the packet, in bytes from its start; the last of them may lie past the end.
    fn load(&mut self, offset: usize, width: Width);
}

/// Nobody looks on.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn step(&mut self, _: usize, _: Registers, _: &[u32; SCRATCH_WORDS]) {}

    fn load(&mut self, _: usize, _: Width) {}
}
