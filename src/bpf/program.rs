//! Programs that are not verified yet.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, RawInstruction};

/// A program that is not verified yet: any list of instructions.
///
/// Create it with [`Program::builder`], from a text ([`Program::parse`], or `"ret #0".parse()`), or from instructions.
/// [`Program::verify`] checks it for a [`Dialect`](crate::Dialect).
///
/// ```
/// use cbpf::{Instruction, Program};
/// let program = Program::from_iter([Instruction::ReturnConstant { verdict: 96 }]);
/// assert_eq!(program.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Program {
    instructions: Vec<RawInstruction>,
}

impl Program {
    /// Creates a program of these instructions.
    pub fn new(instructions: impl Into<Vec<RawInstruction>>) -> Program {
        Program { instructions: instructions.into() }
    }

    /// Returns the instructions in the kernel's format.
    pub fn instructions(&self) -> &[RawInstruction] {
        &self.instructions
    }

    /// Returns the typed instructions; encoding them gives the same program.
    pub fn disassemble(&self) -> impl Iterator<Item = Instruction> {
        self.instructions.iter().map(|&raw| raw.into())
    }

    /// Returns the number of instructions.
    pub fn len(&self) -> usize {
        self.instructions.len()
    }

    /// Returns whether there are no instructions. No verifier accepts an empty program.
    pub fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }
}

impl<I: Into<RawInstruction>> FromIterator<I> for Program {
    fn from_iter<T: IntoIterator<Item = I>>(instructions: T) -> Program {
        Program { instructions: instructions.into_iter().map(Into::into).collect() }
    }
}
