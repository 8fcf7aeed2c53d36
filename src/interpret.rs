//! The reference interpreter: the definition of what a program means. Every other engine agrees with it.
//!
//! The machine has an accumulator `A`, an index register `X` and sixteen scratch words `M[]`, all 32 bits wide and 0 at
//! the start, and a packet that it only reads. Arithmetic wraps. Jumps go forward, so every program ends. What cannot
//! be done, a load past the end of the captured bytes or a division by zero, ends the program with verdict 0. An
//! ancillary load that asks about a device that is not there ends it, too, and A is the verdict, as in the kernel.

use crate::ancillary::Extension;
use crate::dialect::Dialect;
use crate::instruction::Operand;
use crate::isa::{AluOp, Register, Width};
use crate::packet::Packet;
use crate::random;
use crate::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};

impl Verified {
    /// Runs the program by interpretation and gives its verdict: how many bytes of the packet to keep, 0 for none.
    ///
    /// ```
    /// use cbpf::{Dialect, Program};
    /// let program: Program = "ldb [9]\n ret a".parse()?;
    /// let verified = program.verify(Dialect::Linux)?;
    /// assert_eq!(verified.interpret(&[6; 10]), 6);
    /// assert_eq!(verified.interpret(&[6; 9]), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interpret<'p>(&self, packet: impl Into<Packet<'p>>) -> u32 {
        let packet = &packet.into();
        let scratch = [0; SCRATCH_WORDS];
        Machine { a: 0, x: 0, scratch, random_loads: 0, dialect: self.dialect(), packet }.run(self.steps()).unwrap_or(0)
    }
}

struct Machine<'p> {
    a: u32,
    x: u32,
    scratch: [u32; SCRATCH_WORDS],
    random_loads: u32,
    dialect: Dialect,
    packet: &'p Packet<'p>,
}

impl Machine<'_> {
    /// The verdict, `None` where something could not be done.
    fn run(mut self, steps: &[Step]) -> Option<u32> {
        let mut pc = 0;
        loop {
            let step = steps[pc];
            pc += 1;
            match step {
                Step::Load(Register::A, source) => self.a = self.load(source)?,
                Step::Load(Register::X, source) => self.x = self.load(source)?,
                Step::Ancillary(extension) => match self.ancillary(extension) {
                    Some(value) => self.a = value,
                    None => return Some(self.a),
                },
                Step::Store(Register::A, slot) => self.scratch[slot] = self.a,
                Step::Store(Register::X, slot) => self.scratch[slot] = self.x,
                Step::Alu(op, operand) => self.a = self.alu(op, self.operand(operand))?,
                Step::Negate => self.a = self.a.wrapping_neg(),
                Step::Jump(target) => pc = target,
                Step::Branch { condition, operand, then, otherwise } => {
                    pc = if condition.eval(self.a, self.operand(operand)) { then } else { otherwise };
                }
                Step::Return(Verdict::Constant(verdict)) => return Some(verdict),
                Step::Return(Verdict::A) => return Some(self.a),
                Step::Transfer(Register::A) => self.a = self.x,
                Step::Transfer(Register::X) => self.x = self.a,
            }
        }
    }

    fn operand(&self, operand: Operand) -> u32 {
        match operand {
            Operand::Constant(k) => k,
            Operand::X => self.x,
        }
    }

    fn alu(&self, op: AluOp, operand: u32) -> Option<u32> {
        let is_masked = op.is_shift() && self.dialect.is_kernel();
        op.eval(self.a, if is_masked { operand & 31 } else { operand })
    }

    fn load(&self, source: Source) -> Option<u32> {
        match source {
            Source::Constant(value) => Some(value),
            Source::Scratch(slot) => Some(self.scratch[slot]),
            Source::WireLen => Some(self.packet.wire_len()),
            Source::Absolute(width, offset) => self.packet_load(u64::from(offset), width),
            Source::Indirect(width, offset) => self.packet_load(self.indirect(offset), width),
            Source::MemShift(offset) => Some((self.packet_load(u64::from(offset), Width::Byte)? & 0xf) << 2),
        }
    }

    /// `[x + k]`: the kernel adds 32-bit numbers, libpcap does not wrap.
    fn indirect(&self, offset: u32) -> u64 {
        match self.dialect {
            Dialect::Linux | Dialect::Seccomp => u64::from(self.x.wrapping_add(offset)),
            Dialect::Pcap => u64::from(self.x) + u64::from(offset),
        }
    }

    /// A number of the packet, `None` past the end of the captured bytes. No packet reaches an offset of 2^31, so
    /// what the kernel takes for a negative offset is past the end, too.
    fn packet_load(&self, offset: u64, width: Width) -> Option<u32> {
        let bytes = self.packet.data().get(usize::try_from(offset).ok()?..)?;
        Some(match width {
            Width::Byte => u32::from(*bytes.first()?),
            Width::Half => u32::from(u16::from_be_bytes(*bytes.first_chunk()?)),
            Width::Word if self.dialect == Dialect::Seccomp => u32::from_ne_bytes(*bytes.first_chunk()?),
            Width::Word => u32::from_be_bytes(*bytes.first_chunk()?),
        })
    }

    fn ancillary(&mut self, extension: Extension) -> Option<u32> {
        if extension != Extension::Random {
            return self.packet.context().value(extension);
        }
        let count = self.random_loads;
        self.random_loads += 1;
        Some(random::number(self.packet.context().run_seed(), count))
    }
}
