//! How the machine comes to hold a value.

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::SCRATCH_WORDS;
use crate::emit::machine_state::Machine;
use crate::emit::writer::{Unfit, Writer};
use crate::ir::{Address, Check, Graph, Test, Value, ValueId};
use crate::packet::ancillary;

/// How deep expressions are looked into before it is decided how to compute them.
const DEPTH: usize = 8;

/// How many computations may be open at a time.
const DEEPEST: usize = 64;

type Done = Result<(), Unfit>;

impl Writer<'_> {
    /// Makes A hold a value.
    pub(crate) fn need_a(&mut self, value: ValueId) -> Done {
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
            self.computed[id.index()] += 1;
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

    /// Makes X hold a value; A is lost, unless [`Writer::is_direct`], or X needs what A holds.
    pub(crate) fn need_x(&mut self, value: ValueId) -> Done {
        if self.machine.x == Some(value) {
            return Ok(());
        }
        if self.machine.a == Some(value) {
            self.push(Instruction::TransferAToX);
        } else if let Some(slot) = self.machine.slot(value) {
            self.push(Instruction::LoadScratch { dst: Register::X, slot: slot as u32 });
        } else if let Some((address, offset)) = mem_shift(self.graph, value) {
            self.push(Instruction::LoadMemShift { offset });
            self.machine.learn(Check::InBounds(address, Width::Byte));
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

    /// Makes the registers hold what a test compares; the condition, and whether it holds if the test does not.
    pub(crate) fn need_test(&mut self, test: Test) -> Result<(Condition, Operand, bool), Unfit> {
        let Test::Compare(condition, left, right) = test else { return Err(Unfit) };
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

    /// A load that is made for its check.
    pub(crate) fn load(&mut self, address: Address, width: Width) -> Done {
        match (absolute(self.graph, address), address.base) {
            (Some(offset), _) => self.push(Instruction::LoadAbsolute { offset, width }),
            (None, None) => return Err(Unfit),
            (None, Some(base)) => {
                let (base, offset) = self.indirect(base, address.offset)?;
                self.need_x(base)?;
                self.push(Instruction::LoadIndirect { offset, width });
            }
        }
        self.machine.a = None;
        self.machine.learn(Check::InBounds(address, width));
        Ok(())
    }

    /// What X must hold for `[x + k]`, and k. The kernel adds 32-bit numbers, as `add` does.
    fn indirect(&self, base: ValueId, offset: u32) -> Result<(ValueId, u32), Unfit> {
        let base = match self.graph.value(base) {
            // The kernel finds the place itself.
            Value::Position(sum) if offset == 0 => sum,
            Value::Position(_) => return Err(Unfit),
            _ => base,
        };
        if !self.is_kernel || self.machine.x == Some(base) && offset == 0 {
            return Ok((base, offset));
        }
        if self.graph.values.known(base).max.checked_add(offset).is_none() {
            return Err(Unfit);
        }
        Ok(match self.graph.value(base) {
            Value::Alu(AluOp::Add, inner, k) if self.graph.constant(k).is_some() => {
                (inner, self.graph.constant(k).unwrap_or_default().wrapping_add(offset))
            }
            _ => (base, offset),
        })
    }

    /// Makes A hold a value that is there already, or takes one instruction and nothing else.
    fn fetch_a(&mut self, value: ValueId) -> bool {
        if self.machine.a == Some(value) {
            return true;
        }
        let instruction = if self.machine.x == Some(value) {
            Instruction::TransferXToA
        } else if let Some(slot) = self.machine.slot(value) {
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

    fn compute(&mut self, id: ValueId) -> Done {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Unfit);
        }
        match self.graph.value(id) {
            Value::Load(address, width, _) => self.load(address, width)?,
            Value::Ancillary(extension) => {
                if extension.may_be_absent() && !self.machine.is_present(extension) {
                    return Err(Unfit);
                }
                self.push(Instruction::LoadExtension(extension));
            }
            Value::Find(extension, start, wanted) => {
                self.need_both(start, wanted, false)?;
                self.push(Instruction::LoadExtension(extension));
            }
            Value::Random(count) => self.random(count)?,
            Value::Alu(op, left, right) => self.alu(op, left, right)?,
            Value::Constant(_) | Value::WireLen | Value::Negate(_) | Value::Parameter(_) => return Err(Unfit),
            Value::Position(_) | Value::Select(..) => return Err(Unfit),
        }
        self.depth -= 1;
        self.computed[id.index()] += 1;
        self.set(Register::A, id);
        self.within_budget()
    }

    fn alu(&mut self, op: AluOp, left: ValueId, right: ValueId) -> Done {
        let can_swap = matches!(op, AluOp::Add | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor);
        let count = if op.is_shift() && self.is_kernel { self.unmasked(right) } else { right };
        self.need_both(left, count, can_swap)?;
        self.push(Instruction::Alu { op, operand: Operand::X });
        if op.is_division() {
            self.machine.learn(Check::NonZero(right));
        }
        Ok(())
    }

    /// The kernel's machines take the low five bits of a count themselves.
    fn unmasked(&self, count: ValueId) -> ValueId {
        match self.graph.value(count) {
            Value::Alu(AluOp::And, inner, mask) if self.graph.constant(mask) == Some(31) => inner,
            _ => count,
        }
    }

    /// The next random number must be the one that is asked for; those before it may not have been needed.
    fn random(&mut self, count: ValueId) -> Done {
        let (Some(count), Some(loads)) = (self.graph.constant(count), self.machine.random_loads) else {
            return Err(Unfit);
        };
        if loads > count {
            return Err(Unfit);
        }
        for _ in loads..=count {
            self.push(Instruction::LoadExtension(crate::packet::ancillary::Extension::Random));
            self.within_budget()?;
        }
        self.machine.random_loads = Some(count + 1);
        Ok(())
    }

    /// Makes A hold `left` and X `right`, or the other way round; whether it is the other way round.
    fn need_both(&mut self, left: ValueId, right: ValueId, can_swap: bool) -> Result<bool, Unfit> {
        let Machine { a, x, .. } = self.machine;
        let orders = [Some((left, right, false)), can_swap.then_some((right, left, true))];
        let orders = || orders.into_iter().flatten();
        // X is there.
        for (in_a, in_x, is_swapped) in orders() {
            if x == Some(in_x) && !self.takes_x(in_a, [a, x], DEPTH) {
                self.need_a(in_a)?;
                return self.settled(in_a, in_x, is_swapped);
            }
        }
        // A is there, or can come first.
        for (in_a, in_x, is_swapped) in orders().filter(|order| a == Some(order.0)).chain(orders()) {
            if in_a == in_x || self.is_direct(in_x) && (a != Some(in_x)) {
                let slot = self.machine.slot(in_x).map_or(0, |slot| 1 << slot) & !self.busy;
                self.busy |= slot;
                self.need_a(in_a)?;
                self.busy &= !slot;
                self.need_x(in_x)?;
                return self.settled(in_a, in_x, is_swapped);
            }
        }
        // X comes first.
        for (in_a, in_x, is_swapped) in orders().filter(|order| a == Some(order.1)).chain(orders()) {
            if !self.takes_x(in_a, [Some(in_x); 2], DEPTH) {
                self.need_x(in_x)?;
                self.need_a(in_a)?;
                return self.settled(in_a, in_x, is_swapped);
            }
        }
        self.need_both_through_scratch(left, right)?;
        Ok(false)
    }

    /// The second of the two may have taken what the first relied on; the way through scratch words does not rely.
    fn settled(&mut self, in_a: ValueId, in_x: ValueId, is_swapped: bool) -> Result<bool, Unfit> {
        if self.machine.a != Some(in_a) || self.machine.x != Some(in_x) {
            self.need_both_through_scratch(in_a, in_x)?;
        }
        Ok(is_swapped)
    }

    fn need_both_through_scratch(&mut self, left: ValueId, right: ValueId) -> Done {
        self.need_a(right)?;
        let slot = match self.machine.slot(right) {
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
        if self.machine.a == Some(left) { Ok(()) } else { Err(Unfit) }
    }

    /// A scratch word that nothing is planned for.
    fn free_slot(&self) -> Result<usize, Unfit> {
        let is_free = |&slot: &usize| (self.plan.reserved | self.busy) & 1 << slot == 0;
        let mut free = (0..SCRATCH_WORDS).rev().filter(is_free);
        free.clone().find(|&slot| self.machine.scratch[slot].is_none()).or_else(|| free.next()).ok_or(Unfit)
    }

    /// Whether X can come to hold a value while A stays, whatever the registers hold.
    pub(crate) fn is_direct(&self, value: ValueId) -> bool {
        self.machine.slot(value).is_some()
            || mem_shift(self.graph, value).is_some()
            || matches!(self.graph.value(value), Value::Constant(_) | Value::WireLen)
    }

    /// Whether X is lost when A comes to hold a value, if A and X hold these now.
    fn takes_x(&self, value: ValueId, [a, x]: [Option<ValueId>; 2], depth: usize) -> bool {
        if [a, x].contains(&Some(value)) || self.machine.slot(value).is_some() {
            return false;
        }
        if depth == 0 {
            return true;
        }
        match self.graph.value(value) {
            Value::Constant(_) | Value::WireLen | Value::Ancillary(_) | Value::Random(_) | Value::Parameter(_) => false,
            Value::Load(address, ..) if absolute(self.graph, address).is_some() => false,
            Value::Load(Address { base: None, .. }, ..) => false,
            Value::Load(Address { base: Some(base), offset }, ..) => {
                x != Some(base) && self.indirect(base, offset).is_ok_and(|(base, _)| x != Some(base))
            }
            Value::Negate(operand) => self.takes_x(operand, [a, x], depth - 1),
            Value::Alu(_, left, right) if self.graph.constant(right).is_some() => self.takes_x(left, [a, x], depth - 1),
            Value::Alu(..) | Value::Find(..) | Value::Position(_) | Value::Select(..) => true,
        }
    }
}

/// The k of `[k]` that names an address, relative to a header or not.
fn fixed(graph: &Graph, address: Address) -> Option<u32> {
    match address.base.map(|base| graph.value(base)) {
        None => Some(address.offset),
        Some(Value::Position(offset)) if address.offset == 0 => graph.constant(offset),
        Some(_) => None,
    }
}

/// The k of an absolute load from an address; those above are ancillary loads.
fn absolute(graph: &Graph, address: Address) -> Option<u32> {
    fixed(graph, address).filter(|&offset| offset < ancillary::BASE)
}

/// The byte that `4*([k]&0xf)` makes the value of, and k.
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
