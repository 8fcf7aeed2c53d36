//! The effect of one instruction on a state.

use cbpf::ebpf::Hook;

use super::state::{State, loaded};
use super::value::{Range, Relation, Value, advance, arithmetic};
use super::{Checker, Flow, LOAD_IMMEDIATE, Slot};

/// The bit of an opcode whose second operand is a register.
const OF_REGISTER: u8 = 0x08;

impl Checker<'_> {
    pub(super) fn step(&self, pc: usize, state: &mut State) -> Result<Flow, String> {
        let slot = self.slots[pc];
        if !slot.is_plain() {
            return Err("a field that the instruction does not have is not 0".to_owned());
        }
        let Slot { code, dst, src, offset, .. } = slot;
        let (size, offset) = ([4, 2, 1, 8][usize::from(code >> 3 & 3)], i64::from(offset));
        match code {
            LOAD_IMMEDIATE => {
                let value = self.immediate(pc, slot)?;
                state.set(dst, value)?;
                return Ok(Flow::Wide);
            }
            0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50 => self.packet_load(slot, state)?,
            0x61 | 0x69 | 0x71 | 0x79 => {
                let value = self.load(state.get(src)?, offset, size, state)?;
                state.set(dst, value)?;
            }
            0x62 | 0x6a | 0x72 | 0x7a => {
                self.store(state.get(dst)?, offset, size, Value::Number(Range::ALL), state)?;
            }
            0x63 | 0x6b | 0x73 | 0x7b => {
                let value = state.get(src)?;
                self.store(state.get(dst)?, offset, size, value, state)?;
            }
            // Atomic addition.
            0xc3 | 0xdb if slot.imm == 0 => {
                state.number(src)?;
                match state.get(dst)? {
                    base @ Value::InMap { .. } => self.store(base, offset, size, Value::Number(Range::ALL), state)?,
                    base => return Err(format!("an atomic addition to {base:?}")),
                }
            }
            _ => match code & 7 {
                4 | 7 => alu(pc, slot, state)?,
                5 | 6 => return self.jump(pc, slot, state),
                _ => return Err(format!("opcode {code:#04x} is not one that the compiler has a use for")),
            },
        }
        Ok(Flow::Next)
    }

    fn immediate(&self, pc: usize, slot: Slot) -> Result<Value, String> {
        let second = self.slots[pc + 1];
        if (second.code, second.dst, second.src, second.offset, slot.offset) != (0, 0, 0, 0, 0) {
            return Err("fields of a 64-bit immediate that are reserved are not 0".to_owned());
        }
        match (slot.src, self.references[pc]) {
            (0, None) => {
                Ok(Value::Number(Range::constant(u64::from(second.imm as u32) << 32 | u64::from(slot.imm as u32))))
            }
            (1, Some(map)) => Ok(Value::Map(map)),
            (2, Some(map)) => Ok(Value::InMap { map, offset: second.imm.into(), slack: 0 }),
            (kind, _) => Err(format!("a 64-bit immediate of kind {kind}")),
        }
    }

    /// Checks `LD_ABS` and `LD_IND`, which end the program with 0 if the packet is too short.
    fn packet_load(&self, slot: Slot, state: &mut State) -> Result<(), String> {
        if !matches!(self.hook, Hook::Socket | Hook::Tc) {
            return Err("the hook does not take this load".to_owned());
        }
        if slot.code & 0x40 != 0 {
            state.number(slot.src)?;
        }
        match state.get(6)? {
            Value::Context => {}
            other => return Err(format!("r6 is {other:?}, not the context")),
        }
        state.clobber();
        state.set(0, Value::Number(Range::HALF))
    }

    fn load(&self, base: Value, offset: i64, size: i64, state: &State) -> Result<Value, String> {
        match base {
            Value::Context => self.context_field(offset, size),
            Value::Stack(at) => state.load(at + offset, size),
            Value::Packet(pointer) => {
                let at = pointer.offset + offset;
                match at >= 0 && at + size <= pointer.range {
                    true => Ok(loaded(size)),
                    false => Err(format!("{size} bytes at {offset} from {pointer:?} may not be in the packet")),
                }
            }
            Value::InMap { map, offset: at, slack } => {
                self.in_map_value(map, at + offset, slack, size).map(|()| loaded(size))
            }
            other => Err(format!("a load from {other:?}")),
        }
    }

    fn store(&self, base: Value, offset: i64, size: i64, value: Value, state: &mut State) -> Result<(), String> {
        match base {
            Value::Stack(at) => state.store(at + offset, size, value),
            Value::InMap { map, offset: at, slack } if matches!(value, Value::Number(_)) => {
                self.in_map_value(map, at + offset, slack, size)
            }
            other => Err(format!("{value:?} is stored in {other:?}")),
        }
    }

    fn in_map_value(&self, map: usize, at: i64, slack: u64, size: i64) -> Result<(), String> {
        let len = i64::from(self.maps[map].value_size);
        let end = i64::try_from(slack).ok().and_then(|slack| slack.checked_add(at + size));
        match at >= 0 && end.is_some_and(|end| end <= len) {
            true => Ok(()),
            false => Err(format!("{size} bytes at {at} and up to {slack} further are not in {len} bytes of map {map}")),
        }
    }

    /// Returns the value of a field of `struct xdp_md` or `struct __sk_buff`, of those that all kernels let the hook
    /// read.
    fn context_field(&self, offset: i64, size: i64) -> Result<Value, String> {
        let is_field = size == 4 && offset % 4 == 0;
        let (data, fields): (Option<[i64; 2]>, &[i64]) = match self.hook {
            Hook::Xdp => (Some([0, 4]), &[12, 16]),
            Hook::Tc | Hook::CgroupSkb => (Some([76, 80]), &[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 68]),
            _ => (None, &[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 68]),
        };
        match data {
            Some([start, _]) if is_field && offset == start => {
                Ok(Value::Packet(super::Pointer { base: 0, offset: 0, slack: 0, range: 0 }))
            }
            Some([_, end]) if is_field && offset == end => Ok(Value::PacketEnd),
            _ if is_field && fields.contains(&offset) => Ok(Value::Number(Range::HALF)),
            _ => Err(format!("the context of `{}` has no field of {size} bytes at {offset}", self.hook)),
        }
    }

    fn jump(&self, pc: usize, slot: Slot, state: &mut State) -> Result<Flow, String> {
        let Slot { code, dst, src, imm, .. } = slot;
        let is_full = code & 7 == 5;
        match (code, self.edges(pc)?) {
            (0x85, _) => {
                self.call(pc, slot, state)?;
                Ok(Flow::Next)
            }
            (0x95, _) => {
                let result = state.number(0)?;
                match self.hook == Hook::CgroupSkb && result.max > 1 {
                    true => Err(format!("the result is {} to {}, not 0 or 1", result.min, result.max)),
                    false => Ok(Flow::Exit),
                }
            }
            (0x05 | 0x06, (Some(target), _)) => Ok(Flow::Jump(target)),
            (_, (Some(target), true)) => {
                let right = match code & OF_REGISTER {
                    0 => None,
                    _ => Some(src),
                };
                let edge = |is_taken| edge(state, (code, is_taken), dst, (right, imm), is_full);
                Ok(Flow::Branch { target, taken: edge(true)?, fallthrough: edge(false)? })
            }
            _ => Err(format!("the jump {code:#04x}")),
        }
    }
}

impl Slot {
    /// Returns `true` if the fields are 0 that the instruction does not have.
    fn is_plain(self) -> bool {
        let (class, operation) = (self.code & 7, self.code & 0xf0);
        let is_of_register = self.code & OF_REGISTER != 0;
        let (dst, src, offset, imm) = match (class, operation) {
            // 64-bit immediates are checked with their second half.
            (0, 0x10) => (true, true, true, true),
            (0, 0x40 | 0x50) => (false, true, false, true),
            (0, _) => (false, false, false, true),
            (1, _) => (true, true, true, false),
            (2, _) => (true, false, true, true),
            (3, _) => (true, true, true, false),
            (4 | 7, 0x80) => (true, false, false, false),
            (4 | 7, 0xd0) => (true, false, false, true),
            (4 | 7, _) => (true, is_of_register, false, !is_of_register),
            (5, 0x00) => (false, false, true, false),
            (6, 0x00) => (false, false, false, true),
            (5, 0x80) => (false, false, false, true),
            (5, 0x90) => (false, false, false, false),
            _ => (true, is_of_register, true, !is_of_register),
        };
        let has = [(dst, self.dst != 0), (src, self.src != 0), (offset, self.offset != 0), (imm, self.imm != 0)];
        has.iter().all(|&(has, is_set)| has || !is_set)
    }
}

/// Returns the state on an edge of a conditional jump, unless the edge cannot be taken.
fn edge(
    state: &State,
    (code, is_taken): (u8, bool),
    left: u8,
    (right, imm): (Option<u8>, i32),
    is_full: bool,
) -> Result<Option<Box<State>>, String> {
    let relation = Relation::of(code & 0xf0, is_taken).ok_or_else(|| format!("the jump {code:#04x}"))?;
    let (a, immediate) = (state.get(left)?, Value::Number(Range::constant(imm as i64 as u64)));
    let b = right.map_or(Ok(immediate), |right| state.get(right))?;
    let mut state = Box::new(state.clone());
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            // The lower halves say something about numbers that have no upper half.
            let is_half = a.max <= Range::HALF.max && (b.max <= Range::HALF.max || right.is_none());
            let b = if is_full { b } else { b.half() };
            let Some((a, b)) = (if is_full || is_half { relation.refine(a, b) } else { Some((a, b)) }) else {
                return Ok(None);
            };
            state.set(left, Value::Number(a))?;
            if let Some(right) = right.filter(|&right| right != left) {
                state.set(right, Value::Number(b))?;
            }
        }
        (Value::Packet(pointer), Value::PacketEnd) if is_full => match relation {
            Relation::LessOrEqual => state.prove(pointer, 0),
            Relation::Less => state.prove(pointer, 1),
            _ => {}
        },
        (Value::PacketEnd, Value::Packet(pointer)) if is_full => match relation {
            Relation::GreaterOrEqual => state.prove(pointer, 0),
            Relation::Greater => state.prove(pointer, 1),
            _ => {}
        },
        (Value::MaybeInMap { origin, .. }, Value::Number(Range { min: 0, max: 0 })) if is_full => match relation {
            Relation::Equal => state.resolve(origin, false),
            Relation::NotEqual => state.resolve(origin, true),
            _ => return Err("an address is compared with 0 other than by == and !=".to_owned()),
        },
        (a, b) => return Err(format!("{a:?} is compared with {b:?}")),
    }
    Ok(Some(state))
}

/// Executes arithmetic.
fn alu(pc: usize, slot: Slot, state: &mut State) -> Result<(), String> {
    const ADD: u8 = 0x00;
    const SUB: u8 = 0x10;
    const MOVE: u8 = 0xb0;
    const END: u8 = 0xd0;
    let Slot { code, dst, src, imm, .. } = slot;
    let (is_full, operation) = (code & 7 == 7, code & 0xf0);
    let right = match code & OF_REGISTER {
        // Here the bit is the byte order.
        _ if matches!(operation, 0x80 | END) => Value::Number(Range::ALL),
        0 => Value::Number(Range::constant(imm as i64 as u64)),
        _ => state.get(src)?,
    };
    let constant = (code & OF_REGISTER == 0).then_some(imm);
    match (operation, constant) {
        (0x30 | 0x90, Some(0)) => return Err("a division by the constant 0".to_owned()),
        (0x60 | 0x70, Some(count)) if !(0..if is_full { 64 } else { 32 }).contains(&count) => {
            return Err(format!("a shift by {count}"));
        }
        (0xc0 | 0xe0 | 0xf0, _) => return Err(format!("arithmetic {code:#04x}")),
        (0x80, None) => return Err("a negation of two operands".to_owned()),
        (END, _) if is_full || ![16, 32, 64].contains(&imm) => return Err("a change of byte order".to_owned()),
        _ => {}
    }
    let left = if operation == MOVE { Value::Unset } else { state.get(dst)? };
    let result = match (operation, left, right) {
        (MOVE, _, Value::Number(range)) => Value::Number(if is_full { range } else { range.half() }),
        (MOVE, _, pointer) if is_full => pointer,
        // The kernel knows nothing of the result; all but its lower bits are 0, which it does not use.
        (END, Value::Number(_), _) => Value::Number(Range::ALL),
        (_, Value::Number(a), Value::Number(b)) => Value::Number(arithmetic(operation, a, b, is_full)),
        (ADD, Value::Number(by), pointer) | (ADD, pointer, Value::Number(by)) if is_full => {
            let moved = advance(pointer, by, pc)?;
            if by.value().is_none() {
                state.forget(pc);
            }
            moved
        }
        (SUB, pointer, Value::Number(by)) if is_full && by.value().is_some() => {
            advance(pointer, Range::constant(by.min.wrapping_neg()), pc)?
        }
        // The length of the packet.
        (SUB, Value::PacketEnd, Value::Packet(_)) if is_full => Value::Number(Range::ALL),
        (_, a, b) => return Err(format!("arithmetic {code:#04x} with {a:?} and {b:?}")),
    };
    state.set(dst, result)
}
