//! Construction of a packet in a region: bits of the packet are chosen so that each value lies in its set.
//!
//! Bits that a value was computed from stay as they are from then on. Values are set in the order in which they depend
//! on one another, and an attempt ends at the first value that cannot be set any more; several attempts choose
//! different numbers. What was built is a guess until the rules have run on it.

use crate::bpf::isa::{AluOp, Width};
use crate::classifier::packet_fields::{evaluate, offset_of};
use crate::filter_set::analysis::area::Constraints;
use crate::filter_set::analysis::bit_origins::KnownBits;
use crate::filter_set::analysis::number_set::NumberSet;
use crate::ir::{Address, ByteOrder, Value, ValueId, Values};
use crate::packet::{Packet, random};

/// The longest packet.
const MAX_LEN: u64 = 1 << 16;

/// The usual least length of a frame, which lengths on the wire have if they can.
const USUAL_LEN: usize = 60;

/// The depth of expressions that are inverted.
const DEEPEST: usize = 24;

/// The offset of a header behind one of variable length, if it may be chosen: that of an IPv4 header without options.
const USUAL_BASES: [u32; 2] = [20, 60];

/// A way to choose numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Least,
    Greatest,
    /// Any, given a seed.
    Random(u64),
}

/// A packet under construction.
pub(super) struct PacketBuilder<'v> {
    values: &'v Values,
    choice: Choice,
    bytes: Vec<u8>,
    /// The bits that are fixed.
    fixed: Vec<u8>,
    wire_len: Option<u32>,
    drawn: u32,
}

/// A packet that was built.
pub(super) struct Built {
    pub(super) bytes: Vec<u8>,
    pub(super) wire_len: Option<u32>,
}

impl<'v> PacketBuilder<'v> {
    pub(super) fn new(values: &'v Values, choice: Choice) -> PacketBuilder<'v> {
        PacketBuilder { values, choice, bytes: Vec::new(), fixed: Vec::new(), wire_len: None, drawn: 0 }
    }

    /// Fixes bits of the packet; those at computed offsets are left open.
    pub(super) fn with_bits(mut self, bits: &KnownBits) -> PacketBuilder<'v> {
        for (&(base, bit), &is_set) in bits {
            let place = (bit / 8) as usize;
            if base.is_some() || place as u64 >= MAX_LEN {
                continue;
            }
            let len = self.bytes.len().max(place + 1);
            self.bytes.resize(len, 0);
            self.fixed.resize(len, 0);
            self.bytes[place] |= u8::from(is_set) << (bit % 8);
            self.fixed[place] |= 1 << (bit % 8);
        }
        self
    }

    /// Returns a packet in a region; `None` if this attempt finds none. Lengths on the wire are chosen last.
    pub(super) fn build(mut self, region: &Constraints) -> Option<Built> {
        let values = self.values;
        let is_len = |value: ValueId| matches!(values.value(value), Value::WireLen);
        // Operands have smaller numbers than the values that use them.
        for (value, set) in region.iter().filter(|(value, _)| !is_len(*value)) {
            self.put(*value, set)?;
        }
        if let Some((_, set)) = region.iter().find(|(value, _)| is_len(*value)) {
            match self.wire_len {
                Some(len) => set.contains(len).then_some(())?,
                None => {
                    let captured = self.bytes.len().max(USUAL_LEN) as u32;
                    self.wire_len = set.least_from(captured, 0, 0).or_else(|| set.greatest(0, 0));
                }
            }
        }
        Some(Built { bytes: self.bytes, wire_len: self.wire_len })
    }

    /// Chooses a number of a set for a value.
    fn put(&mut self, value: ValueId, set: &NumberSet) -> Option<()> {
        self.settle_bases(value, DEEPEST)?;
        let (mask, bits) = self.known(value, DEEPEST);
        let least = set.least_from(0, mask, bits);
        let number = match self.choice {
            Choice::Least => least,
            Choice::Greatest => set.greatest(mask, bits),
            Choice::Random(seed) => {
                let range = set[self.draw(seed) as usize % set.len().max(1)];
                let span = u64::from(range.1 - range.0) + 1;
                let from = range.0 + (u64::from(self.draw(seed)) % span) as u32;
                set.least_from(from, mask, bits).or(least)
            }
        };
        self.set_bits(value, u32::MAX, number?, DEEPEST)
    }

    fn draw(&mut self, seed: u64) -> u32 {
        self.drawn += 1;
        random::number(seed, self.drawn)
    }

    /// Fixes the bases of the loads of a value.
    fn settle_bases(&mut self, value: ValueId, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let values = self.values;
        if let Value::Load(Address { base: Some(base), .. }, ..) = values.value(value) {
            self.settle_bases(base, depth)?;
            let (mask, bits) = self.known(base, depth);
            if mask != u32::MAX {
                let [first, second] = USUAL_BASES;
                let usual = if self.choice == Choice::Greatest { [second, first] } else { [first, second] };
                let fits = |number: &u32| number & mask == bits;
                let is_set = usual.iter().filter(|number| fits(number)).any(|&number| {
                    let before = (self.bytes.clone(), self.fixed.clone());
                    let is_set = self.set_bits(base, u32::MAX, number, depth).is_some();
                    if !is_set {
                        (self.bytes, self.fixed) = before;
                    }
                    is_set
                });
                if !is_set {
                    self.settle(base)?;
                }
            }
            return Some(());
        }
        values.operands(value).try_for_each(|operand| self.settle_bases(operand, depth))
    }

    /// Returns the number of a value whose bits stay as they are from now on.
    fn settle(&mut self, value: ValueId) -> Option<u32> {
        self.fix(value, DEEPEST)?;
        self.number(value)
    }

    fn number(&self, value: ValueId) -> Option<u32> {
        let packet = Packet::new(&self.bytes).with_wire_len(self.wire_len.unwrap_or_default());
        evaluate(self.values, value, &packet)
    }

    /// Fixes all bits that a value depends on.
    fn fix(&mut self, value: ValueId, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let values = self.values;
        values.operands(value).try_for_each(|operand| self.fix(operand, depth))?;
        match values.value(value) {
            Value::Load(address, width, _) => {
                let place = self.place(address, width)?;
                self.fixed[place..place + width.bytes() as usize].fill(u8::MAX);
            }
            Value::WireLen => _ = self.wire_len.get_or_insert(MAX_LEN as u32),
            _ => {}
        }
        Some(())
    }

    /// Returns the place of a load, whose base is fixed; the packet becomes long enough for it.
    fn place(&mut self, address: Address, width: Width) -> Option<usize> {
        let base = address.base.map_or(Some(0), |base| self.number(base))?;
        let end = u64::from(base) + address.end(width);
        let end = Some(end).filter(|&end| end <= MAX_LEN)? as usize;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
            self.fixed.resize(end, 0);
        }
        Some(end - width.bytes() as usize)
    }

    /// Returns the mask of the bits of a value that are fixed, and these bits.
    fn known(&mut self, value: ValueId, depth: usize) -> (u32, u32) {
        let Some(depth) = depth.checked_sub(1) else { return (0, 0) };
        let values = self.values;
        match values.value(value) {
            Value::Constant(k) => (u32::MAX, k),
            Value::WireLen => self.wire_len.map_or((0, 0), |len| (u32::MAX, len)),
            Value::Load(address, width, order) => {
                let Some(place) = self.place(address, width) else { return (0, 0) };
                let places = place..place + width.bytes() as usize;
                let (fixed, bytes) = (&self.fixed[places.clone()], &self.bytes[places]);
                let word = |bytes: &[u8]| bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
                let [mask, bits] = [word(fixed), word(fixed) & word(bytes)].map(|word| in_order(word, width, order));
                (mask | !(u32::MAX >> (32 - 8 * width.bytes())), bits)
            }
            Value::Alu(op, left, right) => {
                let (left, right) = (self.known(left, depth), self.known(right, depth));
                known_of(op, left, right)
            }
            Value::Negate(inner) => match self.known(inner, depth) {
                (u32::MAX, number) => (u32::MAX, number.wrapping_neg()),
                _ => (0, 0),
            },
            _ => (0, 0),
        }
    }

    /// Sets the bits of a value under a mask.
    fn set_bits(&mut self, value: ValueId, mask: u32, bits: u32, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let (values, bits) = (self.values, bits & mask);
        let require = |holds: bool| holds.then_some(());
        match values.value(value) {
            Value::Constant(k) => require(k & mask == bits),
            Value::WireLen => {
                let len = *self.wire_len.get_or_insert(bits);
                require(len & mask == bits)
            }
            Value::Load(address, width, order) => {
                require(bits & !(u32::MAX >> (32 - 8 * width.bytes())) == 0)?;
                self.settle_bases(value, depth)?;
                let place = self.place(address, width)?;
                self.set_bytes(place, width, in_order(mask, width, order), in_order(bits, width, order))
            }
            Value::Negate(inner) => {
                require(mask == u32::MAX)?;
                self.set_bits(inner, mask, bits.wrapping_neg(), depth)
            }
            Value::Alu(op, left, right) => {
                // The operand with the larger number depends on more; the other one is fixed.
                let k = self.values.as_constant(right).or_else(|| self.settle(right))?;
                let is_whole = mask == u32::MAX;
                match op {
                    AluOp::And => {
                        require(bits & !k == 0)?;
                        self.set_bits(left, mask & k, bits, depth)
                    }
                    AluOp::Or => {
                        require(k & mask & !bits == 0)?;
                        self.set_bits(left, mask & !k, bits, depth)
                    }
                    AluOp::Xor => self.set_bits(left, mask, bits ^ k, depth),
                    AluOp::Lsh if k < 32 => {
                        require(bits & !(u32::MAX << k) == 0)?;
                        self.set_bits(left, mask >> k, bits >> k, depth)
                    }
                    AluOp::Rsh if k < 32 => {
                        require(bits & !(u32::MAX >> k) == 0)?;
                        self.set_bits(left, mask << k, bits << k, depth)
                    }
                    AluOp::Add if is_whole => self.set_bits(left, mask, bits.wrapping_sub(k), depth),
                    AluOp::Sub if is_whole => self.set_bits(left, mask, bits.wrapping_add(k), depth),
                    AluOp::Mul if is_whole && k > 0 && bits % k == 0 => self.set_bits(left, mask, bits / k, depth),
                    AluOp::Div if is_whole => self.set_bits(left, mask, bits.checked_mul(k)?, depth),
                    AluOp::Mod if is_whole && bits < k => self.set_bits(left, mask, bits, depth),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Sets bits of the packet, given as a number in network order; `None` if fixed bits are different.
    fn set_bytes(&mut self, place: usize, width: Width, mask: u32, bits: u32) -> Option<()> {
        let (mut mask, mut bits) = (mask, bits);
        for place in (place..place + width.bytes() as usize).rev() {
            let (byte_mask, byte_bits) = (mask as u8, bits as u8);
            let byte = &mut self.bytes[place];
            if (*byte ^ byte_bits) & byte_mask & self.fixed[place] != 0 {
                return None;
            }
            *byte = *byte & !byte_mask | byte_bits & byte_mask;
            self.fixed[place] |= byte_mask;
            (mask, bits) = (mask >> 8, bits >> 8);
        }
        Some(())
    }
}

impl Built {
    /// Makes the packet long enough for some loads; `false` if that is too long.
    pub(super) fn extend(&mut self, values: &Values, min_len: u64, checks: &[(Address, Width)]) -> bool {
        let mut len = min_len;
        self.resize(len.min(MAX_LEN));
        for &(address, width) in checks {
            loop {
                let packet = Packet::new(&self.bytes);
                if offset_of(values, address, width, &packet).is_some() {
                    break;
                }
                // A base may need bytes that the packet lacks.
                let base = address.base.map_or(Some(0), |base| evaluate(values, base, &packet));
                let end = base.map_or(self.bytes.len() as u64 + 64, |base| u64::from(base) + address.end(width));
                len = len.max(end);
                if len > MAX_LEN {
                    return false;
                }
                self.resize(len);
            }
        }
        len <= MAX_LEN
    }

    fn resize(&mut self, len: u64) {
        let len = (len as usize).max(self.bytes.len());
        self.bytes.resize(len, 0);
    }
}

/// Returns the number of a load in network order, given that in another order, or the other way round.
fn in_order(number: u32, width: Width, order: ByteOrder) -> u32 {
    if order == ByteOrder::Native { width.reorder(number) } else { number }
}

/// Returns what is known of the result of arithmetic, as masks of known bits and these bits.
fn known_of(op: AluOp, (left_mask, left): (u32, u32), (right_mask, right): (u32, u32)) -> (u32, u32) {
    if (left_mask, right_mask) == (u32::MAX, u32::MAX) {
        return op.eval(left, right).map_or((0, 0), |number| (u32::MAX, number));
    }
    match op {
        AluOp::And => {
            let zeros = left_mask & !left | right_mask & !right;
            (left_mask & right_mask | zeros, left & right)
        }
        AluOp::Or => (left_mask & right_mask | left | right, left | right),
        AluOp::Xor => (left_mask & right_mask, (left ^ right) & left_mask & right_mask),
        AluOp::Lsh if right_mask == u32::MAX && right < 32 => {
            (left_mask << right | !(u32::MAX << right), left << right)
        }
        AluOp::Rsh if right_mask == u32::MAX && right < 32 => {
            (left_mask >> right | !(u32::MAX >> right), left >> right)
        }
        _ => (0, 0),
    }
}
