//! What the checker knows of a register or a place of the stack: ranges of numbers, and pointers.

/// The largest distance from a pointer to a packet that a bounds check proves anything about (`MAX_PACKET_OFF`).
pub const MAX_PACKET_OFFSET: u64 = 0xffff;

/// The limit on numbers that are added to pointers (`BPF_MAX_VAR_OFF`).
const MAX_VARIABLE_OFFSET: u64 = 1 << 29;

/// A number, or the object that a pointer points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Never written, overwritten by a call, or of different kinds on different paths.
    Unset,
    Number(Range),
    Context,
    Packet(Pointer),
    PacketEnd,
    /// The distance from the end of the frame, which is not positive.
    Stack(i64),
    Map(usize),
    /// An address in the value of a map, `offset` to `offset + slack` bytes from its start.
    InMap {
        map: usize,
        offset: i64,
        slack: u64,
    },
    /// The result of a lookup in the slot `origin`, which may be 0.
    MaybeInMap {
        map: usize,
        origin: usize,
    },
}

/// An address in the packet: an unknown distance of at most `slack` from the start, and `offset` bytes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Pointers with the same base have the same unknown distance.
    pub base: u64,
    pub offset: i64,
    pub slack: u64,
    /// The number of bytes from the base that a check has proved to be there.
    pub range: i64,
}

/// The numbers from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub min: u64,
    pub max: u64,
}

impl Range {
    pub const ALL: Range = Range { min: 0, max: u64::MAX };
    pub const HALF: Range = Range { min: 0, max: u32::MAX as u64 };

    pub fn constant(value: u64) -> Range {
        Range { min: value, max: value }
    }

    pub fn value(self) -> Option<u64> {
        (self.min == self.max).then_some(self.min)
    }

    /// Returns the range of the lower 32 bits.
    pub fn half(self) -> Range {
        match self.value() {
            Some(value) => Range::constant(value & Range::HALF.max),
            None if self.max <= Range::HALF.max => self,
            None => Range::HALF,
        }
    }

    pub fn union(self, other: Range) -> Range {
        Range { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    fn intersection(self, other: Range) -> Option<Range> {
        let both = Range { min: self.min.max(other.min), max: self.max.min(other.max) };
        (both.min <= both.max).then_some(both)
    }
}

/// Arithmetic by the upper four bits of an opcode: what the verifier of every kernel derives, and no more.
pub fn arithmetic(code: u8, a: Range, b: Range, is_full: bool) -> Range {
    let (all, bits) = if is_full { (Range::ALL, 64) } else { (Range::HALF, 32) };
    let (a, b) = if is_full { (a, b) } else { (a.half(), b.half()) };
    let range = |min: Option<u64>, max: Option<u64>| match (min, max) {
        (Some(min), Some(max)) if max <= all.max => Range { min, max },
        _ => all,
    };
    let ones = |n: u64| n.checked_ilog2().map_or(0, |top| u64::MAX >> (63 - top));
    if let (0x00 | 0x10, Some(a), Some(b)) = (code, a.value(), b.value()) {
        let exact = if code == 0 { a.wrapping_add(b) } else { a.wrapping_sub(b) };
        return Range::constant(exact & all.max);
    }
    match code {
        0x00 => range(a.min.checked_add(b.min), a.max.checked_add(b.max)),
        0x10 => range(a.min.checked_sub(b.max), a.max.checked_sub(b.min)),
        0x20 => range(a.min.checked_mul(b.min), a.max.checked_mul(b.max)),
        0x40 => Range { min: a.min.max(b.min), max: ones(a.max | b.max) },
        0x50 => match (a.value(), b.value()) {
            (Some(a), Some(b)) => Range::constant(a & b),
            _ => Range { min: 0, max: a.max.min(b.max) },
        },
        0x60 | 0x70 => match b.value() {
            Some(count) if count >= bits => all,
            Some(count) if code == 0x70 => Range { min: a.min >> count, max: a.max >> count },
            Some(count) if a.max.leading_zeros() as u64 >= count => range(Some(a.min << count), Some(a.max << count)),
            None if code == 0x70 => Range { min: 0, max: a.max },
            _ => all,
        },
        0xa0 => Range { min: 0, max: ones(a.max | b.max) },
        _ => all,
    }
}

/// Returns the pointer after a number was added to it at the slot `place`, or the reason why the kernel refuses it.
pub fn advance(pointer: Value, by: Range, place: usize) -> Result<Value, String> {
    // Constants are signed.
    let constant = by.value().map(|value| value as i64);
    if constant.is_some_and(|by| by.unsigned_abs() >= MAX_VARIABLE_OFFSET)
        || constant.is_none() && by.max >= MAX_VARIABLE_OFFSET
    {
        return Err(format!("a number of {:#x} to {:#x} is added to a pointer", by.min, by.max));
    }
    Ok(match (pointer, constant) {
        (Value::Packet(pointer), Some(by)) => Value::Packet(Pointer { offset: pointer.offset + by, ..pointer }),
        (Value::Packet(pointer), None) => {
            Value::Packet(Pointer { base: place as u64 + 1, slack: pointer.slack + by.max, range: 0, ..pointer })
        }
        (Value::InMap { map, offset, slack }, Some(by)) => Value::InMap { map, offset: offset + by, slack },
        (Value::InMap { map, offset, slack }, None) => {
            Value::InMap { map, offset: offset + by.min as i64, slack: slack + (by.max - by.min) }
        }
        (Value::Stack(offset), Some(by)) => Value::Stack(offset + by),
        (pointer, _) => return Err(format!("a number is added to {pointer:?}")),
    })
}

/// The condition on an edge of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// One of `a & b`, about which nothing is derived.
    Bits,
}

impl Relation {
    /// Returns the relation on an edge, by the upper four bits of the opcode.
    pub fn of(code: u8, is_taken: bool) -> Option<Relation> {
        use Relation::{Bits, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        Some(match (code, is_taken) {
            (0x10, true) | (0x50, false) => Equal,
            (0x50, true) | (0x10, false) => NotEqual,
            (0x20, true) | (0xb0, false) => Greater,
            (0x30, true) | (0xa0, false) => GreaterOrEqual,
            (0xa0, true) | (0x30, false) => Less,
            (0xb0, true) | (0x20, false) => LessOrEqual,
            (0x40, _) => Bits,
            _ => return None,
        })
    }

    /// Returns the relation with exchanged operands.
    pub fn exchanged(self) -> Relation {
        match self {
            Relation::Greater => Relation::Less,
            Relation::GreaterOrEqual => Relation::LessOrEqual,
            Relation::Less => Relation::Greater,
            Relation::LessOrEqual => Relation::GreaterOrEqual,
            other => other,
        }
    }

    /// Returns both ranges as far as the relation can hold; `None` if it cannot.
    pub fn refine(self, a: Range, b: Range) -> Option<(Range, Range)> {
        match self {
            Relation::Equal => a.intersection(b).map(|both| (both, both)),
            Relation::NotEqual if a == b && a.value().is_some() => None,
            Relation::NotEqual | Relation::Bits => Some((a, b)),
            Relation::Less => Some((
                a.intersection(Range { min: 0, max: b.max.checked_sub(1)? })?,
                b.intersection(Range { min: a.min.checked_add(1)?, max: u64::MAX })?,
            )),
            Relation::LessOrEqual => Some((
                a.intersection(Range { min: 0, max: b.max })?,
                b.intersection(Range { min: a.min, max: u64::MAX })?,
            )),
            Relation::Greater | Relation::GreaterOrEqual => self.exchanged().refine(b, a).map(|(b, a)| (a, b)),
        }
    }
}
