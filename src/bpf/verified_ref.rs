//! Verified programs in memory of the caller, and the steps of programs.

use core::borrow::Borrow;
use core::slice;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::RawInstruction;
use crate::bpf::verify::{self, Checker, Step, VerifyError};

/// A verified program in memory of the caller, for places without an allocator.
///
/// Neither [`VerifiedRef::new`] nor a run allocates or panics, and both take less than 2 KiB of stack. Each run decodes
/// the instructions, which takes longer than interpreting a [`Verified`](crate::Verified).
///
/// ```
/// use cbpf::bpf::{RawInstruction, VerifiedRef};
/// use cbpf::Dialect;
/// // ldh [12]; jeq #0x806, 0, 1; ret #-1; ret #0
/// static ARP: [RawInstruction; 4] = [
///     RawInstruction::new(0x28, 0, 0, 12),
///     RawInstruction::new(0x15, 0, 1, 0x806),
///     RawInstruction::new(0x06, 0, 0, u32::MAX),
///     RawInstruction::new(0x06, 0, 0, 0),
/// ];
/// let arp = VerifiedRef::new(&ARP, Dialect::Linux)?;
/// assert_eq!(arp.interpret(&[0; 60]), 0);
/// # Ok::<(), cbpf::VerifyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerifiedRef<'a> {
    dialect: Dialect,
    instructions: &'a [RawInstruction],
}

impl<'a> VerifiedRef<'a> {
    /// Verifies a program by the rules of a dialect, as [`Program::verify`](crate::Program::verify) does.
    ///
    /// # Errors
    /// Returns the instruction and the rule that it breaks.
    pub fn new(instructions: &'a [RawInstruction], dialect: Dialect) -> Result<VerifiedRef<'a>, VerifyError> {
        let program = VerifiedRef { dialect, instructions };
        verify::check_instructions(instructions, dialect, |_| {})
            .and_then(|()| verify::check_program(&program, dialect))
            .map_err(|error| VerifyError::new(instructions, dialect, error))?;
        Ok(program)
    }

    /// Returns the dialect that accepted the program.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the instructions.
    pub fn instructions(&self) -> &'a [RawInstruction] {
        self.instructions
    }
}

/// A program as the whole-program checks and the interpreter see it.
pub(crate) trait Steps {
    /// Returns the steps from the index of a step on.
    fn steps_from(&self, pc: usize) -> impl ExactSizeIterator<Item: Borrow<Step>>;

    fn len(&self) -> usize {
        self.steps_from(0).len()
    }
}

impl Steps for [Step] {
    #[inline]
    fn steps_from(&self, pc: usize) -> impl ExactSizeIterator<Item: Borrow<Step>> {
        // A slice that panics keeps jumps branches, as the interpreter wants them; an empty one would be a selection.
        self[pc..].iter()
    }
}

impl Steps for VerifiedRef<'_> {
    fn steps_from(&self, pc: usize) -> impl ExactSizeIterator<Item: Borrow<Step>> {
        let rest = self.instructions.get(pc..).unwrap_or_default().iter();
        Decoder { rest, len: self.instructions.len(), dialect: self.dialect }
    }
}

/// Decodes instructions to steps, up to one that breaks a rule.
struct Decoder<'a> {
    rest: slice::Iter<'a, RawInstruction>,
    len: usize,
    dialect: Dialect,
}

impl Iterator for Decoder<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let pc = self.len - self.rest.len();
        let &raw = self.rest.next()?;
        Checker { pc, len: self.len, dialect: self.dialect }.step(raw).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl ExactSizeIterator for Decoder<'_> {}
