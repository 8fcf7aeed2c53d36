//! The reference interpreter, which defines the meaning of programs. Every other engine agrees with it.
//!
//! The machine has an accumulator `A`, an index register `X` and [`SCRATCH_WORDS`] scratch words `M[]`, all 32 bits
//! wide and 0 at the start, and a packet that it only reads. Arithmetic wraps. Jumps go forward, so every program ends.
//! A load out of bounds or a division by zero halts the program with verdict 0. An ancillary load that needs a device
//! of a packet without one halts it with verdict A, as in the kernel.
//!
//! In [`Dialect::Linux`] offsets are signed, and negative offsets of `[k]`, `[x + k]` and `4*([k]&0xf)` are relative to
//! a header: from -0x100000 on to the network header, from -0x200000 on to the link header. Offsets below that, before
//! the first captured byte, or relative to a missing link header are out of bounds.

pub(crate) mod halt_reason;
pub(crate) mod observer;
mod path_memo;
pub(crate) mod profile;
mod seccomp;
pub(crate) mod trace;

use core::borrow::Borrow;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Register, Width};
use crate::bpf::verified_ref::{Steps, VerifiedRef};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::interpret::halt_reason::HaltReason;
use crate::interpret::observer::{Observer, Registers, Unobserved};
use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::flow_dissector;
use crate::packet::netlink_attributes;
use crate::packet::random;

impl Verified {
    /// Interprets the program and returns its verdict: the number of bytes of the packet to keep.
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
        self.verdict(&packet.into())
    }

    /// Interprets the program without an observer. As a function without generics it is compiled in this crate, with
    /// all that it calls.
    fn verdict(&self, packet: &Packet) -> u32 {
        self.run(packet, &mut Unobserved).unwrap_or_else(HaltReason::verdict)
    }

    /// Runs the program with an observer; returns the verdict of its return, or the reason it halted without one.
    pub(crate) fn run(&self, packet: &Packet, observer: &mut impl Observer) -> Result<u32, HaltReason> {
        Interpreter { dialect: self.dialect() }.run(self.steps(), packet, observer)
    }
}

impl VerifiedRef<'_> {
    /// Interprets the program and returns its verdict, as [`Verified::interpret`] does.
    pub fn interpret<'p>(&self, packet: impl Into<Packet<'p>>) -> u32 {
        self.verdict(&packet.into())
    }

    fn verdict(&self, packet: &Packet) -> u32 {
        let interpreter = Interpreter { dialect: self.dialect() };
        interpreter.run(self, packet, &mut Unobserved).unwrap_or_else(HaltReason::verdict)
    }
}

/// The interpreter of a dialect.
#[derive(Clone, Copy)]
struct Interpreter {
    dialect: Dialect,
}

impl Interpreter {
    #[inline(always)]
    fn run(
        self,
        steps: &(impl Steps + ?Sized),
        packet: &Packet,
        observer: &mut impl Observer,
    ) -> Result<u32, HaltReason> {
        let (mut a, mut x, mut scratch) = (0_u32, 0_u32, [0; SCRATCH_WORDS]);
        let mut random_loads = 0;
        let len = steps.len();
        let mut rest = steps.steps_from(0);
        while let Some(step) = rest.next() {
            observer.step(len - rest.len() - 1, Registers { a, x }, &scratch);
            match *step.borrow() {
                Step::Load(dst, source) => {
                    let value = match source {
                        Source::Constant(value) => value,
                        Source::Scratch(slot) => scratch[slot % SCRATCH_WORDS],
                        Source::WireLen => packet.wire_len(),
                    };
                    match dst {
                        Register::A => a = value,
                        Register::X => x = value,
                    }
                }
                Step::LoadAbsolute(width, offset) => a = self.load(packet, u64::from(offset), width, observer)?,
                Step::LoadIndirect(width, offset) => {
                    a = self.load(packet, self.indirect(x, offset), width, observer)?
                }
                Step::LoadMemShift(offset) => {
                    x = (self.load(packet, u64::from(offset), Width::Byte, observer)? & 0xf) << 2;
                }
                Step::Ancillary(extension) => match ancillary(extension, packet, a, x, &mut random_loads) {
                    Some(value) => a = value,
                    None => return Err(HaltReason::NoDevice { a }),
                },
                Step::Store(Register::A, slot) => scratch[slot % SCRATCH_WORDS] = a,
                Step::Store(Register::X, slot) => scratch[slot % SCRATCH_WORDS] = x,
                Step::Alu(op, operand) => a = self.alu(op, a, value(operand, x)).ok_or(HaltReason::DivisionByZero)?,
                Step::Negate => a = a.wrapping_neg(),
                Step::Jump(target) => rest = steps.steps_from(target),
                Step::Branch { condition, operand, then, otherwise } => {
                    // Two checked slices keep this a branch, which processors predict. Selecting the target first would
                    // be a conditional move, which delays the next step: 1.5 times as slow.
                    if condition.eval(a, value(operand, x)) {
                        rest = steps.steps_from(then);
                    } else {
                        rest = steps.steps_from(otherwise);
                    }
                }
                Step::Return(Verdict::Constant(verdict)) => return Ok(verdict),
                Step::Return(Verdict::A) => return Ok(a),
                Step::Transfer(Register::A) => a = x,
                Step::Transfer(Register::X) => x = a,
            }
        }
        // Unreachable, since the last step returns.
        Ok(0)
    }

    fn alu(self, op: AluOp, a: u32, operand: u32) -> Option<u32> {
        let is_masked = op.is_shift() && self.dialect.is_kernel();
        op.eval(a, if is_masked { operand & 31 } else { operand })
    }

    /// Returns the offset of `[x + k]`, which wraps at 2^32 in the kernel and does not in libpcap.
    fn indirect(self, x: u32, offset: u32) -> u64 {
        match self.dialect {
            Dialect::Linux | Dialect::Seccomp => u64::from(x.wrapping_add(offset)),
            Dialect::Pcap => u64::from(x) + u64::from(offset),
        }
    }

    /// Loads a number of the packet.
    fn load(self, packet: &Packet, offset: u64, width: Width, observer: &mut impl Observer) -> Result<u32, HaltReason> {
        let captured = packet.data().len();
        self.number(packet, offset, width, observer).ok_or(HaltReason::OutOfBounds { offset, width, captured })
    }

    /// Returns the number at an offset, or `None` out of bounds.
    fn number(self, packet: &Packet, offset: u64, width: Width, observer: &mut impl Observer) -> Option<u32> {
        // Packets are shorter than 2^31 bytes, so no negative offset is in the first slice.
        let bytes = match packet.data().get(usize::try_from(offset).ok()?..) {
            Some(bytes) => bytes,
            None => self.relative_to_header(packet, offset)?,
        };
        observer.load(packet.data().len() - bytes.len(), width);
        Some(match width {
            Width::Byte => u32::from(*bytes.first()?),
            Width::Half => u32::from(u16::from_be_bytes(*bytes.first_chunk()?)),
            Width::Word if self.dialect == Dialect::Seccomp => u32::from_ne_bytes(*bytes.first_chunk()?),
            Width::Word => u32::from_be_bytes(*bytes.first_chunk()?),
        })
    }

    /// Returns the bytes from an offset beyond the packet: none, unless Linux takes it as relative to a header.
    #[cold]
    fn relative_to_header<'p>(self, packet: &Packet<'p>, offset: u64) -> Option<&'p [u8]> {
        let offset = u32::try_from(offset).ok().filter(|_| self.dialect == Dialect::Linux)?;
        packet.data().get(packet.context().position(offset) as usize..)
    }
}

/// Returns the value of an ancillary load, or `None` if the packet lacks the device for it.
///
/// Not inlined, so that programs without such loads keep their registers.
#[inline(never)]
fn ancillary(extension: Extension, packet: &Packet, a: u32, x: u32, random_loads: &mut u32) -> Option<u32> {
    Some(match extension {
        Extension::Random => {
            let count = *random_loads;
            *random_loads += 1;
            random::number(packet.context().run_seed(), count)
        }
        Extension::NetlinkAttribute => netlink_attributes::find(packet.data(), a, x),
        Extension::NestedNetlinkAttribute => netlink_attributes::find_nested(packet.data(), a, x),
        Extension::PayloadOffset => flow_dissector::payload_offset(packet),
        _ => packet.context().value(extension)?,
    })
}

fn value(operand: Operand, x: u32) -> u32 {
    match operand {
        Operand::Constant(k) => k,
        Operand::X => x,
    }
}
