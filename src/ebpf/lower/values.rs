//! The values of a graph: where they are, and the operations that compute them.

use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Width};
use crate::ebpf::code::{Comparing, End, Operand, Operation, Virtual};
use crate::ebpf::instruction::{Comparison, Helper, OperandSize, Size};
use crate::ebpf::lower::{Computed, Lowering, MAX_COMPUTED, NEARBY, Reuse};
use crate::ebpf::packet_access::{Access, load_packet};
use crate::ir::{Address, ByteOrder, Test, Value, ValueId};
use crate::packet::ancillary::Extension;

impl Lowering<'_, '_> {
    pub(super) fn operand(&mut self, id: ValueId) -> Operand {
        if let Some(k) = self.graph.constant(id) {
            return Operand::Immediate(k as i32);
        }
        let is_short_lived =
            self.surroundings.reuse == Reuse::Nearby || matches!(self.graph.value(id), Value::Load(..));
        if is_short_lived && !self.is_defining {
            self.compute(id);
        }
        match self.values[id.index()] {
            Some(value) => value.register.into(),
            None => unreachable!("values are defined before they are used"),
        }
    }

    /// Computes a value and its operands, if they have not been computed nearby.
    fn compute(&mut self, id: ValueId) {
        let mut open = vec![(id, false)];
        while let Some((id, has_operands)) = open.pop() {
            if has_operands {
                self.is_defining = true;
                self.define(id);
                self.is_defining = false;
            } else if self.graph.value(id).is_computed() && !self.is_nearby(id) {
                open.push((id, true));
                open.extend(self.graph.values.operands(id).map(|operand| (operand, false)));
            }
        }
    }

    fn is_nearby(&self, id: ValueId) -> bool {
        match self.values[id.index()] {
            _ if matches!(self.graph.value(id), Value::Random(_)) => true,
            // The code is too long in any case.
            Some(_) if self.computed > MAX_COMPUTED => true,
            Some(Computed { block, at, .. }) => {
                let is_recent = self.computed - at <= NEARBY;
                match self.surroundings.reuse {
                    Reuse::Always => is_recent || !matches!(self.graph.value(id), Value::Load(..)),
                    Reuse::Nearby => is_recent && block == self.block,
                }
            }
            None => false,
        }
    }

    /// Returns the register of a value.
    pub(super) fn register(&mut self, id: ValueId) -> Virtual {
        match self.operand(id) {
            Operand::Virtual(register) => register,
            constant @ Operand::Immediate(_) => self.code.copy(constant),
        }
    }

    pub(super) fn define(&mut self, id: ValueId) {
        let register = match self.graph.value(id) {
            // A random number is drawn before, and a resolved offset is part of the load.
            Value::Random(_) | Value::ResolvedOffset(_) => return,
            Value::Constant(_) | Value::Open(_) | Value::Parameter(_) => {
                unreachable!("the schedule defines what is computed")
            }
            Value::FindAttribute(..) | Value::Ancillary(Extension::PayloadOffset) => {
                unreachable!("the hook has no such value")
            }
            Value::WireLen => self.surroundings.wire_len,
            Value::Load(address, width, order) => self.load(address, width, order),
            Value::Ancillary(extension) => self.ancillary(extension),
            Value::Alu(op, left, right) => self.alu(op, left, right),
            Value::Negate(value) => {
                let (src, dst) = (self.register(value), self.code.create());
                self.code.push(Operation::Negate { dst, src });
                dst
            }
            Value::Select(test, yes, no) => self.select(test, yes, no),
        };
        let value = Computed { register, block: self.block, at: self.computed };
        self.log.push((id, self.values[id.index()].replace(value)));
        self.computed += 1;
    }

    fn load(&mut self, address: Address, width: Width, order: ByteOrder) -> Virtual {
        let place = self.place(address, width);
        if self.is_header_relative(address) {
            return load_packet(self.code, place);
        }
        // On big-endian machines, both orders are one.
        let order = if self.surroundings.is_big_endian && !matches!(self.access, Access::LoadPacket { .. }) {
            ByteOrder::Native
        } else {
            order
        };
        self.access.load(self.code, &mut self.bounds, place, order, self.fail)
    }

    fn alu(&mut self, op: AluOp, left: ValueId, right: ValueId) -> Virtual {
        let may_overshift = op.is_shift() && self.graph.values.known(right).max >= u32::BITS;
        let (a, b) = (self.operand(left), self.operand(right));
        let Operand::Virtual(count) = b else { return self.code.alu(OperandSize::Half, op, a, b) };
        if !may_overshift {
            return self.code.alu(OperandSize::Half, op, a, b);
        }
        // A shift by 32 and more gives 0.
        let is_cold = self.code.is_cold();
        let [short, done] = [(); 2].map(|()| self.code.block_like(is_cold));
        let result = self.code.parameter(done);
        let long = self.code.block_like(is_cold);
        let test = Comparing {
            size: OperandSize::Half,
            comparison: Comparison::Greater,
            left: count,
            right: (u32::BITS as i32 - 1).into(),
        };
        self.code.end(End::Branch { test, then: long, otherwise: short });
        self.code.begin(long);
        self.code.end(End::Jump(done, vec![0.into()]));
        self.code.begin(short);
        let shifted = self.code.alu(OperandSize::Half, op, a, b);
        self.code.end(End::Jump(done, vec![shifted.into()]));
        self.code.begin(done);
        result
    }

    fn select(&mut self, test: Test, yes: ValueId, no: ValueId) -> Virtual {
        let is_cold = self.code.is_cold();
        let [then, otherwise, done] = [(); 3].map(|()| self.code.block_like(is_cold));
        let result = self.code.parameter(done);
        let (yes, no) = (self.operand(yes), self.operand(no));
        self.branch(test, then, otherwise);
        for (label, operand) in [(then, yes), (otherwise, no)] {
            self.code.begin(label);
            self.code.end(End::Jump(done, vec![operand]));
        }
        self.code.begin(done);
        result
    }

    /// Loads a value that the kernel keeps beside the packet.
    pub(super) fn ancillary(&mut self, extension: Extension) -> Virtual {
        if extension == Extension::Cpu {
            return self.code.call(Helper::GetSmpProcessorId, Vec::new());
        }
        let field = self.surroundings.hook.context_field(extension);
        let Some(field) = field else { unreachable!("the hook has no such value") };
        let number = self.code.load(Size::U32, self.surroundings.context, field.offset);
        if field.is_network_order { self.code.network_order(Width::Half, number) } else { number }
    }
}
