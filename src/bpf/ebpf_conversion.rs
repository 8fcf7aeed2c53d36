//! The limit on jumps from Linux's conversion of classic programs to eBPF.
//!
//! The kernel converts each classic instruction to 1 to 21 eBPF instructions, whose jumps reach 32,767 instructions. It
//! rejects a program with a longer jump with EINVAL, although the program breaks no rule of the classic machine. There
//! are two limits:
//!
//! - the distance from a converted jump to its converted target is at most 32,767;
//! - a converted jump is one of the first 32,769 instructions, since the first of the kernel's two passes has no
//!   targets yet and measures the distance back to the start.
//!
//! The counts are valid for processors that load unaligned words (`HAVE_EFFICIENT_UNALIGNED_ACCESS`, as x86-64 and
//! aarch64 do) and kernels since 4.18. Programs of [`Dialect::Seccomp`](crate::Dialect::Seccomp) have fewer than 20,500
//! instructions after the conversion, so all of their jumps fit.
//!
//! Source: `bpf_convert_filter`, `convert_bpf_ld_abs` and `convert_bpf_extensions` in `net/core/filter.c`.

use core::borrow::Borrow;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{Condition, Register, Width};
use crate::bpf::verified_ref::Steps;
use crate::bpf::verify::{Source, Step, Verdict};

/// The longest distance of an eBPF jump, in instructions, forward; backward it is one more.
const REACH: usize = i16::MAX as usize;

/// The largest number of eBPF instructions for one classic instruction: `ldx 4*([k]&0xf)` for a k above 32,767.
const LONGEST: usize = 21;

/// The eBPF instructions before the first converted one: 3, and 4 more if the program loads from packets.
const PROLOGUE: usize = 7;

/// The length up to which every program fits.
pub(crate) const ALWAYS_FITS: usize = (REACH - PROLOGUE) / LONGEST;

/// Returns the index of the first jump that does not fit after the conversion.
pub(crate) fn first_unfit_jump(steps: &(impl Steps + ?Sized)) -> Option<usize> {
    if steps.len() <= ALWAYS_FITS {
        return None;
    }
    let starts = Starts::of(steps);
    let mut at = starts.first;
    for (pc, step) in steps.steps_from(0).enumerate() {
        let step = step.borrow();
        let begin = at;
        at += converted_len(pc, step);
        let fits = |at: usize, target: usize| {
            let is_near = target.saturating_sub(pc) <= ALWAYS_FITS;
            at <= REACH && (is_near || starts.start(steps, target) - at - 1 <= REACH)
        };
        // The jumps are the last instructions; of two, the first goes to `then`.
        let is_fit = match *step {
            Step::Jump(target) => fits(begin, target),
            Step::Branch { then, otherwise, .. } => match jumps(pc, step) {
                1 => fits(at - 1, if otherwise == pc + 1 { then } else { otherwise }),
                _ => fits(at - 2, then) && fits(at - 1, otherwise),
            },
            _ => true,
        };
        if !is_fit {
            return Some(pc);
        }
    }
    None
}

/// The numbers of the first eBPF instructions for some of the instructions.
struct Starts {
    /// That of the first instruction: the length of the prologue.
    first: usize,
    /// That of each [`Starts::DISTANCE`]th instruction.
    marks: [u32; Dialect::Linux.max_len() / Starts::DISTANCE],
}

impl Starts {
    const DISTANCE: usize = 64;

    fn of(steps: &(impl Steps + ?Sized)) -> Starts {
        let is_load =
            |step: &Step| matches!(step, Step::LoadAbsolute(..) | Step::LoadIndirect(..) | Step::LoadMemShift(_));
        let first = if steps.steps_from(0).any(|step| is_load(step.borrow())) { PROLOGUE } else { PROLOGUE - 4 };
        let (mut marks, mut at) = ([0; Dialect::Linux.max_len() / Starts::DISTANCE], first);
        for (pc, step) in steps.steps_from(0).enumerate() {
            if pc % Starts::DISTANCE == 0 {
                if let Some(mark) = marks.get_mut(pc / Starts::DISTANCE) {
                    *mark = at as u32;
                }
            }
            at += converted_len(pc, step.borrow());
        }
        Starts { first, marks }
    }

    /// Returns the number of the first eBPF instruction for an instruction.
    fn start(&self, steps: &(impl Steps + ?Sized), pc: usize) -> usize {
        let mark = self.marks.get(pc / Starts::DISTANCE).copied().unwrap_or_default() as usize;
        let begin = pc - pc % Starts::DISTANCE;
        mark + (begin..pc)
            .zip(steps.steps_from(begin))
            .map(|(pc, step)| converted_len(pc, step.borrow()))
            .sum::<usize>()
    }
}

/// Returns the number of eBPF instructions for an instruction.
fn converted_len(pc: usize, step: &Step) -> usize {
    match *step {
        Step::LoadAbsolute(width, offset) => absolute_load_len(width, offset),
        Step::LoadIndirect(_, 0) => 8,
        Step::LoadIndirect(..) => 9,
        // A move of A to X and back, a mask and a shift surround the load.
        Step::LoadMemShift(offset) => 6 + absolute_load_len(Width::Byte, offset),
        Step::Ancillary(extension) => extension.converted_len(),
        // A test for 0 comes first.
        Step::Alu(op, Operand::X) if op.is_division() => 5,
        Step::Branch { operand, .. } => jumps(pc, step) + usize::from(is_negative(operand)),
        Step::Return(Verdict::Constant(_)) => 2,
        Step::Load(_, Source::Constant(_) | Source::Scratch(_) | Source::WireLen)
        | Step::Store(..)
        | Step::Alu(..)
        | Step::Negate
        | Step::Jump(_)
        | Step::Return(Verdict::A)
        | Step::Transfer(Register::A | Register::X) => 1,
    }
}

/// Returns the number of eBPF jumps for a conditional jump: one if a target is the next instruction.
fn jumps(pc: usize, step: &Step) -> usize {
    let Step::Branch { condition, then, otherwise, .. } = *step else { return 1 };
    // eBPF has no inverse of `jset`.
    let can_be_inverted = condition != Condition::BitsSet;
    if otherwise == pc + 1 || (then == pc + 1 && can_be_inverted) { 1 } else { 2 }
}

/// Returns whether a constant does not fit into the signed immediate of an eBPF jump, and needs an instruction of its
/// own.
fn is_negative(operand: Operand) -> bool {
    matches!(operand, Operand::Constant(k) if (k as i32) < 0)
}

/// Returns the length of a load from a fixed offset: a path for the linear part of the packet, then a call. Negative
/// offsets have the call alone.
fn absolute_load_len(width: Width, offset: u32) -> usize {
    const CALL: usize = 8;
    if (offset as i32) < 0 {
        return CALL;
    }
    let is_far = offset as usize > REACH;
    CALL + 4 + usize::from(offset > 0) + usize::from(width != Width::Byte) + 2 * usize::from(is_far)
}

#[cfg(test)]
mod tests {
    use crate::bpf::dialect::Dialect;
    use crate::bpf::instruction::RawInstruction;
    use crate::bpf::program::Program;
    use crate::bpf::verify::Rule;

    const MSH: RawInstruction = RawInstruction { code: 0xb1, jt: 0, jf: 0, k: 0 };
    const ADD: RawInstruction = RawInstruction { code: 0x04, jt: 0, jf: 0, k: 1 };
    const RETURN: RawInstruction = RawInstruction { code: 0x06, jt: 0, jf: 0, k: 1 };

    const fn jump(k: u32) -> RawInstruction {
        RawInstruction { code: 0x05, jt: 0, jf: 0, k }
    }

    fn rejected_at(instructions: &[RawInstruction]) -> Option<usize> {
        let error = Program::new(instructions.to_vec()).verify(Dialect::Linux).err();
        error.inspect(|error| assert_eq!(error.rule, Rule::ConvertedJumpTooFar)).map(|error| error.pc)
    }

    #[test]
    fn accepts_jumps_over_32_767_converted_instructions() {
        // Each MSH is 18 instructions: 1,820 and 7 more are 32,767.
        let over = |adds: usize| {
            let between = [vec![MSH; 1820], vec![ADD; adds]].concat();
            [vec![jump(between.len() as u32)], between, vec![RETURN]].concat()
        };
        assert_eq!(rejected_at(&over(7)), None);
        assert_eq!(rejected_at(&over(8)), Some(0));
        assert!(Program::new(over(8)).verify(Dialect::Pcap).is_ok());
    }

    #[test]
    fn accepts_jumps_among_the_first_32_769_converted_instructions() {
        let test = |code, k| RawInstruction { code, jt: 1, jf: 0, k };
        // The prologue has 7 instructions, and 1,820 MSHs have 32,760.
        let after = |adds: usize, jump| [vec![MSH; 1820], vec![ADD; adds], vec![jump, RETURN, RETURN]].concat();
        assert_eq!(rejected_at(&after(0, jump(0))), None);
        assert_eq!(rejected_at(&after(1, jump(0))), Some(1821));
        assert_eq!(rejected_at(&after(0, test(0x15, 7))), None);
        // A negative constant takes an instruction before the jump, `jset` with two targets one after it.
        assert_eq!(rejected_at(&after(0, test(0x15, u32::MAX))), Some(1820));
        assert_eq!(rejected_at(&after(0, RawInstruction { jt: 0, jf: 1, ..test(0x45, 7) })), Some(1820));
        assert_eq!(rejected_at(&after(0, RawInstruction { jt: 0, jf: 1, ..test(0x25, 7) })), None);
    }
}
