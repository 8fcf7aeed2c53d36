//! The verifier, which checks the rules of a dialect.
//!
//! The rules, in the order of the checks, first for each instruction and then for the whole program:
//!
//! - the length is from 1 to [`Dialect::max_len`];
//! - the opcode has a row in the table of the instruction set, and the dialect accepts it;
//! - scratch words are `M[0]` to `M[15]`;
//! - a constant divisor is not 0; a constant shift is below 32 (except in [`Dialect::Pcap`]);
//! - jumps go forward and stay inside the program;
//! - an absolute load at 0xfffff000 or above is a known ancillary load ([`Dialect::Linux`]);
//! - a load lies inside `struct seccomp_data`, on a multiple of 4 ([`Dialect::Seccomp`]);
//! - the last instruction is `ret #k` or `ret a`;
//! - a scratch word is stored before it is read, on every path (except in [`Dialect::Pcap`]);
//! - jumps fit after the conversion to eBPF ([`Dialect::Linux`]; see [`conversion`]).
//!
//! Source: `bpf_check_classic`, `check_load_and_stores` and `bpf_convert_filter` in the kernel's `net/core/filter.c`,
//! `seccomp_check_filter` in `kernel/seccomp.c`, `bpf_validate` in libpcap. Unreachable code is checked like any other.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;

use crate::bpf::dialect::Dialect;
use crate::bpf::ebpf_conversion;
use crate::bpf::instruction::{Operand, RawInstruction};
use crate::bpf::isa::{self, Accepted, AluOp, Condition, Input, Operation, Register, Width};
use crate::bpf::program::Program;
use crate::bpf::scratch_check;
use crate::bpf::verified_ref::Steps;
use crate::packet::ancillary::{self, Extension};
use crate::packet::header::Header;

/// The number of scratch words.
pub(crate) const SCRATCH_WORDS: usize = 16;

/// The size of `struct seccomp_data`, in bytes.
pub(crate) const SECCOMP_DATA: u32 = 64;

/// A verified instruction with its meaning in the dialect, which engines execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Load(Register, Source),
    /// Loads A from a fixed offset; in Linux, a negative offset is relative to a header.
    LoadAbsolute(Width, u32),
    /// Loads A from X plus an offset.
    LoadIndirect(Width, u32),
    /// Loads X with 4 times the low half of the byte at an offset.
    LoadMemShift(u32),
    /// Loads A with the value of an ancillary load.
    Ancillary(Extension),
    Store(Register, usize),
    Alu(AluOp, Operand),
    Negate,
    Jump(usize),
    Branch {
        condition: Condition,
        operand: Operand,
        then: usize,
        otherwise: usize,
    },
    Return(Verdict),
    /// Copies the other register into this one.
    Transfer(Register),
}

impl Step {
    /// Returns the constant of a comparison, but not of a test of bits.
    fn compared_constant(&self) -> Option<u32> {
        match *self {
            Step::Branch { condition: Condition::BitsSet, .. } => None,
            Step::Branch { operand: Operand::Constant(k), .. } => Some(k),
            _ => None,
        }
    }

    /// Returns whether the step loads from an offset that may be relative to a header, in the dialect of Linux.
    pub(crate) fn may_be_header_relative(&self) -> bool {
        match *self {
            Step::LoadAbsolute(_, offset) | Step::LoadMemShift(offset) => offset >= Header::FIRST_OFFSET,
            Step::LoadIndirect(..) => true,
            _ => false,
        }
    }

    /// Returns the step with 0 in place of that constant.
    pub(crate) fn outline(&self) -> Step {
        match *self {
            Step::Branch { condition, then, otherwise, .. } if self.compared_constant().is_some() => {
                Step::Branch { condition, operand: Operand::Constant(0), then, otherwise }
            }
            _ => *self,
        }
    }
}

/// The source of a load of either register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Constant(u32),
    Scratch(usize),
    WireLen,
}

/// The source of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    Constant(u32),
    A,
}

/// A verified program, which engines run. Clones share it.
///
/// ```
/// use cbpf::{Dialect, Program};
/// let program: Program = "ld #len\n ret a".parse()?;
/// let verified = program.verify(Dialect::Linux)?;
/// assert_eq!(verified.interpret(b"seven b"), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verified {
    dialect: Dialect,
    program: Arc<Program>,
    steps: Arc<[Step]>,
}

impl Verified {
    /// Returns the dialect that accepted the program.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Returns the program as a shared pointer.
    pub(crate) fn shared_program(&self) -> Arc<Program> {
        self.program.clone()
    }

    /// Returns the constants that values are compared with, each with the number of its step. Bits that are tested are
    /// not among them.
    pub(crate) fn compared_constants(&self) -> impl Iterator<Item = (usize, u32)> {
        self.steps.iter().enumerate().filter_map(|(pc, step)| Some((pc, step.compared_constant()?)))
    }

    /// Returns whether the verifier accepts the program with other compared constants, too. The length of a very long
    /// program after the kernel's conversion depends on them.
    pub(crate) fn may_compare_with_others(&self) -> bool {
        self.steps.len() <= ebpf_conversion::ALWAYS_FITS
    }

    /// Returns the program with other compared constants, if there may be others.
    pub(crate) fn with_compared_constants(&self, constants: impl Iterator<Item = u32>) -> Verified {
        let mut instructions = self.program.instructions().to_vec();
        let mut steps = self.steps.to_vec();
        if self.may_compare_with_others() {
            for ((pc, _), k) in self.compared_constants().zip(constants) {
                instructions[pc].k = k;
                if let Step::Branch { operand, .. } = &mut steps[pc] {
                    *operand = Operand::Constant(k);
                }
            }
        }
        Verified { dialect: self.dialect, program: Arc::new(Program::new(instructions)), steps: steps.into() }
    }

    /// Returns the steps for engines. The last step returns, and every target is the index of a step.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// The error of a program that breaks a rule of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VerifyError {
    /// The number of the instruction, from 0; for [`Rule::Empty`] and [`Rule::TooLong`] 0.
    pub pc: usize,
    /// The instruction; for [`Rule::Empty`] all zero.
    pub instruction: RawInstruction,
    /// The dialect.
    pub dialect: Dialect,
    /// The broken rule.
    pub rule: Rule,
}

impl VerifyError {
    pub(super) fn new(program: &[RawInstruction], dialect: Dialect, (pc, rule): (usize, Rule)) -> VerifyError {
        VerifyError { pc, instruction: program.get(pc).copied().unwrap_or_default(), dialect, rule }
    }
}

/// A rule of the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A program has at least one instruction.
    Empty,
    /// A program is not longer than the dialect allows.
    TooLong {
        /// The length, in instructions.
        len: usize,
        /// The largest allowed length.
        max: usize,
    },
    /// The opcode exists.
    UnknownOpcode,
    /// The dialect accepts the opcode.
    ForbiddenOpcode,
    /// Scratch words are `M[0]` to `M[15]`.
    ScratchOutside,
    /// A scratch word is stored, on every path, before it is read.
    ScratchUnset,
    /// A constant divisor is not 0.
    DivisionByZero,
    /// A constant shift is below 32.
    ShiftTooFar,
    /// A jump stays inside the program.
    JumpOutside,
    /// A jump goes forward.
    JumpBackward,
    /// An offset of 0xfffff000 or above is that of an ancillary load.
    UnknownAncillary,
    /// An offset lies inside `struct seccomp_data`, on a multiple of 4.
    OutsideSeccompData,
    /// The last instruction is `ret #k` or `ret a`.
    NoReturn,
    /// A jump fits after the kernel's conversion to eBPF, where jumps reach 32,767 instructions.
    ///
    /// Only programs of more than 1,500 instructions can break this rule.
    ConvertedJumpTooFar,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Empty => "the program has no instructions",
            Rule::TooLong { len, max } => {
                return write!(f, "the program has {len} instructions, and at most {max} are allowed");
            }
            Rule::UnknownOpcode => "the opcode does not exist",
            Rule::ForbiddenOpcode => "this dialect does not accept the opcode",
            Rule::ScratchOutside => return write!(f, "scratch words are M[0] to M[{}]", SCRATCH_WORDS - 1),
            Rule::ScratchUnset => "on some path this scratch word is read before it is stored",
            Rule::DivisionByZero => "division by zero",
            Rule::ShiftTooFar => "a shift is by 0 to 31 bits",
            Rule::JumpOutside => "the jump leaves the program",
            Rule::JumpBackward => "the jump goes backward",
            Rule::UnknownAncillary => "offsets of 0xfffff000 and above are ancillary loads, and none has this number",
            Rule::OutsideSeccompData => "the offset is not a multiple of 4 below 64",
            Rule::NoReturn => "the last instruction is not a return",
            Rule::ConvertedJumpTooFar => {
                "the program is too long for this jump: after the kernel's conversion to eBPF, jumps reach 32,767 \
                 instructions"
            }
        })
    }
}

impl core::error::Error for VerifyError {}

impl Program {
    /// Verifies the program by the rules of a dialect.
    ///
    /// # Errors
    /// Returns the instruction and the rule that it breaks.
    ///
    /// ```
    /// use cbpf::{Dialect, Program};
    /// use cbpf::bpf::Rule;
    /// let program: Program = "lsh #32\n ret a".parse()?;
    /// let error = program.verify(Dialect::Linux).unwrap_err();
    /// assert_eq!((error.pc, error.rule), (0, Rule::ShiftTooFar));
    /// assert_eq!(error.to_string(), "instruction 0, `lsh #32`: a shift is by 0 to 31 bits (linux dialect)");
    /// assert!(program.verify(Dialect::Pcap).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self, dialect: Dialect) -> Result<Verified, VerifyError> {
        let mut steps = Vec::with_capacity(self.len());
        check_instructions(self.instructions(), dialect, |step| steps.push(step))
            .and_then(|()| check_program(&steps[..], dialect))
            .map_err(|error| VerifyError::new(self.instructions(), dialect, error))?;
        Ok(Verified { dialect, program: Arc::new(self.clone()), steps: steps.into() })
    }
}

/// Checks the length and each instruction by itself, and returns the steps of the instructions to `add`.
pub(super) fn check_instructions(
    program: &[RawInstruction],
    dialect: Dialect,
    mut add: impl FnMut(Step),
) -> Result<(), (usize, Rule)> {
    let (len, max) = (program.len(), dialect.max_len());
    if len == 0 {
        return Err((0, Rule::Empty));
    }
    if len > max {
        return Err((0, Rule::TooLong { len, max }));
    }
    for (pc, &raw) in program.iter().enumerate() {
        add(Checker { pc, len, dialect }.step(raw).map_err(|rule| (pc, rule))?);
    }
    Ok(())
}

/// Checks the rules for the whole program.
pub(super) fn check_program(steps: &(impl Steps + ?Sized), dialect: Dialect) -> Result<(), (usize, Rule)> {
    let last = steps.len().saturating_sub(1);
    if !matches!(steps.steps_from(last).next().as_ref().map(Borrow::borrow), Some(Step::Return(_))) {
        return Err((last, Rule::NoReturn));
    }
    if dialect.is_kernel() {
        scratch_check::first_unset_read(steps).map_or(Ok(()), |pc| Err((pc, Rule::ScratchUnset)))?;
    }
    if dialect == Dialect::Linux {
        ebpf_conversion::first_unfit_jump(steps).map_or(Ok(()), |pc| Err((pc, Rule::ConvertedJumpTooFar)))?;
    }
    Ok(())
}

/// The checker of a single instruction, at its position.
pub(super) struct Checker {
    pub(super) pc: usize,
    pub(super) len: usize,
    pub(super) dialect: Dialect,
}

impl Checker {
    pub(super) fn step(&self, raw: RawInstruction) -> Result<Step, Rule> {
        let row = isa::lookup(raw.code).ok_or(Rule::UnknownOpcode)?;
        match row.accepted {
            Accepted::Packets if self.dialect == Dialect::Seccomp => return Err(Rule::ForbiddenOpcode),
            Accepted::Nowhere => return Err(Rule::ForbiddenOpcode),
            _ => {}
        }
        let k = raw.k;
        Ok(match row.operation {
            Operation::Load(dst, source) => self.load(dst, source, k)?,
            Operation::Store(src) => Step::Store(src, scratch(k)?),
            Operation::Alu(op, Input::K) => Step::Alu(op, self.constant(op, k)?),
            Operation::Alu(op, _) => Step::Alu(op, Operand::X),
            Operation::Negate => Step::Negate,
            Operation::Jump => Step::Jump(self.jump(k)?),
            Operation::Branch(condition, input) => Step::Branch {
                condition,
                operand: if input == Input::K { Operand::Constant(k) } else { Operand::X },
                then: self.target(u32::from(raw.jt))?,
                otherwise: self.target(u32::from(raw.jf))?,
            },
            Operation::Return(Input::K) => Step::Return(Verdict::Constant(k)),
            Operation::Return(_) => Step::Return(Verdict::A),
            Operation::Transfer(dst) => Step::Transfer(dst),
        })
    }

    fn load(&self, dst: Register, source: isa::Mode, k: u32) -> Result<Step, Rule> {
        let source = match source {
            isa::Mode::Constant => Source::Constant(k),
            isa::Mode::Scratch => Source::Scratch(scratch(k)?),
            isa::Mode::Length if self.dialect == Dialect::Seccomp => Source::Constant(SECCOMP_DATA),
            isa::Mode::Length => Source::WireLen,
            isa::Mode::Absolute(width) => return self.absolute(width, k),
            isa::Mode::Indirect(width) => return Ok(Step::LoadIndirect(width, k)),
            isa::Mode::MemShift => return Ok(Step::LoadMemShift(k)),
        };
        Ok(Step::Load(dst, source))
    }

    fn absolute(&self, width: Width, k: u32) -> Result<Step, Rule> {
        if self.dialect == Dialect::Seccomp && (k >= SECCOMP_DATA || k % 4 != 0) {
            return Err(Rule::OutsideSeccompData);
        }
        match Extension::from_offset(k) {
            Some(Extension::XorX) if self.dialect == Dialect::Linux => Ok(Step::Alu(AluOp::Xor, Operand::X)),
            Some(extension) if self.dialect == Dialect::Linux => Ok(Step::Ancillary(extension)),
            None if self.dialect == Dialect::Linux && k >= ancillary::BASE => Err(Rule::UnknownAncillary),
            _ => Ok(Step::LoadAbsolute(width, k)),
        }
    }

    fn constant(&self, op: AluOp, k: u32) -> Result<Operand, Rule> {
        if op.is_division() && k == 0 {
            return Err(Rule::DivisionByZero);
        }
        if op.is_shift() && k >= 32 && self.dialect.is_kernel() {
            return Err(Rule::ShiftTooFar);
        }
        Ok(Operand::Constant(k))
    }

    /// Returns the target of `ja`. Distances are unsigned in the kernel; libpcap emits negative ones for `protochain`.
    fn jump(&self, k: u32) -> Result<usize, Rule> {
        if self.dialect == Dialect::Pcap && (k as i32) < 0 {
            return Err(Rule::JumpBackward);
        }
        self.target(k)
    }

    fn target(&self, skip: u32) -> Result<usize, Rule> {
        let after = self.len - self.pc - 1;
        if (skip as usize) < after { Ok(self.pc + 1 + skip as usize) } else { Err(Rule::JumpOutside) }
    }
}

fn scratch(k: u32) -> Result<usize, Rule> {
    if (k as usize) < SCRATCH_WORDS { Ok(k as usize) } else { Err(Rule::ScratchOutside) }
}
