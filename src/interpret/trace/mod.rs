//! Traces: what a program does with one packet, instruction by instruction, and why it ends.
//!
//! A trace writes down what the interpreter tells whoever looks on while it runs; what an instruction does is known
//! there alone, so a trace cannot differ from [`Verified::interpret`].

mod print;

use std::{slice, vec};

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa::Width;
use crate::bpf::verify::{SCRATCH_WORDS, Step, Verified};
use crate::interpret::halt_reason::Stop;
use crate::interpret::observer::{Registers, Watch};
use crate::packet::Packet;

impl Verified {
    /// Runs the program by interpretation, and writes down every instruction that is executed.
    ///
    /// A packet whose context has no seed gives other random numbers at the next run (`ld rand`).
    ///
    /// ```
    /// use cbpf::{Dialect, Program, Stop, Width};
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
    /// assert_eq!(trace.end(), Err(Stop::OutOfBounds { offset: 20, width: Width::Byte, captured: 14 }));
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

/// What a program did with a packet; see [`Verified::trace`]. It refers to the bytes of the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<'p> {
    executed: Vec<Executed<'p>>,
    end: Result<u32, Stop>,
}

impl<'p> Trace<'p> {
    /// The executed instructions, first to last; there is at least one.
    pub fn executed(&self) -> &[Executed<'p>] {
        &self.executed
    }

    /// The executed instructions, first to last.
    pub fn iter(&self) -> slice::Iter<'_, Executed<'p>> {
        self.executed.iter()
    }

    /// How the program ended, at the last of the instructions.
    ///
    /// # Errors
    /// Says what could not be done there; without an error, the instruction is a return, and this is its verdict.
    pub fn end(&self) -> Result<u32, Stop> {
        self.end
    }

    /// The verdict, as [`Verified::interpret`] gives it.
    pub fn verdict(&self) -> u32 {
        self.end.unwrap_or_else(Stop::verdict)
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

/// An instruction that was executed, and what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed<'p> {
    /// The number of the instruction, from 0.
    pub pc: usize,
    /// The instruction.
    pub instruction: RawInstruction,
    /// The registers that it found.
    pub before: Registers,
    /// The registers that it left; where the program ended, those that it found.
    pub after: Registers,
    /// The scratch word that it stored, 0 to 15, and the value there now.
    pub stored: Option<(usize, u32)>,
    /// What it read of the packet; `None`, too, for a load that reached past the end, and for ancillary loads.
    pub read: Option<Read<'p>>,
    /// The number of the instruction that came next; `None` where the program ended.
    pub next: Option<usize>,
}

/// Bytes of the packet that an instruction read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read<'p> {
    /// Where they begin, in bytes from the start of the packet.
    pub offset: usize,
    /// The bytes: 1, 2 or 4 of them.
    pub bytes: &'p [u8],
}

impl<'p> Read<'p> {
    /// `None` past the end.
    fn of(data: &'p [u8], offset: usize, width: Width) -> Option<Read<'p>> {
        let bytes = data.get(offset..)?.get(..width.bytes() as usize)?;
        Some(Read { offset, bytes })
    }
}

/// Writes down what the interpreter tells.
struct Recorder<'v, 'p> {
    verified: &'v Verified,
    data: &'p [u8],
    executed: Vec<Executed<'p>>,
}

impl Watch for Recorder<'_, '_> {
    /// What this step finds is what the one before has left.
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

    fn end(text: &str, dialect: Dialect, data: &[u8]) -> Result<u32, Stop> {
        let (verified, packet) = (verified(text, dialect), Packet::new(data));
        let trace = verified.trace(packet);
        assert_eq!(trace.verdict(), verified.interpret(packet));
        trace.end()
    }

    #[test]
    fn each_instruction_says_what_it_did() {
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
    fn an_end_has_a_reason() {
        let outside = |offset, width| Err(Stop::OutOfBounds { offset, width, captured: 3 });
        assert_eq!(end("ret #9", Dialect::Linux, b"abc"), Ok(9));
        assert_eq!(end("ldh [2]\n ret a", Dialect::Linux, b"abc"), outside(2, Width::Half));
        assert_eq!(end("ldxb 4*([3]&0xf)\n ret a", Dialect::Linux, b"abc"), outside(3, Width::Byte));
        assert_eq!(end("ldx #-1\n ldb [x + 2]\n ret a", Dialect::Linux, b"abc"), Ok(u32::from(b'b')));
        assert_eq!(end("ldx #-1\n ldb [x + 2]\n ret a", Dialect::Pcap, b"abc"), outside(0x1_0000_0001, Width::Byte));
        assert_eq!(end("mod x\n ret #1", Dialect::Linux, b""), Err(Stop::DivisionByZero));
        assert_eq!(end("ld #4\n ld ifidx\n ret #1", Dialect::Linux, b""), Err(Stop::NoDevice { a: 4 }));
    }

    #[test]
    fn a_load_outside_reads_nothing() {
        let trace = verified("ld #7\n ld [1]\n ret a", Dialect::Linux).trace(b"abcd");
        let last = trace.executed().last().unwrap();
        assert_eq!((last.pc, last.read, last.after.a, last.next), (1, None, 7, None));
        assert_eq!(trace.end().unwrap_err().to_string(), "out of bounds: 4 bytes at offset 1, and 4 were captured");
    }
}
