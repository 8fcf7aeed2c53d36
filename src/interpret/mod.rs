//! The reference interpreter: the definition of what a program means. Every other engine agrees with it.
//!
//! The machine has an accumulator `A`, an index register `X` and sixteen scratch words `M[]`, all 32 bits wide and 0 at
//! the start, and a packet that it only reads. Arithmetic wraps. Jumps go forward, so every program ends. What cannot
//! be done, a load past the end of the captured bytes or a division by zero, ends the program with verdict 0. An
//! ancillary load that asks about a device that is not there ends it, too, and A is the verdict, as in the kernel.
//!
//! In [`Dialect::Linux`] offsets are signed, and the negative ones of absolute loads, of what X + k comes to, and of
//! `4*([k]&0xf)` are relative to a header: from -0x100000 on to the network header, from -0x200000 on to the link header.
//! Below that, before the first captured byte, and behind a link header that is not there, everything is out of bounds.

pub(crate) mod halt_reason;
pub(crate) mod observer;
pub(crate) mod profile;
mod seccomp;
pub(crate) mod trace;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Register, Width};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::interpret::halt_reason::Stop;
use crate::interpret::observer::{Registers, Unwatched, Watch};
use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::flow_dissector;
use crate::packet::netlink_attributes;
use crate::packet::random;

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
        self.verdict(&packet.into())
    }

    /// The verdict, with nobody looking on. A function of its own, so that it is compiled here, with all that it calls.
    fn verdict(&self, packet: &Packet) -> u32 {
        self.run(packet, &mut Unwatched).unwrap_or_else(Stop::verdict)
    }

    /// Runs the program while `watch` looks on; gives the verdict of its return, or why it came to none.
    pub(crate) fn run(&self, packet: &Packet, watch: &mut impl Watch) -> Result<u32, Stop> {
        let (mut a, mut x, mut scratch) = (0_u32, 0_u32, [0; SCRATCH_WORDS]);
        let mut random_loads = 0;
        let steps = self.steps();
        let mut rest = steps.iter();
        while let Some(step) = rest.next() {
            watch.step(steps.len() - rest.len() - 1, Registers { a, x }, &scratch);
            match *step {
                Step::Load(dst, source) => {
                    let value = match source {
                        Source::Constant(value) => value,
                        Source::Scratch(slot) => scratch[slot],
                        Source::WireLen => packet.wire_len(),
                    };
                    match dst {
                        Register::A => a = value,
                        Register::X => x = value,
                    }
                }
                Step::LoadAbsolute(width, offset) => a = self.load(packet, u64::from(offset), width, watch)?,
                Step::LoadIndirect(width, offset) => a = self.load(packet, self.indirect(x, offset), width, watch)?,
                Step::LoadMemShift(offset) => {
                    x = (self.load(packet, u64::from(offset), Width::Byte, watch)? & 0xf) << 2;
                }
                Step::Ancillary(extension) => match ancillary(extension, packet, a, x, &mut random_loads) {
                    Some(value) => a = value,
                    None => return Err(Stop::NoDevice { a }),
                },
                Step::Store(Register::A, slot) => scratch[slot] = a,
                Step::Store(Register::X, slot) => scratch[slot] = x,
                Step::Alu(op, operand) => a = self.alu(op, a, value(operand, x)).ok_or(Stop::DivisionByZero)?,
                Step::Negate => a = a.wrapping_neg(),
                Step::Jump(target) => rest = steps[target..].iter(),
                Step::Branch { condition, operand, then, otherwise } => {
                    // Two checked slices, so this stays a branch, which the processor foresees. To choose a number and
                    // slice once would be a conditional move: the next step would wait for it, 1.5 times as long.
                    if condition.eval(a, value(operand, x)) {
                        rest = steps[then..].iter();
                    } else {
                        rest = steps[otherwise..].iter();
                    }
                }
                Step::Return(Verdict::Constant(verdict)) => return Ok(verdict),
                Step::Return(Verdict::A) => return Ok(a),
                Step::Transfer(Register::A) => a = x,
                Step::Transfer(Register::X) => x = a,
            }
        }
        // Never reached, since the last step returns.
        Ok(0)
    }

    fn alu(&self, op: AluOp, a: u32, operand: u32) -> Option<u32> {
        let is_masked = op.is_shift() && self.dialect().is_kernel();
        op.eval(a, if is_masked { operand & 31 } else { operand })
    }

    /// `[x + k]`: the kernel adds 32-bit numbers, libpcap does not wrap.
    fn indirect(&self, x: u32, offset: u32) -> u64 {
        match self.dialect() {
            Dialect::Linux | Dialect::Seccomp => u64::from(x.wrapping_add(offset)),
            Dialect::Pcap => u64::from(x) + u64::from(offset),
        }
    }

    /// A number of the packet.
    fn load(&self, packet: &Packet, offset: u64, width: Width, watch: &mut impl Watch) -> Result<u32, Stop> {
        let captured = packet.data().len();
        self.number(packet, offset, width, watch).ok_or(Stop::OutOfBounds { offset, width, captured })
    }

    /// The number at an offset, `None` out of bounds.
    fn number(&self, packet: &Packet, offset: u64, width: Width, watch: &mut impl Watch) -> Option<u32> {
        // No packet reaches an offset of 2^31, from where on they are negative.
        let bytes = match packet.data().get(usize::try_from(offset).ok()?..) {
            Some(bytes) => bytes,
            None => self.behind_header(packet, offset)?,
        };
        watch.load(packet.data().len() - bytes.len(), width);
        Some(match width {
            Width::Byte => u32::from(*bytes.first()?),
            Width::Half => u32::from(u16::from_be_bytes(*bytes.first_chunk()?)),
            Width::Word if self.dialect() == Dialect::Seccomp => u32::from_ne_bytes(*bytes.first_chunk()?),
            Width::Word => u32::from_be_bytes(*bytes.first_chunk()?),
        })
    }

    /// The bytes from an offset on that the packet does not reach: none, unless Linux takes it as relative to a header.
    #[cold]
    fn behind_header<'p>(&self, packet: &Packet<'p>, offset: u64) -> Option<&'p [u8]> {
        let offset = u32::try_from(offset).ok().filter(|_| self.dialect() == Dialect::Linux)?;
        packet.data().get(packet.context().position(offset) as usize..)
    }
}

/// What an ancillary load gives; `None` if the packet has no device to ask.
///
/// Not inlined, so that it takes no registers from programs without such loads.
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
