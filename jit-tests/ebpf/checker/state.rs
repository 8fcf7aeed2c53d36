//! The state before an instruction: the values of the registers and of the stack, and the union of two states.

use super::value::{MAX_PACKET_OFFSET, Pointer, Range, Value};

/// The length of the stack frame, in bytes.
pub const FRAME: i64 = 512;

/// The number of registers, with the frame pointer.
const REGISTERS: usize = 11;

#[derive(Clone, PartialEq, Eq)]
pub struct State {
    registers: [Value; REGISTERS],
    /// The words of the frame, from its lower end.
    stack: [Word; FRAME as usize / 8],
}

/// Eight bytes of the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The bytes that were written, one bit each.
    Bytes(u8),
    /// A register that was stored whole.
    Whole(Value),
}

impl State {
    pub fn new() -> State {
        let mut registers = [Value::Unset; REGISTERS];
        registers[10] = Value::Stack(0);
        State { registers, stack: [Word::Bytes(0); FRAME as usize / 8] }
    }

    pub fn set(&mut self, register: u8, value: Value) -> Result<(), String> {
        match self.registers.get_mut(usize::from(register)) {
            Some(place) if register != 10 => *place = value,
            _ => return Err(format!("r{register} is written")),
        }
        Ok(())
    }

    /// Returns a value that was set on every path.
    pub fn get(&self, register: u8) -> Result<Value, String> {
        match self.registers.get(usize::from(register)) {
            Some(Value::Unset) => Err(format!("r{register} is read, and not set on every path")),
            Some(&value) => Ok(value),
            None => Err(format!("there is no r{register}")),
        }
    }

    pub fn number(&self, register: u8) -> Result<Range, String> {
        match self.get(register)? {
            Value::Number(range) => Ok(range),
            other => Err(format!("r{register} is {other:?}, not a number")),
        }
    }

    /// Forgets the registers that calls and packet loads overwrite.
    pub fn clobber(&mut self) {
        self.registers[1..=5].fill(Value::Unset);
    }

    /// Stores `size` bytes at a place of the stack.
    pub fn store(&mut self, at: i64, size: i64, value: Value) -> Result<(), String> {
        let (word, bytes) = place(at, size)?;
        let word = &mut self.stack[word];
        if size == 8 {
            *word = Word::Whole(value);
            return Ok(());
        }
        if !matches!(value, Value::Number(_)) {
            return Err(format!("a part of {value:?} is stored"));
        }
        *word = match *word {
            Word::Bytes(old) => Word::Bytes(old | bytes),
            Word::Whole(_) => Word::Bytes(0xff),
        };
        Ok(())
    }

    /// Loads `size` bytes from a place of the stack.
    pub fn load(&self, at: i64, size: i64) -> Result<Value, String> {
        let (word, bytes) = place(at, size)?;
        match self.stack[word] {
            Word::Whole(value) if size == 8 => Ok(value),
            Word::Whole(Value::Number(_)) => Ok(loaded(size)),
            Word::Bytes(set) if set & bytes == bytes => Ok(loaded(size)),
            Word::Whole(value) => Err(format!("a part of {value:?} is loaded from the stack")),
            Word::Bytes(_) => Err(format!("{size} bytes of the stack at {at} are read before they are written")),
        }
    }

    /// Sets bytes of the stack, which a call has written.
    pub fn fill(&mut self, at: i64, len: i64) -> Result<(), String> {
        in_frame(at, len)?;
        (at..at + len).try_for_each(|at| self.store(at, 1, Value::Number(Range::ALL)))
    }

    /// Checks that all bytes were written, of which a call reads.
    pub fn is_filled(&self, at: i64, len: i64) -> Result<(), String> {
        in_frame(at, len)?;
        (at..at + len).try_for_each(|at| self.load(at, 1).map(drop))
    }

    fn values(&mut self) -> impl Iterator<Item = &mut Value> {
        let stored = self.stack.iter_mut().filter_map(|word| match word {
            Word::Whole(value) => Some(value),
            Word::Bytes(_) => None,
        });
        self.registers.iter_mut().chain(stored)
    }

    /// Notes that the bytes before `pointer`, and `more` after it, are in the packet.
    pub fn prove(&mut self, pointer: Pointer, more: i64) {
        let is_too_far = pointer.offset as u64 + pointer.slack > MAX_PACKET_OFFSET;
        if pointer.offset < 0 || is_too_far {
            return;
        }
        for value in self.values() {
            if let Value::Packet(other) = value
                && other.base == pointer.base
            {
                other.range = other.range.max(pointer.offset + more);
            }
        }
    }

    /// Replaces the results of the lookup at `origin`, of which one was compared with 0.
    pub fn resolve(&mut self, origin: usize, is_found: bool) {
        for value in self.values() {
            if let Value::MaybeInMap { map, origin: of } = *value
                && of == origin
            {
                let found = Value::InMap { map, offset: 0, slack: 0 };
                *value = if is_found { found } else { Value::Number(Range::constant(0)) };
            }
        }
    }

    /// Forgets the values that the slot `origin` has made before: in a loop, new ones are not the same.
    pub fn forget(&mut self, origin: usize) {
        for value in self.values() {
            let is_of_it = match *value {
                Value::Packet(pointer) => pointer.base == origin as u64 + 1,
                Value::MaybeInMap { origin: of, .. } => of == origin,
                _ => false,
            };
            if is_of_it {
                *value = Value::Unset;
            }
        }
    }

    /// Returns what holds in both states, in which the slot `place` is reached; `is_wide` gives up what still changes.
    pub fn union(&self, other: &State, place: usize, is_wide: bool) -> State {
        let first = (place as u64 + 1) << 32;
        // A pointer that was made here comes around a loop.
        let is_made_here = |value: &Value| matches!(value, Value::Packet(pointer) if pointer.base >> 32 == first >> 32);
        let is_wide = is_wide || other.registers.iter().any(is_made_here);
        let mut union = Union { bases: Vec::new(), first, is_wide };
        let mut state = self.clone();
        for (value, &theirs) in state.registers.iter_mut().zip(&other.registers) {
            *value = union.value(*value, theirs);
        }
        for (word, &theirs) in state.stack.iter_mut().zip(&other.stack) {
            *word = match (*word, theirs) {
                (Word::Whole(a), Word::Whole(b)) => match union.value(a, b) {
                    Value::Unset => Word::Bytes(0),
                    value => Word::Whole(value),
                },
                (a, b) => Word::Bytes(a.bytes() & b.bytes()),
            };
        }
        state
    }
}

impl Word {
    /// Returns the bytes that can be read as numbers.
    fn bytes(self) -> u8 {
        match self {
            Word::Bytes(bytes) => bytes,
            Word::Whole(Value::Number(_)) => 0xff,
            Word::Whole(_) => 0,
        }
    }
}

/// The unknown number of `size` bytes that a load returns.
pub fn loaded(size: i64) -> Value {
    Value::Number(Range { min: 0, max: u64::MAX >> (64 - 8 * size) })
}

fn in_frame(at: i64, len: i64) -> Result<(), String> {
    match at >= -FRAME && len > 0 && at + len <= 0 {
        true => Ok(()),
        false => Err(format!("{len} bytes at {at} are not in the stack frame")),
    }
}

/// Returns the word and the bytes in it of an access to the stack.
fn place(at: i64, size: i64) -> Result<(usize, u8), String> {
    in_frame(at, size)?;
    if at % size != 0 {
        return Err(format!("the access of {size} bytes to the stack at {at} is not aligned"));
    }
    let from_below = at + FRAME;
    let bytes = ((1_u16 << size) - 1) << (from_below % 8);
    Ok((from_below as usize / 8, bytes as u8))
}

/// The union of two states.
struct Union {
    /// The bases and the difference of offsets of pointers into the packet, and the base of their union, by its place
    /// in this list: pointers that have the same distance in both states have it in the union.
    bases: Vec<(u64, u64, i64)>,
    first: u64,
    is_wide: bool,
}

impl Union {
    fn value(&mut self, a: Value, b: Value) -> Value {
        match (a, b) {
            (a, b) if a == b => a,
            (Value::Number(a), Value::Number(b)) => Value::Number(match self.is_wide && a != a.union(b) {
                true if a.union(b).max <= Range::HALF.max => Range::HALF,
                true => Range::ALL,
                false => a.union(b),
            }),
            (Value::Packet(a), Value::Packet(b)) => self.pointer(a, b),
            (Value::InMap { map, offset, slack }, Value::InMap { map: other, offset: o, slack: s })
                if map == other && !self.is_wide =>
            {
                let first = offset.min(o);
                let end = (offset + slack as i64).max(o + s as i64);
                Value::InMap { map, offset: first, slack: (end - first) as u64 }
            }
            _ => Value::Unset,
        }
    }

    fn pointer(&mut self, a: Pointer, b: Pointer) -> Value {
        if (a.base, a.offset, a.slack) == (b.base, b.offset, b.slack) {
            return Value::Packet(Pointer { range: a.range.min(b.range), ..a });
        }
        if self.is_wide {
            return Value::Unset;
        }
        let key = (a.base, b.base, a.offset - b.offset);
        let index = self.bases.iter().position(|&known| known == key).unwrap_or_else(|| {
            self.bases.push(key);
            self.bases.len() - 1
        });
        // The base moves, so that both offsets become the smaller one.
        let offset = a.offset.min(b.offset);
        let moved = |pointer: Pointer| {
            let by = pointer.offset - offset;
            (pointer.slack + by as u64, pointer.range - by)
        };
        let ((slack, range), (other_slack, other_range)) = (moved(a), moved(b));
        Value::Packet(Pointer {
            base: self.first + index as u64,
            offset,
            slack: slack.max(other_slack),
            range: range.min(other_range),
        })
    }
}
