//! The checker itself: it finds a fault of each kind, and what it accepts the kernel accepts.

use cbpf::ebpf::Hook;
use libtest_mimic::{Failed, Trial};

use super::checker::check_bytes;

/// An instruction: opcode, registers, offset and immediate.
type Slot = (u8, u8, u8, i16, i32);

/// A program for a hook, and a part of the message, which is empty for a program without a fault.
type Fault = (Hook, &'static [Slot], &'static str);

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("ebpf::checker::finds_faults", finds_faults)];
    #[cfg(target_os = "linux")]
    trials.push(of_kernel::trial());
    trials
}

const EXIT: Slot = (0x95, 0, 0, 0, 0);
const ZERO: Slot = (0xb7, 0, 0, 0, 0);
/// `r2 = data`, `r3 = data_end` of XDP.
const DATA: Slot = (0x61, 2, 1, 0, 0);
const DATA_END: Slot = (0x61, 3, 1, 4, 0);
/// `r4 = r2`, `r4 += 14`, `if r4 > r3 goto +N`
const COPY: Slot = (0xbf, 4, 2, 0, 0);
const ADD_14: Slot = (0x07, 4, 0, 0, 14);
const fn unless_in_packet(offset: i16) -> Slot {
    (0x2d, 4, 3, offset, 0)
}
/// `r0 = *(u8 *)(r2 + N)`
const fn load(offset: i16) -> Slot {
    (0x71, 0, 2, offset, 0)
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    (Hook::Xdp, &[ZERO, EXIT], ""),
    (Hook::Xdp, &[EXIT], "r0 is read, and not set"),
    (Hook::Xdp, &[ZERO], "slot 1 is outside"),
    (Hook::Xdp, &[ZERO, (0x05, 0, 0, 1, 0), ZERO, EXIT], "slot 2 is not reached"),
    (Hook::Xdp, &[ZERO, (0x05, 0, 0, 7, 0), EXIT], "slot 1 jumps outside"),
    (Hook::Xdp, &[ZERO, (0x05, 0, 0, -3, 0), EXIT], "slot 1 jumps outside"),
    (Hook::Xdp, &[ZERO, (0x06, 0, 0, 0, 0), EXIT], ""),
    (Hook::Xdp, &[ZERO, (0x15, 0, 0, 1, 0), (0x18, 0, 0, 0, 0), (0, 0, 0, 0, 0), EXIT], "slot 3 is half"),
    (Hook::Xdp, &[DATA, DATA_END, load(0), EXIT], "may not be in the packet"),
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, unless_in_packet(1), load(13), EXIT], ""),
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, unless_in_packet(1), load(14), EXIT], "may not be in the packet"),
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, unless_in_packet(1), load(-1), EXIT], "may not be in the packet"),
    // The load is on the wrong edge.
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, unless_in_packet(1), EXIT, load(0), EXIT], "may not be in"),
    // `if r4 < r3` says that one byte more is there.
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, (0xad, 4, 3, 1, 0), EXIT, load(14), EXIT], ""),
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, (0xad, 4, 3, 1, 0), EXIT, load(15), EXIT], "may not be in"),
    // Pointers are compared whole.
    (Hook::Xdp, &[ZERO, DATA, DATA_END, COPY, ADD_14, (0x2e, 4, 3, 1, 0), load(0), EXIT], "is compared with"),
    // The end of the packet in the context of another hook, and in that of sockets, which have none.
    (Hook::Tc, &[ZERO, (0x61, 2, 1, 76, 0), (0x61, 3, 1, 80, 0), EXIT], ""),
    (Hook::Socket, &[ZERO, (0x61, 2, 1, 76, 0), EXIT], "no field of 4 bytes at 76"),
    (Hook::Xdp, &[(0x69, 0, 1, 0, 0), EXIT], "no field of 2 bytes at 0"),
    // A number without a limit, and one that is bounded and checked.
    (Hook::Xdp, &[DATA, (0x61, 4, 1, 16, 0), (0x0f, 2, 4, 0, 0), ZERO, EXIT], "is added to a pointer"),
    (Hook::Xdp, &[
        ZERO, DATA, DATA_END, (0x61, 5, 1, 16, 0), (0x54, 5, 0, 0, 0xff), (0x0f, 2, 5, 0, 0), COPY, ADD_14,
        unless_in_packet(1), load(13), EXIT,
    ], ""),
    // A check of another pointer.
    (Hook::Xdp, &[
        ZERO, DATA, DATA_END, COPY, ADD_14, (0x61, 5, 1, 16, 0), (0x54, 5, 0, 0, 0xff), (0x0f, 2, 5, 0, 0),
        unless_in_packet(1), load(13), EXIT,
    ], "may not be in the packet"),
    // The verifier knows nothing of numbers after a change of byte order.
    (Hook::Xdp, &[
        ZERO, DATA, DATA_END, (0x61, 5, 1, 16, 0), (0x54, 5, 0, 0, 0xff), (0xdc, 5, 0, 0, 16), (0x0f, 2, 5, 0, 0),
        EXIT,
    ], "is added to a pointer"),
    // The stack: set before use, aligned, inside of the frame.
    (Hook::Xdp, &[(0x79, 0, 10, -8, 0), EXIT], "before they are written"),
    (Hook::Xdp, &[(0x7a, 10, 0, -8, 1), (0x61, 0, 10, -4, 0), EXIT], ""),
    (Hook::Xdp, &[(0x62, 10, 0, -8, 1), (0x61, 0, 10, -4, 0), EXIT], "before they are written"),
    (Hook::Xdp, &[ZERO, (0x7a, 10, 0, -12, 1), EXIT], "not aligned"),
    (Hook::Xdp, &[ZERO, (0x7a, 10, 0, -520, 1), EXIT], "not in the stack frame"),
    (Hook::Xdp, &[ZERO, (0x7a, 10, 0, 0, 1), EXIT], "not in the stack frame"),
    // The context from the stack, after a call; and from a register that the call has overwritten.
    (Hook::Xdp, &[(0x7b, 10, 1, -8, 0), (0x85, 0, 0, 0, 7), (0x79, 1, 10, -8, 0), (0x61, 0, 1, 16, 0), EXIT], ""),
    (Hook::Xdp, &[(0x85, 0, 0, 0, 7), (0x61, 0, 1, 16, 0), EXIT], "r1 is read, and not set"),
    // Set on one path only.
    (Hook::Xdp, &[ZERO, (0x61, 3, 1, 16, 0), (0x15, 3, 0, 1, 0), (0xb7, 2, 0, 0, 1), (0xbf, 0, 2, 0, 0), EXIT], "r2 is read"),
    // Helpers: what they take, and where they are.
    (Hook::Xdp, &[(0x85, 0, 0, 0, 26), ZERO, EXIT], "has no helper 26"),
    (Hook::Tc, &[
        (0xb7, 2, 0, 0, 0), (0xbf, 3, 10, 0, 0), (0x07, 3, 0, 0, -8), (0xb7, 4, 0, 0, 4), (0x85, 0, 0, 0, 26),
        (0x61, 0, 10, -8, 0), EXIT,
    ], ""),
    (Hook::Tc, &[
        (0xb7, 2, 0, 0, 0), (0xbf, 3, 10, 0, 0), (0x07, 3, 0, 0, -8), (0xb7, 4, 0, 0, 9), (0x85, 0, 0, 0, 26), EXIT,
    ], "not in the stack frame"),
    (Hook::Tc, &[(0xb7, 2, 0, 0, 0), (0xbf, 3, 1, 0, 0), (0xb7, 4, 0, 0, 4), (0x85, 0, 0, 0, 26), EXIT], "is passed"),
    // Loads by LD_ABS: with the context in r6, where the hook takes them.
    (Hook::Socket, &[(0xbf, 6, 1, 0, 0), (0x20, 0, 0, 0, 0), EXIT], ""),
    (Hook::Socket, &[(0x20, 0, 0, 0, 0), EXIT], "r6 is read"),
    (Hook::Socket, &[(0xbf, 6, 1, 0, 0), (0x20, 0, 0, 0, 0), (0x61, 0, 1, 0, 0), EXIT], "r1 is read"),
    (Hook::CgroupSkb, &[(0xbf, 6, 1, 0, 0), (0x20, 0, 0, 0, 0), EXIT], "does not take this load"),
    // Results.
    (Hook::CgroupSkb, &[(0xb7, 0, 0, 0, 2), EXIT], "not 0 or 1"),
    (Hook::Xdp, &[(0xbf, 0, 1, 0, 0), EXIT], "not a number"),
    // Arithmetic.
    (Hook::Xdp, &[ZERO, (0x34, 0, 0, 0, 0), EXIT], "a division by the constant 0"),
    (Hook::Xdp, &[ZERO, (0x64, 0, 0, 0, 32), EXIT], "a shift by 32"),
    (Hook::Xdp, &[ZERO, (0x04, 1, 0, 0, 1), EXIT], "arithmetic"),
    (Hook::Xdp, &[ZERO, (0xb7, 10, 0, 0, 1), EXIT], "r10 is written"),
    (Hook::Xdp, &[ZERO, (0x8d, 0, 0, 0, 1), EXIT], "the jump"),
];

fn finds_faults() -> Result<(), Failed> {
    for (index, (hook, slots, message)) in FAULTS.iter().enumerate() {
        let found = check_bytes(*hook, true, &encode(slots), &[], &[]);
        let is_right = match &found {
            Ok(()) => message.is_empty(),
            Err(error) => !message.is_empty() && error.contains(message),
        };
        if !is_right {
            return Err(format!("program {index}: expected `{message}`, found {found:?}: {slots:?}").into());
        }
    }
    Ok(())
}

fn encode(slots: &[Slot]) -> Vec<u8> {
    let encode = |&(code, dst, src, offset, imm): &Slot| {
        let mut bytes = super::user::slot(code, dst, src, offset);
        bytes[4..].copy_from_slice(&i32::to_ne_bytes(imm));
        bytes
    };
    slots.iter().flat_map(encode).collect()
}

/// The kernel accepts what the checker accepts.
#[cfg(target_os = "linux")]
mod of_kernel {
    use arbitrary::Unstructured;
    use cbpf::{Dialect, Program};

    use super::super::bpf;
    use super::super::hooks::{PLACES, Place};
    use super::super::oracle::lacks;
    use super::*;
    use crate::engine::Engine;
    use crate::generate;
    use crate::random::each_program;

    pub fn trial() -> Trial {
        let trial = Trial::test("random::ebpf::checker", || each_program(check));
        trial.with_ignored_flag(!PLACES[0].is_available())
    }

    /// Compiles a random program, damages an instruction, and compares the checker with the kernel.
    fn check(bytes: &[u8]) -> Result<(), Failed> {
        each_fault()?;
        let mut u = Unstructured::new(bytes);
        let program: Program = generate::program(&mut u, Dialect::Pcap)?;
        let place = u.choose(&PLACES[..4])?;
        let Ok(verified) = program.verify(Dialect::Pcap) else { return Ok(()) };
        if lacks(&verified, &place.options()) {
            return Ok(());
        }
        let compiled = place.options().compile(&verified)?;
        for _ in 0..8 {
            let mut bytes = compiled.to_bytes();
            let slot = 8 * u.choose_index(bytes.len() / 8)?;
            match u.int_in_range(0..=4)? {
                // Opcode, registers, offset, immediate, or no instruction.
                0 => bytes[slot] ^= 1 << u.int_in_range(0..=7)?,
                1 => bytes[slot + 1] = u.int_in_range(0..=10)? | u.int_in_range(0..=10)? << 4,
                2 => bytes[slot + 2] = u.int_in_range(0..=20)?,
                3 => bytes[slot + 4] = u.arbitrary()?,
                _ => drop(bytes.drain(slot..slot + 8)),
            }
            compare(place, &bytes)?;
        }
        Ok(())
    }

    /// The programs without a fault load.
    fn each_fault() -> Result<(), Failed> {
        for (hook, slots, _) in FAULTS {
            let place = PLACES.iter().find(|place| place.hook() == *hook).ok_or("no such hook")?;
            compare(place, &encode(slots))?;
        }
        Ok(())
    }

    fn compare(place: &Place, bytes: &[u8]) -> Result<(), Failed> {
        if check_bytes(place.hook(), true, bytes, &[], &[]).is_err() {
            return Ok(());
        }
        let loaded = bpf::load_bytes(bytes, place.program_type(), "GPL");
        Ok(loaded.map(drop).map_err(|error| format!("the checker accepts what {} does not: {error}", place.name()))?)
    }
}
