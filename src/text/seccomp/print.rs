//! The printer: the four fields of each instruction, then its statement.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa::{self, AluOp, Condition, Input, Mode, Operation, Register, Width};
use crate::bpf::verify::SECCOMP_DATA;
use crate::syscall::{Action, Arch, SeccompData};
use crate::text::listing::Line;
use crate::text::seccomp::columns::HEAD;
use crate::text::seccomp::jump_target;
use crate::text::seccomp::known_state::{self, KnownState};
use crate::text::seccomp::statement::{ASSIGNMENTS, COMPARISONS, FIELDS};

/// Prints a program; `presumed` is the architecture where the program tests for none.
pub(in crate::text) fn print_presuming(program: &[RawInstruction], presumed: Arch) -> String {
    let head = HEAD.iter().map(|line| format!("{line}\n"));
    head.chain(lines(program, presumed).into_iter().map(|line| format!("{line}\n"))).collect()
}

/// Prints a line for each instruction.
pub(in crate::text) fn lines(program: &[RawInstruction], presumed: Arch) -> Vec<String> {
    let numbered = program.iter().zip(known_state::known_states(program)).enumerate();
    numbered
        .map(|(pc, (&raw, known))| {
            let RawInstruction { code, jt, jf, k } = raw;
            let statement = Printer { pc, raw, known, presumed }.statement();
            format!(" {pc:04}: {code:#04x} {jt:#04x} {jf:#04x} {k:#010x}  {statement}")
        })
        .collect()
}

/// An instruction, and the facts that hold before it.
struct Printer {
    pc: usize,
    raw: RawInstruction,
    known: KnownState,
    presumed: Arch,
}

impl Printer {
    fn statement(&self) -> String {
        let k = self.raw.k;
        match isa::lookup(self.raw.code).map(|row| row.operation) {
            Some(Operation::Load(dst, source)) => match source {
                Mode::Constant => format!("{dst:?} = {k:#x}"),
                Mode::Scratch => format!("{dst:?} = mem[{k}]"),
                Mode::Length => format!("{dst:?} = len"),
                Mode::Absolute(Width::Word) => format!("{dst:?} = {}", self.field()),
                Mode::Absolute(_) | Mode::Indirect(_) | Mode::MemShift => self.remark(),
            },
            Some(Operation::Store(src)) => format!("mem[{k}] = {src:?}"),
            Some(Operation::Alu(op, input)) => self.arithmetic(op, input),
            Some(Operation::Negate) => "A = -A".to_owned(),
            Some(Operation::Transfer(Register::A)) => "A = X".to_owned(),
            Some(Operation::Transfer(Register::X)) => "X = A".to_owned(),
            Some(Operation::Jump) => self.goto(k),
            Some(Operation::Branch(condition, input)) => self.branch(condition, input),
            Some(Operation::Return(Input::A)) => "return A".to_owned(),
            Some(Operation::Return(Input::K)) => format!("return {}", verdict(k)),
            Some(Operation::Return(Input::X)) | None => self.remark(),
        }
    }

    /// Returns the field at an offset of `struct seccomp_data`, in the byte order of the tested architecture.
    fn field(&self) -> String {
        let offset = self.raw.k;
        let arch = self.known.arch.unwrap_or(self.presumed);
        let field = FIELDS.iter().find(|(_, field)| *field == offset).map(|(name, _)| (*name).to_owned());
        field.or_else(|| half(offset, arch.is_big_endian())).unwrap_or_else(|| format!("data[{offset}]"))
    }

    /// Returns a forbidden instruction, which has no statement, in the notation of listings.
    fn remark(&self) -> String {
        format!("# {}", Line { pc: self.pc, raw: self.raw }.compact())
    }

    fn arithmetic(&self, op: AluOp, input: Input) -> String {
        let sign = ASSIGNMENTS.iter().find(|(_, assigned)| *assigned == op).map_or("", |(sign, _)| sign);
        match input {
            Input::K if op.is_shift() => format!("A {sign} {}", self.raw.k),
            Input::K => format!("A {sign} {:#x}", self.raw.k),
            Input::X | Input::A => format!("A {sign} X"),
        }
    }

    fn goto(&self, skip: u32) -> String {
        format!("goto {:04}", jump_target(self.pc, skip))
    }

    fn branch(&self, condition: Condition, input: Input) -> String {
        let RawInstruction { jt, jf, .. } = self.raw;
        let [to_then, to_else] = [jt, jf].map(|skip| self.goto(skip.into()));
        let test = |condition| self.test(condition, input);
        match (jt, jf) {
            (_, 0) => format!("if ({}) {to_then}", test(condition)),
            (0, _) => format!("if ({}) {to_else}", test(condition.inverse())),
            _ => format!("if ({}) {to_then} else {to_else}", test(condition)),
        }
    }

    fn test(&self, condition: Condition, input: Input) -> String {
        let operand = match input {
            Input::K => self.constant(condition),
            Input::X | Input::A => "X".to_owned(),
        };
        match COMPARISONS.iter().find(|(_, compared)| *compared == condition) {
            Some((sign, _)) => format!("A {sign} {operand}"),
            None => format!("!(A & {operand})"),
        }
    }

    /// Returns the constant that A is compared with, by name if it is a system call or an architecture.
    fn constant(&self, condition: Condition) -> String {
        let k = self.raw.k;
        let is_equality = matches!(condition, Condition::Equal | Condition::NotEqual);
        let name = match self.known.a.filter(|_| is_equality) {
            Some(SeccompData::NR) => self.call(k as i32),
            Some(SeccompData::ARCH) => Arch(k).name().map(|name| format!("ARCH_{}", name.to_ascii_uppercase())),
            _ => None,
        };
        name.unwrap_or_else(|| format!("{k:#x}"))
    }

    /// Returns the name of a system call, with its architecture where that is not the presumed one.
    fn call(&self, nr: i32) -> Option<String> {
        let arch = self.known.arch.unwrap_or(self.presumed);
        let name = arch.syscall_name(nr)?;
        Some(if arch == self.presumed { name } else { format!("{arch}.{name}") })
    }
}

/// Returns the half of a 64-bit field at this offset, if there is one.
fn half(offset: u32, is_big_endian: bool) -> Option<String> {
    let field = match offset & !7 {
        SeccompData::INSTRUCTION_POINTER => "instruction_pointer".to_owned(),
        field if (SeccompData::ARGS..SECCOMP_DATA).contains(&field) => {
            format!("args[{}]", (field - SeccompData::ARGS) / 8)
        }
        _ => return None,
    };
    let upper_half = if (offset & 4 == 0) == is_big_endian { " >> 32" } else { "" };
    (offset % 4 == 0).then(|| field + upper_half)
}

/// Returns an action, with the lower half of the verdict if the action does not include it.
fn verdict(verdict: u32) -> String {
    let action = Action::from(verdict);
    if u32::from(action) == verdict { action.to_string() } else { format!("{action}({})", verdict as u16) }
}
