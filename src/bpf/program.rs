//! A program: a list of instructions that nobody has judged yet.

use crate::bpf::instruction::{Instruction, RawInstruction};

/// A program, not yet trusted: any list of instructions, valid or not.
///
/// It comes from [`Program::builder`], from a text ([`Program::parse`], or `"ret #0".parse()`), or from instructions;
/// [`Program::verify`] judges it for a [`Dialect`](crate::Dialect).
///
/// ```
/// use cbpf::{Instruction, Program};
/// let program = Program::from_iter([Instruction::ReturnConstant { verdict: 96 }]);
/// assert_eq!(program.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Program {
    instructions: Vec<RawInstruction>,
}

impl Program {
    /// A program of these instructions.
    pub fn new(instructions: impl Into<Vec<RawInstruction>>) -> Program {
        Program { instructions: instructions.into() }
    }

    /// The instructions, as they would be given to the kernel.
    pub fn instructions(&self) -> &[RawInstruction] {
        &self.instructions
    }

    /// The instructions, typed; encoding them again gives the same program.
    pub fn disassemble(&self) -> impl Iterator<Item = Instruction> {
        self.instructions.iter().map(|&raw| raw.into())
    }

    /// How many instructions there are.
    pub fn len(&self) -> usize {
        self.instructions.len()
    }

    /// Whether there is no instruction at all; no verifier accepts such a program.
    pub fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }
}

impl<I: Into<RawInstruction>> FromIterator<I> for Program {
    fn from_iter<T: IntoIterator<Item = I>>(instructions: T) -> Program {
        Program { instructions: instructions.into_iter().map(Into::into).collect() }
    }
}
