//! Traces: each executed instruction of one run, its effects, and the reason for its end.
//!
//! A trace is recorded by an observer of the interpreter, so it cannot differ from [`Verified::interpret`].

mod print;

use alloc::vec;
use alloc::vec::Vec;
use core::slice;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa::Width;
use crate::bpf::verify::{SCRATCH_WORDS, Step, Verified};
use crate::interpret::halt_reason::HaltReason;
use crate::interpret::observer::{Observer, Registers};
use crate::packet::Packet;

impl Verified {
    /// Interprets the program and records every executed instruction.
    ///
    /// If the context has no seed, `ld rand` gives other numbers in each run.
    ///
    /// ```
    /// use cbpf::{Dialect, Program};
    /// use cbpf::debug::HaltReason;
    /// use cbpf::bpf::Width;
    /// let program: Program = "ldh [12]\n jne #0x806, drop\n ldb [20]\n ret a\n drop: ret #0".parse()?;
    /// let frame = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06];
    ///
    /// let trace = program.verify(Dialect::Linux)?.trace(&frame);
    /// let places: Vec<usize> = trace.iter().map(|executed| executed.pc).collect();
    /// assert_eq!(places, [0, 1, 2]);
    ///
    /// let first = &trace.executed()[0];
    /// assert_eq!(first.read.unwrap().bytes, [0x08, 0x06]);
    /// assert_eq!((first.before.a, first.after.a), (0, 0x806));
    ///
    /// assert_eq!(trace.end(), Err(HaltReason::OutOfBounds { offset: 20, width: Width::Byte, captured: 14 }));
    /// assert_eq!(trace.verdict(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace<'p>(&self, packet: impl Into<Packet<'p>>) -> Trace<'p> {
        let packet = packet.into();
        let mut recorder = Recorder { verified: self, data: packet.data(), executed: Vec::new() };
        let end = self.run(&packet, &mut recorder);
        Trace { executed: recorder.executed, end }
    }
}

/// The executed instructions of one run, and its end; see [`Verified::trace`]. It borrows the bytes of the packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trace<'p> {
    executed: Vec<Executed<'p>>,
    end: Result<u32, HaltReason>,
}

impl<'p> Trace<'p> {
    /// Returns the executed instructions in order, at least one.
    pub fn executed(&self) -> &[Executed<'p>] {
        &self.executed
    }

    /// Iterates over the executed instructions in order.
    pub fn iter(&self) -> slice::Iter<'_, Executed<'p>> {
        self.executed.iter()
    }

    /// Returns the verdict of the return that ended the run.
    ///
    /// # Errors
    /// Returns the reason if the last instruction halted the program without a return.
    pub fn end(&self) -> Result<u32, HaltReason> {
        self.end
    }

    /// Returns the verdict of the run, the same as that of [`Verified::interpret`].
    pub fn verdict(&self) -> u32 {
        self.end.unwrap_or_else(HaltReason::verdict)
    }
}

impl<'p> IntoIterator for Trace<'p> {
    type Item = Executed<'p>;
    type IntoIter = vec::IntoIter<Executed<'p>>;

    fn into_iter(self) -> Self::IntoIter {
        self.executed.into_iter()
    }
}

impl<'t, 'p> IntoIterator for &'t Trace<'p> {
    type Item = &'t Executed<'p>;
    type IntoIter = slice::Iter<'t, Executed<'p>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An executed instruction and its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Executed<'p> {
    /// The number of the instruction, from 0.
    pub pc: usize,
    /// The instruction.
    pub instruction: RawInstruction,
    /// The registers before it.
    pub before: Registers,
    /// The registers after it; the same as before for the last instruction.
    pub after: Registers,
    /// The scratch word that it stored, and the value.
    pub stored: Option<(usize, u32)>,
    /// The bytes that it read from the packet. `None` also for loads out of bounds and for ancillary loads.
    pub read: Option<Read<'p>>,
    /// The number of the next instruction; `None` for the last one.
    pub next: Option<usize>,
}

/// Bytes that an instruction read from the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Read<'p> {
    /// The offset of the first byte.
    pub offset: usize,
    /// The bytes: 1, 2 or 4.
    pub bytes: &'p [u8],
}

impl<'p> Read<'p> {
    /// Returns `None` if the bytes are out of bounds.
    fn of(data: &'p [u8], offset: usize, width: Width) -> Option<Read<'p>> {
        let bytes = data.get(offset..)?.get(..width.bytes() as usize)?;
        Some(Read { offset, bytes })
    }
}

/// The observer that records.
struct Recorder<'v, 'p> {
    verified: &'v Verified,
    data: &'p [u8],
    executed: Vec<Executed<'p>>,
}

impl Observer for Recorder<'_, '_> {
    /// Records the state before this step, which is the state after the previous one.
    fn step(&mut self, pc: usize, registers: Registers, scratch: &[u32; SCRATCH_WORDS]) {
        if let Some(previous) = self.executed.last_mut() {
            previous.after = registers;
            previous.next = Some(pc);
            if let Step::Store(_, slot) = self.verified.steps()[previous.pc] {
                previous.stored = Some((slot, scratch[slot]));
            }
        }
        self.executed.push(Executed {
            pc,
            instruction: self.verified.program().instructions()[pc],
            before: registers,
            after: registers,
            stored: None,
            read: None,
            next: None,
        });
    }

    fn load(&mut self, offset: usize, width: Width) {
        if let Some(current) = self.executed.last_mut() {
            current.read = Read::of(self.data, offset, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::dialect::Dialect;
    use crate::bpf::program::Program;

    fn verified(text: &str, dialect: Dialect) -> Verified {
        text.parse::<Program>().unwrap().verify(dialect).unwrap()
    }

    fn end(text: &str, dialect: Dialect, data: &[u8]) -> Result<u32, HaltReason> {
        let (verified, packet) = (verified(text, dialect), Packet::new(data));
        let trace = verified.trace(packet);
        assert_eq!(trace.verdict(), verified.interpret(packet));
        trace.end()
    }

    #[test]
    fn records_effects_of_each_instruction() {
        let verified = verified(
            "ldxb 4*([0]&0xf)\n ldh [x + 1]\n st M[3]\n jgt #5, far\n ret #1\n far: ldx M[3]\n ret a",
            Dialect::Linux,
        );
        let trace = verified.trace(&[1, 0, 0, 0, 0, 7, 9]);
        let of = |pc: usize| *trace.iter().find(|executed| executed.pc == pc).unwrap();
        assert_eq!((of(0).before.x, of(0).after.x), (0, 4));
        assert_eq!(of(0).read, Some(Read { offset: 0, bytes: &[1] }));
        assert_eq!(of(1).read, Some(Read { offset: 5, bytes: &[7, 9] }));
        assert_eq!(of(1).after, Registers { a: 0x709, x: 4 });
        assert_eq!((of(2).stored, of(2).read), (Some((3, 0x709)), None));
        assert_eq!((of(3).next, of(3).stored), (Some(5), None));
        assert_eq!((of(6).next, of(6).after), (None, Registers { a: 0x709, x: 0x709 }));
        assert_eq!(trace.end(), Ok(0x709));
        assert!(trace.iter().zip(trace.iter().skip(1)).all(|(one, next)| one.next == Some(next.pc)));
    }

    #[test]
    fn records_the_reason_for_the_end() {
        let outside = |offset, width| Err(HaltReason::OutOfBounds { offset, width, captured: 3 });
        assert_eq!(end("ret #9", Dialect::Linux, b"abc"), Ok(9));
        assert_eq!(end("ldh [2]\n ret a", Dialect::Linux, b"abc"), outside(2, Width::Half));
        assert_eq!(end("ldxb 4*([3]&0xf)\n ret a", Dialect::Linux, b"abc"), outside(3, Width::Byte));
        assert_eq!(end("ldx #-1\n ldb [x + 2]\n ret a", Dialect::Linux, b"abc"), Ok(u32::from(b'b')));
        assert_eq!(end("ldx #-1\n ldb [x + 2]\n ret a", Dialect::Pcap, b"abc"), outside(0x1_0000_0001, Width::Byte));
        assert_eq!(end("mod x\n ret #1", Dialect::Linux, b""), Err(HaltReason::DivisionByZero));
        assert_eq!(end("ld #4\n ld ifidx\n ret #1", Dialect::Linux, b""), Err(HaltReason::NoDevice { a: 4 }));
    }

    #[test]
    fn loads_out_of_bounds_read_nothing() {
        let trace = verified("ld #7\n ld [1]\n ret a", Dialect::Linux).trace(b"abcd");
        let last = trace.executed().last().unwrap();
        assert_eq!((last.pc, last.read, last.after.a, last.next), (1, None, 7, None));
        assert_eq!(trace.end().unwrap_err().to_string(), "out of bounds: 4 bytes at offset 1, and 4 were captured");
    }
}
