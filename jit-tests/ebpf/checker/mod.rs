//! A checker of the rules that the kernel's verifier has for programs, on the bytes that a loader gets.
//!
//! It is an abstract interpretation of the instructions. Where paths meet, it keeps what holds on both, so that its
//! time is linear in programs without loops; the kernel walks each path alone, and accepts more. Instructions and rules
//! that the compiler has no use for are errors, too: signed comparisons, stores into the packet, functions.
//!
//! - Every slot is reached, jumps lead to instructions, and nothing runs past the end.
//! - Registers and bytes of the stack are set on every path before they are read; calls overwrite r1 to r5.
//! - An access to the packet lies behind a comparison of the same pointer with the end of the packet.
//! - An access to the stack, to a value of a map, or to the context lies inside of it, and is aligned.
//! - Numbers that are added to pointers are bounded. No divisor is the constant 0, no shift is too far.
//! - Helpers get what they take, and the hook has them. Results are numbers, and 0 or 1 in control groups.

mod calls;
mod state;
mod step;
mod value;

use std::collections::BTreeSet;

use cbpf::ebpf::{Hook, Map, Program};

use state::State;
use value::{Pointer, Range, Value};

/// A slot of 8 bytes.
#[derive(Clone, Copy, Debug)]
struct Slot {
    code: u8,
    dst: u8,
    src: u8,
    offset: i16,
    imm: i32,
}

/// The code of a 64-bit immediate, which takes two slots.
const LOAD_IMMEDIATE: u8 = 0x18;

/// The number of unions at a slot after which ranges that still change are given up.
const PATIENCE: u8 = 8;

/// Checks a program; `is_direct` says that a function gets pointers to a packet rather than addresses of the kernel.
pub fn check(program: &Program, is_direct: bool) -> Result<(), String> {
    let bytes = program.to_bytes();
    if bytes.len() != 8 * program.slots() {
        return Err(format!("{} bytes are not {} slots", bytes.len(), program.slots()));
    }
    check_bytes(program.hook(), is_direct, &bytes, program.maps(), &program.map_references())
}

/// Checks instructions with the slots that refer to maps.
pub fn check_bytes(
    hook: Hook,
    is_direct: bool,
    bytes: &[u8],
    maps: &[Map],
    references: &[(usize, u32)],
) -> Result<(), String> {
    let checker = Checker::new(hook, bytes, maps, references)?;
    let targets = checker.structure()?;
    checker.walk(&targets, entry(hook, is_direct))
}

/// Returns the registers at the start of a program.
fn entry(hook: Hook, is_direct: bool) -> [Value; 3] {
    let number = Value::Number(Range::ALL);
    match hook {
        Hook::Function if is_direct => {
            [Value::Packet(Pointer { base: 0, offset: 0, slack: 0, range: 0 }), Value::PacketEnd, number]
        }
        Hook::Function => [number; 3],
        _ => [Value::Context, Value::Unset, Value::Unset],
    }
}

struct Checker<'p> {
    hook: Hook,
    slots: Vec<Slot>,
    maps: &'p [Map],
    /// The map that each slot refers to.
    references: Vec<Option<usize>>,
}

/// Where execution goes on after an instruction.
enum Flow {
    Next,
    Wide,
    Jump(usize),
    /// The states on both edges, unless the edge cannot be taken.
    Branch {
        target: usize,
        taken: Option<Box<State>>,
        fallthrough: Option<Box<State>>,
    },
    Exit,
}

impl<'p> Checker<'p> {
    fn new(hook: Hook, bytes: &[u8], maps: &'p [Map], references: &[(usize, u32)]) -> Result<Checker<'p>, String> {
        let slots: Vec<Slot> = bytes.chunks_exact(8).map(decode).collect();
        let mut of_slots = vec![None; slots.len()];
        for &(slot, map) in references {
            let map = map as usize;
            let is_known = map < maps.len() && slots.get(slot).is_some_and(|slot| slot.code == LOAD_IMMEDIATE);
            if !is_known {
                return Err(format!("slot {slot} does not load the address of map {map}"));
            }
            of_slots[slot] = Some(map);
        }
        Ok(Checker { hook, slots, maps, references: of_slots })
    }

    /// Checks that jumps lead to instructions, all of which are reached, and returns the targets of jumps.
    fn structure(&self) -> Result<Vec<bool>, String> {
        let mut is_second = vec![false; self.slots.len()];
        let mut pc = 0;
        while pc < self.slots.len() {
            if self.slots[pc].code == LOAD_IMMEDIATE {
                *is_second.get_mut(pc + 1).ok_or("the last immediate has no second half")? = true;
                pc += 1;
            }
            pc += 1;
        }
        let (mut is_target, mut is_reached) = (vec![false; self.slots.len()], vec![false; self.slots.len()]);
        let mut left = vec![0];
        while let Some(pc) = left.pop() {
            match is_reached.get_mut(pc) {
                None => return Err(format!("slot {pc} is outside")),
                Some(_) if is_second[pc] => return Err(format!("slot {pc} is half of an immediate")),
                Some(true) => continue,
                Some(is_reached) => *is_reached = true,
            }
            let (target, has_next) = self.edges(pc)?;
            if let Some(target) = target {
                *is_target.get_mut(target).ok_or_else(|| format!("slot {pc} jumps outside"))? = true;
                left.push(target);
            }
            if has_next {
                left.push(pc + if self.slots[pc].code == LOAD_IMMEDIATE { 2 } else { 1 });
            }
        }
        match (0..self.slots.len()).find(|&pc| !is_reached[pc] && !is_second[pc]) {
            Some(pc) => Err(format!("slot {pc} is not reached")),
            None => Ok(is_target),
        }
    }

    /// Returns the target of a jump, and whether the next slot follows.
    fn edges(&self, pc: usize) -> Result<(Option<usize>, bool), String> {
        let Slot { code, offset, imm, .. } = self.slots[pc];
        let distance = if code == 0x06 { imm } else { offset.into() };
        let target =
            || (pc as i64 + 1 + i64::from(distance)).try_into().map_err(|_| format!("slot {pc} jumps outside"));
        Ok(match (code & 7, code & 0xf0) {
            (5 | 6, 0x00) => (Some(target()?), false),
            (5, 0x80) => (None, true),
            (5, 0x90) => (None, false),
            (5 | 6, _) => (Some(target()?), true),
            _ => (None, true),
        })
    }

    /// Executes all slots, in their order where there are no loops.
    fn walk(&self, is_target: &[bool], entry: [Value; 3]) -> Result<(), String> {
        let mut start = State::new();
        (1..).zip(entry).try_for_each(|(register, value)| start.set(register, value))?;
        let mut states: Vec<Option<(Box<State>, u8)>> = vec![None; self.slots.len()];
        states[0] = Some((Box::new(start), 0));
        let mut left = BTreeSet::from([0]);
        while let Some(first) = left.pop_first() {
            let Some((state, _)) = &states[first] else { continue };
            let (mut pc, mut state) = (first, state.clone());
            loop {
                let flow = self.step(pc, &mut state).map_err(|error| format!("slot {pc}: {error}"))?;
                let next = pc + if matches!(flow, Flow::Wide) { 2 } else { 1 };
                match flow {
                    Flow::Next | Flow::Wide if !is_target[next] => pc = next,
                    Flow::Next | Flow::Wide => break meet(&mut states, &mut left, next, state),
                    Flow::Jump(target) => break meet(&mut states, &mut left, target, state),
                    Flow::Exit => break,
                    Flow::Branch { target, taken, fallthrough } => {
                        if let Some(taken) = taken {
                            meet(&mut states, &mut left, target, taken);
                        }
                        match fallthrough {
                            Some(fallthrough) if is_target[next] => {
                                break meet(&mut states, &mut left, next, fallthrough);
                            }
                            Some(fallthrough) => (pc, state) = (next, fallthrough),
                            None => break,
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Merges a state into that before a slot, and notes the slot if that changes it.
fn meet(states: &mut [Option<(Box<State>, u8)>], left: &mut BTreeSet<usize>, at: usize, state: Box<State>) {
    match &mut states[at] {
        Some((old, count)) => {
            let union = old.union(&state, at, *count > PATIENCE);
            if union != **old {
                // Unions before the slot was executed are no signs of a loop.
                *count = count.saturating_add(u8::from(!left.contains(&at)));
                **old = union;
                left.insert(at);
            }
        }
        empty => {
            *empty = Some((state, 0));
            left.insert(at);
        }
    }
}

/// Decodes a slot in the byte order of this machine.
fn decode(bytes: &[u8]) -> Slot {
    let registers = bytes[1];
    let (low, high) = (registers & 15, registers >> 4);
    let (dst, src) = if cfg!(target_endian = "big") { (high, low) } else { (low, high) };
    let (offset, imm) = ([bytes[2], bytes[3]], [bytes[4], bytes[5], bytes[6], bytes[7]]);
    Slot { code: bytes[0], dst, src, offset: i16::from_ne_bytes(offset), imm: i32::from_ne_bytes(imm) }
}
