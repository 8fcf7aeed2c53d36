//! Instruction selection: the instructions that make a register hold a value.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::SCRATCH_WORDS;
use crate::emit::emitter::{CannotEmit, Emitter};
use crate::ir::{Address, Check, Graph, Test, Value, ValueId};
use crate::packet::ancillary;
use crate::packet::ancillary::Extension;

/// The depth to which expressions are examined before their operands are computed.
const EXAMINED_DEPTH: usize = 8;

/// The largest number of unfinished computations.
const MAX_DEPTH: usize = 64;

impl Emitter<'_> {
    /// Makes A hold a value.
    pub(crate) fn need_a(&mut self, value: ValueId) -> Result<(), CannotEmit> {
        let mut spine = Vec::new();
        let mut at = value;
        while !self.fetch_a(at) {
            match self.graph.value(at) {
                Value::Alu(_, left, right) if self.graph.constant(right).is_some() => {
                    spine.push(at);
                    at = left;
                }
                Value::Negate(operand) => {
                    spine.push(at);
                    at = operand;
                }
                _ => {
                    self.compute(at)?;
                    break;
                }
            }
        }
        for &id in spine.iter().rev() {
            self.times_computed[id.index()] += 1;
            self.push(match self.graph.value(id) {
                Value::Alu(op, _, right) => {
                    let k = self.graph.constant(right).unwrap_or_default();
                    Instruction::Alu { op, operand: Operand::Constant(k) }
                }
                _ => Instruction::Negate,
            });
            self.set(Register::A, id);
        }
        self.within_budget()
    }

    /// Makes X hold a value. A keeps its value if it is the same one, or if [`Emitter::is_direct`].
    pub(crate) fn need_x(&mut self, value: ValueId) -> Result<(), CannotEmit> {
        if self.state.x == Some(value) {
            return Ok(());
        }
        if self.state.a == Some(value) {
            self.push(Instruction::TransferAToX);
        } else if let Some(slot) = self.state.slot_of(value) {
            self.push(Instruction::LoadScratch { dst: Register::X, slot: slot as u32 });
        } else if let Some((address, offset)) = mem_shift(self.graph, value) {
            self.push(Instruction::LoadMemShift { offset });
            self.state.checks.insert(Check::InBounds(address, Width::Byte));
        } else {
            match self.graph.value(value) {
                Value::Constant(k) => self.push(Instruction::LoadConstant { dst: Register::X, value: k }),
                Value::WireLen => self.push(Instruction::LoadLength { dst: Register::X }),
                _ => {
                    self.need_a(value)?;
                    self.push(Instruction::TransferAToX);
                }
            }
        }
        self.set(Register::X, value);
        self.within_budget()
    }

    /// Makes the registers hold the values that a test compares. Returns the condition, and whether it is negated.
    pub(crate) fn need_test(&mut self, test: Test) -> Result<(Condition, Operand, bool), CannotEmit> {
        let Test::Compare(condition, left, right) = test else { return Err(CannotEmit) };
        if let Some(k) = self.graph.constant(right) {
            self.need_a(left)?;
            return Ok((condition, Operand::Constant(k), false));
        }
        if !self.need_both(left, right, true)? {
            return Ok((condition, Operand::X, false));
        }
        Ok(match condition {
            Condition::Greater => (Condition::GreaterOrEqual, Operand::X, true),
            Condition::GreaterOrEqual => (Condition::Greater, Operand::X, true),
            _ => (condition, Operand::X, false),
        })
    }

    /// Loads a number; no register is known to hold it.
    pub(crate) fn load(&mut self, address: Address, width: Width) -> Result<(), CannotEmit> {
        match (absolute(self.graph, address), address.base) {
            (Some(offset), _) => self.push(Instruction::LoadAbsolute { offset, width }),
            (None, None) => return Err(CannotEmit),
            (None, Some(base)) => {
                let (base, offset) = self.indirect(base, address.offset)?;
                self.need_x(base)?;
                self.push(Instruction::LoadIndirect { offset, width });
            }
        }
        self.state.a = None;
        self.state.checks.insert(Check::InBounds(address, width));
        Ok(())
    }

    /// Returns the value that X must hold for `[x + k]`, and k. In the kernel the sum has 32 bits, like that of `add`.
    fn indirect(&self, base: ValueId, offset: u32) -> Result<(ValueId, u32), CannotEmit> {
        let base = match self.graph.value(base) {
            // The kernel resolves the offset itself.
            Value::ResolvedOffset(sum) if offset == 0 => sum,
            Value::ResolvedOffset(_) => return Err(CannotEmit),
            _ => base,
        };
        if !self.is_kernel || self.state.x == Some(base) && offset == 0 {
            return Ok((base, offset));
        }
        if self.graph.values.known(base).max.checked_add(offset).is_none() {
            return Err(CannotEmit);
        }
        Ok(match self.graph.value(base) {
            Value::Alu(AluOp::Add, inner, k) if self.graph.constant(k).is_some() => {
                (inner, self.graph.constant(k).unwrap_or_default().wrapping_add(offset))
            }
            _ => (base, offset),
        })
    }

    /// Makes A hold a value, if at most one instruction without operands in registers does. Returns whether it did.
    fn fetch_a(&mut self, value: ValueId) -> bool {
        if self.state.a == Some(value) {
            return true;
        }
        let instruction = if self.state.x == Some(value) {
            Instruction::TransferXToA
        } else if let Some(slot) = self.state.slot_of(value) {
            Instruction::LoadScratch { dst: Register::A, slot: slot as u32 }
        } else {
            match self.graph.value(value) {
                Value::Constant(k) => Instruction::LoadConstant { dst: Register::A, value: k },
                Value::WireLen => Instruction::LoadLength { dst: Register::A },
                _ => return false,
            }
        };
        self.push(instruction);
        self.set(Register::A, value);
        true
    }

    fn compute(&mut self, id: ValueId) -> Result<(), CannotEmit> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(CannotEmit);
        }
        match self.graph.value(id) {
            Value::Load(address, width, _) => self.load(address, width)?,
            Value::Ancillary(extension) => {
                if extension.may_be_absent() && !self.state.checks.is_present(extension) {
                    return Err(CannotEmit);
                }
                self.push(Instruction::LoadExtension(extension));
            }
            Value::FindAttribute(extension, start, wanted) => {
                self.need_both(start, wanted, false)?;
                self.push(Instruction::LoadExtension(extension));
            }
            Value::Random(count) => self.random(count)?,
            Value::Alu(op, left, right) => self.alu(op, left, right)?,
            // The others are not computed, or not in A from two operands.
            _ => return Err(CannotEmit),
        }
        self.depth -= 1;
        self.times_computed[id.index()] += 1;
        self.set(Register::A, id);
        self.within_budget()
    }

    fn alu(&mut self, op: AluOp, left: ValueId, right: ValueId) -> Result<(), CannotEmit> {
        let can_swap = matches!(op, AluOp::Add | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor);
        let count = if op.is_shift() && self.is_kernel { self.unmasked(right) } else { right };
        self.need_both(left, count, can_swap)?;
        self.push(Instruction::Alu { op, operand: Operand::X });
        if op.is_division() {
            self.state.checks.insert(Check::NonZero(right));
        }
        Ok(())
    }

    /// Returns the count of a shift without its mask: the kernel uses only the low five bits.
    fn unmasked(&self, count: ValueId) -> ValueId {
        match self.graph.value(count) {
            Value::Alu(AluOp::And, inner, mask) if self.graph.constant(mask) == Some(31) => inner,
            _ => count,
        }
    }

    /// Loads the random number with this index. Those before it are loaded as well, if that was not needed before.
    fn random(&mut self, count: ValueId) -> Result<(), CannotEmit> {
        let (Some(count), Some(loads)) = (self.graph.constant(count), self.state.random_loads) else {
            return Err(CannotEmit);
        };
        if loads > count {
            return Err(CannotEmit);
        }
        for _ in loads..=count {
            self.push(Instruction::LoadExtension(Extension::Random));
            self.within_budget()?;
        }
        self.state.random_loads = Some(count + 1);
        Ok(())
    }

    /// Makes A hold `left` and X `right`, or the other way round if `can_swap`. Returns whether they are swapped.
    fn need_both(&mut self, left: ValueId, right: ValueId, can_swap: bool) -> Result<bool, CannotEmit> {
        let (a, x) = (self.state.a, self.state.x);
        let orders = [Some((left, right, false)), can_swap.then_some((right, left, true))];
        let orders = || orders.into_iter().flatten();
        // X holds its value already.
        for (in_a, in_x, is_swapped) in orders() {
            if x == Some(in_x) && !self.takes_x(in_a, [a, x], EXAMINED_DEPTH) {
                self.need_a(in_a)?;
                return self.verify_both(in_a, in_x, is_swapped);
            }
        }
        // A comes first, preferably if it holds its value already.
        for (in_a, in_x, is_swapped) in orders().filter(|order| a == Some(order.0)).chain(orders()) {
            if in_a == in_x || self.is_direct(in_x) && (a != Some(in_x)) {
                let slot = self.state.slot_of(in_x).map_or(0, |slot| 1 << slot) & !self.busy;
                self.busy |= slot;
                self.need_a(in_a)?;
                self.busy &= !slot;
                self.need_x(in_x)?;
                return self.verify_both(in_a, in_x, is_swapped);
            }
        }
        // X comes first, preferably if A holds its value already.
        for (in_a, in_x, is_swapped) in orders().filter(|order| a == Some(order.1)).chain(orders()) {
            if !self.takes_x(in_a, [Some(in_x); 2], EXAMINED_DEPTH) {
                self.need_x(in_x)?;
                self.need_a(in_a)?;
                return self.verify_both(in_a, in_x, is_swapped);
            }
        }
        self.need_both_through_scratch(left, right)?;
        Ok(false)
    }

    /// Falls back to scratch words if the second computation has overwritten the result of the first.
    fn verify_both(&mut self, in_a: ValueId, in_x: ValueId, is_swapped: bool) -> Result<bool, CannotEmit> {
        if self.state.a != Some(in_a) || self.state.x != Some(in_x) {
            self.need_both_through_scratch(in_a, in_x)?;
        }
        Ok(is_swapped)
    }

    fn need_both_through_scratch(&mut self, left: ValueId, right: ValueId) -> Result<(), CannotEmit> {
        self.need_a(right)?;
        let slot = match self.state.slot_of(right) {
            Some(slot) => slot,
            None => {
                let slot = self.free_slot()?;
                self.store(Register::A, right, slot);
                slot
            }
        };
        let bit = 1 << slot & !self.busy;
        self.busy |= bit;
        self.need_a(left)?;
        self.busy &= !bit;
        self.need_x(right)?;
        if self.state.a == Some(left) { Ok(()) } else { Err(CannotEmit) }
    }

    /// Returns a scratch word that is not allocated.
    fn free_slot(&self) -> Result<usize, CannotEmit> {
        let is_free = |&slot: &usize| (self.slots.reserved | self.busy) & 1 << slot == 0;
        let mut free = (0..SCRATCH_WORDS).rev().filter(is_free);
        free.clone().find(|&slot| self.state.scratch[slot].is_none()).or_else(|| free.next()).ok_or(CannotEmit)
    }

    /// Returns whether X can be set to a value while A keeps its own, whatever the registers hold.
    pub(crate) fn is_direct(&self, value: ValueId) -> bool {
        self.state.slot_of(value).is_some()
            || mem_shift(self.graph, value).is_some()
            || matches!(self.graph.value(value), Value::Constant(_) | Value::WireLen)
    }

    /// Returns whether X may be overwritten while A is set to a value, if A and X hold `a` and `x` before.
    fn takes_x(&self, value: ValueId, [a, x]: [Option<ValueId>; 2], depth: usize) -> bool {
        if [a, x].contains(&Some(value)) || self.state.slot_of(value).is_some() {
            return false;
        }
        if depth == 0 {
            return true;
        }
        match self.graph.value(value) {
            Value::Constant(_) | Value::Open(_) | Value::Parameter(_) => false,
            Value::WireLen | Value::Ancillary(_) | Value::Random(_) => false,
            Value::Load(address, ..) if absolute(self.graph, address).is_some() => false,
            Value::Load(Address { base: None, .. }, ..) => false,
            Value::Load(Address { base: Some(base), offset }, ..) => {
                x != Some(base) && self.indirect(base, offset).is_ok_and(|(base, _)| x != Some(base))
            }
            Value::Negate(operand) => self.takes_x(operand, [a, x], depth - 1),
            Value::Alu(_, left, right) if self.graph.constant(right).is_some() => self.takes_x(left, [a, x], depth - 1),
            Value::Alu(..) | Value::FindAttribute(..) | Value::ResolvedOffset(_) | Value::Select(..) => true,
        }
    }
}

/// Returns the k of `[k]` that names an address, relative to a header or not.
fn fixed(graph: &Graph, address: Address) -> Option<u32> {
    match address.base.map(|base| graph.value(base)) {
        None => Some(address.offset),
        Some(Value::ResolvedOffset(offset)) if address.offset == 0 => graph.constant(offset),
        Some(_) => None,
    }
}

/// Returns the k of an absolute load from an address. From [`ancillary::BASE`] on, k means an ancillary load.
fn absolute(graph: &Graph, address: Address) -> Option<u32> {
    fixed(graph, address).filter(|&offset| offset < ancillary::BASE)
}

/// Returns the address and k, if a value is that of `4*([k]&0xf)`.
pub(crate) fn mem_shift(graph: &Graph, value: ValueId) -> Option<(Address, u32)> {
    let operand = |id, op, k| match graph.value(id) {
        Value::Alu(other, operand, constant) if other == op && graph.constant(constant) == Some(k) => Some(operand),
        _ => None,
    };
    let byte = operand(operand(value, AluOp::Lsh, 2)?, AluOp::And, 0xf)?;
    match graph.value(byte) {
        Value::Load(address, Width::Byte, _) => Some((address, fixed(graph, address)?)),
        _ => None,
    }
}
